# ruff: noqa: E501 - a line of a log is as long as it is
"""What `explain` does not know it does not name: lines, ports and files of others.

Each is a fault, or no fault at all, that is not in the table. Where a cause is named all the same,
it has to be the one that is said here.
"""

import json
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509

import certs
from faults import ca_called
from support import make, run, tls_scaffold
from tls_scaffold.cli import cli
from tls_scaffold.live.causes import CAUSES

WORDS = (
    *("--members", "etcd1=127.0.0.1", "--proxies", "0", "--key", "ecdsa-256"),
    *("--users", "root,alice"),
)
RETRY = (
    '{"level":"warn","ts":"2026-11-29T06:12:32Z","logger":"etcd-client","caller":"v3@v3.5.35/'
    'retry_interceptor.go:66","msg":"retrying of unary invoker failed","target":"etcd-endpoints://'
    '0x1/127.0.0.1:2379","attempt":0,"error":"rpc error: code = DeadlineExceeded desc = latest '
    'balancer error: connection error: desc = \\"%s\\""}'
)
REJECTED = (
    '{"level":"warn","ts":"2026-11-29T06:12:32Z","caller":"embed/config_logging.go:177","msg":'
    '"rejected connection on client endpoint","remote-addr":"127.0.0.1:5","server-name":"",'
    '"error":%s}'
)
HANDSHAKE = "transport: authentication handshake failed: "
OLD = '2026-11-29 06:12:30.955086 I | embed: rejected connection from "127.0.0.1:1" (error "%s", ServerName "")'
LINES = {
    # The way there is no matter of certificates.
    "refused": RETRY
    % "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused",
    "no name": RETRY
    % "transport: Error while dialing: dial tcp: lookup etcd.example: no such host",
    "time-out": RETRY % "transport: Error while dialing: dial tcp 127.0.0.1:2379: i/o timeout",
    "no route": RETRY
    % "transport: Error while dialing: dial tcp 10.0.0.9:2379: connect: no route to host",
    "slow handshake": RETRY % f"{HANDSHAKE}context deadline exceeded",
    "hung up in the handshake": RETRY % f"{HANDSHAKE}EOF",
    "reset in the handshake": RETRY
    % f"{HANDSHAKE}read tcp 127.0.0.1:1->127.0.0.1:2379: read: connection reset by peer",
    "a port without TLS": RETRY
    % f"{HANDSHAKE}tls: first record does not look like a TLS handshake",
    "no common version": RETRY % f"{HANDSHAKE}remote error: tls: protocol version not supported",
    "no common cipher": RETRY % f"{HANDSHAKE}remote error: tls: handshake failure",
    "old TLS": RETRY % f"{HANDSHAKE}tls: server selected unsupported protocol version 301",
    "no ALPN": RETRY % f"{HANDSHAKE}credentials: cannot check peer: missing selected ALPN property",
    "another server": RETRY % "error reading server preface: http2: frame too large",
    "HTTP/1": RETRY
    % "error reading server preface: http2: failed reading the frame payload: http2: frame too large, note that the frame header looked like an HTTP/1.1 header",
    "a name's constraint": RETRY
    % f"{HANDSHAKE}tls: failed to verify certificate: x509: a root or intermediate certificate is not authorized to sign for this name: DNS name",
    "not authorized": RETRY
    % f"{HANDSHAKE}x509: certificate is not authorized to sign other certificates",
    "a critical extension": RETRY % f"{HANDSHAKE}x509: unhandled critical extension",
    "negative serial": RETRY
    % f"{HANDSHAKE}tls: failed to parse certificate from server: x509: negative serial number",
    "of another cluster": (
        RETRY % f"{HANDSHAKE}x509: certificate signed by unknown authority"
    ).replace("127.0.0.1:2379", "10.9.9.9:2379"),
    # etcd's own trouble.
    "slow disk": '{"level":"warn","ts":"2026-11-29T06:12:32Z","caller":"etcdserver/util.go:170","msg":"apply request took too long","took":"1.2s","expected-duration":"100ms","prefix":"","request":"header:<>","response":"","error":"context deadline exceeded"}',
    "no leader": "Error: etcdserver: no leader",
    "timed out": "Error: etcdserver: request timed out",
    "no space": "Error: etcdserver: mvcc: database space exceeded",
    "wrong password": "Error: etcdserver: authentication failed, invalid user ID or password",
    "authentication is off": "Error: etcdserver: authentication is not enabled",
    "asked for no user": "Error: etcdserver: user name not found",
    "old token": "Error: etcdserver: invalid auth token",
    "heartbeat": '{"level":"warn","ts":"2026-11-29T06:12:32Z","caller":"etcdserver/raft.go:416","msg":"leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk","to":"8e9e05c52164694d","heartbeat-interval":"100ms"}',
    "cluster id": "2026-11-29 06:12:30.955086 E | rafthttp: request cluster ID mismatch (got 1 want 2)",
    "a stream": '{"level":"warn","ts":"2026-11-29T06:12:32Z","caller":"rafthttp/stream.go:421","msg":"lost TCP streaming connection with remote peer","stream-reader-type":"stream Message","error":"EOF"}',
    # Who came to a member without being a client.
    "half-open": REJECTED % '"EOF"',
    "half-open, 3.4": OLD % "EOF",
    "a scan": REJECTED % '"read tcp 127.0.0.1:2379->127.0.0.1:5: read: connection reset by peer"',
    "a slow one": REJECTED % '"read tcp 127.0.0.1:2379->127.0.0.1:5: i/o timeout"',
    "an old one": REJECTED % '"tls: client offered only unsupported versions: [301]"',
    "SSL 2": REJECTED % '"tls: unsupported SSLv2 handshake received"',
    "no cipher": REJECTED % '"tls: no cipher suite supported by both client and server"',
    "a CN of its own": REJECTED % '"client certificate authentication failed"',
    "no text": REJECTED % "null",
    "a number": REJECTED % "5",
    "a table": REJECTED % '{"a": ["tls: client didn\'t provide a certificate"]}',
    "another refusal": REJECTED % '"remote error: tls: user canceled"',
    # Files that are missing.
    "no file": "Error: open certs/alice.pem: no such file or directory",
    "not readable": "Error: open certs/alice-key.pem: permission denied",
    "no file at start": '{"level":"fatal","ts":"2026-11-29T06:12:32Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"open /etc/etcd/server.pem: no such file or directory"}',
    # Lines of others.
    "kube-apiserver": 'W1129 06:12:32.000000 1 logging.go:59] [core] [Channel #1 SubChannel #2] grpc: addrConn.createTransport failed to connect to {Addr: "10.0.0.77:2379", ServerName: "10.0.0.77:2379", }. Err: connection error: desc = "transport: authentication handshake failed: x509: certificate signed by unknown authority"',
    "its clients": "I1129 06:12:32.1 1 log.go:245] http: TLS handshake error from 10.0.0.5:44312: remote error: tls: bad certificate",
    "its users": 'E1129 06:12:32.1 1 authentication.go:73] "Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid: current time 2026-11-29T06:12:33Z is after 2026-11-27T06:12:00Z]"',
    "kubelet": 'E1129 06:12:32.1 99 run.go:74] "command failed" err="failed to load Kubelet config: tls: failed to find any PEM data in key input"',
    "kubectl": "Unable to connect to the server: x509: certificate signed by unknown authority",
    "docker": 'Error response from daemon: Get "https://registry:5000/v2/": x509: certificate is valid for a, not registry',
    "prometheus": 'ts=2026-11-29 level=warn msg="scrape failed" err="Get \\"https://10.0.0.1:2379/metrics\\": x509: certificate signed by unknown authority"',
    "nginx": "2026/11/29 06:12:32 [crit] 7#7: *1 SSL_do_handshake() failed (SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca) while SSL handshaking",
    "haproxy": "Nov 29 06:12:32 lb haproxy[7]: 10.0.0.5:1 [29/Nov/2026] etcd/1: SSL handshake failure",
    "Java": "javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path",
    "Python": "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired",
    "curl": "curl: (60) SSL certificate problem: unable to get local issuer certificate",
    "postgres": "LOG:  could not accept SSL connection: tlsv1 alert unknown ca",
    "haproxy like etcd": "Nov 29 06:12:32 lb haproxy[7]: health check for peer 1f could not connect: x509: certificate signed by unknown authority",
    "its line in docker's": json.dumps(
        {
            "log": "I1129 http: TLS handshake error from 10.0.0.5:44312: remote error: tls: bad certificate"
        }
    ),
    "a proxy that logs like etcd": '{"level":"warn","caller":"proxy/serve.go:1","msg":"rejected connection","error":"tls: client didn\'t provide a certificate"}',
    "a question": "why do I get etcdserver: permission denied when alice writes?",
    "German": "Fehler: das Zertifikat ist abgelaufen (x509: certificate has expired)",
    "Chinese": "证书已过期 tls: bad certificate",
    # Damaged ones.
    "cut off": (REJECTED % '"tls: client didn\'t provide a certificate"')[:-40],
    "cut off, 3.4": (OLD % "tls: client didn't provide a certificate")[:90],
    "as long as no path": "x" * 5000,
    "empty": " \t ",
    "control characters": "\x1b]0;title\x07\x00\x1b[2J",
    "very long": '{"a":"' + "x" * 200_000 + '"}',
    "deep": "[" * 100_000,
    "a token": '{"level":"info","token":"eyJhbGciOi.secret","password":"hunter2"}',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a signed folder whose member is not there: nobody can look."""
    place = tmp_path_factory.mktemp("others") / "tls-setup"
    assert tls_scaffold("new", str(place), *WORDS).returncode == 0
    make(place)
    return place


def explained(folder: Path, *words: str) -> tuple[list[str], int, str]:
    """Return the causes that are named, the exit code, and all that is printed."""
    told = ("-C", str(folder), "explain", "--json", "--timeout", "0.3", *words)
    done = CliRunner().invoke(cli, told)
    document: dict[str, Any] = json.loads(done.stdout)
    return [each["id"] for each in document["causes"]], done.exit_code, done.output


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_is_not_in_the_table_has_no_cause(
    what: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text(f"{LINES[what]}\n")

    causes, code, told = explained(folder, "--file", str(tmp_path / "lines"))
    as_word = explained(folder, LINES[what][:50_000])[:2] if "\0" not in LINES[what] else ([], 1)

    assert (causes, code) == as_word == ([], 1)
    assert not {"hunter2", "secret", "\x1b", "title"} & {each for each in told.split() if each}
    assert "hunter2" not in told
    assert "\x1b" not in told


def test_a_clock_is_told_from_a_certificate_that_has_ended(folder: Path, tmp_path: Path) -> None:
    error = (
        '"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: '
        'current time 2036-01-01T00:00:00Z is after 2035-12-01T00:00:00Z"'
    )
    (tmp_path / "lines").write_text(REJECTED % error)
    assert explained(folder, "--file", str(tmp_path / "lines"))[:2] == (["clock"], 0)


OF_TRUST = ("same-subject", "client-trust")
ENDED = (
    "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current "
    "time 2026-11-29T00:00:00Z is after %s"
)


@pytest.mark.parametrize(
    ("refusal", "leaf"),
    [
        (REJECTED % f'"{ENDED}"', "client-expired"),
        (RETRY % f"{HANDSHAKE}{ENDED}", "server-expired"),
    ],
)
def test_a_ca_that_has_ended_is_told_from_a_certificate_by_its_end(
    refusal: str, leaf: str, folder: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "tls-setup"))
    certs.ca(tmp_path, begin=certs.NOW - 3 * certs.DAY, life=certs.DAY, key=certs.ca_key(place))
    shutil.copy(tmp_path / "certs/ca.pem", place / "issued/ca-0123456789.pem")
    end, another = certs.NOW - 2 * certs.DAY, certs.NOW - 4 * certs.DAY

    def said(moment: datetime) -> tuple[list[str], int]:
        (tmp_path / "lines").write_text(refusal % f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        return explained(place, "--file", str(tmp_path / "lines"))[:2]

    assert said(end) == (["ca-expired"], 0)
    assert said(another) == ([leaf], 0)
    certs.leaf(place, "alice", begin=certs.NOW - 3 * certs.DAY, life=certs.DAY)
    assert said(end) == ([leaf, "ca-expired"], 1)


@pytest.mark.parametrize(
    ("alert", "fits"),
    [
        ("unknown certificate authority", ["server-other-ca", "server-chain", *OF_TRUST]),
        ("expired certificate", ["server-expired", "server-not-yet-valid", "clock"]),
        ("unsupported certificate", ["server-usage"]),
    ],
)
def test_what_a_client_of_openssl_refuses_is_told_by_its_alert(
    alert: str, fits: list[str], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text(REJECTED % f'"remote error: tls: {alert}"')
    assert explained(folder, "--file", str(tmp_path / "lines"))[:2] == (fits, 1)


def test_an_alert_of_openssl_that_go_can_t_read_is_a_refusal(folder: Path, tmp_path: Path) -> None:
    def said(words: str) -> tuple[list[str], int]:
        (tmp_path / "lines").write_text(REJECTED % f'"{words}"')
        return explained(folder, "--file", str(tmp_path / "lines"))[:2]

    fits, code = said("local error: tls: bad record MAC")
    assert (fits, code) == said("remote error: tls: bad certificate")
    assert "client-trust" in fits


@contextmanager
def serving(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """Yield the address of a server that answers each connection so."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    with suppress(OSError), line:
                        line.settimeout(2)
                        answer(line)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


SERVERS: dict[str, Callable[[socket.socket], object]] = {
    "silent": lambda line: line.recv(1 << 16) and line.recv(1),
    "hangs up": lambda line: line.close(),
    "HTTP": lambda line: (line.recv(1), line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "SSH": lambda line: line.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "half a record": lambda line: line.sendall(b"\x16\x03\x03\x00"),
    "an alert": lambda line: (line.recv(1), line.send(b"\x15\x03\x03\x00\x02\x02\x28")),
    "junk": lambda line: line.sendall(bytes(range(256)) * 16),
}


@pytest.mark.parametrize("what", SERVERS)
def test_a_server_that_is_no_member_has_no_cause(what: str, folder: Path) -> None:
    with serving(SERVERS[what]) as address:
        assert explained(folder, address)[:2] == ([], 1)


def test_a_port_where_nobody_is_has_no_cause(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    assert explained(folder, f"127.0.0.1:{port}")[:2] == ([], 1)


def test_another_tls_server_is_of_another_ca_and_no_more_is_said(
    folder: Path, tmp_path: Path
) -> None:
    with ca_called("A company"):
        certs.ca(tmp_path)
        certs.leaf(tmp_path, "web", hosts=("127.0.0.1",), usages=(certs.SERVER,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certs/web.pem", tmp_path / "certs/web-key.pem")

    def answer(line: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(line, server_side=True) as channel:
            channel.recv(1)

    with serving(answer) as address:
        found, code, _ = explained(folder, address, "--timeout", "60")
    assert (found, code) == (["server-other-ca"], 0)


def test_no_address_of_a_log_is_ever_connected_to(folder: Path, tmp_path: Path) -> None:
    came: list[bytes] = []
    with serving(lambda line: came.append(line.recv(1))) as address:
        lines = [
            (RETRY % f"{HANDSHAKE}x509: certificate signed by unknown authority").replace(
                "127.0.0.1:2379", address
            ),
            (REJECTED % '"remote error: tls: bad certificate"').replace("127.0.0.1:5", address),
            f'grpc: addrConn.createTransport failed to connect to {{Addr: "{address}", }}. Err: EOF',
            f"Error: dial tcp {address}: remote error: tls: bad certificate",
        ]
        (tmp_path / "lines").write_text("\n".join(lines))
        explained(folder, "--file", str(tmp_path / "lines"))
    assert came == []


@pytest.mark.parametrize("name", ["alice", "etcd1"])
def test_a_certificate_that_is_well_has_no_cause(name: str, folder: Path) -> None:
    found, code, said = explained(folder, str(folder / f"certs/{name}.pem"))
    assert (found, code) == ([], 1)
    assert "nothing that is known is wrong with `" in said


NO_CERTIFICATE = "tls: client didn't provide a certificate"
NO_TLS = "tls: first record does not look like a TLS handshake"
SAME_NAME = "x509: ECDSA verification failure while trying to verify candidate authority"
DESTROYS = r"make (clean|regenerate)\b"
OTHER_USAGE = "x509: certificate specifies an incompatible key usage"
CUSTODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "encrypted": {"key": "encrypted"},
    "own": {"own": True},
    "offline": {"key": "offline"},
    "remote": {"key": "remote", "remotes": ["http://127.0.0.1:1"], "sha256": "0" * 64},
}


@pytest.mark.parametrize("held", CUSTODIES)
def test_what_mends_it_is_what_the_folder_can_do(held: str, folder: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "tls-setup"))
    inventory = json.loads((place / "tls-scaffold.json").read_text())
    (place / "tls-scaffold.json").write_text(json.dumps({**inventory, "ca": CUSTODIES[held]}))
    certs.ca(tmp_path, extensions=[x509.ExtendedKeyUsage([certs.SERVER])])
    (place / "certs/trust.pem").write_bytes((tmp_path / "certs/ca.pem").read_bytes())

    for text, cause in ((SAME_NAME, "same-subject"), (OTHER_USAGE, "ca-usage")):
        harmless = ["client-namesake"] if cause == "same-subject" else []
        (tmp_path / "lines").write_text(REJECTED % json.dumps(text))
        told = ("-C", str(place), "explain", "--json", "--timeout", "0.3")
        done = CliRunner().invoke(cli, [*told, "--file", str(tmp_path / "lines")])
        *others, found = json.loads(done.stdout)["causes"]
        assert ([each["id"] for each in others], found["id"]) == (harmless, cause)
        mends = "\n".join(found["mend"])
        assert "regenerate" not in done.stdout  # which stops a cluster that may be well
        assert ("rotate start" in mends) == (held in ("plain", "encrypted"))
        assert ("sync --ca FILE" in mends) == (held in ("own", "offline", "remote"))
    certs.leaf(place, "ended", begin=certs.NOW - 2 * certs.DAY, life=certs.DAY)
    done = CliRunner().invoke(cli, [*told, str(place / "certs/ended.pem")])
    (first, *_) = json.loads(done.stdout)["causes"][0]["mend"]
    assert first == f"`make -C {place} {'csr' if held == 'offline' else 'renew'}`"


def test_no_mend_begins_with_what_takes_a_ca_away() -> None:
    """What is certain of one cause may be said of another: the first step has to be harmless."""
    for cause in CAUSES:
        for steps in filter(None, (cause.mend, cause.mend_elsewhere)):
            taken = [at for at, step in enumerate(steps) if re.match(DESTROYS, step)]
            assert not taken or "only if" in " ".join(steps[: taken[0]]), cause.id


def test_a_file_is_looked_into(folder: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "alice.pem"
    spoiled.write_bytes(b"\xef\xbb\xbf" + (folder / "certs/alice.pem").read_bytes())
    assert explained(folder, str(spoiled))[:2] == (["no-pem"], 0)
    spoiled.write_bytes((folder / "certs/alice.pem").read_bytes())
    (tmp_path / "alice-key.pem").write_bytes((folder / "certs/root-key.pem").read_bytes())
    assert explained(folder, str(spoiled))[:2] == (["client-pair"], 0)
    key = tmp_path / "locked-key.pem"
    words = ("-aes256", "-passout", "pass:x", "-in", "certs/alice-key.pem", "-out", str(key))
    assert run("openssl", "pkey", *words, cwd=folder).returncode == 0
    assert explained(folder, str(key))[:2] == (["encrypted-key"], 0)
    certs.ca(tmp_path)
    certs.leaf(tmp_path, "alice")
    assert explained(folder, str(tmp_path / "certs/alice.pem"))[:2] == (["client-namesake"], 0)


def test_lines_of_several_causes_are_told_from_one_line_that_has_several(
    folder: Path, tmp_path: Path
) -> None:
    certain = [REJECTED % json.dumps(each) for each in (NO_CERTIFICATE, NO_TLS)]
    lines = tmp_path / "lines"
    lines.write_text("\n".join(certain))

    found, code, _ = explained(folder, "--file", str(lines))

    assert (sorted(found), code) == (["no-client-certificate", "plain-http"], 0)
    told = ("-C", str(folder), "explain", "--timeout", "0.3", "--file", str(lines))
    said = CliRunner().invoke(cli, told).stderr
    assert said.endswith("these are 2 causes, and each is certain\n")
    lines.write_text("\n".join([certain[0], REJECTED % json.dumps(SAME_NAME)]))
    done = CliRunner().invoke(cli, told)
    assert done.exit_code == 1
    which = "`client-namesake`, `same-subject`"
    assert f"it can't be told which of {which} it is: " in done.stderr
    # Of a file each fault is seen.
    certs.leaf(
        folder, "both", usages=[certs.SERVER], begin=certs.NOW - 2 * certs.DAY, life=certs.DAY
    )
    (folder / "certs/both-key.pem").unlink()
    found, code, _ = explained(folder, str(folder / "certs/both.pem"))
    (folder / "certs/both.pem").unlink()
    assert (found, code) == (["client-expired", "client-usage"], 0)


def test_a_file_of_an_ended_ca_below_one_or_of_what_is_revoked(
    folder: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "tls-setup"))
    alice = place / "certs/alice.pem"
    assert tls_scaffold("-C", str(place), "revoke", "alice").returncode == 0
    assert explained(place, str(alice))[:2] == (["revoked"], 0)
    (place / "certs/trust.pem").unlink()
    certs.ca(place, begin=certs.NOW - 3 * certs.DAY, life=certs.DAY)
    certs.leaf(place, "root")
    for name in ("ca", "root"):
        found, code, said = explained(place, str(place / f"certs/{name}.pem"))
        assert (found, code) == (["ca-expired"], 0), said


def test_a_log_s_path_is_no_certificate(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "etcd.log").write_text("etcd has begun\n")
    assert explained(folder, str(tmp_path / "etcd.log"))[:2] == ([], 1)
    (tmp_path / "etcd.log").write_text(f"etcd has begun\n{FORMS['JSON']}\n")
    assert explained(folder, str(tmp_path / "etcd.log"))[:2] == (["no-client-certificate"], 0)


FORMS = {
    "JSON": REJECTED % '"tls: client didn\'t provide a certificate"',
    "behind journald's words": "Nov 29 06:12:32 host etcd[7]: "
    + REJECTED % '"tls: client didn\'t provide a certificate"',
    "behind the CRI's": "2026-11-29T06:12:32.1Z stderr F "
    + REJECTED % '"tls: client didn\'t provide a certificate"',
    "for a console": "2026-11-29T06:12:32.000Z\twarn\tembed/config_logging.go:177\trejected "
    'connection on client endpoint\t{"remote-addr": "127.0.0.1:5", "server-name": "", "error": '
    '"tls: client didn\'t provide a certificate"}',
    "of 3.4": OLD % "tls: client didn't provide a certificate",
    "of 3.4 below systemd": "Nov 29 06:12:32 host etcd[7]: "
    + OLD[OLD.index("rejected") :] % "tls: client didn't provide a certificate",
    "of 3.4 without what is before it": OLD[OLD.index("rejected") :]
    % "tls: client didn't provide a certificate",
    "in a file of docker's": json.dumps(
        {"log": REJECTED % '"tls: client didn\'t provide a certificate"', "stream": "stderr"}
    ),
    "in journald's JSON": json.dumps(
        {"_PID": "7", "MESSAGE": REJECTED % '"tls: client didn\'t provide a certificate"'}
    ),
    "bare": "tls: client didn't provide a certificate",
    "of an older 3.5": (REJECTED % '"tls: client didn\'t provide a certificate"').replace(
        " on client endpoint", ""
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_etcd_s_log_is_read(form: str, folder: Path) -> None:
    done = run("tls-scaffold", "explain", FORMS[form], cwd=folder)
    assert done.returncode == 0
    assert done.stdout.startswith("no-client-certificate: a client came without a certificate")
    assert "mend: `tls-scaffold bundle NAME`" in done.stdout
    assert FORMS[form] not in done.stdout


def test_what_3_4_says_below_systemd_is_read(folder: Path, tmp_path: Path) -> None:
    lines = {
        "health check for peer 8211f1d0f64f3269 could not connect: x509: certificate is valid for "
        "10.0.0.1, not 10.0.0.2": "server-host",
        "invalid user name bob for permission checking": "no-user",
        'failed to apply request "header:<ID:1 username:\\"bob\\" > put:<key:\\"x\\" >" with '
        'response "" took (4.1µs) to execute, err is auth: permission denied': "wrong-prefix",
    }
    for line, cause in lines.items():
        (tmp_path / "lines").write_text(f"Nov 29 06:12:32 host etcd[7]: {line}\n")
        assert explained(folder, "--file", str(tmp_path / "lines"))[:2] == ([cause], 0), line


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("x", "--file", "y"), 2, "a line is the argument, or stands in `--file`"),
        (("x", "--cert", "certs/alice.pem"), 2, "`--cert` and `--key` go together"),
        (("--file", "gone"), 1, "`gone`"),
        (("https://10.0.0.1:99999",), 2, "a port is 1 to 65535"),
        (("http://10.0.0.1:2379",), 2, "only `https://` is looked at"),
        (("127.0.0.1:1", "--user", "nobody"), 1, "nobody"),
        (("certs/nobody.pem",), 1, "`certs/nobody.pem` can't be read"),
        (("127.0.0.1:1", "--cert", "no.pem", "--key", "no-key.pem"), 1, "`no.pem` can't be read"),
    ],
)
def test_what_can_t_be_explained_is_told(
    words: tuple[str, ...], code: int, told: str, folder: Path
) -> None:
    done = tls_scaffold("explain", *words, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_commands_are_those_of_the_folder(folder: Path) -> None:
    done = tls_scaffold(
        *("-C", str(folder), "explain", FORMS["JSON"]), cwd=folder.parent
    )  # fmt: skip
    assert f"mend: `tls-scaffold -C {folder} bundle NAME`" in done.stdout.replace("\n  ", " ")


def test_the_table_is_no_json() -> None:
    done = tls_scaffold("explain", "--list", "--json")
    told = json.loads(done.stdout)["error"]["summary"]
    assert (done.returncode, told) == (2, "`--json` and `--list` exclude each other")

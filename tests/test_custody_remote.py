"""A CA whose key is with signing servers: from `new` to a live etcd, and all that can go wrong."""

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import support
from clusters import EACH_VERSION, P256
from companies import company, written, written_key
from liars import HARMLESS, LIES, certificate, liar, refusal
from multiroots import (
    CA,
    KEY,
    KEYS,
    LABEL,
    PEERS,
    ROOT_KEY,
    free_port,
    make_ca,
    policy,
    signing_service,
)
from promises.tracing import traced
from support import (
    PROGRAMS,
    Done,
    contents,
    make,
    openssl,
    run,
    tls_scaffold,
    verify,
)
from test_bundled_clusters import Cluster, Running, bundled
from test_questions import Terminal

USERS = ("--users", "app,root", "--grant", "app=/app/:rw", *P256)
FIRST: dict[str, Any] = {"CFSSL_AUTH": KEY}
SIGNERS: dict[str, dict[str, Any]] = {
    # how a folder's make signs: variables
    "cfssl 1.2.0": {"SIGNER": "cfssl"},
    "cfssl 1.6.5": {"SIGNER": "cfssl", "PATH": f"{PEERS}{os.pathsep}{PROGRAMS}"},
    "tls-scaffold": {"SIGNER": "tls-scaffold"},
}
each_signer = pytest.mark.parametrize("signer", SIGNERS)
# Of cfssl one version is enough where sh and openssl are looked at.
two_signers = pytest.mark.parametrize("signer", ["cfssl 1.6.5", "tls-scaffold"])

pytestmark = [
    pytest.mark.needs("make", "cfssl", "cfssljson", "openssl"),
    pytest.mark.needs("cfssl", "multirootca", within=str(PEERS)),
]


@dataclass(frozen=True)
class Service:
    """A signing server, and the CA whose key it has."""

    url: str
    ca: CA


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    place = tmp_path_factory.mktemp("service")
    ca = make_ca(place / "ca")
    with signing_service(place / "server", {LABEL: ca, "other": make_ca(place / "other")}) as url:
        yield Service(url, ca)


def words(*urls: str) -> tuple[str, ...]:
    return ("--ca-remote", ",".join(urls), "--ca-label", LABEL)


def new(path: Path, service: Service, *more: str, host: str = "127.0.0.1") -> Path:
    given = ("--members", host, "--proxies", "0", *USERS, *words(service.url), *more)
    done = tls_scaffold("new", str(path), *given, "--ca-sha256", service.ca.pin)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def _made(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new(tmp_path_factory.mktemp("made") / "tls-setup", service)


@pytest.fixture
def remote(_made: Path, tmp_path: Path) -> Path:
    """Return a new folder whose CA's key is with the service; nothing is signed."""
    return shutil.copytree(_made, tmp_path / "tls-setup", symlinks=True)


@pytest.fixture(scope="module")
def _signed(_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = shutil.copytree(_made, tmp_path_factory.mktemp("signed") / "tls-setup")
    make(path, SIGNER="tls-scaffold", **KEYS)
    return path


@pytest.fixture
def signed(_signed: Path, tmp_path: Path) -> Path:
    """Return the same where all is signed, root's too."""
    return shutil.copytree(_signed, tmp_path / "tls-setup", symlinks=True)


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=2))


def ask_others(folder: Path, *urls: str) -> None:
    """Let a folder ask other servers than those that it was made for."""
    edit_json(folder / "config/ca-config.json", lambda it: it["remotes"].update(ca=",".join(urls)))


def states(folder: Path) -> dict[str, str]:
    done = tls_scaffold("-C", str(folder), "status", "--json")
    return {each["name"]: each["state"] for each in json.loads(done.stdout)["components"]}


def faults(folder: Path) -> list[str]:
    """Return what is wrong in certs/, where no CA's key is looked for."""
    found = support.faults(folder)
    assert not (folder / "certs/ca-key.pem").exists()
    return [each for each in found if not each.startswith("ca.pem: FileNotFoundError")]


def findings(folder: Path) -> list[str]:
    done = tls_scaffold("-C", str(folder), "check", "--json")
    return sorted(each["id"] for each in json.loads(done.stdout)["findings"])


def refused(folder: Path, goal: str, signer: str, **variables: str) -> str:
    """Let make refuse a goal: one message, and the folder is what it was; returns the message."""
    before = contents(folder)
    done = run("make", goal, cwd=folder, **{**FIRST, **SIGNERS[signer], **variables})
    assert done.returncode == 2, done.stdout
    assert contents(folder) == before
    assert done.stderr.count("error: ") == 1, done.stderr
    for secret in (KEY, ROOT_KEY):
        assert secret not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


# --- new, and the pin


def test_a_ca_is_fetched_shown_and_pinned(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "tls-setup"
    given = ("new", str(path), "--members", "10.0.0.1", *words(service.url))

    done = tls_scaffold(*given)
    assert done.returncode == 1
    assert not path.exists()
    assert f"SHA-256 fingerprint: {service.ca.pin}" in done.stderr
    assert f"--ca-sha256 {service.ca.pin}" in done.stderr

    wrong = tls_scaffold(*given, "--ca-sha256", "0" * 64)
    assert wrong.returncode == 1
    assert f"its SHA-256 is {service.ca.pin}" in wrong.stderr
    assert not path.exists()

    shown = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(service.ca.certificate))
    assert tls_scaffold(*given, "--ca-sha256", shown.split("=")[1].strip()).returncode == 0
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert inventory["ca"] == {
        "own": True,
        "key": "remote",
        "remotes": [service.url],
        "label": LABEL,
        "sha256": service.ca.pin,
    }
    for name in ("ca.pem", "trust.pem"):
        assert (path / "certs" / name).read_bytes() == service.ca.certificate.read_bytes()
    assert not (path / "certs/ca-key.pem").exists()


QUESTION = "is that the CA? [y/N]: "


def test_on_a_terminal_somebody_says_whether_it_is_the_ca(service: Service, tmp_path: Path) -> None:
    given = ("tls-setup", "--members", "10.0.0.1", *words(service.url))
    for answer, code in (("n", 1), ("y", 0)):
        terminal = Terminal(tmp_path, *given)
        shown = terminal.shown_until(QUESTION)
        assert f"SHA-256 fingerprint: {service.ca.pin}" in shown
        os.write(terminal.ours, f"{answer}\n".encode())
        terminal.shown_until("")
        assert terminal.process.wait(60) == code
        os.close(terminal.ours)
        assert (tmp_path / "tls-setup").exists() == (answer == "y")


def test_a_ca_that_is_brought_is_not_asked_for(service: Service, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    given = ("new", str(tmp_path / "tls-setup"), "--members", "10.0.0.1", *words(dead))

    assert f"`{dead}`: Connection refused" in tls_scaffold(*given).stderr
    done = tls_scaffold(*given, "--ca", str(service.ca.certificate))

    assert done.returncode == 0, done.stderr
    inventory = json.loads((tmp_path / "tls-setup/tls-scaffold.json").read_text())
    assert inventory["ca"]["sha256"] == service.ca.pin


def test_a_server_of_no_ca_makes_no_folder(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "tls-setup"
    given = ("new", str(path), "--members", "10.0.0.1", "--ca-sha256", service.ca.pin)

    assert "bad label" in tls_scaffold(*given, "--ca-remote", service.url, "--ca-label", "x").stderr
    with liar() as lying:
        for answer in (certificate("garbage"), b"", {"x": 1}):
            lying.always(answer)
            done = tls_scaffold(*given, *words(lying.url))
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
    assert not path.exists()


# --- signing


@each_signer
def test_make_signs_all_but_what_waits_for_the_key_of_root(remote: Path, signer: str) -> None:
    how = SIGNERS[signer]

    done = make(remote, **how, **FIRST)

    assert "certs/root.pem` is not signed" in done.stderr
    assert "CFSSL_AUTH_ROOT" in done.stderr
    assert states(remote) == {"ca": "valid", "etcd1": "valid", "app": "valid", "root": "missing"}
    done = make(remote, **how, **KEYS)
    assert done.stdout.count("signed certs/") == 1
    assert set(states(remote).values()) == {"valid"}
    assert faults(remote) == []
    for name in ("etcd1", "app", "root"):
        verify(remote, f"certs/{name}.pem")
    assert "nothing to sign" in "".join(_said(make(remote, **how, **FIRST)))
    assert findings(remote) == []


def _said(done: Done) -> tuple[str, str]:
    return done.stdout, done.stderr


def test_what_one_signer_signed_the_other_takes(signed: Path) -> None:
    before = contents(signed)

    for how in SIGNERS.values():
        assert "nothing to sign" in "".join(_said(make(signed, **how, **FIRST)))

    assert contents(signed) == before


@pytest.mark.parametrize("goal", ["req-root", "certs/root.pem"])
@two_signers
def test_what_is_asked_for_by_name_fails_without_the_key_for_its_profile(
    remote: Path, signer: str, goal: str
) -> None:
    make(remote, **SIGNERS[signer], **FIRST)

    said = refused(remote, goal, signer)

    assert "`certs/root.pem` is not signed: " in said
    assert "`CFSSL_AUTH_ROOT`" in said


@two_signers
def test_what_is_due_and_has_no_key_keeps_no_other_from_being_renewed(
    signed: Path, signer: str
) -> None:
    before = {
        name: (signed / f"certs/{name}.pem").read_bytes() for name in ("etcd1", "app", "root")
    }

    done = make(signed, "renew", RENEW_DAYS="400", **SIGNERS[signer], **FIRST)

    assert "warning: `certs/root.pem` is not signed: " in done.stderr
    assert "CFSSL_AUTH_ROOT" in done.stderr
    renewed = {
        name for name, pem in before.items() if (signed / f"certs/{name}.pem").read_bytes() != pem
    }
    assert renewed == {"etcd1", "app"}
    done = make(signed, "renew", RENEW_DAYS="400", **SIGNERS[signer], **KEYS)
    assert "warning: " not in done.stderr
    assert (signed / "certs/root.pem").read_bytes() != before["root"]
    assert faults(signed) == []


@pytest.mark.parametrize("path", [EACH_VERSION["newest 3.5"], EACH_VERSION["newest 3.6"]])
@pytest.mark.parametrize(
    "signer",
    ["cfssl 1.6.5", "tls-scaffold", pytest.param("cfssl 1.2.0", marks=pytest.mark.long)],
)
def test_a_user_puts_into_a_live_etcd(
    service: Service, tmp_path: Path, running: Running, path: str, signer: str
) -> None:
    place = [each.values[0] for each in EACH_VERSION.values()].index(path)
    host = f"127.{150 + 10 * place + list(SIGNERS).index(signer)}.0.1"
    folder = new(tmp_path / "tls-setup", service, host=host)
    make(folder, **SIGNERS[signer], **KEYS)
    cluster = Cluster(bundled(folder), path, running)
    cluster.member("etcd1")
    cluster.up().enabled()

    assert cluster.said("app", "put /app/x 1") == "OK\n"
    assert "permission denied" in cluster.etcdctl("app", "put /b 1").stderr


@each_signer
def test_the_next_server_signs_where_one_is_dead(
    service: Service, remote: Path, signer: str, tmp_path: Path
) -> None:
    first = free_port()
    ask_others(remote, f"http://127.0.0.1:{first}", service.url)
    with signing_service(tmp_path / "first", {LABEL: service.ca}, port=first):
        make(remote, "certs/etcd1.pem", **SIGNERS[signer], **FIRST)

    make(remote, **SIGNERS[signer], **FIRST)

    assert states(remote)["app"] == "valid"
    assert faults(remote) == ["root: missing"]


def test_https_with_a_ca_of_its_own(service: Service, tmp_path: Path) -> None:
    web = make_ca(tmp_path / "web", cn="of the wire")
    request = {"CN": "ca1", "hosts": ["127.0.0.1"], "key": {"algo": "ecdsa", "size": 256}}
    (tmp_path / "csr.json").write_text(json.dumps(request))
    line = ("cfssl", "gencert", "-ca", str(web.certificate), "-ca-key", str(web.key), "csr.json")
    made = json.loads(run(*line, cwd=tmp_path).stdout)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/ca.pem").write_text(made["cert"])
    (tmp_path / "tls/ca-key.pem").write_text(made["key"])
    with signing_service(tmp_path / "s", {LABEL: service.ca}, tls=CA(tmp_path / "tls")) as url:
        secure = Service(url, service.ca)
        folder = new(tmp_path / "tls-setup", secure, "--ca-remote-ca", str(web.certificate))
        for how in SIGNERS.values():
            make(folder, "req-etcd1", **how, **FIRST)
            verify(folder, "certs/etcd1.pem")
        edit_json(
            folder / "tls-scaffold.json",
            lambda it: it["ca"].update(remote_ca=str(service.ca.certificate)),
        )
        for signer in SIGNERS:
            assert url in refused(folder, "req-etcd1", signer)


# --- bad input


@pytest.mark.parametrize("lie", LIES)
def test_the_shell_takes_no_answer_that_was_not_asked_for(
    service: Service, signed: Path, lie: str
) -> None:
    change, word = LIES[lie]
    with liar() as lying:
        ask_others(signed, lying.url)
        lying.lies(service.ca, change)
        said = refused(signed, "req-etcd1", "cfssl 1.2.0")

    assert f"`{lying.url}` answers for `certs/etcd1.pem` with what was not asked for" in said
    assert f"\n  {word or 'issuer'}: " in said


@two_signers
def test_what_does_no_harm_is_taken(service: Service, signed: Path, signer: str) -> None:
    with liar() as honest:
        ask_others(signed, honest.url)
        for change in HARMLESS.values():
            honest.lies(service.ca, change)
            make(signed, "req-etcd1", **SIGNERS[signer], **FIRST)
            assert "nothing to sign" in "".join(_said(make(signed, SIGNER="tls-scaffold", **FIRST)))


@two_signers
def test_an_honest_answer_of_such_a_server_is_taken(
    service: Service, signed: Path, signer: str
) -> None:
    with liar() as honest:
        ask_others(signed, honest.url)
        honest.lies(service.ca)
        for goal in ("req-etcd1", "req-app"):
            make(signed, goal, **SIGNERS[signer], **FIRST)
    assert states(signed)["etcd1"] == "valid"
    assert {path for path, _ in honest.asked} == {"/api/v1/cfssl/authsign"}
    assert [body["label"] for _, body in honest.asked] == [LABEL] * 2


@two_signers
def test_what_is_no_answer_is_told_with_the_server_that_gave_it(
    signed: Path, signer: str, tmp_path: Path
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with liar() as lying:
        ask_others(signed, lying.url)
        lying.lies(make_ca(tmp_path / "other"))
        assert "issuer: the CA that this folder pins" in refused(signed, "req-app", signer)
        lying.always(certificate("garbage"))
        assert "not a certificate" in refused(signed, "req-app", signer)
        ask_others(signed, dead, lying.url)
        for answer in (b"", b"hello\r\n\r\n", {"success": True, "result": 1}, refusal("no no")):
            lying.always(answer)
            said = refused(signed, "req-app", signer)
            assert f"  `{dead}`: " in said
            assert "onnection refused" in said
            assert f"  `{lying.url}`: " in said
            assert "error: no server gave a certificate for `certs/app.pem`\n" in said
        assert "it says `no no`" in said


@two_signers
def test_a_server_that_answers_nothing_is_not_waited_for(signed: Path, signer: str) -> None:
    with liar() as slow, ExitStack() as stack:
        held = Event()
        stack.callback(held.set)
        slow.answer = lambda _: held.wait(300)
        ask_others(signed, slow.url)
        said = refused(signed, "req-app", signer, TLS_SCAFFOLD_REMOTE_SECONDS="1")
    assert f"`{slow.url}`: no answer within 1 s" in said


@two_signers
def test_what_a_real_server_refuses_is_explained(
    service: Service, signed: Path, signer: str, tmp_path: Path
) -> None:
    assert "it says `invalid token`: the auth key is not the one" in refused(
        signed, "req-app", signer, CFSSL_AUTH="00ff"
    )
    assert "`CFSSL_AUTH` is no key for the signing servers" in refused(
        signed, "req-app", signer, CFSSL_AUTH="nonsense"
    )
    assert "the variable `CFSSL_AUTH` with the key" in refused(
        signed, "req-app", signer, CFSSL_AUTH=""
    )
    makefile = (signed / "Makefile").read_text()
    (signed / "Makefile").write_text(makefile.replace("-profile client", "-profile nope"))
    assert "nope" in refused(signed, "req-app", signer)
    (signed / "Makefile").write_text(makefile)
    edit_json(signed / "tls-scaffold.json", lambda it: it["ca"].update(label="nobody"))
    assert "it says `bad request`: it does not have this label" in refused(
        signed, "req-app", signer
    )
    edit_json(signed / "tls-scaffold.json", lambda it: it["ca"].update(label="other"))
    assert "issuer: the CA that this folder pins" in refused(signed, "req-app", signer)
    strict = policy()
    strict["signing"]["profiles"]["client"]["name_whitelist"] = "^(calico)$"
    with signing_service(tmp_path / "strict", {"other": service.ca}, strict) as url:
        ask_others(signed, url)
        assert "`name_whitelist` does not let a name pass" in refused(signed, "req-app", signer)


def test_both_signers_say_the_same_of_a_server(signed: Path) -> None:
    said = {
        signer: [
            line
            for line in refused(signed, "req-app", signer, CFSSL_AUTH="00ff").splitlines()
            if line.startswith(("error", "  `"))
        ]
        for signer in SIGNERS
    }

    assert len({tuple(lines) for lines in said.values()}) == 1, said


@two_signers
def test_another_ca_than_the_pinned_one_signs_nothing(
    signed: Path, tmp_path: Path, signer: str
) -> None:
    other = make_ca(tmp_path / "other")
    shutil.copy(other.certificate, signed / "certs/ca.pem")

    for goal in ("all", "ca", "req-app"):
        assert "is not the CA that `tls-scaffold.json` pins" in refused(signed, goal, signer)
    done = tls_scaffold("-C", str(signed), "sign", "app")
    assert "is not the CA that `tls-scaffold.json` pins" in done.stderr
    assert states(signed)["ca"] == "mismatched"
    assert "unpinned-ca" in findings(signed)


@two_signers
def test_a_pinned_ca_that_has_ended_signs_nothing(
    service: Service, tmp_path: Path, signer: str
) -> None:
    from hashlib import sha256

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    import certs

    folder = new(tmp_path / "tls-setup", service)
    (tmp_path / "old/certs").mkdir(parents=True)
    certs.ca(tmp_path / "old", begin=certs.NOW - 2 * certs.YEAR, life=certs.YEAR)
    pem = (tmp_path / "old/certs/ca.pem").read_bytes()
    for name in ("ca.pem", "trust.pem"):
        (folder / "certs" / name).write_bytes(pem)
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    edit_json(
        folder / "tls-scaffold.json", lambda it: it["ca"].update(sha256=sha256(der).hexdigest())
    )

    make(folder, "ca", **SIGNERS[signer])  # the record has it then

    assert "ended" in refused(folder, "req-app", signer)


@pytest.mark.parametrize("goal", ["regenerate", "renew-ca"])
@two_signers
def test_the_ca_is_made_and_renewed_elsewhere(signed: Path, goal: str, signer: str) -> None:
    said = refused(signed, goal, signer, YES="1")

    assert "the CA's key is not here" in said
    assert "`tls-scaffold sync --ca FILE`" in said


# --- clones, and who holds the CA from now on


@two_signers
def test_a_clone_signs_with_what_is_in_the_repository(
    signed: Path, tmp_path: Path, signer: str
) -> None:
    clone = shutil.copytree(signed, tmp_path / "clone", ignore=shutil.ignore_patterns("certs"))

    make(clone, **SIGNERS[signer], **KEYS)

    assert set(states(clone).values()) == {"valid"}
    assert (clone / "certs/trust.pem").read_bytes() == (clone / "certs/ca.pem").read_bytes()


@two_signers
def test_of_a_record_the_pinned_certificate_alone_is_taken(
    signed: Path, tmp_path: Path, signer: str
) -> None:
    pinned = (signed / "certs/ca.pem").read_bytes()
    (recorded,) = signed.glob("issued/ca-*.pem")
    recorded.unlink()
    stranger = make_ca(tmp_path / "stranger").certificate.read_bytes()
    (signed / "issued/ca-0123456789.pem").write_bytes(pinned + stranger)
    both = stranger + pinned
    (signed / "certs/trust.pem").write_bytes(both)  # as while members get to know another CA

    (signed / "certs/ca.pem").unlink()
    make(signed, **SIGNERS[signer], **KEYS)
    assert (signed / "certs/ca.pem").read_bytes() == pinned
    assert (signed / "certs/trust.pem").read_bytes() == both

    for path in ("certs/ca.pem", "certs/trust.pem"):
        (signed / path).unlink()
    make(signed, **SIGNERS[signer], **KEYS)
    assert (signed / "certs/ca.pem").read_bytes() == pinned
    assert (signed / "certs/trust.pem").read_bytes() == pinned
    assert set(states(signed).values()) == {"valid"}


def test_a_sync_fetches_the_pinned_ca_again_and_no_other(service: Service, remote: Path) -> None:
    shutil.rmtree(remote / "certs")
    for signer in ("cfssl 1.2.0", "tls-scaffold"):
        done = run("make", cwd=remote, **SIGNERS[signer], **FIRST)
        assert done.returncode == 2
        assert "`tls-scaffold sync" in done.stderr
    edit_json(remote / "tls-scaffold.json", lambda it: it["ca"].update(label="other"))
    done = tls_scaffold("-C", str(remote), "sync")
    assert "gives a certificate of another CA than is pinned" in done.stderr
    edit_json(remote / "tls-scaffold.json", lambda it: it["ca"].update(label=LABEL))

    assert tls_scaffold("-C", str(remote), "sync").returncode == 0

    assert (remote / "certs/ca.pem").read_bytes() == service.ca.certificate.read_bytes()
    make(remote, SIGNER="cfssl", **FIRST)


def test_of_a_server_s_answer_the_pinned_certificate_alone_is_taken(
    remote: Path, tmp_path: Path, service: Service
) -> None:
    """A CA below the pinned one, that is another team's, would else be the one that signs."""
    shutil.rmtree(remote / "certs")
    shutil.rmtree(remote / "issued", ignore_errors=True)
    below = make_ca(tmp_path / "below")
    words = ("x509", "-x509toreq", "-in", str(below.certificate), "-signkey", str(below.key))
    (tmp_path / "csr.pem").write_text(openssl(*words))
    (tmp_path / "extensions").write_text(
        "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n"
    )
    words = ("-CA", str(service.ca.certificate), "-CAkey", str(service.ca.key), "-set_serial", "7")
    more = ("-days", "30", "-extfile", str(tmp_path / "extensions"))
    pem = openssl("x509", "-req", "-in", str(tmp_path / "csr.pem"), *words, *more)
    both = service.ca.certificate.read_text() + pem
    before = (remote / "tls-scaffold.json").read_bytes()

    with liar() as lying:
        lying.answer = lambda _: {"success": True, "result": {"certificate": both}, "errors": []}
        edit_json(remote / "tls-scaffold.json", lambda it: it["ca"].update(remotes=[lying.url]))
        done = tls_scaffold("-C", str(remote), "sync")

    assert done.returncode == 0, done.stderr
    assert (remote / "certs/ca.pem").read_bytes() == service.ca.certificate.read_bytes()
    assert json.loads((remote / "tls-scaffold.json").read_text())["ca"]["sha256"] == service.ca.pin
    assert json.loads(before)["ca"]["sha256"] == service.ca.pin


def test_a_folder_gives_its_ca_to_servers_and_takes_it_back_and_signs_nothing_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "tls-setup"
    done = tls_scaffold("new", str(folder), "--members", "127.0.0.1", "--proxies", "0", *USERS)
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER="cfssl")
    config = (folder / "config/ca-config.json").read_bytes()
    leaves = {
        name: (folder / f"certs/{name}.pem").read_bytes() for name in ("etcd1", "app", "root")
    }
    ca = CA(tmp_path / "taken")
    ca.folder.mkdir()
    for name in ("ca.pem", "ca-key.pem"):
        shutil.copy(folder / "certs" / name, ca.folder)
    with signing_service(tmp_path / "server", {LABEL: ca}) as url:
        done = tls_scaffold("-C", str(folder), "sync", *words(url))
        assert done.returncode == 0, done.stderr
        assert not (folder / "certs/ca-key.pem").exists()
        for how in SIGNERS.values():
            assert "nothing to sign" in "".join(_said(make(folder, **how)))
        make(folder, "req-app", SIGNER="cfssl", **FIRST)
        leaves["app"] = (folder / "certs/app.pem").read_bytes()
        for dry in (("--dry-run",), ()):
            brings = ("sync", "--ca-here", "--ca-key", str(ca.key), *dry)
            done = tls_scaffold("-C", str(folder), *brings)
            assert done.returncode == 0, done.stderr
            assert f"`certs/ca-key.pem` is the key out of `{ca.key}`, in the clear" in done.stderr
            assert f"`make` signs here from now on, and asks `{url}` no more" in done.stderr
    assert (folder / "config/ca-config.json").read_bytes() == config
    for how in SIGNERS.values():
        assert "nothing to sign" in "".join(_said(make(folder, **how)))
    assert {name: (folder / f"certs/{name}.pem").read_bytes() for name in leaves} == leaves
    # What it renews itself has another sum than what the servers had.
    assert "ca" not in json.loads((folder / "tls-scaffold.json").read_text())
    make(folder, "renew-ca", SIGNER="cfssl")
    for how in SIGNERS.values():
        assert "nothing to sign" in "".join(_said(make(folder, **how)))


def test_a_ca_below_another_goes_to_servers_with_what_is_above_it(tmp_path: Path) -> None:
    root = company("Root")
    below = company("Below", root)
    ca = CA(tmp_path / "taken")
    ca.folder.mkdir()
    written(ca.certificate, below)
    written_key(ca.key, below)
    whole = str(written(tmp_path / "whole.pem", root, below))
    folder = tmp_path / "tls-setup"
    given = ("--members", "127.0.0.1", "--proxies", "0", *USERS)
    done = tls_scaffold("new", str(folder), *given, "--ca", whole, "--ca-key", str(ca.key))
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER="tls-scaffold")
    before = contents(folder / "certs")
    with signing_service(tmp_path / "server", {LABEL: ca}) as url:
        # No server gives the root: without it nobody can trust what is signed.
        done = tls_scaffold("new", str(tmp_path / "x"), *given, *words(url), "--ca-sha256", ca.pin)
        assert done.returncode == 1
        assert "the certificate of a CA below another, and not the root" in done.stderr
        assert "hint: `--ca FILE` brings it: a file with that certificate, those" in done.stderr
        assert not (tmp_path / "x").exists()
        for goal in (("new", str(tmp_path / "x"), *given), ("-C", str(folder), "sync")):
            done = tls_scaffold(*goal, *words(url), "--ca-sha256", "a" * 64)
            assert done.returncode == 1
            assert "gives a certificate of another CA than is pinned" in done.stderr
        assert contents(folder / "certs") == before
        done = tls_scaffold("-C", str(folder), "sync", *words(url))
        assert done.returncode == 0, done.stderr
        key = before.pop("ca-key.pem")
        assert contents(folder / "certs") == before
        assert [path.read_bytes() for path in folder.glob("archive/*/certs/ca-key.pem")] == [key]
        for how in SIGNERS.values():
            assert "nothing to sign" in "".join(_said(make(folder, **how)))
        make(folder, "req-app", SIGNER="cfssl", **FIRST)
    leaf = ("-untrusted", str(folder / "certs/app.pem"), str(folder / "certs/app.pem"))
    openssl("verify", "-CAfile", str(folder / "certs/trust.pem"), *leaf)


# --- check


def test_check_knows_what_is_told_to_everybody(signed: Path) -> None:
    assert findings(signed) == []
    ask_others(signed, "http://10.0.0.9:8888")
    assert findings(signed) == ["open-remote"]
    ask_others(signed, "https://10.0.0.9:8888")
    assert findings(signed) == []
    edit_json(
        signed / "config/ca-config.json", lambda it: it["auth_keys"]["root"].update(key=ROOT_KEY)
    )
    (signed / "certs/ca-key.pem").write_bytes((signed / "certs/app-key.pem").read_bytes())
    (signed / "certs/ca-key.pem").chmod(0o600)
    assert "open-auth-key" in findings(signed)
    assert "ca-key-here" in findings(signed)
    assert ROOT_KEY not in tls_scaffold("-C", str(signed), "check").stdout


# --- the page


def test_the_page_s_commands_do_what_it_says(service: Service, tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs/ca-remote.md").read_text(encoding="utf-8")
    server = "http://10.0.0.9:8888"
    text = text.replace(f"{server},http://10.0.0.10:8888", service.url).replace(server, service.url)
    text = text.replace("CFSSL_AUTH=…", f"CFSSL_AUTH={KEY}").replace("KEY\n", f"{service.ca.key}\n")
    text = text.replace("CFSSL_AUTH_ROOT=…", f"CFSSL_AUTH_ROOT={ROOT_KEY}")
    blocks = [block.split("```")[0] for block in text.split("```console\n")[1:]]
    (new_line, told), keyed, moved = _run_of(blocks[0]), *(_run_of(each)[0] for each in blocks[1:])

    done = run("bash", "-c", new_line, cwd=tmp_path)
    assert _without_values(done.stderr) == _without_values(told)
    done = run("bash", "-c", f"{new_line} --ca-sha256 {service.ca.pin}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (*keyed.splitlines(), *reversed(moved.splitlines())):
        done = run("bash", "-c", line, cwd=tmp_path / "tls-setup")
        assert done.returncode == 0, (line, done.stderr)
    assert set(states(tmp_path / "tls-setup").values()) == {"valid"}


def _run_of(block: str) -> tuple[str, str]:
    """Return the commands of a block, a line each, and what they print."""
    lines = block.splitlines(keepends=True)
    commands = "".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
    return commands.rstrip("\n"), "".join(line for line in lines if not line.startswith("$ "))


def _without_values(text: str) -> str:
    for pattern in ("[0-9a-f]{64}", "[0-9]{4}-[0-9-]+ [0-9:]+ UTC", "CN=.*"):
        text = re.sub(pattern, "", text)
    return text


# --- secrecy, kills, other shells, many


@pytest.mark.needs("strace")
@two_signers
def test_the_key_is_in_no_argument_no_file_and_no_message(remote: Path, signer: str) -> None:
    how = {**SIGNERS[signer], **KEYS}
    done, log = traced(("make",), remote, "-e", "trace=execve", **how)

    assert done.returncode == 0, done.stderr
    assert any("gencert" in line for line in log) == (signer != "tls-scaffold")
    for secret in (KEY, ROOT_KEY, KEY.lower(), ROOT_KEY.lower()):
        assert secret not in "".join((done.stdout, done.stderr, *log))
        holders = [
            path
            for path in remote.rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes()
        ]
        assert holders == []


@pytest.mark.long
@pytest.mark.needs("strace")
@two_signers
def test_a_make_that_is_killed_at_any_write_is_healed_by_the_next(
    signed: Path,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    signer: str,
) -> None:
    from promises.tracing import calls

    for name, value in {**KEYS, **SIGNERS[signer]}.items():
        monkeypatch.setenv(name, value)
    place = tmp_path / "place"
    command = ("make", f"SIGNER={SIGNERS[signer]['SIGNER']}", "req")
    shutil.copytree(signed, place, symlinks=True)
    count = calls(command, place)
    assert count > 20
    ca = (signed / "certs/ca.pem").read_bytes()
    every = 1 if pytestconfig.getoption("--long") else -(-count // 4)
    for step in range(every // 2 + 1, count + 1, every):
        shutil.rmtree(place)
        shutil.copytree(signed, place, symlinks=True)
        calls(command, place, kill_at=step)
        make(place, **SIGNERS[signer], **KEYS)
        assert faults(place) == [], step
        assert (place / "certs/ca.pem").read_bytes() == ca


@pytest.mark.long
@pytest.mark.needs("busybox")
def test_the_answer_is_checked_with_the_tools_of_busybox(
    service: Service, signed: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("awk", "sed", "tr", "cut", "sort", "uniq", "grep", "head", "sh", "cat"):
        (tools / name).symlink_to(shutil.which("busybox") or "")
    how = {"SIGNER": "cfssl", "PATH": f"{tools}{os.pathsep}{PROGRAMS}", **FIRST}
    make(signed, "req-etcd1", **how)
    make(signed, "req-app", **how)
    assert faults(signed) == []
    with liar() as lying:
        ask_others(signed, lying.url)
        for change, word in LIES.values():
            lying.lies(service.ca, change)
            done = run("make", "req-etcd1", cwd=signed, **how)
            assert done.returncode == 2
            assert f"\n  {word or 'issuer'}: " in done.stderr


@pytest.mark.long
def test_a_thousand_users_are_signed_at_once(service: Service, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(
        json.dumps({"members": ["127.0.0.1"], "users": [f"u{each}" for each in range(1000)]})
    )
    given = ("--from", str(tmp_path / "users"), "--key", "ecdsa-256", *words(service.url))
    path = tmp_path / "tls-setup"
    assert tls_scaffold("new", str(path), *given, "--ca-sha256", service.ca.pin).returncode == 0
    begun = time.monotonic()
    make(path, SIGNER="tls-scaffold", **FIRST)
    took = time.monotonic() - begun

    assert faults(path) == []
    assert took < 60


@pytest.mark.needs("shellcheck")
def test_the_script_passes_shellcheck(remote: Path) -> None:
    done = run(*("shellcheck", "--shell=sh", "--severity=warning", "-x", "sign.sh"), cwd=remote)
    assert done.stdout == ""
    lines = (remote / "custody.sh").read_text().splitlines()
    assert [line for line in lines if len(line) > 100] == []


def test_without_openssl_nothing_is_signed_by_the_shell(
    remote: Path, path_without: Callable[..., str]
) -> None:
    done = run("make", cwd=remote, SIGNER="cfssl", PATH=path_without("openssl"), **FIRST)

    assert done.returncode == 2
    assert "openssl is not installed: it checks what the servers answer" in done.stderr
    assert not (remote / "certs/etcd1.pem").exists()


def test_no_server_is_asked_for_what_can_t_be(tmp_path: Path) -> None:
    path = tmp_path / "tls-setup"
    given = ("--members", "10.0.0.1", "--key", "ecdsa-256", "--peer-ca")
    assert tls_scaffold("new", str(path), *given).returncode == 0
    before = support.contents(path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        done = tls_scaffold("-C", str(path), "sync", "--ca-remote", url)

        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.returncode == 1
    assert "  peer_ca: goes with a CA whose key is in the folder" in done.stderr
    assert support.contents(path) == before

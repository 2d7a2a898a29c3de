"""Each command of the stand-in beside the real cfssl of both versions."""

import json
import random
import re
import shlex
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import records
from peers import build as peers
from support import BIN, Done, openssl, run
from tls_scaffold.cfssl.profilereaders import REFUSED_PROFILE_FIELDS
from tls_scaffold.commands import standin
from tls_scaffold.commands.cfssljson import cfssljson
from tls_scaffold.commands.cfsslusage import COMMANDS
from tls_scaffold.errors import ScaffoldError

BUILT = str(peers.folder("cfssl"))
OWN, NEWER = str(BIN / "tls-scaffold") + " cfssl", f"{BUILT}/cfssl"
BOTH = pytest.mark.needs("cfssl", "cfssljson", "openssl")
ECDSA = {"algo": "ecdsa", "size": 256}
CA = {"CN": "a CA", "names": [{"O": "Acme", "OU": "x"}, {"OU": "y"}], "key": ECDSA}
CONFIG = {
    "signing": {
        "default": {"usages": ["signing", "client auth"], "expiry": "8760h"},
        "profiles": {
            "server": {
                "usages": ["signing", "key encipherment", "server auth"],
                "expiry": "100h",
                "crl_url": "http://example.com/crl",
                "issuer_urls": ["http://example.com/ca"],
                "policies": [{"ID": "1.2.3"}],
            },
            "below": {
                "usages": ["cert sign", "crl sign"],
                "expiry": "100h",
                "ca_constraint": {"is_ca": True, "max_path_len": 0, "max_path_len_zero": True},
            },
            "copying": {
                "usages": ["signing", "server auth"],
                "expiry": "100h",
                "copy_extensions": True,
            },
            "listed": {
                "usages": ["signing", "server auth"],
                "expiry": "100h",
                "name_whitelist": "^(a|b)\\.example\\.com$",
            },
        },
    }
}
LEAF = {"CN": "etcd", "hosts": ["a.example.com", "10.0.0.1"], "key": ECDSA, "names": [{"O": "x"}]}
FLAGS = "-ca ca.pem -ca-key ca-key.pem -config config.json"


def cfssl(program: str, words: str, folder: Path) -> Done:
    """Run a command of a cfssl; the words are a shell's."""
    return run("sh", "-c", f"{program} {words}", cwd=folder)


def answer(program: str, words: str, folder: Path) -> dict[str, Any]:
    if program == OWN:  # a process of its own for each would take most of the time
        command, _, stdin = words.partition(" < ")
        read_stdin = (folder / stdin).read_bytes if stdin else bytes
        found = json.loads(standin.answer(shlex.split(command), folder, read_stdin).text)
    else:
        done = cfssl(program, words, folder)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def shown(answered: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what was signed, field by field, without what differs from one time to the next."""
    found: dict[str, Any] = {"fields": sorted(answered)}
    if "cert" in answered:
        certificate = x509.load_pem_x509_certificate(answered["cert"].encode())
        ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        own = certificate.issuer == certificate.subject
        found["cert"] = records.certificate(certificate, certificate if own else ca)
        del found["cert"]["not_before_second"]  # what signs itself counts from this very second
    if "csr" in answered:
        csr = x509.load_pem_x509_csr(answered["csr"].encode())
        found["csr"] = (records.name(csr.subject), [each.oid for each in csr.extensions])
    return found


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a configuration, requests, and CSRs by openssl."""
    folder = tmp_path_factory.mktemp("given")
    for name, document in (("ca", CA), ("config", CONFIG), ("leaf", LEAF)):
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "mid.json").write_text(
        json.dumps({"CN": "mid", "key": ECDSA, "ca": {"pathlen": 0, "pathlenzero": True}})
    )
    names = {"CN": "b.example.com", "names": [{"O": "z"}, {"O": "w", "L": "here"}]}
    (folder / "names.json").write_text(json.dumps({**names, "SerialNumber": "7"}))
    for name in ("ca", "mid"):
        made = f"{OWN} gencert -initca {name}.json | {OWN}json -bare {name}"
        assert run("sh", "-c", made, cwd=folder).returncode == 0
    plain = "/C=DE/street=a street/CN=a.example.com/O=first/O=second"
    subjects = {"rsa": f"{plain}/UID=7/emailAddress=a@b.c"}  # of which 1.2 leaves out the last two
    extensions = ("subjectAltName=DNS:a.example.com,IP:10.0.0.7,email:a@b.c", "keyUsage=cRLSign")
    for name, kind, more in (
        ("rsa", "rsa:2048", extensions),
        ("plain", "rsa:2048", extensions[:1]),
        ("bare", "rsa:2048", ()),
        ("asks", "rsa:2048", ("basicConstraints=critical,CA:TRUE,pathlen:3",)),
    ):
        words = [word for each in more for word in ("-addext", each)]
        files = ("-keyout", f"{folder}/{name}-key.pem", "-out", f"{folder}/{name}.csr")
        who = ("-subj", subjects.get(name, plain))
        openssl("req", "-new", "-newkey", kind, "-nodes", *who, *files, *words)
    return folder


SIGNED = [
    f"sign {FLAGS} plain.csr",
    f"sign {FLAGS} -profile server plain.csr",
    f"sign {FLAGS} -profile server -hostname b.example.com,10.0.0.9 plain.csr",
    f"sign {FLAGS} -hostname= bare.csr",
    f"sign {FLAGS} rsa.csr names.json",
    f"sign {FLAGS} -csr plain.csr names.json",
    f"sign {FLAGS} -profile listed -hostname=b.example.com plain.csr",
    f"sign {FLAGS} -profile below mid.csr",
    f"sign {FLAGS} -profile below plain.csr",
    f"sign {FLAGS} -profile below asks.csr",
    f"sign {FLAGS} - < plain.csr",
    "sign -ca ca.pem -ca-key ca-key.pem -port 0x10 -interval=1h -csr=plain.csr",
    f"gencert {FLAGS} -profile below leaf.json",
    "genkey leaf.json",
    "genkey -initca -cn other ca.json",
    "genkey -config config.json - < leaf.json",
    "gencert -initca -ca-key ca-key.pem ca.json",
    "gencert -renewca -ca ca.pem -ca-key ca-key.pem",
    "gencert -renewca -ca mid.pem -ca-key mid-key.pem",
]
# 1.2 leaves out names of a CSR, copies no extensions, and signs nobody's hosts by themselves.
SIGNED_BY_1_6 = [
    f"sign {FLAGS} rsa.csr",
    f"sign {FLAGS} -profile below rsa.csr",
    f"sign {FLAGS} -profile copying rsa.csr",
    f"sign {FLAGS} -profile copying -hostname b.example.com rsa.csr",
    f"sign {FLAGS} -profile copying plain.csr names.json",
    "gencert -ca file:ca.pem -ca-key env:THE_KEY -config config.json leaf.json",
    "gencert -initca -ca-key env:THE_KEY ca.json",
    f"gencert {FLAGS} -crl http://example.com/own leaf.json",
    f"gencert {FLAGS} -crl http://example.com/own -profile server leaf.json",
    "selfsign a.example.com leaf.json",
    "selfsign -hostname a.example.com leaf.json",
    "selfsign -config config.json -profile server a.example.com - < leaf.json",
    "selfsign -config config.json -profile below a.example.com leaf.json",
    "selfsign -config config.json -profile nobody a.example.com mid.json",
]
REFUSED = {
    # by both cfssls, with the same exit code
    f"sign {FLAGS} asks.csr": "which profile `default` does not make",
    f"sign {FLAGS} -profile listed plain.csr names.json -x": "is one too many",
    f"sign {FLAGS} -profile listed -hostname c.example.com plain.csr": "name_whitelist",
    f"sign {FLAGS} -profile copying mid.csr": "asks for a CA",
    f"sign {FLAGS} ca.pem": "holds a certificate, not a CSR",
    f"sign {FLAGS} leaf.json": "is not a CSR",
    f"sign {FLAGS}": "takes a CSR",
    f"sign {FLAGS} plain.csr no.json": "No such file",
    f"sign {FLAGS} plain.csr plain.csr": "is not JSON",
    "sign -ca mid.pem -ca-key mid-key.pem -config config.json -profile below mid.csr": "pathlen 0",
    "sign -ca ca.pem -ca-key mid-key.pem plain.csr": "is not the key of",
    "sign -ca no.pem -ca-key ca-key.pem plain.csr": "No such file",
    "gencert -ca ca.pem -ca-key ca-key.pem mid.json": "only a CA's own request",
    "gencert -renewca -ca ca.pem -ca-key mid-key.pem": "is not the key of",
    "gencert -renewca -ca ca.pem": "`-ca-key` is missing",
    "genkey mid.json": "only a CA's own request",
    "genkey": "takes one request",
    "genkey -config mid.json leaf.json": "`signing` is missing",
    "selfsign": "takes a host name and a request",
    "selfsign a.example.com": "takes a host name and a request",
    "certinfo": "needs a file",
    "certinfo -cert leaf.json": "is not a certificate",
    "certinfo -csr ca.pem": "holds a certificate, not a CSR",
    "gencrl": "takes a file of serial numbers",
    "gencrl serials ca.pem ca-key.pem x": "is not a number of seconds",
    "gencrl serials ca.pem ca-key.pem 2147483648": "is not a number of seconds",
    "gencrl serials leaf.json ca-key.pem": "is not a certificate",
    "print-defaults": "needs a word",
    "nothing": "has no `nothing`",
    "": "needs a command",
    "genkey -loglevel=x leaf.json": "is not a whole number",
    "genkey -nothing leaf.json": "does not take `-nothing`",
    "genkey -initca=1x leaf.json": "is neither true nor false",
    "version -expiry 1d": "is not a duration",
}


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
@pytest.mark.parametrize("words", SIGNED)
def test_signs_what_both_cfssls_sign(words: str, given: Path) -> None:
    mine = shown(answer(OWN, words, given), given)
    assert mine == shown(answer(NEWER, words, given), given)
    assert mine == shown(answer("cfssl", words, given), given)


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
@pytest.mark.parametrize("words", SIGNED_BY_1_6)
def test_signs_what_cfssl_1_6_signs(
    words: str, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", (given / "ca-key.pem").read_text())
    mine = shown(answer(OWN, words, given), given)
    assert mine == shown(answer(NEWER, words, given), given)


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
@pytest.mark.parametrize("words", REFUSED)
def test_refuses_what_both_cfssls_refuse_and_says_why(words: str, given: Path) -> None:
    (given / "serials").write_text("7\n")
    done = cfssl(OWN, words, given)
    assert (done.stdout, done.stderr[:7]) == ("", "error: ")
    assert REFUSED[words] in done.stderr
    for program in (NEWER, "cfssl"):
        assert cfssl(program, words, given).returncode == done.returncode, program


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
def test_shows_certificates_and_csrs_as_cfssl_does(given: Path) -> None:
    hosts = ["a.b", "10.0.0.1", "fe80::1", "who@b.c", "spiffe://u:p@a/b%20c?d=e#f", "urn:x"]
    kinds = [ECDSA, {"algo": "rsa", "size": 2048}, {"algo": "ed25519"}]
    for number, kind in enumerate(kinds):
        request: dict[str, Any] = {"CN": "<é&>", "hosts": hosts, "key": kind, "ca": {"pathlen": 1}}
        (given / f"{number}.json").write_text(
            json.dumps({**request, "names": [{"O": "a,b"}, {"O": "c"}]})
        )
        made = f"{NEWER} genkey -initca {number}.json | cfssljson -bare {number}"
        assert run("sh", "-c", made, cwd=given).returncode == 0
    for words in (
        *(f"certinfo -cert {name}.pem" for name in ("ca", "mid", "0", "1", "2")),
        *(f"certinfo -csr {name}.csr" for name in ("rsa", "bare", "asks", "0", "1", "2")),
        "certinfo -cert - < ca.pem",
        "certinfo -csr - < rsa.csr",
    ):
        assert answer(OWN, words, given) == answer(NEWER, words, given), words


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
@pytest.mark.parametrize("name", ["ca", "rsa-ca"])
@pytest.mark.parametrize(("serials", "seconds"), [("", ""), ("7\n\n255\n7", "3600"), ("1", "0x10")])
def test_makes_the_crl_that_cfssl_makes(name: str, serials: str, seconds: str, given: Path) -> None:
    key = {"algo": "rsa", "size": 4096}
    (given / "rsa-ca.json").write_text(json.dumps({"CN": "of RSA", "key": key}))
    if not (given / "rsa-ca.pem").exists():
        made = f"{OWN} genkey -initca rsa-ca.json | {OWN}json -bare rsa-ca"
        assert run("sh", "-c", made, cwd=given).returncode == 0
    (given / "serials").write_text(serials)
    found, lives = [], []
    # 1.2 takes the seconds for a file that has them.
    for program in (OWN, NEWER, *([] if seconds else ["cfssl"])):
        done = cfssl(program, f"gencrl serials {name}.pem {name}-key.pem {seconds}", given)
        crl = x509.load_der_x509_crl(b64decode(done.stdout))
        assert crl.is_signature_valid(
            x509.load_pem_x509_certificate((given / f"{name}.pem").read_bytes()).public_key()  # type: ignore[arg-type]
        )
        assert crl.next_update_utc
        found.append(
            (
                records.name(crl.issuer),
                crl.signature_algorithm_oid,
                [each.serial_number for each in crl],
                [(each.oid, each.critical, each.value) for each in crl.extensions],
                done.stdout.count("\n"),
            )
        )
        lives.append(crl.next_update_utc - crl.last_update_utc)
    assert found == [found[0]] * len(found)
    # cfssl looks at the clock twice.
    assert max(lives) - min(lives) <= timedelta(seconds=1)


def test_a_line_that_is_no_serial_number_revokes_nothing(given: Path) -> None:
    (given / "odd").write_text("12\r\n0x7f\n 13 \n-1\n0\n")
    done = cfssl(OWN, "gencrl odd ca.pem ca-key.pem", given)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: nothing is revoked\n" + "".join(
        f"  odd:{number}: `{line}` is not a serial number in decimal\n"
        for number, line in ((2, "0x7f"), (4, "-1"), (5, "0"))
    )


@BOTH
@pytest.mark.needs("cfssl", within=BUILT)
def test_prints_the_same_templates(tmp_path: Path) -> None:
    for word in ("config", "csr"):
        theirs = answer(NEWER, f"print-defaults {word}", tmp_path)
        assert answer(OWN, f"print-defaults {word}", tmp_path) == theirs
    for word in ("list", "none"):
        said = [cfssl(each, f"print-defaults {word}", tmp_path).stdout for each in (OWN, NEWER)]
        assert sorted(said[0].split()) == sorted(said[1].split()) != []


def test_a_version_is_told_by_both_programs_and_help_by_every_command(tmp_path: Path) -> None:
    for words in (f"{OWN} version", f"{OWN}json -version"):
        done = run("sh", "-c", words, cwd=tmp_path)
        assert done.stdout.startswith("Version: 1.6.5\nRuntime: tls-scaffold ")
    for name in ("gencert", "genkey", "sign", "selfsign", "certinfo", "gencrl", "version"):
        done = cfssl(OWN, f"{name} -h", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage:\n  tls-scaffold cfssl {name}")


@pytest.mark.needs("cfssl", within=BUILT)
@pytest.mark.parametrize(
    "words", ["gencert -initca ca.json", f"gencert {FLAGS} bad.json", f"sign {FLAGS} plain.csr"]
)
def test_the_log_names_the_serial_number_as_scripts_look_for_it(words: str, given: Path) -> None:
    (given / "bad.json").write_text(json.dumps({**LEAF, "hosts": [""]}))
    line = re.compile(r"(?m)^\d{4}/\d\d/\d\d [\d:]{8} \[INFO\] signed certificate with serial .*$")
    numbers = []
    for program in (OWN, NEWER):
        done = cfssl(program, words, given)
        certificate = x509.load_pem_x509_certificate(json.loads(done.stdout)["cert"].encode())
        (logged,) = line.findall(done.stderr)
        assert logged.endswith(f" number {certificate.serial_number}")
        numbers.append(re.sub(r"\d+", "N", logged))
        for level, is_told in ((0, True), (1, True), (2, False), (9, False)):
            command, rest = words.split(" ", 1)
            said = cfssl(program, f"{command} -loglevel {level} {rest}", given).stderr
            assert bool(line.search(said)) == is_told
    assert numbers[0] == numbers[1]
    if "bad.json" in words:
        told = [cfssl(OWN, f"gencert -loglevel {n} {words[8:]}", given).stderr for n in (2, 3)]
        assert "warning: bad.json: hosts[0]: is empty" in told[0]
        assert told[1] == ""


def test_a_variable_that_is_not_set_and_a_word_before_a_colon_are_told(given: Path) -> None:
    for value, told in (
        ("env:NOT_SET_AT_ALL", "the variable `NOT_SET_AT_ALL`, which `-ca-key` names, is not set"),
        ("a:b", "`-ca-key a:b` begins with neither `file:` nor `env:`"),
        ("file:-", "`-` can't be worked on: No such file or directory"),
    ):
        done = cfssl(OWN, f"sign -ca ca.pem -ca-key {value} plain.csr", given)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {told}\n")


@BOTH
@pytest.mark.parametrize("words", ["-bare -stdout", "-stdout -bare -f in.json name"])
def test_cfssljson_prints_what_it_would_write(words: str, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"key": "K\n", "cert": "C\n", "csr": "R"}))
    told = {
        program: run("sh", "-c", f"{program} {words} < in.json", cwd=tmp_path).stdout
        for program in (f"{OWN}json", "cfssljson")
    }
    assert told[f"{OWN}json"] == told["cfssljson"] != ""
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


def test_the_pages_name_every_command_and_all_that_is_refused() -> None:
    signers, limits = (
        (Path(__file__).parents[1] / f"docs/{name}.md").read_text(encoding="utf-8")
        for name in ("signers", "limits")
    )
    section = signers.split("## In place of cfssl\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall("`([a-z-]+)`", "".join(rows))) == set(COMMANDS)
    (refused,) = re.findall(r"(?s)- Sign with a profile's (.*?), or into a", limits)
    assert set(re.findall("`(\\w+)`", refused)) == set(REFUSED_PROFILE_FIELDS)


TEMPLATES = [
    *(words.split(" < ")[0].split() for words in (*SIGNED, *SIGNED_BY_1_6)),
    *(words.split() for words in REFUSED),
    *([f"certinfo -{kind}", path] for kind, path in (("cert", "ca.pem"), ("csr", "rsa.csr"))),
    ["gencrl", "names.json", "ca.pem", "ca-key.pem", "60"],
]
ODD: tuple[Any, ...] = (
    *(None, 5, -1, 2**70, 1e308, True, "", [], {}, [[]], [{}], [None], {"a": {}}),
    *("\ud800", "é", "\u202e", "a" * 300, "1.2", "9.9.9", "-1h", "99999999h", "(", "1." + "9" * 50),
    *([{"Id": [2, 5, 29, 17], "Value": "MAA="}], [{"Id": [1, 2**80]}], [{"ID": "1.2"}], ["://"]),
)


def spoil_json(chance: random.Random, value: Any) -> Any:
    if chance.random() < 0.1:
        return chance.choice(ODD)
    if isinstance(value, dict):
        spoilt = {name: spoil_json(chance, each) for name, each in value.items()}
        names = ("extensions", "delegation_enabled", "names", "hosts", "serialnumber", "key")
        return {**spoilt, chance.choice(names): chance.choice(ODD)} if not value else spoilt
    return [spoil_json(chance, each) for each in value] if isinstance(value, list) else value


def spoil(chance: random.Random, content: bytes) -> bytes:
    """Return what a file may hold by mistake or on purpose instead of its content."""
    kind = chance.randrange(4)
    if kind == 0:
        return content[: chance.randrange(len(content) + 1)]
    if kind == 1:
        return content + chance.choice([b"\0", b"\xff", content, b"-----BEGIN CERTIFICATE-----\n"])
    if content.startswith(b"{"):
        return json.dumps(spoil_json(chance, json.loads(content))).encode()
    lines = content.splitlines() or [b""]
    der = bytearray(b"".join(lines[1:-1]) or b"x")
    for _ in range(kind):
        der[chance.randrange(len(der))] = chance.choice(b"ABCDabcd0123+/=\n")
    return b"\n".join([lines[0], bytes(der), lines[-1], b""])


def test_no_input_ends_in_a_traceback(
    given: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Whatever is in the files and on the command line is answered, or refused in our words."""
    inputs = {path.name: path.read_bytes() for path in given.iterdir()}
    ends = {"answered": 0, "refused": 0}
    for seed in range(4000 if pytestconfig.getoption("--long") else 120):
        chance = random.Random(seed)  # noqa: S311 - the same draws each time
        for name, content in inputs.items():
            is_spoilt = chance.random() < 0.3
            (tmp_path / name).write_bytes(spoil(chance, content) if is_spoilt else content)
        words = list(chance.choice(TEMPLATES))
        if chance.random() < 0.3:
            odd = ("", "-", ".", "é", "\udcff", "env:", "file:", "--", "-=", "x" * 300, "ca.pem")
            words.insert(chance.randrange(len(words) + 1), chance.choice([*odd, *inputs]))
        stdin = spoil(chance, inputs[chance.choice(sorted(inputs))])
        try:
            text = standin.answer(words, tmp_path, lambda content=stdin: content).text  # type: ignore[misc]
            answered = spoil(chance, text.encode())
            cfssljson(["-bare", "made"], tmp_path, lambda content=answered: content)  # type: ignore[misc]
            ends["answered"] += 1
        except (ScaffoldError, OSError):
            ends["refused"] += 1
    assert min(ends.values()) > 0

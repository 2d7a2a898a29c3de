"""`tls-scaffold check`: each rule by a folder that passes and one that fails, and folders of the field as they are."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import certs
from certs import BOTH, CLIENT, DAY, NOW, SERVER, YEAR
from conftest import Factory
from rights import as_somebody
from support import BIN, contents, make, run, tls_scaffold
from tls_scaffold import checks
from tls_scaffold.cli import cli
from tls_scaffold.commands.check import check

pytestmark = pytest.mark.needs("make")

FOREIGN = Path(__file__).parent / "fixtures/foreign"
CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice,bob")
Change = Callable[[Path], None]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="tls-scaffold")


def found(folder: Path) -> list[tuple[str, str, str, str]]:
    """Return what `check` finds: level, id, where and message of each."""
    now = datetime.now(timezone.utc)
    return [(each.level, each.id, each.where, each.message) for each in check(folder, now).findings]


@pytest.fixture
def sound(folder: Factory) -> Path:
    """Return a folder in which nothing is to be found: a member, two users, certificates as they are asked for."""
    path = folder(*CLUSTER)
    certs.ca(path)
    certs.member(path)
    for user in ("alice", "bob"):
        certs.leaf(path, user)
    return path


def request(name: str, **fields: Any) -> Change:
    """Return a change of fields of `config/req-NAME.json`; None takes a field out."""
    return edit(f"config/req-{name}.json", **fields)


def edit(path: str, **fields: Any) -> Change:
    def change(folder: Path) -> None:
        document = json.loads((folder / path).read_text()) | fields
        kept = {name: value for name, value in document.items() if value is not None}
        (folder / path).write_text(json.dumps(kept, indent=2))

    return change


def profile(name: str, **fields: Any) -> Change:
    """Return a change of fields of a profile in `config/ca-config.json`."""

    def change(folder: Path) -> None:
        path = folder / "config/ca-config.json"
        document = json.loads(path.read_text())
        signing = document["signing"]
        (signing["default"] if name == "default" else signing["profiles"].setdefault(name, {})).update(fields)
        path.write_text(json.dumps(document, indent=2))

    return change


def signing(**fields: Any) -> Change:
    """Return a change of what stands below `signing` in `config/ca-config.json`."""

    def change(folder: Path) -> None:
        path = folder / "config/ca-config.json"
        document = json.loads(path.read_text())
        path.write_text(json.dumps({"signing": {**document["signing"], **fields}}))

    return change


def text(path: str, content: str | bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def replace(path: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        before = (folder / path).read_text()
        assert old in before
        (folder / path).write_text(before.replace(old, new))

    return change


def append(path: str, line: str) -> Change:
    def change(folder: Path) -> None:
        (folder / path).write_text((folder / path).read_text() + line)

    return change


def prepend(path: str, line: str) -> Change:
    def change(folder: Path) -> None:
        (folder / path).write_text(line + (folder / path).read_text())

    return change


def remove(*paths: str) -> Change:
    def change(folder: Path) -> None:
        for path in paths:
            (folder / path).unlink()

    return change


def mode(path: str, bits: int) -> Change:
    return lambda folder: (folder / path).chmod(bits)


def copy(source: str, target: str) -> Change:
    def change(folder: Path) -> None:
        shutil.copy(folder / source, folder / target)

    return change


def joined(path: str, other: str) -> Change:
    return lambda folder: append(path, (folder / other).read_text())(folder)


def leaf(name: str, **fields: Any) -> Change:
    return lambda folder: certs.leaf(folder, name, **fields)


def member(**fields: Any) -> Change:
    return lambda folder: certs.member(folder, **fields)


def anew(**fields: Any) -> Change:
    """Return a change that makes the CA, and all that it signs, anew."""

    def change(folder: Path) -> None:
        certs.ca(folder, **fields)
        leaves = {key: fields[key] for key in ("begin",) if key in fields}
        certs.member(folder, **leaves)
        for user in ("alice", "bob"):
            certs.leaf(folder, user, **leaves)

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def git(*paths: str) -> Change:
    def change(folder: Path) -> None:
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        subprocess.run(["git", "add", "-f", *paths], cwd=folder, check=True)

    return change


def by_other_ca(name: str) -> Change:
    def change(folder: Path) -> None:
        other = folder.parent / "other"
        certs.ca(other)
        certs.leaf(other, name)
        for ending in (".pem", "-key.pem"):
            shutil.copy(other / f"certs/{name}{ending}", folder / f"certs/{name}{ending}")

    return change


def other_ca(folder: Path) -> None:
    other = folder.parent / "another"
    certs.ca(other)
    shutil.copy(other / "certs/ca.pem", folder / "certs/other-ca.pem")


def crl(form: str, path: str = "certs/ca.crl") -> Change:
    """Return a change that puts an empty CRL of the folder's CA, in a form, into a file."""

    def change(folder: Path) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

        key = load_pem_private_key((folder / "certs/ca-key.pem").read_bytes(), None)
        name = certs.subject("Autogenerated CA")
        builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW).next_update(NOW + DAY)
        signed = builder.sign(key, hashes.SHA384())  # type: ignore[arg-type]
        (folder / path).write_bytes(signed.public_bytes(getattr(Encoding, form)))

    return change


LINE = (
    "$(CFSSL) gencert {0} -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json"
    " config/req-alice.json | $(JSON) -bare certs/{1}\n"
)
EXTRA = "\nmore:\n\t"
CA_LINE = "\nnew-ca:\n\t$(CFSSL) gencert -initca config/ca-csr.json | $(JSON) -bare certs/ca\n"
GUARDED = CA_LINE.replace("\t$", "\ttest -f certs/ca.pem || $")
PEER_CA = "\npeer-ca:\n\t$(CFSSL) gencert -initca config/ca-csr.json | $(JSON) -bare certs/peer-ca\n"
LONG = "x" * 65
BAD_HOST = "`10.0.0.999` is neither an IP address nor a DNS name: cfssl signs it as a DNS name"
ALICE = "config/req-alice.json"
CONFIG = "config/ca-config.json"
INVENTORY = "tls-scaffold.json"
RENDERED = ".tls-scaffold/rendered.json"
NEVER = "9999999h"


def ignoring(**rules: str) -> Change:
    return edit(INVENTORY, ignore={name.replace("_", "-"): why for name, why in rules.items()})


def makefile_line(folder: Path, part: str) -> str:
    lines = (folder / "Makefile").read_text().splitlines()
    return f"Makefile:{next(number for number, line in enumerate(lines, 1) if part in line)}"


PAIRS: dict[str, list[tuple[Change, Change, list[tuple[str, str]]]]] = {
    "unreadable": [
        (
            text(ALICE, '{\n  "CN": "alice",\n  "hosts" []\n}\n'),
            request("alice", comment="cfssl ignores this"),
            [(f"{ALICE}:3:11", "is not JSON: Expecting ':' delimiter")],
        ),
        (
            text("config/notes.json", "[1, 2"),
            text("config/notes.json", "[1, 2]"),
            [("config/notes.json:1:6", "is not JSON: Expecting ',' delimiter")],
        ),
        *(
            (
                text("config/ca-csr.json", content),
                text("config/notes.json", content),
                [("config/ca-csr.json", f"`config/ca-csr.json` holds no object {{…}}: it begins with `{content}`")],
            )
            for content in ("[]", "5", '"x"')
        ),
        (
            text("config/req-carol.json", "null"),
            text("config/carol.json", "null"),
            [("config/req-carol.json", "`config/req-carol.json` holds no object {…}: it begins with `null`")],
        ),
        (text(ALICE, b"\xff\xfe\x00"), request("alice"), [(ALICE, f"`{ALICE}` is not text in UTF-8 (byte 0)")]),
        (
            remove(CONFIG),
            profile("default"),
            [(CONFIG, f"`{CONFIG}` is missing")],
        ),
        (
            text("Makefile", "all:\nall all\n"),
            append("Makefile", "\nmore:\n\techo more\n"),
            [("Makefile", "make can't read `{0}/Makefile`: Makefile:2: *** missing separator.  Stop.")],
        ),
    ],
    "broken-inventory": [
        (
            edit(INVENTORY, members=[{"name": "etcd1", "hosts": ["10.0.0.999"]}]),
            edit(INVENTORY, removed=["etcd9"]),
            [(f"{INVENTORY}: members[0].hosts[0]", "`10.0.0.999` is not an IP address or a host name")],
        ),
    ],
    "misspelt-field": [
        (
            request("alice", host=["10.0.0.1"]),
            request("alice", owner="team"),
            [(f"{ALICE}: host", "`host` is no field of a request; did you mean `hosts`?")],
        ),
    ],
    "weak-key": [
        (
            request("alice", key={"algo": "rsa", "size": 1024}),
            request("alice", key={"algo": "rsa", "size": 2048}),
            [(f"{ALICE}: key.size", "`rsa-1024` is weaker than `rsa-2048`")],
        ),
        (
            leaf("alice", key=certs.rsa_key(1024)),
            leaf("alice", key=certs.rsa_key(2048)),
            [("certs/alice.pem", "its key `rsa-1024` is weaker than `rsa-2048`")],
        ),
    ],
    "unfit-value": [
        (
            request("alice", key={"algo": "ecdsa", "size": 383}),
            request("alice", key={"algo": "ecdsa", "size": 521}),
            [(f"{ALICE}: key.size", "`383` is none of 256, 384, 521")],
        ),
        (
            request("alice", hosts="10.0.0.1"),
            request("alice", hosts=None),
            [(f"{ALICE}: hosts", '`"10.0.0.1"` is not a list […]')],
        ),
        (
            request("alice", CN=5),
            request("alice", CN="5"),
            [(f"{ALICE}: CN", "`5` is not text in quotes")],
        ),
    ],
    "bad-host": [
        (
            request("alice", hosts=["10.0.0.999", "https://a.example.com", "a@example.com"]),
            request("alice", hosts=["10.0.0.99", "*.example.com", "my_service", "fd00::1", "a.example.com."]),
            [
                (f"{ALICE}: hosts[0]", BAD_HOST),
                (f"{ALICE}: hosts[1]", "`https://a.example.com` is a URI, neither an IP address nor a host name"),
                (f"{ALICE}: hosts[2]", "`a@example.com` is an e-mail address, neither an IP address nor a host name"),
            ],
        ),
        (
            append("Makefile", EXTRA + LINE.format("-profile client -hostname=10.0.0.1/24", "b")),
            append("Makefile", EXTRA + LINE.format("-profile client -hostname=10.0.0.1", "b")),
            [
                (
                    "{line:-bare certs/b}",
                    "`10.0.0.1/24` is neither an IP address nor a DNS name: cfssl signs it as a DNS name",
                ),
            ],
        ),
    ],
    "empty-host": [
        (
            request("alice", hosts=[""]),
            request("alice", hosts=[]),
            [(f"{ALICE}: hosts[0]", "the host is empty: cfssl signs an empty DNS name")],
        ),
    ],
    "missing-address": [
        (
            request("csr", hosts=["localhost", "127.0.0.1"]),
            request("csr", hosts=["localhost", "127.0.0.1", "10.0.0.1", "10.0.0.2"]),
            [("config/req-csr.json: hosts", "`10.0.0.1` of member `etcd1` is missing")],
        ),
        (
            edit(INVENTORY, members=[{"name": "etcd1", "hosts": ["fd00:0::1"]}]),
            both(
                edit(INVENTORY, members=[{"name": "etcd1", "hosts": ["fd00:0::1"]}]),
                request("csr", hosts=["localhost", "fd00::1"]),
            ),
            [("config/req-csr.json: hosts", "`fd00:0::1` of member `etcd1` is missing")],
        ),
    ],
    "no-loopback": [
        (
            request("csr", hosts=["10.0.0.1"]),
            request("csr", hosts=["10.0.0.1", "::1"]),
            [("config/req-csr.json: hosts", "names neither `localhost` nor a loopback address")],
        ),
    ],
    "cn-empty": [
        (
            request("alice", CN=""),
            both(
                request("alice", CN=""),
                replace("Makefile", "req-alice certs/alice.pem: config/req-alice.json ; $(sign) client\n", ""),
                append("Makefile", EXTRA + LINE.format("-profile client -cn alice", "alice")),
            ),
            [(f"{ALICE}: CN", "the CN is empty")],
        ),
    ],
    "cn-too-long": [
        (
            request("alice", CN=LONG),
            request("alice", CN=LONG[:64]),
            [(f"{ALICE}: CN", "65 characters, 64 are allowed")],
        ),
    ],
    "cn-shared": [
        (
            request("bob", CN="alice"),
            request("bob", CN="Alice"),
            [("config/req-bob.json: CN", "`certs/bob.pem` and `certs/alice.pem` both have the CN `alice`")],
        ),
    ],
    "cn-of-members": [
        (
            request("alice", CN="etcd"),
            request("alice", CN="etcd1"),
            [(f"{ALICE}: CN", "user `alice` has the CN of the members, `etcd`")],
        ),
    ],
    "subject-of-ca": [
        (
            request("alice", CN="Autogenerated CA"),
            request("alice", CN="Autogenerated CA", names=[{"O": "somebody"}]),
            [(f"{ALICE}: CN", "the subject is the same as the CA's")],
        ),
        (
            leaf("alice", cn="Autogenerated CA"),
            leaf("alice", cn="Autogenerated"),
            [("certs/alice.pem", "its subject is that of `certs/ca.pem`")],
        ),
    ],
    "unknown-usage": [
        (
            profile("client", usages=["signing", "client-auth", "client auth"]),
            profile("client", usages=["digital signature", "client auth"]),
            [
                (
                    f"{CONFIG}: signing.profiles.client.usages",
                    "`client-auth` is no usage that cfssl knows; did you mean `client auth`?",
                ),
            ],
        ),
    ],
    "unknown-profile": [
        (
            replace("Makefile", "req-alice.json ; $(sign) client", "req-alice.json ; $(sign) cleint"),
            replace("Makefile", "req-alice.json ; $(sign) client", "req-alice.json ; $(sign)"),
            [
                (
                    "{line:req-alice certs}",
                    "`certs/alice.pem` asks for the profile `cleint`, which is unknown; did you mean `client`?",
                ),
            ],
        ),
    ],
    "default-without-usages": [
        (
            profile("default", usages=[]),
            both(
                profile("default", usages=[]),
                profile("server", usages=["signing", "server auth", "client auth"], expiry="8760h"),
                replace("Makefile", "req-csr.json ; $(sign)", "req-csr.json ; $(sign) server"),
                edit(INVENTORY, members=[{"name": "etcd1", "hosts": ["10.0.0.1"], "profile": "server"}]),
            ),
            [
                (
                    "{line:req-etcd1 certs}",
                    "`certs/etcd1.pem` is signed with the default profile, which grants no usages",
                ),
            ],
        ),
    ],
    "wrong-usages": [
        (
            profile("default", usages=["signing", "key encipherment", "server auth"]),
            profile("default", usages=["signing", "server auth", "client auth"]),
            [(f"{CONFIG}: signing.default.usages", "`client auth` is missing, which `etcd1` needs")],
        ),
        (member(usages=[SERVER]), member(usages=BOTH), [("certs/etcd1.pem", "it may not be used for `client auth`")]),
        (
            leaf("alice", usages=[SERVER]),
            leaf("alice", usages=[CLIENT]),
            [("certs/alice.pem", "it may not be used for `client auth`")],
        ),
    ],
    "negative-expiry": [
        (
            profile("default", expiry="-5h"),
            profile("default", expiry="5h"),
            [(f"{CONFIG}: signing.default.expiry", "`-5h` ends before it begins")],
        ),
    ],
    "expiry-unit": [
        (
            profile("default", expiry="365d"),
            profile("default", expiry="8760h0m"),
            [(f"{CONFIG}: signing.default.expiry", "`365d` is no duration to cfssl; did you mean `8760h`?")],
        ),
        (
            edit("config/ca-csr.json", ca={"expiry": "10y"}),
            edit("config/ca-csr.json", ca={"expiry": "87600h"}),
            [("config/ca-csr.json: ca.expiry", "`10y` is no duration to cfssl; did you mean `87600h`?")],
        ),
    ],
    "outlives-ca": [
        (
            profile("client", expiry="87600h"),
            profile("client", expiry="80000h"),
            [(f"{CONFIG}: signing.profiles.client.expiry", "what is signed now would outlive `certs/ca.pem`")],
        ),
        (
            both(remove("certs/ca.pem", "certs/ca-key.pem"), profile("client", expiry="87600h")),
            both(profile("client", expiry="8760h")),
            [(f"{CONFIG}: signing.profiles.client.expiry", "what is signed now would outlive `certs/ca.pem`")],
        ),
        (
            leaf("alice", life=11 * YEAR),
            leaf("alice", life=9 * YEAR),
            [("certs/alice.pem", "it ends after `certs/ca.pem`")],
        ),
    ],
    "short-lived-ca": [
        (
            edit("config/ca-csr.json", ca={"expiry": "8759h"}),
            edit("config/ca-csr.json", ca={"expiry": "8760h"}),
            [("config/ca-csr.json: ca.expiry", "`8759h` is less than a year")],
        ),
        (
            both(anew(life=300 * DAY), profile("default", expiry="24h"), profile("client", expiry="24h")),
            both(anew(life=400 * DAY), profile("default", expiry="24h"), profile("client", expiry="24h")),
            [("certs/ca.pem", "it lives for 7200h, less than a year")],
        ),
    ],
    "replaces-ca": [
        (
            append("Makefile", GUARDED.replace("-f certs/ca.pem", "-f config/ca-csr.json")),
            append("Makefile", GUARDED),
            [("{line:-initca}", "`make new-ca` replaces `certs/ca.pem` even if it is there")],
        ),
        (
            append("Makefile", CA_LINE),
            append("Makefile", GUARDED),
            [("{line:-initca}", "`make new-ca` replaces `certs/ca.pem` even if it is there")],
        ),
        (
            append("Makefile", GUARDED + PEER_CA),
            append("Makefile", GUARDED + PEER_CA.replace("\t$", "\ttest -f certs/peer-ca.pem || $")),
            [("{line:certs/peer-ca}", "`make peer-ca` replaces `certs/peer-ca.pem` even if it is there")],
        ),
        (
            append("Makefile", CA_LINE + PEER_CA),
            append("Makefile", GUARDED + PEER_CA.replace("peer-ca:", "certs/peer-ca.pem:")),
            [
                ("{line:-bare certs/ca}", "`make new-ca` replaces `certs/ca.pem` even if it is there"),
                ("{line:-bare certs/peer-ca}", "`make peer-ca` replaces `certs/peer-ca.pem` even if it is there"),
            ],
        ),
        (
            append("Makefile", "\nboth:" + GUARDED.partition(":")[2] + PEER_CA.partition(":\n")[2]),
            append("Makefile", GUARDED),
            [("{line:-bare certs/peer-ca}", "`make both` replaces `certs/peer-ca.pem` even if it is there")],
        ),
    ],
    "gone-component": [
        (
            edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}]),
            both(
                copy(ALICE, "config/req-carol.json"),
                request("carol", CN="carol"),
                append("Makefile", "\nreq-carol certs/carol.pem: config/req-carol.json ; $(sign) client\n"),
            ),
            [("{line:req-bob certs}", "`certs/bob.pem` belongs to `bob`, which the inventory does not have")],
        ),
        (
            both(
                remove(RENDERED, "config/req-bob.json"),
                edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}]),
            ),
            both(remove(RENDERED), edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}])),
            [("{line:req-bob certs}", "`certs/bob.pem` belongs to `bob`, which the inventory does not have")],
        ),
        (
            both(remove(RENDERED), edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}], removed=["bob"])),
            edit(INVENTORY, removed=["proxy1"]),
            [("{line:req-bob certs}", "`certs/bob.pem` belongs to `bob`, which the inventory does not have")],
        ),
    ],
    "missing-request": [
        (
            remove(ALICE),
            request("alice"),
            [("{line:req-alice certs}", f"`{ALICE}`, which `certs/alice.pem` is signed from, is missing")],
        ),
    ],
    "unused-request": [
        (
            remove("Makefile"),
            both(),
            [("Makefile", "is missing: nothing signs the requests in `config`")],
        ),
        (
            both(copy(ALICE, "config/req-carol.json"), request("carol", CN="carol")),
            both(
                copy(ALICE, "config/req-carol.json"),
                request("carol", CN="carol"),
                append("Makefile", "\nreq-carol certs/carol.pem: config/req-carol.json ; $(sign) client\n"),
            ),
            [("config/req-carol.json", "no target of the Makefile signs it")],
        ),
    ],
    "shared-request": [
        (
            both(
                append("Makefile", "\nreq-etcd2 certs/etcd2.pem: config/req-csr.json ; $(sign)\n"),
                append("Makefile", "req-etcd3 certs/etcd3.pem: config/req-csr.json ; $(sign)\n"),
            ),
            both(
                append("Makefile", "\nreq-etcd2 certs/etcd2.pem: config/req-csr.json ; $(sign)\n"),
                append("Makefile", "req-etcd3 certs/etcd3.pem: config/req-csr.json ; $(sign)\n"),
                edit(
                    INVENTORY,
                    members=[{"name": "etcd1", "hosts": ["10.0.0.1"]}, {"name": "etcd2", "hosts": ["localhost"]}],
                    proxies=[{"name": "etcd3", "hosts": []}],
                ),
            ),
            [("config/req-csr.json", "is signed for `etcd2`, `etcd3`")],
        ),
    ],
    "unset-variable": [
        (
            append("Makefile", EXTRA + LINE.format("-profile client", "${infra0}")),
            append(
                "Makefile",
                "\ninfra0 = new" + EXTRA + LINE.format("-profile client", "${infra0}"),
            ),
            [("{line:certs/${infra0}}", "writes `certs/.pem`: the variable that is to name it is not set")],
        ),
    ],
    "hard-coded-proxy": [
        (
            append("Makefile", "\nfetch:\n\tHTTPS_PROXY=127.0.0.1:12639 true\n"),
            append("Makefile", "\nfetch:\n\tHTTPS_PROXY=$(PROXY) true\n"),
            [("{line:HTTPS_PROXY}", "HTTPS_PROXY=127.0.0.1:12639 true")],
        ),
    ],
    "go-get": [
        (
            append("Makefile", "\nfetch:\n\tgo get -u github.com/cloudflare/cfssl/cmd/cfssl\n"),
            append("Makefile", "\nfetch:\n\tgo install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5\n"),
            [("{line:go get}", "go get -u github.com/cloudflare/cfssl/cmd/cfssl")],
        ),
    ],
    "another-makefile": [
        (text(name, "all:\n"), text("Makefile.old", "all:\n"), [(name, "make reads it instead of `Makefile`")])
        for name in ("GNUmakefile", "makefile")
    ],
    "not-understood": [
        (
            append("Makefile", EXTRA + "for i in a b; do cfssl gencert config/req-$$i.json; done\n"),
            append("Makefile", EXTRA + "for i in a b; do echo $$i; done\n"),
            [("{line:gencert config}", "more: `for i in a b; do cfssl gencert config/req-$i.json; done`")],
        ),
    ],
    "broken-certificate": [
        (
            text("certs/alice.pem", ""),
            remove("certs/alice.pem", "certs/alice-key.pem"),
            [("certs/alice.pem", "it is empty")],
        ),
    ],
    "wrong-ca": [
        (by_other_ca("alice"), leaf("alice"), [("certs/alice.pem", "it is not signed by `certs/ca.pem`")]),
    ],
    "wrong-key": [
        (
            copy("certs/bob-key.pem", "certs/alice-key.pem"),
            leaf("alice"),
            [("certs/alice-key.pem", "it is not the key of `certs/alice.pem`")],
        ),
        (
            copy("certs/bob-key.pem", "certs/ca-key.pem"),
            anew(),
            [("certs/ca-key.pem", "it is not the key of `certs/ca.pem`")],
        ),
    ],
    "missing-key": [
        (
            remove("certs/alice-key.pem"),
            remove("certs/alice-key.pem", "certs/alice.pem"),
            [("certs/alice.pem", "`certs/alice-key.pem` is missing")],
        ),
    ],
    "half-ca": [
        (
            remove("certs/ca-key.pem"),
            remove("certs/ca-key.pem", "certs/ca.pem"),
            [("certs/ca.pem", "`certs/ca-key.pem` is missing")],
        ),
    ],
    "ca-flag": [
        (anew(is_ca=False), anew(), [("certs/ca.pem", "it is not marked as a CA (basic constraints)")]),
        (
            leaf("alice", is_ca=True),
            leaf("alice", is_ca=False),
            [("certs/alice.pem", "it is marked as a CA (basic constraints)")],
        ),
    ],
    "expired": [
        (
            leaf("alice", begin=NOW - YEAR),
            leaf("alice", begin=NOW - YEAR + 31 * DAY),
            [("certs/alice.pem", f"it ended {NOW:%Y-%m-%d %H:%M} UTC")],
        ),
        (
            leaf("alice", begin=NOW + DAY),
            leaf("alice", begin=NOW),
            [("certs/alice.pem", f"it is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC")],
        ),
    ],
    "expiring": [
        (
            leaf("alice", begin=NOW - YEAR + 30 * DAY),
            leaf("alice", begin=NOW - YEAR + 30 * DAY + timedelta(hours=1)),
            [("certs/alice.pem", f"it ends {NOW + 30 * DAY:%Y-%m-%d %H:%M} UTC")],
        ),
    ],
    "key-mode": [
        (
            mode("certs/alice-key.pem", 0o640),
            mode("certs/alice-key.pem", 0o400),
            [("certs/alice-key.pem", "its mode is 0640, wider than 0600")],
        ),
        (
            both(copy("certs/alice-key.pem", "certs/alice.key"), mode("certs/alice.key", 0o604)),
            both(copy("certs/alice-key.pem", "certs/alice.key"), mode("certs/alice.key", 0o600)),
            [("certs/alice.key", "its mode is 0604, wider than 0600")],
        ),
        (
            both(joined("certs/alice.pem", "certs/alice-key.pem"), mode("certs/alice.pem", 0o644)),
            text("certs/notes", "-----BEGIN PRIVATE KEY-----\n"),
            [("certs/alice.pem", "its mode is 0644, wider than 0600")],
        ),
    ],
    "certs-mode": [
        (mode("certs", 0o750), mode("certs", 0o700), [("certs", "its mode is 0750, wider than 0700")]),
    ],
    "tracked-by-git": [
        (git("certs/alice-key.pem"), git("config", "Makefile"), [("certs/alice-key.pem", "git tracks it")]),
        (git("certs/alice.csr"), git("README.md"), [("certs/alice.csr", "git tracks it")]),
    ],
    "crl-not-der": [
        (crl("PEM"), crl("DER"), [("certs/ca.crl", "it is no CRL in DER")]),
        (crl("PEM", "certs/crl.pem"), crl("DER", "certs/crl.pem"), [("certs/crl.pem", "it is a CRL in PEM")]),
        (crl("PEM", "revoked"), crl("DER", "revoked"), [("revoked", "it is a CRL in PEM")]),
        (
            both(crl("PEM", "certs/r.txt"), prepend("certs/r.txt", "Version 2 (0x1)\n")),
            text("certs/notes.txt", "-----BEGIN X509 CRL-----\nhow it begins\n-----END X509 CRL-----\n"),
            [("certs/r.txt", "it is a CRL in PEM")],
        ),
        (text("certs/ca.crl", "MIIB"), crl("DER"), [("certs/ca.crl", "it is no CRL in DER")]),
        (lambda folder: (folder / "x.crl").mkdir(), crl("DER"), [("x.crl", "it is no CRL in DER")]),
    ],
    "unknown-rule": [
        (
            ignoring(emty_host="a typo"),
            ignoring(empty_host="cfssl is told so"),
            [(f"{INVENTORY}: ignore.emty-host", "there is no rule `emty-host`; did you mean `empty-host`?")],
        ),
    ],
}
ELSEWHERE = {"ed25519-unsupported"}
WARNINGS = {
    *("no-loopback", "ed25519-unsupported", "short-lived-ca", "hard-coded-proxy", "go-get"),
    *("shared-request", "not-understood", "half-ca", "expiring", "unknown-rule"),
}
CASES = [
    pytest.param(rule, *case, id=f"{rule}-{number}")
    for rule, cases in PAIRS.items()
    for number, case in enumerate(cases)
]


def placed(folder: Path, where: str) -> str:
    line = re.fullmatch(r"\{line:(.*)\}", where)
    return makefile_line(folder, line[1]) if line else where.replace("{0}", str(folder))


@pytest.mark.parametrize(("rule", "fails", "passes", "expected"), CASES)
def test_each_rule_finds_its_fault_and_nothing_else(
    sound: Path, rule: str, fails: Change, passes: Change, expected: list[tuple[str, str]]
) -> None:
    good = shutil.copytree(sound, sound.with_name("good"))
    if rule == "tracked-by-git" and not shutil.which("git"):
        pytest.skip("not installed: git")
    if rule == "tracked-by-git":
        for folder in (good, sound):
            (folder / "certs/alice.csr").write_text("a CSR")
    passes(good)
    assert [each for each in found(good) if each[1] == rule] == []
    fails(sound)
    level = "warning" if rule in WARNINGS else "error"
    assert [each for each in found(sound) if each[1] == rule] == [
        (level, rule, placed(sound, where), placed(sound, message)) for where, message in expected
    ]


def test_every_rule_has_its_pair() -> None:
    assert set(checks.IDS) == PAIRS.keys() | ELSEWHERE
    assert len(set(checks.IDS)) == len(checks.IDS)


def test_every_rule_says_what_it_asks_for_and_why_and_what_to_do() -> None:
    for rule in checks.RULES:
        assert rule.level == ("warning" if rule.id in WARNINGS else "error")
        assert rule.__doc__
        assert rule.__doc__.endswith(".")
        assert rule.pain
        assert rule.fix
        assert not rule.pain.endswith(".")
        assert not rule.fix.endswith(".")


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        (request("alice", CN=["alice"]), f"{ALICE}: CN", '`["alice"]` is not text in quotes'),
        (request("csr", hosts={}), "config/req-csr.json: hosts", "`{}` is not a list […]"),
        (profile("default", usages="any"), f"{CONFIG}: signing.default.usages", '`"any"` is not a list […]'),
        (profile("client", usages="any"), f"{CONFIG}: signing.profiles.client.usages", '`"any"` is not a list […]'),
        (profile("client", expiry=5), f"{CONFIG}: signing.profiles.client.expiry", "`5` is not text in quotes"),
        (signing(default=[]), f"{CONFIG}: signing.default", "`[]` is not an object {…}"),
        (signing(profiles={"client": []}), f"{CONFIG}: signing.profiles.client", "`[]` is not an object {…}"),
        (signing(profiles={"client": None}), f"{CONFIG}: signing.profiles.client", "`null` is not an object {…}"),
        (signing(profiles=[]), f"{CONFIG}: signing.profiles", "`[]` is not an object {…}"),
    ],
)
def test_of_a_value_of_a_wrong_type_no_more_is_told_than_that(
    sound: Path, change: Change, where: str, message: str
) -> None:
    change(sound)
    assert found(sound) == [("error", "unfit-value", where, message)]


@pytest.mark.needs("cfssl")
def test_ed25519_is_told_where_the_cfssl_found_can_t_sign_it(sound: Path) -> None:
    request("alice", key={"algo": "ed25519", "size": 0})(sound)
    able = run("cfssl", "genkey", str(sound / ALICE)).returncode == 0
    fault = ("warning", "ed25519-unsupported", f"{ALICE}: key.algo", "the cfssl on the PATH can't make `ed25519` keys")
    assert found(sound) == ([] if able else [fault])


def test_ed25519_is_fine_without_cfssl(sound: Path, path_without: Callable[..., str]) -> None:
    request("alice", key={"algo": "ed25519", "size": 0})(sound)
    done = run(str(BIN / "tls-scaffold"), "-C", str(sound), "check", PATH=path_without("cfssl"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_ed25519_is_not_held_against_a_cfssl_that_does_not_run(
    sound: Path, tmp_path: Path, path_without: Callable[..., str]
) -> None:
    request("alice", key={"algo": "ed25519", "size": 0})(sound)
    (tmp_path / "cfssl").write_bytes(NOISE)
    (tmp_path / "cfssl").chmod(0o755)
    done = run(str(BIN / "tls-scaffold"), "-C", str(sound), "check", PATH=f"{tmp_path}:{path_without('cfssl')}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_without_git_nothing_is_tracked(sound: Path, path_without: Callable[..., str]) -> None:
    if shutil.which("git"):
        git("certs")(sound)
    done = run(str(BIN / "tls-scaffold"), "-C", str(sound), "check", PATH=path_without("git"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_a_target_that_a_team_added_is_no_gone_component_whatever_the_inventory_says(sound: Path) -> None:
    copy(ALICE, "config/req-carol.json")(sound)
    request("carol", CN="carol")(sound)
    append("Makefile", "\nreq-carol certs/carol.pem: config/req-carol.json ; $(sign) client\n")(sound)
    replace(
        "Makefile", "\n\n$(certificates) $(requests)", f"\n\t{LINE.format('-profile client', 'dave')}\n$(certificates)"
    )(sound)
    edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}])(sound)
    gone = [(where, message) for _, rule, where, message in found(sound) if rule == "gone-component"]
    message = "`certs/bob.pem` belongs to `bob`, which the inventory does not have"
    assert gone == [(makefile_line(sound, "req-bob certs"), message)]
    assert tls_scaffold("-C", str(sound), "sync").returncode == 0
    assert [each for each in found(sound) if each[1] == "gone-component"] == []
    kept = (sound / "Makefile").read_text()
    assert ("req-carol" in kept, "certs/dave" in kept, "req-bob" in kept) == (True, True, False)


@pytest.mark.parametrize(
    ("change", "rule", "message"),
    [
        (leaf("left", begin=NOW - YEAR), "expired", f"it ended {NOW:%Y-%m-%d %H:%M} UTC"),
        (leaf("left", begin=NOW + DAY), "expired", f"it is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC"),
        (leaf("left", life=9 * DAY), "expiring", f"it ends {NOW + 8 * DAY:%Y-%m-%d %H:%M} UTC"),
        (leaf("left", key=certs.rsa_key(1024)), "weak-key", "its key `rsa-1024` is weaker than `rsa-2048`"),
        (by_other_ca("left"), "wrong-ca", "it is not signed by `certs/ca.pem`"),
    ],
)
def test_of_a_certificate_that_nothing_asks_for_the_same_is_told_as_a_warning(
    sound: Path, change: Change, rule: str, message: str
) -> None:
    leaf("sound")(sound)
    other_ca(sound)
    assert found(sound) == []
    change(sound)
    (finding,) = check(sound, datetime.now(timezone.utc)).findings
    assert (finding.level, finding.id, finding.where, finding.message) == ("warning", rule, "certs/left.pem", message)
    assert finding.fix == "take it away if nobody uses it: no target that is understood here signs it again"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (mode("certs/left-key.pem", 0o644), "key-mode"),
        (copy("certs/bob-key.pem", "certs/left-key.pem"), "wrong-key"),
    ],
)
def test_a_key_of_a_certificate_that_nothing_asks_for_is_as_secret_as_any(
    sound: Path, change: Change, rule: str
) -> None:
    leaf("left")(sound)
    change(sound)
    assert [each[:3] for each in found(sound)] == [("error", rule, "certs/left-key.pem")]


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"{", b'{"Makefile": "x"}'])
def test_a_record_of_the_last_render_that_is_damaged_tells_nothing(sound: Path, content: bytes) -> None:
    text(RENDERED, content)(sound)
    edit(INVENTORY, users=[{"name": "alice", "cn": "alice"}])(sound)
    assert found(sound) == []


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize("words", [(), (*CLUSTER, "--separate-requests"), ("--members", "a.example.com,fd00::1")])
def test_a_fresh_folder_has_no_finding_before_and_after_make(
    folder: Factory, signed: Factory, words: tuple[str, ...]
) -> None:
    for path in (folder(*words, name="fresh"), signed(*words, name="made")):
        done = tls_scaffold("-C", str(path), "check")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_findings_stand_by_file_with_level_place_rule_and_fix(sound: Path) -> None:
    mode("certs", 0o755)(sound)
    request("alice", hosts=["", "10.0.0.999"])(sound)
    append("Makefile", "\nfetch:\n\tgo get example.com/x\n")(sound)
    line = makefile_line(sound, "go get")
    done = invoke("-C", str(sound), "check")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"warning: {line}: go get example.com/x [go-get]",
        "  fix: `go install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5`, and the same for `cfssljson`",
        "error: certs: its mode is 0755, wider than 0700 [certs-mode]",
        "  fix: `chmod 700` of the directory",
        f"error: {ALICE}: hosts[1]: {BAD_HOST} [bad-host]",
        "  fix: write the address or the name alone, without scheme, port, network or blanks",
        f"error: {ALICE}: hosts[0]: the host is empty: cfssl signs an empty DNS name [empty-host]",
        '  fix: write `"hosts": []` for a user',
    ]
    assert done.stderr == (
        "3 errors, 1 warning\n\nhint: `tls-scaffold check --explain ID` says more about the rule in brackets\n"
    )


@pytest.mark.parametrize("content", ["[]", "5", "null"])
def test_a_configuration_without_an_object_to_sign_by_is_told_once(sound: Path, content: str) -> None:
    text(CONFIG, f'{{"signing": {content}}}')(sound)
    what = "`signing` is missing" if content == "null" else f"signing: `{content}` is not an object {{…}}"
    assert found(sound) == [("error", "unreadable", CONFIG, f"`{CONFIG}` can't be used: {what}")]


def test_nothing_is_said_to_be_shared_where_an_inventory_can_t_be_read(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--proxies", "0")
    text(INVENTORY, "{")(path)
    assert {rule for _, rule, _, _ in found(path)} == {"broken-inventory"}


def test_warnings_alone_exit_with_0(sound: Path) -> None:
    append("Makefile", "\nfetch:\n\tgo get example.com/x\n")(sound)
    done = invoke("-C", str(sound), "check")
    assert done.exit_code == 0
    assert done.stderr.startswith("1 warning\n")


def test_json_holds_the_documented_fields(sound: Path) -> None:
    mode("certs", 0o755)(sound)
    done = invoke("-C", str(sound), "check", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "version": 1,
        "findings": [
            {
                "id": "certs-mode",
                "level": "error",
                "where": "certs",
                "message": "its mode is 0755, wider than 0700",
                "fix": "`chmod 700` of the directory",
            }
        ],
    }
    assert done.stderr == ""


def test_sarif_places_each_finding_and_describes_each_rule(sound: Path) -> None:
    text(ALICE, "{\n 1}")(sound)
    request("bob", CN="")(sound)
    done = invoke("-C", str(sound), "check", "--sarif")
    log = json.loads(done.stdout)
    (sarif_run,) = log["runs"]
    rules = sarif_run["tool"]["driver"]["rules"]
    assert (log["version"], sarif_run["tool"]["driver"]["name"], done.exit_code) == ("2.1.0", "tls-scaffold", 1)
    assert tuple(rule["id"] for rule in rules) == checks.IDS
    empty = next(rule for rule in rules if rule["id"] == "empty-host")
    assert empty == {
        "id": "empty-host",
        "shortDescription": {"text": "No host of a request is empty."},
        "fullDescription": {
            "text": 'No host of a request is empty. Otherwise: cfssl signs `"hosts": [""]` as an empty DNS name, '
            "and Go 1.25.2 refuses such a certificate"
        },
        "help": {"text": 'write `"hosts": []` for a user'},
        "defaultConfiguration": {"level": "error"},
    }
    assert [(each["ruleId"], each["level"], each["locations"]) for each in sarif_run["results"]] == [
        (
            "unreadable",
            "error",
            [{"physicalLocation": {"artifactLocation": {"uri": ALICE}, "region": {"startLine": 2, "startColumn": 2}}}],
        ),
        (
            "cn-empty",
            "error",
            [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "config/req-bob.json"},
                        "region": {"startLine": 1},
                    },
                    "logicalLocations": [{"fullyQualifiedName": "CN"}],
                }
            ],
        ),
    ]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in sarif_run["results"])


def test_a_rule_that_is_switched_off_with_a_reason_finds_nothing(sound: Path) -> None:
    mode("certs", 0o755)(sound)
    ignoring(certs_mode="the folder lies on an encrypted stick")(sound)
    assert found(sound) == []
    ignoring(certs_mode=" ")(sound)
    assert [(rule, where) for _, rule, where, _ in found(sound)] == [
        ("certs-mode", "certs"),
        ("broken-inventory", f"{INVENTORY}: ignore.certs-mode"),
    ]


def test_a_rule_that_is_switched_off_does_not_come_back_in_other_words(sound: Path) -> None:
    request("alice", key={"algo": "rsa", "size": 1024})(sound)
    ignoring(weak_key="a museum")(sound)
    assert found(sound) == []


def test_a_rule_is_explained() -> None:
    done = invoke("check", "--explain", "cn-of-members")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "cn-of-members (error)\n\n"
        "No user has the CN of the members.\n\n"
        "pain: etcd's gateway acts with the members' certificate: whoever reaches it is that user (CVE-2018-16886)\n"
        "fix: give the user another CN, in its request and in etcd\n"
    )


def test_a_rule_that_does_not_exist_is_a_usage_error_with_all_that_do() -> None:
    done = invoke("check", "--explain", "empty-hosts")
    assert done.exit_code == 2
    first, *listed = done.stderr.splitlines()
    assert first == "error: there is no rule `empty-hosts`; did you mean `empty-host`?"
    assert listed == [f"  `{rule}`" for rule in checks.IDS]
    assert "did you mean" not in invoke("check", "--explain", "0").stderr


def test_json_and_sarif_together_are_a_usage_error(tmp_path: Path) -> None:
    assert invoke("-C", str(tmp_path), "check", "--json", "--sarif").exit_code == 2


def test_a_folder_with_nothing_to_look_at_is_refused(tmp_path: Path) -> None:
    done = invoke("-C", str(tmp_path), "check")
    assert done.exit_code == 1
    assert "has no Makefile, no `config` and no `certs`" in done.stderr


CA_AGAIN = ("error", "replaces-ca", "Makefile:15", "`make ca` replaces `certs/ca.pem` even if it is there")
GO_GET = [
    ("warning", "go-get", "Makefile:9", "go get -u -tags nopkcs11 github.com/cloudflare/cfssl/cmd/cfssl"),
    ("warning", "go-get", "Makefile:10", "go get -u github.com/cloudflare/cfssl/cmd/cfssljson"),
    ("warning", "go-get", "Makefile:11", "go get -u github.com/mattn/goreman"),
]
PROXY = "HTTPS_PROXY=127.0.0.1:12639 "
OPEN_CERTS = ("error", "certs-mode", "certs", "its mode is 0755, wider than 0700")
SHARED = ("warning", "shared-request", "config/req-csr.json", "is signed for `etcd1`, `etcd2`, `etcd3`, `proxy1`")
OUTLIVES = "what is signed now would outlive `certs/ca.pem`"
EMPTY = "the host is empty: cfssl signs an empty DNS name"
AS_THEY_ARE = {
    "2015": [CA_AGAIN, *GO_GET, OPEN_CERTS, SHARED],
    "calico": [
        *(CA_AGAIN, *GO_GET, OPEN_CERTS),
        ("error", "empty-host", "config/req-calico.json: hosts[0]", EMPTY),
        SHARED,
        ("error", "empty-host", "config/req-kube-apiserver.json: hosts[0]", EMPTY),
    ],
    "today": [
        CA_AGAIN,
        *(
            (
                "error",
                "unset-variable",
                f"Makefile:{line}",
                f"writes `certs/{prefix}.pem`: the variable that is to name it is not set",
            )
            for prefix, lines in (("", (22, 28, 34)), ("peer-", (40, 46, 52)))
            for line in lines
        ),
        *(("warning", "hard-coded-proxy", where, PROXY + what) for _, _, where, what in GO_GET),
        *(("warning", "go-get", where, PROXY + what) for _, _, where, what in GO_GET),
        OPEN_CERTS,
        ("error", "outlives-ca", f"{CONFIG}: signing.default.expiry", OUTLIVES),
        ("warning", "shared-request", "config/req-csr.json", "is signed for `certs/.pem`, `peer-`"),
    ],
}


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_folders_of_the_field_have_their_known_faults_and_no_others(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shutil.copytree(FOREIGN / name, folder)
    faults = [fault for fault in AS_THEY_ARE[name] if fault != OPEN_CERTS]
    assert found(folder) == faults
    for variable in ("infra0", "infra1", "infra2"):
        assert variable not in run("env").stdout
    make(folder, "ca", "req", umask=0o022)
    (folder / "certs").chmod(0o755)
    before = contents(folder)
    assert found(folder) == AS_THEY_ARE[name]
    assert contents(folder) == before


@pytest.mark.parametrize("name", sorted(path.name for path in FOREIGN.iterdir() if path.is_dir()))
def test_every_variant_of_the_field_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shutil.copytree(FOREIGN / name, folder)
    rules = {rule for _, rule, _, _ in found(folder)}
    assert not rules & {"unreadable", "not-understood", "missing-request", "unused-request", "unfit-value"}


def test_an_archived_set_is_checked_without_its_makefile(sound: Path) -> None:
    archive = sound / "archive/20261123T195500Z"
    archive.mkdir(parents=True)
    shutil.copytree(sound / "certs", archive / "certs")
    shutil.copytree(sound / "config", archive / "config")
    (archive / "certs").chmod(0o700)
    assert found(archive) == []
    certs.leaf(archive, "alice", begin=NOW - YEAR)
    assert [(rule, where) for _, rule, where, _ in found(archive)] == [("expired", "certs/alice.pem")]


PLACES = [
    *("Makefile", "sign.sh", INVENTORY, "config/ca-csr.json", CONFIG, "config/req-csr.json", ALICE),
    *("certs/ca.pem", "certs/ca-key.pem", "certs/alice.pem", "certs/alice-key.pem", "config", "certs"),
]
NOISE = bytes(range(256)) * 8


def cut(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


def swap(make_other: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make_other(path)

    return change


BREAKAGES: dict[str, Callable[[Path], None]] = {
    "gone": swap(lambda _: None),
    "empty": swap(Path.touch),
    "cut": lambda path: None if path.is_dir() else cut(path),
    "noise": swap(lambda path: path.write_bytes(NOISE)),
    "null": swap(lambda path: path.write_text("null")),
    "list": swap(lambda path: path.write_text("[]")),
    "numbers": swap(lambda path: path.write_text('{"CN": 1, "hosts": {"a": 2}, "key": [], "names": 3, "signing": 4}')),
    "deep": swap(lambda path: path.write_text("[" * 100_000)),
    "directory": swap(Path.mkdir),
    "loop": swap(lambda path: path.symlink_to(path.name)),
    "device": swap(lambda path: path.symlink_to("/dev/zero")),
    "bad-pem": swap(
        lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nMIIBnoise\n-----END CERTIFICATE-----\n")
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_no_breakage_of_any_file_ends_in_a_traceback(sound: Path, breakage: str) -> None:
    for number, place in enumerate(PLACES):
        folder = shutil.copytree(sound, sound.with_name(f"broken{number}"))
        BREAKAGES[breakage](folder / place)
        for command in ("status", "check"):
            done = invoke("-C", str(folder), command, "--json")
            assert isinstance(done.exception, SystemExit | None), (place, command, done.exc_info)
            assert done.exit_code in (0, 1), (place, command)
            assert done.stderr.startswith("error: ") if not done.stdout else json.loads(done.stdout), (place, command)


def test_no_bit_that_flips_in_a_certificate_ends_in_a_traceback(sound: Path) -> None:
    from base64 import b64decode, b64encode
    from random import Random

    random = Random(5)  # noqa: S311 - the same flips in every run
    path = sound / "certs/alice.pem"
    der = bytearray(b64decode("".join(path.read_text().splitlines()[1:-1])))
    for _ in range(150):
        broken = bytearray(der)
        for _ in range(random.randint(1, 4)):
            broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
        body = b64encode(broken[: random.choice((len(broken), random.randrange(len(broken))))]).decode()
        path.write_text(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        for _, rule, where, _ in found(sound):
            assert where == "certs/alice.pem" or rule == "wrong-key"


def test_a_pipe_in_place_of_a_file_is_not_waited_for(sound: Path) -> None:
    import os

    for place in (ALICE, "certs/alice.pem", "certs/alice-key.pem"):
        (sound / place).unlink()
        os.mkfifo(sound / place, 0o600)
    assert [(rule, where) for _, rule, where, _ in found(sound)] == [
        ("broken-certificate", "certs/alice.pem"),
        ("unreadable", ALICE),
    ]


@pytest.mark.parametrize("path", ["certs", "config", "Makefile", INVENTORY, ALICE, "certs/alice-key.pem", "."])
def test_what_can_t_be_read_is_told_without_a_traceback(sound: Path, path: str) -> None:
    with as_somebody(sound) as folder:
        (folder / path).chmod(0)
        done = invoke("-C", str(folder), "check")
        (folder / path).chmod(0o700)
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 1
    assert "ermission denied" in done.output


def test_ten_thousand_components_are_read_and_checked(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", ",".join(f"u{each}" for each in range(10_000)))
    request("u7", hosts=[""])(path)
    remove("config/req-u8.json")(path)
    assert [(rule, where) for _, rule, where, _ in found(path)] == [
        ("missing-request", makefile_line(path, "req-u8 certs")),
        ("empty-host", "config/req-u7.json: hosts[0]"),
    ]
    rows = json.loads(invoke("-C", str(path), "status", "--json").stdout)["components"]
    assert (len(rows), {each["state"] for each in rows}) == (10_002, {"missing"})


def test_another_server_that_the_inventory_does_not_list_needs_no_loopback(sound: Path) -> None:
    (sound / "config/req-web.json").write_text(
        (sound / "config/req-csr.json")
        .read_text()
        .replace('"etcd"', '"web"')
        .replace("localhost", "web.example.com")
        .replace("127.0.0.1", "10.9.9.9")
    )
    append("Makefile", "\nreq-web certs/web.pem: config/req-web.json ; $(sign)\n")(sound)
    certs.leaf(sound, "web", hosts=("web.example.com", "10.9.9.9", "10.0.0.1"), usages=BOTH)
    assert [each for each in found(sound) if each[1] == "no-loopback"] == []


def test_a_makefile_of_another_name_is_a_makefile(sound: Path) -> None:
    (sound / "Makefile").rename(sound / "makefile")
    assert [each for each in found(sound) if each[1] == "unused-request"] == []

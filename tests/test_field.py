"""Folders as people have them: after `adopt` and `sync` certificates are what they would have been.

What the old Makefile signs with cfssl is compared, field by field, with what the adopted folder
signs. The patterns are those that public projects have.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keeping import edit, kept, kept_contents
from peers import build as peers
from support import PROGRAMS, contents, make

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson")

FIELD = Path(__file__).parent / "fixtures/field"
NEWEST = peers.folder("cfssl")
CAS = {"aliases": "ca", "conditions": "pki/ca", "elsewhere": "ssl/authority/root"}
# Each pattern with what its certificates are taken for.
PATTERNS = {
    "aliases": {"server": "member", "client": "user"},
    "beside-certificates": {"m1": "member", "m2": "member", "root": "user"},
    "conditions": {"etcd-0": "member", "etcd-1": "member", "root": "user"},
    "elsewhere": {"sso": "member", "api": "member"},
    "kubernetes-users": {
        "etcd-1": "member",
        "etcd-2": "member",
        "admin": "user",
        "worker-1": "user",
    },
    "loopback": {"web": "member", "bob": "user"},
    "users-alone": {"bob": "user", "eve": "user"},
    "users-beside-req": {
        "etcd1": "member",
        "etcd2": "member",
        "calico": "user",
        "felix": "user",
    },
}
EMPTY_HOST = "users-beside-req"


@dataclass(frozen=True)
class Facts:
    """What a certificate says, but for its key, its serial number and when it was signed."""

    subject: bytes
    issuer: bytes
    extensions: dict[str, tuple[bool, bytes]]
    key: str
    minutes: int


@pytest.fixture(autouse=True)
def _no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPATH", "/nonexistent")


def field_folder(pattern: str, tmp_path: Path, programs: str = PROGRAMS) -> Path:
    """Return a copy of a pattern in which its own Makefile has signed everything."""
    path = Path(shutil.copytree(FIELD / pattern, tmp_path / "old"))
    make(path, PATH=programs)
    return path


def facts(folder: Path, pattern: str) -> dict[str, Facts]:
    """Return what each leaf of a folder says, by its path."""
    others = {f"{CAS.get(pattern, 'certs/ca')}.pem", "certs/ca.pem", "certs/trust.pem"}
    found = {}
    for path in sorted(folder.rglob("*.pem")):
        name = str(path.relative_to(folder))
        is_leaf = not name.endswith("-key.pem") and name not in others
        if is_leaf and name.split("/", maxsplit=1)[0] not in ("archive", "issued"):
            found[name] = facts_of(path)
    return found


def facts_of(path: Path) -> Facts:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
    # These two name keys, which are new.
    by_key = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return Facts(
        certificate.subject.public_bytes(),
        certificate.issuer.public_bytes(),
        {
            each.oid.dotted_string: (each.critical, each.value.public_bytes())
            for each in certificate.extensions
            if not isinstance(each.value, by_key)
        },
        f"{type(key).__name__} {key.key_size}",
        round(life.total_seconds() / 60),
    )


def states(folder: Path, code: int) -> dict[str, tuple[str, ...]]:
    """Return what `status` says of each certificate that is no CA's."""
    rows = json.loads(kept(folder, "status", "--json", code=code).stdout)["components"]
    return {
        row["name"]: (row["cn"], row["not_after"], row["state"])
        for row in rows
        if row["kind"] != "ca"
    }


def expiring(pattern: str) -> int:
    """Return the exit code of `status`: some patterns have lives of less than a month."""
    return 5 if pattern in ("loopback", "users-alone") else 0


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_after_adopt_and_sync_a_folder_is_what_it_was_and_signs_what_it_would_have_signed(
    pattern: str, tmp_path: Path
) -> None:
    path = field_folder(pattern, tmp_path)
    before, files, told = facts(path, pattern), contents(path), states(path, expiring(pattern))

    document = json.loads(kept(path, "adopt", "--json").stdout)
    assert {each["name"]: each["kind"] for each in document["taken"][1:]} == PATTERNS[pattern]
    assert all(each["is_there"] for each in document["taken"])
    kept(path, "sync")

    assert states(path, expiring(pattern)) == told
    make(path, SIGNER="cfssl")
    after = contents(path)
    signed = [name for name in files if name.endswith((".pem", ".csr"))]
    assert {name: after[name] for name in signed} == {name: files[name] for name in signed}
    for name in files.keys() & after.keys():
        if name.endswith(".json"):
            assert json.loads(after[name]) == json.loads(files[name])

    make(path, "req", SIGNER="cfssl")
    assert facts(path, pattern) == before
    assert all(contents(path)[name] != files[name] for name in before)


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PROGRAMS, "tls-scaffold"),
        pytest.param(
            f"{NEWEST}:{PROGRAMS}",
            "cfssl",
            marks=pytest.mark.needs("cfssl", "cfssljson", within=str(NEWEST)),
        ),
        pytest.param(
            f"{NEWEST}:{PROGRAMS}",
            "tls-scaffold",
            marks=pytest.mark.needs("cfssl", "cfssljson", within=str(NEWEST)),
        ),
    ],
    ids=["1.2.0-own", "1.6.5-1.6.5", "1.6.5-own"],
)
@pytest.mark.long
def test_all_signers_sign_the_same_before_and_after(
    pattern: str, old: str, new: str, tmp_path: Path
) -> None:
    path = field_folder(pattern, tmp_path, old)
    before = facts(path, pattern)
    kept(path, "adopt")
    kept(path, "sync")
    if pattern == EMPTY_HOST and new != "cfssl":
        # An empty DNS name is what Go 1.25.2 refuses: the own signer names it and signs nothing.
        make(path, "req", code=2, SIGNER=new, PATH=old)
        return
    make(path, "req", SIGNER=new, PATH=old)
    assert facts(path, pattern) == before


def test_later_commands_change_no_other_certificate(tmp_path: Path) -> None:
    pattern = "kubernetes-users"
    path = field_folder(pattern, tmp_path)
    before = facts(path, pattern)
    kept(path, "adopt")
    kept(path, "sync")
    kept(path, "add", "--user", "zed", "--member", "etcd-3=10.0.0.3")
    files = kept_contents(path / "certs")
    make(path, SIGNER="cfssl")
    third = facts_of(path / "certs/etcd-3.pem")
    assert third.extensions.keys() == before["certs/etcd-1.pem"].extensions.keys()
    kept(path, "remove", "zed", "etcd-3")
    make(path, SIGNER="cfssl")
    after = kept_contents(path / "certs")
    assert {name: after[name] for name in files} == files
    make(path, "regenerate", SIGNER="cfssl")
    renewed = facts(path, pattern)
    for name, old in before.items():
        new = renewed[name]
        assert (new.subject, new.extensions, new.key) == (old.subject, old.extensions, old.key)
        assert new.minutes == old.minutes


def test_a_teams_own_targets_find_the_ca_where_it_was_and_it_is_never_written_over(
    tmp_path: Path,
) -> None:
    path = Path(shutil.copytree(FIELD / "aliases", tmp_path / "old"))
    kept(path, "adopt")
    kept(path, "sync")
    make(path, "initca", SIGNER="cfssl")
    make(path, "deploy", "show", SIGNER="cfssl")
    own = (path / "certs/ca.pem").read_bytes()
    assert (path / "ca.pem").read_bytes() == own
    assert (path / "deployed.txt").read_bytes() == own + (path / "server.pem").read_bytes()

    (path / "ca.pem").write_bytes(b"another CA's")
    done = make(path, "deploy", code=2, SIGNER="cfssl")
    assert "error: ca.pem is not certs/ca.pem: move it away" in done.stderr
    assert (path / "ca.pem").read_bytes() == b"another CA's"


def test_nothing_waits_for_targets_that_fetch_cfssl(tmp_path: Path) -> None:
    path = field_folder("users-beside-req", tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    assert "command -v cfssljson" not in make(path, "-n", SIGNER="cfssl").stdout
    assert "command -v cfssljson" in make(path, "-n", "cfssljson", SIGNER="cfssl").stdout


def test_a_folder_of_users_alone_says_what_it_can_not_do(tmp_path: Path) -> None:
    path = field_folder("users-alone", tmp_path)
    assert "members: none" in kept(path, "adopt").stderr
    kept(path, "sync")
    kept(path, "sync", "--check")
    assert "clients are to find every member" in kept(path, "bundle", code=1).stderr
    assert "runs with the certificates of members" in kept(path, "prove", code=1).stderr
    kept(path, "check", code=1)
    kept(path, "add", "--user", "zed")
    kept(path, "remove", "zed")
    assert "None: this folder has" in (path / "COMPONENTS.md").read_text()
    gone = kept(path, "remove", "bob", "eve", code=1).stderr
    assert "members: there are none: a cluster has at least one" in gone


def test_the_way_to_a_folder_each_for_several_cas_is_one_that_can_be_gone(tmp_path: Path) -> None:
    path = Path(shutil.copytree(FIELD / "elsewhere", tmp_path / "old"))
    authority = "cfssl gencert -initca config/ca-csr.json | cfssljson -bare kube/ca"
    leaf = "cfssl gencert -ca kube/ca.pem -ca-key kube/ca-key.pem config/api.json"
    mine = (path / "Makefile").read_text()
    other = f"kube:\n\tmkdir -p kube\n\t{authority}\n\t{leaf} | cfssljson -bare kube/api\n"
    (path / "Makefile").write_text(f"{mine}\n{other}")
    make(path, "all", "kube")
    before = kept_contents(path)
    said = kept(path, "adopt", code=1).stderr
    assert kept_contents(path) == before
    (step,) = [line for line in said.splitlines() if "mkdir" in line]
    subprocess.run(["sh", "-c", step], cwd=path, env=os.environ, check=True)
    copy = tmp_path / "old-kube"
    assert kept_contents(copy) == before
    (copy / "Makefile").write_text(other)
    (path / "Makefile").write_text(mine)
    for each in (path, copy):
        kept(each, "adopt")
        kept(each, "sync")
        make(each, SIGNER="cfssl")
        after = kept_contents(each)
        pems = [name for name in before if name.endswith(".pem")]
        assert {name: after[name] for name in pems} == {name: before[name] for name in pems}


def test_a_dry_run_of_the_first_sync_leads_with_what_a_person_can_judge(tmp_path: Path) -> None:
    path = Path(shutil.copytree(FIELD / "loopback", tmp_path / "old"))
    kept(path, "adopt")
    done = kept(path, "sync", "--dry-run")
    assert done.stderr.splitlines()[:3] == [
        "`sync` would:",
        "  change: Makefile",
        (
            "  leave as they are: config/bob.json, config/ca-config.json, config/ca-csr.json, "
            "config/web.json"
        ),
    ]
    assert len(done.stderr.splitlines()) <= 10
    assert ".tls-scaffold/" not in "".join(
        line for line in done.stdout.splitlines() if line.startswith(("---", "+++"))
    )


def test_a_life_that_is_changed_in_the_inventory_is_the_team_s_wish(tmp_path: Path) -> None:
    path = field_folder("users-beside-req", tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    edit(path / "tls-scaffold.json", '"8760h"', '"100h"')
    kept(path, "sync")
    make(path, "req", SIGNER="cfssl")
    assert {each.minutes for each in facts(path, "users-beside-req").values()} == {100 * 60}

"""The pages of docs/ whose commands no other test runs: each block, as it is printed."""

import hashlib
import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from conftest import Factory
from keeping import edit
from rotating import ALONE
from support import BIN, SMALL, Done, make, run, tls_scaffold
from tls_scaffold.commands.alerts import alert_rules
from tls_scaffold.state.prometheus import HELP

DOCS = Path(__file__).parents[1] / "docs"
P256 = ("--key", "ecdsa-256")
PASSWORD = "a long one, made by a machine"
NOTHING = "nothing to sign: all is as asked for\n"

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def blocks(page: str) -> list[str]:
    """Return every block of a page that stands between fences, without its indentation."""
    return re.findall(r"```(?:console|sh|)\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def run_block(block: str, at: Path, places: dict[str, str] | None = None, code: int = 0) -> Done:
    """Run each command of a block in a folder; return what the last one of them said."""
    lines = block.splitlines()
    assert lines
    for line in lines:
        assert line.startswith("$ "), f"a test does not know what this is: {line}"
        command = line.removeprefix("$ ")
        for place, other in (places or {}).items():
            command = command.replace(place, other)
        members = ALONE if "tls-scaffold rotate" in command else {}
        given = {"TLS_SCAFFOLD_KEY": "ecdsa-256", "COLUMNS": "120", **members}
        done = run("sh", "-c", command, cwd=at, **given)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
    return done


def pair_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each certificate and key."""
    found = sorted((folder / "certs").glob("*.pem"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def subject_and_key(certificate: Path) -> str:
    words = ("-in", str(certificate), "-noout", "-subject", "-pubkey")
    return run("openssl", "x509", *words).stdout


@pytest.mark.needs("age", "age-keygen")
def test_backup(signed: Factory, tmp_path: Path) -> None:
    made, needed, by_hand = blocks("backup.md")
    folder = signed(*SMALL, *P256)
    places = {"~/": f"{tmp_path}/", "/mnt/safe/": f"{tmp_path}/safe/"}
    (tmp_path / "safe").mkdir()

    keygen, backup = made.splitlines()
    told = run_block(keygen, tmp_path, places)
    public = re.search("age1[0-9a-z]+", told.stderr)
    assert public
    run_block(backup, tmp_path, {"age1...": public[0], **places})

    for name, block in (("machine", needed), ("without us", by_hand)):
        (tmp_path / name).mkdir()
        run_block(block, tmp_path / name, places)
        assert pair_sums(tmp_path / name / "tls-setup") == pair_sums(folder)
        assert make(tmp_path / name / "tls-setup").stdout == NOTHING


def test_several_folders(signed: Factory, tmp_path: Path) -> None:
    asked, table = blocks("several-folders.md")
    words = ("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--users", "calico,root")
    whole = signed(*words, *P256, name="clusters/ap")
    for name in ("eu", "us"):
        shutil.copytree(whole, tmp_path / "clusters" / name)
    (tmp_path / "clusters/eu/certs/calico.pem").unlink()
    edit(tmp_path / "clusters/us/tls-scaffold.json", '"version": 1', '"version": 9')

    of_all, of_two = asked.splitlines()
    status = run_block(of_all, tmp_path, code=1)
    assert _rows(status.stdout) == _rows(table)
    check = run_block(of_two, tmp_path, code=1)
    assert "clusters/us/tls-scaffold.json: the inventory has the format 9" in check.stdout
    assert "clusters/eu/" in check.stdout
    assert "clusters/ap/" not in check.stdout


def _rows(table: str) -> list[list[str]]:
    """Return the words of each line of a table, but for dates, keys and the width of columns."""
    values = re.compile(r" (ecdsa-\d+|\d{4}-\d\d-\d\d \(\d+d\)) ")
    return [values.sub(" ", line).split() for line in table.splitlines()]


def test_ca_encrypted(signed: Factory, tmp_path: Path) -> None:
    new, there = blocks("ca-encrypted.md")
    places = {"…": f"'{PASSWORD}'"}
    (tmp_path / "new").mkdir()

    run_block(new, tmp_path / "new", places)
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)
    run_block(there, folder, places)

    for each in (tmp_path / "new/tls-setup", folder):
        assert tls_scaffold("-C", str(each), "status").returncode == 0
        assert json.loads((each / "tls-scaffold.json").read_text())["ca"] == {"key": "encrypted"}
        assert "Proc-Type: 4,ENCRYPTED" in (each / "certs/ca-key.pem").read_text()
        assert make(each).stdout == NOTHING
    changed = {name for name, one in pair_sums(folder).items() if one != before[name]}
    assert changed == {"ca-key.pem"}


def test_ca_renewal(signed: Factory) -> None:
    (renewed,) = blocks("ca-renewal.md")
    folder = signed(*SMALL, *P256)
    before, ca = pair_sums(folder), subject_and_key(folder / "certs/ca.pem")

    run_block(renewed, folder)

    changed = {name for name, one in pair_sums(folder).items() if one != before[name]}
    assert changed == {"ca.pem", "trust.pem"}
    assert subject_and_key(folder / "certs/ca.pem") == ca
    assert make(folder).stdout == NOTHING


def test_ca_rotation(signed: Factory) -> None:
    start, trust, finish, abort, compromised, *_ = map(dedent, _console("ca-rotation.md"))
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)
    for step in (start, abort):
        run_block(step, folder)
        assert make(folder).stdout == NOTHING
    assert pair_sums(folder) == before
    for step in (start, trust, finish, compromised.replace("\n", " --yes\n")):
        run_block(step, folder)
        assert make(folder).stdout == NOTHING
    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    assert not set(pair_sums(folder).values()) & set(before.values())


def test_ca_rotation_by_hand(tmp_path: Path) -> None:
    made, brought, alone, finished = _console("ca-rotation.md")[5:]
    folder = tmp_path / "tls-setup"
    request = {"CN": "A company, old", "key": {"algo": "ecdsa", "size": 256}}
    (tmp_path / "ca.json").write_text(json.dumps({**request, "ca": {"expiry": "87600h"}}))
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare old-ca", cwd=tmp_path)
    # It names its own key as that of its issuer, which a cross certificate must not.
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650"
    files = "-subj '/CN=A company, new' -keyout new-ca-key.pem -out new-ca.pem"
    run("sh", "-c", f"{words} {files}", cwd=tmp_path)
    held = ("--ca", "old-ca.pem", "--ca-key", "old-ca-key.pem")
    assert tls_scaffold("new", "tls-setup", *SMALL, *P256, *held, cwd=tmp_path).returncode == 0
    make(folder)
    leaf = folder / "certs/calico.pem"
    (tmp_path / "shown.pem").write_bytes(leaf.read_bytes())

    def takers(shown: Path) -> list[str]:
        """Return who takes a certificate, with what stands behind it."""
        words = ("openssl", "verify", "-x509_strict", "-untrusted", str(shown), "-CAfile")
        trusts = ("old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem")
        return [
            each for each in trusts if not run(*words, each, str(shown), cwd=tmp_path).returncode
        ]

    carried = ("new-ca.pem", "new-ca-key.pem", "next.pem")
    run_block(made, tmp_path)
    run_block(brought, folder, {each: f"../{each}" for each in carried})
    assert takers(leaf) == ["old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem"]
    assert takers(tmp_path / "shown.pem") == ["old-ca.pem", "tls-setup/certs/trust.pem"]
    assert make(folder).stdout == NOTHING
    run_block(alone, folder, {"new-ca.pem": "../new-ca.pem"})
    assert takers(leaf) == ["old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem"]
    run_block(finished, folder, {"new-ca.pem": "../new-ca.pem"})
    assert takers(leaf) == ["new-ca.pem", "tls-setup/certs/trust.pem"]
    assert make(folder).stdout == NOTHING
    assert tls_scaffold("-C", str(folder), "status").returncode == 0


def test_revocation(signed: Factory, tmp_path: Path) -> None:
    revoked, by_hand = blocks("revocation.md")
    words = ("--members", "10.0.0.1,10.0.0.2", "--proxies", "0", "--users", "root,alice,bob,carol")
    folder = signed(*words, *P256)
    before = pair_sums(folder)
    leaked = shutil.copy(folder / "certs/carol.pem", tmp_path / "leaked.pem")

    run_block(revoked, folder, {"leaked.pem": str(leaked)})

    lines = (folder / "revoked.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[1] for line in lines] == ["alice", "bob", "etcd1", "root", "carol"]
    after = pair_sums(folder)
    assert {name for name in before if after.get(name, before[name]) != before[name]} == {
        *(f"{name}{ending}" for name in ("etcd1", "root") for ending in (".pem", "-key.pem"))
    }
    (folder / "certs/crl.der").unlink()
    run_block(by_hand, folder)
    text = ("-inform", "DER", "-in", str(folder / "certs/crl.der"), "-noout", "-text")
    assert run("openssl", "crl", *text).stdout.count("Serial Number:") == 5
    assert tls_scaffold("-C", str(folder), "bundle", "etcd1,etcd2").returncode == 0


def test_ca_by_hand(tmp_path: Path) -> None:
    asked, there, back = (each.split("$ ")[1:] for each in _console("ca-by-hand.md"))
    machine = tmp_path / "machine"
    machine.mkdir()
    (machine / "ca.json").write_text('{"CN": "far away", "key": {"algo": "ecdsa", "size": 256}}')
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare ca", cwd=machine)
    words = ("openssl", "x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256")
    pin = run(*words, cwd=machine).stdout.strip().partition("=")[2]
    folder = tmp_path / "tls-setup"

    # Nobody is here to be asked: what a person would answer comes as an option.
    run_block("$ " + " && ".join(each.strip() for each in asked), tmp_path)
    (folder / "requests.tar").rename(machine / "requests.tar")
    run_block(f"$ {there[0].strip()} --yes", machine)
    (machine / "requests-signed.tar").rename(folder / "requests-signed.tar")
    run_block(f"$ {back[0].strip()} --ca-sha256 {pin}", folder)

    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    assert make(folder).stdout == NOTHING


def test_ca_peers(tmp_path: Path) -> None:
    """How a cluster that runs gets them, the other blocks, is in tests/test_custody_peers.py."""
    run_block(_console("ca-peers.md")[0], tmp_path)
    assert tls_scaffold("-C", str(tmp_path / "tls-setup"), "status").returncode == 0
    assert (tmp_path / "tls-setup/certs/peer-etcd3.pem").exists()


@pytest.mark.needs("promtool")
def test_renewal(signed: Factory) -> None:
    hooks, timer, alerts = _console("renewal.md")
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)

    nothing, everything = hooks.splitlines()
    assert run_block(nothing, folder).stdout == "nothing expires within 30 days\n"
    done = run_block(everything, folder)
    assert {name for name, one in pair_sums(folder).items() if one == before[name]} == {
        *("ca.pem", "ca-key.pem", "trust.pem")
    }
    assert "etcd1-key.pem -> current/etcd1-key.pem\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("left to do: calico: renew its Secret")
    run_block(timer, folder)
    assert len(list((folder / "dist/signer").iterdir())) == 2
    assert "9 rules found" in run_block(alerts, folder).stdout


def test_the_page_on_renewal_names_each_alert_and_metric() -> None:
    text = (DOCS / "renewal.md").read_text("utf-8")
    rules = yaml.safe_load(alert_rules((), timedelta(days=30)))["groups"][0]["rules"]
    named = re.findall("^[|] `(TLS[A-Za-z]+)`", text, re.MULTILINE)
    assert named == [each["alert"] for each in rules]
    assert [name for name in HELP if f"`{name}`" not in text] == []


def _console(page: str) -> list[str]:
    return re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", ["live.md", "explain.md"])
def test_what_needs_a_cluster_that_runs_is_marked_as_an_example(page: str) -> None:
    """They are run on members by tests/test_live.py and tests/test_explain.py in other words."""
    text = (DOCS / page).read_text("utf-8")
    found = re.findall(r"```console\n.*?```\n\n(.*?)\n", text, re.DOTALL)
    assert len(found) == len(blocks(page))
    assert all("xamples" in line and "need" in line for line in found)


def test_every_option_of_these_pages_is_one() -> None:
    """Also of those commands that no test can run."""
    pages = ("backup", "several-folders", "ca-encrypted", "ca-renewal", "live", "explain")
    for page in (*pages, "renewal", "revocation"):
        text = "\n".join(blocks(f"{page}.md"))
        for command, words in re.findall(r"tls-scaffold (?:-C \S+ )?([a-z-]+)(.*)", text):
            known = run(str(BIN / "tls-scaffold"), command, "--help").stdout
            for option in re.findall(r"(?<= )--[a-z-]+", words.partition(" && ")[0]):
                assert option in known, (page, command, option)


@pytest.mark.parametrize(
    ("words", "says", "says_not"),
    [
        ((), ["`make renew-ca` | the CA's"], ["CFSSL_AUTH", "`custody.sh`", "LoadCredential"]),
        (
            ("--encrypt-ca-key",),
            ["CFSSL_CA_PK_PASSWORD` has to hold", "LoadCredential="],
            ["refuse: no other"],
        ),
        (
            ("--ca", "ca.pem"),
            ["sync --ca-key FILE` brings it", "`make renew-ca` | refuses"],
            ["LoadCredential"],
        ),
        (
            ("--ca", "ca.pem", "--ca-remote", "http://10.0.0.9:8888"),
            ["CFSSL_AUTH_ROOT", "EnvironmentFile=", "sync --ca FILE` brings it again"],
            ["encrypt-ca-key", "--ca-key", "if there is none, then"],
        ),
        (
            ("--ca-offline",),
            ["requests export FILE", "another key and CSR", "sync --ca FILE` brings it again"],
            ["encrypt-ca-key", "--ca-key", "if there is none, then", "this/folder renew"],
        ),
    ],
)
def test_a_folder_s_readme_says_what_its_mode_needs(
    words: tuple[str, ...], says: list[str], says_not: list[str], tmp_path: Path
) -> None:
    (tmp_path / "ca.json").write_text('{"CN": "a company", "key": {"algo": "ecdsa", "size": 256}}')
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare ca", cwd=tmp_path)
    done = tls_scaffold("new", "made", *SMALL, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    text = (tmp_path / "made/README.md").read_text()
    assert [each for each in says if each not in text] == []
    assert [each for each in says_not if each in text] == []

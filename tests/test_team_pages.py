"""The pages of docs/team/: each block is run as it is printed, with the real programs."""

import json
import os
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest
import yaml

from conftest import Factory
from keeping import edit
from pages import DOCS, Reader, blocks_of
from support import SMALL, contents, make, run, tls_scaffold

P256 = ("--key", "ecdsa-256")
PLAYBOOK = DOCS / "team/playbook.yml"

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "git")


def reader(home: Path, at: Path, **places: str) -> Reader:
    """Return somebody with a home and a name in git."""
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(f"[user]\nname = {home.name}\nemail = x@example.com\n")
    return Reader(at, places, {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"})


def committed(folder: Path, name: str) -> Reader:
    """Put a folder into git; return who did it."""
    ann = reader(folder.parent / name, folder)
    ann.types("$ git init -q -b main && git add -A && git commit -qm 'Certificates of etcd'\n")
    return ann


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("$ echo one && echo two\none\n…\n", ""),
        ("$ echo one && echo two\ntwo\none\n", "the page shows:\ntwo\n"),
        ("$ echo one\non\n", "the page shows:\non\n"),
        ("$ echo one && echo two\none\n", "the page shows:\none\n"),
        ("$ false\n", "false"),
        ("$ false\n$ true\n", "false\ntrue\n"),
        ("$ false; echo $?\n1\n", ""),
    ],
)
def test_a_block_that_shows_what_is_not_said_or_fails_is_found(
    block: str, fault: str, tmp_path: Path
) -> None:
    if not fault:
        Reader(tmp_path).types(block)
        return
    with pytest.raises(AssertionError, match=fault):
        Reader(tmp_path).types(block)


@pytest.mark.needs("age", "age-keygen")
def test_keys(signed: Factory, tmp_path: Path) -> None:
    generated, kept_safe, brought, by_hand = blocks_of("team/who-has-the-keys.md", "test_keys")
    folder = signed(*SMALL, *P256)
    (tmp_path / "safe").mkdir()
    ann = committed(folder, "ann")
    people = (ann, reader(tmp_path / "bob", folder))
    for person in people:
        person.places["/mnt/safe"] = str(tmp_path / "safe")
        person.types(generated)
    assert (folder / "people.txt").read_text().count("age1") == 2
    ann.types(f"$ git add -A && git commit -qm 'Who may have the keys'\n{kept_safe}")

    bob = people[1]
    bob.at = tmp_path
    bob.types(f"$ git clone -q tls-setup bobs && cd bobs\n{brought}")

    there = tmp_path / "bobs/certs/ca-key.pem"
    assert there.read_bytes() == (folder / "certs/ca-key.pem").read_bytes()
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    bob.types(by_hand)
    # Neither has anybody committed a key, nor does a backup say anything to who has no key.
    assert "certs" not in bob.types("$ git ls-files\n")
    carol = reader(tmp_path / "carol", tmp_path)
    strange = "age-keygen -o c.txt 2>c.out; age -d -i c.txt safe/etcd.age >c.tar"
    said = carol.types(f"$ {strange}; echo $?\n")
    assert said.splitlines()[-1] == "1"


def test_sops(signed: Factory, tmp_path: Path) -> None:
    """What stands around sops, whose part of it is a copy here: it is the key that comes back."""
    beside, laid_out = blocks_of("team/who-has-the-keys.md", "test_sops")
    folder = signed(*SMALL, *P256)
    make(folder, "regenerate", YES="1")
    assert len(list((folder / "issued").glob("ca-*.pem"))) == 2
    ann = committed(folder, "ann")
    ann.types(f"{beside}$ git add -A && git commit -qm 'The CA'\n")
    bob = reader(tmp_path / "bob", tmp_path)
    bob.types("$ git clone -q tls-setup bobs && cd bobs\n")

    bob.types(laid_out)

    key = bob.at / "certs/ca-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.write_bytes((folder / "certs/ca-key.pem").read_bytes())
    assert bob.types("$ git status --short\n") == ""
    assert "signed certs/" in bob.types("$ make\n")
    assert (bob.at / "certs/ca.pem").read_bytes() == (folder / "certs/ca.pem").read_bytes()
    assert "certs/" not in bob.types("$ git add -A && git status --short\n")


def test_git(tmp_path: Path) -> None:
    first, clone, refused, conflict, settled = blocks_of("team/git.md", "test_git")
    ann, bob = (reader(tmp_path / name, tmp_path) for name in ("ann", "bobs-home"))
    ann.types(first)
    bob.types(clone + refused)
    assert not (tmp_path / "bob/certs/ca-key.pem").exists()
    ann.types(
        "$ tls-scaffold add --user alice && make && git add -A && git commit -qm 'Add alice'\n"
    )

    bob.types(conflict)
    # Nobody is told to take out of etcd whom the next line would bring back.
    assert not re.search("^removed|--prune", bob.types(settled), re.MULTILINE)

    users = json.loads((tmp_path / "bob/tls-scaffold.json").read_text())["users"]
    assert [each["name"] for each in users] == ["calico", "alice", "bob"]
    assert bob.types("$ git status --short && git grep -c '<<<<<<<' || :\n") == ""
    # Who has the keys pulls that, and signs what is new and nothing else.
    said = ann.types("$ git pull -q ../bob && make\n")
    assert re.findall("^signed (.*)", said, re.MULTILINE) == ["certs/bob.pem"]


def test_versions(signed: Factory, tmp_path: Path) -> None:
    refused, pinned, upgraded = blocks_of("team/versions.md", "test_versions")
    folder = signed(*SMALL, *P256)
    newer = shutil.copytree(folder, tmp_path / "newer")
    edit(newer / "tls-scaffold.json", '"version": 1', '"version": 2')
    before = contents(newer)
    reader(tmp_path / "ann", newer).types(refused)
    assert contents(newer) == before

    ann = reader(tmp_path / "ann", folder)
    ann.types(pinned)
    version = tls_scaffold("--version").stdout.split()[-1]
    assert (folder / "requirements.txt").read_text() == f"tls-scaffold=={version}\n"
    ann.types(upgraded)


def test_ci(signed: Factory, tmp_path: Path) -> None:
    looked, not_whole = blocks_of("team/ci.md", "test_ci")
    committed(signed(*SMALL, *P256), "ann")
    ci = reader(tmp_path / "ci", tmp_path)
    ci.types(f"$ git clone -q tls-setup clone && cd clone\n{looked}")
    assert ci.types("$ git status --short\n") == ""
    said = ci.types("$ tls-scaffold status 2>&1 || :\n")
    page = f"{DOCS.resolve()}/team/who-has-the-keys.md#"
    assert f"next: tls-scaffold restore FILE\npage: {page}" in said
    edit(ci.at / "tls-scaffold.json", '"users": [', '"users": [{"name": "dora"},')
    ci.types(not_whole)


def test_ci_status(signed: Factory, tmp_path: Path) -> None:
    (status,) = blocks_of("team/ci.md", "test_ci_status")
    folder = signed(*SMALL, *P256)
    reader(tmp_path / "ann", folder).types(status)
    components = json.loads((folder / "status.json").read_text())["components"]
    assert {each["state"] for each in components} == {"expiring"}


@pytest.mark.parametrize("page", ["ci.md", "pre-commit.md"])
def test_what_is_for_other_programs_is_yaml_and_asks_for_what_the_page_tells(page: str) -> None:
    text = (DOCS / "team" / page).read_text("utf-8")
    documents = [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    if page == "pre-commit.md":
        ((repository,),) = [each["repos"] for each in documents]
        ids = [each["id"] for each in repository["hooks"]]
        assert ids == re.findall(r"^\| `(tls-scaffold-[a-z-]+)` \|", text, re.MULTILINE)
        return
    github, gitlab = documents
    lines = [step.get("run", "") for step in github["jobs"]["check"]["steps"]]
    for commands in (lines, gitlab["etcd's certificates"]["script"]):
        ours = [
            each.partition(" --sarif")[0] for each in commands if "sync" in each or "check" in each
        ]
        (shown, _) = blocks_of("team/ci.md", "test_ci")
        assert ours == [each.removeprefix("$ ") for each in shown.splitlines() if each[0] == "$"]


def test_exit_codes(signed: Factory, tmp_path: Path) -> None:
    script, as_json = blocks_of("team/exit-codes.md", "test_exit_codes")
    folder = signed(*SMALL, *P256)
    ann = reader(tmp_path / "ann", folder)
    ann.types(as_json)
    (folder / "told.json").unlink()
    nightly = tmp_path / "nightly"
    nightly.write_text(script)

    def night(code: int) -> str:
        """Let the script run in the folder; return which certificates were signed."""
        done = run("sh", str(nightly), cwd=folder)
        assert done.returncode == code, done.stdout + done.stderr
        return " ".join(re.findall("^signed certs/(.*).pem", done.stdout, re.MULTILINE))

    assert night(0) == ""
    edit(folder / "config/req-calico.json", '"hosts": []', '"hosts": ["calico.example.com"]')
    assert night(0) == "calico"
    (folder / "certs/calico-key.pem").unlink()
    assert night(1) == ""


def test_what_nobody_asks_for_holds_up_no_nightly_renewal(signed: Factory) -> None:
    script, _ = blocks_of("team/exit-codes.md", "test_exit_codes")
    words = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico,bob")
    folder = signed(*words, "--expiry", "20d", *P256)
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    inventory["users"] = [each for each in inventory["users"] if each.get("name") != "bob"]
    (folder / "tls-scaffold.json").write_text(json.dumps(inventory))
    tls_scaffold("-C", str(folder), "sync")
    assert tls_scaffold("-C", str(folder), "status").returncode == 4

    done = run("sh", "-c", script, cwd=folder)

    assert done.returncode == 0, done.stderr
    signed_again = re.findall("^signed certs/(.*).pem", done.stdout, re.MULTILINE)
    assert signed_again == ["etcd1", "calico"]


def playbook_runs(ansible: Reader, command: str) -> dict[str, dict[str, int]]:
    """Run the playbook; return what was done on each host."""
    said = ansible.types(command)
    recap = re.findall(r"^(\S+) +: (ok=.*?)\s*$", said.partition("PLAY RECAP")[2], re.MULTILINE)
    assert recap, said
    return {
        host: {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", counts)}
        for host, counts in recap
    }


def changed(recap: dict[str, dict[str, int]]) -> dict[str, int]:
    return {host: counts["changed"] for host, counts in recap.items()}


def ansible_user(tmp_path: Path, *hosts: str) -> tuple[Reader, str]:
    """Write the two files of the page, for hosts that are folders of this machine."""
    cluster, inventory, command = blocks_of("team/ansible.md", "test_ansible")
    document = yaml.safe_load(inventory)
    document["all"]["vars"] |= {
        "tls_folder": str(tmp_path / "etcd"),
        "tls_inventory": str(tmp_path / "cluster.yaml"),
        "tls_directory": f"{tmp_path}/hosts/{{{{ inventory_hostname }}}}",
        "restart_command": f"sh -c 'echo {{{{ inventory_hostname }}}} >>{tmp_path}/restarts'",
    }
    for group in ("etcd", "clients"):
        found = document[group]["hosts"]
        document[group]["hosts"] = {name: {} for name in found if name in hosts}
    document["all"]["vars"]["tls_owner"] = str(os.getuid())
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(document))
    (tmp_path / "cluster.yaml").write_text(f"key: ecdsa-256\n{cluster}")
    shutil.copy(PLAYBOOK, tmp_path / "playbook.yml")
    ansible = reader(tmp_path / "ansible", tmp_path)
    # This machine plays all hosts, and each module is run without a copy on a disk.
    ansible.variables |= {
        "ANSIBLE_TRANSPORT": "local",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",  # it refuses to run with another encoding
    }
    return ansible, command


def check_host(tmp_path: Path, name: str) -> None:
    """Check that a host has what its bundle has, with the modes that it needs."""
    host, bundle = tmp_path / "hosts" / name, tmp_path / "etcd/dist" / name
    assert contents(host) == contents(bundle)
    for path in (host, *host.rglob("*")):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    key = f"{name}-key.pem"
    assert (host / key).read_bytes() == (tmp_path / "etcd/certs" / key).read_bytes()


@pytest.mark.needs("ansible-playbook")
def test_ansible(tmp_path: Path) -> None:
    ansible, command = ansible_user(tmp_path, "etcd1")
    assert changed(playbook_runs(ansible, command)) == {"localhost": 2, "etcd1": 2}
    check_host(tmp_path, "etcd1")
    before = contents(tmp_path / "etcd"), contents(tmp_path / "hosts")

    assert changed(playbook_runs(ansible, command)) == {"localhost": 0, "etcd1": 0}

    assert (contents(tmp_path / "etcd"), contents(tmp_path / "hosts")) == before
    assert not (tmp_path / "restarts").exists()


@pytest.mark.long
@pytest.mark.needs("ansible-playbook")
def test_ansible_changes_and_restarts_only_what_has_to(tmp_path: Path) -> None:
    ansible, command = ansible_user(tmp_path, "etcd1", "etcd2", "app")
    playbook_runs(ansible, command)
    etcd1 = contents(tmp_path / "hosts/etcd1")

    def restarted() -> list[str]:
        path = tmp_path / "restarts"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    # A user more: it is signed, and no host has anything else to do.
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(f"{cluster.read_text()}  - {{name: alice}}\n")
    nothing = {"etcd1": 0, "etcd2": 0, "app": 0}
    assert changed(playbook_runs(ansible, command)) == {"localhost": 2, **nothing}
    assert (tmp_path / "etcd/certs/alice.pem").exists()
    assert contents(tmp_path / "hosts/etcd1") == etcd1
    assert restarted() == []

    # Renewed: members read it by themselves, the client has to restart. One pair is left.
    make(tmp_path / "etcd", "req-etcd1", "req-app")
    recap = changed(playbook_runs(ansible, command))
    assert {host for host, count in recap.items() if count} == {"etcd1", "app"}
    assert restarted() == ["app"]
    for name in ("etcd1", "etcd2", "app"):
        check_host(tmp_path, name)

    # Other settings: members restart, one after another.
    cluster.write_text(f"{cluster.read_text()}etcd: {{auto_compaction: 2h}}\n")
    playbook_runs(ansible, command)
    assert restarted() == ["etcd1", "etcd2"]

    # Another CA: all of them.
    make(tmp_path / "etcd", "regenerate")
    playbook_runs(ansible, command)
    assert restarted() == ["etcd1", "etcd2", "app"]
    assert changed(playbook_runs(ansible, command)) == {"localhost": 0, **nothing}

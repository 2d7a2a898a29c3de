"""A CA on a machine without a network: from `new` to a live etcd, and what each step refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clusters import BUILT, P256, live, tools
from conftest import Factory
from handwork import Machine, documented, exported, files_of, imported, machine, ours
from peers import build as peers
from support import PROGRAMS, SMALL, contents, make, modes, openssl, run, tls_scaffold, verify

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
CLUSTER = ("--members", "127.0.0.1", "--users", "root,alice", *P256, "--ca-offline")
NAMES = ("etcd1", "root", "alice")
NEWEST_CFSSL = f"{peers.folder('cfssl')}:{PROGRAMS}"
VERSIONS = ("newest 3.5", "newest 3.6")
ENDINGS = (".csr", ".json", "-key.pem")
with_either_signer = pytest.mark.usefixtures("either_signer")


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return the machine that has the CA's key; tests sign there with records of their own."""
    return machine(tmp_path_factory.mktemp("hand") / "ca")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, hand: Machine) -> Path:
    """Return a place with a folder whose requests were signed, and taken: tests copy it."""
    place = tmp_path_factory.mktemp("answered")
    folder = place / "tls-setup"
    done = tls_scaffold("new", str(folder), *CLUSTER)
    assert done.returncode == 0, done.stderr
    assert make(folder, "csr", SIGNER="tls-scaffold").returncode == 0
    pack = exported(folder, place / "first.tar")
    signed = hand.signed(pack, "--record", str(place / "record"))
    imported(folder, signed, "--ca-sha256", hand.pin)
    return place


@pytest.fixture
def trusted(answered: Path, tmp_path: Path) -> Path:
    """Return a folder that has its CA and all certificates."""
    return shutil.copytree(answered / "tls-setup", tmp_path / "tls-setup", symlinks=True)


def awaiting(folder: Path) -> dict[str, bytes]:
    found = (folder / "awaiting").glob("[!.]*")
    return {path.name: path.read_bytes() for path in found}


def states(folder: Path) -> dict[str, str]:
    done = tls_scaffold("-C", str(folder), "status", "--json")
    return {each["name"]: each["state"] for each in json.loads(done.stdout)["components"]}


def by_ours(hand: Machine, pack: Path) -> Path:
    return hand.signed(pack, "--record", str(pack.parent / "record"))


def by_old_cfssl(hand: Machine, pack: Path) -> Path:
    return hand.signed_by_cfssl(pack)


def by_new_cfssl(hand: Machine, pack: Path) -> Path:
    return hand.signed_by_cfssl(pack, NEWEST_CFSSL)


@pytest.mark.parametrize(
    ("signer", "sign"),
    [("tls-scaffold", by_ours), ("cfssl", by_old_cfssl), ("cfssl", by_new_cfssl)],
    ids=["tls-scaffold", "cfssl 1.2.0", "cfssl 1.6.5"],
)
@pytest.mark.needs("etcd", "etcdctl", within=BUILT["newest 3.5"])
@pytest.mark.needs("etcd", "etcdctl", within=BUILT["newest 3.6"])
@pytest.mark.needs("cfssl", within=str(peers.folder("cfssl")))
def test_from_new_to_a_live_etcd_and_a_user_s_put(
    folder: Factory,
    hand: Machine,
    tmp_path: Path,
    signer: str,
    sign: Callable[[Machine, Path], Path],
) -> None:
    path = folder(*CLUSTER)
    before = make(path, "csr", SIGNER=signer)
    assert not list(path.glob("certs/*.pem"))
    pack = exported(path, tmp_path / "requests.tar")
    signed = sign(hand, pack)
    done = imported(path, signed, "--ca-sha256", hand.pin)

    assert [line for line in done.stdout.splitlines() if line[0] != " "] == [
        f"signed certs/{name}.pem" for name in NAMES
    ]
    assert before.stdout.count("made awaiting/") == len(NAMES)
    assert awaiting(path) == {}
    for name in NAMES:
        verify(path, f"certs/{name}.pem")
    assert {mode for name, mode in modes(path / "certs").items() if name.endswith("-key.pem")} == {
        "0o600"
    }
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert inventory["ca"] == {"own": True, "key": "offline", "sha256": hand.pin}
    assert make(path).stdout == "nothing to sign: all is as asked for\n"
    assert set(states(path).values()) == {"valid"}
    assert tls_scaffold("-C", str(path), "status").returncode == 0
    assert tls_scaffold("-C", str(path), "check").stdout == ""
    for version in VERSIONS:
        with live(path, tmp_path / version, with_tools=tools(BUILT[version])) as running:
            assert running.said("put", "/a", "b", user="alice") == "OK\n"
            assert running.said("get", "--print-value-only", "/a", user="root") == "b\n"


@with_either_signer
def test_make_asks_and_ends_well_and_what_waits_stays(folder: Factory) -> None:
    path = folder(*CLUSTER)
    done = make(path)
    waiting = awaiting(path)

    assert {name.split(".")[0].removesuffix("-key") for name in waiting} == set(NAMES)
    assert "tls-scaffold requests export FILE" in done.stdout + done.stderr
    assert modes(path / "awaiting") == {
        ".gitignore": "0o600",
        **{f"{name}-key.pem": "0o600" for name in NAMES},
        **{f"{name}{end}": "0o644" for name in NAMES for end in (".csr", ".json")},
    }
    assert oct((path / "awaiting").stat().st_mode & 0o777) == "0o700"
    assert (path / "awaiting/.gitignore").read_text() == "*\n"
    for name in NAMES:
        openssl("req", "-noout", "-verify", "-in", str(path / f"awaiting/{name}.csr"))
    for words in (("csr",), (), ("all",)):
        again = make(path, *words)
        assert awaiting(path) == waiting
        assert "tls-scaffold requests export FILE" in again.stdout + again.stderr
    assert not list(path.glob("certs/*-key.pem"))


@with_either_signer
def test_another_request_makes_another_csr_and_the_old_key_goes_to_the_archive(
    folder: Factory,
) -> None:
    path = folder(*CLUSTER)
    make(path, "csr")
    before = awaiting(path)
    request = path / "config/req-alice.json"
    request.write_text(request.read_text().replace('"alice"', '"alice.b"'))
    done = make(path, "csr")
    after = awaiting(path)

    assert {name for name in after if after[name] != before[name]} == {
        f"alice{ending}" for ending in ENDINGS
    }
    (shelf,) = (path / "archive").glob("*/awaiting")
    assert {each.name: each.read_bytes() for each in shelf.iterdir()} == {
        f"alice{ending}": before[f"alice{ending}"] for ending in ENDINGS
    }
    assert oct((shelf / "alice-key.pem").stat().st_mode & 0o777) == "0o600"
    assert "packs that have it are of no use now" in done.stdout + done.stderr
    subject = openssl("req", "-noout", "-subject", "-in", str(path / "awaiting/alice.csr"))
    assert "CN = alice.b" in subject.replace("CN=", "CN = ")


@with_either_signer
def test_one_is_asked_for_again_by_its_target(trusted: Path) -> None:
    before = contents(trusted / "certs")
    make(trusted, "req-alice")
    first = awaiting(trusted)
    make(trusted, "req-alice")
    second = awaiting(trusted)

    assert set(first) == set(second) == {f"alice{ending}" for ending in ENDINGS}
    assert first["alice.csr"] != second["alice.csr"]
    assert contents(trusted / "certs") == before
    assert states(trusted)["alice"] == "awaiting signature"
    assert states(trusted)["root"] == "valid"


@with_either_signer
def test_what_ends_soon_is_asked_for(trusted: Path) -> None:
    assert "nothing to ask for" in "".join(
        (done := make(trusted, "csr", "RENEW_DAYS=30")).stdout + done.stderr
    )
    make(trusted, "csr", "RENEW_DAYS=366")
    assert {name for name in awaiting(trusted) if name.endswith(".csr")} == {
        f"{name}.csr" for name in NAMES
    }
    done = make(trusted, "csr", "RENEW_DAYS=1x", code=2)
    assert "error: RENEW_DAYS takes a number of days, up to 99999" in done.stderr or (
        "Invalid value for '--renew-days'" in done.stderr
    )


@with_either_signer
def test_what_is_revoked_is_not_asked_for_because_it_ends_soon(trusted: Path) -> None:
    assert tls_scaffold("revoke", "alice", cwd=trusted).returncode == 4
    make(trusted, "csr", "RENEW_DAYS=366")
    assert "alice.csr" not in awaiting(trusted)
    assert "root.csr" in awaiting(trusted)


@with_either_signer
def test_plain_make_asks_for_what_ends_soon_too(trusted: Path) -> None:
    makefile = trusted / "Makefile"
    makefile.write_text(makefile.read_text().replace("#RENEW_DAYS = 30", "RENEW_DAYS = 366"))
    make(trusted)
    assert len(awaiting(trusted)) == len(NAMES) * len(ENDINGS)


@pytest.mark.parametrize("goal", ["renew", "regenerate", "ca"])
def test_what_can_t_be_done_here_is_refused_with_what_helps(folder: Factory, goal: str) -> None:
    path = folder(*CLUSTER)
    before = contents(path)
    for signer in ("cfssl", "tls-scaffold"):
        done = make(path, goal, code=2, SIGNER=signer)
        assert done.stderr.startswith("error: the key of this folder's CA is on another machine: ")
        assert "hint: " in done.stderr
        assert "make csr" in done.stderr or "sync --ca FILE" in done.stderr
    after = contents(path)
    assert {name: after[name] for name in before} == before
    assert not list(path.glob("certs/*.pem"))


def test_a_folder_that_signs_itself_has_no_csr_to_make(folder: Factory, tmp_path: Path) -> None:
    path = folder("--members", "127.0.0.1", *P256)
    done = make(path, "csr", code=2)
    assert "error: this folder's requests are carried to no other machine" in done.stderr
    for words in (("make",), ("export", str(tmp_path / "x.tar")), ("import", "x.tar")):
        done = ours(path, *words)
        assert done.returncode == 1
    assert f"tls-scaffold -C {path} sync --ca-offline" in ours(path, "make").stderr


@with_either_signer
def test_flags_that_no_csr_is_made_with_are_refused(folder: Factory) -> None:
    path = folder(*CLUSTER)
    makefile = path / "Makefile"
    text = makefile.read_text()
    makefile.write_text(text.replace("$(sign) -profile client", "$(sign) -cn x -profile client"))
    done = make(path, "csr", code=2)
    assert "a CSR is made from `config/req-root.json` alone" in done.stderr
    assert not [name for name in awaiting(path) if name.startswith("alice")]


def test_status_tells_what_waits_and_what_comes_next(trusted: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "x.prom"
    make(trusted, "req-alice")
    done = tls_scaffold("-C", str(trusted), "status", "--prometheus", str(metrics))
    assert done.returncode == 4
    assert "awaiting signature: `awaiting/alice.csr` waits for the CA's machine" in done.stdout
    assert f"tls-scaffold -C {trusted} requests export FILE" in done.stderr
    row = 'name="alice",kind="user",cn="alice",state="awaiting signature"} 1'
    assert row in metrics.read_text()
    assert tls_scaffold("-C", str(trusted), "bundle", "alice").returncode == 0  # it is valid still
    request = trusted / "config/req-alice.json"
    request.write_text(request.read_text().replace("256", "384"))
    done = tls_scaffold("-C", str(trusted), "status")
    assert "awaiting signature" not in done.stdout
    assert f"make -C {trusted} csr" in done.stderr


def test_status_of_a_folder_that_has_nothing_yet(folder: Factory) -> None:
    path = folder(*CLUSTER)
    assert states(path) == {
        **dict.fromkeys(NAMES, "missing"),
        "ca": "awaiting signature",
    }
    assert f"make -C {path} csr" in tls_scaffold("-C", str(path), "status").stderr
    make(path, "csr")
    assert set(states(path).values()) == {"awaiting signature"}
    done = tls_scaffold("-C", str(path), "status")
    assert done.returncode == 4
    done = tls_scaffold("-C", str(path), "bundle", "alice")
    assert done.returncode == 1
    assert "`certs/alice.pem` is awaiting signature" in done.stderr


def test_where_the_ca_is_not_here_no_key_is_asked_for_and_requests_go_on(trusted: Path) -> None:
    shutil.rmtree(trusted / "certs")  # as in a clone
    shown = ("status", "check")
    done = {word: tls_scaffold("-C", str(trusted), word) for word in shown}
    assert f"tls-scaffold -C {trusted} restore FILE\n" in done["status"].stderr
    make(trusted, "csr")
    done |= {f"{word} later": tls_scaffold("-C", str(trusted), word) for word in shown}
    assert f"tls-scaffold -C {trusted} requests export FILE\n" in done["status later"].stderr
    for each in done.values():
        assert "--ca-key" not in each.stdout + each.stderr
    assert "`tls-scaffold sync --ca FILE` brings it again" in " ".join(
        done["status later"].stdout.split()
    )


def test_a_key_is_not_passed_over_in_silence(trusted: Path, hand: Machine) -> None:
    before = contents(trusted)
    for words in (("--ca-key", str(hand.key)), ("--ca", str(hand.ca), "--ca-key", str(hand.key))):
        done = tls_scaffold("-C", str(trusted), "sync", *words)
        assert done.returncode == 1
        assert f"`{hand.key}` is a key, and the CA's is elsewhere: nothing was" in done.stderr
        assert "hint: `--ca-here` says that it is in the folder" in done.stderr
    assert contents(trusted) == before


def test_check_knows_the_keys_that_wait(folder: Factory) -> None:
    path = folder(*CLUSTER)
    make(path, "csr")
    run("git", "init", "-q", cwd=path)
    clean = tls_scaffold("-C", str(path), "check")
    (path / "awaiting/alice-key.pem").chmod(0o644)
    (path / "awaiting").chmod(0o755)
    for rules in (".gitignore", "awaiting/.gitignore"):  # as a team may have them
        (path / rules).write_text("")
    done = tls_scaffold("-C", str(path), "check")

    assert "[key-mode]" not in clean.stdout
    assert "[not-ignored-by-git]" not in clean.stdout
    assert "awaiting/alice-key.pem: its mode is 0644, wider than 0600 [key-mode]" in done.stdout
    assert "awaiting: its mode is 0755, wider than 0700 [certs-mode]" in done.stdout
    keys = "`alice-key.pem`, `etcd1-key.pem`, `root-key.pem`"
    assert f"awaiting: git does not ignore {keys} [not-ignored-by-git]" in done.stdout
    run("git", "add", "-f", "awaiting", cwd=path)
    done = tls_scaffold("-C", str(path), "check")
    (told,) = (line for line in done.stdout.splitlines() if "[tracked-by-git]" in line)
    assert told.startswith(f"error: awaiting: git tracks {keys}")


def test_remove_takes_what_waits_to_the_archive(folder: Factory) -> None:
    path = folder(*CLUSTER)
    make(path, "csr")
    before = awaiting(path)
    done = tls_scaffold("-C", str(path), "remove", "alice")
    assert done.returncode == 0, done.stderr
    after = awaiting(path)
    assert {name for name in before if name not in after} == {f"alice{end}" for end in ENDINGS}
    (shelf,) = (path / "archive").glob("*/awaiting")
    assert {each.name for each in shelf.iterdir()} == {f"alice{end}" for end in ENDINGS}


def test_where_the_key_comes_back_what_waits_goes_to_the_archive(
    trusted: Path, hand: Machine
) -> None:
    make(trusted, "csr", RENEW_DAYS="400")
    (trusted / "certs/alice.pem").unlink()
    waiting = awaiting(trusted)
    assert "root-key.pem" in waiting
    words = ("-C", str(trusted), "sync", "--ca-here", "--ca-key", str(hand.key))
    shown = tls_scaffold(*words, "--dry-run")
    assert awaiting(trusted) == waiting

    done = tls_scaffold(*words)

    for each in (shown, done):
        assert each.returncode == 0, each.stderr
        told = "what waits in `awaiting/` goes to archive/, and packs that are on their way are of"
        assert (
            f"`make` signs here from now on what is missing, and `make renew` what ends: {told}"
            in (each.stderr)
        )
    assert awaiting(trusted) == {}
    shelf = max((trusted / "archive").glob("*/awaiting"))
    assert {each.name: each.read_bytes() for each in shelf.iterdir()} == waiting
    assert modes(shelf)["root-key.pem"] == "0o600"
    said = make(trusted).stdout
    assert [line for line in said.splitlines() if line.startswith("signed")] == [
        "signed certs/alice.pem"
    ]


def test_a_folder_may_change_to_it_and_nothing_is_signed_again(
    signed: Factory, tmp_path: Path
) -> None:
    path = signed("--members", "127.0.0.1", "--users", "root,alice", *P256)
    before = contents(path / "certs")
    done = tls_scaffold("-C", str(path), "sync", "--ca-offline")
    assert done.returncode == 0, done.stderr
    place = tmp_path / "ca"
    place.mkdir()
    shutil.copy(path / "certs/ca.pem", place / "ca.pem")
    (key,) = (path / "archive").glob("*/certs/ca-key.pem")
    key.rename(place / "ca-key.pem")
    for signer in ("cfssl", "tls-scaffold"):
        done = make(path, SIGNER=signer)
        assert "nothing to" in done.stdout + done.stderr
    after = contents(path / "certs")
    assert after == {name: text for name, text in before.items() if name != "ca-key.pem"}
    tls_scaffold("-C", str(path), "add", "--user", "bob")
    make(path)
    pack = exported(path, tmp_path / "p.tar")
    assert set(files_of(pack)) == {"manifest.json", "ca-config.json", "bob.csr"}
    imported(path, Machine(place).signed(pack))
    verify(path, "certs/bob.pem")
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert inventory["ca"] == {"key": "offline", "sha256": Machine(place).pin}


def test_a_ca_that_lies_in_the_folder_is_no_pin(trusted: Path, tmp_path: Path) -> None:
    """It may have come with a clone: somebody says whether it is the right one."""
    shutil.rmtree(trusted / "certs")
    stranger = machine(tmp_path / "stranger")
    (trusted / "certs").mkdir()
    shutil.copy(stranger.place / "ca.pem", trusted / "certs")
    inventory = json.loads((trusted / "tls-scaffold.json").read_text())
    inventory["ca"] = {"own": True, "key": "offline"}
    (trusted / "tls-scaffold.json").write_text(json.dumps(inventory))
    make(trusted, "csr", SIGNER="tls-scaffold")
    signed = by_ours(stranger, exported(trusted, tmp_path / "p.tar"))
    before = contents(trusted)

    done = tls_scaffold("-C", str(trusted), "requests", "import", str(signed))

    assert done.returncode == 1
    assert "nobody has said that this is the right CA" in done.stderr
    assert f"SHA-256: {stranger.pin}" in done.stderr
    assert contents(trusted) == before


def test_a_ca_is_pinned_when_its_key_leaves_the_folder(signed: Factory) -> None:
    path = signed(*SMALL)
    pin = Machine(path / "certs").pin

    assert tls_scaffold("-C", str(path), "sync", "--ca-offline").returncode == 0

    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert inventory["ca"] == {"key": "offline", "sha256": pin}


def test_the_commands_that_show_csrs_are_right(folder: Factory, tmp_path: Path) -> None:
    path = folder(*CLUSTER)
    make(path, "csr")
    pack = exported(path, tmp_path / "p.tar")
    (tmp_path / "pack").mkdir()
    run("tar", "-xf", str(pack), "-C", "pack", cwd=tmp_path)
    done = run("sh", "-eu", "-c", documented("openssl req"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DNS:localhost, IP Address:127.0.0.1" in done.stdout


def test_the_documented_sum_is_the_pin(hand: Machine) -> None:
    done = hand.run("sh", "-c", documented("sha256sum"))
    assert done.stdout.split()[0] == hand.pin


@pytest.mark.needs("shellcheck")
def test_the_script_passes_shellcheck(folder: Factory) -> None:
    path = folder(*CLUSTER)
    done = run("shellcheck", "--shell=sh", "--severity=warning", "custody.sh", cwd=path)
    assert (done.returncode, done.stdout) == (0, "")
    text = (path / "custody.sh").read_text(encoding="ascii")
    assert [line for line in text.splitlines() if len(line) > 100] == []


def test_a_folder_in_the_way_is_told_before_anything_is_written(
    trusted: Path, hand: Machine, tmp_path: Path
) -> None:
    make(trusted, "req-alice", "req-root")
    signed = hand.signed(exported(trusted, tmp_path / "p.tar"), "--record", str(tmp_path / "r"))
    (trusted / "certs/alice.pem").unlink()
    (trusted / "certs/alice.pem").mkdir()
    before = contents(trusted)
    done = ours(trusted, "import", str(signed))
    assert done.returncode == 1
    assert "alice: `certs/alice.pem` is a folder: it should be a file" in done.stderr
    assert contents(trusted) == before


def test_links_are_not_followed(folder: Factory) -> None:
    path = folder(*CLUSTER)
    (path / "awaiting").symlink_to(path / "config")
    for signer in ("cfssl", "tls-scaffold"):
        done = make(path, "csr", code=2, SIGNER=signer)
        assert "awaiting` is a link" in done.stderr
    assert not list((path / "config").glob("*.csr"))


def test_what_is_next_is_to_make_csrs(tmp_path: Path) -> None:
    done = tls_scaffold("new", str(tmp_path / "x"), "--members", "10.0.0.1", "--ca-offline")

    assert done.stderr.splitlines()[-1] == f"next: make -C {tmp_path}/x csr"

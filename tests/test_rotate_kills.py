"""Kills at each write of a rotation: nothing is lost, and the same again, or make, ends it well."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from promises.tracing import calls
from rotating import OUR_WORDS, alone, ca_keys, has_nothing_to_sign, is_whole, rotate, takes
from support import BIN, contents, make, names, run, tls_scaffold
from test_custody_encrypted import ENCRYPTED, GIVEN, PASSWORD, SIGNERS, VARIABLE
from tls_scaffold.inventory import intake
from tls_scaffold.paths import CA, PEER_CA, TRUSTS
from tls_scaffold.signing.rotation import Stage, rotation_of
from tls_scaffold.state.bundleages import stale_bundles

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
SAMPLE = 1  # in the short form
PEERS = (*OUR_WORDS, "--peer-ca")


@dataclass(frozen=True)
class Killed:
    """A step of `rotate`, the steps before it, the folder, and the stage that it leads to."""

    step: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    stage: Stage | None = None
    words: tuple[str, ...] = OUR_WORDS
    ca: str = CA
    is_long: bool = False


START, PEERS_START = ("start",), ("start", "--peer-ca")
STEPS = (
    Killed(START, stage=Stage.REPLACING),
    Killed(("trust",), (START,), Stage.TRUSTING),
    Killed(("finish",), (START, ("trust",))),
    Killed(("abort",), (START,)),
    Killed(("start", "--compromised", "--yes"), is_long=True),
    Killed(START, stage=Stage.REPLACING, words=ENCRYPTED, is_long=True),
    Killed(PEERS_START, (), Stage.REPLACING, PEERS, PEER_CA, is_long=True),
    Killed(("finish",), (PEERS_START, ("trust",)), None, PEERS, PEER_CA, is_long=True),
    Killed(("abort",), (PEERS_START,), None, PEERS, PEER_CA, is_long=True),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Killed], Path]:
    """Return a function that gives the folder in which a step is killed, made once."""
    made: dict[tuple[object, ...], Path] = {}

    def of(words: tuple[str, ...], before: tuple[tuple[str, ...], ...]) -> Path:
        if (words, before) not in made:
            path = tmp_path_factory.mktemp("template") / "tls-setup"
            if before:
                shutil.copytree(of(words, before[:-1]), path, symlinks=True)
                rotate(path, *before[-1], **GIVEN)
            else:
                done = tls_scaffold("new", str(path), *words)
                assert done.returncode == 0, done.stderr
                make(path, SIGNER="cfssl", **GIVEN)
                assert tls_scaffold("bundle", cwd=path).returncode == 0
            made[words, before] = path
        return made[words, before]

    return lambda killed: of(killed.words, killed.before)


def numbers(count: int, seed: str, *, every: bool) -> Iterator[int]:
    """Yield the calls to kill at: each of `count`, or one of each part of them."""
    chance = random.Random(seed)  # noqa: S311
    part = 1 if every else -(-count // SAMPLE)
    for first in range(1, count + 1, part):
        yield chance.randrange(first, min(first + part, count + 1))


@pytest.mark.parametrize("killed", STEPS, ids=lambda each: f"{' '.join(each.step)} {each.ca}")
def test_a_kill_at_any_write_loses_nothing_and_is_mended(
    template: Callable[[Killed], Path],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    killed: Killed,
) -> None:
    is_long = pytestconfig.getoption("--long")
    if killed.is_long and not is_long:
        pytest.skip("takes long: run with --long")
    monkeypatch.setenv(VARIABLE, PASSWORD)
    before, path = template(killed), tmp_path / "tls-setup"
    command = (str(BIN / "tls-scaffold"), "rotate", *alone(*killed.step))
    shutil.copytree(before, path, symlinks=True)
    count = calls(command, path)
    assert count > 5
    keys, was = ca_keys(before), contents(before)
    started = rotation_of(before)
    for number in numbers(count, f"{killed}", every=is_long):
        shutil.rmtree(path)
        shutil.copytree(before, path, symlinks=True)
        calls(command, path, kill_at=number)

        assert keys <= ca_keys(path) | decided_keys(path), number
        if number % 2:  # either signer ends, or leaves, what was begun
            make(path, **SIGNERS["own" if number % 4 == 1 else "cfssl 1.2"])
            is_whole(path, is_ending=killed.step == ("finish",))
            check_leaves(path, killed.ca, tmp_path)
        ended = run(*command, cwd=path)
        assert "Traceback" not in ended.stderr
        assert ended.returncode == 0 or is_done(path, killed, ended.stderr), (number, ended.stderr)
        after = rotation_of(path)
        assert (after.stage if after else None) == killed.stage, number
        is_whole(path)
        assert keys <= ca_keys(path), number
        check_leaves(path, killed.ca, tmp_path)
        has_nothing_to_sign(path)
        assert not stale_bundles(path, intake.load(path)), number
        assert tls_scaffold("status", cwd=path).returncode == 0, number
        if killed.step == ("abort",) and started:
            same = [name for name in was if name.startswith(f"archive/{shelf_of(before)}/certs/")]
            for name in same:
                assert contents(path)[name.split("/", 2)[2]] == was[name], (number, name)


@pytest.mark.parametrize("step", ["start", "abort"])
def test_what_a_kill_has_left_of_the_bundles_is_made_by_the_same_again(
    template: Callable[[Killed], Path], tmp_path: Path, step: str
) -> None:
    path = tmp_path / "tls-setup"
    before = () if step == "start" else (START,)
    shutil.copytree(template(Killed((step,), before)), path, symlinks=True)
    command = (str(BIN / "tls-scaffold"), "rotate", *alone(step))
    kill_at_first_bundle(command, path)
    assert stale_bundles(path, intake.load(path)) == ("etcd1", "alice")
    done = rotate(path, step)
    assert "made dist/etcd1 anew\nmade dist/alice anew" in done.stdout
    assert not stale_bundles(path, intake.load(path))


def test_a_compromised_ca_is_followed_by_one_and_not_by_yet_another(
    template: Callable[[Killed], Path], tmp_path: Path
) -> None:
    words = ("start", "--compromised", "--yes")
    path = tmp_path / "tls-setup"
    shutil.copytree(template(Killed(words)), path, symlinks=True)
    kill_at_first_bundle((str(BIN / "tls-scaffold"), "rotate", *words), path)
    ca, keys = (path / CA).read_bytes(), ca_keys(path)
    (path / "dist/etcd1/stranger").write_text("")

    said = rotate(path, *words, code=1).stderr
    assert "error: `certs/ca.pem` is another CA already, and not all bundles" in said
    assert "  `dist/etcd1`: " in said
    (path / "dist/etcd1/stranger").unlink()

    done = rotate(path, *words)
    assert "certs/ca.pem was put in place before" in done.stdout
    assert "made dist/etcd1 anew" in done.stdout
    assert "1. members: lay out the new pair and trust file of each" in done.stderr
    assert ((path / CA).read_bytes(), ca_keys(path)) == (ca, keys)
    assert not stale_bundles(path, intake.load(path))

    assert rotate(path, *words).stdout.startswith("signed ")  # the next one, when all is done
    assert (path / CA).read_bytes() != ca


def kill_at_first_bundle(command: tuple[str, ...], folder: Path) -> None:
    """Run a command under strace, which kills it at its first call about a bundle."""
    words = ("strace", "-f", "-o", "/dev/null", "-P", "dist/etcd1/.next")
    kill = ("-e", "inject=mkdir,mkdirat:signal=SIGKILL")
    done = run(*words, "-e", "trace=mkdir,mkdirat", *kill, *command, cwd=folder)
    assert done.returncode == -9


def decided_keys(folder: Path) -> set[bytes]:
    """Return what keys of CAs hold that lie in a set which was decided on."""
    return {path.read_bytes() for path in folder.glob("certs/.new/**/*ca-key.pem")}


def shelf_of(folder: Path) -> str:
    """Return the name of the archive's one shelf."""
    (shelf,) = folder.glob("archive/2*")
    return shelf.name


def is_done(folder: Path, killed: Killed, told: str) -> bool:
    """Tell whether a step that is refused now was done by the run that was killed."""
    if killed.stage is Stage.REPLACING:
        return "is being replaced (replacing)" in told
    return rotation_of(folder) is None and "no CA of this folder is being replaced" in told


def check_leaves(folder: Path, ca: str, work: Path) -> None:
    """Check that all takes the CA in its place, and who trusts the old one while it is here."""
    trusts = [(folder / ca).read_bytes()]
    rotation = rotation_of(folder)
    if rotation and rotation.old and rotation.cross:
        trusts.append(rotation.old.pem)
    assert (folder / ca).read_bytes() in (folder / TRUSTS[ca]).read_bytes()
    for name in names(folder):
        if (ca == PEER_CA) == name.startswith("peer-"):
            leaf = (folder / f"certs/{name}.pem").read_bytes()
            assert all(takes(trust, leaf, work) for trust in trusts), name

"""Kills at each write of what makes, encrypts and renews a CA: it is never lost or in the clear."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Factory
from kept import same_pairs
from promises.tracing import calls
from support import contents, make, names, run, verify
from test_custody_encrypted import (
    ENCRYPTED,
    GIVEN,
    PASSWORD,
    SIGNERS,
    SMALL,
    VARIABLE,
    check_key,
)

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
SAMPLE = 2


@dataclass(frozen=True)
class Killed:
    """A goal of make, the folder that it is run in, and whether it makes another CA."""

    goal: str
    words: tuple[str, ...]
    is_signed: bool = True
    makes_another: bool = False


GOALS = (
    Killed("ca", ENCRYPTED, is_signed=False),
    Killed("renew-ca", ENCRYPTED),
    Killed("regenerate", ENCRYPTED, makes_another=True),
    Killed("encrypt-ca-key", SMALL),
)


def cas(folder: Path) -> set[bytes]:
    """Return the keys of the CAs that a folder has, as DER of their public halves."""
    found = set()
    for path in (*folder.glob("certs/ca.pem"), *folder.glob("archive/*/certs/ca.pem")):
        done = run("openssl", "x509", "-noout", "-pubkey", "-in", str(path))
        found.add(done.stdout.encode())
    return found


def fits(folder: Path) -> bool:
    """Tell whether the CA's key is there and its own; the password opens it if it is encrypted."""
    key, certificate = str(folder / "certs/ca-key.pem"), str(folder / "certs/ca.pem")
    words = ("openssl", "pkey", "-pubout", "-in", key, "-passin", f"env:{VARIABLE}")
    public = run(*words, **{VARIABLE: PASSWORD}).stdout  # type: ignore[arg-type]
    return (
        bool(public)
        and public == run("openssl", "x509", "-noout", "-pubkey", "-in", certificate).stdout
    )


def clear_keys(folder: Path) -> list[str]:
    """Return the files below a folder that hold a key of a CA in the clear."""
    found = [path for path in folder.rglob("*ca-key.pem") if path.is_file()]
    return [str(path) for path in found if "ENCRYPTED" not in path.read_text()]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Killed], Path]:
    """Return a function that gives the folder in which a goal is killed, made once."""
    made: dict[tuple[tuple[str, ...], bool], Path] = {}

    def of(killed: Killed) -> Path:
        key = (killed.words, killed.is_signed)
        if key not in made:
            path = made[key] = tmp_path_factory.mktemp("template") / "tls-setup"
            done = run("tls-scaffold", "new", str(path), *killed.words)
            assert done.returncode == 0, done.stderr
            if killed.is_signed:
                make(path, SIGNER="cfssl", **GIVEN)
        return made[key]

    return of


def numbers(count: int, seed: str, *, every: bool) -> list[int]:
    """Return the calls to kill at: each of `count`, or one of each part of them."""
    chance = random.Random(seed)  # noqa: S311
    part = 1 if every else -(-count // SAMPLE)
    starts = range(1, count + 1, part)
    return [chance.randrange(first, min(first + part, count + 1)) for first in starts]


@pytest.mark.parametrize("signer", ["cfssl 1.2", "own"])
@pytest.mark.parametrize("killed", GOALS, ids=lambda each: f"{each.goal} {len(each.words)}")
def test_a_kill_at_any_write_loses_no_ca_and_the_next_run_heals(
    template: Callable[[Killed], Path],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    killed: Killed,
    signer: str,
) -> None:
    before, path = template(killed), tmp_path / "tls-setup"
    monkeypatch.setenv(VARIABLE, PASSWORD)
    signer_word = f"SIGNER={SIGNERS[signer]['SIGNER']}"
    command = ("make", "YES=1", signer_word, killed.goal)
    shutil.copytree(before, path, symlinks=True)
    count = calls(command, path)
    assert count > 5
    old = cas(before)
    pairs = contents(before)
    for number in numbers(count, f"{killed} {signer}", every=pytestconfig.getoption("--long")):
        shutil.rmtree(path)
        shutil.copytree(before, path, symlinks=True)
        calls(command, path, kill_at=number)

        if killed.is_signed and not (path / "certs/.new").exists():
            assert fits(path), number
        if "--encrypt-ca-key" in killed.words:
            assert clear_keys(path) == [], number
        if number % 2:  # what was decided the other language finishes too
            done = run("tls-scaffold", "sync", cwd=path)
            assert done.returncode == 0, done.stderr
        make(path, signer_word)
        assert fits(path), number
        assert old <= cas(path) or not killed.is_signed, number
        assert len(cas(path) - old) <= int(killed.makes_another or not killed.is_signed), number
        if killed.is_signed and not killed.makes_another:
            assert same_pairs(pairs, path), number
        for name in names(path):
            verify(path, f"certs/{name}.pem")
        assert not list(path.glob("certs/.work.*"))
        make(path, signer_word, killed.goal)
        assert fits(path), number
    if killed.goal == "encrypt-ca-key":
        check_key(path)
        assert json.loads((path / "tls-scaffold.json").read_text())["ca"] == {"key": "encrypted"}


def test_what_a_clone_brings_in_the_place_of_a_renewal_is_refused(signed: Factory) -> None:
    path, other = signed(*SMALL), signed(*SMALL, name="other")
    planted = path / "certs/.new"
    (planted / "new/certs").mkdir(parents=True)
    shutil.copy(other / "certs/ca.pem", planted / "new/certs/ca.pem")
    (planted / "same-key").touch()
    for words in ("none", "0" * 64, ""):
        (planted / "of").write_text(f"{words}\n")
        before = contents(path)
        for how in SIGNERS.values():
            told = make(path, "req", code=2, **how).stderr
            assert "was not made for the CA" in told
        assert contents(path) == before

"""Kills at each write of what makes, encrypts and renews a CA: it is never lost or in the clear."""

import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from conftest import Factory
from kept import OF_CAS
from promises.tracing import calls
from support import contents, make, names, openssl, run
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
SAMPLE = 1
TWO = "--peer-ca"


@dataclass(frozen=True)
class Killed:
    """A goal of make, the folder that it is run in, and whether it makes another CA.

    With `peers_come` the folder has just been asked for a CA of peers beside the one that it has.
    """

    goal: str
    words: tuple[str, ...]
    is_signed: bool = True
    makes_another: bool = False
    peers_come: bool = False

    @property
    def has(self) -> tuple[str, ...]:
        """What the CAs of the folder are called when it has ended."""
        return ("ca", "peer-ca") if self.peers_come or TWO in self.words else ("ca",)

    @property
    def made(self) -> tuple[str, ...]:
        """The CAs that it makes where it ends: all of them, or none."""
        if self.peers_come:
            return ("peer-ca",)
        return self.has if self.makes_another or not self.is_signed else ()


GOALS = (
    Killed("ca", ENCRYPTED, is_signed=False),
    Killed("renew-ca", ENCRYPTED),
    Killed("regenerate", ENCRYPTED, makes_another=True),
    Killed("encrypt-ca-key", SMALL),
)
GOALS_OF_TWO = (
    Killed("ca", (*ENCRYPTED, TWO), is_signed=False),
    Killed("ca", ENCRYPTED, peers_come=True),
    Killed("renew-ca", (*ENCRYPTED, TWO)),
    Killed("regenerate", (*ENCRYPTED, TWO), makes_another=True),
    Killed("encrypt-ca-key", (*SMALL, TWO)),
)


def cas(folder: Path) -> dict[str, set[str]]:
    """Return the public keys of the CAs that a folder has and had, by what they are called."""
    found: dict[str, set[str]] = {"ca": set(), "peer-ca": set()}
    for name, keys in found.items():
        paths = (*folder.glob(f"certs/{name}.pem"), *folder.glob(f"archive/*/certs/{name}.pem"))
        keys.update(
            run("openssl", "x509", "-noout", "-pubkey", "-in", str(p)).stdout for p in paths
        )
    return found


def unfit(folder: Path, wanted: Iterable[str]) -> list[str]:
    """Return which CAs have no key that is theirs; the password opens it if it is encrypted."""
    return [name for name in wanted if not fits(folder, name)]


def fits(folder: Path, name: str) -> bool:
    key, certificate = (str(folder / f"certs/{name}{each}.pem") for each in ("-key", ""))
    words = ("openssl", "pkey", "-pubout", "-in", key, "-passin", f"env:{VARIABLE}")
    public = run(*words, **{VARIABLE: PASSWORD}).stdout  # type: ignore[arg-type]
    return (
        bool(public)
        and public == run("openssl", "x509", "-noout", "-pubkey", "-in", certificate).stdout
    )


def clear_keys(folder: Path) -> list[str]:
    """Return the files below a folder that hold a key of a CA in the clear.

    One that was just made when the kill came is empty, and holds none.
    """
    found = [path for path in folder.rglob("*ca-key.pem") if path.is_file()]
    texts = {str(path): path.read_text() for path in found}
    return [path for path, text in texts.items() if text and "ENCRYPTED" not in text]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Killed], Path]:
    """Return a function that gives the folder in which a goal is killed, made once."""
    made: dict[tuple[tuple[str, ...], bool, bool], Path] = {}

    def of(killed: Killed) -> Path:
        key = (killed.words, killed.is_signed, killed.peers_come)
        if key not in made:
            path = made[key] = tmp_path_factory.mktemp("template") / "tls-setup"
            done = run("tls-scaffold", "new", str(path), *killed.words)
            assert done.returncode == 0, done.stderr
            if killed.is_signed:
                make(path, SIGNER="cfssl", **GIVEN)
            if killed.peers_come:
                assert run("tls-scaffold", "sync", TWO, cwd=path).returncode == 0
        return made[key]

    return of


def numbers(count: int, seed: str, *, every: bool, sample: int = SAMPLE) -> list[int]:
    """Return the calls to kill at: each of `count`, or one of each part of them."""
    chance = random.Random(seed)  # noqa: S311
    part = 1 if every else -(-count // sample)
    starts = range(1, count + 1, part)
    return [chance.randrange(first, min(first + part, count + 1)) for first in starts]


def pairs_of(files: dict[str, bytes | str]) -> dict[str, bytes | str]:
    """Return what folders hold of pairs, without the CAs' own files."""
    return {
        name: text
        for name, text in files.items()
        if name.startswith("certs/") and not OF_CAS.fullmatch(name)
    }


def heal(folder: Path, signer_word: str, number: int) -> None:
    """Let the next run end what was killed."""
    if number % 2:  # what was decided the other language finishes too
        done = run("tls-scaffold", "sync", cwd=folder)
        assert done.returncode == 0, done.stderr
    make(folder, signer_word)


def check_healed(folder: Path, killed: Killed, before: Path) -> None:
    """Let every CA be there with its key, and every old one in the archive, and each pair hold."""
    old, found = cas(before), cas(folder)
    assert unfit(folder, killed.has) == []
    assert all(old[name] <= found[name] for name in killed.has)
    new = {name: len(found[name] - old[name]) for name in killed.has}
    # The other one stays; of two both are new, or none is.
    assert {count for name, count in new.items() if name not in killed.made} <= {0}, new
    assert {count for name, count in new.items() if name in killed.made} in ({0}, {1}, set()), new
    if killed.is_signed and not killed.makes_another:
        assert pairs_of(contents(before)).items() <= pairs_of(contents(folder)).items()
    for name in names(folder):
        ca = "peer-ca" if name.startswith("peer-") else "ca"
        openssl("verify", "-CAfile", f"{folder}/certs/{ca}.pem", f"{folder}/certs/{name}.pem")
    assert not list(folder.glob("certs/.work.*"))


def cases() -> Iterator[ParameterSet]:
    """Yield what is killed with which signer; each goal once in the short form."""
    short = (
        *("ca own", "encrypt-ca-key cfssl 1.2"),
        *("ca of two later own", "renew-ca of two cfssl 1.2"),
    )
    for killed in (*GOALS, *GOALS_OF_TWO):
        of_two = " of two" if killed in GOALS_OF_TWO else ""
        for signer in ("cfssl 1.2", "own"):
            name = f"{killed.goal}{of_two}{' later' if killed.peers_come else ''} {signer}"
            marks = [] if name in short else [pytest.mark.long]
            yield pytest.param(killed, signer, marks=marks, id=name)


@pytest.mark.parametrize(("killed", "signer"), [*cases()])
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
    there = [name for name, keys in cas(before).items() if keys]
    sample = 1 if killed in GOALS_OF_TWO else SAMPLE
    every = pytestconfig.getoption("--long")
    for number in numbers(count, f"{killed} {signer}", every=every, sample=sample):
        shutil.rmtree(path)
        shutil.copytree(before, path, symlinks=True)
        calls(command, path, kill_at=number)

        if not (path / "certs/.new").exists():
            assert unfit(path, there) == [], number
        if "--encrypt-ca-key" in killed.words:
            assert clear_keys(path) == [], number
        heal(path, signer_word, number)
        check_healed(path, killed, before)
        make(path, signer_word, killed.goal)
        assert unfit(path, killed.has) == [], number
    if killed.goal == "encrypt-ca-key":
        for ca in there:
            check_key(path, ca=ca)
        said = json.loads((path / "tls-scaffold.json").read_text())["ca"]
        assert said == {"key": "encrypted"}


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

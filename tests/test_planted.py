"""What looks like a killed run's, but came with a clone or a pull.

Nothing of it takes the place of the CA.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from support import SMALL, contents, make, run

pytestmark = pytest.mark.needs("cfssl", "cfssljson", "make")
FINISHING: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "sync": lambda path: ("tls-scaffold", "-C", str(path), "sync"),
    "sign": lambda path: ("tls-scaffold", "-C", str(path), "sign"),
    "make": lambda path: ("make", "-C", str(path), "SIGNER=cfssl"),
}
of_every_command = pytest.mark.parametrize("command", FINISHING)


@pytest.fixture
def other_set(signed: Factory) -> Path:
    """Return a whole set of certificates of another CA, whose key its maker has."""
    path = signed(*SMALL, name="other")  # a copy of what every test gets, until it has another CA
    shutil.rmtree(path / "certs")
    shutil.rmtree(path / "issued")
    make(path, SIGNER="cfssl")
    return path / "certs"


def plant(path: Path, certs: Path, of: str) -> None:
    """Put a set where a regenerate has it that was killed when it had decided."""
    new = path / "certs/.new"
    shutil.copytree(certs, new / "new/certs", ignore=shutil.ignore_patterns(".*"))
    (new / "new/certs/ca-key.pem").rename(new / "ca-key.pem")
    (new / "of").write_text(f"{of}\n")


def refused(path: Path, command: str, words: str) -> None:
    """Run a command: it must refuse in these words.

    It leaves every file of the folder and beside it as it is.
    """
    before = contents(path.parent)
    done = run(*FINISHING[command](path))
    assert done.returncode != 0
    assert words in done.stderr
    assert "hint: move " in done.stderr
    after = contents(path.parent)
    assert after == before


@of_every_command
@pytest.mark.parametrize("of", ["none", "its own key", "the certificate"])
def test_a_set_that_was_not_made_beside_our_ca_does_not_take_its_place(
    signed: Factory, other_set: Path, command: str, of: str
) -> None:
    path = signed(*SMALL)
    known = {"its own key": other_set / "ca-key.pem", "the certificate": path / "certs/ca.pem"}
    plant(
        path, other_set, hashlib.sha256(known[of].read_bytes()).hexdigest() if of in known else of
    )

    refused(path, command, "certs/.new` was not made for the CA in ")

    (path / "certs/.new").rename(path.parent / "away")
    assert "nothing to sign" in make(path, SIGNER="cfssl").stdout


@of_every_command
def test_a_set_does_not_take_the_place_of_a_ca_whose_key_is_elsewhere(
    signed: Factory, other_set: Path, command: str
) -> None:
    path = signed(*SMALL)
    plant(path, other_set, "none")
    (path / "certs/ca-key.pem").rename(path.parent / "ca-key.pem")

    refused(path, command, "certs/.new` was not made for the CA in ")


@of_every_command
@pytest.mark.parametrize("of", ["none", ""])
def test_a_ca_is_not_signed_again_in_a_clone_that_has_no_key(
    signed: Factory, other_set: Path, command: str, of: str
) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "certs")
    plant(path, other_set, of)
    (path / "certs/.new/ca-key.pem").rename(path / "certs/.new/same-key")

    refused(path, command, "certs/.new` was not made for the CA in ")


def test_a_sync_takes_away_what_sign_sh_would_run(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "custody.sh").write_text("echo run >&2\n")

    done = run("tls-scaffold", "-C", str(path), "sync")

    assert done.returncode == 0, done.stderr
    assert not (path / "custody.sh").exists()
    assert [each.read_text() for each in path.glob("archive/*/custody.sh")] == ["echo run >&2\n"]


@of_every_command
def test_nothing_is_taken_through_a_link(signed: Factory, other_set: Path, command: str) -> None:
    path = signed(*SMALL)
    (path / "certs/.new").symlink_to(other_set)

    refused(path, command, "certs/.new` is a link")


def test_a_set_without_its_key_is_one_that_was_finished_and_is_cleared(
    signed: Factory, other_set: Path
) -> None:
    path = signed(*SMALL)
    before = contents(path / "certs")
    plant(path, other_set, "none")
    (path / "certs/.new/ca-key.pem").unlink()

    make(path, SIGNER="cfssl")
    assert contents(path / "certs") == before

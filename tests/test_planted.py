"""What looks like a killed run's, but came with a clone or a pull: nothing of it takes the place of the CA."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from support import SMALL, contents, make, run, tls_scaffold

pytestmark = pytest.mark.needs("cfssl", "cfssljson", "make")
SHELF = "archive/20260102T030405Z"
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
    make(path, "regenerate", SIGNER="cfssl")
    return path / "certs"


def plant(path: Path, certs: Path) -> Path:
    """Put a set where a regenerate has it that was killed when it had decided; return the folder of the archive."""
    new = path / SHELF / ".new"
    new.mkdir(parents=True)
    (new / "config").symlink_to("../config")
    shutil.copytree(certs, new / "certs")
    return new.parent


def refused(path: Path, command: str, words: str) -> None:
    """Run a command: it must refuse in these words and leave every file of the folder and beside it as it is."""
    before = contents(path.parent)
    done = run(*FINISHING[command](path))
    assert done.returncode != 0
    assert words in done.stderr
    assert "hint: move " in done.stderr
    assert contents(path.parent) == before


@of_every_command
@pytest.mark.parametrize("key", ["none", "its own", "in the archive too"])
def test_a_set_that_was_not_made_beside_our_ca_does_not_take_its_place(
    signed: Factory, other_set: Path, command: str, key: str
) -> None:
    path = signed(*SMALL)
    shelf = plant(path, other_set)
    if key != "none":
        shutil.copy(other_set / "ca-key.pem", shelf / ".old-ca-key.pem")
    if key == "in the archive too":
        shutil.copytree(other_set, shelf / "certs")

    refused(path, command, f"{SHELF}/.new` is no set that `make regenerate` made for the CA in")

    shelf.rename(path.parent / "away")
    make(path, SIGNER="cfssl")
    assert tls_scaffold("-C", str(path), "sync").returncode == 0


@of_every_command
def test_a_set_does_not_take_the_place_of_a_ca_whose_key_is_elsewhere(
    signed: Factory, other_set: Path, command: str
) -> None:
    path = signed(*SMALL)
    plant(path, other_set)
    (path / "certs/ca-key.pem").rename(path.parent / "ca-key.pem")

    refused(path, command, f"{SHELF}/.new` is no set that `make regenerate` made for the CA in")


@of_every_command
@pytest.mark.parametrize("link", ["shelf", "set", "certificates"])
def test_no_set_is_taken_through_a_link(signed: Factory, other_set: Path, command: str, link: str) -> None:
    path = signed(*SMALL)
    shelf = plant(path, other_set)
    shutil.copy(path / "certs/ca-key.pem", shelf / ".old-ca-key.pem")
    linked = {"shelf": shelf, "set": shelf / ".new", "certificates": shelf / ".new/certs"}[link]
    linked.rename(path.parent / "elsewhere")
    linked.symlink_to(path.parent / "elsewhere")

    refused(path, command, "is a link: no set of certificates is taken through it")


@of_every_command
def test_a_part_of_our_set_does_not_move_it_away(signed: Factory, tmp_path: Path, command: str) -> None:
    path = signed(*SMALL)
    (tmp_path / "part").mkdir()
    shutil.copy(path / "certs/ca.pem", tmp_path / "part")  # which everybody may have
    before = contents(path / "certs")
    plant(path, tmp_path / "part")

    assert run(*FINISHING[command](path)).returncode == 0
    assert contents(path / "certs") == before
    assert not (path / SHELF / ".new").exists()


@of_every_command
def test_no_ca_is_taken_through_a_link(signed: Factory, other_set: Path, command: str) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "certs")
    (path / "certs").mkdir(mode=0o700)
    (path / "certs/.ca").symlink_to(other_set)

    refused(path, command, "`" if command == "make" else "is a link: no set of certificates is taken through it")


@of_every_command
def test_only_what_has_the_form_of_our_working_files_is_cleared(signed: Factory, command: str) -> None:
    path = signed(*SMALL)
    for name in ("certs/.work.backup", "archive/.next.keep", "certs/.work.1x"):
        (path / name).mkdir(parents=True)
        shutil.copy(path / "certs/ca-key.pem", path / name)
    (path / "archive").chmod(0o700)
    (path / "archive/.next.4000001").write_text("a file")
    (path / "archive/.next.4000002").symlink_to(path / "certs")
    before = contents(path)

    assert run(*FINISHING[command](path)).returncode == 0
    kept = {name: text for name, text in before.items() if not name.startswith("archive/.next.40")}
    assert contents(path) == kept

"""Folders in which nothing is to be written: others' folders, and those of a newer tls-scaffold."""

from pathlib import Path

import pytest

from conftest import Factory
from support import SMALL, contents, make, tls_scaffold

NEWER = "error: the inventory has the format 2, and this tls-scaffold knows the format 1"
HINT = (
    "hint: `tls-scaffold new` makes one, `tls-scaffold adopt` takes over one made by hand, "
    "`-C DIR` goes there"
)
OF_OURS = (
    *("rotate start", "rotate trust", "rotate finish", "rotate abort", "rotate status"),
    *("renewed", "renewed calico", "renew-ca", "sync", "add bob", "remove calico"),
    *("revoke calico", "bundle", "encrypt-ca-key"),
)


@pytest.mark.parametrize("command", OF_OURS)
def test_nothing_is_made_in_a_folder_of_others(command: str, tmp_path: Path) -> None:
    done = tls_scaffold(*command.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: `tls-scaffold.json` does not exist: this is not a folder that tls-scaffold keeps"
        f"\n\n{HINT}\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*OF_OURS[:11], "status", "check", "sign"])
def test_what_is_no_folder_is_told_with_a_hint(command: str, tmp_path: Path) -> None:
    done = tls_scaffold("-C", "none", *command.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: `none` is not a folder\n\n{HINT}\n"


@pytest.fixture
def newer(folder: Factory) -> Path:
    """Return a folder in which there is work to do, as a newer tls-scaffold might have left it."""
    path = folder(*SMALL, signed=True)
    inventory = path / "tls-scaffold.json"
    inventory.write_text(inventory.read_text().replace('"version": 1', '"version": 2'))
    (path / "certs/calico.pem").unlink()
    return path


WRITING = (
    *("sign", "sign calico", "sign --force etcd1", "sign --own-lines", "sign ca"),
    *("rotate start", "rotate abort", "renew-ca", "encrypt-ca-key"),
    *("add bob", "remove calico", "sync", "revoke calico", "bundle", "requests export out"),
)


@pytest.mark.parametrize("archive", ["there", "not there"])
@pytest.mark.parametrize("command", WRITING)
def test_nothing_is_written_in_a_folder_of_a_newer_format(
    command: str, archive: str, newer: Path
) -> None:
    if archive == "there":
        (newer / "archive").mkdir(0o700, exist_ok=True)
    before = contents(newer)
    done = tls_scaffold(*command.split(), cwd=newer)
    assert done.returncode == 1
    assert NEWER in done.stderr
    assert "hint: a newer tls-scaffold wrote it: upgrade this one" in done.stderr
    assert contents(newer) == before


@pytest.mark.parametrize("target", ["", "regenerate"])
def test_make_signs_nothing_with_us_in_a_folder_of_a_newer_format(target: str, newer: Path) -> None:
    before = contents(newer)
    done = make(newer, *target.split(), code=2, SIGNER="tls-scaffold")
    assert NEWER in done.stderr
    assert contents(newer) == before

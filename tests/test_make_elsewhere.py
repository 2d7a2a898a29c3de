"""Certificates outside `certs/`, as adopted folders have them.

The same promises hold, or there is a refusal before all else.
"""

import json
from pathlib import Path

import pytest

from conftest import Factory
from support import contents, make, tls_scaffold, verify

with_either_signer = pytest.mark.usefixtures("either_signer")
pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def elsewhere(tmp_path: Path) -> Path:
    """Return a signed folder: users `a` and `b` have certificates of one name in two folders."""
    users = [{"name": name, "cn": name, "output": f"{name}/x"} for name in "ab"]
    (tmp_path / "inventory.json").write_text(
        json.dumps({"members": ["10.0.0.1"], "proxies": 0, "users": users})
    )
    folder = tmp_path / "elsewhere"
    assert (
        tls_scaffold("new", str(folder), "--from", str(tmp_path / "inventory.json")).returncode == 0
    )
    make(folder)
    return folder


@with_either_signer
def test_a_target_signs_its_own_component_and_not_one_of_the_same_file_name(tmp_path: Path) -> None:
    folder = elsewhere(tmp_path)
    before = contents(folder)

    make(folder, "req-a")

    after = contents(folder)
    changed = {
        name for name in after if after[name] != before.get(name) and not name.startswith("issued/")
    }
    assert changed == {"a/x.pem", "a/x-key.pem", "a/x.csr"}


@with_either_signer
def test_regenerate_takes_what_lies_elsewhere_along_and_archives_the_old(tmp_path: Path) -> None:
    folder = elsewhere(tmp_path)
    before = contents(folder)

    make(folder, "regenerate")

    for name in ("a/x", "b/x"):
        verify(folder, f"{name}.pem")
    (shelf,) = folder.glob("archive/2*")
    old = {
        name: text
        for name, text in before.items()
        if name.startswith(("a/", "b/", "certs/", "config/", "tls-scaffold.json"))
    }
    assert contents(shelf) == old


@with_either_signer
def test_keys_are_not_written_through_a_link_in_the_way_to_them(tmp_path: Path) -> None:
    folder = elsewhere(tmp_path)
    (folder / "a").rename(tmp_path / "outside")
    (folder / "a").symlink_to(tmp_path / "outside")
    before = contents(tmp_path / "outside")

    refused = make(folder, "req-a", code=2)

    assert "is a link" in refused.stderr
    assert contents(tmp_path / "outside") == before


def test_a_folder_called_new_in_the_archive_is_no_killed_regenerate(signed: Factory) -> None:
    folder = signed("--members", "10.0.0.1")
    key = folder / "archive/20260102T030405Z/new/u-key.pem"
    key.parent.mkdir(parents=True)
    key.write_text("a key")

    make(folder, "req")

    assert key.read_text() == "a key"

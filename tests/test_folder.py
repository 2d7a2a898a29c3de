import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from keeping import edit
from support import contents
from tls_scaffold.disk import files, folder
from tls_scaffold.disk.folder import make_shelf
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.authorities import copy_ca
from tls_scaffold.keeping.plan import Note, Plan, Step

pytestmark = pytest.mark.fast


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def put(folder: Path, **texts: str) -> None:
    """Write files of one folder, by name without `.pem`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name.replace('_', '-')}.pem").write_text(text)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_hold_from_the_first_byte_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    seen: list[int] = []
    old, real = os.umask(umask), os.open

    def opened(path: Any, flags: int, *rest: Any) -> int:
        descriptor = real(path, flags, *rest)
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", opened)
            files.write(tmp_path / "x-key.pem", "secret", files.SECRET)
    finally:
        os.umask(old)
    assert [each & 0o077 for each in seen] == [0]
    assert mode(tmp_path / "x-key.pem") == 0o600


def test_a_new_file_gets_the_usual_mode_a_script_can_be_run_and_an_old_file_keeps_its_own(
    tmp_path: Path,
) -> None:
    old = os.umask(0o027)
    try:
        for name in ("Makefile", "sign.sh", "Makefile"):
            folder.write_inside(tmp_path, name, "x")
        assert (mode(tmp_path / "Makefile"), mode(tmp_path / "sign.sh")) == (0o640, 0o750)
        (tmp_path / "Makefile").chmod(0o604)
        folder.write_inside(tmp_path, "Makefile", "y")
        assert mode(tmp_path / "Makefile") == 0o604
    finally:
        os.umask(old)


def test_a_link_is_replaced_and_where_it_leads_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").symlink_to(tmp_path / "outside")
    folder.write_inside(tmp_path / "in", "x", "new")
    files.write(tmp_path / "in/y", b"new")
    assert ((tmp_path / "outside").read_text(), (tmp_path / "in/x").read_text()) == (
        "outside",
        "new",
    )
    assert sorted(each.name for each in (tmp_path / "in").iterdir()) == [".tls-scaffold", "x", "y"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path / "x", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("path", ["../x", "/x", "", "a/../../x", "link/x"])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link").symlink_to(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ScaffoldError):
        folder.write_inside(tmp_path / "folder", path, "x")
    with pytest.raises(ScaffoldError):
        folder.remove_inside(tmp_path / "folder", path)
    assert contents(tmp_path) == before


def test_each_shelf_of_the_archive_is_new_and_the_archive_is_its_owners(tmp_path: Path) -> None:
    shelves = [make_shelf(tmp_path) for _ in range(3)]
    assert len(set(shelves)) == 3
    assert mode(tmp_path / "archive") == 0o700
    assert make_shelf(tmp_path, f"archive/{shelves[0].name}") == shelves[0]


NO_GIT = b"*\n"


def test_a_ca_on_its_way_arrives_and_is_never_put_over_another(tmp_path: Path) -> None:
    made = tmp_path / "certs/.new"
    (made / "new/certs").mkdir(parents=True)
    for name in ("ca.csr", "trust.pem", "ca.pem"):
        (made / "new/certs" / name).write_text(name)
    (made / "ca-key.pem").write_text("ca-key.pem")
    (made / "of").write_text("none\n")
    with folder.lock(tmp_path):
        pass
    assert contents(tmp_path) == {
        f"certs/{name}": name.encode() for name in ("ca-key.pem", "ca.csr", "ca.pem", "trust.pem")
    }
    for name in ("ca.pem", "ca-key.pem"):
        (made / "new/certs").mkdir(parents=True, exist_ok=True)
        (made / "new/certs/ca.pem").write_text("another")
        (made / "ca-key.pem").write_text("another")
        (made / "of").write_text("none\n")
        before = contents(tmp_path)
        with pytest.raises(ScaffoldError, match="was not made for the CA"), folder.lock(tmp_path):
            pass
        assert contents(tmp_path) == before
        (tmp_path / "certs" / name).unlink()
        (tmp_path / "certs" / name).symlink_to(f"/usb-stick/{name}")


def test_the_folders_of_keys_are_kept_from_git_and_from_others(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/.gitignore").touch()  # what a kill leaves of it
    old = os.umask(0)
    try:
        with folder.lock(tmp_path):
            pass
        put(tmp_path / "ssl", root="certificate", root_key="key")
        copy_ca(tmp_path, "ssl/root")
    finally:
        os.umask(old)
    assert (
        (tmp_path / "archive/.gitignore").read_bytes()
        == (tmp_path / "certs/.gitignore").read_bytes()
        == NO_GIT
    )
    assert (
        mode(tmp_path / "certs"),
        mode(tmp_path / "certs/.gitignore"),
        mode(tmp_path / "archive/.lock"),
    ) == (
        0o700,
        0o600,
        0o600,
    )


def test_a_ca_is_taken_over_whole_and_only_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "ssl").mkdir()
    (tmp_path / "ssl/root.pem").write_text("certificate")
    (tmp_path / "ssl/root-key.pem").write_text("key")
    (tmp_path / "ssl/root-key.pem").chmod(0o644)
    copy_ca(tmp_path, "ssl/root")
    assert {
        name: content
        for name, content in contents(tmp_path).items()
        if name.startswith(("certs", "iss"))
    } == {
        "certs/ca.pem": b"certificate",
        "certs/trust.pem": b"certificate",
        "certs/ca-key.pem": b"key",
        f"issued/ca-{sum_of(tmp_path / 'certs/ca.pem')[:10]}.pem": b"certificate",
    }
    assert (mode(tmp_path / "certs"), mode(tmp_path / "certs/ca-key.pem")) == (0o700, 0o600)
    edit(tmp_path / "ssl/root.pem", "certificate", "another")
    copy_ca(tmp_path, "ssl/root")
    assert (tmp_path / "certs/ca.pem").read_text() == "certificate"


def test_a_file_that_changed_since_the_plan_was_made_is_not_overwritten(tmp_path: Path) -> None:
    gone = "config/req-gone.json"
    (tmp_path / "config").mkdir()
    (tmp_path / "Makefile").write_text("edited meanwhile")
    (tmp_path / gone).write_text("edited meanwhile")
    notes = (Note("wrote", "Makefile"), Note("removed", gone))
    steps = (Step("Makefile", "old", "new"), Step(gone, '{"CN": "gone", "key": {}}', None))
    plan = Plan("archive/20260131T235959Z", steps, notes=notes)
    done = journal.carry_out(tmp_path, journal.Entry(("sync",), plan))
    assert done.conflicts == ("Makefile", gone)
    assert contents(tmp_path) == {
        "Makefile": b"edited meanwhile",
        "Makefile.new": b"new",
        gone: b"edited meanwhile",
    }


def test_a_file_that_could_not_be_finished_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(OSError, match="No space left"):
        files.create(tmp_path / "x", "text")
    assert list(tmp_path.iterdir()) == []

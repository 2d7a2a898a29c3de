"""A new folder appears whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import contents
from tls_scaffold.disk import newfolder
from tls_scaffold.errors import ScaffoldError

TREE = {"Makefile": "all:\n", "sign.sh": "#!/bin/sh\n", "config/req-csr.json": "{}\n", "tls-scaffold.json": "ü\n"}
STOPPED = """
import os, signal, sys
from pathlib import Path
from tls_scaffold.disk import newfolder

calls = 0
def hook(event, words):
    global calls
    if event in ("open", "os.mkdir", "os.link", "os.rename", "os.chmod", "shutil.rmtree", "os.rmdir", "os.remove"):
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
newfolder.create(Path(sys.argv[1]), {"Makefile": "all:\\n", "config/a": "a", "config/b": "b", "sign.sh": ""})
"""


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def whole(folder: Path) -> bool:
    return contents(folder) == {path: text.encode() for path, text in TREE.items()}


def said(target: Path) -> str:
    with pytest.raises(ScaffoldError) as caught:
        newfolder.create(target, TREE)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Return a folder of a user who is not root, and be that user."""
    user = os.geteuid() or 65534
    with tempfile.TemporaryDirectory() as path:
        os.chown(path, user, -1)
        os.seteuid(user)
        yield Path(path)
        Path(path).chmod(0o700)
        os.seteuid(os.getuid())


def test_a_folder_that_is_not_there_is_made_with_its_parents(tmp_path: Path) -> None:
    newfolder.create(tmp_path / "a/b/c", TREE)

    assert whole(tmp_path / "a/b/c")
    assert entries(tmp_path / "a/b") == ["c"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()

    newfolder.create(tmp_path / "c", TREE)

    assert whole(tmp_path / "c")
    assert entries(tmp_path) == ["c"]


def test_the_folder_that_a_shell_stands_in_is_filled_and_stays_the_same_folder(here: Path) -> None:
    before = here.stat().st_ino

    newfolder.create(Path(), TREE)

    assert whole(here)
    assert here.stat().st_ino == before
    assert entries(here.parent) == ["here"]


def test_a_link_to_an_empty_folder_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")

    newfolder.create(tmp_path / "link", TREE)

    assert whole(tmp_path / "there")
    assert (tmp_path / "link").is_symlink()


@pytest.mark.usefixtures("umask")
def test_scripts_may_be_run_and_modes_follow_the_umask(tmp_path: Path) -> None:
    newfolder.create(tmp_path / "c", TREE)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").iterdir()}
    assert modes == {"Makefile": 0o640, "config": 0o750, "sign.sh": 0o750, "tls-scaffold.json": 0o640}


@pytest.mark.parametrize("name", ["x", ".git"])
def test_a_folder_with_anything_in_it_is_refused_with_what_to_do_instead(tmp_path: Path, name: str) -> None:
    target = tmp_path / "c"
    target.mkdir()
    (target / name).write_text("mine")

    assert said(target) == (
        f"`{target}` is not empty: nothing was written\n\n"
        f"hint: `tls-scaffold -C {target} sync` updates a folder of ours, "
        f"`tls-scaffold adopt {target}` takes over one made by hand, `tls-scaffold new DIRECTORY` makes another"
    )
    assert contents(tmp_path) == {f"c/{name}": b"mine"}


@pytest.mark.parametrize("kind", ["file", "link to a file", "broken link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "c"
    (tmp_path / "file").write_text("mine")
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("file" if kind == "link to a file" else "nowhere")
    before = contents(tmp_path)

    assert said(target).startswith(f"`{target}` is not a directory: nothing was written\n")
    assert contents(tmp_path) == before


def test_a_parent_that_is_a_file_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(OSError, match="file"):
        newfolder.create(tmp_path / "file/c", TREE)

    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
@pytest.mark.parametrize("target", ["missing", "empty", "."])
def test_a_disk_that_is_full_leaves_the_target_as_it_was(
    here: Path, monkeypatch: pytest.MonkeyPatch, target: str, failing: int
) -> None:
    place = here.parent / "a/b" if target == "missing" else here
    before = entries(here.parent), entries(here)
    count = 0

    def full(path: Path, text: str, **settings: str) -> int:
        nonlocal count
        count += 1
        if count == failing:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return written(path, text, **settings)

    written = Path.write_text
    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(OSError, match="No space left"):
        newfolder.create(Path() if target == "." else place, TREE)

    assert (entries(here.parent), entries(here)) == before


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_folder_that_is_filled_by_half_is_emptied_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    count = 0

    def full(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == failing:
            raise KeyboardInterrupt
        linked(source, target)

    linked = os.link
    monkeypatch.setattr(os, "link", full)

    with pytest.raises(KeyboardInterrupt):
        newfolder.create(Path(), TREE)

    assert entries(here) == []
    assert entries(here.parent) == ["here"]


def test_the_move_itself_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Path, target: Path) -> Path:
        raise OSError(errno.EBUSY, "Device or resource busy", str(self), None, str(target))

    monkeypatch.setattr(Path, "rename", busy)

    with pytest.raises(OSError, match="busy"):
        newfolder.create(tmp_path / "a/b", TREE)

    assert entries(tmp_path) == []


def test_a_parent_that_can_not_be_written_is_an_error_of_the_disk(unprivileged: Path) -> None:
    (unprivileged / "c").mkdir()
    unprivileged.chmod(0o500)

    for target in (unprivileged / "c", unprivileged / "d", unprivileged / "d/e"):
        with pytest.raises(PermissionError):
            newfolder.create(target, TREE)

    assert contents(unprivileged) == {}
    assert entries(unprivileged) == ["c"]


def killed(folder: Path, target: str, at: int) -> int:
    """Make `folder/c` in a process that is killed before its `at`th look at the disk; 0: never."""
    place = folder / "c"
    stands = place if target == "." else folder
    stands.mkdir(parents=True, exist_ok=True)
    if target == "empty":
        place.mkdir(exist_ok=True)
    words = (sys.executable, "-c", STOPPED, "." if target == "." else str(place), str(at))
    return subprocess.run(words, cwd=stands, stderr=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize("target", ["missing", "empty", "."])
def test_a_kill_at_any_point_is_healed_by_the_next_run(tmp_path: Path, target: str) -> None:
    wanted = {"Makefile": b"all:\n", "config/a": b"a", "config/b": b"b", "sign.sh": b""}
    seen = set()
    for at in range(1, 80):
        folder = tmp_path / str(at)
        code = killed(folder, target, at)
        found = contents(folder / "c")
        # Only the folder that a shell stands in can't be put in place by one rename.
        assert target == "." or found in ({}, wanted), at

        again = killed(folder, target, 0)

        assert again == 0 or found == wanted, at
        assert contents(folder / "c") == wanted, at
        assert entries(folder) == ["c"], at
        seen.add((code, again))
        if code == 0:
            break
    assert {(-signal.SIGKILL, 0), (0, 1)} <= seen


def test_what_a_run_left_that_is_still_going_on_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / f".c.new-{os.getppid()}").mkdir()
    (tmp_path / f".c.new-{'9' * 19}").mkdir()

    newfolder.create(tmp_path / "c", TREE)

    assert entries(tmp_path) == [f".c.new-{os.getppid()}", "c"]


def test_folders_of_others_that_are_called_like_ours_stay(tmp_path: Path) -> None:
    names = [".c.new-", ".c.new-1-filled-too", ".c.new-9x", ".c.new-mine", ".c.new-\u0661"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()

    newfolder.create(tmp_path / "c", TREE)

    assert entries(tmp_path) == [*names, "c"]
    assert all((tmp_path / name / "a").exists() for name in names)


def test_what_a_process_of_the_same_number_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / f".c.new-{os.getpid()}").mkdir()
    (tmp_path / f".c.new-{os.getpid()}/half").touch()

    newfolder.create(tmp_path / "c", TREE)

    assert entries(tmp_path) == ["c"]
    assert whole(tmp_path / "c")


@pytest.mark.parametrize("name", ["[x]*?", "a b", "-n", "ü\n", "x" * 200])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    left = tmp_path / f".{name}.new-{'9' * 19}"
    left.mkdir()

    newfolder.create(tmp_path / name, TREE)

    assert whole(tmp_path / name)
    assert entries(tmp_path) == [name]

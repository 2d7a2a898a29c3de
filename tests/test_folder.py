import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keeping import edit
from support import contents
from tls_scaffold.disk import files, folder, processes
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.plan import Note, Plan, Step

GONE = 2**22 + 7  # above the largest process number of Linux


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def tokens(path: Path) -> list[str]:
    return sorted(each.name for each in path.glob(".lock/*"))


def test_a_lock_is_a_token_that_names_its_holder_and_is_gone_afterwards(tmp_path: Path) -> None:
    pid = os.getpid()
    with folder.lock(tmp_path, "tls-scaffold sync"):
        assert tokens(tmp_path) == [f"{pid}.{pid}.all"]
        text = (tmp_path / f".lock/{pid}.{pid}.all").read_text()
        assert text == f"{processes.started(pid)} tls-scaffold sync\n"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder.lock(tmp_path, "x"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        "{parent}.{parent}.all",
        "{parent}.{parent}.etcd1",
        "1.{parent}.etcd1",
        "a group that is no number.{parent}.etcd1",
        "{own}.{parent}.all",
    ],
)
def test_whoever_works_on_the_folder_or_a_component_of_it_is_waited_for_and_named(tmp_path: Path, other: str) -> None:
    parent = os.getppid()
    (tmp_path / ".lock").mkdir()
    token = tmp_path / ".lock" / other.format(parent=parent, own=os.getpid())
    token.write_text(f"{processes.started(parent)} make\n")
    before = tokens(tmp_path)
    with pytest.raises(ScaffoldError) as error, folder.lock(tmp_path, "x", wait=0):
        pass
    assert str(error.value) == (
        f"`make` (process {parent}) works on the folder `{tmp_path}`\n\nhint: run this again when it has ended"
    )
    assert tokens(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{GONE}.{GONE}.all", "1 make\n"),
        ("1.{parent}.all", "1 a process that had this number before\n"),
        (f"{'9' * 30}.{'9' * 30}.all", ""),
        ("{own}.{own}.all", "1 of a process that had our own number\n"),
    ],
)
def test_the_token_of_a_dead_process_is_taken_away(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".lock").mkdir()
    (tmp_path / ".lock" / name.format(parent=os.getppid(), own=os.getpid())).write_text(text)
    with folder.lock(tmp_path, "x", wait=0):
        assert tokens(tmp_path) == [f"{os.getpid()}.{os.getpid()}.all"]


def test_a_token_that_is_not_written_yet_counts_as_live(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    (tmp_path / f".lock/1.{os.getppid()}.all").touch()
    with pytest.raises(ScaffoldError, match="`another run`"), folder.lock(tmp_path, "x", wait=0):
        pass


def test_whoever_waits_goes_on_when_the_holder_ends(tmp_path: Path, running: Callable[..., Any]) -> None:
    holder = running("sleep", "0.5", cwd=tmp_path)
    (tmp_path / ".lock").mkdir()
    (tmp_path / f".lock/{holder.pid}.{holder.pid}.all").write_text(f"{processes.started(holder.pid)} sleep\n")
    with pytest.raises(ScaffoldError), folder.lock(tmp_path, "x", wait=0):
        pass
    holder.wait()
    with folder.lock(tmp_path, "x", wait=5):
        pass


def test_twenty_processes_at_once_are_in_the_locked_part_one_by_one(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tls_scaffold.disk import folder; p = Path(sys.argv[1])\n"
        "with folder.lock(p, 'x', wait=60):\n"
        "    number = int((p / 'counter').read_text()); (p / 'counter').write_text(str(number + 1))\n"
    )
    (tmp_path / "counter").write_text("0")
    each = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(20)]
    assert {process.wait(120) for process in each} == {0}
    assert (tmp_path / "counter").read_text() == "20"
    assert not (tmp_path / ".lock").exists()


def test_processes_of_others_count_as_alive_and_start_times_tell_twins_apart() -> None:
    assert processes.alive(1)
    assert processes.alive(os.getpid(), processes.started(os.getpid()))
    assert not processes.alive(os.getpid(), "1")
    assert not processes.alive(GONE)
    assert processes.started(GONE) == "-"


def test_a_process_that_proc_hides_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "started", lambda _pid: processes.UNKNOWN)
    assert processes.alive(os.getpid(), "1")


def test_a_process_that_may_not_be_signalled_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert processes.alive(1)


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
            folder.write(tmp_path, "x-key.pem", "secret", files.SECRET)
    finally:
        os.umask(old)
    assert [each & 0o077 for each in seen] == [0]
    assert mode(tmp_path / "x-key.pem") == 0o600


def test_a_new_file_gets_the_usual_mode_a_script_can_be_run_and_an_old_file_keeps_its_own(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        for name in ("Makefile", "sign.sh", "Makefile"):
            folder.write(tmp_path, name, "x")
        assert (mode(tmp_path / "Makefile"), mode(tmp_path / "sign.sh")) == (0o640, 0o750)
        (tmp_path / "Makefile").chmod(0o604)
        folder.write(tmp_path, "Makefile", "y")
        assert mode(tmp_path / "Makefile") == 0o604
    finally:
        os.umask(old)


def test_a_link_is_replaced_and_where_it_leads_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").symlink_to(tmp_path / "outside")
    folder.write(tmp_path / "in", "x", "new")
    files.write(tmp_path / "in/y", b"new")
    assert ((tmp_path / "outside").read_text(), (tmp_path / "in/x").read_text()) == ("outside", "new")
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
        folder.write(tmp_path / "folder", path, "x")
    with pytest.raises(ScaffoldError):
        folder.remove(tmp_path / "folder", path)
    assert contents(tmp_path) == before


def test_each_shelf_of_the_archive_is_new_and_the_archive_is_its_owners(tmp_path: Path) -> None:
    shelves = [folder.archive(tmp_path) for _ in range(3)]
    assert len(set(shelves)) == 3
    assert mode(tmp_path / "archive") == 0o700
    assert folder.archive(tmp_path, f"archive/{shelves[0].name}") == shelves[0]


def test_a_ca_on_its_way_arrives_and_is_never_put_over_another(tmp_path: Path) -> None:
    made = tmp_path / "certs/.ca"
    made.mkdir(parents=True)
    for name in ("ca.csr", "ca-key.pem", "ca.pem"):
        (made / name).write_text(name)
    (made / "ca.csr").rename(tmp_path / "certs/ca.csr")
    with folder.lock(tmp_path, "x"):
        pass
    assert contents(tmp_path) == {f"certs/{name}": name.encode() for name in ("ca-key.pem", "ca.csr", "ca.pem")}
    made.mkdir()
    (made / "ca.pem").write_text("another")
    (tmp_path / "certs/ca.pem").unlink()
    (tmp_path / "certs/ca.pem").symlink_to("/usb-stick/ca.pem")
    before = contents(tmp_path)
    with pytest.raises(ScaffoldError, match="holds a second CA"), folder.lock(tmp_path, "x"):
        pass
    assert contents(tmp_path) == before


@pytest.mark.parametrize("moved", [False, True])
def test_a_regenerate_that_was_killed_in_its_swap_is_completed(tmp_path: Path, moved: bool) -> None:  # noqa: FBT001
    shelf = tmp_path / "archive/20260101T000000Z"
    (shelf / ".new/certs").mkdir(parents=True)
    (shelf / ".new/certs/ca.pem").write_text("new")
    (shelf / ".new/config").symlink_to("../config")
    old = shelf / "certs" if moved else tmp_path / "certs"
    old.mkdir()
    (old / "ca-key.pem").write_text("old")
    (shelf / ".old-ca-key.pem").write_text("old")
    with folder.lock(tmp_path, "x"):
        pass
    assert contents(tmp_path) == {"certs/ca.pem": b"new", "archive/20260101T000000Z/certs/ca-key.pem": b"old"}


@pytest.mark.parametrize("links", [(), ("Makefile",)])
def test_the_rest_of_a_regenerate_that_was_killed_when_all_was_in_place_is_cleared(
    tmp_path: Path, links: tuple[str, ...]
) -> None:
    new = tmp_path / "archive/20260101T000000Z/.new"
    new.mkdir(parents=True)
    for name in links:
        (new / name).symlink_to(f"../../../{name}")
    with folder.lock(tmp_path, "x"):
        pass
    assert not new.exists()


@pytest.mark.parametrize("path", ["new/certs/u.pem", ".new/certs/u.pem", "new/u.pem"])
def test_an_archived_component_is_not_taken_for_a_regenerate(tmp_path: Path, path: str) -> None:
    archived = tmp_path / "archive/20260101T000000Z" / path
    archived.parent.mkdir(parents=True)
    archived.write_text("of a removed user")
    before = contents(tmp_path)
    with folder.lock(tmp_path, "x"):
        pass
    assert contents(tmp_path) == before


def test_two_old_sets_beside_a_newer_one_are_told(tmp_path: Path) -> None:
    for path in ("certs", "archive/T/certs", "archive/T/.new/certs"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "ca.pem").write_text(path)
        (tmp_path / path / "ca-key.pem").write_text(path)
    (tmp_path / "archive/T/.old-ca-key.pem").write_text("certs")
    (tmp_path / "archive/T/.new/config").symlink_to("../config")
    with pytest.raises(ScaffoldError, match="stand beside a newer set"), folder.lock(tmp_path, "x"):
        pass


def test_working_files_of_the_dead_are_cleared_and_those_of_the_living_stay(tmp_path: Path) -> None:
    for place in ("certs", ".tls-scaffold"):
        (tmp_path / place).mkdir()
        (tmp_path / place / f".work.{GONE}").mkdir()
        (tmp_path / place / ".work.odd").touch()
        (tmp_path / place / f".work.{os.getpid()}").mkdir()  # of one that had our number
        (tmp_path / place / f".work.{os.getppid()}").touch()
    with folder.lock(tmp_path, "x"):
        pass
    left = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.glob("*/.work.*"))
    assert left == [
        f"{place}/.work.{name}" for place in (".tls-scaffold", "certs") for name in (str(os.getppid()), "odd")
    ]


def test_a_ca_is_taken_over_whole_and_only_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "ssl").mkdir()
    (tmp_path / "ssl/root.pem").write_text("certificate")
    (tmp_path / "ssl/root-key.pem").write_text("key")
    (tmp_path / "ssl/root-key.pem").chmod(0o644)
    folder.take_ca(tmp_path, "ssl/root")
    assert {name: content for name, content in contents(tmp_path).items() if name.startswith("certs")} == {
        "certs/ca.pem": b"certificate",
        "certs/ca-key.pem": b"key",
    }
    assert (mode(tmp_path / "certs"), mode(tmp_path / "certs/ca-key.pem")) == (0o700, 0o600)
    edit(tmp_path / "ssl/root.pem", "certificate", "another")
    folder.take_ca(tmp_path, "ssl/root")
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


def test_a_file_that_could_not_be_finished_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(OSError, match="No space left"):
        files.create(tmp_path / "x", "text")
    assert list(tmp_path.iterdir()) == []

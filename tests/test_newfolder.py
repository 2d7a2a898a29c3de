"""A new folder is filled in place.

Nothing of others is touched, and what a kill cut off can be finished.
"""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keeping import RECORD, edit, kept
from support import BIN, contents, environment, run
from tls_scaffold.disk import files, newfolder, vacancy
from tls_scaffold.errors import ScaffoldError

TREE = {
    "Makefile": "all:\n",
    "sign.sh": "#!/bin/sh\n",
    "config/req-csr.json": "{}\n",
    "tls-scaffold.json": "ü\n",
    RECORD: "{}\n",
}
IN_ORDER = ["tls-scaffold.json", "config/req-csr.json", "sign.sh", RECORD, "Makefile"]
WORDS = ("--members", "10.0.0.1", "--proxies", "0")
OTHER = ("--members", "10.0.0.1", "--users", "zed", "--separate-requests")
OURS = str(BIN / "tls-scaffold")
# Whatever changes a folder raises one of these: a kill before each stands for every state that a
# kill can leave.
STOPPED = """
import os, runpy, signal, sys

place, at, left = sys.argv[1], int(sys.argv[2]), 0
def hook(event, words):
    global left
    changes = event in (
        "os.mkdir", "os.rename", "os.link", "shutil.rmtree", "os.rmdir", "os.remove", "open"
    )
    if changes and os.path.abspath(os.fsdecode(words[0])).startswith(place):
        left += 1
        if left == at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.argv = ["tls-scaffold", "new", *sys.argv[3:]]
sys.addaudithook(hook)
runpy.run_module("tls_scaffold", run_name="__main__")
"""


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def whole(folder: Path) -> bool:
    return contents(folder) == {path: text.encode() for path, text in TREE.items()}


def put(folder: Path, *paths: str) -> Path:
    """Put files of the tree into a folder, as a run that was killed leaves them."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(TREE[path], encoding="utf-8")
    return folder


def said(target: Path) -> str:
    with pytest.raises(ScaffoldError) as caught:
        newfolder.make_folder(target, TREE)
    with pytest.raises(ScaffoldError) as looked:
        vacancy.missing_paths(target, TREE)
    assert str(looked.value) == str(caught.value)
    return str(caught.value)


def everything(folder: Path) -> dict[str, object]:
    """Return all that `new` could change: what there is, of what kind, whose and since when."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (
            *(status.st_ino, status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns),
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
    return found


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
    newfolder.make_folder(tmp_path / "a/b/c", TREE)

    assert whole(tmp_path / "a/b/c")
    assert entries(tmp_path / "a/b/c") == [
        ".tls-scaffold",
        "Makefile",
        "config",
        "sign.sh",
        "tls-scaffold.json",
    ]
    assert entries(tmp_path / "a/b") == ["c"]


def test_the_inventory_comes_first_and_the_makefile_last(tmp_path: Path) -> None:
    assert vacancy.missing_paths(tmp_path / "c", TREE) == IN_ORDER


@pytest.mark.parametrize(
    "spelled", [".", "../here", "../here/.", "{}", "{}/", "{}/../here", "../link", "../link/."]
)
def test_an_empty_folder_is_filled_and_stays_the_same_folder(here: Path, spelled: str) -> None:
    (here.parent / "link").symlink_to("here")
    here.chmod(0o2750)
    before = here.stat()

    newfolder.make_folder(Path(spelled.format(here)), TREE)

    assert whole(here)
    assert (here.stat().st_ino, here.stat().st_mode) == (before.st_ino, before.st_mode)
    assert (here.parent / "link").is_symlink()
    assert entries(here.parent) == ["here", "link"]


def test_a_path_through_what_is_not_there_leads_where_it_says(tmp_path: Path) -> None:
    newfolder.make_folder(tmp_path / "missing/../c", TREE)

    assert whole(tmp_path / "c")
    assert entries(tmp_path) == ["c"]
    (tmp_path / "d").mkdir()
    (tmp_path / "d/mine").touch()
    assert "is not empty: nothing was written\n  `mine` is in the way\n" in said(
        tmp_path / "missing/../d"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: nothing can be mounted")
def test_a_mount_point_is_filled(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    if run("mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "c")).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        newfolder.make_folder(tmp_path / "c", TREE)

        assert whole(tmp_path / "c")
        assert (tmp_path / "c").is_mount()
    finally:
        subprocess.run(["umount", "-l", tmp_path / "c"], check=True)


@pytest.mark.usefixtures("umask")
def test_scripts_may_be_run_and_modes_follow_the_umask(tmp_path: Path) -> None:
    newfolder.make_folder(tmp_path / "c", TREE)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o750} == {
        ".tls-scaffold",
        "config",
        "sign.sh",
    }
    assert {name for name, mode in modes.items() if mode == 0o640} == {
        "Makefile",
        "tls-scaffold.json",
    }


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_git_repository_is_no_obstacle_and_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    target, git = tmp_path / "c", tmp_path / "c/.git"
    target.mkdir()
    if kind == "folder":
        subprocess.run(["git", "init", "-q", target], check=True)
    elif kind == "file":
        git.write_text("gitdir: ../.git/worktrees/c\n")
    else:
        git.symlink_to("../elsewhere")
    before = {path: seen for path, seen in everything(target).items() if path.startswith(".git")}

    newfolder.make_folder(target, TREE)

    assert {
        path: seen for path, seen in everything(target).items() if path.startswith(".git")
    } == before
    shutil.rmtree(git) if kind == "folder" else git.unlink()
    assert whole(target)


def test_a_folder_with_anything_else_in_it_is_refused_with_what_to_do_instead(
    tmp_path: Path,
) -> None:
    target = tmp_path / "a b"
    target.mkdir()
    (target / "x\n").write_text("mine")
    before = everything(tmp_path)

    assert said(target) == (
        f"`{target}` is not empty: nothing was written\n  `x\\n` is in the way\n\n"
        f"hint: `tls-scaffold -C '{target}' sync` updates or finishes a folder of ours, "
        f"`tls-scaffold adopt '{target}'` takes over one made by hand, "
        "`tls-scaffold new DIRECTORY` makes another"
    )
    assert everything(tmp_path) == before


def test_of_many_things_in_the_way_some_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}/x").mkdir(parents=True)

    lines = said(tmp_path).splitlines()

    assert lines[1:7] == [*(f"  `{number}/` is in the way" for number in range(5)), "  and 4 more"]


def test_a_folder_that_is_whole_is_refused_also_to_the_run_that_would_make_the_same(
    tmp_path: Path,
) -> None:
    newfolder.make_folder(tmp_path, TREE)
    before = everything(tmp_path)

    assert "is not empty: nothing was written\n  `Makefile` is in the way\n" in said(tmp_path)
    assert everything(tmp_path) == before


def test_what_a_killed_run_has_put_in_place_is_finished(tmp_path: Path) -> None:
    for count in range(len(IN_ORDER)):
        folder = put(tmp_path / str(count), *IN_ORDER[:count])
        work = folder / ".tls-scaffold/.work.ab3_de7x"
        put(work, *IN_ORDER[count:])
        (work / "config").mkdir(exist_ok=True)
        (work / "config/req-of-other-words.json").write_text("{")
        before = everything(folder)

        assert vacancy.missing_paths(folder, TREE) == IN_ORDER[count:]
        assert newfolder.make_folder(folder, TREE) == IN_ORDER[count:]

        assert whole(folder)
        assert {
            path: seen for path, seen in everything(folder).items() if path in IN_ORDER[:count]
        } == {path: before[path] for path in IN_ORDER[:count]}
        assert entries(folder / ".tls-scaffold") == ["rendered.tsv"]


OBSTACLES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the folder of keys, empty": ("certs/", Path.mkdir),
    "the archive": ("archive/", Path.mkdir),
    "a folder of somebody's": ("mine/", Path.mkdir),
    "an edited file": ("sign.sh", lambda path: path.write_text("#!/bin/sh\n# mine\n")),
    "a file of the same size": ("sign.sh", lambda path: path.write_text("#!/bin/SH\n")),
    "a file cut off": ("sign.sh", lambda path: path.write_text("#!/bin")),
    "a folder in a file's place": ("sign.sh/", Path.mkdir),
    "a link to what would be written": ("sign.sh", lambda path: path.symlink_to("../same.sh")),
    "a link to nothing": ("sign.sh", lambda path: path.symlink_to("nowhere")),
    "a pipe": ("sign.sh", os.mkfifo),
    "a Makefile of the team's": ("Makefile", lambda path: path.write_text("mine:\n")),
    "a folder's link": ("config", lambda path: path.symlink_to("../beside")),
    "our own folder's link": (".tls-scaffold", lambda path: path.symlink_to("../beside")),
    "a request of the team's": ("config/req-mine.json", Path.touch),
    "a key below config": ("config/ca-key.pem", Path.touch),
    "git, deeper": ("config/.git/", Path.mkdir),
    "a killed command's plan": (".tls-scaffold/pending.json", Path.touch),
    "what add was writing": (".tls-scaffold/.work.ab3_de7x", Path.touch),
    "a key where work is done": (".tls-scaffold/.work.ab3_de7x/ca-key.pem", Path.touch),
    "keys where work is done": (".tls-scaffold/.work.ab3_de7x/certs/", Path.mkdir),
    "work within work": (".tls-scaffold/.work.ab3_de7x/.tls-scaffold/.work.ab3_de7x/", Path.mkdir),
    "a link where work is done": (
        ".tls-scaffold/.work.ab3_de7x/Makefile",
        lambda path: path.symlink_to("../../sign.sh"),
    ),
    "a folder called like work": (".tls-scaffold/.work.mine/", Path.mkdir),
}


@pytest.mark.parametrize("name", OBSTACLES)
@pytest.mark.parametrize("half", [0, 1, 2])
def test_what_this_run_would_not_write_is_refused_by_name_and_nothing_is_touched(
    tmp_path: Path, name: str, half: int
) -> None:
    path, make = OBSTACLES[name]
    folder, beside = tmp_path / "c", tmp_path / "beside"
    beside.mkdir()
    put(folder, *(each for each in IN_ORDER[:half] if not each.startswith(path)))
    folder.mkdir(exist_ok=True)
    (beside / "req-csr.json").write_text(TREE["config/req-csr.json"])
    (tmp_path / "same.sh").write_text(TREE["sign.sh"])
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    make(folder / path)
    before = everything(tmp_path)

    assert f"is not empty: nothing was written\n  `{path}` is in the way\n" in said(folder)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "link to a file", "broken link", "link to itself"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str, below: str) -> None:
    target = tmp_path / "c"
    (tmp_path / "file").write_text("mine")
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(
            {"link to a file": "file", "broken link": "nowhere", "link to itself": "c"}[kind]
        )
    before = everything(tmp_path)

    if kind == "broken link" and below:  # where it leads is made, as a parent
        newfolder.make_folder(target / "below", TREE)
        assert whole(tmp_path / "nowhere/below")
        return
    assert "` is not a directory: nothing was written\n" in said(Path(f"{target}{below}"))
    assert everything(tmp_path) == before


@pytest.mark.parametrize("failing", range(1, 6))
@pytest.mark.parametrize("call", ["create", "hardlink_to"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("target", ["missing", "empty", "half"])
def test_what_fails_leaves_the_target_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    error: BaseException,
    call: str,
    failing: int,
) -> None:
    place = tmp_path / ("a/b" if target == "missing" else "c")
    (tmp_path / "c").mkdir()
    put(tmp_path / "c", *(IN_ORDER[:1] if target == "half" else []))
    before = contents(tmp_path), entries(tmp_path), entries(tmp_path / "c")
    where = newfolder if call == "create" else Path
    real, count = getattr(where, call), 0

    def fails(*words: object, **more: object) -> object:
        nonlocal count
        count += 1
        if count == failing:
            raise error
        return real(*words, **more)

    monkeypatch.setattr(where, call, fails)
    if failing == 5 and target == "half":
        newfolder.make_folder(place, TREE)
        assert whole(place)
        return

    with pytest.raises(
        ScaffoldError if isinstance(error, OSError) else KeyboardInterrupt
    ) as caught:
        newfolder.make_folder(place, TREE)

    assert isinstance(
        error, KeyboardInterrupt
    ) or "can't be written: No space left on device" in str(caught.value)
    assert (contents(tmp_path), entries(tmp_path), entries(tmp_path / "c")) == before


@pytest.mark.parametrize("done", ["edited", "replaced by a link", "joined by another"])
def test_what_was_changed_before_it_failed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    def full(path: Path) -> None:
        if path == tmp_path / "c/config":
            edited = tmp_path / "c/tls-scaffold.json"
            if done == "joined by another":
                (tmp_path / "c/mine").write_text("mine")
            elif done == "edited":
                edited.write_text("mine")
            else:
                edited.unlink()
                edited.symlink_to("../elsewhere")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        flush(path)

    flush = files.flush_path
    monkeypatch.setattr(newfolder, "flush_path", full)

    with pytest.raises(ScaffoldError, match="No space left"):
        newfolder.make_folder(tmp_path / "c", TREE)

    wanted = {
        "edited": {"tls-scaffold.json": b"mine"},
        "replaced by a link": {"tls-scaffold.json": "../elsewhere"},
        "joined by another": {"mine": b"mine"},
    }
    assert contents(tmp_path / "c") == wanted[done]


def test_what_comes_into_being_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sync", lambda: (tmp_path / "c/Makefile").write_text("mine"))

    with pytest.raises(
        ScaffoldError, match="Makefile` has just come into being: it is not written over"
    ):
        newfolder.make_folder(tmp_path / "c", TREE)

    assert contents(tmp_path / "c") == {"Makefile": b"mine"}


def test_what_comes_into_being_at_the_last_moment_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lexists = os.path.lexists

    def looked(path: Path | str) -> bool:
        there = lexists(path)
        if str(path).endswith("c/Makefile") and (tmp_path / "c/config").exists():
            (tmp_path / "c/Makefile").write_text("mine")
        return there

    monkeypatch.setattr(os.path, "lexists", looked)
    with pytest.raises(
        ScaffoldError, match="Makefile` has just come into being: it is not written over"
    ):
        newfolder.make_folder(tmp_path / "c", TREE)

    assert contents(tmp_path / "c") == {"Makefile": b"mine"}


def test_what_a_sync_puts_there_just_so_meanwhile_is_kept_whatever_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sync", lambda: put(tmp_path / "c", "tls-scaffold.json", "sign.sh"))
    newfolder.make_folder(tmp_path / "c", TREE)
    assert whole(tmp_path / "c")

    def fill_and_refuse() -> None:
        put(tmp_path / "d", "tls-scaffold.json")
        (tmp_path / "d/Makefile").write_text("mine")

    monkeypatch.setattr(os, "sync", fill_and_refuse)
    with pytest.raises(
        ScaffoldError, match="Makefile` has just come into being: it is not written over"
    ):
        newfolder.make_folder(tmp_path / "d", TREE)
    assert contents(tmp_path / "d") == {
        "Makefile": b"mine",
        "tls-scaffold.json": TREE["tls-scaffold.json"].encode(),
    }


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_links_is_filled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuses)
    newfolder.make_folder(tmp_path, TREE)

    assert whole(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: nothing can be given to another")
@pytest.mark.parametrize("path", [".tls-scaffold/.work.ab3_de7x/Makefile"])
def test_what_another_user_has_there_is_in_the_way(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("1 theirs\n")
    os.chown(tmp_path / path, 12345, 12345)
    before = everything(tmp_path)

    assert f"  `{path}` is in the way\n" in said(tmp_path)
    assert everything(tmp_path) == before


def test_what_a_new_disk_has_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir(0o700)
    newfolder.make_folder(tmp_path, TREE)

    assert entries(tmp_path / "lost+found") == []
    (tmp_path / "lost+found").rmdir()
    assert whole(tmp_path)


def test_a_place_that_can_not_be_written_is_an_error_of_the_disk(unprivileged: Path) -> None:
    (unprivileged / "c").mkdir(0o500)
    unprivileged.chmod(0o500)

    for target in (unprivileged / "c", unprivileged / "d", unprivileged / "d/e"):
        with pytest.raises(ScaffoldError, match="Permission denied"):
            newfolder.make_folder(target, TREE)

    assert contents(unprivileged) == {}
    assert entries(unprivileged) == ["c"]


@pytest.mark.parametrize("name", ["[x]*?", "a b", "-n", "ü\n", "x" * 255])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    newfolder.make_folder(tmp_path / name, TREE)

    assert whole(tmp_path / name)
    assert entries(tmp_path) == [name]


def siblings(parent: Path, target: Path) -> None:
    """Put beside a folder whatever could be taken for the leftover of a `new`."""
    names = [
        f".{target.name}.new-{end}"
        for end in ("999999", "1", "20261128", "abcd1234", "1-filled", "")
    ]
    for number, name in enumerate(names):
        (parent / name).mkdir()
        put(parent / name / "tree", *IN_ORDER)
        (parent / name / "certs").mkdir()
        (parent / name / "certs/ca-key.pem").write_text("mine")
        if number % 2 and os.geteuid() == 0:
            os.chown(parent / name, 65534, 65534)
    (parent / f".{target.name}.new-2").symlink_to(target.name)
    (parent / f".{target.name}.new-3").symlink_to("nowhere")
    (parent / f".{target.name}.new-4").write_text("mine")
    if target.is_dir():
        shutil.copytree(target, parent / f".{target.name}.new-5", copy_function=os.link)


@pytest.mark.parametrize("name", ["c", "[x]*?"])
def test_nothing_that_stands_beside_the_target_is_touched(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    siblings(tmp_path, target)
    before = everything(tmp_path)

    newfolder.make_folder(target, TREE)

    after = everything(tmp_path)
    assert {path: seen for path, seen in after.items() if path.partition("/")[0] != name} == before


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_folder_with_keys_outlives_whatever_is_called_like_a_leftover_of_it(
    tmp_path: Path, dry: tuple[str, ...]
) -> None:
    assert run(OURS, "new", "t", *WORDS, cwd=tmp_path).returncode == 0
    (tmp_path / "t/certs").mkdir()
    (tmp_path / "t/certs/ca-key.pem").write_text("mine")
    siblings(tmp_path, tmp_path / "t")
    before = everything(tmp_path)

    for words in (WORDS, OTHER):
        done = run(OURS, "new", "t", *words, *dry, cwd=tmp_path)

        assert done.returncode == 1
        assert done.stderr.startswith("error: `t` is not empty: nothing was written\n")
        assert everything(tmp_path) == before


def killed(target: str, stands: Path, place: Path, at: int) -> int:
    """Run `new` in a process that is killed before the `at`th change to a place."""
    words = (sys.executable, "-c", STOPPED, str(place), str(at), target, *WORDS)
    return subprocess.run(
        words, cwd=stands, env=environment(), capture_output=True, check=False
    ).returncode


def in_place(folder: Path) -> dict[str, bytes | str]:
    """Return the files of a folder but those that a run was at work on."""
    return {path: text for path, text in contents(folder).items() if ".work." not in path}


@pytest.mark.parametrize("target", [pytest.param("missing", marks=pytest.mark.long), "."])
def test_a_kill_at_any_point_loses_nothing_and_can_be_finished(
    tmp_path: Path, pytestconfig: pytest.Config, target: str
) -> None:
    made, other = tmp_path / "made", tmp_path / "other"
    for folder, words in ((made, WORDS), (other, OTHER)):
        assert run(OURS, "new", str(folder), *words).returncode == 0
    wanted = contents(made)
    outcomes = set()
    for at in range(1, 200, 1 if pytestconfig.getoption("--long") else 19):
        parent = tmp_path / str(at)
        place = parent / "c"
        (place if target == "." else parent).mkdir(parents=True)
        code = killed("." if target == "." else "c", place if target == "." else parent, place, at)
        assert entries(parent) in (["c"], []), at
        place.mkdir(exist_ok=True)
        seen = in_place(place)
        assert seen.items() <= wanted.items(), at
        assert "Makefile" not in seen or seen == wanted, at
        if code == 0:
            break
        copies = {
            name: Path(shutil.copytree(place, parent / name))
            for name in ("same", "other", "sync", "edited")
        }

        # With the same words it is finished, unless it was whole: then nothing is touched.
        before = everything(copies["same"])
        again = run(OURS, "new", str(copies["same"]), *WORDS).returncode
        assert again == int(seen == wanted), at
        assert (
            everything(copies["same"]) == before if again else contents(copies["same"]) == wanted
        ), at

        # With others nothing of it is written over; where nothing was in place, they are made.
        before = everything(copies["other"])
        again = run(OURS, "new", str(copies["other"]), *OTHER).returncode
        assert again == int(bool(seen)), at
        assert (
            everything(copies["other"]) == before
            if again
            else contents(copies["other"]) == contents(other)
        ), at

        # From the inventory on, `sync` finishes it; until then this is no folder of ours.
        kept(copies["sync"], "sync", code=int("tls-scaffold.json" not in seen))
        assert contents(copies["sync"]) == wanted or "tls-scaffold.json" not in seen, at

        # What was edited since is not taken back.
        if "tls-scaffold.json" in seen:
            edit(copies["edited"] / "tls-scaffold.json", "10.0.0.1", "10.0.0.7")
            before = everything(copies["edited"])
            assert run(OURS, "new", str(copies["edited"]), *WORDS).returncode == 1, at
            assert everything(copies["edited"]) == before, at
            kept(copies["edited"], "sync")
            assert (
                b"10.0.0.7" in (copies["edited"] / "config/req-csr.json").read_bytes()
                or seen == wanted
            ), at
        outcomes.add((code, len(seen) not in (0, len(wanted))))
    assert outcomes == {(-signal.SIGKILL, False), (-signal.SIGKILL, True)}


@pytest.mark.parametrize("target", ["missing", "deep/missing", "."])
@pytest.mark.parametrize("others", [WORDS, OTHER])
def test_of_several_at_once_one_makes_the_folder_and_the_others_refuse(
    tmp_path: Path,
    running: Callable[..., "subprocess.Popen[str]"],
    target: str,
    others: tuple[str, ...],
) -> None:
    started = [
        running(OURS, "new", target, *(others if each % 2 else WORDS), cwd=tmp_path)
        for each in range(4)
    ]
    told = [process.communicate(timeout=120)[1] for process in started]
    for number, text in enumerate(told):
        if "another run works on the folder" in text:  # held up for more than the five seconds
            words = others if number % 2 else WORDS
            told[number] = run(OURS, "new", target, *words, cwd=tmp_path).stderr

    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 1, 1, 1], told
    refused = [text for process, text in zip(started, told, strict=True) if process.returncode]
    assert all(f"`{target}` is not empty: nothing was written" in text for text in refused), told
    winner = others if codes.index(0) % 2 else WORDS
    assert run(OURS, "new", str(tmp_path / "alone"), *winner).returncode == 0
    alone = contents(tmp_path / "alone")
    shutil.rmtree(tmp_path / "alone")
    assert contents(tmp_path / target) == alone

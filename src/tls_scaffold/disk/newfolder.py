"""A new folder is filled in place, by whole files, in an order in which a second run, or `sync`, can finish it.

Nothing is written or looked for beside it. Whatever is taken away again after a failure was put there by this very run.
"""

import errno
import os
import re
import shlex
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.files import create as create_file
from tls_scaffold.disk.files import flush_directory, telling, usual_mode
from tls_scaffold.disk.locking import WAIT, wait_for
from tls_scaffold.disk.workfolders import WORK, clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import FILE
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import STATE
from tls_scaffold.rendering.documents import LAST_RENDER
from tls_scaffold.words import visible

ELSEWHERE = "`tls-scaffold new DIRECTORY` makes another"
HINT = (
    "`tls-scaffold -C {0} sync` updates or finishes a folder of ours, "
    f"`tls-scaffold adopt {{0}}` takes over one made by hand, {ELSEWHERE}"
)
NAMED = 5  # of what is in the way; a home directory has hundreds
NO_HARD_LINKS = (
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
)
"""What a disk says that has none: FAT, shares, file systems of a program."""
OTHERS = (".git", "lost+found")  # the second is in every new disk
# What a run writes before it puts it in place. With other words there are requests of other names.
WORK_FOLDER = re.compile(rf"{re.escape(STATE)}/{re.escape(WORK)}[a-z0-9_]{{8}}(?:/|$)")
REQUEST = re.compile(r"config/[^/]+\.json")


def missing_paths(target: Path, tree: Mapping[str, str]) -> list[str]:
    """Return the paths of `tree` (path → text) that `target` does not have, in the order to write them.

    Raises ScaffoldError where `target` is no directory, or has something else in it than OTHERS, files of `tree` as
    they would be written, and what a killed run was at work on; and where it has the last file already.
    """
    place = _real_place(target)
    nearest = next(path for path in (target, place, *place.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise ScaffoldError(f"`{nearest}` is not a directory: nothing was written", hint=ELSEWHERE)
    *first, last = sorted(tree, key=_turn)
    in_the_way = list(_in_the_way(place, tree))
    if in_the_way or os.path.lexists(place / last):
        raise _not_empty(target, in_the_way or [last])
    return [*(path for path in first if not os.path.lexists(place / path)), last]


def create(target: Path, tree: Mapping[str, str]) -> list[str]:
    """Put the texts of `tree` (path → text) into the directory `target`, which is made if it is missing.

    Returns the paths that were missing: what a killed run has put there of the same texts is finished. After an error
    the target is as it was. Raises ScaffoldError as `missing_paths`, where another run works on it, and where the disk
    refuses.
    """
    missing_paths(target, tree)
    place = _real_place(target)
    with telling(place, "written"), _undone_on_failure() as undo:
        _make_folders(place, undo)
        with _held(place):
            paths = missing_paths(target, tree)
            _fill(place, {path: tree[path] for path in paths})
    return paths


@contextmanager
def _held(place: Path) -> Iterator[None]:
    """Keep other runs of `new` out: the folder itself is held, as nothing is in it yet that could be locked."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        wait_for(descriptor, place, WAIT)
        yield
    finally:
        os.close(descriptor)


def _not_empty(target: Path, in_the_way: list[str]) -> ScaffoldError:
    problems = [f"`{visible(path)}` is in the way" for path in in_the_way[:NAMED]]
    more = [f"and {len(in_the_way) - NAMED} more"] if len(in_the_way) > NAMED else []
    hint = HINT.format(shlex.quote(str(target)))
    return ScaffoldError(f"`{target}` is not empty: nothing was written", [*problems, *more], hint)


def _real_place(target: Path) -> Path:
    return Path(os.path.realpath(target))


def _turn(path: str) -> tuple[int, str]:
    """Sort by when a file is to be written.

    With the inventory `sync` can finish the rest. To `sync`, a file that the record of the last render names and that
    is missing was deleted by hand. Without the Makefile nothing can be signed yet.
    """
    return {FILE: 0, LAST_RENDER: 2, MAKEFILE: 3}.get(path, 1), path


def _in_the_way(place: Path, tree: Mapping[str, str], below: str = "") -> Iterator[str]:
    """Yield what this run would not have put there, by path below the folder; no link is followed."""
    folders = {STATE, *(str(parent) for path in tree for parent in PurePosixPath(path).parents)}
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(place / below), key=lambda each: each.name):
            path = f"{below}{entry.name}"
            if path in OTHERS:
                continue
            if not entry.is_dir(follow_symlinks=False):
                if not _is_expected(place, path, tree):
                    yield path
            elif _at_work(path) in folders:
                yield from _in_the_way(place, tree, f"{path}/")
            else:
                yield f"{path}/"


def _at_work(path: str) -> str:
    """Return what a path in the folder that a run is at work in will be once that is done; any other as it is."""
    return WORK_FOLDER.sub("", path, count=1) or "."


def _is_expected(place: Path, path: str, tree: Mapping[str, str]) -> bool:
    """Tell whether a file is what this run would write, or a plain one that a killed run has left at its work."""
    try:
        if path in tree:
            return _holds(place / path, tree[path])
        at_work = _at_work(path)
        known = at_work != path and (at_work in tree or REQUEST.fullmatch(at_work))
        status = (place / path).lstat()
        return bool(known) and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    except FileNotFoundError:  # of a run that goes on: it is looked at again when that has ended
        return True


def _holds(path: Path, text: str) -> bool:
    data, status = text.encode(), path.lstat()
    return (
        stat.S_ISREG(status.st_mode) and status.st_size == len(data) and path.read_bytes() == data
    )


@contextmanager
def _undone_on_failure() -> Iterator[ExitStack]:
    """Yield a stack of what has to be done if the block fails."""
    with ExitStack() as undo:
        yield undo
        undo.pop_all()


def _make_folders(path: Path, undo: ExitStack) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(
            FileExistsError
        ):  # another run has just made it, and it is that one's to take away
            folder.mkdir()
            undo.callback(_remove_folder, folder)


def _fill(place: Path, texts: Mapping[str, str]) -> None:
    """Give a folder files that it does not have, in the order of `texts`: all are on the disk before one is in place.

    The folder is held.
    """
    with _undone_on_failure() as undo:
        _make_folders(place / STATE, undo)
        clear_leftovers(place / STATE)
        with work_folder(place / STATE) as work:
            for path, text in texts.items():
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                create_file(work / path, text, usual_mode(work / path), flush=False)
            os.sync()
            _put_in_place(place, work, texts, undo)


def _put_in_place(place: Path, work: Path, texts: Mapping[str, str], undo: ExitStack) -> None:
    *first, last = texts
    _move(place, work, texts, first, undo)
    # A power failure must not leave the last one alone.
    for folder in {(place / path).parent for path in first}:
        flush_directory(folder)
    _move(place, work, texts, [last], undo)
    flush_directory(place)


def _move(
    place: Path, work: Path, texts: Mapping[str, str], paths: Collection[str], undo: ExitStack
) -> None:
    for path in paths:
        there = place / path
        _make_folders(there.parent, undo)
        if not _come_into_being(there, work / path, texts[path]):
            undo.callback(_remove_file, there, texts[path])


def _come_into_being(there: Path, source: Path, text: str) -> bool:
    """Put a file in its place; tells whether it was there just so: a `sync` may finish the folder at the same time."""
    try:
        if not os.path.lexists(there):
            there.hardlink_to(source)  # a rename would write over what comes into being now
            return False
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        source.rename(there)
        return False
    if not _holds(there, text):
        raise _in_between(there)
    return True


def _in_between(path: Path) -> ScaffoldError:
    return ScaffoldError(f"`{path}` has just come into being: it is not written over")


def _remove_file(path: Path, text: str) -> None:
    with suppress(OSError):
        if _holds(path, text):
            path.unlink()


def _remove_folder(path: Path) -> None:
    with suppress(OSError):
        path.rmdir()

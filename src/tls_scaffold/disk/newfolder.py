"""A new folder appears whole or not at all: it is written beside its place and moved there."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.processes import alive
from tls_scaffold.errors import ScaffoldError

HINT = (
    "`tls-scaffold -C {0} sync` updates a folder of ours, `tls-scaffold adopt {0}` takes over one made by hand, "
    "`tls-scaffold new DIRECTORY` makes another"
)
FILLED = "-filled"
LEFT = re.compile(rf"(?P<process>[0-9]{{1,19}})(?P<filled>{FILLED})?")


def check_free(target: Path) -> None:
    """Raise ScaffoldError unless `target` is missing or an empty directory."""
    if target.is_dir() and not any(target.iterdir()):
        return
    if os.path.lexists(target):
        state = "is not empty" if target.is_dir() else "is not a directory"
        raise ScaffoldError(f"`{target}` {state}: nothing was written", hint=HINT.format(target))


def create(target: Path, tree: Mapping[str, str]) -> None:
    """Make the directory `target` with the texts of `tree` (path → text); after a failure it is as it was.

    Raises ScaffoldError where something stands in the way, OSError where the disk refuses.
    """
    place = target.resolve()
    _heal(place)
    check_free(target)
    with _parents(place.parent), _temporary(place) as temporary:
        for path, text in tree.items():
            _write(temporary / path, text)
        os.sync()
        _move(temporary, place)


@contextmanager
def _parents(parent: Path) -> Iterator[None]:
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            if folder.exists():
                folder.rmdir()
        raise


def _heal(place: Path) -> None:
    prefix = _prefix(place)
    for left in place.parent.glob(f"{_literal(prefix)}*"):
        match = LEFT.fullmatch(left.name.removeprefix(prefix))
        if match and not _is_at_work(int(match["process"])):
            if not match["filled"]:
                _take_back(left, place)
            shutil.rmtree(left, ignore_errors=True)


def _is_at_work(process: int) -> bool:
    # A process of our own number is one that was killed: containers give the same few numbers again.
    return process != os.getpid() and alive(process)


@contextmanager
def _temporary(place: Path) -> Iterator[Path]:
    temporary = place.parent / f"{_prefix(place)}{os.getpid()}"
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _prefix(place: Path) -> str:
    return f".{place.name}.new-"


def _literal(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    if path.suffix == ".sh":
        path.chmod(path.stat().st_mode | 0o111 & ~_umask())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _move(temporary: Path, place: Path) -> None:
    if place != Path.cwd():
        temporary.rename(place)
        return
    # A shell stands in it: it is filled, instead of putting another directory in its place.
    try:
        _fill(temporary, place)
    except BaseException:
        _take_back(temporary, place)
        raise
    # From this name on, the next run does not take back what it finds of a killed one.
    shutil.rmtree(temporary.rename(f"{temporary}{FILLED}"), ignore_errors=True)


def _fill(temporary: Path, place: Path) -> None:
    for path in sorted(temporary.rglob("*")):
        there = place / path.relative_to(temporary)
        if path.is_dir():
            there.mkdir()
        else:
            os.link(path, there)


def _take_back(temporary: Path, place: Path) -> None:
    """Remove from `place` what was filled in: the files that are the very same there."""
    for path in sorted(temporary.rglob("*"), reverse=True):
        there = place / path.relative_to(temporary)
        if path.is_dir():
            with suppress(OSError):
                there.rmdir()
        elif there.exists() and there.samefile(path):
            there.unlink()

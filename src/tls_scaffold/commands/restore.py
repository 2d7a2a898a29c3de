"""`tls-scaffold restore`: a folder's state comes back from an encrypted file."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.commands.restoreplan import RestorePlan, plan_restore
from tls_scaffold.disk.backupfiles import LARGEST_BACKUP
from tls_scaffold.disk.files import (
    NOT_THE_OWNER,
    PUBLIC,
    SECRET,
    create,
    flush_path,
    make_private,
    telling,
    usual_mode,
)
from tls_scaffold.disk.folder import lock, make_shelf, move_to_shelf
from tls_scaffold.disk.moving import make_directories, move_over
from tls_scaffold.disk.obstacles import check_changeable, check_folder, inside
from tls_scaffold.disk.plainfiles import plain, read_file
from tls_scaffold.disk.tarballs import Form, Packed, unpacked
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, AWAITING, CERTS, ISSUED, LARGEST_FILE
from tls_scaffold.signing import agefiles
from tls_scaffold.signing.backedup import output_of
from tls_scaffold.signing.pemfiles import seems_key

FORM = Form("no backup of a folder: nothing was written", LARGEST_FILE, has_folders=True)


@dataclass(frozen=True)
class Restored:
    """What a restore did, or would do; `shelf` is where in the archive what was there before is."""

    folder: Path
    plan: RestorePlan
    shelf: str = ""


def read_backup(path: str) -> bytes:
    """Return what the file of a backup holds, encrypted as it is.

    Raises ScaffoldError where it can't be read, or is no file of age's.
    """
    agefiles.require_library()
    raw = read_file(path, LARGEST_BACKUP)
    if not agefiles.is_age_file(raw):
        raise ScaffoldError(f"`{path}` is no file of age's: it is not a backup")
    return raw


def files_in(raw: bytes, key: agefiles.Key, path: str) -> tuple[Packed, ...]:
    """Return the files in a backup.

    Raises ScaffoldError where it can't be opened, or holds what is no file of a folder.
    """
    return unpacked(agefiles.decrypt(raw, key, path), path, FORM)


def restore(
    folder: Path,
    files: Iterable[Packed],
    agreed: Callable[[RestorePlan], bool],
    *,
    dry_run: bool,
) -> Restored:
    """Bring the files of a backup into a folder, if what that means is `agreed` to.

    Whatever is replaced goes to the archive first. With `dry_run` only return what would be done.
    Raises ScaffoldError, before anything is written, as `plan_restore`, and where something is in
    the way of a file; and where the folder changes while it is asked.
    """
    there = tuple(files)
    plan = plan_restore(folder, there)
    if dry_run or not (plan.is_new or plan.files) or not agreed(plan):
        return Restored(folder, plan)
    with telling(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)
    check_folder(folder)
    targets = [inside(folder, path) for path in (*(each.path for each in plan.files), CERTS)]
    check_changeable([*targets, *(inside(folder, path) for path in plan.replaced)])
    with lock(folder):
        if plan_restore(folder, there) != plan:
            raise ScaffoldError(f"`{folder}` has just been changed: restore once more")
        with telling(folder, "written"):
            return Restored(folder, plan, _carry_out(folder, plan))


def _carry_out(folder: Path, plan: RestorePlan) -> str:
    """Put the files in their places; return where in the archive what they replace is.

    A kill leaves files that are whole, and no certificate beside another one's key.
    """
    make_private(folder / CERTS)
    (folder / CERTS).chmod(0o700)
    if any(each.path.startswith(f"{AWAITING}/") for each in plan.files):
        make_private(folder / AWAITING)
    # In `certs/` keys are nobody else's, git's neither, and what a kill leaves every run clears.
    with work_folder(folder / CERTS) as work:
        for number, file in enumerate(plan.files):
            create(work / str(number), file.content, _mode(folder, file), flush=False)
        shelf = make_shelf(folder) if plan.replaced else folder
        _copy_to_shelf(folder, plan, shelf)
        os.sync()  # one for all is many times faster than one for each
        gone: dict[str, list[str]] = {}
        for path in plan.moved:
            gone.setdefault(output_of(path), []).append(path)
        for number, file in enumerate(plan.files):
            for path in gone.pop(output_of(file.path), []):
                move_to_shelf(folder, path, shelf)
            target = inside(folder, file.path)
            make_directories(target.parent)
            move_over(work / str(number), target)
        os.sync()
    return shelf.relative_to(folder).as_posix() if plan.replaced else ""


def _copy_to_shelf(folder: Path, plan: RestorePlan, shelf: Path) -> None:
    """Copy what is written over by one rename: a CA is never missing, not for a moment."""
    for path in plan.copied:
        target = shelf / path
        make_directories(target.parent)
        content = plain(inside(folder, path), path, follow=False)
        create(target, content, SECRET if seems_key(content) else PUBLIC)
        flush_path(target.parent)


def _mode(folder: Path, file: Packed) -> int:
    """Return the mode of a file: keys, and what others did not read before, are its owner's."""
    if seems_key(file.content) or not file.mode & NOT_THE_OWNER:
        return SECRET
    top = file.path.partition("/")[0]
    return PUBLIC if top in (CERTS, ARCHIVE, ISSUED) else usual_mode(folder / file.path)

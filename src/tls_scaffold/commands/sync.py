"""`tls-scaffold sync`: the folder follows its inventory, or the one of another file."""

import os
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.commands.outcomes import Outcome, outcome_of
from tls_scaffold.commands.typed import as_typed
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.disk.sharing import group_of_keys, share_keys
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.custodywords import NO_WORDS, CustodyWords
from tls_scaffold.inventory.desired import desired_inventory, other_ca_problems, read_wish
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.authorities import is_of_ca
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.permitted import paths_of_removed
from tls_scaffold.keeping.update import change_folder
from tls_scaffold.paths import CA, CA_KEY, CERTS, ISSUED, MAKEFILE

if TYPE_CHECKING:
    from tls_scaffold.signing.broughtca import BroughtCA


def sync(
    folder: Path,
    *,
    reset: Iterable[str] = (),
    held: CustodyWords = NO_WORDS,
    crl: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Make a folder follow its inventory; with `dry_run` only return what would be done.

    The files `reset`, by path below the folder, become what is rendered, and what they were goes to
    the archive. `held` says who is to hold the CA from now on, `crl` that members are to look into
    a list of what was revoked. Raises ScaffoldError for a file that is not rendered, and where that
    would take another CA.
    """
    paths = tuple(dict.fromkeys(map(posixpath.normpath, reset)))

    def read_change() -> Change:
        old = intake.load(folder)
        new, brought = _with_its_ca(folder, old, held)
        new = replace(new, crl=new.crl or crl)
        says_custody = held.are_said or brought is not None
        return Change(old, new, (), paths, says_custody, brought)

    command = ("sync", *paths, *_sum_of(held), *(("--crl",) if crl else ()))
    return _carry_out(folder, command, read_change, held, dry_run=dry_run)


def sync_from(
    folder: Path,
    source: str,
    options: Options,
    held: CustodyWords,
    *,
    dry_run: bool,
) -> Outcome:
    """Bring a folder of ours to the inventory of the file `source` (`-`: stdin), with options.

    What that lacks is archived as by `remove`. A second run changes nothing. Raises ScaffoldError,
    before anything is written, with every problem of the file, where no member would stay, and
    where the folder has a CA and the file asks for another.
    """
    wish = read_wish(source, options)

    def read_change() -> Change:
        old = intake.load(folder)
        desired = desired_inventory(wish, old)
        new, brought = _with_its_ca(folder, desired, held)
        _check_ca_stays(folder, old, new)
        moves = (path for path in paths_of_removed(old, new) if os.path.lexists(folder / path))
        says_custody = held.are_said or old.ca != new.ca
        return Change(old, new, tuple(moves), (), says_custody, brought)

    command = ("sync", "--from", wish.digest, *_sum_of(held))
    return _carry_out(folder, command, read_change, held, dry_run=dry_run)


def _carry_out(
    folder: Path,
    command: tuple[str, ...],
    read_change: Callable[[], Change],
    held: CustodyWords,
    *,
    dry_run: bool,
) -> Outcome:
    """Carry out a change, or only plan it, and tell what comes of it."""
    made: list[Change] = []
    of_root: list[str] = []

    def note_change() -> Change:
        made.append(read_change())
        of_root[:] = _told_of_root(folder, made[-1].brought)
        return made[-1]

    plan = change_folder(folder, command, note_change, dry_run=dry_run, again=True)
    outcome = outcome_of("sync", folder, plan, dry_run=dry_run)
    return _with_shared_keys(_with_custody_told(outcome, made[-1], held, of_root))


def _with_its_ca(
    folder: Path, inventory: Inventory, held: CustodyWords
) -> "tuple[Inventory, BroughtCA | None]":
    """Return the inventory with what options say of its CA, and what they bring to the folder.

    A remote CA's certificate is fetched where it is not to be found any more.
    """
    if not held.are_said and inventory.ca.key is not KeyPlace.REMOTE:
        return inventory, None
    from tls_scaffold.commands import custodyfiles  # which few changes are made with

    brought = custodyfiles.brought_to(folder, inventory, held)
    return custodyfiles.changed(folder, inventory, held, brought), brought


def _sum_of(held: CustodyWords) -> tuple[str, ...]:
    """Return a sum by which two runs with the same options are known; none where none is said."""
    if not held.are_said:
        return ()
    return (sha256(repr(held).encode("utf-8", "surrogatepass")).hexdigest(),)


def _told_of_root(folder: Path, brought: "BroughtCA | None") -> tuple[str, ...]:
    """Return what is to be told of a root that comes to a folder, as long as the old one is there.

    Nothing where the one that is trusted there stays.
    """
    if not brought:
        return ()
    from tls_scaffold.commands import custodyfiles

    return tuple(custodyfiles.of_root(folder, brought))


def _with_custody_told(
    outcome: Outcome, change: Change, held: CustodyWords, of_root: Iterable[str]
) -> Outcome:
    """Tell what comes of a change of who holds the CA, and what is left to do then.

    The inventory may say it since it was edited by hand: that moves no key.
    """
    if not change.says_custody and change.new.ca.key is KeyPlace.FOLDER:
        return outcome
    from tls_scaffold.commands import custodyfiles

    if not change.says_custody:
        left = [
            as_typed(each, outcome.folder)
            for each in custodyfiles.of_key_left(outcome.folder, change.new.ca)
        ]
        return replace(outcome, warnings=(*outcome.warnings, *left))
    told = [*of_root, *custodyfiles.of_key(change.old, change.new, held)]
    if not outcome.dry_run and held.are_said:
        key = plain_or_empty(outcome.folder / CA_KEY)
        told += custodyfiles.warnings(change.new.ca, key, outcome.plan.notes)
        told += custodyfiles.of_copies(outcome.folder, change.new.ca)
    return replace(outcome, warnings=(*outcome.warnings, *told))


def _with_shared_keys(outcome: Outcome) -> Outcome:
    """Let the group that the inventory names read the keys that are there already; no CA's."""
    folder = outcome.folder
    if outcome.dry_run or not (group := group_of_keys(folder)):
        return outcome
    keys = [each.key_path for each in intake.load(folder).components]
    own = [folder / key for key in keys if not is_of_ca(folder, key)]
    problem = share_keys(folder, group, own) if (folder / CERTS).is_dir() else ""
    return replace(outcome, warnings=(*outcome.warnings, *filter(None, [problem])))


def is_ours(folder: Path) -> bool:
    """Tell a folder that `new` has finished."""
    return all((folder / name).is_file() for name in (FILE, MAKEFILE))


def _check_ca_stays(folder: Path, old: Inventory, new: Inventory) -> None:
    paths = (folder / CA, folder / CA_KEY, *(folder / ISSUED).glob("ca-*.pem"))
    problems = other_ca_problems(old, new)
    if problems and not new.ca.own and any(map(os.path.lexists, paths)):
        raise ScaffoldError(
            "the CA is never replaced on the way, and nothing was changed",
            problems,
            f"leave that out of the file; for another CA change `{FILE}`, `tls-scaffold sync` and "
            "`make regenerate`, and have everybody trust it first",
        )

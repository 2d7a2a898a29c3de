"""`tls-scaffold renewed`: what was renewed is laid out in `dist/`, and a hook carries it on."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tls_scaffold.bundles.consumers import bundled_components
from tls_scaffold.bundles.overview import needs_nothing
from tls_scaffold.bundles.settings import DIST
from tls_scaffold.commands import bundle, owedhooks
from tls_scaffold.commands.bundlesagain import LaidOut, has_bundle, lay_out_again
from tls_scaffold.commands.hooks import Hook
from tls_scaffold.commands.owedhooks import VARIABLE
from tls_scaffold.commands.reloads import UNKNOWN, who_reloads
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk import locking
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.keptfolder import check_is_kept
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.spelling import listed

FOR_EVER = float("inf")

Tell = Callable[[str], None]


def after_signing(
    folder: Path, names: Sequence[str], hook: Hook | None, tell: Tell, password_file: str
) -> None:
    """Lay out what was renewed, and run the hook for each bundle that it has not yet carried on.

    `names` are the components that were due. Without a hook the bundles that are there are laid
    out again. Raises ScaffoldError for names that are none, and with every bundle that could not be
    laid out and every hook that failed, when all others are done.
    """
    if not (folder / MAKEFILE).exists():
        check_is_kept(folder)
    owedhooks.check_known(folder, names)
    if hook is None:
        problems = _lay_out_alone(folder, names, tell, password_file)
    else:
        hook.check()
        with locking.lock(folder, wait=FOR_EVER, file=locking.HOOKS):
            names, problems = _hand_on(folder, hook, tell, password_file)
    for line in _left_to_do(folder, names):
        tell(line)
    if problems:
        raise ScaffoldError(
            "not all that was renewed has reached its place",
            problems,
            f"`make renew {VARIABLE}='…'` runs again what has failed"
            if hook
            else "`tls-scaffold bundle` lays out the rest",
        )


def warnings(folder: Path, hook: Hook | None) -> Iterator[str]:
    """Yield what a run without a hook has to say: for what earlier ones are still owed."""
    with suppress(ScaffoldError):
        names = owedhooks.owed(folder)
        if names and not hook:
            yield owedhooks.owed_sentence([*names])


def _lay_out_alone(
    folder: Path, names: Sequence[str], tell: Tell, password_file: str
) -> tuple[str, ...]:
    if not ((folder / DIST).is_dir() and (folder / FILE).is_file()):
        return ()  # nobody asks whether the inventory is sound
    inventory = intake.load(folder)
    owners = [each for each in _owners(inventory, names) if has_bundle(folder, each)]
    if not owners:
        return ()
    with disk.lock(folder, wait=LOCK_SECONDS):
        laid_out = lay_out_again(folder, inventory, owners, password_file)
    _tell_laid_out(tell, laid_out)
    return laid_out.left


def _hand_on(
    folder: Path, hook: Hook, tell: Tell, password_file: str
) -> tuple[list[str], tuple[str, ...]]:
    """Run the hook for all that is owed; return these components' names, and what failed."""
    with disk.lock(folder, wait=LOCK_SECONDS):
        owed = owedhooks.owed(folder)
        if not owed:
            return [], ()
        inventory = intake.load(folder)
        owners = _owners(inventory, owed)
        laid_out = lay_out_again(folder, inventory, owners, password_file)
    _tell_laid_out(tell, laid_out)
    problems = [*laid_out.left]
    parts = {
        owner.name: {part.name for part in bundled_components(inventory, owner)} for owner in owners
    }
    for name in laid_out.made:
        if reason := hook.run(folder, name, folder / DIST / name):
            problems.append(f"`{name}`: `{hook.command}`: {reason}")
        else:
            tell(f"handed on {DIST}/{name}")
            _take_out(folder, owed, parts[name])
    strangers = sorted(owed.keys() - {name for names in parts.values() for name in names})
    problems += [f"`{each}`: `{FILE}` does not have it: no hook for it" for each in strangers]
    _take_out(folder, owed, strangers)  # it is told once
    return [*owed], tuple(problems)


def _take_out(folder: Path, owed: Mapping[str, str], names: Collection[str]) -> None:
    if names:
        with disk.lock(folder, wait=LOCK_SECONDS):
            owedhooks.take_out(folder, {name: owed[name] for name in names if name in owed})


def _owners(inventory: Inventory, names: Iterable[str]) -> tuple[Component, ...]:
    """Return in whose bundles these components are; those that the inventory lacks are in none."""
    wanted = {*names}
    return bundle.owners_of(
        inventory, [each for each in inventory.components if each.name in wanted]
    )


def _tell_laid_out(tell: Tell, laid_out: LaidOut) -> None:
    if laid_out.made:
        places = [f"{DIST}/{name}" for name in laid_out.made]
        tell(f"laid out {listed(places, quote='')}")
    for line in laid_out.told:
        tell(line)


def _left_to_do(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield who has to reload or restart because of these components, a line for each way."""
    paths = owedhooks.certificate_paths(folder)
    signed = {name: paths[name] for name in names if name in paths}
    whose = who_reloads(folder, signed.values())
    ways: dict[str, list[str]] = {}
    for name, path in signed.items():
        way = whose.get(path, UNKNOWN)
        if not needs_nothing(way):
            ways.setdefault(way, []).append(name)
    for way, those in ways.items():
        yield f"left to do: {listed(those, quote='')}: {way}"
    if signed and not ways:
        yield "nothing has to be restarted"

"""`tls-scaffold new`: a folder from an inventory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.disk.newfolder import make_folder
from tls_scaffold.disk.vacancy import missing_paths, texts_of_others
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import conflicts, formats, intake, rbac
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import RENEW_DAYS, Inventory
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, last_render

DEFAULT_PROXIES = 1  # as in hack/tls-setup
IGNORED = ".gitignore"


@dataclass(frozen=True)
class Made:
    """What `new` made, or would make: the folder, its inventory and the files that were missing.

    `files` are their paths below the folder. `left` were there before and are not ours;
    `not_ignored` are the lines that our `.gitignore` would have had, and that one has not.
    """

    target: Path
    inventory: Inventory
    files: tuple[str, ...]
    left: tuple[str, ...] = ()
    not_ignored: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What is allowed but seldom meant, one line each."""
        users = rbac.warnings(self.inventory.users)
        return [*users, *conflicts.several_peer_cns(self.inventory), *_short_lived(self.inventory)]


def new(target: Path, source: str, options: Options, *, dry_run: bool) -> Made:
    """Render the inventory of `source` with that of the options into the new folder `target`.

    `source` is a file, `-` or empty. Raises ScaffoldError with every problem of the inventory, or
    where `target` is in use.
    """
    data: object = formats.load(source) if source else {}
    if not options.say_proxies and not (isinstance(data, Mapping) and "proxies" in data):
        options = replace(options, proxies=DEFAULT_PROXIES)
    inventory = intake.of_data(data, options)
    rendered = template.render(inventory)
    others = texts_of_others(target)
    tree = {path: text for path, text in rendered.items() if path not in others}
    if others:  # `sync` does not record what is not ours either
        del tree[LAST_RENDER]
        tree[LAST_RENDER] = last_render(tree)
    not_ignored = _lines_without(rendered[IGNORED], others.get(IGNORED, rendered[IGNORED]))
    _refuse_open_keys(not_ignored)
    paths = missing_paths(target, tree) if dry_run else make_folder(target, tree)
    return Made(target, inventory, tuple(sorted(paths)), tuple(others), not_ignored)


def mistakes(options: Options) -> tuple[Problem, ...]:
    """Return what would be refused of the options, were they all that there is."""
    try:
        intake.of_data({}, options)
    except ScaffoldError as error:
        return error.problems
    return ()


def _lines_without(ours: str, theirs: str) -> tuple[str, ...]:
    """Return the patterns of our `.gitignore` that another one has not."""
    there = {line.strip().strip("/") for line in theirs.splitlines()}
    lines = (line for line in ours.splitlines() if line and not line.startswith("#"))
    return tuple(line for line in lines if line.strip("/") not in there)


def _refuse_open_keys(not_ignored: Iterable[str]) -> None:
    """Refuse a folder of which git would take keys: `certs/` keeps itself out, no other does."""
    keys = [line for line in not_ignored if line.endswith(KEY_ENDING)]
    if keys:
        raise ScaffoldError(
            f"the `{IGNORED}` that is there would let git take keys: nothing was written",
            [f"it has no line `{line}`" for line in keys],
            f"add the lines to `{IGNORED}`",
        )


def _short_lived(inventory: Inventory) -> Iterator[str]:
    if inventory.expiry <= RENEW_DAYS * 24:
        days = f"the {RENEW_DAYS} days of `status` and `make renew`"
        yield f"a life of {inventory.expiry} hours is within {days}: always expiring"

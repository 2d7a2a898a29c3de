"""`tls-scaffold new`: a folder from an inventory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tls_scaffold.commands.results import Result
from tls_scaffold.commands.typed import make_command, scaffold_command
from tls_scaffold.disk.healing import put_cas
from tls_scaffold.disk.newfolder import make_folder
from tls_scaffold.disk.vacancy import missing_paths, texts_of_others
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import conflicts, intake, userwarnings
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.custodywords import NO_WORDS, CustodyWords
from tls_scaffold.inventory.desired import read_wish
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CA_KEY, CERTS, KEY_ENDING
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, last_render

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
    dry_run: bool = False
    left: tuple[str, ...] = ()
    not_ignored: tuple[str, ...] = ()
    of_custody: tuple[str, ...] = ()
    """What is left to do where the CA was brought."""

    @property
    def warnings(self) -> list[str]:
        """What is allowed but seldom meant, one line each."""
        users = userwarnings.warnings(self.inventory.users)
        return [
            *users,
            *userwarnings.uncompacted(self.inventory, self.inventory.users),
            *conflicts.several_peer_cns(self.inventory),
            *conflicts.short_lived(self.inventory),
            *self.of_custody,
        ]

    @property
    def next(self) -> str:
        """The command that signs what was asked for, or brings the key without which none does."""
        ca = self.inventory.ca
        if ca.own and ca.has_key_here and CA_KEY not in self.files:
            return f"{scaffold_command(self.target)} sync --ca-key FILE"
        return make_command(self.target, "csr" if ca.key is KeyPlace.OFFLINE else "")

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        return Result(
            "new",
            str(self.target),
            dry_run=self.dry_run,
            changed=True,
            written=self.files,
            kept=self.left,
            warnings=tuple(self.warnings),
            next=(self.next,),
        )


def new(
    target: Path,
    source: str,
    options: Options,
    held: CustodyWords = NO_WORDS,
    *,
    dry_run: bool,
) -> Made:
    """Render the inventory of `source` with that of the options into the new folder `target`.

    `source` is a file, `-` or empty; `held` names the files of a CA that is brought. Raises
    ScaffoldError with every problem of the inventory, where the CA can't be one of etcd's, or where
    `target` is in use.
    """
    wish = read_wish(source, options)
    inventory = intake.of_data(wish.data, wish.options, needs_pin=False)
    inventory, files, of_custody = _with_its_ca(inventory, held, target)
    rendered = template.render(inventory)
    others = texts_of_others(target)
    tree = {path: text for path, text in rendered.items() if path not in others}
    if others:  # `sync` does not record what is not ours either
        del tree[LAST_RENDER]
        tree[LAST_RENDER] = last_render(tree)
    not_ignored = _lines_without(rendered[IGNORED], others.get(IGNORED, rendered[IGNORED]))
    _refuse_open_keys(not_ignored)

    def put_ca_there(folder: Path) -> None:
        if files:
            put_cas(folder, files)

    paths = missing_paths(target, tree)
    if not dry_run:
        paths = make_folder(target, tree, put_ca_there)
    written = tuple(sorted([*paths, *(f"{CERTS}/{name}" for name in files)]))
    return Made(target, inventory, written, dry_run, tuple(others), not_ignored, of_custody)


def _with_its_ca(
    inventory: Inventory, held: CustodyWords, target: Path
) -> tuple[Inventory, Mapping[str, bytes], tuple[str, ...]]:
    """Return the inventory with the pin of its CA, what is brought to `certs/`, and warnings."""
    if not held.are_said and inventory.ca.is_plain:
        return inventory, {}, ()
    from tls_scaffold.commands import custodyfiles  # which few folders are made with

    inventory, brought = custodyfiles.settled(inventory, held, target)
    files = brought.files() if brought else {}
    key = files.get(PurePosixPath(CA_KEY).name, b"")
    return inventory, files, tuple(custodyfiles.warnings(inventory.ca, key))


def mistakes(options: Options) -> tuple[Problem, ...]:
    """Return what would be refused of the options, were they all that there is."""
    try:
        intake.of_data({}, options, needs_pin=False)
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

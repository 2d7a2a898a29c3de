"""What a new set of certificates has, whichever of two CAs is to sign from then on."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tls_scaffold.disk.files import create
from tls_scaffold.disk.folder import copy_to_new_shelf
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import names, own_texts
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.generations import renumbered, with_generation
from tls_scaffold.inventory.values import FILE
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_REQUESTS, CERTIFICATE_ENDING, CERTS, CSR_ENDING, ENDINGS
from tls_scaffold.signing.execution import Means, Told, sign_round
from tls_scaffold.signing.rounds import Done, plan_round


def numbered_texts(folder: Path, ca: str, last: int, number: int) -> dict[str, str]:
    """Return inventory and request of a CA, by path, with another number than the `last`.

    Raises ScaffoldError where one is missing, or a link: it is replaced.
    """
    path = CA_REQUESTS[ca]
    texts = own_texts(folder, (FILE, path))
    if path not in texts:
        raise ScaffoldError(f"`{path}` is missing: the CA's own request")
    inventory = intake.from_json(texts[FILE])
    return {
        FILE: with_generation(inventory, ca, number).to_json(),
        path: renumbered(texts[path], path, last, number),
    }


def lay_out_texts(folder: Path, made: Path, texts: Mapping[str, str]) -> None:
    """Write files, by path, into a set, with the modes of those that they replace."""
    for path, content in texts.items():
        (made / path).parent.mkdir(exist_ok=True)
        create(made / path, content, stat.S_IMODE((folder / path).stat().st_mode))


def sign_into(folder: Path, made: Path, signings: Sequence[Signing], means: Means) -> Done:
    """Sign what the CA of a new set is asked for, into that set."""
    if not signings:
        return Done({}, 0)
    planned = plan_round(folder, signings, (), force=True, target=made)
    unshared: dict[str, None] = {}
    sign_round(planned, means, Told(lambda _: None, unshared.setdefault))
    return replace(planned.done, unshared=tuple(unshared))


def keep_what_is_replaced(folder: Path, made: Path, signings: Sequence[Signing]) -> str:
    """Copy what a set replaces, and the rest of `certs/`, to a new shelf, and return its path.

    Raises ScaffoldError, before that, where a file can't be replaced.
    """
    replaced = [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]
    check_changeable(folder / path for path in replaced)
    shelf = copy_to_new_shelf(folder, (*_kept(folder, signings), *replaced))
    return shelf.relative_to(folder).as_posix()


def _kept(folder: Path, signings: Sequence[Signing]) -> Iterator[str]:
    for ending in (CERTIFICATE_ENDING, CSR_ENDING):
        yield from names(folder, CERTS, ending)
    for each in signings:
        yield from (f"{each.output}{ending}" for ending in ENDINGS)

"""A folder made by hand with several CAs: an inventory has one, and the way is a folder each."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING
from tls_scaffold.spelling import escaped

SHOWN = 3
NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def certificates_by_ca(
    authorities: Iterable[Signing], others: Iterable[Signing]
) -> dict[str, list[str]]:
    """Return what is signed by each CA that the Makefile makes; the CA's own certificate first."""
    found = {_path(each): [_path(each)] for each in authorities}
    for each in others:
        found.setdefault(each.ca, [each.ca]).append(_path(each))
    return {ca: list(dict.fromkeys(paths)) for ca, paths in found.items()}


def told_by_ca(by_ca: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield what each CA signs."""
    for ca, paths in by_ca.items():
        yield f"`{ca}` signs {_listed(paths[1:])}" if paths[1:] else f"`{ca}` signs nothing here"


def folder_each(by_ca: Mapping[str, list[str]]) -> str:
    """Return the steps to a folder for each CA: copies are divided, so that nothing is lost."""
    first, *further = by_ca
    lines = ["one folder a CA; in this one:"]
    for ca in further:
        copy = f'"$PWD-{_suffix(ca)}"'
        lines.append(f"  mkdir {copy} && cp -Rp . {copy}")
        lines.append(
            f"    there keep of the Makefile what makes {_listed(by_ca[ca])}, and take out the rest"
        )
    lines.append(f"  here take out of the Makefile all but what makes {_listed(by_ca[first])}")
    lines.append("  then `tls-scaffold adopt` in each")
    return "\n".join(lines)


def _path(signing: Signing) -> str:
    return f"{signing.output}{CERTIFICATE_ENDING}"


def _suffix(ca: str) -> str:
    """Return what tells a CA from others: the name of its file, or of its folder for `ca.pem`."""
    name = posixpath.basename(ca).removesuffix(CERTIFICATE_ENDING)
    words = [name] if name != "ca" else [posixpath.basename(posixpath.dirname(ca)), name]
    return NO_NAME.sub("-", words[0] or name)


def _listed(paths: list[str]) -> str:
    shown = ", ".join(f"`{escaped(path)}`" for path in paths[:SHOWN])
    more = len(paths) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown

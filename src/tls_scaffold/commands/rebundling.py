"""Bundles in `dist/` made anew where that changes nothing but what was signed, and who is trusted.

With what options a bundle was made nobody notes: one that has other files, or says other things
than a plain one would, is left to whoever made it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.commands import bundle
from tls_scaffold.commands.bundleoptions import BundleOptions
from tls_scaffold.disk.linkedfolder import files_of
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.state.bundleages import stale_bundles

# The body of a PEM block, and base64 on one line as in Secrets: of blocks the labels count.
SIGNED = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END [A-Z0-9 ]+-----\s*")
ENCODED = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
REPEATED = re.compile(rb"(<[A-Z0-9 ]+>)\1+")


@dataclass(frozen=True)
class Rebundled:
    """The bundles that were made anew, by name, and those that were not, each with the reason."""

    made: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def rebundle(folder: Path) -> Rebundled:
    """Make the bundles anew that hold other certificates than `certs/`, as far as that is known.

    Others are named. Nothing is made where there is no `dist/`.
    """
    try:
        stale = {each.removesuffix(TAR) for each in stale_bundles(folder, intake.load(folder))}
    except ScaffoldError as error:
        return Rebundled(left=(f"`{DIST}/` was not looked at: {error.summary}",))
    if not stale:
        return Rebundled()
    made, left = [], []
    for name in sorted(stale):
        options = BundleOptions(tar=(folder / DIST / f"{name}{TAR}").is_file())
        try:
            if _is_plain(folder, name):
                bundle.make(folder, [name], options)
                made.append(name)
                continue
            reason = "it was made with options of its own"
        except ScaffoldError as error:
            reason = str(error.summary)
        left.append(f"`{DIST}/{name}` is to be made anew, and was not: {reason}")
    return Rebundled(tuple(made), tuple(left))


def _is_plain(folder: Path, name: str) -> bool:
    """Tell whether a bundle is what one without options would be, but for what was signed."""
    place = folder / DIST / name
    wanted = bundle.plain_contents(folder, name)
    return set(files_of(place)) == wanted.keys() and all(
        _shape(plain_or_empty(place / path)) == _shape(_raw(content))
        for path, content in wanted.items()
    )


def _raw(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _shape(content: bytes) -> bytes:
    """Return what a file says, without what was signed."""
    return REPEATED.sub(rb"\1", ENCODED.sub(b"", SIGNED.sub(rb"<\1>", content)))

"""`tls-scaffold cfssljson`: the three files out of cfssl's JSON."""

import os
import posixpath
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from tls_scaffold.cfssl import goflags
from tls_scaffold.commands.cfsslcalls import STDIN, Answer, quoted
from tls_scaffold.commands.printdefaults import version_text
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.folder import make_shelf, move_to_shelf
from tls_scaffold.disk.obstacles import check_folder, inside
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING
from tls_scaffold.reading import decoded, read_given
from tls_scaffold.signing import pairs
from tls_scaffold.signing.pemfiles import seems_key

FLAGS = goflags.FlagSet(texts=("f",), switches=("bare", "stdout", "version"))
USAGE = "[-bare] [-stdout] [-f FILE] [NAME]"
# What cfssl calls the contents of each file: in the answer of `gencert`, and in that of its API.
FIELDS = {
    CERTIFICATE_ENDING: ("cert", "certificate"),
    KEY_ENDING: ("key", "private_key"),
    CSR_ENDING: ("csr", "certificate_request"),
}


def cfssljson(words: Sequence[str], folder: Path, read_stdin: Callable[[], bytes]) -> Answer:
    """Do what `cfssljson WORDS` does in `folder`, and return what is to be printed and told.

    Unlike cfssljson it never leaves a certificate beside another one's key, nor a CA replaced: an
    older CA of that name is moved to `archive/`, and so is a key that may be a CA's. Raises
    UsageError for flags that it does not take, ScaffoldError if the input is not cfssl's.
    """
    flags = goflags.parse_flags(words, "cfssljson", FLAGS)
    if flags.asks_help:
        return Answer(f"Usage:\n  tls-scaffold cfssljson {USAGE}\n")
    if "version" in flags.switches:
        return Answer(version_text())
    # cfssljson passes over the `-` that tutorials write.
    names = [word for word in flags.rest if word != STDIN]
    if len(names) > 1:
        raise ScaffoldError("`cfssljson` takes one name for its files, after its flags")
    source = flags.texts.get("f", STDIN)
    text = _read_text(folder, source, read_stdin)
    document = _unwrap(_parse_input(text), bare="bare" in flags.switches)
    contents = _contents_by_ending(document)
    if "stdout" in flags.switches:
        return Answer("".join(f"{each.decode()}\n" for each in contents.values()))
    # The files of `certs/` are called `certs/.pem` and so on.
    place, name = posixpath.split(names[0] if names else "cert")
    directory = folder / place
    # What is elsewhere is where the caller wants it.
    if not (directory.is_absolute() or ".." in directory.parts):
        inside(folder, posixpath.join(place, f"{name}.pem"))
    if not directory.is_dir():
        raise ScaffoldError(f"`{directory}` is not a folder", hint="cfssljson makes none either")
    notes = _save_ca(folder, directory, name, contents)
    pairs.put_pair(directory, name, contents)
    return Answer("", notes)


def _read_text(folder: Path, source: str, read_stdin: Callable[[], bytes]) -> str:
    if source == STDIN:
        return decoded(read_stdin(), quoted(source))
    with telling(folder / source, "read"):
        return decoded(read_given(folder / source, source), quoted(source))


def _save_ca(
    folder: Path, directory: Path, name: str, contents: Collection[str]
) -> tuple[str, ...]:
    """Move what would be replaced to `archive/` if it is a CA or may be one; nothing is deleted."""
    base = f"{directory}/{name}".removeprefix("./")
    replaced = [ending for ending in contents if os.path.lexists(f"{base}{ending}")]
    is_ca = _is_ca(Path(f"{base}{CERTIFICATE_ENDING}"))
    holds_key = any(_is_key(Path(f"{base}{ending}")) for ending in (CERTIFICATE_ENDING, CSR_ENDING))
    may_be_ca = is_ca is None and KEY_ENDING in replaced
    if not (is_ca or holds_key or may_be_ca):
        return ()
    parent, top = directory.resolve(), folder.resolve()
    root, below = directory, Path()
    if parent.is_relative_to(top):
        root, below = folder, parent.relative_to(top)
    check_folder(root)
    shelf = make_shelf(root)
    for ending in replaced:
        move_to_shelf(root, str(below / f"{name}{ending}"), shelf)
    where = f"it is in `{shelf}` now"
    if is_ca:
        certificate = f"`{base}{CERTIFICATE_ENDING}`"
        return (f"{certificate} was a CA: {where}, and what it signed is no longer trusted",)
    key = f"`{base}{KEY_ENDING}`"
    return (f"{key} had no certificate that can be read: {where}, as it may be a CA's",)


def _is_ca(path: Path) -> bool | None:
    """Tell whether a certificate is a CA's; None if it can't be read."""
    from tls_scaffold.signing import certificates

    try:
        return certificates.read(plain(path, str(path)), str(path)).is_ca
    except (OSError, ScaffoldError):
        return None


def _is_key(path: Path) -> bool:
    """Tell whether what a certificate would replace is a key: `-bare certs/ca-key` names one."""
    try:
        return seems_key(plain(path, str(path)))
    except (OSError, ScaffoldError):
        return False


def _parse_input(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ScaffoldError(
            "no certificate came in", hint="the command before this one failed, and said why above"
        )
    try:
        document = formats.parse(text, "standard input", "json")
    except ScaffoldError as error:
        raise ScaffoldError("the input is not cfssl's JSON", [error.summary]) from None
    return document if isinstance(document, dict) else {}


def _unwrap(document: dict[str, Any], *, bare: bool) -> dict[str, Any]:
    """Return what is to be written: as it is, or out of the envelope of cfssl's API."""
    if bare:
        return document
    if not document.get("success"):
        errors = document.get("errors")
        messages = [
            str(each.get("message", each) if isinstance(each, dict) else each)
            for each in (errors if isinstance(errors, list) else [])
        ]
        raise ScaffoldError(
            "the input tells of no success", messages, hint="`-bare` takes what `gencert` prints"
        )
    result = document.get("result")
    return result if isinstance(result, dict) else {}


def _contents_by_ending(document: dict[str, Any]) -> dict[str, bytes]:
    """Return the files' contents by their endings."""
    contents: dict[str, bytes] = {}
    for ending, names in FIELDS.items():
        text = next((document[name] for name in names if document.get(name)), None)
        if isinstance(text, str):
            contents[ending] = text.encode()
    if not contents:
        raise ScaffoldError("the input holds no `cert`, `key` or `csr`")
    return contents

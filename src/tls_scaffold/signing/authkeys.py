"""The key that signing servers know a folder by: only where it is stands in the folder."""

import os
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.remote.protocol import auth_key

VARIABLE, FILE = "env:", "file:"


def is_reference(text: str) -> bool:
    """Tell a reference to a key from the key itself, which is a secret."""
    return text.startswith((VARIABLE, FILE))


def is_given(reference: str, folder: Path) -> bool:
    """Tell whether there is something where a reference leads to, seen from `folder`.

    Whether it is a key is not looked at.
    """
    if reference.startswith(VARIABLE):
        return bool(os.environ.get(reference.removeprefix(VARIABLE), "").strip())
    return not reference.startswith(FILE) or (folder / reference.removeprefix(FILE)).exists()


def read_auth_key(reference: str, folder: Path) -> bytes:
    """Return the key that `env:NAME` or `file:PATH` leads to, or that the text is itself.

    A path is as seen from `folder`. Raises ScaffoldError, which never tells the key, where there is
    none or it is not hexadecimal.
    """
    place, text = _find(reference, folder)
    try:
        return auth_key(text)
    except ValueError as error:
        raise ScaffoldError(
            f"{place} is no key for the signing servers",
            [f"it {error}"],
            "it is what the servers have as the `key` of this folder's `auth_key`",
        ) from None


def _find(reference: str, folder: Path) -> tuple[str, str]:
    """Return where a key is, in words, and its text."""
    name = reference.partition(":")[2]
    if reference.startswith(FILE):
        with telling(name, "read"):
            return f"`{name}`", plain(folder / name, name).decode("ascii", "replace")
    if reference.startswith(VARIABLE):
        if not is_given(reference, folder):
            raise ScaffoldError(
                f"the variable `{name}` with the key for the signing servers is not set",
                hint=f"`{name}=... make`, or export it; it is kept in no file of the folder",
            )
        return f"the variable `{name}`", os.environ[name]
    return "the key in the configuration", reference

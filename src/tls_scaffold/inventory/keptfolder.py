"""Whether a folder is one that tls-scaffold keeps, and this version of it may write there."""

from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.fields import short_text
from tls_scaffold.inventory.values import FILE, VERSION
from tls_scaffold.paths import PENDING
from tls_scaffold.reading import read_given

WRONG_FOLDER = (
    "`tls-scaffold new` makes one, `tls-scaffold adopt` takes over one made by hand, "
    "`-C DIR` goes there"
)


def check_is_folder(folder: Path) -> None:
    """Raise ScaffoldError where there is no folder of this name."""
    if not folder.is_dir():
        raise ScaffoldError(f"`{folder}` is not a folder", hint=WRONG_FOLDER)


def check_is_kept(folder: Path) -> None:
    """Raise ScaffoldError where a folder is none of ours: before a lock makes `archive/` there.

    One is, too, in which a killed command has yet to write the inventory.
    """
    check_is_folder(folder)
    if not (folder / FILE).exists() and not (folder / PENDING).exists():
        raise not_kept(folder)


def not_kept(folder: Path) -> ScaffoldError:
    """Return the error for a folder that has no inventory."""
    return ScaffoldError(
        f"`{folder / FILE}` does not exist: this is not a folder that tls-scaffold keeps",
        hint=WRONG_FOLDER,
    )


def check_format(folder: Path) -> None:
    """Raise ScaffoldError where a newer tls-scaffold has written a folder's inventory.

    What else of the folder may have another meaning there nobody knows here. Of an inventory that
    is none, or has mistakes, whoever reads it tells.
    """
    try:
        raw = read_given(folder / FILE) if (folder / FILE).is_file() else b""
    except (ScaffoldError, OSError):
        return
    refuse_newer(formats.json_object(raw).get("version"))


def refuse_newer(version: object) -> None:
    """Raise ScaffoldError where this is the number of a format that is not known yet."""
    if type(version) is int and version > VERSION:  # true is an int of Python's
        raise ScaffoldError(
            f"the inventory has the format {short_text(version)}, "
            f"and this tls-scaffold knows the format {VERSION}",
            hint="a newer tls-scaffold wrote it: upgrade this one",
        )

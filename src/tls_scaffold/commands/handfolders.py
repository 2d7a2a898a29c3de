"""What the commands of `requests` share on the folder's side: its components, and that it asks."""

from pathlib import Path

from tls_scaffold.commands.typed import scaffold_command
from tls_scaffold.disk.plainfiles import makefile_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.ourmakefile import signings_of_lines
from tls_scaffold.signing.custodies import custody_of

TO_OFFLINE = "`tls-scaffold sync --ca-offline` makes it one whose CA's key is on another machine"

SIGNS = "tls-scaffold requests sign {} --ca ca.pem --ca-key ca-key.pem"
"""What signs a pack, on the CA's machine."""


def is_signed_by_hand(folder: Path) -> bool:
    """Tell whether a folder's requests are carried to the CA's machine by hand.

    Its inventory need not be sound for that: signing does not ask for what is wrong elsewhere.
    """
    return custody_of(folder).key is KeyPlace.OFFLINE


def inventory_by_hand(folder: Path) -> Inventory:
    """Return the inventory of a folder whose requests are carried by hand.

    Raises ScaffoldError where the folder has none, or another custody.
    """
    if not (folder / FILE).is_file():
        raise ScaffoldError(
            f"`{folder}` is no folder of tls-scaffold", hint="`-C DIR` names another folder"
        )
    inventory = intake.load(folder)
    if inventory.ca.key is not KeyPlace.OFFLINE:
        raise ScaffoldError(
            "this folder does not carry its requests to another machine by hand", hint=TO_OFFLINE
        )
    return inventory


def signings_by_name(folder: Path) -> dict[str, Signing]:
    """Return what each component's line of the Makefile asks for, by the component's name.

    Raises ScaffoldError where a line says it in a way that only make understands.
    """
    text = makefile_text(folder)
    lines = component_lines(text)
    found = {each.name: each for each in signings_of_lines(lines)}
    unread = [f"`{line.name}`" for line in lines if line.name not in found]
    if unread:
        raise ScaffoldError(
            "lines of the Makefile are not understood, and nothing is asked for",
            unread,
            "a line is `req-NAME CERTIFICATE: REQUEST ; $(sign) [FLAGS] $<`",
        )
    return found


def command(folder: Path, words: str) -> str:
    """Return a command of `tls-scaffold requests` as it is typed here."""
    return f"{scaffold_command(folder)} requests {words}"

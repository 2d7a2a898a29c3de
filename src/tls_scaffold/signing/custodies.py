"""Who holds the CA of a folder, for whoever signs there, and what helps where it is not there."""

import os
import re
from pathlib import Path

from tls_scaffold.disk.inventorydocument import inventory_document
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import PLAIN, Custody, custody_words, read_custody
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import CA, CA_KEYS, CUSTODY, PENDING, SCRIPT

ANOTHER = "`make regenerate` makes another CA"
# Beside a CA that was brought nothing is regenerated.
ANOTHER_FOR_PEERS = (
    "is it lost for good, move `certs/peer-*` and `issued/peer-ca-*.pem` into a folder of "
    "`archive/`: `make` makes another CA then"
)
BRING_KEY = (
    "`tls-scaffold sync --ca-key FILE` brings it; `tls-scaffold sync --ca-offline` is for a key "
    "that stays where it is"
)
# What the inventory said when custody.sh was made; sign.sh compares it with the inventory too.
WORDS_OF_SCRIPT = re.compile("^custody='([^']*)'\r?$", re.MULTILINE)
RENEWED = "its owner renews it: `tls-scaffold sync --ca FILE` brings its next certificate"


def custody_of(folder: Path) -> Custody:
    """Return who holds the CA, by the folder's inventory; the plain way where that tells nothing.

    It need not be a sound inventory: of one that is not, `check` tells.
    """
    document = inventory_document(folder)
    return read_custody(Field("ca", document.get("ca", {}), None)) if document else PLAIN


def bring_ca(custody: Custody) -> str:
    """Return what brings a CA that was brought before; no key goes where none is kept."""
    key = " --ca-key FILE" if custody.has_key_here else ""
    return f"`tls-scaffold sync --ca FILE{key}` brings it again; none is made here"


def unfollowed(folder: Path) -> str:
    """Say that `custody.sh`, by which make goes, is of another custody than the inventory's.

    That was edited by hand then. Empty where they agree, where a killed command is to be ended, and
    in a folder that has no `sign.sh` of ours.
    """
    if not os.path.lexists(folder / SCRIPT) or os.path.lexists(folder / PENDING):
        return ""
    has_peer_ca = inventory_document(folder).get("peer_ca") is True
    said = custody_words(custody_of(folder), has_peer_ca=has_peer_ca)
    line = WORDS_OF_SCRIPT.search(read_text(folder, CUSTODY) or "")
    followed = line[1] if line else ""
    if said == followed:
        return ""
    return (
        f"`{FILE}` says `{said or 'nothing'}` of who holds the CA, and the folder's scripts go by "
        f"`{followed or 'nothing'}`"
    )


def check_followed(folder: Path) -> None:
    """Raise ScaffoldError where who holds the CA was edited by hand, as sign.sh does."""
    if problem := unfollowed(folder):
        raise ScaffoldError(problem, hint="`tls-scaffold sync` makes them follow")


def check_makes_ca(folder: Path) -> None:
    """Raise ScaffoldError where a folder makes no CA of its own, whatever is missing."""
    custody = custody_of(folder)
    if custody.own:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought, and it is not in `certs`",
            hint=bring_ca(custody),
        )
    if not custody.has_key_here:
        raise ScaffoldError(
            f"`{CA}` is missing, and the key of this folder's CA is elsewhere: none is made here",
            hint="`tls-scaffold sync --ca FILE` brings the certificate",
        )


def lost_hint(folder: Path, path: str) -> str:
    """Return what helps beside putting it back where half of a CA of ours is lost for good.

    `path` is that half's. Empty where nothing does.
    """
    if path not in (*CA_KEYS, *CA_KEYS.values()):
        return ""
    custody = custody_of(folder)
    if custody.makes_ca:
        return f" (is it lost? {ANOTHER})"
    is_brought = path in (CA, CA_KEYS[CA]) and custody.own and custody.has_key_here
    return f"; {BRING_KEY}" if is_brought else ""


def instead_of_lost(folder: Path) -> str:
    """Return what makes another CA in the place of one that is lost for good."""
    return ANOTHER if custody_of(folder).makes_ca else ANOTHER_FOR_PEERS


def another_hint(folder: Path, path: str) -> str:
    """Return what helps where the CA of a path can't be used any longer."""
    if path == CA and custody_of(folder).own:
        return RENEWED
    return "`make renew-ca` signs it again, with the same key: what it signed goes on then"

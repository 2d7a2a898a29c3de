"""Who holds the CA of a folder, for whoever signs there, and what helps where it is not there."""

import json
from pathlib import Path

from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import PLAIN, Custody, read_custody
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import CA, CA_KEYS

ANOTHER = "`make regenerate` makes another CA"
# Beside a CA that was brought nothing is regenerated.
ANOTHER_FOR_PEERS = (
    "is it lost for good, move `certs/peer-*` and `issued/peer-ca-*.pem` into a folder of "
    "`archive/`: `make` makes another CA then"
)
BRING_CA = "`tls-scaffold sync --ca FILE --ca-key FILE` brings it again; none is made here"
BRING_KEY = (
    "`tls-scaffold sync --ca-key FILE` brings it; `tls-scaffold sync --ca-offline` is for a key "
    "that stays where it is"
)
RENEWED = "its owner renews it: `tls-scaffold sync --ca FILE` brings its next certificate"


def custody_of(folder: Path) -> Custody:
    """Return who holds the CA, by the folder's inventory; the plain way where that tells nothing.

    It need not be a sound inventory: of one that is not, `check` tells.
    """
    try:
        document = json.loads(read_text(folder, FILE) or "{}")
    except (ScaffoldError, OSError, ValueError, RecursionError):
        return PLAIN
    said = document.get("ca", {}) if isinstance(document, dict) else {}
    return read_custody(Field("ca", said, None))


def check_makes_ca(folder: Path) -> None:
    """Raise ScaffoldError where a folder makes no CA of its own, whatever is missing."""
    custody = custody_of(folder)
    if custody.own:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought, and it is not in `certs`",
            hint=BRING_CA,
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
    if path not in (CA, CA_KEYS[CA]) and not custody.makes_ca:
        return ""
    if custody.makes_ca:
        return f" (is it lost? {ANOTHER})"
    return f"; {BRING_KEY}" if custody.own and custody.has_key_here else ""


def instead_of_lost(folder: Path) -> str:
    """Return what makes another CA in the place of one that is lost for good."""
    return ANOTHER if custody_of(folder).makes_ca else ANOTHER_FOR_PEERS


def another_hint(folder: Path, path: str) -> str:
    """Return what helps where the CA of a path can't be used any longer."""
    if path == CA and custody_of(folder).own:
        return RENEWED
    return "`make renew-ca` signs it again, with the same key: what it signed goes on then"

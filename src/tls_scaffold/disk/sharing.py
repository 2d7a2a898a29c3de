"""Keys that one group may read beside their owner: it is named in the inventory, `key_group`.

A key is 0600 from its first byte on, and only then gets the group and 0640. What the system refuses
leaves it as it was: nothing is ever open to more than was asked for.
"""

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import PRIVATE_FOLDER
from tls_scaffold.disk.inventorydocument import inventory_document
from tls_scaffold.inventory.values import GROUP_NAME
from tls_scaffold.paths import CERTS
from tls_scaffold.spelling import whole_number

SHARED = 0o640
SHARED_FOLDER = 0o750
NO_GROUP = 2**32 - 1  # chown(2) takes it for "leave the group as it is"


def group_of_keys(folder: Path) -> str:
    """Return the group that a folder's inventory names; empty if there is none, as sign.sh does.

    The rest of the inventory may have mistakes: signing goes on then as it was.
    """
    group = inventory_document(folder).get("key_group")
    return group if isinstance(group, str) and re.fullmatch(GROUP_NAME, group) else ""


def number_of_group(group: str) -> int | None:
    """Return the number of a group of this machine, which a text of digits may say itself."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        number = whole_number(group)
        return number if number is not None and number < NO_GROUP else None


def name_of_group(number: int) -> str:
    """Return what a group is called on this machine; its number if it has no name."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def name_of_user(number: int) -> str:
    """Return what a user is called on this machine; its number if it has no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def share_keys(folder: Path, group: str, keys: Iterable[Path]) -> str:
    """Let the group `group` read keys, and look into `certs/`; return what went wrong, if anything.

    Keys that are missing are passed over. No key is opened to the group unless it is the key's.
    """
    number = number_of_group(group)
    if number is None:
        return f"keys are for their owner alone: there is no group `{group}` on this machine"
    try:
        _share(folder / CERTS, number, SHARED_FOLDER)
        for key in keys:
            with suppress(FileNotFoundError):
                _share(key, number, SHARED)
    except OSError as error:
        return (
            f"keys are for their owner alone: the group `{group}` can't be given to "
            f"`{Path(error.filename).name}`: {error.strerror}"
        )
    return ""


def keep_private(certs: Path, group: str) -> None:
    """Keep others out of `certs/`; the group that may read keys stays in it."""
    status = certs.stat()
    is_shared = bool(group) and status.st_gid == number_of_group(group)
    mode = PRIVATE_FOLDER
    if is_shared:
        mode |= status.st_mode & SHARED_FOLDER
    certs.chmod(mode)


def _share(path: Path, group: int, mode: int) -> None:
    # By a descriptor: what a link leads to is nobody's key here.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if status.st_gid != group:
            os.fchmod(descriptor, mode & PRIVATE_FOLDER)  # not open while it changes hands
            os.fchown(descriptor, -1, group)
        if status.st_gid != group or stat.S_IMODE(status.st_mode) != mode:
            os.fchmod(descriptor, mode)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)

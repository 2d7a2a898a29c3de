"""Rules over who may see what lies in `certs/`."""

import posixpath
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.checks.readablefiles import readable_content, readable_names
from tls_scaffold.checks.rule import NOTE, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk.files import NOT_THE_OWNER
from tls_scaffold.disk.gitfiles import UNTRACKED
from tls_scaffold.disk.sharing import name_of_group, number_of_group
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA,
    CA_KEY,
    CA_KEYS,
    KEY_ENDING,
    OLD_CA_KEYS,
    PEER_CA_KEY,
)
from tls_scaffold.signing import contentkinds, pemfiles
from tls_scaffold.signing.keys import is_in_the_clear
from tls_scaffold.signing.rotation import rotation_of
from tls_scaffold.spelling import listed

IGNORE = (
    "put a `.gitignore` with the line `*` into its folder, as `make` does in `certs/` and "
    "`archive/`"
)
OF_COMPONENT = (
    "`chmod 600` of the key, or `key_group` in `tls-scaffold.json` for one group that may read "
    "components' keys; if others may have read it, sign again"
)
OF_CA = "; a CA's has no group, and `tls-scaffold rotate start --compromised` replaces that CA"
CLOSE = "`chmod 600` of the key; if others may have read it"
TAKE_OUT = "delete it where `certs/` has the same key encrypted; else take it out of `archive/`"
FEW = 5  # names that a line has room for
KEY_FOR_GROUP, FOLDER_FOR_GROUP = 0o040, 0o050


def _fix_of_mode(view: View, place: Place, _fix: str) -> str:
    """Return what helps where others can read a key: a CA's is nobody's but its owner's.

    What was read of it is everybody's that the CA could sign: no new certificate helps then.
    """
    of_cas = {entry.key_path for entry in view.contents.entries if entry.is_of_ca}
    if place.path not in {*of_cas, *CA_KEYS.values(), *OLD_CA_KEYS.values()}:
        return OF_COMPONENT
    if rotation_of(view.folder):
        return f"{CLOSE}, end the rotation soon: `tls-scaffold rotate status` says how"
    words, held = "", view.inventory.ca if view.inventory and view.has_our_rules else None
    if held and held.makes_ca and place.path == CA_KEYS[CA]:
        words = "--compromised"
    elif held and held.has_key_here and place.path == PEER_CA_KEY:
        words = "--peer-ca --compromised"
    if words:
        return f"{CLOSE}, `tls-scaffold rotate start {words}` puts another CA in its place"
    return f"{CLOSE}, whoever trusts this CA needs another one: `docs/ca-rotation.md`"


@Rule(
    pain=(
        "whoever can log in on the machine can be that member or user, and with the CA's key "
        "anybody"
    ),
    fix=OF_COMPONENT + OF_CA,
    fix_at=_fix_of_mode,
)
def key_mode(view: View) -> Iterator[Problem]:
    """Only its owner, and the group `key_group`, can read a key; the CA's its owner alone."""
    may_be_shared = {
        entry.key_path
        for entry in view.contents.leaves
        if not (entry.certificate and entry.certificate.is_ca)
    }
    group = number_of_group(view.key_group) if view.key_group else None
    for directory in (*view.directories, AWAITING):
        for path in readable_names(view.folder, directory):
            mode, owners = _mode_and_group(view.folder / path)
            is_open = _is_open(
                mode, owners, KEY_FOR_GROUP, group if path in may_be_shared else None
            )
            if is_open and (path.endswith(KEY_ENDING) or _holds_key(view.folder, path)):
                yield Problem(Place(path), _too_wide(view, mode, owners, 0o600))


def _holds_key(folder: Path, path: str) -> bool:
    """Tell a private key, whatever the name of its file and whatever else that holds."""
    # Of a key that etcd can't read for blanks or a byte order mark everybody else can still read.
    found = pemfiles.blocks(pemfiles.tidied(readable_content(folder, path)))
    return any(contentkinds.is_private_key(block.label) and block.der for block in found)


@Rule(
    pain="a key that is ever written with a wider mode is open to everybody at once",
    fix="`chmod 700` of the directory",
)
def certs_mode(view: View) -> Iterator[Problem]:
    """Only its owner, and the group `key_group`, can look into the directory of the keys."""
    group = number_of_group(view.key_group) if view.key_group else None
    for directory in (*view.directories, AWAITING):
        mode, owners = _mode_and_group(view.folder / directory)
        sharing = None if directory == AWAITING else group
        if directory != "." and _is_open(mode, owners, FOLDER_FOR_GROUP, sharing):
            yield Problem(Place(directory), _too_wide(view, mode, owners, 0o700))


def _is_open(mode: int, owners: int, for_group: int, group: int | None) -> bool:
    """Tell whether a mode lets in anybody but the owner and, as far as it may, the `group`."""
    allowed = for_group if group is not None and owners == group else 0
    return bool(mode & NOT_THE_OWNER & ~allowed)


def _too_wide(view: View, mode: int, owners: int, narrow: int) -> str:
    told = f"its mode is {mode:04o}, wider than {narrow:04o}"
    is_of_group = view.key_group and not mode & NOT_THE_OWNER & ~FOLDER_FOR_GROUP
    return f"{told}; its group is `{name_of_group(owners)}`" if is_of_group else told


@Rule(
    pain="the key is in every clone, and stays in the history after it was deleted",
    fix=f"`git rm --cached` it, {IGNORE}, and sign anew what was pushed",
)
def tracked_by_git(view: View) -> Iterator[Problem]:
    """Git tracks neither a key nor anything in `certs/`, `awaiting/`, `archive/` or `dist/`."""
    tracked = (path for tag, path in view.git_files if tag != UNTRACKED)
    yield from _by_directory(tracked, "git tracks")


@Rule(
    pain="the next `git add .` takes the key, and a push gives it away",
    fix=IGNORE,
)
def not_ignored_by_git(view: View) -> Iterator[Problem]:
    """Git ignores every key, and everything in `dist/`."""
    untracked = (path for tag, path in view.git_files if tag == UNTRACKED)
    given_away = (
        path
        for path in untracked
        if path.endswith(KEY_ENDING) or path.startswith(f"{DIST}/") or _holds_key(view.folder, path)
    )
    yield from _by_directory(given_away, "git does not ignore")


def _by_directory(paths: Iterable[str], trouble: str) -> Iterator[Problem]:
    """Yield a problem for each directory that names its files, keys first, or for a file alone."""
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(posixpath.dirname(path) or ".", []).append(path)
    for directory, found in files.items():
        if len(found) == 1:
            yield Problem(Place(found[0]), f"{trouble} it")
            continue
        names = [posixpath.basename(path) for path in found]
        names.sort(key=lambda name: not name.endswith(KEY_ENDING))
        yield Problem(Place(directory), f"{trouble} {listed(names, FEW)}")


def _mode_and_group(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return stat.S_IMODE(status.st_mode), status.st_gid


def _fix_of_clear_key(_view: View, place: Place, fix: str) -> str:
    return TAKE_OUT if place.path.startswith(f"{ARCHIVE}/") else fix


@Rule(
    pain="whoever gets a copy of the folder, a backup or the disk signs what he likes as this CA",
    fix="`make encrypt-ca-key` encrypts it with the password in CFSSL_CA_PK_PASSWORD",
    fix_at=_fix_of_clear_key,
)
def ca_key_not_encrypted(view: View) -> Iterator[Problem]:
    """Where the inventory says so the CA's key is encrypted, and not in the clear in `archive/`."""
    if _wants_encrypted_key(view):
        yield from _clear_keys_of_cas(view)
        for path, of_cas in view.archived_ca_keys:
            if of_cas:
                yield Problem(Place(path), "it is the key of a CA of today, in the clear")


@Rule(
    level=NOTE,
    pain="who still trusts one of these CAs takes what anybody signs who has read its key",
    fix="take them where CAs' keys are kept; delete those of CAs that nobody trusts any more",
)
def earlier_ca_keys(view: View) -> Iterator[Problem]:
    """Where CAs' keys do not lie here in the clear, those of earlier ones do not either."""
    if not view.inventory or view.inventory.ca.key is KeyPlace.FOLDER:
        return
    if paths := [path for path, of_cas in view.archived_ca_keys if not of_cas]:
        yield Problem(Place(ARCHIVE), f"it has keys of earlier CAs in the clear: {listed(paths)}")


@Rule(
    level=NOTE,
    pain="whoever gets a copy of the folder, a backup or the disk signs what he likes as this CA",
    fix="`make encrypt-ca-key` encrypts it with a password; `docs/ca-encrypted.md` says what for",
)
def ca_key_in_the_clear(view: View) -> Iterator[Problem]:
    """No CA's key lies in the folder in the clear."""
    # One that is to be elsewhere is taken there, not encrypted: `ca-key-here` tells.
    is_elsewhere = view.inventory is not None and not view.inventory.ca.has_key_here
    if view.has_our_rules and not _wants_encrypted_key(view):
        for problem in _clear_keys_of_cas(view):
            if not (is_elsewhere and problem.place.path == CA_KEY):
                yield problem


def _wants_encrypted_key(view: View) -> bool:
    return view.inventory is not None and view.inventory.ca.key is KeyPlace.ENCRYPTED


def _clear_keys_of_cas(view: View) -> Iterator[Problem]:
    for entry in view.authorities:
        if is_in_the_clear(entry.key or b""):
            yield Problem(Place(entry.key_path), "it is in the clear")


RULES = (
    key_mode,
    certs_mode,
    tracked_by_git,
    not_ignored_by_git,
    ca_key_not_encrypted,
    ca_key_in_the_clear,
    earlier_ca_keys,
)

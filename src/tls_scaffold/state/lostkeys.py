"""CAs whose key was here and is not: what they signed goes on, and nothing more is signed."""

from pathlib import Path

from tls_scaffold.paths import CA_KEYS, PEER_CA, RULES
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.state.entries import Contents, Entry


def lacks_key(folder: Path, entry: Entry) -> bool:
    """Tell whether a CA of ours lacks a key that is to lie beside it.

    One that is kept elsewhere is missed by nobody; that of peers' CA is always here. Where a
    Makefile is not one of ours it may name another place. One that another user's is, is not lost.
    """
    if entry.path not in CA_KEYS or not (folder / RULES).is_file():
        return False
    if not entry.certificate or entry.key is not None or entry.key_path in entry.denied:
        return False
    return entry.path == PEER_CA or custody_of(folder).has_key_here


def lost_keys(folder: Path, contents: Contents) -> tuple[str, ...]:
    """Return the paths of the keys that CAs of ours lack."""
    return tuple(each.key_path for each in contents.entries if lacks_key(folder, each))

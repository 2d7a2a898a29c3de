"""The last steps of a CA that follows another: nobody trusts the old one, and it leaves.

Each file is replaced by itself, in an order in which whoever uses one at any moment is well, and no
run signs anything again: a kill leaves a step that the same command goes on with.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tls_scaffold.disk.folder import move_to_archive, write_inside
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CHAINS, OLD_CA_KEYS, OLD_CAS, TRUSTS
from tls_scaffold.signing import certificates, recordcompletion
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.contentkinds import CERTIFICATE
from tls_scaffold.signing.pemfiles import blocks, text_of
from tls_scaffold.signing.rotation import Rotation, is_cross


def trust_new_alone(folder: Path, rotation: Rotation) -> bool:
    """Let the trust file of a rotation hold the old CA no longer; return whether it did.

    Others that stand in it stay. The folder's lock is held. Raises ScaffoldError where it can't be
    read, or lacks the new one.
    """
    path, old, new = TRUSTS[rotation.ca], rotation.old, rotation.new
    trusted = certificates.read_all(plain_or_empty(folder / path), path)
    if not (old and new and new.public_key in [each.public_key for each in trusted]):
        raise ScaffoldError(
            f"`{path}` does not hold the CA that signs, `{rotation.ca}`: nothing was changed",
            hint=f"`cat {rotation.ca} {OLD_CAS[rotation.ca]} > {path}`",
        )
    kept = [each for each in trusted if each.public_key != old.public_key]
    if len(kept) == len(trusted):
        return False
    check_changeable([folder / path])
    write_inside(folder, path, "".join(each.pem.decode() for each in kept))
    return True


def check_nobody_trusts_old(folder: Path, rotation: Rotation) -> None:
    """Raise ScaffoldError where the trust file of a rotation holds the old CA still."""
    path, old = TRUSTS[rotation.ca], rotation.old
    trusted = certificates.read_all(plain_or_empty(folder / path), path)
    if old and old.public_key in [each.public_key for each in trusted]:
        raise ScaffoldError(
            f"`{path}` holds the old CA still: nothing was changed",
            hint=f"was `{CHAINS[rotation.ca]}` moved away by hand, put it back: "
            "`tls-scaffold rotate trust` comes first",
        )


def take_out_cross(folder: Path, rotation: Rotation, signings: Iterable[Signing]) -> str:
    """Let no certificate have the cross certificate behind it; return the shelf where that went.

    The certificates themselves stay. The folder's lock is held. The shelf is empty where it had
    gone already.
    """
    chain = CHAINS[rotation.ca]
    cut = dict(_cut(folder, rotation, signings))
    check_changeable(folder / path for path in (*cut, chain))
    # What counts from now on is recorded first, as it is and as it will be: no run signs it again.
    for changed in ({chain: b""}, {chain: b"", **cut}):
        recordcompletion.note(folder, recordcompletion.notes_after(folder, changed))
    shelf = ""
    if os.path.lexists(folder / chain):
        shelf = move_to_archive(folder, [chain])
    for path, pem in cut.items():
        write_inside(folder, path, pem.decode())
    return shelf


def take_out_old(folder: Path, ca: str, shelf: str) -> str:
    """Move the old CA, or its copy, to a shelf, a new one unless it is given; return that.

    `ca` is the path of the one that signs. The folder's lock is held.
    """
    # Its certificate last: it tells what hangs on it, and that this is left.
    return move_to_archive(folder, [OLD_CA_KEYS[ca], OLD_CAS[ca]], shelf)


def _cut(
    folder: Path, rotation: Rotation, signings: Iterable[Signing]
) -> Iterator[tuple[str, bytes]]:
    """Yield each certificate that has a cross certificate behind it, without that."""
    old, new = rotation.old, rotation.new
    if not (old and new):
        return
    for signing in signings:
        path = signing.certificate_path
        pem = plain(folder / path, path) if os.path.lexists(folder / path) else b""
        found = blocks(pem)
        kept = [
            each
            for each in found
            if each.label != CERTIFICATE or not is_cross(Certificate(each.der), new, old)
        ]
        if 0 < len(kept) < len(found):
            yield path, b"".join(text_of(pem, each) for each in kept)

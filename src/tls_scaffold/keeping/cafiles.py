"""The files of a CA change with who holds it: what comes to `certs/`, what leaves it, what stays.

A change never takes another CA. What is signed stays as it is but for the chain behind it, and is
recorded under what it counts as made from then, before that takes its place.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.disk.files import PUBLIC, SECRET, make_private, telling, write
from tls_scaffold.disk.folder import make_shelf, move_to_shelf
from tls_scaffold.disk.healing import put_ca_again
from tls_scaffold.disk.obstacles import check_changeable, inside
from tls_scaffold.disk.plainfiles import content, names, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.paths import (
    AWAITING,
    CA,
    CA_KEY,
    CA_KEYS,
    CERTS,
    CHAIN,
    PEER_CA_KEY,
    TRUST,
    WAITING_ENDINGS,
)
from tls_scaffold.signing import certificates, matching, recordcompletion
from tls_scaffold.signing.broughtca import BroughtCA
from tls_scaffold.signing.capassword import is_given
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.contentkinds import CERTIFICATE
from tls_scaffold.signing.foldercas import recorded_cas
from tls_scaffold.signing.keyencryption import check_opens
from tls_scaffold.signing.keys import (
    encrypted_key,
    is_encrypted,
    pem_of_key,
    read_private_key,
)
from tls_scaffold.signing.pemfiles import blocks, text_of

OTHER_CA_HINT = (
    "another CA signs everything again: have everybody trust it first, beside the one that there "
    "is; then `make clean` moves that and what it signed to archive/, the same command brings the "
    "new one, and `make` signs"
)


LINK_HINT = (
    "put the key itself in the place of the link; where it is to leave this folder, move the link "
    "away instead. Then run the same again"
)


@dataclass(frozen=True)
class CAFiles:
    """What is to be done with the files of a CA, by path below the folder.

    `written` holds what files get, leaves with another chain behind them included; `gone` are those
    that leave for the archive, what waits for another machine that signs no more among them. What
    they were goes there too, but for leaves. `notes` are what the record is to have of each
    certificate before that.
    """

    written: Mapping[str, bytes]
    gone: tuple[str, ...]
    notes: Mapping[str, bytes]

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.written or self.gone or self.notes)


def plan_ca_files(
    folder: Path, old: Custody, new: Custody, brought: BroughtCA | None, texts: Mapping[str, bytes]
) -> CAFiles:
    """Return what becomes of the files of a folder's CA when it is held otherwise.

    `texts` are the files that change at the same time, by path, as `config/ca-config.json`. Raises
    ScaffoldError where what is brought is another CA, and where a key that is to be here, or to
    leave, is not: a link to it is no key.
    """
    now = {path: _content(folder, path) for path in (CA, CHAIN, TRUST, CA_KEY, PEER_CA_KEY)}
    wanted = dict(now)
    if brought and brought.certificate:
        _check_is_same(folder, brought)
        wanted |= {CA: brought.certificate, CHAIN: brought.chain}
        wanted[TRUST] = _trust_after(now[TRUST], brought.trust)
    if wanted[CA] or now[CA_KEY]:  # of a CA that is yet to be made no key can be missed
        wanted[CA_KEY] = _key_after(old, new, now[CA_KEY], brought)
    if now[PEER_CA_KEY] and new.has_key_here:  # it never leaves, and one password is for both
        wanted[PEER_CA_KEY] = _form_after(old, new, now[PEER_CA_KEY], PEER_CA_KEY)
    written = {path: pem for path, pem in wanted.items() if pem and pem != now[path]}
    gone = [path for path, pem in wanted.items() if now[path] and not pem]
    _check_no_links(folder, (*written, *gone))
    if new.key is not KeyPlace.OFFLINE:
        gone += (path for ending in WAITING_ENDINGS for path in names(folder, AWAITING, ending))
    leaves = {}
    if wanted[CHAIN] != now[CHAIN]:
        leaves = dict(_leaves_with_chain(folder, wanted[CA], wanted[CHAIN]))
    changed = {**texts, **{path: wanted[path] for path in (CA, CHAIN)}, **leaves}
    notes = recordcompletion.notes_after(folder, changed) if now[CA] else {}
    return CAFiles({**leaves, **written}, tuple(gone), notes)


def _check_no_links(folder: Path, paths: Iterable[str]) -> None:
    """Refuse to change a link in a key's place: what it leads to would stay as it is, untold."""
    keys = [path for path in paths if path in CA_KEYS.values()]
    links = [
        f"`{path}` is a link to `{(folder / path).readlink()}`"
        for path in keys
        if (folder / path).is_symlink()
    ]
    if links:
        raise ScaffoldError("the CA's key is not here: nothing was changed", links, LINK_HINT)


def _content(folder: Path, path: str) -> bytes:
    """Return what a file holds, nothing where there is none; ScaffoldError if it can't be read."""
    return content(folder, path) if os.path.lexists(folder / path) else b""


def put_in_place(folder: Path, files: CAFiles, shelf: str) -> None:
    """Note what counts from now on, keep copies of what is replaced, and put the files in place.

    The folder's lock is held. A kill leaves what was, or what is to be, or the decision between
    them, which the next run carries out. Raises ScaffoldError, before anything is written, where a
    file can't be replaced.
    """
    check_changeable(folder / path for path in (*files.written, *files.gone))
    recordcompletion.note(folder, files.notes)
    if not files.written:
        return
    _keep_copies(folder, files, shelf)
    key, there = files.written.get(CA_KEY), plain_or_empty(folder / CA_KEY)
    rest = {path: pem for path, pem in files.written.items() if path != CA_KEY}
    if there:
        put_ca_again(folder, rest, key or there)
        return
    # Without a key nobody can tell a decision of this folder's from one that came with a clone:
    # one file after another, the CA last. The same command again ends what a kill left.
    with telling(folder / CERTS, "written"):
        make_private(folder / CERTS)
        for path in sorted(rest, key=lambda path: path == CA):
            write(inside(folder, path), rest[path], SECRET if path in CA_KEYS.values() else PUBLIC)
        if key:
            write(inside(folder, CA_KEY), key, SECRET)


def take_away(folder: Path, files: CAFiles, shelf: str) -> None:
    """Move what leaves to a shelf of the archive; nothing of a CA is ever deleted."""
    for path in files.gone:
        if os.path.lexists(folder / path):
            move_to_shelf(folder, path, make_shelf(folder, shelf))


def _keep_copies(folder: Path, files: CAFiles, shelf: str) -> None:
    for path in (CA, CHAIN, TRUST, CA_KEY):
        there = plain_or_empty(folder / path)
        # The same key in another form is not lost, and one in the clear is to be nowhere else.
        is_kept = path == CA_KEY and _is_same_key(there, files.written.get(path, b""))
        if path in files.written and there and not is_kept:
            target = make_shelf(folder, shelf) / path
            if plain_or_empty(target) != there:
                with telling(target, "written"):
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    write(target, there, SECRET if path == CA_KEY else PUBLIC)


def _check_is_same(folder: Path, brought: BroughtCA) -> None:
    """Raise ScaffoldError if a folder has, or had, a CA that is another than what is brought.

    With the same name and key it is the same one: all that it signed goes on being valid.
    """
    new = certificates.read(brought.certificate, CA)
    own = certificates.read_at(folder / CA)
    # One that is broken is told by the record.
    cas = [own] if own else list(recorded_cas(folder, CA).values())
    if cas and not any(_is_same(each, new) for each in cas):
        told = [f"this folder's is {_described(each)}" for each in cas[-1:]]
        told.append(f"what is brought is {_described(new)}")
        if any(each.public_key == new.public_key for each in cas):
            told.append("both have one key, but their names are not the same, byte by byte")
        raise ScaffoldError(
            "what is brought is another CA than this folder's: nothing was changed",
            told,
            OTHER_CA_HINT,
        )


def _is_same(one: Certificate, other: Certificate) -> bool:
    """Tell whether what one CA signed is the other's too: Go compares names byte by byte."""
    has_its_name = one.parsed.subject.public_bytes() == other.parsed.subject.public_bytes()
    return has_its_name and one.public_key == other.public_key


def _described(ca: Certificate) -> str:
    return f"`{ca.subject_text}`, SHA-256 {ca.sum}"


def _trust_after(there: bytes, root: bytes) -> bytes:
    """Return what others are to trust: what they trust already where the root is among it."""
    known = {each.der for each in certificates.read_all_or_none(there)}
    return there if certificates.read(root, TRUST).der in known else root


def _is_same_key(one: bytes, other: bytes) -> bool:
    try:
        key = read_private_key(one, CA_KEY)
        return key.public_key() == read_private_key(other, CA_KEY).public_key()
    except ScaffoldError:
        return False


def _leaves_with_chain(folder: Path, ca: bytes, chain: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each certificate that a CA signed with another chain behind it."""
    signer = certificates.read(ca, CA)
    for signing in recordcompletion.own_signings(folder):
        path = signing.certificate_path
        pem = plain_or_empty(folder / path)
        first = next((each for each in blocks(pem) if each.label == CERTIFICATE), None)
        if first and matching.signed_by(Certificate(first.der), signer):
            yield path, text_of(pem, first) + chain


def _key_after(old: Custody, new: Custody, there: bytes, brought: BroughtCA | None) -> bytes:
    """Return what is to be in the place of the CA's key; nothing where it is elsewhere."""
    if not new.has_key_here:
        return b""
    key = (brought.key if brought else b"") or there
    if not key:
        if old.key is new.key:
            return b""  # it was not here before either
        raise ScaffoldError(
            f"`{CA_KEY}` is not here, and no key was brought: nothing was changed",
            hint="`--ca-key FILE` brings it",
        )
    return _form_after(old, new, key, CA_KEY)


def _form_after(old: Custody, new: Custody, key: bytes, path: str) -> bytes:
    """Return the key of a path, encrypted or in the clear, as the folder is to hold it."""
    if new.key is KeyPlace.ENCRYPTED:
        if not is_encrypted(key):
            return encrypted_key(key)
        if is_given():
            check_opens(key, path)
    if new.key is KeyPlace.FOLDER and old.key is KeyPlace.ENCRYPTED and is_encrypted(key):
        return pem_of_key(read_private_key(key, path))
    return key

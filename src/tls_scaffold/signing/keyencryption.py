"""A CA's key in the clear gives way to the same key encrypted; it is never lost on the way."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import SECRET, create, flush_path, telling
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, CA, CA_KEYS, CERTS, KEY_ENDING
from tls_scaffold.signing import authority, issuer
from tls_scaffold.signing.capassword import CAPassword, Password, given_password, is_given
from tls_scaffold.signing.keys import (
    WrongPasswordError,
    encrypted_pem,
    is_encrypted,
    is_in_the_clear,
    pem_of_key,
    read_private_key,
    usable_ca_key,
)

KEYS_OF_CAS = f"*/{CERTS}/*ca{KEY_ENDING}"
CHANGE = (
    "to change the password: with the one of now `tls-scaffold sync --ca-here`, which leaves the "
    "key in the clear, and then with the new one `make encrypt-ca-key`"
)


def clear_ca_keys(folder: Path, password: CAPassword) -> dict[str, issuer.CA]:
    """Return the CAs of `certs/` whose keys are in the clear, by the paths of these.

    Where one is encrypted already, a password that is given has to be that one's: it is for both,
    and whoever means to change it would throw the right one away. Raises ScaffoldError where it is
    not, half of a CA is missing, or a key can't be replaced. Peers need not have a CA of their own.
    """
    found, encrypted = {}, {}
    for certificate, key in CA_KEYS.items():
        halves = [os.path.lexists(folder / half) for half in (certificate, key)]
        if certificate != CA and not any(halves):
            continue
        check_replaceable(folder / CERTS, Path(certificate).stem, [KEY_ENDING])
        if (folder / key).is_symlink():
            raise ScaffoldError(
                f"`{key}` is not here: it leads elsewhere", hint="encrypt it where it is"
            )
        if is_encrypted(plain_or_empty(folder / key)):
            encrypted[key] = certificate
        else:
            found[key] = authority.load_ca(folder, certificate, key)
    if found or is_given():
        for key, certificate in encrypted.items():
            check_opens(plain_or_empty(folder / key), key, password.old)
            authority.load_ca(folder, certificate, key, password.old)
    return found


def check_opens(pem: bytes, path: str, password: Callable[[], Password] = given_password) -> None:
    """Raise ScaffoldError where what `password` returns is not that of a CA's encrypted key."""
    with suppress(ValueError):  # of anything else whoever reads it tells
        try:
            usable_ca_key(pem, password)
        except WrongPasswordError as error:
            raise ScaffoldError(f"`{path}` {error}: nothing was changed", hint=CHANGE) from None


def encrypt_ca_key(folder: Path, path: str, ca: issuer.CA, secret: bytes) -> None:
    """Encrypt the key of a CA, which is at a path, with a password; the folder's lock is held.

    It is written aside, read back from there with the password and compared with the one that is
    there, and only then takes its place. Raises ScaffoldError for a key that can't be encrypted.
    """
    pem = encrypted_pem(ca.key, secret)
    with telling(folder / CERTS), work_folder(folder / CERTS) as work:
        aside = work / Path(path).name
        create(aside, pem, SECRET)
        password = Password(secret, "the password that it was encrypted with")
        found = read_private_key(plain(aside, path), path, lambda: password)
        if pem_of_key(found) != pem_of_key(ca.key):
            raise ScaffoldError(f"`{path}` was encrypted as another key: nothing was replaced")
        aside.replace(folder / path)
        flush_path(folder / CERTS)


def warnings_of_copies(folder: Path) -> Iterator[str]:
    """Yield of each key of a CA in the archive that is in the clear what to do with it."""
    for path in sorted((folder / ARCHIVE).glob(KEYS_OF_CAS)):
        if is_in_the_clear(plain_or_empty(path)):
            place = path.relative_to(folder).as_posix()
            yield f"`{place}` is a CA's key in the clear: delete it where nobody needs it"

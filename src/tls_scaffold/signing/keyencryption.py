"""The CA's key in the clear gives way to the same key encrypted; it is never lost on the way."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.disk.files import SECRET, create, flush_path, telling
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, CA, CA_KEY, CERTS, KEY_ENDING
from tls_scaffold.signing import authority, issuer
from tls_scaffold.signing.capassword import Password
from tls_scaffold.signing.keys import (
    encrypted_pem,
    is_encrypted,
    key_block,
    pem_of_key,
    read_private_key,
)

KEYS_OF_CAS = f"*/{CERTS}/*ca{KEY_ENDING}"


def clear_ca_key(folder: Path) -> issuer.CA | None:
    """Return the CA of `certs/` whose key is in the clear; None where it is encrypted already.

    Raises ScaffoldError where a half is missing, or the key can't be replaced.
    """
    check_replaceable(folder / CERTS, "ca", [KEY_ENDING])
    if (folder / CA_KEY).is_symlink():
        raise ScaffoldError(
            f"`{CA_KEY}` is not here: it leads elsewhere", hint="encrypt it where it is"
        )
    if is_encrypted(plain_or_empty(folder / CA_KEY)):
        return None
    return authority.load_ca(folder, CA, CA_KEY)


def encrypt_ca_key(folder: Path, ca: issuer.CA, secret: bytes) -> None:
    """Encrypt the key of `certs/` with a password; the folder's lock is held.

    It is written aside, read back from there with the password and compared with the one that is
    there, and only then takes its place. Raises ScaffoldError for a key that can't be encrypted.
    """
    pem = encrypted_pem(ca.key, secret)
    with telling(folder / CERTS), work_folder(folder / CERTS) as work:
        aside = work / Path(CA_KEY).name
        create(aside, pem, SECRET)
        password = Password(secret, "the password that it was encrypted with")
        found = read_private_key(plain(aside, CA_KEY), CA_KEY, lambda: password)
        if pem_of_key(found) != pem_of_key(ca.key):
            raise ScaffoldError(f"`{CA_KEY}` was encrypted as another key: nothing was replaced")
        aside.replace(folder / CA_KEY)
        flush_path(folder / CERTS)


def clear_copies(folder: Path) -> Iterator[str]:
    """Yield the paths of keys of CAs in the archive that are in the clear."""
    for path in sorted((folder / ARCHIVE).glob(KEYS_OF_CAS)):
        block = key_block(plain_or_empty(path))
        if block and not block.is_encrypted:
            yield path.relative_to(folder).as_posix()

"""What is a CA's, told by what is in the files: one made by hand may have any name, and copies."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.healing import BEHIND_LEAVES, CA_FILES, TRUSTED, put_cas
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA_OUTPUT, CERTIFICATE_ENDING, CERTS, ENDINGS, KEY_ENDING
from tls_scaffold.signing.pemfiles import seems_key


def is_of_ca(folder: Path, path: str, bases: Iterable[str] = ()) -> bool:
    """Tell whether a file is a CA's: its certificate, its key, what is named so, or a copy.

    The CA of `certs/` is known by its name, and those of `bases` (their files without `.pem`) too.
    """
    known = {CA_OUTPUT, *bases}
    own = _without_ending(path)
    if own in known:
        return True
    content = plain_or_empty(folder / path)
    if not content:
        return False
    halves = [
        plain_or_empty(folder / f"{base}{ending}")
        for base in known
        for ending in (CERTIFICATE_ENDING, KEY_ENDING)
    ]
    if content in halves:
        return True
    certificate = plain_or_empty(folder / f"{own}{CERTIFICATE_ENDING}")
    if _is_certificate_of_ca(content) or _is_certificate_of_ca(certificate):
        return True
    if not seems_key(content) or _fits(content, certificate, path):
        return False
    # It may be a CA's whose certificate is known, or lies beside it under another name.
    beside = map(plain_or_empty, sorted((folder / path).parent.glob("*.pem")))
    return any(
        _is_certificate_of_ca(pem) and _fits(content, pem, path) for pem in (*halves, *beside)
    )


def check_copy(folder: Path, base: str) -> None:
    """Raise ScaffoldError if the files `base`.pem and so on can't be copied as the CA of `certs/`.

    Where that has one, nothing is copied.
    """
    if _has_ca(folder):
        return
    from tls_scaffold.signing import authority

    for path in (f"{base}{ending}" for ending in ENDINGS):
        with telling(folder / path, "read"), suppress(FileNotFoundError):
            plain(folder / path, path, follow=False)
    certificate = f"{base}{CERTIFICATE_ENDING}"
    if not authority.find_ca(folder, certificate, f"{base}{KEY_ENDING}"):
        raise ScaffoldError(f"`{certificate}` is missing")


def copy_ca(folder: Path, base: str) -> None:
    """Copy the CA of a folder made by hand, `base`.pem and so on, to `certs/` if that has none.

    The copy is whole at once, as a new CA would be, and the files stay where they are.
    """
    if _has_ca(folder):
        return
    sources = {name: base + name.removeprefix("ca") for name in CA_FILES if name != BEHIND_LEAVES}
    sources[TRUSTED] = f"{base}{CERTIFICATE_ENDING}"
    with telling(folder / CERTS, "written"):
        put_cas(
            folder,
            {
                name: plain(inside(folder, path), path, follow=False)
                for name, path in sources.items()
                if os.path.lexists(folder / path)
            },
        )


def _has_ca(folder: Path) -> bool:
    """Tell whether a file of a CA has its place in `certs/`, or a link that leads nowhere."""
    return any(os.path.lexists(folder / CERTS / name) for name in CA_FILES)


def _without_ending(path: str) -> str:
    for ending in sorted(ENDINGS, key=len, reverse=True):  # `-key.pem` ends in `.pem` too
        if path.endswith(ending):
            return path.removesuffix(ending)
    return path


def _is_certificate_of_ca(pem: bytes) -> bool:
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        return False
    from tls_scaffold.signing import certificates

    return certificates.is_of_ca(pem)


def _fits(key: bytes, certificate: bytes, path: str) -> bool:
    """Tell whether a key is that of a certificate; it is none of what can't be read."""
    from tls_scaffold.signing import certificates, matching, pemfiles

    try:
        found = certificates.read(pemfiles.tidied(certificate), path)
        return matching.key_fits(found, pemfiles.tidied(key))
    except ScaffoldError:
        return False

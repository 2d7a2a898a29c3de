"""What is a CA's, told by what is in the files: folders made by hand have one of any name, and copies of it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.healing import CA_FILES
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.reach import ENDINGS
from tls_scaffold.paths import CA, CERTS

BASE = CA.removesuffix(".pem")


def is_of_ca(folder: Path, path: str, bases: Iterable[str] = ()) -> bool:
    """Tell whether a file is a CA's: its certificate, what lies beside that by name, its key, or a copy of either.

    The CA of `certs/` is known by its name, and those of `bases` (their files without `.pem`) are too.
    """
    known = {BASE, *bases}
    own = next(
        (
            path.removesuffix(each)
            for each in sorted(ENDINGS, key=len, reverse=True)
            if path.endswith(each)
        ),
        path,
    )
    if own in known:
        return True
    content = _content(folder / path)
    if not content:
        return False
    halves = [
        _content(folder / f"{base}{ending}") for base in known for ending in (".pem", "-key.pem")
    ]
    if content in halves:
        return True
    certificate = _content(folder / f"{own}.pem")
    if _is_certificate(content) or _is_certificate(certificate):
        return True
    return b" PRIVATE KEY-----" in content and _is_key(folder, path, content, certificate, halves)


def copy_problem(folder: Path, base: str) -> str:
    """Say why the files `base`.pem and so on can't be copied as the CA of `certs/`; empty if they can, or need not."""
    if any(os.path.lexists(folder / CERTS / name) for name in CA_FILES):
        return ""
    from tls_scaffold.signing import authority

    try:
        for path in (f"{base}{ending}" for ending in ENDINGS):
            with telling(folder / path, "read"), suppress(FileNotFoundError):
                plain(folder / path, path, follow=False)
        found = authority.find_ca(folder, f"{base}.pem", f"{base}-key.pem")
    except ScaffoldError as error:
        return error.summary
    return "" if found else f"`{base}.pem` is missing"


def _is_certificate(pem: bytes) -> bool:
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        return False
    from tls_scaffold.signing import certificates

    return certificates.is_of_ca(pem)


def _is_key(
    folder: Path, path: str, key: bytes, certificate: bytes, halves: Iterable[bytes]
) -> bool:
    """Tell whether a key is that of a CA whose certificate is known, or lies in the same folder under another name."""
    from tls_scaffold.signing import certificates, matching

    def fits(pem: bytes) -> bool:
        return matching.key_seems_to_fit(certificates.read(pem, path), key)

    with suppress(ScaffoldError):
        if fits(certificate):
            return False
    beside = map(_content, sorted((folder / path).parent.glob("*.pem")))
    return any(_is_certificate(pem) and fits(pem) for pem in (*halves, *beside))


def _content(path: Path) -> bytes:
    """Return the bytes of a plain file, none of anything else."""
    with suppress(OSError, ScaffoldError):
        return plain(path, str(path))
    return b""

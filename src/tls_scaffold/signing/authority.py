"""A folder's CA: found whole, or made where there is none; never replaced."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import ca_profile
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.folder import inside, read_text
from tls_scaffold.disk.healing import TRUSTED, put_ca
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import makefile
from tls_scaffold.paths import CA, CA_KEY, CA_REQUEST, CERTS
from tls_scaffold.signing import fitting, issuer, pairs, signer, silences
from tls_scaffold.signing.certificates import Certificate, read
from tls_scaffold.signing.keys import private_key

NAME = "ca"
ANOTHER = "`make regenerate` makes another CA"


def find(folder: Path, certificate: str, key: str) -> Certificate | None:
    """Return the certificate of the CA of these paths below `folder`, None if there is neither half of it.

    The key may be elsewhere, locked or unreadable as long as there is nothing to sign. Raises ScaffoldError if the
    certificate is missing beside its key, can't be read or is no CA's, or if the key is another's.
    """
    if not any((folder / half).is_file() for half in (certificate, key)):
        return None
    found = read(_half(folder, certificate, key), certificate)
    if not found.may_sign:
        raise ScaffoldError(
            f"`{certificate}` is not the certificate of a CA: nobody would take what it signs",
            hint="put the CA's certificate and key back",
        )
    if _is_of_another(found, folder / key):
        raise issuer.unfitting(certificate, key)
    return found


def _is_of_another(certificate: Certificate, key: Path) -> bool:
    """Tell whether a key can be read, and is not a certificate's; a locked one, in whatever form, tells nothing."""
    try:
        pem = plain(key, str(key))
        if b"ENCRYPTED" in pem or fitting.key_seems_to_fit(certificate, pem):
            return False
        private_key(pem, str(key))
    except (OSError, ScaffoldError):
        return False
    return True


def load(folder: Path, certificate: str, key: str) -> issuer.CA:
    """Return the CA of these paths; ScaffoldError if one half is missing or does not fit the other."""
    return issuer.load_ca(
        _half(folder, certificate, key), _half(folder, key, certificate), certificate, key
    )


def _half(folder: Path, path: str, other: str) -> bytes:
    with telling(folder / path):
        if (folder / path).is_file():
            return (folder / path).read_bytes()
    lost = f" (is it lost? {ANOTHER})" if path in (CA, CA_KEY) else ""
    raise ScaffoldError(
        f"`{path}` is missing (but `{other}` exists)",
        hint=f"put it back: it is never made anew beside the other half{lost}",
    )


@dataclass(frozen=True)
class NewCA:
    """A CA that is in no file yet: the path of its request, what is to be written, and who can sign."""

    request: str
    signed: signer.Signed
    ca: issuer.CA


def make(folder: Path, certificate: str, key: str, now: datetime, outputs: Iterable[str]) -> NewCA:
    """Make a CA in memory, from the request that the folder has for it.

    `outputs` (without `.pem`) is what it is to sign: where some of that is there, a CA is lost. Raises
    ScaffoldError then, with everything that is wrong with the request, and if something, a link that leads nowhere
    included, has the name of one of its files.
    """
    check_no_orphans(folder, certificate, outputs)
    _check_place(folder, certificate, key)
    path = _request(folder, certificate)
    text = read_text(folder, path)
    if text is None:
        raise ScaffoldError(f"`{path}` is missing: the CA's own request")
    request = readers.request(text, path)
    profile = ca_profile(request)
    problems = (
        *silences.refusals(request, profile, now, leaf=False),
        *silences.silences(request, leaf=False),
    )
    if problems:
        raise ScaffoldError("the CA can't be made", [f"{path}: {problem}" for problem in problems])
    signed = signer.new_ca(request, now)
    return NewCA(
        path, signed, issuer.load_ca(signed.certificate, signed.key, certificate, "the new key")
    )


def put(folder: Path, certificate: str, signed: signer.Signed) -> None:
    """Put a new CA of `make` in place; for `certs/` by one rename, so that no half of it is ever seen.

    With it comes what others are to trust, `trust.pem`, which is the same until one CA follows another.
    """
    if certificate == CA:
        files = {f"{NAME}{ending}": content for ending, content in signed.contents.items()}
        with telling(folder / CERTS):
            put_ca(folder, {**files, TRUSTED: signed.certificate})
        return
    target = inside(folder, certificate)
    pairs.put(target.parent, target.stem, signed.contents)


def check_no_orphans(folder: Path, certificate: str, outputs: Iterable[str]) -> None:
    """Raise ScaffoldError if something of `outputs` (without `.pem`), which a missing CA signs, is there."""
    if certificate == CA and any((folder / CERTS).glob("*.pem")):
        raise ScaffoldError(
            f"`{CERTS}/` holds certificates, but not the CA that signed them",
            hint=f"put ca.pem and ca-key.pem back; {ANOTHER}",
        )
    elsewhere = (
        output for output in outputs if certificate != CA or output.rpartition("/")[0] != CERTS
    )
    for output in elsewhere:
        with telling(folder), suppress(FileNotFoundError, NotADirectoryError):
            (folder / f"{output}.pem").stat()
            raise ScaffoldError(
                f"`{output}.pem` is there, but not the CA that signed it",
                hint="put the CA's certificate and key back"
                + (f"; {ANOTHER}" if certificate == CA else ""),
            )


def _check_place(folder: Path, certificate: str, key: str) -> None:
    base = certificate.removesuffix(pairs.CERTIFICATE)
    if certificate == base or key != f"{base}{pairs.KEY}":
        raise ScaffoldError(
            f"`{certificate}` and `{key}` are both missing, and no CA is made under these names",
            hint="put them back; a new CA is `NAME.pem` with its key in `NAME-key.pem`",
        )
    taken = [
        f"`{base}{ending}` is there"
        for ending in pairs.MODES
        if os.path.lexists(folder / f"{base}{ending}")
    ]
    if taken:
        raise ScaffoldError(
            f"`{certificate}` is missing, and a new CA would overwrite what is there",
            taken,
            hint="put the CA back" + (f"; {ANOTHER}" if certificate == CA else ""),
        )


def _request(folder: Path, certificate: str) -> str:
    """Return the path of the CA's request: ours, or the one that the folder's own Makefile names."""
    if certificate == CA and (folder / CA_REQUEST).exists():
        return CA_REQUEST
    with ca_kept(folder):
        survey = makefile.survey_targets(folder)
    for signing in survey.signings:
        if signing.makes_ca and f"{signing.output}.pem" == certificate:
            return signing.request
    return CA_REQUEST

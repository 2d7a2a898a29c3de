"""A folder's CA: found whole, or made where there is none; never replaced."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import ca_profile
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.healing import put_cas
from tls_scaffold.disk.obstacles import check_replaceable, inside
from tls_scaffold.disk.plainfiles import plain, plain_or_empty, read_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA,
    CA_KEYS,
    CA_REQUESTS,
    CERTIFICATE_ENDING,
    CERTS,
    CHAINS,
    CSR_ENDING,
    ENDINGS,
    KEY_ENDING,
    OLD_CA_KEYS,
    OLD_CAS,
    PEER_CA,
    PEER_TRUST,
    TRUST,
    TRUSTS,
)
from tls_scaffold.signing import certificates, chains, custodies, issuer, matching, mistakes, pairs
from tls_scaffold.signing.capassword import Password, given_password
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import NewCA
from tls_scaffold.signing.keys import is_encrypted
from tls_scaffold.signing.linemistakes import line_problems
from tls_scaffold.signing.matching import KeyFault
from tls_scaffold.signing.signer import Signed


def find_ca(folder: Path, certificate: str, key: str) -> Certificate | None:
    """Return the CA of these paths below `folder`, None if there is neither half of it.

    The key may be elsewhere, locked or unreadable as long as there is nothing to sign. Raises
    ScaffoldError if the certificate is missing beside its key, can't be read or is no CA's, or if
    the key is another's.
    """
    if not any((folder / half).is_file() for half in (certificate, key)):
        return None
    ca = certificates.read(_read_half(folder, certificate, key), certificate)
    if not ca.may_sign:
        raise ScaffoldError(
            f"`{certificate}` is not the certificate of a CA: nobody would take what it signs",
            hint="put the CA's certificate and key back",
        )
    if _is_key_of_another(ca, folder / key):
        raise issuer.mismatch_error(certificate, key)
    return ca


def _is_key_of_another(certificate: Certificate, key: Path) -> bool:
    """Tell whether a key can be read and is not a certificate's; a locked one tells nothing."""
    pem = plain_or_empty(key)
    trouble = matching.find_key_trouble(certificate, pem, of_ca=True)
    return trouble is not None and trouble.fault is KeyFault.ANOTHER and not is_encrypted(pem)


def load_ca(
    folder: Path,
    certificate: str,
    key: str,
    password: Callable[[], Password] = given_password,
) -> issuer.CA:
    """Return the CA of these paths; ScaffoldError if a half is missing, or fits not the other.

    `password` opens a key that is encrypted. One of `certs/` has the chain that stands behind what
    it signs, if it has one.
    """
    halves = _read_half(folder, certificate, key), _read_half(folder, key, certificate)
    ca = issuer.load_ca(*halves, certificate, key, password)
    return replace(ca, chain=chains.read_chain(folder, certificate))


def _read_half(folder: Path, path: str, other: str) -> bytes:
    with telling(folder / path):
        if (folder / path).is_file():
            return plain(folder / path, path)
    lost = custodies.lost_hint(folder, path)
    raise ScaffoldError(
        f"`{path}` is missing (but `{other}` exists)",
        hint=f"put it back: it is never made anew beside the other half{lost}",
    )


def plan_new_ca(
    folder: Path,
    certificate: str,
    key: str,
    now: datetime,
    every: Sequence[Signing],
    renamed: Mapping[str, str],
) -> NewCA:
    """Return the CA that is to be made by the request that the Makefile has for it.

    `every` is what the Makefile signs: where some of what this CA is to sign is there, it is lost.
    `renamed` are files, by path, as they are when the CA is there.
    Raises ScaffoldError then, with everything that is wrong with the request, and if something, a
    link that leads nowhere included, has the name of one of its files.
    """
    if certificate == CA:
        custodies.check_makes_ca(folder)
    check_no_orphans(folder, certificate, every)
    _check_names_are_free(folder, certificate, key)
    maker = _maker(certificate, every)
    path = maker.request
    text = renamed[path] if path in renamed else read_text(folder, path)
    if text is None:
        raise ScaffoldError(f"`{path}` is missing: the CA's own request")
    request = readers.request(text, path).overridden(maker.cn, None)
    profile = ca_profile(request)
    problems = (
        *line_problems(maker),
        *mistakes.own_refusals(request, profile, now, leaf=False),
        *mistakes.silent_in_request(request, leaf=False),
    )
    if problems:
        raise ScaffoldError("the CA can't be made", [f"{path}: {problem}" for problem in problems])
    return NewCA(path, request, *profile.validity(now))


def put_new_cas(folder: Path, made: Mapping[str, Signed], renamed: Mapping[str, str]) -> None:
    """Put new CAs, by their paths, in place; ours by one rename, so that no half is ever seen.

    With them come the files of `renamed`, by path, in which they have their names.

    With each comes what others are to trust, such as `trust.pem`, which is the same until one CA
    follows another. Raises ScaffoldError where the key of the CA that is there is elsewhere.
    """
    files: dict[str, bytes] = {}
    for certificate, signed in made.items():
        target = inside(folder, certificate)
        if certificate not in TRUSTS:
            pairs.put_pair(target.parent, target.stem, signed.contents)
            continue
        for ending, content in signed.contents.items():
            files[f"{target.stem}{ending}"] = content
        files[PurePosixPath(TRUSTS[certificate]).name] = signed.certificate
    if PEER_CA in made and CA not in made:
        files[PurePosixPath(PEER_TRUST).name] += trusted_besides(folder)
    if files:
        with telling(folder / CERTS):
            put_cas(folder, files, renamed)


def trusted_besides(folder: Path) -> bytes:
    """Return what peers have to trust beside a CA of their own that comes later.

    Members may run already, and show certificates of the other CA until all trust the new one.
    """
    with telling(folder / CERTS):
        found = {path.name for path in (folder / CERTS).glob("*.pem")}
        halves = (*CA_KEYS, *CA_KEYS.values(), *OLD_CAS.values(), *OLD_CA_KEYS.values())
        names = {PurePosixPath(path).name for path in (*halves, TRUST, *CHAINS.values())}
        return plain(folder / TRUST, TRUST) if found - names else b""


def _maker(certificate: str, every: Sequence[Signing]) -> Signing:
    """Return what makes a CA: a line of the Makefile, or our own request for the CA of `certs/`."""
    made = {each.certificate_path: each for each in every if each.makes_ca}
    if certificate in made:
        return made[certificate]
    if certificate in CA_REQUESTS:
        output = certificate.removesuffix(CERTIFICATE_ENDING)
        name, request = PurePosixPath(output).name, CA_REQUESTS[certificate]
        return Signing(name, name, request, output, ca="", ca_key="", makes_ca=True)
    raise ScaffoldError(
        f"`{certificate}` is missing, and no line of the Makefile makes this CA",
        hint=f"put `{certificate}` and its key there: no other CA signs in its place",
    )


def check_no_orphans(folder: Path, certificate: str, every: Sequence[Signing]) -> None:
    """Raise ScaffoldError if something is there that this CA is to have signed, but not the CA."""
    is_own = certificate == CA
    outputs = [each.output for each in every if each.ca == certificate]
    if certificate == PEER_CA:  # members may have had such certificates of the other CA
        outputs = [each for each in outputs if not _is_signed_by_ours(folder, each)]
    others = {each.certificate_path for each in every if each.ca != certificate}
    others |= {each.key_path for each in every if each.ca != certificate}
    there = {path.relative_to(folder).as_posix() for path in (folder / CERTS).glob("*.pem")}
    if is_own and there - others:
        raise ScaffoldError(
            f"`{CERTS}/` holds certificates, but not the CA that signed them",
            hint=f"put ca.pem and ca-key.pem back; {custodies.ANOTHER}",
        )
    for path in (f"{output}.pem" for output in outputs):
        # Not `exists`: where it can't be looked, nobody knows that nothing is there.
        with telling(folder), suppress(FileNotFoundError, NotADirectoryError):
            (folder / path).stat()
            raise ScaffoldError(
                f"`{path}` is there, but not the CA that signed it",
                hint="put the CA's certificate and key back"
                + (f"; {custodies.ANOTHER}" if is_own else ""),
            )


def _is_signed_by_ours(folder: Path, output: str) -> bool:
    """Tell whether the CA of `certs/` signed a certificate that is there."""
    leaf = certificates.read_at(folder / f"{output}{CERTIFICATE_ENDING}")
    ca = certificates.read_at(folder / CA)
    return bool(leaf and ca and matching.signed_by(leaf, ca))


def _check_names_are_free(folder: Path, certificate: str, key: str) -> None:
    base = certificate.removesuffix(CERTIFICATE_ENDING)
    if certificate == base or key != f"{base}{KEY_ENDING}":
        raise ScaffoldError(
            f"`{certificate}` and `{key}` are both missing, and no CA is made under these names",
            hint="put them back; a new CA is `NAME.pem` with its key in `NAME-key.pem`",
        )
    if os.path.lexists(csr := folder / f"{base}{CSR_ENDING}"):
        check_replaceable(csr.parent, csr.stem, [CSR_ENDING])
    taken = [  # a CSR gives way: nothing is lost with it
        f"`{base}{ending}` is there"
        for ending in ENDINGS
        if ending != CSR_ENDING and os.path.lexists(folder / f"{base}{ending}")
    ]
    if taken:
        raise ScaffoldError(
            f"`{certificate}` is missing, and a new CA would overwrite what is there",
            taken,
            hint="put the CA back" + (f"; {custodies.ANOTHER}" if certificate in CA_KEYS else ""),
        )

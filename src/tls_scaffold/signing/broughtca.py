"""A CA that was brought in files: who of it signs, what stands behind leaves, what others trust."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.paths import CA, CA_KEY, CHAIN, TRUST
from tls_scaffold.signing import caconstraints, certificates, matching
from tls_scaffold.signing.capassword import is_given
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import is_encrypted, key_block, read_private_key
from tls_scaffold.signing.pemfiles import labels
from tls_scaffold.spelling import MINUTE

LEAST_RSA_BITS = 2048  # OpenSSL's usual level of security takes no less
Line = tuple[Certificate, ...]
"""Certificates from the one that signs up to the root."""


@dataclass(frozen=True)
class BroughtCA:
    """A CA, in PEM: the certificate that signs, the chain behind leaves, what others trust.

    `chain` is empty where it is below no other CA, `key` where that was not brought, and all but
    `key` where that alone was.
    """

    certificate: bytes
    chain: bytes
    trust: bytes
    key: bytes = b""

    def files(self) -> dict[str, bytes]:
        """Return what each file of `certs/` is to hold, by its name there."""
        found = {
            PurePosixPath(TRUST).name: self.trust,
            PurePosixPath(CHAIN).name: self.chain,
            PurePosixPath(CA_KEY).name: self.key,
            PurePosixPath(CA).name: self.certificate,
        }
        return {name: content for name, content in found.items() if content}

    def refused_hosts(self, hosts: Collection[str]) -> Iterator[str]:
        """Yield why name constraints of one of its certificates keep hosts from being signed."""
        everybody = certificates.read_all(self.certificate + self.chain + self.trust, "")
        for each in dict.fromkeys(everybody):
            for host in caconstraints.excluded_hosts(each, hosts):
                yield f"{_name(each)}: its name constraints do not allow `{host}`"

    @property
    def sha256(self) -> str:
        """The sum of the DER of its certificate, in hexadecimal digits: its pin."""
        return certificates.read(self.certificate, "").sum


def take_apart(pem: bytes, key: bytes, now: datetime, place: str, key_place: str = "") -> BroughtCA:
    """Return the CA in a file that holds its certificate, those of CAs above it, and their root.

    They may stand in any order; `key` is the private key in PEM, or empty. The places are the
    paths, for messages. Raises ScaffoldError with every reason why it can be no CA of etcd's.
    """
    if any(label.endswith(b"PRIVATE KEY") for label in labels(pem)):
        raise ScaffoldError(
            f"`{place}` holds a private key: what is in it is for everybody",
            hint="bring the key in a file of its own: `--ca-key FILE`",
        )
    found = tuple({each.der: each for each in certificates.read_all(pem, place)}.values())
    leaves = [f"{_name(each)} is not a CA's certificate" for each in found if not each.may_sign]
    if leaves:
        raise unfit(place, leaves)
    fitting = _with_this_key(found, key, place, key_place)
    path = _path_up(_signer(fitting or found, found, place), found, place)
    problems = [
        *_strangers(path, found),
        *(problem for height, each in enumerate(path) for problem in _refusals(each, height, now)),
    ]
    if problems:
        raise unfit(place, problems)
    return BroughtCA(
        certificate=path[0].pem,
        chain=b"".join(each.pem for each in path[:-1]),
        trust=path[-1].pem,
        key=_key_alone(key),
    )


def key_of(pem: bytes, key: bytes, place: str, key_place: str) -> BroughtCA:
    """Return the key of a CA that is there already, whose certificate in PEM is `pem`.

    Raises ScaffoldError where it is the key of another.
    """
    _with_this_key((certificates.read(pem, place),), key, place, key_place)
    return BroughtCA(certificate=b"", chain=b"", trust=b"", key=_key_alone(key))


def _key_alone(key: bytes) -> bytes:
    """Return a key without the parameters of its curve before it, which cfssl 1.2.0 can't read."""
    block = key_block(key)
    return key[block.begin : block.end] if block else b""


def _with_this_key(found: Line, key: bytes, place: str, key_place: str) -> Sequence[Certificate]:
    """Return the certificates of a private key: none where it is locked, so that none is known.

    Raises ScaffoldError where it is the key of others.
    """
    if not key or (is_encrypted(key) and not is_given()):
        return ()
    public = read_private_key(key, key_place).public_key()
    fitting = [each for each in found if each.public_key == public]
    if not fitting:
        raise ScaffoldError(
            f"`{key_place}` is the key of no certificate in `{place}`",
            hint="bring the two that belong together",
        )
    return fitting


def _signer(candidates: Sequence[Certificate], found: Line, place: str) -> Certificate:
    """Return the certificate that signs: the one that signed none of the others."""
    lowest = [
        each
        for each in candidates
        if not any(each != other and matching.signed_by(other, each) for other in found)
    ]
    # One CA may have several certificates, by CAs above it that follow each other.
    signers = lowest or list(candidates)
    if any(each.public_key != signers[0].public_key for each in signers):
        raise ScaffoldError(
            f"`{place}` holds several CAs of which each could be the one that signs",
            [_name(each) for each in signers],
            "leave the others out, or say which by `--ca-key FILE`",
        )
    return max(signers, key=lambda each: each.not_after)


def _path_up(signer: Certificate, found: Line, place: str) -> Line:
    """Return the certificates from the one that signs up to a root that signed itself.

    Raises ScaffoldError where none of them ends there: a certificate below another is no root to
    OpenSSL, nor to Python.
    """
    ends: list[Line] = []
    paths: list[Line] = [(signer,)]
    while paths:
        path = paths.pop(0)
        last = path[-1]
        if matching.signs_itself(last):
            return path
        above = [each for each in found if each not in path and matching.signed_by(last, each)]
        ends += [] if above else [path]
        paths += [(*path, each) for each in above]
    top = ends[0][-1]
    issuer = certificates.text_of_name(top.issuer)
    raise ScaffoldError(
        f"the root above `{place}` is missing, which everybody has to trust",
        [f"{_name(top)} was signed by `{issuer}`, and that is not in `{place}`"],
        "put that certificate, and those above it up to the root, into the same file",
    )


def _strangers(path: Line, found: Line) -> Iterator[str]:
    keys = [each.public_key for each in path]
    for each in found:
        if each not in path and each.public_key not in keys:
            yield f"{_name(each)} is not above {_name(path[0])}: leave it out"


def _refusals(ca: Certificate, height: int, now: datetime) -> Iterator[str]:
    """Yield why etcd, its clients or OpenSSL take nothing below a CA, which signs at this height.

    At 0 it signs leaves, at 1 the CA that does.
    """
    name, is_root = _name(ca), matching.signs_itself(ca)
    for refusal in caconstraints.refusals(ca):
        yield f"{name}: {refusal.words}"
    if ca.has_ended(now):
        yield f"{name} ended {ca.not_after:{MINUTE}}"
    elif ca.not_before > now:
        yield f"{name} begins {ca.not_before:{MINUTE}}"
    if ca.path_length is not None and ca.path_length < height:
        yield f"{name} lets {ca.path_length} CAs follow below it, and there are {height}"
    if ca.unverified_by_go and not is_root:  # nobody looks at the signature of what is trusted
        yield f"{name} is signed with {ca.unverified_by_go}, which Go refuses"
    if ca.key.algo == "rsa" and ca.key.size < LEAST_RSA_BITS:
        yield f"{name} has a key of {ca.key.size} bits of RSA: OpenSSL takes {LEAST_RSA_BITS}"
    if ca.unknown_to_go:
        yield f"{name}: it {ca.unknown_to_go}"


def _name(certificate: Certificate) -> str:
    return f"`{certificate.subject_text or 'a certificate without a subject'}`"


def unfit(place: str, reasons: Sequence[str]) -> ScaffoldError:
    """Return the error for a file that holds what can be no CA of etcd's."""
    return ScaffoldError(
        f"what is in `{place}` can't be the CA of an etcd cluster: nothing was written",
        [Problem(Place(place), reason) for reason in reasons],
        "ask its owner for one that may sign servers and clients (keyCertSign, and no extended"
        " key usage, or both of `server auth` and `client auth`)",
    )

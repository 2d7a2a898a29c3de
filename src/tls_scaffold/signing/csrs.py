"""CSRs of others, read as Go and cfssl read them, and what cfssl does not sign of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import IN_ORDER, SINGLE, SUBJECT, WORDS, Request, Subject
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.signing.certificates import (
    UNREADABLE,
    Certificate,
    ExtensionT,
    names_in,
    sum_of_public_key,
)
from tls_scaffold.signing.contentkinds import CSR as LABEL
from tls_scaffold.signing.contentkinds import kind_of_label, why_not
from tls_scaffold.signing.extensions import Names
from tls_scaffold.signing.keys import GO_CURVES
from tls_scaffold.signing.pemfiles import blocks


@dataclass(frozen=True)
class CSR:
    """A CSR: the text that holds it, and what stands in it."""

    pem: bytes
    der: bytes = field(repr=False)

    @cached_property
    def parsed(self) -> x509.CertificateSigningRequest:
        """The CSR as `cryptography` sees it."""
        return x509.load_der_x509_csr(self.der)

    @cached_property
    def public_key(self) -> CertificatePublicKeyTypes:
        """Its key."""
        return self.parsed.public_key()

    @cached_property
    def subject(self) -> Subject:
        """Whom it is for, in the order in which Go writes it again."""
        common: dict[str, list[str]] = {}
        others: list[tuple[str, tuple[str, ...]]] = []
        for attribute in self.parsed.subject:
            oid, text = attribute.oid.dotted_string, str(attribute.value)
            if oid not in IN_ORDER:
                others.append((oid, (text,)))
            elif oid in SINGLE:
                common[oid] = [text]
            else:
                common.setdefault(oid, []).append(text)
        return (*((oid, tuple(common[oid])) for oid in IN_ORDER if oid in common), *others)

    @property
    def cn(self) -> str:
        """The common name; empty if there is none."""
        return "".join(dict(self.subject).get(SUBJECT["CN"], ()))

    @property
    def subject_texts(self) -> list[str]:
        """The parts of its subject, as in `CN=alice`."""
        return [f"{WORDS.get(oid, oid)}={text}" for oid, texts in self.subject for text in texts]

    def subject_with(self, given: Request) -> Subject:
        """Return the subject with what a request says in place of its own.

        As in cfssl that leaves out attributes for which it has no word.
        """
        named = {**dict(self.subject), **dict(given.plain_subject)}
        return tuple((oid, named[oid]) for oid in SUBJECT.values() if oid in named)

    @cached_property
    def names(self) -> Names:
        """Its alternative names."""
        return names_in(self._extension(x509.SubjectAlternativeName) or ())

    @cached_property
    def constraint(self) -> x509.BasicConstraints | None:
        """Whether it asks for a CA."""
        return self._extension(x509.BasicConstraints)

    @property
    def sum(self) -> str:
        """The SHA-256 of its DER, whatever text holds it."""
        return sha256(self.der).hexdigest()

    @property
    def key_sum(self) -> str:
        """The SHA-256 of its public key."""
        return sum_of_public_key(self.public_key)

    @property
    def other_extensions(self) -> tuple[str, ...]:
        """The OIDs of what it asks for beside alternative names, and not to be a CA."""
        return tuple(
            each.oid.dotted_string
            for each in self.parsed.extensions
            if not isinstance(each.value, x509.SubjectAlternativeName | x509.BasicConstraints)
        )

    def _extension(self, kind: type[ExtensionT]) -> ExtensionT | None:
        try:
            return self.parsed.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None


def read(pem: bytes, place: str) -> CSR:
    """Read a CSR in PEM; `place` is its path, for messages. Raises ScaffoldError if it is none."""
    block = next(iter(blocks(pem)), None)
    if not block or kind_of_label(block.label) != kind_of_label(LABEL):
        raise _not_a_csr(place, f"it {why_not(pem, LABEL)}")
    csr = CSR(pem, block.der)
    try:
        # `cryptography` parses each part when it is first asked for.
        _ = csr.subject, csr.names, csr.constraint
        is_its_own = csr.parsed.is_signature_valid
        key = csr.public_key
    except UNREADABLE as error:
        raise _not_a_csr(place, str(error)) from None
    if not is_its_own:
        raise _not_a_csr(place, "its signature is not by its own key")
    if not _is_known(key):
        raise _not_a_csr(place, "its key is of a kind that cfssl signs no certificate for")
    return csr


def _is_known(key: CertificatePublicKeyTypes) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name in GO_CURVES
    return isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey)


def _not_a_csr(place: str, reason: str) -> ScaffoldError:
    return ScaffoldError(f"`{place}` is not a CSR", [Problem(Place(place), reason)])


def refusals(csr: CSR, profile: Profile, ca: Certificate) -> Iterator[str]:
    """Say why cfssl does not sign a CSR with a profile and a CA."""
    asked = csr.constraint
    if asked and asked.ca:
        yield from ca_refusals(asked.path_length, profile, ca.path_length)


def ca_refusals(length: int | None, profile: Profile, above: int | None) -> Iterator[str]:
    """Say why cfssl does not sign what asks for a CA with this path length.

    `above` is that of the CA that signs; None is without a limit.
    """
    if not profile.constraint.is_ca:
        yield f"it asks for a CA, which profile `{profile.name or 'default'}` does not make"
    elif above == 0:
        yield "it asks for a CA, and the one that signs may have none below it (pathlen 0)"
    elif above and length and length >= above:
        lengths = f"pathlen {length}, and the one that signs has {above}"
        yield f"it asks for a CA with {lengths}: it has to be less"

"""Cross certificates: a CA's name and key signed by the CA that it follows.

Behind a leaf of the new CA it leads those to the old one who trust that alone.
"""

from collections.abc import Iterator
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from tls_scaffold.cfssl.profiles import BACKDATE, CA_USAGES, Constraint, Profile
from tls_scaffold.signing import caconstraints, extensions, matching, mistakes
from tls_scaffold.signing.building import certificate_builder
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.keys import signature_hash
from tls_scaffold.spelling import MINUTE


def cross_certificate(new: Certificate, old: CA, now: datetime) -> Certificate:
    """Return the cross certificate of a new CA; it ends with the first of the two.

    Its subject is the new one's byte by byte: what that signed names it so.
    """
    length = new.path_length
    constraint = Constraint(
        is_ca=True, max_path_length=length or 0, max_path_length_zero=length == 0
    )
    profile = Profile(usages=CA_USAGES, constraint=constraint)
    given = extensions.of_certificate(profile, new.public_key, (), issuer=old.certificate)
    begin = max(now - BACKDATE, old.certificate.not_before)
    life = begin, min(new.not_after, old.certificate.not_after)
    builder = certificate_builder(new.parsed.subject, old.name, new.public_key, life, given)
    return Certificate(builder.sign(old.key, signature_hash(old.key)).public_bytes(Encoding.DER))


def refusals(old: Certificate, now: datetime) -> Iterator[str]:
    """Yield why nobody takes a certificate that a CA signs for the one that follows it."""
    if not matching.signs_itself(old):
        yield "it is no root: another CA signed it"
    if old.has_ended(now):
        yield f"it ended {old.not_after:{MINUTE}}"
    elif mistakes.begins_later(old.not_before, now):
        yield f"it begins {old.not_before:{MINUTE}}"
    if old.path_length == 0:
        yield "it lets no CA follow below it (`pathlen:0`)"
    yield from (each.words for each in caconstraints.refusals(old))

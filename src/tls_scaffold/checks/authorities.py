"""Rules over the CAs: whether they are whole, alone and marked as such."""

from collections.abc import Iterator

from tls_scaffold.checks.rule import PUT_BACK, WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import Place, Problem
from tls_scaffold.paths import TRUST
from tls_scaffold.signing import pemfiles
from tls_scaffold.signing.trust import PUT_BACK as PUT_TRUST_BACK
from tls_scaffold.signing.trust import read_trust


@Rule(
    level=WARNING,
    pain="nothing can be signed or renewed until the key is back; it can't be made anew",
    fix="put the key back before the next signing; switch this rule off where it is kept elsewhere",
)
def half_ca(view: View) -> Iterator[Problem]:
    """Every CA's key lies beside its certificate."""
    for entry in view.authorities:
        if entry.certificate and entry.key is None:
            yield Problem(Place(entry.path), entry.keyless)


@Rule(
    pain=(
        "members and clients are told to trust a file that is not there, and make refuses to make "
        "another"
    ),
    fix=PUT_BACK,
)
def missing_ca(view: View) -> Iterator[Problem]:
    """Where a CA's key or certificates that it signed are, its certificate is."""
    signers = {entry.ca for entry in view.components if entry.certificate}
    for entry in view.authorities:
        is_there = (view.folder / entry.path).exists()
        is_needed = entry.key is not None or entry.path in signers
        if entry.absent and is_needed and not is_there:
            yield Problem(Place(entry.path), entry.absent.message)


@Rule(
    pain=(
        "nothing can be signed or renewed: cfssl refuses a file of a CA that holds more than one "
        "object"
    ),
    fix=(
        "leave the certificate that signs in it, and put others that are trusted into a file of "
        "their own"
    ),
)
def ca_not_alone(view: View) -> Iterator[Problem]:
    """Every CA stands alone in its file."""
    for entry in view.authorities:
        if entry.certificate and not pemfiles.stands_alone(content(view.folder, entry.path)):
            yield Problem(Place(entry.path), "it holds more than the CA's certificate")


@Rule(
    pain=(
        "without the mark nobody takes what the CA signed; with it a component can sign for anybody"
    ),
    fix="make the CA with `gencert -initca`; take `ca_constraint` out of the profiles",
)
def ca_flag(view: View) -> Iterator[Problem]:
    """Every CA, and nothing else, is marked as a CA."""
    for entry in view.authorities:
        if entry.certificate and not entry.certificate.is_ca:
            yield Problem(Place(entry.path), "it is not marked as a CA (basic constraints)")
    for entry in view.components:
        if entry.certificate and entry.certificate.is_ca:
            yield Problem(Place(entry.path), "it is marked as a CA (basic constraints)")


@Rule(
    pain="whoever is given it refuses everything that the CA signed, or trusts another CA",
    fix=PUT_TRUST_BACK,
)
def wrong_trust(view: View) -> Iterator[Problem]:
    """Everybody is given the CA that signs to trust."""
    trust = read_trust(view.folder)
    if trust.path == TRUST:
        yield from (Problem(Place(TRUST), problem) for problem in trust.problems)


RULES = (half_ca, missing_ca, ca_not_alone, ca_flag, wrong_trust)

"""Rules over the certificates: whether etcd and its clients will take them."""

from collections.abc import Iterator
from datetime import timedelta

from tls_scaffold.checks.rule import PUT_BACK, WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import RENEW_DAYS
from tls_scaffold.signing import matching
from tls_scaffold.state.entries import Entry
from tls_scaffold.state.lives import ends_with_ca

SOON = timedelta(days=RENEW_DAYS)
NEW_CA = (
    "after {}`tls-scaffold sync`, `make regenerate` makes a new CA and signs everything with it"
)


def _put_back_or(view: View, place: Place, fix: str) -> str:
    """Return what makes a certificate whole: nothing signs a CA again."""
    return PUT_BACK if view.is_authority(place.path) else fix


def signed_again(view: View, place: Place, fix: str) -> str:
    """Return what signs a certificate again.

    That is `fix` where it has a line of our form, or none is known.
    """
    if view.makefile and not view.has_our_rules and view.is_authority(place.path):
        return NEW_CA.format("" if view.inventory else "`tls-scaffold adopt` and ")
    entry = view.component_at(place.path)
    if not entry or not entry.signing or view.has_own_line(entry):
        return fix
    if view.has_our_rules and entry.signing.target in ("req", "all"):
        return (
            "`make` signs it again, as at every run; "
            "`make renew` passes over lines of the Makefile that call cfssl"
        )
    return f"`make {entry.signing.target}` signs it again"


@Rule(
    pain="make finds the file and says `Nothing to be done`, etcd does not start",
    fix="remove the file and run `make`, which signs it again",
    fix_at=_put_back_or,
)
def broken_certificate(view: View) -> Iterator[Problem]:
    """Every certificate that is there can be read."""
    for entry in view.contents.entries:
        if entry.kind and entry.absent and (view.folder / entry.path).exists():
            yield Problem(Place(entry.path), entry.absent.message)


@Rule(
    of_certificates=True,
    pain="nobody who trusts the CA takes it: `x509: certificate signed by unknown authority`",
    fix="sign it again (`make req-NAME`), or put the CA back that signed it",
)
def wrong_ca(view: View) -> Iterator[Problem]:
    """Every certificate is signed by its CA."""
    orphans = (entry for entry in view.orphans if entry.certificate and not entry.certificate.is_ca)
    for entry in (*view.components, *orphans):
        ca = view.contents.authorities.get(entry.ca)
        if ca and entry.certificate and not matching.signed_by(entry.certificate, ca):
            yield Problem(Place(entry.path), f"it is not signed by `{entry.ca}`")


@Rule(
    pain="etcd does not start: `tls: private key does not match public key`",
    fix="sign it again, which makes both; of a CA put the right half back",
)
def wrong_key(view: View) -> Iterator[Problem]:
    """Every certificate lies beside its own key."""
    for entry in view.contents.entries:
        if not entry.certificate or entry.key is None or entry.has_locked_key:
            continue
        if not matching.key_fits(entry.certificate, entry.key):
            yield Problem(Place(entry.key_path), f"it is not the key of `{entry.path}`")


@Rule(
    pain="etcd and its clients need both",
    fix="sign it again, which makes both",
)
def missing_key(view: View) -> Iterator[Problem]:
    """Every certificate has its key beside it."""
    for entry in view.components:
        if entry.certificate and entry.key is None:
            yield Problem(Place(entry.path), entry.keyless)


def _ends_with_told_ca(view: View, entry: Entry) -> bool:
    """Tell what lives as long as its CA, or longer, where that is told to end soon."""
    ca = view.contents.authorities.get(entry.ca)
    is_told = ca is not None and ca.not_after <= view.now + SOON
    return is_told and ends_with_ca(entry, view.contents.authorities)


@Rule(
    of_certificates=True,
    pain="every connection that uses it fails",
    fix=(
        "`make req-NAME` signs it again, `make renew` all that ends soon; of a CA `make regenerate`"
    ),
    fix_at=signed_again,
)
def expired(view: View) -> Iterator[Problem]:
    """Every certificate is valid today."""
    for entry in view.contents.entries:
        if not entry.certificate or _ends_with_told_ca(view, entry):
            continue
        if entry.certificate.has_ended(view.now):
            yield Problem(
                Place(entry.path), f"it ended {entry.certificate.not_after:%Y-%m-%d %H:%M} UTC"
            )
        if entry.certificate.not_before > view.now:
            yield Problem(
                Place(entry.path),
                f"it is not valid before {entry.certificate.not_before:%Y-%m-%d %H:%M} UTC",
            )


@Rule(
    level=WARNING,
    of_certificates=True,
    pain="certificates that expire unnoticed are what most often takes a cluster down",
    fix="`make renew` signs it again; of a CA `make regenerate`",
    fix_at=signed_again,
)
def expiring(view: View) -> Iterator[Problem]:
    """Every certificate is still valid in 30 days."""
    for entry in view.contents.entries:
        certificate = entry.certificate
        if (
            certificate
            and not _ends_with_told_ca(view, entry)
            and certificate.not_after <= view.now + SOON
            and not certificate.has_ended(view.now)
        ):
            yield Problem(Place(entry.path), f"it ends {certificate.not_after:%Y-%m-%d %H:%M} UTC")


RULES = (broken_certificate, wrong_ca, wrong_key, missing_key, expired, expiring)

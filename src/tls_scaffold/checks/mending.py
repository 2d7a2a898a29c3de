"""What makes a certificate right again, by what asks for it."""

from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place

NEW_CA = (
    "after {}`tls-scaffold sync`, `make regenerate` makes a new CA and signs everything with it"
)
CLOCK = "is the clock right? it counts from then on; `make req-NAME` signs a component's again"
RENEWED_ELSEWHERE = (
    "have it renewed where it was made: with the same name and key all that it signed goes on "
    "being valid; `tls-scaffold sync --ca FILE` brings a folder's own"
)


def signed_again(view: View, place: Place, fix: str) -> str:
    """Return what signs a certificate again.

    That is `fix` where it has a line of our form, or none is known. A CA that came from elsewhere
    nobody here makes anew.
    """
    if any(ca.path == place.path and ca.came_from_elsewhere for ca in view.authorities):
        return RENEWED_ELSEWHERE
    certificates = (each.certificate for each in view.contents.entries if each.path == place.path)
    if any(certificate and certificate.not_before > view.now for certificate in certificates):
        return CLOCK
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

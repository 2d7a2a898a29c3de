"""Rules over the certificates: whether etcd and its clients will take them."""

from collections.abc import Iterator
from datetime import timedelta

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.inventory.values import RENEW_DAYS
from tls_scaffold.signing import matching, pemfiles

SOON = timedelta(days=RENEW_DAYS)
PUT_BACK = "put a copy back, such as everybody has who trusts it; is it lost for good, `make regenerate` makes another CA"
NEW_CA = (
    "after {}`tls-scaffold sync`, `make regenerate` makes a new CA and signs everything with it"
)


class ReadableCertificates(Rule):
    """Every certificate that is there can be read."""

    id = "broken-certificate"
    pain = "make finds the file and says `Nothing to be done`, etcd does not start"
    fix = "remove the file and run `make`, which signs it again"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each file that is no certificate; one that is missing is none."""
        for entry in view.contents.entries:
            if entry.kind and entry.certificate is None and (view.folder / entry.path).exists():
                yield entry.path, entry.absent.removeprefix(f"{entry.path}: ")

    def fix_of(self, view: View, where: str) -> str:
        """Return what makes it whole: nothing signs a CA again."""
        return PUT_BACK if view.is_authority(where) else self.fix


class SignedByTheCA(Rule):
    """Every certificate is signed by its CA."""

    id = "wrong-ca"
    of_certificates = True
    pain = "nobody who trusts the CA takes it: `x509: certificate signed by unknown authority`"
    fix = "sign it again (`make req-NAME`), or put the CA back that signed it"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each certificate that another CA signed, or whose signature is broken."""
        orphans = (
            entry for entry in view.orphans if entry.certificate and not entry.certificate.is_ca
        )
        for entry in (*view.components, *orphans):
            ca = view.contents.authorities.get(entry.ca)
            if ca and entry.certificate and not matching.signed_by(entry.certificate, ca):
                yield entry.path, f"it is not signed by `{entry.ca}`"


class FittingKey(Rule):
    """Every certificate lies beside its own key."""

    id = "wrong-key"
    pain = "etcd does not start: `tls: private key does not match public key`"
    fix = "sign it again, which makes both; of a CA put the right half back"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each key that is not its certificate's."""
        for entry in view.contents.entries:
            if not entry.certificate or entry.key is None or entry.has_locked_key:
                continue
            if not matching.key_fits(entry.certificate, entry.key):
                yield entry.key_path, f"it is not the key of `{entry.path}`"


class WholePairs(Rule):
    """Every certificate has its key beside it."""

    id = "missing-key"
    pain = "etcd and its clients need both"
    fix = "sign it again, which makes both"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each component whose key can't be read."""
        for entry in view.components:
            if entry.certificate and entry.key is None:
                yield entry.path, entry.keyless


class WholeCA(Rule):
    """The CA's key lies beside its certificate."""

    id = "half-ca"
    level = WARNING
    pain = "nothing can be signed or renewed until the key is back; it can't be made anew"
    fix = (
        "put the key back before the next signing; switch this rule off where it is kept elsewhere"
    )

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CA without a key."""
        for entry in view.authorities:
            if entry.certificate and entry.key is None:
                yield entry.path, entry.keyless


class PresentCA(Rule):
    """Where a CA's key or certificates that it signed are, its certificate is."""

    id = "missing-ca"
    pain = "members and clients are told to trust a file that is not there, and make refuses to make another"
    fix = PUT_BACK

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CA whose certificate is missing."""
        signers = {entry.ca for entry in view.components if entry.certificate}
        for entry in view.authorities:
            missing = entry.certificate is None and not (view.folder / entry.path).exists()
            if missing and (entry.key is not None or entry.path in signers):
                yield entry.path, entry.absent


class LoneCA(Rule):
    """The CA stands alone in the file that signs."""

    id = "ca-not-alone"
    pain = "nothing can be signed or renewed: cfssl refuses a file of a CA that holds more than one object"
    fix = "leave the certificate that signs in it, and put others that are trusted into a file of their own"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CA with something beside it in its file."""
        for entry in view.authorities:
            if entry.certificate and not pemfiles.stands_alone(content(view.folder, entry.path)):
                yield entry.path, "it holds more than the CA's certificate"


class FlaggedCA(Rule):
    """The CA, and nothing else, is marked as a CA."""

    id = "ca-flag"
    pain = (
        "without the mark nobody takes what the CA signed; with it a component can sign for anybody"
    )
    fix = "make the CA with `gencert -initca`; take `ca_constraint` out of the profiles"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CA without the mark, and each component with it."""
        for entry in view.authorities:
            if entry.certificate and not entry.certificate.is_ca:
                yield entry.path, "it is not marked as a CA (basic constraints)"
        for entry in view.components:
            if entry.certificate and entry.certificate.is_ca:
                yield entry.path, "it is marked as a CA (basic constraints)"


def signed_again(view: View, where: str, fix: str) -> str:
    """Return what signs a certificate again: `fix` where that has a line of our form, or none is known."""
    if view.makefile and not view.renews and view.is_authority(where):
        return NEW_CA.format("" if view.inventory else "`tls-scaffold adopt` and ")
    entry = view.leaf(where)
    if not entry or not entry.signing or view.has_own_line(entry):
        return fix
    if view.renews and entry.signing.target in ("req", "all"):
        return "`make` signs it again, as at every run; `make renew` passes over lines of the Makefile that call cfssl"
    return f"`make {entry.signing.target}` signs it again"


class Living(Rule):
    """Every certificate is valid today."""

    id = "expired"
    of_certificates = True
    pain = "every connection that uses it fails"
    fix = (
        "`make req-NAME` signs it again, `make renew` all that ends soon; of a CA `make regenerate`"
    )

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each certificate that has ended, or not begun."""
        for entry in view.contents.entries:
            if not entry.certificate:
                continue
            if entry.certificate.has_ended(view.now):
                yield entry.path, f"it ended {entry.certificate.not_after:%Y-%m-%d %H:%M} UTC"
            if entry.certificate.not_before > view.now:
                yield (
                    entry.path,
                    f"it is not valid before {entry.certificate.not_before:%Y-%m-%d %H:%M} UTC",
                )

    def fix_of(self, view: View, where: str) -> str:
        """Return what signs it again."""
        return signed_again(view, where, self.fix)


class LivingOn(Rule):
    """Every certificate is still valid in 30 days."""

    id = "expiring"
    level = WARNING
    of_certificates = True
    pain = "certificates that expire unnoticed are what most often takes a cluster down"
    fix = "`make renew` signs it again; of a CA `make regenerate`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each certificate that ends within 30 days."""
        for entry in view.contents.entries:
            certificate = entry.certificate
            if (
                certificate
                and certificate.not_after <= view.now + SOON
                and not certificate.has_ended(view.now)
            ):
                yield entry.path, f"it ends {certificate.not_after:%Y-%m-%d %H:%M} UTC"

    def fix_of(self, view: View, where: str) -> str:
        """Return what signs it again."""
        return signed_again(view, where, self.fix)


RULES = (
    ReadableCertificates,
    SignedByTheCA,
    FittingKey,
    WholePairs,
    WholeCA,
    PresentCA,
    LoneCA,
    FlaggedCA,
    Living,
    LivingOn,
)

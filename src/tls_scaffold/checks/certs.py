"""Rules over the certificates: whether etcd and its clients will take them."""

from collections.abc import Iterator

from tls_scaffold.checks.mending import signed_again
from tls_scaffold.checks.rule import WARNING, Rule, faults_about
from tls_scaffold.checks.view import SOON, View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.spelling import MINUTE
from tls_scaffold.state.entries import GO, HASH, KEY, LINE, SIGNER, Entry, key_trouble
from tls_scaffold.state.lives import end_of_ca, ends_of, ends_with_ca

REPAIR_CA = (
    "leave its certificate in it as plain PEM, which begins at the beginning of a line, or put a "
    "copy back, such as everybody has who trusts it"
)


def _put_back_or(view: View, place: Place, fix: str) -> str:
    """Return what makes a certificate whole: nothing signs a CA again."""
    return REPAIR_CA if view.is_authority(place.path) else fix


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
    yield from faults_about(view, SIGNER)


@Rule(
    pain=(
        "members refuse a peer that the CA of clients signed; and whoever has a certificate of the "
        "CA of peers opens the peer port"
    ),
    fix="`tls-scaffold sync --reset Makefile` puts the lines of components back, then `make`",
)
def line_of_another_ca(view: View) -> Iterator[Problem]:
    """No line but those of peers is signed by their CA, and theirs by no other."""
    mark = f"{LINE}: "
    for entry in view.components:
        for need in entry.unmet:
            if need.startswith(mark):
                yield Problem(view.lines_of(entry)[0], need.removeprefix(mark))


@Rule(
    of_certificates=True,
    pain=(
        "etcd and its clients refuse it: `x509: cannot verify signature: insecure algorithm`, or "
        "`algorithm unimplemented`"
    ),
    fix="sign it again (`make req-NAME`)",
    fix_at=signed_again,
)
def weak_signature(view: View) -> Iterator[Problem]:
    """Every certificate is signed with SHA-256, SHA-384, SHA-512 or Ed25519, as Go takes it."""
    yield from faults_about(view, HASH)


@Rule(
    of_certificates=True,
    pain="etcd and its clients, which are written in Go, refuse it, and OpenSSL may take it",
    fix="sign it again (`make req-NAME`); have a CA's certificate made anew where it was made",
    fix_at=signed_again,
)
def unknown_to_go(view: View) -> Iterator[Problem]:
    """Every certificate has a number, key, hosts and critical extensions that Go takes."""
    yield from faults_about(view, GO)


@Rule(
    pain="etcd does not start: `tls: private key does not match public key`",
    fix="sign it again, which makes both; of a CA put the right half back",
)
def wrong_key(view: View) -> Iterator[Problem]:
    """Every certificate lies beside its own key, in a form that etcd reads."""
    for entry in view.contents.entries:
        # Each key was loaded when the folder was read: only what was found then is put in words.
        if entry.certificate and any(fault.about == KEY for fault in entry.faults):
            reason = key_trouble(entry, entry.certificate, f"the key of `{entry.path}`")
            yield Problem(Place(entry.key_path), f"it {reason}")


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
    cas = view.contents.cas
    end = end_of_ca(cas[entry.ca]) if entry.ca in cas else None
    is_told = end is not None and end.at <= view.now + SOON
    return is_told and ends_with_ca(entry, cas)


@Rule(
    of_certificates=True,
    pain="every connection that uses it fails",
    fix=(
        "`make req-NAME` signs it again, `make renew` all that ends soon; of a CA `make renew-ca`"
    ),
    fix_at=signed_again,
)
def expired(view: View) -> Iterator[Problem]:
    """Every certificate is valid today."""
    for entry in view.contents.entries:
        if not entry.certificate or _ends_with_told_ca(view, entry):
            continue
        if entry.certificate.has_ended(view.now):
            yield Problem(Place(entry.path), f"it ended {entry.certificate.not_after:{MINUTE}}")
        if entry.certificate.not_before > view.now:
            yield Problem(
                Place(entry.path),
                f"it is not valid before {entry.certificate.not_before:{MINUTE}}",
            )


@Rule(
    level=WARNING,
    of_certificates=True,
    pain="certificates that expire unnoticed are what most often takes a cluster down",
    fix="`make renew` signs it again; of a CA `make renew-ca`",
    fix_at=signed_again,
)
def expiring(view: View) -> Iterator[Problem]:
    """Every certificate is still valid in 30 days, and so are the CAs above it."""
    for entry in view.contents.entries:
        if _ends_with_told_ca(view, entry):
            continue
        for end in ends_of(entry, entry):
            if view.now <= end.at <= view.now + SOON:
                yield Problem(Place(entry.path), f"{end.of} ends {end.at:{MINUTE}}")


RULES = (
    broken_certificate,
    wrong_ca,
    line_of_another_ca,
    weak_signature,
    unknown_to_go,
    wrong_key,
    missing_key,
    expired,
    expiring,
)

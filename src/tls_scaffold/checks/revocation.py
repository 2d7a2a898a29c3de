"""Rules over what is revoked: the team's list, and those that members look into."""

from collections.abc import Iterator

from tls_scaffold.checks.crlfiles import DER
from tls_scaffold.checks.rule import NOTE, WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import CA, CRL, REVOKED
from tls_scaffold.signing import crlfile
from tls_scaffold.signing.crlfile import MAKE_ANEW
from tls_scaffold.signing.foldercas import cas_of
from tls_scaffold.spelling import MINUTE


def _anew(_view: View, place: Place, fix: str) -> str:
    return MAKE_ANEW if place.path == CRL else fix


@Rule(
    pain=(
        "given the base64 that `cfssl gencrl` prints, or nothing, etcd refuses everybody; it "
        "refuses PEM from 3.6 on"
    ),
    fix="`cfssl gencrl … | base64 -d > certs/ca.crl`, or `openssl crl -outform DER`",
    fix_at=_anew,
)
def crl_not_der(view: View) -> Iterator[Problem]:
    """Every certificate revocation list is in DER."""
    for each in view.crl_files:
        if each.form == DER:
            continue
        told = "it is no CRL in DER" if each.is_called_so else f"it is a CRL in {each.form}"
        yield Problem(Place(each.path), told)


@Rule(
    pain="etcd refuses everybody from 3.6 on: it reads lists of version 2 alone",
    fix="`openssl ca -gencrl` makes version 2 where its configuration names `crl_extensions`",
    fix_at=_anew,
)
def crl_version(view: View) -> Iterator[Problem]:
    """Every certificate revocation list is of version 2."""
    for each in view.crl_files:
        if each.listed and not each.listed.has_version_2:
            yield Problem(Place(each.path), "it is of version 1")


@Rule(
    level=WARNING,
    pain="etcd compares serial numbers alone: those of the CA before stop nobody of this one",
    fix="have the CA that signs now make it; where both are trusted, it holds the serials of both",
    fix_at=_anew,
)
def foreign_crl(view: View) -> Iterator[Problem]:
    """Every certificate revocation list is signed by a CA of the folder, or one that is trusted."""
    trusted = (ca for trust in view.trusts.values() for ca in trust.cas)
    cas = (*view.contents.authorities.values(), *trusted)
    for each in view.crl_files:
        # Ours has the numbers of all CAs, whichever of them signed it.
        known = (*cas, *cas_of(view.folder)) if each.path == CRL else cas
        if cas and each.listed and not each.listed.is_of(known):
            yield Problem(Place(each.path), "no CA of this folder signed this CRL")


@Rule(
    pain="members refuse each other, or root, at the next connection: the cluster falls apart",
    fix="`tls-scaffold revoke --sign-again NAME` gives it a new pair, for its owner to have first",
)
def crl_holds_live(view: View) -> Iterator[Problem]:
    """No list names what members or root show now."""
    used = crlfile.in_use(view.folder, view.inventory) if view.inventory else {}
    for each in view.crl_files:
        for problem in crlfile.lockouts(each.listed.by_serial if each.listed else (), used):
            yield Problem(Place(each.path), problem)


@Rule(pain="whoever was revoked is let in", fix=MAKE_ANEW)
def crl_lacks(view: View) -> Iterator[Problem]:
    """`certs/crl.der` names all that `revoked.tsv` has."""
    for each in view.crl_files:
        if each.path == CRL and each.listed:
            for missing in crlfile.lacking(each.listed, view.revoked, view.now):
                name = f" ({missing.name})" if missing.name else ""
                yield Problem(Place(CRL), f"it lacks {missing.hexadecimal}{name}")


@Rule(
    pain="members are started with flags for a file that is not there, and refuse everybody",
    fix=MAKE_ANEW,
)
def crl_missing(view: View) -> Iterator[Problem]:
    """Where the inventory says that members look into a list there is one, as soon as a CA is."""
    is_asked_for = view.inventory is not None and view.inventory.crl
    if is_asked_for and (view.folder / CA).exists() and not (view.folder / CRL).exists():
        yield Problem(Place(CRL), "it is missing")


@Rule(
    level=WARNING,
    pain="members run without the flags, and let in whoever was revoked",
    fix="`tls-scaffold revoke`, or `tls-scaffold sync --crl`; then each member needs one restart",
)
def crl_unused(view: View) -> Iterator[Problem]:
    """Where something is revoked the inventory says that members look into the list."""
    if view.inventory and not view.inventory.crl and view.revoked.to_be_listed(view.now):
        yield Problem(Place(FILE, key="crl"), f"it is not true, and `{REVOKED}` has lines")


@Rule(
    level=NOTE,
    pain="others than etcd, which goes by it all the same, take no such list",
    fix="`tls-scaffold revoke` makes another one, or whoever has the CA's key does",
)
def crl_over(view: View) -> Iterator[Problem]:
    """No list is past the time at which its next one was to come."""
    for each in view.crl_files:
        end = each.listed.next_update if each.listed else None
        if end and end < view.now:
            yield Problem(Place(each.path), f"the next one was to come {end:{MINUTE}}")


@Rule(
    pain="nothing can be revoked until it is mended, and what it meant to revoke is not",
    fix="git has what it was; of a merge that is not settled the lines of both sides stay",
)
def revoked_unreadable(view: View) -> Iterator[Problem]:
    """Every line of `revoked.tsv` is one that `tls-scaffold revoke` writes."""
    yield from view.revoked.problems


RULES = (
    crl_not_der,
    crl_version,
    foreign_crl,
    crl_holds_live,
    crl_lacks,
    crl_missing,
    crl_unused,
    crl_over,
    revoked_unreadable,
)

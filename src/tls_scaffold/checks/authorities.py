"""Rules over the CAs: whether they are whole, alone and marked as such."""

from collections.abc import Iterator

from tls_scaffold.checks.rule import NOTE, PUT_BACK, WARNING, Rule, faults_about
from tls_scaffold.checks.view import View
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.disk.sharing import name_of_user
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.custody import PLAIN
from tls_scaffold.paths import CA, CERTS, ISSUED, PEER_CA, PEER_CA_OUTPUT, PEER_TRUST, TRUST, TRUSTS
from tls_scaffold.signing import caconstraints, matching, pemfiles
from tls_scaffold.signing.canumbers import BRING_NEWEST, outdated_cas
from tls_scaffold.signing.custodies import BRING_KEY, bring_ca
from tls_scaffold.signing.rotation import PUT_OLD_BACK, rotation_of, strange_old_cas
from tls_scaffold.signing.trust import PUT_BACK as PUT_TRUST_BACK
from tls_scaffold.signing.twincas import AGREE, twin_cas
from tls_scaffold.spelling import escaped
from tls_scaffold.state.statewords import STALE


def _put_trust_back(view: View, place: Place, fix: str) -> str:
    ca = next((ca for ca, path in TRUSTS.items() if path == place.path), CA)
    return view.trusts[ca].hint or fix


def _bring_key_or(view: View, place: Place, fix: str) -> str:
    entry = next(each for each in view.authorities if each.path == place.path)
    if entry.key_path in entry.denied:
        try:
            owner = name_of_user((view.folder / entry.key_path).stat().st_uid)
        except OSError:  # a link leads into a folder that is closed to this user
            return "it is here, and you may not read it: run it as the user whose it is"
        return f"it is here, and `{owner}` may read it: run it as that user"
    return BRING_KEY if view.has_own_ca else fix


def _bring_ca_or(view: View, _place: Place, fix: str) -> str:
    return bring_ca(view.inventory.ca) if view.inventory and view.has_own_ca else fix


# A CA is known by its name and key: with these two another certificate takes its place, and all
# that it signed goes on being valid.
SAME_KEY = (
    "have the CA's certificate made anew, where it was made, with the same name and key and "
    "without this fault"
)


@Rule(
    level=WARNING,
    pain="nothing can be signed or renewed until the key is back; it can't be made anew",
    fix="put the key back before the next signing; switch this rule off where it is kept elsewhere",
    fix_at=_bring_key_or,
)
def half_ca(view: View) -> Iterator[Problem]:
    """Every CA's key lies beside its certificate, unless the inventory says where it is."""
    if view.inventory and not view.inventory.ca.has_key_here:
        return
    for entry in view.authorities:
        if entry.certificate and entry.key is None:
            yield Problem(Place(entry.path), entry.keyless)


@Rule(
    pain=(
        "members and clients are told to trust a file that is not there, and make refuses to make "
        "another"
    ),
    fix=PUT_BACK,
    fix_at=_bring_ca_or,
)
def missing_ca(view: View) -> Iterator[Problem]:
    """Where a CA's key or certificates that it signed are, its certificate is."""
    if view.is_without_keys:
        return
    signers = {entry.ca for entry in view.components if entry.certificate}
    for entry in view.authorities:
        is_there = (view.folder / entry.path).exists()
        is_needed = entry.key is not None or entry.path in signers or entry.unmet
        if entry.absent and is_needed and not is_there:
            yield Problem(Place(entry.path), entry.absent.message)


@Rule(
    level=NOTE,
    pain="nothing can be signed here, and no bundle be made; for all else a clone needs no key",
    fix=(
        "nothing is to be done where nobody signs, as in a pipeline; else `tls-scaffold restore "
        "FILE`, or your team's own way, brings the keys"
    ),
)
def keys_elsewhere(view: View) -> Iterator[Problem]:
    """Every folder whose CA is on record has keys, unless it is a clone."""
    if view.is_without_keys:
        yield Problem(Place(CERTS), "no keys are in it: this is a clone, and they are elsewhere")


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
    fix=f"of a component take `ca_constraint` out of its profile; of a CA {SAME_KEY}",
)
def ca_flag(view: View) -> Iterator[Problem]:
    """Every CA, and nothing else, is marked as a CA, but for roots of X.509 version 1."""
    yield from _refusals(view, caconstraints.MARK)
    for entry in view.components:
        if entry.certificate and entry.certificate.is_ca:
            yield Problem(Place(entry.path), "it is marked as a CA (basic constraints)")


@Rule(
    pain=(
        "Go takes nothing that it signed: `x509: invalid signature: parent certificate cannot sign "
        "this kind of certificate`"
    ),
    fix=SAME_KEY,
)
def ca_key_usage(view: View) -> Iterator[Problem]:
    """Every CA whose key usages are named may sign certificates."""
    yield from _refusals(view, caconstraints.KEY_USAGE)


@Rule(
    pain=(
        "whatever its certificates say, members and clients refuse them: `x509: certificate "
        "specifies an incompatible key usage`"
    ),
    fix=SAME_KEY,
)
def ca_usages(view: View) -> Iterator[Problem]:
    """Every CA may sign for servers and for clients: it names both extended usages, or none."""
    yield from _refusals(view, caconstraints.EXTENDED_USAGE)


def _refusals(view: View, about: str) -> Iterator[Problem]:
    for entry in view.authorities:
        found = (fault for fault in entry.faults if fault.about == about)
        yield from (Problem(Place(entry.path), fault.reason) for fault in found)


@Rule(
    pain="who reaches it there refuses it: `x509: … is not permitted by any constraint`",
    fix=f"sign it for hosts that the CA is for; or {SAME_KEY}",
)
def ca_hosts(view: View) -> Iterator[Problem]:
    """Every host of a certificate is one that the name constraints of its CA allow."""
    yield from faults_about(view, caconstraints.HOSTS)


@Rule(
    level=WARNING,
    pain=(
        "etcd and other programs in Go trust it as it is; OpenSSL, and so curl and Python, wants "
        "the root too: `unable to get issuer certificate`"
    ),
    fix=(
        f"put the root into `{TRUST}` behind it, unless only programs in Go read that; the CA "
        "itself can stay as it is"
    ),
)
def no_root(view: View) -> Iterator[Problem]:
    """Every CA is a root, or the root is trusted beside it."""
    for entry in view.authorities:
        ca = entry.certificate
        if not ca or matching.signs_itself(ca):
            continue
        trusted = view.trusts[entry.path if entry.path in TRUSTS else CA].signers
        if not any(matching.signed_by(ca, above) for above in trusted):
            issuer = escaped(dict(ca.issuer).get("CN", "another CA"))
            yield Problem(Place(entry.path), f"it is no root: `{issuer}` signed it")


@Rule(
    pain="whoever is given it refuses everything that the CA signed, or trusts another CA",
    fix=PUT_TRUST_BACK.format(trust=TRUST, ca=CA),
    fix_at=_put_trust_back,
)
def wrong_trust(view: View) -> Iterator[Problem]:
    """Everybody is given the CA that signs to trust."""
    for ca, path in TRUSTS.items():
        trust = view.trusts[ca]
        if trust.path == path:
            yield from (Problem(Place(path), problem) for problem in trust.problems)


@Rule(
    pain="a certificate of any user opens the peer port, where etcd asks for the CA alone",
    fix=(
        f"move `{PEER_CA_OUTPUT}*` and `{PEER_TRUST}` out of the folder and make another CA of "
        "peers (`make regenerate`)"
    ),
)
def peer_ca_shared(view: View) -> Iterator[Problem]:
    """Peers have another CA than clients, with a key and a name of its own."""
    by_path = view.contents.authorities
    ours, peers = by_path.get(CA), by_path.get(PEER_CA)
    if not (ours and peers):
        return
    if ours.parsed.public_key() == peers.parsed.public_key():
        yield Problem(Place(PEER_CA), f"it has the key of `{CA}`")
    elif ours.subject == peers.subject:
        yield Problem(Place(PEER_CA), f"it has the subject of `{CA}`")
    trusted = (each.parsed.public_key() for each in view.trusts[CA].cas)
    if peers.parsed.public_key() in trusted:
        yield Problem(Place(TRUST), f"clients are trusted by `{PEER_CA}` too, which is for peers")


@Rule(
    level=WARNING,
    pain=(
        "as long as members trust another CA on the peer port, a certificate of a user opens it, "
        "but for `peer-cert-allowed-cn`"
    ),
    fix=(
        "when every member has been restarted with it and shows its new certificate, "
        f"`cp {PEER_CA} {PEER_TRUST}`, and restart them with that"
    ),
)
def peer_trust_wide(view: View) -> Iterator[Problem]:
    """Peers trust the CA of peers alone, and the one that it takes the place of meanwhile."""
    peers = view.contents.authorities.get(PEER_CA)
    if not peers:
        return
    rotation = rotation_of(view.folder)
    followed = rotation.old if rotation and rotation.ca == PEER_CA else None
    expected = [each.public_key for each in (peers, followed) if each]
    for each in view.trusts[PEER_CA].cas:
        if each.public_key not in expected:
            name = escaped(each.cn)
            yield Problem(Place(PEER_TRUST), f"it holds another CA than `{PEER_CA}`: `{name}`")


@Rule(
    level=WARNING,
    pain="it goes on signing as it is: no run makes another because its request was edited",
    fix=(
        "take the change back where it was made (`tls-scaffold.json`, `config/ca-csr.json`); a CA "
        "that came from elsewhere stays as it is"
    ),
)
def ca_differs(view: View) -> Iterator[Problem]:
    """Every CA is what its request asks for."""
    outdated = {each.place.path for each in outdated_cas(view.folder, view.inventory)}
    for entry in view.authorities:
        if entry.path in outdated:
            continue
        # Of one below another `no_root` tells.
        if entry.request and entry.certificate and matching.signs_itself(entry.certificate):
            stale = (fault for fault in entry.faults if fault.state == STALE)
            yield from (Problem(Place(entry.path), fault.reason) for fault in stale)


@Rule(
    pain=(
        "nobody is to trust what it signs any longer: another CA has taken its place, perhaps "
        "because its key was stolen"
    ),
    fix=f"nothing is signed here until then: {BRING_NEWEST}",
)
def outdated_ca(view: View) -> Iterator[Problem]:
    """Every CA is the one that the inventory counts, where the record has that."""
    yield from outdated_cas(view.folder, view.inventory)


@Rule(
    pain="what is signed from now on is another CA's than the one that was reviewed",
    fix=(
        "put the CA's certificate back that the inventory names; if it is the next one of the same "
        "CA, `tls-scaffold sync --ca FILE` takes it over"
    ),
)
def unpinned_ca(view: View) -> Iterator[Problem]:
    """Where the inventory has a SHA-256, it is that of the CA's certificate."""
    custody = view.inventory.ca if view.inventory else PLAIN
    ca = view.contents.authorities.get(CA)
    if ca and custody.pins_another(ca.sum):
        message = f"its SHA-256 is {ca.sum}, and `ca.sha256` says {custody.sha256}"
        yield Problem(Place(CA), message)


@Rule(
    pain="no CA can be replaced, renewed or encrypted until that is mended",
    fix=PUT_OLD_BACK,
)
def strange_old_ca(view: View) -> Iterator[Problem]:
    """Every file in the place of a CA that is being replaced is a CA that the folder had."""
    yield from strange_old_cas(view.folder)


@Rule(
    pain=(
        "who trusts one refuses what the other signed, and from outside nobody can tell the two "
        "apart; `make` signs with whichever lies in `certs/`"
    ),
    fix=AGREE,
)
def twin_ca(view: View) -> Iterator[Problem]:
    """Every CA of the record has a name of its own, unless it has the same key."""
    yield from (Problem(Place(ISSUED), str(each)) for each in twin_cas(view.folder, view.now))


RULES = (
    half_ca,
    missing_ca,
    keys_elsewhere,
    ca_not_alone,
    ca_flag,
    ca_key_usage,
    ca_usages,
    ca_hosts,
    no_root,
    ca_differs,
    outdated_ca,
    wrong_trust,
    unpinned_ca,
    peer_ca_shared,
    peer_trust_wide,
    strange_old_ca,
    twin_ca,
)

"""Rules over CNs and whole subjects: who a certificate says its holder is."""

from collections.abc import Iterator

from tls_scaffold.checks.mending import signed_again
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory import conflicts
from tls_scaffold.inventory.terms import CLIENT_AUTH
from tls_scaffold.inventory.values import FILE
from tls_scaffold.spelling import CN_LENGTH, canonical_host, escaped
from tls_scaffold.state.entries import Entry


@Rule(
    of_missing=True,
    pain="etcd takes the user's name from the CN: without one it answers `permission denied`",
    fix=(
        "write the etcd user's name (for members `etcd`) into `CN`; an etcd grpc-proxy and users of"
        " the HTTP gateway (`--role NAME=gateway`) alone need it empty"
    ),
)
def cn_empty(view: View) -> Iterator[Problem]:
    """Every request has a CN."""
    # The command line may give another.
    named = {
        entry.signing.request for entry in view.components if entry.signing and entry.signing.cn
    }
    by_password = {each.request for each in view.asked_components.values() if not each.cn}
    for path, request in view.requests.items():
        if not request.cn.strip() and path not in named | by_password:
            yield Problem(Place(path, key="CN"), "the CN is empty")


@Rule(
    pain="cfssl signs it all the same, and other programs refuse the certificate",
    fix="take a shorter CN, and the same name for the user in etcd",
)
def cn_too_long(view: View) -> Iterator[Problem]:
    """No CN is longer than 64 characters, the limit of X.520."""
    for path, request in view.requests.items():
        if len(request.cn) > CN_LENGTH:
            yield Problem(
                Place(path, key="CN"), f"{len(request.cn)} characters, {CN_LENGTH} are allowed"
            )


@Rule(
    pain=(
        "from 3.5.15 on etcd splits --peer-cert-allowed-cn at commas: a member's CN with one would"
        " be two"
    ),
    fix="take a CN without a comma, for a user the same name in etcd",
)
def comma_in_cn(view: View) -> Iterator[Problem]:
    """No CN has a comma: only the CA's may."""
    for path, request in view.requests.items():
        if "," in request.cn and path not in view.ca_requests:
            yield Problem(Place(path, key="CN"), f"`{escaped(request.cn)}` has a comma")


@Rule(
    pain=(
        "both are one user to etcd: each may do what the other may, and neither can be revoked "
        "alone"
    ),
    fix="give each user a request of its own, with a CN of its own",
)
def cn_shared(view: View) -> Iterator[Problem]:
    """No two users have the same CN."""
    first: dict[str, str] = {}
    for entry in view.users:
        cn = entry.request.cn if entry.request else ""
        # A certificate for servers alone is no user of etcd.
        if not cn or not entry.signing or CLIENT_AUTH not in view.usages_needed(entry):
            continue
        other = first.setdefault(cn, entry.path)
        if other != entry.path and not _is_another(view, view.component_at(other)):
            message = f"`{entry.path}` and `{other}` both have the CN `{escaped(cn)}`"
            yield Problem(Place(entry.signing.request, key="CN"), message)


@Rule(
    pain=(
        "etcd's gateway acts with the members' certificate: whoever reaches it is that user "
        "(CVE-2018-16886)"
    ),
    fix="give the user another CN, in its request and in etcd",
)
def cn_of_members(view: View) -> Iterator[Problem]:
    """No user has the CN of the members."""
    # Those of the inventory are let in on the peer ports.
    members = {
        entry.request.cn for entry in view.servers if entry.kind == "member" and entry.request
    }
    members |= set(view.inventory.peer_cns) if view.inventory else set()
    for entry in view.users:
        if entry.signing and entry.request and entry.request.cn and entry.request.cn in members:
            message = (
                f"user `{entry.name}` has the CN of the members, `{escaped(entry.request.cn)}`"
            )
            yield Problem(Place(entry.signing.request, key="CN"), message)


def _is_another(view: View, entry: Entry | None) -> bool:
    """Tell whether a user has a CN that is not its own, which `cn_unasked` tells in its place."""
    if not (view.inventory and entry and entry.signing and entry.request):
        return False
    cns = {each.output: each.cn for each in view.inventory.components}
    return cns.get(entry.signing.output, entry.request.cn) != entry.request.cn


@Rule(
    after_others=True,
    pain=(
        "members that run from bundles or the Procfile ask their peers for the inventory's CNs, "
        "and refuse each other; to etcd a user is whoever its CN names"
    ),
    fix=(
        f"take the CN of `{FILE}`, or put this one there (`members_cn`, `cn`), then `tls-scaffold "
        "sync`"
    ),
)
def cn_unasked(view: View) -> Iterator[Problem]:
    """Members show their peers a CN of the inventory, and each user has its own there."""
    if not view.inventory:
        return
    asked = view.inventory.asked_peer_cns
    for path in dict.fromkeys(peer.request for _, peer in view.inventory.member_pairs):
        request = view.requests.get(path)
        if asked and request and request.cn and request.cn not in asked:
            told = ", ".join(f"`{cn}`" for cn in asked)
            message = f"the CN is `{escaped(request.cn)}`, and members ask for {told}"
            yield Problem(Place(path, key="CN"), message)
    for user in view.inventory.components:
        entry = view.component_at(user.certificate_path)
        request = entry.request if entry and user.kind == "user" else None
        if request and request.cn and request.cn != user.cn:
            message = f"the CN is `{escaped(request.cn)}`, and that of `{user.name}` is `{user.cn}`"
            yield Problem(Place(user.request, key="CN"), message)


@Rule(
    pain="OpenSSL takes such a certificate for self-signed, and no chain can be built",
    fix="give the component another CN, or other names, than the CA has",
)
def subject_of_ca(view: View) -> Iterator[Problem]:
    """No component has the whole subject of the CA."""
    subjects = {request.subject for request in view.ca_requests.values()}
    for path, request in view.requests.items():
        if path not in view.ca_requests and request.subject in subjects:
            yield Problem(Place(path, key="CN"), "the subject is the same as the CA's")
    for entry in view.components:
        ca = view.contents.authorities.get(entry.ca)
        if ca and entry.certificate and entry.certificate.subject == ca.subject:
            yield Problem(Place(entry.path), f"its subject is that of `{entry.ca}`")


@Rule(
    level=WARNING,
    pain=(
        "before 3.5.15 etcd takes one CN of peers alone: with a list members refuse each other, "
        "without it users get in"
    ),
    fix=(
        "give the members, or the `peer` of each, one CN, then `tls-scaffold sync`, `make` and new"
        " bundles"
    ),
)
def open_peer_port(view: View) -> Iterator[Problem]:
    """All members show their peers one CN, which etcd can ask for."""
    for message in conflicts.several_peer_cns(view.inventory) if view.inventory else ():
        yield Problem(Place(FILE, key="members"), message)


@Rule(
    pain=(
        "etcd takes its holder for whom the CN names: for somebody else, who may do more or less, "
        "or for a stranger"
    ),
    fix="sign it again (`make req-NAME`); look whose pair it is before anybody uses it",
    fix_at=signed_again,
)
def wrong_cn(view: View) -> Iterator[Problem]:
    """Every certificate has the CN that the inventory, else its request, asks for."""
    listed = view.asked_components
    for entry in view.components:
        requested = entry.request.cn if entry.request else ""
        asked = listed[entry.path].cn if entry.path in listed else requested
        is_said = asked or entry.path in listed  # a user of the HTTP gateway has none
        if not entry.certificate or not is_said or entry.certificate.cn == asked:
            continue
        # Where its request asks for it, the request is told.
        if entry.certificate.cn == requested:
            continue
        message = f"its CN is `{escaped(entry.certificate.cn)}`, asked for is `{escaped(asked)}`"
        yield Problem(Place(entry.path), message)


@Rule(
    pain="clients and peers that reach it at this host refuse it",
    fix="sign it again (`make req-NAME`), with every host that its request names",
    fix_at=signed_again,
)
def missing_host(view: View) -> Iterator[Problem]:
    """Every certificate is for the hosts that the inventory gives its component."""
    for path, component in view.asked_components.items():
        entry = view.component_at(path)
        if not entry or not entry.certificate:
            continue
        there = {canonical_host(host) for host in entry.certificate.hosts}
        request = view.requests.get(component.request)
        named = {canonical_host(host) for host in (request and request.hosts) or component.hosts}
        for host in component.hosts:
            # Where the request lacks it too, that is told.
            if canonical_host(host) in named - there:
                kind = f"{component.kind} `{component.name}`"
                yield Problem(Place(entry.path), f"it is not for `{escaped(host)}` of {kind}")


RULES = (
    cn_empty,
    cn_too_long,
    comma_in_cn,
    cn_shared,
    cn_of_members,
    cn_unasked,
    subject_of_ca,
    open_peer_port,
    wrong_cn,
    missing_host,
)

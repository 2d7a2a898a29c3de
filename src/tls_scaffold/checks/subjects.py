"""Rules over CNs and whole subjects: who a certificate says its holder is."""

from collections.abc import Iterator

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.inventory import conflicts
from tls_scaffold.inventory.values import FILE
from tls_scaffold.words import CN_LENGTH, visible


class NamedByCN(Rule):
    """Every request has a CN."""

    id = "cn-empty"
    of_missing = True
    pain = "etcd takes the user's name from the CN: without one it answers `permission denied`"
    fix = "write the etcd user's name (for members `etcd`) into `CN`; an etcd grpc-proxy alone needs it empty"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request without a CN, unless the command line gives one."""
        named = {
            entry.signing.request for entry in view.components if entry.signing and entry.signing.cn
        }
        for path, request in view.requests.items():
            if not request.cn.strip() and path not in named:
                yield f"{path}: CN", "the CN is empty"


class ShortCN(Rule):
    """No CN is longer than 64 characters, the limit of X.520."""

    id = "cn-too-long"
    pain = "cfssl signs it all the same, and other programs refuse the certificate"
    fix = "take a shorter CN, and the same name for the user in etcd"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CN that is too long."""
        for path, request in view.requests.items():
            if len(request.cn) > CN_LENGTH:
                yield f"{path}: CN", f"{len(request.cn)} characters, {CN_LENGTH} are allowed"


class OneCN(Rule):
    """No CN has a comma: only the CA's may."""

    id = "comma-in-cn"
    pain = "from 3.5.15 on etcd splits --peer-cert-allowed-cn at commas: a member's CN with one would be two"
    fix = "take a CN without a comma, for a user the same name in etcd"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request of a component whose CN has a comma."""
        for path, request in view.requests.items():
            if "," in request.cn and path not in view.ca_requests:
                yield f"{path}: CN", f"`{visible(request.cn)}` has a comma"


class OwnCN(Rule):
    """No two users have the same CN."""

    id = "cn-shared"
    pain = "both are one user to etcd: each may do what the other may, and neither can be revoked alone"
    fix = "give each user a request of its own, with a CN of its own"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each user whose CN an earlier one has."""
        first: dict[str, str] = {}
        for entry in view.users:
            cn = entry.request.cn if entry.request else ""
            if not cn or not entry.signing:
                continue
            other = first.setdefault(cn, entry.path)
            if other != entry.path:
                message = f"`{entry.path}` and `{other}` both have the CN `{visible(cn)}`"
                yield f"{entry.signing.request}: CN", message


class NotTheMembersCN(Rule):
    """No user has the CN of the members."""

    id = "cn-of-members"
    pain = "etcd's gateway acts with the members' certificate: whoever reaches it is that user (CVE-2018-16886)"
    fix = "give the user another CN, in its request and in etcd"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each user with the CN of a member; those of the inventory are let in on the peer ports."""
        members = {
            entry.request.cn for entry in view.servers if entry.kind == "member" and entry.request
        }
        members |= set(view.inventory.peer_cns) if view.inventory else set()
        for entry in view.users:
            if entry.signing and entry.request and entry.request.cn and entry.request.cn in members:
                message = (
                    f"user `{entry.name}` has the CN of the members, `{visible(entry.request.cn)}`"
                )
                yield f"{entry.signing.request}: CN", message


class AskedForPeerCN(Rule):
    """Members show their peers a CN of the inventory."""

    id = "cn-unasked"
    pain = "members that run from bundles or the Procfile ask their peers for the inventory's CNs, and refuse each other"
    fix = f"take the CN of `{FILE}`, or put this one there (`members_cn`, `cn`), then `tls-scaffold sync`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request for the peers of a member whose CN no member asks for."""
        if not view.inventory:
            return
        asked = view.inventory.peer_cns
        for path in dict.fromkeys(peer.request for _, peer in view.inventory.member_pairs):
            request = view.requests.get(path)
            if request and request.cn and request.cn not in asked:
                told = ", ".join(f"`{cn}`" for cn in asked)
                yield (
                    f"{path}: CN",
                    f"the CN is `{visible(request.cn)}`, and members ask for {told}",
                )


class NotTheCAsSubject(Rule):
    """No component has the whole subject of the CA."""

    id = "subject-of-ca"
    pain = "OpenSSL takes such a certificate for self-signed, and no chain can be built"
    fix = "give the component another CN, or other names, than the CA has"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request, and each certificate, with the CA's subject."""
        subjects = {request.subject for request in view.ca_requests.values()}
        for path, request in view.requests.items():
            if path not in view.ca_requests and request.subject in subjects:
                yield f"{path}: CN", "the subject is the same as the CA's"
        for entry in view.components:
            ca = view.contents.authorities.get(entry.ca)
            if ca and entry.certificate and entry.certificate.subject == ca.subject:
                yield entry.path, f"its subject is that of `{entry.ca}`"


class OnePeerCN(Rule):
    """All members show their peers one CN, which etcd can ask for."""

    id = "open-peer-port"  # what it comes to where the list is left out, as older etcds need it
    level = WARNING
    pain = "before 3.5.15 etcd takes one CN of peers alone: with a list members refuse each other, without it users get in"
    fix = "give the members, or the `peer` of each, one CN, then `tls-scaffold sync`, `make` and new bundles"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield the members of the inventory if they have several CNs."""
        for message in conflicts.several_peer_cns(view.inventory) if view.inventory else ():
            yield f"{FILE}: members", message


RULES = (
    NamedByCN,
    ShortCN,
    OneCN,
    OwnCN,
    NotTheMembersCN,
    AskedForPeerCN,
    NotTheCAsSubject,
    OnePeerCN,
)

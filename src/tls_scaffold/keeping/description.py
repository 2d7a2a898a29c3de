"""How what a folder made by hand signs is called in an inventory."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tls_scaffold import spelling
from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import CA_EXPIRY, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.inventory.intake import DEFAULTS
from tls_scaffold.inventory.terms import BOTH_ENDS, CLIENT, CLIENT_AUTH, lacking_usages
from tls_scaffold.inventory.values import NAME_FIELDS, PEER, SHARED_REQUEST
from tls_scaffold.keeping.adoptedhosts import own_first, own_hosts
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTS, own_request

# The inventory's settings by the words that cfssl's requests have for them.
NAMES = {word: setting for setting, word in NAME_FIELDS.items()}
PROXY = "proxy"
Fields = dict[str, Any]


@dataclass(frozen=True)
class Seed:
    """Where a file of ours comes from: another one, and what its signing put over its fields."""

    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaf:
    """One certificate: how it is called and signed.

    `path` is where its request will be, `usages` are those of its profile.
    """

    name: str
    signing: Signing
    request: Request
    is_server: bool
    path: str
    usages: tuple[str, ...]

    @property
    def cn(self) -> str:
        """The CN that it is signed for; its name if there is none, as each component has one."""
        return self.request.overridden(self.signing.cn, None).cn or self.name


def component_lists(leaves: list[Leaf]) -> Fields:
    """Return the inventory's lists of members, proxies and users."""
    by_name = {leaf.name: leaf for leaf in leaves if leaf.is_server}
    # `peer-10.0.0.1` beside `10.0.0.1` is how etcd's own hack/tls-setup names second certificates.
    peers = {
        name: leaf
        for name, leaf in by_name.items()
        if name.startswith(PEER) and name.removeprefix(PEER) in by_name
    }
    servers = [leaf for name, leaf in by_name.items() if name not in peers]
    members = [leaf for leaf in servers if not leaf.name.startswith(PROXY)] or servers
    proxies = [leaf for leaf in servers if leaf not in members]
    hosts = _hosts_by_name(servers)
    cns = {leaf.cn for leaf in servers}
    shared_cn = min(cns) if len(cns) == 1 else ""
    return {
        "members": [
            {
                **_server_fields(leaf, hosts[leaf.name], shared_cn, may_lack_hosts=False),
                **_peer_field(leaf, peers.get(f"{PEER}{leaf.name}")),
            }
            for leaf in members
        ],
        "proxies": [
            _server_fields(leaf, hosts[leaf.name], shared_cn, may_lack_hosts=True)
            for leaf in proxies
        ],
        "users": [_user_fields(leaf) for leaf in leaves if not leaf.is_server],
        **_unusual(("members_cn", shared_cn, "")),
    }


def _hosts_by_name(servers: list[Leaf]) -> dict[str, list[str]]:
    """Tell which hosts are whose.

    Those of a request of one's own are, and the one that is called like the component. The others
    stay in the shared request, as the team's own.
    """
    sharing = Counter(leaf.path for leaf in servers)
    hosts: dict[str, list[str]] = {}
    for leaf in servers:
        hosts[leaf.name] = [
            host
            for host in own_hosts(leaf.request, leaf.signing)
            if sharing[leaf.path] == 1 or host == leaf.name
        ]
    return own_first(hosts)


def _server_fields(leaf: Leaf, hosts: list[str], shared_cn: str, *, may_lack_hosts: bool) -> Fields:
    # An inventory's member has hosts, or names its request.
    usual_path = SHARED_REQUEST if hosts or may_lack_hosts else ""
    return {
        "name": leaf.name,
        "hosts": hosts,
        **_unusual(
            ("cn", leaf.cn, shared_cn),
            ("request", leaf.path, usual_path),
            ("output", leaf.signing.output, f"{CERTS}/{leaf.name}"),
        ),
        **_profile_field(leaf, BOTH_ENDS, ""),
    }


def _peer_field(leaf: Leaf, peer: Leaf | None) -> Fields:
    """Return a member's second certificate as its field."""
    if not peer:
        return {}
    fields = _unusual(
        ("cn", peer.cn, leaf.cn),
        ("request", peer.path, leaf.path),
        ("output", peer.signing.output, f"{CERTS}/{peer.name}"),
    )
    return {"peer": {**fields, **_profile_field(peer, BOTH_ENDS, leaf.signing.profile)}}


def _user_fields(leaf: Leaf) -> Fields:
    return {
        "name": leaf.name,
        "cn": leaf.cn,
        **_unusual(
            ("request", leaf.path, own_request(leaf.name)),
            ("output", leaf.signing.output, f"{CERTS}/{leaf.name}"),
        ),
        **_profile_field(leaf, (CLIENT_AUTH,), CLIENT),
    }


def _profile_field(leaf: Leaf, needed: tuple[str, ...], usual: str) -> Fields:
    """Return the profile of a component, where it is not the usual one.

    Or where that grants less than the usages that are needed: what a profile grants that an
    inventory names is all that is asked for.
    """
    is_usual = leaf.signing.profile == usual and not lacking_usages(needed, leaf.usages)
    return {} if is_usual else {"profile": leaf.signing.profile}


def _unusual(*fields: tuple[str, str, str]) -> Fields:
    """Return the fields, of name, value and what is usual, that an inventory has to spell out."""
    return {name: value for name, value, usual in fields if value != usual}


def setting_fields(leaves: list[Leaf], authority: Request, config: SigningConfig) -> Fields:
    """Return the settings that the inventory can name; others stay as they are in the files."""
    request = next((leaf.request for leaf in leaves if leaf.is_server), leaves[0].request)
    ca_expiry = _hours(authority.ca.expiry if authority.ca and authority.ca.expiry else CA_EXPIRY)
    names = {
        NAMES[word]: text
        for word, text in (request.names[0] if request.names else {}).items()
        if word in NAMES and (word != "C" or re.fullmatch("[A-Z]{2}", text))
    }
    return {
        "key": str(request.key) if spelling.parse_key(str(request.key)) else str(DEFAULTS.key),
        # An inventory's certificates end before their CA.
        "expiry": f"{min(_hours(config.default.expiry), ca_expiry - 1)}h",
        "ca_expiry": f"{ca_expiry}h",
        "ca_cn": authority.cn or DEFAULTS.ca_cn,
        **dict.fromkeys(("organization", "organizational_unit", "locality"), ""),
        **names,
    }


def _hours(text: str) -> int:
    duration = durations.parse(text)
    return max(1, int(duration.total_seconds()) // 3600) if duration else DEFAULTS.expiry

"""What a folder made by hand says about its cluster: signings and requests become an inventory."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tls_scaffold import durations, readers, words
from tls_scaffold.cfssl import CA_EXPIRY, Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.gencert import Signing
from tls_scaffold.inventory import CLIENT, LOOPBACK, MEMBERS_CN, SHARED_REQUEST, Inventory

CA_REQUEST, CONFIG = "config/ca-csr.json", "config/ca-config.json"
CA = "certs/ca"
NAMES = {"O": "organization", "OU": "organizational_unit", "L": "locality", "ST": "state", "C": "country"}
DEFAULTS = Inventory(members=())
PEER, PROXY = "peer-", "proxy"


@dataclass(frozen=True)
class Seed:
    """Where the content of a file of ours comes from: another file, and the fields that its signing overrode."""

    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Adopted:
    """The inventory as data, and what of the folder stands in other places than ours.

    `seeds` are files of ours by path; `ca` is the path of the CA's files without `.pem`.
    """

    inventory: dict[str, Any]
    seeds: dict[str, Seed]
    ca: str


@dataclass(frozen=True)
class _Leaf:
    name: str
    signing: Signing
    request: Request
    server: bool
    path: str


def adopted(signings: Iterable[Signing], texts: Mapping[str, str]) -> Adopted:
    """Describe a folder by what its Makefile signs and the texts of its JSON files, by path.

    Raises ScaffoldError with everything that is not understood.
    """
    every = tuple(signings)
    requests, problems = _requests(every, texts)
    problems += [problem for signing in every for problem in _problems(signing)]
    authorities = [signing for signing in every if signing.makes_ca]
    leaves = [signing for signing in every if not signing.makes_ca]
    problems += _one(authorities, leaves)
    if problems:
        raise ScaffoldError("the folder is not understood, and nothing was changed", dict.fromkeys(problems))
    authority = authorities[0]
    parts = _leaves(leaves, requests)
    config = leaves[0].config
    seeds = {CA_REQUEST: Seed(authority.request), CONFIG: Seed(config)} | {
        leaf.path: Seed(leaf.signing.request, _overrides(leaf.signing)) for leaf in parts
    }
    return Adopted(
        inventory={**_settings(parts, requests[authority.request], texts.get(config, "")), **_components(parts)},
        seeds={path: seed for path, seed in seeds.items() if seed.source and (seed.source != path or seed.fields)},
        ca=authority.output,
    )


def _requests(signings: Iterable[Signing], texts: Mapping[str, str]) -> tuple[dict[str, Request], list[str]]:
    found: dict[str, Request] = {}
    problems: list[str] = []
    for signing in signings:
        if signing.request not in texts:
            problems.append(f"{signing.target}: the request `{signing.request}` does not exist in this folder")
            continue
        try:
            found[signing.request], _ = readers.readable_request(texts[signing.request], signing.request)
        except ScaffoldError as error:
            problems.append(error.summary)
    return found, problems


def _problems(signing: Signing) -> Iterable[str]:
    place, name = signing.target, posixpath.basename(signing.output)
    if name in ("", PEER):
        yield f"{place}: `{signing.output}.pem`, signed from `{signing.request}`, has no name (is a variable not set?)"
    elif not signing.makes_ca and (problem := words.name_problem(name)):
        yield f"{place}: the certificate `{signing.output}.pem`: {problem}"
    for flag in signing.unknown:
        yield f"{place}: `{flag}` of `cfssl gencert` is not known here"


def _one(authorities: list[Signing], leaves: list[Signing]) -> Iterable[str]:
    if not leaves:
        yield "the Makefile signs no certificate"
    if not authorities:
        yield "the Makefile makes no CA (`cfssl gencert -initca`)"
    for what, paths in (
        ("CA", {signing.ca for signing in leaves} | {f"{signing.output}.pem" for signing in authorities}),
        ("CA key", {signing.ca_key for signing in leaves} | {f"{signing.output}-key.pem" for signing in authorities}),
        ("signing configuration", {signing.config for signing in leaves}),
    ):
        if len(paths) > 1:
            yield f"there is more than one {what}: {', '.join(f'`{path}`' for path in sorted(paths))}"


def _leaves(signings: list[Signing], requests: Mapping[str, Request]) -> list[_Leaf]:
    used = Counter(signing.request for signing in signings)
    servers = {signing.output for signing in signings if _is_server(signing, requests[signing.request], used)}
    servers = servers or {each.output for each in signings if _hosts(requests[each.request], each)}
    names = _names(signings)
    return [
        _Leaf(
            name,
            signing,
            requests[signing.request],
            signing.output in servers,
            f"config/req-{name}.json" if _overrides(signing) else signing.request,
        )
        for name, signing in zip(names, signings, strict=True)
    ]


def _is_server(signing: Signing, request: Request, used: Counter[str]) -> bool:
    return (request.cn if signing.cn is None else signing.cn) == MEMBERS_CN or used[signing.request] > 1


def _names(signings: list[Signing]) -> list[str]:
    """Name each by its certificate, and by the folder of that too where two would be called the same."""
    counts = Counter(posixpath.basename(signing.output).lower() for signing in signings)
    return [
        name if counts[name.lower()] == 1 else f"{posixpath.basename(posixpath.dirname(signing.output))}-{name}"
        for signing in signings
        for name in [posixpath.basename(signing.output)]
    ]


def _overrides(signing: Signing) -> dict[str, Any]:
    cn = {} if signing.cn is None else {"CN": signing.cn}
    return cn if signing.hostname is None else {**cn, "hosts": signing.hostname.split(",")}


def _hosts(request: Request, signing: Signing) -> list[str]:
    hosts = _overrides(signing).get("hosts", request.hosts or ())
    loopback = {words.canonical_host(host) for host in (*LOOPBACK, "::1")}
    return [host for host in hosts if not words.host_problem(host) and words.canonical_host(host) not in loopback]


def _components(leaves: list[_Leaf]) -> dict[str, Any]:
    servers = [leaf for leaf in leaves if leaf.server]
    beside = [leaf for leaf in servers if leaf.name.startswith((PEER, PROXY))]
    members = [leaf for leaf in servers if leaf not in beside] or servers
    owned = _owned(servers)
    return {
        "members": [_server(leaf, owned[leaf.name], member=True) for leaf in members],
        "proxies": [_server(leaf, owned[leaf.name], member=False) for leaf in servers if leaf not in members],
        "users": [_user(leaf) for leaf in leaves if not leaf.server],
    }


def _owned(servers: list[_Leaf]) -> dict[str, list[str]]:
    """Tell which hosts are whose: those of a request of one's own, or the one that is called like the component.

    The others stay in the shared request, as the team's own.
    """
    used = Counter(leaf.path for leaf in servers)
    given: set[str] = set()
    owned: dict[str, list[str]] = {}
    for leaf in servers:
        hosts = _hosts(leaf.request, leaf.signing)
        mine = [host for host in hosts if used[leaf.path] == 1 or host == leaf.name]
        owned[leaf.name] = [host for host in mine if words.canonical_host(host) not in given]
        given |= {words.canonical_host(host) for host in mine}
    return owned


def _server(leaf: _Leaf, hosts: list[str], *, member: bool) -> dict[str, Any]:
    usual = leaf.path == SHARED_REQUEST and (hosts or not member)
    profile = {"profile": leaf.signing.profile} if leaf.signing.profile else {}
    return {
        "name": leaf.name,
        "hosts": hosts,
        **({} if usual else {"request": leaf.path}),
        **_output(leaf),
        **profile,
    }


def _user(leaf: _Leaf) -> dict[str, Any]:
    cn = leaf.request.cn if leaf.signing.cn is None else leaf.signing.cn
    return {
        "name": leaf.name,
        "cn": cn or leaf.name,
        **({} if leaf.path == f"config/req-{leaf.name}.json" else {"request": leaf.path}),
        **_output(leaf),
        **({} if leaf.signing.profile == CLIENT else {"profile": leaf.signing.profile}),
    }


def _output(leaf: _Leaf) -> dict[str, str]:
    return {} if leaf.signing.output == f"certs/{leaf.name}" else {"output": leaf.signing.output}


def _settings(leaves: list[_Leaf], authority: Request, config: str) -> dict[str, Any]:
    """Return the settings that the inventory can name; what it can't stays as it is in the files."""
    request = next((leaf.request for leaf in leaves if leaf.server), leaves[0].request)
    ca_expiry = _hours(authority.ca.expiry if authority.ca and authority.ca.expiry else CA_EXPIRY)
    names = {NAMES[word]: text for name in request.names[:1] for word, text in name.items() if word in NAMES}
    return {
        "key": str(request.key) if words.key(str(request.key)) else str(DEFAULTS.key),
        "expiry": f"{min(_expiry(config), ca_expiry - 1)}h",
        "ca_expiry": f"{ca_expiry}h",
        "ca_cn": authority.cn or DEFAULTS.ca_cn,
        **dict.fromkeys(("organization", "organizational_unit", "locality"), ""),
        **{name: text for name, text in names.items() if name != "country" or re.fullmatch("[A-Z]{2}", text)},
    }


def _expiry(config: str) -> int:
    if not config:
        return DEFAULTS.expiry
    found, _ = readers.readable_signing_config(config, CONFIG)
    return _hours(found.default.expiry)


def _hours(text: str) -> int:
    duration = durations.parse(text)
    return max(1, int(duration.total_seconds()) // 3600) if duration else DEFAULTS.expiry

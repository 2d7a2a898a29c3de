"""What a folder made by hand says about its cluster: signings and requests become an inventory."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tls_scaffold import words
from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import MEMBERS_CN, PEER
from tls_scaffold.keeping.description import Leaf, Seed, components, overrides, own_hosts, settings
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_REQUEST, CONFIG


@dataclass(frozen=True)
class Adopted:
    """The inventory as data, and what of the folder stands in other places than ours.

    `seeds` are files of ours by path; `ca` is the path of the CA's files without `.pem`.
    """

    inventory: dict[str, Any]
    seeds: dict[str, Seed]
    ca: str


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
        raise ScaffoldError(
            "the folder is not understood, and nothing was changed", dict.fromkeys(problems)
        )
    authority = authorities[0]
    parts = _leaves(leaves, requests)
    config = leaves[0].config
    seeds = {CA_REQUEST: Seed(authority.request), CONFIG: Seed(config)} | {
        leaf.path: Seed(leaf.signing.request, overrides(leaf.signing)) for leaf in parts
    }
    return Adopted(
        inventory={
            **settings(parts, requests[authority.request], texts.get(config, "")),
            **components(parts),
        },
        seeds={
            path: seed
            for path, seed in seeds.items()
            if seed.source and (seed.source != path or seed.fields)
        },
        ca=authority.output,
    )


def _requests(
    signings: Iterable[Signing], texts: Mapping[str, str]
) -> tuple[dict[str, Request], list[str]]:
    found: dict[str, Request] = {}
    problems: list[str] = []
    for signing in signings:
        if signing.request not in texts:
            problems.append(
                f"{signing.target}: the request `{signing.request}` does not exist in this folder"
            )
            continue
        try:
            found[signing.request], _ = readers.readable_request(
                texts[signing.request], signing.request
            )
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
        (
            "CA",
            {signing.ca for signing in leaves}
            | {f"{signing.output}.pem" for signing in authorities},
        ),
        (
            "CA key",
            {signing.ca_key for signing in leaves}
            | {f"{signing.output}-key.pem" for signing in authorities},
        ),
        ("signing configuration", {signing.config for signing in leaves}),
    ):
        if len(paths) > 1:
            yield f"there is more than one {what}: {', '.join(f'`{path}`' for path in sorted(paths))}"


def _leaves(signings: list[Signing], requests: Mapping[str, Request]) -> list[Leaf]:
    servers = {signing.output for signing in _servers(signings, requests)}
    names = _names(signings)
    return [
        Leaf(
            name,
            signing,
            requests[signing.request],
            signing.output in servers,
            f"config/req-{name}.json" if overrides(signing) else signing.request,
        )
        for name, signing in zip(names, signings, strict=True)
    ]


def _servers(signings: list[Signing], requests: Mapping[str, Request]) -> list[Signing]:
    """Tell the servers: those of the CN etcd; else those that share a request with hosts; else all with hosts."""
    used = Counter(signing.request for signing in signings)
    with_hosts = [
        each
        for each in signings
        if any(overrides(each).get("hosts", requests[each.request].hosts or ()))
    ]
    return (
        [
            each
            for each in signings
            if overrides(each).get("CN", requests[each.request].cn) == MEMBERS_CN
        ]
        or [each for each in with_hosts if used[each.request] > 1]
        or [each for each in with_hosts if own_hosts(requests[each.request], each)]
    )


def _names(signings: list[Signing]) -> list[str]:
    """Name each by its certificate, and by the folder of that too where two would be called the same."""
    counts = Counter(posixpath.basename(signing.output).lower() for signing in signings)
    return [
        name
        if counts[name.lower()] == 1
        else f"{posixpath.basename(posixpath.dirname(signing.output))}-{name}"
        for signing in signings
        for name in [posixpath.basename(signing.output)]
    ]

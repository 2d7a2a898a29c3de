"""What a folder made by hand says about its cluster: its signings and requests as an inventory."""

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tls_scaffold import spelling
from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.reach import request_problem
from tls_scaffold.inventory.values import PEER
from tls_scaffold.keeping.adoptedhosts import overrides
from tls_scaffold.keeping.adoptedservers import find_servers
from tls_scaffold.keeping.description import Leaf, Seed, component_lists, setting_fields
from tls_scaffold.keeping.severalcas import (
    ONE_ROOT,
    cas_below_cas,
    certificates_by_ca,
    config_of,
    folder_each,
    told_by_ca,
)
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_REQUEST, CONFIG, own_request


@dataclass(frozen=True)
class Adopted:
    """The inventory as data, and what of the folder stands in other places than ours.

    `seeds` are files of ours by path; `ca` is the path of the CA's files without `.pem`, `config`
    what all is signed by.
    """

    inventory: dict[str, Any]
    seeds: dict[str, Seed]
    ca: str
    config: SigningConfig


def describe_folder(signings: Iterable[Signing], texts: Mapping[str, str]) -> Adopted:
    """Describe a folder by what its Makefile signs and the texts of its JSON files, by path.

    Raises ScaffoldError with everything that is not understood.
    """
    every = tuple(signings)
    requests, problems = _read_requests(every, texts)
    problems += [problem for signing in every for problem in _signing_problems(signing)]
    authorities = [signing for signing in every if signing.makes_ca]
    others = [signing for signing in every if not signing.makes_ca]
    problems += _authority_problems(authorities, others)
    below = list(cas_below_cas(every, texts))
    hint = ONE_ROOT if below else ""
    if not below and len(authorities) > 1:
        by_ca = certificates_by_ca(authorities, others)
        problems += told_by_ca(by_ca)
        hint = folder_each(by_ca)
    if problems or below:
        summary = "the folder is not understood, and nothing was changed"
        raise ScaffoldError(summary, dict.fromkeys((*below, *problems)), hint)
    authority, config_path = authorities[0], others[0].config
    config = config_of(texts, config_path)
    leaves = _leaves([_with_true_profile(each, config) for each in others], requests, config)
    seeds = {CA_REQUEST: Seed(authority.request), CONFIG: Seed(config_path)}
    seeds |= {leaf.path: Seed(leaf.signing.request, overrides(leaf.signing)) for leaf in leaves}
    settings = setting_fields(leaves, requests[authority.request], config)
    return Adopted(
        inventory={**settings, **component_lists(leaves)},
        seeds={
            path: seed
            for path, seed in seeds.items()
            if seed.source and (seed.source != path or seed.fields)
        },
        ca=authority.output,
        config=config,
    )


def _read_requests(
    signings: Iterable[Signing], texts: Mapping[str, str]
) -> tuple[dict[str, Request], list[str]]:
    found: dict[str, Request] = {}
    problems: list[str] = []
    for signing in signings:
        path = signing.request
        if path not in texts:
            problems.append(f"{signing.target}: the request `{path}` does not exist in this folder")
            continue
        try:
            found[path], _ = readers.readable_request(texts[path], path)
        except ScaffoldError as error:
            problems += [f"{error.summary}: {each}" for each in error.problems] or [error.summary]
    return found, problems


def _signing_problems(signing: Signing) -> Iterator[str]:
    place, name = signing.target, posixpath.basename(signing.output)
    if signing.unset:
        yield f"{place}: {signing.unset_problem('adopt')}"
        return
    if name in ("", PEER):
        yield (
            f"{place}: `{signing.certificate_path}`, signed from `{signing.request}`, has no name"
            " (is a variable not set?)"
        )
    elif not signing.makes_ca and (problem := spelling.name_problem(name)):
        yield f"{place}: the certificate `{signing.certificate_path}`: {problem}"
    for flag in signing.unknown:
        yield f"{place}: `{flag}` of `cfssl gencert` is not known here"


def _authority_problems(authorities: list[Signing], others: list[Signing]) -> Iterator[str]:
    """Say what an inventory can't describe: it has one CA, which signs by one configuration."""
    if not others:
        yield "the Makefile signs no certificate"
    if not authorities:
        yield "the Makefile makes no CA (`cfssl gencert -initca`)"
    paths_of = {
        "CA": {
            *(signing.ca for signing in others),
            *(signing.certificate_path for signing in authorities),
        },
        "CA key": {
            *(signing.ca_key for signing in others),
            *(signing.key_path for signing in authorities),
        },
        "signing configuration": {signing.config for signing in others},
    }
    for what, paths in paths_of.items():
        if len(paths) > 1:
            listed = ", ".join(f"`{path}`" for path in sorted(paths))
            yield f"there is more than one {what}: {listed}"


def _with_true_profile(signing: Signing, config: SigningConfig) -> Signing:
    """Return a signing with the profile that cfssl signs with: the default for one there is not."""
    return signing if signing.profile in config.profiles else replace(signing, profile="")


def _leaves(
    signings: list[Signing], requests: Mapping[str, Request], config: SigningConfig
) -> list[Leaf]:
    servers = {signing.output for signing in find_servers(signings, requests, config)}
    return [
        Leaf(
            name,
            signing,
            requests[signing.request],
            is_server=signing.output in servers,
            path=_request_path(name, signing, requests),
            usages=config.profile_or_default(signing.profile).usages,
        )
        for name, signing in zip(component_names(signings), signings, strict=True)
    ]


def _request_path(name: str, signing: Signing, requests: Collection[str]) -> str:
    """Return where the request of a component will be: where it is, as far as one may be there.

    Beside certificates none may be, and what a command line says goes into a request of one's own.
    """
    own = own_request(name)
    if overrides(signing):
        return own
    if not request_problem(signing.request):
        return signing.request
    name_of_file = posixpath.basename(signing.request)
    is_free = [posixpath.basename(path) for path in requests].count(name_of_file) == 1
    beside = f"config/{name_of_file}"
    return beside if is_free and not request_problem(beside) else own


def component_names(signings: list[Signing]) -> list[str]:
    """Name each by its certificate, and by its folder too where two would be called alike."""
    paths = [posixpath.split(signing.output) for signing in signings]
    counts = Counter(name.lower() for _, name in paths)
    return [
        name if counts[name.lower()] == 1 else f"{posixpath.basename(directory)}-{name}"
        for directory, name in paths
    ]

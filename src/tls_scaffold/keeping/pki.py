"""Certificates that others made, described so that the next signing gives the same ones."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tls_scaffold.cfssl.requests import EMAIL, Authority, Request, names_of
from tls_scaffold.cfssl.usages import KNOWN
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.terms import SERVER_AUTH
from tls_scaffold.inventory.values import PEER
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.keeping.pkifolder import Pair, Pki
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_OUTPUT, CA_REQUEST, CERTS, CONFIG, own_request
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.matching import signed_by, signs_itself
from tls_scaffold.signing.pairing import has_odd_names
from tls_scaffold.spelling import listed, name_problem

ETCD = "etcd"  # where kubeadm has etcd's own CA
MOST_CHOICES = 10
WITHOUT_KEY = (
    "without it nothing can be signed: put it beside the CA in a copy of the folder, without a "
    "password (`openssl pkey -in KEY -out FILE` takes one off)"
)
HOUR = timedelta(hours=1)
Group = tuple[tuple[str, ...], int]


@dataclass(frozen=True)
class Described:
    """What of a folder of certificates is taken: the CA, pairs by component, what says the same.

    `left` are certificates and keys that are not taken, and why.
    """

    ca: Pair
    pairs: Mapping[str, Pair]
    signings: tuple[Signing, ...]
    texts: Mapping[str, str]
    left: tuple[Problem, ...]


def describe_pki(pki: Pki, chosen: str, now: datetime) -> Described:
    """Describe what one CA of a folder has signed; `chosen` is its path if there are several.

    Raises ScaffoldError where it can't be told which, or where nothing can be taken.
    """
    ca = _choose_ca(pki, chosen)
    left = {each.place.path: each.message for each in pki.others}
    leaves: list[Pair] = []
    for pair in pki.pairs:
        reason = "" if pair is ca else _why_left(pair, ca, pki, now)
        if reason:
            left[pair.path] = reason
        elif pair is not ca:
            leaves.append(pair)
    pairs, doubles = _by_name(leaves)
    left |= doubles
    for name, pair in list(pairs.items()):
        if wrong := name_problem(name):
            left[pair.path] = wrong
            del pairs[name]
    problems = tuple(Problem(Place(path), reason) for path, reason in sorted(left.items()))
    if not pairs:
        raise ScaffoldError(f"`{ca.path}` has signed nothing that can be taken", problems)
    groups = _profiles(pairs.values())
    texts = {
        CA_REQUEST: _ca_request(ca.certificate).to_json(),
        CONFIG: json_text(_config(groups)),
        **{own_request(name): _request(each.certificate).to_json() for name, each in pairs.items()},
    }
    signings = (
        Signing("ca", ca.path, CA_REQUEST, CA_OUTPUT, makes_ca=True),
        *(
            Signing(name, pair.path, own_request(name), f"{CERTS}/{name}", groups[_group(pair)])
            for name, pair in pairs.items()
        ),
    )
    return Described(ca, pairs, signings, texts, problems)


def _choose_ca(pki: Pki, chosen: str) -> Pair:
    authorities = [each for each in pki.pairs if each.certificate.is_ca]
    if chosen:
        found = [each for each in authorities if each.path == posixpath.normpath(chosen)]
    else:
        roots = [each for each in authorities if each.key and signs_itself(each.certificate)]
        signing = [
            each
            for each in roots
            if any(pair is not each and _has_signed(each, pair) for pair in pki.pairs)
        ]
        of_etcd = [each for each in roots if posixpath.dirname(each.path) == ETCD]
        found = of_etcd or signing or roots or authorities
    if len(found) == 1 and found[0].key:
        return found[0]
    if len(found) == 1:
        summary = f"the key of the CA `{found[0].path}` is not there, or can't be used"
        raise ScaffoldError(summary, _about(pki, found[0]), WITHOUT_KEY)
    there = listed([each.path for each in authorities], MOST_CHOICES) or "none"
    summary = f"which CA is meant can't be told: there are {len(authorities)} ({there})"
    raise ScaffoldError(summary, pki.others if not authorities else (), "`--ca FILE` names one")


def _about(pki: Pki, ca: Pair) -> Iterator[Problem]:
    """Yield what is told of keys that may be a CA's."""
    stem = posixpath.splitext(posixpath.basename(ca.path))[0]
    yield from (each for each in pki.others if stem in posixpath.basename(each.place.path))


def _has_signed(ca: Pair, pair: Pair) -> bool:
    names = ca.certificate.subject == pair.certificate.issuer
    return names and signed_by(pair.certificate, ca.certificate)


def _why_left(pair: Pair, ca: Pair, pki: Pki, now: datetime) -> str:
    """Say why a certificate is not taken; empty where it is."""
    certificate = pair.certificate
    reasons = (
        (certificate.is_ca and not _has_signed(ca, pair), "another CA of the folder"),
        (not _has_signed(ca, pair), "another CA signed it"),
        (certificate.is_ca, "a CA below the one that is taken"),
        (certificate.parsed.serial_number in pki.revoked, "it was revoked"),
        (certificate.has_ended(now), f"it ended {certificate.not_after:%Y-%m-%d}"),
        (not pair.key, "its key is not there, or can't be used"),
        (has_odd_names(certificate), "it has alternative names that no request can ask for"),
        (not certificate.usages, "it names no usages, and cfssl signs none without"),
        (
            any(usage not in KNOWN for usage in certificate.usages),
            f"cfssl does not know all of its usages: {', '.join(certificate.usages)}",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")


def _by_name(pairs: Iterable[Pair]) -> tuple[dict[str, Pair], dict[str, str]]:
    """Name each by its file, and by its folder too where two would be called alike.

    A `peer` beside a `server`, as kubeadm has it, is the server's second certificate. Second come
    the paths of those that would be called like another all the same, and why they are left.
    """
    stems = {each.path: posixpath.splitext(each.path)[0].removesuffix("-cert") for each in pairs}
    counts = Counter(posixpath.basename(stem).lower() for stem in stems.values())
    beside = set(stems.values())
    found: dict[str, Pair] = {}
    doubles: dict[str, str] = {}
    owners: dict[str, str] = {}
    for each in pairs:
        directory, name = posixpath.split(stems[each.path])
        if counts[name.lower()] > 1 and directory:
            name = f"{posixpath.basename(directory)}-{name}"
        elif name == "peer" and posixpath.join(directory, "server") in beside:
            name = f"{PEER}server"
        owner = owners.setdefault(name.lower(), each.path)
        if owner == each.path:
            found[name] = each
        else:
            doubles[each.path] = f"it would be called `{name}`, as `{owner}` is"
    return found, doubles


def _request(certificate: Certificate) -> Request:
    return Request(
        cn=certificate.cn,
        hosts=certificate.hosts,
        key=certificate.key,
        names=_names(certificate),
        serial_number=certificate.serial_number_of_subject,
    )


def _names(certificate: Certificate) -> tuple[Mapping[str, str], ...]:
    return names_of(
        ("E" if word == EMAIL else word, text)
        for word, text in certificate.subject
        if word not in ("CN", "serialNumber")
    )


def _ca_request(certificate: Certificate) -> Request:
    length = certificate.path_length
    authority = Authority(
        expiry=f"{_hours(certificate)}h",
        path_length=length or 0,
        path_length_zero=length == 0,
    )
    return Request(cn=certificate.cn, key=certificate.key, names=_names(certificate), ca=authority)


def _hours(certificate: Certificate) -> int:
    return max(1, round(certificate.lifetime / HOUR))


def _group(pair: Pair) -> Group:
    return pair.certificate.usages, _hours(pair.certificate)


def _profiles(pairs: Iterable[Pair]) -> dict[Group, str]:
    """Return the name of the profile of each kind of usages and lifetime; one is the default."""
    counts = Counter(map(_group, pairs))
    ordered = sorted(counts, key=lambda each: (SERVER_AUTH not in each[0], -counts[each], each))
    names: dict[Group, str] = {}
    for group in ordered:
        base = "" if not names else "server" if SERVER_AUTH in group[0] else "client"
        taken = [each for each in names.values() if each.rstrip("-0123456789") == base]
        names[group] = f"{base}-{len(taken) + 1}" if taken else base
    return names


def _config(groups: Mapping[Group, str]) -> dict[str, Any]:
    profiles = {
        name: {"usages": list(usages), "expiry": f"{hours}h"}
        for (usages, hours), name in groups.items()
    }
    default = profiles.pop("")
    named = {"profiles": profiles} if profiles else {}
    return {"signing": {"default": default, **named}}

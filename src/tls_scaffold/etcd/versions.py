"""What depends on etcd's version: holes that later releases closed, and rights that changed.

Versions from https://github.com/etcd-io/etcd/security/advisories, tried on releases around each.
"""

import re
from dataclasses import dataclass

Numbers = tuple[int, ...]
NEWEST = (9999, 0, 0)  # what an etcd that tells no version is taken for: it gets no excuse


def numbers(version: str) -> Numbers:
    """Return the three numbers of a version such as `3.5.1` or `3.7.0-rc.1`."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else NEWEST


@dataclass(frozen=True)
class Hole:
    """Something that etcd wrongly lets through, and the first release of each minor that does not.

    Minors older than the first of `fixed` were never mended, newer ones than the last began so.
    `since` is the first release that has it of each minor that began without; older ones have not.
    """

    name: str
    sentence: str
    fixed: tuple[str, ...]
    since: tuple[str, ...] = ()

    def is_open(self, version: str) -> bool:
        """Tell whether this version lets it through."""
        here = numbers(version)
        begun = [numbers(each) for each in self.since]
        if begun and (
            here < begun[0] or any(here[:2] == each[:2] and here < each for each in begun)
        ):
            return False
        for fixed in map(numbers, self.fixed):
            if here[:2] == fixed[:2]:
                return here < fixed
        return here < numbers(self.fixed[0])

    @property
    def releases(self) -> str:
        """The releases that let it through, of a hole that came with a release, in words."""
        begun = {numbers(each)[:2]: each for each in self.since}
        fixed = {numbers(each)[:2]: each for each in self.fixed}
        parts = []
        for minor in sorted({*begun, *fixed}):
            name = ".".join(map(str, minor))
            first, end = begun.get(minor, f"{name}.0"), fixed.get(minor)
            if end is None:
                parts.append(f"{first} and later of {name}")
            elif numbers(end) > numbers(first):
                parts.append(f"{first} to {name}.{numbers(end)[2] - 1}")
        return ", ".join(parts)


NESTED = Hole(
    "CVE-2026-33343",
    "whoever has a certificate of the CA reads and writes every key, by a transaction within "
    "another",
    ("3.4.42", "3.5.28", "3.6.9"),
)
MAINTENANCE = Hole(
    "CVE-2026-33413",
    "whoever has a certificate of the CA compacts, disarms alarms, lists leases and keeps those "
    "of others alive",
    ("3.4.42", "3.5.28", "3.6.9"),
)
PUT_IN_TRANSACTION = Hole(
    "CVE-2026-44283",
    "whoever may write a key reads what was there (prev_kv), and ties it to a lease of others, by "
    "a transaction",
    ("3.4.44", "3.5.30", "3.6.11"),
)
OPEN_WATCH = Hole(
    "GHSA-xg4h-6gfc-h4m8",
    "whoever may read a key watches that key and all that follow it",
    ("3.5.33", "3.6.14", "3.7.1"),
)
LEASED_KEYS = Hole(
    "CVE-2023-32082",
    "whoever has a certificate of the CA sees the names of the keys that a lease of others holds",
    ("3.4.26", "3.5.9"),
)
REVOKED_LET_IN = Hole(
    "GHSA-3wh4-j44w-pg92",
    "with `--listen-client-http-urls` whoever was revoked (`--client-crl-file`) is let in all the "
    "same",
    ("3.5.32", "3.6.13", "3.7.0"),
    since=("3.4.25", "3.5.8"),  # which brought that flag
)
HOLES = (NESTED, MAINTENANCE, PUT_IN_TRANSACTION, OPEN_WATCH, LEASED_KEYS, REVOKED_LET_IN)

# From the first version of each pair to before the second, only the role root asks for the status:
# with CVE-2026-33413 it was closed to all, and was given back since kube-apiserver asks for it.
STATUS_NEEDS_ROOT = (("3.4.42", "3.5.0"), ("3.5.28", "3.5.32"), ("3.6.0", "3.6.12"))


def status_needs_root(version: str) -> bool:
    """Tell whether only the role root may ask a member for its status."""
    here = numbers(version)
    return any(numbers(first) <= here < numbers(end) for first, end in STATUS_NEEDS_ROOT)


def knows_auth_status(version: str) -> bool:
    """Tell whether one can ask if authentication is on."""
    return numbers(version) >= (3, 5, 0)


def auth_status_needs_root(version: str) -> bool:
    """Tell whether only the role root may ask if authentication is on."""
    return numbers(version) < (3, 7, 0)


def knows_several_peer_cns(version: str) -> bool:
    """Tell whether --peer-cert-allowed-cn is a list (etcd's pull request 18160)."""
    return numbers(version) >= (3, 5, 15)

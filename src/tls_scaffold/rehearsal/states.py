"""What members and clients hold at one time: pairs, whom they trust, and what they start with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from tls_scaffold.bundles.memberflags import trust_of
from tls_scaffold.bundles.members import ENVIRONMENT
from tls_scaffold.bundles.settings import DIST
from tls_scaffold.disk.plainfiles import content, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, CRL, KEY_ENDING, TRUSTS
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.trust import read_trust

VARIABLE = "ETCD_"
NOT_REHEARSED = "nothing is rehearsed"


@dataclass(frozen=True)
class Held:
    """What a component holds: its chain, the leaf first, and the CAs that it trusts.

    `fits` tells whether its key is that of its certificate.
    """

    chain: tuple[Certificate, ...]
    trust: tuple[Certificate, ...]
    fits: bool = True


@dataclass(frozen=True)
class State:
    """What all hold at one time; `name` is for people, `held` by the name of a component.

    `rights` are `rbac.sh` and what it applies, `crl` the list of revoked certificates, empty where
    there is none. `flags` are what members are started with by their names, where that stands in a
    file; else the inventory says.
    """

    name: str
    inventory: Inventory
    held: Mapping[str, Held]
    rights: Mapping[str, bytes]
    crl: bytes = b""
    flags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def mapped(self, change: Callable[[Certificate], Certificate]) -> "State":
        """Return the same state with another certificate for each."""
        held = {
            name: replace(
                each,
                chain=tuple(map(change, each.chain)),
                trust=tuple(map(change, each.trust)),
            )
            for name, each in self.held.items()
        }
        return replace(self, held=held)

    @property
    def certificates(self) -> Iterator[Certificate]:
        """Every certificate that somebody holds."""
        for held in self.held.values():
            yield from (*held.chain, *held.trust)


def holders(inventory: Inventory) -> tuple[Component, ...]:
    """Return the components that have a part in a rehearsal: members, what they show, users."""
    pairs = dict.fromkeys(chain.from_iterable(inventory.member_pairs))
    return (*pairs, *(each for each in inventory.components if each.kind == "user"))


def read_certs(folder: Path, inventory: Inventory, name: str = f"{CERTS}/") -> State:
    """Return what the folder's certificates and keys are now.

    Raises ScaffoldError with all that is missing, or is no certificate.
    """
    trusts = {ca: read_trust(folder, ca).cas for ca in TRUSTS}

    def read(component: Component) -> Held:
        path = f"{component.output}{CERTIFICATE_ENDING}"
        chain_of = certificates.read_all(content(folder, path), path)
        key = plain_or_empty(folder / f"{component.output}{KEY_ENDING}")
        return Held(chain_of, trusts[component.ca], not matching.key_trouble(chain_of[0], key))

    held = _all_held(inventory, read, "`make` signs what is missing")
    return State(name, inventory, held, _rights(folder), plain_or_empty(folder / CRL))


def read_dist(folder: Path, inventory: Inventory) -> State:
    """Return what the bundles in `dist/` hold.

    Raises ScaffoldError with all that is missing, or is no certificate.
    """
    owners = {peer.name: own.name for own, peer in inventory.member_pairs}

    def read(component: Component) -> Held:
        home = f"{DIST}/{owners.get(component.name, component.name)}"
        path, key_path, trust = (
            f"{home}/{each}"
            for each in (
                f"{component.name}{CERTIFICATE_ENDING}",
                f"{component.name}{KEY_ENDING}",
                trust_of(component),
            )
        )
        chain_of = certificates.read_all(content(folder, path), path)
        trusted = certificates.read_all(content(folder, trust), trust)
        key = plain_or_empty(folder / key_path)
        return Held(chain_of, trusted, not matching.key_trouble(chain_of[0], key))

    held = _all_held(inventory, read, "`tls-scaffold bundle` makes what is missing")
    homes = {member.name: folder / DIST / member.name for member in inventory.members}
    flags = {name: _flags(home / ENVIRONMENT) for name, home in homes.items()}
    crl = next(
        filter(None, (plain_or_empty(home / Path(CRL).name) for home in homes.values())), b""
    )
    return State(f"{DIST}/", inventory, held, _rights(folder), crl, flags)


def _all_held(
    inventory: Inventory, read: Callable[[Component], Held], hint: str
) -> dict[str, Held]:
    held: dict[str, Held] = {}
    problems: dict[str, None] = {}
    for component in holders(inventory):
        try:
            held[component.name] = read(component)
        except ScaffoldError as error:  # noqa: PERF203 - all are told at once
            problems[error.without("")] = None
    if problems:
        raise ScaffoldError(NOT_REHEARSED, problems, hint)
    return held


def _rights(folder: Path) -> dict[str, bytes]:
    return {name: plain_or_empty(folder / name) for name in (SCRIPT, FACTS)}


def _flags(path: Path) -> dict[str, str]:
    """Return the flags that a member's variables stand for; they are ours to the letter."""
    lines = plain_or_empty(path).decode(errors="replace").splitlines()
    return dict(_pairs(line for line in lines if line.startswith(VARIABLE)))


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.removeprefix(VARIABLE).partition("=")
        yield name.lower().replace("_", "-"), value.strip('"')

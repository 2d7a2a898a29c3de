"""What members and clients hold at one time: pairs, whom they trust, and what they start with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from tls_scaffold.bundles.memberflags import trust_of
from tls_scaffold.bundles.members import ENVIRONMENT
from tls_scaffold.bundles.settings import DIST, LIST
from tls_scaffold.disk.plainfiles import content, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.clusterparts import Member, Peer
from tls_scaffold.inventory.presets import comes_by_password
from tls_scaffold.inventory.rbac import SCRIPT, roles_of
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, CRL, KEY_ENDING, TRUSTS
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.trust import read_trust

VARIABLE = "ETCD_"
NOT_REHEARSED = "nothing is rehearsed"
OWN, PEERS, USER = "own", "peers", "user"
Side = tuple[str, str]


@dataclass(frozen=True)
class Held:
    """What a component holds: its chain, the leaf first, and the CAs that it trusts.

    `key_trouble` says why its key can't be used beside its certificate, in words that follow `it`.
    """

    chain: tuple[Certificate, ...]
    trust: tuple[Certificate, ...]
    key_trouble: str = ""


@dataclass(frozen=True)
class State:
    """What all hold at one time; `name` is for people, `held` by the name of a component.

    `script` is `rbac.sh`, `crl` the list of revoked certificates; empty where there is none.
    `flags` are what members are started with by their names, where that stands in a file; else the
    inventory says.
    """

    name: str
    inventory: Inventory
    held: Mapping[str, Held]
    script: bytes
    crl: bytes = b""
    flags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def member(self, name: str) -> Member:
        """Return the member of that name, which is there."""
        return next(each for each in self.inventory.members if each.name == name)

    @property
    def has_rights(self) -> bool:
        """Whether somebody has rights in etcd, and there is what gives them."""
        return bool(self.script) and any(map(roles_of, self.inventory.users))

    @property
    def by_side(self) -> Mapping[Side, Held]:
        """What a member shows and trusts on each side, and a user, each by that and its name."""
        found: dict[Side, Held] = {}
        inventory = self.inventory
        for member, (own, peer) in zip(inventory.members, inventory.member_pairs, strict=True):
            found[OWN, member.name], found[PEERS, member.name] = (
                self.held[each.name] for each in (own, peer)
            )
        users = (user.name for user in inventory.users)
        return found | {(USER, name): self.held[name] for name in users}

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


def laid_out(inventory: Inventory, is_there: Callable[[Component], bool]) -> Inventory:
    """Return an inventory without what it asks for and is not there yet, by `is_there`.

    So members that are to join have not joined, and peers show what they show clients. Where no
    member is left it stays as it is.
    """
    members = []
    for member, (own, peer) in zip(inventory.members, inventory.member_pairs, strict=True):
        if is_there(own):
            members.append(member if is_there(peer) else replace(member, peer=None))
    shows_peers = any(is_there(peer) for _, peer in inventory.member_pairs)
    users = (each.name for each in holders(inventory) if each.kind == "user" and is_there(each))
    names = set(users)
    return replace(
        inventory,
        members=tuple(members) or inventory.members,
        users=tuple(user for user in inventory.users if user.name in names),
        peer_ca=inventory.peer_ca and shows_peers,
    )


def with_their_cns(state: State) -> State:
    """Return a state whose inventory has the CNs of its certificates: who runs has been told so."""
    inventory = state.inventory
    members = []
    for member, (own, peer) in zip(inventory.members, inventory.member_pairs, strict=True):
        own_cn, peer_cn = (state.held[each.name].chain[0].cn for each in (own, peer))
        second = member.peer
        if peer_cn != own_cn:
            second = replace(second or Peer(), cn=peer_cn)
        members.append(replace(member, cn=own_cn, peer=second))
    users = [
        user if comes_by_password(user) else replace(user, cn=cn or user.cn)
        for user in inventory.users
        for cn in (state.held[user.name].chain[0].cn,)
    ]
    changed = replace(inventory, members=tuple(members), users=tuple(users))
    return replace(state, inventory=changed)


def file_of_dist(inventory: Inventory, component: Component) -> str:
    """Return the path of a component's certificate in its bundle: a member's has both of its."""
    owners = {peer.name: own.name for own, peer in inventory.member_pairs}
    home = owners.get(component.name, component.name)
    return f"{DIST}/{home}/{component.name}{CERTIFICATE_ENDING}"


def read_certs(folder: Path, inventory: Inventory, name: str = f"{CERTS}/") -> State:
    """Return what the folder's certificates and keys are now.

    Raises ScaffoldError with all that is missing, or is no certificate.
    """
    trusts = {ca: read_trust(folder, ca).cas for ca in TRUSTS}

    def read(component: Component) -> Held:
        path = component.certificate_path
        chain_of = certificates.read_all(content(folder, path), path)
        key = plain_or_empty(folder / component.key_path)
        return Held(chain_of, trusts[component.ca], matching.key_trouble(chain_of[0], key))

    held = _all_held(inventory, read)
    return State(
        name, inventory, held, plain_or_empty(folder / SCRIPT), plain_or_empty(folder / CRL)
    )


def read_dist(folder: Path, inventory: Inventory) -> State:
    """Return what the bundles in `dist/` hold.

    Raises ScaffoldError with all that is missing, or is no certificate.
    """

    def read(component: Component) -> Held:
        path = file_of_dist(inventory, component)
        key_path = f"{path.removesuffix(CERTIFICATE_ENDING)}{KEY_ENDING}"
        trust = f"{path.rpartition('/')[0]}/{trust_of(component)}"
        chain_of = certificates.read_all(content(folder, path), path)
        trusted = certificates.read_all(content(folder, trust), trust)
        key = plain_or_empty(folder / key_path)
        return Held(chain_of, trusted, matching.key_trouble(chain_of[0], key))

    held = _all_held(inventory, read, "`tls-scaffold bundle` makes what is missing")
    homes = {member.name: folder / DIST / member.name for member in inventory.members}
    flags = {name: _flags(home / ENVIRONMENT) for name, home in homes.items()}
    crl = next(filter(None, (plain_or_empty(home / LIST) for home in homes.values())), b"")
    return State(f"{DIST}/", inventory, held, plain_or_empty(folder / SCRIPT), crl, flags)


def _all_held(
    inventory: Inventory, read: Callable[[Component], Held], hint: str = ""
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


def _flags(path: Path) -> dict[str, str]:
    """Return the flags that a member's variables stand for; they are ours to the letter."""
    lines = plain_or_empty(path).decode(errors="replace").splitlines()
    return dict(_pairs(line for line in lines if line.startswith(VARIABLE)))


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.removeprefix(VARIABLE).partition("=")
        yield name.lower().replace("_", "-"), value.strip('"')

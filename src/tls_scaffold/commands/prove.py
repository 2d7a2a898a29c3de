"""`tls-scaffold prove`: what each user may do, tried on a throw-away cluster."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.bundles.settings import LIST
from tls_scaffold.commands.rbac import render_script, write_script
from tls_scaffold.commands.usablepairs import trusts_of, usable_pairs
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.signals import ended_by_signals
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import bundled, doors, etcdctl, guarded, proofs, throwaway
from tls_scaffold.etcd import cluster as etcd
from tls_scaffold.etcd.attempts import Attempt, Progress
from tls_scaffold.etcd.bench import Bench, Check, apply_script
from tls_scaffold.etcd.etcdctl import Identity, Member, Tools
from tls_scaffold.etcd.matrix import matrix
from tls_scaffold.etcd.versions import HOLES, Hole
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.clusterparts import User
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.values import FILE, LOOPBACK, Inventory
from tls_scaffold.paths import CA, PEER_CA
from tls_scaffold.signing import certificates
from tls_scaffold.signing.crlfile import members_and_root, sound_list
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.signing.trust import Trust

MOST_MEMBERS = 3


@dataclass(frozen=True)
class Proof:
    """What was tried on a cluster of `members` members of this etcd version, and how it went.

    `untried` are the members of the inventory whose certificates had no part in it, `replaced` the
    flags of etcd that were others than a member's bundle has.
    """

    version: str
    members: int
    untried: tuple[str, ...]
    replaced: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    checks: tuple[Check, ...]

    @property
    def surprises(self) -> int:
        """How many attempts and checks went otherwise than they should."""
        attempts = sum(not each.holds for each in self.attempts)
        return attempts + sum(not each.holds for each in self.checks)

    @property
    def count(self) -> int:
        """How many attempts and checks there were."""
        return len(self.attempts) + len(self.checks)

    @property
    def of_members(self) -> str:
        """How many members ran, and which did not."""
        untried = f" (not tried: {', '.join(self.untried)})" if self.untried else ""
        return f"members: {self.members}{untried}"

    @property
    def let_through(self) -> dict[Hole, int]:
        """How many attempts each hole of this etcd let through."""
        count = Counter(each.hole for each in self.attempts)
        return {hole: count[hole.name] for hole in HOLES if count[hole.name]}


def prove(
    folder: Path,
    names: Sequence[str],
    etcd_directory: Path | None,
    starting: Callable[[], object],
    progress: Progress,
) -> Proof:
    """Start a cluster, apply the folder's `rbac.sh`, switch authentication on, and try everything.

    With `names` only these users try, and nobody asks for the pairs of others. `starting` is called
    when all that is needed is there, before the cluster starts, which takes seconds. Raises
    ScaffoldError where there is no etcd, where certificates are missing, or where the cluster or
    the script does not get that far. Everything started is gone when this returns or raises.
    """
    inventory = _clients_alone(intake.load(folder))
    if not inventory.members:
        raise ScaffoldError(
            "nothing is proven: the cluster of a proof runs with the certificates of members",
            [f"`{FILE}` has none: this folder is for users alone"],
        )
    chosen = _chosen(inventory, names)
    tools = etcdctl.find_tools(etcd_directory)
    trusts = trusts_of(folder, inventory.components)
    identities = _identities(folder, inventory, chosen, trusts)
    crl = sound_list(folder, inventory, utc_now(), "nothing is proven") if inventory.crl else None
    members = [
        Member(server.name, identities[server.name], identities[peer.name])
        for server, peer in inventory.member_pairs[:MOST_MEMBERS]
    ]
    _check_peer_cns(tools, inventory)
    host = _loopback_name(folder, members)
    with ended_by_signals(), guarded.temporary_folder("tls-scaffold-") as into:
        scripts = _scripts_to_apply(folder, inventory, into)
        unedited = render_script(inventory, into / "ours", into)
        trusted = {path: (folder / trust.path).absolute() for path, trust in trusts.items()}
        ca, peer_ca = trusted[CA], trusted.get(PEER_CA)
        clients = throwaway.clients(inventory, identities, ca, into)
        stranger = throwaway.sign_client(ROOT, throwaway.new_ca("another CA"), into / "stranger")
        starting()
        clients_ca = None if clients.trusted == ca else clients.trusted
        bundles = bundled.lay_out_bundles(
            *(inventory, identities, trusted, into / "bundles", clients_ca),
            no_fsync=tools.knows_no_fsync,
        )
        if crl is not None:
            (into / "bundles" / LIST).write_bytes(crl)
        with etcd.cluster(tools, members, ca, into, bundles.flags, host=host) as cluster:
            users = {user.name: identities[user.name] for user in chosen}
            bench = Bench(
                *(cluster, clients.root, clients.trusted, members[0], stranger, users),
                peer_ca=peer_ca,
                logins=throwaway.logins(inventory),
                nobody=clients.nobody,
                crl=None if crl is None else into / "bundles" / LIST,
            )
            for script in scripts:
                apply_script(bench, script)
            apply_script(bench, scripts[0], "--enable")
            attempts = matrix(bench, inventory, chosen, progress)
            checks = (*doors.checks(bench), *proofs.checks(bench, scripts[0], inventory, unedited))
    return Proof(
        version=bench.version,
        members=len(members),
        untried=tuple(member.name for member in inventory.members[MOST_MEMBERS:]),
        replaced=bundles.replaced(cluster.flags),
        attempts=attempts,
        checks=checks,
    )


def _chosen(inventory: Inventory, names: Sequence[str]) -> tuple[User, ...]:
    """Return the users of these names, or all; ScaffoldError for what is no user."""
    if not names:
        return inventory.users
    components = intake.components_named(inventory, names)
    if others := [each for each in components if each.kind != "user"]:
        problems = [f"`{each.name}` is a {each.kind}" for each in others]
        raise ScaffoldError("there is no such user", problems)
    wanted = {each.name for each in components}
    return tuple(user for user in inventory.users if user.name in wanted)


def _clients_alone(inventory: Inventory) -> Inventory:
    """Return the inventory without users whose certificates are for servers alone."""
    return replace(inventory, users=tuple(user for user in inventory.users if user.is_client))


def _check_peer_cns(tools: Tools, inventory: Inventory) -> None:
    if len(inventory.asked_peer_cns) > 1 and not tools.knows_several_peer_cns:
        raise ScaffoldError(
            f"etcd {tools.version} can't run these members: "
            "it compares its peers with one CN alone",
            conflicts.several_peer_cns(inventory),
            "`--etcd DIR` takes another etcd; or give the members, or the `peer` of each, one CN",
        )


def _identities(
    folder: Path, inventory: Inventory, users: Iterable[User], trusts: Mapping[str, Trust]
) -> dict[str, Identity]:
    """Return certificate and key of each member, root and these users.

    Raises ScaffoldError if one is no good.
    """
    names = {each.name for each in members_and_root(inventory)} | {each.name for each in users}
    components = [each for each in inventory.components if each.name in names]
    usable_pairs(folder, inventory, components, trusts, "nothing is proven", for_proof=True)
    return {
        each.name: etcdctl.identity_at((folder / each.output).absolute()) for each in components
    }


def _loopback_name(folder: Path, members: Iterable[Member]) -> str:
    """Return the name of loopback that every member's certificates hold.

    Raises ScaffoldError where there is none.
    """
    hosts_of = {}
    for member in members:
        for path in (member.server.certificate, member.peer.certificate):
            hosts_of[path] = certificates.read(plain(path, str(path)), str(path)).hosts
    for name in reversed(LOOPBACK):
        if all(name in hosts for hosts in hosts_of.values()):
            return name
    raise ScaffoldError(
        "the proof runs on loopback, but not every member's certificate is for it",
        [
            f"`{path.relative_to(folder.absolute())}` is for {', '.join(hosts) or 'no host'}"
            for path, hosts in hosts_of.items()
        ],
        f"put {' and '.join(LOOPBACK)} into the hosts of their requests, then `make`",
    )


def _scripts_to_apply(folder: Path, inventory: Inventory, into: Path) -> list[Path]:
    """Return a copy of the folder's own script, and one that makes root where it does not."""
    own = {name: _read_own(folder / name) for name in (SCRIPT, FACTS)}
    scripts = [write_script(into / "own", own)]
    if not rbac.root_component(inventory):
        scripts.append(render_script(rbac.root_alone(inventory), into / "root-alone", into))
    return scripts


def _read_own(path: Path) -> bytes:
    with telling(path, "read"):
        try:
            return plain(path, str(path))
        except FileNotFoundError:
            raise ScaffoldError(
                f"`{path}` is missing: it is what is to be proven",
                hint="`tls-scaffold sync` writes it anew",
            ) from None

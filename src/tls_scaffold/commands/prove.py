"""`tls-scaffold prove`: a throw-away cluster from the folder's own certificates, and what each user may do there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles import members as bundle
from tls_scaffold.commands.trust import Trust, read_trust
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import content, plain
from tls_scaffold.disk.signals import ended_by_signals
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import bundled, etcdctl, guarded, proofs, throwaway
from tls_scaffold.etcd import cluster as etcd
from tls_scaffold.etcd.bench import Bench, apply
from tls_scaffold.etcd.etcdctl import Identity, Member, Tools
from tls_scaffold.etcd.matrix import Attempt, matrix
from tls_scaffold.etcd.proofs import Check
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.presets import ROOT
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.values import LOOPBACK, Component, Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, KEY_ENDING
from tls_scaffold.rendering import template
from tls_scaffold.signing import certificates, pairchecks
from tls_scaffold.signing.signer import utc_now

MOST_MEMBERS = 3


@dataclass(frozen=True)
class Proof:
    """What was tried on a cluster of `members` members of this etcd version, and how it went.

    `untried` are the members of the inventory whose certificates had no part in it, `replaced` the flags of
    etcd that were others than a member's bundle has.
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
        return sum(not each.holds for each in self.attempts) + sum(
            not each.holds for each in self.checks
        )


def prove(
    folder: Path, etcd_directory: Path | None = None, starting: Callable[[], object] = lambda: None
) -> Proof:
    """Start a cluster, apply the folder's `rbac.sh`, switch authentication on, and try everything.

    `starting` is called when all that is needed is there, before the cluster starts, which takes seconds.
    Raises ScaffoldError where there is no etcd, where certificates are missing, or where the cluster
    or the script does not get that far. Everything started is gone when this returns or raises.
    """
    inventory = intake.load(folder)
    tools = etcdctl.find(etcd_directory)
    trust = read_trust(folder)
    identities = _identities(folder, inventory, trust)
    members = [
        Member(server.name, identities[server.name], identities[peer.name])
        for server, peer in inventory.member_pairs[:MOST_MEMBERS]
    ]
    _check_peer_cns(tools, inventory)
    host = _loopback(
        folder, [identity for member in members for identity in (member.server, member.peer)]
    )
    with ended_by_signals(), guarded.temporary_folder("tls-scaffold-") as into:
        scripts = list(_scripts(folder, inventory, into))
        ours = _script(inventory, into / "ours", into)
        ca = (folder / trust.path).absolute()
        root, root_ca = _root(inventory, identities, ca, into)
        stranger = throwaway.client(ROOT, throwaway.new_ca("another CA"), into / "stranger")
        starting()
        bundles = bundled.lay_out(
            inventory, identities, ca, into / "bundles", None if root_ca == ca else root_ca
        )
        with etcd.cluster(tools, members, ca, into, bundles.flags, host=host) as cluster:
            users = {user.name: identities[user.name] for user in inventory.users}
            bench = Bench(cluster, root, root_ca, members[0], stranger, users)
            attempts, checks = _run(bench, inventory, scripts, ours)
    return Proof(
        version=tools.version,
        members=len(members),
        untried=tuple(member.name for member in inventory.members[MOST_MEMBERS:]),
        replaced=bundles.replaced(cluster.flags),
        attempts=attempts,
        checks=checks,
    )


def _run(
    bench: Bench, inventory: Inventory, scripts: Sequence[Path], ours: Path
) -> tuple[tuple[Attempt, ...], tuple[Check, ...]]:
    """Apply the scripts on a fresh cluster, switch authentication on, and try everything; the first is the folder's."""
    for each in scripts:
        apply(bench, each)
    script = scripts[0]
    apply(bench, script, "--enable")
    return matrix(bench, inventory), tuple(proofs.checks(bench, script, inventory, ours))


def _check_peer_cns(tools: Tools, inventory: Inventory) -> None:
    if len(inventory.peer_cns) > 1 and not tools.knows_several_peer_cns:
        raise ScaffoldError(
            f"etcd {tools.version} can't run these members: it compares its peers with one CN alone",
            conflicts.several_peer_cns(inventory),
            "`--etcd DIR` takes another etcd; or give the members, or the `peer` of each, one CN",
        )


def _identities(folder: Path, inventory: Inventory, trust: Trust) -> dict[str, Identity]:
    needed = [each for each in inventory.components if each.kind != "proxy"]
    missing = [path for path in (trust.path, *_files(needed)) if not (folder / path).is_file()]
    if missing:
        raise ScaffoldError(
            "the proof needs the folder's certificates",
            [f"`{path}` is missing" for path in missing],
            "`make` signs what is missing",
        )
    _check(folder, inventory, trust, needed)
    return {
        each.name: Identity(*((folder / path).absolute() for path in _files([each])))
        for each in needed
    }


def _check(
    folder: Path, inventory: Inventory, trust: Trust, components: Sequence[Component]
) -> None:
    """Raise ScaffoldError with everything about these certificates that etcd would only hint at."""
    if trust.problems:
        hint = trust.hint or "put the CA back; is it lost? `make regenerate` makes another"
        raise ScaffoldError("the proof needs the folder's CA", trust.problems, hint)
    problems = []
    for each in components:
        certificate, key = (content(folder, path) for path in _files([each]))
        problems += pairchecks.pair_faults(certificate, key, each.output, trust.cas, trust.path)
    if problems:
        hint = "`make req-NAME` signs one again; a CA that was changed can be put back instead"
        raise ScaffoldError("the proof needs the folder's certificates", problems, hint)
    cns = {
        each: certificates.read(content(folder, f"{each.output}.pem"), each.output).cn
        for each in components
    }
    servers = [
        each for each in components if each.kind == "member"
    ]  # of users the proof itself tells
    if strangers := list(
        filter(None, (bundle.cn_problem(inventory, each, cns[each]) for each in servers))
    ):
        raise ScaffoldError("the members can't be each other's peers", strangers, bundle.CN_HINT)
    paths = (trust.path, *(f"{each.output}.pem" for each in components))
    untimely = pairchecks.outside_lifetime(
        {path: content(folder, path) for path in paths}, utc_now()
    )
    if untimely:
        raise ScaffoldError(
            "the proof needs certificates that are valid now", untimely, pairchecks.CLOCK_HINT
        )


def _files(components: list[Component]) -> list[str]:
    return [
        f"{each.output}{ending}"
        for each in components
        for ending in (CERTIFICATE_ENDING, KEY_ENDING)
    ]


def _loopback(folder: Path, servers: Sequence[Identity]) -> str:
    """Return the name of loopback that every member's certificate holds; ScaffoldError where there is none."""
    held = {
        each.certificate: certificates.read(
            each.certificate.read_bytes(), str(each.certificate)
        ).hosts
        for each in servers
    }
    for name in reversed(LOOPBACK):
        if all(name in hosts for hosts in held.values()):
            return name
    raise ScaffoldError(
        "the proof runs on loopback, but not every member's certificate is for it",
        [
            f"`{path.relative_to(folder.absolute())}` is for {', '.join(hosts) or 'no host'}"
            for path, hosts in held.items()
        ],
        f"put {' and '.join(LOOPBACK)} into the hosts of their requests, then `make`",
    )


def _root(
    inventory: Inventory, identities: Mapping[str, Identity], ca: Path, into: Path
) -> tuple[Identity, Path]:
    """Return root's identity, and a file in which its CA stands beside the folder's: those whose clients are trusted.

    Its files are in `into`: beside them `rbac.sh` keeps, and looks for, its way back. Where the inventory has no root,
    a CA of its own signs one: signed by the folder's, it would open the live cluster to whoever finds it.
    """
    own = rbac.root_component(inventory)
    if own:
        return throwaway.linked(identities[own.name], into / "root"), ca
    maker = throwaway.new_ca("tls-scaffold prove")
    trusted = throwaway.trusting(maker, ca.read_bytes(), into / "clients-ca.pem")
    return throwaway.client(ROOT, maker, into / "root"), trusted


def _scripts(folder: Path, inventory: Inventory, into: Path) -> Iterator[Path]:
    """Yield a copy of the folder's own script, and one that makes root where the inventory has none."""
    yield _laid_out(into / "own", {name: _own(folder / name) for name in (SCRIPT, FACTS)})
    if not rbac.root_component(inventory):
        yield _script(rbac.root_alone(inventory), into / "root-alone", into)


def _own(path: Path) -> bytes:
    with telling(path, "read"):
        try:
            return plain(path, str(path))
        except FileNotFoundError:
            hint = "`tls-scaffold sync` writes it anew"
            raise ScaffoldError(
                f"`{path}` is missing: it is what is to be proven", hint=hint
            ) from None


def _script(inventory: Inventory, at: Path, within: Path) -> Path:
    """Render the script and what it applies into the new folder `at`; `within` is for files on the way."""
    rendered = template.render(inventory, within)
    return _laid_out(at, {name: rendered[name].encode() for name in (SCRIPT, FACTS)})


def _laid_out(at: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the script and, beside it, what it applies; return the script's path."""
    at.mkdir()
    for name, text in contents.items():
        (at / name).write_bytes(text)
    return at / SCRIPT

"""A throw-away cluster and the clients that write to it: all that a step can do to them."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tls_scaffold.bundles.memberflags import PEER_CNS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import throwaway
from tls_scaffold.etcd.bench import Bench, apply_script
from tls_scaffold.etcd.etcdctl import START_ANSWER_SECONDS, Cluster, Identity, SilentError
from tls_scaffold.etcd.etcdctl import Member as ClusterMember
from tls_scaffold.etcd.rolling import RollingMembers
from tls_scaffold.etcd.tallies import Endpoint
from tls_scaffold.etcd.writers import Client, Connection, Writers
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.clusterparts import Member, User
from tls_scaffold.inventory.membersettings import MemberSettings
from tls_scaffold.inventory.presets import comes_by_password
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.urls import own_host
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.live.endpoints import CLIENT, PEER, Port
from tls_scaffold.rehearsal.causes import Meeting, causes_of
from tls_scaffold.rehearsal.layout import Layout, Loaded
from tls_scaffold.rehearsal.loopback import Loopback, dialled_hosts
from tls_scaffold.rehearsal.states import State
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.spelling import canonical_address

SOON_HEALTHY_SECONDS, HEALTHY_SECONDS = 6.0, 30.0
LOOK_PAUSE = 0.1
UNHEALTHY = "unhealthy cluster"
ETCDCTL_SECONDS = 3
OWN_ROLE = "tls-scaffold-rehearsal"
PREFIX = f"/{OWN_ROLE}/"


class UnhealthyError(ScaffoldError):
    """A member that was started ended, or did not become healthy.

    `told` is what its log says, `found` why it and its peers do not meet, with who comes to whom.
    """

    def __init__(
        self, member: str, summary: str, told: str, found: Iterable[tuple[Meeting, Found]] = ()
    ) -> None:
        super().__init__(summary, [told] if told else [])
        self.member, self.told, self.found = member, told, tuple(found)


class Stage:
    """The members that run, by name; `loaded` are copies of the trust files that they read.

    A member that is started has `healthy_seconds` to become healthy.
    """

    def __init__(
        self,
        layout: Layout,
        loopback: Loopback,
        members: RollingMembers,
        healthy_seconds: float = HEALTHY_SECONDS,
    ) -> None:
        self.layout = layout
        self.loopback = loopback
        self.running: dict[str, Member] = {}
        self.loaded: dict[str, Loaded] = {}
        self._settings: dict[str, MemberSettings] = {}
        self._members = members
        self._healthy_seconds = healthy_seconds
        self._no_fsync = members.tools.knows_no_fsync
        self._root = (Identity(Path(), Path()), Path())
        self._times_applied = 0
        self._leader = ""  # as far as we know: an election by itself may have chosen another

    @property
    def has_rights(self) -> bool:
        """Whether authentication is on."""
        return self._times_applied > 0

    @property
    def knows_several_peer_cns(self) -> bool:
        """Whether members can be told to take several CNs of their peers."""
        return self._members.tools.knows_several_peer_cns

    def begin(self, state: State) -> None:
        """Start a new cluster of a state's members, with no users yet.

        Raises UnhealthyError where one does not start.
        """
        members = state.inventory.members
        self.running = {member.name: member for member in members}
        self._root = self.layout.sign_root(state, _whose_ca(state))
        for member in members:
            self.layout.put_pairs(state, member)
            self.layout.put_trust(state, member)
        for member in members:
            self._start(state, member, is_first=True)
        for member in members:
            self.wait_until_healthy(member)
        self._let_lead(members[-1].name)

    def restart(self, state: State, name: str, peer_cns: Iterable[str] | None = None) -> None:
        """End a member, start it as it is in a state, and wait until it is healthy.

        `peer_cns` are those that it takes from its peers, where that is not what the state says;
        none for any.
        """
        if name == self._leader:
            self._let_lead(next((each for each in self.running if each != name), name))
        self._members.end(name)
        member = self.running[name] = state.member(name)
        self._start(state, member, peer_cns=peer_cns)
        self.wait_until_healthy(member)

    def restart_all(self, state: State, names: Iterable[str]) -> None:
        """Restart members as fast as they come up, and only then wait until all are healthy."""
        for name in names:
            self._members.end(name)
            member = self.running[name] = state.member(name)
            self._start(state, member)
        for member in self.running.values():
            self.wait_until_healthy(member)

    def join(self, state: State, name: str) -> None:
        """Tell the cluster of a new member, and start it."""
        member = state.member(name)
        self.layout.put_pairs(state, member)
        self.layout.put_trust(state, member)
        self._etcdctl("member", "add", name, f"--peer-urls={self.layout.peer_url(member)}")
        self.running[name] = member
        self._start(state, member)
        self.wait_until_healthy(member)

    def leave(self, name: str) -> None:
        """Tell the cluster that a member is no more, and end it."""
        del self.running[name]
        self._etcdctl("member", "remove", self._id_of(name))
        self._members.end(name)

    def move(self, state: State, name: str) -> None:
        """Tell the cluster where a member will be found by its peers, and start it there."""
        member = state.member(name)
        url = self.layout.peer_url(member)
        self._etcdctl("member", "update", self._id_of(name), f"--peer-urls={url}")
        self.layout.put_pairs(state, member)
        self.layout.put_trust(state, member)
        self.restart(state, name)

    def apply_rights(self, state: State, users: Iterable[str]) -> None:
        """Bring users and roles in line with a state; what is written here `users` may write.

        Whoever is to be refused is, since authentication is on from the first time.
        """
        is_first = self._times_applied == 0
        self._times_applied += 1
        at = self._members.into / f"rights-{self._times_applied}"
        bench = self._bench(state.inventory)
        own, alone = state.inventory, rbac.root_alone(state.inventory)
        scripts = [_written(at, state.script, (*rbac.fact_lines(own), *_own_role(own, users)))]
        if not rbac.root_component(own):
            scripts.append(_written(Path(f"{at}-root"), state.script, rbac.fact_lines(alone)))
        for script in scripts:
            apply_script(bench, script)
        if is_first:
            apply_script(bench, scripts[0], "--enable")

    def clients(self, state: State, users: Iterable[str]) -> Iterator[Client]:
        """Yield the clients of users: one that connects for each write, and one that stays.

        Raises ScaffoldError where one can't use its key.
        """
        for name in users:
            _check_key(state, name)
            identity, trust = self.layout.identity(state, name)
            for each in Connection:
                client_name = f"{name} {each.name.lower()}"
                yield Client(client_name, identity, trust, f"{PREFIX}{client_name}", each)

    def equip(self, writers: Writers, pairs: State, trusts: State) -> None:
        """Give each client its pair and its trust of two states, and restart it, one by one.

        Raises ScaffoldError where one can't use its key.
        """
        files: dict[str, tuple[Identity, Path]] = {}
        for client in writers.clients:
            user = user_of(client.name)
            if user not in files:
                _check_key(pairs, user)
                identity, _ = self.layout.identity(pairs, user)
                files[user] = identity, self.layout.identity(trusts, user)[1]
            writers.equip(client.name, *files[user], reconnect=True)
        # A write that was begun with the old files shows nothing of the new ones.
        writers.settle(0)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return each host of each member that runs, as clients ask for it."""
        return tuple(
            Endpoint(
                member.name,
                self.loopback.ports(member)[0],
                self.loopback.address(own_host(member)),
                self.loopback.address(host) if canonical_address(host) else host,
            )
            for member in self.running.values()
            for host in dialled_hosts(member)
        )

    def unhealthy_to_etcdctl(self, client: Client) -> Mapping[str, str]:
        """Return the members that etcdctl, with a client's files, can't use, each with its words.

        It is written in Go, as most clients are, and looks at certificates with other eyes.
        """
        cluster = replace(self._cluster(), ca=client.trust)
        words = (f"--command-timeout={ETCDCTL_SECONDS}s", "endpoint", "health")
        done = cluster.etcdctl(client.identity, *words)
        said = (*done.stdout.splitlines(), *done.stderr.splitlines())
        names = dict(zip(cluster.endpoints, self.running, strict=True))
        found: dict[str, str] = {}
        for line in said:
            url, is_unhealthy, why = line.partition(" is unhealthy: ")
            if is_unhealthy and url in names:
                found[names[url]] = why
        return found

    def _meeting(self, one: Member, other: Member) -> Meeting:
        address = self.loopback.address(own_host(other))
        port = Port(other.name, PEER, address, self._settings[other.name].peer_port)
        place = address, self.loopback.ports(other)[1]
        pair, trust = self.layout.peer_identity(one), self.loaded[one.name].peers
        return Meeting(one.name, pair, trust, port, place, self.loaded[other.name].peers)

    def meeting_of(self, client: Client, endpoint: Endpoint) -> Meeting:
        """Return how a client comes to a host of a member that runs."""
        member = self.running[endpoint.member]
        port = Port(member.name, CLIENT, endpoint.host, self._settings[member.name].client_port)
        place = endpoint.address, endpoint.port
        loaded = self.loaded[member.name].own
        name = user_of(client.name)
        return Meeting(name, client.identity, client.trust, port, place, loaded)

    def wait_until_healthy(self, member: Member) -> None:
        """Wait until a member says that it is; UnhealthyError where it ends or never is."""
        identity, trust = self.layout.member_identity(member)
        port = self.loopback.ports(member)[0]
        cluster = replace(self._cluster(), ca=trust)
        begin = time.monotonic()
        for seconds in (SOON_HEALTHY_SECONDS, self._healthy_seconds):
            while time.monotonic() - begin < seconds:
                if self._members.has_ended(member.name):
                    told = self._members.first_cause(member.name)
                    raise UnhealthyError(member.name, f"`{member.name}` has ended", told)
                with suppress(SilentError):
                    look = port, identity, "GET", "/health"
                    reply = cluster.reply(*look, seconds=START_ANSWER_SECONDS)
                    if reply and _is_healthy(reply[1]):
                        return
                time.sleep(LOOK_PAUSE)
            # Where peers refuse each other, nothing is waited for.
            found = tuple(self._causes_among_peers(member))
            if found or seconds == self._healthy_seconds:
                summary = f"`{member.name}` is not healthy after {seconds:g} s"
                told = "" if found else self._members.first_cause(member.name)
                raise UnhealthyError(member.name, summary, told, found)

    def _causes_among_peers(self, member: Member) -> Iterator[tuple[Meeting, Found]]:
        """Yield why a member and each other one do not meet at their ports for peers."""
        for other in self.running.values():
            if other.name == member.name or other.name not in self.loaded:
                continue
            for meeting in (self._meeting(member, other), self._meeting(other, member)):
                yield from ((meeting, found) for found in causes_of(meeting, "", utc_now()))

    def _start(
        self,
        state: State,
        member: Member,
        *,
        is_first: bool = False,
        peer_cns: Iterable[str] | None = None,
    ) -> None:
        flags = dict(
            self.layout.flags(
                state,
                member,
                self._members.data_dir(member.name),
                tuple(self.running.values()),
                no_fsync=self._no_fsync,
                is_first=is_first,
            )
        )
        if peer_cns is not None:
            flags.pop(PEER_CNS, None)
            cns = ",".join(peer_cns)
            flags |= {PEER_CNS: cns} if cns else {}
        self.loaded[member.name] = self.layout.keep_trust(member)
        self._settings[member.name] = state.inventory.settings(member)
        self._members.start(member.name, flags)

    def _cluster(self) -> Cluster:
        ports = {
            self.loopback.ports(member): self.loopback.address(own_host(member))
            for member in self.running.values()
        }
        return Cluster(
            self._members.tools,
            Path(),
            tuple(client for client, _ in ports),
            tuple(peer for _, peer in ports),
            addresses={port: address for both, address in ports.items() for port in both},
        )

    def _bench(self, inventory: Inventory) -> Bench:
        identity, trust = self._root
        first = next(iter(self.running.values()))
        own, _ = self.layout.member_identity(first)
        cluster = replace(self._cluster(), ca=trust)
        return Bench(
            *(cluster, identity, trust, ClusterMember(first.name, own, own), identity, {}),
            logins=throwaway.logins(inventory),
        )

    def _etcdctl(self, *words: str, **variables: str) -> str:
        identity, trust = self._root
        until = time.monotonic() + HEALTHY_SECONDS
        while True:
            done = replace(self._cluster(), ca=trust).etcdctl(identity, *words, **variables)
            if done.returncode == 0:
                return done.stdout
            told = done.stderr.strip().splitlines()[-1:]
            # Members are changed where all have been connected for five seconds.
            if not any(UNHEALTHY in line for line in told) or time.monotonic() > until:
                raise ScaffoldError(f"`etcdctl {' '.join(words)}` failed", told)
            time.sleep(LOOK_PAUSE)

    def _let_lead(self, name: str) -> None:
        """Make a member the leader: what a step shows may hang on who leads, and not on chance.

        Where etcdctl finds no way to the one that leads, etcd chooses by itself.
        """
        if len(self.running) == 1 or name == self._leader:
            return
        asked = (self._leader,) if self._leader in self.running else tuple(self.running)
        self._leader = ""
        with suppress(ScaffoldError):
            self._etcdctl("move-leader", self._id_of(name), ETCDCTL_ENDPOINTS=self._urls(asked))
            self._leader = name

    def _urls(self, names: Iterable[str]) -> str:
        urls = dict(zip(self.running, self._cluster().endpoints, strict=True))
        return ",".join(urls[name] for name in names)

    def _id_of(self, name: str) -> str:
        lines = [line.split(", ") for line in self._etcdctl("member", "list").splitlines()]
        for line in lines:
            if line[2] == name:
                return line[0]
        raise ScaffoldError(f"`etcdctl member list` has no `{name}`")


def _check_key(state: State, user: str) -> None:
    if trouble := state.held[user].key_trouble:
        raise ScaffoldError(f"`{user}` can't use its key: it {trouble}")


def _whose_ca(state: State) -> str:
    """Return the component whose CA signs for clients: a user, or else a member."""
    users = (each.name for each in state.inventory.components if each.kind == "user")
    return next((each for each in users if each in state.held), next(iter(state.held)))


def _own_role(inventory: Inventory, users: Iterable[str]) -> Iterator[str]:
    """Yield, as lines of `rbac.tsv`, that users may write what they write here."""
    cns = {user.name: user.cn for user in inventory.users}
    granted = dict.fromkeys(cns[name] for name in users if cns[name] != ROOT)
    for columns in (
        ("role", OWN_ROLE),
        ("permission", OWN_ROLE, "readwrite", "prefix", PREFIX),
        *(("grant", OWN_ROLE, cn) for cn in granted),
    ):
        yield "\t".join(columns)


def _written(at: Path, script: bytes, facts: Iterable[str]) -> Path:
    """Write `rbac.sh` and what it applies; return the script's path."""
    at.mkdir(parents=True)
    (at / FACTS).write_text("".join(f"{line}\n" for line in facts), encoding="utf-8")
    (at / SCRIPT).write_bytes(script)
    return at / SCRIPT


def _is_healthy(text: str) -> bool:
    try:
        return str(json.loads(text).get("health")) == "true"
    except (ValueError, AttributeError):
        return False


def user_of(client_name: str) -> str:
    """Return the user whose client has this name."""
    return client_name.rpartition(" ")[0]


def writing_users(state: State) -> tuple[User, ...]:
    """Return the users who can write with their certificate: that etcd knows them by it.

    Where none has any rights, nobody has switched authentication on: all are let in then.
    """
    clients = [
        each
        for each in state.inventory.users
        if each.is_client and not comes_by_password(each) and each.name in state.held
    ]
    with_rights = tuple(each for each in clients if rbac.roles_of(each))
    return with_rights or tuple(clients)

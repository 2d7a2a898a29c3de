"""Everything that users, members and strangers try, each by its own certificate."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from tls_scaffold.etcd import calls, keys, rights
from tls_scaffold.etcd.access import Range
from tls_scaffold.etcd.attempts import Attempt, Progress, Try, Turn, carry_out
from tls_scaffold.etcd.bench import PROBE, Bench
from tls_scaffold.etcd.calls import Caller
from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.etcd.keys import Target
from tls_scaffold.etcd.methods import Call
from tls_scaffold.etcd.rights import Holder, Leases
from tls_scaffold.inventory.clusterparts import Permission, User
from tls_scaffold.inventory.rbac import Role, roles_of
from tls_scaffold.inventory.values import Inventory

OUTSIDE = Permission("/tls-scaffold-nobody/", "readwrite")
LEASED = "/tls-scaffold-leased/"
MEMBERS, NO_USER = "(members)", "(no user of etcd)"


@dataclass(frozen=True)
class _Tester:
    """Somebody who tries: how it is shown, its certificate, and what it holds."""

    name: str
    identity: Identity
    user: str | None
    roles: tuple[Role, ...]
    login: tuple[str, str] | None = None

    def caller(self, port: int) -> Caller:
        return Caller(self.identity, port, self.login)


def matrix(
    bench: Bench, inventory: Inventory, chosen: Iterable[User], progress: Progress
) -> tuple[Attempt, ...]:
    """Let each chosen user try each prefix and key of anybody, and one of nobody.

    What is about no keys is tried first, by the members' certificate and by one of no user too.
    """
    testers = [_tester(bench, user) for user in chosen]
    held = [
        each for user in inventory.users for role in roles_of(user) for each in role.permissions
    ]
    permissions = {each.keys: each for each in (*held, OUTSIDE)}.values()
    targets = [keys.target_of(each) for each in permissions]
    # One member each, in turn: all of them are to know the same.
    ports = cycle(bench.cluster.client_ports)
    turns = [
        Turn(each.name, target.name, each.caller(next(ports)), _key_tries(bench, each, target))
        for each in testers
        for target in targets
    ]
    everybody = [*testers, *_without_user(bench)]
    first = [
        Turn(each.name, "", each.caller(next(ports)), _right_tries(bench, each, targets, number))
        for number, each in enumerate(everybody)
    ]
    _prepare(bench, len(everybody))
    count = len(first) + len(turns)
    without_keys = carry_out(bench.cluster, first, lambda done, _: progress(done, count))
    return without_keys + carry_out(
        bench.cluster, turns, lambda done, _: progress(len(first) + done, count)
    )


def _tester(bench: Bench, user: User) -> _Tester:
    roles = roles_of(user)
    return _Tester(
        name=user.name,
        identity=bench.users[user.name],
        user=user.cn if roles else None,  # rbac.sh makes no user of one without roles
        roles=roles,
        login=bench.logins.get(user.name),
    )


def _without_user(bench: Bench) -> Iterator[_Tester]:
    yield _Tester(MEMBERS, bench.member.server, None, ())
    if bench.nobody:
        yield _Tester(NO_USER, bench.nobody, None, ())


def _key_tries(bench: Bench, tester: _Tester, target: Target) -> tuple[Try, ...]:
    tries = []
    for each in keys.operations_on(target):
        hole = each.hole if each.hole and each.hole.is_open(bench.version) else None
        if hole and not keys.may(tester.roles, each.through, target):
            hole = None
        right = keys.may(tester.roles, each.needs, target)
        tries.append(Try(each.name, each.call(target), right, hole))
    return tuple(tries)


def _right_tries(
    bench: Bench, tester: _Tester, targets: Sequence[Target], number: int
) -> tuple[Try, ...]:
    own = [each for each in targets if keys.may(tester.roles, (keys.WRITES_KEY,), each)]
    holder = Holder(tester.user, tester.roles, [*own, *targets][0].key)
    return rights.tries(holder, _leases(number), bench.version)


def _leases(number: int) -> Leases:
    first = 3 * number + 1
    held = f"{LEASED}{number}".encode()
    return Leases(first, first + 1, first + 2, Range(held, held + b"\0"))


def _prepare(bench: Bench, count: int) -> None:
    """Let root make the leases that others try, and revisions that can be compacted."""
    root = Caller(bench.root, bench.cluster.client_ports[0])
    asked = [call for number in range(count) for call in rights.prepare(_leases(number))]
    seed = Call("KV/Put", keys.put(Range(PROBE.encode(), None)))
    (answers,) = calls.ask(bench.cluster, [(root, [seed, seed, *asked])])
    calls.check(answers)

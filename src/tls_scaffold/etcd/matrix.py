"""What each user may do with each prefix and key of anybody, tried out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

from tls_scaffold.etcd.access import allows, range_of
from tls_scaffold.etcd.bench import ALLOWED, DENIED, PROBE, Bench, outcome
from tls_scaffold.inventory.clusterparts import Permission, User
from tls_scaffold.inventory.rbac import roles_of
from tls_scaffold.inventory.values import Inventory

OUTSIDE = Permission("/tls-scaffold-nobody/", "readwrite")
WORKERS = 4


@dataclass(frozen=True)
class Attempt:
    """One try of a user to read or write: what happened and what should.

    Both are `allowed`, `denied` or the text of an error.
    """

    user: str
    path: str
    access: str
    seen: str
    expected: str

    @property
    def holds(self) -> bool:
        """Whether it went as it should."""
        return self.seen == self.expected


def matrix(bench: Bench, inventory: Inventory) -> tuple[Attempt, ...]:
    """Let each user try each prefix and key of anybody, and one of nobody.

    It tries to read all of it, and to write in it.
    """
    held = [
        each for user in inventory.users for role in roles_of(user) for each in role.permissions
    ]
    targets = {each.keys: each for each in (*held, OUTSIDE)}.values()
    tries = [
        (user, target, access)
        for user in inventory.users
        for target in targets
        for access in ("read", "write")
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            # One member each, in turn: etcdctl shakes hands with every member that it is told of.
            endpoints = cycle(bench.cluster.endpoints)
            return tuple(pool.map(lambda each, at: _attempt(bench, at, *each), tries, endpoints))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _attempt(bench: Bench, endpoint: str, user: User, target: Permission, access: str) -> Attempt:
    written = Permission(
        target.path + PROBE if target.prefix else target.path, access, prefix=False
    )
    wanted = range_of(target if access == "read" else written)
    expected = ALLOWED if allows(roles_of(user), access, wanted) else DENIED
    if access == "write":
        arguments = ["put", "--", written.path, PROBE]
    else:
        form = f"--prefix={str(target.prefix).lower()}"
        if target.end == "":
            form = "--from-key=true"
        keys = [target.path, target.end] if target.end else [target.path]
        arguments = ["get", form, "--keys-only=true", "--", *keys]
    password = bench.passwords.get(user.cn)
    login = {"ETCDCTL_USER": f"{user.cn}:{password}"} if password else {}
    seen = outcome(bench.cluster, bench.users[user.name], endpoint, *arguments, **login)
    return Attempt(user.name, str(target), access, seen, expected)

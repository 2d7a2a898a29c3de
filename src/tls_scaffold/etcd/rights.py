"""What is about no keys: leases, the cluster and its members, users and roles."""

from collections.abc import Iterator
from dataclasses import dataclass

from tls_scaffold.etcd import rpc_pb2 as rpc
from tls_scaffold.etcd import versions
from tls_scaffold.etcd.access import Range, allows
from tls_scaffold.etcd.attempts import Try
from tls_scaffold.etcd.keys import READ, WRITE, put, txn
from tls_scaffold.etcd.methods import SNAPSHOT, Call
from tls_scaffold.etcd.throwaway import NOBODY
from tls_scaffold.etcd.versions import LEASED_KEYS, MAINTENANCE, PUT_IN_TRANSACTION, Hole
from tls_scaffold.inventory.rbac import Role
from tls_scaffold.inventory.terms import ROOT

SECONDS = 3600  # a lease outlives every proof
COMPACTED = 2  # a revision that is there before anybody asks


@dataclass(frozen=True)
class Leases:
    """Numbers of leases: one to grant, one of root's that holds the key `held`, an empty one."""

    own: int
    holding: int
    empty: int
    held: Range


@dataclass(frozen=True)
class Holder:
    """Whose rights they are: the CN, None for one that is no user of etcd, and the roles.

    `key` is one to write, which the roles give where they give any.
    """

    user: str | None
    roles: tuple[Role, ...]
    key: Range

    @property
    def is_root(self) -> bool:
        """Whether it may do everything."""
        return any(role.name == ROOT for role in self.roles)

    def may(self, access: str, keys: Range) -> bool:
        """Tell whether its roles give this access to all these keys."""
        return allows(self.roles, access, keys)


def prepare(leases: Leases) -> list[Call]:
    """Return what root does before others try their leases."""
    return [
        _grant(leases.holding),
        _grant(leases.empty),
        Call("KV/Put", put(leases.held, lease=leases.holding)),
    ]


def tries(holder: Holder, leases: Leases, version: str) -> tuple[Try, ...]:
    """Return what is tried, in this order: what takes a lease away comes last."""
    return (
        *_for_everybody(leases),
        *_of_users(holder, version),
        *_for_root(holder, version),
        *_foreign_leases(holder, leases, version),
    )


def _for_everybody(leases: Leases) -> Iterator[Try]:
    calls = {
        "grant a lease": _grant(leases.own),
        "keep an own lease alive": _keep(leases.own),
        "time to live of an own lease": _time_to_live(leases.own),
        "revoke an own lease": _revoke(leases.own),
        "time to live of a foreign lease": _time_to_live(leases.holding, keys=False),
        "keep a foreign lease without keys alive": _keep(leases.empty),
        "revoke a foreign lease without keys": _revoke(leases.empty),
        "list members": Call("Cluster/MemberList", rpc.MemberListRequest()),
        "list alarms": Call("Maintenance/Alarm", rpc.AlarmRequest(action=rpc.AlarmRequest.GET)),
    }
    yield from (Try(name, call, right=True) for name, call in calls.items())


def _of_users(holder: Holder, version: str) -> Iterator[Try]:
    own = Call("Auth/UserGet", rpc.AuthUserGetRequest(name=holder.user or NOBODY))
    yield Try("get the own user", own, right=holder.user is not None)
    for role in holder.roles:
        call = Call("Auth/RoleGet", rpc.AuthRoleGetRequest(role=role.name))
        yield Try("get the own roles", call, right=True)
    status = holder.is_root or not versions.status_needs_root(version)
    yield Try("status", Call("Maintenance/Status", rpc.StatusRequest()), right=status)
    if versions.knows_auth_status(version):
        known = holder.is_root or not versions.auth_status_needs_root(version)
        yield Try("auth status", Call("Auth/AuthStatus", rpc.AuthStatusRequest()), right=known)


def _for_root(holder: Holder, version: str) -> Iterator[Try]:
    calls = {
        "defragment": Call("Maintenance/Defragment", rpc.DefragmentRequest()),
        "hash": Call("Maintenance/Hash", rpc.HashRequest()),
        "hash of the keys": Call("Maintenance/HashKV", rpc.HashKVRequest()),
        "snapshot": Call(SNAPSHOT, rpc.SnapshotRequest()),
        "list users": Call("Auth/UserList", rpc.AuthUserListRequest()),
        "list roles": Call("Auth/RoleList", rpc.AuthRoleListRequest()),
        "get the user root": Call("Auth/UserGet", rpc.AuthUserGetRequest(name=ROOT)),
        "get the role root": Call("Auth/RoleGet", rpc.AuthRoleGetRequest(role=ROOT)),
    }
    yield from (Try(name, call, right=holder.is_root) for name, call in calls.items())
    let_through = {
        "compact": Call("KV/Compact", rpc.CompactionRequest(revision=COMPACTED)),
        "disarm alarms": Call(
            "Maintenance/Alarm", rpc.AlarmRequest(action=rpc.AlarmRequest.DEACTIVATE)
        ),
    }
    hole = _open(MAINTENANCE, version)
    yield from (Try(name, call, holder.is_root, hole) for name, call in let_through.items())


def _foreign_leases(holder: Holder, leases: Leases, version: str) -> Iterator[Try]:
    reads, writes = holder.may(READ, leases.held), holder.may(WRITE, leases.held)
    yield Try(
        "list leases",
        Call("Lease/LeaseLeases", rpc.LeaseLeasesRequest()),
        reads,
        _open(MAINTENANCE, version),
    )
    yield Try(
        "names of the keys of a foreign lease",
        _time_to_live(leases.holding),
        reads,
        _open(LEASED_KEYS, version),
    )
    yield Try(
        "keep a foreign lease with a foreign key alive",
        _keep(leases.holding),
        writes,
        _open(MAINTENANCE, version),
    )
    tied, to_own = put(holder.key, lease=leases.holding), holder.may(WRITE, holder.key)
    yield Try("tie a key to a foreign lease", Call("KV/Put", tied), writes and to_own)
    yield Try(
        "tie a key to a foreign lease in a transaction",
        Call("KV/Txn", txn(tied)),
        writes and to_own,
        _open(PUT_IN_TRANSACTION, version) if to_own else None,
    )
    yield Try("revoke a foreign lease with a foreign key", _revoke(leases.holding), writes)


def _open(hole: Hole, version: str) -> Hole | None:
    return hole if hole.is_open(version) else None


def _grant(lease: int) -> Call:
    return Call("Lease/LeaseGrant", rpc.LeaseGrantRequest(ID=lease, TTL=SECONDS))


def _keep(lease: int) -> Call:
    return Call("Lease/LeaseKeepAlive", rpc.LeaseKeepAliveRequest(ID=lease))


def _revoke(lease: int) -> Call:
    return Call("Lease/LeaseRevoke", rpc.LeaseRevokeRequest(ID=lease))


def _time_to_live(lease: int, *, keys: bool = True) -> Call:
    return Call("Lease/LeaseTimeToLive", rpc.LeaseTimeToLiveRequest(ID=lease, keys=keys))

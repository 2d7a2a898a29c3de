"""What can be done with keys, and what a user has to hold for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tls_scaffold.etcd import rpc_pb2 as rpc
from tls_scaffold.etcd.access import Range, allows, range_of
from tls_scaffold.etcd.bench import PROBE
from tls_scaffold.etcd.methods import Call
from tls_scaffold.etcd.versions import NESTED, OPEN_WATCH, PUT_IN_TRANSACTION, Hole
from tls_scaffold.inventory.clusterparts import Permission
from tls_scaffold.inventory.rbac import Role

READ, WRITE = "read", "write"


@dataclass(frozen=True)
class Target:
    """The keys of a permission: all of them, the first, one to write, and whatever follows."""

    name: str
    whole: Range
    first: Range
    key: Range
    onwards: Range


Need = tuple[str, Callable[[Target], Range]]
"""An access, and to which keys of a target."""


@dataclass(frozen=True)
class Operation:
    """One thing that can be done with a target, and all that it needs.

    Where etcd has `hole`, it asks for no more than `through`.
    """

    name: str
    needs: tuple[Need, ...]
    call: Callable[[Target], Call]
    hole: Hole | None = None
    through: tuple[Need, ...] = ()


def target_of(permission: Permission) -> Target:
    """Return what is tried with the keys of a permission."""
    whole = range_of(permission)
    written = permission.path + PROBE if permission.prefix else permission.path
    return Target(
        name=str(permission),
        whole=whole,
        first=_single(whole.start or b"\0"),
        key=_single(written.encode()),
        onwards=Range(whole.start, None),
    )


def may(roles: Iterable[Role], needs: Iterable[Need], target: Target) -> bool:
    """Tell whether these roles give all that is needed."""
    held = list(roles)
    return all(allows(held, access, keys_of(target)) for access, keys_of in needs)


def operations_on(target: Target) -> list[Operation]:
    """Return what is tried with a target.

    Where it has no end, to watch all of it is to watch whatever follows.
    """
    return [each for each in OPERATIONS if each.name != "watch" or target.whole.end is not None]


def put(keys: Range, *, prev_kv: bool = False, lease: int = 0) -> rpc.PutRequest:
    """Return the request that writes a key."""
    return rpc.PutRequest(key=keys.start, value=PROBE.encode(), prev_kv=prev_kv, lease=lease)


def txn(*requests: rpc.PutRequest | rpc.RangeRequest | rpc.TxnRequest) -> rpc.TxnRequest:
    """Return the transaction that does this without a condition."""
    return rpc.TxnRequest(success=map(_op, requests))


def _op(request: rpc.PutRequest | rpc.RangeRequest | rpc.TxnRequest) -> rpc.RequestOp:
    if isinstance(request, rpc.PutRequest):
        return rpc.RequestOp(request_put=request)
    if isinstance(request, rpc.RangeRequest):
        return rpc.RequestOp(request_range=request)
    return rpc.RequestOp(request_txn=request)


def _single(key: bytes) -> Range:
    return Range(key, key + b"\0")


def _ends(keys: Range) -> tuple[bytes, bytes]:
    """Return `key` and `range_end` as etcd takes them: a zero byte for whatever follows."""
    start = keys.start or b"\0"
    if keys.end is None:
        return start, b"\0"
    return start, b"" if keys == _single(start) else keys.end


def _get(keys: Range) -> rpc.RangeRequest:
    key, range_end = _ends(keys)
    return rpc.RangeRequest(key=key, range_end=range_end, keys_only=True)


def _delete(keys: Range, *, prev_kv: bool = False) -> Call:
    key, range_end = _ends(keys)
    request = rpc.DeleteRangeRequest(key=key, range_end=range_end, prev_kv=prev_kv)
    return Call("KV/DeleteRange", request)


def _swap(keys: Range) -> Call:
    new = rpc.Compare(key=keys.start, target=rpc.Compare.VERSION, version=0)
    either = rpc.TxnRequest(compare=[new], success=[_op(put(keys))], failure=[_op(_get(keys))])
    return Call("KV/Txn", either)


def _watch(keys: Range) -> Call:
    key, range_end = _ends(keys)
    create = rpc.WatchCreateRequest(key=key, range_end=range_end)
    return Call("Watch/Watch", rpc.WatchRequest(create_request=create))


READS_KEY: Need = (READ, lambda to: to.key)
WRITES_KEY: Need = (WRITE, lambda to: to.key)
READS_ALL: Need = (READ, lambda to: to.whole)
GET, PUT = "get", "put"
OPERATIONS = (
    Operation(GET, (READS_ALL,), lambda to: Call("KV/Range", _get(to.whole))),
    Operation(PUT, (WRITES_KEY,), lambda to: Call("KV/Put", put(to.key))),
    Operation(
        "put with prev_kv",
        (READS_KEY, WRITES_KEY),
        lambda to: Call("KV/Put", put(to.key, prev_kv=True)),
    ),
    Operation(
        "put with prev_kv in a transaction",
        (READS_KEY, WRITES_KEY),
        lambda to: Call("KV/Txn", txn(put(to.key, prev_kv=True))),
        PUT_IN_TRANSACTION,
        (WRITES_KEY,),
    ),
    Operation("compare and swap", (READS_KEY, WRITES_KEY), lambda to: _swap(to.key)),
    Operation(
        "get in a nested transaction",
        (READS_KEY,),
        lambda to: Call("KV/Txn", txn(txn(_get(to.key)))),
        NESTED,
    ),
    Operation(
        "put in a nested transaction",
        (WRITES_KEY,),
        lambda to: Call("KV/Txn", txn(txn(put(to.key)))),
        NESTED,
    ),
    Operation("watch", (READS_ALL,), lambda to: _watch(to.whole)),
    Operation(
        "watch with an open end",
        ((READ, lambda to: to.onwards),),
        lambda to: _watch(to.onwards),
        OPEN_WATCH,
        ((READ, lambda to: to.first),),
    ),
    Operation("delete", (WRITES_KEY,), lambda to: _delete(to.key)),
    Operation(
        "delete with prev_kv",
        (READS_KEY, WRITES_KEY),
        lambda to: _delete(to.key, prev_kv=True),
    ),
    Operation("delete all", ((WRITE, lambda to: to.whole),), lambda to: _delete(to.whole)),
)

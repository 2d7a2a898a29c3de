"""The methods of etcd's API that are called, and what each replies."""

from dataclasses import dataclass

from google.protobuf.message import Message

from tls_scaffold.etcd import rpc_pb2 as rpc

UNARY = {
    "KV/Range": rpc.RangeResponse,
    "KV/Put": rpc.PutResponse,
    "KV/DeleteRange": rpc.DeleteRangeResponse,
    "KV/Txn": rpc.TxnResponse,
    "KV/Compact": rpc.CompactionResponse,
    "Lease/LeaseGrant": rpc.LeaseGrantResponse,
    "Lease/LeaseRevoke": rpc.LeaseRevokeResponse,
    "Lease/LeaseTimeToLive": rpc.LeaseTimeToLiveResponse,
    "Lease/LeaseLeases": rpc.LeaseLeasesResponse,
    "Cluster/MemberList": rpc.MemberListResponse,
    "Maintenance/Alarm": rpc.AlarmResponse,
    "Maintenance/Status": rpc.StatusResponse,
    "Maintenance/Defragment": rpc.DefragmentResponse,
    "Maintenance/Hash": rpc.HashResponse,
    "Maintenance/HashKV": rpc.HashKVResponse,
    "Auth/AuthStatus": rpc.AuthStatusResponse,
    "Auth/Authenticate": rpc.AuthenticateResponse,
    "Auth/UserGet": rpc.AuthUserGetResponse,
    "Auth/UserList": rpc.AuthUserListResponse,
    "Auth/RoleGet": rpc.AuthRoleGetResponse,
    "Auth/RoleList": rpc.AuthRoleListResponse,
}
SNAPSHOT = "Maintenance/Snapshot"
BOTH_STREAM = {
    "Watch/Watch": rpc.WatchResponse,
    "Lease/LeaseKeepAlive": rpc.LeaseKeepAliveResponse,
}


@dataclass(frozen=True)
class Call:
    """A method of etcd's API, such as `KV/Range`, and its request."""

    method: str
    request: Message

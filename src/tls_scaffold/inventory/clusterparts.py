"""What an inventory lists: members, proxies and users, as they stand in its file."""

import re
from dataclasses import dataclass

from tls_scaffold.inventory.membersettings import NOTHING_SAID, MemberSettings
from tls_scaffold.inventory.terms import CLIENT_AUTH, Terms
from tls_scaffold.spelling import text_problem

ACCESS = ("read", "write", "readwrite")
LONGEST_KEY = 1024  # characters of a key of etcd, or of a prefix of keys
# As etcdctl prints a range, by which rbac.sh knows one: `[/a, /b)`, or `[/a, <open ended>`.
PRINTED_RANGE = re.compile(r"\[.*, (.*\)|<open ended>)", re.DOTALL)
AS_ALL = Terms()


@dataclass(frozen=True)
class Permission:
    """What a user may do with a key or, with `prefix`, with every key that begins with `path`.

    With an `end`, which no prefix has, it is about the keys from `path` up to, but without, `end`;
    about all that follow where that is empty.
    """

    path: str
    access: str
    prefix: bool = True
    end: str | None = None

    @property
    def keys(self) -> tuple[str, bool, str | None]:
        """What it is about, whatever may be done there.

        etcd knows ranges alone, so that one which is all of a prefix is that prefix.
        """
        if self.end and self.end.encode() == prefix_end(self.path):
            return self.path, True, None
        return self.path, self.prefix, self.end

    def __str__(self) -> str:
        """Return the keys as they are shown."""
        if self.end is not None:
            return f"{self.path}..{self.end}"
        return f"{self.path}*" if self.prefix else self.path

    def document(self) -> dict[str, str]:
        """Return the permission as it stands in the inventory file."""
        if self.end is not None:
            return {"from": self.path, "to": self.end, "access": self.access}
        return {"prefix" if self.prefix else "key": self.path, "access": self.access}


def prefix_end(prefix: str) -> bytes | None:
    """Return the key before which the keys with this prefix end; None where they do not.

    That is etcd's clientv3 `GetPrefixRangeEnd`: the next text of its length. UTF-8 never ends in
    0xff.
    """
    key = prefix.encode()
    return key[:-1] + bytes([key[-1] + 1]) if key else None


def key_problem(key: str) -> str:
    """Say why a permission can't be about this one key; empty if it can."""
    if not key:
        return "the key is empty"
    if PRINTED_RANGE.fullmatch(key):
        return f"`{key}` reads as a range where etcdctl prints it"
    return text_problem(key, LONGEST_KEY)


def range_problem(start: str, end: str) -> str:
    """Say why there are no keys from `start` to before `end`; empty if there are.

    An empty `end` is none.
    """
    if problem := text_problem(start, LONGEST_KEY) or text_problem(end, LONGEST_KEY):
        return problem
    if any(", " in each for each in (start, end)):
        return "where etcdctl prints a range, `, ` stands between its ends: neither can hold it"
    if not start:
        return "a range needs its first key (the empty prefix matches every key)"
    if end.endswith(f") (prefix {start}"):
        return f"`{start}..{end}` reads as a prefix where etcdctl prints it"
    if end and end.encode() <= start.encode():
        return f"`{end}` does not come after `{start}`: no key is between them"
    return ""


@dataclass(frozen=True)
class Files:
    """Where a component's files have other names than ours: folders that were adopted.

    `request` is a path below the folder, `output` one without `.pem`, `profile` a name in
    `ca-config.json`; empty for the usual ones.
    """

    request: str = ""
    output: str = ""
    profile: str | None = None

    def document(self) -> dict[str, str]:
        """Return what is unusual, as it stands in the inventory file."""
        fields = {"request": self.request, "output": self.output}
        return {
            **{name: text for name, text in fields.items() if text},
            **({} if self.profile is None else {"profile": self.profile}),
        }


@dataclass(frozen=True)
class Peer:
    """A member's second certificate, for its peers; an empty `cn` is the member's."""

    files: Files = Files()
    cn: str = ""

    def document(self) -> dict[str, object]:
        """Return it as it stands in the inventory file."""
        return {**({"cn": self.cn} if self.cn else {}), **self.files.document()}


@dataclass(frozen=True)
class Server:
    """A member or a proxy: a name for its files and the hosts that it is reached at.

    An empty `cn` is the one that the inventory gives all of them.
    """

    name: str
    hosts: tuple[str, ...]
    files: Files = Files()
    cn: str = ""
    terms: Terms = AS_ALL

    def document(self) -> dict[str, object]:
        """Return it as it stands in the inventory file."""
        return {
            "name": self.name,
            "hosts": list(self.hosts),
            **({"cn": self.cn} if self.cn else {}),
            **self.terms.document(),
            **self.files.document(),
        }


@dataclass(frozen=True)
class Member(Server):
    """An etcd server.

    `peer` is its second certificate, where it has one, `etcd` what it is started with.
    """

    peer: Peer | None = None
    etcd: MemberSettings = NOTHING_SAID

    def document(self) -> dict[str, object]:
        """Return it as it stands in the inventory file."""
        peer = {} if self.peer is None else {"peer": self.peer.document()}
        etcd = self.etcd.document()
        return {**super().document(), **peer, **({"etcd": etcd} if etcd else {})}


class Proxy(Server):
    """An etcd proxy."""


@dataclass(frozen=True)
class User:
    """A client identity: its CN is the etcd user.

    Some have hosts of their own, as servers that are no part of etcd.
    """

    name: str
    cn: str
    role: str = ""
    permissions: tuple[Permission, ...] = ()
    files: Files = Files()
    hosts: tuple[str, ...] = ()
    terms: Terms = AS_ALL

    @property
    def is_client(self) -> bool:
        """Whether its certificate opens a connection to etcd: not if it is for servers alone."""
        return not self.terms.usages or CLIENT_AUTH in self.terms.usages

    def document(self) -> dict[str, object]:
        """Return it as it stands in the inventory file."""
        role = {"role": self.role} if self.role else {}
        permissions = [each.document() for each in self.permissions]
        return {
            "name": self.name,
            "cn": self.cn,
            **role,
            **({"permissions": permissions} if permissions else {}),
            **({"hosts": list(self.hosts)} if self.hosts else {}),
            **self.terms.document(),
            **self.files.document(),
        }

"""What a preset is: a role for a well-known user of etcd, and what its software has to be told."""

from dataclasses import dataclass

from tls_scaffold.inventory.clusterparts import Permission

CERTIFICATE = "certificate"  # the CN of its certificate is the etcd user
PASSWORD = "password"  # noqa: S105 - a word; its certificate has no CN: etcd's gateway takes none with one
NOBODY = "nobody"  # a certificate and no etcd user
# etcd closed Status to all but root with CVE-2026-33413, and opened it again in the next releases.
STATUS_DENIED = "etcd 3.4.42 to 3.4.45, 3.5.28 to 3.5.31 and 3.6.0 to 3.6.11"


@dataclass(frozen=True)
class Reason:
    """A permission of a preset, and what it is needed for."""

    permission: Permission
    why: str


@dataclass(frozen=True)
class Setting:
    """What the software itself has to be told so that the permissions are enough for it.

    `elsewhere` is how the same is said in another place, where there is one.
    """

    name: str
    value: str
    why: str
    elsewhere: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True)
class Preset:
    """A role with its permissions, and where they are written down.

    `version` is the software that the permissions were compared with, and `source` where its needs
    are written. `root` says why the user holds etcd's role root besides, empty where it does not;
    `without_root` is the preset to take where that is too much. `login` is how etcd knows the user.
    `asks_status` tells that the software needs the members' Status, which some versions of etcd
    give to root alone. `by_name` tells whether a user of the preset's name takes it; where that
    would surprise, only its `role` gives it.
    """

    name: str
    source: str
    version: str
    reasons: tuple[Reason, ...] = ()
    root: str = ""
    without_root: str = ""
    settings: tuple[Setting, ...] = ()
    login: str = CERTIFICATE
    asks_status: bool = False
    by_name: bool = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever gives this preset to a user has to know of it, a sentence each."""
        status = f"it asks the members for their Status, which {STATUS_DENIED} give to root alone"
        gateway = (
            "it comes through etcd's HTTP gateway, which takes no certificate with a CN: a "
            "password says who it is, and whoever has a certificate without a CN may try passwords"
        )
        return (
            *((status,) if self.asks_status else ()),
            *((gateway,) if self.login == PASSWORD else ()),
        )

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The permissions alone."""
        return tuple(reason.permission for reason in self.reasons)


def both(path: str, why: str) -> Reason:
    """Return the right to read and write all that begins with `path`."""
    return Reason(Permission(path, "readwrite"), why)


def read(path: str, why: str) -> Reason:
    """Return the right to read all that begins with `path`."""
    return Reason(Permission(path, "read"), why)


def read_key(path: str, why: str) -> Reason:
    """Return the right to read one key."""
    return Reason(Permission(path, "read", prefix=False), why)

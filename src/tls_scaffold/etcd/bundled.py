"""The members of a proof: started with what their bundles say.

But for what a throw-away cluster can't have, addresses and ports, data, and an initial state, and
for what it can do without: data that outlives a loss of power.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tls_scaffold.bundles.memberflags import (
    Urls,
    bundled_pairs,
    flags_on_host,
    member_flags,
    trust_of,
)
from tls_scaffold.etcd import throwaway
from tls_scaffold.etcd.etcdctl import NO_FSYNC, Identity
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.values import Inventory


@dataclass(frozen=True)
class Bundles:
    """The bundles of an inventory's members as they would be for the folder `home`.

    `clients_ca` is the file that clients are trusted by, None where it is the CA's. With `no_fsync`
    members do not wait for their disk: what they keep is thrown away.
    """

    inventory: Inventory
    home: str
    clients_ca: Path | None
    no_fsync: bool

    def flags(self, name: str, urls: Mapping[str, Urls], data_dir: Path) -> dict[str, str]:
        """Return etcd's flags for the member of that name, in a new cluster at these URLs."""
        member = self._member(name)
        pairs = bundled_pairs(self.inventory, member, self.home)
        flags = member_flags(self.inventory, member, pairs, urls, str(data_dir))
        if self.clients_ca:
            flags["trusted-ca-file"] = str(self.clients_ca)
        if self.no_fsync:
            flags[NO_FSYNC] = "true"
        return flags

    def replaced(self, started: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        """Return the names of the flags that members had other values of than their bundles say.

        `started` are the flags of each by the member's name.
        """
        replaced: dict[str, None] = {}
        for name, flags in started.items():
            bundled = flags_on_host(self.inventory, self._member(name), self.home)
            for flag, value in flags.items():
                if bundled.get(flag) != value:
                    replaced[flag] = None
        return tuple(replaced)

    def _member(self, name: str) -> Member:
        return next(each for each in self.inventory.members if each.name == name)


def lay_out_bundles(
    inventory: Inventory,
    identities: Mapping[str, Identity],
    trusted: Mapping[str, Path],
    home: Path,
    clients_ca: Path | None,
    *,
    no_fsync: bool,
) -> Bundles:
    """Make the folder `home` where the members' files have the names that bundles give them.

    No key is copied: they are links. `trusted` are the files of those who are shown a certificate,
    by the CA that signed it. `clients_ca` and `no_fsync` are those of the bundles.
    """
    home.mkdir()
    for each in dict.fromkeys(chain.from_iterable(inventory.member_pairs)):
        ca = home / trust_of(each)
        if not ca.is_symlink():
            ca.symlink_to(trusted[each.ca])
        throwaway.link_identity(identities[each.name], home / each.name)
    return Bundles(inventory, str(home), clients_ca, no_fsync)

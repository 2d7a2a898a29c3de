"""The members of a proof: started with what their bundles say, but for what a throw-away cluster can't have."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tls_scaffold.bundles import members
from tls_scaffold.bundles.members import Start, Urls
from tls_scaffold.etcd import throwaway
from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.inventory.listed import Member
from tls_scaffold.inventory.values import Inventory


@dataclass(frozen=True)
class Bundles:
    """The bundles of an inventory's members as they would be for the folder `home`.

    `clients_ca` is the file that clients are trusted by in place of the CA's, None where it is the CA's.
    """

    inventory: Inventory
    home: str
    clients_ca: Path | None

    def flags(self, name: str, urls: Mapping[str, Urls], data_dir: Path) -> dict[str, str]:
        """Return etcd's flags for the member of that name, in a new cluster at these URLs."""
        member = self._member(name)
        shown = members.pairs(self.inventory, member, self.home)
        trust = {"trusted-ca-file": str(self.clients_ca)} if self.clients_ca else {}
        return {**members.flags(self.inventory, member, shown, urls, Start(str(data_dir))), **trust}

    def replaced(self, started: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        """Return the flags, in etcd's words, with which members were started otherwise than their bundles say.

        `started` are the flags of each by the member's name.
        """
        found: dict[str, None] = {}
        for name, given in started.items():
            bundled = members.in_place(self.inventory, self._member(name), self.home)
            found |= {flag: None for flag, word in given.items() if bundled.get(flag) != word}
        return tuple(found)

    def _member(self, name: str) -> Member:
        return next(each for each in self.inventory.members if each.name == name)


def lay_out(
    inventory: Inventory,
    identities: Mapping[str, Identity],
    ca: Path,
    home: Path,
    clients_ca: Path | None,
) -> Bundles:
    """Make the folder `home` where the members' files have the names that bundles give them; no key is copied."""
    home.mkdir()
    (home / "ca.pem").symlink_to(ca)
    for each in dict.fromkeys(chain.from_iterable(inventory.member_pairs)):
        throwaway.linked(identities[each.name], home / each.name)
    return Bundles(inventory, str(home), clients_ca)

"""The inventory that a file and options ask of a folder, one that is there already among them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import formats, intake
from tls_scaffold.inventory.fields import escaped_problem
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import SCHEMA, Inventory

DEFAULT_PROXIES = 1  # as in hack/tls-setup
CA_FIELDS = (
    "key",
    "ca_expiry",
    "ca_cn",
    "ca_generation",
    "peer_ca_generation",
    "organization",
    "organizational_unit",
    "locality",
    "state",
    "country",
)
"""What the CA's own request is made from: another value asks for another CA."""
KEPT_FIELDS = (SCHEMA, "record", "ca", "peer_ca", "crl", "forgotten")
"""Where nothing is said of one of these, it stays."""


@dataclass(frozen=True)
class Wish:
    """What a file holds, as it was read once, and the options beside it."""

    data: object
    options: Options

    @property
    def digest(self) -> str:
        """A sum by which two of them are known to be the same."""
        text = json.dumps([self.data, vars(self.options)], default=str, sort_keys=True)
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_wish(source: str, options: Options) -> Wish:
    """Read a file (`-` is stdin, empty is none); without a word on proxies there is one.

    Raises ScaffoldError where it can't be read.
    """
    data: object = formats.load(source) if source else {}
    if not options.say_proxies and not (isinstance(data, Mapping) and "proxies" in data):
        options = replace(options, proxies=DEFAULT_PROXIES)
    return Wish(data, options)


def desired_inventory(wish: Wish, old: Inventory) -> Inventory:
    """Return the inventory that a folder with the inventory `old` is to have.

    Servers without a name keep those that they have in the folder. What is not said of the CA, of
    the list of what was revoked and of the record stays; the names of servers that go are not given
    again. Raises ScaffoldError with every problem, and where no member would stay.
    """
    if not isinstance(wish.data, Mapping):
        return intake.of_data(wish.data, wish.options)
    stated = wish.options.added_to(wish.data)
    there = old.document()
    kept = {name: there[name] for name in (*CA_FIELDS, *KEPT_FIELDS) if name in there}
    new = intake.of_data(
        {**kept, **stated}, known=old, users_are_enough=not old.members, needs_pin=False
    )
    names = {each.name for each in (*new.members, *new.proxies)}
    if old.members and not {each.name for each in old.members} & names:
        raise ScaffoldError(
            "no member of the folder would stay",
            [f"`{each.name}` would be removed" for each in old.members],
            "a cluster loses its data with its last member: replace one member after another",
        )
    gone = [each.name for each in (*old.members, *old.proxies) if each.name not in names]
    return replace(new, removed=tuple(dict.fromkeys((*old.removed, *new.removed, *gone))))


def other_ca_problems(old: Inventory, new: Inventory) -> list[Problem]:
    """Return a problem for each field by which the CA would have to be another one."""
    before, after = old.document(), new.document()
    changed = [name for name in CA_FIELDS if before.get(name) != after.get(name)]
    return [
        escaped_problem(
            name,
            f"`{after.get(name, '')}` asks for another CA: this one has `{before.get(name, '')}`",
        )
        for name in changed
    ]

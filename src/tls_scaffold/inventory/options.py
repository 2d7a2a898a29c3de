"""What the options of `new` and `add` say of an inventory, before it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from tls_scaffold.inventory.components import proxy_list
from tls_scaffold.inventory.fields import split_at_commas

LISTS = ("members", "users", "grant", "role", "set", "proxy", "proxies")


@dataclass(frozen=True)
class Options:
    """The options as they were typed; empty lists and None for those that were not given.

    `proxies` is a number of proxies without a name, `ca` the fields that say who holds the CA. What
    is not in LISTS are settings.
    """

    members: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    grant: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()
    proxies: int | None = None
    key: str | None = None
    expiry: str | None = None
    ca_expiry: str | None = None
    ca_cn: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    locality: str | None = None
    state: str | None = None
    country: str | None = None
    separate_requests: bool | None = None
    record: bool | None = None
    key_group: str | None = None
    ca: Mapping[str, object] | None = None
    peer_ca: bool | None = None
    crl: bool | None = None

    @property
    def say_proxies(self) -> bool:
        """Whether they say how many proxies there are, be it none."""
        return self.proxies is not None or self.proxy != ()

    def added_to(self, data: Mapping[str, object]) -> dict[str, object]:
        """Return an inventory's data with these words added to its lists, and these settings."""
        settings = {name: value for name, value in vars(self).items() if name not in LISTS}
        added = {**data, **{name: value for name, value in settings.items() if value is not None}}
        there = data.get("ca")
        if self.ca is not None and isinstance(there, Mapping):
            added["ca"] = {**there, **self.ca}
        for name in ("members", "users", "grant", "role", "set"):
            if getattr(self, name):
                added[name] = [*split_at_commas(data.get(name, [])), *getattr(self, name)]
        if self.proxies or self.proxy:
            there = split_at_commas(proxy_list(data.get("proxies", [])))
            more = split_at_commas(proxy_list(self.proxies or 0))
            added["proxies"] = [*there, *more, *self.proxy]
        return added

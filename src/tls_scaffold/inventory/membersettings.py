"""How etcd runs on members, beyond certificates: what an inventory says, for all or for one."""

import re
from dataclasses import dataclass, fields

from tls_scaffold import spelling
from tls_scaffold.inventory.fields import Field

PORTS = range(1, 65536)
STATES = ("new", "existing")
OFF = "off"
EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104
COMPACTION = re.compile(r"([1-9][0-9]{0,4})(m|h)", re.ASCII)
# Minutes: a watch that connects again within them must still find its revision.
LEAST_COMPACTION = 5
MOST_COMPACTION = 365 * 24 * 60
COMPACTION_FORM = f"`1h` or `30m`, 5m to a year, or `{OFF}`"


@dataclass(frozen=True)
class MemberSettings:
    """What etcd is started with; empty, 0 and None for what is not said here.

    `auto_compaction` in minutes: how long old revisions stay, 0 for always. `listen_client` and
    `listen_peer` are IP addresses; without them a member listens on those among its hosts.
    """

    data_dir: str = ""
    initial_cluster_state: str = ""
    client_port: int = 0
    peer_port: int = 0
    listen_client: tuple[str, ...] = ()
    listen_peer: tuple[str, ...] = ()
    auto_compaction: int | None = None

    def over(self, others: "MemberSettings") -> "MemberSettings":
        """Return these settings, and those of `others` where these say nothing."""
        return MemberSettings(
            data_dir=self.data_dir or others.data_dir,
            initial_cluster_state=self.initial_cluster_state or others.initial_cluster_state,
            client_port=self.client_port or others.client_port,
            peer_port=self.peer_port or others.peer_port,
            listen_client=self.listen_client or others.listen_client,
            listen_peer=self.listen_peer or others.listen_peer,
            auto_compaction=others.auto_compaction
            if self.auto_compaction is None
            else self.auto_compaction,
        )

    def document(self) -> dict[str, object]:
        """Return what is said, as it stands in the inventory file."""
        document = {
            **vars(self),
            "listen_client": list(self.listen_client),
            "listen_peer": list(self.listen_peer),
        }
        if self.auto_compaction is not None:
            document["auto_compaction"] = retention(self.auto_compaction)
        return {name: value for name, value in document.items() if value}


NOTHING_SAID = MemberSettings()
DEFAULTS = MemberSettings(
    initial_cluster_state="new", client_port=2379, peer_port=2380, auto_compaction=60
)
FIELDS = tuple(each.name for each in fields(MemberSettings))


def retention(minutes: int) -> str:
    """Return minutes as etcd and the inventory write them: `1h`, `90m`; `off` for none."""
    if not minutes:
        return OFF
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


def read_member_settings(field: Field) -> MemberSettings:
    """Return the settings in a table."""
    table = field.table(FIELDS)
    return MemberSettings(
        data_dir=table["data_dir"].text(spelling.path_problem),
        initial_cluster_state=table["initial_cluster_state"].text(state_problem),
        client_port=table["client_port"].number(PORTS),
        peer_port=table["peer_port"].number(PORTS),
        listen_client=_read_addresses(table["listen_client"]),
        listen_peer=_read_addresses(table["listen_peer"]),
        auto_compaction=_read_compaction(table["auto_compaction"]),
    )


def state_problem(text: str) -> str:
    """Say why `text` is no initial state of a cluster; empty if it is one."""
    return "" if text in STATES else f"`{text}` is neither `new` nor `existing`"


def address_problem(text: str) -> str:
    """Say why a member can't listen on `text`; empty if it can. etcd binds to no host name."""
    if problem := spelling.host_problem(text):
        return problem
    return (
        ""
        if spelling.canonical_address(text)
        else f"`{text}` is a host name: etcd listens on IP addresses alone"
    )


def _read_addresses(field: Field) -> tuple[str, ...]:
    hosts = field.texts(address_problem)
    addresses = [spelling.canonical_address(host) for host in hosts]
    if field.value == []:
        field.refuse("is empty: leave it out, or name an address")
    elif not all(addresses):
        pass  # each that is none was refused by itself
    elif len(hosts) > 1 and EVERY_ADDRESS.intersection(addresses):
        field.refuse("`0.0.0.0` and `::` are every address: etcd can't listen on another beside")
    elif len(set(addresses)) < len(addresses):
        field.refuse("an address stands there twice")
    return hosts


def _read_compaction(field: Field) -> int | None:
    compaction = field.parsed(minutes, COMPACTION_FORM)
    if compaction and compaction < LEAST_COMPACTION:
        field.refuse_value(
            f"is less than {LEAST_COMPACTION}m: "
            "a watch that connects again would find that its revision is gone"
        )
    return compaction


def minutes(text: str) -> int | None:
    """Return what `1h` or `30m` is in minutes, 0 for `off`; None for others, or over a year."""
    if text == OFF:
        return 0
    match = COMPACTION.fullmatch(text)
    if not match:
        return None
    count = int(match[1]) * (60 if match[2] == "h" else 1)
    return count if count <= MOST_COMPACTION else None

"""How etcd runs on a member, beyond its certificates: what an inventory says of it, for all members or for one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tls_scaffold import words
from tls_scaffold.inventory.fields import Fields, shown

PORTS = range(1, 65536)
STATES = ("new", "existing")
OFF = "off"
EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104
COMPACTION = re.compile(r"([1-9][0-9]{0,4})(m|h)", re.ASCII)
LEAST_COMPACTION = (
    5  # minutes: a watch that connects again within them must still find its revision
)
MOST_COMPACTION = 365 * 24 * 60
COMPACTION_FORM = f"`1h` or `30m`, 5m to a year, or `{OFF}`"


@dataclass(frozen=True)
class MemberSettings:
    """What etcd is started with; empty, 0 and None for what is not said here.

    `auto_compaction` in minutes: how long old revisions stay, 0 for always. `listen_client` and `listen_peer`
    are IP addresses; without them a member listens on those among its hosts.
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

    def document(self) -> dict[str, Any]:
        """Return what is said, as it stands in the inventory file."""
        compaction = "" if self.auto_compaction is None else retention(self.auto_compaction)
        lists = {"listen_client": list(self.listen_client), "listen_peer": list(self.listen_peer)}
        return {
            name: value
            for name, value in {**vars(self), **lists, "auto_compaction": compaction}.items()
            if value
        }


NOTHING_SAID = MemberSettings()
DEFAULTS = MemberSettings(
    initial_cluster_state="new", client_port=2379, peer_port=2380, auto_compaction=60
)
FIELDS = tuple(each.name for each in fields(MemberSettings))


def retention(minutes: int) -> str:
    """Return minutes as etcd and the inventory write them, such as `1h` or `90m`; `off` for none."""
    if not minutes:
        return OFF
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


def member_settings(collected: Fields, place: str, value: object) -> MemberSettings:
    """Return the settings in the table `value`; what is wrong goes to `collected`."""
    table = collected.table(place, value, FIELDS)
    return MemberSettings(
        data_dir=_text(collected, place, table, "data_dir", words.path_problem),
        initial_cluster_state=_text(
            collected, place, table, "initial_cluster_state", state_problem
        ),
        client_port=_port(collected, place, table, "client_port"),
        peer_port=_port(collected, place, table, "peer_port"),
        listen_client=_addresses(collected, place, table, "listen_client"),
        listen_peer=_addresses(collected, place, table, "listen_peer"),
        auto_compaction=_compaction(collected, f"{place}.auto_compaction", table),
    )


def state_problem(text: str) -> str:
    """Say why `text` is no initial state of a cluster; empty if it is one."""
    return "" if text in STATES else f"`{text}` is neither `new` nor `existing`"


def address_problem(text: str) -> str:
    """Say why a member can't listen on `text`; empty if it can. etcd binds to no host name."""
    if problem := words.host_problem(text):
        return problem
    return (
        ""
        if words.canonical_address(text)
        else f"`{text}` is a host name: etcd listens on IP addresses alone"
    )


def _text(
    collected: Fields,
    place: str,
    table: Mapping[str, Any],
    name: str,
    problem: Callable[[str], str],
) -> str:
    return collected.text(f"{place}.{name}", table[name], problem) if name in table else ""


def _port(collected: Fields, place: str, table: Mapping[str, Any], name: str) -> int:
    if name not in table:
        return 0
    value = table[name]
    if isinstance(value, int) and not isinstance(value, bool) and value in PORTS:
        return value
    wrong = (
        "is text: write the port without quotes"
        if isinstance(value, str)
        else "is not a port: 1 to 65535"
    )
    collected.wrong(f"{place}.{name}", f"`{shown(value)}` {wrong}")
    return 0


def _addresses(
    collected: Fields, place: str, table: Mapping[str, Any], name: str
) -> tuple[str, ...]:
    if name not in table:
        return ()
    found = collected.listed(
        f"{place}.{name}", table[name], lambda at, item: collected.text(at, item, address_problem)
    )
    addresses = [words.canonical_address(each) for each in found]
    if table[name] == []:
        collected.wrong(f"{place}.{name}", "is empty: leave it out, or name an address")
    elif not all(addresses):
        return found  # each that is none has been told
    elif len(found) > 1 and EVERY_ADDRESS.intersection(addresses):
        collected.wrong(
            f"{place}.{name}",
            "`0.0.0.0` and `::` are every address: etcd can't listen on another beside",
        )
    elif len(set(addresses)) < len(addresses):
        collected.wrong(f"{place}.{name}", "an address stands there twice")
    return found


def _compaction(collected: Fields, place: str, table: Mapping[str, Any]) -> int | None:
    if "auto_compaction" not in table:
        return None
    found = collected.word(place, table["auto_compaction"], minutes, COMPACTION_FORM)
    if found and found < LEAST_COMPACTION:
        collected.wrong(
            place,
            f"`{shown(table['auto_compaction'])}` is less than {LEAST_COMPACTION}m: "
            "a watch that connects again would find that its revision is gone",
        )
        return None
    return found


def minutes(text: str) -> int | None:
    """Return what `1h` or `30m` is in minutes, 0 for `off`; None if it is neither, or more than a year."""
    if text == OFF:
        return 0
    match = COMPACTION.fullmatch(text)
    if not match:
        return None
    count = int(match[1]) * (60 if match[2] == "h" else 1)
    return count if count <= MOST_COMPACTION else None

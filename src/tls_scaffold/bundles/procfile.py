"""All members on loopback, for a try: the lines of a Procfile."""

import shlex
from collections.abc import Iterator

from tls_scaffold.bundles.members import Pairs, Start, Urls, flags
from tls_scaffold.bundles.settings import Paths
from tls_scaffold.inventory.membersettings import DEFAULTS
from tls_scaffold.inventory.urls import url
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import TRUST

LOOPBACK = "127.0.0.1"
STEP = 100  # between the ports of one member and of the next


def processes(inventory: Inventory) -> dict[str, str]:
    """Return the command of each member by the name of its process, all in the generated folder."""
    urls = {member.name: _urls(index) for index, member in enumerate(inventory.members)}
    return dict(_processes(inventory, urls))


def _processes(inventory: Inventory, urls: dict[str, Urls]) -> Iterator[tuple[str, str]]:
    taken = set()
    for number, (member, (own, peer)) in enumerate(
        zip(inventory.members, inventory.member_pairs, strict=True), 1
    ):
        name = member.name.replace(".", "-")  # honcho and goreman take no dot
        name = f"{name}--{number}" if name in taken else name
        taken.add(name)
        pairs = Pairs(*(Paths(each.output, trust=TRUST) for each in (own, peer)))
        given = flags(inventory, member, pairs, urls, Start(f"data/{member.name}"))
        yield name, " ".join(["etcd", *(_word(flag, word) for flag, word in given.items())])


def _word(flag: str, word: str) -> str:
    # By the flag, not by the word: a member and a CN may be called `true` too.
    return f"--{flag}" if flag.endswith("client-cert-auth") else f"--{flag} {shlex.quote(word)}"


def _urls(index: int) -> Urls:
    clients, peers = (
        url(LOOPBACK, port + STEP * index) for port in (DEFAULTS.client_port, DEFAULTS.peer_port)
    )
    return Urls(clients, clients, peers, peers)

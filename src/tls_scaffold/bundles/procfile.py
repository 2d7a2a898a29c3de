"""All members on loopback, for a try: the lines of a Procfile."""

import shlex

from tls_scaffold.bundles.memberflags import Urls, member_flags
from tls_scaffold.bundles.settings import paths_in
from tls_scaffold.inventory.membersettings import DEFAULTS
from tls_scaffold.inventory.urls import https_url
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CRL, TRUSTS

LOOPBACK = "127.0.0.1"
STEP = 100  # between the ports of one member and of the next


def processes(inventory: Inventory) -> dict[str, str]:
    """Return the command of each member by the name of its process, all in the generated folder."""
    urls = {member.name: _urls(index) for index, member in enumerate(inventory.members)}
    crl = CRL if inventory.crl else ""
    commands: dict[str, str] = {}
    for number, member in enumerate(inventory.members, 1):
        name = member.name.replace(".", "-")  # honcho and goreman take no dot
        if name in commands:
            name = f"{name}--{number}"
        own, peer = inventory.member_pairs[number - 1]
        pairs = (
            paths_in("", own.output, TRUSTS[own.ca], crl),
            paths_in("", peer.output, TRUSTS[peer.ca], crl),
        )
        flags = member_flags(inventory, member, pairs, urls, f"data/{member.name}")
        commands[name] = " ".join(["etcd", *(_argument(*flag) for flag in flags.items())])
    return commands


def _argument(flag: str, value: str) -> str:
    # By the flag, not by the value: a member and a CN may be called `true` too.
    if flag.endswith("client-cert-auth"):
        return f"--{flag}"
    return f"--{flag} {shlex.quote(value)}"


def _urls(index: int) -> Urls:
    client = https_url(LOOPBACK, DEFAULTS.client_port + STEP * index)
    peer = https_url(LOOPBACK, DEFAULTS.peer_port + STEP * index)
    return Urls(client, client, peer, peer)

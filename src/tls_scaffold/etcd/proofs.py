"""What a running cluster must and must not do: each proof tries it, and says what was seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.etcd.bench import (
    DENIED,
    PROBE,
    Bench,
    apply_script,
    outcome,
    run_script,
    script_error,
)
from tls_scaffold.inventory.presets import ROOT
from tls_scaffold.inventory.rbac import fact_lines
from tls_scaffold.inventory.values import Inventory


@dataclass(frozen=True)
class Check:
    """A sentence about the cluster, whether it holds, and what was seen where it does not."""

    sentence: str
    seen: str = ""

    @property
    def holds(self) -> bool:
        """Whether it holds."""
        return not self.seen


def checks(bench: Bench, script: Path, inventory: Inventory, ours: Path) -> Iterator[Check]:
    """Yield every other proof, once authentication is on.

    `script` is the folder's, `ours` what that is without edits by hand.
    """
    yield foreign_ca_is_refused(bench)
    yield unknown_cn_may_do_nothing(bench)
    if bench.users:
        yield users_are_refused_as_peers(bench)
    yield second_run_changes_nothing(bench, script)
    yield nothing_but_the_inventory_is_there(bench, inventory, ours)
    yield every_member_is_healthy(bench)


def foreign_ca_is_refused(bench: Bench) -> Check:
    """Knock at each member with a certificate of another CA.

    Root's shows that it would have been answered.
    """
    cluster = bench.cluster
    wrong = [
        f"port {port} answers it"
        for port in cluster.client_ports
        if cluster.accepts(port, bench.stranger)
    ]
    wrong += [
        f"port {port} does not answer root"
        for port in cluster.client_ports
        if not cluster.accepts(port, bench.root)
    ]
    return Check("a certificate of another CA is refused", "; ".join(wrong))


def unknown_cn_may_do_nothing(bench: Bench) -> Check:
    """Try to read, write and list users as the members' CN, which is never a user."""
    tries = (("get", PROBE), ("put", PROBE, PROBE), ("user", "list"), ("role", "list"))
    endpoint = bench.cluster.endpoints[0]
    wrong = []
    for arguments in tries:
        seen = outcome(bench.cluster, bench.member.server, endpoint, *arguments)
        if seen != DENIED:
            wrong.append(f"`{' '.join(arguments)}` is {seen}")
    return Check("a certificate whose CN is no user of etcd may do nothing", "; ".join(wrong))


def users_are_refused_as_peers(bench: Bench) -> Check:
    """Knock at each peer port as each user.

    The member's certificate shows that it would have been answered.
    """
    cluster = bench.cluster
    wrong = [
        f"port {port} takes {name} for a member"
        for port in cluster.peer_ports
        for name, identity in bench.users.items()
        if cluster.accepts(port, identity)
    ]
    wrong += [
        f"port {port} refuses the member"
        for port in cluster.peer_ports
        if not cluster.accepts(port, bench.member.peer)
    ]
    return Check("a user's certificate is refused on the peer port", "; ".join(wrong))


def second_run_changes_nothing(bench: Bench, script: Path) -> Check:
    """Run the script once more: it must print no change, and every user and role must stay."""
    before = holdings(bench)
    wrong = [f"`{line}`" for line in apply_script(bench, script).splitlines()]
    if holdings(bench) != before:
        wrong.append("users or roles differ afterwards")
    return Check("the script run twice changes nothing", "; ".join(wrong))


def nothing_but_the_inventory_is_there(bench: Bench, inventory: Inventory, ours: Path) -> Check:
    """Compare as `rbac --diff` does, and name users and roles that it passes over.

    The user root, and its role, may be in no inventory, but no proof does without.
    """
    done = run_script(bench, ours, "--diff")
    if done.stderr or done.returncode not in (0, 1):
        raise script_error(done, "--diff")
    signs = {"+": "is missing", "-": "is too much"}
    lines = [line.replace("\t", "  ") for line in done.stdout.split("\n") if line]
    wrong = [f"`{line[2:]}` {signs[line[0]]}" for line in lines]
    known = {f"user\t{ROOT}", f"role\t{ROOT}", *fact_lines(inventory)}
    there = [(kind, name) for kind in ("user", "role") for name in _names(bench, kind)]
    wrong += [
        f"`{kind}  {name}` is too much" for kind, name in there if f"{kind}\t{name}" not in known
    ]
    return Check("users, roles and permissions are those of the inventory", "; ".join(wrong))


def _names(bench: Bench, kind: str) -> list[str]:
    lines = _ask_first_member(bench, kind, "list").split("\n")
    return [line for line in lines if line]


def _ask_first_member(bench: Bench, *arguments: str) -> str:
    first = bench.cluster.endpoints[0]
    return bench.cluster.etcdctl(bench.root, *arguments, ETCDCTL_ENDPOINTS=first).stdout


def holdings(bench: Bench) -> str:
    """Return every user and role of the cluster with what each holds, as etcdctl prints it."""
    texts = [
        _ask_first_member(bench, kind, "get", "--", name)
        for kind in ("user", "role")
        for name in _names(bench, kind)
    ]
    return "\n".join(texts)


def every_member_is_healthy(bench: Bench) -> Check:
    """Ask each member by itself for a key that needs the agreement of all."""
    wrong = [
        f"{url} does not answer"
        for url in bench.cluster.endpoints
        if bench.cluster.etcdctl(bench.root, "get", PROBE, ETCDCTL_ENDPOINTS=url).returncode
    ]
    return Check("every member is healthy", "; ".join(wrong))

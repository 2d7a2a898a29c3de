"""What the folder's script must have done to a running cluster; each proof says what was seen."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.etcd import calls
from tls_scaffold.etcd import rpc_pb2 as rpc
from tls_scaffold.etcd.bench import PROBE, Bench, Check, apply_script, run_script, script_error
from tls_scaffold.etcd.calls import Caller
from tls_scaffold.etcd.methods import Call
from tls_scaffold.inventory.rbac import fact_lines
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.values import Inventory


def checks(bench: Bench, script: Path, inventory: Inventory, ours: Path) -> Iterator[Check]:
    """Yield each of them, once authentication is on.

    `script` is the folder's, `ours` what that is without edits by hand.
    """
    yield second_run_changes_nothing(bench, script)
    yield nothing_but_the_inventory_is_there(bench, inventory, ours)
    yield every_member_is_healthy(bench)


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
    there = [
        *(("user", name) for name in _users(bench)),
        *(("role", name) for name in _roles(bench)),
    ]
    wrong += [
        f"`{kind}  {name}` is too much" for kind, name in there if f"{kind}\t{name}" not in known
    ]
    return Check("users, roles and permissions are those of the inventory", "; ".join(wrong))


def holdings(bench: Bench) -> list[str]:
    """Return every user and role of the cluster with what each holds."""
    users, roles = _users(bench), _roles(bench)
    gets = [
        *(Call("Auth/UserGet", rpc.AuthUserGetRequest(name=name)) for name in users),
        *(Call("Auth/RoleGet", rpc.AuthRoleGetRequest(role=name)) for name in roles),
    ]
    named = zip([*users, *roles], _ask_first_member(bench, *gets), strict=True)
    return [f"{name}\n{answer.reply}" for name, answer in named]


def _users(bench: Bench) -> list[str]:
    (answer,) = _ask_first_member(bench, Call("Auth/UserList", rpc.AuthUserListRequest()))
    return list(answer.reply.users) if isinstance(answer.reply, rpc.AuthUserListResponse) else []


def _roles(bench: Bench) -> list[str]:
    (answer,) = _ask_first_member(bench, Call("Auth/RoleList", rpc.AuthRoleListRequest()))
    return list(answer.reply.roles) if isinstance(answer.reply, rpc.AuthRoleListResponse) else []


def _ask_first_member(bench: Bench, *asked: Call) -> list[calls.Answer]:
    caller = Caller(bench.root, bench.cluster.client_ports[0])
    (answers,) = calls.ask(bench.cluster, [(caller, asked)])
    calls.check(answers)
    return answers


def every_member_is_healthy(bench: Bench) -> Check:
    """Ask each member by itself for a key that needs the agreement of all."""
    get = Call("KV/Range", rpc.RangeRequest(key=PROBE.encode()))
    ports = bench.cluster.client_ports
    answers = calls.ask(bench.cluster, [(Caller(bench.root, port), [get]) for port in ports])
    wrong = [
        f"{bench.cluster.url(port)} does not answer"
        for port, (answer,) in zip(ports, answers, strict=True)
        if answer.outcome != calls.ALLOWED
    ]
    return Check("every member is healthy", "; ".join(wrong))

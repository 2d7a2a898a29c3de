"""`tls-scaffold rehearse`: what comes next, rolled out on a throw-away cluster that is written to.

The certificates there are like the folder's, under keys that are made for it and thrown away.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tls_scaffold.commands.explain import Answer
from tls_scaffold.commands.rehearsalchanges import Change, Next, next_states, read_begin
from tls_scaffold.commands.rehearsalcopy import copy_folder
from tls_scaffold.disk.signals import ended_by_signals
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import etcdctl, guarded
from tls_scaffold.etcd.rolling import rolling_members
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.values import FILE
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.paths import CERTS, KEY_ENDING
from tls_scaffold.rehearsal.layout import Layout
from tls_scaffold.rehearsal.loopback import Loopback, dialled_hosts
from tls_scaffold.rehearsal.performing import Performance, Row, perform
from tls_scaffold.rehearsal.stage import Stage, writing_users
from tls_scaffold.rehearsal.states import NOT_REHEARSED, State
from tls_scaffold.rehearsal.steps import RollOut
from tls_scaffold.signing.keys import PrivateKey, read_private_key
from tls_scaffold.signing.mirrors import Mirror

VERSION = 1
MOST_MEMBERS = 5
MOST_USERS = 6


@dataclass(frozen=True)
class Rehearsal:
    """What was rolled out, from one state to the next ones by their names, and how it went.

    `version` is etcd's. `users` are those who wrote; `untried` are members and users who had no
    part in it.
    """

    version: str
    states: tuple[str, ...]
    members: tuple[str, ...]
    users: tuple[str, ...]
    untried: tuple[str, ...]
    performance: Performance


def rehearse(
    folder: Path,
    change: Change,
    begin: str = CERTS,
    etcd_directory: Path | None = None,
    progress: Callable[[str], object] = lambda _step: None,
) -> Rehearsal:
    """Run the state `begin` on a throw-away cluster, and roll it to what a change leads to.

    `progress` is told each step. Raises ScaffoldError where there is no etcd, where something is
    missing, or where a command would refuse the change. The folder stays as it is, and everything
    started or written is gone when this returns or raises.
    """
    tools = etcdctl.find_tools(etcd_directory)
    first = read_begin(folder, begin)
    with ended_by_signals(), guarded.temporary_folder("tls-scaffold-") as into:
        inner = Mirror()
        inner.know_cas(first.certificates)
        copy = into / "folder"
        copy_folder(folder, copy, inner)

        def like(state: State) -> State:
            inner.know_cas(state.certificates)
            return state.mapped(inner.like)

        before = like(first)
        nexts = tuple(next_states(folder, change, copy, like))
        whole = [before, *(each.state for each in nexts)]
        states = _cut(whole)
        users = _users(states)
        loopback = Loopback(each.inventory for each in states)
        mirror = Mirror(loopback.addresses)
        for key in (*inner.keys, *_keys(copy)):
            mirror.know_key(key)
        layout = Layout(_new(into / "files"), mirror, loopback)
        layout.know(states)
        with rolling_members(tools, _new(into / "members")) as members:
            performance = perform(
                Stage(layout, loopback, members),
                states[0],
                list(_roll_outs(states, nexts, users)),
                users,
                with_rights=states[0].has_rights,
                progress=progress,
            )
    return Rehearsal(
        tools.version,
        tuple(state.name for state in states),
        tuple(dict.fromkeys(each.name for state in states for each in state.inventory.members)),
        users,
        _untried(whole, states, users),
        performance,
    )


def mends(found: Found, folder: Path) -> tuple[str, ...]:
    """Return what mends a cause, as `explain` tells it."""
    return Answer((), folder, "").mends(found)


def verdict(rehearsal: Rehearsal) -> str:
    """Return one sentence on how it went."""
    performance = rehearsal.performance
    failed, written = performance.failed, performance.written
    if performance.is_well:
        return f"none of {written} writes failed"
    if failed:
        return f"{failed} of {written + failed} writes failed"
    return f"none of {written} writes failed, but a step left somebody behind"


def document(rehearsal: Rehearsal, folder: Path) -> dict[str, Any]:
    """Return what was rehearsed as JSON."""
    performance = rehearsal.performance
    return {
        "version": VERSION,
        "etcd": rehearsal.version,
        "states": rehearsal.states,
        "members": rehearsal.members,
        "users": rehearsal.users,
        "untried": rehearsal.untried,
        "steps": [_row_document(row, folder) for row in performance.rows],
        "not_done": performance.not_done,
        "writes": performance.written,
        "failures": performance.failed,
        "well": performance.is_well,
    }


def _row_document(row: Row, folder: Path) -> dict[str, Any]:
    return {
        "step": row.step,
        "writes": row.tally.writes,
        "failures": len(row.tally.failures),
        "longest_gap": round(row.tally.longest_gap, 3),
        "failovers": row.tally.failovers,
        "lost": row.reasons,
        "troubles": [
            {
                "who": each.who,
                "where": each.where,
                "cause": each.found.cause.id if each.found else None,
                "what": each.found.cause.what if each.found else None,
                "knows": each.what,
                "mend": mends(each.found, folder) if each.found else (),
            }
            for each in row.troubles
        ],
    }


def _new(path: Path) -> Path:
    path.mkdir(0o700)
    return path


def _cut(states: Sequence[State]) -> list[State]:
    """Return states with as many members as there is room for: the first ones, and who is new."""
    there = [member.name for member in states[0].inventory.members]
    left_out = there[MOST_MEMBERS:]
    cut = []
    for state in states:
        members = [each for each in state.inventory.members if each.name not in left_out]
        _check_members(members)
        cut.append(replace(state, inventory=replace(state.inventory, members=tuple(members))))
    return cut


def _check_members(members: Sequence[Member]) -> None:
    homeless = [f"`{each.name}` has no host" for each in members if not dialled_hosts(each)]
    if not members:
        homeless = [f"`{FILE}` has none: this folder is for users alone"]
    if homeless:
        raise ScaffoldError(
            f"{NOT_REHEARSED}: clients and peers are to find every member", homeless
        )


def _users(states: Sequence[State]) -> tuple[str, ...]:
    """Return the users who write: those who can in every state."""
    able = [[user.name for user in writing_users(state)] for state in states]
    names = [name for name in able[0] if all(name in each for each in able)]
    if not names:
        raise ScaffoldError(
            f"{NOT_REHEARSED}: there is nobody who writes",
            ["no user has a certificate in every state"],
            "`tls-scaffold add NAME`, then `make`",
        )
    return tuple(names[:MOST_USERS])


def _roll_outs(
    states: Sequence[State], nexts: Sequence[Next], users: tuple[str, ...]
) -> Iterator[RollOut]:
    for (before, after), each in zip(pairwise(states), nexts, strict=True):
        yield RollOut(before, after, users, each.restarts)


def _keys(copy: Path) -> Iterator[PrivateKey]:
    """Yield the keys that commands made in the copy."""
    for path in copy.rglob(f"*{KEY_ENDING}"):
        yield read_private_key(path.read_bytes(), str(path))


def _untried(
    wanted: Sequence[State], states: Sequence[State], users: Sequence[str]
) -> tuple[str, ...]:
    """Return who is in an inventory and had no part in the rehearsal."""
    tried = {*users, *(each.name for state in states for each in state.inventory.members)}
    names = [each.name for state in wanted for each in state.inventory.members]
    names += [each.name for state in wanted for each in state.inventory.users]
    return tuple(dict.fromkeys(name for name in names if name not in tried))

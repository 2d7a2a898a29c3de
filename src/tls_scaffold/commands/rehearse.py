"""`tls-scaffold rehearse`: what comes next, rolled out on a throw-away cluster that is written to.

The certificates there are like the folder's, under keys that are made for it and thrown away.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tls_scaffold.commands.explain import mends_of
from tls_scaffold.commands.rehearsalchanges import (
    REGENERATE,
    Change,
    Next,
    next_states,
    read_begin,
    refused_here,
)
from tls_scaffold.commands.rehearsalcopy import copy_folder
from tls_scaffold.disk.folder import lock_or_refusal
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.signals import ended_by_signals
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import etcdctl, guarded
from tls_scaffold.etcd.rolling import rolling_members
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.values import FILE
from tls_scaffold.live import causes
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.rehearsal.layout import Layout
from tls_scaffold.rehearsal.loopback import Loopback, dialled_hosts
from tls_scaffold.rehearsal.performing import Performance, Row, perform
from tls_scaffold.rehearsal.stage import HEALTHY_SECONDS, Stage, writing_users
from tls_scaffold.rehearsal.states import NOT_REHEARSED, State
from tls_scaffold.rehearsal.steps import RollOut
from tls_scaffold.signing.keys import PrivateKey, read_private_key
from tls_scaffold.signing.mirrors import Mirror

VERSION = 1
MOST_MEMBERS = 5
MOST_USERS = 6
PATIENT = "--deadline 20"
HEALTHY = 3  # times as long as for a write who is patient waits for a member
# Of these another CA is the reason, where one takes the place of another at one stroke.
OF_ANOTHER_CA = (
    *causes.OTHER_CAS,
    *causes.NAMESAKES,
    causes.SERVER_CA,
    causes.SERVER_CHAIN,
    causes.CLIENT_TRUST,
    causes.MEMBER_TRUST,
)
ROTATE_INSTEAD = "`tls-scaffold rotate start` brings another CA step by step, and nothing is lost"
EXPECTED = (
    "without a cross certificate old and new refuse each other, until members and clients all have "
    "their new files: docs/ca-rotation.md has the shortest order"
)


@dataclass(frozen=True)
class Rehearsal:
    """What was rolled out, from one state to the next ones by their names, and how it went.

    `version` is etcd's. `users` are those who wrote; `untried` are members and users who had no
    part in it. `notes` say where the folder refuses what was rehearsed.
    """

    version: str
    change: Change
    states: tuple[str, ...]
    members: tuple[str, ...]
    users: tuple[str, ...]
    untried: tuple[str, ...]
    performance: Performance
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """What is rolled out: states that were read or made, with keys that are no secret."""

    before: State
    nexts: tuple[Next, ...]
    keys: tuple[PrivateKey, ...]
    notes: tuple[str, ...]


def rehearse(
    folder: Path,
    change: Change,
    begin: str,
    etcd_directory: Path | None,
    deadline: float,
    progress: Callable[[str], object],
) -> Rehearsal:
    """Run the state `begin` on a throw-away cluster, and roll it to what a change leads to.

    `deadline` is how many seconds a write may take, `progress` is told each step. Raises
    ScaffoldError where there is no etcd, where something is missing, or where a command would
    refuse the change. The folder stays as it is, and everything started or written is gone when
    this returns or raises.
    """
    tools = etcdctl.find_tools(etcd_directory)
    intake.load(folder)  # where there is none, nothing is made for a lock
    with ended_by_signals(), guarded.temporary_folder("tls-scaffold-") as into:
        with lock_or_refusal(folder):
            prepared = _prepare(folder, change, begin, into / "folder")
        whole = [prepared.before, *(each.state for each in prepared.nexts)]
        states = _cut(whole)
        users = _users(states)
        loopback = Loopback(each.inventory for each in states)
        mirror = Mirror(loopback.addresses)
        for key in prepared.keys:
            mirror.know_key(key)
        layout = Layout(_new(into / "files"), mirror, loopback)
        layout.know(states)
        with rolling_members(tools, _new(into / "members")) as members:
            performance = perform(
                Stage(layout, loopback, members, max(HEALTHY_SECONDS, HEALTHY * deadline)),
                states[0],
                [
                    RollOut(before, after, users, each.restarts)
                    for (before, after), each in zip(pairwise(states), prepared.nexts, strict=True)
                ],
                users,
                deadline=deadline,
                progress=progress,
            )
    return Rehearsal(
        tools.version,
        change,
        tuple(state.name for state in states),
        tuple(dict.fromkeys(each.name for state in states for each in state.inventory.members)),
        users,
        _untried(whole, states, users),
        performance,
        prepared.notes,
    )


def _prepare(folder: Path, change: Change, begin: str, copy: Path) -> Prepared:
    """Read and make the states, the folder's lock being held: nobody changes it meanwhile."""
    first = read_begin(folder, begin)
    mirror = Mirror()
    mirror.know_cas(first.certificates)
    copy_folder(folder, copy, mirror)

    def like(state: State) -> State:
        mirror.know_cas(state.certificates)
        return state.mapped(mirror.like)

    before = like(first)
    nexts = tuple(next_states(folder, change, copy, like))
    return Prepared(before, nexts, (*mirror.keys, *_keys(copy)), refused_here(folder, change))


def mends(found: Found, folder: Path, change: Change) -> tuple[str, ...]:
    """Return what mends a cause as `explain` tells it, where the change is not the cause itself."""
    if found.cause in OF_ANOTHER_CA and change.kind == REGENERATE:
        return (ROTATE_INSTEAD,)
    if found.cause in OF_ANOTHER_CA and change.is_compromised:
        return (EXPECTED,)
    return mends_of(found, folder)


def hints(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Return what is to be known beside the steps, a line each."""
    if not rehearsal.performance.may_be_busy:
        return rehearsal.notes
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    busy = (
        f"no cause was found but time: this machine may be too busy (load {load:.1f}, processors "
        f"{processors}); try again when it has less to do, or with `{PATIENT}`"
    )
    return (*rehearsal.notes, busy)


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
        "steps": [_row_document(row, folder, rehearsal.change) for row in performance.rows],
        "not_done": performance.not_done,
        "writes": performance.written,
        "failures": performance.failed,
        "well": performance.is_well,
        "hints": hints(rehearsal),
    }


def _row_document(row: Row, folder: Path, change: Change) -> dict[str, Any]:
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
                "mend": mends(each.found, folder, change) if each.found else (),
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


def _keys(copy: Path) -> Iterator[PrivateKey]:
    """Yield the keys that commands made in the copy."""
    for path in copy.rglob(f"*{KEY_ENDING}"):
        yield read_private_key(plain(path, str(path)), str(path))


def _untried(
    wanted: Sequence[State], states: Sequence[State], users: Sequence[str]
) -> tuple[str, ...]:
    """Return who is in an inventory and had no part in the rehearsal."""
    tried = {*users, *(each.name for state in states for each in state.inventory.members)}
    names = [each.name for state in wanted for each in state.inventory.members]
    names += [each.name for state in wanted for each in state.inventory.users]
    return tuple(dict.fromkeys(name for name in names if name not in tried))

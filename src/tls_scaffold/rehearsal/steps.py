"""The steps from one state to the next, in the order in which they lose nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tls_scaffold.etcd.writers import Writers
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.rbac import FACTS
from tls_scaffold.inventory.urls import own_host
from tls_scaffold.live.known import is_trusted
from tls_scaffold.rehearsal.stage import Stage
from tls_scaffold.rehearsal.states import State
from tls_scaffold.spelling import canonical_host


@dataclass(frozen=True)
class Step:
    """What is done in one step, in words for people, and what does it."""

    name: str
    act: Callable[[], object]


@dataclass(frozen=True)
class RollOut:
    """The way from one state to the next; `users` are those who write.

    With `restarts` the members are to load what they read at their start alone. Else only one is
    restarted, as by somebody who knows of nothing, and that has to be harmless.
    """

    before: State
    after: State
    users: tuple[str, ...]
    restarts: bool = True


def steps_of(plan: RollOut, stage: Stage, writers: Writers) -> Iterator[Step]:
    """Yield the steps of a roll-out."""
    before, after = plan.before, plan.after
    if stage.has_rights and _rights_of(before) != _rights_of(after):
        yield Step("rights: rbac.sh", partial(stage.apply_rights, after, plan.users))
    there = [member.name for member in after.inventory.members]
    for name in [each for each in stage.running if each not in there]:
        yield Step(f"{name} leaves", partial(_leave, stage, writers, name))
    if plan.restarts:
        yield from _learning_both_cns(plan, stage)
    if plan.restarts and _trust_comes_first(before, after):
        yield from _restarts(plan, stage)
        yield from _trust_of_clients(plan, stage, writers, pairs=before)
        yield from _pairs(plan, stage, writers, trusts=after)
        yield from _new_places(plan, stage, writers)
        return
    yield from _pairs(plan, stage, writers, trusts=before)
    yield from _new_places(plan, stage, writers)
    yield from _restarts(plan, stage) if plan.restarts else _an_unplanned_restart(plan, stage)
    yield from _trust_of_clients(plan, stage, writers, pairs=after)


def _rights_of(state: State) -> list[bytes]:
    """Return what `rbac.sh` applies, without where members are."""
    lines = state.rights[FACTS].splitlines()
    return [line for line in lines if not line.startswith((b"endpoint", b"certificate"))]


def _pairs(plan: RollOut, stage: Stage, writers: Writers, trusts: State) -> Iterator[Step]:
    """Yield how all are given what they show: clients first, whose old pairs are refused first."""
    before, after = plan.before, plan.after
    if any(_shows_another(before, after, user) for user in plan.users):
        yield Step("clients' pairs", partial(stage.equip, writers, after, trusts))
    shown = {
        member.name: {component.name for component in pair}
        for member, pair in zip(after.inventory.members, after.inventory.member_pairs, strict=True)
    }
    members = [
        member
        for name, member in stage.running.items()
        if any(_shows_another(before, after, each) for each in shown.get(name, ()))
    ]
    if members:
        yield Step("members' pairs", partial(_give_pairs, stage, after, members))


def _shows_another(before: State, after: State, name: str) -> bool:
    old, new = before.held.get(name), after.held.get(name)
    return new is not None and (old is None or (old.chain, old.fits) != (new.chain, new.fits))


def _give_pairs(stage: Stage, state: State, members: list[Member]) -> None:
    for each in members:
        stage.layout.put_pairs(state, _member(state, each.name))


def _restarts(plan: RollOut, stage: Stage) -> Iterator[Step]:
    for name in [*stage.running]:
        yield Step(f"restart of {name}", partial(_restart, stage, plan.after, name))


def _restart(stage: Stage, state: State, name: str) -> None:
    stage.layout.put_trust(state, _member(state, name))
    stage.restart(state, name)


def _an_unplanned_restart(plan: RollOut, stage: Stage) -> Iterator[Step]:
    """Yield how trust files are laid out, and that one member reads its own too early."""
    name = list(stage.running)[-1]
    yield Step("members' trust files", partial(_give_trust, stage, plan.after))
    yield Step(f"unplanned restart of {name}", partial(_restart, stage, plan.after, name))


def _give_trust(stage: Stage, state: State) -> None:
    for name in stage.running:
        stage.layout.put_trust(state, _member(state, name))


def _trust_of_clients(
    plan: RollOut, stage: Stage, writers: Writers, pairs: State
) -> Iterator[Step]:
    before, after = plan.before, plan.after
    if any(before.held[user].trust != after.held[user].trust for user in plan.users):
        yield Step("clients' trust", partial(stage.equip, writers, pairs, after))


def _new_places(plan: RollOut, stage: Stage, writers: Writers) -> Iterator[Step]:
    """Yield how members come that are new or have moved: all know their certificates by then."""
    for member in plan.after.inventory.members:
        old = stage.running.get(member.name)
        if old is None:
            act = partial(_settle_in, stage, writers, partial(stage.join, plan.after, member.name))
            yield Step(f"{member.name} joins", act)
        elif canonical_host(own_host(old)) != canonical_host(own_host(member)):
            act = partial(_settle_in, stage, writers, partial(stage.move, plan.after, member.name))
            yield Step(f"{member.name} moves", act)


def _settle_in(stage: Stage, writers: Writers, act: Callable[[], object]) -> None:
    act()
    writers.reach(stage.endpoints())


def _leave(stage: Stage, writers: Writers, name: str) -> None:
    writers.reach([each for each in stage.endpoints() if each.member != name])
    stage.leave(name)


def _learning_both_cns(plan: RollOut, stage: Stage) -> Iterator[Step]:
    """Yield how members learn to take peers of other CNs before the first of them has one."""
    old, new = (each.inventory.asked_peer_cns for each in (plan.before, plan.after))
    if not old or not new or set(new) <= set(old):
        return
    both = tuple(dict.fromkeys((*old, *new))) if stage.knows_several_peer_cns else ()
    takes = "both CNs" if both else "any CN"
    for name in [*stage.running]:
        act = partial(stage.restart, plan.before, name, both)
        yield Step(f"restart of {name}, which takes {takes} of peers", act)


def _trust_comes_first(before: State, after: State) -> bool:
    """Tell whether whom all trust has to change before what they show.

    That is where those who trust what they do today would refuse what is shown next, and those who
    trust what comes next take what is shown today.
    """
    return not _all_taken(after, before) and _all_taken(before, after)


def _all_taken(shown: State, trusted: State) -> bool:
    """Tell whether what all show in one state is taken by those who trust as in another."""
    for holder, other in _meetings(shown):
        if holder not in shown.held or other not in trusted.held:
            continue
        leaf, *behind = shown.held[holder].chain
        if not is_trusted(leaf, tuple(behind), trusted.held[other].trust):
            return False
    return True


def _meetings(state: State) -> Iterator[tuple[str, str]]:
    """Yield who shows a certificate to whom: members to users and peers, users to members."""
    users = [each.name for each in state.inventory.components if each.kind == "user"]
    for own, peer in state.inventory.member_pairs:
        for user in users:
            yield own.name, user
            yield user, own.name
        for _, other in state.inventory.member_pairs:
            yield peer.name, other.name


def _member(state: State, name: str) -> Member:
    return next(each for each in state.inventory.members if each.name == name)

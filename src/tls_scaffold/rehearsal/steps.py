"""The steps from one state to the next, in the order in which they lose nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial

from tls_scaffold.etcd.writers import Writers
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.urls import own_host
from tls_scaffold.live.known import is_trusted
from tls_scaffold.rehearsal.stage import Stage
from tls_scaffold.rehearsal.states import OWN, PEERS, USER, Held, Side, State
from tls_scaffold.spelling import canonical_host

# Who looks at what one side shows.
MEETS = {OWN: USER, USER: OWN, PEERS: PEERS}


@dataclass(frozen=True)
class Step:
    """What is done in one step, in words for people, and what does it."""

    name: str
    act: Callable[[], object]


class Restarts(Enum):
    """How members come to load what they read at their start alone."""

    ROLLING = "one after another"
    UNPLANNED = "one by somebody who knows of nothing, which has to be harmless"
    AT_ONCE = "all at once, when all have their files: old and new refuse each other"


@dataclass(frozen=True)
class RollOut:
    """The way from one state to the next; `users` are those who write."""

    before: State
    after: State
    users: tuple[str, ...]
    restarts: Restarts


def steps_of(plan: RollOut, stage: Stage, writers: Writers) -> Iterator[Step]:
    """Yield the steps of a roll-out."""
    before, after = plan.before, plan.after
    if stage.has_rights and after.has_rights and _rights_of(before) != _rights_of(after):
        yield Step("rights: rbac.sh", partial(stage.apply_rights, after, plan.users))
    there = [member.name for member in after.inventory.members]
    for name in [each for each in stage.running if each not in there]:
        yield Step(f"{name} leaves", partial(_leave, stage, writers, name))
    if plan.restarts is Restarts.AT_ONCE:
        yield from _all_at_once(plan, stage, writers)
        return
    if plan.restarts is Restarts.ROLLING:
        yield from _learning_both_cns(plan, stage)
    if plan.restarts is Restarts.ROLLING and _trust_comes_first(before, after):
        yield from _restarts(plan, stage)
        yield from _trust_of_clients(plan, stage, writers, pairs=before)
        yield from _pairs(plan, stage, writers, trusts=after)
        yield from _new_places(plan, stage, writers)
        return
    yield from _pairs(plan, stage, writers, trusts=before)
    yield from _new_places(plan, stage, writers)
    if plan.restarts is Restarts.ROLLING:
        yield from _restarts(plan, stage)
    else:
        yield from _an_unplanned_restart(plan, stage)
    yield from _trust_of_clients(plan, stage, writers, pairs=after)


def _all_at_once(plan: RollOut, stage: Stage, writers: Writers) -> Iterator[Step]:
    """Yield the shortest order where whoever has been restarted refuses whoever has not."""
    names = list(stage.running)
    yield Step("members' files", partial(_give_all, stage, plan.after, names))
    yield Step("restart of all members", partial(stage.restart_all, plan.after, names))
    before, after = plan.before.held, plan.after.held
    if any(before[user] != after[user] for user in plan.users):
        yield Step("clients' files", partial(stage.equip, writers, plan.after, plan.after))
    yield from _new_places(plan, stage, writers)


def _give_all(stage: Stage, state: State, names: list[str]) -> None:
    _give_pairs(stage, state, names)
    _give_trust(stage, state)


def _rights_of(state: State) -> list[str]:
    """Return what `rbac.sh` applies, without where members are."""
    lines = rbac.fact_lines(state.inventory)
    return [line for line in lines if not line.startswith(("endpoint\t", "certificate\t"))]


def _pairs(plan: RollOut, stage: Stage, writers: Writers, trusts: State) -> Iterator[Step]:
    """Yield how all are given what they show: clients first, whose old pairs are refused first."""
    before, after = plan.before.by_side, plan.after.by_side
    if any(_shows_another(before, after, (USER, user)) for user in plan.users):
        yield Step("clients' pairs", partial(stage.equip, writers, plan.after, trusts))
    names = [
        name
        for name, member in stage.running.items()
        if any(_shows_another(before, after, (side, name)) for side in (OWN, PEERS))
        # Who moves is asked for by its old host till then.
        and not _moves(member, plan.after.member(name))
    ]
    if names:
        yield Step("members' pairs", partial(_give_pairs, stage, plan.after, names))


def _shows_another(before: Mapping[Side, Held], after: Mapping[Side, Held], side: Side) -> bool:
    old, new = before.get(side), after.get(side)
    if old is None or new is None:
        return new is not None
    return (old.chain, old.key_trouble) != (new.chain, new.key_trouble)


def _give_pairs(stage: Stage, state: State, names: list[str]) -> None:
    for name in names:
        stage.layout.put_pairs(state, state.member(name))


def _moves(old: Member, new: Member) -> bool:
    return canonical_host(own_host(old)) != canonical_host(own_host(new))


def _restarts(plan: RollOut, stage: Stage) -> Iterator[Step]:
    for name in [*stage.running]:
        yield Step(f"restart of {name}", partial(_restart, stage, plan.after, name))


def _restart(stage: Stage, state: State, name: str) -> None:
    stage.layout.put_trust(state, state.member(name))
    stage.restart(state, name)


def _an_unplanned_restart(plan: RollOut, stage: Stage) -> Iterator[Step]:
    """Yield how trust files are laid out, and that one member reads its own too early."""
    name = list(stage.running)[-1]
    yield Step("members' trust files", partial(_give_trust, stage, plan.after))
    yield Step(f"unplanned restart of {name}", partial(_restart, stage, plan.after, name))


def _give_trust(stage: Stage, state: State) -> None:
    for name in stage.running:
        stage.layout.put_trust(state, state.member(name))


def _trust_of_clients(
    plan: RollOut, stage: Stage, writers: Writers, pairs: State
) -> Iterator[Step]:
    before, after = plan.before.held, plan.after.held
    if any(before[user].trust != after[user].trust for user in plan.users):
        yield Step("clients' trust", partial(stage.equip, writers, pairs, plan.after))


def _new_places(plan: RollOut, stage: Stage, writers: Writers) -> Iterator[Step]:
    """Yield how members come that are new or have moved: all know their certificates by then."""
    for member in plan.after.inventory.members:
        old = stage.running.get(member.name)
        if old is None:
            act = partial(_settle_in, stage, writers, partial(stage.join, plan.after, member.name))
            yield Step(f"{member.name} joins", act)
        elif _moves(old, member):
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
    old, new = before.by_side, after.by_side
    sides = old.keys() & new.keys()
    if all(old[side].trust == new[side].trust for side in sides):
        return False
    return not _all_taken(new, old) and _all_taken(old, new)


def _all_taken(shown: Mapping[Side, Held], trusting: Mapping[Side, Held]) -> bool:
    """Tell whether what all show at one time is taken by those who trust as at another."""
    for (side, _), held in shown.items():
        leaf, *behind = held.chain
        for (other, _), looking in trusting.items():
            if other == MEETS[side] and not is_trusted(leaf, tuple(behind), looking.trust):
                return False
    return True

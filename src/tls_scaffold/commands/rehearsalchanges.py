"""What may come next, made on a copy of the folder by the commands that would make it there."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.commands import add, rotate, sign, sync
from tls_scaffold.commands.nextsteps import what_mends_all
from tls_scaffold.commands.outcomes import Outcome
from tls_scaffold.commands.rotationrefusals import (
    check_can_rotate,
    check_none_is_under_way,
)
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import Member, User
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import CA, CERTIFICATE_ENDING, CERTS, ISSUED, KEY_ENDING, PEER_CA
from tls_scaffold.rehearsal.revisions import read_revision
from tls_scaffold.rehearsal.states import (
    NOT_REHEARSED,
    State,
    file_of_dist,
    holders,
    laid_out,
    read_certs,
    read_dist,
    with_their_cns,
)
from tls_scaffold.rehearsal.steps import Restarts
from tls_scaffold.signing import custodies
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.rotation import Stage, rotation_of
from tls_scaffold.signing.signer import utc_now

MAKE, RENEW, ROTATE, REGENERATE = "make", "renew", "rotate", "regenerate"
ADD_MEMBER, CN, TO = "add-member", "cn", "to"
ARGUMENTS = {ADD_MEMBER: "NAME=HOST", CN: "NAME=CN", TO: "STATE"}
CHANGES = (MAKE, RENEW, ROTATE, REGENERATE, ADD_MEMBER, CN, TO)
PEERS_OPTION, COMPROMISED_OPTION = "--peer-ca", "--compromised"
ALL_MEMBERS = "members"
# What helps where no command of ours makes the change, for one that was made by hand.
BY_HAND = (
    "when that is done in the folder, `tls-scaffold rehearse to certs --from dist` rolls it out, "
    "as long as the bundles are those from before"
)
Named = TypeVar("Named", Member, User)


@dataclass(frozen=True)
class Change:
    """What comes next: one of CHANGES, and its argument where it takes one.

    `of_peers` and `is_compromised` are options of `rotate`.
    """

    kind: str = MAKE
    argument: str = ""
    of_peers: bool = False
    is_compromised: bool = False

    def __str__(self) -> str:
        """Return it as it is typed."""
        return " ".join(filter(None, (self.kind, self.argument, self.options)))

    @property
    def options(self) -> str:
        """The options as they are typed, for `rehearse rotate` and for `rotate start` alike."""
        said = {PEERS_OPTION: self.of_peers, COMPROMISED_OPTION: self.is_compromised}
        return " ".join(option for option, is_said in said.items() if is_said)


def read_change(words: Sequence[str], *, of_peers: bool, is_compromised: bool) -> Change:
    """Return the change that words of the command line name; none are `make`.

    Raises UsageError for what is none.
    """
    kind, *rest = words or (MAKE,)
    wanted = ARGUMENTS.get(kind, "")
    if kind not in CHANGES or len(rest) != bool(wanted):
        forms = ", ".join(f"`{Change(each, ARGUMENTS.get(each, ''))}`" for each in CHANGES)
        raise UsageError(f"`{' '.join(words)}` is nothing that can come next", hint=forms)
    if "=" in wanted and not all(rest[0].partition("=")):
        raise UsageError(f"`{kind} {rest[0]}`: it reads `{kind} {wanted}`")
    argument = rest[0] if rest else ""
    change = Change(kind, argument, of_peers=of_peers, is_compromised=is_compromised)
    if change.options and kind != ROTATE:
        raise UsageError(
            f"`{change.options}` goes with `{ROTATE}` alone",
            hint=f"`tls-scaffold rehearse {ROTATE} {change.options}`",
        )
    return change


def read_begin(folder: Path, name: str) -> State:
    """Return the state that a rehearsal begins with, by its name, as in `read_state`.

    What is asked for already and not there yet, such as a member that is to join, has no part in
    it, and CNs are those of the certificates.
    """
    if name not in (CERTS, DIST):
        return read_revision(folder, name)
    inventory = intake.load(folder)

    def is_there(each: Component) -> bool:
        path = each.certificate_path if name == CERTS else file_of_dist(inventory, each)
        return os.path.lexists(folder / path)

    return with_their_cns(_read_here(folder, name, laid_out(inventory, is_there)))


def read_state(folder: Path, name: str) -> State:
    """Return a state by its name: `certs`, `dist`, or a revision of git.

    Raises ScaffoldError where it is not there, or not whole.
    """
    if name not in (CERTS, DIST):
        return read_revision(folder, name)
    return _read_here(folder, name, intake.load(folder))


def _read_here(folder: Path, name: str, inventory: Inventory) -> State:
    if name == DIST:
        return read_dist(folder, inventory)
    try:
        return read_certs(folder, inventory)
    except ScaffoldError as error:
        hint = error.hint or what_mends_all(folder, inventory, utc_now())
        raise ScaffoldError(error.summary, error.problems, hint) from error


@dataclass(frozen=True)
class Next:
    """A state that comes next, and how members come to load what they read at their start."""

    state: State
    restarts: Restarts = Restarts.ROLLING


def next_states(
    folder: Path, change: Change, copy: Path, like: Callable[[State], State]
) -> Iterator[Next]:
    """Yield the states that a change leads to, one after another.

    All is done on the copy, and the folder only looked at. `like` gives a state of the folder with
    the keys of the copy. Raises ScaffoldError where a command would refuse.
    """
    # `rotate start` asks for no restart: whom all trust is not what makes them take each other.
    rotation = rotation_of(folder)
    is_replacing = rotation is not None and rotation.stage is Stage.REPLACING
    restarts = Restarts.UNPLANNED if is_replacing else Restarts.ROLLING
    if change.kind == TO:
        yield Next(like(read_state(folder, change.argument)), restarts)
        return
    if change.kind == REGENERATE:
        _check_regenerates(folder)
    if change.kind == ROTATE:
        yield from _rotation(change, copy)
        return
    with _as_next(change):
        DOERS[change.kind](copy, change.argument)
    yield Next(_certs_after(copy, str(change)), restarts)


def _certs_after(copy: Path, command: str) -> State:
    return read_certs(copy, intake.load(copy), f"`{command}`")


def refused_here(folder: Path, change: Change) -> tuple[str, ...]:
    """Return why the folder itself refuses what the copy does, as its CA's key is elsewhere."""
    if change.kind != ROTATE or rotation_of(folder):
        return ()
    try:
        check_can_rotate(folder, PEER_CA if change.of_peers else CA)
    except ScaffoldError as error:
        return (f"`rotate start` is refused in this folder: {error.summary}; {error.hint}", BY_HAND)
    return ()


@contextmanager
def _as_next(change: Change) -> Iterator[None]:
    try:
        yield
    except ScaffoldError as error:
        raise ScaffoldError(
            f"`{change}` can't be done: {error.summary}", error.problems, error.hint
        ) from error


def _rotation(change: Change, copy: Path) -> Iterator[Next]:
    """Yield what each step of `rotate` leads to; members load another trust file after the second.

    A rotation that is under way goes on from where it is.
    """
    begun = None if change.options else rotation_of(copy)
    start = " ".join(filter(None, ("rotate start", change.options)))
    with _as_next(change):
        if begun is None:
            _start_rotation(copy, change)
    if change.is_compromised:
        yield Next(_certs_after(copy, start), Restarts.AT_ONCE)
        return
    if begun is None or begun.stage is Stage.REPLACING:
        yield Next(_certs_after(copy, start), Restarts.UNPLANNED)
        with _as_next(change):
            rotate.trust(copy, utc_now())
    yield Next(_certs_after(copy, "rotate trust"))
    with _as_next(change):
        rotate.finish(copy, utc_now())
    yield Next(_certs_after(copy, "rotate finish"), Restarts.UNPLANNED)


def _start_rotation(copy: Path, change: Change) -> None:
    ca = PEER_CA if change.of_peers else CA
    check_none_is_under_way(copy)
    if ca == CA and intake.load(copy).ca.own:
        try:
            check_can_rotate(copy, ca)
        except ScaffoldError as error:
            hint = f"{error.hint}; {BY_HAND}"
            raise ScaffoldError(error.summary, error.problems, hint) from None
    means = sign.quiet_means(CAPassword())
    rotate.start(copy, ca, means, utc_now(), is_compromised=change.is_compromised)


def _make(copy: Path, _argument: str) -> None:
    """Bring the files in line with the inventory, and sign what is not as asked for."""
    _checked(sync.sync(copy))
    _sign(copy)


def _renew(copy: Path, _argument: str) -> None:
    names = [each.name for each in holders(intake.load(copy))]
    _sign(copy, names, force=True)


def _regenerate(copy: Path, _argument: str) -> None:
    """Make another CA with a name of its own, and sign everything with it."""
    inventory = intake.load(copy)
    _write(copy, replace(inventory, ca_generation=inventory.ca_generation + 1))
    _checked(sync.sync(copy))
    shutil.rmtree(copy / CERTS)
    shutil.rmtree(copy / ISSUED, ignore_errors=True)
    for component in inventory.components:
        for ending in (CERTIFICATE_ENDING, KEY_ENDING):
            (copy / f"{component.output}{ending}").unlink(missing_ok=True)
    _sign(copy)


def _add_member(copy: Path, argument: str) -> None:
    _checked(add.add(copy, Options(members=(argument,))))
    _sign(copy)


def _change_cn(copy: Path, argument: str) -> None:
    name, _, cn = argument.partition("=")
    inventory = intake.load(copy)
    if name == ALL_MEMBERS and not any(each.name == name for each in inventory.components):
        changed = replace(inventory, members_cn=cn)
    else:
        intake.components_named(inventory, [name])
        changed = replace(
            inventory,
            members=tuple(_with_cn(each, name, cn) for each in inventory.members),
            users=tuple(_with_cn(each, name, cn) for each in inventory.users),
        )
    _write(copy, changed)
    _checked(sync.sync(copy))
    _sign(copy)


def _with_cn(component: Named, name: str, cn: str) -> Named:
    return replace(component, cn=cn) if component.name == name else component


DOERS: Mapping[str, Callable[[Path, str], None]] = {
    MAKE: _make,
    RENEW: _renew,
    REGENERATE: _regenerate,
    ADD_MEMBER: _add_member,
    CN: _change_cn,
}


def _check_regenerates(folder: Path) -> None:
    check_none_is_under_way(folder)
    custody = custodies.custody_of(folder)
    if not custody.makes_ca:
        raise ScaffoldError(
            f"{NOT_REHEARSED}: `make {REGENERATE}` makes no CA here",
            hint=f"its owner makes another one, where its key is; {BY_HAND}",
        )


def _write(copy: Path, inventory: Inventory) -> None:
    (copy / FILE).write_text(inventory.to_json(), encoding="utf-8")


def _checked(outcome: Outcome) -> None:
    """Refuse what a person has to settle first."""
    if conflicts := outcome.plan.conflicts:
        raise ScaffoldError(
            f"`{outcome.command}` leaves conflicts", conflicts, "settle them in the folder first"
        )


def _sign(copy: Path, names: Sequence[str] = (), *, force: bool = False) -> None:
    done = sign.sign(copy, names, sign.quiet_means(CAPassword()), force=force)
    if isinstance(done.problem, ScaffoldError):
        raise done.problem
    if done.left:
        raise ScaffoldError("lines of the Makefile can't be followed", done.left)

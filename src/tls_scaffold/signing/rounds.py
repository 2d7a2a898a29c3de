"""What one round of signing is to do: which CA is to be made, which certificates to sign; nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEY, CA_REQUEST
from tls_scaffold.signing import authority, commandlines, signer
from tls_scaffold.signing import plan as plans
from tls_scaffold.signing.record import Record


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with the reasons; and how many certificates were as they are asked for.

    `commands` has the command that does the same for each, and `reloads` who has to be told of it, by the same paths.
    `left` has the commands of the Makefile that sign in a way that is not understood;
    `not_run` the components with commands of their own, which make would have run had it signed them; `problem` is what
    ended the signing when something had been signed.
    """

    signed: dict[str, tuple[str, ...]]
    kept: int
    commands: dict[str, str] = field(default_factory=dict)
    reloads: dict[str, str] = field(default_factory=dict)
    left: tuple[Problem, ...] = ()
    not_run: tuple[str, ...] = ()
    problem: ScaffoldError | OSError | None = None

    def __add__(self, other: "Done") -> "Done":
        """Return what two rounds signed and kept."""
        return Done(
            {**self.signed, **other.signed},
            self.kept + other.kept,
            {**self.commands, **other.commands},
        )


@dataclass(frozen=True)
class Round:
    """What one round is to do: the CAs to put in place and the certificates to sign, as of one moment.

    All goes into `target`. `keys` holds the path of each CA's key by that of its certificate, `new` the CAs that are
    made, `inputs` the digits of what each certificate is made from, by outputs.
    """

    folder: Path
    target: Path
    signings: Sequence[Signing]
    keys: Mapping[str, str]
    new: Mapping[str, authority.NewCA]
    plan: plans.Plan
    inputs: Mapping[str, str]
    now: datetime

    @property
    def done(self) -> Done:
        """What there is to tell when it is carried out."""
        wanted = self.plan.wanted
        made = dict.fromkeys(self.new, (plans.MISSING,))
        reasons = {f"{each.signing.output}.pem": each.reasons for each in wanted}
        told = {path: commandlines.of_ca(path, made.request) for path, made in self.new.items()}
        told |= {
            f"{each.signing.output}.pem": commandlines.of_component(each.signing) for each in wanted
        }
        return Done({**made, **reasons}, len(self.signings) - len(wanted), told)


def in_turn(signings: Sequence[Signing]) -> tuple[tuple[Signing, ...], ...]:
    """Return signings in rounds, one at least: a CA that another CA signs comes in a round before what it signs.

    Raises ScaffoldError for those that would sign each other.
    """
    rounds: list[tuple[Signing, ...]] = []
    rest = signings
    while rest:
        coming = {f"{each.output}.pem" for each in rest}
        able: list[Signing] = []
        waiting: list[Signing] = []
        for each in rest:
            (waiting if each.ca in coming and each.ca != f"{each.output}.pem" else able).append(
                each
            )
        if not able:
            circle = [
                each for each in rest if any(other.ca == f"{each.output}.pem" for other in rest)
            ]
            problems = [f"`{each.output}.pem`: `{each.ca}` signs it" for each in circle]
            raise ScaffoldError("CAs would sign each other", problems)
        rounds.append(tuple(able))
        rest = waiting
    return tuple(rounds) or ((),)


def look(
    folder: Path,
    signings: Sequence[Signing],
    every: Sequence[Signing],
    *,
    force: bool,
    target: Path | None = None,
) -> Round:
    """Find out which of `signings` are missing or differ, all with `force`, and which CA is to be made for them.

    Of `every` signing of the folder nothing may be there where a CA is made. `target` is the folder below it in which a
    new set is made, with a CA of its own. Nothing is written. Raises ScaffoldError with every problem.
    """
    now, target = signer.utc_now(), target or folder
    keys = {each.ca: each.ca_key for each in signings} or _without_names(folder, every)
    nameless = [f"{each.name}: `{each.request}`" for each in signings if not each.ca]
    if nameless:
        raise ScaffoldError(
            "lines of the Makefile name no CA", nameless, f"`-ca {CA} -ca-key {CA_KEY}` does"
        )
    # Summed before anything is read: what is edited from now on is not what was signed.
    record = Record(folder, target)
    inputs = {each.output: record.inputs(each) for each in signings}
    there = {path: authority.find(target, path, key) for path, key in keys.items()}
    for each in every:
        if f"{each.output}.pem" in keys and not there[f"{each.output}.pem"]:
            raise ScaffoldError(
                f"the CA `{each.output}.pem` is missing",
                hint=f"`tls-scaffold sign {each.output}` does it",
            )
    if CA in there and not there[CA]:
        record.check_ca()
    outputs = {ca: [signing.output for signing in every if signing.ca == ca] for ca in there}
    new = {
        path: authority.make(target, path, keys[path], now, outputs[path])
        for path, certificate in there.items()
        if not certificate
    }
    of_plan = {path: certificate or new[path].ca.certificate for path, certificate in there.items()}
    signers = {each.ca for each in every}
    changing = [
        each
        for each in signings
        if f"{each.output}.pem" not in signers or not _is_ca_that_is_there(folder, each, every)
    ]
    found = plans.plan(folder, changing, of_plan, record, now, force=force)
    return Round(folder, target, signings, keys, new, found, inputs, now)


def _without_names(folder: Path, every: Sequence[Signing]) -> dict[str, str]:
    """Return the CAs to make where no component is asked for: ours, or in a folder of another form those it names."""
    signed = {f"{each.output}.pem" for each in every}
    named = {each.ca: each.ca_key for each in every if each.ca and each.ca not in signed}
    return named if named and not (folder / CA_REQUEST).exists() else {CA: CA_KEY}


def _is_ca_that_is_there(folder: Path, signing: Signing, every: Sequence[Signing]) -> bool:
    """Tell whether a signing's certificate is a CA of others and is there: like every CA it is never signed again.

    Raises ScaffoldError if half of it is missing, or all of it where something that it signed is there.
    """
    path = f"{signing.output}.pem"
    its_own = [each for each in every if each.ca == path]
    if signing in its_own:  # a mistake, of which the plan tells
        return False
    if authority.find(folder, path, its_own[0].ca_key):
        return True
    authority.check_no_orphans(folder, path, [each.output for each in its_own])
    return False

"""What one round of signing is to do: the CAs to make and the certificates to sign."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tls_scaffold.errors import ExitCode, Problem, ScaffoldError
from tls_scaffold.inventory.custody import Custody
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA,
    CA_KEY,
    CA_KEYS,
    KEY_ENDING,
    PEER_CA,
    PEER_CA_KEY,
    PEER_CA_REQUEST,
    PEER_TRUST,
)
from tls_scaffold.signing import authority, commandlines, custodies, mistakes, plan, signer
from tls_scaffold.signing.canumbers import renamed_texts
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import NewCA
from tls_scaffold.signing.pins import check_pin
from tls_scaffold.signing.readmissions import readmitted
from tls_scaffold.signing.record import Record


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with its reasons; and how many certificates were right.

    `commands` has the command that does the same for each, and `reloads` who has to be told of it,
    by the same paths. `left` has the commands of the Makefile that sign in a way that is not
    understood; `not_run` the components with commands of their own, which make
    would have run had it signed them; `warnings` what is otherwise than somebody may expect,
    `waiting` says of what is signed by a key of its own that this is not here,
    `readmitted` of what was revoked that members take the new one, and
    `unshared` why keys are not open to the group that may read them;
    `problem` is what ended the signing when something had been signed.
    """

    signed: dict[str, tuple[str, ...]]
    kept: int
    commands: dict[str, str] = field(default_factory=dict)
    reloads: dict[str, str] = field(default_factory=dict)
    left: tuple[Problem, ...] = ()
    not_run: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    readmitted: tuple[str, ...] = ()
    unshared: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    problem: ScaffoldError | OSError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """How `sign` ends: not well where something is left undone."""
        if self.problem:
            return getattr(self.problem, "exit_code", ExitCode.REFUSED)
        return ExitCode.REFUSED if self.left else ExitCode.DONE

    def __add__(self, other: "Done") -> "Done":
        """Return what two rounds signed and kept."""
        return Done(
            {**self.signed, **other.signed},
            self.kept + other.kept,
            {**self.commands, **other.commands},
            warnings=(*self.warnings, *other.warnings),
            readmitted=(*self.readmitted, *other.readmitted),
            waiting=(*self.waiting, *other.waiting),
        )


@dataclass(frozen=True)
class Round:
    """What one round is to do: the CAs to make and the certificates to sign, as of one moment.

    All goes into `target`. `ca_keys` holds the path of each CA's key by that of its certificate,
    `new_cas` the CAs that are to be made by the same, `inputs` the digits of what each certificate
    is made from, by outputs. `custody` says who holds the CA of `certs/`. `renamed` are the files,
    by path, in which a new CA gets a name that the folder has not had.
    """

    folder: Path
    target: Path
    signings: Sequence[Signing]
    ca_keys: Mapping[str, str]
    new_cas: Mapping[str, NewCA]
    wanted: Sequence[plan.Wanted]
    unrecorded: Mapping[str, bytes]
    inputs: Mapping[str, str]
    now: datetime
    warnings: tuple[str, ...]
    readmitted: tuple[str, ...]
    waiting: tuple[str, ...]
    custody: Custody
    renamed: Mapping[str, str]

    @cached_property
    def done(self) -> Done:
        """What there is to tell when it is carried out."""
        signed: dict[str, tuple[str, ...]] = {}
        commands: dict[str, str] = {}
        for path, new_ca in self.new_cas.items():
            signed[path] = (plan.MISSING,)
            commands[path] = commandlines.ca_command(path, new_ca.request_path)
        for each in self.wanted:
            path = each.signing.certificate_path
            signed[path] = each.reasons
            if each.profile.remote:
                commands[path] = commandlines.remote_command(each.signing, self.custody)
            else:
                commands[path] = commandlines.component_command(each.signing)
        kept = len(self.signings) - len(self.wanted) - len(self.waiting)
        return Done(
            signed,
            kept,
            commands,
            warnings=self.warnings,
            readmitted=self.readmitted,
            waiting=self.waiting,
        )


def split_into_rounds(signings: Sequence[Signing]) -> tuple[tuple[Signing, ...], ...]:
    """Return signings in rounds, one at least: a CA that a CA signs comes before what it signs.

    Raises ScaffoldError for those that would sign each other.
    """
    rounds: list[tuple[Signing, ...]] = []
    rest: Sequence[Signing] = signings
    while rest:
        coming = {each.certificate_path for each in rest if not each.makes_ca}
        able: list[Signing] = []
        waiting: list[Signing] = []
        for each in rest:
            # One that would sign itself is a mistake, of which the plan tells.
            if each.ca in coming and each.ca != each.certificate_path:
                waiting.append(each)
            else:
                able.append(each)
        if not able:
            cas = {each.ca for each in rest}
            circle = [each for each in rest if each.certificate_path in cas]
            problems = [f"`{each.certificate_path}`: `{each.ca}` signs it" for each in circle]
            raise ScaffoldError("CAs would sign each other", problems)
        rounds.append(tuple(able))
        rest = waiting
    return tuple(rounds) or ((),)


def plan_round(
    folder: Path,
    signings: Sequence[Signing],
    every: Sequence[Signing],
    *,
    force: bool,
    target: Path | None = None,
) -> Round:
    """Find out which of `signings` are missing or differ, and which CA is to be made for them.

    With `force` all are signed. `every` signing of the Makefile says how a CA is made, and what of
    it may be there. `target` is the folder below it in which a new set is made, with a CA of its
    own. Nothing is written. Raises ScaffoldError with every problem.
    """
    now, target = signer.utc_now(), target or folder
    makers = [each for each in signings if each.makes_ca]
    signings = [each for each in signings if not each.makes_ca]
    _check_name_cas(signings)
    # Summed before anything is read: what is edited from now on is not what was signed.
    record = Record(folder, target)
    inputs = {each.output: record.inputs(each) for each in signings}
    ca_keys = _keys_of_cas(folder, makers, signings, every)
    is_first = CA in ca_keys and target == folder and not os.path.lexists(folder / CA)
    renamed = renamed_texts(folder) if is_first else {}
    cas = _find_cas(target, ca_keys, every, record, now, renamed)
    custody, own = custodies.custody_of(folder), cas.get(CA)
    if isinstance(own, Certificate):
        check_pin(own, custody)
    unfinished = _without_finished_cas(folder, signings, every)
    planned = plan.plan_signing(folder, unfinished, cas, record, now, force=force)
    if planned.problems:
        raise ScaffoldError("nothing is signed", planned.problems, _hint_for_life(folder, cas, now))
    return Round(
        folder=folder,
        target=target,
        signings=signings,
        ca_keys=ca_keys,
        new_cas={path: ca for path, ca in cas.items() if isinstance(ca, NewCA)},
        wanted=planned.wanted,
        unrecorded=planned.unrecorded,
        inputs=inputs,
        now=now,
        warnings=(*planned.warnings, *_both_trusted(folder, cas)),
        readmitted=tuple(readmitted(folder, [each.signing for each in planned.wanted])),
        waiting=planned.waiting,
        custody=custody,
        renamed=renamed,
    )


def _check_name_cas(signings: Sequence[Signing]) -> None:
    """Raise ScaffoldError where lines do not say which CA signs."""
    nameless = [f"{each.name}: `{each.request}`" for each in signings if not each.has_ca]
    if nameless:
        raise ScaffoldError(
            "lines of the Makefile name no CA", nameless, f"`-ca {CA} -ca-key {CA_KEY}` does"
        )


def _keys_of_cas(
    folder: Path, makers: Sequence[Signing], signings: Sequence[Signing], every: Sequence[Signing]
) -> dict[str, str]:
    """Return the path of each CA's key by that of its certificate, of those to make too."""
    ca_keys = {each.certificate_path: each.key_path for each in makers}
    ca_keys |= {each.ca: each.ca_key for each in signings}
    ca_keys = ca_keys or _cas_without_components(every)
    if CA in ca_keys and _has_peer_ca(folder, every):
        ca_keys[PEER_CA] = PEER_CA_KEY  # both are made at once, or none
    return ca_keys


def _without_finished_cas(
    folder: Path, signings: Sequence[Signing], every: Sequence[Signing]
) -> list[Signing]:
    """Return signings without those of CAs that are there: these are never signed again."""
    used_cas = {each.ca for each in every}
    return [
        each
        for each in signings
        if each.certificate_path not in used_cas or not _is_finished_ca(folder, each, every)
    ]


def _hint_for_life(folder: Path, cas: Mapping[str, plan.AnyCA], now: datetime) -> str:
    """Return what helps where one of the folder's own CAs has ended, or not begun; else empty."""
    for path in CA_KEYS:
        if path in cas and mistakes.out_of_life(
            path, cas[path].not_before, cas[path].not_after, now
        ):
            has_ended = cas[path].not_after < now
            return custodies.another_hint(folder, path) if has_ended else "set the clock"
    return ""


def _cas_without_components(every: Sequence[Signing]) -> dict[str, str]:
    """Return the CAs to make where no component is asked for, with their keys.

    That is ours for lines of ours, or those that lines of others make, or name.
    """
    if any(each.flags is not None for each in every):
        return {CA: CA_KEY}
    made = [each.output for each in every if each.makes_ca and not each.on_request]
    signed = {each.certificate_path for each in every}
    named = {each.ca: each.ca_key for each in every if each.ca and each.ca not in signed}
    return {f"{each}.pem": f"{each}{KEY_ENDING}" for each in made} | named or {CA: CA_KEY}


def _both_trusted(folder: Path, cas: Mapping[str, plan.AnyCA]) -> Iterator[str]:
    """Yield what members that run need where peers get a CA of their own."""
    is_later = isinstance(cas.get(PEER_CA), NewCA) and not isinstance(cas.get(CA), NewCA)
    if is_later and authority.trusted_besides(folder):
        yield (
            f"`{PEER_TRUST}` holds both CAs: members that run are restarted with it before any of "
            f"them shows what `{PEER_CA}` signed"
        )


def _has_peer_ca(folder: Path, every: Sequence[Signing]) -> bool:
    """Tell whether a folder of ours has another CA for what members show their peers."""
    ours = [each for each in every if each.flags is not None]
    is_asked = bool(ours) and (folder / PEER_CA_REQUEST).is_file()
    return is_asked or any(each.ca == PEER_CA for each in ours)


def _find_cas(
    target: Path,
    ca_keys: Mapping[str, str],
    every: Sequence[Signing],
    record: Record,
    now: datetime,
    renamed: Mapping[str, str],
) -> dict[str, plan.AnyCA]:
    """Return each CA by its path, those that are to be made included.

    `renamed` are files, by path, as they are when a CA is made.
    """
    found = {path: authority.find_ca(target, path, key) for path, key in ca_keys.items()}
    for each in every:
        path = each.certificate_path
        if not each.makes_ca and path in found and not found[path]:
            raise ScaffoldError(
                f"the CA `{path}` is missing", hint=f"`tls-scaffold sign {each.output}` does it"
            )
    for path in CA_KEYS:
        if path in found and not found[path]:
            if path == CA:
                custodies.check_makes_ca(target)
            record.check_ca(path)
    cas: dict[str, plan.AnyCA] = {}
    for path, certificate in found.items():
        if certificate:
            cas[path] = certificate
        else:
            cas[path] = authority.plan_new_ca(target, path, ca_keys[path], now, every, renamed)
    return cas


def _is_finished_ca(folder: Path, signing: Signing, every: Sequence[Signing]) -> bool:
    """Tell whether a signing's certificate is a CA of others and there: it is never signed again.

    Raises ScaffoldError if half of it is missing, or all of it where something that it signed is
    there.
    """
    path = signing.certificate_path
    signed_by_it = [each for each in every if each.ca == path]
    if signing in signed_by_it:  # a mistake, of which the plan tells
        return False
    if authority.find_ca(folder, path, signed_by_it[0].ca_key):
        return True
    authority.check_no_orphans(folder, path, every)
    return False

"""`tls-scaffold explain`: the cause of what a log says, or of what a port or a file shows."""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tls_scaffold.commands.explainlooks import (
    ExplainOptions,
    evidence_of,
    options_of_environment,
    seen_by,
)
from tls_scaffold.disk.plainfiles import plain_or_empty, read_file
from tls_scaffold.errors import ExitCode, ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.live.causes import is_command
from tls_scaffold.live.clientfaults import file_faults
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.live.endpoints import ENDPOINT, endpoint_problem
from tls_scaffold.live.explanation import (
    Explanation,
    about_ports,
    explain_entries,
    explain_text,
)
from tls_scaffold.live.known import read_known
from tls_scaffold.live.loglines import CLIENT, CLIENT_PORT, MEMBER_START, Entry
from tls_scaffold.paths import CERTIFICATE_ENDING, KEY_ENDING
from tls_scaffold.signing.custodies import custody_of

VERSION = 1
PEM_SUFFIXES = (".pem", ".crt", ".cer", ".der", ".key")
# What is renewed where the CA's key is here, and asked for where requests are carried by hand.
RENEWS, ASKS = "make renew", "make csr"


@dataclass(frozen=True)
class Answer:
    """What was found: each explanation, what was asked, and what was looked at.

    `is_well` where that was seen whole, as far as it can be, and nothing is wrong with it.
    """

    explanations: tuple[Explanation, ...]
    folder: Path
    about: str
    seen: tuple[str, ...] = ()
    is_well: bool = False

    @property
    def causes(self) -> tuple[Found, ...]:
        """Every cause that fits, each once."""
        found = {each.cause.id: each for one in self.explanations for each in one.found}
        return tuple(found.values())

    @property
    def exit_code(self) -> ExitCode:
        """DONE where there are causes, and each is certain; else REFUSED."""
        return ExitCode.DONE if self.causes and not self.unsure else ExitCode.REFUSED

    @property
    def unsure(self) -> tuple[Found, ...]:
        """The causes of which nobody tells which it is."""
        return tuple(each for one in self.explanations if not one.is_sure for each in one.found)

    def to_json(self) -> str:
        """Return all of it as JSON."""
        document: dict[str, Any] = {
            "version": VERSION,
            "sure": self.exit_code == ExitCode.DONE,
            "causes": [
                {
                    "id": each.cause.id,
                    "what": each.cause.what,
                    "knows": each.knows,
                    "component": each.name or None,
                    "mend": list(mends_of(each, self.folder)),
                }
                for each in self.causes
            ],
            "fields": [dict(each.fields) for each in self.explanations],
            "seen": list(self.seen),
        }
        return json.dumps(document, indent=2) + "\n"


def mends_of(found: Found, folder: Path) -> tuple[str, ...]:
    """Return what mends a cause, its commands as they are run on a folder."""
    name, custody = found.name or "NAME", custody_of(folder)
    steps = found.cause.mend
    if found.cause.mend_elsewhere and not custody.makes_ca:
        steps = found.cause.mend_elsewhere
    if custody.key is KeyPlace.OFFLINE:
        steps = tuple(ASKS if step == RENEWS else step for step in steps)
    return tuple(
        f"`{_command(step.format(name=name), folder)}`" if is_command(step) else step
        for step in steps
    )


def _command(command: str, folder: Path) -> str:
    if folder == Path() or command.startswith("openssl"):
        return command
    program, _, words = command.partition(" ")
    return f"{program} -C {shlex.quote(str(folder))} {words}".rstrip()


def explain(
    folder: Path, word: str, text: str | None, options: ExplainOptions, now: datetime
) -> Answer:
    """Return the causes of what `word` is, or of the lines of `text` where that is given.

    A word is a port (`HOST:PORT`), the path of a certificate, a key or a log, or a line. Raises
    UsageError where it is none of these, ScaffoldError where a pair to come with can't be used.
    """
    if text is None:
        if is_endpoint(word):
            options = replace(options, live=replace(options.live, endpoints=(word,)))
            return _of_ports(folder, options, now)
        if _is_file(word):
            if _is_pem(Path(word)):
                return _of_file(folder, Path(word), now)
            text = read_log(word)
        elif Path(word).suffix.lower() in PEM_SUFFIXES and len(word.split()) == 1:
            raise ScaffoldError(f"`{word}` can't be read: it is no file that is there")
    evidence = evidence_of(folder, options, now)
    found = explain_text(word if text is None else text, evidence)
    return Answer(found, folder, "what it says", seen_by(evidence))


def read_log(path: str) -> str:
    """Return the lines of a file; ScaffoldError where it can't be read, or is a giant."""
    return read_file(path).decode(errors="replace")


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # a line is no path: too long, or with a zero byte
        return False


def _is_pem(path: Path) -> bool:
    """Tell a certificate or a key, also one that is spoiled, from a log."""
    return path.suffix.lower() in PEM_SUFFIXES or b"-----BEGIN " in plain_or_empty(path)


def is_endpoint(word: str) -> bool:
    """Tell whether a word names a port: with a number, or a scheme, and nothing else in it."""
    found = ENDPOINT.fullmatch(word)
    is_meant = bool(found and (found["port"] or found["scheme"]))
    if is_meant and (problem := endpoint_problem(word)):
        raise UsageError(problem)
    return is_meant


def explained_to_client(folder: Path, told: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Return a line for each cause of what `rbac.sh` tells of etcdctl; none where it is not known.

    It comes with the pair, and goes to the members, that etcdctl's variables name, or else with
    root's to the inventory's.
    """
    reasons = [line.rpartition("`: ")[2].removeprefix("Error: ") for line in told]
    entries = [Entry(CLIENT, reason, CLIENT_PORT) for reason in reasons]
    return _explained(folder, entries, options_of_environment(folder), now)


def explained_of_start(folder: Path, told: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Return a line for each cause of why members of a proof did not start.

    Those of the inventory have no part in it, and are not looked at.
    """
    entries = [Entry(MEMBER_START, line.partition(": ")[2]) for line in told]
    return _explained(folder, entries, ExplainOptions(looks=False), now)


def _explained(
    folder: Path, entries: Sequence[Entry], options: ExplainOptions, now: datetime
) -> tuple[str, ...]:
    try:
        found = explain_entries(entries, evidence_of(folder, options, now))
    except ScaffoldError:  # the command has its own error to tell
        return ()
    answer = Answer(found, folder, "")
    fits = "" if answer.exit_code == ExitCode.DONE else "it may be: "
    return tuple(
        f"{fits}{each.cause.what} ({each.cause.id}): {'; '.join(mends_of(each, folder))}"
        for each in answer.causes
    )


def _of_ports(folder: Path, options: ExplainOptions, now: datetime) -> Answer:
    evidence = evidence_of(folder, options, now)
    found = tuple(about_ports(evidence))
    is_sure = len({each.cause for each in found}) == 1
    explanations = (Explanation(found, is_sure),) if found else ()
    is_open = all(shake.is_whole for _, shake in evidence.tried)
    is_well = not found and evidence.is_complete() and is_open
    told = "the port" if evidence.visitor else "the port, seen without a certificate"
    return Answer(explanations, folder, told, seen_by(evidence), is_well)


def _of_file(folder: Path, path: Path, now: datetime) -> Answer:
    inventory = intake.load_or_none(folder)
    known = read_known(folder, inventory)
    name = path.name.removesuffix(KEY_ENDING).removesuffix(CERTIFICATE_ENDING)
    known_names = {each.name for each in inventory.components} if inventory else set()
    pem = read_file(path)
    whose = name if name in known_names else known.name_of(pem)
    found = tuple(Found(cause, knows, whose) for cause, knows in file_faults(path, known, now))
    explanations = tuple(Explanation((each,), is_sure=True) for each in found)
    return Answer(explanations, folder, f"`{path}`", is_well=not found)

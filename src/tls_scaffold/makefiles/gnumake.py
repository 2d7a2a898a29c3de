"""GNU make, asked what a Makefile would do.

It runs some of it even then. What of that signs is refused before make is asked; what this does not see finds programs
that refuse to sign, and can write to no file. Where the kernel can't forbid that, what changes files is refused too.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import sealed
from tls_scaffold.makefiles.anyway import Asked, look_through
from tls_scaffold.makefiles.sources import MAKEFILES
from tls_scaffold.makefiles.standins import standing_in
from tls_scaffold.words import visible

READ_FIRST = MAKEFILES[:-1]  # where they are, make does not look for ours
RULE = re.compile(r"^([^\s#:=][^#:=]*?) *::?(?!=)(.*)$")
NO_RULE = re.compile(
    r"No rule to make target [`']([A-Za-z0-9_][A-Za-z0-9._/-]*)', needed by", re.ASCII
)
# What an outer make passes on, and what our Makefile exports to the commands it runs.
NOT_PASSED_ON = (
    *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "MAKEFILES"),
    *("SIGNER", "CFSSL", "JSON", "YES", "TLS_SCAFFOLD_INTO"),
)
# By cfssl, so that each certificate has a line; and all, where our rules would ask `sign.sh` what has changed.
WHATEVER_IS_THERE = ("SIGNER=cfssl", "again=all")
NO_GOAL = re.compile(r"%|^\.")  # a pattern, or one of make's own as `.PHONY`
NO_TARGET = "no-such-target-of-this-folder"
MOVES = re.compile(r"\S+: (Entering|Leaving) directory [`'](.*)'")
ONE_BY_ONE = (
    "-j1"  # whatever MAKEFLAGS a Makefile sets: what several makes say at once can't be told apart
)
MINUTE = 60
RUNS_ANYWAY_HINT = (
    "write it into commands of rules, without a `+`, `$(MAKE)` or `$(shell …)` in them"
)
FORGETS_HINT = "leave `MAKEFLAGS` as it is, by which every make knows that it is only asked"
HANGS_HINT = "look for what waits in what make runs even then: `$(shell …)`, and lines with a `+` or `$(MAKE)`"
FAILED = re.compile(r"^\S+: \*\*\* ", re.MULTILINE)


class RunsAnywayError(ScaffoldError):
    """Make would run, or ran, what signs or changes files although it is only asked, or what does not end."""


def dry_run(
    folder: Path, goal: str, makefile: str = "Makefile", there: tuple[str, ...] = ()
) -> str:
    """Return the commands that make would run for `goal`, signed by cfssl: from nothing, or with `there` up to date.

    What is `there` may be a target of its path in the folder, or of its full path. A missing request counts as there:
    whoever reads it says so; in another folder it is make's error. What a make there would run (`$(MAKE) -C SUB`)
    stands behind a `cd`.
    Raises ScaffoldError with make's own words if the Makefile is missing or fails, RunsAnywayError for lines that would
    sign or change files now.
    """
    # Nothing but one group of short flags: make 3.81 would hide it behind long ones from our Makefile.
    home = os.path.realpath(folder)
    old = [path for each in there for path in (each, f"{home}/{each}")]
    words = ("-nrk" if there else "-nBrk", ONE_BY_ONE, goal, *(f"-o{path}" for path in old))
    done = _make(folder, makefile, *words)
    missing = dict.fromkeys(NO_RULE.findall(done.stderr))
    if missing:
        done = _make(folder, makefile, *words, *(f"-o{path}" for path in missing))
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [
            f"it ended with {done.returncode}"
        ]
        raise ScaffoldError(f"make can't read `{folder / makefile}`", said)
    return "\n".join(_where_they_run(done.stdout, home))


def _check_harmless(asked: Asked) -> None:
    """Refuse a Makefile with what make would run although it is only asked, and what signs or changes files."""
    is_sealed = sealed.holds()
    harmful = [each for each in asked.commands if each.signs or (each.changes and not is_sealed)]
    if harmful:
        raise RunsAnywayError(
            "make would run what signs or changes files although it is only asked",
            dict.fromkeys(visible(str(each)) for each in harmful),
            FORGETS_HINT if all("MAKEFLAGS" in each.line for each in harmful) else RUNS_ANYWAY_HINT,
        )
    if asked.lost and not is_sealed:
        raise RunsAnywayError(
            "make would make what the Makefile includes although it is only asked",
            asked.lost,
            "make it first",
        )


def _check_refused(called: Collection[str], asked: Asked) -> None:
    """Tell what was called that could have signed, and the lines that may have done so."""
    if not called:
        return
    refused = [f"`{visible(command)}` was called, and refused" for command in called]
    raise RunsAnywayError(
        "make runs what signs although it is only asked; nothing was signed",
        (*refused, *map(visible, asked.running)),
        RUNS_ANYWAY_HINT,
    )


def _where_they_run(text: str, home: str) -> Iterator[str]:
    """Yield the lines of a dry run, a command of another folder than `home` behind a `cd` into that."""
    folders = [home]
    goes_on = False
    for line in text.split("\n"):
        moves = None if goes_on else MOVES.fullmatch(line)
        if moves and moves[1] == "Entering":
            folders.append(moves[2])
        elif moves and folders[1:] and folders[-1] == moves[2]:
            folders.pop()
        elif moves:
            continue
        elif goes_on or folders[-1] == home or not line:
            yield line
        else:
            yield f"cd {shlex.quote(os.path.relpath(folders[-1], home))} && {line}"
        goes_on = line.endswith("\\")


def targets(folder: Path, makefile: str = "Makefile") -> tuple[str, ...]:
    """Return the targets that a Makefile writes out, and those that its patterns make.

    A pattern's are those of the files there are; where targets need some of what it makes, these alone.
    """
    rules = tuple(_rules(_make(folder, makefile, "-npqr", NO_TARGET).stdout))
    made = {rule.target for rule in rules if rule.has_recipe}
    asked = {
        need for rule in rules if not NO_GOAL.search(rule.target) for need in rule.needs
    } - made
    return tuple(dict.fromkeys(goal for rule in rules for goal in _goals(folder, rule, asked)))


@dataclass
class _Rule:
    """A rule of make's database."""

    target: str
    needs: tuple[str, ...]
    has_recipe: bool = False


def _rules(database: str) -> Iterator[_Rule]:
    rule: _Rule | None = None
    a_target = True
    for line in database.splitlines():
        match = RULE.match(line)
        if match and a_target:
            if rule:
                yield rule
            rule = _Rule(match[1], tuple(need for need in match[2].split() if need != "|"))
        elif rule and line.startswith("\t"):
            rule.has_recipe = True
        a_target = not line.startswith("# Not a target")
    if rule:
        yield rule


def _goals(folder: Path, rule: _Rule, asked: Collection[str]) -> list[str]:
    if rule.target.startswith(".") or rule.target in ("Makefile", NO_TARGET):
        return []
    if "%" not in rule.target:
        return [rule.target]
    first = rule.needs[0] if rule.needs else ""
    if first.count("%") != 1:
        return []
    before, _, after = first.partition("%")
    stems = (
        path.relative_to(folder).as_posix() for path in sorted(folder.glob(f"{before}*{after}"))
    )
    found = [rule.target.replace("%", path[len(before) : len(path) - len(after)]) for path in stems]
    shape = re.compile(re.escape(rule.target).replace("%", ".+"))
    return [goal for goal in found if goal in asked] if any(map(shape.fullmatch, asked)) else found


def _make(folder: Path, makefile: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run make in a folder as if no other make had called it, with messages in English."""
    gnu_make = os.environ.get("MAKE_PROGRAM") or shutil.which("gmake") or shutil.which("make")
    if not gnu_make:
        raise ScaffoldError(
            "`make` is not installed", hint="`apt-get install make`, or Xcode's command line tools"
        )
    asked = look_through(folder, makefile)
    _check_harmless(asked)
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    # Neither the Makefile nor what it includes is made anew, which make would do even now.
    kept = (f"-o{name}" for name in asked.remade)
    # What is written after a make has told all fails where nothing can be written.
    going_on = ("-i",) if any(each.writes_last for each in asked.commands) else ()
    changes = any(each.changes for each in asked.commands)
    with standing_in(
        is_sealed=sealed.holds(), changes=changes, has_temporary=not asked.names_temporary
    ) as stand_ins:
        process = sealed.start(
            [
                gnu_make,
                "-C",
                str(folder),
                "-f",
                makefile,
                *words,
                *going_on,
                *kept,
                *WHATEVER_IS_THERE,
            ],
            {
                **environment,
                **stand_ins.environment,
                "LC_ALL": "C",
                "PWD": os.path.realpath(folder),
            },
            stand_ins.writable,
        )
        with process:
            try:
                stdout, stderr = process.communicate(timeout=MINUTE)
            except subprocess.TimeoutExpired as error:
                raise RunsAnywayError(
                    "make does not end, although it was only asked what it would do",
                    map(visible, asked.running),
                    HANGS_HINT,
                ) from error
            finally:
                sealed.end(
                    process
                )  # nothing that it left in the background may change a file later
        _check_refused(stand_ins.called(), asked)
        stdout, stderr = (stand_ins.with_real_ones(text) for text in (stdout, stderr))
    failed = process.returncode or (going_on and FAILED.search(stderr))
    return subprocess.CompletedProcess(process.args, 2 if failed else 0, stdout, stderr)

"""GNU make, asked what the Makefile of a folder would do.

It runs some of it even then. What of that signs is refused before make is asked; what this does not
see finds programs that refuse to sign, and can write to no file. Where the kernel can't forbid
that, what changes files is refused too.
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
from tls_scaffold.makefiles import landlock
from tls_scaffold.makefiles.decoys import decoys_on_path
from tls_scaffold.makefiles.dryruneffects import DryRunEffects, dry_run_effects
from tls_scaffold.makefiles.maketexts import MAKEFILES
from tls_scaffold.paths import LARGEST_FILE, MIB, RULES
from tls_scaffold.spelling import escaped

*READ_FIRST, MAKEFILE = MAKEFILES  # where the first are, make does not look for ours
NO_RULE = re.compile(
    r"No rule to make target [`']([A-Za-z0-9_][A-Za-z0-9._/-]*)', needed by", re.ASCII
)
# What an outer make passes on, and what our Makefile exports to the commands it runs.
NOT_PASSED_ON = (
    *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "MAKEFILES"),
    *("SIGNER", "CFSSL", "JSON", "YES", "TLS_SCAFFOLD_INTO"),
)
# Each certificate has a line of its own by cfssl alone, whatever is there. A Makefile that is not
# ours may have a variable of this name, and name its CA by it.
BY_CFSSL = {"SIGNER": "cfssl"}
MOVES = re.compile(r"\S+: (Entering|Leaving) directory [`'](.*)'")
# Whatever MAKEFLAGS a Makefile sets: what several makes say at once can't be told apart.
ONE_BY_ONE = "-j1"
MINUTE = 60
RUNS_ANYWAY_HINT = (
    "write it into commands of rules, without a `+`, `$(MAKE)` or `$(shell …)` in them"
)
FORGETS_HINT = "leave `MAKEFLAGS` as it is, by which every make knows that it is only asked"
HANGS_HINT = (
    "look for what waits in what make runs even then: `$(shell …)`, "
    "and lines with a `+` or `$(MAKE)`"
)
UNSET = re.compile(r"^(\S+?):\d+: warning: undefined variable [`'](\S+)'$", re.MULTILINE)
FAILED = re.compile(r"^\S+: \*\*\* ", re.MULTILINE)


class RunsAnywayError(ScaffoldError):
    """Make would run, or ran, what signs or changes files although it is only asked.

    Or what does not end.
    """


@dataclass(frozen=True)
class DryRun:
    """The commands that make would run, and the variables that it found unset, by their files."""

    text: str
    unset: tuple[tuple[str, str], ...] = ()


def check_is_read(folder: Path) -> None:
    """Refuse a folder in which make reads another file than `Makefile`."""
    # `exists` finds `Makefile` itself where names have no case.
    there = {entry.name for entry in folder.iterdir()}
    others = [name for name in READ_FIRST if name in there]
    if others:
        both = f"put everything into `{MAKEFILE}`, or move one of the two away"
        raise ScaffoldError(
            f"make reads `{others[0]}` instead of `{MAKEFILE}`",
            hint=both if MAKEFILE in there else f"rename it to `{MAKEFILE}`",
        )


def dry_run(folder: Path, goal: str, there: tuple[str, ...] = ()) -> DryRun:
    """Return the commands that make would run for `goal`, signed by cfssl; empty, the default one.

    It would start from nothing, or with `there` up to date: targets of a path in the folder, or of
    the full path. A missing request counts as there: whoever reads it says so; in another folder it
    is make's error. What a make there would run (`$(MAKE) -C SUB`) stands behind a `cd`. Raises
    ScaffoldError with make's own words if the Makefile is missing or fails, RunsAnywayError for
    lines that would sign or change files now.
    """
    home = os.path.realpath(folder)
    old = [path for each in there for path in (each, f"{home}/{each}")]
    # One group of short flags: make 3.81 would hide it behind long ones from our Makefile.
    goals = (goal,) if goal else ()
    words = ("-nrk" if there else "-nBrk", ONE_BY_ONE, *goals, *(f"-o{path}" for path in old))
    words = (*words, "--warn-undefined-variables")
    done = run_asked(folder, *words)
    missing = dict.fromkeys(NO_RULE.findall(done.stderr))
    if missing:
        done = run_asked(folder, *words, *(f"-o{path}" for path in missing))
    if done.returncode != 0:
        said = [line for line in UNSET.sub("", done.stderr).splitlines() if line.strip()]
        raise ScaffoldError(
            f"make can't read `{folder / MAKEFILE}`",
            said or [f"it ended with {done.returncode}"],
        )
    unset = UNSET.findall(done.stderr)
    return DryRun("\n".join(_with_their_folders(done.stdout, home)), tuple(dict.fromkeys(unset)))


def _check_harmless(effects: DryRunEffects) -> None:
    """Refuse a Makefile of which make would run what signs or changes files, although asked."""
    is_sealed = landlock.stops_all_writes()
    harmful = [each for each in effects.commands if each.signs or (each.changes and not is_sealed)]
    if harmful:
        raise RunsAnywayError(
            "make would run what signs or changes files although it is only asked",
            dict.fromkeys(each.told() for each in harmful),
            FORGETS_HINT if all("MAKEFLAGS" in each.line for each in harmful) else RUNS_ANYWAY_HINT,
        )
    if effects.missing and not is_sealed:
        raise RunsAnywayError(
            "make would make what the Makefile includes although it is only asked",
            effects.missing,
            "make it first",
        )


def _check_refused(called: Collection[str], effects: DryRunEffects) -> None:
    """Refuse a Makefile of which make has called what signs, although it was only asked."""
    if not called:
        return
    refused = [f"`{escaped(command)}` was called, and refused" for command in called]
    raise RunsAnywayError(
        "make runs what signs although it is only asked; nothing was signed",
        (*refused, *effects.running),
        RUNS_ANYWAY_HINT,
    )


def _with_their_folders(text: str, home: str) -> Iterator[str]:
    """Yield the lines of a dry run, commands of other folders than `home` behind a `cd`."""
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


def run_asked(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run make in a folder as if no other make had called it, with messages in English.

    The words are to say that it is only asked.
    """
    named = os.environ.get("MAKE_PROGRAM")
    # With its path: so `$(MAKE)`, which tells what it would do, is printed as no `make` is.
    names = [named] if named else ["gmake", "make"]
    gnu_make = next(filter(None, map(shutil.which, names)), named)
    if not gnu_make:
        raise ScaffoldError(
            "`make` is not installed", hint="`apt-get install make`, or Xcode's command line tools"
        )
    # Make would read a device to its end, which `/dev/zero` has not.
    if (folder / MAKEFILE).exists() and not (folder / MAKEFILE).is_file():
        raise ScaffoldError(f"`{MAKEFILE}` is not a plain file")
    effects = dry_run_effects(folder)
    _check_harmless(effects)
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    environment |= {"LC_ALL": "C", "PWD": os.path.realpath(folder), **BY_CFSSL}
    has_our_rules = (folder / RULES).is_file()
    chosen = [f"{name}={value}" for name, value in BY_CFSSL.items()] if has_our_rules else []
    # What is written after a make has told all fails where nothing can be written.
    going_on = ("-i",) if any(each.writes_last for each in effects.commands) else ()
    # Neither the Makefile nor what it includes is made anew, which make would do even now.
    kept = (f"-o{name}" for name in effects.remade)
    command = [gnu_make, "-C", str(folder), "-f", MAKEFILE, *words]
    with decoys_on_path(
        is_sealed=landlock.stops_all_writes(),
        changes=any(each.changes for each in effects.commands),
        has_temporary=not effects.names_temporary,
    ) as decoys:
        process = landlock.start_confined(
            [*command, *going_on, *kept, *chosen],
            {**environment, **decoys.environment},
            decoys.writable,
        )
        with process:
            try:
                stdout, stderr = landlock.outputs(process, MINUTE, LARGEST_FILE)
                process.wait(MINUTE)
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                raise RunsAnywayError(
                    "make does not end, although it was only asked what it would do",
                    effects.running,
                    HANGS_HINT,
                ) from error
            except landlock.TooMuchSaidError as error:
                raise RunsAnywayError(
                    f"make says more than {LARGEST_FILE // MIB} MiB, although it was only asked "
                    "what it would do",
                    effects.running,
                    HANGS_HINT,
                ) from error
            finally:
                # Nothing that it left in the background may change a file later.
                landlock.end_process(process)
        _check_refused(decoys.called(), effects)
        stdout, stderr = (decoys.with_real_ones(text) for text in (stdout, stderr))
    failed = process.returncode or (going_on and FAILED.search(stderr))
    return subprocess.CompletedProcess(process.args, 2 if failed else 0, stdout, stderr)

"""Runs a command of ours again and again and kills it, each time at another step or another moment.

    python kills.py FOLDER WORK steps|moments COUNT EVERY SEED COMMAND…

FOLDER is copied to WORK for each kill; of COUNT numbers each EVERY-th is one. Prints, as JSON, a
list of what went wrong and how many kills hit.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tls_scaffold.cli import cli
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering import template

# Whatever changes a folder goes through these: a kill before each stands for every state that a
# kill can leave.
STEPS = ("open", "replace", "rename", "symlink", "unlink", "mkdir", "rmdir")
TIMES = re.compile(r"archive/[0-9TZx]+/")


def killing(step: int, folder: Path) -> None:
    """Let this process be killed at the `step`-th of the calls that change `folder`."""
    left = [step]

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*words: Any, **more: Any) -> Any:
            # What a link leads to stands before the link.
            paths = [os.fspath(word) for word in words[:2] if isinstance(word, str | os.PathLike)]
            left[0] -= any(path.startswith(str(folder)) for path in paths)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*words, **more)

        return wrapper

    for name in STEPS:
        setattr(os, name, wrapped(getattr(os, name)))


def remembered(
    render: Callable[[Inventory], dict[str, str]],
) -> Callable[[Inventory], dict[str, str]]:
    """Let each inventory be rendered once: kills are many, and rendering is not what is killed."""
    known: dict[str, dict[str, str]] = {}

    def once(inventory: Inventory) -> dict[str, str]:
        if inventory.to_json() not in known:
            known[inventory.to_json()] = render(inventory)
        return dict(known[inventory.to_json()])

    return once


def run(folder: Path, words: list[str], step: int = 0, moment: float = 0.0) -> int:
    """Run a command in a process of its own; returns its exit code, -9 if it was killed."""
    child = os.fork()
    if child == 0:
        if step:
            killing(step, folder)
        result = CliRunner().invoke(cli, ["-C", str(folder), *words])
        os._exit(
            result.exit_code
            if result.exception is None or isinstance(result.exception, SystemExit)
            else 70
        )
    if moment:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file but those that keep git and others out.

    The archive's times are left out of the names.
    """
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return {
        TIMES.sub("archive/", name): path.read_bytes()
        for name, path in files.items()
        if "archive/." not in name and name != ".tls-scaffold/.gitignore"
    }


def without_issued(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return files by name without the record of what was signed.

    A sync adds to that what it knows to be valid.
    """
    return {name: content for name, content in files.items() if not name.startswith("issued/")}


def faults(
    folder: Path, work: Path, words: list[str], expected: list[dict[str, bytes]]
) -> list[str]:
    """Return what is wrong after a kill.

    The same command, or another, must lead to the new folder or the old one.
    """
    old, new = expected
    other = work / "other"
    shutil.copytree(folder, other, symlinks=True)
    found = []
    certs = {name: content for name, content in contents(folder).items() if "certs/" in name}
    if sorted(certs.values()) != sorted(
        content for name, content in old.items() if "certs/" in name
    ):
        found.append("a file of certs/ is lost or changed")
    if (
        not {item for item in old.items() if item[0].startswith("issued/")}
        <= contents(folder).items()
    ):
        found.append("a file of issued/ is lost or changed")
    old, new = map(without_issued, expected)
    if without_issued(contents(folder)) != new or words == ["sync"]:
        code = run(folder, words)
        if code:
            found.append(f"run again, it ends with {code}")
    left = without_issued(contents(folder))
    if left != new:
        found.append(f"run again, it does not finish: {sorted(dict(left.items() ^ new.items()))}")
    code = run(other, ["sync"])
    if code or without_issued(contents(other)) not in ([new] if words == ["sync"] else [old, new]):
        found.append(f"a sync ({code}) leads neither to the old folder nor to the new one")
    return found


def main(folder: Path, work: Path, how: str, numbers: range, seed: int, words: list[str]) -> None:
    """Kill for each of `numbers` and print what came of it."""
    vars(template)["render"] = remembered(template.render)
    old = contents(folder)
    finished = work / "finished"
    shutil.copytree(folder, finished, symlinks=True)
    for each in (["sync", "--dry-run"], words):
        result = CliRunner().invoke(cli, ["-C", str(finished), *each], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
    new = contents(finished)
    begin = time.monotonic()
    run(finished, ["sync"])
    duration = time.monotonic() - begin
    chance = random.Random(seed)  # noqa: S311
    wrong, hits = [], 0
    for number in numbers:
        shutil.rmtree(work / "copy", ignore_errors=True)
        shutil.rmtree(work / "other", ignore_errors=True)
        copy = Path(shutil.copytree(folder, work / "copy", symlinks=True))
        moment = chance.uniform(0, duration * 2) if how == "moments" else 0.0
        code = run(copy, words, step=0 if moment else number, moment=moment)
        hits += code == -signal.SIGKILL
        if how == "steps" and code == 0:
            break
        wrong += [f"kill {number}: {fault}" for fault in faults(copy, work, words, [old, new])]
    json.dump({"wrong": wrong, "hits": hits}, sys.stdout)


if __name__ == "__main__":
    count, every, seed = map(int, sys.argv[4:7])
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        sys.argv[3],
        range(1, count + 1, every),
        seed,
        sys.argv[7:],
    )

"""Runs a command that revokes again and again, and kills it each time at another of its steps.

    python revoke_kills.py FOLDER WORK EVERY SEED COMMAND…

FOLDER is copied to WORK for each kill. Prints, as JSON, a list of what went wrong, how many kills
hit, and how many steps there are.
"""

import json
import shutil
import signal
import sys
from pathlib import Path

from kills import remembered, run
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.inventory import intake
from tls_scaffold.rendering import template
from tls_scaffold.signing import crlfile
from tls_scaffold.signing.revocationlists import read_list
from tls_scaffold.signing.revocations import load_revoked

MOST = 2000


def names_revoked(folder: Path) -> list[str]:
    return sorted(each.name for each in load_revoked(folder).by_serial.values())


def shut_out(folder: Path, going: list[str]) -> list[str]:
    """Return what is wrong with the list that is there: it is whole, or there is none."""
    raw = plain_or_empty(folder / "certs/crl.der")
    found = read_list(raw)
    if not raw:
        return []
    if not found:
        return ["the list is broken"]
    used = crlfile.in_use(folder, intake.load(folder), going)
    return list(crlfile.lockouts(found.by_serial, used))


def left_over(folder: Path) -> list[str]:
    """Return what a kill has left beside files, once the next run has ended."""
    hidden = {".gitattributes", ".gitignore", ".lock", ".tls-scaffold"}
    files = (path.relative_to(folder) for path in folder.rglob("*"))
    return [str(path) for path in files if path.name.startswith(".") and path.name not in hidden]


def faults(folder: Path, words: list[str], wanted: list[str], going: list[str]) -> list[str]:
    """Return what is wrong after a kill: with what is there, and once the same has run again."""
    found = shut_out(folder, going)
    code = run(folder, words)
    # One that had ended finds that there is no such component any more.
    if code not in ((0, 1) if words[0] == "remove" else (0,)):
        found.append(f"run again, it ends with {code}")
    if run(folder, ["revoke"]):
        found.append("there is no list that can be made")
    found += shut_out(folder, [])
    if sorted(set(names_revoked(folder))) != wanted:
        found.append(f"revoked are {names_revoked(folder)}, not {wanted}")
    listed = read_list(plain_or_empty(folder / "certs/crl.der"))
    if not listed or listed.by_serial.keys() != load_revoked(folder).by_serial.keys():
        found.append("the list does not name what is revoked")
    inventory = intake.load(folder)
    if not inventory.crl:
        found.append("members do not look into the list")
    if {each.name for each in inventory.users} & set(going):
        found.append("who was to go is there")
    for each in inventory.components:
        if not (folder / f"{each.output}.pem").exists():
            found.append(f"{each.name} is lost")
    return [*found, *(f"left over: {path}" for path in left_over(folder))]


def main(folder: Path, work: Path, every: int, seed: int, words: list[str]) -> None:
    """Kill at each of `every` steps, from the `seed`-th on, and print what came of it."""
    vars(template)["render"] = remembered(template.render)
    finished = work / "finished"
    shutil.copytree(folder, finished, symlinks=True)
    assert run(finished, words) == 0
    wanted = sorted(set(names_revoked(finished)))
    going = [words[-1]] if words[0] == "remove" else []
    # Rendered once here, so that the forked runs know it.
    for each in (folder, finished):
        template.render(intake.load(each))
    wrong: list[str] = []
    hits, step = 0, 1 + seed % every
    for step in range(step, MOST, every):  # noqa: B020 - it goes on from where it begins
        shutil.rmtree(work / "copy", ignore_errors=True)
        copy = Path(shutil.copytree(folder, work / "copy", symlinks=True))
        code = run(copy, words, step=step)
        hits += code == -signal.SIGKILL
        wrong += [f"step {step}: {fault}" for fault in faults(copy, words, wanted, going)]
        if code == 0:
            break
    print(json.dumps({"wrong": wrong, "hits": hits, "steps": step}))  # noqa: T201


if __name__ == "__main__":
    place, into, often, begin, *command = sys.argv[1:]
    main(Path(place), Path(into), int(often), int(begin), command)

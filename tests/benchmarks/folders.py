"""What `status` and `check` of many folders cost, in one process.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/folders.py [--folders N] [--users N]`.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:{BIN}"}
PROGRAM = str(BIN / "tls-scaffold")
MEMBERS = "10.0.0.1,10.0.0.2,10.0.0.3"
# What is no line of ours: make is asked what it does.
EDIT = "\nmine:\n\t@echo $$(date)\n\ncerts/mine.pem:\n\tcfssl version\n"
TIMES = 3


def taken(*words: str) -> tuple[float, float]:
    """Return the seconds that a command of ours takes, by the clock and on processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(
        [PROGRAM, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def best(*words: str) -> tuple[float, float]:
    """Return the seconds of the fastest of some runs, and the least that processors had to do."""
    runs = [taken(*words) for _ in range(TIMES)]
    return min(each[0] for each in runs), min(each[1] for each in runs)


def make_folders(parent: Path, count: int, users: int) -> None:
    """Make folders that are copies of a signed one, all in one git repository."""
    first = parent / "cluster-1"
    people = ",".join(f"user{number}" for number in range(users))
    taken("new", str(first), "--members", MEMBERS, "--users", people)
    taken("-C", str(first), "sign")
    for number in range(2, count + 1):
        shutil.copytree(first, parent / f"cluster-{number}")
    subprocess.run(["git", "init", "-q", str(parent)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--users", type=int, default=2)
    words = parser.parse_args()
    count: int = words.folders
    few = max(count // 10, 1)
    with tempfile.TemporaryDirectory() as place:
        make_folders(Path(place), count, words.users)
        edited = [str(Path(place, f"cluster-{number}")) for number in range(1, few + 1)]
        rows = [
            (f"status of {count} folders", best("status", "--all", place)),
            (f"status of {count} folders, JSON", best("status", "--json", "--all", place)),
            (f"check of {count} folders", best("check", "--all", place)),
            ("status of one folder", best("-C", edited[0], "status")),
            (f"status of {few} folders", best("status", *edited)),
        ]
        for path in edited:
            with Path(path, "Makefile").open("a", encoding="utf-8") as makefile:
                makefile.write(EDIT)
        rows.append((f"status of {few} that make is asked about", best("status", *edited)))
    sys.stdout.write(f"{count * (words.users + 5)} certificates in all\n")
    sys.stdout.write(f"{'':40} {'seconds':>8} {'processor':>10}\n")
    sys.stdout.writelines(f"{name:40} {took:8.2f} {used:10.2f}\n" for name, (took, used) in rows)


if __name__ == "__main__":
    main()

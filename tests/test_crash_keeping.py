"""Commands that are killed, at each step and at random moments.

Nothing is lost, and the next one heals.
"""

import json
import sys
from pathlib import Path

import pytest

from conftest import Factory
from keeping import change, edit, upgrade
from support import run

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson")

SYNC = ("sync",)
# Of these promises/test_crashes kills some in the short form too.
OTHERS = (("add", "--user", "zed", "--member", "10.0.0.9"), ("remove", "calico", "etcd3"))
COMMANDS = (SYNC, *(pytest.param(each, marks=pytest.mark.long) for each in OTHERS))


def killed(folder: Path, work: Path, how: str, count: int, *words: str, every: int = 1) -> int:
    """Kill a command `count` times, or at `every` so many of its steps; returns how many kills hit.

    Nothing must go wrong.
    """
    work.mkdir()
    program = str(Path(__file__).parent / "kills.py")
    done = run(
        sys.executable, program, str(folder), str(work), how, str(count), str(every), "7", *words
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["wrong"] == []
    return int(outcome["hits"])


def edited(path: Path, *words: str) -> Path:
    """Edit a signed folder by hand, so that a command has to merge; for `sync` its inventory."""
    edit(path / "Makefile", "#RENEW_DAYS = 30", "RENEW_DAYS = 60")
    edit(path / "Makefile", "# Proxies\n", "\t@echo signed etcd3\n# Proxies\n")
    edit(
        path / "config/req-calico.json",
        '"hosts": []',
        '"hosts": [], "crl_url": "http://x.example.com"',
    )
    if words == ("sync",):
        change(
            path, users=[{"name": name, "cn": name} for name in ("calico", "zed")], expiry="4380h"
        )
        upgrade(path, "rbac.sh", "#!/bin/ash", "#!/bin/sh")
        edit(path / "sign.sh", "#!/bin/sh\n", "#!/bin/sh\n# ours\n")
    return path


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_killed_at_any_of_its_steps_is_finished_by_the_next(
    signed: Factory, tmp_path: Path, pytestconfig: pytest.Config, words: tuple[str, ...]
) -> None:
    every = 1 if pytestconfig.getoption("--long") else 9
    hits = killed(edited(signed(), *words), tmp_path / "work", "steps", 500, *words, every=every)
    assert hits > 25 // every


@pytest.mark.parametrize("words", COMMANDS[:2], ids=lambda words: words[0])
@pytest.mark.parametrize("count", [10, pytest.param(500, marks=pytest.mark.long)])
def test_random_kills_lose_nothing_and_heal(
    signed: Factory, tmp_path: Path, words: tuple[str, ...], count: int
) -> None:
    assert (
        killed(edited(signed(), *words), tmp_path / "work", "moments", count, *words) > count // 20
    )

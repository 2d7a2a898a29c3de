"""A crash never leaves a broken pair and never costs the CA.

Commands are killed at random moments, and at every call that writes.
"""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Factory
from promises.scenarios import SCENARIOS, Scenario, Seen, copy
from promises.tracing import calls
from support import environment, kill_group

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
SAMPLE = 1
SURE = 100


def killed_after(seconds: float, command: tuple[str, ...], place: Path) -> bool:
    """Run a command and kill its whole process group after a while.

    Tell whether it was still at work.
    """
    process = subprocess.Popen(
        command,
        cwd=place,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    return kill_group(process) == -signal.SIGKILL


def duration(scenario: Scenario, before: Path, place: Path) -> float:
    """Return how long the command takes when nothing disturbs it."""
    begin = time.monotonic()
    subprocess.run(
        scenario.command,
        cwd=copy(before, place),
        env=environment(),
        capture_output=True,
        check=True,
    )
    return time.monotonic() - begin


@each_scenario
@pytest.mark.parametrize("times", [1, pytest.param(1000, marks=pytest.mark.long)])
def test_a_command_killed_at_a_random_moment_is_healed_by_the_next_run(
    folder: Factory, tmp_path: Path, scenario: Scenario, times: int
) -> None:
    before, place = scenario.place(folder, tmp_path / "before"), tmp_path / "place"
    longest = duration(scenario, before, place)
    chance = random.Random(scenario.name)  # noqa: S311  (moments, not secrets)
    hits = 0
    for number in range(times):
        copy(before, place)
        hits += killed_after(chance.uniform(0, longest), scenario.command, place)
        assert scenario.heal(before, Seen.of(place), place) == [], number
    assert (
        times < SURE or hits >= times // 3
    )  # of few, all may come too late on a machine that was slow just before


def chosen(count: int, seed: str, *, every: bool) -> Iterator[int]:
    """Yield the calls to kill at: each of `count`, or one of each part of them."""
    chance = random.Random(seed)  # noqa: S311
    part = 1 if every else -(-count // SAMPLE)
    yield from (
        chance.randrange(first, min(first + part, count + 1)) for first in range(1, count + 1, part)
    )


@each_scenario
def test_a_command_killed_at_any_call_that_writes_is_healed_by_the_next_run(
    folder: Factory, tmp_path: Path, pytestconfig: pytest.Config, scenario: Scenario
) -> None:
    before, place = scenario.place(folder, tmp_path / "before"), tmp_path / "place"
    count = calls(scenario.command, copy(before, place))
    assert count > 20
    numbers = [*chosen(count, scenario.name, every=pytestconfig.getoption("--long"))]
    killed = 0
    for number in numbers:
        killed += calls(scenario.command, copy(before, place), kill_at=number) >= number
        assert scenario.heal(before, Seen.of(place), place) == [], number
    assert killed > len(numbers) // 2

"""Parallel runs are safe.

`add` may come at any moment of a make, which may refuse a new set; more in test_make_crash.
"""

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from promises.scenarios import FOLDER, OURS, WORDS, cas, copy, no_leftovers, wrong_pairs
from support import make, tls_scaffold

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


@pytest.mark.parametrize("times", [1, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("goal", ["all", pytest.param("req", marks=pytest.mark.long), "regenerate"])
@pytest.mark.usefixtures("either_signer")
def test_an_add_during_a_make_loses_nothing_of_either(
    folder: Factory,
    tmp_path: Path,
    running: Callable[..., "subprocess.Popen[str]"],
    goal: str,
    times: int,
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    folder(*WORDS, signed=goal != "all").rename(before / FOLDER)
    chance = random.Random(goal)  # noqa: S311  (moments, not secrets)
    for number in range(times):
        place = copy(before, tmp_path / "place")
        old = cas(place / FOLDER)
        signing = running("make", "-j4", "-C", FOLDER, goal, cwd=place)
        time.sleep(chance.uniform(0, 0.4))
        adding = running(OURS, "-C", FOLDER, "add", "--user", "zed", cwd=place)
        said = [process.communicate(timeout=300) for process in (signing, adding)]

        if signing.returncode:  # a new set of which a component would be missing is not decided on
            assert goal == "regenerate", said
            assert "what it is made from has changed" in said[0][1], said
            assert cas(place / FOLDER) == old, number
            make(place / FOLDER, goal)
        if adding.returncode:  # a make of more than five seconds is not waited for
            assert "works on the folder" in said[1][1], said
            tls_scaffold("-C", str(place / FOLDER), "add", "--user", "zed")
        make(place / FOLDER)
        assert wrong_pairs(place / FOLDER) == [], number
        assert (place / FOLDER / "certs/zed.pem").exists(), number
        assert old <= cas(place / FOLDER), number
        assert len(cas(place / FOLDER)) <= len(old) + 1, number
        assert no_leftovers(place) == [], number

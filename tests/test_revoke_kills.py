"""A command that revokes is killed at each of its steps: the same again ends what was begun."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Factory
from revoking import FOLDER
from support import environment

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson")
COMMANDS = {
    "revoke": ("revoke", "alice", "bob"),
    "sign again": ("revoke", "--sign-again", "root", "etcd1"),
    # It does what the first does too.
    "remove": ("remove", "--revoke", "bob"),
}
LONG = [
    pytest.param(name, "1", "0", 30, id=f"{name}, each step", marks=pytest.mark.long)
    for name in COMMANDS
]


@pytest.mark.parametrize(
    ("name", "every", "first", "least"), [pytest.param("remove", "90", "5", 1, id="remove"), *LONG]
)
def test_a_kill_at_any_step_shuts_nobody_out_and_heals(
    signed: Factory, tmp_path: Path, name: str, every: str, first: str, least: int
) -> None:
    (tmp_path / "work").mkdir()
    program = str(Path(__file__).parent / "revoke_kills.py")
    words = (str(signed(*FOLDER)), str(tmp_path / "work"), every, first, *COMMANDS[name])

    done = subprocess.run(  # all steps take longer than `support.run` waits
        (sys.executable, program, *words),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["wrong"] == []
    assert outcome["hits"] >= least

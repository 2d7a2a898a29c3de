"""What CONTRIBUTING.md tells to type works, as it stands there."""

import os
import re
from pathlib import Path

import pytest

from support import BIN, Done, run

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def run_block_of(test: str, **variables: str) -> Done:
    """Run the command under the comment that names a test."""
    named = re.escape(f"<!-- tested: tests/test_contributing.py::{test} -->")
    (command,) = re.findall(rf"{named}\n```console\n\$ (.*)\n```", PAGE)
    # The page has its environment activated: another pytest may be on the PATH.
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return run("sh", "-c", command, cwd=ROOT, PATH=path, **variables)  # type: ignore[arg-type]


@pytest.mark.needs("shellcheck", "git")
def test_the_linters_look_before_each_commit(tmp_path: Path) -> None:
    # mypy takes half a minute where it has not run before; CI runs it by itself.
    done = run_block_of(
        "test_the_linters_look_before_each_commit", SKIP="mypy", PRE_COMMIT_HOME=str(tmp_path)
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^(.*?)\.{3,}.*?(Passed|Skipped)$", done.stdout, re.MULTILINE) == [
        ("ruff check", "Passed"),
        ("ruff format", "Passed"),
        ("mypy", "Skipped"),
        ("shellcheck", "Passed"),
    ]


def test_thousands_of_tests_are_fast() -> None:
    done = run_block_of("test_thousands_of_tests_are_fast", PYTEST_ADDOPTS="--collect-only")

    assert done.returncode == 0, done.stdout + done.stderr
    (collected,) = re.findall(r"^(\d+)(?:/\d+)? tests collected", done.stdout, re.MULTILINE)
    assert int(collected) > 2000


def test_each_file_that_is_named_is_there() -> None:
    names = re.findall(
        r"`((?:src|tests|constraints|tools|\.ci|cookiecutter-template)/[^`]*)`", PAGE
    )
    assert len(names) > 15
    assert [name for name in names if not [*ROOT.glob(name)]] == []

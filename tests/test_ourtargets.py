"""Lines of a Makefile of ours that make does not take as they seem: `sync --check` and `check`."""

import re
from pathlib import Path

import pytest

from conftest import Factory
from keeping import edit, kept

pytestmark = pytest.mark.needs("make")
ONE = ("--members", "10.0.0.1", "--proxies", "0", "--users", "root,app")
TWICE = "req-app certs/reporter.pem: config/req-reporter.json ; $(sign) -profile client $<\n"


def findings(path: Path, rule: str, code: int = 1) -> list[tuple[str, str]]:
    """Return what `check` finds by a rule, each with its fix."""
    said = kept(path, "check", code=code).stdout
    found = re.findall(r"^\w+: (.*) \[(.*)\]\n  fix: (.*)$", said, re.MULTILINE)
    return [(message, fix) for message, each, fix in found if each == rule]


def number_of(path: Path, line: str) -> int:
    return (path / "Makefile").read_text().split("\n").index(line) + 1


def line_of_app(path: Path) -> str:
    lines = (path / "Makefile").read_text().split("\n")
    return next(line for line in lines if line.startswith("req-app "))


def test_two_lines_of_one_target_are_told_with_both_places(folder: Factory) -> None:
    path = folder(*ONE)
    request = (path / "config/req-app.json").read_text()
    (path / "config/req-reporter.json").write_text(request.replace('"app"', '"reporter"'))
    with (path / "Makefile").open("a") as file:
        file.write(TWICE)
    first, second = (number_of(path, line) for line in (line_of_app(path), TWICE.strip()))
    told = f"Makefile:{second}: `req-app` is a target of Makefile:{first} too"
    before = (path / "Makefile").read_text()
    for words in (["sync", "--check"], ["sync"], ["add", "--user", "carl"]):
        assert f"  {told}\n" in kept(path, *words, code=1).stderr
    assert (path / "Makefile").read_text() == before
    assert [message for message, _ in findings(path, "doubled-target")] == [told]
    kept(path, "remove", "app")


def test_lines_that_make_takes_one_of_or_that_say_the_same_are_not_two(folder: Factory) -> None:
    path = folder(*ONE)
    line = line_of_app(path)
    edit(path / "Makefile", line, f"ifdef A\n{line}\nelse\n{line} \nendif")
    assert findings(path, "doubled-target", 0) == []
    kept(path, "sync", "--check")
    edit(path / "Makefile", f"ifdef A\n{line}\nelse\n{line} \nendif", f"{line}\n{line}")
    assert findings(path, "doubled-target", 0) == []
    kept(path, "sync")

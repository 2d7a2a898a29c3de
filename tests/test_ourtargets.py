"""Lines of a Makefile of ours that make does not take as they seem: `sync --check` and `check`."""

import re
from pathlib import Path

import pytest

from conftest import Factory
from keeping import edit, kept
from support import run

pytestmark = pytest.mark.needs("make")
ONE = ("--members", "10.0.0.1", "--proxies", "0", "--users", "root,app")
TWICE = "req-app certs/reporter.pem: config/req-reporter.json ; $(sign) -profile client $<\n"
REPLACED = "`clean` is made by the commands of `tls-scaffold.mk`, and never by these"


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


@pytest.mark.parametrize(("begin", "end"), [("ifdef PROD", "endif"), ("define APP", "endef")])
def test_a_line_that_make_passes_over_is_drift_that_no_command_mends(
    folder: Factory, begin: str, end: str
) -> None:
    path = folder(*ONE)
    line = line_of_app(path)
    edit(path / "Makefile", line, f"{begin}\n{line}\n{end}")
    told = f"Makefile:{number_of(path, line)}: make passes over the line of `app`: take the line"
    said = kept(path, "sync", "--check", code=4).stderr
    assert f"  {told}" in said
    assert "hint" not in said
    assert f"warning: {told}" in kept(path, "sync").stderr
    ((message, fix),) = findings(path, "unused-request")
    assert message == "config/req-app.json: no target of the Makefile signs it"
    assert fix.startswith("take the line out of its condition or macro")
    edit(path / "Makefile", begin, "PROD = 1\nifdef PROD" if end == "endif" else "ifndef NEVER")
    edit(path / "Makefile", f"\n{end}\n", "\nendif\n")
    assert kept(path, "sync", "--check").stderr == ""


def test_a_makefile_without_our_rules_is_drift_that_no_command_mends(folder: Factory) -> None:
    path = folder(*ONE)
    edit(path / "Makefile", "include tls-scaffold.mk\n", "")
    lacks = "Makefile: it lacks the line `include tls-scaffold.mk`"
    write = "write `include tls-scaffold.mk` above the lines of components: no command does that"
    said = kept(path, "sync", "--check", code=4).stderr
    assert f"  {lacks}: {write}\n" in said
    assert "hint" not in said
    assert findings(path, "unused-request") == [(lacks, write)]


def test_a_make_that_asks_for_nothing_is_found(folder: Factory) -> None:
    path = folder(*ONE)
    edit(path / "Makefile", "all: ca req\n", "")
    ((message, fix),) = findings(path, "idle-make")
    assert message == "Makefile: `all`, which plain `make` makes, does not ask for `req`"
    assert fix.startswith("write `all: ca req` above `include tls-scaffold.mk`")
    for line in ("all : ca more\nmore: req\n", "all: req-app\n"):
        text = (path / "Makefile").read_text()
        (path / "Makefile").write_text(f"{line}{text}")
        assert findings(path, "idle-make", 0) == []
        (path / "Makefile").write_text(text)


@pytest.mark.parametrize("where", ["above", "included"])
def test_a_target_of_a_team_s_own_that_ours_takes_the_place_of_is_found(
    folder: Factory, where: str
) -> None:
    path = folder(*ONE)
    text = (path / "Makefile").read_text()
    rule = "clean:\n\trm -rf build\n"
    (path.parent / "common.mk").write_text(rule)
    first = rule if where == "above" else "include ../common.mk\n"
    (path / "Makefile").write_text(f"{first}{text}")
    told = f"{'Makefile' if where == 'above' else '../common.mk'}:2: {REPLACED}"
    assert [message for message, _ in findings(path, "replaced-target")] == [told]
    assert kept(path, "sync", "--check").stderr == f"note: {told}\n"
    assert f"warning: {told}\n" in kept(path, "add", "--user", "carl").stderr
    assert run("make", "-n", "clean", cwd=path).stdout.strip().startswith("sh sign.sh clean")
    edit(path / "Makefile" if where == "above" else path.parent / "common.mk", "clean:", "tidy:")
    assert findings(path, "replaced-target", 0) == []
    assert kept(path, "sync", "--check").stderr == ""

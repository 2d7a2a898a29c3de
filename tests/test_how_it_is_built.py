"""The pages on how it is built and how it is tested name what is there."""

import re
from pathlib import Path

import pytest

from test_floors import FLOOR, SOURCES, floors, imported

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/tls_scaffold"
PAGES = sorted((ROOT / "docs/how-built").glob("*.md"))
QUALITY = sorted((ROOT / "docs/quality").glob("*.md"))


def named(page: Path) -> set[str]:
    """Return the paths of Python files that a page names."""
    return set(re.findall(r"`(?:python )?([a-z][\w/-]*/[\w-]+\.py)", page.read_text("utf-8")))


@pytest.mark.parametrize("page", [*PAGES, *QUALITY], ids=lambda page: page.name)
def test_each_module_and_test_that_a_page_names_exists(page: Path) -> None:
    missing = [
        each for each in named(page) if not ((PACKAGE / each).exists() or (ROOT / each).exists())
    ]
    assert missing == []


def test_the_floors_are_those_that_imports_are_held_to() -> None:
    text = (ROOT / "docs/how-built/floors.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", text, re.MULTILINE)
    told = {room: int(floor) for floor, cell in rows for room in re.findall(r"`(\w+)`", cell)}
    assert told == {room: floor for room, floor in FLOOR.items() if room != "__main__"}
    assert [int(floor) for floor, _ in rows] == sorted(
        (int(each) for each, _ in rows), reverse=True
    )
    assert len(dict(floors())) == len(told) + 1


def ways() -> dict[str, list[str]]:
    """Return the modules of each way, in their order, by the heading of its table."""
    text = (ROOT / "docs/how-built/ways.md").read_text("utf-8")
    found = {}
    for section in text.split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        rows = re.findall(r"^\| `([\w/]+)\.py` \|", section, re.MULTILINE)
        if rows:
            found[heading] = [each.replace("/", ".") for each in rows]
    return found


def reached(first: str) -> set[str]:
    """Return what a module imports, and what that does."""
    found: set[str] = set()
    left = [first]
    while left:
        name = left.pop()
        if name in SOURCES and name not in found:
            found.add(name)
            left += [each.removeprefix("tls_scaffold.") for each in imported(SOURCES[name])]
    return found


@pytest.mark.parametrize("heading", ["`new`", "`add`", "`make`, with the own signer", "`adopt`"])
def test_a_way_goes_through_modules_that_its_command_comes_to(heading: str) -> None:
    first, command, *others = ways()[heading]
    assert command in reached(first)
    assert [each for each in others if each not in reached(command)] == []


def test_no_way_is_left_out_of_these() -> None:
    assert len(ways()) == 4


def test_the_words_of_states_in_the_glossary_are_those_of_status() -> None:
    from tls_scaffold.state.timeline import COLOURS

    text = (ROOT / "docs/state.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z ]+)` \|", text.split("## What follows")[0], re.MULTILINE)
    assert sorted(rows) == sorted(COLOURS)

"""Every command of the documentation is run by a test, or says why none can run it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

import click
import pytest

from pages import commands_of
from tls_scaffold.cli import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r" *(```+)([a-z]*)\s*$")
TESTED = re.compile(r"<!-- tested: (tests/test_\w+\.py)::(test_\w+) -->")
EXAMPLE = re.compile(r"<!-- example: (.+) -->")
RUN = ("console", "sh")
FEWEST_WORDS = 4
# A command of ours up to where another begins; it may go on over a line's end.
OURS = re.compile(r"tls-scaffold (?:-C \S+ )?([a-z][a-z-]*)\b((?:\\\n|[^|&;\n])*)")


@dataclass(frozen=True)
class Block:
    """Commands between two fences: where they begin, and the line above."""

    line: int
    above: str
    commands: str


def blocks(text: str) -> Iterator[Block]:
    """Yield each block of commands of a page; what stands within a longer fence is no block."""
    lines = text.splitlines()
    fence, begin, language = "", 0, ""
    for number, line in enumerate(lines):
        found = FENCE.match(line)
        if not found:
            continue
        if not fence:
            fence, language, begin = found[1], found[2], number
        elif found[1] == fence and not found[2]:
            if language in RUN:
                above = lines[begin - 1].strip() if begin else ""
                yield Block(begin + 1, above, "\n".join(lines[begin + 1 : number]))
            fence = ""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def faults(page: str, block: Block) -> list[str]:
    """Return what is wrong with the comment above a block."""
    if example := EXAMPLE.fullmatch(block.above):
        enough = len(example[1].split()) >= FEWEST_WORDS
        return [] if enough else [f"`{example[1]}` is no reason of {FEWEST_WORDS} words"]
    if not (tested := TESTED.fullmatch(block.above)):
        return ["above it stands neither `<!-- tested: … -->` nor `<!-- example: … -->`"]
    path, test = ROOT / tested[1], tested[2]
    if not path.is_file():
        return [f"there is no {tested[1]}"]
    functions = functions_of(path)
    if test not in functions:
        return [f"{tested[1]} has no {test}"]
    long = [f"{test} is run with --long alone"] if is_long(functions[test]) else []
    named = Path(page).name in words_of(path)
    return long + ([] if named else [f"{tested[1]} does not name {Path(page).name}"])


@cache
def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}


def is_long(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "pytest.mark.long" for each in function.decorator_list)


@cache
def words_of(path: Path) -> str:
    """Return the text of a test file, and of the modules of tests/ that it takes helpers from."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    modules = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    helpers = (path.with_name(f"{module}.py") for module in modules if module)
    return text + "".join(each.read_text(encoding="utf-8") for each in helpers if each.exists())


@pytest.mark.parametrize("page", PAGES, ids=map(name, PAGES))
def test_every_block_of_commands_is_run_by_a_test_or_an_example(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wrong = [
        f"{name(page)}:{block.line}: {fault}"
        for block in blocks(text)
        for fault in faults(name(page), block)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=map(name, PAGES))
def test_commands_of_a_console_stand_behind_its_prompt(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    consoles = re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    assert [each for each in consoles if not each.lstrip().startswith("$ ")] == []


@pytest.mark.parametrize("page", PAGES, ids=map(name, PAGES))
def test_every_command_and_option_of_ours_in_a_block_is_one(page: Path) -> None:
    """Also in those blocks that no test can run."""
    text = page.read_text(encoding="utf-8")
    typed = [each.typed for block in blocks(text) for each in commands_of(dedent(block.commands))]
    assert [fault for each in typed for fault in unknown_words(each)] == []


def unknown_words(commands: str) -> list[str]:
    """Return the commands of ours, and options of them, that do not exist."""
    found = []
    for verb, words in OURS.findall(commands):
        command = cli.get_command(click.Context(cli), verb)
        if not command:
            found.append(verb)
            continue
        both = (command, *getattr(command, "commands", {}).values())
        parameters = [parameter for each in both for parameter in each.params]
        options = {each for one in parameters for each in (*one.opts, *one.secondary_opts)}
        named = re.findall(r"(?<= )--[a-z][a-z0-9-]*", words)
        found += [f"{verb} {each}" for each in named if each not in {*options, "--help"}]
    return found


@pytest.mark.parametrize(
    ("commands", "unknown"),
    [
        ("tls-scaffold -C x rotate start --yes && other --nowhere", []),
        ("make && tls-scaffold roll start", ["roll"]),
        ("tls-scaffold status \\\n    --failde --json", ["status --failde"]),
    ],
)
def test_a_command_or_option_that_is_none_is_found(commands: str, unknown: list[str]) -> None:
    assert unknown_words(commands) == unknown


HERE = "tests/test_documentation_pages.py::test_backup"


@pytest.mark.parametrize(
    ("above", "fault"),
    [
        (f"<!-- tested: {HERE} -->", ""),
        ("<!-- example: it needs a cluster -->", ""),
        ("<!-- example: no cluster here -->", "is no reason"),
        ("", "above it stands neither"),
        (f"<!-- tested: {HERE} and more -->", "above it stands neither"),
        ("<!-- tested: tests/test_nowhere.py::test_backup -->", "there is no tests/test_nowhere"),
        (f"<!-- tested: {HERE}s -->", "has no test_backups"),
    ],
)
def test_a_comment_that_says_nothing_true_is_found(above: str, fault: str) -> None:
    (block,) = blocks(f"# A page\n\n{above}\n```console\n$ make\n```\n")
    found = faults("docs/backup.md", block)
    assert ([fault in each for each in found] == [True]) if fault else (found == [])


def test_a_test_that_is_run_seldom_or_for_another_page_is_found() -> None:
    path, test = next(
        (path, test)
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        for test, function in functions_of(path).items()
        if is_long(function)
    )
    above = f"<!-- tested: tests/{path.name}::{test} -->"
    found = faults("docs/nothing-of-the-kind.md", Block(1, above, ""))
    assert found == [
        f"{test} is run with --long alone",
        f"tests/{path.name} does not name nothing-of-the-kind.md",
    ]


def test_blocks_are_found_in_lists_and_not_in_other_fences() -> None:
    text = "1. x\n\n   ```sh\n   a\n   ```\n\n````md\n```sh\nb\n```\n````\n\n```json\n{}\n```\n"
    assert [(block.line, block.commands.strip()) for block in blocks(text)] == [(3, "a")]

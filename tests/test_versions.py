"""The table of etcd's versions: what it says was run is what the tests run."""

import importlib
import re
from pathlib import Path

import pytest

from clusters import EACH_VERSION, ON_NEWEST, VERSIONS, tools

TABLE = (Path(__file__).parents[1] / "docs/etcd-versions.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("|")
]
COLUMNS = [
    pytest.param(*each.values, column, marks=each.marks)
    for each, column in zip(EACH_VERSION.values(), ROWS[0][1:-1], strict=True)
]


def test_the_page_on_quality_names_the_same_versions() -> None:
    page = (Path(__file__).parents[1] / "docs/quality/versions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (3\.[\d., ]*) \|", page, re.MULTILINE)
    assert ", ".join(rows).split(", ") == ROWS[0][1:-1]


@pytest.mark.parametrize(("path", "column"), COLUMNS)
def test_each_column_is_the_version_that_is_run(path: str, column: str) -> None:
    assert tools(path).version == column


@pytest.mark.parametrize("row", ROWS[2:], ids=lambda row: row[0])
def test_each_row_is_a_test_of_all_versions(row: list[str]) -> None:
    module, _, name = row[-1].strip("`").partition(".py::")
    run_on = [
        mark.args[1]
        for mark in getattr(importlib.import_module(module), name).pytestmark
        if mark.args
    ]

    assert VERSIONS in run_on or ON_NEWEST in run_on
    assert all(row[1:-1]), "a cell is empty"


def test_the_built_versions_are_those_of_the_modules() -> None:
    modules = sorted((Path(__file__).parent / "peers").glob("etcd-*/go.mod"))
    named = [
        re.search(r"go\.etcd\.io/etcd/server/v3 v(\S+)", path.read_text(encoding="utf-8"))
        for path in modules
    ]

    assert [each[1] for each in named if each] == ROWS[0][3:-1]

"""The plan of the code: imports go strictly down, and each outside library has its room."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/tls_scaffold"
FLOORS = """
13  cli
12  cli.add cli.adopt cli.bundle cli.cfssl cli.check cli.new cli.prove cli.rbac cli.remove cli.roles cli.sign
    cli.status cli.sync
11  cli.keeping
10  cli.options cli.verbs
 9  commands commands.add commands.adopt commands.bundle commands.cfssljson commands.check commands.gencert
    commands.new commands.prove commands.rbac commands.remove commands.roles commands.sign commands.status
    commands.sync
 8  checks
 7  checks.certs checks.documents checks.hosts checks.looking checks.profiles checks.report checks.secrecy
    checks.subjects checks.targets
 6  bundle checks.rule contents prometheus
 5  calico checks.view keeping proofs reading signings states
 4  access adoption authority batch entries intake journal patch plan settings takeover throwaway
 3  changes description differences folder likeness rbac signer silences template
 2  certificates components conflicts documents etcd grants healing locking merge pairs presets readers
 1  cfssl etcdctl fields files foreign formats goflags gojson inventory keys makefile newfolder plainfiles
    sans timeline
 0  durations errors gencert jsonmerge makeblocks processes textmerge usages words
"""
ROOMS = {
    "click": "cli",
    "cookiecutter": "template",
    "jinja2": "template",
    "cryptography": "certificates keys likeness signer",
    "merge3": "textmerge",
    "tomli": "formats",
    "tomllib": "formats",
    "yaml": "formats settings",  # settings writes the YAML that etcd and Kubernetes read
}


def sources() -> dict[str, Path]:
    """Return each module's file by its name below the package."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@cache
def imported(path: Path) -> set[str]:
    """Return what a module imports anywhere in it, also for types only: `from a import b` gives `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{each.name}" for each in node.names} | {str(node.module)}
    return found


def floors() -> Iterator[tuple[str, int]]:
    """Yield each module of the table with its floor; a line without a number goes on with the one above."""
    number = 0
    for word in FLOORS.split():
        if word.isdigit():
            number = int(word)
        else:
            yield word, number


FLOOR = dict(floors())
SOURCES = sources()


def test_every_module_has_its_floor() -> None:
    assert sorted(FLOOR) == sorted(SOURCES)
    assert len(FLOOR) == len(list(floors()))


@pytest.mark.parametrize("name", SOURCES)
def test_imports_go_strictly_to_lower_floors(name: str) -> None:
    ours = {each.removeprefix("tls_scaffold.") for each in imported(SOURCES[name]) if each.startswith("tls_scaffold.")}
    used = ours & set(FLOOR)
    # `from tls_scaffold.cli import new` in a command names the package that the command is in.
    packages = {each for each in used if any(other.startswith(f"{each}.") for other in used)}

    assert {each: FLOOR[each] for each in used - packages if FLOOR[each] >= FLOOR[name]} == {}


@pytest.mark.parametrize("library", ROOMS)
def test_an_outside_library_stays_in_its_room(library: str) -> None:
    users = [
        name for name, path in SOURCES.items() if any(f"{each}.".startswith(f"{library}.") for each in imported(path))
    ]

    assert [name for name in users if name.split(".")[0] not in ROOMS[library].split()] == []


def test_a_command_s_words_know_nothing_of_the_terminal() -> None:
    printing = [
        name
        for name, path in SOURCES.items()
        if not name.startswith("cli")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]

    assert printing == []

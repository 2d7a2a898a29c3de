"""The reference holds all that the program has, links are checked, and man pages are of today.

What the reference is made of needs no Sphinx, and most of this reads that.
"""

import re
import shutil
from pathlib import Path

import pytest

from conftest import Factory
from inventorytext import field_names, fields_text, prose
from programtexts import (
    command,
    commands_text,
    context,
    groups,
    man_pages,
    options_of,
    presets_text,
    rules_text,
    sentence,
    variables_of_options,
)
from support import BIN, Done, contents, run
from tls_scaffold import checks
from tls_scaffold.cli import cli
from tls_scaffold.errors import ExitCode
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.schema import inventory_schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEMPLATE = ROOT / "cookiecutter-template/{{cookiecutter.directory}}"
SHELL = [*TEMPLATE.glob("*.sh"), *TEMPLATE.parent.glob("custody/*.sh")]
MAKE = [TEMPLATE / "Makefile", TEMPLATE / "tls-scaffold.mk"]
SCHEMA = {
    "type": "object",
    "required": ["members"],
    "properties": {
        "version": {"const": 1, "description": "The format"},
        "members": {
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/one_member"}]},
            "description": "The members, `*.example.com` <too>",
        },
        "etcd": {
            "type": "object",
            "properties": {"data_dir": {"type": "string", "description": "Where it lies"}},
        },
        "ignore": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "$defs": {
        "one_member": {
            "type": "object",
            "description": "An etcd server",
            "anyOf": [{"properties": {"hosts": {"minItems": 1}}}, {"required": ["name"]}],
            "properties": {
                "name": {"$ref": "#/$defs/name"},
                "hosts": {"type": ["array", "null"], "items": {"$ref": "#/$defs/name"}},
            },
        },
        "name": {"type": "string", "description": "A word"},
    },
}


def page(name: str) -> str:
    return (DOCS / f"reference/{name}.md").read_text(encoding="utf-8")


# --- what is made from the program


def test_every_command_stands_in_one_group_with_a_page_and_a_man_page() -> None:
    names = sorted(cli.list_commands(context()))
    assert sorted(name for words in groups().values() for name in words) == names
    text = commands_text()
    pages = {place for place, *_ in man_pages()}
    for name in names:
        assert f"| [`tls-scaffold {name}`](commands/{name}.rst) | {sentence(name)[:9]}" in text
        assert f"commands/{name}" in pages
    assert [f"## {group}" in text for group in groups()] == [True] * len(groups())


def test_an_option_is_shown_as_it_is_typed() -> None:
    assert "--grant NAME=PREFIX[:r|w|rw]" in options_of(command(("new",)))
    assert "--json" in options_of(command(("rotate", "start")))


def test_every_rule_stands_in_the_reference_as_check_explains_it() -> None:
    text = rules_text()
    for rule in checks.RULES:
        said = text.split(f"\n### {rule.id}\n")[1].split("\n#")[0]
        for each in (" ".join(rule.summary.split()), f": {rule.pain}", f": {rule.fix}"):
            assert f"\n{prose(each)}\n" in said, rule.id


def test_every_preset_stands_in_the_reference_with_all_that_it_may_do() -> None:
    text = presets_text().replace("\\", "")
    for preset in PRESETS:
        said = text.split(f"## {preset.name}\n")[1].split("\n## ")[0]
        for reason in preset.reasons:
            permission = f"| {reason.permission.access} | `{reason.permission}` | {reason.why} |"
            assert permission in said, preset.name
        for told in (preset.root, preset.without_root, *preset.warnings):
            assert told in said, preset.name


def test_every_field_of_a_schema_stands_in_the_reference() -> None:
    text = fields_text(SCHEMA)
    assert field_names(SCHEMA) == {
        *("version", "members", "etcd", "data_dir", "ignore", "name", "hosts")
    }
    assert "`version`\n: *`1`.* The format\n" in text
    kind = "list, each of it text or [one_member](#inventory-one-member)"
    assert (
        f"`members`\n: *{kind}, has to be there.* The members, `*.example.com` \\<too\\>\n" in text
    )
    assert "`etcd.data_dir`\n: *text.* Where it lies\n" in text
    assert "`ignore`\n: *object of text.*\n" in text
    assert "(inventory-one-member)=\n## `one_member`\n\nAn etcd server\n" in text
    assert text.count("`hosts`\n") == 1
    assert "`hosts`\n: *list of [name](#inventory-name) or null.*\n" in text
    assert "(inventory-name)=\n## `name`\n\nA word\n\n*text.*\n" in text


def test_every_field_of_the_inventory_stands_in_the_reference() -> None:
    schema = inventory_schema()
    text = fields_text(schema)
    missing = {each for each in field_names(schema) if f"{each}`\n: " not in text}
    assert missing == set()


# --- what is written by hand


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d) \| (.*?) \| .* \|$", page("exit-codes"), re.MULTILINE)
    assert rows == [(str(code.value), code.meaning) for code in ExitCode]


def test_every_file_of_a_folder_is_told(signed: Factory) -> None:
    told = page("files")
    for path in contents(
        signed("--members", "10.0.0.1", "--users", "calico", "--key", "ecdsa-256")
    ):
        first, _, rest = path.partition("/")
        assert f"`{first}{'/' if rest else ''}" in told, path


def test_every_variable_that_is_read_is_told() -> None:
    told = set(re.findall(r"`([A-Z_][A-Z0-9_]+)`", page("environment")))
    told |= {"MAKE", "MAKEFLAGS", "MAKEOVERRIDES", "MAKECMDGOALS", "SHELL"}  # make's own
    read: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        read |= {*re.findall(r"[\"'](_?(?:TLS_SCAFFOLD|CFSSL)_[A-Z0-9_]+)[\"']", text)}
        read |= {*re.findall(r"environb?(?:\.get\(|\[)\"(\w+)\"", text)}
    for path in SHELL:
        # With what holds where it is not set: so it comes from outside.
        read |= {*re.findall(r"\$\{([A-Z][A-Z0-9_]+):?[-+=?]", path.read_text("utf-8"))}
    for path in MAKE:
        text = path.read_text(encoding="utf-8")
        read |= {*re.findall(r"^([A-Z_]+) [?]=", text, re.MULTILINE)}
        read |= {*re.findall(r"\$\(([A-Z][A-Z_]+)\)", text)}
    assert read - told - set(variables_of_options()) == set()


def test_no_variable_is_told_that_nothing_reads() -> None:
    told = set(re.findall(r"^\| `([A-Z_][A-Z0-9_]+)`", page("environment"), re.MULTILINE))
    paths = (*(ROOT / "src").rglob("*.py"), *SHELL, *MAKE)
    sources = "".join(path.read_text(encoding="utf-8") for path in paths)
    # Python's `tempfile`, `subprocess` and `shutil.which` read these.
    assert {each for each in told if each not in sources} <= {"TMPDIR", "PATH"}


# --- what Sphinx makes of it


def built(source: Path, target: Path, *words: str) -> Done:
    """Build pages with Sphinx, by the settings of docs/ or by their own."""
    return run(str(BIN / "sphinx-build"), "-q", "-n", *words, str(source), str(target))


@pytest.mark.needs("sphinx-build")
def test_the_man_pages_that_are_committed_are_those_of_today(tmp_path: Path) -> None:
    pages = shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    by_section = ("-D", "man_make_section_directory=1")
    done = built(pages, tmp_path / "man", "-b", "man", *by_section, "-d", str(tmp_path / "trees"))
    assert done.returncode == 0, done.stderr

    today, committed = man_texts(tmp_path / "man"), man_texts(ROOT / "share/man")
    assert sorted(committed) == sorted(today)
    different = [name for name in today if committed[name] != today[name]]
    assert different == [], "`tools/build-docs man` writes them anew"


def man_texts(folder: Path) -> dict[str, str]:
    """Return what pages say, from their title to the copyright.

    What stands around that is the generator's, and other versions of it write it otherwise.
    """
    own = re.compile(r"^\.TH .*?(?=^\.SH COPYRIGHT)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
    found = {}
    for path in folder.rglob("*.[15]"):
        text = own.search(path.read_text(encoding="utf-8"))
        assert text, path
        found[path.relative_to(folder).as_posix()] = text[0]
    return found


@pytest.mark.needs("groff")
def test_the_man_pages_are_shown_without_a_warning() -> None:
    pages = sorted((ROOT / "share/man").rglob("*.[15]"))
    assert len(pages) > len(cli.list_commands(context()))
    for path in pages:
        done = run("groff", "-t", "-man", "-ww", "-Tutf8", "-K", "utf8", str(path))
        assert (done.returncode, done.stderr) == (0, ""), path.name
        assert done.stdout.count("\n") > 10


PAGE = """# A page

[good](other.md#a-heading), [too](../README.md#a-title), [a folder](../src/)

BROKEN

```{toctree}
other
```
"""
BROKEN = {
    "[a](other.md#nowhere)": "'nowhere'",
    "[b](nothing.md)": "'nothing.md'",
    "[c](../nothing.txt)": "there is no `../nothing.txt`",
    "[d](../README.md#nowhere)": "`../README.md` has no #nowhere",
    "[e](#nowhere)": "'nowhere'",
    "<!-- made: nothing -->": "nothing is made by the name `nothing`",
}


@pytest.mark.needs("sphinx-build")
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    pages = tmp_path / "docs"
    (tmp_path / "src").mkdir()
    pages.mkdir()
    (tmp_path / "README.md").write_text("# A title\n")
    (pages / "other.md").write_text("# Other\n\n## A heading\n")
    (pages / "index.md").write_text(PAGE.replace("BROKEN", "\n\n".join(BROKEN)))

    strict = ("-W", "--keep-going", "-b", "dummy", "-c", str(DOCS), "-D", "html_theme=basic")
    done = built(pages, tmp_path / "html", *strict)

    assert done.returncode == 1
    wrong = [line for line in done.stderr.splitlines() if "WARNING" in line and "index.md" in line]
    assert {said for said in BROKEN.values() if any(said in line for line in wrong)} == {
        *BROKEN.values()
    }
    assert [line for line in wrong if not any(said in line for said in BROKEN.values())] == []

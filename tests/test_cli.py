"""The command group: help, completion, what is imported when, and how errors are told."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from pkgutil import iter_modules

import click
import pytest
from click.testing import CliRunner

import tls_scaffold.cli as package
from conftest import Factory
from support import BIN, PAGES, environment, run
from tls_scaffold import __version__
from tls_scaffold.cli import ScaffoldGroup, cli
from tls_scaffold.cli.examples import EXAMPLES
from tls_scaffold.cli.verbs import ELSEWHERE, GROUPS, VERBS
from tls_scaffold.errors import ScaffoldError, UsageError

PROGRAM = str(BIN / "tls-scaffold")
HEAVY = ("OpenSSL", "cookiecutter", "cryptography", "jinja2", "merge3", "requests", "rich", "yaml")
LOADED = """
import json, sys
from tls_scaffold.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(name for name in sys.modules if "." not in name)), file=sys.stderr)
"""


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands())
PARAMETERS = [(path, each) for path, command in COMMANDS.items() for each in command.params]


def test_the_page_for_scripts_names_all_that_print_json() -> None:
    page = (Path(PAGES) / "for-scripts.md").read_text("utf-8")
    done, what_is = page.split("## What went wrong")
    shared = done.split("always with these keys")[0]
    helps = {
        " ".join(path): each.help
        for path, each in PARAMETERS
        if isinstance(each, click.Option) and "--json" in each.opts
    }
    of_shape = {name for name, text in helps.items() if text == helps["add"]}
    assert set(re.findall(r"`([a-z][a-z-]+(?: [a-z]+)?)`", shared)) == of_shape
    rows = set(re.findall(r"`([a-z -]+?)(?: --diff)? --json`", what_is))
    assert rows == helps.keys() - of_shape


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_stands_in_the_help(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"])
    above = CliRunner().invoke(cli, [*path[:-1], "--help"])

    assert shown.exit_code == 0
    assert COMMANDS[path].help
    assert COMMANDS[path].hidden or f"  {path[-1]} " in above.output


@pytest.mark.parametrize(
    ("path", "option"),
    [(path, each) for path, each in PARAMETERS if isinstance(each, click.Option)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value.opts[0],
)
def test_every_option_has_help_without_a_full_stop(
    path: tuple[str, ...], option: click.Option
) -> None:
    assert option.help, path
    assert not option.help.endswith("."), path


def test_every_command_of_a_module_is_named() -> None:
    modules = [
        import_module(f"tls_scaffold.cli.{each.name}") for each in iter_modules(package.__path__)
    ]
    of_modules = [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, click.Command)
        and each.callback
        and each.callback.__module__ == module.__name__
    ]
    below = [
        command
        for each in of_modules
        if isinstance(each, click.Group)
        for command in each.commands.values()
    ]
    found = {each.name for each in of_modules if each not in below}

    assert {path[0] for path in COMMANDS} == set(VERBS) == found


def test_the_help_has_each_command_on_one_line_of_its_group() -> None:
    groups = CliRunner().invoke(cli, ["--help"]).output.split("\n\n")[-len(GROUPS) :]

    assert [
        (title, [line.split(maxsplit=1) for line in lines])
        for title, *lines in map(str.splitlines, groups)
    ] == [
        (f"{title}:", [[name, text] for name, text in verbs.items()])
        for title, verbs in GROUPS.items()
    ]


def test_every_command_is_in_one_group() -> None:
    assert list(GROUPS) == ["Make", "Keep", "Look", "etcd", "Stand-ins"]
    assert sum(map(len, GROUPS.values())) == len(VERBS)


def test_every_command_has_examples() -> None:
    assert {" ".join(path) for path in COMMANDS} == set(EXAMPLES)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("name", "line"),
    [(name, line) for name, lines in EXAMPLES.items() for line in lines],
    ids=lambda value: value.removeprefix("tls-scaffold "),
)
def test_an_example_is_right(monkeypatch: pytest.MonkeyPatch, name: str, line: str) -> None:
    """It is shown in the help of its command, and click takes all its words for that command."""
    shown = CliRunner().invoke(cli, [*name.split(), "--help"]).output
    assert f"  {line}\n" in shown.partition("\nExamples:\n")[2]
    assert len(line) <= 78  # click's width

    # What a shell would make of it: programs with pipes between them, and output into a file.
    words = shlex.split(line.partition(" > ")[0])
    parts = [list(part) for bar, part in groupby(words, "|".__eq__) if not bar]
    *_, called = [
        called_by(monkeypatch, words) for program, *words in parts if program == "tls-scaffold"
    ]
    assert f"{called} ".startswith(f"{name} ")


def called_by(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> str:
    """Return the name of the command that these words call, parsed whole and not run."""
    paths: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(click.Command, "invoke", lambda _, ctx: paths.append(ctx.command_path))
        cli.main(words, prog_name="tls-scaffold", standalone_mode=False)
    return paths[-1].removeprefix("tls-scaffold ")


@pytest.mark.parametrize(
    "line", ["new --membres a", "rotate stop", "add -x", "sync more", "requests sign a.tar"]
)
def test_a_wrong_example_would_be_seen(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    with pytest.raises(click.UsageError):
        called_by(monkeypatch, line.split())


def loaded(*words: str) -> list[str]:
    done = run(sys.executable, "-c", LOADED, *words)
    names: list[str] = json.loads(done.stderr.splitlines()[-1])
    return names


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), *((*path, "--help") for path in COMMANDS)], ids=" ".join
)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert [name for name in loaded(*words) if name in HEAVY] == []


def test_a_folder_that_signs_itself_loads_nothing_of_the_network(folder: Factory) -> None:
    """Each make with the own signer waits for that."""
    names = loaded("-C", str(folder("--members", "10.0.0.1", "--proxies", "0")), "sign")

    assert "cryptography" in names
    assert {"http", "ssl"} & set(names) == set()


def test_the_version_is_shown() -> None:
    done = run(PROGRAM, "--version")

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"tls-scaffold, version {__version__}\n",
        "",
    )


def test_python_runs_it_as_a_module_too() -> None:
    done = run(sys.executable, "-m", "tls_scaffold", "--version")

    assert (done.returncode, done.stdout) == (0, f"tls-scaffold, version {__version__}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_s_completion_is_there(shell: str) -> None:
    done = run(PROGRAM, _TLS_SCAFFOLD_COMPLETE=f"{shell}_source")

    assert (done.returncode, done.stderr) == (0, "")
    assert "_TLS_SCAFFOLD_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tls-scaffold ne", ["new"]),
        ("tls-scaffold new --mem", ["--members", "--member"]),
        ("tls-scaffold new --dry", ["--dry-run"]),
    ],
)
def test_commands_and_options_are_completed(typed: str, offered: list[str]) -> None:
    position = str(len(typed.split()) - 1)
    done = run(
        PROGRAM, _TLS_SCAFFOLD_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=position
    )

    assert [line.split(",")[1] for line in done.stdout.splitlines()] == offered


def test_commands_are_offered_without_loading_one() -> None:
    script = LOADED.replace('if "." not in name', 'if name.startswith("tls_scaffold.cli.")')
    done = run(
        *(sys.executable, "-c", script),
        _TLS_SCAFFOLD_COMPLETE="zsh_complete",
        COMP_WORDS="x a",
        COMP_CWORD="1",
    )

    offered = {name: text for name, text in VERBS.items() if name.startswith("a")}
    assert done.stdout.splitlines() == [
        line for name, text in offered.items() for line in ("plain", name, text)
    ]
    assert {"tls_scaffold.cli.add", "tls_scaffold.cli.adopt"} & set(
        json.loads(done.stderr.splitlines()[-1])
    ) == set()


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "…".encode()),
        ({"PYTHONIOENCODING": "latin-1"}, rb"\u2026"),
    ],
)
def test_help_is_shown_where_the_terminal_lacks_a_character(
    locale: dict[str, str], shown: bytes
) -> None:
    done = subprocess.run(
        (PROGRAM, "new", "--help"), env=environment(**locale), capture_output=True, check=True
    )

    assert b"NAME=HOST[+HOST" + shown in done.stdout


def failing(error: BaseException) -> click.Group:
    group = ScaffoldGroup("tls-scaffold")

    @group.command()
    def fail() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ScaffoldError("it is so"), 1, "error: it is so\n"),
        (
            ScaffoldError("it is so", ["a: b", "c: d"], "do e"),
            1,
            "error: it is so\n  a: b\n  c: d\n\nhint: do e\n",
        ),
        (UsageError("it is so"), 2, "error: it is so\n"),
        (OSError(28, "No space left on device"), 1, "error: No space left on device\n"),
        (PermissionError(13, "Permission denied", "a/b"), 1, "error: `a/b`: Permission denied\n"),
        (OSError("only words"), 1, "error: only words\n"),
        (KeyboardInterrupt(), 1, "\nAborted!\n"),
    ],
)
def test_an_error_is_a_message_on_stderr_and_an_exit_code(
    error: BaseException, code: int, told: str
) -> None:
    done = CliRunner().invoke(failing(error), ["fail"])

    assert (done.exit_code, done.stdout, done.stderr) == (code, "", told)


def test_an_interruption_while_the_program_is_loaded_is_no_traceback(tmp_path: Path) -> None:
    # A library that is interrupted as it is read, wherever in its loading that is.
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")

    for words in ((PROGRAM,), (sys.executable, "-m", "tls_scaffold")):
        done = run(*words, "--version", PYTHONPATH=str(tmp_path))
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "\nAborted!\n")


def test_a_mistake_of_ours_is_not_hidden() -> None:
    assert isinstance(
        CliRunner().invoke(failing(ZeroDivisionError()), ["fail"]).exception, ZeroDivisionError
    )


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    script = '"$0" new --members a --dry-run | :; echo "${PIPESTATUS[0]}"'
    done = run("bash", "-c", script, PROGRAM, cwd=tmp_path)

    assert done.stderr == ""
    assert done.stdout in ("0\n", "1\n")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = run(PROGRAM, "nwe")

    assert done.returncode == 2
    assert done.stderr == (
        "error: there is no command `nwe`; did you mean `new`?\n\n"
        "hint: `tls-scaffold --help` lists them\n"
    )


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(
            ("init", "tls-scaffold new"),
            ("ls", "tls-scaffold status"),
            ("rm", "tls-scaffold remove"),
        ),
        *(("help", "tls-scaffold --help"), ("renew", "make renew")),
    ],
)
def test_what_others_call_a_command_leads_to_it(word: str, meant: str) -> None:
    assert f"`{word}`; did you mean `{meant}`?" in run(PROGRAM, word).stderr


def test_every_other_word_leads_to_what_there_is() -> None:
    for word, meant in ELSEWHERE.items():
        assert word not in VERBS
        first, *rest = meant.split()
        assert first == "make" or rest[0] in (*VERBS, "--help", "--version"), word


@pytest.mark.parametrize(
    "path", [each for each in COMMANDS if "cfssl" not in each[0]], ids=" ".join
)
def test_the_folder_may_be_named_behind_every_command_too(
    tmp_path: Path, path: tuple[str, ...]
) -> None:
    (tmp_path / "x").write_text("")

    done = run(PROGRAM, *path, "-C", "x", cwd=tmp_path)

    assert done.returncode == 2
    assert "Invalid value for '-C': Directory 'x' is a file" in done.stderr


def test_folders_before_and_behind_a_command_lead_on_from_each_other(tmp_path: Path) -> None:
    made = run(PROGRAM, "-C", "a", "new", "c", "--members", "m", "-C", "b", cwd=tmp_path)
    assert made.returncode == 0
    assert (tmp_path / "a/b/c/Makefile").exists()

    shown = [
        run(PROGRAM, *words, cwd=tmp_path).stdout
        for words in (("-C", "a/b/c", "status"), ("status", "-C", "a/b/c"))
    ]
    assert shown[0] == shown[1] != ""


@pytest.mark.parametrize(
    "words",
    [
        ("-C", "a", "-C", "b", "sync"),
        ("rotate", "start", "-C", "a", "-C", "b"),
        ("status", "-C", "a", "-C", "b", "--json"),
    ],
)
def test_of_two_folders_none_is_taken_in_silence(tmp_path: Path, words: tuple[str, ...]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    done = run(PROGRAM, *words, cwd=tmp_path)

    assert done.returncode == 2
    assert "`-C a -C b`: one folder at a time; `status` and `check` take several" in (
        done.stdout + done.stderr
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            ("--members", "a", "new"),
            "a command's options stand behind its name, as in `tls-scaffold new --members A,B`",
        ),
        (
            ("new", "-members", "a"),
            "options have two dashes, as `--members`; `-C` and `-h` alone have one",
        ),
    ],
)
def test_an_option_in_a_wrong_place_or_form_is_told_so(words: tuple[str, ...], hint: str) -> None:
    done = run(PROGRAM, *words)

    assert done.returncode == 2
    assert done.stderr.endswith(f"\n\nhint: {hint}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("rehearse", "--deadline", "nan"),
        ("status", "--live", "--timeout", "nan"),
        ("explain", "--timeout", "NaN"),
    ],
)
def test_no_time_to_wait_is_not_a_number(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, words)

    assert done.exit_code == 2
    assert "is not a number of seconds" in done.output


def test_signing_in_a_wrong_folder_makes_nothing_there(tmp_path: Path) -> None:
    done = run(PROGRAM, "sign", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        (
            "error: `.` has no Makefile\n\n"
            "hint: `-C DIR` names another folder, `tls-scaffold new` makes one\n"
        ),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_in_a_folder_s_inventory_is_to_be_mended_there(tmp_path: Path) -> None:
    (tmp_path / "tls-scaffold.json").write_text('{"version": 1, "members": []}')

    assert run(PROGRAM, "sync", cwd=tmp_path).stderr == (
        "error: 1 problem in the inventory\n"
        "  members: there are none: a cluster has at least one\n\n"
        "hint: mend `tls-scaffold.json`\n"
    )


def test_a_folder_without_its_option_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "it's").mkdir()

    done = run(PROGRAM, "sync", "it's", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.endswith("\n\nhint: `-C 'it'\"'\"'s'` works on that folder\n")


def test_no_folder_is_none_whose_ca_nobody_replaces() -> None:
    done = CliRunner().invoke(cli, ["rotate", "-C", "a", "status", "-C", "b"])

    assert done.exit_code == 1
    assert "`a/b` is not a folder" in done.output


def test_a_folder_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")

    done = run(PROGRAM, "-C", "x", "new", "--members", "a", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "'x' is a file" in done.stderr

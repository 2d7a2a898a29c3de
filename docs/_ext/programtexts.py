"""What the program knows of itself as texts for the reference: nothing of it is typed twice.

Each function returns Markdown; none knows Sphinx, so that a test can read them quickly.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from inventorytext import fields_text, prose
from tls_scaffold import checks
from tls_scaffold.checks.rule import ERROR, NOTE, WARNING
from tls_scaffold.cli import cli
from tls_scaffold.errors import ExitCode
from tls_scaffold.inventory.presetparts import NOBODY, Preset
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.schema import inventory_schema

PROGRAM = "tls-scaffold"
INVENTORY = ("inventory", "tls-scaffold.json", "the inventory of a folder", 5)
LEVELS = (
    (ERROR, "Errors", "With one of these `check` ends with 1."),
    (WARNING, "Warnings", "They are told, and `check` ends with 0."),
    (NOTE, "Notes", "What is right as it is, and could be better."),
)


class _Sections(click.HelpFormatter):
    """Takes down what the help lists, section by section, instead of laying it out."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, list[str]] = {}
        self._name = ""

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Note in which section the lists that follow stand."""
        before, self._name = self._name, name
        yield
        self._name = before

    def write_dl(self, rows: Iterable[tuple[str, str]], *_: Any, **__: Any) -> None:
        """Note the words that a list explains."""
        self.sections.setdefault(self._name, []).extend(first for first, _text in rows)


def context() -> click.Context:
    """Return the context of the whole program, as on the command line."""
    return click.Context(cli, info_name=PROGRAM)


def groups() -> dict[str, list[str]]:
    """Return the commands of each group, in the order of `--help`.

    The help itself is asked: so the reference follows where a command moves to another group.
    """
    names = set(cli.list_commands(context()))
    formatter = _Sections()
    cli.format_commands(context(), formatter)
    found = {
        section: [word.split()[0] for word in words]
        for section, words in formatter.sections.items()
    }
    return {section: words for section, words in found.items() if names.issuperset(words)}


def command(words: Sequence[str]) -> click.Command:
    """Return the command that these words call, `rotate` `start` for one; loaded now."""
    found: click.Command = cli
    at = context()
    for word in words:
        assert isinstance(found, click.Group)
        within = found.get_command(at, word)
        assert within is not None, words
        found, at = within, click.Context(within, info_name=word, parent=at)
    return found


def all_commands() -> list[tuple[str, ...]]:
    """Return the words of every command and subcommand; of the program itself there are none."""
    found: list[tuple[str, ...]] = [()]
    for words in found:
        one = command(words)
        if isinstance(one, click.Group):
            found += [(*words, name) for name in one.list_commands(context())]
    return found


def sentence(name: str) -> str:
    """Return the first sentence of a command's help."""
    text = command((name,)).get_short_help_str(limit=200)
    return text.rstrip(".")


def commands_text() -> str:
    """Return the commands by groups, with a link to the page of each."""
    lines = ["```{toctree}", ":hidden:", "", f"commands/{PROGRAM}"]
    lines += [f"commands/{name}" for words in groups().values() for name in words]
    lines += ["```", ""]
    for group, words in groups().items():
        lines += [f"## {group}", "", "| command | does |", "|---|---|"]
        for name in words:
            lines.append(f"| [`{PROGRAM} {name}`](commands/{name}.rst) | {cell(sentence(name))} |")
        lines.append("")
    return "\n".join(lines)


def command_pages() -> dict[str, str]:
    """Return the page of each command by its name, in reStructuredText for sphinx-click."""
    pages = {PROGRAM: _page_of_program()}
    for words in groups().values():
        pages |= {name: _page(name, _SEE_ALSO) for name in words}
    return pages


def _page_of_program() -> str:
    lines = [*_title("Commands", "=")]
    for group, words in groups().items():
        lines += _title(group, "-")
        for name in words:
            lines += [f":doc:`{PROGRAM} {name} <{name}>`", f"   {sentence(name)}", ""]
    lines += _title("Exit codes", "=")
    for code in ExitCode:
        lines += [f"{code:d}", f"   {code.meaning}", ""]
    return _page("", [*lines, *_SEE_ALSO])


def _page(words: str, lines: Sequence[str]) -> str:
    body = "".join(f"   {line}\n" if line else "\n" for line in lines)
    return f".. scaffold-command:: {words}".rstrip() + f"\n\n{body}"


def _title(text: str, under: str) -> list[str]:
    return [text, under * len(text), ""]


_SEE_ALSO = [
    *_title("See also", "="),
    f":doc:`{PROGRAM}(1) <{PROGRAM}>`, :doc:`{INVENTORY[1]}({INVENTORY[3]}) <../{INVENTORY[0]}>`",
]


def options_of(one: click.Command) -> list[str]:
    """Return how each option of a command is typed, with what it takes."""
    options = (each for each in one.params if isinstance(each, click.Option) and not each.hidden)
    return [_typed(each) for each in options]


def _typed(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    return f"{names} {option.metavar or str(option.name).upper()}"


def man_pages() -> list[tuple[str, str, str, int]]:
    """Return what is a man page: where it stands below reference/, its name, text and section."""
    pages = [
        (f"commands/{PROGRAM}", PROGRAM, "make and keep the certificates of an etcd cluster", 1)
    ]
    for words in groups().values():
        for name in words:
            text = sentence(name)
            pages.append(
                (f"commands/{name}", f"{PROGRAM}-{name}", f"{text[0].lower()}{text[1:]}", 1)
            )
    return [*pages, INVENTORY]


def variables_of_options() -> dict[str, list[str]]:
    """Return each variable that stands for an option, and the commands that take it."""
    found: dict[str, list[str]] = {}
    for words in all_commands():
        for parameter in command(words).params:
            given = parameter.envvar or ()
            for variable in [given] if isinstance(given, str) else given:
                found.setdefault(variable, []).append(" ".join(words))
    return dict(sorted(found.items()))


def variables_text() -> str:
    """Return the variables that stand for options, with the commands that take each."""
    lines = ["| variable | of |", "|---|---|"]
    for variable, of in variables_of_options().items():
        lines.append(f"| `{variable}` | {', '.join(f'`{each}`' for each in dict.fromkeys(of))} |")
    return "\n".join(lines)


def rules_text() -> str:
    """Return every rule of `check` as `check --explain` says it, the gravest first."""
    lines = []
    for level, title, text in LEVELS:
        lines += [f"## {title}", "", text, ""]
        for rule in sorted(checks.RULES, key=lambda each: each.id):
            if rule.level == level:
                summary = " ".join(rule.summary.split())
                lines += [f"### {rule.id}", "", prose(summary), ""]
                lines += ["Otherwise", f": {prose(rule.pain)}", ""]
                lines += ["What to do", f": {prose(rule.fix)}", ""]
    return "\n".join(lines)


def presets_text() -> str:
    """Return every preset: what it may do in etcd, and why."""
    return "\n".join(line for preset in PRESETS for line in _preset(preset))


def _preset(preset: Preset) -> Iterator[str]:
    yield from (f"## {preset.name}", "", f"{prose(preset.version)}; {link(preset.source)}", "")
    rows = [
        (reason.permission.access, f"`{reason.permission}`", reason.why)
        for reason in preset.reasons
    ]
    if preset.root:
        rows.append(("root", "the role `root`", preset.root))
    rows += [
        ("set", f"`{each}`", _with_other_place(each.why, each.elsewhere))
        for each in preset.settings
    ]
    if rows:
        yield from ("| access | to | why |", "|---|---|---|")
        yield from (f"| {' | '.join(map(cell, row))} |" for row in rows)
        yield ""
    yield from (f"- {prose(note)}" for note in _notes(preset))
    yield ""


def _with_other_place(why: str, elsewhere: str) -> str:
    return f"{why}; or {elsewhere}" if elsewhere else why


def _notes(preset: Preset) -> Iterator[str]:
    yield from preset.warnings
    if preset.login == NOBODY:
        yield "no etcd user: /metrics and /health answer every certificate of the CA"
    if preset.without_root:
        yield f"the preset `{preset.without_root}` does without the role root"
    if not preset.by_name:
        yield f"given by `--role NAME={preset.name}` alone, not by a user's name"


def cell(text: str) -> str:
    """Return a text of the program for a cell of a table."""
    return prose(text).replace("|", "\\|")


def link(source: str) -> str:
    """Return where something is written: a link where it is an address."""
    return re.sub(r"https?://[^\s,;]+", lambda found: f"<{found[0]}>", source)


TEXTS: dict[str, Callable[[], str]] = {
    "commands": commands_text,
    "variables": variables_text,
    "rules": rules_text,
    "presets": presets_text,
    "inventory": lambda: fields_text(inventory_schema()),
}
"""What stands in a page for `<!-- made: NAME -->`."""

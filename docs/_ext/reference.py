"""Puts into the pages of docs/ what the program knows of itself: Sphinx' side of it."""

import re
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.nodes import nested_parse_with_titles
from sphinx_click.ext import ClickDirective

import programtexts
from headings import headings

LOG = logging.getLogger(__name__)
MARK = re.compile(r"<!-- made: (\S+) -->")
LINK_UP = re.compile(
    r"\[(?P<text>[^][]*)\]\((?P<path>(?:\.\./)+[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)"
)
# sphinx-click 6.2 emits the one and registers the other.
EVENTS_OF_VARIABLES = ("sphinx-click-process-envars", "sphinx-click-process-envvars")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the parts with Sphinx."""
    app.add_directive("scaffold-command", ScaffoldCommand)
    app.connect("builder-inited", write_command_pages)
    app.connect("source-read", complete_page)
    app.connect("doctree-resolved", take_out_links_to_nowhere)
    for part in ("description", "options"):
        app.connect(f"sphinx-click-process-{part}", write_as_help_means)
    app.connect("sphinx-click-process-epilog", show_examples)
    for event in EVENTS_OF_VARIABLES:
        if event not in app.events.events:
            app.add_event(event)
        app.connect(event, name_variables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_command_pages(app: Sphinx) -> None:
    """Write a page for each command, which is a man page too; take away those of no command."""
    folder = Path(app.srcdir) / "reference" / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {folder / f"{name}.rst": text for name, text in programtexts.command_pages().items()}
    for path in set(folder.iterdir()) - set(pages):
        path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def complete_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put into a page what the program knows, and let its links out of docs/ lead somewhere."""

    def text(found: re.Match[str]) -> str:
        if found[1] not in programtexts.TEXTS:
            LOG.warning("nothing is made by the name `%s`", found[1], location=docname)
            return found[0]
        return programtexts.TEXTS[found[1]]()

    def link(found: re.Match[str]) -> str:
        """Return a link to a file of the repository as one to a copy of it beside the pages.

        On a code host it leads to the file itself. A folder has no copy: its name stays.
        """
        pages = Path(app.srcdir)
        path = ((pages / docname).parent / found["path"]).resolve()
        if path.is_relative_to(pages):
            return found[0]
        if not path.is_relative_to(pages.parent) or not path.exists():
            LOG.warning("there is no `%s`", found["path"], location=docname)
            return found["text"]
        if found["heading"] and found["heading"] not in headings(path):
            LOG.warning("`%s` has no #%s", found["path"], found["heading"], location=docname)
        return f"[{found['text']}](path:{found['path']})" if path.is_file() else found["text"]

    source[0] = LINK_UP.sub(link, MARK.sub(text, source[0]))


class ScaffoldCommand(ClickDirective):
    """Shows a command by its words: ours have no name in a module until they are loaded."""

    required_arguments = 0
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.section]:
        """Return the command's section, with one for each of its subcommands in it."""
        self.env = self.state.document.settings.env
        words = " ".join(self.arguments).split()
        command = programtexts.command(words)
        # In their own order: sphinx-click would sort them, and `start` comes before `finish`.
        below = [*getattr(command, "commands", ())] if words else []
        name = words[-1] if words else programtexts.PROGRAM
        parent = programtexts.context() if words else None
        sections = self._generate_nodes(name, command, parent, "full" if words else "none", below)
        nested_parse_with_titles(self.state, self.content, sections[0], self.content_offset)
        return sections

    def _generate_nodes(
        self,
        name: str,
        command: click.Command,
        parent: click.Context | None,
        *rest: Any,
        **more: Any,
    ) -> list[nodes.section]:
        """Return a command's section under its whole name, in the parts that a man page has."""
        made: list[nodes.section] = super()._generate_nodes(name, command, parent, *rest, **more)
        path = f"{parent.command_path} {name}" if parent else name
        return [as_man_page(section, path) for section in made]


def as_man_page(section: nodes.section, path: str) -> nodes.section:
    """Return sphinx-click's section of a command with synopsis and description as its first parts.

    sphinx-click puts headings without a place in the contents before its parts, and the description
    before all of them. Arguments have no text of their own: the synopsis says all that is known.
    """
    name = "Description"
    parts: dict[str, list[nodes.Node]] = {"Usage": [], name: []}
    below = []
    for node in section[1:]:
        if isinstance(node, nodes.section):
            below.append(node)
        elif isinstance(node, nodes.rubric):
            name = node.astext()
            parts.setdefault(name, [])
        else:
            parts[name].append(node)
    parts.pop("Arguments", None)
    titles = {"Usage": "Synopsis", "Environment variables": "Environment"}

    whole = nodes.section("", nodes.title(path, path), ids=section["ids"], names=section["names"])
    for part, content in parts.items():
        if content:
            title = titles.get(part, part)
            identifier = nodes.make_id(f"{path} {title}")
            whole += nodes.section("", nodes.title(title, title), *content, ids=[identifier])
    whole.extend(below)
    return whole


def take_out_links_to_nowhere(app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """Leave of a link to another page its text: man pages have nowhere to lead to."""
    if app.builder.name == "man":
        for link in [*doctree.findall(nodes.reference)]:
            if not link.get("refuri"):
                link.replace_self(link.children)


def write_as_help_means(_app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Let a help text be what it is on a terminal: words, and code between backticks."""
    options = iter(programtexts.options_of(context.command))
    for number, line in enumerate(lines):
        if line.startswith(".. option:: -"):
            # sphinx-click strips brackets off what an option takes, of `PREFIX[:r|w|rw]` too.
            lines[number] = f".. option:: {next(options)}"
        elif not line.lstrip().startswith((".. ", ":")):
            lines[number] = as_written(line)


def as_written(line: str) -> str:
    """Return a line in which nothing but backticks has a meaning."""
    mark = "| " if line.startswith("| ") else ""
    marks = re.compile(r"(`[^`]*`)|([*|\\]|_\b|(?<=\w)(?=://))")
    return mark + marks.sub(lambda found: found[1] or f"\\{found[2]}", line.removeprefix(mark))


def show_examples(_app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Show the examples at the end of a command's help under a heading, as they are typed."""
    title, *examples = (context.command.epilog or "").removeprefix("\b\n").splitlines() or [""]
    if examples and title.endswith(":") and all(each.startswith("  ") for each in examples):
        lines[:] = [f".. rubric:: {title[:-1]}", "", "::", "", *examples, ""]
    else:
        write_as_help_means(_app, context, lines)


def name_variables(_app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Name the variables that stand for options in one sentence: the rule is always the same."""
    lines.clear()
    names: list[str] = []
    for parameter in context.command.params:
        given = parameter.envvar or ()
        names += [given] if isinstance(given, str) else given
    if names:
        told = ", ".join(f"``{name}``" for name in names)
        lines += [f"The options of these names can come from the environment: {told}.", ""]

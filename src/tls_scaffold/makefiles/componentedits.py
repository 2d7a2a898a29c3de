"""A team's Makefile follows the components: their lines come, change and go, and nothing else in it is touched."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tls_scaffold.makefiles.componentlines import LINE, ComponentLine, component_line_of

COMMENTS = {"member": "# Members", "proxy": "# Proxies", "user": "# Users"}
"""The line above the components of each kind, as it is rendered."""
BETWEEN_COMMANDS = re.compile(r"\s*(#.*)?")


@dataclass(frozen=True)
class Edited:
    """The text of a Makefile that follows.

    `own` names the components that are signed by commands of the team's own, `lost` has the lines that went
    although they were not as they are rendered.
    """

    text: str
    own: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass
class _Part:
    """Some lines of a Makefile: a component's with the commands below it, or any other line."""

    lines: list[str]
    line: ComponentLine | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the component's line is all there is."""
        return self.lines == [str(self.line)]


def edited(
    text: str,
    wanted: Sequence[tuple[str, ComponentLine]],
    rendered: Mapping[str, Iterable[ComponentLine]],
    gone: Collection[str],
) -> Edited:
    """Return the text of a Makefile with a line for each component that is `wanted`, and none for those `gone`.

    `wanted` has each line with its kind, `rendered` by name what was rendered last: how a component is signed
    is changed only where that was not edited.
    """
    lines = {line.name: line for _, line in wanted}
    parts: list[_Part] = []
    there: dict[str, _Part] = {}
    lost: list[str] = []
    for part in _parts(text.split("\n")):
        name = part.line.name if part.line else ""
        if part.line and name in gone:
            lost += [] if part.is_whole and part.line in rendered.get(name, ()) else part.lines
            continue
        if name in there and part.lines in (there[name].lines, [str(lines[name])]):
            continue  # two branches that were merged have each added it
        if name in lines and name not in there:
            there[name] = part
            _change(part, lines[name], {line.recipe for line in rendered.get(name, ())})
        parts.append(part)
    kinds = {line.name: kind for kind, line in wanted}
    _add(parts, [(kind, line) for kind, line in wanted if line.name not in there], kinds)
    own = tuple(
        name for name, part in there.items() if not part.is_whole or part.line != lines[name]
    )
    return Edited("\n".join(line for part in parts for line in part.lines), own, tuple(lost))


def _parts(lines: Sequence[str]) -> list[_Part]:
    found: list[_Part] = []
    at = 0
    while at < len(lines):
        line = component_line_of(lines[at])
        end = _end(lines, at) if line else at + 1
        found.append(_Part(list(lines[at:end]), line))
        at = end
    return found


def _end(lines: Sequence[str], at: int) -> int:
    """Return where the rule that begins at a line ends: behind its last command."""
    end = at + 1
    while end < len(lines) and lines[end - 1].endswith("\\"):
        end += 1
    for place in range(end, len(lines)):
        if lines[place].startswith("\t") or lines[place - 1].endswith("\\"):
            end = place + 1
        elif not BETWEEN_COMMANDS.fullmatch(lines[place]):
            break
    return end


def _change(part: _Part, wanted: ComponentLine, recipes: Collection[str]) -> None:
    """Put certificate, request and, where it is as it was rendered, recipe of `wanted` into a part, in their places."""
    head = part.lines[0]
    match = LINE.fullmatch(head)
    if not match:
        return
    news = {
        2: wanted.output,
        3: wanted.request,
        **({4: wanted.recipe} if match[4] in recipes else {}),
    }
    for group in sorted(news, reverse=True):
        head = head[: match.start(group)] + news[group] + head[match.end(group) :]
    part.lines[0] = head
    part.line = ComponentLine(match[1], *(news.get(group, match[group]) for group in (2, 3, 4)))


def _add(
    parts: list[_Part], missing: Sequence[tuple[str, ComponentLine]], kinds: Mapping[str, str]
) -> None:
    """Put lines in: behind the last of their kind, else below its comment, else behind the last component."""
    for kind in dict.fromkeys(kind for kind, _ in missing):
        of_kind = [
            at for at, part in enumerate(parts) if part.line and kinds.get(part.line.name) == kind
        ]
        comment = [
            at for at, part in enumerate(parts) if part.lines[0].rstrip() == COMMENTS.get(kind)
        ]
        components = [at for at, part in enumerate(parts) if part.line]
        # The last part is what follows the last line break: nothing, in most files.
        end = [
            at for at, part in enumerate(parts) if at < len(parts) - 1 or part.lines != [""]
        ] or [-1]
        at = next(places[-1] for places in (of_kind, comment, components, end) if places)
        parts[at + 1 : at + 1] = [
            _Part([str(line)], line) for each, line in missing if each == kind
        ]

"""A team's Makefile follows the components: their lines come, change and go, and nothing else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tls_scaffold.makefiles.componentlines import (
    ComponentLine,
    Part,
    changed_line,
    component_line_of,
    parts_of,
)

COMMENTS = {"member": "# Members", "proxy": "# Proxies", "user": "# Users"}
"""The line above the components of each kind, as it is rendered."""


@dataclass(frozen=True)
class Edited:
    """The text of a Makefile that follows.

    `own` names the components that are signed by commands of the team's own, `lost` has the lines
    that went although they were not as they are rendered.
    """

    text: str
    own: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def follow_components(
    text: str,
    wanted: Sequence[tuple[str, ComponentLine]],
    rendered: Mapping[str, Iterable[ComponentLine]],
    gone: Collection[str],
) -> Edited:
    """Return the text of a Makefile with a line for each `wanted` component, none for `gone`.

    `wanted` has each line with its kind, `rendered` by name what was rendered last: how a component
    is signed is changed only where that was not edited.
    """
    lines = {line.name: line for _, line in wanted}
    parts: list[Part] = []
    there: dict[str, Part] = {}
    lost: list[str] = []
    for part in parts_of(text):
        name = part.component.name if part.component else ""
        known = there.get(name)
        if part.component and name in gone:
            is_ours = part.is_as_rendered and not part.is_conditional
            if not (is_ours and part.component in rendered.get(name, ())):
                lost += part.lines
            continue
        if part.is_conditional:
            # One of several, of which make alone knows which one holds.
            if name in lines:
                there.setdefault(name, part)
        elif known and not known.is_conditional:
            if part.lines in (known.lines, [str(lines[name])]):
                continue  # two branches that were merged have each added it
        elif part.component and name in lines:
            there[name] = part
            recipes = {line.recipe for line in rendered.get(name, ())}
            is_ours = part.component.recipe in recipes
            part.lines[0] = changed_line(part.lines[0], lines[name], with_recipe=is_ours)
            part.component = component_line_of(part.lines[0])
        parts.append(part)
    kinds = {line.name: kind for kind, line in wanted}
    _add(parts, [(kind, line) for kind, line in wanted if line.name not in there], kinds)
    own = tuple(
        name
        for name, part in there.items()
        if not part.is_as_rendered or part.component != lines[name]
    )
    return Edited("\n".join(line for part in parts for line in part.lines), own, tuple(lost))


def _add(
    parts: list[Part], missing: Sequence[tuple[str, ComponentLine]], kinds: Mapping[str, str]
) -> None:
    """Put lines in, those of a kind together."""
    for kind in dict.fromkeys(kind for kind, _ in missing):
        at = _place_of_kind(parts, kind, kinds)
        parts[at:at] = [Part([str(line)], line) for each, line in missing if each == kind]


def _place_of_kind(parts: Sequence[Part], kind: str, kinds: Mapping[str, str]) -> int:
    """Return where a component of a kind goes in.

    Behind the last of its kind, else below its comment, else behind the last component; never where
    make may pass over it.
    """
    of_kind = comment = component = 0
    for at, part in enumerate(parts, 1):
        if part.component:
            component = at
            if kinds.get(part.component.name) == kind:
                of_kind = at
        if part.lines[0].rstrip() == COMMENTS.get(kind):
            comment = at
    # The last part is what follows the last line break: nothing, in most files.
    end = len(parts) - 1 if parts and parts[-1].lines == [""] else len(parts)
    place = of_kind or comment or component or end
    while 0 < place < end and parts[place - 1].is_conditional:
        place += 1
    return place

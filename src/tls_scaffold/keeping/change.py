"""An inventory before and after a command, and how the files that a team shares with it follow."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory, text_of
from tls_scaffold.keeping.merge import merge
from tls_scaffold.keeping.record import Record
from tls_scaffold.makefiles.componentedits import Edited, follow_components
from tls_scaffold.makefiles.componentlines import ComponentLine, component_line, component_lines
from tls_scaffold.makefiles.makefile import MAKEFILE


@dataclass(frozen=True)
class Change:
    """An inventory before and after a command.

    `moves` are the certificates that go to the archive with what it took out, `reset` the files that are
    rendered anew whatever was done to them.
    """

    old: Inventory
    new: Inventory
    moves: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()

    def requests(self, known: Iterable[str]) -> Iterator[str]:
        """Yield the requests of what was taken out that are not `known` as ours: the team wrote them by hand."""
        there = {*known, *(component.request for component in self.new.components)}
        yield from dict.fromkeys(
            each.request for each in self.old.components if each.request not in there
        )

    def inventory_text(self, text: str) -> str:
        """Return the text of the new inventory, in the team's own order of fields as far as it can be kept."""
        if self.old == self.new:
            return text
        merged = merge([self.old.document()], text, self.new.to_json(), text_of).text
        return merged if intake.from_json(merged) == self.new else self.new.to_json()

    def makefile(self, text: str, record: Record) -> Edited:
        """Return a Makefile with the lines of the new components, and nothing else changed in it."""
        components = self.new.components
        wanted = [
            (each.kind, component_line(each.name, each.output, each.request, each.profile))
            for each in components
        ]
        gone = {*record.lines, *self.new.removed, *(each.name for each in self.old.components)}
        rendered: Mapping[str, Iterable[ComponentLine]] = record.lines
        if MAKEFILE in self.reset:  # whatever signs a component counts as rendered
            rendered = {line.name: [line] for line in component_lines(text)}
        return follow_components(text, wanted, rendered, gone - {each.name for each in components})

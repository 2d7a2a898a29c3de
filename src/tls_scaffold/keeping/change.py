"""An inventory before and after a command, and how the files that a team shares with it follow."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory, text_of
from tls_scaffold.keeping.merge import merge_texts
from tls_scaffold.keeping.record import Record
from tls_scaffold.makefiles.componentedits import Edited, follow_components
from tls_scaffold.makefiles.componentlines import (
    ComponentLine,
    component_line,
    component_lines,
    parts_of,
)
from tls_scaffold.paths import MAKEFILE

if TYPE_CHECKING:  # to read a CA is what few commands do, and takes a while to load
    from tls_scaffold.signing.broughtca import BroughtCA


@dataclass(frozen=True)
class Change:
    """An inventory before and after a command.

    `moves` are the certificates that go to the archive with what it took out, `reset` the files
    that are rendered anew whatever was done to them. With `says_custody` the command says who is to
    hold the CA; `brought` is a CA that is brought with it, or the key of the one that there is.
    """

    old: Inventory
    new: Inventory
    moves: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    says_custody: bool = False
    brought: "BroughtCA | None" = None

    @property
    def is_of_custody_alone(self) -> bool:
        """Whether nothing changes but who holds the CAs."""
        return replace(self.old, ca=self.new.ca, peer_ca=self.new.peer_ca) == self.new

    def left_requests(self, known: Iterable[str]) -> list[str]:
        """Return the requests of what was taken out that are not `known` as rendered.

        The team wrote them by hand.
        """
        wanted = {*known, *(component.request for component in self.new.components)}
        before = dict.fromkeys(component.request for component in self.old.components)
        return [request for request in before if request not in wanted]

    def inventory_text(self, text: str) -> str:
        """Return the text of the new inventory.

        It has the team's own order of fields as far as that can be kept.
        """
        if self.old == self.new:
            return text
        # Ours as a whole is better than a merge that does not read back as what was asked for.
        merged = merge_texts([self.old.document()], text, self.new.to_json(), text_of).text
        return merged if intake.from_json(merged) == self.new else self.new.to_json()

    def edited_makefile(self, text: str, record: Record, is_there: Callable[[str], bool]) -> Edited:
        """Return a Makefile with the lines of the new components, and nothing else changed.

        `is_there` tells whether the folder has a request.
        """
        components = self.new.components
        wanted = [
            (
                each.kind,
                component_line(each.name, each.output, each.request, each.profile, each.ca),
            )
            for each in components
        ]
        known = {
            *record.lines,
            *(each.name for each in self.old.components),
            *self._left_behind(text, is_there),
        }
        rendered: Mapping[str, Iterable[ComponentLine]] = record.lines
        if MAKEFILE in self.reset:  # whatever signs a component counts as rendered
            rendered = {line.name: [line] for line in component_lines(text)}
        return follow_components(text, wanted, rendered, known - {each.name for each in components})

    def _left_behind(self, text: str, is_there: Callable[[str], bool]) -> Iterator[str]:
        """Yield the names of lines of ours that no record knows, of components that were removed.

        A merge in git brings them back where one branch took a component out: the record and the
        requests are merged without a word, and of the Makefile both sides are kept. The inventory
        knows a server's name for good, and a user whom etcd is to forget: with a request that is
        there it is the team's own. Where a command changes components no such user's line goes.
        """
        users = self.new.forgotten.users if self.old.components == self.new.components else ()
        for part in parts_of(text):
            line = part.component
            if line and line.flags is not None and part.is_as_rendered:
                is_left = line.name in users and not is_there(line.request)
                if line.name in self.new.removed or is_left:
                    yield line.name

"""The Makefile's lines of components that come or go: what a team has moved, edited or written for them gives way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.changes import BESIDE, Step
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.makefile import MAKEFILE

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Gone:
    """Components by name and output that were in the folder's Makefile, or in its inventory, and are no more.

    `coming` holds, by output, the lines of those that are rendered for the first time.
    """

    components: frozenset[tuple[str, str]]
    coming: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(old: Inventory, record: Texts, rendered: Texts) -> "Gone":
        """Compare what was rendered last, or asked for, with what would be rendered now."""
        listed = {(component.name, component.output) for component in old.components}
        recorded = {
            each for path in (MAKEFILE, MAKEFILE + BESIDE) for each in makefile.components(record.get(path, ""))
        }
        now = makefile.components(rendered[MAKEFILE])
        new = {output for _, output in now - (recorded or listed)}
        lines = makefile.lines_of(rendered[MAKEFILE])
        return Gone(frozenset((listed | recorded) - now), {output: lines[output] for output in sorted(new)})

    def taken_from(self, texts: Texts) -> Texts:
        """Return texts by path, the Makefile without their lines."""
        if not (self.components or self.coming) or MAKEFILE not in texts:
            return texts
        return {**texts, MAKEFILE: self._parts(texts)[0]}

    def copies(self, shelf: str, texts: Texts, record: Texts) -> Iterator[Step]:
        """Yield the step that keeps the Makefile as it was, if something of theirs was edited by hand."""
        if set(self._parts(texts)[1]) - set(self._parts(record)[1]):
            yield Step(f"{shelf}/{MAKEFILE}", None, texts[MAKEFILE])

    def _parts(self, texts: Texts) -> tuple[str, tuple[str, ...]]:
        return makefile.without(texts.get(MAKEFILE, ""), self.components, self.coming)

"""The Makefile's lines of components that come or go: what a team has moved, edited or written for them gives way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.changes import BESIDE, Step
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.makefile import MAKEFILE

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Gone:
    """Components by name and output whose lines in the folder's Makefile are to go.

    They were rendered there, or are in its inventory, and are no more; or they are rendered for the first time.
    """

    components: frozenset[tuple[str, str]]

    @staticmethod
    def of(old: Inventory, record: Texts, rendered: Texts) -> "Gone":
        """Compare what was rendered last, or asked for, with what would be rendered now."""
        listed = {(component.name, component.output) for component in old.components}
        recorded = {
            each for path in (MAKEFILE, MAKEFILE + BESIDE) for each in makefile.components(record.get(path, ""))
        }
        now = makefile.components(rendered[MAKEFILE])
        return Gone(frozenset((listed | recorded) - now | now - (recorded or listed)))

    def taken_from(self, texts: Texts) -> Texts:
        """Return texts by path, the Makefile without their lines."""
        if not self.components or MAKEFILE not in texts:
            return texts
        return {**texts, MAKEFILE: self._parts(texts)[0]}

    def copies(self, shelf: str, texts: Texts, record: Texts) -> Iterator[Step]:
        """Yield the step that keeps the Makefile as it was, if something of theirs was edited by hand."""
        if set(self._parts(texts)[1]) - set(self._parts(record)[1]):
            yield Step(f"{shelf}/{MAKEFILE}", None, texts[MAKEFILE])

    def _parts(self, texts: Texts) -> tuple[str, tuple[str, ...]]:
        return makefile.without(texts.get(MAKEFILE, ""), self.components)

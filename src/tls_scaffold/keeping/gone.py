"""The Makefile's lines of components that are gone: they go, wherever a team has moved them or what it edited there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.changes import Step
from tls_scaffold.makefiles import makefile

MAKEFILE = "Makefile"
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Gone:
    """Components by name and output that were in the folder's Makefile, or in its inventory, and are no more."""

    components: frozenset[tuple[str, str]]

    @staticmethod
    def of(old: Inventory, record: Texts, rendered: Texts) -> "Gone":
        """Compare what was rendered last, or asked for, with what would be rendered now."""
        before = {(component.name, component.output) for component in old.components}
        before |= makefile.components(record.get(MAKEFILE, ""))
        return Gone(frozenset(before - makefile.components(rendered[MAKEFILE])))

    def taken_from(self, texts: Texts) -> Texts:
        """Return texts by path, the Makefile without their lines."""
        if not self.components or MAKEFILE not in texts:
            return texts
        return {**texts, MAKEFILE: makefile.without(texts[MAKEFILE], self.components)}

    def copies(self, shelf: str, texts: Texts, record: Texts) -> Iterator[Step]:
        """Yield the step that keeps the Makefile as it was, if a line that goes was edited by hand."""
        text = texts.get(MAKEFILE, "")
        lines = set(text.split("\n")) - set(makefile.without(text, self.components).split("\n"))
        if lines - set(record.get(MAKEFILE, text).split("\n")):
            yield Step(f"{shelf}/{MAKEFILE}", None, text)

"""The lines of a Makefile that ask for components, one a component: how one is written, and how it is read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"req-([^ :]*) +([^ :]*)\.pem *: *([^ ;]*)[^;]*;? *(.*)", re.ASCII)


@dataclass(frozen=True)
class ComponentLine:
    """One line: the component's name, its certificate without `.pem`, its request, and what signs it."""

    name: str
    output: str
    request: str
    recipe: str

    def __str__(self) -> str:
        """Return the line as it stands in a Makefile."""
        return f"req-{self.name} {self.output}.pem: {self.request} ; {self.recipe}"


def component_line(name: str, output: str, request: str, profile: str) -> ComponentLine:
    """Return the line of a component as it is rendered; the profile may be empty."""
    return ComponentLine(name, output, request, f"$(sign) -profile {profile} $<" if profile else "$(sign) $<")


def component_lines(text: str) -> Iterator[ComponentLine]:
    """Yield the lines of components in the text of a Makefile, edited ones too."""
    for line in text.split("\n"):
        match = LINE.fullmatch(line)
        if match:
            yield ComponentLine(*match.groups())

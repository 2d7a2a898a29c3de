"""The lines of a Makefile that ask for components, one a component: how one is written, and how it is read."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"req-([^ :]*) +([^ :]*)\.pem *: *([^ ;]*)[^;]*;? *(.*)", re.ASCII)

OUR_RECIPE = re.compile(r"\$[({]sign[)}]((?: [^$`;&|<>#]*)?) \$<\s*")


@dataclass(frozen=True)
class ComponentLine:
    """One line: the component's name, its certificate without `.pem`, its request, and what signs it."""

    name: str
    output: str
    request: str
    recipe: str

    @property
    def flags(self) -> tuple[str, ...] | None:
        """Cfssl's flags in a recipe of our form; None for any other, and where make or a shell puts something in."""
        match = OUR_RECIPE.fullmatch(self.recipe)
        try:
            return tuple(shlex.split(match[1])) if match else None
        except ValueError:  # a quote that does not end
            return None

    def __str__(self) -> str:
        """Return the line as it stands in a Makefile."""
        return f"req-{self.name} {self.output}.pem: {self.request} ; {self.recipe}"


def component_line(name: str, output: str, request: str, profile: str) -> ComponentLine:
    """Return the line of a component as it is rendered; the profile may be empty."""
    return ComponentLine(
        name, output, request, f"$(sign) -profile {profile} $<" if profile else "$(sign) $<"
    )


def component_lines(text: str) -> Iterator[ComponentLine]:
    """Yield the lines of components in the text of a Makefile, edited ones too."""
    for line in text.split("\n"):
        found = component_line_of(line)
        if found:
            yield found


def component_line_of(line: str) -> ComponentLine | None:
    """Return the component that a line of a Makefile asks for; None for any other line."""
    match = LINE.fullmatch(line) if line.startswith("req-") else None
    return ComponentLine(*match.groups()) if match else None

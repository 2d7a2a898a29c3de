"""The names by which code hosts know the headings of a Markdown file."""

import re
from pathlib import Path


def headings(path: Path) -> set[str]:
    """Return what may stand behind `#` in a link to a file."""
    titles = re.findall("^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    # Of a link in a heading its text alone counts.
    plain = (re.sub(r"\]\([^)]*\)|[^\w -]", "", title.lower()) for title in titles)
    return {each.strip().replace(" ", "-") for each in plain}

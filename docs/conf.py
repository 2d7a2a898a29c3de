"""How Sphinx builds docs/: HTML to read, and the man pages of share/man, from one source.

`tools/build-docs` calls it. A page must read well on a code host too, so it is plain Markdown; what
the program knows by itself is put in by `_ext/reference.py` while Sphinx reads a page.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The extension is no package: it belongs to these pages, and no wheel carries it.
sys.path.insert(0, str(HERE / "_ext"))

import programtexts  # noqa: E402 - it is in the folder that was named just now
from tls_scaffold import __version__  # noqa: E402

project = "tls-scaffold"
author = "the authors of tls-scaffold"
copyright = f"{author}, Apache License 2.0"  # noqa: A001 - Sphinx' own name for it
release = version = __version__

extensions = ["myst_parser", "sphinx_click", "reference"]
# MyST reads the pages; the command's pages, made by sphinx-click, are reStructuredText.
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_ext"]

# A link to `page.md#heading` is checked: without this headings have no names to check it by.
myst_heading_anchors = 4
# What has a name and a text is a list of definitions: a man page has no room for wide tables.
myst_enable_extensions = ["deflist"]

# What stands in `one pair of backticks` in a command's help is code, as in Markdown.
default_role = "code"
# `--` and quotes are options and shell: they stay as they are typed.
smartquotes = False
# Nobody's console is Python.
highlight_language = "none"
# Every name that is referred to has to be there.
nitpicky = True

html_theme = "furo"
html_title = f"tls-scaffold {release}"
# A copy of each page's source beside it says nothing that the repository does not.
html_copy_source = False
# A page ends with what it says, not with what made it.
html_show_sphinx = False

# What is in a list of man pages follows the commands of the program.
man_pages: list[tuple[str, str, str, list[str], int]] = [
    (f"reference/{place}", name, text, [], section)
    for place, name, text, section in programtexts.man_pages()
]
# The same pages on any day: a date would make each build another one.
today = " "

"""What a Makefile signs: read from our own lines, and asked of make where there are others."""

from pathlib import Path

from tls_scaffold.makefiles.ourmakefile import makefile_as_read, signings_if_ours_alone
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import MAKEFILE


def survey_makefile(folder: Path) -> Survey:
    """Return what a folder's Makefile signs: `sign`, `status`, `check` and `adopt` go by it.

    Ours has all under `req`. Where others may sign make is asked about every target. Raises
    ScaffoldError with make's own words if it is missing, or fails for what plain `make` makes; and
    where make would read another file than one that is not ours.
    """
    # Make is asked about foreign lines alone; where there is no file, it says so.
    text = makefile_as_read(folder) if (folder / MAKEFILE).is_file() else ""
    ours = signings_if_ours_alone(text)
    if ours is not None:
        return Survey(ours)
    # What follows the lines of others is seldom needed, and every command would load it.
    from tls_scaffold.makefiles.askedmake import survey_by_make

    return survey_by_make(folder, text)

"""What git could not merge in a folder's own files, for whoever looks at them or settles it."""

from collections.abc import Mapping
from pathlib import Path

from tls_scaffold.disk.plainfiles import names, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import ADOPTED, GENERATED, MAKEFILE, OURS_IF_SAID, REVOKED, says_ours
from tls_scaffold.rendering.documents import LAST_RENDER

BY_HAND = (FILE, MAKEFILE)
"""What a person settles; the rest follows from these, or has what both sides have."""
OF_ONE_NAME = (*BY_HAND, *GENERATED, *OURS_IF_SAID, REVOKED, LAST_RENDER, ADOPTED)


def unsettled_texts(folder: Path, *, with_team_s: bool = False) -> dict[str, str]:
    """Return the texts of a folder's own files in which git has left conflict markers, by path.

    With `with_team_s` also where a team has a README of its own, say, which only it can settle.
    What can't be read is passed over: whoever needs it tells.
    """
    try:
        in_config = names(folder, "config", ".json")
    except ScaffoldError:
        in_config = ()
    texts = {
        path: content.decode("utf-8", "replace")
        for path in (*OF_ONE_NAME, *in_config)
        # Of a thousand requests hardly one is a text with markers.
        if b">>>>>>>" in (content := plain_or_empty(folder / path)) or b"<<<<<<<" in content
    }
    return only_marked(texts, with_team_s=with_team_s)


def only_marked(texts: Mapping[str, str], *, with_team_s: bool = False) -> dict[str, str]:
    """Return those texts of our own files, by path, that have conflict markers."""
    ours = set(texts) if with_team_s else set(texts).difference(OURS_IF_SAID)
    return {
        path: text
        for path, text in texts.items()
        if conflictmarkers.marked_lines(text)
        # The line that says whose the file is may be one of two that git could not merge.
        and (path in ours or says_ours(conflictmarkers.without_markers(text)))
    }


def refuse_unsettled(folder: Path) -> None:
    """Raise ConflictError, with file and line, where a merge in git is not settled."""
    texts = unsettled_texts(folder)
    if set(texts) & set(BY_HAND):
        conflictmarkers.refuse(texts)
    conflictmarkers.refuse(texts, "`tls-scaffold sync` settles them")

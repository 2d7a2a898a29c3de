"""What git has of a folder, or would take: asked once, for all rules about it."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from tls_scaffold.disk.gitcommand import ask_git

UNTRACKED = "?"
"""How git marks a file that it neither tracks nor ignores."""
NONE_IGNORED = 1  # git's exit code; it is 128 where git could not look
TRACKED_AND_NOT_IGNORED = ("--cached", "--others", "--exclude-standard")


def git_files(folder: Path, patterns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the files that git tracks, or does not ignore, each with git's mark before its path.

    `patterns` are paths and git's patterns below `folder`. None are returned where there is no git,
    or no repository.
    """
    if not shutil.which("git"):
        return ()
    done = ask_git(folder, "ls-files", "-z", "-t", *TRACKED_AND_NOT_IGNORED, "--", *patterns)
    lines = (line.decode("utf-8", "replace") for line in done.stdout.split(b"\0") if line)
    return tuple((line[0], line[2:]) for line in lines)


def not_ignored(folder: Path, paths: Collection[str]) -> tuple[str, ...]:
    """Return those of some paths, there or not, that git would take; none without an answer."""
    if not paths or not shutil.which("git"):
        return ()
    asked = "\0".join(paths).encode("utf-8", "surrogateescape")
    done = ask_git(folder, "check-ignore", "-z", "--stdin", text=asked)
    if done.returncode not in (0, NONE_IGNORED):
        return ()
    ignored = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return tuple(path for path in paths if path not in ignored)

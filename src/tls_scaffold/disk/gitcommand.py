"""How git is called on a folder that others may have made."""

import os
import shutil
import subprocess
from pathlib import Path

from tls_scaffold.errors import ScaffoldError

SECONDS = 60.0
NO_REPOSITORY = b"not a git repository"
UNTRACKED = 1  # git's exit code; it is 128 where git could not look
# A repository may name programs that git runs by itself, and a foreign one is refused: neither is
# wanted here. One without a work tree may lie among the files of a clone, with settings of its own.
GIT = (
    "git",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
    *("-c", "safe.directory=*"),
    *("-c", "safe.bareRepository=explicit"),
)
# Objects that are missing are fetched by a program that the repository names: no protocol may do.
SAFE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_OPTIONAL_LOCKS": "0"}
# A hook has these from the git that runs it, and they are of another folder than the one looked at.
OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


def ask_git(folder: Path, *words: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, with a text to read; none of the programs that a repository names runs.

    Raises FileNotFoundError where there is no git, ScaffoldError where it gives no answer.
    """
    ours = {name: value for name, value in os.environ.items() if name not in OF_HOOKS}
    try:
        return subprocess.run(
            [*GIT, *words],
            cwd=folder,
            env={**ours, **SAFE, "LC_ALL": "C"},
            input=text,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ScaffoldError(
            f"`git {words[0]}` gave no answer in {SECONDS:g} s",
            hint=f"try `git status` in `{folder}`",
        ) from error


def is_in_repository(folder: Path) -> bool:
    """Tell whether a folder, or one that it is in, may be a repository: without running git."""
    above = folder.resolve()
    return any(os.path.lexists(each / ".git") for each in (above, *above.parents))


def is_tracked(folder: Path, path: str) -> bool:
    """Tell whether git tracks a path of a folder: it came with a clone, or goes into the next one.

    No is the answer too where there is no git, or no repository. Raises ScaffoldError where there
    is one in which git can't look.
    """
    place = folder / path
    if not is_in_repository(place.parent) or not shutil.which("git"):
        return False
    # The innermost repository is asked: a folder below may be a submodule.
    done = ask_git(place.parent, "ls-files", "--error-unmatch", "--", place.name)
    if done.returncode not in (0, UNTRACKED) and NO_REPOSITORY not in done.stderr:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        hint = "mend that repository, or move the file away"
        raise ScaffoldError(f"git can't tell whether it tracks `{place}`", told, hint)
    return done.returncode == 0

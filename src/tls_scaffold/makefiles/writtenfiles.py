"""What files the commands of a recipe write that sign nothing."""

import posixpath
from functools import partial

from tls_scaffold.makefiles.ledger import Ledger
from tls_scaffold.makefiles.shellsteps import steps_of


def written_files(command: str) -> frozenset[str]:
    """Return the files that a command writes, as far as it can be followed.

    What it tests for counts as there.
    """
    files = Ledger(lambda _: None, lambda _: False)
    try:
        for step in steps_of(command.replace("\\\n", " ").replace("$$", "$"), lambda _: True):
            path_of = partial(_path, step.directory)
            for each in step.commands:
                if each.words[:1] == ("tee",):
                    files.files |= {path_of(word): "" for word in each.words[1:]}
                if each.writes:
                    files.files[path_of(each.writes)] = ""
            if len(step.commands) == 1 and step.commands[0].words:
                files.change(step.commands[0].words, path_of, command)
    except ValueError:
        pass
    return frozenset(files.files)


def _path(directory: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(directory, name))

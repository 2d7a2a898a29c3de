"""What files the commands of a recipe write that sign nothing."""

import posixpath
from functools import partial

from tls_scaffold.makefiles.madefiles import MadeFiles
from tls_scaffold.makefiles.shellsteps import steps_of


def written_files(command: str) -> frozenset[str]:
    """Return the files that a command writes, as far as it can be followed.

    What it tests for counts as there.
    """
    files = MadeFiles(lambda _: False)
    try:
        for step in steps_of(command.replace("\\\n", " ").replace("$$", "$"), lambda _: True):
            path_of = partial(_path, step.directory)
            for each in step.commands:
                if each.words[:1] == ("tee",):
                    files.texts |= {path_of(word): 1 for word in each.words[1:]}
                if each.writes:
                    files.texts[path_of(each.writes)] = 1
            if len(step.commands) == 1 and step.commands[0].words:
                files.change(step.commands[0].words, path_of, command)
    except ValueError:
        pass
    return frozenset(files.texts)


def _path(directory: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(directory, name))

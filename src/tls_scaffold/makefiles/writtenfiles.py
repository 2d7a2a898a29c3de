"""What files the commands of a recipe write that sign nothing."""

from contextlib import suppress

from tls_scaffold.makefiles.linefollowing import LineFollower
from tls_scaffold.shell.ledger import Ledger


def written_files(command: str) -> frozenset[str]:
    """Return the files that a command writes, as far as it can be followed.

    What it tests for counts as there.
    """
    follower = LineFollower(Ledger(lambda _: "", lambda _: True))
    with suppress(ValueError):
        follower.follow_line(command.replace("\\\n", " ").replace("$$", "$"))
    return frozenset(follower.ledger.files)

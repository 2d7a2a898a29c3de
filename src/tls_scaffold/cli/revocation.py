"""How `revoke`, and `remove --revoke`, tell what was done and what that does not do."""

from typing import TYPE_CHECKING

from tls_scaffold.cli.terminal import say_line, warn
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.revoke import Done


def tell(done: "Done") -> None:
    """Print what was revoked, and what that does not stop."""
    from tls_scaffold.commands import revoketold

    for line in revoketold.sentences(done):
        say_line(line)
    for line in revoketold.follows(done):
        warn(escaped(line))

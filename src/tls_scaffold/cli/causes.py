"""Commands that fail by what etcd says name its causes, as `explain` knows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.errors import Place, Problem, ScaffoldError


@contextmanager
def naming_causes(folder: Path, *, of_live_members: bool) -> Iterator[None]:
    """Add to a ScaffoldError the causes of what is told in it, and pass it on.

    `of_live_members` where a client was refused by members that run, which are looked at then;
    else a throw-away cluster did not start.
    """
    try:
        yield
    except ScaffoldError as error:
        from tls_scaffold.commands import explain

        told = (error.summary, *(problem.message for problem in error.problems))
        now = datetime.now(timezone.utc)
        explained = explain.explained_to_client if of_live_members else explain.explained_of_start
        lines = explained(folder, told, now)
        error.problems += tuple(Problem(Place(), line) for line in lines)
        raise

"""Many certificates signed at once: by child processes where that pays, into a workshop of files."""

import gc
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import issuer, pairs, signer

PAYS = {
    "ecdsa": 24,
    "ed25519": 24,
    "rsa": 2,
}  # certificates; a child costs as much as a dozen of the quick keys
TICKETS, TICKET = (
    128,
    4,
)  # so many of so many bytes fit into any pipe (PIPE_BUF is 512 at least: POSIX)
MOST = 400  # characters of an error: what several children write at once must not be torn

Tell: TypeAlias = Callable[[object], None]


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being under `name`, in `work` or a folder in there."""

    name: str
    request: Request
    profile: Profile
    ca: issuer.CA
    work: Path


def sign(
    jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]
) -> Sequence[Path]:
    """Sign every job and write its files; `progress` is told how many more are done.

    Returns the folder that each job's files are in. Raises ScaffoldError if any could not be signed or written, with
    the first problem, or those that several processes had at once.
    """
    pays = jobs and len(jobs) >= min(PAYS[job.request.key.algo] for job in jobs)
    if processes > 1 and pays:
        return _spread(jobs, now, min(processes, len(jobs)), progress)
    for job in jobs:
        _one(job, job.work, now)
        progress(1)
    return [job.work for job in jobs]


def _one(job: Job, work: Path, now: datetime) -> None:
    pairs.stage(work, job.name, signer.sign(job.request, job.profile, job.ca, now).contents)


def _spread(
    jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]
) -> Sequence[Path]:
    """Fork children that take parts of the jobs as long as there are some, and tell in a pipe what they have done."""
    size = -(-len(jobs) // TICKETS)
    parts = [jobs[first : first + size] for first in range(0, len(jobs), size)]
    tickets = _tickets(len(parts))
    reading, writing = os.pipe()
    children: list[int] = []
    takers: dict[int, int] = {}
    problems: list[str] = []
    try:
        with _undisturbed(), _frozen():
            for number in range(processes):
                work = partial(_take, parts, tickets, number, now)
                children.append(_child(work, (reading, writing)))
        os.close(writing)
        for told in _listen(reading):
            if isinstance(told, str):
                problems.append(told)
                _drain(tickets)
            else:
                part, takers[part] = told
                progress(len(parts[part]))
    except BaseException:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        raise
    finally:
        os.close(reading)
        os.close(tickets)
        for child in children:
            with suppress(
                ChildProcessError
            ):  # whoever started us may ignore SIGCHLD: then none is left to wait for
                os.waitpid(child, 0)
    if problems or len(takers) < len(parts):
        raise ScaffoldError(
            "not everything could be signed", problems or ["a signing process was killed"]
        )
    return [_folder(job.work, takers[number]) for number, part in enumerate(parts) for job in part]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold a Ctrl-C back until all children are known, and none of them can climb into what we clean up."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep children from looking for cycles in what they share with us: each page they touched would be copied."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@lru_cache(maxsize=1024)
def _folder(work: Path, child: int) -> Path:
    """Return where in a workshop a child's files come into being: in one folder, all would wait for each other."""
    return work / str(child)


def _tickets(count: int) -> int:
    """Return the reading end of a pipe with a ticket for each part; it ends after them."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(TICKET, "big") for number in range(count)))
    os.close(writing)
    return reading


def _drain(tickets: int) -> None:
    """Take all tickets that are left, so that nothing more is begun."""
    os.read(tickets, TICKETS * TICKET)


def _take(
    parts: Sequence[Sequence[Job]], tickets: int, child: int, now: datetime, tell: Tell
) -> None:
    """Sign parts as long as there are tickets. A ticket is read whole: the system lets one reader in at a time."""
    made: set[Path] = set()
    while ticket := os.read(tickets, TICKET):
        part = int.from_bytes(ticket, "big")
        for job in parts[part]:
            work = _folder(job.work, child)
            if work not in made:
                with telling(work):
                    work.mkdir(mode=0o700)
                made.add(work)
            _one(job, work, now)
        tell((part, child))


def _child(work: Callable[[Tell], None], pipe: tuple[int, int]) -> int:
    """Fork a child that does `work`, which is given what tells us something; an error is told as text."""
    child = os.fork()
    if child:
        return child
    reading, writing = pipe
    problem = ""

    def tell(what: object) -> None:
        os.write(writing, json.dumps(what).encode() + b"\n")

    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.close(reading)  # so that our parent's death breaks the pipe, and ends us
        work(tell)
    except ScaffoldError as error:
        problem = "; ".join((error.summary, *map(str, error.problems)))
    except Exception as error:  # noqa: BLE001 - no exception leaves a child but through the pipe
        problem = f"{type(error).__name__}: {error}"
    finally:
        with suppress(
            OSError
        ):  # nobody listens any more: nothing but the end of this process is left to do
            if problem:
                tell(problem[:MOST])
        os._exit(1 if problem else 0)


def _listen(reading: int) -> Iterator[Any]:
    """Yield what children tell, a problem or the numbers of a part and a child, until the last of them has ended."""
    rest = b""
    while piece := os.read(reading, 65536):
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)

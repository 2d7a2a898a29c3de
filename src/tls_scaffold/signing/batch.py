"""Many certificates signed at once: by child processes where that pays, into a workshop of files."""

import gc
import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import pairs, signer

PAYS = {"ecdsa": 24, "ed25519": 24, "rsa": 2}  # certificates; a child costs as much as a dozen of the quick keys
TICKETS, TICKET = 1000, 4  # at most so many of so many bytes: what a pipe holds on every system


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being under `name`, in `work` or a folder in there."""

    name: str
    request: Request
    profile: Profile
    ca: signer.CA
    work: Path


def sign(jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]) -> Sequence[Path]:
    """Sign every job and write its files; `progress` is told how many more are done.

    Returns the folder that each job's files are in. Raises ScaffoldError with each problem if any could not be signed
    or written.
    """
    pays = jobs and len(jobs) >= min(PAYS[job.request.key.algo] for job in jobs)
    if processes > 1 and pays:
        return _spread(jobs, now, min(processes, len(jobs)), progress)
    for job in jobs:
        _one(job, job.work, now)
        progress(1)
    return [job.work for job in jobs]


def _one(job: Job, work: Path, now: datetime) -> None:
    signed = signer.sign(job.request, job.profile, job.ca, now)
    contents = {pairs.KEY: signed.key, pairs.CSR: signed.csr, pairs.CERTIFICATE: signed.certificate}
    pairs.stage(work, job.name, contents)


@dataclass(frozen=True)
class _Share:
    """What a child's files go to: a folder in each workshop. In one folder, all would wait for each other."""

    number: int
    folders: Mapping[Path, Path]

    @classmethod
    def new(cls, number: int, works: Iterable[Path]) -> "_Share":
        folders = {work: work / str(number) for work in works}
        for folder in folders.values():
            with telling(folder):
                folder.mkdir(mode=0o700)
        return cls(number, folders)


def _spread(jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]) -> Sequence[Path]:
    """Fork children that take parts of the jobs as long as there are some, and tell in a pipe what they have done."""
    works = dict.fromkeys(job.work for job in jobs)
    shares = [_Share.new(number, works) for number in range(processes)]
    size = -(-len(jobs) // TICKETS)
    parts = {first: jobs[first : first + size] for first in range(0, len(jobs), size)}
    taken: dict[int, _Share] = {}
    problems = []
    tickets = _tickets(parts)
    reading, writing = os.pipe()
    gc.freeze()  # no child is to look for cycles in what it shares with us: each page it touched would be copied
    children = [_child(partial(_take, parts, tickets, share, now), (reading, writing)) for share in shares]
    os.close(tickets)
    os.close(writing)
    try:
        for told in _listen(reading):
            if isinstance(told, str):
                problems.append(told)
            else:
                taken[told[1]] = shares[told[0]]
                progress(len(parts[told[1]]))
    except BaseException:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        raise
    finally:
        os.close(reading)
        ends = [os.waitpid(child, 0)[1] for child in children]
    if problems or any(ends):
        raise ScaffoldError("not everything could be signed", problems or ["a signing process was killed"])
    return [taken[first].folders[job.work] for first, part in parts.items() for job in part]


def _tickets(numbers: Iterable[int]) -> int:
    """Return the reading end of a pipe that holds these numbers, and its end after them."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(TICKET, "big") for number in numbers))
    os.close(writing)
    return reading


def _take(
    parts: Mapping[int, Sequence[Job]], tickets: int, share: _Share, now: datetime, tell: Callable[[object], None]
) -> None:
    while ticket := os.read(tickets, TICKET):
        number = int.from_bytes(ticket, "big")
        for job in parts[number]:
            _one(job, share.folders[job.work], now)
        tell((share.number, number))


def _child(work: Callable[[Callable[[object], None]], None], pipe: tuple[int, int]) -> int:
    """Fork a child that does `work`, which is given what tells us something; an error is told as text."""
    child = os.fork()
    if child:
        return child
    reading, writing = pipe
    status, problem = 1, ""

    def tell(what: object) -> None:
        os.write(writing, json.dumps(what).encode() + b"\n")

    try:
        os.close(reading)  # so that our parent's death breaks the pipe, and ends us
        work(tell)
        status = 0
    except ScaffoldError as error:
        problem = "; ".join((error.summary, *error.problems))
    except Exception as error:  # noqa: BLE001 - no exception leaves a child but through the pipe
        problem = f"{type(error).__name__}: {error}"
    finally:
        with suppress(OSError):  # nobody listens any more: nothing but the end of this process is left to do
            if problem:
                tell(problem)
        os._exit(status)


def _listen(reading: int) -> Iterator[Any]:
    """Yield what children tell until the last of them has ended."""
    rest = b""
    while piece := os.read(reading, 65536):
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)

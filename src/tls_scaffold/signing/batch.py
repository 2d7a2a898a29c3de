"""Many certificates signed at once: by child processes where that pays, into a workshop of files."""

import json
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import pairs, signer

PAYS = {"ecdsa": 24, "ed25519": 24, "rsa": 2}  # certificates; a child costs as much as a dozen of the quick keys
DONE = b"."


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being in `work` under `name`."""

    name: str
    request: Request
    profile: Profile
    ca: signer.CA
    work: Path


def sign(jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]) -> Sequence[Job]:
    """Sign every job and write its files; `progress` is told how many more are done.

    Returns the jobs with the folders that their files are in. Raises ScaffoldError with each problem if any could
    not be signed or written.
    """
    pays = jobs and len(jobs) >= min(PAYS[job.request.key.algo] for job in jobs)
    if processes > 1 and pays:
        return _spread(jobs, now, min(processes, len(jobs)), progress)
    for job in jobs:
        _one(job, now)
        progress(1)
    return jobs


def _one(job: Job, now: datetime) -> None:
    signed = signer.sign(job.request, job.profile, job.ca, now)
    contents = {pairs.KEY: signed.key, pairs.CSR: signed.csr, pairs.CERTIFICATE: signed.certificate}
    pairs.stage(job.work, job.name, contents)


def _spread(jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]) -> Sequence[Job]:
    """Fork a child for each share of the jobs; a byte in a pipe tells of each certificate, a line of each error."""
    # A folder for each child: in one, they would wait for each other at each new file.
    jobs = [replace(job, work=job.work / str(index % processes)) for index, job in enumerate(jobs)]
    for work in {job.work for job in jobs}:
        with telling(work):
            work.mkdir(mode=0o700)
    reading, writing = os.pipe()
    children = [_child(jobs[share::processes], now, (reading, writing)) for share in range(processes)]
    os.close(writing)
    try:
        said = _listen(reading, progress)
    except BaseException:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        raise
    finally:
        os.close(reading)
        ends = [os.waitpid(child, 0)[1] for child in children]
    problems = [problem for line in said for problem in json.loads(line)]
    if problems or any(ends):
        raise ScaffoldError("not everything could be signed", problems or ["a signing process was killed"])
    return jobs


def _child(jobs: Iterable[Job], now: datetime, pipe: tuple[int, int]) -> int:
    child = os.fork()
    if child:
        return child
    reading, writing = pipe
    status, problem = 1, ""
    try:
        os.close(reading)  # so that our parent's death breaks the pipe, and ends us
        for job in jobs:
            _one(job, now)
            os.write(writing, DONE)
        status = 0
    except ScaffoldError as error:
        problem = "; ".join((error.summary, *error.problems))
    except Exception as error:  # noqa: BLE001 - no exception leaves a child but through the pipe
        problem = f"{type(error).__name__}: {error}"
    finally:
        with suppress(OSError):  # nobody listens any more: nothing but the end of this process is left to do
            if problem:
                os.write(writing, b"\n" + json.dumps([problem]).encode() + b"\n")
        os._exit(status)


def _listen(reading: int, progress: Callable[[int], None]) -> list[bytes]:
    """Return the lines that children wrote until the last of them ended."""
    said = b""
    while True:
        piece = os.read(reading, 65536)
        if not piece:
            return [line for line in said.split(b"\n") if line.strip(DONE)]
        said += piece
        progress(piece.count(DONE))

"""Nothing is left of a proof that is killed.

And nothing that the folder's CA signed is ever among its files.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from conftest import Factory
from support import BIN, processes, run, wait_for

WORDS = (
    "--members",
    "10.0.0.1",
    "--proxies",
    "0",
    "--user",
    "app",
    "--grant",
    "app=/app/:rw",
    "--key",
    "ecdsa-256",
)
# What it is killed at, as soon as that is there.
FIRST = ("anything", "a key", "root.pem", "an etcd")
Running = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


class Proof:
    """A proof that runs, with everything that was ever seen in its temporary folder.

    That is kept as contents by their paths.
    """

    def __init__(self, folder: Path, temporary: Path, running: Running) -> None:
        self._temporary = temporary
        self._begin = time.monotonic()
        self.seen: dict[tuple[str, bytes], None] = {}
        self.program = running(
            str(BIN / "tls-scaffold"), "prove", cwd=folder, TMPDIR=str(temporary)
        )

    def watch_until(self, moment: str | float) -> None:
        """Look into its temporary folder again and again.

        It ends when something is there, or so many seconds have passed.
        """
        while self.program.poll() is None:
            self.look()
            if (
                self._has(moment)
                if isinstance(moment, str)
                else time.monotonic() - self._begin > moment
            ):
                break

    def look(self) -> None:
        for parent, _, names in os.walk(self._temporary):
            for path in (Path(parent, name) for name in names if name.endswith(".pem")):
                with suppress(OSError):
                    if not path.is_symlink():
                        self.seen[str(path.relative_to(self._temporary)), path.read_bytes()] = None

    def _has(self, what: str) -> bool:
        """Tell whether this is there."""
        if what == "anything":
            return any(self._temporary.iterdir())
        if what == "an etcd":
            return any(
                "--data-dir" in words and str(self._temporary) in words
                for words in processes().values()
            )
        pattern = {"a key": "*/*-key.pem"}.get(what, f"*/{what}")
        return any(self._temporary.glob(pattern))

    def left(self) -> list[str]:
        """Return what is left of it: files, and processes that name its temporary folder."""
        place = str(self._temporary)
        return [
            *map(str, self._temporary.iterdir()),
            *(words for words in processes().values() if place in words),
        ]


def faults(folder: Path, seen: Iterable[tuple[str, bytes]], into: Path) -> list[str]:
    """Return what of the files that were seen the folder's CA would vouch for, and keys of a CA."""
    ca = folder / "certs/ca.pem"
    found, keys, cas = [], [], []
    for index, (name, content) in enumerate(seen):
        if b"PRIVATE KEY-----\n" in content:
            with suppress(ValueError):  # half of it
                keys.append(load_pem_private_key(content, None).public_key())
        elif content.endswith(b"-----END CERTIFICATE-----\n"):
            for each in x509.load_pem_x509_certificates(content):
                path = into / f"{index}.pem"
                path.write_bytes(each.public_bytes(Encoding.PEM))
                done = run("openssl", "verify", "-partial_chain", "-CAfile", str(ca), str(path))
                if done.returncode == 0 and path.read_bytes() != ca.read_bytes():
                    found.append(f"{name}: the folder's CA signed it")
                if each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                    cas.append(each.public_key())
    assert keys
    assert cas
    return found + (["the key of a CA was there"] if any(key in cas for key in keys) else [])


def test_a_proof_that_is_killed_alone_or_with_its_group_leaves_nothing(
    signed: Factory, tmp_path: Path, running: Running, pytestconfig: pytest.Config
) -> None:
    folder, temporary, kept = signed(*WORDS), tmp_path / "temporary files", tmp_path / "kept"
    temporary.mkdir()
    kept.mkdir()
    proof = Proof(folder, temporary, running)
    begin = time.monotonic()
    proof.watch_until(600.0)
    duration = time.monotonic() - begin
    assert proof.program.returncode == 0
    assert proof.left() == []
    seen = proof.seen
    chance = random.Random(5)  # noqa: S311
    moments = [
        chance.uniform(0, duration) for _ in range(500 if pytestconfig.getoption("--long") else 1)
    ]

    hits = 0
    everything: list[str | float] = [*FIRST, *moments]
    for moment, kill in zip(everything, cycle((os.kill, os.killpg)), strict=False):
        proof = Proof(folder, temporary, running)
        proof.watch_until(moment)
        with suppress(ProcessLookupError):  # it was faster than the first
            kill(proof.program.pid, signal.SIGKILL)
        hits += proof.program.wait() == -signal.SIGKILL
        proof.look()
        with suppress(AssertionError):  # what is left says more
            wait_for(lambda: proof.left() == [], 60)  # noqa: B023 - it is called at once
        assert proof.left() == [], f"killed at {moment}"
        seen |= proof.seen

    assert hits > len(moments) / 2
    assert faults(folder, seen, kept) == []

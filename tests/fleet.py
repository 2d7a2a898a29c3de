"""Many small folders, each with a label of its own, and two signing services of the same roots."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multiroots import (
    P256,
    Server,
    configured,
    free_port,
    make_ca,
    make_key,
    multirootca,
)
from support import Done, faults, names, run, tls_scaffold

LABEL, USER = "fleetlabel", "fleetuser"
FIRST, SECOND = "http://first.example:8888", "http://second.example:8888"
PARALLEL = 4


@dataclass(frozen=True)
class Fleet:
    """Folders by their labels, their keys, and the two servers."""

    folders: dict[str, Path]
    keys: dict[str, str]
    servers: tuple[Server, Server]
    signer: str = "cfssl"

    def make(self, label: str) -> Done:
        """Run make in one folder, with its key."""
        given: dict[str, Any] = {"CFSSL_AUTH": self.keys[label], "SIGNER": self.signer}
        return run("make", cwd=self.folders[label], **given)

    def make_all(self) -> dict[str, Done]:
        """Run make in all folders, some at a time, as `xargs -P` does."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(zip(self.folders, pool.map(self.make, self.folders), strict=True))

    @property
    def in_place(self) -> int:
        """How many certificates are in their places."""
        return sum((each / f"certs/{name}.pem").exists() for each, name in self._wanted())

    @property
    def signed(self) -> int:
        """How many certificates the two servers say that they have signed."""
        told = "signed certificate with serial number"
        return sum(server.log.read_text().count(told) for server in self.servers)

    def broken(self) -> list[str]:
        """Return what is wrong in any folder, but for what is missing, as the CA's key is."""
        return [
            f"{label}: {fault}"
            for label, folder in self.folders.items()
            for fault in faults(folder)
            if not fault.endswith(": missing") and not fault.startswith("ca.pem: FileNotFound")
        ]

    def doubled(self) -> list[str]:
        """Return the components that were put in place more than once, by the record."""
        found = []
        for folder, name in self._wanted():
            records = [*(folder / "issued").glob(f"{name}-??????????-??????????.pem")]
            if len(records) > 1:
                found.append(f"{folder.name}: {name}")
        return found

    def _wanted(self) -> Iterator[tuple[Path, str]]:
        for folder in self.folders.values():
            yield from ((folder, name) for name in names(folder))


@contextmanager
def fleet(at: Path, count: int, version: str = "1.6.5", signer: str = "cfssl") -> Iterator[Fleet]:
    """Make folders of one member and one user each, and run two servers of one configuration."""
    make_ca(at / "server/ca")
    files = at / "server/ca"
    pattern = at / LABEL
    words = ("--members", "10.0.0.1", "--users", USER, *P256, "--ca", str(files / "ca.pem"))
    remote = ("--ca-remote", f"{FIRST},{SECOND}", "--ca-label", LABEL)
    done = tls_scaffold("new", str(pattern), *words, *remote)
    assert done.returncode == 0, done.stderr
    labels = [f"f{number}" for number in range(count)]
    folders = {label: at / f"folders/{label}" for label in labels}
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    for number, label in enumerate(labels):
        # Half of them ask the one first, the others the other.
        first, second = urls[:: (-1) ** number]
        told = {LABEL: label, USER: f"user-{label}", FIRST: first, SECOND: second}
        copy_with(pattern, folders[label], told)
    ca = ("--certificate", str(files / "ca.pem"), "--private", str(files / "ca-key.pem"))
    configured("--all", "folders", "--into", "server", *ca, cwd=at)
    keys = {label: make_key(at / f"server/keys/{label}.key").hex() for label in labels}
    roots = at / "server/roots.ini"
    with ExitStack() as running:
        one, other = (
            running.enter_context(multirootca(at, version, roots, port=int(url.rpartition(":")[2])))
            for url in urls
        )
        yield Fleet(folders, keys, (one, other), signer)


def copy_with(pattern: Path, folder: Path, texts: dict[str, str]) -> None:
    """Copy a folder with other texts in its files and their names."""

    def changed(text: str) -> str:
        for old, new in texts.items():
            text = text.replace(old, new)
        return text

    shutil.copytree(pattern, folder)
    for path in [*folder.rglob("*")]:
        if path.is_file():
            path.write_text(changed(path.read_text()))
            path.rename(path.with_name(changed(path.name)))

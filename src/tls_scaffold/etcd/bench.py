"""A running cluster, and everybody who is to try something there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.etcdctl import Cluster, Done, Identity, Member
from tls_scaffold.inventory.rbac import SCRIPT

PROBE = "tls-scaffold-probe"
ALLOWED, DENIED = "allowed", "denied"
REFUSALS = {"etcdserver: permission denied", "etcdserver: user name not found"}


@dataclass(frozen=True)
class Bench:
    """A running cluster and who knocks at it; `stranger` has a certificate of another CA.

    `root_ca` is a file in which the CA that signed root's stands beside the members'; they can be one.
    """

    cluster: Cluster
    root: Identity
    root_ca: Path
    member: Member
    stranger: Identity
    users: Mapping[str, Identity]


def apply(bench: Bench, script: Path, *words: str) -> str:
    """Run `rbac.sh` as root; return what it printed, one line a change. ScaffoldError where it fails.

    Only enabling asks every member; for the rest one is enough, and a handshake with each takes its time.
    """
    done = run_script(bench, script, *words)
    if done.returncode:
        raise failed(done, *words)
    return done.stdout


def run_script(bench: Bench, script: Path, *words: str) -> Done:
    """Run `rbac.sh`, or another script of its kind, as root."""
    # A relative directory would be another one where the script runs.
    variables = {"ETCDCTL_CACERT": str(bench.root_ca), "TMPDIR": str(script.parent.absolute())}
    if "--enable" not in words:
        variables["ETCDCTL_ENDPOINTS"] = bench.cluster.endpoints[0]
    return bench.cluster.run(bench.root, ["sh", script, *words], variables, script.parent)


def failed(done: Done, *words: str) -> ScaffoldError:
    """Return the error of a script that failed, in its own words."""
    return ScaffoldError(
        f"`{' '.join([SCRIPT, *words])}` failed on the throw-away cluster",
        done.stderr.removeprefix("error: ").split("\n\n")[0].splitlines(),
    )


def outcome(cluster: Cluster, identity: Identity, endpoint: str, *words: str) -> str:
    """Return what a command of etcdctl comes to: ALLOWED, DENIED or the words of another error."""
    done = cluster.etcdctl(identity, *words, ETCDCTL_ENDPOINTS=endpoint)
    if done.returncode == 0:
        return ALLOWED
    said = re.findall(r"^Error: *(.*)$", done.stderr, re.MULTILINE)
    return DENIED if REFUSALS.intersection(said) else " ".join(said or done.stderr.split("\n")[-2:])

"""A running cluster, and everybody who is to try something there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.etcdctl import Cluster, Done, Identity, Member
from tls_scaffold.inventory.rbac import SCRIPT

PROBE = "tls-scaffold-probe"


@dataclass(frozen=True)
class Check:
    """A sentence about the cluster, whether it holds, and what was seen where it does not."""

    sentence: str
    seen: str

    @property
    def holds(self) -> bool:
        """Whether it holds."""
        return not self.seen


@dataclass(frozen=True)
class Bench:
    """A running cluster and who knocks at it; `stranger` has a certificate of another CA.

    `root_ca` is a file in which the CA that signed root's stands beside the members'; they can be
    one. `peer_ca` is a file with what peers trust, where they have a CA of their own. `logins` are
    CN and password of each user of the HTTP gateway, by its name. `nobody` has a certificate that
    members trust, and no user in etcd. `crl` is the list that members look into, if they do.
    """

    cluster: Cluster
    root: Identity
    root_ca: Path
    member: Member
    stranger: Identity
    users: Mapping[str, Identity]
    peer_ca: Path | None = None
    logins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    nobody: Identity | None = None
    crl: Path | None = None

    @cached_property
    def peers(self) -> Cluster:
        """The cluster as its members see it: they trust what peers trust."""
        return replace(self.cluster, ca=self.peer_ca) if self.peer_ca else self.cluster

    @cached_property
    def version(self) -> str:
        """The version of etcd that runs."""
        return self.cluster.tools.version


def apply_script(bench: Bench, script: Path, *arguments: str) -> str:
    """Run `rbac.sh` as root; return what it printed, one line a change.

    Raises ScaffoldError where it fails. Only enabling asks every member; for the rest one is
    enough, and a handshake with each takes its time.
    """
    done = run_script(bench, script, *arguments)
    if done.returncode:
        raise script_error(done, *arguments)
    return done.stdout


def run_script(bench: Bench, script: Path, *arguments: str) -> Done:
    """Run `rbac.sh`, or another script of its kind, as root."""
    # A relative directory would be another one where the script runs.
    variables = {"ETCDCTL_CACERT": str(bench.root_ca), "TMPDIR": str(script.parent.absolute())}
    lines = [f"{user}:{password}" for user, password in bench.logins.values()]
    variables["TLS_SCAFFOLD_PASSWORDS"] = "\n".join(lines)
    variables["TLS_SCAFFOLD_PASSWORD_FILE"] = ""  # the caller's has the real ones
    if "--enable" not in arguments:
        variables["ETCDCTL_ENDPOINTS"] = bench.cluster.endpoints[0]
    return bench.cluster.run(bench.root, ["sh", script, *arguments], variables, script.parent)


def script_error(done: Done, *arguments: str) -> ScaffoldError:
    """Return the error of a script that failed, in its own words."""
    return ScaffoldError(
        f"`{' '.join([SCRIPT, *arguments])}` failed on the throw-away cluster",
        done.stderr.removeprefix("error: ").split("\n\n")[0].splitlines(),
    )

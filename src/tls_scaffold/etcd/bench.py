"""A running cluster, and everybody who is to try something there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.etcdctl import Cluster, Done, Identity, Member
from tls_scaffold.inventory.rbac import SCRIPT

PROBE = "tls-scaffold-probe"
ALLOWED, DENIED = "allowed", "denied"
REFUSALS = {
    "etcdserver: permission denied",
    "etcdserver: user name not found",
    "etcdserver: user name is empty",  # a certificate without a CN, and no password
}


@dataclass(frozen=True)
class Bench:
    """A running cluster and who knocks at it; `stranger` has a certificate of another CA.

    `root_ca` is a file in which the CA that signed root's stands beside the members'; they can be
    one. `passwords` are those of the users of etcd's HTTP gateway, by their names in etcd.
    """

    cluster: Cluster
    root: Identity
    root_ca: Path
    member: Member
    stranger: Identity
    users: Mapping[str, Identity]
    passwords: Mapping[str, str] = field(default_factory=dict)


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
    lines = [f"{user}:{password}" for user, password in bench.passwords.items()]
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


def outcome(
    cluster: Cluster, identity: Identity, endpoint: str, *arguments: str, **variables: str
) -> str:
    """Return what a command of etcdctl comes to: ALLOWED, DENIED or the text of another error."""
    done = cluster.etcdctl(identity, *arguments, ETCDCTL_ENDPOINTS=endpoint, **variables)
    if done.returncode == 0:
        return ALLOWED
    errors = re.findall(r"^Error: *(.*)$", done.stderr, re.MULTILINE)
    if REFUSALS.intersection(errors):
        return DENIED
    return " ".join(errors or done.stderr.split("\n")[-2:])

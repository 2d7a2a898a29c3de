"""`tls-scaffold` as a process of its own, without the time that Python takes to begin.

A quarter of a second of each run goes into the start of Python and its imports. Here one process
has imported all of it and forks for each command, which has its own arguments, variables, folder,
umask, output and exit code. What depends on the very start is run by its path, see `can_run`.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# What Python reads when it begins: a forked process would not follow it.
AT_THE_START = ("PYTHON", "LC_", "LANG", "TZ", "OPENSSL_", "COVERAGE", "LD_")
LONGEST_REQUEST = 1 << 20


def _read_at_the_start(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(AT_THE_START)}


class Server:
    """The process that forks; started when the first command is run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._variables = {**os.environ, "LC_ALL": "C"}

    def can_run(self, variables: Mapping[str, str]) -> bool:
        """Tell whether a command is the same forked: what Python reads first does not differ."""
        return _read_at_the_start(variables) == _read_at_the_start(self._variables)

    def run(
        self,
        words: Sequence[str],
        cwd: Path | None,
        variables: Mapping[str, str],
        umask: int,
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command; the first word is the path of the program."""
        reads, writes = os.pipe()
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            os.fdopen(reads, "rb") as answer,
        ):
            asked = json.dumps([list(words), str(cwd or Path.cwd()), dict(variables), umask])
            with self._lock:
                socket.send_fds(
                    self._connection(),
                    [asked.encode("utf-8", "surrogateescape")],
                    [out.fileno(), err.fileno(), writes],
                )
            os.close(writes)
            code = int(answer.read() or b"-9")
            return subprocess.CompletedProcess(list(words), code, _text_of(out), _text_of(err))

    def _connection(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
                self._process = subprocess.Popen(
                    [sys.executable, __file__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env=self._variables,
                    stdin=subprocess.DEVNULL,
                )
            self._socket = ours  # not before it runs: a fast test may not start it
            atexit.register(self.end)
        return self._socket

    def end(self) -> None:
        """End the process: it sees that nobody is there any more."""
        if self._socket and self._process:
            self._socket.close()
            self._process.wait()


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def _import_all() -> None:
    import importlib
    import pkgutil

    import tls_scaffold

    for module in pkgutil.walk_packages(tls_scaffold.__path__, "tls_scaffold."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("cookiecutter.main", "tempfile", "jinja2"):
        importlib.import_module(name)


def _serve(connection: socket.socket) -> None:
    """Fork for each command; return in the process that is to run it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            break
        for each in descriptors:
            os.close(each)
    connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, answer = descriptors
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    words, cwd, variables, umask = json.loads(message.decode("utf-8", "surrogateescape"))
    os.dup2(out, 1)
    os.dup2(err, 2)
    for each in descriptors:
        os.close(each)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    if umask >= 0:
        os.umask(umask)
    sys.argv = words


if __name__ == "__main__":
    _import_all()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from tls_scaffold.cli import main

    main()

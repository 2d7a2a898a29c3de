"""What all tests share.

That is a folder made by the real command, the programs that a test needs, and `--long`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from peers import build as peers
from support import CHOSEN, MEMBERS, PROGRAMS, environment, make, tls_scaffold

NEED_TOOLS = "TLS_SCAFFOLD_TESTS_NEED_TOOLS"
# What Python tells an audit hook of when a program is started: by itself, or by the warm server
# (tests/warm.py), which is asked through a socket.
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system", "socket.sendmsg")
FAST_SECONDS = 5.0  # of the processor, on a busy machine too

Factory = Callable[..., Path]
Render = Callable[..., Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run the tests that take the full numbers of a promise"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"needs(*programs, within=PATH): skip without these programs; fail if {NEED_TOOLS} is set",
    )
    config.pluginmanager.register(FastTests())
    # A machine that is busy is no fault: by default an example that takes 0.2 s is one, and ten
    # that are slowly drawn. What is tried is the same each time; the long form looks for more.
    settings.register_profile(
        "suite",
        deadline=None,
        derandomize=not config.getoption("--long"),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("suite")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what has no fast test, where these alone are asked for."""
    if config.getoption("markexpr") != "fast" or collection_path.suffix != ".py":
        return None
    return "pytest.mark.fast" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes long: run with --long"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = sorted({each for mark in item.iter_markers("needs") for each in _missing(mark)})
    if not missing:
        return
    message = f"not installed: {', '.join(missing)}"
    if os.environ.get(NEED_TOOLS):
        pytest.fail(f"{message} ({NEED_TOOLS} is set)", pytrace=False)
    pytest.skip(message)


class StartedError(AssertionError):
    """A test that is marked fast has started a program."""


class FastTests:
    """Holds tests that are marked `fast` to it: no program is started, and little time goes."""

    def __init__(self) -> None:
        self._fast = False
        self._watched = False

    def _watch(self, event: str, _: tuple[object, ...]) -> None:
        if self._fast and event in STARTS:
            raise StartedError(f"a test that is marked fast starts no program: {event}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Run the test, and fail it if a fast one took long."""
        begun = time.process_time()
        result = yield
        taken = time.process_time() - begun
        if self._fast and taken > FAST_SECONDS:
            pytest.fail(f"a test that is marked fast took {taken:.1f} s", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch a fast test from its first fixture to its last."""
        self._fast = item.get_closest_marker("fast") is not None
        if self._fast and not self._watched:
            sys.addaudithook(self._watch)  # it stays till the process ends
            self._watched = True
        try:
            return (yield)
        finally:
            self._fast = False


def _missing(mark: pytest.Mark) -> list[str]:
    """Return the programs that are on no PATH, or not in the folders that the mark names."""
    within = mark.kwargs.get("within", "")
    missing = [
        program for program in mark.args if not shutil.which(program, path=within or PROGRAMS)
    ]
    if not (missing and within):
        return missing
    how = (
        " (`python tests/peers/build.py` builds them)"
        if within.startswith(str(peers.CACHE))
        else ""
    )
    return [f"{' and '.join(missing)} in {within}{how}"]


@pytest.fixture(scope="session")
def _rendered(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function that makes each folder once, signed or not; tests get copies."""
    made: dict[tuple[tuple[str, ...], bool], Path] = {}

    def of(words: tuple[str, ...], *, signed: bool) -> Path:
        if (words, signed) not in made:
            path = made[words, signed] = tmp_path_factory.mktemp("rendered") / "tls-setup"
            if signed:
                shutil.copytree(of(words, signed=False), path, symlinks=True)
                make(path, "-j2", SIGNER="cfssl")
            else:
                done = tls_scaffold("new", str(path), *words)
                assert done.returncode == 0, done.stderr
        return made[words, signed]

    return of


@pytest.fixture
def folder(_rendered: Render, tmp_path: Path) -> Factory:
    """Return a factory: what `tls-scaffold new` makes of the words, as `tmp_path/tls-setup`.

    Without words: three members, a proxy, the users calico and kube-apiserver.
    """

    def new(*words: str, name: str = "tls-setup", signed: bool = False) -> Path:
        return shutil.copytree(
            _rendered(words or MEMBERS, signed=signed), tmp_path / name, symlinks=True
        )

    return new


@pytest.fixture
def signed(folder: Factory) -> Factory:
    """Return the same factory for folders in which the real cfssl has signed everything."""

    def new(*words: str, name: str = "tls-setup") -> Path:
        return folder(*words, name=name, signed=True)

    return new


@pytest.fixture(params=["cfssl", "tls-scaffold"])
def either_signer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test twice, make signing with cfssl and with tls-scaffold; return which."""
    monkeypatch.setitem(CHOSEN, "SIGNER", request.param)
    return str(request.param)


@pytest.fixture
def path_without(tmp_path: Path) -> Callable[..., str]:
    """Return a function that makes a PATH with every program of this machine but those named."""

    def without(*programs: str) -> str:
        links = tmp_path / f"without-{'-'.join(programs)}"
        links.mkdir()
        for directory in PROGRAMS.split(os.pathsep):
            for program in Path(directory).glob("*"):
                if program.name not in programs and not (links / program.name).is_symlink():
                    (links / program.name).symlink_to(program)
        return str(links)

    return without


@pytest.fixture
def running() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Return a function that starts a program in a session of its own.

    What still runs is killed at the end.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, cwd: Path, **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.communicate()

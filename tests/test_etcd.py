"""The throw-away cluster: it starts, and nothing is left of it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clusters import P256, VERSIONS, live, tools, wrapped
from conftest import Factory
from support import processes, wait_for
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import cluster as etcd

WORDS = ("--members", "127.0.0.1", "--users", "root", *P256)
THREE = ("--members", "127.0.0.1,127.0.0.2,127.0.0.3", *WORDS[2:])

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make")


def mentioning(text: str) -> list[str]:
    """Return the command line of each process that names `text`."""
    return [
        words for number, words in processes().items() if text in words and number != os.getpid()
    ]


@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize("words", [WORDS, THREE], ids=["one member", "three members"])
def test_a_cluster_comes_up_on_loopback_and_leaves_no_process(
    signed: Factory, tmp_path: Path, path: str, words: tuple[str, ...]
) -> None:
    with live(signed(*words), tmp_path / "run", with_tools=tools(path)) as running:
        assert len(running.cluster.endpoints) == len(running.inventory.members)
        assert all(each.startswith("https://127.0.0.1:") for each in running.cluster.endpoints)
        assert running.said("put", "a", "1") == "OK\n"
        assert running.said("get", "a") == "a\n1\n"
        assert mentioning(str(tmp_path / "run"))

    assert mentioning(str(tmp_path / "run")) == []


def test_a_cluster_that_can_not_start_is_told_in_etcd_s_own_words(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # etcd ends at once, but a busy machine may let it come to that late.
    monkeypatch.setattr(etcd, "UNUSABLE_SECONDS", 60)
    folder = signed(*WORDS)
    (folder / "certs/etcd1-key.pem").write_bytes((folder / "certs/root-key.pem").read_bytes())

    with pytest.raises(ScaffoldError) as refused, live(folder, tmp_path / "run"):
        pass

    assert refused.value.summary == "the throw-away etcd cluster did not start"
    assert "private key does not match public key" in str(refused.value.problems[0])
    assert mentioning(str(tmp_path / "run")) == []


def test_a_member_that_does_not_come_up_in_time_is_told(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd, "START_SECONDS", 0)

    with (
        pytest.raises(ScaffoldError, match="did not start"),
        live(signed(*WORDS), tmp_path / "run"),
    ):
        pass

    assert mentioning(str(tmp_path / "run")) == []


def test_a_member_that_says_nothing_is_told_too(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd, "START_SECONDS", 0.1)
    silent = wrapped(tools(), tmp_path / "wrapped", "etcd", "exec sleep 60")

    with (
        pytest.raises(ScaffoldError) as refused,
        live(signed(*WORDS), tmp_path / "run", with_tools=silent),
    ):
        pass

    assert list(map(str, refused.value.problems)) == ["etcd1: no answer, and nothing in its log"]


def test_a_port_that_somebody_takes_in_between_is_given_up_for_another(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: Callable[[int], list[int]] = etcd._free_ports
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        offers = iter(([port, *free(1)],))
        monkeypatch.setattr(etcd, "_free_ports", lambda count: next(offers, None) or free(count))

        with live(signed(*WORDS), tmp_path / "run") as running:
            assert port not in running.cluster.client_ports
            assert running.said("get", "a") == ""


def test_a_port_that_is_always_taken_ends_in_etcd_s_own_words(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(etcd, "_free_ports", lambda count: [taken.getsockname()[1]] * count)

        with pytest.raises(ScaffoldError) as refused, live(signed(*WORDS), tmp_path / "run"):
            pass

    assert "address already in use" in str(refused.value.problems[0])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "attempt0",
        "attempt1",
        "attempt2",
    ]


PROGRAM = """
import sys, time
from pathlib import Path
from tls_scaffold.disk.signals import ended_by_signals
from tls_scaffold.etcd import cluster as etcd, etcdctl, guarded
from tls_scaffold.etcd.bundled import Bundles
from tls_scaffold.etcd.etcdctl import Identity, Member
from tls_scaffold.inventory import intake
certs = Path(sys.argv[1]) / "certs"
own = Identity(certs / "etcd1.pem", certs / "etcd1-key.pem")
with ended_by_signals(), guarded.temporary_folder("run-") as into, etcd.cluster(
    *(etcdctl.find_tools(None), [Member("etcd1", own, own)], certs / "ca.pem", into),
    Bundles(intake.load(certs.parent), str(certs), None, no_fsync=False).flags,
):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_when_the_program_is_interrupted_or_killed(
    signed: Factory, tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"], number: int
) -> None:
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    program = running(
        sys.executable, "-c", PROGRAM, str(signed(*WORDS)), cwd=tmp_path, TMPDIR=str(temporary)
    )
    assert program.stdout
    assert program.stdout.readline() == "up\n"

    program.send_signal(number)
    program.wait(60)

    # What removes the folder after a SIGKILL looks four times, a second apart.
    wait_for(lambda: not mentioning(str(temporary)), 90)
    assert (mentioning(str(temporary)), list(temporary.iterdir())) == ([], [])
    if number != signal.SIGKILL:
        assert program.returncode == (-2 if number == signal.SIGINT else 128 + number)

"""What `new` asks on a real terminal: each answer is looked at before the next question."""

import os
import pty
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import BIN, environment, wait_for

MEMBERS = "Members (addresses or host names, separated by commas): "
USERS = "Users (names, separated by commas): "
PROXIES = "Proxies (how many) [1]: "


class Terminal:
    """A run of a command, `new` unless one is named, on a terminal, answered by and by."""

    def __init__(self, cwd: Path, *words: str, command: str = "new") -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            (str(BIN / "tls-scaffold"), command, *words),
            cwd=cwd,
            env=environment(NO_COLOR="1"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def shown_until(self, end: str) -> str:
        """Return what is shown until a question, or all that is left."""
        shown = b""
        try:
            while not (end and shown.decode(errors="replace").endswith(end)):
                ready = select.select([self.ours], [], [], 60)[0]
                assert ready, shown
                part = os.read(self.ours, 4096)
                if not part:
                    break
                shown += part
        except OSError:  # how Linux tells that the other end is closed
            pass
        return shown.decode().replace("\r\n", "\n")

    def answer(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def interrupt(self) -> None:
        """Interrupt it once it reads: between its question and its reading no signal is seen.

        A second one, while it ends of the first, would end it in another way.
        """
        reads = Path(f"/proc/{self.process.pid}/syscall")
        wait_for(lambda: reads.read_text().startswith("0 0x0 "), 60)
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        shown = self.shown_until("")
        os.close(self.ours)
        return self.process.wait(60), shown


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[..., Terminal]:
    return lambda *words: Terminal(tmp_path, *words)


def test_each_answer_is_looked_at_at_once_and_asked_again_with_the_reason(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    on = terminal()
    on.shown_until(MEMBERS)
    on.answer("10.0.0.999, 10.0.0.1:2379\n")
    assert on.shown_until(MEMBERS) == (
        "10.0.0.999, 10.0.0.1:2379\n"
        "error: members[0]: `10.0.0.999` is not an IP address or a host name\n"
        "error: members[1]: `10.0.0.1:2379` is not an IP address or a host name "
        f"(give the host alone, without brackets and port)\n{MEMBERS}"
    )
    on.answer("10.0.0.1,10.0.0.1\n")
    assert "members[1].hosts[0]: `10.0.0.1` is the same host" in on.shown_until(MEMBERS)
    on.answer("10.0.0.1, 10.0.0.2\n")
    on.shown_until(USERS)
    on.answer("etcd\n")
    assert "`etcd` is the CN of the members" in on.shown_until(USERS)
    on.answer("calico, ca\n")
    assert "`ca` is taken by the CA's own files" in on.shown_until(USERS)
    on.answer("calico\n")
    on.shown_until(PROXIES)
    on.answer("many\n")
    assert "'many' is not a valid integer range" in on.shown_until(PROXIES)
    on.answer("99999\n")
    assert "there are more than 10000" in on.shown_until(PROXIES)
    assert list(tmp_path.iterdir()) == []
    on.answer("0\n")
    code, shown = on.end()

    assert code == 0
    assert "made: requests and a Makefile for a CA, 2 members, 0 proxies, 1 user" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--users", "ca"), "users[0].name: `ca` is taken by the CA's own files"),
        (("--key", "dsa"), "key: `dsa` is not understood"),
        (("10.0.0.1",), "`10.0.0.1` looks like one of the members"),
    ],
)
def test_what_was_given_is_looked_at_before_anything_is_asked(
    terminal: Callable[..., Terminal], tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    code, shown = terminal(*words).end()

    assert code in (1, 2)
    assert told in shown
    assert "Members (" not in shown
    assert list(tmp_path.iterdir()) == []


def test_what_is_granted_may_be_to_users_that_are_named_then(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    on = terminal("--grant", "app=/app/", "--proxies", "0")
    on.shown_until(MEMBERS)
    on.answer("10.0.0.1\n")
    on.shown_until(USERS)
    on.answer("app\n")

    assert on.end()[0] == 0
    assert '"/app/"' in (tmp_path / "tls-setup/tls-scaffold.json").read_text()


def test_the_target_is_looked_at_before_the_first_question(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    (tmp_path / "tls-setup").mkdir()
    (tmp_path / "tls-setup/mine").touch()

    code, shown = terminal().end()

    assert code == 1
    assert shown.startswith("error: `tls-setup` is not empty: nothing was written\n  `mine` is in")
    assert "Members (" not in shown


def test_the_target_may_be_what_a_killed_run_left(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    for question in (MEMBERS,):
        on = terminal()
        on.shown_until(question)
        on.answer("10.0.0.1\n\n\n")
        assert on.end()[0] == 0
    (tmp_path / "tls-setup/Makefile").unlink()

    on = terminal()
    on.shown_until(MEMBERS)
    on.answer("10.0.0.1\n\n\n")

    assert on.end()[0] == 0
    assert (tmp_path / "tls-setup/Makefile").exists()


@pytest.mark.parametrize("answered", [(), ("10.0.0.1\n",), ("10.0.0.1\n", "calico\n")])
@pytest.mark.parametrize("way", ["end of input", "interrupt"])
def test_an_abort_leaves_nothing(
    terminal: Callable[..., Terminal], tmp_path: Path, answered: tuple[str, ...], way: str
) -> None:
    on = terminal()
    questions = (MEMBERS, USERS, PROXIES)
    for question, text in zip(questions, answered, strict=False):
        on.shown_until(question)
        on.answer(text)
    on.shown_until(questions[len(answered)])
    if way == "interrupt":
        on.interrupt()
    else:
        on.answer("\x04")
    code, shown = on.end()

    assert code == 1
    assert shown.endswith("Aborted!\n")
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_an_answer_does_not_steer_the_terminal(terminal: Callable[..., Terminal]) -> None:
    on = terminal()
    on.shown_until(MEMBERS)
    on.answer("a\u202eb\n")
    shown = on.shown_until(MEMBERS)
    on.process.kill()
    on.end()

    assert "`a\\u202eb` is not" in shown

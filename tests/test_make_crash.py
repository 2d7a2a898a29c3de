"""The generated Makefile under kills, beside other makes and with -j8.

There are pairs that fit, and never a CA too many.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from conftest import Factory
from support import (
    Done,
    contents,
    environment,
    faults,
    group_is_there,
    kill_group,
    make,
    names,
    run,
    verify,
    wait_for,
)

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
with_either_signer = pytest.mark.usefixtures("either_signer")

SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
CA = ("ca.csr", "ca-key.pem", "ca.pem", "trust.pem")
GOALS = ("all", "ca", "req", "req-calico", "help", "clean", "regenerate")
# What sign.sh runs: a kill before any of these stands for every point at which a run can be killed.
STEPS = (
    "cfssl",
    "cfssljson",
    "mv",
    "rm",
    "mkdir",
    "mktemp",
    "chmod",
    "sync",
    "cp",
    "tar",
    "flock",
    "sha256sum",
    "date",
)
STEP = """\
#!/bin/sh
read -r step <"$COUNTER"
echo $((step + 1)) >"$COUNTER"
[ "$step" != "$FATAL" ] || kill -9 {victim}
exec {program} "$@"
"""
VICTIMS = {"the whole group": "0", "the script": "$PPID", "only make": "$LEADER"}
# What a killed regenerate can have left in place.
OLD_SET, IN_SWAP, NEW_SET = "the old set", "some of the new set", "the new set"
Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Killer:
    """Runs make and kills it at one of its steps."""

    place: Path
    groups: list[int] = field(default_factory=list)
    counted: tuple[str, ...] = STEPS

    def kills(self, step: int, folder: Path, goal: str, victim: str = "the whole group") -> bool:
        """Run make in a folder and tell whether it got to the step that kills it."""
        return self.run(step, folder, goal, victim) >= step

    def run(self, step: int, folder: Path, goal: str, victim: str = "the whole group") -> int:
        """Run make in a folder and return how many steps it took; it is killed at one of them."""
        counter = Path(tempfile.mkdtemp(dir=self.place)) / "counter"
        counter.write_text("1\n")
        path = f"{self._programs(victim)}:{os.environ['PATH']}"
        process = subprocess.Popen(
            ["sh", "-c", f"LEADER=$$; export LEADER; exec make {goal}"],
            cwd=folder,
            env=environment(PATH=path, COUNTER=str(counter), FATAL=str(step)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.wait(300)
        self.groups.append(process.pid)
        if victim != "only make":  # whose script goes on; what else is left has only to die
            self.settle()
        wait_for(counter.read_text)  # what a killed make had begun may be counting still
        return int(counter.read_text() or step + 1) - 1

    def settle(self) -> None:
        """Wait until what a killed make had begun has ended as well."""
        wait_for(lambda: not group_is_there(self.groups[-1]), 60)

    def _programs(self, victim: str) -> Path:
        programs = self.place / f"{len(self.counted)} steps {victim}"
        if not programs.exists():
            programs.mkdir()
            for name in self.counted:
                write_program(
                    programs / name, STEP.format(victim=VICTIMS[victim], program=shutil.which(name))
                )
            write_program(
                programs / "getconf", "#!/bin/sh\necho 1\n"
            )  # one job, so that steps have an order
        return programs


@pytest.fixture
def killer(tmp_path: Path) -> Killer:
    return Killer(tmp_path)


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def steps(config: pytest.Config, every: int, first: int = 1) -> Iterator[int]:
    """Return the steps to kill at: all of them with --long, else one of `every`."""
    return itertools.count(first, 1 if config.getoption("--long") else every)


def fresh(template: Path, path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    return shutil.copytree(template, path, symlinks=True)


def cas(folder: Path) -> set[bytes]:
    """Return the certificates of every CA in a folder, those in the archive as well."""
    return {
        path.read_bytes()
        for path in (*folder.glob("certs/ca.pem"), *folder.glob("archive/*/certs/ca.pem"))
    }


# --- kills


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_first_make_that_is_killed_anywhere_is_completed_by_the_next(
    folder: Factory, killer: Killer, pytestconfig: pytest.Config, victim: str
) -> None:
    template = folder(*SMALL, name="template")
    path = template.with_name("tls-setup")
    for step in steps(pytestconfig, 31):
        if not killer.kills(step, fresh(template, path), "all", victim):
            break
        ca = whole_ca(path)
        make(path)
        killer.settle()
        assert faults(path) == [], step
        assert not ca or cas(path) == {ca}, step
    assert step > 30


def whole_ca(folder: Path) -> bytes:
    """Return the CA that was decided on when the run was killed.

    It may be anywhere on its way to its place.
    """
    found = [
        path
        for path in (folder / "certs/.new/new/certs/ca.pem", folder / "certs/ca.pem")
        if path.exists()
    ]
    return found[0].read_bytes() if found else b""


@pytest.mark.parametrize("victim", VICTIMS)
def test_signing_again_that_is_killed_anywhere_leaves_pairs_that_fit(
    signed: Factory, killer: Killer, pytestconfig: pytest.Config, victim: str
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    ca = {name: content for name, content in contents(template / "certs").items() if name in CA}
    for step in steps(pytestconfig, 29):
        if not killer.kills(step, fresh(template, path), "req", victim):
            break
        make(path)
        killer.settle()
        assert faults(path) == [], step
        assert ca.items() <= contents(path / "certs").items(), step
    assert step > 20


@pytest.mark.parametrize(
    "victim",
    ["the whole group", "only make", pytest.param("the script", marks=pytest.mark.long)],
)
def test_a_regenerate_that_is_killed_anywhere_keeps_the_old_set_or_is_completed_never_a_third_ca(
    signed: Factory, killer: Killer, pytestconfig: pytest.Config, victim: str
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    old = settled(template / "certs")
    ends = Counter[str]()
    for step, goal in zip(steps(pytestconfig, 17), itertools.cycle(GOALS), strict=False):
        if not killer.kills(step, fresh(template, path), "regenerate", victim):
            break
        killer.settle()
        ends[check_killed_regenerate(path, goal, old)] += 1
    assert step > 60
    # A script that has lost its make alone ends the swap that it has begun.
    alone = victim == "only make"
    assert ends[NEW_SET if alone else IN_SWAP] >= (3 if pytestconfig.getoption("--long") else 1)
    assert not alone or not ends[IN_SWAP]


@pytest.mark.long
@pytest.mark.parametrize("goal", GOALS)
def test_a_regenerate_that_is_killed_in_its_swap_is_completed_by_any_target(
    signed: Factory, killer: Killer, goal: str
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    old = settled(template / "certs")
    # Only one process at a time moves files: of programs that run side by side the count would
    # differ.
    moving = replace(killer, counted=("mv",))
    moves = moving.run(0, fresh(template, path), "regenerate")
    for step in range(moves - 6, moves + 1, 2):
        assert moving.kills(step, fresh(template, path), "regenerate")
        assert check_killed_regenerate(path, goal, old) == IN_SWAP


def settled(certs: Path) -> dict[str, bytes | str]:
    """Return what is in certs/, without what is worked in and what keeps it out of git."""
    return {name: content for name, content in contents(certs).items() if not name.startswith(".")}


def check_killed_regenerate(path: Path, goal: str, old: dict[str, bytes | str]) -> str:
    """Run a goal after a kill, and return which set the kill had left in place.

    The old set is as it was, or the new one takes its place.
    """
    ca = whole_ca(path)
    end = OLD_SET if ca == old["ca.pem"] else NEW_SET
    if (path / "certs/.new").exists():
        end = IN_SWAP
        make(path, goal)
    assert end != OLD_SET or settled(path / "certs") == old

    make(path)

    assert faults(path) == []
    assert {old["ca.pem"], ca} <= cas(path)
    another = end == IN_SWAP and goal in ("clean", "regenerate")
    assert another or (path / "certs/ca.pem").read_bytes() == ca
    if end == OLD_SET:
        return end
    (archived,) = (
        each.parent
        for each in path.glob("archive/*/certs")
        if (each / "ca.pem").read_bytes() == old["ca.pem"]
    )
    assert contents(archived / "certs") == {
        name: text for name, text in old.items() if name != ".gitignore"
    }
    return end


def test_a_set_that_came_with_a_clone_does_not_take_the_ca_s_place(signed: Factory) -> None:
    path, other = signed(*SMALL), signed(*SMALL, name="other")
    make(other, "regenerate")
    planted = path / "certs/.new"
    shutil.copytree(other / "certs", planted / "new/certs")
    (planted / "new/certs/ca-key.pem").rename(planted / "ca-key.pem")
    for words in ("none", "0" * 64, ""):
        (planted / "of").write_text(f"{words}\n")
        before = contents(path)
        for goal in ("all", "req", "clean", "regenerate"):
            assert "`certs/.new` was not made for the CA" in make(path, goal, code=2).stderr
        assert contents(path) == before


@with_either_signer
@pytest.mark.parametrize("goal", ["all", "req", "regenerate"])
def test_kills_at_random_moments_leave_pairs_that_fit(
    signed: Factory, pytestconfig: pytest.Config, goal: str
) -> None:
    path = signed(*SMALL)
    chance = random.Random(goal)  # noqa: S311  (moments, not secrets)
    for _ in range(334 if pytestconfig.getoption("--long") else 5):
        if goal == "all":
            shutil.rmtree(path / "certs", ignore_errors=True)
            shutil.rmtree(path / "issued", ignore_errors=True)
        before = cas(path)
        kill_after(chance.uniform(0.0, 0.4), path, goal)
        make(path, "-j2")
        assert faults(path) == []
        assert goal == "regenerate" or not before or before <= cas(path)
        assert len(cas(path) - before) <= 1


def kill_after(seconds: float, folder: Path, goal: str) -> None:
    process = subprocess.Popen(
        ["make", "-j2", goal],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    kill_group(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_behind(
    signed: Factory, running: Start, tmp_path: Path, number: signal.Signals
) -> None:
    path = signed(*SMALL)
    before = contents(path)
    make_slow(tmp_path)

    process = running("make", "-j2", "req", cwd=path, PATH=slow(tmp_path))
    # Both, and in a program of their own: where mktemp itself is interrupted its folder stays
    # until the next run, and a signal between fork and exec is lost in the child of a shell that
    # traps it: the program that would never end by itself then runs on.
    wait_for(lambda: len([*(tmp_path / "slow").glob("cfssl.*.waits")]) == 2)
    os.killpg(process.pid, number)
    process.communicate(timeout=120)

    assert process.returncode != 0
    wait_for(lambda: not list(path.glob("certs/.work.*")))
    assert contents(path) == before


# --- -j8


@with_either_signer
@pytest.mark.parametrize("times", [1, pytest.param(200, marks=pytest.mark.long)])
def test_eight_jobs_end_with_pairs_that_verify(folder: Factory, times: int) -> None:
    template = folder(
        "--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--users", "a,b,c,d,e", name="template"
    )
    for _ in range(times):
        path = fresh(template, template.with_name("tls-setup"))
        make(path, "-j8")
        assert faults(path) == []
        for goal in ("req", "all", "regenerate"):
            make(path, "-j8", goal)
            assert faults(path) == []
    for name in names(path):
        verify(path, f"certs/{name}.pem")


# --- two makes at once

PAIRS = [
    ("all", "all"),
    ("req", "req"),
    ("all", "req"),
    ("regenerate", "all"),
    ("regenerate", "regenerate"),
]


@with_either_signer
@pytest.mark.parametrize("goals", PAIRS, ids="+".join)
@pytest.mark.parametrize("state", ["clean", "signed"])
def test_two_makes_at_once_end_as_if_one_had_waited(
    folder: Factory, running: Start, pytestconfig: pytest.Config, goals: tuple[str, str], state: str
) -> None:
    template = folder(*SMALL, name="template", signed=state == "signed")
    chance = random.Random(str(goals))  # noqa: S311  (moments, not secrets)
    for _ in range(60 if pytestconfig.getoption("--long") else 1):
        path = fresh(template, template.with_name("tls-setup"))
        before = cas(path)
        makes = []
        for goal in goals:
            makes.append(running("make", "-j4", goal, cwd=path))
            time.sleep(chance.uniform(0.0, 0.06))
        said = [process.communicate(timeout=300) for process in makes]
        refused = [
            each for process, each in zip(makes, said, strict=True) if process.returncode != 0
        ]
        # The CA that a second regenerate was to replace is not there any more.
        assert len(refused) <= (goals.count("regenerate") == 2), said
        assert all("what it is made from has changed" in each[1] for each in refused), said
        assert faults(path) == []
        made = len(cas(path) - before)
        assert made <= goals.count("regenerate") + (state == "clean")
        assert before <= cas(path)


def make_slow(tmp_path: Path) -> None:
    """Put a cfssl in front of the real one that ends when `go` says so."""
    (tmp_path / "slow").mkdir()
    until = f': >"$0.$$.waits"\nuntil [ -e "{tmp_path}/slow/go" ]; do sleep 0.05; done'
    write_program(tmp_path / "slow/cfssl", f'#!/bin/sh\n{shutil.which("cfssl")} "$@"\n{until}\n')


def go(tmp_path: Path) -> None:
    (tmp_path / "slow/go").touch()


def slow(tmp_path: Path) -> str:
    return f"{tmp_path / 'slow'}:{os.environ['PATH']}"


def held(folder: Path, running: Start) -> "subprocess.Popen[str]":
    """Hold the lock of a folder from outside, as any program can with flock(1)."""
    (folder / "archive").mkdir(exist_ok=True)
    holder = running("flock", "archive/.lock", "sh", "-c", "touch held; sleep 600", cwd=folder)
    wait_for((folder / "held").exists)
    (folder / "held").unlink()
    return holder


@with_either_signer
def test_nothing_is_put_in_place_while_another_holds_the_lock(
    signed: Factory, running: Start
) -> None:
    path = signed(*SMALL)
    before = settled(path / "certs")
    holder = held(path, running)
    second = running("make", "req", cwd=path)
    time.sleep(1.5)
    assert second.poll() is None
    assert settled(path / "certs") == before

    os.killpg(holder.pid, signal.SIGKILL)  # the kernel lets go of it at once

    assert second.wait(120) == 0
    assert settled(path / "certs") != before
    assert faults(path) == []


def test_two_makes_sign_side_by_side(signed: Factory, running: Start, tmp_path: Path) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))

    make(path, "req-etcd1")

    assert first.poll() is None
    go(tmp_path)
    assert first.wait(120) == 0
    assert faults(path) == []


def test_what_a_killed_run_was_working_in_is_cleared_and_what_a_living_one_works_in_stays(
    signed: Factory, running: Start, tmp_path: Path
) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    [work] = path.glob("certs/.work.*")
    make(path)
    assert work.exists()
    kill_group(first)

    make(path)

    assert not work.exists()
    assert faults(path) == []


@pytest.mark.parametrize("goal", ["regenerate", "req"])
def test_what_a_dead_make_had_asked_for_changes_nothing_after_the_next(
    signed: Factory, running: Start, tmp_path: Path, goal: str
) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", goal, cwd=path, PATH=slow(tmp_path))
    wait_for(
        lambda: list(path.glob("certs/.work.*/**/json")) or list(path.glob("certs/.work.*/json"))
    )
    first.kill()  # the make alone: its script goes on
    first.wait()
    make(path, "-j8", "req")
    before = settled(path / "certs")

    go(tmp_path)
    wait_for(lambda: not group_is_there(first.pid), 60)

    assert settled(path / "certs") == before
    assert faults(path) == []


def test_an_edit_during_signing_is_not_lost(
    signed: Factory, running: Start, tmp_path: Path
) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    request = path / "config/req-calico.json"
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*")))
    request.write_text(request.read_text().replace('"autogenerated"', '"edited"', 1))
    go(tmp_path)
    first.wait(120)

    make(path)

    assert "O = edited" in subject(path / "certs/calico.pem")
    assert faults(path) == []


def test_an_edit_during_regenerate_is_not_lost_and_the_old_set_stays(
    signed: Factory, running: Start, tmp_path: Path
) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    before = settled(path / "certs")
    request = path / "config/req-calico.json"
    first = running("make", "regenerate", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    request.write_text(request.read_text().replace('"autogenerated"', '"edited"', 1))
    go(tmp_path)

    said = first.communicate(timeout=120)

    assert first.returncode != 0
    assert "what it is made from has changed" in said[1]
    assert settled(path / "certs") == before


def subject(certificate: Path) -> str:
    return run("openssl", "x509", "-noout", "-subject", "-in", str(certificate)).stdout


@pytest.mark.skipif(os.getuid() != 0, reason="not root: it can't make a namespace of processes")
@pytest.mark.needs("unshare")
def test_makes_in_namespaces_of_their_own_make_one_ca(folder: Factory, running: Start) -> None:
    template = folder(*SMALL, name="template")
    for _ in range(2):
        path = fresh(template, template.with_name("tls-setup"))
        makes = [
            running("unshare", "-p", "-f", "--mount-proc", "make", "-j4", cwd=path)
            for _ in range(3)
        ]
        said = [process.communicate(timeout=300) for process in makes]
        assert [process.returncode for process in makes] == [0, 0, 0], said
        assert faults(path) == []
        assert len(list(path.glob("issued/ca-??????????.pem"))) == 1


def test_without_flock_and_with_perl_the_same_lock_holds(
    signed: Factory, running: Start, path_without: Callable[..., str]
) -> None:
    path = signed(*SMALL)
    programs = path_without("flock")
    holder = held(path, running)
    before = settled(path / "certs")
    second = running("make", "req", cwd=path, PATH=programs)
    time.sleep(1.5)
    assert second.poll() is None
    assert settled(path / "certs") == before
    os.killpg(holder.pid, signal.SIGKILL)
    assert second.wait(120) == 0
    assert faults(path) == []


@pytest.mark.parametrize("missing", [("sha256sum", "shasum"), ("flock", "perl"), ("mktemp",)])
def test_a_missing_tool_is_an_error_and_never_a_sum_that_fits_everything(
    signed: Factory, path_without: Callable[..., str], missing: tuple[str, ...]
) -> None:
    path = signed(*SMALL)
    (path / "certs/calico.pem").write_text("")
    before = contents(path)

    make(path, code=2, PATH=path_without(*missing))

    assert contents(path) == before


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_a_lock_that_is_no_plain_file_is_refused(
    signed: Factory, tmp_path: Path, kind: str
) -> None:
    path = signed(*SMALL)
    lock = path / "archive/.lock"
    lock.unlink()
    if kind == "fifo":
        os.mkfifo(lock)
    elif kind == "link":
        lock.symlink_to(tmp_path / "elsewhere")
    else:
        lock.mkdir()

    done = make(path, "req", code=2)

    assert "`archive/.lock`" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def side_by_side(log: Path) -> int:
    """Return how many were at work at once at most, by what each noted at its begin and end."""
    running = most = 0
    for line in log.read_text().splitlines():
        running += 1 if line == "begin" else -1
        most = max(most, running)
    return most


def test_another_component_called_all_does_not_stop_its_neighbours(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "all,a,b,c,d,e,f,g")
    (tmp_path / "slow").mkdir()
    log = tmp_path / "log"
    write_program(
        tmp_path / "slow/cfssl",
        f'#!/bin/sh\necho begin >>{log}\n{shutil.which("cfssl")} "$@"\nsleep 1\necho end >>{log}\n',
    )

    make(path, "-j10", PATH=slow(tmp_path))

    assert faults(path) == []
    assert side_by_side(log) > 1


def test_a_dry_run_beside_a_running_make_neither_waits_nor_heals(
    folder: Factory, running: Start
) -> None:
    path = folder(*SMALL)
    held(path, running)
    before = contents(path)

    done: Done = make(path, "-n")

    assert done.stderr == ""
    assert contents(path) == before

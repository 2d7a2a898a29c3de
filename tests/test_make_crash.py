"""The generated Makefile under kills, beside other makes and with -j8: pairs that fit, and never a CA too many."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import Factory
from support import Done, contents, environment, faults, make, names, run, verify, wait_for

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
with_either_signer = pytest.mark.usefixtures("either_signer")

SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
CA = ("ca.csr", "ca-key.pem", "ca.pem")
GOALS = ("all", "ca", "req", "req-calico", "help", "clean", "regenerate")
# What sign.sh runs: a kill before any of these stands for every point at which a run can be killed.
STEPS = ("cfssl", "cfssljson", "mv", "rm", "mkdir", "rmdir", "chmod", "sync", "cp", "ln", "date")
STEP = """\
#!/bin/sh
read -r step <"$COUNTER"
echo $((step + 1)) >"$COUNTER"
[ "$step" != "$FATAL" ] || kill -9 {victim}
exec {program} "$@"
"""
VICTIMS = {"the whole group": "0", "the script": "$PPID", "only make": "$LEADER"}
Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Killer:
    """Runs make and kills it at one of its steps."""

    place: Path
    groups: list[int] = field(default_factory=list)

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
        process.wait(60)
        self.groups.append(process.pid)
        wait_for(counter.read_text)  # what a killed make had begun may be counting still
        return int(counter.read_text() or step + 1) - 1

    def settle(self) -> None:
        """Wait until what a killed make had begun has ended as well."""
        wait_for(lambda: not is_there(self.groups[-1]))

    def _programs(self, victim: str) -> Path:
        programs = self.place / f"steps {victim}"
        if not programs.exists():
            programs.mkdir()
            for name in STEPS:
                write_program(programs / name, STEP.format(victim=VICTIMS[victim], program=shutil.which(name)))
            write_program(programs / "getconf", "#!/bin/sh\necho 1\n")  # one job, so that steps have an order
        return programs


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


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
    return {path.read_bytes() for path in (*folder.glob("certs/ca.pem"), *folder.glob("archive/*/certs/ca.pem"))}


# --- kills


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_first_make_that_is_killed_anywhere_is_completed_by_the_next(
    folder: Factory, killer: Killer, pytestconfig: pytest.Config, victim: str
) -> None:
    template = folder(*SMALL, name="template")
    path = template.with_name("tls-setup")
    for step in steps(pytestconfig, 7):
        if not killer.kills(step, fresh(template, path), "all", victim):
            break
        ca = whole_ca(path)
        make(path)
        killer.settle()
        assert faults(path) == [], step
        assert not ca or cas(path) == {ca}, step
    assert step > 30


def whole_ca(folder: Path) -> bytes:
    """Return the CA that was made when the run was killed, wherever it is on its way to its place."""
    found = [path for path in (folder / "certs/.ca/ca.pem", folder / "certs/ca.pem") if path.exists()]
    return found[0].read_bytes() if found else b""


@pytest.mark.parametrize("victim", VICTIMS)
def test_signing_again_that_is_killed_anywhere_leaves_pairs_that_fit(
    signed: Factory, killer: Killer, pytestconfig: pytest.Config, victim: str
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    ca = {name: content for name, content in contents(template / "certs").items() if name in CA}
    for step in steps(pytestconfig, 6):
        if not killer.kills(step, fresh(template, path), "req", victim):
            break
        make(path)
        killer.settle()
        assert faults(path) == [], step
        assert ca.items() <= contents(path / "certs").items(), step
    assert step > 20


def test_a_regenerate_that_is_killed_anywhere_keeps_the_old_set_or_is_completed_never_a_third_ca(
    signed: Factory, killer: Killer, pytestconfig: pytest.Config
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    old = contents(template / "certs")
    pending_seen = 0
    for step, goal in zip(steps(pytestconfig, 3), itertools.cycle(GOALS), strict=False):
        if not killer.kills(step, fresh(template, path), "regenerate"):
            break
        pending_seen += check_killed_regenerate(path, goal, old)
    assert step > 40
    assert not pytestconfig.getoption("--long") or pending_seen >= 3


@pytest.mark.parametrize("goal", GOALS)
def test_a_regenerate_that_is_killed_in_its_swap_is_completed_by_any_target(
    signed: Factory, killer: Killer, goal: str
) -> None:
    template = signed(*SMALL, name="template")
    path = template.with_name("tls-setup")
    old = contents(template / "certs")
    last = killer.run(0, fresh(template, path), "regenerate")

    pending = sum(
        check_killed_regenerate(path, goal, old)
        for step in range(last - 6, last + 1)
        if killer.kills(step, fresh(template, path), "regenerate")
    )

    assert pending >= 3


def settled(certs: Path) -> dict[str, bytes | str]:
    return {name: content for name, content in contents(certs).items() if not name.startswith(".work.")}


def check_killed_regenerate(path: Path, goal: str, old: dict[str, bytes | str]) -> bool:
    """Run a goal after a kill: the old set is as it was, or the new one takes its place. True: it was in its swap."""
    pending = [(new / "certs/ca.pem", new.parent) for new in path.glob("archive/[!.]*/.new")]
    if not pending:
        before = cas(path)
        assert len(before) == 2 or settled(path / "certs") == old
        make(path)
        assert faults(path) == []
        assert cas(path) == before
        return False
    [(new, archived)] = pending
    ca = new.read_bytes() if new.exists() else (path / "certs/ca.pem").read_bytes()

    done = make(path, goal)

    assert f"the old set is in archive/{archived.name}/" in done.stderr
    assert contents(archived / "certs") == old
    assert sorted(entry.name for entry in archived.iterdir()) == ["certs", "config"]
    assert cas(path) == {old["ca.pem"], ca}
    if goal != "clean":
        assert faults(path) == []
        assert (path / "certs/ca.pem").read_bytes() == ca
        assert "Nothing to be done" in make(path).stdout
    return True


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("state", ["before the swap", "old set moved away", "new set in place"])
def test_a_half_swapped_folder_is_completed_by_any_target(signed: Factory, state: str, goal: str) -> None:
    path, newer = signed(*SMALL), signed(*SMALL, name="newer")
    make(newer, "regenerate")
    old = contents(path / "certs")
    archived = path / "archive/20260102T030405Z"
    (archived / ".new").mkdir(parents=True)
    shutil.copytree(path / "config", archived / "config")
    shutil.copytree(newer / "certs", archived / ".new/certs")
    shutil.copy(path / "certs/ca-key.pem", archived / ".old-ca-key.pem")
    if state != "before the swap":
        (path / "certs").rename(archived / "certs")
    if state == "new set in place":
        (archived / ".new/certs").rename(path / "certs")

    assert check_killed_regenerate(path, goal, old)


@with_either_signer
@pytest.mark.parametrize("goal", ["all", "ca", "req", "regenerate"])
@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_ca_on_its_way_to_its_place_is_brought_there(signed: Factory, goal: str, moved: int) -> None:
    path = signed(*SMALL)
    ca = (path / "certs/ca.pem").read_bytes()
    for file in (path / "certs").iterdir():
        if file.name not in CA:
            file.unlink()
    (path / "certs/.ca").mkdir()
    for name in CA[moved:]:
        (path / "certs" / name).rename(path / "certs/.ca" / name)

    make(path, goal)
    make(path)

    assert faults(path) == []
    assert ca in cas(path)
    assert len(cas(path)) == (2 if goal == "regenerate" else 1)


@with_either_signer
@pytest.mark.parametrize("goal", ["all", "req", "regenerate"])
def test_kills_at_random_moments_leave_pairs_that_fit(signed: Factory, pytestconfig: pytest.Config, goal: str) -> None:
    path = signed(*SMALL)
    chance = random.Random(goal)  # noqa: S311  (moments, not secrets)
    for _ in range(334 if pytestconfig.getoption("--long") else 5):
        if goal == "all":
            shutil.rmtree(path / "certs", ignore_errors=True)
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
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_behind(
    signed: Factory, running: Start, tmp_path: Path, number: signal.Signals
) -> None:
    path = signed(*SMALL)
    before = contents(path)
    make_slow(tmp_path)

    process = running("make", "-j2", "req", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    os.killpg(process.pid, number)
    process.communicate(timeout=10)

    assert process.returncode != 0
    wait_for(lambda: not (path / ".lock").exists())
    assert contents(path) == before


# --- -j8


@with_either_signer
@pytest.mark.parametrize("times", [2, pytest.param(200, marks=pytest.mark.long)])
def test_eight_jobs_end_with_pairs_that_verify(folder: Factory, times: int) -> None:
    template = folder("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--users", "a,b,c,d,e", name="template")
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

PAIRS = [("all", "all"), ("req", "req"), ("all", "req"), ("regenerate", "all"), ("regenerate", "regenerate")]


@with_either_signer
@pytest.mark.parametrize("goals", PAIRS, ids="+".join)
@pytest.mark.parametrize("state", ["clean", "signed"])
def test_two_makes_at_once_end_as_if_one_had_waited(
    folder: Factory, running: Start, pytestconfig: pytest.Config, goals: tuple[str, str], state: str
) -> None:
    template = folder(*SMALL, name="template", signed=state == "signed")
    chance = random.Random(str(goals))  # noqa: S311  (moments, not secrets)
    for _ in range(60 if pytestconfig.getoption("--long") else 2):
        path = fresh(template, template.with_name("tls-setup"))
        before = cas(path)
        makes = []
        for goal in goals:
            makes.append(running("make", "-j4", goal, cwd=path))
            time.sleep(chance.uniform(0.0, 0.06))
        said = [process.communicate(timeout=60) for process in makes]
        assert [process.returncode for process in makes] == [0, 0], said
        assert faults(path) == []
        made = len(cas(path) - before)
        assert made <= goals.count("regenerate") + (state == "clean")
        assert before <= cas(path)


def make_slow(tmp_path: Path) -> None:
    """Put a cfssl that waits a second before it ends in front of the real one."""
    (tmp_path / "slow").mkdir()
    write_program(tmp_path / "slow/cfssl", f'#!/bin/sh\n{shutil.which("cfssl")} "$@"\nsleep 1\n')


def slow(tmp_path: Path) -> str:
    return f"{tmp_path / 'slow'}:{os.environ['PATH']}"


def test_a_second_make_waits_and_names_the_first(signed: Factory, running: Start, tmp_path: Path) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    [token] = (path / ".lock").iterdir()

    second = make(path, "req")

    assert first.wait(10) == 0
    assert second.stderr == f"waiting for make (process {token.name.split('.')[1]})\n"
    assert token.name.split(".")[0] == str(first.pid)
    assert faults(path) == []


@pytest.mark.parametrize("goal", ["all", "ca", "req-calico", "regenerate", "clean"])
def test_a_folder_that_stays_busy_is_refused_naming_who_holds_it(
    folder: Factory, running: Start, tmp_path: Path, goal: str
) -> None:
    path = folder(*SMALL)
    holder = running("sleep", "60", cwd=path)
    hold(path, holder.pid, "tls-scaffold sync")
    (tmp_path / "hasty").mkdir()
    write_program(tmp_path / "hasty/sleep", "#!/bin/sh\n")
    before = contents(path)

    done = run("make", goal, cwd=path, PATH=f"{tmp_path / 'hasty'}:{os.environ['PATH']}")

    assert done.returncode != 0
    assert f"error: tls-scaffold sync (process {holder.pid}) holds this folder\n" in done.stderr
    assert contents(path) == before


def hold(folder: Path, pid: int, words: str, start: str = "", name: str = "") -> Path:
    """Put down the token of a process, as `sign.sh` and tls-scaffold do."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    token = folder / ".lock" / (name or f"{pid}.{pid}.all")
    token.parent.mkdir(exist_ok=True)
    token.write_text(f"{start or fields[19]} {words}\n")
    return token


def test_make_goes_on_when_the_holder_ends(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)
    holder = running("sleep", "1", cwd=path)
    hold(path, holder.pid, "tls-scaffold sync")

    done = make(path)

    assert done.stderr == f"waiting for tls-scaffold sync (process {holder.pid})\n"
    assert faults(path) == []


def test_the_lock_of_a_killed_run_heals_by_itself(signed: Factory, running: Start, tmp_path: Path) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    os.killpg(first.pid, signal.SIGKILL)
    assert list((path / ".lock").iterdir())

    done = make(path)

    assert "waiting" not in done.stderr
    assert faults(path) == []


@with_either_signer
def test_a_process_that_has_the_number_of_a_dead_holder_holds_nothing(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)
    other = running("sleep", "60", cwd=path)
    hold(path, other.pid, "make", start="1")

    done = make(path)

    assert "waiting" not in done.stderr
    assert faults(path) == []


@with_either_signer
def test_a_killed_holder_whose_parent_has_not_noticed_holds_nothing(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)
    zombie = running("sleep", "60", cwd=path)
    hold(path, zombie.pid, "make")
    os.kill(zombie.pid, signal.SIGKILL)
    wait_for(lambda: ") Z " in Path(f"/proc/{zombie.pid}/stat").read_text())

    done = make(path)

    assert "waiting" not in done.stderr
    assert faults(path) == []


def test_after_make_alone_is_killed_the_next_waits_for_what_it_had_begun(
    signed: Factory, running: Start, tmp_path: Path
) -> None:
    path = signed(*SMALL)
    make_slow(tmp_path)
    first = running("make", "req-calico", cwd=path, PATH=slow(tmp_path))
    wait_for(lambda: list(path.glob("certs/.work.*/json")))
    first.kill()
    first.wait()

    done = make(path, "-j8", "req")

    assert "waiting for make (process " in done.stderr
    assert faults(path) == []


def test_another_component_called_all_does_not_stop_its_neighbours(folder: Factory, tmp_path: Path) -> None:
    path = folder("--members", "10.0.0.1", "--users", "all,a,b,c,d,e,f,g")
    make_slow(tmp_path)

    begin = time.monotonic()
    make(path, "-j10", PATH=slow(tmp_path))

    assert faults(path) == []
    assert time.monotonic() - begin < 8  # the CA takes one second, the ten others two or three at once


def test_a_dry_run_beside_a_running_make_neither_waits_nor_heals(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)
    holder = running("sleep", "60", cwd=path)
    hold(path, holder.pid, "make")
    before = contents(path)

    done: Done = make(path, "-n")

    assert done.stderr == ""
    assert contents(path) == before

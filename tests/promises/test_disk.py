"""A full disk or a lost permission loses nothing.

There is no room at any write, no room at all, or nothing that may be written.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Factory
from promises.scenarios import (
    FOLDER,
    OURS,
    SCENARIOS,
    Scenario,
    Seen,
    certificates,
    copy,
    kept,
    unfit,
)
from promises.tracing import traced
from support import Done, run

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
each_scenario = pytest.mark.parametrize(
    "scenario", SCENARIOS[:11], ids=lambda scenario: scenario.name
)
WRITES = (
    "mkdir,mkdirat,link,linkat,symlink,symlinkat,rename,renameat,renameat2,fsync,copy_file_range"
)
MOST = 30


def told(scenario: Scenario, done: Done) -> list[str]:
    """Say what is wrong in the way that a command failed."""
    wrong = ["a traceback"] if "Traceback" in done.stderr + done.stdout else []
    silent = done.returncode and not done.stderr.strip()
    return wrong + ([f"{scenario.name} fails in silence: {done.returncode}"] if silent else [])


@each_scenario
def test_no_room_at_any_write_is_healed_by_the_next_run(
    folder: Factory, tmp_path: Path, pytestconfig: pytest.Config, scenario: Scenario
) -> None:
    before, place = scenario.place(folder, tmp_path / "before"), tmp_path / "place"
    failed = 0
    for number in range(1, MOST, 1 if pytestconfig.getoption("--long") else 20):
        copy(before, place)
        # Every process fails at its own number-th call, and at all that follow; it may still say
        # why.
        inject = f"inject={WRITES}:error=ENOSPC:when={number}+"
        done, _ = traced(scenario.command, place, "-e", f"trace={WRITES}", "-e", inject)
        failed += done.returncode != 0
        assert told(scenario, done) == [], number
        assert scenario.heal(before, Seen.of(place), place) == [], number
    assert failed > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a function that makes a disk of so many KiB, mounted for the test alone."""
    mounted: list[Path] = []

    def mount(size: int, *options: str) -> Path:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        words = ",".join((f"size={size}k", *options))
        if run("mount", "-t", "tmpfs", "-o", words, "tmpfs", str(path)).returncode:
            pytest.skip("nothing can be mounted here: root may")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


@each_scenario
def test_a_disk_that_is_nearly_full_loses_nothing(
    folder: Factory,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
    pytestconfig: pytest.Config,
    scenario: Scenario,
) -> None:
    before = scenario.place(folder, tmp_path / "before")
    outcomes = set()
    for room in range(0, 400, 4 if pytestconfig.getoption("--long") else 160):
        disk = small_disk(2048)
        place = copy(before, disk / "place")
        fill(disk, room)
        done = run(*scenario.command, cwd=place)
        outcomes.add(done.returncode == 0)
        assert told(scenario, done) == [], room
        assert done.returncode == 0 or replaced_in_part(before, place) == [], room
        (disk / "filling").unlink()
        assert scenario.heal(before, Seen.of(place), place) == [], room
    assert False in outcomes


def replaced_in_part(before: Path, place: Path) -> list[str]:
    """Name each certificate that was replaced in part.

    Some files of it are gone that there were before, and others are not, or do not fit.
    """
    old, there = certificates(before), set(certificates(place).values())
    certs = [
        name
        for name in old
        if name.endswith(".pem") and not name.endswith(("-key.pem", "/trust.pem"))
    ]
    wrong = []
    for name in certs:
        base = name.removesuffix(".pem")
        gone = [old[f"{base}{ending}"] not in there for ending in (".pem", "-key.pem", ".csr")]
        if any(gone) and (not all(gone) or unfit(place / name)):
            wrong.append(name)
    return wrong


def fill(disk: Path, room: int) -> None:
    """Fill a disk but for so many KiB."""
    status = os.statvfs(disk)
    with (disk / "filling").open("wb") as file:
        file.write(b"x" * max(0, status.f_bavail * status.f_frsize - room * 1024))


@pytest.mark.parametrize("room", [4, 8, 12])
def test_a_full_disk_is_what_is_told(
    signed: Factory, small_disk: Callable[[int], Path], room: int, either_signer: str
) -> None:
    disk = small_disk(2048)
    place = copy(signed(), disk / "place")
    before = certificates(place)
    fill(disk, room)

    done = run("make", "req-calico", cwd=place)

    assert done.returncode != 0
    assert re.search("[Nn]o space (is )?left", done.stderr), (either_signer, done.stderr)
    assert certificates(place) == before


@each_scenario
def test_what_may_not_be_written_stays_as_it_is(
    folder: Factory, tmp_path: Path, small_disk: Callable[[int], Path], scenario: Scenario
) -> None:
    disk = small_disk(4096)
    before = scenario.place(folder, tmp_path / "before")
    place = copy(before, disk / "place")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    done = run(*scenario.command, cwd=place)

    assert done.returncode != 0
    assert told(scenario, done) == []
    assert "Read-only file system" in done.stderr or "nothing can be written" in done.stderr
    assert kept(place) == kept(before)


@pytest.mark.parametrize("verb", ["status", "check", "roles"])
def test_what_only_reads_needs_no_right_to_write(
    signed: Factory, small_disk: Callable[[int], Path], verb: str
) -> None:
    disk = small_disk(4096)
    place = copy(signed(), disk / FOLDER)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    done = run(OURS, "-C", str(place), verb)

    assert done.returncode == 0, done.stderr


@pytest.mark.needs("etcd", "etcdctl")
def test_a_proof_needs_no_right_to_write(
    signed: Factory, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(4096)
    place = copy(
        signed("--members", "10.0.0.1", "--proxies", "0", "--users", "root"), disk / FOLDER
    )
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    done = run(OURS, "-C", str(place), "prove")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [(), ("ca",), ("renew",)], ids=["make", "make-ca", "make-renew"])
def test_where_nothing_is_to_be_signed_make_needs_no_right_to_write(
    signed: Factory, small_disk: Callable[[int], Path], words: tuple[str, ...], either_signer: str
) -> None:
    disk = small_disk(4096)
    place = copy(signed(), disk / FOLDER)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    done = run("make", *words, cwd=place)

    assert done.returncode == 0, (either_signer, done.stderr)


def test_where_something_is_to_be_signed_make_says_that_nothing_can_be_written(
    signed: Factory, small_disk: Callable[[int], Path], either_signer: str
) -> None:
    disk = small_disk(4096)
    place = copy(signed(), disk / FOLDER)
    (place / "certs/calico.pem").unlink()
    before = kept(place)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    done = run("make", cwd=place)

    assert done.returncode != 0
    assert "Read-only file system" in done.stderr or "nothing can be written" in done.stderr, (
        either_signer
    )
    assert kept(place) == before


@pytest.mark.parametrize("temporary", ["full", "missing", "read-only"])
def test_a_temporary_folder_that_takes_nothing_is_no_matter(
    tmp_path: Path, small_disk: Callable[[int], Path], temporary: str
) -> None:
    places = {
        "full": lambda: small_disk(16),
        "missing": lambda: tmp_path / "missing",
        "read-only": lambda: small_disk(16),
    }
    place = places[temporary]()
    if temporary == "full":
        fill(place, 0)
    if temporary == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)

    done = run(OURS, "new", "x", "--members", "10.0.0.1", cwd=tmp_path, TMPDIR=str(place))

    assert done.returncode == 0, done.stderr  # Python looks for another one
    assert (tmp_path / "x/Makefile").is_file()

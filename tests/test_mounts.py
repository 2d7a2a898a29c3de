"""Parts of a folder on volumes of their own, files that are mounted one by one, and overlays.

That is how containers have them. The mounts are real ones; where none can be had the tests say so.
"""

import hashlib
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import keeping
import kills
from conftest import Factory
from promises.scenarios import kept, wrong_pairs
from promises.tracing import calls
from rotating import rotate
from support import BIN, contents, faults, make, run, verify, without_place
from tls_scaffold.disk import folder as folders
from tls_scaffold.disk import mounts, moving
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.rendering import template

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico,zed")
OURS = str(BIN / "tls-scaffold")
PENDING = ".tls-scaffold/pending.json"


@dataclass
class Mounts:
    """Mounts things in a test's folders, what is there staying visible; all are gone at its end."""

    place: Path
    points: list[Path] = field(default_factory=list)

    def mount(self, target: Path, *words: str) -> None:
        done = run("mount", *words, str(target))
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        self.points.append(target)

    def volume(self, target: Path) -> None:
        """Put a folder on a disk of its own."""
        self.place.mkdir(exist_ok=True)
        aside = shutil.copytree(target, self.place / "aside", symlinks=True)
        mode = stat.S_IMODE(target.stat().st_mode)
        self.mount(target, "-t", "tmpfs", "-o", f"mode={mode:o}", "tmpfs")
        shutil.copytree(aside, target, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def bind(self, target: Path) -> None:
        """Mount a file or folder onto itself: another mount of the same disk."""
        self.mount(target, "--bind", str(target))

    def read_only(self, target: Path) -> None:
        self.bind(target)
        subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)

    def overlay(self, lower: Path) -> Path:
        """Return a folder whose lower layer is another one, as in an image."""
        target, layers = self.place / "layers/tls-setup", self.place / "layers"
        layers.mkdir(parents=True)
        self.mount(layers, "-t", "tmpfs", "tmpfs")
        for name in ("upper", "work", "tls-setup"):
            (layers / name).mkdir()
        options = f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work,redirect_dir=off"
        self.mount(target, "-t", "overlay", "-o", options, "overlay")
        return target

    def undo(self) -> None:
        while self.points:
            subprocess.run(["umount", "-l", self.points.pop()], check=True)
        shutil.rmtree(self.place, ignore_errors=True)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounts]:
    mounts = Mounts(tmp_path / "mounts")
    yield mounts
    mounts.undo()


def ours(folder: Path, *words: str, code: int = 0) -> str:
    """Run a command of ours on a folder and return its stderr; its exit code must be `code`."""
    done = run(OURS, "-C", str(folder), *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stdout + done.stderr
    return done.stderr


def check_that_everything_works(folder: Path) -> None:
    """Run all that needs no other CA."""
    ours(folder, "add", "--user", "bob")
    make(folder)
    make(folder, "req")
    make(folder, "renew")
    ours(folder, "sign", "--force", "bob")
    ours(folder, "bundle")
    ours(folder, "remove", "bob")
    ours(folder, "sync", "--check")
    ours(folder, "status")
    assert faults(folder) == []


# --- folders on volumes of their own


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        *(
            (part, "volume")
            for part in ("certs", "archive", "issued", "config", ".tls-scaffold", "dist", ".")
        ),
        ("certs", "bind"),
    ],
)
def test_a_part_on_a_volume_of_its_own_is_kept_and_signed_as_any_other(
    signed: Factory, mounted: Mounts, part: str, kind: str
) -> None:
    path = signed(*SMALL)
    ours(path, "bundle")
    (path / part).mkdir(mode=0o700, exist_ok=True)
    getattr(mounted, kind)(path / part)

    check_that_everything_works(path)


@pytest.mark.parametrize("part", ["certs", "archive"])
def test_what_is_archived_on_another_disk_is_the_same_with_its_mode_and_time(
    signed: Factory, mounted: Mounts, part: str
) -> None:
    path = signed(*SMALL)
    ours(path, "bundle", "--tar")
    (path / part).mkdir(mode=0o700, exist_ok=True)
    os.utime(path / "certs/calico-key.pem", (1_000_000_000, 1_000_000_000))
    (path / "certs/calico-key.pem").chmod(0o400)
    (path / "dist/calico/link").symlink_to("../elsewhere")
    before = contents(path)
    mounted.volume(path / part)

    ours(path, "remove", "calico")

    [shelf] = path.glob("archive/2*")
    archived = contents(shelf)
    assert archived == {name: before[name] for name in archived}
    assert {"certs/calico-key.pem", "dist/calico/link", "dist/calico.tar.gz"} <= set(archived)
    assert not any(
        "calico" in name for name in contents(path) if not name.startswith(("archive/", "issued/"))
    )
    key = (shelf / "certs/calico-key.pem").stat()
    assert (stat.S_IMODE(key.st_mode), key.st_mtime) == (0o400, 1_000_000_000)


def archived(folder: Path) -> dict[str, bytes | str]:
    """Return what the only shelf of the archive holds of certs/."""
    [shelf] = folder.glob("archive/2*")
    return {f"certs/{name}": content for name, content in contents(shelf / "certs").items()}


def in_certs(folder: Path) -> dict[str, bytes | str]:
    return {
        name: content for name, content in contents(folder).items() if name.startswith("certs/")
    }


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("certs", "volume"),
        ("certs", "bind"),
        ("archive", "volume"),
        ("issued", "volume"),
        (".", "bind"),
    ],
)
def test_a_part_on_a_volume_of_its_own_gets_another_ca_and_is_emptied(
    signed: Factory, mounted: Mounts, part: str, kind: str
) -> None:
    path = signed(*SMALL)
    (path / part).mkdir(mode=0o700, exist_ok=True)
    getattr(mounted, kind)(path / part)
    before = in_certs(path)

    make(path, "regenerate", SIGNER="cfssl", YES="1")

    assert archived(path) == before
    assert (path / "certs/ca.pem").read_bytes() != before["certs/ca.pem"]
    verify(path, "certs/calico.pem")

    shutil.rmtree(next(path.glob("archive/2*")))
    before = in_certs(path)
    make(path, "clean")

    assert archived(path) == before
    assert not any(name.startswith(("certs/", "issued/")) for name in contents(path))
    make(path, SIGNER="cfssl")
    verify(path, "certs/calico.pem")


# --- what can't be replaced


@pytest.mark.parametrize("part", ["certs", pytest.param("archive", marks=pytest.mark.long)])
def test_one_ca_takes_the_place_of_another_on_a_volume_of_its_own(
    signed: Factory, mounted: Mounts, part: str
) -> None:
    path = signed(*SMALL)
    (path / "archive").mkdir(exist_ok=True)
    mounted.volume(path / part)
    before = contents(path)
    for step in ("start", "abort", "start", "trust", "finish"):
        rotate(path, step)
        assert make(path).stdout == "nothing to sign: all is as asked for\n"
        if step == "abort":
            same = {name for name in before if name.startswith("certs/")}
            assert {contents(path)[name] == before[name] for name in same} == {True}
    assert faults(path) == []


@pytest.mark.parametrize("goal", ["regenerate", "clean"])
@pytest.mark.parametrize("file", ["ca-key.pem", "ca.pem", "calico.pem", "zed-key.pem"])
@pytest.mark.parametrize("name", ["tls-setup", "a b"])
def test_a_file_that_is_mounted_by_itself_stays_and_so_does_all_else(
    signed: Factory, mounted: Mounts, goal: str, file: str, name: str
) -> None:
    path = signed(*SMALL)
    path = path.rename(path.with_name(name))
    mounted.bind(path / f"certs/{file}")
    before = contents(path)

    said = make(path, goal, code=2, SIGNER="cfssl", YES="1").stderr

    assert f"certs/{file}` is a mount point: it can't be replaced" in said
    assert contents(path) == before
    assert "nothing to sign" in make(path, SIGNER="cfssl").stdout


def test_a_mount_on_the_same_folder_elsewhere_keeps_it_in_its_place_too(
    signed: Factory, mounted: Mounts, tmp_path: Path
) -> None:
    path = signed(*SMALL)
    (tmp_path / "elsewhere").mkdir()
    mounted.mount(tmp_path / "elsewhere", "--bind", str(path))
    mounted.bind(tmp_path / "elsewhere/certs/calico.pem")

    assert mounts.mount_points(path / "certs") == {"calico.pem"}


def test_a_mount_that_another_folder_hides_is_none(signed: Factory, mounted: Mounts) -> None:
    path = signed(*SMALL)
    mounted.bind(path / "certs")
    mounted.volume(path)

    assert mounts.mount_points(path) == frozenset()


ALWAYS = ("Makefile", "tls-scaffold.json", ".tls-scaffold/rendered.tsv")
OF_CALICO = ("config/req-calico.json", "certs/calico-key.pem", "dist/calico", "dist/calico/ca.pem")


@pytest.mark.parametrize("file", [*ALWAYS, *OF_CALICO])
def test_a_file_that_is_mounted_by_itself_is_told_before_anything_is_written(
    signed: Factory, mounted: Mounts, file: str
) -> None:
    path = signed(*SMALL)
    ours(path, "bundle")
    mounted.bind(path / file)
    before = contents(path)

    told = ours(path, "remove", "calico", code=1)

    named = "dist/calico" if file.startswith("dist/") else file
    assert f"  `{path}/{named}` is a mount point, or holds one\n" in told
    assert contents(path) == before
    make(path)
    ours(path, "add", "--user", "bob", code=1 if file in ALWAYS else 0)
    mounted.undo()
    ours(path, "remove", "calico")


@pytest.mark.parametrize("file", ["revoked.tsv", "certs/crl.der"])
def test_a_list_that_is_mounted_by_itself_is_told_before_anything_is_revoked(
    signed: Factory, mounted: Mounts, file: str
) -> None:
    path = signed("--members", "10.0.0.1", "--proxies", "0", "--users", "root,alice,bob")
    ours(path, "revoke", "bob", "--force")
    mounted.bind(path / file)
    before = contents(path)

    told = ours(path, "revoke", "alice", "--force", code=1)

    assert f"  `{path}/{file}` is a mount point, or holds one\n" in told
    assert "mount the folder that it is in instead" in told
    assert contents(path) == before


def test_a_folder_that_is_mounted_read_only_is_told_before_anything_is_written(
    signed: Factory, mounted: Mounts
) -> None:
    path = signed(*SMALL)
    mounted.read_only(path / "config")
    before = contents(path)

    told = ours(path, "add", "--user", "bob", code=1)

    assert f"  `{path}/config` can't be written: Read-only file system\n" in told
    assert contents(path) == before
    ours(path, "sync")
    ours(path, "sign", "--force")
    before = contents(path)
    assert (
        "`config/ca-csr.json` can't be replaced" in make(path, "regenerate", code=2, YES="1").stderr
    )
    assert contents(path) == before
    make(path, "req")
    assert faults(path) == []


@pytest.mark.parametrize("file", ["tls-scaffold.json", "config/ca-csr.json"])
def test_another_ca_is_refused_where_a_file_that_it_changes_is_mounted_by_itself(
    signed: Factory, mounted: Mounts, either_signer: str, file: str
) -> None:
    path = signed(*SMALL)
    mounted.bind(path / file)
    before = contents(path)

    told = make(path, "regenerate", code=2, YES="1").stderr

    assert f"`{file}` is a mount point: it can't be replaced" in told, either_signer
    assert contents(path) == before


@pytest.mark.parametrize("ending", [".pem", "-key.pem", ".csr"])
def test_a_pair_with_a_mounted_file_is_not_signed_and_stays_whole(
    signed: Factory, mounted: Mounts, either_signer: str, ending: str
) -> None:
    path = signed(*SMALL)
    mounted.bind(path / f"certs/calico{ending}")
    before = contents(path)

    told = make(path, "req-calico", code=2).stderr

    assert f"`certs/calico{ending}` is a mount point: it can't be replaced" in told, either_signer
    assert contents(path) == before
    make(path, "req-zed")
    assert faults(path) == []


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_mounted_file_of_a_longer_name_is_in_nobody_s_way(
    signed: Factory, mounted: Mounts, signer: str
) -> None:
    path = signed("--members", "10.0.0.1", "--proxies", "0", "--users", "u1,u10")
    mounted.bind(path / "certs/u10.pem")

    make(path, "req-u1", SIGNER=signer)

    verify(path, "certs/u1.pem")


def test_cfssljson_leaves_a_pair_with_a_mounted_file_whole(
    signed: Factory, mounted: Mounts
) -> None:
    path = signed(*SMALL)
    mounted.bind(path / "certs/calico-key.pem")
    before = contents(path)

    gencert = (
        "tls-scaffold cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem "
        "config/req-calico.json"
    )
    done = run("sh", "-c", f"{gencert} | tls-scaffold cfssljson -bare certs/calico", cwd=path)

    assert "`certs/calico-key.pem` is a mount point: it can't be replaced" in done.stderr
    assert contents(path) == before


def test_a_bundle_that_is_mounted_is_told(signed: Factory, mounted: Mounts) -> None:
    path = signed(*SMALL)
    ours(path, "bundle")
    mounted.bind(path / "dist/zed")
    before = contents(path)

    assert "dist/zed` is a mount point" in ours(path, "bundle", code=1)

    assert contents(path) == before


# --- no folder in which nothing works any more


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Return what runs a command that is killed at one of its steps, and gives its exit code."""
    monkeypatch.setattr(template, "render", kills.remembered(template.render))

    def run_killed(path: Path, words: Sequence[str], step: int) -> int:
        if not (
            tmp_path / "known"
        ).exists():  # every process that is killed then knows what is rendered
            keeping.kept(shutil.copytree(path, tmp_path / "known", symlinks=True), *words)
        return kills.run(path, [*words], step=step)

    return run_killed


def test_a_command_that_can_t_be_finished_is_told_with_a_way_out_that_works(
    signed: Factory, mounted: Mounts, killed_at: Callable[..., int]
) -> None:
    path = signed(*SMALL)
    step = 1
    while not (path / PENDING).exists():
        assert killed_at(path, ("remove", "calico"), step) == -signal.SIGKILL
        step += 1
    mounted.bind(path / "certs/calico-key.pem")

    for words in (("sync",), ("remove", "calico"), ("add", "--user", "bob")):
        told = ours(path, *words, code=1)
        assert "calico-key.pem` can't be moved: Device or resource busy\n" in told
        assert "the next command finishes `tls-scaffold remove` then" in without_place(told)
        assert f"move `{path / PENDING}` away" in told
    make(path)
    (path / PENDING).unlink()

    ours(path, "sync")
    ours(path, "add", "--user", "bob")
    make(path)
    assert (path / "certs/calico-key.pem").is_file()


@pytest.mark.parametrize(
    "words", [("remove", "calico"), ("add", "--user", "bob")], ids=lambda words: words[0]
)
def test_a_journal_that_is_moved_away_leaves_a_folder_that_works_and_nothing_is_lost(
    signed: Factory,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    killed_at: Callable[..., int],
    words: tuple[str, ...],
) -> None:
    before, left = signed(*SMALL, name="before"), 0
    secrets = sorted(
        content for name, content in contents(before).items() if name.startswith("certs/")
    )
    for step in range(1, 500, 1 if pytestconfig.getoption("--long") else 25):
        path = shutil.copytree(before, tmp_path / f"copy{step}", symlinks=True)
        code = killed_at(path, words, step)
        if (path / PENDING).exists():
            left += 1
            (path / PENDING).unlink()
            ours(path, "sync")
            assert (
                sorted(content for name, content in contents(path).items() if "certs/" in name)
                == secrets
            ), step
            make(path)
            assert wrong_pairs(path) == [], step
            ours(path, "sync", "--check")
        shutil.rmtree(path)
        if code == 0:
            break
    assert left > 1


# --- kills


@pytest.mark.long
@pytest.mark.parametrize("part", ["certs", "archive"])
def test_a_remove_that_is_killed_at_any_write_is_finished_by_the_next_on_two_disks_too(
    signed: Factory, mounted: Mounts, tmp_path: Path, pytestconfig: pytest.Config, part: str
) -> None:
    before = signed(*SMALL, name="before")
    (before / "archive").mkdir(mode=0o700, exist_ok=True)
    ours(before, "bundle")
    secrets = set(contents(before / "certs").values())

    def on_two_disks(name: str) -> Path:
        path = shutil.copytree(before, tmp_path / name / "tls-setup", symlinks=True)
        mounted.volume(path / part)
        return path

    through = on_two_disks("through")
    count = calls((OURS, "-C", str(through), "remove", "calico"), through)
    expected = kept(through)
    mounted.undo()
    assert count > 60
    for number in chosen(pytestconfig, count):
        path = on_two_disks(f"kill{number}")
        calls((OURS, "-C", str(path), "remove", "calico"), path, kill_at=number)
        assert secrets <= set(contents(path).values()), number
        if kept(path) != expected:
            ours(path, "remove", "calico")
        ours(path, "sync")
        assert kept(path) == expected, number
        mounted.undo()
        shutil.rmtree(path.parent)


def chosen(config: pytest.Config, count: int) -> range:
    """Return the calls to kill at: each with --long, else four."""
    return range(1, count + 1, 1 if config.getoption("--long") else max(1, count // 4))


def decided(signed: Factory) -> Path:
    """Return a folder in which a regenerate was killed right after it had decided."""
    path, newer = signed(*SMALL), signed(*SMALL, name="newer")
    make(newer, "regenerate", SIGNER="cfssl", YES="1")
    new = path / "certs/.new"
    for part in ("certs", "issued"):
        shutil.copytree(newer / part, new / "new" / part, ignore=shutil.ignore_patterns(".*"))
    (new / "new/certs/ca-key.pem").rename(new / "ca-key.pem")
    (new / "of").write_text(
        f"{hashlib.sha256((path / 'certs/ca-key.pem').read_bytes()).hexdigest()}\n"
    )
    return path


HEALING: dict[str, tuple[str, ...]] = {
    "python": (
        sys.executable,
        "-c",
        (
            "from pathlib import Path; from tls_scaffold.disk import folder\n"
            "with folder.lock(Path()): pass"
        ),
    ),
    "make": ("make", "SIGNER=cfssl"),
}


@pytest.mark.long
@pytest.mark.parametrize("healer", HEALING)
@pytest.mark.parametrize("kind", ["overlay", "volume"])
def test_a_new_set_is_finished_across_disks_wherever_that_is_killed(
    signed: Factory, mounted: Mounts, pytestconfig: pytest.Config, healer: str, kind: str
) -> None:
    """The lower layer of an overlay has the set, or a volume, from which it goes elsewhere."""
    lower = decided(signed)
    new = contents(lower / "certs/.new/new")
    key = (lower / "certs/.new/ca-key.pem").read_bytes()

    def prepared(name: str) -> Path:
        if kind == "overlay":
            return mounted.overlay(lower)
        path = Path(shutil.copytree(lower, lower.with_name(name), symlinks=True))
        mounted.volume(path / "certs")
        return path

    path = prepared("through")
    count = calls(HEALING[healer], path)
    others = itertools.cycle(HEALING.values())
    for number in (0, *chosen(pytestconfig, count)):
        if number:
            mounted.undo()
            path = prepared(f"kill{number}")
            calls(HEALING[healer], path, kill_at=number)
            assert {key, *new.values()} <= set(contents(path).values()), number
        done = run(*next(others), cwd=path)
        assert done.returncode == 0, (number, done.args, done.stderr)
        found = contents(path)
        assert {name: found[name] for name in new} == new, number
        assert found["certs/ca-key.pem"] == key, number
        assert not any(name.startswith(("certs/.new", "certs/.work")) for name in found), number


def test_a_set_is_made_and_moved_away_on_an_overlay(signed: Factory, mounted: Mounts) -> None:
    path = mounted.overlay(signed(*SMALL))
    before = in_certs(path)

    make(path, "regenerate", SIGNER="cfssl", YES="1")
    assert archived(path) == before
    verify(path, "certs/calico.pem")
    make(path, "clean")
    make(path, SIGNER="cfssl")

    verify(path, "certs/calico.pem")
    assert len([*path.glob("archive/*/certs/ca.pem")]) == 2


def test_everything_works_on_an_overlay(signed: Factory, mounted: Mounts) -> None:
    lower = signed(*SMALL)
    ours(lower, "bundle")
    path = mounted.overlay(lower)

    check_that_everything_works(path)
    old = contents(path / "certs")
    ours(path, "remove", "calico")
    make(path, "regenerate")
    assert faults(path) == []
    make(path, "clean")
    make(path)

    assert faults(path) == []
    assert len([*path.glob("archive/*/certs/ca.pem")]) == 2
    assert set(old.values()) <= set(contents(path).values())


# --- where /proc does not tell, and what else is asked of a move


def test_without_proc_devices_tell(
    tmp_path: Path, mounted: Mounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("volume", "plain"):
        (tmp_path / "folder" / name).mkdir(parents=True)
    mounted.volume(tmp_path / "folder/volume")

    def refuse(_place: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(mounts, "_mount_of", refuse)
    assert mounts.mount_points(tmp_path / "folder") == {"volume"}
    assert mounts.mount_points(tmp_path / "missing") == frozenset()


def test_other_content_at_the_target_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("one")
    (tmp_path / "target").write_text("another")
    with pytest.raises(ScaffoldError, match="are there, and differ"):
        moving.move(tmp_path / "source", tmp_path / "target")
    (tmp_path / "source").write_text("another")
    moving.move(tmp_path / "source", tmp_path / "target")
    assert contents(tmp_path) == {"target": b"another"}


def test_what_was_made_anew_while_a_move_was_half_done_goes_to_a_shelf_of_its_own(
    tmp_path: Path,
) -> None:
    shelf = folders.make_shelf(tmp_path)
    for content in ("one", "two"):
        (tmp_path / "certs").mkdir(exist_ok=True)
        (tmp_path / "certs/x.pem").write_text(content)
        folders.move_to_shelf(tmp_path, "certs/x.pem", shelf)
    assert sorted(path.read_text() for path in tmp_path.glob("archive/*/certs/x.pem")) == [
        "one",
        "two",
    ]

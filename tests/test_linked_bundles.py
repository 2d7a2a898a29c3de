"""Certificate and key of a bundle change in one step, by one link inside its folder."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import kills
from clusters import P256
from conftest import Factory
from support import OURS, contents, laid_out, make, run, tls_scaffold, wait_for
from tls_scaffold.disk.linkedfolder import exchange, make_linked

WORDS = ("--members", "10.0.0.1", "--users", "alice", *P256)
FILES = {"alice.pem", "alice-key.pem", "ca.pem", "etcdctl.env"}

pytestmark = pytest.mark.needs("cfssl", "cfssljson", "make")

# Opens `current` once, and then two files of it; prints one line for each two that are another
# than the last, and ends with 1 where they do not belong together.
READER = """
import os, sys
folder, names, last = sys.argv[1], sys.argv[2:], None
def content(name, at):
    with open(os.open(name, os.O_RDONLY, dir_fd=at), "rb") as file:
        return file.read()
def contents():
    at = os.open(f"{folder}/current", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return [content(name, at) for name in names]
    finally:
        os.close(at)
while True:
    try:
        both = contents()
    except FileNotFoundError:  # what the link led to is gone: it leads to the next
        continue
    if both != last:
        print(repr(both), flush=True)
        last = both
"""


@contextmanager
def reader(folder: Path, *names: str) -> Iterator[Callable[[], list[tuple[bytes, bytes]]]]:
    """Read two files of a folder again and again; yield what returns all pairs seen so far."""
    output = folder.parent / f"{folder.name}.seen"
    with output.open("wb") as file:
        process = subprocess.Popen(
            (sys.executable, "-c", READER, str(folder), *names), stdout=file, stderr=file
        )

    def seen() -> list[tuple[bytes, bytes]]:
        assert process.poll() is None, output.read_text()
        return [tuple(eval(line)) for line in output.read_text().splitlines()]  # noqa: S307

    try:
        wait_for(seen, 60)
        yield seen
    finally:
        process.kill()
        process.wait()


def fits(certificate: bytes, key: bytes) -> bool:
    public = load_pem_private_key(key, None).public_key()
    return x509.load_pem_x509_certificate(certificate).public_key() == public


def test_whoever_reads_a_bundle_all_the_time_never_sees_a_pair_that_does_not_fit(
    signed: Factory,
) -> None:
    folder = signed(*WORDS)
    assert tls_scaffold("-C", str(folder), "bundle", "alice").returncode == 0

    with reader(folder / "dist/alice", "alice.pem", "alice-key.pem") as seen:
        for _ in range(5):
            make(folder, "req-alice", SIGNER="cfssl")
            assert tls_scaffold("-C", str(folder), "bundle", "alice").returncode == 0
            newest = (folder / "certs/alice.pem").read_bytes()
            wait_for(lambda newest=newest: seen()[-1][0] == newest, 60)  # type: ignore[misc]
        pairs = seen()

    assert len(pairs) == 6
    assert all(fits(*pair) for pair in pairs)


def test_nor_where_it_changes_as_fast_as_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    make_linked(folder, {"a": b"0", "b": b"0"}, {})

    with reader(folder, "a", "b") as seen:
        for number in range(300):
            text = str(number).encode()
            exchange(folder, {"a": text, "b": text}, {})
        wait_for(lambda: seen()[-1] == (b"299", b"299"), 60)
        pairs = seen()

    assert len(pairs) > 10
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


def test_what_consumers_read_is_at_the_same_paths_before_and_after(signed: Factory) -> None:
    folder = signed(*WORDS)
    bundle = folder / "dist/alice"
    tls_scaffold("-C", str(folder), "bundle", "alice", "--kubernetes", "--tar")
    first = laid_out(bundle)
    inode = bundle.stat().st_ino

    make(folder, "req-alice")
    tls_scaffold("-C", str(folder), "bundle", "alice")

    assert set(laid_out(bundle)) == FILES
    assert laid_out(bundle)["alice.pem"] == (folder / "certs/alice.pem").read_bytes()
    assert first["alice.pem"] != laid_out(bundle)["alice.pem"]
    assert bundle.stat().st_ino == inode  # a mount of it goes on to see it
    data = str((bundle / "current").readlink())
    assert sorted(path.name for path in bundle.iterdir()) == sorted({*FILES, "current", data})
    for name in FILES - {"etcdctl.env"}:
        assert str((bundle / name).readlink()) == f"current/{name}"
    assert not (bundle / "etcdctl.env").is_symlink()
    # The same again changes nothing, not even a link.
    before = {path: path.lstat() for path in bundle.rglob("*")}
    tls_scaffold("-C", str(folder), "bundle", "alice")
    after = {path: path.lstat() for path in bundle.rglob("*")}
    assert {path: each.st_ino for path, each in after.items()} == {
        path: each.st_ino for path, each in before.items()
    }


def killed(folder: Path, step: int, behind: dict[str, bytes], beside: dict[str, bytes]) -> int:
    """Exchange what a folder holds in a process that is killed at a step; return its exit code."""
    child = os.fork()
    if child == 0:
        kills.killing(step, folder)
        exchange(folder, behind, beside)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_kill_at_any_step_leaves_the_old_files_or_the_new_and_the_next_time_ends_what_it_began(
    tmp_path: Path,
) -> None:
    folder, kept = tmp_path / "made", tmp_path / "kept"
    old = {"a": b"old", "b": b"old", "gone": b"old", "pki/c": b"old"}
    new = {"a": b"new", "b": b"new", "more": b"new", "pki/c": b"new", "pki/d": b"new"}
    make_linked(kept, old, {"set": b"old", "unset": b"old", "below/set": b"old"})
    beside = {"set": b"new", "below/other": b"new"}
    shutil.copytree(kept, folder, symlinks=True)
    step, seen = 1, set()

    while killed(folder, step, new, beside) == -signal.SIGKILL:
        behind = contents((folder / "current").resolve())
        assert behind in (old, new), step
        assert [(folder / name).read_bytes() for name in ("a", "b", "pki/c")] == [behind["a"]] * 3
        assert (folder / "set").read_bytes() in (b"old", b"new")
        seen.add(behind["a"])
        exchange(folder, new, beside)
        assert laid_out(folder) == {**new, **beside}, step
        assert len(list(folder.iterdir())) == 8, step
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        step += 1

    assert laid_out(folder) == {**new, **beside}
    assert seen == {b"old", b"new"}
    assert step > 30


def test_a_bundle_of_an_older_form_is_replaced_whole(signed: Factory) -> None:
    folder = signed(*WORDS)
    bundle = folder / "dist/alice"
    bundle.mkdir(parents=True)
    for name in FILES:
        (bundle / name).write_text("old")

    assert tls_scaffold("-C", str(folder), "bundle", "alice").returncode == 0

    assert (bundle / "current").is_symlink()
    assert set(laid_out(bundle)) == FILES
    assert b"old" not in laid_out(bundle).values()


@pytest.mark.parametrize("target", ["/etc", "../../certs", ".", "0123456789abcdef"])
def test_a_link_that_leads_elsewhere_is_replaced_and_not_followed(
    signed: Factory, target: str
) -> None:
    folder = signed(*WORDS)
    bundle = folder / "dist/alice"
    tls_scaffold("-C", str(folder), "bundle", "alice")
    (bundle / "current").unlink()
    (bundle / "current").symlink_to(target)
    before = contents(folder / "certs")

    assert tls_scaffold("-C", str(folder), "bundle", "alice").returncode == 0

    assert set(laid_out(bundle)) == FILES
    assert (bundle / "alice.pem").read_bytes() == (folder / "certs/alice.pem").read_bytes()
    assert contents(folder / "certs") == before


def test_what_somebody_wrote_into_it_is_replaced(signed: Factory) -> None:
    folder = signed(*WORDS)
    bundle = folder / "dist/alice"
    tls_scaffold("-C", str(folder), "bundle", "alice")
    whole = laid_out(bundle)
    (bundle / "alice-key.pem").write_text("mine")
    (bundle / "etcdctl.env").write_text("mine")

    tls_scaffold("-C", str(folder), "bundle", "alice")

    assert laid_out(bundle) == whole


@pytest.mark.needs("strace")
def test_a_file_system_without_links_gets_plain_files_and_that_is_told(signed: Factory) -> None:
    folder = signed(*WORDS)
    without = ("strace", "-f", "-qq", "-o", os.devnull, "-e")
    inject = "inject=symlink,symlinkat:error=EPERM"

    for _ in range(2):
        done = run(*without, inject, OURS, "-C", str(folder), "bundle", "alice")
        assert done.returncode == 0, done.stderr
        assert (
            "warning: `dist/` is on a file system without links: certificate and key of a bundle "
            "do not change at one moment there\n"
        ) in done.stderr
        assert set(contents(folder / "dist/alice")) == FILES
        make(folder, "req-alice")

    done = tls_scaffold("-C", str(folder), "bundle", "alice")
    assert "without links" not in done.stderr
    assert (folder / "dist/alice/current").is_symlink()

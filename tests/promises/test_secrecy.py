"""Keys are never readable by others, not for a moment.

Somebody else tries to read them at every step of a run.
"""

import grp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from conftest import Factory
from promises.scenarios import FOLDER, OURS, WORDS, copy
from promises.tracing import CHANGING
from rights import NOBODY
from support import environment, modes, run

pytestmark = [
    pytest.mark.needs("make", "cfssl", "cfssljson", "strace"),
    pytest.mark.skipif(os.geteuid() != 0, reason="not root: nobody else can be asked to look"),
]
# Reads whatever it can below a folder, again and again, and tells of each private key that it has
# seen.
WATCHER = """
import os, sys
os.setgroups([])
os.setegid(int(sys.argv[3]))
os.seteuid(int(sys.argv[3]))
seen = set()
print("looking", flush=True)
while not os.path.exists(sys.argv[2]):
    for folder, _, names in os.walk(sys.argv[1]):
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except OSError:
                continue
            holds_key = b" PRIVATE KEY-----" in content or path.endswith((".p12", ".tar.gz"))
            if holds_key and path not in seen:
                seen.add(path)
                print(path, flush=True)
"""
SHARING = [each for each in grp.getgrall() if 0 < each.gr_gid < NOBODY]
SLOWLY = ("-e", f"trace={CHANGING}", "-e", f"inject={CHANGING}:delay_enter=3ms:delay_exit=3ms")
STORES = ("env", "TLS_SCAFFOLD_P12_PASSWORD=opensesame")
COMMANDS = {
    "make, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl"),
    "make, tls-scaffold": ("make", "-C", FOLDER, "SIGNER=tls-scaffold"),
    "make req, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl", "req"),
    "make req, tls-scaffold": ("make", "-C", FOLDER, "SIGNER=tls-scaffold", "req"),
    "regenerate, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl", "YES=1", "regenerate"),
    "regenerate, tls-scaffold": (
        "make",
        "-C",
        FOLDER,
        "SIGNER=tls-scaffold",
        "YES=1",
        "regenerate",
    ),
    "bundle": (
        *STORES,
        OURS,
        "-C",
        FOLDER,
        "bundle",
        "--tar",
        "--key-form=pkcs8",
        "--p12",
        "--kubernetes",
        "--kubeadm",
    ),
    "rotate start": (OURS, "-C", FOLDER, "rotate", "start"),
    "remove": (OURS, "-C", FOLDER, "remove", "calico"),
}


def in_short(names: Iterable[str], *short: str) -> list[ParameterSet]:
    """Return names to try, all but the short ones for the long form alone."""
    return [
        pytest.param(name, marks=[] if name in short else [pytest.mark.long], id=name)
        for name in names
    ]


WITH_A_SIGNER = [name for name in COMMANDS if "," in name]
SLOW = ("regenerate, cfssl", "make req, cfssl")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Return a folder that everybody can look into."""
    place = Path(tempfile.mkdtemp(prefix="tls-scaffold-open-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def watching(place: Path, stop: Path, who: int = NOBODY) -> "subprocess.Popen[str]":
    """Start somebody, by user and group, who looks for keys in a place until there is `stop`."""
    words = [sys.executable, "-c", WATCHER, str(place), str(stop), str(who)]
    watcher = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment())
    assert watcher.stdout
    assert watcher.stdout.readline() == "looking\n"
    return watcher


@pytest.mark.parametrize("name", in_short(COMMANDS, *(COMMANDS.keys() - SLOW)))
def test_nobody_else_can_read_a_key_at_any_step(
    folder: Factory, open_place: Path, pytestconfig: pytest.Config, name: str
) -> None:
    template = folder(*WORDS, signed=name not in ("make, cfssl", "make, tls-scaffold"))
    umasks = range(0o100) if pytestconfig.getoption("--long") else (0o000,)
    for umask in umasks:
        place = copy(template, open_place / FOLDER)
        stop = open_place / "stop"
        stop.unlink(missing_ok=True)
        watcher = watching(place, stop)
        done = run(
            "strace", "-f", "-o", "/dev/null", *SLOWLY, *COMMANDS[name], cwd=open_place, umask=umask
        )
        stop.touch()
        seen = watcher.communicate(timeout=120)[0]
        assert done.returncode == 0, done.stderr
        assert seen == "", oct(umask)
        keys = [
            path
            for ending in ("-key.pem", ".key", ".p12", ".tar.gz")
            for path in place.rglob(f"*{ending}")
        ]
        assert {oct(path.stat().st_mode & 0o777) for path in keys} == {"0o600"}, oct(umask)


@pytest.mark.skipif(not SHARING, reason="no group but root's")
@pytest.mark.parametrize("name", in_short(WITH_A_SIGNER, "make, tls-scaffold"))
def test_the_group_that_may_read_keys_sees_whole_ones_of_components_alone(
    folder: Factory, open_place: Path, name: str
) -> None:
    words = (*WORDS, "--key-group", SHARING[0].gr_name)
    template = folder(*words, signed=name not in ("make, cfssl", "make, tls-scaffold"))
    for who in (SHARING[0].gr_gid, NOBODY):
        place = copy(template, open_place / FOLDER)
        stop = open_place / "stop"
        stop.unlink(missing_ok=True)
        watcher = watching(place, stop, who)
        done = run("strace", "-f", "-o", "/dev/null", *SLOWLY, *COMMANDS[name], cwd=open_place)
        stop.touch()
        seen = watcher.communicate(timeout=120)[0].split()
        assert done.returncode == 0, done.stderr
        keys = {str(place / f"certs/{each}-key.pem") for each in ("etcd1", "calico")}
        assert set(seen) <= (keys if who != NOBODY else set())
        found = {path: oct((place / path).stat().st_mode & 0o777) for path in keys}
        assert set(found.values()) == {"0o640"}
        assert oct((place / "certs/ca-key.pem").stat().st_mode & 0o777) == "0o600"


def test_keys_that_were_wide_open_are_not_when_they_are_signed_again(signed: Factory) -> None:
    for signer in ("cfssl", "tls-scaffold"):
        path = signed(*WORDS, name=signer)
        for key in (path / "certs").glob("*-key.pem"):
            key.chmod(0o666)
        (path / "certs").chmod(0o777)
        assert run("make", "req", f"SIGNER={signer}", cwd=path, umask=0).returncode == 0
        assert (path / "certs").stat().st_mode & 0o777 == 0o700
        assert {
            name: mode for name, mode in modes(path / "certs").items() if name.endswith("-key.pem")
        } == {
            "ca-key.pem": "0o666",  # the CA is never touched; `check` tells of its mode
            "calico-key.pem": "0o600",
            "etcd1-key.pem": "0o600",
        }


def test_the_watcher_would_notice(open_place: Path) -> None:
    (open_place / "x").mkdir(mode=0o755)
    watcher = watching(open_place / "x", open_place / "stop")
    key = open_place / "x/a-key.pem"
    key.write_text("-----BEGIN EC PRIVATE KEY-----")
    key.chmod(0o644)
    assert watcher.stdout
    assert watcher.stdout.readline() == f"{key}\n"
    (open_place / "stop").touch()
    watcher.communicate(timeout=120)

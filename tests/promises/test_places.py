"""Nothing is written outside the folder, or in HOME.

Every call that writes, of every command, is looked at.
"""

import posixpath
import re
import shutil
import sys
from pathlib import Path

import pytest

from conftest import Factory
from promises.scenarios import FOLDER, OURS, WORDS, copy
from promises.tracing import ABSOLUTE, CHANGING, OPENING, traced
from support import contents

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
CFSSL = f"{OURS} cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem config/req-calico.json"
UNSIGNED = ("new", "make, cfssl", "make, tls-scaffold", "adopt")
IN_FOLDER = (OURS, "-C", FOLDER)
COMMANDS: dict[str, tuple[str, ...]] = {
    "new": (OURS, "new", "other", *WORDS),
    "add": (*IN_FOLDER, "add", "--user", "zed"),
    "sync": (*IN_FOLDER, "sync"),
    "remove": (*IN_FOLDER, "remove", "calico"),
    "adopt": (OURS, "adopt", "by-hand"),
    "make, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl"),
    "make, tls-scaffold": ("make", "-C", FOLDER, "SIGNER=tls-scaffold"),
    "make req, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl", "req"),
    "regenerate, cfssl": ("make", "-C", FOLDER, "SIGNER=cfssl", "regenerate"),
    "regenerate, tls-scaffold": ("make", "-C", FOLDER, "SIGNER=tls-scaffold", "regenerate"),
    "renew": ("make", "-C", FOLDER, "SIGNER=cfssl", "renew", "RENEW_DAYS=400"),
    "clean": ("make", "-C", FOLDER, "clean"),
    "sign": (*IN_FOLDER, "sign", "--force"),
    "status": (*IN_FOLDER, "status", "--svg", "named.svg", "--prometheus", "named.prom"),
    "check": (*IN_FOLDER, "check", "--sarif"),
    "rbac": (*IN_FOLDER, "rbac"),
    "roles": (OURS, "roles"),
    "bundle": (*IN_FOLDER, "bundle", "--tar", "--key-form=pkcs8", "--kubernetes", "--kubeadm"),
    "cfssl": ("sh", "-c", f"cd {FOLDER} && {CFSSL} | {OURS} cfssljson -bare certs/mine"),
    "prove": (*IN_FOLDER, "prove"),
}
FORKS = "chdir,clone,clone3,fork,vfork"
# By way of a descriptor of its own, glibc sets the mode of what tar has made.
DEVICES = re.compile(r"/dev/(null|tty|pts/\d+|urandom)$|/proc/self/fd/\d+$")


def changed(lines: list[str], start: Path) -> set[str]:
    """Return every path that a call has changed.

    Relative ones begin where their process stood, at first in `start`.
    """
    found: set[str] = set()
    stands: dict[str, str] = {}
    for line in lines:
        process, _, words = line.partition(" ")
        here = stands.setdefault(process, str(start))
        words = words.lstrip()
        if words.startswith("<... "):
            born = re.match(r"<... (?:clone|clone3|fork|vfork) resumed.* = (\d+)$", words)
        else:
            born = re.match(r"(?:clone|clone3|fork|vfork)\(.* = (\d+)$", words)
        if born:
            stands[born[1]] = here
        match = re.match(r"(\w+)\((.*)", words)
        if not match or " = -1 " in words:
            continue
        if match[1] == "chdir":
            stands[process] = posixpath.join(here, *re.findall(r'"([^"]*)"', match[2])[:1])
        else:
            found |= {
                posixpath.normpath(posixpath.join(here, path)) for path in _changed(*match.groups())
            }
    return found


def _changed(call: str, words: str) -> list[str]:
    """Return the paths that a call names.

    Each is below the directory whose descriptor stands before it.
    """
    if call in OPENING.split(",") and not re.search(r"O_CREAT|O_TRUNC|O_WRONLY|O_RDWR", words):
        return []
    if call in ("clone", "clone3", "fork", "vfork"):
        return []
    if call in ("symlink", "symlinkat"):  # where it leads is its content
        words = words.partition(", ")[2]
    if call in ("write", "writev", "pwrite64", "sendfile", "copy_file_range"):
        return ABSOLUTE.findall(words.partition(">")[0] + ">")
    named = re.findall(r'(?:<([^">]*)>, )?"([^"]*)"', words)
    return [posixpath.join(folder, path) for folder, path in named] or ABSOLUTE.findall(words)


@pytest.mark.parametrize("name", [*COMMANDS])
def test_a_command_writes_where_it_may_and_nowhere_else(
    folder: Factory, tmp_path: Path, name: str
) -> None:
    if name == "prove" and not shutil.which("etcd"):
        pytest.skip("not installed: etcd")
    place, home, temporary = (tmp_path / each for each in ("place", "home", "temporary"))
    for each in (place, home, temporary):
        each.mkdir()
    copy(folder(*WORDS, signed=name not in UNSIGNED), place / FOLDER)
    shutil.copytree(Path(__file__).parents[1] / "fixtures/foreign/2015", place / "by-hand")
    variables = {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    done, lines = traced(
        COMMANDS[name], place, "-e", f"trace={OPENING},{CHANGING},{FORKS}", **variables
    )

    assert done.returncode == 0, done.stderr
    paths = {path for path in changed(lines, place) if not DEVICES.match(path)}
    assert paths or name in ("check", "rbac", "roles")
    assert {
        path for path in paths if not f"{path}/".startswith((f"{place}/", f"{temporary}/"))
    } == set()
    beside = {path.relative_to(place).parts[0] for path in place.iterdir()}
    assert beside <= {FOLDER, "by-hand", *(["other"] if name == "new" else []), *named(name)}
    assert contents(home) == contents(temporary) == {}


def named(name: str) -> list[str]:
    return ["named.svg", "named.prom"] if name == "status" else []


def test_a_write_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for each in (inside, outside):
        each.mkdir()
    program = f"""
import os
open('here', 'w').close()
open('{outside}/absolute', 'w').close()
os.mkdir('../outside/up')
os.mkdir('by-descriptor', dir_fd=os.open('{outside}', os.O_RDONLY))
os.chdir('../outside')
if os.fork() == 0:
    open('after-chdir', 'w').close()
    os._exit(0)
os.wait()
os.rename('up', 'renamed')
"""
    _, lines = traced(
        (sys.executable, "-c", program), inside, "-e", f"trace={OPENING},{CHANGING},{FORKS}"
    )
    assert {path for path in changed(lines, inside) if not DEVICES.match(path)} == {
        f"{inside}/here",
        *(
            f"{outside}/{name}"
            for name in ("absolute", "up", "by-descriptor", "after-chdir", "renamed")
        ),
    }

"""Nothing is written outside the folder, or in HOME: every call that writes, of every command, is looked at."""

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
    "bundle": (*IN_FOLDER, "bundle", "--tar"),
    "cfssl": ("sh", "-c", f"cd {FOLDER} && {CFSSL} | {OURS} cfssljson -bare certs/mine"),
    "prove": (*IN_FOLDER, "prove"),
}
DEVICES = re.compile(r"/dev/(null|tty|pts/\d+|urandom)$")


def changed(lines: list[str]) -> set[str]:
    """Return every path that a call has changed, absolute or as the program named it."""
    found = set()
    for line in lines:
        match = re.match(r"\d+ +(\w+)\((.*)", line)
        if not match or " = -1 " in line:
            continue
        call, words = match.groups()
        if call in OPENING.split(",") and not re.search(r"O_CREAT|O_TRUNC|O_WRONLY|O_RDWR", words):
            continue
        if call in ("symlink", "symlinkat"):  # where it leads is its content
            words = words.partition(", ")[2]
        if call in ("write", "writev", "pwrite64", "sendfile", "copy_file_range"):
            words = words.partition(">")[0] + ">"
        found |= set(re.findall(r'"([^"]*)"', words)) or set(ABSOLUTE.findall(words))
    return found


@pytest.mark.parametrize("name", [*COMMANDS])
def test_a_command_writes_where_it_may_and_nowhere_else(folder: Factory, tmp_path: Path, name: str) -> None:
    if name == "prove" and not shutil.which("etcd"):
        pytest.skip("not installed: etcd")
    place, home, temporary = (tmp_path / each for each in ("place", "home", "temporary"))
    for each in (place, home, temporary):
        each.mkdir()
    copy(folder(*WORDS, signed=name not in UNSIGNED), place / FOLDER)
    shutil.copytree(Path(__file__).parents[1] / "fixtures/foreign/2015", place / "by-hand")
    variables = {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    done, lines = traced(COMMANDS[name], place, "-e", f"trace={OPENING},{CHANGING}", **variables)

    assert done.returncode == 0, done.stderr
    allowed = (f"{place}/", f"{temporary}/", "socket:", "pipe:", "anon_inode:")
    paths = {path for path in changed(lines) if not DEVICES.match(path)}
    outside = {path for path in paths if path.startswith("/") and not f"{path}/".startswith(allowed)}
    assert outside == set()
    assert {path for path in paths if ".." in path.split("/")} == set()
    beside = {path.relative_to(place).parts[0] for path in place.iterdir()}
    assert beside <= {FOLDER, "by-hand", *(["other"] if name == "new" else []), *named(name)}
    assert contents(home) == contents(temporary) == {}


def named(name: str) -> list[str]:
    return ["named.svg", "named.prom"] if name == "status" else []


def test_a_write_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    program = f"open('{tmp_path}/here', 'w'); open('{tmp_path.parent}/x-outside', 'w').close()"
    _, lines = traced((sys.executable, "-c", program), tmp_path, "-e", f"trace={OPENING},{CHANGING}")
    assert {path for path in changed(lines) if not DEVICES.match(path)} == {
        f"{tmp_path}/here",
        f"{tmp_path.parent}/x-outside",
    }

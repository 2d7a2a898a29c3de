"""What is built and installed carries what it should, and nothing else.

Dotfiles and modes are included.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from support import contents, run

CHECKOUT = Path(__file__).parents[1]
TEMPLATE = "cookiecutter-template"


def tracked() -> dict[str, bool]:
    """Return every file of the repository that is there, and whether it may be run."""
    names = run("git", "-C", str(CHECKOUT), "ls-files", "-z").stdout.split("\0")
    return {
        name: bool((CHECKOUT / name).stat().st_mode & stat.S_IXUSR)
        for name in names
        if name and (CHECKOUT / name).is_file()
    }


def listed(folder: Path) -> dict[str, bool]:
    """Return every file below a folder, and whether it may be run."""
    files = (
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {
        path.relative_to(folder).as_posix(): bool(path.stat().st_mode & stat.S_IXUSR)
        for path in files
    }


WANTED = listed(CHECKOUT / TEMPLATE)
TRACKED = tracked()
PACKAGE = "src/tls_scaffold/"
MODULES = {path.removeprefix(PACKAGE) for path in TRACKED if path.startswith(PACKAGE)}
SHARED = {
    (CHECKOUT / path).read_bytes() for path in TRACKED if path.startswith(("share/", "docs/"))
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout in which Python has run: byte code lies about."""
    copy = tmp_path_factory.mktemp("source") / "checkout"
    for name in TRACKED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, copy / name)
    for folder in (f"{TEMPLATE}/hooks", TEMPLATE, "src/tls_scaffold"):
        (copy / folder / "__pycache__").mkdir()
        (copy / folder / "__pycache__/x.cpython-311.pyc").write_bytes(b"")
    return copy


def build(source: Path, place: Path, umask: int = -1) -> Path:
    """Build an sdist, and from it a wheel, as `pip` does."""
    words = ("build", "--no-isolation", "-o", str(place), str(source))
    done = run(sys.executable, "-m", *words, umask=umask)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("built"))


def libraries(place: Path) -> None:
    """Show a virtual environment the libraries of this one.

    It gets them one by one: an editable install of ours stays out.
    """
    (into,) = place.glob("lib/python*/site-packages")
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        ours = each.suffix == ".pth" or "tls_scaffold" in each.name or (into / each.name).exists()
        if not ours:
            (into / each.name).symlink_to(each)


def installed(place: Path, *words: str) -> Path:
    """Install with pip and return the package's folder.

    It does not look anywhere else for libraries.
    """
    libraries(place)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(place / "bin/python"),
        "install",
        "--no-deps",
        "--no-index",
    )
    done = run(*pip, "--no-build-isolation", "--disable-pip-version-check", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    where = run(
        str(place / "bin/python"), "-c", "import tls_scaffold; print(tls_scaffold.__file__)"
    )
    return Path(where.stdout.strip()).parent


def test_the_wheel_holds_the_package_and_the_template_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modes = {
            each.filename: bool(each.external_attr >> 16 & stat.S_IXUSR)
            for each in archive.infolist()
        }
        shared = {archive.read(path) for path in modes if ".data/data/share/" in path}

    template = {
        path.split(f"{TEMPLATE}/")[1]: mode for path, mode in modes.items() if TEMPLATE in path
    }
    modules = {
        path.removeprefix("tls_scaffold/") for path in modes if path.startswith("tls_scaffold/")
    }
    rest = {
        path.split("/", 1)[1]
        for path in modes
        if not path.startswith("tls_scaffold/") and ".data/data/share/" not in path
    }
    assert template == WANTED
    assert {path for path in modules if TEMPLATE not in path} == MODULES
    assert shared == SHARED
    assert rest == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert {path.split("/")[0].split("-")[0] for path in modes} == {"tls_scaffold"}


def test_the_sdist_holds_the_repository_and_nothing_else(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        modes = {
            each.name.split("/", 1)[1]: bool(each.mode & stat.S_IXUSR)
            for each in archive
            if each.isfile()
        }

    assert modes.pop("PKG-INFO") is False
    assert modes == TRACKED


def test_what_is_built_twice_has_the_same_bytes(source: Path, built: Path, tmp_path: Path) -> None:
    for path in source.rglob("*"):
        os.utime(path, (0, 1_000_000_000))

    again = build(source, tmp_path, umask=0o077)

    sums = [contents(place) for place in (built, again)]
    assert len(sums[0]) == 2
    assert sums[0] == sums[1]


@pytest.mark.parametrize("editable", [False, True], ids=["installed", "editable"])
def test_what_pip_installs_makes_the_same_folder(
    source: Path, tmp_path: Path, editable: bool
) -> None:
    place = tmp_path / "venv"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(place)), check=True)

    package = installed(place, *(("-e", str(source)) if editable else (str(source),)))

    assert package.is_relative_to(source if editable else place)
    assert listed((source if editable else package) / TEMPLATE) == WANTED
    words = ("new", "--members", "10.0.0.1", "--users", "calico")
    theirs = run(str(place / "bin/tls-scaffold"), *words, str(tmp_path / "theirs"), umask=0o022)
    ours = run(
        str(Path(sys.executable).parent / "tls-scaffold"),
        *words,
        str(tmp_path / "ours"),
        umask=0o022,
    )
    assert (theirs.returncode, ours.returncode) == (0, 0), theirs.stderr
    assert contents(tmp_path / "theirs") == contents(tmp_path / "ours")
    assert listed(tmp_path / "theirs") == listed(tmp_path / "ours")
    told = run(str(place / "bin/tls-scaffold"), "-C", str(tmp_path / "theirs"), "status").stderr
    page = re.search(r"^page: (.*)#missing$", told, re.MULTILINE)
    assert page, told
    assert Path(page[1]).is_relative_to(source if editable else place)
    assert "## missing" in Path(page[1]).read_text(encoding="utf-8")


def test_what_is_installed_makes_folders_when_its_own_files_can_not_be_written(
    built: Path, tmp_path: Path
) -> None:
    place = tmp_path / "venv"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(place)), check=True)
    (wheel,) = built.glob("*.whl")
    package = installed(place, str(wheel))
    for path in (package, *package.rglob("*")):
        path.chmod(0o555 if path.is_dir() else path.stat().st_mode & 0o555)

    done = run(
        str(place / "bin/tls-scaffold"),
        "new",
        "--members",
        "a",
        str(tmp_path / "made"),
        umask=0o022,
    )

    for path in (package, *package.rglob("*")):
        path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "made").rglob("*")
        if path.is_file()
    }
    assert modes == {0o644, 0o755}

"""It works where users are, and writes the same bytes.

They have other Pythons, the oldest dependencies, an ordinary user, and odd paths.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rights import NOBODY
from support import Done, contents, run

ROOT = Path(__file__).parents[2]
INVENTORY = """
members: ["10.0.0.1", "b=etcd-b.example+fd00::1"]
users: [calico, root, {name: k, cn: 'Kübe {{ 7*7 }} $(x) | "'}]
locality: "Größe"
expiry: 90d
"""
LOCALES = (
    {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "1",
    },
    {"LC_ALL": "C.UTF-8", "TZ": "America/Anchorage", "PYTHONHASHSEED": "4711"},
)
OLDEST = "oldest"
NEWEST = "newest"


def pythons() -> dict[str, str]:
    """Return the Pythons of this machine that can be used, by their versions.

    They are those on the PATH, and pyenv's.
    """
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [
        *os.environ["PATH"].split(os.pathsep),
        *(str(path / "bin") for path in home.glob("*")),
    ]
    found = {f"3.{sys.version_info[1]}": sys.executable}
    for place in places:
        for path in sorted(Path(place).glob("python3.[0-9]*")):
            version = path.name.removeprefix("python")
            if re.fullmatch(r"3\.\d+", version) and int(version[2:]) >= 10 and version not in found:
                found |= (
                    {version: str(path)}
                    if run(str(path), "-c", "import venv, ensurepip").returncode == 0
                    else {}
                )
    return dict(sorted(found.items(), key=lambda each: int(each[0][2:])))


PYTHONS = pythons()
# The oldest Python with the oldest versions that the ranges admit; with the newest ones all other
# tests run.
FURTHEST = (next(iter(PYTHONS), ""), OLDEST)
CASES = [
    pytest.param(version, kind, marks=() if (version, kind) == FURTHEST else pytest.mark.long)
    for version in PYTHONS
    for kind in (OLDEST, NEWEST)
]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Path]]:
    """Return a function that installs the checkout for a Python, with a pinned set.

    Everybody may use it; the function returns its programs.
    """
    place = Path(tempfile.mkdtemp(prefix="tls-scaffold-elsewhere-"))
    place.chmod(0o755)

    def wheel() -> Path:
        if not [*place.glob("*.whl")]:
            source = tmp_path_factory.mktemp("source") / "checkout"
            shutil.copytree(
                ROOT,
                source,
                # What others write there meanwhile may go before it is copied.
                ignore=shutil.ignore_patterns(
                    ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__"
                ),
            )
            words = ("build", "--wheel", "--no-isolation", "-o", str(place), str(source))
            done = run(sys.executable, "-m", *words)
            assert done.returncode == 0, done.stdout + done.stderr
        (built,) = place.glob("*.whl")
        return built

    def install(version: str, kind: str) -> Path:
        venv = place / f"{version}-{kind}"
        if not venv.exists():
            pip = (f"{venv}/bin/pip", "install", "-q", "--retries", "10", "--timeout", "60")
            pinned = str(ROOT / f"constraints/{kind}.txt")
            for words in (
                (PYTHONS[version], "-m", "venv", "--copies", str(venv)),
                (*pip, "--require-hashes", "-r", pinned),
                (*pip, "--no-index", f"{wheel()}[backup,prove]"),
            ):
                done = run(*words)
                assert done.returncode == 0, done.stdout + done.stderr
        return venv / "bin"

    yield install
    shutil.rmtree(place)


def test_this_python_is_among_them() -> None:
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in PYTHONS


@pytest.mark.needs("make")
@pytest.mark.parametrize(("version", "kind"), CASES)
def test_another_python_makes_the_same_folder_and_signs_in_it(
    installed: Callable[[str, str], Path], tmp_path: Path, version: str, kind: str
) -> None:
    programs = installed(version, kind)
    here = made(Path(sys.executable).parent, tmp_path / "here", {})

    for number, variables in enumerate(LOCALES):
        assert made(programs, tmp_path / f"there {number}", variables) == here

    place = tmp_path / "there 0/t"
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    for words in (
        ("make", "-C", str(place), "SIGNER=tls-scaffold"),
        (f"{programs}/tls-scaffold", "-C", str(place), "add", "--user", "zed"),
        ("make", "-C", str(place), "SIGNER=tls-scaffold"),
        (f"{programs}/tls-scaffold", "-C", str(place), "status"),
        (f"{programs}/tls-scaffold", "-C", str(place), "check"),
        (f"{programs}/tls-scaffold", "-C", str(place), "bundle", "--p12", "--key-form", "pkcs8"),
    ):
        done = run(*words, PATH=path, TLS_SCAFFOLD_P12_PASSWORD="secret")
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def made(programs: Path, place: Path, variables: dict[str, str]) -> dict[str, bytes | str]:
    """Let these programs make a folder from the inventory, and return what is in it."""
    place.mkdir()
    (place / "x.yaml").write_text(INVENTORY, encoding="utf-8")
    done = run(f"{programs}/tls-scaffold", "new", "t", "--from", "x.yaml", cwd=place, **variables)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return contents(place / "t")


@pytest.mark.needs("make", "cfssl", "cfssljson", "setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="not root: it is an ordinary user already")
def test_an_ordinary_user_may_do_it_all_in_a_path_with_blanks_and_other_letters(
    installed: Callable[[str, str], Path],
) -> None:
    programs = installed(f"3.{sys.version_info[1]}", NEWEST)
    place = Path(tempfile.mkdtemp(prefix="Schlüssel für 北京 "))
    os.chown(place, NOBODY, NOBODY)
    somebody = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    path = f"{programs}{os.pathsep}/usr/local/bin:/usr/bin:/bin"

    def ran(*words: str, code: int = 0) -> Done:
        done = run(*somebody, *words, cwd=place, PATH=path, HOME="/nonexistent", TMPDIR=str(place))
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    try:
        if run(*somebody, "tls-scaffold", "--version", cwd=place, PATH=path).returncode:
            pytest.skip("this Python is not for everybody here")
        for signer in ("cfssl", "tls-scaffold"):
            ran("tls-scaffold", "new", f"t {signer}", "--members", "10.0.0.1", "--users", "calico")
            ran("make", "-C", f"t {signer}", f"SIGNER={signer}")
            ran("tls-scaffold", "-C", f"t {signer}", "add", "--user", "zed")
            ran("make", "-C", f"t {signer}", f"SIGNER={signer}")
            ran("make", "-C", f"t {signer}", f"SIGNER={signer}", "regenerate")
            ran("tls-scaffold", "-C", f"t {signer}", "status")
            ran("tls-scaffold", "-C", f"t {signer}", "check")
    finally:
        shutil.rmtree(place)

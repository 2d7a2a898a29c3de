"""What is in a file's way: sign.sh and Python give one answer.

Mount points are in test_mounts, where either signer meets them.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from support import SMALL, contents, run
from tls_scaffold.disk.obstacles import OutputDirectory, check_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ENDINGS

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
REQUEST = "config/req-calico.json"
LINK, FOLDER, OUTSIDE = "is a link", "is a folder", "is not a path below the folder"
SAID = re.compile(rf"`([^`]+)` ({LINK}|{FOLDER}|{OUTSIDE})")
Prepare = Callable[[Path], object]


def linked(name: str) -> Prepare:
    """Let a path of a folder lead outside, where everything is that was there."""

    def link(folder: Path) -> None:
        path, outside = folder / name, folder.parent / "outside"
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(outside)
        else:
            outside.mkdir()
        path.symlink_to(outside)

    return link


def made(name: str) -> Prepare:
    return lambda folder: (folder / name).mkdir()


def nothing(_folder: Path) -> None:
    pass


IN_THE_WAY: dict[str, tuple[Prepare, str, tuple[str, str]]] = {
    **{
        f"{name} is a link": (linked(name), "certs/x", (name, LINK))
        for name in ("certs", "certs/.new", "archive", "issued")
    },
    "a link on the way": (linked("sub"), "sub/x", ("sub", LINK)),
    "a link further on": (linked("deep/sub"), "deep/sub/more/x", ("deep/sub", LINK)),
    "above the folder": (nothing, "../x", ("../x.pem", OUTSIDE)),
    "above it in the end": (nothing, "certs/../../x", ("certs/../../x.pem", OUTSIDE)),
    "from the root on": (nothing, "/nowhere/x", ("/nowhere/x.pem", OUTSIDE)),
    **{
        f"a folder called x{ending}": (
            made(f"certs/x{ending}"),
            "certs/x",
            (f"certs/x{ending}", FOLDER),
        )
        for ending in ENDINGS
    },
}
IN_NO_WAY: dict[str, tuple[Prepare, str]] = {
    "nothing": (nothing, "certs/x"),
    "a folder that is not there": (nothing, "new/deep/x"),
    **{f"a link called x{ending}": (linked(f"certs/x{ending}"), "certs/x") for ending in ENDINGS},
}


def said(text: str, folder: Path) -> tuple[str, str]:
    found = SAID.search(text.replace(f"{folder}/", ""))
    assert found, text
    return found[1], found[2]


def by_shell(folder: Path, output: str) -> tuple[str, str] | None:
    """Return what sign.sh says is in the way of an output; None if it signs that."""
    done = run("sh", "sign.sh", "again", f"{output}.pem", REQUEST, cwd=folder, SIGNER="cfssl")
    return said(done.stderr, folder) if done.returncode else None


def by_python(folder: Path, output: str) -> tuple[str, str] | None:
    """Return what Python says is in the way of an output; None if nothing is."""
    try:
        check_folder(folder)
    except ScaffoldError as error:
        return said(str(error.problems[0]), folder)
    problems = list(OutputDirectory(folder, output).problems(output))
    return said(problems[0], folder) if problems else None


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way_is_refused_alike_and_nothing_is_written(
    signed: Factory, case: str
) -> None:
    prepare, output, expected = IN_THE_WAY[case]
    folder = signed(*SMALL)
    prepare(folder)
    before = contents(folder.parent)

    assert (by_shell(folder, output), by_python(folder, output)) == (expected, expected)
    assert contents(folder.parent) == before


@pytest.mark.parametrize("case", IN_NO_WAY)
def test_what_is_in_no_way_is_passed_over_alike_and_no_link_is_followed(
    signed: Factory, case: str
) -> None:
    prepare, output = IN_NO_WAY[case]
    folder = signed(*SMALL)
    prepare(folder)

    assert (by_python(folder, output), by_shell(folder, output)) == (None, None)

    assert (folder / f"{output}.pem").is_file()
    assert not (folder / f"{output}.pem").is_symlink()
    assert list(folder.parent.glob("outside/*")) == []

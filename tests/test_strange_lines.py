"""Lines of components that make reads and no command can follow: told, and never half edited."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from keeping import kept, kept_contents
from support import make
from tls_scaffold.makefiles.componentlines import strange_lines

LINE = "req-app certs/app.pem: config/req-app.json ; $(sign) -profile client $<"
STRANGE = {
    "its request below": (
        LINE.replace(": config", ": \\\n  config"),
        "goes on in the next line before its command",
    ),
    "its command below": (
        LINE.replace(" ; ", " \\\n  ; "),
        "goes on in the next line before its command",
    ),
    "its certificate below": (
        LINE.replace("req-app ", "req-app \\\n  "),
        "goes on in the next line before its command",
    ),
    "divided behind its `;`": (
        LINE.replace(" ; ", " ; \\\n  "),
        "goes on in the next line before its command",
    ),
    "set in": (f"  {LINE}", "has blanks before it"),
    "in another order": (
        LINE.replace("req-app certs/app.pem", "certs/app.pem req-app"),
        "is not of our form",
    ),
}
READ = {
    "as it is rendered": LINE,
    "its command goes on": LINE.replace("-profile", "\\\n  -profile"),
    "its command on a line below": LINE.replace(" ; ", "\n\t"),
    "with more commands": f"{LINE}\n\techo \\\n\treq-app certs/app.pem:",
    "another component's": LINE.replace("app", "other").replace(": ", ": \\\n"),
    "in a comment": f"# {LINE}".replace(": ", ": \\\n"),
    "a need of a certificate": "certs/app.pem: Makefile",
    "a need of a target": "req-app: certs/root.pem",
    "a variable": "X = req-app certs/app.pem: y",
}


@pytest.mark.fast
@pytest.mark.parametrize("case", [*STRANGE, *READ])
def test_what_is_read_line_by_line_is_told_from_what_is_not(case: str) -> None:
    text, told = STRANGE.get(case) or (READ[case], "")
    found = list(strange_lines(f"# a\nx = \\\n  y\n{text}\n", {"app"}))
    assert list(map(str, found)) == ([f"Makefile:4: the line of `app` {told}"] if told else [])


@pytest.fixture
def place(folder: Factory) -> Callable[[str], Path]:
    def made(case: str) -> Path:
        path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root,app")
        text = (path / "Makefile").read_text()
        assert LINE in text
        (path / "Makefile").write_text(text.replace(LINE, STRANGE[case][0]))
        return path

    return made


@pytest.mark.needs("make")
@pytest.mark.parametrize("case", STRANGE)
def test_no_command_writes_where_it_could_follow_half_a_line_alone(
    case: str, place: Callable[[str], Path]
) -> None:
    path = place(case)
    assert "overriding" not in make(path, "-n").stderr
    before = kept_contents(path)
    for words in (["add", "bob"], ["remove", "root"], ["sync"], ["sync", "--check"]):
        said = kept(path, *words, code=1).stderr
        assert f": the line of `app` {STRANGE[case][1]}\n" in said
        assert "\nhint: write it on one line, from the first column on: `req-NAME " in said
    assert kept_contents(path) == before


@pytest.mark.needs("make")
@pytest.mark.parametrize("case", STRANGE)
def test_such_a_line_is_told_by_what_looks(case: str, place: Callable[[str], Path]) -> None:
    path = place(case)
    told = f": the line of `app` {STRANGE[case][1]}, so no command keeps it: write it on one line"
    assert told in kept(path, "status", code=1).stderr
    assert "[component-line]" in kept(path, "check", code=1).stdout


def test_a_folder_in_which_all_is_signed_is_not_well_with_such_a_line(
    place: Callable[[str], Path],
) -> None:
    path = place("its request below")
    kept(path, "sign")
    kept(path, "status", code=4)


@pytest.mark.needs("make")
def test_a_line_in_another_makefile_is_told_as_one_that_is_not_understood(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root,app")
    text = (path / "Makefile").read_text().replace(f"{LINE}\n", "")
    (path / "users.mk").write_text(f"{LINE}\n")
    (path / "Makefile").write_text(text.replace("include", "include users.mk\ninclude", 1))

    status, check = kept(path, "status", code=1), kept(path, "check", code=1)

    assert "on request" not in status.stdout
    told = "`make certs/app.pem`: its line is not in the Makefile itself"
    assert told in status.stderr
    assert told in check.stdout
    assert "[not-understood]" in check.stdout

"""The pictures of docs/pictures are what `tools/draw-pictures` draws of the program as it is."""

import re
import sys
from pathlib import Path

import pytest

from pictures import SVG, parsed
from support import run

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"
NAMES = ("folder-life.svg", "rotate.svg", "status.svg")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pictures")
    done = run(sys.executable, str(ROOT / "tools/draw-pictures"), str(target), cwd=target)
    assert done.returncode == 0, done.stderr
    return target


def words(picture: Path) -> list[str]:
    """Return what a picture says, but for dates: a run just after midnight has others."""
    found = [each.text or "" for each in parsed(picture.read_text("utf-8")).iter(f"{SVG}text")]
    return [re.sub(r"\d{4}-\d\d-\d\d( \(\d+d\))?", "DATE", each) for each in found]


def test_no_other_picture_lies_there(drawn: Path) -> None:
    assert {path.name for path in PICTURES.iterdir()} == set(NAMES)
    assert {path.name for path in drawn.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", ["folder-life.svg", "rotate.svg"])
def test_what_is_drawn_from_tables_is_the_same_byte_for_byte(drawn: Path, name: str) -> None:
    assert (PICTURES / name).read_bytes() == (drawn / name).read_bytes()


def test_the_picture_of_status_has_the_words_of_the_command(drawn: Path) -> None:
    said = words(PICTURES / "status.svg")
    assert said == words(drawn / "status.svg")
    # The script shows whatever a command says: that it is a table of states is looked at here.
    assert [each for each in said if each in ("missing", "stale", "expiring", "valid")] == [
        *("missing", "stale", "expiring"),
        *["valid"] * 5,
    ]
    assert [each for each in said if each.startswith("next: ")] != []


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_plain_and_says_what_it_is(name: str) -> None:
    picture = parsed((PICTURES / name).read_text("utf-8"))
    width = float(picture.attrib["width"])
    assert picture.findtext(f"{SVG}title")
    assert {each.tag.removeprefix(SVG) for each in picture.iter()} <= {
        *("svg", "title", "style", "rect", "text", "path", "line", "circle")
    }
    for each in picture.iter(f"{SVG}text"):
        assert 0 < float(each.attrib["x"]) < width

"""What a plan has to do, in its order, and what it says."""

import pytest

from tls_scaffold.keeping.plan import Note, Plan, Step

pytestmark = pytest.mark.fast

SHELF, INVENTORY, RECORD = "archive/1", "tls-scaffold.json", ".tls-scaffold/rendered.tsv"


def test_what_a_folder_works_by_is_written_last_and_taken_away_after_all() -> None:
    paths = ("z", RECORD, INVENTORY, "Makefile", ".a", "config/x.json", "archive/1/z")
    plan = Plan(SHELF).with_more([*(Step(path, None, "") for path in paths), Step("b", "1", None)])
    assert [step.path for step in plan.steps] == [
        *("archive/1/z", ".a", "config/x.json", "z", "Makefile", INVENTORY, RECORD),
        "b",
    ]


def test_a_plan_takes_more_and_says_it_in_the_order_of_the_files() -> None:
    plan = Plan(SHELF, (Step("b", None, "1"),), ("m",), (Note("kept", "c"), Note("left", "d")))
    more = plan.with_more(
        [Step("a", "1", None), Step("c", "1", "2"), Step(INVENTORY, "1", "2")], ["n"], "ssl/ca"
    )
    assert more == Plan(
        SHELF,
        (
            Step("b", None, "1"),
            Step("c", "1", "2"),
            Step(INVENTORY, "1", "2"),
            Step("a", "1", None),
        ),
        ("m", "n"),
        (
            Note("removed", "a"),
            Note("wrote", "b"),
            Note("merged", "c"),
            Note("left", "d"),
            Note("archived", "m"),
            Note("archived", "n"),
            Note("wrote", INVENTORY),
        ),
        "ssl/ca",
    )
    assert more.with_more().ca == "ssl/ca"
    assert more.with_more(notes=[Note("kept", "a")]).notes[0] == Note("merged", "a")


def test_a_plan_is_done_when_there_is_nothing_to_do_but_to_note_it() -> None:
    assert (bool(Plan()), Plan().is_done) == (False, True)
    assert (bool(Plan(ca="ssl/ca")), Plan(ca="ssl/ca").is_done) == (True, False)
    noted = Plan(SHELF, (Step(RECORD, "1", "2"),))
    assert (bool(noted), noted.is_done) == (True, True)
    others = (
        Plan(steps=(Step("a", None, "1"),)),
        Plan(moves=("m",)),
        Plan(notes=(Note("conflict", "a"),)),
    )
    assert [plan.is_done for plan in others] == [False] * 3
    assert not Plan(notes=(Note("kept", "a"),)).without_record().is_done

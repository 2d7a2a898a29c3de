"""What a plan does to a folder, worked out from texts alone; and the plan as a diff."""

import json
from collections.abc import Mapping

import pytest

from tls_scaffold.inventory.listed import Files, Member, User
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.changes import Note, Plan, Step, follow
from tls_scaffold.keeping.gone import Gone
from tls_scaffold.keeping.patch import unified

INVENTORY, RECORD = "tls-scaffold.json", ".tls-scaffold/rendered.json"
SHELF = "archive/1"
Texts = Mapping[str, str]


def recorded(plan: Plan) -> dict[str, str]:
    """Return what a plan records as rendered."""
    (text,) = (step.after for step in plan.steps if step.path == RECORD)
    return {path: "\n".join(lines) for path, lines in json.loads(text or "").items()}


def told(plan: Plan) -> dict[str, str]:
    """Return what is said of each file but the two that every plan here writes."""
    return {note.path: note.verb for note in plan.notes if note.path not in (INVENTORY, RECORD)}


def done(plan: Plan) -> dict[str, str | None]:
    """Return what each file holds afterwards, but for the two that every plan here writes."""
    return {step.path: step.after for step in plan.steps if step.path not in (INVENTORY, RECORD)}


def planned(now: Texts, record: Texts, rendered: Texts, given: Texts | None = None) -> Plan:
    return follow(now, record, {**rendered, INVENTORY: "{}"}, SHELF, given)


@pytest.mark.parametrize(
    ("now", "record", "rendered", "after", "said", "kept"),
    [
        pytest.param({}, {}, {"a": "1"}, {"a": "1"}, {"a": "wrote"}, {"a": "1"}, id="new"),
        pytest.param({"a": "1"}, {"a": "1"}, {"a": "1"}, {}, {}, {"a": "1"}, id="as it should be"),
        pytest.param({"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "wrote"}, {"a": "2"}, id="ours changed"),
        pytest.param({"a": "x"}, {"a": "1"}, {"a": "1"}, {}, {"a": "kept"}, {"a": "1"}, id="edited"),
        pytest.param(
            {"a": "x\n2"}, {"a": "1\n2"}, {"a": "1\n3"}, {"a": "x\n3"}, {"a": "merged"}, {"a": "1\n3"}, id="both"
        ),
        pytest.param({"a": "2"}, {"a": "1"}, {"a": "2"}, {}, {}, {"a": "2"}, id="edited as ours"),
        pytest.param({"a": "x"}, {"b": ""}, {"a": "1"}, {}, {"a": "left"}, {}, id="there before us"),
        pytest.param({"a": "1"}, {"b": ""}, {"a": "1"}, {}, {}, {"a": "1"}, id="there before us, and the same"),
        pytest.param({"a": "x"}, {}, {"a": "1"}, {}, {"a": "kept"}, {"a": "1"}, id="the record is lost"),
        pytest.param({}, {"a": "1"}, {"a": "2"}, {}, {"a": "absent"}, {"a": "2"}, id="taken away by hand"),
        *(
            pytest.param({}, {path: "1"}, {path: "2"}, {path: "2"}, {path: "wrote"}, {path: "2"}, id=f"no {path}")
            for path in ("Makefile", "sign.sh", "config/x.json")
        ),
        pytest.param({"a": "1"}, {"a": "1"}, {}, {"a": None}, {"a": "removed"}, {}, id="not wanted any more"),
        pytest.param({"a": "x"}, {"a": "1"}, {}, {}, {"a": "archived"}, {}, id="not wanted, but edited"),
        pytest.param({}, {"a": "1"}, {}, {}, {}, {}, id="neither wanted nor there"),
    ],
)
def test_a_file_follows_what_is_rendered_and_keeps_what_was_edited(
    now: Texts, record: Texts, rendered: Texts, after: Texts, said: Texts, kept: Texts
) -> None:
    plan = planned(now, record, rendered)
    assert (done(plan), told(plan), recorded(plan)) == (after, said, kept)
    assert plan.moves == tuple(path for path, verb in said.items() if verb == "archived")


CLASH = ({"a": "x"}, {"a": "1"}, {"a": "2"})


@pytest.mark.parametrize(
    ("now", "record", "rendered", "after", "said", "kept"),
    [
        pytest.param(*CLASH, {"a.new": "2"}, {"a": "conflict", "a.new": "wrote"}, {"a": "1", "a.new": "2"}, id="new"),
        pytest.param(
            {"a": "x", "a.new": "2"},
            {"a": "1", "a.new": "2"},
            {"a": "2"},
            {},
            {"a": "conflict"},
            {"a": "1", "a.new": "2"},
            id="not settled yet",
        ),
        pytest.param(
            {"a": "x", "a.new": "edited", "0": "1"},
            {"a": "1", "a.new": "2", "0": "1"},
            {"0": "1", "a": "2"},
            {},
            {"a": "conflict"},
            {"0": "1", "a": "1", "a.new": "2"},
            id="not settled yet, and ours edited",
        ),
        pytest.param(
            {"a": "x", "a.new": "2"},
            {"a": "1", "a.new": "2"},
            {"a": "3"},
            {"a.new": "3"},
            {"a": "conflict", "a.new": "wrote"},
            {"a": "1", "a.new": "3"},
            id="another conflict on top",
        ),
        pytest.param(
            {"a": "x", "a.new": "mine"},
            {"a": "1"},
            {"a": "2"},
            {f"{SHELF}/a.new": "mine", "a.new": "2"},
            {"a": "conflict", "a.new": "wrote", f"{SHELF}/a.new": "wrote"},
            {"a": "1", "a.new": "2"},
            id="a file of one's own in the way",
        ),
        pytest.param(
            {"a": "x", "a.new": "2"},
            {"a": "1"},
            {"a": "2"},
            {},
            {"a": "conflict"},
            {"a": "1", "a.new": "2"},
            id="the same beside it already",
        ),
        pytest.param(
            {"a": "x"}, {"a": "1", "a.new": "2"}, {"a": "2"}, {}, {"a": "kept"}, {"a": "2"}, id="settled by hand"
        ),
        pytest.param(
            {"a": "2", "a.new": "2"},
            {"a": "1", "a.new": "2"},
            {"a": "2"},
            {"a.new": None},
            {"a.new": "removed"},
            {"a": "2"},
            id="settled by taking ours",
        ),
        pytest.param(
            {"a": "2", "a.new": "mine"}, {"a": "1", "a.new": "2"}, {"a": "2"}, {}, {}, {"a": "2"}, id="ours but edited"
        ),
        pytest.param(
            {"a.json": "{", "a.json.new": "{}"},
            {"a.json.new": "{}"},
            {"a.json": "{}"},
            {},
            {"a.json": "conflict"},
            {"a.json.new": "{}"},
            id="a conflict without a base",
        ),
    ],
)
def test_a_conflict_puts_ours_beside_yours_until_it_is_settled(
    now: Texts, record: Texts, rendered: Texts, after: Texts, said: Texts, kept: Texts
) -> None:
    plan = planned(now, record, rendered)
    assert (done(plan), told(plan), recorded(plan)) == (after, said, kept)
    assert plan.conflicts == tuple(path for path, verb in said.items() if verb == "conflict")


def test_what_counts_as_there_is_merged_and_what_is_there_is_replaced() -> None:
    plan = planned({"a": "1\nold"}, {"a": "1"}, {"a": "2"}, given={"a": "1"})
    assert Step("a", "1\nold", "2") in plan.steps


def test_a_folder_that_follows_needs_nothing_but_its_record() -> None:
    now = {"a": "1", INVENTORY: "{}", RECORD: '{\n  "a": [\n    "1"\n  ]\n}\n'}
    plan = planned(now, {"a": "1"}, {"a": "1"})
    assert (bool(plan), plan) == (False, Plan(SHELF))
    stale = planned({**now, RECORD: "{}"}, {"a": "1"}, {"a": "1"})
    assert (bool(stale), stale.done) == (True, True)
    assert [planned(*each).done for each in (({}, {}, {"a": "1"}), CLASH)] == [False, False]
    assert not planned({**now, "b": "x"}, {"a": "1", "b": "1"}, {"a": "1"}).done
    assert (bool(Plan(ca="ssl/ca")), Plan(ca="ssl/ca").done, Plan().done) == (True, False, True)


def test_what_is_reset_becomes_what_is_rendered_and_counts_as_rendered() -> None:
    now, record, rendered = {"a": "x", "b": "x"}, {"a": "1", "b": "1"}, {"a": "2", "b": "2", INVENTORY: "{}"}
    plan = follow(now, record, rendered, SHELF, reset=["a"])
    assert (done(plan)["a"], told(plan)["a"], recorded(plan)["a"]) == ("2", "wrote", "2")
    assert told(plan)["b"] == "conflict"


def test_without_a_record_nobody_knows_what_was_edited() -> None:
    now, rendered = {"a": "x", "b": "1"}, {"a": "1", "b": "1", "c": "1", INVENTORY: "{}"}
    plan = follow(now, {}, rendered, SHELF)
    assert (told(plan), plan.unsure) == ({"a": "kept", "c": "wrote"}, ())
    unsure = plan.without_record()
    assert (told(unsure), unsure.unsure) == ({"a": "unsure", "c": "wrote"}, ("a",))
    assert (unsure.steps, unsure.shelf) == (plan.steps, SHELF)


def test_what_a_folder_works_by_is_written_last_and_taken_away_after_all() -> None:
    rendered = {"z": "", "Makefile": "", "config/x.json": ""}
    plan = planned({"old": "1", "b": "1"}, {"old": "1", "b": "1"}, rendered)
    assert [step.path for step in plan.steps] == [
        *("config/x.json", "z", "Makefile", INVENTORY, RECORD),
        *("b", "old"),
    ]


def test_a_plan_takes_more_and_says_it_in_the_order_of_the_files() -> None:
    plan = Plan(SHELF, (Step("b", None, "1"),), ("m",), (Note("kept", "c"), Note("left", "d")))
    more = plan.with_more([Step("a", "1", None), Step("c", "1", "2"), Step(INVENTORY, "1", "2")], ["n"], "ssl/ca")
    assert more == Plan(
        SHELF,
        (Step("b", None, "1"), Step("c", "1", "2"), Step(INVENTORY, "1", "2"), Step("a", "1", None)),
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


def test_a_diff_shows_texts_as_git_does_and_moves_by_their_names() -> None:
    steps = (
        Step("new", None, "a\n"),
        Step("old", "a\n", None),
        Step("changed", "a\nb\u2028c\nd", "a\nb\u2028c\nD"),
        Step("longer", "a", "a\n"),
    )
    assert unified(Plan(SHELF, steps, ("certs/a.pem",))) == (
        "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n"
        "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        "--- a/changed\n+++ b/changed\n@@ -1,3 +1,3 @@\n a\n b\u2028c\n-d\n\\ No newline at end of file\n"
        "+D\n\\ No newline at end of file\n"
        "--- a/longer\n+++ b/longer\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
        "diff --git a/certs/a.pem b/archive/1/certs/a.pem\nsimilarity index 100%\n"
        "rename from certs/a.pem\nrename to archive/1/certs/a.pem\n"
    )


A, B, X = (f"req-{name} certs/{name}.pem: config/req-{name}.json ; $(sign)" for name in "abx")
OWN = "req-x: output = ssl/x"


def gone(record: Texts, rendered: Texts, *users: str) -> Gone:
    listed = tuple(User(name, name, files=Files(output=f"ssl/{name}")) for name in users)
    return Gone.of(Inventory(members=(Member("m", ()),), users=listed), record, rendered)


def test_what_was_rendered_or_asked_for_and_is_rendered_no_more_is_gone() -> None:
    found = gone({"Makefile": f"{A}\n{B}\n"}, {"Makefile": f"{B}\n"}, "u")
    assert found == Gone(frozenset({("a", "certs/a"), ("u", "ssl/u"), ("m", "certs/m")}))
    assert gone({}, {"Makefile": ""}) == Gone(frozenset({("m", "certs/m")}))


def test_lines_of_what_is_gone_go_wherever_they_stand() -> None:
    found = Gone(frozenset({("x", "certs/x")}))
    texts = {"Makefile": f"a\n{X}\n# {X}\n{B}\n{OWN}\nend", "b": f"{X}\n"}
    left = {"Makefile": f"a\n# {X}\n{B}\nend", "b": f"{X}\n"}
    assert found.taken_from(texts) == left
    assert found.taken_from({"b": X}) == {"b": X}
    assert Gone(frozenset()).taken_from(texts) is texts


def test_what_is_rendered_for_the_first_time_takes_the_place_of_the_very_line_and_of_cfssl_s() -> None:
    guide = "\t@$(CFSSL) gencert \\\n\t  config/req-a.json | $(JSON) --bare=true ./certs/a"
    found = gone({"Makefile": B}, {"Makefile": f"{A} client\n{B}\n"})
    assert found == Gone(frozenset({("m", "certs/m")}), {"certs/a": f"{A} client"})
    assert gone({"Makefile": B, "Makefile.new": A}, {"Makefile": f"{A}\n{B}"}).coming == {}
    own = [f"{A} client", f"{A} client\n\techo", f"{A} peer", f"x:\n{guide}\n\techo", f"x:\n\ttrue; {guide.strip()}"]
    left = ["", f"{A} client\n\techo", f"{A} peer", "x:\n\techo", f"x:\n\ttrue; {guide.strip()}"]
    assert [found.taken_from({"Makefile": f"{text}\nend"})["Makefile"] for text in own] == [
        f"{text}\nend".lstrip("\n") for text in left
    ]
    assert list(found.copies(SHELF, {"Makefile": f"x:\n{guide}"}, {"Makefile": B})) == [
        Step(f"{SHELF}/Makefile", None, f"x:\n{guide}")
    ]


def test_two_lines_of_one_component_are_a_conflict_unless_a_team_has_them() -> None:
    twice, once = f"{A} peer\n{A}\n", f"{A} client\n"
    plan = planned({"Makefile": f"{A} peer\nx\ny\n"}, {"Makefile": "x\ny\n"}, {"Makefile": f"x\ny\n{once}"})
    assert (told(plan)["Makefile"], done(plan)) == ("conflict", {"Makefile.new": f"x\ny\n{once}"})
    plan = planned({"Makefile": f"{twice}x\ny\n"}, {"Makefile": "x\ny\n"}, {"Makefile": "x\ny\nz\n"})
    assert (told(plan)["Makefile"], done(plan)) == ("merged", {"Makefile": f"{twice}x\ny\nz\n"})
    plan = planned({"b": f"{A} peer\nx\ny\n"}, {"b": "x\ny\n"}, {"b": f"x\ny\n{once}"})
    assert told(plan) == {"b": "merged"}


def test_a_makefile_in_which_a_line_that_goes_was_edited_is_kept_as_it_was() -> None:
    found = Gone(frozenset({("x", "certs/x")}))
    edited = f"{A}\n{X} # ours\n"
    record = {"Makefile": f"{A}\n{X}\n"}
    assert list(found.copies(SHELF, {"Makefile": edited}, record)) == [Step(f"{SHELF}/Makefile", None, edited)]
    assert list(found.copies(SHELF, record, record)) == []
    assert list(found.copies(SHELF, {"Makefile": f"{A} # ours\n{X}\n"}, record)) == []
    assert list(found.copies(SHELF, {"Makefile": edited}, {})) == [Step(f"{SHELF}/Makefile", None, edited)]
    assert list(found.copies(SHELF, {}, {})) == []

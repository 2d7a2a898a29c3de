"""How each file of a folder follows what is rendered, worked out from texts alone."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tls_scaffold.keeping.following import plan_files
from tls_scaffold.keeping.plan import Note, Plan, Step
from tls_scaffold.keeping.record import Record, record_of_entries
from tls_scaffold.rendering.documents import compact, recorded, sum_of

pytestmark = pytest.mark.fast

INVENTORY, RECORD = "tls-scaffold.json", ".tls-scaffold/rendered.tsv"
SHELF = "archive/1"
Texts = Mapping[str, str]
SCRIPT, CHART, README, REQUEST = "sign.sh", "Procfile", "README.md", "config/req-a.json"
BESIDE = f"{REQUEST}.new"
OURS = "<!-- Made by tls-scaffold -->\n"


def of(cn: str, **fields: Any) -> str:
    return json.dumps({"CN": cn, "key": {}, **fields})


def record_of(texts: Texts) -> Record:
    """Return the record in which these were rendered last; FILE.new counts as put beside."""
    entries = [
        entry
        for path, text in texts.items()
        for entry in recorded(path, text)
        if not path.endswith(".new")
    ]
    beside = [
        (path, compact(json.loads(text))) for path, text in texts.items() if path.endswith(".new")
    ]
    return record_of_entries([*entries, *beside])


def told(plan: Plan) -> dict[str, str]:
    """Return what is said of each file but the two that every plan here writes."""
    return {note.path: note.verb for note in plan.notes if note.path not in (INVENTORY, RECORD)}


def done(plan: Plan) -> dict[str, str | None]:
    """Return what each file holds afterwards, but for the two that every plan here writes."""
    return {step.path: step.after for step in plan.steps if step.path not in (INVENTORY, RECORD)}


def kept_record(plan: Plan) -> dict[str, str]:
    """Return what a plan records."""
    (text,) = (step.after for step in plan.steps if step.path == RECORD)
    return dict(line.split("\t") for line in (text or "").splitlines())


def planned(now: Texts, record: Record, rendered: Texts, there: Texts | None = None) -> Plan:
    yours = now if there is None else there
    return plan_files(now, record, {**rendered, INVENTORY: "{}"}, SHELF, yours, reset=())


OTHER = {"rbac.sh": "x"}
MARKED = "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n"


@pytest.mark.parametrize(
    ("path", "now", "record", "after", "verb"),
    [
        pytest.param(SCRIPT, None, {}, "2", "wrote", id="new"),
        pytest.param(SCRIPT, None, {SCRIPT: "1"}, "2", "wrote", id="taken away by hand"),
        pytest.param(SCRIPT, "1", {SCRIPT: "1"}, "2", "wrote", id="as it was rendered last"),
        pytest.param(SCRIPT, "x", {SCRIPT: "1"}, "2", "replaced", id="edited"),
        pytest.param(SCRIPT, "x", {}, "2", "replaced", id="the record is lost"),
        pytest.param(SCRIPT, "x", OTHER, "2", "replaced", id="there before us"),
        pytest.param(SCRIPT, "2", {SCRIPT: "1"}, None, None, id="edited as ours"),
        pytest.param(SCRIPT, MARKED, {SCRIPT: "1"}, "2", "settled", id="merged by half, edited"),
        pytest.param(CHART, "x", OTHER, None, "left", id="a team's, there before us"),
        pytest.param(CHART, "x", {}, "2", "replaced", id="perhaps a team's, without a record"),
        pytest.param(CHART, None, {CHART: "1"}, "2", "wrote", id="not needed to sign"),
    ],
)
def test_what_is_generated_is_replaced_whole_and_an_edited_one_is_in_the_archive_first(
    path: str, now: str | None, record: Texts, after: str | None, verb: str | None
) -> None:
    plan = planned({} if now is None else {path: now}, record_of(record), {path: "2"})
    copied = {f"{SHELF}/{path}": now} if verb in ("replaced", "settled") else {}
    assert done(plan) == {**copied, **({} if after is None else {path: after})}
    assert told(plan) == {**dict.fromkeys(copied, "wrote"), **({path: verb} if verb else {})}
    assert [step.path for step in plan.steps][: len(copied)] == list(copied)
    assert kept_record(plan) == ({} if verb == "left" else {path: sum_of("2")})


def test_a_merge_by_half_of_two_renders_has_nothing_to_lose() -> None:
    record = record_of_entries([(SCRIPT, sum_of("1\n")), (SCRIPT, sum_of("2\n"))])
    plan = planned({SCRIPT: MARKED}, record, {SCRIPT: "3"})
    assert (done(plan), told(plan)) == ({SCRIPT: "3"}, {SCRIPT: "wrote"})


def test_one_of_two_sums_that_git_has_merged_was_rendered_last() -> None:
    record = record_of_entries([(SCRIPT, sum_of("1")), (SCRIPT, sum_of("0"))])
    assert [told(planned({SCRIPT: now}, record, {SCRIPT: "2"}))[SCRIPT] for now in "01x"] == [
        *("wrote", "wrote", "remade")
    ]


@pytest.mark.parametrize(
    ("now", "record", "after", "verb"),
    [
        pytest.param(None, {}, f"{OURS}2", "wrote", id="new"),
        pytest.param(None, {README: "1"}, None, "absent", id="taken away by hand"),
        pytest.param(
            f"{OURS}1", {README: f"{OURS}1"}, f"{OURS}2", "wrote", id="as it was rendered last"
        ),
        pytest.param(f"{OURS}x", {README: f"{OURS}1"}, f"{OURS}2", "replaced", id="edited"),
        pytest.param(
            "x\n", {README: f"{OURS}1"}, None, None, id="the team's, since it says so no more"
        ),
        pytest.param("x\n", {}, None, None, id="the team's"),
        pytest.param(f"x\n{OURS}", {}, None, None, id="that says so further below"),
    ],
)
def test_a_readme_is_replaced_as_long_as_its_first_line_says_whose_it_is(
    now: str | None, record: Texts, after: str | None, verb: str | None
) -> None:
    plan = planned({} if now is None else {README: now}, record_of(record), {README: f"{OURS}2"})
    copied = {f"{SHELF}/{README}": now} if verb == "replaced" else {}
    assert done(plan) == {**copied, **({} if after is None else {README: after})}
    assert told(plan).get(README) == verb


A, B, MINE = of("a"), of("b"), of("a", crl_url="http://x.example.com")


@pytest.mark.parametrize(
    ("now", "record", "rendered", "after", "verb", "kept"),
    [
        pytest.param(None, {}, A, A, "wrote", A, id="new"),
        pytest.param(None, {REQUEST: A}, B, B, "wrote", B, id="taken away by hand"),
        pytest.param(A, {REQUEST: A}, A, None, None, A, id="as it should be"),
        pytest.param(A, {REQUEST: A}, B, B, "wrote", B, id="ours changed"),
        pytest.param(
            A.replace(" ", ""), {REQUEST: A}, B, B, "wrote", B, id="ours changed, of other looks"
        ),
        pytest.param(A.replace(" ", ""), {REQUEST: A}, A, None, None, A, id="of other looks"),
        pytest.param(MINE, {REQUEST: A}, A, None, "kept", A, id="edited"),
        pytest.param(B, {REQUEST: A}, B, None, None, B, id="edited as ours"),
        pytest.param(MINE, OTHER, A, None, "left", None, id="there before us"),
        pytest.param(A, OTHER, A, None, None, A, id="there before us, and the same"),
        pytest.param(MINE, {}, A, None, "kept", A, id="the record is lost"),
        pytest.param(A, {REQUEST: A}, None, "", "removed", None, id="not wanted any more"),
        pytest.param(MINE, {REQUEST: A}, None, None, "archived", None, id="not wanted, but edited"),
        pytest.param(
            '{"mine": 1}',
            {REQUEST: A},
            None,
            None,
            "left",
            None,
            id="not wanted, and none any more",
        ),
        pytest.param(None, {REQUEST: A}, None, None, None, None, id="neither wanted nor there"),
    ],
)
def test_a_request_follows_and_keeps_what_was_edited(
    now: str | None,
    record: Texts,
    rendered: str | None,
    after: str | None,
    verb: str | None,
    kept: str | None,
) -> None:
    here = {} if rendered is None else {REQUEST: rendered}
    plan = planned({} if now is None else {REQUEST: now}, record_of(record), here)
    assert done(plan) == ({} if after is None else {REQUEST: after or None})
    assert told(plan) == ({REQUEST: verb} if verb else {})
    assert plan.moves == ((REQUEST,) if verb == "archived" else ())
    assert kept_record(plan) == ({REQUEST: compact(json.loads(kept))} if kept else {})


def test_a_request_that_both_changed_in_different_places_is_merged() -> None:
    plan = planned({REQUEST: MINE}, record_of({REQUEST: A}), {REQUEST: B})
    assert json.loads(done(plan)[REQUEST] or "") == json.loads(MINE) | {"CN": "b"}
    assert told(plan) == {REQUEST: "merged"}


X, Z = of("x"), of("z")


@pytest.mark.parametrize(
    ("now", "record", "rendered", "after", "said", "kept"),
    [
        pytest.param(
            {REQUEST: X},
            {REQUEST: A},
            B,
            {BESIDE: B},
            {REQUEST: "conflict", BESIDE: "wrote"},
            (A, B),
            id="new",
        ),
        pytest.param(
            {REQUEST: X, BESIDE: B},
            {REQUEST: A, BESIDE: B},
            B,
            {},
            {REQUEST: "conflict"},
            (A, B),
            id="not settled yet",
        ),
        pytest.param(
            {REQUEST: X, BESIDE: Z},
            {REQUEST: A, BESIDE: B},
            B,
            {},
            {REQUEST: "conflict"},
            (A, B),
            id="not settled yet, and ours edited",
        ),
        pytest.param(
            {REQUEST: X, BESIDE: B},
            {REQUEST: A, BESIDE: B},
            Z,
            {BESIDE: Z},
            {REQUEST: "conflict", BESIDE: "wrote"},
            (A, Z),
            id="another conflict on top",
        ),
        pytest.param(
            {REQUEST: X, BESIDE: Z},
            {REQUEST: A},
            B,
            {f"{SHELF}/{BESIDE}": Z, BESIDE: B},
            {REQUEST: "conflict", BESIDE: "wrote", f"{SHELF}/{BESIDE}": "wrote"},
            (A, B),
            id="a file of one's own in the way",
        ),
        pytest.param(
            {REQUEST: X},
            {REQUEST: A, BESIDE: B},
            B,
            {},
            {REQUEST: "kept"},
            (B, None),
            id="settled by hand",
        ),
        pytest.param(
            {REQUEST: B, BESIDE: B},
            {REQUEST: A, BESIDE: B},
            B,
            {BESIDE: None},
            {BESIDE: "removed"},
            (B, None),
            id="settled by taking ours",
        ),
        pytest.param(
            {REQUEST: B, BESIDE: Z},
            {REQUEST: A, BESIDE: B},
            B,
            {},
            {},
            (B, None),
            id="settled, but ours edited",
        ),
        pytest.param(
            {REQUEST: "{", BESIDE: A},
            {BESIDE: A},
            A,
            {},
            {REQUEST: "conflict"},
            (None, A),
            id="without a base",
        ),
    ],
)
def test_a_conflict_puts_ours_beside_yours_until_it_is_settled(
    now: Texts,
    record: Texts,
    rendered: str,
    after: Texts,
    said: Texts,
    kept: tuple[str | None, str | None],
) -> None:
    plan = planned(now, record_of(record), {REQUEST: rendered})
    assert (done(plan), told(plan)) == (after, said)
    assert plan.conflicts == tuple(path for path, verb in said.items() if verb == "conflict")
    expected = zip((REQUEST, BESIDE), kept, strict=True)
    found = planned(now, record_of(record), {REQUEST: rendered, RECORD: ""})
    assert kept_record(found) == {
        path: compact(json.loads(text)) for path, text in expected if text
    }


def test_what_counts_as_there_is_merged_and_what_is_there_is_replaced() -> None:
    plan = planned({REQUEST: X}, record_of({REQUEST: A}), {REQUEST: B}, there={REQUEST: A})
    assert Step(REQUEST, X, B) in plan.steps


def test_a_folder_that_follows_needs_nothing_but_its_record() -> None:
    record = record_of({SCRIPT: "1"})
    now = {SCRIPT: "1", INVENTORY: "{}", RECORD: f"{SCRIPT}\t{sum_of('1')}\n"}
    plan = planned(now, record, {SCRIPT: "1"})
    assert (bool(plan), plan) == (False, Plan(SHELF))
    stale = planned({**now, RECORD: ""}, record, {SCRIPT: "1"})
    assert (bool(stale), stale.is_done) == (True, True)


@pytest.mark.parametrize("path", [SCRIPT, CHART, README, REQUEST])
def test_what_is_reset_becomes_what_is_rendered_and_counts_as_rendered(path: str) -> None:
    now, rendered = {path: X}, {path: B, INVENTORY: "{}"}
    plan = plan_files(now, record_of({path: A}), rendered, SHELF, yours=now, reset=[path])
    assert (done(plan), told(plan)) == ({path: B}, {path: "wrote"})
    assert kept_record(plan) == dict(recorded(path, B))


def test_without_a_record_nobody_knows_what_was_edited() -> None:
    other = "config/req-b.json"
    plan = planned(
        {REQUEST: MINE, other: B}, Record(), {REQUEST: A, other: B, "config/req-c.json": A}
    )
    assert (told(plan), plan.unsure) == ({REQUEST: "kept", "config/req-c.json": "wrote"}, ())
    unsure = plan.without_record()
    assert (told(unsure), unsure.unsure) == (
        {REQUEST: "unsure", "config/req-c.json": "wrote"},
        (REQUEST,),
    )
    assert (unsure.steps, unsure.shelf) == (plan.steps, SHELF)


def test_the_components_of_the_makefile_are_recorded_and_the_makefile_is_left_alone() -> None:
    line = "req-a certs/a.pem: config/req-a.json ; $(sign) $<"
    plan = planned({"Makefile": "x"}, Record(), {"Makefile": f"# Users\n{line}\n"})
    assert done(plan) == {}
    assert kept_record(plan) == {"req-a": "certs/a.pem: config/req-a.json ; $(sign) $<"}
    assert Note("kept", "Makefile") not in plan.notes

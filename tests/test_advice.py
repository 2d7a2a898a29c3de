"""What `status` advises: the table, row by row, and the steps of a folder."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tls_scaffold.cfssl.profiles import Constraint, Profile
from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import Place, Problem
from tls_scaffold.live.served import STATES as PORT_STATES
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, PEER_CA
from tls_scaffold.signing import certificates, issuer, signer
from tls_scaffold.state.advice import (
    ADVICE,
    BRING_KEY,
    CHECK,
    CLONED,
    COMPONENT,
    CSR,
    DENIED,
    ENDING,
    EXPORT,
    FOREIGN,
    LOST_KEY,
    MAKE,
    NOT_YET,
    OTHER_LINE,
    OUR_LINE,
    PAGES,
    REGENERATE,
    RENEW,
    RENEW_CA,
    RESTORE,
    TARGETS,
    UNREADABLE,
    brought,
    carried,
    page,
    steps,
)
from tls_scaffold.state.entries import CA_KIND, Contents, Entry, Fault
from tls_scaffold.state.states import Row
from tls_scaffold.state.statewords import AWAITING_SIGNATURE, ON_REQUEST, STATES

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
DAY = timedelta(days=1)
INCLUDE = "include tls-scaffold.mk\n"
LINE = "req-a certs/a.pem: config/a.json ; $(sign) $<\n"
MAKEFILES = {OUR_LINE: INCLUDE + LINE, OTHER_LINE: INCLUDE, FOREIGN: LINE}
TARGET = "req-a"
ROOT = Path(__file__).parents[1]


REQUEST = Request(cn="a CA", hosts=())
MADE = signer.new_ca(REQUEST, NOW)
OURS = certificates.read(MADE.certificate, "ca.pem")
INTERMEDIATE = certificates.read(
    signer.sign(
        replace(REQUEST, cn="intermediate"),
        Profile("ca", ("cert sign",), "8760h", constraint=Constraint(is_ca=True)),
        issuer.load_ca(MADE.certificate, MADE.key, "ca.pem", "ca-key.pem"),
        NOW,
    ).certificate,
    "ca.pem",
)


def entry(kind: str | None, *, unread: bool = False, target: str = TARGET) -> Entry:
    path = "certs/ca.pem" if kind == "ca" else "certs/a.pem"
    signing = Signing("a", target, "config/a.json", path.removesuffix(".pem"))
    return Entry(
        "a",
        kind,
        path,
        absent=Problem(Place(path), "gone"),
        unread=("it can't be read",) if unread else (),
        signing=signing if target else None,
        certificate=OURS if kind == "ca" else None,
        request=REQUEST if kind == "ca" else None,
        key=b"its key" if kind == "ca" else None,
    )


def row(entry: Entry, state: str) -> Row:
    """Return a row of a state; one that only advice tells apart is another in a row."""
    from_missing = {UNREADABLE, DENIED, CLONED, LOST_KEY}
    told = "expired" if state == NOT_YET else "missing" if state in from_missing else state
    begin = NOW + DAY if state == NOT_YET else NOW - DAY
    return Row("a", entry.path, entry.kind, "", (), "", begin, None, None, told, ())


def cloned(folder: Path) -> Entry:
    """Return the CA of a folder that is made a clone: it has the record alone."""
    (folder / "issued").mkdir()
    (folder / "issued/ca-0123456789.pem").touch()
    return replace(entry("ca"), certificate=None, key=None, unmet=("it is on record",))


def steps_of(
    folder: Path, *found: tuple[Entry, str], makefile: str = MAKEFILES[OUR_LINE]
) -> dict[str, list[str]]:
    contents = Contents(tuple(entry for entry, _ in found))
    rows = [row(entry, state) for entry, state in found]
    return steps(folder, contents, rows, makefile, NOW)


@pytest.mark.parametrize(("state", "kind", "line"), ADVICE)
def test_each_row_of_the_table_gives_its_step(
    tmp_path: Path, state: str, kind: str, line: str
) -> None:
    (tmp_path / "certs").mkdir()
    if state == UNREADABLE:
        (tmp_path / "certs/a.pem").touch()
    found = cloned(tmp_path) if state == CLONED else entry("user" if kind == COMPONENT else kind)
    step = ADVICE[state, kind, line]
    if state == ENDING:  # which its certificate says, whatever row it has
        return
    assert steps_of(tmp_path, (found, state), makefile=MAKEFILES[line]) == {step: [TARGET]}


# Whoever waits has to carry it.
NOT_MENDED = {"valid", "orphaned", "on request", AWAITING_SIGNATURE}


def test_what_waits_for_a_signature_is_to_be_carried(tmp_path: Path) -> None:
    waiting = replace(entry("user"), awaiting="waits")
    for state in (AWAITING_SIGNATURE, "expired", "stale"):
        assert steps_of(tmp_path, (waiting, state)) == {EXPORT: [TARGET]}
        assert carried(steps_of(tmp_path, (waiting, state))) == {EXPORT: [TARGET]}


def test_a_clone_needs_its_keys_before_all_else_whoever_holds_the_ca(tmp_path: Path) -> None:
    ca, user = cloned(tmp_path), entry("user")
    found = steps_of(tmp_path, (ca, CLONED), (user, "missing"))
    assert found == {RESTORE: [TARGET]}
    assert carried(found) == found
    assert brought(found, Contents((ca, user))) == found
    # With one key of all it is no clone: its CA is lost.
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/a-key.pem").touch()
    assert RESTORE not in steps_of(tmp_path, (ca, CLONED), (user, "missing"))


@pytest.mark.parametrize(
    ("own", "peer_ca", "step"),
    [(False, False, RESTORE), (True, False, BRING_KEY), (True, True, RESTORE)],
)
def test_what_needs_a_key_that_is_lost_needs_it_first(
    tmp_path: Path, *, own: bool, peer_ca: bool, step: str
) -> None:
    (tmp_path / "tls-scaffold.mk").touch()
    (tmp_path / "tls-scaffold.json").write_text(json.dumps({"ca": {"own": True}} if own else {}))
    ca = replace(entry("ca"), path=PEER_CA if peer_ca else CA, key=None)
    user = replace(entry("user"), ca=ca.path)
    found = steps_of(tmp_path, (ca, "valid"), (user, "missing"))
    assert found == {step: [TARGET]}


def test_where_another_machine_signs_a_csr_is_the_way() -> None:
    for step in (MAKE, RENEW, TARGETS):
        assert carried({CHECK: [], REGENERATE: [], step: [TARGET]}) == {CHECK: [], CSR: []}
    assert carried({REGENERATE: []}) == {}


@pytest.mark.parametrize(("state", "kind"), PAGES)
def test_each_row_of_the_other_table_gives_its_page(tmp_path: Path, state: str, kind: str) -> None:
    (tmp_path / "certs").mkdir()
    found = cloned(tmp_path) if state == CLONED else entry("user" if kind == COMPONENT else kind)
    if state == DENIED:
        found = replace(found, denied=(found.path,))
    if state in (UNREADABLE, LOST_KEY):
        (tmp_path / found.path).touch()
        found = replace(found, certificate=OURS if state == LOST_KEY else None)
    shown, now = row(found, state), NOW
    if state == ENDING:
        now = OURS.not_after - 364 * DAY
        shown = replace(shown, state="valid")
    others = (row(entry(None), "valid"), row(entry(None), ON_REQUEST))
    contents = Contents((entry(None), found))
    rows = [shown, *others]
    assert page(tmp_path, contents, rows, {RENEW_CA: []}, now) == PAGES[state, kind]


def test_nothing_is_to_be_read_about_what_is_well(tmp_path: Path) -> None:
    ca = entry("ca")
    rows = [replace(row(ca, "valid"), path=ca.path)]
    assert page(tmp_path, Contents((ca,)), rows, {}, NOW) == ""
    # It ends within a year, and whoever holds it renews it.
    assert page(tmp_path, Contents((ca,)), rows, {}, OURS.not_after - 364 * DAY) == ""


def test_every_trouble_has_its_page() -> None:
    in_trouble = {*STATES, NOT_YET, UNREADABLE, DENIED, LOST_KEY} - {"valid", ON_REQUEST}
    assert {state for state, kind in PAGES if kind == COMPONENT} == in_trouble
    assert {state for state, kind in PAGES if kind == CA_KIND} == {*in_trouble, CLONED, ENDING}


def headings(page: str) -> list[str]:
    """Return the anchors of a page of the documentation."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return [title.lower().replace("'", "").replace(" ", "-") for title in titles]


def test_every_page_that_is_advised_is_there_with_its_section() -> None:
    for advised in PAGES.values():
        page, _, section = advised.partition("#")
        assert (ROOT / page).is_file()
        assert not section or section in headings(page)


def test_every_state_has_a_section() -> None:
    states = {*STATES, NOT_YET, UNREADABLE, *PORT_STATES}
    wanted = {state.replace(" ", "-").replace("'", "") for state in states}
    assert wanted - set(headings("docs/life/states.md")) == set()


@pytest.mark.parametrize("line", MAKEFILES)
def test_every_trouble_of_a_component_has_its_advice(line: str) -> None:
    mended = {*STATES, NOT_YET, UNREADABLE} - NOT_MENDED
    assert {state for state, kind, of in ADVICE if (kind, of) == (COMPONENT, line)} == mended


@pytest.mark.parametrize(
    ("kind", "state"), [("user", "valid"), ("ca", "valid"), (None, "orphaned"), (None, "missing")]
)
def test_nothing_is_to_be_run_about_what_is_valid_or_nobody_s(
    tmp_path: Path, kind: str | None, state: str
) -> None:
    assert steps_of(tmp_path, (entry(kind), state)) == {}


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("valid", {RENEW: [TARGET]}),
        ("expiring", {RENEW_CA: ["new-ca"], RENEW: [TARGET]}),
        # It signs as before: no CA is thrown away because its request was edited.
        ("stale", {CHECK: ["new-ca"], RENEW: [TARGET]}),
        ("expired", {RENEW_CA: ["new-ca"]}),
        (NOT_YET, {CHECK: ["new-ca"]}),
        ("mismatched", {}),
        ("missing", {}),
    ],
)
def test_nothing_that_a_faulty_ca_signs_can_be_mended_before(
    tmp_path: Path, state: str, found: dict[str, list[str]]
) -> None:
    ca = entry("ca", target="new-ca")
    assert steps_of(tmp_path, (ca, state), (entry("user"), "expired")) == found


@pytest.mark.parametrize("state", ["expired", "expiring", "stale"])
@pytest.mark.parametrize(
    "fields",
    [
        {"certificate": INTERMEDIATE},
        {"request": None},
        *({"faults": (Fault("stale", "x", about=about),)} for about in ("CN", "names", "usages")),
        {"faults": (Fault("stale", "x", about="CA"),)},
    ],
)
def test_nobody_is_told_to_throw_away_a_ca_that_came_from_elsewhere(
    tmp_path: Path, state: str, fields: dict[str, Any]
) -> None:
    ca = replace(entry("ca", target="new-ca"), **fields)
    assert RENEW_CA not in steps_of(tmp_path, (ca, state))


@pytest.mark.parametrize("about", ["key", "lifetime"])
def test_a_ca_whose_request_was_edited_is_still_ours(tmp_path: Path, about: str) -> None:
    edited = replace(entry("ca", target="new-ca"), faults=(Fault("stale", "x", about=about),))
    assert steps_of(tmp_path, (edited, "expiring")) == {RENEW_CA: ["new-ca"]}


@pytest.mark.parametrize(
    ("state", "left", "found"),
    [
        ("valid", 366 * DAY, {}),
        ("valid", 364 * DAY, {RENEW_CA: ["new-ca"]}),
        ("expiring", 9 * DAY, {RENEW_CA: ["new-ca"]}),
        ("expired", -DAY, {RENEW_CA: ["new-ca"]}),
    ],
)
def test_a_ca_is_signed_again_a_year_before_it_ends_where_its_key_is_here(
    tmp_path: Path, state: str, left: timedelta, found: dict[str, list[str]]
) -> None:
    old = signer.new_ca(replace(REQUEST, ca=Authority(expiry="87600h")), NOW)
    certificate = certificates.read(old.certificate, "ca.pem")
    now = certificate.not_after - left
    ca = replace(entry("ca", target="new-ca"), certificate=certificate)
    (shown,) = [replace(row(ca, state), not_before=certificate.not_before)]
    contents = Contents((ca,))
    assert steps(tmp_path, contents, [shown], MAKEFILES[OUR_LINE], now) == found
    lost = replace(ca, key=None)
    instead = {} if state == "valid" else {REGENERATE: ["new-ca"]}
    assert steps(tmp_path, Contents((lost,)), [shown], MAKEFILES[OUR_LINE], now) == instead


@pytest.mark.parametrize("half", ["ca.pem", "ca-key.pem"])
def test_no_target_is_told_that_would_write_over_a_half_of_a_ca(tmp_path: Path, half: str) -> None:
    """The target of a Makefile by hand makes a CA whatever is there."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / half).write_text("damaged")
    ca = replace(entry("ca", target="ca"), certificate=None)
    assert steps_of(tmp_path, (ca, "missing"), makefile=MAKEFILES[FOREIGN]) == {}
    (tmp_path / "certs" / half).unlink()
    assert steps_of(tmp_path, (ca, "missing"), makefile=MAKEFILES[FOREIGN]) == {TARGETS: ["ca"]}


def test_a_missing_ca_is_made_first_where_it_has_signed_nothing(tmp_path: Path) -> None:
    ca = entry("ca", target="new-ca")
    found = steps_of(
        tmp_path, (ca, "missing"), (entry("user"), "missing"), makefile=MAKEFILES[FOREIGN]
    )
    assert found == {TARGETS: ["new-ca", TARGET]}
    own_ca = entry("ca", target="")  # which `make` makes by itself
    assert steps_of(tmp_path, (own_ca, "missing"), (entry("user"), "missing")) == {MAKE: [TARGET]}


def test_what_can_not_be_read_is_checked_first_and_signed_by_nothing(tmp_path: Path) -> None:
    found = steps_of(
        tmp_path, (entry("ca", unread=True), "stale"), (entry("user", unread=True), "stale")
    )
    assert found == {CHECK: []}

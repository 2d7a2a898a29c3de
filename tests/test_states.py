"""The state of a certificate at any moment, and what Prometheus gets of it."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.gencert import Unread
from tls_scaffold.signing import certificates, signer
from tls_scaffold.state.entries import Contents, Entry, Fault
from tls_scaffold.state.prometheus import Measured, metrics
from tls_scaffold.state.states import Row, status_rows

pytestmark = pytest.mark.fast

BEGIN = datetime(2026, 11, 23, 20, 25, tzinfo=timezone.utc)
END = BEGIN + timedelta(days=365)
NOW = BEGIN + timedelta(minutes=5)
SECOND = timedelta(seconds=1)
WITHIN = timedelta(days=30)
REQUEST = Request(cn="etcd", hosts=("localhost", "10.0.0.1"), ca=Authority("8760h"))
CERTIFICATE = certificates.read(
    signer.new_ca(replace(REQUEST, hosts=("10.0.0.1",)), NOW).certificate, "a.pem"
)
THERE = Entry("a", "member", "certs/a.pem", certificate=CERTIFICATE, key=b"key")
ROW = Row(
    "a", "certs/a.pem", "member", "etcd", ("10.0.0.1",), "ecdsa-256", BEGIN, END, 364, "valid", ()
)


def row(entry: Entry, now: datetime = NOW) -> Row:
    (found,) = status_rows(Contents((entry,)), now, WITHIN)
    return found


@pytest.mark.parametrize(
    ("now", "days", "state", "reasons"),
    [
        (NOW, 364, "valid", ()),
        (BEGIN, 365, "valid", ()),
        (BEGIN - SECOND, 365, "expired", ("expired: it is not valid before 2026-11-23 20:25 UTC",)),
        (END - WITHIN - SECOND, 30, "valid", ()),
        (END - WITHIN, 30, "expiring", ("expiring: it ends 2027-11-23 20:25 UTC",)),
        (END - SECOND, 0, "expiring", ("expiring: it ends 2027-11-23 20:25 UTC",)),
        (END, 0, "expiring", ("expiring: it ends 2027-11-23 20:25 UTC",)),
        (END + SECOND, -1, "expired", ("expired: it ended 2027-11-23 20:25 UTC",)),
    ],
)
def test_a_certificate_lives_from_its_first_second_to_its_last(
    now: datetime, days: int, state: str, reasons: tuple[str, ...]
) -> None:
    assert row(THERE, now) == replace(ROW, days_left=days, state=state, reasons=reasons)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"kind": None},
            {"kind": None, "state": "orphaned", "reasons": ("orphaned: nothing asks for it",)},
        ),
        (
            {"kind": None, "key": None},
            {"kind": None, "state": "orphaned", "reasons": ("orphaned: nothing asks for it",)},
        ),
        ({"kind": "ca", "key": None}, {"kind": "ca"}),
        ({"key": None, "keyless": "no key"}, {"state": "missing", "reasons": ("missing: no key",)}),
        (
            {
                "key": None,
                "keyless": "no key",
                "faults": (Fault("stale", "x"), Fault("mismatched", "y")),
            },
            {"state": "mismatched", "reasons": ("mismatched: y", "missing: no key", "stale: x")},
        ),
    ],
)
def test_every_fault_is_a_reason_and_the_worst_is_the_state(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert row(replace(THERE, **fields)) == replace(ROW, **expected)


@pytest.mark.parametrize(
    ("kind", "request_", "expected"),
    [
        (
            "user",
            REQUEST,
            Row(
                "a",
                "p",
                "user",
                "etcd",
                REQUEST.hosts or (),
                "ecdsa-256",
                None,
                None,
                None,
                "missing",
                ("missing: gone",),
            ),
        ),
        (
            "user",
            None,
            Row("a", "p", "user", "", (), "", None, None, None, "missing", ("missing: gone",)),
        ),
        (
            None,
            None,
            Row(
                "a",
                "p",
                None,
                "",
                (),
                "",
                None,
                None,
                None,
                "orphaned",
                ("orphaned: nothing asks for it", "orphaned: gone"),
            ),
        ),
    ],
)
def test_of_a_certificate_that_is_not_there_its_request_is_shown(
    kind: str | None, request_: Request | None, expected: Row
) -> None:
    assert row(Entry("a", kind, "p", absent=Problem(Place(), "gone"), request=request_)) == expected


def test_what_a_line_may_sign_that_is_not_understood_is_orphaned_as_far_as_is_known() -> None:
    (found,) = status_rows(Contents((replace(THERE, kind=None),), (Unread("x"),)), NOW, WITHIN)
    assert found.reasons == ("orphaned: no line that is understood asks for it",)


def test_trouble_stands_first_and_the_rest_in_the_folder_s_order() -> None:
    entries = (
        replace(THERE, name="b"),
        replace(THERE, name="a"),
        replace(THERE, name="z", kind=None),
        replace(THERE, name="y", faults=(Fault("stale", "x"),)),
        replace(THERE, name="x", faults=(Fault("mismatched", "x"),)),
    )
    assert [each.name for each in status_rows(Contents(entries), NOW, WITHIN)] == [
        "x",
        "y",
        "z",
        "b",
        "a",
    ]


def test_metrics_are_ordered_by_file_and_escape_their_labels() -> None:
    gone = replace(
        ROW,
        path='d\\"\n\udcff',
        name="ü",
        kind=None,
        not_before=None,
        not_after=None,
        state="missing",
    )
    assert metrics([Measured([gone, ROW])]) == (
        "# HELP tls_scaffold_certificate_not_after_seconds When the certificate expires, in "
        "seconds since 1970.\n"
        "# TYPE tls_scaffold_certificate_not_after_seconds gauge\n"
        "tls_scaffold_certificate_not_after_seconds"
        '{file="certs/a.pem",name="a",kind="member",cn="etcd"} 1827001500\n'
        "# HELP tls_scaffold_certificate_state 1 for the state that the certificate has.\n"
        "# TYPE tls_scaffold_certificate_state gauge\n"
        'tls_scaffold_certificate_state{file="certs/a.pem",name="a",kind="member",cn="etcd",'
        'state="valid"} 1\n'
        "tls_scaffold_certificate_state"
        '{file="d\\\\\\"\\n\\\\xff",name="ü",kind="",cn="etcd",state="missing"} 1\n'
        "# HELP tls_scaffold_certificate_not_before_seconds When the certificate begins, in "
        "seconds since 1970.\n"
        "# TYPE tls_scaffold_certificate_not_before_seconds gauge\n"
        "tls_scaffold_certificate_not_before_seconds"
        '{file="certs/a.pem",name="a",kind="member",cn="etcd"} 1795465500\n'
        "# HELP tls_scaffold_folder_read 1 for a folder that could be read whole, 0 for any "
        "other.\n"
        "# TYPE tls_scaffold_folder_read gauge\n"
        "tls_scaffold_folder_read 1\n"
    )

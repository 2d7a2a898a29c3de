"""What is expected of a version of etcd: the holes it has, and who may ask for what."""

import pytest

from tls_scaffold.etcd import versions
from tls_scaffold.etcd.versions import HOLES, REVOKED_LET_IN

pytestmark = pytest.mark.fast

NESTED, MAINTENANCE, PUT, WATCH, LEASED, REVOKED = (each.name for each in HOLES)


@pytest.mark.parametrize(
    ("version", "holes", "status_needs_root"),
    [
        ("3.3.27", {NESTED, MAINTENANCE, PUT, WATCH, LEASED}, False),
        ("3.4.23", {NESTED, MAINTENANCE, PUT, WATCH, LEASED}, False),
        ("3.4.24", {NESTED, MAINTENANCE, PUT, WATCH, LEASED}, False),
        ("3.4.25", {NESTED, MAINTENANCE, PUT, WATCH, LEASED, REVOKED}, False),
        ("3.4.26", {NESTED, MAINTENANCE, PUT, WATCH, REVOKED}, False),
        ("3.4.42", {PUT, WATCH, REVOKED}, True),
        ("3.4.45", {WATCH, REVOKED}, True),
        ("3.5.1", {NESTED, MAINTENANCE, PUT, WATCH, LEASED}, False),
        ("3.5.7", {NESTED, MAINTENANCE, PUT, WATCH, LEASED}, False),
        ("3.5.8", {NESTED, MAINTENANCE, PUT, WATCH, LEASED, REVOKED}, False),
        ("3.5.16", {NESTED, MAINTENANCE, PUT, WATCH, REVOKED}, False),
        ("3.5.28", {PUT, WATCH, REVOKED}, True),
        ("3.5.30", {WATCH, REVOKED}, True),
        ("3.5.32", {WATCH}, False),
        ("3.5.33", set(), False),
        ("3.6.0-rc.1", {NESTED, MAINTENANCE, PUT, WATCH, REVOKED}, True),
        ("3.6.11", {WATCH, REVOKED}, True),
        ("3.6.12", {WATCH, REVOKED}, False),
        ("3.6.13", {WATCH}, False),
        ("3.6.14", set(), False),
        ("3.7.0", {WATCH}, False),
        ("3.7.1", set(), False),
        ("4.0.0", set(), False),
        ("", set(), False),
    ],
)
def test_holes_are_those_of_the_version(
    version: str, holes: set[str], status_needs_root: bool
) -> None:
    assert {each.name for each in HOLES if each.is_open(version)} == holes
    assert versions.status_needs_root(version) is status_needs_root


@pytest.mark.parametrize(
    ("version", "knows", "needs_root"),
    [
        ("3.4.23", False, True),
        ("3.5.1", True, True),
        ("3.6.14", True, True),
        ("3.7.1", True, False),
    ],
)
def test_who_may_ask_if_authentication_is_on(version: str, knows: bool, needs_root: bool) -> None:
    assert versions.knows_auth_status(version) is knows
    assert versions.auth_status_needs_root(version) is needs_root


def test_the_releases_with_a_hole_are_said_as_they_are() -> None:
    told = REVOKED_LET_IN.releases
    assert told == "3.4.25 and later of 3.4, 3.5.8 to 3.5.31, 3.6.0 to 3.6.12"
    ends = ("3.4.24", "3.4.25", "3.4.45", "3.5.7", "3.5.8", "3.5.31", "3.5.32", "3.6.0", "3.6.12")
    shown = {each: REVOKED_LET_IN.is_open(each) for each in (*ends, "3.6.13", "3.7.0")}
    closed = ("3.4.24", "3.5.7", "3.5.32", "3.6.13", "3.7.0")
    assert shown == {each: each not in closed for each in shown}

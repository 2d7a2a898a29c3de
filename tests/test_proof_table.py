"""What `prove` prints, whoever tried and however many they were."""

import pytest

from tls_scaffold.cli import prooftable
from tls_scaffold.commands.prove import Proof
from tls_scaffold.etcd.attempts import Attempt
from tls_scaffold.etcd.calls import ALLOWED, DENIED

pytestmark = pytest.mark.fast

HEADING = "what concerns no keys, and who was let do it:"


def without_keys(allowed: dict[str, list[str]], names: list[str]) -> list[str]:
    """Return the lines about what concerns no keys; each operation was let some of them do it."""
    attempts = [
        Attempt(name, "", operation, *[ALLOWED if name in users else DENIED] * 2)
        for operation, users in allowed.items()
        for name in names
    ]
    text = prooftable.text(Proof("3.7.1", 1, (), ("data-dir",), tuple(attempts), ()))
    block = next(block for block in text.split("\n\n") if block.startswith(HEADING))
    return block.splitlines()[1:]


def test_a_user_called_nobody_or_everybody_is_told_from_nobody_and_everybody() -> None:
    names = ["nobody", "everybody"]

    assert without_keys({"a": [], "b": names, "c": ["nobody"], "d": ["everybody"]}, names) == [
        "(nobody)     a",
        "(everybody)  b",
        "nobody       c",
        "everybody    d",
    ]
    assert without_keys({"a": [], "b": ["x"]}, ["x"]) == ["nobody     a", "everybody  b"]


def test_many_users_stand_above_what_they_were_let_do_and_widen_no_column() -> None:
    names = [f"a-user-of-an-application-{number}" for number in range(20)]

    lines = without_keys({"compact": [], "list leases": names[:10]}, names)

    assert lines[0] == "nobody  compact"
    assert lines[1].startswith("a-user-of-an-application-0, a-user-of-an-application-1, ")
    assert lines[-1] == "    list leases"
    assert max(map(len, lines)) <= 100

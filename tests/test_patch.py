"""A plan as a diff."""

import pytest

from tls_scaffold.keeping.patch import unified_diff
from tls_scaffold.keeping.plan import Plan, Step

pytestmark = pytest.mark.fast

SHELF = "archive/1"


def test_a_diff_shows_texts_as_git_does_and_moves_by_their_names() -> None:
    steps = (
        Step("new", None, "a\n"),
        Step("old", "a\n", None),
        Step("changed", "a\nb\u2028c\nd", "a\nb\u2028c\nD"),
        Step("longer", "a", "a\n"),
    )
    assert unified_diff(Plan(SHELF, steps, ("certs/a.pem",))) == (
        "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n"
        "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        "--- a/changed\n+++ b/changed\n@@ -1,3 +1,3 @@\n a\n b\u2028c\n"
        "-d\n\\ No newline at end of file\n"
        "+D\n\\ No newline at end of file\n"
        "--- a/longer\n+++ b/longer\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
        "diff --git a/certs/a.pem b/archive/1/certs/a.pem\nsimilarity index 100%\n"
        "rename from certs/a.pem\nrename to archive/1/certs/a.pem\n"
    )

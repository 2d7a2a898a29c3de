"""A profile's `name_whitelist`: a pattern in the syntax of RE2, which Go's regexp reads too.

Python's own patterns have another syntax, and some of them take for ever.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What Go's regexp.QuoteMeta puts a backslash before; Python's `re.escape` quotes more."""


def pattern_problem(pattern: str) -> str:
    """Say why a pattern can't be used; empty if it can."""
    try:
        import re2
    except ImportError:
        return "to read it the package `google-re2` is needed, which is not installed"
    try:
        _compiled(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return f"`{pattern}` is no pattern as Go reads it: {text}"
    return ""


def allows(pattern: str, name: str) -> bool:
    """Tell whether a name matches a pattern somewhere, which is all that cfssl asks for."""
    return _compiled(pattern).search(name) is not None


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write on stderr by itself
    return re2.compile(pattern, options)


def exact_pattern(names: Iterable[str]) -> str:
    """Return the pattern that these names alone match, each of them whole.

    Without names it is one that no name matches: cfssl takes an empty pattern for none. Python's
    `$` also matches before a line feed at the end, Go's without flags does not.
    """
    quoted = (SPECIAL.sub(r"\\\g<0>", name) for name in sorted(set(names)))
    return f"^({'|'.join(quoted)})$"

"""The one family of errors that a user may cause, and how it is told."""

from collections.abc import Iterable


class ScaffoldError(Exception):
    """Something a user can mend: a summary, every problem found, and a hint.

    `summary` is one line without a trailing period; each problem is one line that begins with
    its place (`members[1]: …`); `hint` says what to do. The command line prints it and exits with
    `exit_code`.
    """

    exit_code = 1

    def __init__(self, summary: str, problems: Iterable[str] = (), hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.problems = tuple(problems)
        self.hint = hint

    def __str__(self) -> str:
        """Return the whole message: summary, problems indented, a blank line and the hint."""
        lines = [self.summary, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join(lines)

    def without(self, path: str) -> str:
        """Return summary and problems as one line, with the place `path` left out: for where it is told already."""
        return ": ".join(
            (self.summary, *(problem.removeprefix(f"{path}: ") for problem in self.problems))
        )


class UsageError(ScaffoldError):
    """The command line itself is wrong."""

    exit_code = 2

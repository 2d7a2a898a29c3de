"""`tls-scaffold rbac`: the script that brings etcd in line, or what it would change there."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake, rbac
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering import template


@dataclass(frozen=True)
class Difference:
    """One line of the inventory or of etcd that the other lacks.

    `change` is `missing` or `surplus`, seen from etcd; `words` are the columns of the line.
    """

    change: str
    words: tuple[str, ...]


def render_script(inventory: Inventory, at: Path, within: Path | None = None) -> Path:
    """Render the script of an inventory, and what it applies, into the new folder `at`.

    `within` is for files on the way. Returns the script's path.
    """
    rendered = template.render(inventory, within)
    return write_script(at, {name: rendered[name].encode() for name in (SCRIPT, FACTS)})


def write_script(at: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the script and, beside it, what it applies; return the script's path."""
    at.mkdir()
    for name, content in contents.items():
        (at / name).write_bytes(content)
    return at / SCRIPT


def script_text(folder: Path) -> str:
    """Return the text of `rbac.sh`; `rbac.tsv` beside it says what it applies."""
    return template.render(intake.load(folder))[SCRIPT]


def not_compared(folder: Path) -> list[str]:
    """Return a line about the users for whom the inventory asks nothing of etcd.

    What etcd has of them stays.
    """
    names = [f"`{user.name}`" for user in intake.load(folder).users if rbac.lacks_roles(user)]
    if not names:
        return []
    reason = "neither role nor permissions: what etcd has of them is not compared"
    return [f"{', '.join(names)}: {reason}"]


def differences(folder: Path) -> tuple[Difference, ...]:
    """Compare a live cluster with the inventory.

    The script does it, in the folder and with the caller's variables. Raises ScaffoldError with the
    script's own message where etcd does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="tls-scaffold-") as temporary:
        script = render_script(intake.load(folder), Path(temporary, "rbac"))
        done = subprocess.run(
            ["sh", script, "--diff"],
            cwd=folder,
            # A relative TMPDIR would be another folder where the script runs.
            env={**os.environ, "TMPDIR": temporary, "TLS_SCAFFOLD_AS_IT_IS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    # Keys of etcd are bytes, and need not be text.
    out, err = (each.decode("utf-8", "backslashreplace") for each in (done.stdout, done.stderr))
    if err or done.returncode not in (0, 1):
        summary, _, hint = err.removeprefix("error: ").strip().partition("\n\nhint: ")
        raise ScaffoldError(
            summary or f"`{SCRIPT}` was ended (exit code {done.returncode})", hint=hint
        )
    signs = {"+": "missing", "-": "surplus"}
    lines = out.split("\n")[:-1]  # `splitlines` would also end one at a character of a key
    return tuple(Difference(signs[line[0]], tuple(line[2:].split("\t"))) for line in lines)

"""What the tests of the commands that keep a folder share: running them, editing as users do."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from support import contents
from tls_scaffold.cli import cli
from tls_scaffold.rendering import documents

RECORD = documents.LAST_RENDER
FOREIGN = Path(__file__).parent / "fixtures/foreign"


@dataclass(frozen=True)
class Said:
    """What a command printed: data, and talk."""

    stdout: str
    stderr: str


def kept(folder: Path, *words: str, code: int = 0) -> Said:
    """Run a command of ours on a folder, in this process.

    Its exit code must be `code`, and no traceback come of it.
    """
    result = CliRunner().invoke(cli, ["-C", str(folder), *words], catch_exceptions=False)
    assert (result.exit_code, "Traceback" in result.stderr) == (code, False), (
        result.stdout + result.stderr
    )
    return Said(result.stdout, result.stderr)


def kept_contents(folder: Path) -> dict[str, bytes | str]:
    """Return what a folder holds but for the files of the lock, which any command may make."""
    return {name: text for name, text in contents(folder).items() if "/archive/." not in f"/{name}"}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change(folder: Path, **fields: object) -> None:
    """Edit a folder's inventory as a user does."""
    path = folder / "tls-scaffold.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), **fields}, indent=2) + "\n", encoding="utf-8"
    )


def upgrade(folder: Path, path: str, old: str, new: str) -> None:
    """Make the record say that `old` was rendered where `new` is now, as after an upgrade."""
    text = (folder / path).read_text(encoding="utf-8")
    assert new in text
    assert old != new
    now, before = (
        [f"{key}\t{value}" for key, value in documents.recorded(path, each)]
        for each in (text, text.replace(new, old, 1))
    )
    record = (folder / RECORD).read_text(encoding="utf-8")
    assert all(line in record for line in now)
    for one, other in zip(now, before, strict=True):
        record = record.replace(one, other)
    (folder / RECORD).write_text(record, encoding="utf-8")


def foreign(name: str, target: Path) -> Path:
    """Copy a folder made by hand; returns the copy."""
    return Path(shutil.copytree(FOREIGN / name, target / name))

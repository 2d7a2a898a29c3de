"""What `adopt` notes for the first `sync`: what it understood of a folder made by hand, which gives way to ours."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tls_scaffold import words
from tls_scaffold.cfssl import readers
from tls_scaffold.disk import folder as files
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.reach import (
    output_problem,
    path_problem,
    request_problem,
    source_problem,
)
from tls_scaffold.keeping import readback
from tls_scaffold.keeping.description import Seed
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.makefiles import foreign
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import ARCHIVE, CA_REQUEST, CERTS, CONFIG, RULES, STATE

FILE = f"{STATE}/adopted.json"
AGAIN = "move `tls-scaffold.json` and `.tls-scaffold/` away and run `tls-scaffold adopt` again"
Texts = Mapping[str, str]


@dataclass(frozen=True)
class AdoptionNote:
    """What `adopt` understood.

    `lines` of the Makefile that ours stands for, `targets` that the team is used to, with what each makes,
    `seeds` as in adoption.Adopted, and `ca`, where the CA's files are.
    """

    lines: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: Mapping[str, Seed] = field(default_factory=dict)
    ca: str = ""

    def to_json(self) -> str:
        """Return the text of the file that keeps it."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def with_what_was_understood(self, folder: Path, now: Texts, rendered: Texts) -> dict[str, str]:
        """Return the texts that count as there: requests under our paths, our Makefile with the team's own parts."""
        texts = {**now, **{path: _seeded(folder, path, seed) for path, seed in self.seeds.items()}}
        if self.lines and MAKEFILE in now:
            texts[MAKEFILE] = foreign.transplant(
                now[MAKEFILE], rendered[MAKEFILE], rendered[RULES], set(self.lines), self.targets
            )
        return texts

    def ended(self, folder: Path, plan: Plan, rendered: Texts) -> Plan:
        """Return the plan with what makes the note needless: old files to the archive, the CA to where ours is."""
        sources = dict.fromkeys(seed.source for seed in self.seeds.values())
        moves = [path for path in sources if path not in rendered and (folder / path).exists()]
        copies = [
            Step(f"{plan.shelf}/{step.path}", None, step.before)
            for step in plan.steps
            if step.before is not None and step.path in (MAKEFILE, *self.seeds)
        ]
        steps = [*copies, Step(FILE, files.own_text(folder, FILE), None)]
        ca = self.ca if self.ca != f"{CERTS}/ca" and (folder / f"{self.ca}.pem").exists() else ""
        return plan.with_more(steps, moves, ca)


def read(folder: Path) -> AdoptionNote | None:
    """Return what `adopt` understood of a folder that has not been synced since; None for any other.

    Raises ScaffoldError for whatever `adopt` can't have written.
    """
    text = files.own_text(folder, FILE)
    return None if text is None else parsed(text, str(folder / FILE))


def parsed(text: str, place: str) -> AdoptionNote:
    """Return the note in a text as `read` does; `place` is what messages call it."""
    try:
        data = readback.table(text, FILE)
    except ScaffoldError as error:
        raise ScaffoldError(f"`{place}` is damaged", [error.summary], AGAIN) from error
    problems: list[str] = []
    found = _note(Field("", data, problems))
    readback.refuse(
        FILE, f"`{place}` is not what `adopt` writes, and nothing was done", problems, AGAIN
    )
    return found


def note_problems(note: AdoptionNote) -> list[str]:
    """Return what would be refused in a note of `adopt` when it is read back, a line each."""
    problems: list[str] = []
    _note(Field("", json.loads(note.to_json()), problems))
    return problems


def _note(whole: Field) -> AdoptionNote:
    table = whole.whole_table(("lines", "targets", "seeds", "ca"))
    return AdoptionNote(
        lines=tuple(line.text(_line_problem) for line in table["lines"].list_items()),
        targets={
            name.text(_target_problem): tuple(
                path.text(_makes_problem) for path in makes.list_items()
            )
            for name, makes in table["targets"].entries()
        },
        seeds={path.text(_seeded_problem): _seed(seed) for path, seed in table["seeds"].entries()},
        ca=table["ca"].text(_ca_problem),
    )


def _seed(field: Field) -> Seed:
    table = field.whole_table(("source", "fields"))
    over = table["fields"].table(("CN", "hosts"))
    found: dict[str, Any] = {}
    if "CN" in over:
        found["CN"] = over["CN"].text(words.cn_problem)
    if "hosts" in over:
        found["hosts"] = [host.text() for host in over["hosts"].list_items()]
    return Seed(table["source"].text(source_problem), found)


def _line_problem(text: str) -> str:
    return "it is more than one line" if "\n" in text else ""


def _target_problem(text: str) -> str:
    return (
        ""
        if foreign.NAME.fullmatch(text)
        else f"`{text}` is no name that a target of a Makefile would have"
    )


def _makes_problem(text: str) -> str:
    # It is written into the Makefile, where any other text could run what it likes.
    return (
        output_problem(text.removesuffix(".pem"))
        if text.endswith(".pem")
        else f"`{text}` does not end in `.pem`"
    )


def _seeded_problem(text: str) -> str:
    return "" if text in (CA_REQUEST, CONFIG) else request_problem(text)


def _ca_problem(text: str) -> str:
    return path_problem(text) or (
        f"`{text}` is in the archive" if text.startswith(f"{ARCHIVE}/") else ""
    )


def _seeded(folder: Path, path: str, seed: Seed) -> str:
    source = folder / seed.source
    text = files.own_text(folder, seed.source)
    if text is None:
        raise ScaffoldError(f"`{source}` is gone since `tls-scaffold adopt` read it")
    seems, what = readers.seems_request, "request"
    if path == CONFIG:
        seems, what = readers.seems_config, "configuration"
    if not seems(text):  # anything else, such as a key, is not copied
        raise ScaffoldError(
            f"`{source}` is not copied to `{path}`: it does not look like a {what} of cfssl"
        )
    if not seed.fields:
        return text
    document = json.loads(text.removeprefix("\ufeff"))
    return json.dumps({**document, **seed.fields}, indent=2, ensure_ascii=False) + "\n"

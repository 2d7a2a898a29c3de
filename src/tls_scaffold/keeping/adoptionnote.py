"""What `adopt` notes for the first `sync`: what it understood of a folder made by hand.

That gives way to what is ours.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tls_scaffold import spelling
from tls_scaffold.cfssl import readers
from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.reach import (
    output_problem,
    path_problem,
    request_problem,
    source_problem,
)
from tls_scaffold.keeping.description import Seed
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.keeping.readback import (
    parse_table,
    refuse_problems,
)
from tls_scaffold.makefiles import foreign
from tls_scaffold.makefiles.usedtargets import USED_TARGET
from tls_scaffold.paths import (
    ADOPTED,
    ARCHIVE,
    CA_OUTPUT,
    CA_REQUEST,
    CONFIG,
    MAKEFILE,
    PEER_CA_REQUEST,
    RULES,
)

AGAIN = "move `tls-scaffold.json` and `.tls-scaffold/` away and run `tls-scaffold adopt` again"
Texts = Mapping[str, str]


@dataclass(frozen=True)
class AdoptionNote:
    """What `adopt` understood.

    `lines` of the Makefile that ours stands for, `targets` that the team is used to, with what each
    makes, `seeds` as in adoption.Adopted, and `ca`, where the CA's files are.
    """

    lines: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]]
    seeds: Mapping[str, Seed]
    ca: str

    def to_json(self) -> str:
        """Return the text of the file that keeps it."""
        return json_text(asdict(self))

    def with_what_was_understood(self, folder: Path, now: Texts, rendered: Texts) -> dict[str, str]:
        """Return the texts that count as there.

        Requests stand under our paths, and in our Makefile are the team's own parts.
        """
        texts = dict(now)
        for path, seed in self.seeds.items():
            texts[path] = _seeded_text(folder, path, seed)
        if self.lines and MAKEFILE in now:
            texts[MAKEFILE] = foreign.transplant(
                now[MAKEFILE],
                rendered[MAKEFILE],
                rendered[RULES],
                set(self.lines),
                self.targets,
                self.ca,
            )
        return texts

    def ended(self, folder: Path, plan: Plan, rendered: Texts) -> Plan:
        """Return the plan with what makes the note needless.

        Old files go to the archive, but for those that the team's own lines name, and the CA to
        where ours is.
        """
        makefile = plan.after(MAKEFILE)
        sources = dict.fromkeys(seed.source for seed in self.seeds.values())
        moves = [
            path
            for path in sources
            if path not in rendered and (folder / path).exists() and not _names(makefile, path)
        ]
        copies = plan.copies((MAKEFILE, *self.seeds))
        end = Step(ADOPTED, own_text(folder, ADOPTED), None)
        is_elsewhere = self.ca != CA_OUTPUT and (folder / f"{self.ca}.pem").exists()
        return plan.with_more([*copies, end], moves, self.ca if is_elsewhere else "")


def read_note(folder: Path) -> AdoptionNote | None:
    """Return what `adopt` understood of a folder that has not been synced since; None for others.

    Raises ScaffoldError for whatever `adopt` can't have written.
    """
    text = own_text(folder, ADOPTED)
    return None if text is None else parse_note(text, str(folder / ADOPTED))


def parse_note(text: str, place: str) -> AdoptionNote:
    """Return the note in a text as `read_note` does; `place` is what messages call it."""
    try:
        data = parse_table(text, ADOPTED)
    except ScaffoldError as error:
        raise ScaffoldError(f"`{place}` is damaged", [error.summary], AGAIN) from error
    problems: list[Problem] = []
    note = _read_note(Field("", data, problems))
    summary = f"`{place}` is not what `adopt` writes, and nothing was done"
    refuse_problems(ADOPTED, summary, problems, AGAIN)
    return note


def note_problems(note: AdoptionNote) -> list[Problem]:
    """Return what would be refused in a note of `adopt` when it is read back."""
    problems: list[Problem] = []
    _read_note(Field("", json.loads(note.to_json()), problems))
    return problems


def _read_note(whole: Field) -> AdoptionNote:
    table = whole.whole_table(("lines", "targets", "seeds", "ca"))
    return AdoptionNote(
        lines=table["lines"].texts(_line_problem),
        targets={
            name.text(_target_problem): paths.texts(_makes_problem)
            for name, paths in table["targets"].entries()
        },
        seeds={
            path.text(_seeded_problem): _read_seed(seed) for path, seed in table["seeds"].entries()
        },
        ca=table["ca"].text(_ca_problem),
    )


def _read_seed(field: Field) -> Seed:
    table = field.whole_table(("source", "fields"))
    over = table["fields"].table(("CN", "hosts"))
    found: dict[str, Any] = {}
    if "CN" in over:
        found["CN"] = over["CN"].text(spelling.cn_problem)
    if "hosts" in over:
        found["hosts"] = list(over["hosts"].texts())
    return Seed(table["source"].text(source_problem), found)


def _line_problem(text: str) -> str:
    return "it is more than one line" if "\n" in text else ""


def _target_problem(text: str) -> str:
    if USED_TARGET.fullmatch(text):
        return ""
    return f"`{text}` is no name that a target of a Makefile would have"


def _makes_problem(text: str) -> str:
    # It is written into the Makefile, where any other text could run what it likes.
    if not text.endswith(".pem"):
        return f"`{text}` does not end in `.pem`"
    return output_problem(text.removesuffix(".pem"))


def _seeded_problem(text: str) -> str:
    return "" if text in (CA_REQUEST, PEER_CA_REQUEST, CONFIG) else request_problem(text)


def _ca_problem(text: str) -> str:
    is_archived = text.startswith(f"{ARCHIVE}/")
    return path_problem(text) or (f"`{text}` is in the archive" if is_archived else "")


def _names(makefile: str, path: str) -> bool:
    """Tell whether the text of a Makefile has this path, and not only as a part of another."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w./-])", makefile) is not None


def _seeded_text(folder: Path, path: str, seed: Seed) -> str:
    source = folder / seed.source
    text = own_text(folder, seed.source)
    if text is None:
        raise ScaffoldError(f"`{source}` is gone since `tls-scaffold adopt` read it")
    if path == CONFIG:
        seems_right, what = readers.seems_config(text), "configuration"
    else:
        seems_right, what = readers.seems_request(text), "request"
    if not seems_right:  # anything else, such as a key, is not copied
        raise ScaffoldError(
            f"`{source}` is not copied to `{path}`: it does not look like a {what} of cfssl"
        )
    if not seed.fields:
        return text
    return json_text({**json.loads(text.removeprefix("\ufeff")), **seed.fields})

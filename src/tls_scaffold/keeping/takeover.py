"""Between `adopt` and the first `sync`: what was understood of a folder made by hand gives way to ours."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tls_scaffold.disk import folder as files
from tls_scaffold.disk.healing import STATE
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.keeping.changes import Plan, Step
from tls_scaffold.keeping.description import Seed
from tls_scaffold.makefiles import foreign
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import CERTS

FILE = f"{STATE}/adopted.json"
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Takeover:
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

    def given(self, folder: Path, now: Texts, rendered: Texts) -> dict[str, str]:
        """Return the texts that count as there: requests under our paths, our Makefile with the team's own parts."""
        texts = {**now, **{path: _seeded(folder, seed) for path, seed in self.seeds.items()}}
        if self.lines and MAKEFILE in now:
            texts[MAKEFILE] = foreign.transplant(now[MAKEFILE], rendered[MAKEFILE], set(self.lines), self.targets)
        return texts

    def finished(self, folder: Path, plan: Plan, rendered: Texts) -> Plan:
        """Return the plan with what ends the takeover: old files to the archive, the CA to where ours is."""
        sources = dict.fromkeys(seed.source for seed in self.seeds.values())
        moves = [path for path in sources if path not in rendered and (folder / path).exists()]
        copies = [
            Step(f"{plan.shelf}/{step.path}", None, step.before)
            for step in plan.steps
            if step.before is not None and step.path in (MAKEFILE, *self.seeds)
        ]
        steps = [*copies, Step(FILE, files.read_text(folder, FILE), None)]
        ca = self.ca if self.ca != f"{CERTS}/ca" and (folder / f"{self.ca}.pem").exists() else ""
        return plan.with_more(steps, moves, ca)


def read(folder: Path) -> Takeover | None:
    """Return what `adopt` understood of a folder that has not been synced since; None for any other."""
    text = files.read_text(folder, FILE)
    if text is None:
        return None
    try:
        data = json.loads(text)
        return Takeover(
            lines=tuple(data["lines"]),
            targets={name: tuple(makes) for name, makes in data["targets"].items()},
            seeds={path: Seed(**seed) for path, seed in data["seeds"].items()},
            ca=data["ca"],
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        hint = "remove `tls-scaffold.json` and `.tls-scaffold/` and run `tls-scaffold adopt` again"
        raise ScaffoldError(f"`{folder / FILE}` is damaged", hint=hint) from error


def _seeded(folder: Path, seed: Seed) -> str:
    text = files.read_text(folder, seed.source)
    if text is None:
        raise ScaffoldError(f"`{folder / seed.source}` is gone since `tls-scaffold adopt` read it")
    if not seed.fields:
        return text
    document: dict[str, Any] = formats.parse(text, seed.source, "json")
    return json.dumps({**document, **seed.fields}, indent=2, ensure_ascii=False) + "\n"

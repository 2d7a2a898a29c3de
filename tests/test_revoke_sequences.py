"""Random rows of add, remove, renew and revoke: no list ever names what members or root show.

What is forced apart. The rule is asked of openssl's eyes and of the files, after each step.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from conftest import Factory
from kills import remembered
from tls_scaffold.cli import cli
from tls_scaffold.rendering import template

SEED = 19
STEPS = 10
WORDS = (
    *("--members", "127.0.0.1,127.0.0.2,127.0.0.3", "--users", "root,alice,bob"),
    *("--proxies", "0", "--key", "ecdsa-256"),
)
COUNTS = [
    pytest.param(10, id="10"),
    pytest.param(200, id="200", marks=pytest.mark.long),
]

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson")


@dataclass
class Life:
    """A folder to which things happen, and what came of them; `forced` are numbers that were."""

    folder: Path
    chance: random.Random
    done: list[str] = field(default_factory=list)
    forced: set[int] = field(default_factory=set)
    given: dict[str, list[int]] = field(default_factory=dict)
    refused: int = 0
    next_host: int = 9

    def run(self, *words: str) -> int:
        self.done.append(" ".join(words))
        result = CliRunner().invoke(cli, ["-C", str(self.folder), *words])
        is_sound = result.exception is None or isinstance(result.exception, SystemExit)
        assert is_sound, (self.done, result.output, result.exception)
        if result.exit_code:
            self.refused += 1
        return result.exit_code

    @property
    def inventory(self) -> dict[str, list[dict[str, str]]]:
        document: dict[str, list[dict[str, str]]] = json.loads(
            (self.folder / "tls-scaffold.json").read_text()
        )
        return document

    def names(self, kind: str) -> list[str]:
        return [each["name"] for each in self.inventory[kind]]

    def any_name(self) -> str:
        """Return a component, be it there or gone."""
        there = [*self.names("members"), *self.names("users")]
        return self.chance.choice([*there, *there, *self.given])

    def number(self, name: str) -> int:
        pem = (self.folder / f"certs/{name}.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).serial_number

    def note(self) -> None:
        """Remember which numbers each component was given."""
        for name in [*self.names("members"), *self.names("users")]:
            if (self.folder / f"certs/{name}.pem").exists():
                given = self.given.setdefault(name, [])
                if self.number(name) not in given:
                    given.append(self.number(name))


def add_member(life: Life) -> None:
    life.run("add", "--member", f"127.0.0.{life.next_host}")
    life.next_host += 1
    life.run("sign")


def add_user(life: Life) -> None:
    life.run("add", "--user", life.chance.choice(["alice", "bob", "carol", "dave"]))
    life.run("sign")


def remove_member(life: Life) -> None:
    _remove(life, life.names("members"))


def remove_user(life: Life) -> None:
    _remove(life, [name for name in life.names("users") if name != "root"])


def _remove(life: Life, names: list[str]) -> None:
    words = ["--revoke"] if life.chance.random() < 0.5 else []
    if names:
        life.run("remove", *words, life.chance.choice(names))


def renew(life: Life) -> None:
    there = [*life.names("members"), *life.names("users")]
    life.run("sign", "--force", life.chance.choice(there))


def revoke_name(life: Life) -> None:
    words = life.chance.choice([[], ["--sign-again"], ["--sign-again"]])
    life.run("revoke", *words, life.any_name())


def revoke_number(life: Life) -> None:
    """Revoke some number that was given away: today's, or an older one that leaked."""
    name = life.chance.choice(list(life.given))
    number = life.chance.choice(life.given[name])
    life.run("revoke", f"{number:040x}" if life.chance.random() < 0.5 else f"0x{number:x}")


def force(life: Life) -> None:
    name = life.chance.choice([*life.names("members"), "root"])
    life.forced.add(life.number(name))
    life.run("revoke", "--force", f"0x{life.number(name):x}")


def lose(life: Life) -> None:
    """Lose the list, as a clone has none: the next run makes it again."""
    (life.folder / "certs/crl.der").unlink(missing_ok=True)
    if "crl" in life.inventory:
        life.run("revoke")


HAPPENINGS: tuple[tuple[Callable[[Life], None], int], ...] = (
    (add_member, 2),
    (add_user, 2),
    (remove_member, 2),
    (remove_user, 2),
    (renew, 4),
    (revoke_name, 5),
    (revoke_number, 5),
    (force, 1),
    (lose, 1),
)


def wrong(life: Life) -> Iterator[str]:
    """Yield what breaks the rule."""
    path = life.folder / "certs/crl.der"
    listed = x509.load_der_x509_crl(path.read_bytes()) if path.exists() else ()
    numbers = {each.serial_number for each in listed}
    for name in [*life.names("members"), "root"]:
        number = life.number(name)
        if number in numbers and number not in life.forced:
            yield f"{name} is shut out"
    lines = (life.folder / "revoked.tsv").read_text() if numbers else ""
    noted = {int(line.split("\t")[0], 16) for line in lines.splitlines() if line[0] != "#"}
    if numbers != noted:
        yield "the list is another than what is noted"
    if numbers and not life.inventory.get("crl"):
        yield "nobody looks into the list"


@pytest.mark.parametrize("count", COUNTS)
def test_no_sequence_shuts_out_a_member_or_root(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(template, "render", remembered(template.render))
    start, seen = signed(*WORDS), dict.fromkeys((each.__name__ for each, _ in HAPPENINGS), 0)
    refused = revoked = forced = 0
    functions, weights = zip(*HAPPENINGS, strict=True)
    for number in range(count):
        folder = Path(shutil.copytree(start, tmp_path / "life", symlinks=True))
        life = Life(folder, random.Random(SEED * 1000 + number))  # noqa: S311
        life.note()
        for _ in range(STEPS):
            (happening,) = life.chance.choices(functions, weights)
            seen[happening.__name__] += 1
            happening(life)
            life.note()
            assert list(wrong(life)) == [], (number, life.done)
        refused, forced = refused + life.refused, forced + len(life.forced)
        if (folder / "revoked.tsv").exists():
            revoked += len((folder / "revoked.tsv").read_text().splitlines()) - 1
        shutil.rmtree(folder)
    # Each kind has happened; much was revoked, and much refused.
    assert all(seen.values())
    assert min(refused, revoked) > count

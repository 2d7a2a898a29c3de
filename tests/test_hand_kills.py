"""Kills at each write of what goes to the CA's machine and comes back: the next run heals."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusters import P256
from handwork import OURS, Machine, exported, imported, machine
from promises.tracing import calls
from support import contents, make, run, tls_scaffold

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "strace")
CLUSTER = ("--members", "127.0.0.1", "--users", "root", *P256, "--ca-offline")
NAMES = ("etcd1", "root")
SAMPLE = 1


def key_of(path: Path) -> str:
    """Return the public key of a certificate, a CSR or a private key, as openssl prints it."""
    kind = {".csr": "req", ".pem": "x509"}[path.suffix]
    words = ("pkey", "-pubout") if path.name.endswith("-key.pem") else (kind, "-noout", "-pubkey")
    done = run("openssl", *words, "-in", str(path))
    assert done.returncode == 0, (path, done.stderr)
    return done.stdout


def broken(folder: Path) -> list[str]:
    """Return which certificates, and which CSRs that wait, have another key beside them."""
    found = [*folder.glob("certs/*.pem"), *folder.glob("awaiting/*.csr")]
    leaves = [
        path
        for path in found
        if not path.name.endswith("-key.pem") and path.stem not in ("ca", "trust")
    ]
    return [
        str(path)
        for path in leaves
        if key_of(path) != key_of(path.with_name(f"{path.stem}-key.pem"))
    ]


def answered(place: Path) -> None:
    """Check that a folder has all certificates, that nothing waits, and make has nothing to do."""
    folder = place / "tls-setup"
    assert "nothing to" in (done := make(folder)).stdout + done.stderr
    assert [each.name for each in (folder / "awaiting").glob("[!.]*")] == []
    assert sorted(each.name for each in folder.glob("certs/[!.]*.pem")) == sorted(
        ["ca.pem", "trust.pem", *(f"{name}{end}" for name in NAMES for end in (".pem", "-key.pem"))]
    )
    assert len(list((folder / "issued").glob("*.pem"))) == len(NAMES) + 1
    assert [each for each in folder.rglob("*.work.*") if each.is_dir()] == []
    assert f'"sha256": "{Machine(place / "ca").pin}"' in (folder / "tls-scaffold.json").read_text()


def asked(place: Path) -> None:
    """Check that all waits, whole; and that answers to it are taken."""
    folder = place / "tls-setup"
    waiting = {each.name for each in (folder / "awaiting").glob("[!.]*")}
    assert waiting == {f"{name}{end}" for name in NAMES for end in (".csr", ".json", "-key.pem")}
    hand = Machine(place / "ca")
    pack = exported(folder, place / "after.tar")
    imported(folder, hand.signed(pack, "--record", str(place / "r")), "--ca-sha256", hand.pin)
    answered(place)


def packed(place: Path) -> None:
    hand = Machine(place / "ca")
    signed = hand.signed(place / "p.tar", "--record", str(place / "r"))
    imported(place / "tls-setup", signed, "--ca-sha256", hand.pin)
    answered(place)


@dataclass(frozen=True)
class Scenario:
    """A command that is killed in a place, and what has to be true when it was run again."""

    command: tuple[str, ...]
    then: Callable[[Path], None]
    state: str


def scenarios(pin: str) -> dict[str, Scenario]:
    ours = (OURS, "-C", "tls-setup", "requests")
    sign = (OURS, "requests", "sign", "p.tar", "--ca", "ca/ca.pem", "--ca-key", "ca/ca-key.pem")
    make_csr = ("make", "-C", "tls-setup", "csr")
    return {
        "csr, cfssl": Scenario((*make_csr, "SIGNER=cfssl"), asked, "new"),
        "csr, tls-scaffold": Scenario((*make_csr, "SIGNER=tls-scaffold"), asked, "new"),
        "another csr, cfssl": Scenario((*make_csr, "SIGNER=cfssl"), asked, "edited"),
        "another csr, tls-scaffold": Scenario((*make_csr, "SIGNER=tls-scaffold"), asked, "edited"),
        "export": Scenario((*ours, "export", "p.tar"), packed, "asked"),
        "sign": Scenario((*sign, "--yes", "--record", "r"), packed, "packed"),
        "import": Scenario(
            (*ours, "import", "p-signed.tar", "--ca-sha256", pin), answered, "signed"
        ),
    }


NAMED = tuple(scenarios(""))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return places in each state, which tests copy."""
    root = tmp_path_factory.mktemp("kills")
    before = root / "new"
    before.mkdir()
    hand = machine(before / "ca")
    done = tls_scaffold("new", str(before / "tls-setup"), *CLUSTER)
    assert done.returncode == 0, done.stderr
    found = {"new": before}

    def next_state(name: str, of: str) -> Path:
        found[name] = shutil.copytree(found[of], root / name, symlinks=True)
        return found[name]

    make(next_state("asked", "new") / "tls-setup", "csr", SIGNER="tls-scaffold")
    for request in (next_state("edited", "asked") / "tls-setup/config").glob("req-*.json"):
        request.write_text(request.read_text().replace("256", "384"))
    packed_place = next_state("packed", "asked")
    exported(packed_place / "tls-setup", packed_place / "p.tar")
    signed_place = next_state("signed", "packed")
    hand.signed(signed_place / "p.tar", "--record", str(signed_place / "r"))
    return found


def chosen(count: int, seed: str, *, every: bool) -> Iterator[int]:
    """Yield the calls to kill at: each of `count`, or one of each part of them."""
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    part = 1 if every else -(-count // SAMPLE)
    yield from (
        chance.randrange(first, min(first + part, count + 1)) for first in range(1, count + 1, part)
    )


@pytest.mark.parametrize("name", NAMED)
def test_what_was_killed_at_any_write_is_ended_by_the_same_again(
    places: dict[str, Path], tmp_path: Path, pytestconfig: pytest.Config, name: str
) -> None:
    pin = Machine(places["new"] / "ca").pin
    scenario = scenarios(pin)[name]
    before = places[scenario.state]

    def copy() -> Path:
        shutil.rmtree(tmp_path / "place", ignore_errors=True)
        return shutil.copytree(before, tmp_path / "place", symlinks=True)

    count = calls(scenario.command, copy())
    assert count > 3
    numbers = [*chosen(count, name, every=pytestconfig.getoption("--long"))]
    killed = 0
    for number in numbers:
        place = copy()
        old = {
            path: text
            for path, text in contents(place / "tls-setup").items()
            if path.endswith("-key.pem")
        }
        killed += calls(scenario.command, place, kill_at=number) >= number
        assert broken(place / "tls-setup") == [], number
        # No key is lost: it is where it was, in its place, or in the archive.
        kept = set(contents(place / "tls-setup").values())
        assert set(old.values()) <= kept, number
        done = run(*scenario.command, cwd=place)
        assert done.returncode == 0, (number, done.stderr)
        scenario.then(place)
    assert killed > len(numbers) // 2


def left_by_a_kill(place: Path, *endings: str) -> Path:
    """Put files of `root` in their places that wait still, as a kill of an import leaves them."""
    folder = place / "tls-setup"
    hand = Machine(place / "ca")
    imported(folder, place / "p-signed.tar", "etcd1", "--ca-sha256", hand.pin)
    for ending in endings:
        shutil.copy(folder / f"awaiting/root{ending}", folder / f"certs/root{ending}")
    return folder


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_key_in_its_place_without_its_certificate_waits_still(
    places: dict[str, Path], tmp_path: Path, signer: str
) -> None:
    place = shutil.copytree(places["signed"], tmp_path / "place", symlinks=True)
    folder = left_by_a_kill(place, "-key.pem", ".csr")
    before = contents(folder / "awaiting")
    make(folder, "csr", SIGNER=signer)
    assert contents(folder / "awaiting") == before
    imported(folder, place / "p-signed.tar")
    answered(place)


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_what_is_in_its_place_waits_no_more(
    places: dict[str, Path], tmp_path: Path, signer: str
) -> None:
    place = shutil.copytree(places["signed"], tmp_path / "place", symlinks=True)
    folder = left_by_a_kill(place)
    waiting = shutil.copytree(folder / "awaiting", tmp_path / "awaiting")
    imported(folder, place / "p-signed.tar")
    for ending in (".csr", ".json", "-key.pem"):
        shutil.copy(waiting / f"root{ending}", folder / f"awaiting/root{ending}")
    done = make(folder, "csr", SIGNER=signer)
    assert "nothing to ask for" in done.stdout + done.stderr
    answered(place)


def test_what_a_kill_left_where_keys_wait_goes_with_the_next_run(
    places: dict[str, Path], tmp_path: Path
) -> None:
    place = shutil.copytree(places["asked"], tmp_path / "place", symlinks=True)
    left = place / "tls-setup/awaiting/.work.qmdd4bq8"
    left.mkdir(mode=0o700)
    shutil.copy(place / "tls-setup/awaiting/root-key.pem", left)
    exported(place / "tls-setup", place / "p.tar")
    assert not left.exists()

"""Rules over CAs' keys: where a copy of one lies in the clear, and what to do once it was read."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import certs
from checking import check
from conftest import Factory
from tls_scaffold.checks.rule import Finding

CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
SHELF = "archive/20261129T202623Z"
OLDER = "archive/20250101T000000Z"
PIN = "0" * 64
CUSTODIES: dict[str, dict[str, Any]] = {
    "offline": {"key": "offline"},
    "remote": {"key": "remote", "remotes": ["http://127.0.0.1:1"], "sha256": PIN},
    "encrypted": {"key": "encrypted"},
    "own offline": {"own": True, "key": "offline"},
}


@pytest.fixture
def sound(folder: Factory) -> Path:
    path = folder(*CLUSTER)
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "alice")
    return path


def held(folder: Path, custody: dict[str, Any]) -> None:
    """Let another hold the CA's key; what lay in `certs/` is on a shelf of the archive."""
    inventory = folder / "tls-scaffold.json"
    inventory.write_text(json.dumps({**json.loads(inventory.read_text()), "ca": custody}))
    (folder / SHELF / "certs").mkdir(parents=True)
    (folder / "certs/ca-key.pem").rename(folder / SHELF / "certs/ca-key.pem")


def of_earlier_ca(folder: Path, shelf: str) -> str:
    place = folder / shelf
    certs.ca(place)
    return f"{shelf}/certs/ca-key.pem"


def found(folder: Path, *rules: str) -> list[Finding]:
    return [each for each in check(folder, certs.NOW).findings if each.id in rules]


IN_THE_CLEAR = ("ca-key-here", "ca-key-not-encrypted", "earlier-ca-keys")


@pytest.mark.parametrize("custody", CUSTODIES)
def test_the_key_of_today_s_ca_is_found_in_the_archive(sound: Path, custody: str) -> None:
    held(sound, CUSTODIES[custody])

    (finding,) = found(sound, *IN_THE_CLEAR)

    is_encrypted = custody == "encrypted"
    assert finding.id == ("ca-key-not-encrypted" if is_encrypted else "ca-key-here")
    assert finding.level == ("error" if is_encrypted else "warning")
    assert finding.where == f"{SHELF}/certs/ca-key.pem"
    assert "in the clear" in finding.message
    assert "encrypt-ca-key" not in finding.fix  # which mends what is in `certs/` alone


def test_the_key_of_a_ca_that_is_trusted_alone_is_one_of_today(sound: Path) -> None:
    held(sound, CUSTODIES["offline"])
    (sound / "certs/ca.pem").rename(sound / "certs/trust.pem")

    assert [each.id for each in found(sound, *IN_THE_CLEAR)] == ["ca-key-here"]


def test_keys_of_earlier_cas_are_noted_once_and_with_their_paths(sound: Path) -> None:
    held(sound, CUSTODIES["offline"])
    (sound / SHELF / "certs/ca-key.pem").unlink()
    paths = [of_earlier_ca(sound, shelf) for shelf in (SHELF, OLDER)]

    (finding,) = found(sound, *IN_THE_CLEAR)

    assert (finding.id, finding.level, finding.where) == ("earlier-ca-keys", "note", "archive")
    listed = ", ".join(f"`{path}`" for path in paths)
    assert finding.message == f"it has keys of earlier CAs in the clear: {listed}"


def test_where_the_key_lies_here_in_the_clear_nothing_more_is_said(sound: Path) -> None:
    of_earlier_ca(sound, OLDER)
    (sound / SHELF / "certs").mkdir(parents=True)
    shutil.copy(sound / "certs/ca-key.pem", sound / SHELF / "certs")

    assert found(sound, *IN_THE_CLEAR) == []


@pytest.mark.parametrize("custody", ["offline", "remote", "own offline"])
def test_where_the_key_is_to_be_elsewhere_nobody_is_told_to_encrypt_it(
    sound: Path, custody: str
) -> None:
    held(sound, CUSTODIES[custody])
    (sound / SHELF / "certs/ca-key.pem").rename(sound / "certs/ca-key.pem")

    (finding,) = found(sound, *IN_THE_CLEAR, "ca-key-in-the-clear")

    assert (finding.id, finding.where) == ("ca-key-here", "certs/ca-key.pem")


def test_no_link_is_followed_and_nothing_large_is_read(sound: Path, tmp_path: Path) -> None:
    held(sound, CUSTODIES["offline"])
    kept = tmp_path / "elsewhere"
    key = sound / SHELF / "certs/ca-key.pem"
    shutil.copytree(sound / "archive", kept)

    key.unlink()
    key.symlink_to(kept / key.relative_to(sound / "archive"))
    assert found(sound, *IN_THE_CLEAR) == []
    shutil.rmtree(sound / SHELF / "certs")
    (sound / SHELF / "certs").symlink_to(kept / SHELF.removeprefix("archive/") / "certs")
    assert found(sound, *IN_THE_CLEAR) == []
    shutil.rmtree(sound / "archive")
    (sound / "archive").symlink_to(kept)
    assert found(sound, *IN_THE_CLEAR) == []
    (sound / "archive").unlink()
    shutil.copytree(kept, sound / "archive")
    assert found(sound, *IN_THE_CLEAR) != []
    key.write_bytes(key.read_bytes() + b"\n" * 70_000)
    assert found(sound, *IN_THE_CLEAR) == []


def test_the_key_of_a_ca_that_others_could_read_is_never_for_a_group(sound: Path) -> None:
    for name in ("ca", "alice"):
        (sound / f"certs/{name}-key.pem").chmod(0o644)

    fixes = {each.where: each.fix for each in found(sound, "key-mode")}

    assert fixes["certs/ca-key.pem"] == (
        "`chmod 600` of the key; if others may have read it, "
        "`tls-scaffold rotate start --compromised` puts another CA in its place"
    )
    assert "key_group" in fixes["certs/alice-key.pem"]
    assert "rotate" not in fixes["certs/alice-key.pem"]
    assert fixes["certs/alice-key.pem"].endswith("sign again")

    inventory = sound / "tls-scaffold.json"
    inventory.write_text(json.dumps({**json.loads(inventory.read_text()), "ca": {"own": True}}))
    (of_own,) = [each.fix for each in found(sound, "key-mode") if "ca-key" in each.where]
    assert of_own == (
        "`chmod 600` of the key; if others may have read it, "
        "whoever trusts this CA needs another one: `docs/ca-rotation.md`"
    )

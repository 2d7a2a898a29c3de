"""`explain` while one CA follows another, and after that: who hangs on the one that goes."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rotated import ALONE, BOTH, CROSSED, NEW, OLD, Scene, rotation_scene
from runningmembers import HOST, NEWEST
from support import OURS, run

VERSIONS = (
    "3.5",
    *(pytest.param(each, marks=pytest.mark.long) for each in ("3.4", "3.6", "3.7")),
)
LET_IN = (["no-user"], 0)
"""What is said of a client that is let in: nobody has told these members of users."""
pytestmark = pytest.mark.needs("etcd", "etcdctl", within=NEWEST["3.5"])


@pytest.fixture(scope="module", params=VERSIONS)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with rotation_scene(tmp_path_factory.mktemp("rotation"), request.param, ["etcd1"]) as found:
        yield found


def come(scene: Scene, shows: str, trusts: str) -> tuple[str, str]:
    """Let alice come to the member; return what its log and etcdctl say."""
    (one,) = scene.members
    trust = scene.folder.parent / f"trust-{trusts.replace(' ', '-')}.pem"
    trust.write_bytes(scene.trusts[trusts])
    pair = (scene.pairs[shows] / "alice.pem", scene.pairs[shows] / "alice-key.pem")
    one.said()
    by_member = by_client = ""
    end = time.monotonic() + 60
    # A second is over before they have met where the machine is busy; that is nothing they say.
    while "rejected connection" not in by_member and time.monotonic() < end:
        done = one.ctl("get", "x", files=(trust, *pair), wait="3s")
        by_member, by_client = by_member + one.said(), done.stdout + done.stderr
    return by_member, by_client


def explained(scene: Scene, text: str, *words: str) -> tuple[list[str], int]:
    """Return the causes of lines, and how `explain` ends, after a look at the member."""
    lines = scene.folder.parent / "lines"
    lines.write_text(text)
    looking = ("--endpoints", scene.members[0].endpoint)
    return asked(scene, "--file", str(lines), *looking, *words)


def asked(scene: Scene, *words: str) -> tuple[list[str], int]:
    causes, code = answer(scene, *words)
    return [each["id"] for each in causes], code


def answer(scene: Scene, *words: str) -> tuple[list[dict[str, Any]], int]:
    # A member that is busy for a second is no unreachable one.
    done = run(OURS, "explain", "--json", *words, cwd=scene.folder, TLS_SCAFFOLD_TIMEOUT="10")
    found: dict[str, Any] = json.loads(done.stdout)
    return found["causes"], done.returncode


def visitor(scene: Scene, shows: str) -> tuple[str, ...]:
    pair = scene.pairs[shows]
    return ("--cert", str(pair / "alice.pem"), "--key", str(pair / "alice-key.pem"))


def test_a_client_with_an_old_leaf_is_told_so_when_a_member_trusts_the_new_ca_alone(
    scene: Scene,
) -> None:
    scene.stage(NEW)
    scene.lay_out(scene.members[0], CROSSED, NEW)
    by_member, by_client = come(scene, OLD, BOTH)

    for text in (by_member, by_client):
        assert explained(scene, text, *visitor(scene, OLD)) == (["client-old-ca"], 0), text
    # The log does not tell whose leaf it was.
    assert explained(scene, by_member) == (["client-other-ca", "client-old-ca"], 1)
    assert asked(scene, str(scene.pairs[OLD] / "alice.pem")) == (["client-old-ca"], 0)
    at = f"{HOST}:{scene.members[0].client}"
    (cause,), code = answer(scene, at, *visitor(scene, OLD))
    mend = ["`tls-scaffold bundle alice`", "give the client its new pair, and its new `ca.pem`"]
    assert (cause["id"], cause["component"], cause["mend"], code) == (
        *("client-old-ca", "alice"),
        *(mend, 0),
    )
    assert asked(scene, at, *visitor(scene, CROSSED)) == LET_IN


def test_it_is_told_after_the_rotation_too_from_the_archive(scene: Scene) -> None:
    scene.stage(NEW)
    scene.lay_out(scene.members[0], CROSSED, NEW)
    by_member, _ = come(scene, OLD, BOTH)
    certs, shelf = scene.folder / "certs", scene.folder / "archive/20260101T000000Z/certs"
    kept = shutil.copytree(certs, scene.folder.parent / "kept")
    shelf.mkdir(parents=True)
    try:
        (certs / "old-ca.pem").rename(shelf / "ca.pem")
        (certs / "old-ca-key.pem").rename(shelf / "ca-key.pem")
        (certs / "chain.pem").unlink()
        shutil.rmtree(scene.folder / "issued")
        assert explained(scene, by_member, *visitor(scene, OLD)) == (["client-old-ca"], 0)
        assert asked(scene, str(scene.pairs[OLD] / "alice.pem")) == (["client-old-ca"], 0)
        shutil.rmtree(shelf)  # nobody knows it any more
        assert explained(scene, by_member, *visitor(scene, OLD)) == (["client-other-ca"], 0)
    finally:
        shutil.rmtree(certs)
        kept.rename(certs)


def test_a_client_that_leaves_out_the_cross_certificate_is_told_so(scene: Scene) -> None:
    scene.stage(BOTH)
    scene.lay_out(scene.members[0], CROSSED, OLD)
    by_member, by_client = come(scene, ALONE, BOTH)

    for text in (by_member, by_client):
        assert explained(scene, text, *visitor(scene, ALONE)) == (["client-chain"], 0), text
    # Of an old leaf a member that has loaded the old CA has no complaint.
    assert explained(scene, by_member) == (["client-other-ca", "client-chain"], 1)
    assert asked(scene, str(scene.pairs[ALONE] / "alice.pem")) == (["client-chain"], 0)
    assert asked(scene, str(scene.pairs[CROSSED] / "alice.pem")) == ([], 1)


def test_a_member_that_leaves_it_out_is_told_so(scene: Scene) -> None:
    scene.stage(BOTH)
    scene.lay_out(scene.members[0], ALONE, OLD)
    by_member, by_client = come(scene, CROSSED, OLD)

    # Its own gateway, which is a client of it, is refused for that too.
    refused = [line for line in by_member.splitlines() if "remote error: tls: bad cert" in line]
    at = f"{HOST}:{scene.members[0].client}"
    assert asked(scene, at) == (["server-chain"], 0)
    assert explained(scene, "\n".join(refused)) == (["server-chain"], 0), by_member
    if scene.members[0].tools.etcdctl.parent != Path("/usr/bin"):  # 3.4's client says nothing
        assert explained(scene, by_client) == (["server-chain"], 0), by_client


def test_who_has_loaded_the_old_ca_alone_has_no_fault_while_both_are_trusted(scene: Scene) -> None:
    scene.stage(BOTH)
    scene.lay_out(scene.members[0], CROSSED, OLD)
    at = f"{HOST}:{scene.members[0].client}"
    assert asked(scene, at) == ([], 1)
    for shows in (OLD, CROSSED):
        assert asked(scene, at, *visitor(scene, shows)) == LET_IN
    scene.stage(NEW)
    assert asked(scene, at) == (["member-trust"], 0)

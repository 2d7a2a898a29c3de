"""Each preset lets its software do what that does, and no more, on a real etcd."""

import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from clusters import BUILT, DISTRIBUTION, P256, SYSTEM, Live, live, tools
from conftest import Factory
from tls_scaffold.inventory.presetparts import PASSWORD
from tls_scaffold.inventory.presets import PRESETS
from transactions import LEASE, REVISION, SCRIPTS, Step, Version

pytestmark = pytest.mark.needs("cfssl", "make", "openssl")
SECONDS = 200
PASSWORDS = {
    preset.name: f"{preset.name}:secret-of-{preset.name}"
    for preset in PRESETS
    if preset.login == PASSWORD
}
REFUSALS = ("authentication failed", "permission denied", "user name not found", "user not found")


def _on(path: str, name: str, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(
        path, id=name, marks=(pytest.mark.needs("etcd", "etcdctl", within=path), *marks)
    )


VERSIONS = (
    _on(SYSTEM, "3.4", pytest.mark.long),
    _on(BUILT["newest 3.7"], "newest 3.7"),
    _on(DISTRIBUTION, "3.5.1", pytest.mark.long),
    _on(BUILT["newest 3.5"], "newest 3.5", pytest.mark.long),
    _on(BUILT["newest 3.6"], "newest 3.6", pytest.mark.long),
)


def test_each_preset_has_a_script_of_its_software() -> None:
    assert sorted(SCRIPTS) == sorted(preset.name for preset in PRESETS)


@pytest.mark.parametrize("path", VERSIONS)
def test_each_user_may_do_what_its_software_does_and_no_more(
    signed: Factory, tmp_path: Path, path: str
) -> None:
    roles = chain.from_iterable(("--role", f"{name}={name}") for name in SCRIPTS)
    folder = signed("--members", "127.0.0.1", "--users", ",".join(SCRIPTS), *roles, *P256)
    passwords = "\n".join(PASSWORDS.values())
    with live(folder, tmp_path / "cluster", with_tools=tools(path)) as running:
        version = tuple(int(part) for part in running.cluster.tools.version.split("."))
        for words in ((), ("--enable",)):
            done = running.script(*words, TLS_SCAFFOLD_PASSWORDS=passwords)
            assert done.returncode == 0, done.stderr
        _seed(running)
        with ThreadPoolExecutor(4) as pool:
            told = pool.map(
                lambda name: list(_surprises(running, name, version, tmp_path)), SCRIPTS
            )
            surprises = list(chain.from_iterable(told))

    assert not surprises, "\n".join(surprises)


def _seed(running: Live) -> None:
    """Put something under every key that is watched: a watch of the past then says so at once."""
    for step in chain.from_iterable(SCRIPTS.values()):
        if step.is_watch:
            running.said("put", "--", f"{step.words[-1]}", "v")


def _surprises(running: Live, name: str, version: Version, scratch: Path) -> Iterator[str]:
    """Yield each step that went otherwise than it should."""
    known = {LEASE: "1", REVISION: "1", "{scratch}": str(scratch / name)}
    for step in SCRIPTS[name]:
        seen = _outcome(running, name, step, known)
        expected = "allowed" if step.allowed(version) else "denied"
        if seen != expected:
            yield f"{name}: {' '.join(step.words)} {step.text.split()} is {seen}, not {expected}"


def _outcome(running: Live, name: str, step: Step, known: dict[str, str]) -> str:
    words, text = [*step.words], step.text
    for place, value in known.items():
        words, text = [word.replace(place, value) for word in words], text.replace(place, value)
    command = [str(running.cluster.tools.etcdctl), "--command-timeout=60s", *words]
    environment = {**os.environ, **running.variables(name)}
    if name in PASSWORDS:
        environment["ETCDCTL_USER"] = PASSWORDS[name]
    if step.is_watch:
        return _outcome_of_watch(command, environment)
    done = subprocess.run(
        command,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if words[:2] == ["lease", "grant"] and done.returncode == 0:
        known[LEASE] = done.stdout.split()[1]
    # Others compact, too.
    compacted = words[0] == "compaction" and "has been compacted" in done.stderr
    return _told(done.returncode == 0 or compacted, done.stderr + done.stdout)


def _outcome_of_watch(command: list[str], environment: Mapping[str, str]) -> str:
    words = (b"PUT", *(each.encode() for each in REFUSALS))
    pipe, text = subprocess.PIPE, b""
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        # What the client only warns of may come first.
        while (
            not any(each in text for each in words)
            and select.select([process.stdout], [], [], SECONDS)[0]
            and (piece := os.read(process.stdout.fileno(), 65536))
        ):
            text += piece
        process.terminate()
    return _told(b"PUT" in text, text.decode())


def _told(is_done: bool, text: str) -> str:
    if is_done:
        return "allowed"
    return "denied" if any(words in text for words in REFUSALS) else text

"""docs/ca-signing-service.md: its commands run on the real programs, and its unit looks at keys."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from multiroots import P256, configured, make_remote, multirootca, pin_of
from support import faults, run, tls_scaffold
from tls_scaffold.multiroot import rootsfile

PAGE = (Path(__file__).parents[1] / "docs/ca-signing-service.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
SET_UP, OF_THE_TEAM, THOUSAND = BLOCKS


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block, with the text of its input, and what it prints."""
    found: list[tuple[str, list[str]]] = []
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            if "<<'END'" in command:
                while not command.endswith("\nEND"):
                    command += f"\n{next(lines)}"
            found.append((command, []))
        else:
            found[-1][1].append(line)
    return found


def run_block(block: str, at: Path, places: dict[str, str], **variables: str) -> None:
    """Run a block's commands in a folder, with the places that are there for those of the page."""

    def here(text: str) -> str:
        for place, other in places.items():
            text = text.replace(place, other)
        return text

    given: dict[str, Any] = dict(variables)
    for command, printed in commands(block):
        done = run("sh", "-c", here(command), cwd=at, **given)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        for line in printed:
            assert here(line) in (done.stdout + done.stderr).splitlines(), line


@pytest.mark.needs("cfssl", "cfssljson", "multirootca", "openssl", "make")
def test_a_service_is_set_up_as_the_page_says(tmp_path: Path) -> None:
    server = tmp_path / "etc/multirootca"
    server.parent.mkdir()
    places = {"/etc/multirootca": str(server)}
    run_block(SET_UP, tmp_path, places)
    keys = sorted(path.name for path in (server / "keys").iterdir())
    assert keys == ["prod-root.key", "prod.key"]
    done = configured("prod.yaml", "--label", "prod", "--into", str(server), cwd=tmp_path)
    assert done.stdout == ""
    assert "warning" not in done.stderr
    assert "next:" not in done.stderr
    with multirootca(tmp_path, "1.2.0", server / "roots.ini") as one:
        assert one.post("info", {"label": "prod"})["success"]
        urls = "http://10.0.0.9:8888,http://10.0.0.10:8888"
        key = (server / "keys/prod.key").read_text()
        places = {urls: one.url, " SUM": f" {pin_of(server / 'ca/prod.pem')}", "…": key}
        run_block(OF_THE_TEAM, tmp_path, places)
        wrong = [each for each in faults(tmp_path / "prod") if "ca-key.pem" not in each]
        assert [each for each in wrong if not each.startswith("ca.pem: File")] == ["root: missing"]


def test_a_thousand_folders_are_served_as_the_page_says(tmp_path: Path) -> None:
    for label in ("prod", "stage"):
        folder = tmp_path / "srv/clusters" / label
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = tls_scaffold("new", str(folder), "--members", "10.0.0.1", *P256)
        assert done.returncode == 0, done.stderr
        make_remote(folder, label, "ab" * 32)
    server = tmp_path / "etc/multirootca"
    server.parent.mkdir()
    places = {"/etc/multirootca": str(server), "/srv/clusters": str(tmp_path / "srv/clusters")}
    *first, last = commands(THOUSAND)
    run_block("".join(f"$ {command}\n" for command, _ in first), tmp_path, places)
    sections = rootsfile.parse((server / "roots.ini").read_text(), "").sections
    assert {label: each.values.get("nets") for label, each in sections.items()} == {
        "prod": None,
        "stage": "10.2.0.0/16",
    }
    run_block(f"$ {last[0]}\n", tmp_path, places)
    assert list(rootsfile.parse((server / "roots.ini").read_text(), "").sections) == ["prod"]


def test_the_unit_starts_nothing_while_a_key_is_empty(tmp_path: Path) -> None:
    line = re.search("^ExecStartPre=(.*)$", PAGE, re.MULTILINE)
    assert line
    words = shlex.split(line[1])
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/a.key").write_text("11")
    assert run(*words, cwd=tmp_path).returncode == 0
    (tmp_path / "keys/b.key").write_text("")
    assert run(*words, cwd=tmp_path).returncode == 1
    (tmp_path / "keys/b.key").unlink()
    (tmp_path / "keys/a.key").unlink()
    assert run(*words, cwd=tmp_path).returncode == 1


def test_the_unit_runs_what_the_commands_write() -> None:
    line = re.search("^ExecStart=(.*)$", PAGE, re.MULTILINE)
    assert line
    assert shlex.split(line[1])[-2:] == ["-roots", "/etc/multirootca/roots.ini"]

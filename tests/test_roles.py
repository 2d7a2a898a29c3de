"""`tls-scaffold roles`."""

import json
import re

import pytest

from support import BIN, run, tls_scaffold
from tls_scaffold.inventory.presets import PRESETS

ROLES = str(BIN / "tls-scaffold")


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_it_fits_the_terminal_and_says_the_same_on_each(columns: str) -> None:
    wide = run(ROLES, "roles", COLUMNS="1000").stdout
    done = run(ROLES, "roles", COLUMNS=columns)

    # The longest prefix and the longest address of a source are no words to divide.
    assert max(map(len, done.stdout.splitlines())) <= max(int(columns), 80)
    assert done.stdout.split() == wide.split()


def test_a_pipe_has_80_columns() -> None:
    lines = run(ROLES, "roles", COLUMNS="").stdout.splitlines()

    assert max(map(len, lines)) <= 80
    assert lines == run(ROLES, "roles", COLUMNS="80").stdout.splitlines()


def test_it_lists_each_preset_with_source_permissions_and_reasons() -> None:
    done = run(ROLES, "roles", COLUMNS="1000")

    assert done.returncode == 0
    blocks = done.stdout.strip().split("\n\n")
    assert len(blocks) == len(PRESETS)
    for block, preset in zip(blocks, PRESETS, strict=True):
        title, *rows = block.splitlines()
        assert title == f"{preset.name}  ({preset.version}; {preset.source})"
        others = (*([preset.root] if preset.root else []), *preset.settings, *preset.warnings)
        assert len(rows) >= len(preset.reasons) + len(others)
        for row, reason in zip(rows, preset.reasons, strict=False):
            access, path, why = row.split(maxsplit=2)
            assert (access, path, why) == (
                reason.permission.access,
                str(reason.permission),
                reason.why,
            )
        for setting in preset.settings:
            assert f"  set        {setting}" in block
        for note in preset.warnings:
            assert f"  {note}" in block


def test_it_says_who_holds_the_role_root_and_who_does_without() -> None:
    told = run(ROLES, "roles", COLUMNS="1000").stdout

    server, restricted = (
        next(block for block in told.split("\n\n") if block.split()[0] == name)
        for name in ("kube-apiserver", "kube-apiserver-restricted")
    )
    assert re.search(r"\n  root +\(the role root\)  +compaction: ", server)
    assert "the preset `kube-apiserver-restricted` does without the role root" in server
    assert "root)" not in restricted
    setting = r"\n  set +--etcd-compaction-interval=0  +it can't compact without root"
    assert re.search(setting, restricted)
    assert "3.5.28 to 3.5.31" in restricted


def test_programs_may_read_it_as_json() -> None:
    presets = {each["name"]: each for each in json.loads(tls_scaffold("roles", "--json").stdout)}

    assert list(presets) == [preset.name for preset in PRESETS]
    assert presets["calico"] == {
        "name": "calico",
        "source": "docs.tigera.io/calico/latest/reference/etcd-rbac/kubernetes",
        "version": "Calico 3.25 to 3.32 and main of August 2026",
        "permissions": [
            {
                "prefix": "/calico/",
                "access": "readwrite",
                "why": "one user for all of Calico: everything that it keeps",
            }
        ],
        "root": "",
        "without_root": "",
        "settings": [
            {
                "name": "COMPACTION_PERIOD",
                "value": "0",
                "why": "kube-controllers can't compact without root; etcd's members do",
                "elsewhere": "`etcdV3CompactionPeriod: 0s` in a KubeControllersConfiguration",
            }
        ],
        "login": "certificate",
        "asks_status": False,
        "by_name": True,
    }

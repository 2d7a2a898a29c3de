"""`tls-scaffold rbac` and `tls-scaffold rbac --diff`."""

import json
from pathlib import Path
from typing import Any

import pytest

from clusters import P256, VERSIONS, live, tools
from conftest import Factory
from keeping import change
from support import BIN, Done, run, tls_scaffold

WORDS = ("--members", "127.0.0.1", "--users", "root,calico", *P256)


def rbac(folder: Path, *words: str, **variables: Any) -> Done:
    return run(
        str(BIN / "tls-scaffold"), "-C", str(folder), "rbac", *words, cwd=folder.parent, **variables
    )


def test_it_prints_the_folder_s_own_script(folder: Factory) -> None:
    path = folder(*WORDS)

    done = rbac(path)

    assert (done.returncode, done.stdout) == (0, (path / "rbac.sh").read_text(encoding="utf-8"))


@pytest.mark.needs("cfssl", "make")
@pytest.mark.parametrize("path", VERSIONS)
def test_diff_compares_a_live_cluster_and_changes_nothing(
    signed: Factory, tmp_path: Path, path: str
) -> None:
    with live(signed(*WORDS), tmp_path / "run", with_tools=tools(path)) as running:
        variables = running.variables()
        empty = rbac(running.folder, "--diff", **variables)
        assert running.script().returncode == 0
        same = rbac(running.folder, "--diff", **variables)
        running.said("role", "grant-permission", "calico", "read", "--prefix=true", "/other/")
        surplus = rbac(running.folder, "--diff", **variables)
        as_json = rbac(running.folder, "--diff", "--json", **variables)
        # No UTF-8.
        running.said("role", "grant-permission", "calico", "read", "--prefix=true", "/\udcff/")
        bytes_too = rbac(running.folder, "--diff", **variables)

    assert (empty.returncode, sorted(empty.stdout.splitlines())) == (
        4,
        [
            "+ grant  calico  calico",
            "+ grant  root  root",
            "+ permission  calico  readwrite  prefix  /calico/",
            "+ role  calico",
            "+ role  root",
            "+ user  calico",
            "+ user  root",
        ],
    )
    assert (same.returncode, same.stdout, same.stderr) == (
        0,
        "",
        "etcd holds what the inventory asks for\n",
    )
    assert (surplus.returncode, surplus.stdout) == (
        4,
        "- permission  calico  read  prefix  /other/\n",
    )
    assert (
        bytes_too.returncode,
        "- permission  calico  read  prefix  /\\xff/" in bytes_too.stdout,
    ) == (4, True)
    assert (
        surplus.stderr
        == "`make rbac` creates what is missing (+) and takes away what is too much (-)\n"
    )
    assert (as_json.returncode, json.loads(as_json.stdout)) == (
        4,
        [{"change": "surplus", "words": ["permission", "calico", "read", "prefix", "/other/"]}],
    )


@pytest.mark.needs("etcdctl", "cfssl", "make")
def test_an_etcd_that_is_down_is_an_error_and_no_difference(signed: Factory) -> None:
    done = rbac(
        signed(*WORDS),
        "--diff",
        ETCDCTL_ENDPOINTS="https://127.0.0.1:1",
        ETCDCTL_COMMAND_TIMEOUT="1s",
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: etcd does not answer at `https://127.0.0.1:1`: context deadline exceeded\n\n"
        "hint: ETCDCTL_ENDPOINTS names the members; an etcd with certificates of another CA "
        "gives no answer either\n"
    )


@pytest.mark.needs("etcd", "etcdctl", "cfssl", "make")
def test_what_etcd_holds_does_not_steer_a_terminal_and_comes_whole_to_programs(
    signed: Factory, tmp_path: Path
) -> None:
    key = "/a\x1b[31m\r\x0b\u0085ü/"
    with live(signed(*WORDS), tmp_path / "run") as running:
        variables = running.variables()
        assert running.script().returncode == 0
        running.said("role", "grant-permission", "calico", "read", "--prefix=true", key)
        shown = rbac(running.folder, "--diff", **variables)
        as_json = rbac(running.folder, "--diff", "--json", **variables)
        script = running.script("--diff")

    assert shown.stdout == "- permission  calico  read  prefix  /a\\x1b[31m\\r\\x0b\\x85ü/\n"
    assert json.loads(as_json.stdout)[0]["words"][-1] == key
    assert script.stdout == "- permission\tcalico\tread\tprefix\t/a?[31m???ü/\n"


def test_json_without_diff_is_a_usage_error(folder: Factory) -> None:
    done = tls_scaffold("-C", str(folder(*WORDS)), "rbac", "--json")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "Error: --json goes with --diff")


@pytest.mark.needs("etcd", "etcdctl", "cfssl", "make")
def test_rights_that_an_inventory_does_not_ask_for_any_more_are_not_passed_over_in_silence(
    signed: Factory, tmp_path: Path
) -> None:
    with live(
        signed(*WORDS[:2], "--users", "root,app", "--grant", "app=/app/", *P256), tmp_path / "run"
    ) as running:
        assert running.script().returncode == 0
        change(running.folder, users=[{"name": "root", "cn": "root"}, {"name": "app", "cn": "app"}])
        synced = run(str(BIN / "tls-scaffold"), "-C", str(running.folder), "sync")
        compared = rbac(running.folder, "--diff", **running.variables())

    assert (
        "warning: etcd keeps the user `app` and its rights until `sh rbac.sh --prune`, "
        "or `etcdctl user delete -- app`\n" in synced.stderr
    )
    assert (compared.returncode, compared.stdout) == (0, "")
    assert (
        "warning: `app`: neither role nor permissions: what etcd has of them is not compared\n"
        in compared.stderr
    )

"""What the shells offer for values, in folders of ours and in broken ones."""

import os
from pathlib import Path

import pytest

from conftest import Factory
from support import BIN, Done, run
from tls_scaffold.checks import IDS
from tls_scaffold.inventory.presets import PRESETS

PROGRAM = str(BIN / "tls-scaffold")
PRESET_NAMES = [preset.name for preset in PRESETS]


def completed(cwd: Path, typed: str) -> Done:
    """Ask as click's script for bash does: for the last word, which may be empty."""
    words = typed.split(" ")
    return run(
        PROGRAM,
        cwd=cwd,
        _TLS_SCAFFOLD_COMPLETE="bash_complete",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(words) - 1),
    )


def offered(cwd: Path, typed: str) -> list[str]:
    done = completed(cwd, typed)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


COMPONENTS = ["etcd1", "etcd2", "etcd3", "proxy1", "calico", "kube-apiserver"]


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("remove ", COMPONENTS),
        ("remove ca", ["calico"]),
        ("remove etcd1 etcd3 et", ["etcd2"]),
        ("bundle k", ["kube-apiserver"]),
        ("bundle --key-form ", ["as-signed", "pkcs8"]),
        ("sign ", ["ca", *COMPONENTS]),
        ("check --explain ", list(IDS)),
        ("check --explain empty", ["empty-host"]),
        ("add ", PRESET_NAMES),
        ("add --role bob=calico-n", ["bob=calico-node"]),
        ("add --role a=root,bob=ro", ["a=root,bob=root"]),
        (
            "add --users calico,cali",
            [
                f"calico,{name}"
                for name in PRESET_NAMES
                if name.startswith("calico") and name != "calico"
            ],
        ),
        ("new --key ecdsa-", ["ecdsa-256", "ecdsa-384", "ecdsa-521"]),
        ("new --key e", ["ecdsa-256", "ecdsa-384", "ecdsa-521", "ed25519"]),
        ("add --set cali", ["calico:"]),
        ("add --user bob --set b", ["bob:"]),
        ("add --set etcd1:k", ["etcd1:key="]),
        ("add --set calico:O=x,calico:key=ecdsa-5", ["calico:O=x,calico:key=ecdsa-521"]),
        ("add --set calico:usages=server+", ["calico:usages=server+client"]),
        ("add --set calico:expiry=", []),
        ("new --user bob --set bob:ex", ["bob:expiry="]),
        ("sync --reset M", ["Makefile"]),
        (
            "sync --reset config/",
            [
                *("config/ca-config.json", "config/ca-csr.json", "config/req-csr.json"),
                *("config/req-calico.json", "config/req-kube-apiserver.json"),
            ],
        ),
        ("cfssl gen", ["gencert", "genkey", "gencrl"]),
        ("cfssl sign config/re", ["config/re"]),  # by which the shell looks for files
        ("sync --reset tls-scaffold.j", []),
        ("sync --reset Makefile --reset M", []),
    ],
)
def test_values_are_offered(folder: Factory, typed: str, values: list[str]) -> None:
    assert offered(folder(), f"tls-scaffold {typed}") == values


@pytest.mark.parametrize(
    "typed", ["-C tls-setup remove cal", "remove -C tls-setup cal", "-C . remove -C tls-setup cal"]
)
def test_the_folder_is_the_one_that_is_named(folder: Factory, tmp_path: Path, typed: str) -> None:
    folder()

    assert offered(tmp_path, f"tls-scaffold {typed}") == ["calico"]


@pytest.mark.parametrize("typed", ["new -C clusters ", "-C clusters adopt ", "-C clusters status "])
def test_directories_are_those_below_the_folder(tmp_path: Path, typed: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "clusters/*").mkdir(parents=True)

    assert offered(tmp_path, f"tls-scaffold {typed}") == ["*"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"members": [{"name": "\\u001b[31m"}]}', "[" * 9999]
)
@pytest.mark.parametrize("typed", ["remove ", "bundle ", "sign e", "sync --reset config/req"])
def test_a_broken_folder_offers_nothing_and_is_quiet(tmp_path: Path, text: str, typed: str) -> None:
    (tmp_path / "tls-scaffold.json").write_text(text)

    assert completed(tmp_path, f"tls-scaffold {typed}").stderr == ""
    assert offered(tmp_path, f"tls-scaffold {typed}") == []


def test_without_a_folder_nothing_is_offered(tmp_path: Path) -> None:
    for typed in ("remove ", "-C nowhere remove ", "remove -C nowhere x"):
        assert offered(tmp_path, f"tls-scaffold {typed}") == []
    os.mkfifo(tmp_path / "tls-scaffold.json")
    assert offered(tmp_path, "tls-scaffold remove ") == []


def test_bash_completes_by_the_line_of_the_readme(folder: Factory) -> None:
    script = """
        eval "$(_TLS_SCAFFOLD_COMPLETE=bash_source "$0")"
        ask() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _tls_scaffold_completion "$0"
            echo "${COMPREPLY[@]}"
        }
        ask "$0" remove cal
        ask "$0" add --role bob = root
        mkdir -p below/'*'
        ask "$0" -C below status ""
    """
    done = run("bash", "-c", script, PROGRAM, cwd=folder())

    assert (done.stdout, done.stderr) == ("calico\nroot\n*\n", "")


@pytest.mark.parametrize(
    ("shell", "words", "position"),
    [("zsh", "tls-scaffold remove cal", "2"), ("fish", "tls-scaffold remove", "cal")],
)
def test_zsh_and_fish_are_offered_the_same(
    folder: Factory, shell: str, words: str, position: str
) -> None:
    done = run(
        PROGRAM,
        cwd=folder(),
        _TLS_SCAFFOLD_COMPLETE=f"{shell}_complete",
        COMP_WORDS=words,
        COMP_CWORD=position,
    )

    assert done.stdout.split()[:2] in (["plain", "calico"], ["plain,calico"])
    assert (done.returncode, done.stderr) == (0, "")

"""`key_group`: one group may read the keys of components, at each signing anew, and nobody else."""

import grp
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from keeping import change, kept
from rights import NOBODY, as_somebody
from support import environment, make, run
from tls_scaffold.disk.sharing import group_of_keys

GROUP, ANOTHER = ([each.gr_name for each in grp.getgrall() if each.gr_gid] + ["", ""])[:2]
WORDS = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico", "--key", "ecdsa-256")
SHARED = {"certs": (0o750, GROUP), "certs/etcd1-key.pem": (0o640, GROUP)}
PRIVATE = {"certs/ca-key.pem": (0o600, "root"), "certs/.gitignore": (0o600, "root")}
needs_signers = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ANOTHER, reason="not root, who is in every group"
)


def access(folder: Path, *paths: str) -> dict[str, tuple[int, str]]:
    """Return mode and group of files of a folder."""
    found = {path: (folder / path).stat() for path in paths}
    return {
        path: (stat.S_IMODE(status.st_mode), grp.getgrgid(status.st_gid).gr_name)
        for path, status in found.items()
    }


@needs_signers
@pytest.mark.usefixtures("either_signer")
@pytest.mark.parametrize(
    "umask", [0o000, *(pytest.param(each, marks=pytest.mark.long) for each in (0o022, 0o077))]
)
def test_the_group_reads_each_key_after_every_way_of_signing_and_never_the_ca_s(
    folder: Factory, umask: int
) -> None:
    path = folder(*WORDS, "--key-group", GROUP)
    expected = {**SHARED, "certs/calico-key.pem": (0o640, GROUP), **PRIVATE}
    for words in ((), ("req",), ("renew", "RENEW_DAYS=9999"), ("regenerate",)):
        make(path, *words, umask=umask)
        assert access(path, *expected) == expected, words
    assert kept(path, "check").stderr.startswith("nothing found")


@needs_signers
@pytest.mark.usefixtures("either_signer")
def test_without_a_group_all_is_private_again(folder: Factory) -> None:
    path = folder(*WORDS, "--key-group", GROUP)
    make(path)
    change(path, key_group="")
    kept(path, "sync")
    make(path, "req")
    found = access(path, "certs", "certs/etcd1-key.pem", "certs/ca-key.pem")
    assert [mode for mode, _ in found.values()] == [0o700, 0o600, 0o600]


@needs_signers
def test_a_group_that_is_not_there_is_told_and_all_is_signed_and_private(
    folder: Factory, either_signer: str
) -> None:
    path = folder(*WORDS, "--key-group", "nosuchgroup")
    said = make(path).stderr
    assert "warning: " in said
    assert "nosuchgroup" in said
    found = access(path, "certs", "certs/etcd1-key.pem", "certs/ca-key.pem")
    assert [mode for mode, _ in found.values()] == [0o700, 0o600, 0o600], either_signer
    kept(path, "status")


@needs_signers
@pytest.mark.parametrize("number", [2**32 - 1, 2**32, 10**31])
def test_a_number_that_is_no_group_s_opens_nothing(signed: Factory, number: int) -> None:
    path = signed(*WORDS)
    before = access(path, "certs", "certs/calico-key.pem")
    change(path, key_group=str(number))
    assert f"there is no group `{number}`" in kept(path, "sync").stderr
    assert access(path, "certs", "certs/calico-key.pem") == before


@needs_signers
def test_a_group_that_the_user_is_not_in_is_told_likewise_by_cfssl_s_script(
    folder: Factory,
) -> None:
    with as_somebody(folder(*WORDS, "--key-group", GROUP)) as path:
        os.seteuid(0)
        done = subprocess.run(
            ["make", "SIGNER=cfssl"],
            cwd=path,
            env=environment(),
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        check_private(path, done.returncode, done.stderr)


def test_a_group_that_the_user_is_not_in_is_told_likewise_by_the_own_signer(
    folder: Factory,
) -> None:
    # A Python in root's home can load nothing more in the block.
    kept(folder(*WORDS, name="loaded"), "sign")
    with as_somebody(folder(*WORDS, "--key-group", GROUP)) as path:
        check_private(path, 0, kept(path, "sign").stderr)


def check_private(path: Path, code: int, said: str) -> None:
    assert code == 0, said
    assert "warning: " in said
    assert f"group `{GROUP}`" in said
    found = access(path, "certs", "certs/etcd1-key.pem")
    assert [mode for mode, _ in found.values()] == [0o700, 0o600]


@needs_signers
def test_a_key_of_a_ca_that_a_line_signs_is_not_shared(folder: Factory) -> None:
    path = folder(*WORDS, "--key-group", GROUP)
    config = json.loads((path / "config/ca-config.json").read_text())
    config["signing"]["profiles"]["client"]["ca_constraint"] = {"is_ca": True}
    config["signing"]["profiles"]["client"]["usages"] += ["cert sign"]
    (path / "config/ca-config.json").write_text(json.dumps(config))
    make(path, "req-calico", "SIGNER=cfssl")
    assert access(path, "certs/calico-key.pem") == {"certs/calico-key.pem": (0o600, "root")}
    kept(path, "sync")
    assert access(path, "certs/calico-key.pem") == {"certs/calico-key.pem": (0o600, "root")}
    (path / "certs/calico-key.pem").chmod(0o640)
    os.chown(path / "certs/calico-key.pem", -1, grp.getgrnam(GROUP).gr_gid)
    assert "certs/calico-key.pem: its mode is 0640" in kept(path, "check", code=1).stdout


@needs_signers
def test_sync_shares_what_is_there_and_follows_no_link(signed: Factory, tmp_path: Path) -> None:
    path = signed(*WORDS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("secret")
    elsewhere.chmod(0o600)
    (path / "certs/calico-key.pem").unlink()
    (path / "certs/calico-key.pem").symlink_to(elsewhere)
    change(path, key_group=GROUP)
    kept(path, "sync", "--dry-run")
    assert access(path, "certs")["certs"][0] == 0o700
    assert "warning: " in kept(path, "sync").stderr
    assert access(path, *SHARED) == SHARED
    assert access(tmp_path, "elsewhere") == {"elsewhere": (0o600, "root")}
    assert access(path, "certs/ca-key.pem") == {"certs/ca-key.pem": (0o600, "root")}


def narrowed(path: Path) -> None:
    (path / "certs").chmod(0o700)


def written_by_group(path: Path) -> None:
    (path / "certs/etcd1-key.pem").chmod(0o660)


def of_another_group(path: Path) -> None:
    os.chown(path / "certs/etcd1-key.pem", -1, grp.getgrnam(ANOTHER).gr_gid)


def for_the_world(path: Path) -> None:
    (path / "certs/etcd1-key.pem").chmod(0o644)


def ca_for_the_group(path: Path) -> None:
    (path / "certs/ca-key.pem").chmod(0o640)
    os.chown(path / "certs/ca-key.pem", -1, grp.getgrnam(GROUP).gr_gid)


def unknown_key(path: Path) -> None:
    (path / "certs/spare-key.pem").write_bytes((path / "certs/ca-key.pem").read_bytes())
    (path / "certs/spare-key.pem").chmod(0o640)
    os.chown(path / "certs/spare-key.pem", -1, grp.getgrnam(GROUP).gr_gid)


def folder_for_the_world(path: Path) -> None:
    (path / "certs").chmod(0o755)


def folder_written_by_group(path: Path) -> None:
    (path / "certs").chmod(0o770)


@needs_signers
@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (narrowed, ""),
        (written_by_group, "certs/etcd1-key.pem"),
        (of_another_group, "certs/etcd1-key.pem"),
        (for_the_world, "certs/etcd1-key.pem"),
        (ca_for_the_group, "certs/ca-key.pem"),
        (unknown_key, "certs/spare-key.pem"),
        (folder_for_the_world, "certs"),
        (folder_written_by_group, "certs"),
    ],
)
def test_check_lets_the_group_read_and_nothing_more(
    signed: Factory, spoil: Callable[[Path], None], place: str
) -> None:
    path = signed(*WORDS)
    change(path, key_group=GROUP)
    kept(path, "sync")
    spoil(path)
    said = kept(path, "check", code=1 if place else 0).stdout
    assert [line.split(": ")[1] for line in said.splitlines() if line.startswith("error")] == (
        [place] if place else []
    )


@needs_signers
def test_an_option_of_check_names_the_group_where_no_inventory_does(signed: Factory) -> None:
    path = signed(*WORDS)
    number = grp.getgrnam(GROUP).gr_gid
    for name, mode in (("certs", 0o750), ("certs/etcd1-key.pem", 0o640)):
        os.chown(path / name, -1, number)
        (path / name).chmod(mode)
    assert "wider than 0600 [key-mode]" in kept(path, "check", code=1).stdout
    kept(path, "check", "--key-group", GROUP)
    kept(path, "check", "--key-group", str(number))
    other = kept(path, "check", "--key-group", ANOTHER, code=1).stdout
    assert f"wider than 0600; its group is `{GROUP}` [key-mode]" in other
    kept(path, "check", "--key-group", "nosuchgroup", code=1)


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ('{"key_group": "etcd"}', "etcd"),
        ('{\n  "key_group":   "etcd"\n}', "etcd"),
        ('{"key_group": "107"}', "107"),
        ('{"ignore": {"x": "\\"key_group\\": \\"wheel\\""}}', ""),
        ('{"key_group": ""}', ""),
        ('{"key_group": "-R"}', ""),
        ('{"other_key_group": "wheel"}', ""),
        ("{}", ""),
        (None, ""),
    ],
)
def test_both_signers_find_the_same_group(tmp_path: Path, text: str | None, group: str) -> None:
    if text is not None:
        (tmp_path / "tls-scaffold.json").write_text(text, encoding="utf-8")
    template = (
        Path(__file__).parents[1] / "cookiecutter-template/{{cookiecutter.directory}}/sign.sh"
    )
    line = next(
        each for each in template.read_text(encoding="utf-8").splitlines() if " group=$(" in each
    )
    found = run("sh", "-euc", f'{line}\necho "<$group>"', cwd=tmp_path)
    assert (found.stdout, group_of_keys(tmp_path)) == (f"<{group}>\n", group)


@pytest.mark.parametrize("name", ["-R", "a b", "a/b", "x" * 33, "ä"])
def test_what_can_t_be_a_group_is_refused(tmp_path: Path, name: str) -> None:
    said = kept(tmp_path, "new", "--members", "10.0.0.1", f"--key-group={name}", "x", code=1).stderr
    assert "  key_group: " in said

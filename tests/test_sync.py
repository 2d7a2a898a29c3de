import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from conftest import Factory
from keeping import RECORD, change, edit, kept, kept_contents, upgrade
from support import contents, make, run, tls_scaffold, verify
from tls_scaffold import __version__
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import VERSION
from tls_scaffold.keeping import journal, update
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.plan import Note, Plan, Step
from tls_scaffold.paths import PENDING

GUIDE = """\
\t$(CFSSL) gencert \\
\t  -ca certs/ca.pem \\
\t  -ca-key certs/ca-key.pem \\
\t  -config config/ca-config.json \\
\t  config/req-felix.json | $(JSON) -bare certs/felix
"""
# How a user edits each file: text, edited text.
DATA = {
    "config/ca-config.json": ('"expiry": "8760h"', '"expiry": "4380h"'),
    "config/ca-csr.json": ('"87600h"', '"43800h"'),
    "config/req-csr.json": ('"10.0.0.1",', '"10.0.0.1",\n    "ours.example.com",'),
    "config/req-calico.json": (
        '"hosts": []',
        '"hosts": [],\n  "crl_url": "http://crl.example.com"',
    ),
}
MAKEFILE = ("#RENEW_DAYS = 30", "RENEW_DAYS = 60")
GENERATED = {
    ".gitignore": ("/data/\n", "/data/\n*.bak\n"),
    "COMPONENTS.md": ("\n# ", "\n# Ours: "),
    "Procfile": ("\n# ", "\n# Ours: "),
    "README.md": ("\n# ", "\n# Ours: "),
    "rbac.sh": ("#!/bin/sh\n", "#!/bin/sh\n# ours\n"),
    "rbac.tsv": ("endpoint\t", "endpoint\thttps://ours.example.com:2379\nendpoint\t"),
    "renewal.sh": ("\nrenew()", "\n# ours\nrenew()"),
    "sign.sh": ("#!/bin/sh\n", "#!/bin/sh\n# ours\n"),
    "tls-scaffold.mk": ("RENEW_DAYS ?= 30", "RENEW_DAYS ?= 60"),
}
EDITS = {"Makefile": MAKEFILE, **DATA, **GENERATED}


# Where each is changed on both sides: what was rendered, what is rendered now, what a user made.
CLASHES = {
    "config/ca-config.json": ('"expiry": "1h"', '"expiry": "8760h"', '"expiry": "4380h"'),
    "config/ca-csr.json": ('"1h"', '"87600h"', '"43800h"'),
    "config/req-csr.json": ('"CN": "old"', '"CN": "etcd"', '"CN": "felix"'),
    "config/req-calico.json": ('"CN": "old"', '"CN": "calico"', '"CN": "felix"'),
}


def test_a_folder_that_follows_its_inventory_is_left_alone_in_silence(folder: Factory) -> None:
    path = folder()
    before = contents(path)
    for words in (["sync"], ["sync", "--dry-run"], ["sync", "--check"]):
        done = kept(path, *words)
        assert (done.stdout, done.stderr) == ("", "")
    assert contents(path) == before


def test_an_edited_inventory_is_followed_as_if_the_folder_were_new(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "calico")
    change(
        path,
        users=[{"name": "zed", "cn": "zed"}],
        expiry="4380h",
        key="rsa-2048",
        separate_requests=True,
    )
    assert kept(path, "sync", "--check", code=4).stderr.startswith(
        f"error: `{path}` does not follow its inventory\n"
    )
    kept(path, "sync")
    assert kept(path, "sync", "--check").stderr == ""
    new = tmp_path / "new"
    tls_scaffold("new", str(new), "--from", str(path / "tls-scaffold.json"))
    assert {**contents(path), "tls-scaffold.json": b""} == {
        **contents(new),
        "tls-scaffold.json": b"",
    }


def test_a_dry_run_shows_a_diff_that_makes_the_very_same_changes(folder: Factory) -> None:
    path = folder()
    edit(path / "Makefile", *EDITS["Makefile"])
    (path / "config/req-calico.json").write_text('{"CN": "x"}', encoding="utf-8")
    change(path, users=[{"name": "zed", "cn": "zed"}])
    copy = Path(shutil.copytree(path, path.parent / "copy"))
    done = kept(path, "sync", "--dry-run")
    assert contents(path) == contents(copy)
    told = re.sub("archive/[^:]*", "archive/TIME", done.stderr).splitlines()
    assert told[:-3] == [
        "`sync` would:",
        "  write: config/req-zed.json",
        "  change: Makefile, tls-scaffold.json",
        "  take away: config/req-kube-apiserver.json",
        "  write what is generated: COMPONENTS.md, rbac.tsv",
        "  keep in archive/TIME: config/req-calico.json",
    ]
    assert [line.partition(" ")[0] for line in told[-3:]] == ["warning:"] * 3
    subprocess.run(["git", "init", "-q", "."], cwd=copy, check=True)
    subprocess.run(["git", "apply", "-"], input=done.stdout, text=True, cwd=copy, check=True)
    shutil.rmtree(copy / ".git")
    kept(path, "sync")
    here, there = (
        {
            re.sub("^archive/[^/]*/", "archive/", name): content
            for name, content in contents(each).items()
        }
        for each in (path, copy)
    )
    # The record is no part of what a person is shown.
    assert here.keys() == there.keys()
    assert {name for name in here if here[name] != there[name]} == {RECORD}
    assert here["archive/config/req-calico.json"] == b'{"CN": "x"}'


@pytest.mark.parametrize("name", sorted({"Makefile", *DATA}))
def test_what_a_team_may_edit_keeps_the_edit_while_the_rest_follows(
    folder: Factory, name: str
) -> None:
    path, unedited = folder(name="edited"), folder(name="unedited")
    old, new = EDITS[name]
    edit(path / name, old, new)
    for each in (unedited, path):
        done = kept(each, "add", "--users", "zed", "--members", "10.0.0.4")
    expected = contents(unedited)
    text = expected[name]
    assert isinstance(text, bytes)
    if name.endswith(".json"):
        assert json.loads(contents(path)[name]) == json.loads(text.decode().replace(old, new, 1))
    else:
        assert contents(path)[name] == text.decode().replace(old, new, 1).encode()
    assert {**contents(path), name: b""} == {**expected, name: b""}
    verbs = {line.split()[1].rstrip(":"): line.split()[0] for line in done.stderr.splitlines()}
    assert verbs[name] == {"Makefile": "wrote", "config/req-csr.json": "merged"}.get(name, "kept")


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_what_is_generated_is_replaced_and_an_edited_one_is_in_the_archive(
    folder: Factory, name: str
) -> None:
    path, fresh = folder(), folder(name="fresh")
    edit(path / name, *GENERATED[name])
    edited = (path / name).read_bytes()
    said = kept(path, "sync", "--check", code=4).stderr
    assert said.splitlines()[1:] == [f"  {name}", "", said.splitlines()[-1]]
    assert (path / name).read_bytes() == edited

    said = kept(path, "sync").stderr

    [copy] = path.glob(f"archive/2*/{name}")
    assert copy.read_bytes() == edited
    assert (path / name).read_bytes() == (fresh / name).read_bytes()
    home = (
        "Makefile" if name in ("sign.sh", "renewal.sh", "tls-scaffold.mk") else "tls-scaffold.json"
    )
    home = "a file of another name" if name in (".gitignore", "README.md") else home
    shelf = copy.relative_to(path).parts[1]
    told = (
        f"replaced {name}: it was edited, what it was is in archive/{shelf}; edits belong in {home}"
    )
    assert [line for line in said.splitlines() if line.startswith(told)]
    assert kept(path, "sync", "--check").stderr == ""


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_what_another_version_generates_otherwise_is_replaced_without_a_word_of_edits(
    folder: Factory, name: str
) -> None:
    path, fresh = folder(), folder(name="fresh")
    upgrade(path, name, *GENERATED[name][::-1])
    edit(path / name, *GENERATED[name])
    assert f"  {name}" in kept(path, "sync", "--check", code=4).stderr.splitlines()
    assert kept(path, "sync").stderr == "wrote what is generated: 1 file\n"
    assert kept_contents(path) == contents(fresh)


def test_no_file_names_the_version_of_the_program(folder: Factory) -> None:
    path = folder()
    assert not [
        name
        for name, text in contents(path).items()
        if isinstance(text, bytes) and __version__.encode() in text
    ]


def test_a_folder_of_a_newer_format_is_refused_by_both_numbers(folder: Factory) -> None:
    path = folder()
    change(path, version=VERSION + 1, what="nobody knows yet")
    before = contents(path)
    for words in (["sync"], ["sync", "--check"], ["add", "--user", "zed"], ["remove", "calico"]):
        said = kept(path, *words, code=1).stderr
        assert (
            f"has the format {VERSION + 1}, and this tls-scaffold knows the format {VERSION}"
            in said
        )
        assert "what" not in said.splitlines()[0]
    assert contents(path) == before


def test_a_readme_that_does_not_say_that_it_is_ours_is_the_team_s(folder: Factory) -> None:
    path = folder()
    for name in ("README.md", ".gitignore"):
        (path / name).write_text("ours\n", encoding="utf-8")
    assert kept(path, "sync", "--check").stderr == ""
    kept(path, "add", "--user", "zed")
    assert [(path / name).read_text() for name in ("README.md", ".gitignore")] == ["ours\n"] * 2
    assert "zed" not in (path / RECORD).read_text().partition("config/")[0]


LINE = "req-calico certs/calico.pem: config/req-calico.json ; $(sign) -profile client $<\n"


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        pytest.param(LINE, "", LINE, id="lacks a line"),
        pytest.param(LINE, LINE.replace("certs/", "ssl/"), LINE, id="another certificate"),
        pytest.param(LINE, LINE.replace("req-calico.json", "x.json"), LINE, id="another request"),
        pytest.param(LINE, LINE + LINE, LINE, id="a line twice"),
    ],
)
def test_check_is_red_where_a_component_s_line_is_not_what_the_inventory_says(
    folder: Factory, old: str, new: str, after: str
) -> None:
    path = folder()
    before = (path / "Makefile").read_text()
    edit(path / "Makefile", old, new)
    assert kept(path, "sync", "--check", code=4).stderr.splitlines()[1] == "  Makefile"
    lines = kept(path, "sync").stderr.splitlines()
    is_to_sign = new != LINE + LINE  # a line that stands twice asks for nothing more
    assert (lines[0], f"next: make -C {path}" in lines) == ("wrote Makefile", is_to_sign)
    text = (path / "Makefile").read_text()
    assert (after in text, text.count("req-calico"), len(text)) == (
        True,
        before.count("req-calico"),
        len(before),
    )


def test_many_files_that_are_kept_share_a_line_and_our_records_are_not_told(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a,b,c,d,e,f")
    for name in "abcdef":
        request = path / f"config/req-{name}.json"
        request.write_text(request.read_text().replace('"size": 384', '"size": 256'))
    said = kept(path, "add", "zed").stderr.splitlines()
    names = ", ".join(f"config/req-{name}.json" for name in "abcdef")
    assert said[:2] == [f"kept, edited by hand: {names}", "wrote Makefile"]
    assert "wrote what is generated: 1 file" in said  # COMPONENTS.md


def test_check_is_red_for_a_component_that_is_gone_and_a_note_for_an_edit_of_the_team_s(
    folder: Factory,
) -> None:
    path = folder()
    edit(path / "Makefile", LINE, LINE.replace("client", "peer"))
    edit(path / "config/req-calico.json", *DATA["config/req-calico.json"])
    told = "kept Makefile: edited by hand\nkept config/req-calico.json: edited by hand\n"
    assert kept(path, "sync", "--check").stderr == told
    assert kept(path, "sync").stderr == told
    users = [{"name": "kube-apiserver", "cn": "kube-apiserver"}]
    change(path, users=users)
    assert "  Makefile" in kept(path, "sync", "--check", code=4).stderr.splitlines()
    kept(path, "sync")
    assert "calico" not in (path / "Makefile").read_text()


def test_reset_puts_back_the_component_lines_of_the_makefile_and_nothing_else(
    folder: Factory,
) -> None:
    path = folder()
    edit(path / "Makefile", *MAKEFILE)
    before = (path / "Makefile").read_text()
    edit(path / "Makefile", LINE, LINE.replace("client", "peer"))
    edited = (path / "Makefile").read_text()
    kept(path, "sync", "--reset", "Makefile")
    assert (path / "Makefile").read_text() == before
    assert [copy.read_text() for copy in path.glob("archive/2*/Makefile")] == [edited]


def test_a_profile_of_the_inventory_reaches_a_line_that_was_not_edited(folder: Factory) -> None:
    path = folder()
    edit(path / "Makefile", LINE, f"# mine\n{LINE}")
    change(path, users=[{"name": "calico", "cn": "calico", "profile": "peer"}])
    kept(path, "sync")
    assert "# mine\n" + LINE.replace("client", "peer") in (path / "Makefile").read_text()


@pytest.mark.parametrize("name", sorted(CLASHES))
def test_every_file_changed_on_both_sides_in_one_place_is_left_with_ours_beside_it(
    folder: Factory, name: str
) -> None:
    path = folder()
    before, rendered, edited = CLASHES[name]
    ours = (path / name).read_bytes()
    upgrade(path, name, before, rendered)
    edit(path / name, rendered, edited)
    yours = (path / name).read_bytes()
    for _ in range(2):
        done = kept(path, "sync", code=3)
        conflict = (
            f"conflict {name}: both you and tls-scaffold changed the same value; "
            f"ours is in {name}.new"
        )
        assert conflict in done.stderr.splitlines()
        assert (path / name).read_bytes() == yours
        assert (path / f"{name}.new").read_bytes() == ours
    assert kept(path, "sync", "--check", code=3).stderr.count(name) == 1
    (path / f"{name}.new").unlink()
    assert "conflict" not in kept(path, "sync").stderr
    assert (path / name).read_bytes() == yours
    assert kept(path, "sync", "--check").stderr == f"kept {name}: edited by hand\n"


NAME = "config/req-calico.json"


def test_a_conflict_settled_by_taking_ours_takes_its_copy_away(folder: Factory) -> None:
    path = folder()
    upgrade(path, NAME, *CLASHES[NAME][:2])
    edit(path / NAME, *CLASHES[NAME][1:])
    kept(path, "sync", code=3)
    edit(path / NAME, *CLASHES[NAME][:0:-1])
    assert f"removed {NAME}.new" in kept(path, "sync").stderr.splitlines()
    assert contents(path) == contents(folder(name="new"))


def test_a_file_of_the_teams_that_is_called_like_our_copy_goes_to_the_archive(
    folder: Factory,
) -> None:
    path = folder()
    mine = '{"CN": "of the team"}'
    (path / f"{NAME}.new").write_text(mine, encoding="utf-8")
    upgrade(path, NAME, *CLASHES[NAME][:2])
    edit(path / NAME, *CLASHES[NAME][1:])
    kept(path, "sync", code=3)
    (archived,) = path.glob(f"archive/*/{NAME}.new")
    assert archived.read_text(encoding="utf-8") == mine


def test_notes_that_a_user_makes_in_our_copy_stay_while_ours_is_the_same(folder: Factory) -> None:
    path = folder()
    upgrade(path, NAME, *CLASHES[NAME][:2])
    edit(path / NAME, *CLASHES[NAME][1:])
    kept(path, "sync", code=3)
    edit(path / f"{NAME}.new", '"CN": "calico"', '"CN": "zed"')
    kept(path, "sync", code=3)
    assert '"CN": "zed"' in (path / f"{NAME}.new").read_text(encoding="utf-8")


@pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
def test_the_guides_stanza_a_target_at_the_end_and_a_request_by_hand_survive_every_command(
    signed: Factory,
) -> None:
    path = signed()
    makefile = path / "Makefile"
    target = "\ndeploy: all\n\tscp certs/ca.pem edge:\n"
    makefile.write_text(makefile.read_text(encoding="utf-8") + target, encoding="utf-8")
    rule = (
        next(
            line
            for line in makefile.read_text(encoding="utf-8").splitlines()
            if line.startswith("req:")
        )
        + "\n"
    )
    edit(makefile, rule, rule + GUIDE)
    line = "req-typha certs/typha.pem: config/req-typha.json ; $(sign) -profile client $<\n"
    edit(makefile, "# Users\n", f"# Users\n{line}")
    by_hand = '{"CN": "%s", "hosts": [""],\n "key": {"algo": "ecdsa", "size": 256}}'
    for name in ("felix", "typha", "zed"):
        (path / f"config/req-{name}.json").write_text(by_hand % name, encoding="utf-8")
    for words in (
        ["add", "--users", "zed,yak"],
        ["add", "--members", "10.0.0.4"],
        ["remove", "yak"],
        ["sync"],
    ):
        done = kept(path, *words)
        assert "conflict" not in done.stderr
        text = makefile.read_text(encoding="utf-8")
        assert all(part in text for part in (target, rule + GUIDE, line))
        assert (path / "config/req-zed.json").read_text(encoding="utf-8") == by_hand % "zed"
    make(path, SIGNER="cfssl")
    for name in ("felix", "typha", "zed", "etcd4"):
        verify(path, f"certs/{name}.pem")
    kept(path, "remove", "zed")
    (archived,) = path.glob("archive/*/config/req-zed.json")
    assert archived.read_text(encoding="utf-8") == by_hand % "zed"


def test_without_its_record_a_folder_counts_what_differs_as_edited_and_says_so(
    folder: Factory,
) -> None:
    path = folder()
    shutil.rmtree(path / ".tls-scaffold")
    edit(path / "Makefile", LINE, LINE.replace("client", "peer"))
    edit(path / "config/ca-config.json", *EDITS["config/ca-config.json"])
    edited = contents(path)
    lost = "edited or out of date, which nobody can tell without the record of the last render"
    assert kept(path, "sync", "--check", code=3).stderr.splitlines()[1:4] == [
        f"  {RECORD}",
        f"  Makefile: {lost}",
        f"  config/ca-config.json: {lost}",
    ]
    assert kept(path, "sync").stderr.splitlines() == [
        *(
            f"kept {name}: {lost}; `tls-scaffold sync --reset {name}` takes ours"
            for name in ("Makefile", "config/ca-config.json")
        ),
    ]
    assert {**kept_contents(path), RECORD: b""} == {**edited, RECORD: b""}
    assert contents(path)[RECORD] == contents(folder(name="new"))[RECORD]


def test_without_its_record_what_is_generated_is_replaced_and_in_the_archive(
    folder: Factory,
) -> None:
    path = folder()
    shutil.rmtree(path / ".tls-scaffold")
    edit(path / "sign.sh", *GENERATED["sign.sh"])
    assert "replaced sign.sh: it was edited" in kept(path, "sync").stderr
    [copy] = path.glob("archive/2*/sign.sh")
    assert "# ours\n" in copy.read_text()
    assert kept(path, "sync", "--check").stderr == ""


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "sign.sh\tx", "config/req-csr.json\t{", "\0", "x" * 100_000),
        *(
            'config/req-csr.json\t{"CN": "\\ud800"}',
            "req-calico\tx",
            'config/req-csr.json\t{"CN": 1, "CN": 2}',
        ),
    ],
)
def test_without_its_record_components_still_come_and_go(folder: Factory, damage: str) -> None:
    path, other = folder(name="lost"), folder(name="kept")
    for each in (path, other):
        edit(each / "Makefile", *EDITS["Makefile"])
        for words in (["add", "--users", "zed"], ["remove", "calico"]):
            if each == path:
                (path / RECORD).write_text(damage, encoding="utf-8")
            kept(each, *words)
    assert contents(path) == contents(other)


def test_without_its_record_an_edited_inventory_is_still_followed(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "calico")
    shutil.rmtree(path / ".tls-scaffold")
    edit(path / "Makefile", *EDITS["Makefile"])
    change(path, users=[{"name": name, "cn": name} for name in ("calico", "zed")])
    kept(path, "sync")
    text = (path / "Makefile").read_text(encoding="utf-8")
    assert "req-zed certs/zed.pem: config/req-zed.json ; $(sign) -profile client $<\n" in text
    assert "RENEW_DAYS = 60" in text


def test_without_its_record_a_user_that_went_from_the_inventory_is_told_of(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--user", "calico", "--user", "root")
    shutil.rmtree(path / ".tls-scaffold")
    change(path, users=[{"name": "root", "cn": "root"}])
    said = kept(path, "sync").stderr
    assert "etcdctl user delete -- calico" in said
    # Its line may be one of the team's own, for all that can be told.
    assert "req-calico" in (path / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("state", ["edited", "deleted", "conflict", "settled"])
@pytest.mark.parametrize("name", sorted(CLASHES))
def test_reset_puts_a_file_back_as_it_is_rendered(folder: Factory, name: str, state: str) -> None:
    path, fresh = folder(), folder(name="fresh")
    old, ours, yours = CLASHES[name]
    if state in ("conflict", "settled"):
        upgrade(path, name, old, ours)
    edit(path / name, ours, yours)
    edited = (path / name).read_bytes()
    if state == "deleted":
        (path / name).unlink()
    if state in ("conflict", "settled"):
        kept(path, "sync", code=3)
        assert (path / f"{name}.new").exists()
    if state == "settled":
        (path / f"{name}.new").unlink()

    assert kept(path, "sync", "--dry-run", "--reset", name).stdout
    assert f"wrote {name}\n" in kept(path, "sync", "--reset", name).stderr

    assert (path / name).read_bytes() == (fresh / name).read_bytes()
    assert not (path / f"{name}.new").exists()
    assert [copy.read_bytes() for copy in path.glob(f"archive/*/{name}")] == [edited] * (
        state != "deleted"
    )
    assert kept(path, "sync", "--check").stderr == ""


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_reset_of_what_is_generated_renders_it(folder: Factory, name: str) -> None:
    path, fresh = folder(), folder(name="fresh")
    (path / name).write_text("mine\n", encoding="utf-8")
    kept(path, "sync", "--reset", name)
    assert (path / name).read_bytes() == (fresh / name).read_bytes()
    assert [copy.read_text() for copy in path.glob(f"archive/2*/{name}")] == ["mine\n"]


@pytest.mark.parametrize(
    "name", ["tls-scaffold.json", ".tls-scaffold/rendered.tsv", "certs/ca.pem", "../Makefile"]
)
def test_only_what_is_rendered_is_reset(folder: Factory, name: str) -> None:
    path = folder()
    before = contents(path)
    said = kept(path, "sync", "--reset", "Makefile", "--reset", name, code=1).stderr
    assert f"  `{name}` is no file that is rendered here" in said
    assert contents(path) == before


@pytest.mark.parametrize("name", sorted(set(EDITS) - {"README.md", ".gitignore"}))
def test_a_file_that_was_taken_out_comes_back(folder: Factory, name: str) -> None:
    path, fresh = folder(), folder(name="fresh")
    (path / name).unlink()
    is_read_by_make = name == "Makefile" or name.startswith("config/")
    told = [f"wrote {name}", f"next: make -C {path}"]
    lines = kept(path, "sync").stderr.splitlines()
    assert [line for line in lines if not line.startswith("warning: ")] == (
        told if is_read_by_make else ["wrote what is generated: 1 file"]
    )
    assert kept_contents(path) == contents(fresh)


@pytest.mark.parametrize("name", ["README.md", ".gitignore"])
def test_a_file_that_a_team_took_out_stays_out_and_is_told_of(folder: Factory, name: str) -> None:
    path = folder()
    before = (path / name).read_bytes()
    (path / name).unlink()
    told = f"left {name} out: deleted by hand; `tls-scaffold sync --reset {name}` brings it back"
    assert told in kept(path, "add", "--users", "zed", "--members", "10.0.0.4").stderr
    assert not (path / name).exists()
    kept(path, "sync", "--check")
    kept(path, "remove", "zed", "etcd4")
    kept(path, "sync", "--reset", name)
    assert (path / name).read_bytes() == before


def test_modes_stay(folder: Factory) -> None:
    path = folder()
    (path / "Procfile").chmod(0o640)
    kept(path, "add", "--members", "10.0.0.4")
    assert (
        (path / "Procfile").stat().st_mode & 0o777,
        (path / "sign.sh").stat().st_mode & 0o111,
    ) == (0o640, 0o111)


@pytest.mark.parametrize("name", ["config", "certs", "archive", ".tls-scaffold"])
def test_nothing_is_written_through_a_link_that_leads_elsewhere(
    folder: Factory, tmp_path: Path, name: str
) -> None:
    path = folder()
    outside = tmp_path / "outside"
    if (path / name).exists():
        (path / name).rename(outside)
    else:
        outside.mkdir()
    (path / name).symlink_to(outside)
    before = contents(tmp_path)
    done = kept(path, "add", "--users", "zed", code=1)
    assert f"`{path / name}` is a link" in done.stderr
    assert kept_contents(tmp_path) == before


SHELF = "archive/20260131T235959Z"
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no inventory": (
        lambda path: (path / "tls-scaffold.json").unlink(),
        "is not a folder that tls-scaffold keeps",
    ),
    "a mistake in it": (lambda path: change(path, key="rsa-7"), "key: `rsa-7` is not understood"),
    "no text": (
        lambda path: (path / "Makefile").write_bytes(b"\xff"),
        "is not text in UTF-8 (byte 0)",
    ),
    "a folder for a file": (
        lambda path: shutil.copytree(
            path / "config", (path / "Makefile").rename(path / "old").with_name("Makefile")
        ),
        "is not a plain file",
    ),
    "a record of other places": (
        lambda path: (path / RECORD).write_text('../x.json\t{"CN":"x","key":{}}', encoding="utf-8"),
        "  .tls-scaffold/rendered.tsv: `../x.json` is no file that is rendered here\n",
    ),
    "a damaged plan": (
        lambda path: (path / ".tls-scaffold/pending.json").write_text("{", encoding="utf-8"),
        "is damaged: a killed command can't be finished",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_wrong_is_told_before_anything_is_written(folder: Factory, case: str) -> None:
    path = folder()
    spoil, message = BAD[case]
    spoil(path)
    before = contents(path)
    assert message in kept(path, "sync", code=1).stderr
    assert contents(path) == before


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in kept(tmp_path / "none", "sync", code=1).stderr


def test_what_a_killed_command_had_decided_is_done_by_the_same_command_but_not_by_a_dry_run(
    folder: Factory,
) -> None:
    path, expected = folder(), folder(name="expected")
    kept(expected, "add", "--users", "zed")
    old = intake.load(path)
    new = intake.of_data(old.document(), Options(users=("zed",)))
    plan = update.plan_change(path, Change(old, new))
    entry = journal.Entry(("add", json.dumps({"users": ["zed"]})), plan)
    (path / PENDING).write_text(json.dumps(asdict(entry)), encoding="utf-8")
    for words in (
        ["sync", "--dry-run"],
        ["sync", "--check"],
        ["add", "--users", "zed", "--dry-run"],
    ):
        error = kept(path, *words, code=1).stderr
        hint = f"`tls-scaffold -C {path} sync` finishes its work"
        assert error == f"error: a command was killed while it worked on `{path}`\n\nhint: {hint}\n"
    assert "wrote config/req-zed.json" in kept(path, "add", "--users", "zed").stderr
    assert contents(path) == contents(expected)


@pytest.mark.parametrize("ours", ["new", "older"])
def test_our_copy_that_was_edited_by_hand_goes_to_the_archive_before_a_newer_takes_its_place(
    tmp_path: Path, ours: str
) -> None:
    (tmp_path / "Makefile").write_text("edited meanwhile", encoding="utf-8")
    (tmp_path / "Makefile.new").write_text(ours, encoding="utf-8")
    plan = Plan(SHELF, (Step("Makefile", "old", "new"),), notes=(Note("wrote", "Makefile"),))
    done = journal.carry_out(tmp_path, journal.Entry(("sync",), plan))
    archived = ours != "new"
    assert done.notes == (
        Note("conflict", "Makefile"),
        *([Note("archived", "Makefile.new")] if archived else []),
    )
    assert contents(tmp_path) == {
        "Makefile": b"edited meanwhile",
        "Makefile.new": b"new",
        **({f"{SHELF}/Makefile.new": b"older"} if archived else {}),
    }


def test_a_sync_that_finishes_a_killed_one_also_follows_what_was_edited_since(
    folder: Factory,
) -> None:
    path, expected = folder(), folder(name="expected")
    change(path, expiry="4380h")
    now = intake.load(path)
    entry = journal.Entry(("sync",), update.plan_change(path, Change(now, now)))
    (path / PENDING).write_text(json.dumps(asdict(entry)), encoding="utf-8")
    for each in (path, expected):
        change(each, expiry="2190h")
    done, other = kept(path, "sync"), kept(expected, "sync")
    assert done.stderr.replace(str(path), "") == other.stderr.replace(str(expected), "")
    assert contents(path) == contents(expected)
    kept(path, "sync", "--check")


def test_a_request_that_was_written_by_hand_just_as_ours_is_ours(folder: Factory) -> None:
    path, expected = folder(), folder(name="expected")
    kept(expected, "add", "--users", "zed")
    (path / "config/req-zed.json").write_bytes((expected / "config/req-zed.json").read_bytes())
    kept(path, "add", "--users", "zed")
    assert contents(path) == contents(expected)


def test_a_request_that_is_gone_already_is_not_missed(folder: Factory) -> None:
    path, expected = folder(), folder(name="expected")
    (path / "config/req-calico.json").unlink()
    for each in (path, expected):
        kept(each, "remove", "calico")
    assert contents(path) == contents(expected)


def test_what_can_not_be_read_is_told_with_what_was_to_be_done(folder: Factory) -> None:
    path = folder()
    (path / "Makefile").unlink()
    (path / "Makefile").mkdir()
    assert (
        kept(path, "sync", code=1).stderr == f"error: `{path / 'Makefile'}` is not a plain file\n"
    )


def test_without_its_record_an_edit_of_the_inventory_that_was_not_followed_yet_is(
    folder: Factory,
) -> None:
    path = folder()
    document = json.loads((path / "tls-scaffold.json").read_text())
    document["members"][0]["hosts"].append("10.0.0.99")
    change(path, members=document["members"])
    shutil.rmtree(path / ".tls-scaffold")
    kept(path, "add", "--user", "zed")
    assert "10.0.0.99" in (path / "config/req-csr.json").read_text()


def test_without_its_record_a_conflict_stays_one_until_it_is_settled(folder: Factory) -> None:
    path = folder()
    broken = path / "config/ca-config.json"
    good = broken.read_text()
    broken.write_text(good[:-3])
    change(path, expiry="100h")
    shutil.rmtree(path / ".tls-scaffold")
    for _ in range(2):
        assert "conflict config/ca-config.json" in kept(path, "sync", code=3).stderr
    broken.write_text(good)
    kept(path, "sync", "--dry-run")
    (path / "config/ca-config.json.new").rename(broken)
    kept(path, "sync")
    assert "100h" in broken.read_text()
    change(path, expiry="200h")
    kept(path, "sync")
    assert "200h" in broken.read_text()


@pytest.mark.parametrize("name", ["tls-scaffold.json", "Makefile", "config/req-calico.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder: Factory, name: str) -> None:
    path = folder()
    (path / name).unlink()
    os.mkfifo(path / name)
    assert f"{name}` is not a plain file" in kept(path, "sync", code=1).stderr


def test_half_a_character_in_a_request_is_a_conflict_and_no_traceback(folder: Factory) -> None:
    path = folder()
    edit(path / "config/req-calico.json", '"hosts": []', '"hosts": [], "note": "\\ud800"')
    change(path, organization="Acme")
    assert "conflict config/req-calico.json" in kept(path, "sync", code=3).stderr


def test_line_ends_of_windows_are_no_edit_and_sync_takes_them_out(folder: Factory) -> None:
    path, plain = folder(name="windows"), folder(name="plain")
    for each in (path, plain):
        edit(each / "Makefile", *EDITS["Makefile"])
    for name in ("Makefile", *GENERATED, "config/req-calico.json", "config/req-csr.json"):
        (path / name).write_bytes((path / name).read_bytes().replace(b"\n", b"\r\n"))
    found = run("tls-scaffold", "-C", str(path), "check").stdout
    assert [line.split(":")[1] for line in found.splitlines() if "[line-ends]" in line] == [
        " Makefile",
        " rbac.sh",
        " rbac.tsv",
        " renewal.sh",
        " sign.sh",
        " tls-scaffold.mk",
    ]
    kept(path, "sync", "--check", code=4)
    done = kept(path, "remove", "calico")
    kept(plain, "remove", "calico")
    assert "archived" not in done.stderr
    assert "conflict" not in done.stderr
    assert contents(path) == contents(plain)


def test_commands_that_do_more_than_sign_stay_when_a_component_comes(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1")
    sign = GUIDE.strip("\t\n").replace("\\\n\t  ", "")
    more = f"\nrotate:\n\tcp -a certs backup && {sign}\n\tssh host\n\ndefine sig\n\t{sign}\nendef\n"
    (path / "Makefile").write_text((path / "Makefile").read_text() + more)
    kept(path, "add", "--user", "felix")
    assert more in (path / "Makefile").read_text()


def test_a_line_that_a_team_wrote_for_a_user_becomes_that_user_s_and_leaves_with_it(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1")
    makefile = path / "Makefile"
    line = "req-felix certs/felix.pem: config/req-felix.json ; $(sign) -profile peer $< # ours\n"
    makefile.write_text(makefile.read_text() + line)
    assert "kept Makefile: edited by hand\n" in kept(path, "add", "--user", "felix").stderr
    assert makefile.read_text().endswith(line)
    assert makefile.read_text().count("req-felix") == line.count("req-felix")
    kept(path, "remove", "felix")
    assert "felix" not in makefile.read_text()
    [copy] = path.glob("archive/2*/Makefile")
    assert line in copy.read_text()


def test_names_that_both_sides_changed_are_a_conflict(folder: Factory) -> None:
    for names in ("[]", '[{"O": "ours"}, {"OU": "second"}]'):
        path = folder(name=f"names{len(names)}")
        document = json.loads((path / "config/req-calico.json").read_text())
        document["names"] = json.loads(names)
        (path / "config/req-calico.json").write_text(json.dumps(document, indent=2) + "\n")
        change(path, organization="Acme")
        assert "conflict config/req-calico.json" in kept(path, "sync", code=3).stderr
        assert json.loads((path / "config/req-calico.json").read_text()) == document


def test_a_diff_counts_lines_as_git_does(folder: Factory) -> None:
    path = folder()
    with (path / "Makefile").open("a") as file:
        file.write("# one\u2028line\n")
    change(path, users=[{"name": "zed", "cn": "zed"}])
    patch = kept(path, "sync", "--dry-run").stdout
    done = subprocess.run(
        ["git", "apply", "--check", "-"],
        cwd=path,
        input=patch,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_peers_of_another_cn_are_told_of_whatever_characters_it_has(folder: Factory) -> None:
    odd = 'Étcd peers\' `A`; "$B"'
    path = folder()
    change(path, members_cn=odd)
    start = "warning: members asked their peers for the CN"

    def told() -> list[str]:
        return [line for line in kept(path, "sync").stderr.splitlines() if line.startswith(start)]

    assert len(told()) == 1
    change(path, users=[{"name": "zed", "cn": "zed"}])
    assert told() == []
    change(path, members_cn="etcd")
    (back,) = told()
    assert back.startswith(f"{start} `{odd}`: ")
    # What somebody wrote into the table need be no word of a shell.
    table = path / "COMPONENTS.md"
    flag = "--peer-cert-allowed-cn="
    table.write_text(table.read_text("utf-8").replace(f"{flag}etcd", rf"{flag}etcd\;x"), "utf-8")
    kept(path, "sync")


def test_a_user_that_comes_by_its_certificate_from_now_on_keeps_its_password_till_it_is_deleted(
    folder: Factory,
) -> None:
    gateway = {"permissions": [{"prefix": "/a/", "access": "read"}], "role": "gateway"}
    users = [{"name": "a", "cn": "a b"}, {"name": "c", "cn": "c"}]
    path = folder()
    change(path, users=[{**user, **gateway} for user in users])
    kept(path, "sync")
    del gateway["role"]
    change(path, users=[{**users[0], **gateway}])
    expected = (
        "warning: etcd goes on taking the password of `a b` until "
        "`etcdctl user delete -- 'a b'`; `make rbac` makes it anew without"
    )
    for words in (("sync", "--dry-run"), ("sync",)):
        told = kept(path, *words).stderr.splitlines()
        assert [line for line in told if "password of" in line] == [expected]


def test_a_warning_has_the_same_words_whichever_command_gives_it(
    folder: Factory, tmp_path: Path
) -> None:
    text = (
        "members: [a=10.0.0.1, {name: b, hosts: [10.0.0.2], cn: other}]\n"
        "users: [zed, {name: app, permissions: [{prefix: /app}]}]\n"
        "expiry: 10d\nproxies: 0\nseparate_requests: true\n"
    )
    source = tmp_path / "wish.yaml"
    source.write_text(text, encoding="utf-8")

    def warned(place: Path, *words: str) -> set[str]:
        lines = kept(place, *words).stderr.splitlines()
        # What a change means for a cluster that runs a new folder has no word for.
        about_changes = ("`etcdctl member add", "members asked their peers")
        return {
            line
            for line in lines
            if line.startswith("warning: ") and not any(each in line for each in about_changes)
        }

    expected = warned(tmp_path, "new", "--from", str(source), "made")
    assert len(expected) == 4
    assert warned(tmp_path, "new", "--from", str(source), "other", "--dry-run") == expected
    path = folder("--members", "a=10.0.0.1", "--proxies", "0")
    for words in (("sync", "--from", str(source), "--dry-run"), ("sync", "--from", str(source))):
        assert warned(path, *words) == expected
    by_hand = folder("--members", "a=10.0.0.1", "--proxies", "0", name="by-hand")
    shutil.copy(path / "tls-scaffold.json", by_hand)
    assert warned(by_hand, "sync") == expected


@pytest.mark.parametrize("how", ["missing", "emptied", "torn", "torn between lines"])
def test_a_record_that_is_lost_or_torn_is_drift(folder: Factory, how: str) -> None:
    path = folder()
    record, text = path / RECORD, (path / RECORD).read_text()
    lines = text.split("\n")
    torn = {"emptied": "", "torn": text[:-10], "torn between lines": "\n".join(lines[:-2])}
    if how == "missing":
        record.unlink()
    else:
        record.write_text(torn[how])
    assert f"  {RECORD}\n" in kept(path, "sync", "--check", code=4).stderr
    kept(path, "sync")
    assert record.read_text() == text
    assert kept(path, "sync", "--check").stderr == ""

"""What is read back from `.tls-scaffold/` is data from outside.

Beyond its right it is refused by name, and nothing is done.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Factory
from keeping import RECORD, change, edit, foreign, kept, kept_contents, upgrade
from support import contents, make, run, tls_scaffold
from tls_scaffold.cli import cli
from tls_scaffold.inventory.reach import OF_SOME, RENDERED
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.plan import Plan

JOURNAL, ADOPTED = ".tls-scaffold/pending.json", ".tls-scaffold/adopted.json"
STATE_FILES = (JOURNAL, RECORD, ADOPTED)
RULES = ".tls-scaffold/.gitignore"
SHELF = "archive/20260131T235959Z"
NASTY = (
    *(
        "certs/ca.pem",
        "certs/ca-key.pem",
        "certs/ca.csr",
        "certs/CA.pem",
        "certs/./ca.pem",
        "certs//ca.pem",
    ),
    *(
        "./certs/ca.pem",
        "x/../certs/ca.pem",
        "certs/.ca/ca.pem",
        "certs/ca",
        "certs",
        "certs/",
        ".",
        "",
        "..",
        "/",
    ),
    *(
        "certs/calico.pem",
        "certs/calico-key.pem",
        "certs/etcd1.pem",
        "certs/m.json",
        "certs/ca-key.pem.new",
    ),
    *(
        ".git/HEAD",
        ".git/hooks/pre-commit",
        ".GIT/HEAD",
        ".lock/x",
        ".ssh/id",
        ".tls-scaffold/x",
        "config/.x.json",
    ),
    *(
        "../outside.json",
        "../outside/kept",
        "/etc/hostname",
        "archive/old/certs/ca-key.pem",
        "archive/x.json",
    ),
    *(
        "Data/x.json",
        "dist/x.json",
        "dist/calico",
        "dist",
        "notes.txt",
        "src/main.c",
        "makefile",
        "SIGN.SH",
        "a\0b",
    ),
    *(
        "link/x.json",
        "a\nb.json",
        "\x1b[2J.json",
        "\ud7ff",
        "x" * 5000 + ".json",
        "a/" * 400 + "x.json",
        "-f.json",
    ),
)


def of_journal(**fields: object) -> dict[str, Any]:
    """Return what a journal holds, `fields` put over its plan."""
    plan = {"shelf": SHELF, "steps": [], "moves": [], "notes": [], "ca": "", "forgotten": []}
    return {"command": ["sync"], "plan": {**plan, **fields}}


def put(folder: Path, path: str, data: object) -> None:
    """Write a file of `.tls-scaffold/`."""
    (folder / path).write_text(
        data if isinstance(data, str) else json.dumps(data), encoding="utf-8"
    )


def recording(folder: Path, path: str, text: str) -> None:
    """Put an entry into the record."""
    with (folder / RECORD).open("a", encoding="utf-8") as file:
        file.write(f"{path}\t{text}\n")


def refused(folder: Path, *words: str) -> str:
    """Run a command that must refuse, and do nothing; returns what it says."""
    before = kept_contents(folder.parent)
    said = kept(folder, *words, code=1).stderr
    assert kept_contents(folder.parent) == before
    return said


@pytest.fixture
def surrounded(signed: Factory, tmp_path: Path) -> Path:
    """Return a signed folder with a git repository, a team's own files and others beside it."""
    path = signed("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    others = (
        "../outside.json",
        "../outside/kept",
        ".git/HEAD",
        ".git/hooks/pre-commit",
        "notes.txt",
        "src/main.c",
    )
    for name in (
        *others,
        "package.json",
        "data/x.json",
        "dist/calico/x",
        "archive/old/certs/ca-key.pem",
    ):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text('{"kept": true}\n', encoding="utf-8")
    (path / "link").symlink_to(tmp_path / "outside")
    return path


def step(path: str, before: str | None = None, after: str | None = None) -> dict[str, str | None]:
    return {"path": path, "before": before, "after": after}


REQUEST = '{"CN": "x", "key": {"algo": "ecdsa", "size": 256}}'
NOT_RENDERED, GOES_WITH_NOTHING = (
    "is no file that is rendered here",
    "goes with nothing that this plan takes out",
)
JOURNALS: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"shelf {shelf!r}": (
            of_journal(shelf=shelf),
            f"plan.shelf: `{shelf}` is no folder of the archive",
        )
        for shelf in (
            "../outside",
            "archive",
            "archive/",
            "archive/T",
            "archive/20260131T235959Z/..",
            "/outside",
            ".git",
        )
    },
    "no shelf": (
        of_journal(shelf="", moves=["certs/calico.pem"]),
        "plan.shelf: `` is no folder of the archive",
    ),
    "a move of the CA": (
        of_journal(moves=["certs/ca.pem"]),
        f"plan.moves[0]: `certs/ca.pem` {GOES_WITH_NOTHING}",
    ),
    "a move of what is asked for": (
        of_journal(moves=["certs/calico.pem"]),
        f"plan.moves[0]: `certs/calico.pem` {GOES_WITH_NOTHING}",
    ),
    "a move of a team's file": (
        of_journal(moves=["package.json"]),
        f"`package.json` {GOES_WITH_NOTHING}",
    ),
    "a step over the CA": (
        of_journal(steps=[step("certs/ca.pem", None, "x")]),
        f"plan.steps[0].path: `certs/ca.pem` {NOT_RENDERED}",
    ),
    "a step over a hook": (
        of_journal(steps=[step(".git/hooks/pre-commit", None, "x")]),
        NOT_RENDERED,
    ),
    "a step through a link": (of_journal(steps=[step("link/x.json", None, "x")]), "is a link"),
    "a step that takes the Makefile away": (
        of_journal(steps=[step("Makefile", "x")]),
        "`Makefile` is not taken away",
    ),
    "a step that takes a team's file away": (
        of_journal(steps=[step("package.json", '{"kept": true}\n')]),
        "`package.json` is not taken away: it is no request as they are rendered",
    ),
    "a step on another shelf": (
        of_journal(steps=[step("archive/old/Makefile", None, "x")]),
        NOT_RENDERED,
    ),
    "a step that changes the archive": (
        of_journal(steps=[step(f"{SHELF}/Makefile", "x", "y")]),
        "is in the archive, where nothing is changed",
    ),
    "a copy of what is not rendered": (
        of_journal(steps=[step(f"{SHELF}/certs/x.pem", None, "x")]),
        NOT_RENDERED,
    ),
    "a step over a team's file": (
        of_journal(steps=[step("package.json", '{"kept": true}\n', REQUEST)]),
        "plan.steps[0].path: `package.json` does not look like a request of cfssl",
    ),
    "a step over a team's file that calls it a request": (
        of_journal(steps=[step("package.json", REQUEST, REQUEST.replace("x", "y"))]),
        "plan.steps[0].path: `package.json` does not look like a request of cfssl",
    ),
    "a step to what is no request": (
        of_journal(steps=[step("config/req-calico.json", None, '{"kept": true}\n')]),
        "plan.steps[0].path: `config/req-calico.json` does not look like a request of cfssl",
    ),
    "a step that stands twice": (
        of_journal(steps=[step("Procfile", None, "x"), step("Procfile", "x", "y")]),
        "plan.steps[1].path: `Procfile` stands twice",
    ),
    "a step that stands twice, in another case": (
        of_journal(
            steps=[step("config/x.json", None, REQUEST), step("config/X.json", REQUEST, REQUEST)]
        ),
        "plan.steps[1].path: `config/X.json` stands twice",
    ),
    "a CA that adopt did not find": (
        of_journal(ca="certs/calico"),
        "plan.ca: `certs/calico` is not where `adopt` found",
    ),
    "another command": (
        {**of_journal(), "command": ["rm"]},
        "command: it is none of `add`, `adopt`, `remove`, `revoke`, `sync`",
    ),
    "a word with an escape": (
        {**of_journal(), "command": ["sync", "\x1b[2J"]},
        r"command[1]: `\x1b[2J` has control or invisible characters",
    ),
    "a note with an escape": (
        of_journal(notes=[{"verb": "wrote", "path": "\x1b[2J"}]),
        r"plan.notes[0].path: `\x1b[2J` has control or invisible characters",
    ),
    "a verb that is none": (
        of_journal(notes=[{"verb": "ate", "path": "x"}]),
        "plan.notes[0].verb: `ate` is unknown",
    ),
    "a CN that is none": (of_journal(forgotten=["a\nb"]), r"plan.forgotten[0]: `a\nb` has control"),
    "a field too many": (of_journal(mode=0o777), "plan.mode: no such field; did you mean `moves`?"),
    "a mode": (
        of_journal(steps=[{**step("Makefile", None, "x"), "mode": 511}]),
        "plan.steps[0].mode: no such field",
    ),
    "a field too few": ({"command": ["sync"]}, "plan: is missing"),
    "half a step": (
        of_journal(steps=[{"path": "Makefile", "after": "x"}]),
        "plan.steps[0].before: is missing",
    ),
    "a number for a path": (of_journal(moves=[5]), "plan.moves[0]: `5` is not text"),
    "a number for a text": (
        of_journal(steps=[{**step("Makefile"), "after": 5}]),
        "plan.steps[0].after: `5` is not text",
    ),
    "text for a list": (
        of_journal(moves="certs/ca.pem"),
        "plan.moves: `certs/ca.pem` is not a list",
    ),
}


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("case", JOURNALS)
def test_a_journal_that_no_command_writes_is_refused_by_its_key(
    surrounded: Path, case: str
) -> None:
    data, message = JOURNALS[case]
    put(surrounded, JOURNAL, data)
    said = refused(surrounded, "sync")
    assert "pending.json` asks for what no command of ours does, and nothing was done\n" in said
    assert f"  {JOURNAL}: " in said
    assert message in said
    assert said.endswith(f"\n\nhint: move it away and run `tls-scaffold -C {surrounded} sync`\n")
    (surrounded / JOURNAL).unlink()
    kept(surrounded, "sync", "--check")


def test_every_problem_of_a_journal_is_told_at_once(folder: Factory) -> None:
    path = folder()
    put(
        path,
        JOURNAL,
        of_journal(shelf="..", moves=["certs/ca.pem", 5], steps=[step(".git/x"), step("a\n")], x=1),
    )
    lines = [
        line.split(": ")[1] for line in refused(path, "sync").splitlines() if line.startswith("  ")
    ]
    assert sorted(lines) == [
        "plan.moves[0]",
        "plan.moves[1]",
        "plan.shelf",
        *map("plan.steps[{}].path".format, (0, 1)),
        "plan.x",
    ]


def test_of_very_many_problems_the_first_are_told(folder: Factory) -> None:
    path = folder()
    put(path, JOURNAL, of_journal(moves=["certs/ca.pem"] * 5000))
    assert refused(path, "sync").splitlines()[21] == "  and 4980 more"


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_journal_never_puts_a_file_over_one_in_the_archive(surrounded: Path) -> None:
    journal_of(surrounded, "remove", "calico")
    entry = json.loads((surrounded / JOURNAL).read_text())
    there = surrounded / entry["plan"]["shelf"] / "certs/calico-key.pem"
    there.parent.mkdir(parents=True)
    there.write_text("of another time")
    assert f"`{entry['plan']['shelf']}/certs/calico-key.pem` is another file" in refused(
        surrounded, "sync"
    )


@pytest.mark.needs("make", "cfssl", "cfssljson", "git")
def test_a_journal_that_git_tracks_is_of_no_killed_command_here(signed: Factory) -> None:
    folder = signed("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    run("git", "init", "-q", cwd=folder)
    journal_of(folder, "remove", "calico")
    # Ours is ignored; who forges one has to force it in.
    assert run("git", "add", JOURNAL, cwd=folder).returncode
    assert run("git", "add", "-f", JOURNAL, cwd=folder).returncode == 0
    said = refused(folder, "sync")
    assert f"`{folder / JOURNAL}` is tracked by git: " in said
    assert f"hint: `git rm --cached {JOURNAL}`, and move it away" in said
    assert (folder / "certs/calico.pem").exists()
    run("git", "rm", "-q", "--cached", JOURNAL, cwd=folder)
    kept(folder, "sync")
    assert not (folder / "certs/calico.pem").exists()


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_journal_is_not_obeyed_through_a_shelf_that_is_a_link(surrounded: Path) -> None:
    journal_of(surrounded, "remove", "calico")
    shelf = json.loads((surrounded / JOURNAL).read_text())["plan"]["shelf"]
    (surrounded / shelf).symlink_to(surrounded.parent / "outside")
    assert f"plan.shelf: `{surrounded / shelf}` is a link" in refused(surrounded, "sync")


def with_user(folder: Path, **fields: object) -> str:
    """Return the text of a folder's inventory with one user more."""
    data = json.loads((folder / FILE).read_text())
    return json.dumps(
        {**data, "users": [*data.get("users", ()), {"name": "zed", "cn": "zed", **fields}]}
    )


def taking_out(folder: Path, *moves: str, **fields: object) -> dict[str, Any]:
    """Return a journal that takes a user out whom the folder never had."""
    return of_journal(
        steps=[step(FILE, with_user(folder, **fields), (folder / FILE).read_text())],
        moves=list(moves),
    )


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_journal_takes_no_json_for_a_request_that_does_not_look_like_one(
    surrounded: Path,
) -> None:
    put(surrounded, JOURNAL, taking_out(surrounded, "package.json", request="package.json"))
    assert "plan.moves[0]: `package.json` does not look like a request of cfssl" in refused(
        surrounded, "sync"
    )
    (surrounded / "package.json").write_text(REQUEST)
    kept(surrounded, "sync")
    assert (surrounded / SHELF / "package.json").read_text() == REQUEST


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_journal_moves_nothing_twice(surrounded: Path) -> None:
    for name in ("own.json", "OWN.json"):
        (surrounded / name).write_text(REQUEST)
    put(surrounded, JOURNAL, taking_out(surrounded, "own.json", "own.json", request="own.json"))
    assert "plan.moves[1]: `own.json` stands twice" in refused(surrounded, "sync")


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("source", ["", "another"])
def test_a_journal_destroys_no_archived_key(surrounded: Path, source: str) -> None:
    (surrounded / "certs/zed-key.pem").write_text(source)
    there = surrounded / SHELF / "certs/zed-key.pem"
    there.parent.mkdir(parents=True)
    there.write_text("a key")
    put(surrounded, JOURNAL, taking_out(surrounded, "certs/zed-key.pem"))
    assert f"plan.moves[0]: `{SHELF}/certs/zed-key.pem` is another file" in refused(
        surrounded, "sync"
    )
    (surrounded / "certs/zed-key.pem").write_text("a key")
    kept(surrounded, "sync")
    assert (there.read_text(), (surrounded / "certs/zed-key.pem").exists()) == ("a key", False)


def second_ca(folder: Path, base: str, key: str = "") -> list[str]:
    """Put a CA of another name into a folder; returns the paths of its certificate and its key."""
    paths = [f"{base}.pem", key or f"{base}-key.pem"]
    (folder / base).parent.mkdir(exist_ok=True)
    words = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=second",
        "-out",
        paths[0],
        "-keyout",
        paths[1],
    ]
    subprocess.run(["openssl", "req", "-x509", *words], cwd=folder, check=True, capture_output=True)
    return paths


CAS: dict[str, Callable[[Path], list[str]]] = {
    "a second one": lambda path: second_ca(path, "pki/vault"),
    "its key alone": lambda path: second_ca(path, "pki/vault")[1:],
    "its key under another name": lambda path: second_ca(path, "pki/root", "pki/vault-key.pem")[1:],
    "a copy": lambda path: [
        str(Path(shutil.copy(path / f"certs/ca{end}", path / f"pki/vault{end}")).relative_to(path))
        for end in (".pem", "-key.pem")
    ],
}


@pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
@pytest.mark.parametrize("case", CAS)
def test_what_is_a_ca_s_is_never_moved_and_never_a_component_s(surrounded: Path, case: str) -> None:
    (surrounded / "pki").mkdir()
    paths = CAS[case](surrounded)
    put(surrounded, JOURNAL, taking_out(surrounded, *paths, output="pki/vault"))
    said = refused(surrounded, "sync")
    assert [f"`{path}` is a CA's, which is never moved" in said for path in paths] == [True] * len(
        paths
    )
    (surrounded / JOURNAL).unlink()
    (surrounded / FILE).write_text(with_user(surrounded, output="pki/vault"))
    said = refused(surrounded, "sync")
    assert [f"`{path}` is a CA's\n" in said for path in paths] == [True] * len(paths)


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_the_ca_of_an_adopted_folder_is_not_moved_before_its_first_sync(tmp_path: Path) -> None:
    path = handmade(tmp_path, "two deep")
    put(path, JOURNAL, taking_out(path, "pki/root.pem", "pki/root-key.pem", output="pki/root"))
    said = refused(path, "sync")
    assert "`pki/root.pem` is a CA's" in said
    assert "`pki/root-key.pem` is a CA's" in said


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_only_a_ca_in_plain_files_is_taken_over(tmp_path: Path) -> None:
    path = handmade(tmp_path, "two deep")
    note = json.loads((path / ADOPTED).read_text())
    (leaf,) = {str(each.relative_to(path))[:-4] for each in path.rglob("one.pem")}
    put(path, ADOPTED, {**note, "ca": leaf})
    assert f"`{leaf}.pem` is not the certificate of a CA" in refused(path, "sync")
    put(path, ADOPTED, note)
    (path / "pki/root-key.pem").rename(tmp_path / "key")
    (path / "pki/root-key.pem").symlink_to(tmp_path / "key")
    assert "`pki/root-key.pem` is a link: it is not followed" in refused(path, "sync")
    (path / "pki/root-key.pem").unlink()
    shutil.copy(path / f"{leaf}-key.pem", path / "pki/root-key.pem")
    assert "`pki/root-key.pem` is not the key of `pki/root.pem`" in refused(path, "sync")
    (path / "pki/root-key.pem").unlink()  # it is kept elsewhere
    kept(path, "sync")
    assert (path / "certs/ca.pem").exists()


LINKED = (
    *(
        "README.md",
        "Makefile",
        "sign.sh",
        "rbac.sh",
        ".gitignore",
        "Procfile",
        "config/ca-config.json",
    ),
    *(
        "config/req-csr.json",
        "config/req-calico.json",
        FILE,
        "README.md.new",
        "config/req-calico.json.new",
    ),
)


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("name", LINKED)
def test_what_is_written_again_is_not_read_through_a_link(surrounded: Path, name: str) -> None:
    (surrounded / RECORD).unlink()  # so that nothing tells what was edited
    secret = surrounded / ("tls-scaffold.json.secret" if name == FILE else "certs/ca-key.pem")
    if name == FILE:
        (surrounded / FILE).rename(secret)
    (surrounded / name).unlink(missing_ok=True)
    (surrounded / name).symlink_to(secret)
    resets = [] if name in (FILE, "Makefile") else [["sync", "--reset", name.removesuffix(".new")]]
    for words in (["sync"], ["sync", "--dry-run"], ["add", "--users", "zed"], *resets):
        said = refused(surrounded, *words)
        assert f"`{surrounded / name}` is a link: it is not followed\n" in said
        assert said.endswith("hint: put a file in its place\n")


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_every_link_is_told_at_once_and_none_keeps_a_folder_from_being_looked_at(
    surrounded: Path,
) -> None:
    names = ["README.md", "Makefile.new", "config/req-calico.json.new", "Procfile"]
    for name in names:
        (surrounded / name).unlink(missing_ok=True)
        (surrounded / name).symlink_to(surrounded / "certs/ca-key.pem")
    said = refused(surrounded, "sync")
    assert [
        f"  `{surrounded / name}` is a link: it is not followed\n" in said for name in names
    ] == [True] * 4
    kept(surrounded, "status", code=4)
    kept(surrounded, "sign")
    assert "Traceback" not in tls_scaffold("-C", str(surrounded), "check").stderr


@pytest.mark.parametrize(
    "name", ["config/req-csr.json", "config/ca-config.json", ".gitignore", "README.md"]
)
def test_adopt_and_its_first_sync_read_nothing_through_a_link(tmp_path: Path, name: str) -> None:
    for again in (False, True):
        path = foreign("hostname", tmp_path / str(again))
        if again:
            kept(path, "adopt")
        secret = tmp_path / str(again) / "secret.json"
        secret.write_bytes((path / name).read_bytes() if (path / name).exists() else b"{}")
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(secret)
        for command in (["sync"],) if again else (["adopt"], ["adopt", "--dry-run"]):
            assert f"`{path / name}` is a link: it is not followed\n" in refused(path, *command)


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_team_s_json_is_no_request_whatever_the_record_or_the_inventory_say(
    surrounded: Path,
) -> None:
    recording(surrounded, "package.json", REQUEST)
    assert "left package.json: was there before\n" in kept(surrounded, "sync").stderr
    assert (surrounded / "package.json").read_text() == '{"kept": true}\n'
    own = (surrounded / FILE).read_text()
    (surrounded / FILE).write_text(with_user(surrounded, request="package.json"))
    for words in (["sync"], ["sync", "--reset", "package.json"], ["sync", "--dry-run"]):
        said = refused(surrounded, *words)
        assert (
            "nothing is written over what is no request\n"
            "  `package.json` does not look like a request" in said
        )
    (surrounded / RECORD).unlink()
    refused(surrounded, "sync")
    assert "left package.json: was there before\n" in kept(surrounded, "remove", "zed").stderr
    assert (surrounded / "package.json").read_text() == '{"kept": true}\n'
    assert json.loads((surrounded / FILE).read_text()) == json.loads(own)


@pytest.mark.parametrize(
    "text", ['{"cn": "x", "hots": []}', '{"KEY": {}}', '\ufeff{"Names": [], "more": 1}']
)
def test_a_request_with_mistakes_in_it_looks_like_one(folder: Factory, text: str) -> None:
    path = folder()
    (path / "own.json").write_text(text, encoding="utf-8")
    (path / FILE).write_text(with_user(path, request="own.json"))
    kept(path, "sync")
    assert "archived own.json in " in kept(path, "remove", "zed").stderr


def test_a_component_may_be_renamed_in_another_case(folder: Factory) -> None:
    path = folder()
    change(path, users=[{"name": "Calico", "cn": "Calico"}])
    kept(path, "sync")
    assert [each.name for each in sorted(path.glob("config/req-?alico.json"))] == [
        "req-Calico.json"
    ]


ODD: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("../certs/calico.pem"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "not UTF-8": lambda path: path.write_bytes(b"\xff"),
    "nested deeply": lambda path: path.write_text('{"plan": ' + "[" * 1_000_000, encoding="utf-8"),
    "a long number": lambda path: path.write_text(
        '{"plan": ' + "1" * 10_000 + "}", encoding="utf-8"
    ),
    "half a character": lambda path: path.write_text(r'{"plan": "\ud800"}', encoding="utf-8"),
    "a field twice": lambda path: path.write_text('{"plan": 1, "plan": 2}', encoding="utf-8"),
    "a list": lambda path: path.write_text("[]", encoding="utf-8"),
    "nothing": lambda path: path.write_text("", encoding="utf-8"),
    "far too large": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 33),
}


@pytest.mark.parametrize("name", [JOURNAL, ADOPTED])
@pytest.mark.parametrize("case", ODD)
def test_what_is_no_file_of_ours_is_refused_without_waiting_for_it(
    folder: Factory, case: str, name: str
) -> None:
    path = folder()
    ODD[case](path / name)
    for words in (["sync"], ["sync", "--dry-run"], ["add", "--users", "zed"]):
        assert f"{path}" in kept(path, *words, code=1).stderr
    assert not (path / "config/req-zed.json").exists()


@pytest.mark.parametrize("case", ODD)
def test_a_record_that_can_t_be_read_keeps_no_command_from_looking(
    folder: Factory, case: str
) -> None:
    path = folder()
    (path / RECORD).unlink()
    ODD[case](path / RECORD)
    edit(path / "config/req-calico.json", '"hosts": []', '"hosts": ["edited"]')
    code = int(
        case in ("a pipe", "a folder", "a link", "a link to nowhere", "not UTF-8", "far too large")
    )
    kept(path, "sync", code=code)
    assert "edited" in (path / "config/req-calico.json").read_text()
    assert "Traceback" not in tls_scaffold("-C", str(path), "check").stderr
    kept(path, "status", code=1)


RECORDS = (
    *(
        "certs/ca.pem",
        "certs/calico.pem",
        ".git/HEAD",
        "notes.txt",
        "src/main.c",
        "../outside/kept",
        "package.json",
    ),
    *(
        "archive/old/certs/ca-key.pem",
        "data/x.json",
        "dist/calico/x",
        "link/kept",
        "a\0b",
        "tls-scaffold.json",
        RECORD,
    ),
)


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("value", ['{"kept": true}', "0" * 64], ids=["data", "a sum"])
def test_a_record_names_rendered_files_only(surrounded: Path, name: str, value: str) -> None:
    text = (surrounded / name).read_text() if "\0" not in name else ""
    recording(surrounded, name, value)
    for words in (["sync"], ["sync", "--check"], ["add", "--users", "zed"], ["remove", "calico"]):
        said = refused(surrounded, *words)
        assert (
            f"`{surrounded / RECORD}` names what is never rendered, and nothing was done\n" in said
        )
        assert f"  {RECORD}: `{name}` is".replace("\0", r"\x00") in said
        assert "hint: put back the record that git has, or move this one away" in said
    assert tls_scaffold("-C", str(surrounded), "status").returncode == 0
    kept(surrounded, "check")
    (surrounded / RECORD).unlink()
    kept(surrounded, "sync")
    assert "\0" in name or (surrounded / name).read_text() == text or name in (RECORD, FILE)


def in_note(**fields: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda note: {**note, **fields}


def with_seed(
    path: str, source: str, **fields: object
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda note: {**note, "seeds": {path: {"source": source, "fields": fields}}}


NOTES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "the CA's key": (
        with_seed("config/req-one.json", "certs/ca-key.pem"),
        "`certs/ca-key.pem` does not end in `.json`",
    ),
    "from outside": (
        with_seed("config/req-one.json", "../x.json"),
        "`../x.json` is not a path below the folder",
    ),
    "from the archive": (
        with_seed("config/req-one.json", "archive/x.json"),
        "`archive/x.json` is in `archive/`",
    ),
    "from git": (
        with_seed("config/req-one.json", ".git/x.json"),
        "`.git/x.json` has a hidden part, `.git`",
    ),
    "into certs": (
        with_seed("certs/x.json", "x.json"),
        "seeds.certs/x.json: `certs/x.json` is in `certs/`",
    ),
    "into the inventory": (with_seed(FILE, "x.json"), f"`{FILE}` is one of the folder's own files"),
    "another field": (
        with_seed("config/req-one.json", "x.json", ca={}),
        "seeds.config/req-one.json.fields.ca: no such",
    ),
    "a CN that is none": (
        with_seed("config/req-one.json", "x.json", CN="a\nb"),
        r"fields.CN: `a\nb` has control",
    ),
    "hosts that are none": (
        with_seed("config/req-one.json", "x.json", hosts="h"),
        "fields.hosts: `h` is not a list",
    ),
    "a rule for a target": (
        in_note(targets={"x:\n\trm -rf /\ny": []}),
        "is no name that a target of a Makefile",
    ),
    "a variable for a target": (
        in_note(targets={"$(shell id)": []}),
        "`$(shell id)` is no name that a target",
    ),
    "a command behind a target": (
        in_note(targets={"x": ["certs/a.pem ; id"]}),
        "does not end in `.pem`",
    ),
    "a variable behind a target": (
        in_note(targets={"x": ["$(shell id).pem"]}),
        "is not a path below the folder",
    ),
    "lines in a line": (in_note(lines=["a\nb"]), "lines[0]: it is more than one line"),
    "a CA outside": (in_note(ca="../ca"), "ca: `../ca` is not a path below the folder"),
    "a CA of the archive": (
        in_note(ca="archive/old/certs/ca"),
        "ca: `archive/old/certs/ca` is in the archive",
    ),
    "a field too many": (in_note(more=1), "more: no such field"),
    "wrong types": (in_note(lines=7), "lines: `7` is not a list"),
}


@pytest.mark.parametrize("case", NOTES)
def test_a_note_of_adopt_that_adopt_does_not_write_is_refused_by_its_key(
    tmp_path: Path, case: str
) -> None:
    path = foreign("hostname", tmp_path)
    kept(path, "adopt")
    spoil, message = NOTES[case]
    put(path, ADOPTED, spoil(json.loads((path / ADOPTED).read_text())))
    said = refused(path, "sync")
    assert (
        f"`{path / ADOPTED}` is not what `adopt` writes, and nothing was done\n  {ADOPTED}: "
        in said
    )
    assert message in said


@pytest.mark.parametrize(
    "content", ["-----BEGIN EC PRIVATE KEY-----\n", "[1]", "[" * 100_000, '{"kept": true}']
)
def test_what_is_no_request_is_never_copied_into_a_request(tmp_path: Path, content: str) -> None:
    path = foreign("hostname", tmp_path)
    kept(path, "adopt")
    (path / "config/req-csr.json").write_text(content, encoding="utf-8")
    assert "it does not look like a request of cfssl" in refused(path, "sync")


def test_the_files_that_every_render_has_are_known_to_the_rule(folder: Factory) -> None:
    names = set(contents(folder("--members", "10.0.0.1", "--proxies", "0")))
    assert names - {"config/req-csr.json", RECORD} == {*RENDERED} - {*OF_SOME}


def test_git_ignores_the_journal_and_working_files(folder: Factory, tmp_path: Path) -> None:
    lines = (folder() / ".gitignore").read_text().splitlines()
    assert {f"/{JOURNAL}", "/.tls-scaffold/.work.*"} <= set(lines)
    path = foreign("beside", tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    assert set(lines) <= set((path / ".gitignore").read_text().splitlines())


# What commands of ours write themselves


def journal_of(folder: Path, *words: str) -> bytes:
    """Run a command that ends when its journal is written, as if killed; return the journal."""

    def ended(_folder: Path, _plan: Plan) -> Plan:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_do", ended)
        CliRunner().invoke(cli, ["-C", str(folder), *words])
    return (folder / JOURNAL).read_bytes()


def handmade(tmp_path: Path, name: str) -> Path:
    """Return a folder made by hand that has signed, all its files in other places than ours."""
    path = foreign("hostname", tmp_path)
    makefile = path / "Makefile"
    text = makefile.read_text()
    if name == "two deep":
        shutil.move(path / "config", path / "cfg/etcd")
        text = text.replace("config/", "cfg/etcd/").replace(" ca.pem", " pki/root.pem")
        text = text.replace(
            "-ca=ca.pem -ca-key=ca-key.pem", "-ca=pki/root.pem -ca-key=pki/root-key.pem"
        )
        text = text.replace("-bare ca", "-bare pki/root").replace("ca:\n", "ca:\n\tmkdir -p pki\n")
    if name == "all in certs":
        (path / "config").rename(path / "certs")
        text = (
            text.replace("config/", "certs/")
            .replace("-bare ca", "-bare certs/ca")
            .replace("ssl", "certs")
        )
        text = text.replace("cfcerts", "cfssl").replace(
            "-ca=ca.pem -ca-key=ca-key.pem", "-ca=certs/ca.pem -ca-key=certs/ca-key.pem"
        )
    makefile.write_text(text)
    make(path)
    kept(path, "adopt")
    return path


def edited(path: Path) -> Path:
    """Edit a folder by hand, so that a command has to merge, keep a copy and put ours beside."""
    edit(path / "Makefile", "req-calico certs/calico.pem: ", "req-calico certs/calico.pem:  ")
    edit(
        path / "config/req-calico.json",
        '"hosts": []',
        '"hosts": [], "crl_url": "http://x.example.com"',
    )
    (path / "config/req-own.json").write_text(REQUEST, encoding="utf-8")
    upgrade(path, "rbac.sh", "#!/bin/ash", "#!/bin/sh")
    edit(path / "sign.sh", "#!/bin/sh\n", "#!/bin/sh\n# ours\n")
    upgrade(path, "config/ca-csr.json", '"1h"', '"87600h"')
    edit(path / "config/ca-csr.json", '"87600h"', '"43800h"')
    tls_scaffold("-C", str(path), "bundle", "--tar")
    return path


REAL: dict[str, Callable[[Factory, Path], Iterator[object]]] = {
    "add": lambda signed, _: iter(
        (edited(signed()), "add", "--user", "zed,zoe=zoë", "--member", "10.0.0.9")
    ),
    "remove": lambda signed, _: iter((edited(signed()), "remove", "calico", "etcd2")),
    "sync": lambda signed, _: iter((edited(signed()), "sync")),
    "sync --reset": lambda signed, _: iter(
        (edited(signed()), "sync", "--reset", "config/ca-csr.json", "--reset", "Makefile")
    ),
    "adopt": lambda _, tmp_path: iter((foreign("2015", tmp_path), "adopt")),
    "sync of requests two folders deep": lambda _, tmp_path: iter(
        (handmade(tmp_path, "two deep"), "sync")
    ),
    "sync of requests beside certificates": lambda _, tmp_path: iter(
        (handmade(tmp_path, "all in certs"), "sync")
    ),
    "sync of a CA in the folder itself": lambda _, tmp_path: iter((handmade(tmp_path, ""), "sync")),
    "remove before any sync": lambda _, tmp_path: iter(
        (handmade(tmp_path, "two deep"), "remove", "two")
    ),
}


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("case", REAL)
def test_what_a_killed_command_wrote_down_is_finished(
    signed: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr("tls_scaffold.keeping.update.new_shelf", lambda _: SHELF)
    path, *words = REAL[case](signed, tmp_path)
    assert isinstance(path, Path)
    expected = Path(shutil.copytree(path, tmp_path / "expected", symlinks=True))
    done = CliRunner().invoke(cli, ["-C", str(expected), *map(str, words)])
    assert json.loads(journal_of(path, *map(str, words)))["plan"]["steps"]
    again = CliRunner().invoke(cli, ["-C", str(path), *map(str, words)])
    told = done.stderr.replace(str(expected), str(path))
    assert (again.exit_code, again.stderr) == (done.exit_code, told)
    assert contents(path) == contents(expected)


def test_the_files_of_a_ca_are_no_component_s_whatever_it_is_called(tmp_path: Path) -> None:
    path = handmade(tmp_path, "two deep")
    user = {"name": "u", "cn": "u", "output": "pki/root"}
    for _ in ("before the first sync", "after it"):
        before = (path / FILE).read_text()
        change(path, users=[user])
        said = refused(path, "sync")
        assert "a component can't have the files of a CA\n  `pki/root.pem` is a CA's\n" in said
        (path / FILE).write_text(before)
        kept(path, "sync")


# What nobody wrote


def journals(paths: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    texts = st.none() | st.sampled_from(["x", REQUEST, '{"kept": true}\n', "{}"])
    steps = st.fixed_dictionaries({"path": paths, "before": texts, "after": texts})
    shelves = st.sampled_from(["", SHELF, "archive/old", "archive/20260131T235959Zx"]) | paths
    notes = st.fixed_dictionaries({"verb": st.sampled_from(["wrote", "archived"]), "path": paths})
    plans = st.fixed_dictionaries(
        {
            "shelf": shelves,
            "steps": st.lists(steps, max_size=3),
            "moves": st.lists(paths, max_size=3),
            "notes": st.lists(notes, max_size=2),
            "ca": st.just("") | paths,
            "forgotten": st.lists(paths, max_size=1),
        }
    )
    return st.fixed_dictionaries(
        {"command": st.just(["sync"]) | st.lists(paths, max_size=2), "plan": plans}
    )


def notes_of_adopt(paths: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    seeds = st.fixed_dictionaries({"source": paths, "fields": st.just({}) | st.just({"CN": "x"})})
    return st.fixed_dictionaries(
        {
            "lines": st.lists(paths, max_size=2),
            "targets": st.dictionaries(paths, st.lists(paths, max_size=2), max_size=2),
            "seeds": st.dictionaries(
                st.just("config/ca-csr.json") | st.just("config/req-calico.json") | paths,
                seeds,
                max_size=2,
            ),
            "ca": paths,
        }
    )


PATHS = st.sampled_from(NASTY) | st.sampled_from(
    ["Makefile", "config/req-csr.json", "config/req-calico.json", "m.json"]
)
VALUES = st.sampled_from(
    ["x", REQUEST, '{"kept": true}', "0" * 64, "certs/x.pem: config/x.json ; x"]
)
RECORDED = st.lists(st.tuples(PATHS | st.just("req-x"), VALUES).map("\t".join), max_size=3).map(
    "\n".join
)
HOSTILE = st.fixed_dictionaries(
    {}, optional={JOURNAL: journals(PATHS), RECORD: RECORDED, ADOPTED: notes_of_adopt(PATHS)}
)
OUR_OWN = {
    *RENDERED,
    *STATE_FILES,
    RULES,
    "config/req-csr.json",
    "config/req-calico.json",
    "m.json",
}


def of_others(folder: Path) -> dict[str, bytes | str]:
    """Return what no render names, of the folder and of what is beside it."""
    ours = {f"{folder.name}/{name}{ending}" for name in OUR_OWN for ending in ("", ".new")}
    return {name: content for name, content in contents(folder.parent).items() if name not in ours}


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_whatever_is_read_back_nothing_is_lost_that_no_render_names(
    surrounded: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    surrounded.rename(template / "t")
    for name in ("outside", "outside.json"):
        (tmp_path / name).rename(template / name)

    @settings(
        max_examples=2000 if pytestconfig.getoption("--long") else 60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(HOSTILE)
    def survives(hostile: dict[str, object]) -> None:
        place = tmp_path / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(template, place, symlinks=True)
        for name, data in hostile.items():
            put(place / "t", name, data)
        before = of_others(place / "t")
        done = CliRunner().invoke(cli, ["-C", str(place / "t"), "sync"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 1)
        after = of_others(place / "t")
        # What it moves or copies itself goes to a shelf of its own.
        assert {name: after.get(name) for name in before} == before
        assert all(name.startswith("t/archive/2") for name in after.keys() - before.keys())

    survives()

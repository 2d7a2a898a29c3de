"""Two branches that are merged by the real git: people settle two files, `sync` the others."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Factory
from keeping import RECORD, change, edit, kept, kept_contents
from support import contents, make, run
from tls_scaffold.inventory.conflictmarkers import marked_lines, sides
from tls_scaffold.paths import GENERATED

BY_HAND = ("tls-scaffold.json", "Makefile")
BY_SYNC = {*GENERATED, "README.md", ".gitignore", ".gitattributes", RECORD}
INVENTORY, SHARED = "tls-scaffold.json", "config/req-csr.json"
Edits = Sequence[tuple[str, str, str]]  # file, and a text in it before and after
STYLES = ("merge", "diff3")
WAYS = [*((style, False) for style in STYLES), ("merge", True)]
REVOKED = (
    "# What members refuse\n"
    "0a\tcalico\t-\tunspecified\t2026-11-01T00:00:00Z\t-\n"
    "0b\tapp\t-\tunspecified\t2026-11-02T00:00:00Z\t-\n"
)


def git(folder: Path, *words: str, code: int = 0) -> str:
    names = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    done = run("git", "-C", str(folder), *names, *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def branched(
    path: Path, *sides: tuple[str, ...], style: str = "merge", by_lines: bool = False
) -> set[str]:
    """Let each of two branches run a command, and merge them.

    Returns the files in which git meets a conflict. Without `by_lines` the folder has no
    `.gitattributes` of ours.
    """
    if not by_lines:
        (path / ".gitattributes").write_text("# the team's\n")
    git(path, "init", "-q", "-b", "main")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "new")
    for name, words in zip(("one", "other"), sides, strict=True):
        git(path, "checkout", "-q", "-b", name, "main")
        kept(path, *words)
        git(path, "add", "-A")
        git(path, "commit", "-qm", name)
    merging = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    run(*merging, "-c", f"merge.conflictStyle={style}", "merge", "-q", "one", cwd=path)
    return set(git(path, "diff", "--name-only", "--diff-filter=U").split())


def settle(path: Path) -> None:
    """Settle by hand what people have to: both sides of each conflict stay."""
    for name in BY_HAND:
        text = (path / name).read_text()
        both = sides(text)
        if both:
            ours, theirs = (each.split("\n") for each in both)
            more = [line for line in theirs if line not in ours]
            at = next(at for at, line in enumerate(text.split("\n")) if line.startswith("<<<<<<<"))
            lines = [*ours[:at], *more, *ours[at:]]
            fixed = [
                f"{line}," if line.endswith("}") and following.startswith("    {") else line
                for line, following in zip(lines, [*lines[1:], ""], strict=True)
            ]
            (path / name).write_text("\n".join(fixed))


def in_order(text: object) -> list[bytes]:
    assert isinstance(text, bytes)
    return sorted(line.rstrip(b",") for line in text.splitlines())


@pytest.mark.parametrize(("style", "by_lines"), WAYS)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("--user", "alice"), ("--user", "bob"), id="users"),
        pytest.param(("--user", "alice"), ("--user", "alice"), id="the same user"),
        pytest.param(("--member", "10.0.0.8"), ("--user", "bob"), id="a member and a user"),
        pytest.param(("--proxy", "a=a.example.com"), ("--proxy", "b=b.example.com"), id="proxies"),
    ],
)
def test_two_branches_that_add_a_component_each_are_settled_in_two_files(
    folder: Factory, one: tuple[str, ...], other: tuple[str, ...], style: str, by_lines: bool
) -> None:
    path, expected = folder(), folder(name="expected")
    if not by_lines:
        (expected / ".gitattributes").write_text("# the team's\n")
    for words in dict.fromkeys((one, other)):
        kept(expected, "add", *words)
    if one == other:
        git(path, "init", "-q", "-b", "main")
        shutil.copy(expected / ".gitattributes", path)
        kept(path, "add", *one)
    else:
        conflicts = branched(path, ("add", *one), ("add", *other), style=style, by_lines=by_lines)
        assert conflicts <= {*BY_HAND, *(() if by_lines else BY_SYNC), "config/req-csr.json"}
    settle(path)

    said = kept(path, "sync").stderr

    assert "it was edited" not in said
    kept_copies = {each.name for each in path.glob("archive/2*/*") if each.is_file()}
    assert kept_copies <= (set() if by_lines else set(BY_SYNC))
    assert kept(path, "sync", "--check").stderr == ""
    found, wanted = (
        {
            name: text
            for name, text in contents(each).items()
            if not name.startswith((".git/", "archive/", RECORD))
        }
        for each in (path, expected)
    )
    assert {name: in_order(text) for name, text in found.items() if name not in GENERATED} == {
        name: in_order(text) for name, text in wanted.items() if name not in GENERATED
    }
    assert not [
        name
        for name, text in found.items()
        if isinstance(text, bytes) and marked_lines(text.decode())
    ]


def test_members_that_two_branches_have_added_are_both_in_the_shared_request(
    folder: Factory,
) -> None:
    path = folder()
    branched(path, ("add", "--member", "a=10.0.0.8"), ("add", "--member", "b=10.0.0.9"))
    settle(path)
    kept(path, "sync")
    hosts = json.loads((path / "config/req-csr.json").read_text())["hosts"]
    assert {"10.0.0.8", "10.0.0.9"} < set(hosts)
    assert len(hosts) == len(set(hosts)) == len({*hosts})
    assert kept(path, "sync", "--check").stderr == ""


def test_what_one_branch_took_out_stays_out_where_another_added(folder: Factory) -> None:
    path = folder()
    branched(path, ("remove", "etcd3", "calico"), ("add", "--member", "10.0.0.9", "--user", "zed"))
    document = json.loads(git(path, "show", "other:tls-scaffold.json"))
    (path / "tls-scaffold.json").write_text(git(path, "show", "other:tls-scaffold.json"))
    change(
        path,
        members=[each for each in document["members"] if each["name"] != "etcd3"],
        users=[each for each in document["users"] if each["name"] != "calico"],
        removed=["etcd3"],
    )
    (path / "Makefile").write_text(git(path, "show", "other:Makefile"))

    kept(path, "sync")

    assert "10.0.0.3" not in (path / "config/req-csr.json").read_text()
    assert "10.0.0.9" in (path / "config/req-csr.json").read_text()
    assert not {"calico", "etcd3"} & {
        line.split()[0][4:] for line in (path / "Makefile").read_text().splitlines() if line
    }
    assert not (path / "config/req-calico.json").exists()


def branched_by_edits(path: Path, one: Edits, other: Edits) -> None:
    """Let each of two branches edit files by hand and `sync`, and merge `one` into `other`."""
    git(path, "init", "-q", "-b", "main")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "new")
    for name, edits in (("one", one), ("other", other)):
        git(path, "checkout", "-q", "-b", name, "main")
        for file, old, new in edits:
            edit(path / file, old, new)
        kept(path, "sync")
        git(path, "commit", "-qam", name)
    run("git", "-C", str(path), "merge", "--no-commit", "one")


@pytest.mark.parametrize("settled", ["one", "other", "main"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            ('"10.0.0.1"', '"10.0.0.66", "10.0.0.1"'), ('"10.0.0.3"', '"10.0.0.7"'), id="added"
        ),
        pytest.param(('"10.0.0.1"', '"10.0.0.66"'), ('"10.0.0.3"', '"10.0.0.7"'), id="replaced"),
        pytest.param(
            ("ecdsa-384", "ecdsa-256"), ('"the internet"', '"Rome"'), id="key and subject"
        ),
        pytest.param(
            ('"10.0.0.1"', '"10.0.0.66", "10.0.0.1"'), ("ecdsa-384", "rsa-2048"), id="host and key"
        ),
    ],
)
def test_what_git_has_merged_of_two_renders_is_no_edit_and_follows_the_inventory(
    folder: Factory, one: tuple[str, str], other: tuple[str, str], settled: str
) -> None:
    path, expected = folder(), folder(name="expected")
    branched_by_edits(path, [(INVENTORY, *one)], [(INVENTORY, *other)])
    git(path, "checkout", settled, "--", INVENTORY)
    shutil.copy(path / INVENTORY, expected)
    kept(expected, "sync")

    kept(path, "sync", "--check", code=4)
    said = kept(path, "sync").stderr

    assert "by hand" not in said
    assert "rbac.tsv: it was edited" not in said
    copies = [each.name for each in path.glob("archive/2*/*")]
    assert ("replaced rbac.tsv: git has merged it, or it was edited, " in said) == bool(copies)
    assert kept(path, "sync", "--check").stderr == ""
    found, wanted = (
        {name: text for name, text in contents(each).items() if name.startswith("config/")}
        for each in (path, expected)
    )
    assert found == wanted


@pytest.mark.parametrize("settled", ["one", "other"])
def test_what_each_branch_has_edited_by_hand_stays_where_git_has_merged_both(
    folder: Factory, settled: str
) -> None:
    path = folder()
    branched_by_edits(
        path,
        [(SHARED, "the internet", "Rome"), (INVENTORY, '"10.0.0.1"', '"10.0.0.66"')],
        [
            (SHARED, '"localhost",\n', '"here.example.com",\n'),
            (SHARED, "384", "521"),
            (INVENTORY, '"10.0.0.3"', '"10.0.0.7"'),
        ],
    )
    git(path, "checkout", settled, "--", INVENTORY)

    assert f"merged {SHARED}: with what was edited by hand\n" in kept(path, "sync").stderr

    request = json.loads((path / SHARED).read_text())
    assert (request["key"]["size"], request["names"][0]["L"]) == (521, "Rome")
    addresses = {"one": {"10.0.0.66", "10.0.0.3"}, "other": {"10.0.0.1", "10.0.0.7"}}[settled]
    assert {*request["hosts"]} == {"here.example.com", "127.0.0.1", "10.0.0.2", *addresses}


def test_an_edit_that_meets_a_value_of_neither_branch_is_a_conflict(folder: Factory) -> None:
    path = folder()
    branched_by_edits(
        path,
        [(SHARED, "384", "521"), (INVENTORY, '"10.0.0.1"', '"10.0.0.66"')],
        [(INVENTORY, '"the internet"', '"Rome"')],
    )
    git(path, "checkout", "one", "--", INVENTORY)
    change(path, key="ecdsa-256")
    before = (path / SHARED).read_bytes()
    assert f"conflict {SHARED}: " in kept(path, "sync", code=3).stderr
    assert (path / SHARED).read_bytes() == before
    (path / f"{SHARED}.new").unlink()
    assert f"kept {SHARED}: edited by hand\n" in kept(path, "sync").stderr


def test_an_edit_in_a_request_that_git_could_not_merge_is_kept_and_the_file_is_in_the_archive(
    folder: Factory,
) -> None:
    path = folder()
    git(path, "init", "-q", "-b", "main")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "new")
    for name in ("one", "other"):
        git(path, "checkout", "-q", "-b", name, "main")
        edit(path / "config/req-calico.json", '"hosts": []', f'"hosts": ["{name}.example.com"]')
        git(path, "commit", "-qam", name)
    git(path, "merge", "-q", "one", code=1)
    before = (path / "config/req-calico.json").read_text()

    said = kept(path, "sync").stderr

    assert "merged config/req-calico.json: with what was edited by hand\n" in said
    hosts = json.loads((path / "config/req-calico.json").read_text())["hosts"]
    assert sorted(hosts) == ["one.example.com", "other.example.com"]
    [copy] = path.glob("archive/2*/config/req-calico.json")
    assert copy.read_text() == before


@pytest.mark.parametrize("edited", ["one", "other"])
def test_an_edit_in_a_line_that_the_other_branch_has_rendered_anew_is_kept(
    folder: Factory, edited: str
) -> None:
    path = folder()
    sides = {"one": [(INVENTORY, "ecdsa-384", "ecdsa-256")], "other": [(SHARED, "384", "521")]}
    one, other = sides.values() if edited == "other" else reversed(sides.values())
    branched_by_edits(path, one, other)
    assert "config/req-csr.json" in git(path, "diff", "--name-only", "--diff-filter=U")
    assert f"merged {SHARED}: with what was edited by hand\n" in kept(path, "sync").stderr
    assert json.loads((path / SHARED).read_text())["key"]["size"] == 521


@pytest.mark.needs("make")
@pytest.mark.parametrize("name", BY_HAND)
def test_markers_that_are_left_where_a_person_has_to_settle_them_are_told_with_their_lines(
    folder: Factory, name: str
) -> None:
    path = folder()
    branched(path, ("add", "--user", "alice"), ("add", "--user", "bob"))
    text = (path / name).read_text()
    settle(path)
    (path / name).write_text(text)
    before = contents(path)
    for words in (
        ["sync"],
        ["sync", "--check"],
        ["sync", "--dry-run"],
        ["status"],
        ["check"],
        ["add", "--user", "zed"],
    ):
        # Of findings `check` says that there are errors, of whatever kind.
        done = kept(path, *words, code=1 if words == ["check"] else 3)
        for number in marked_lines(text):
            assert f"{name}:{number}: " in done.stdout + done.stderr, words
    assert kept_contents(path) == before


@pytest.mark.needs("make")
def test_markers_in_what_is_generated_are_told_by_what_only_looks(folder: Factory) -> None:
    path = folder()
    with (path / "tls-scaffold.mk").open("a") as file:
        file.write("<<<<<<< HEAD\na:\n=======\nb:\n>>>>>>> other\n")
    lines = len((path / "tls-scaffold.mk").read_text().splitlines())
    for word, code in (("status", 3), ("check", 1)):
        done = kept(path, word, code=code)
        assert f"tls-scaffold.mk:{lines}: " in done.stdout + done.stderr
    kept(path, "sync", "--check", code=4)
    before = (path / "tls-scaffold.mk").read_text()
    said = kept(path, "sync").stderr
    [copy] = path.glob("archive/2*/tls-scaffold.mk")
    assert copy.read_text() == before
    shelf = copy.parent.relative_to(path)
    told = f"settled tls-scaffold.mk: git's conflict markers were in it, what it was is in {shelf}"
    assert said == f"wrote {shelf}/tls-scaffold.mk\n{told}\n"


def marked(text: str) -> str:
    """Return a text as git leaves one whose last line both sides have changed."""
    *lines, last = text.rstrip("\n").split("\n")
    ends = ["<<<<<<< HEAD", last, "=======", last, ">>>>>>> other"]
    return "\n".join([*lines, *ends]) + "\n"


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    "name",
    [
        *("README.md", ".gitignore", "COMPONENTS.md", "tls-scaffold.mk", RECORD, "revoked.tsv"),
        *("config/req-calico.json", "config/ca-config.json", "config/ca-csr.json"),
    ],
)
def test_markers_in_any_file_of_ours_are_told_by_all_and_settled_by_sync(
    folder: Factory, name: str
) -> None:
    path = folder()
    if name == "revoked.tsv":
        (path / name).write_text(REVOKED)
    (path / name).write_text(marked((path / name).read_text()))
    numbers = marked_lines((path / name).read_text())
    for words, code in ((["status"], 3), (["check"], 1), (["sync", "--check"], 4)):
        done = kept(path, *words, code=code)
        said = done.stdout + done.stderr
        assert len(numbers) == 3
        assert [f"{name}:{number}: " in said for number in numbers] == [True] * 3, said
        assert said.count("a conflict marker") == 3
        assert "not JSON" not in said
    kept(path, "sync")
    assert marked_lines((path / name).read_text()) == []
    assert kept(path, "sync", "--check").stderr == ""


@pytest.mark.parametrize("name", ["README.md", ".gitignore"])
def test_markers_in_a_file_that_is_a_team_s_own_are_told_by_check_alone(
    folder: Factory, name: str
) -> None:
    path = folder()
    (path / name).write_text(marked("our own\nwords\n"))
    kept(path, "sync", "--check")
    said = kept(path, "check", code=1).stdout
    for number in marked_lines((path / name).read_text()):
        assert f"error: {name}:{number}: a merge in git is not settled: a conflict marker" in said


def test_what_two_branches_have_revoked_each_is_revoked_when_their_merge_is_settled(
    folder: Factory,
) -> None:
    path = folder()
    head, first, second = REVOKED.splitlines(keepends=True)
    text = f"{head}<<<<<<< HEAD\n{first}||||||| base\n=======\n{second}>>>>>>> other\n"
    (path / "revoked.tsv").write_text(text)
    said = kept(path, "sync").stderr
    assert (path / "revoked.tsv").read_text() == REVOKED
    [copy] = path.glob("archive/2*/revoked.tsv")
    assert copy.read_text() == text
    assert "settled revoked.tsv: git's conflict markers were in it, what it was is in " in said


def test_an_edit_in_a_generated_file_whose_merge_is_half_done_is_in_the_archive(
    folder: Factory,
) -> None:
    """As `git checkout -m` leaves it."""
    path = folder()
    script = path / "sign.sh"
    edited = script.read_text().replace("set -", "<<<<<<< a\n# mine\nset -", 1)
    script.write_text(f"{edited}=======\n>>>>>>> b\n")
    kept(path, "sync")
    [copy] = path.glob("archive/2*/sign.sh")
    assert "# mine\n" in copy.read_text()


@pytest.mark.parametrize("how", ["merged", "put back"])
def test_a_line_of_a_component_that_is_gone_is_drift_and_goes(folder: Factory, how: str) -> None:
    path = folder("--members", "10.0.0.1", "--users", "root,calico,app", "--grant", "app=/app/:rw")
    line = next(
        line for line in (path / "Makefile").read_text().split("\n") if line.startswith("req-app ")
    )
    if how == "merged":
        conflicts = branched(path, ("remove", "app"), ("add", "--user", "carl"))
        assert "Makefile" in conflicts
        settle(path)
        users = json.loads((path / "tls-scaffold.json").read_text())["users"]
        by_name = {user["name"]: user for user in users if user["name"] != "app"}
        change(path, users=list(by_name.values()))
        assert line in (path / "Makefile").read_text().split("\n")
        kept(path, "sync", "--check", code=4)
    else:
        kept(path, "remove", "app")
        with (path / "Makefile").open("a") as file:
            file.write(f"{line}\n")
        told = kept(path, "sync", "--check", code=4).stderr
        assert "\n  Makefile\n" in told
    number = (path / "Makefile").read_text().split("\n").index(line) + 1
    told = kept(path, "sync").stderr
    assert f"warning: Makefile:{number} went: `app` was removed before\n" in told
    assert "req-app " not in (path / "Makefile").read_text()
    assert kept(path, "sync", "--check").stderr == ""
    make(path, "-n")


def test_a_line_of_a_team_s_own_whose_request_is_there_stays(folder: Factory) -> None:
    path = folder()
    line = "req-own certs/own.pem: config/req-own.json ; $(sign) -profile client $<"
    (path / "config/req-own.json").write_text((path / "config/req-calico.json").read_text())
    with (path / "Makefile").open("a") as file:
        file.write(f"{line}\n")
    kept(path, "sync")
    assert line in (path / "Makefile").read_text()


@pytest.mark.parametrize("commands", ["", "\tcp certs/svc.pem elsewhere\n"])
def test_a_line_of_a_team_s_own_stays_before_it_has_a_request(
    folder: Factory, commands: str
) -> None:
    path = folder()
    line = f"req-svc certs/svc.pem: config/req-svc.json ; $(sign) -profile client $<\n{commands}"
    with (path / "Makefile").open("a") as file:
        file.write(line)
    kept(path, "sync", "--check")
    kept(path, "sync")
    assert (path / "Makefile").read_text().endswith(f"\n{line}")
    number = (path / "Makefile").read_text().split("\n").index(line.partition("\n")[0]) + 1
    told = kept(path, "check", code=1).stdout
    assert f"error: Makefile:{number}: `config/req-svc.json`, which" in told


def test_commands_below_the_line_of_a_component_that_was_removed_stay(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--users", "root")
    kept(path, "remove", "etcd2")
    line = "req-etcd2 certs/etcd2.pem: config/req-csr.json ; $(sign) $<\n\tcp $@ elsewhere\n"
    with (path / "Makefile").open("a") as file:
        file.write(line)
    kept(path, "sync")
    assert (path / "Makefile").read_text().endswith(f"\n{line}")


def test_a_request_whose_markers_are_no_pairs_is_left_to_a_person(folder: Factory) -> None:
    path = folder()
    with (path / "config/req-calico.json").open("a") as file:
        file.write(">>>>>>> other\n")
    assert "  config/req-calico.json:16: a conflict marker\n" in kept(path, "sync", code=3).stderr

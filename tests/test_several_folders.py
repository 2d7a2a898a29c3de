"""`status` and `check` of several folders: one table, one document, one file of metrics."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conftest import Factory
from keeping import edit
from rights import as_somebody
from support import BIN, SMALL, Done, contents, run
from test_completion import offered
from tls_scaffold.cli import cli

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson")
PROGRAM = str(BIN / "tls-scaffold")
OURS = "tls-scaffold.json"
Ask = Callable[..., Done]


def in_trouble(places: Path, whole: Path) -> None:
    """Give a directory folders with all kinds of trouble, whole ones, and what is none of ours."""
    for name in ("gone", "newer", "torn", "merged", "ignoring", "whole", "whole/inner"):
        shutil.copytree(whole, places / name, dirs_exist_ok=True)
    (places / "gone/certs/calico.pem").unlink()
    edit(places / "newer" / OURS, '"version": 1', '"version": 9')
    (places / "torn" / OURS).write_text("{")
    with (places / "merged/Makefile").open("a") as makefile:
        makefile.write("<<<<<<< HEAD\n=======\n>>>>>>> theirs\n")
    for name in ("gone", "ignoring"):
        edit(places / name / "config/req-calico.json", '"hosts": []', '"hosts": [""]')
    document = json.loads((places / "ignoring" / OURS).read_text())
    document["ignore"] = {"empty-host": "the old server wants it", "uncertain": "a slip"}
    (places / "ignoring" / OURS).write_text(json.dumps(document))
    (places / "alias").mkdir()
    (places / "alias" / OURS).symlink_to("/etc/passwd")
    # None of these is looked at.
    (places / "link").symlink_to(whole)
    for name in (".git", "archive", "dist", "certs", "whole/archive"):
        shutil.copytree(whole, places / name / "x")
    (places / "nothing").mkdir()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("several")
    whole = top / "template"
    words = (*SMALL, "--key", "ecdsa-256")
    assert run(PROGRAM, "new", str(whole), *words).returncode == 0
    assert run(PROGRAM, "-C", str(whole), "sign").returncode == 0
    (top / "all").mkdir()
    in_trouble(top / "all", whole)
    return top


@pytest.fixture
def ask(places: Path) -> Ask:
    """Run a command among the folders, and see that it changes none of them."""

    def asked(*words: str) -> Done:
        before = contents(places)
        done = run(PROGRAM, *words, cwd=places, COLUMNS="120")
        assert "Traceback" not in done.stderr
        assert contents(places) == before
        return done

    return asked


EVERY = ["alias", "gone", "ignoring", "merged", "newer", "torn", "whole", "whole/inner"]


def test_all_is_every_folder_of_ours_below_a_directory(ask: Ask) -> None:
    for command in ("status", "check"):
        document = json.loads(ask(command, "--json", "--all", "all").stdout)
        assert sorted(each["folder"] for each in document["folders"]) == [
            f"all/{name}" for name in EVERY
        ]


def test_the_table_has_trouble_first_and_in_full_and_a_line_for_all_that_is_well(ask: Ask) -> None:
    done = ask("status", "--all", "all")

    assert done.returncode == 1
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["FOLDER", "NAME", "KIND", "CN", "HOSTS", "KEY", "EXPIRES", "STATE"]
    rows = [line.split() for line in lines if not line.startswith(" ")]
    assert [(row[0], row[-1]) for row in rows] == [
        ("all/alias", "unreadable"),
        ("all/merged", "unreadable"),
        ("all/newer", "unreadable"),
        ("all/newer", "valid"),
        ("all/torn", "unreadable"),
        ("all/torn", "valid"),
        ("all/gone", "missing"),
        ("all/gone", "valid"),
        ("all/ignoring", "stale"),
        ("all/ignoring", "valid"),
        ("all/whole", "valid"),
        ("all/whole/inner", "valid"),
    ]
    assert rows[6][1:4] == ["calico", "user", "calico"]
    assert rows[-1][1:3] == ["3", "certificates"]
    reasons = [line.strip() for line in lines if line.startswith(" ")]
    assert "the inventory has the format 9, and this tls-scaffold knows the format 1" in reasons
    assert "missing: `certs/calico.pem` is missing" in reasons
    assert "8 folders: 4 unreadable, 1 missing, 1 stale, 2 valid" in done.stderr
    assert "      make -C all/gone\n" in done.stderr.replace("next: ", "      ")


def test_a_folder_that_can_not_be_read_makes_no_line_wider_than_a_pipe(
    places: Path, tmp_path: Path
) -> None:
    wide = tmp_path
    shutil.copytree(places / "template", wide / "eu")
    shutil.copytree(places / "template", wide / "torn")
    document = json.loads((wide / "eu" / OURS).read_text())
    document["members"][0]["hosts"] += ["x.example", "y.example", "z.example"]
    (wide / "eu" / OURS).write_text(json.dumps(document))
    assert run(PROGRAM, "-C", str(wide / "eu"), "add", "app=app-of-team-one").returncode == 0
    (wide / "eu/certs/etcd1.pem").unlink()
    (wide / "torn" / OURS).write_text("{")
    table = run(PROGRAM, "status", "eu", "torn", cwd=wide, COLUMNS="80").stdout
    assert "unreadable" in table
    assert max(map(len, table.splitlines())) <= 80


def test_failed_leaves_out_what_is_valid(ask: Ask) -> None:
    shown = ask("status", "--failed", "--all", "all/gone", "--all", "all/whole")
    document = json.loads(
        ask("status", "--failed", "--json", "--all", "all/gone", "--all", "all/whole").stdout
    )

    assert [line.split()[0] for line in shown.stdout.splitlines()] == [
        "FOLDER",
        "all/gone",
        "missing:",
    ]
    assert [each["folder"] for each in document["folders"]] == ["all/gone"]
    assert [each["name"] for each in document["folders"][0]["components"]] == ["calico"]
    assert ask("status", "--failed", "all/whole").stdout == ""


def test_the_document_has_of_each_folder_what_that_of_one_has(ask: Ask) -> None:
    document = json.loads(ask("status", "--json", "all/gone", "all/torn").stdout)
    alone = json.loads(ask("-C", "all/gone", "status", "--json").stdout)

    torn, gone = document["folders"]
    assert {name: gone[name] for name in ("components", "removed")} == {
        name: alone[name] for name in ("components", "removed")
    }
    assert (document["version"], gone["folder"], gone["state"], gone["error"]) == (
        1,
        "all/gone",
        "missing",
        None,
    )
    assert (torn["state"], torn["error"]["exit_code"]) == ("unreadable", 1)
    assert len(torn["components"]) == 3
    # One folder that is named is several, so that a program meets one shape.
    assert list(json.loads(ask("status", "--json", "all/gone").stdout)) == ["version", "folders"]


def test_the_worst_of_all_decides_how_it_ends(ask: Ask) -> None:
    ends = {"all/whole": 0, "all/ignoring": 4, "all/merged": 3, "all/gone": 1}
    for name, code in ends.items():
        assert ask("status", name).returncode == code
    assert ask("status", "all/whole", "all/ignoring").returncode == 4
    assert ask("status", "all/ignoring", "all/merged", "all/whole").returncode == 3
    assert ask("status", *ends).returncode == 1
    assert ask("status", "--within", "2y", "all/whole").returncode == 5
    assert ask("status", "--within", "2y", "all/whole", "all/ignoring").returncode == 4
    assert ask("check", "all/whole").returncode == 0
    assert ask("check", "all/whole", "all/gone").returncode == 1


def test_metrics_have_the_folder_as_a_label(ask: Ask, places: Path, tmp_path: Path) -> None:
    target = tmp_path / "tls.prom"
    done = ask("status", "all/gone", "all/whole", "all/alias", "--prometheus", str(target))
    text = target.read_text()

    assert done.returncode == 1
    calico = 'file="certs/calico.pem",name="calico",kind="user",cn="calico"'
    state = "tls_scaffold_certificate_state"
    assert f'{state}{{folder="all/gone",{calico},state="missing"}} 1\n' in text
    assert f'{state}{{folder="all/whole",{calico},state="valid"}} 1\n' in text
    read = [line for line in text.splitlines() if line.startswith("tls_scaffold_folder_read{")]
    assert read == [
        'tls_scaffold_folder_read{folder="all/alias"} 0',
        'tls_scaffold_folder_read{folder="all/gone"} 1',
        'tls_scaffold_folder_read{folder="all/whole"} 1',
    ]
    # Prometheus takes the lines of a metric together, behind one TYPE.
    series = [line.partition("{")[0] for line in text.splitlines() if line[0] != "#"]
    assert (
        len(dict.fromkeys(series))
        == sum(series[at - 1] != name for at, name in enumerate(series) if at) + 1
    )
    assert text.count("# TYPE ") == len(set(series))
    one = run(PROGRAM, "-C", "all/whole", "status", "--prometheus", "-", cwd=places).stdout
    assert 'folder="' not in one
    assert "tls_scaffold_folder_read 1\n" in one


def test_findings_have_the_path_of_their_folder_and_each_has_rules_of_its_own(ask: Ask) -> None:
    done = ask("check", "all/whole", "all/ignoring", "all/gone", "nowhere")
    document = json.loads(ask("check", "--json", "all/ignoring", "all/gone").stdout)

    assert done.returncode == 1
    assert "error: all/gone/config/req-calico.json: hosts[0]: " in done.stdout
    assert "[empty-host]" in done.stdout
    assert "all/ignoring/config" not in done.stdout
    assert "warning: all/ignoring/tls-scaffold.json: ignore.uncertain: " in done.stdout
    assert "error: nowhere: `nowhere` is not a folder" in done.stderr
    assert ", 3 notes in 3 of 4 folders, 1 can't be read\n" in done.stderr
    found: dict[str, Any] = {each["folder"]: each["findings"] for each in document["folders"]}
    assert list(found) == ["all/gone", "all/ignoring"]
    assert "empty-host" in {each["id"] for each in found["all/gone"]}
    assert {each["id"] for each in found["all/ignoring"]} == {"unknown-rule", "ca-key-in-the-clear"}


def test_code_hosts_get_the_paths_of_all_folders(ask: Ask) -> None:
    log = json.loads(ask("check", "--sarif", "--all", "all").stdout)

    results = log["runs"][0]["results"]
    paths = {
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results
    }
    assert {"gone/config/req-calico.json", "ignoring/tls-scaffold.json"} <= {
        path.removeprefix("all/") for path in paths
    }


def test_folders_are_reached_from_the_folder_of_the_option(ask: Ask, places: Path) -> None:
    there = json.loads(ask("-C", "all", "status", "--json", "whole", "whole").stdout)
    behind = json.loads(ask("status", "-C", "all", "--json", "--all", "whole").stdout)

    assert [each["folder"] for each in there["folders"]] == ["all/whole"]
    assert [each["folder"] for each in behind["folders"]] == ["all/whole", "all/whole/inner"]
    assert offered(places, "tls-scaffold status -C all wh") == ["whole"]
    assert offered(places, "tls-scaffold check -C all whole/i") == ["whole/inner", "whole/issued"]


def test_a_directory_without_a_folder_of_ours_is_told(ask: Ask) -> None:
    for where in ("all/nothing", "all/gone/certs"):
        done = ask("status", "--all", where)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: there is no folder of ours below `{where}`\n")
    assert ask("status", "--all", "all/missing").stderr.startswith(
        "error: `all/missing` is not a folder"
    )
    assert ask("status", "--svg", "-", "all/whole").returncode == 2
    for command in ("status", "check"):
        for words in (["all/whole"], ["--all", "all"]):
            done = ask(command, "--live", *words)
            assert (done.returncode, done.stdout) == (2, "")
            assert "`--live` looks at the members of one folder: `-C DIR` names it" in done.stderr


def test_names_of_folders_steer_no_terminal(places: Path, tmp_path: Path) -> None:
    shutil.copytree(places / "template", tmp_path / "a\x1b[2J\nb")

    for words in (("status",), ("status", "--json"), ("check", "--json"), ("check",)):
        done = run(PROGRAM, *words, "--all", ".", cwd=tmp_path)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
    assert run(PROGRAM, "status", "--all", ".", cwd=tmp_path).stdout.count("\n") == 2


def test_what_nobody_lets_us_read_hides_no_other_folder(signed: Factory) -> None:
    top = signed(*SMALL, "--key", "ecdsa-256").parent
    (top / "all").mkdir()
    for name in ("closed", "keyless", "whole"):
        shutil.copytree(top / "tls-setup", top / "all" / name)
    (top / "all/shut").mkdir()

    def told(places: Path) -> Iterator[Result]:
        for verb in ("status", "check"):
            words = ["-C", str(places), verb, "--json", "--all", "."]
            yield CliRunner().invoke(cli, words)

    assert [each.exit_code for each in told(top / "all")] == [0, 0]  # all modules are loaded
    with as_somebody(top / "all") as places:
        (places / "closed/Makefile").chmod(0)
        (places / "keyless/certs").chmod(0)
        (places / "shut").chmod(0)
        try:
            done, checked = told(places)
        finally:
            for name in ("keyless/certs", "shut"):
                (places / name).chmod(0o700)

    assert (done.exit_code, checked.exit_code) == (1, 1)
    found = {Path(each["folder"]).name: each for each in json.loads(done.stdout)["folders"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "shut": "unreadable",
        "closed": "unreadable",
        "keyless": "unreadable",
        "whole": "valid",
    }
    assert found["shut"]["error"]["summary"] == (
        f"`{places / 'shut'}` can't be looked into: Permission denied"
    )

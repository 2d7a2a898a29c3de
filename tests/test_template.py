"""The template rendered: which files, the same bytes everywhere, nothing of an input run, nothing of HOME touched."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from support import run
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import components, intake
from tls_scaffold.rendering import documents, template

INVENTORY = {
    "members": ["10.0.0.1", "b=fd00::1+etcd-b.example"],
    "proxies": 1,
    "users": ["calico", "k=Kübe {{ 7*7 }} {% raw %} $(shell touch ran) `touch ran` '\" \\ | \U0001f512"],
}
RENDER = """
import json, sys
from tls_scaffold.inventory import intake
from tls_scaffold.rendering import template
json.dump(template.render(intake.of_data(json.loads(sys.argv[1]))), sys.stdout)
"""


def test_a_folder_has_these_files_and_no_others() -> None:
    assert sorted(template.render(intake.of_data(INVENTORY))) == [
        ".gitignore",
        ".tls-scaffold/rendered.json",
        "Makefile",
        "Procfile",
        "README.md",
        "config/ca-config.json",
        "config/ca-csr.json",
        "config/req-calico.json",
        "config/req-csr.json",
        "config/req-k.json",
        "rbac.sh",
        "rbac.tsv",
        "sign.sh",
        "tls-scaffold.json",
    ]


def test_what_killed_runs_left_in_the_temporary_directory_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young, other = (tmp_path / name for name in ("tls-scaffold-render-old", "tls-scaffold-render-young", "other"))
    for folder in (old, young, other):
        (folder / "tls-setup").mkdir(parents=True)
    (tmp_path / "tls-scaffold-render-link").symlink_to(other)
    for folder in (old, other):
        os.utime(folder, (0, 0))

    template.render(intake.of_data(INVENTORY))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "tls-scaffold-render-link", young.name]
    assert (other / "tls-setup").is_dir()


def test_the_json_files_are_those_of_documents_and_the_record_holds_the_rest() -> None:
    inventory = intake.of_data(INVENTORY)

    tree = template.render(inventory)

    assert {path: tree[path] for path in documents.render(inventory)} == documents.render(inventory)
    assert tree[".tls-scaffold/rendered.json"] == documents.last_render(tree)
    assert intake.from_json(tree["tls-scaffold.json"]) == inventory


def test_every_json_file_is_indented_by_two_and_every_file_ends_with_one_line_break() -> None:
    for path, text in template.render(intake.of_data(INVENTORY)).items():
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        if path.endswith(".json"):
            assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", path


def test_the_signing_profiles_are_those_of_hack_tls_setup_and_one_for_clients() -> None:
    tree = template.render(intake.of_data({**INVENTORY, "expiry": "90d"}))

    both = ["signing", "key encipherment", "server auth", "client auth"]
    assert json.loads(tree["config/ca-config.json"]) == {
        "signing": {
            "default": {"usages": both, "expiry": "2160h"},
            "profiles": {
                "client": {"usages": ["signing", "key encipherment", "client auth"], "expiry": "2160h"},
            },
        }
    }


def test_secrets_and_what_is_made_are_kept_out_of_git() -> None:
    lines = template.render(intake.of_data(INVENTORY))[".gitignore"].splitlines()

    assert {"certs/", "archive/", "data/", "dist/", "*-key.pem"} <= set(lines)


def test_text_that_looks_like_code_comes_out_as_that_text() -> None:
    cn = "Kübe {{ 7*7 }} {% raw %} $(shell touch ran) `touch ran` '\" \\ | \U0001f512"

    tree = template.render(intake.of_data(INVENTORY))

    assert json.loads(tree["config/req-k.json"])["CN"] == cn
    assert cn.replace("|", "\\|") in tree["README.md"]
    assert "ran" not in tree["Makefile"] + tree["Procfile"] + tree["sign.sh"]


def rendered_under(folder: Path, variables: dict[str, str]) -> str:
    folder.mkdir(exist_ok=True)
    done = run(sys.executable, "-c", RENDER, json.dumps(INVENTORY), cwd=folder, umask=-1, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Kiritimati"},
        {"PYTHONHASHSEED": "4711", "TZ": "America/Anchorage"},
    ],
)
def test_the_same_inventory_renders_the_same_bytes_everywhere(tmp_path: Path, variables: dict[str, str]) -> None:
    here = rendered_under(tmp_path / "here", {"PYTHONHASHSEED": "0", "TZ": "UTC"})

    assert rendered_under(tmp_path / "with a blank", variables) == here
    assert json.loads(here) == template.render(intake.of_data(INVENTORY))


def test_nothing_of_the_machine_stands_in_a_folder() -> None:
    text = "\n".join(template.render(intake.of_data(INVENTORY)).values())

    for word in (str(Path.home()), str(Path(__file__).parents[1]), os.uname().nodename, tempfile.gettempdir()):
        assert word not in text, word


@pytest.mark.skipif(not shutil.which("strace"), reason="not installed: strace")
@pytest.mark.parametrize("home", ["missing", "read-only"])
def test_nothing_of_home_is_read_or_written(tmp_path: Path, home: str) -> None:
    place = tmp_path / home
    if home == "read-only":
        place.mkdir()
        (place / ".cookiecutterrc").write_text("default_context: {members: from-home}\n")
        place.chmod(0o500)
    trace = tmp_path / "trace"

    done = run(
        *("strace", "-f", "-qq", "-e", "trace=file", "-o", str(trace)),
        *("-E", "COVERAGE_PROCESS_CONFIG", "-E", "COVERAGE_PROCESS_START"),  # coverage looks around in HOME
        *(str(Path(sys.executable).parent / "tls-scaffold"), "new", str(tmp_path / "made"), "--members", "10.0.0.1"),
        HOME=str(place),
        XDG_CONFIG_HOME=str(place / ".config"),
    )

    assert done.returncode == 0, done.stderr
    touched = [line for line in trace.read_text().splitlines() if f"{place}/" in line or f'"{place}"' in line]
    assert touched == []
    assert (tmp_path / "made/tls-scaffold.json").exists()


def test_an_installation_without_the_template_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "NAME", "no-such-folder")

    with pytest.raises(ScaffoldError) as caught:
        template.location()

    assert str(caught.value) == "the template is missing from the installation\n\nhint: install tls-scaffold again"


def test_rendering_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    rendered_under(tmp_path, {"TMPDIR": str(tmp_path)})

    assert list(tmp_path.iterdir()) == []


def test_many_users_stand_one_a_line_and_no_line_grows() -> None:
    def longest(count: int) -> dict[str, int]:
        users = [f"user-{number:05}" for number in range(count)]
        tree = template.render(intake.of_data({"members": ["10.0.0.1"], "users": users}))
        return {path: max(len(line) for line in text.splitlines()) for path, text in tree.items()}

    few, many = longest(10), longest(300)
    assert {path: many[path] for path in few} == few


def test_the_ports_of_the_most_members_are_ports() -> None:
    inventory = intake.of_data({"members": [f"m{number}" for number in range(components.MOST_MEMBERS)]})
    ports = [int(port) for port in re.findall(r"127\.0\.0\.1:([0-9]+)", template.render(inventory)["Procfile"])]
    assert max(ports) <= 65535 < max(ports) + 100


@pytest.mark.parametrize("cns", [["one"], ["one", "two"]])
def test_every_code_span_of_the_readme_ends_in_the_paragraph_that_it_begins_in(cns: list[str]) -> None:
    members = [{"name": cn, "hosts": [cn], "cn": cn} for cn in cns]
    readme = template.render(intake.of_data({"members": members, "separate_requests": True, "users": "root,calico"}))

    for paragraph in readme["README.md"].replace("```", "").split("\n\n"):
        assert paragraph.count("`") % 2 == 0, paragraph

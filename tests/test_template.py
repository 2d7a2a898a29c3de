"""The template rendered: which files, and the same bytes everywhere.

Nothing of an input is run, and nothing of HOME touched.
"""

import difflib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from support import run
from tls_scaffold.bundles import overview
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import components, intake, reach
from tls_scaffold.rendering import documents, template

INVENTORY = {
    "members": ["10.0.0.1", "b=fd00::1+etcd-b.example"],
    "proxies": 1,
    "users": [
        "calico",
        "k=Kübe {{ 7*7 }} {% raw %} $(shell touch ran) `touch ran` '\" \\ | \U0001f512",
    ],
}
RENDER = """
import json, sys
from tls_scaffold.inventory import intake
from tls_scaffold.rendering import template
json.dump(template.render(intake.of_data(json.loads(sys.argv[1]))), sys.stdout)
"""


def test_a_folder_has_these_files_and_no_others() -> None:
    assert sorted(template.render(intake.of_data(INVENTORY))) == [
        ".gitattributes",
        ".gitignore",
        ".tls-scaffold/rendered.tsv",
        "COMPONENTS.md",
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
        "renewal.sh",
        "sign.sh",
        "tls-scaffold.json",
        "tls-scaffold.mk",
    ]


def test_a_record_of_edits_can_name_each_of_them() -> None:
    tree = template.render(intake.of_data(INVENTORY))

    assert {path for path in tree if reach.rendered_problem(path)} == {".tls-scaffold/rendered.tsv"}


def test_what_killed_runs_left_in_the_temporary_directory_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young, other = (
        tmp_path / name
        for name in ("tls-scaffold-render-old", "tls-scaffold-render-young", "other")
    )
    for folder in (old, young, other):
        (folder / "tls-setup").mkdir(parents=True)
    (tmp_path / "tls-scaffold-render-link").symlink_to(other)
    for folder in (old, other):
        os.utime(folder, (0, 0))

    template.render(intake.of_data(INVENTORY))

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "other",
        "tls-scaffold-render-link",
        young.name,
    ]
    assert (other / "tls-setup").is_dir()


def test_the_json_files_are_those_of_documents_and_the_record_holds_the_rest() -> None:
    inventory = intake.of_data(INVENTORY)

    tree = template.render(inventory)

    assert {path: tree[path] for path in documents.render(inventory)} == documents.render(inventory)
    assert tree[".tls-scaffold/rendered.tsv"] == documents.last_render(tree)
    assert intake.from_json(tree["tls-scaffold.json"]) == inventory


def test_every_json_file_is_indented_by_two_and_every_file_ends_with_one_line_break() -> None:
    for path, text in template.render(intake.of_data(INVENTORY)).items():
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        if path.endswith(".json") and path != "tls-scaffold.json":
            assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", path


def test_the_signing_profiles_are_those_of_hack_tls_setup_and_one_for_clients() -> None:
    tree = template.render(intake.of_data({**INVENTORY, "expiry": "90d"}))

    both = ["signing", "key encipherment", "server auth", "client auth"]
    assert json.loads(tree["config/ca-config.json"]) == {
        "signing": {
            "default": {"usages": both, "expiry": "2160h"},
            "profiles": {
                "client": {
                    "usages": ["signing", "key encipherment", "client auth"],
                    "expiry": "2160h",
                },
            },
        }
    }


def git_takes(folder: Path, **more: object) -> list[str]:
    """Render a folder, put into it what is made there; return what else `git add .` takes."""
    tree = template.render(intake.of_data({**INVENTORY, **more}))
    made = [
        "data/etcd1/member",
        "issued/x-1-2.pem",
        "issued/.x",
        ".tls-scaffold/.work.1/x",
        "pki/calico-key.pem",
    ]
    for path in (*tree, *made):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(tree.get(path, ""))
    for words in (("init", "-q"), ("add", ".")):
        assert run("git", *words, cwd=folder).returncode == 0
    return sorted({*run("git", "ls-files", cwd=folder).stdout.splitlines()} - tree.keys())


def test_what_is_made_is_kept_out_of_git_and_the_record_of_certificates_is_not(
    tmp_path: Path,
) -> None:
    assert git_takes(tmp_path) == ["issued/x-1-2.pem", "pki/calico-key.pem"]


def test_the_record_is_kept_out_of_git_where_the_inventory_says_so(tmp_path: Path) -> None:
    assert git_takes(tmp_path, record=False) == ["pki/calico-key.pem"]


def test_keys_outside_certs_are_kept_out_of_git_by_name(tmp_path: Path) -> None:
    assert git_takes(tmp_path, users=[{"name": "calico", "output": "pki/calico"}]) == [
        "issued/x-1-2.pem"
    ]


@pytest.mark.parametrize(
    ("path", "begin"),
    [
        (
            "README.md",
            (
                "<!-- Made by tls-scaffold, "
                "replaced by `tls-scaffold sync` as long as this line stands. -->\n"
            ),
        ),
        (
            ".gitignore",
            (
                "# Made by tls-scaffold, "
                "replaced by `tls-scaffold sync` as long as this line stands.\n"
            ),
        ),
        ("COMPONENTS.md", "<!-- Made by tls-scaffold, replaced whole by `tls-scaffold sync`: "),
        ("Procfile", "# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: "),
    ],
)
def test_the_first_line_says_who_made_a_file_and_whether_edits_last(path: str, begin: str) -> None:
    assert template.render(intake.of_data(INVENTORY))[path].startswith(begin)


def test_the_readme_is_the_same_in_every_folder() -> None:
    others = intake.of_data(
        {"members": "a", "users": "root", "record": False, "separate_requests": True}
    )

    assert (
        template.render(others)["README.md"]
        == template.render(intake.of_data(INVENTORY))["README.md"]
    )


def test_the_readme_names_every_file_and_target_there_is() -> None:
    tree = template.render(intake.of_data(INVENTORY))
    targets = re.findall(r"^([a-z -]+):.* ## ", tree["tls-scaffold.mk"], re.MULTILINE)

    by_hand = template.render(intake.of_data({**INVENTORY, "ca": {"key": "offline"}}))
    readmes = tree["README.md"] + by_hand["README.md"]  # what only such a folder has
    named = {*re.findall(r"`make ([a-z-]+)", readmes)}
    assert {word for line in targets for word in line.split()} - {"all"} <= named
    for path in tree.keys() - {"README.md"}:
        assert f"`{path.partition('/')[0]}" in tree["README.md"], path


def test_each_component_has_a_row_and_the_last_cell_says_who_reads_its_files_again() -> None:
    users = ["root", "kube-apiserver", "calico-node", "calicoctl", {"name": "x", "cn": "a|b | c"}]
    members = [{"name": "m", "hosts": ["m"]}, {"name": "n", "hosts": ["n"], "peer": {}}]
    inventory = intake.of_data({"members": members, "proxies": 1, "users": users})

    lines = template.render(inventory)["COMPONENTS.md"].splitlines()

    # As sign.sh looks for them.
    again = {
        each.name: [
            line[:-2].rpartition(" | ")[2] for line in lines if line.startswith(f"| {each.name} |")
        ]
        for each in inventory.components
    }
    etcd = "etcd reads it at each new connection: nothing has to be restarted"
    assert again == {
        "m": [etcd],
        "n": [etcd],
        "peer-n": [etcd],
        "proxy1": [f"etcd grpc-proxy{etcd.removeprefix('etcd')}"],
        "root": ["etcdctl reads it at each call: nothing has to be restarted"],
        "kube-apiserver": [
            "kube-apiserver reads it at each new connection to etcd: nothing has to be restarted"
        ],
        "calico-node": ["renew its Secret in Kubernetes, then restart Calico's pods"],
        "calicoctl": ["calicoctl reads it at each call: nothing has to be restarted"],
        "x": ["its client reads it when it starts: restart the client"],
    }
    texts = (overview.MEMBER_READS, overview.PROXY_READS, *(each[-1] for each in overview.CLIENTS))
    assert not any("|" in text for text in texts)


def test_the_rows_say_what_else_is_to_be_set_and_who_has_no_cn() -> None:
    users = ["kube-apiserver-restricted", "patroni", "flannel"]
    inventory = intake.of_data({"members": "a", "users": users})

    restricted, patroni, flannel = (row for row in overview.rows(inventory) if row.kind == "user")

    assert restricted.takes.endswith("restricted-key.pem --etcd-compaction-interval=0")
    assert (restricted.cn, patroni.cn) == ("kube-apiserver-restricted", overview.NO_CN)
    assert flannel.takes.startswith("--etcd-cafile=certs/trust.pem --etcd-certfile=")


def test_the_rows_name_the_files_that_are_there() -> None:
    members = [{"name": "n", "hosts": ["n"], "peer": {"output": "pki/n"}}]
    inventory = intake.of_data(
        {"members": members, "users": ["calico", {"name": "u", "output": "pki/u"}]}
    )

    assert [(row.name, row.takes) for row in overview.rows(inventory)] == [
        ("n", "--cert-file=certs/n.pem --key-file=certs/n-key.pem"),
        ("peer-n", "--peer-cert-file=pki/n.pem --peer-key-file=pki/n-key.pem"),
        (
            "calico",
            (
                "ETCD_CA_CERT_FILE=certs/trust.pem ETCD_CERT_FILE=certs/calico.pem "
                "ETCD_KEY_FILE=certs/calico-key.pem COMPACTION_PERIOD=0"
            ),
        ),
        ("u", "ETCDCTL_CACERT=certs/trust.pem ETCDCTL_CERT=pki/u.pem ETCDCTL_KEY=pki/u-key.pem"),
    ]


def test_one_more_user_is_few_more_lines_beside_its_request() -> None:
    before, after = (
        template.render(intake.of_data({"members": ["a", "b"], "users": users}))
        for users in (["calico"], ["calico", "alice"])
    )

    changed = {
        path: sum(
            line[:2] in ("+ ", "- ")
            for line in difflib.ndiff(before[path].splitlines(), after[path].splitlines())
        )
        for path in before
        if before[path] != after[path] and path not in (".tls-scaffold/rendered.tsv", "rbac.sh")
    }
    assert changed == {"COMPONENTS.md": 1, "Makefile": 1, "tls-scaffold.json": 3}


def test_text_that_looks_like_code_comes_out_as_that_text() -> None:
    cn = "Kübe {{ 7*7 }} {% raw %} $(shell touch ran) `touch ran` '\" \\ | \U0001f512"

    tree = template.render(intake.of_data(INVENTORY))

    assert json.loads(tree["config/req-k.json"])["CN"] == cn
    assert cn.replace("|", "\\|") in tree["COMPONENTS.md"]
    assert "ran" not in tree["Makefile"] + tree["Procfile"] + tree["sign.sh"]


def rendered_under(folder: Path, variables: dict[str, str]) -> str:
    folder.mkdir(exist_ok=True)
    done = run(
        sys.executable, "-c", RENDER, json.dumps(INVENTORY), cwd=folder, umask=-1, **variables
    )
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
def test_the_same_inventory_renders_the_same_bytes_everywhere(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    here = rendered_under(tmp_path / "here", {"PYTHONHASHSEED": "0", "TZ": "UTC"})

    assert rendered_under(tmp_path / "with a blank", variables) == here
    assert json.loads(here) == template.render(intake.of_data(INVENTORY))


def test_nothing_of_the_machine_stands_in_a_folder() -> None:
    text = "\n".join(template.render(intake.of_data(INVENTORY)).values())

    for word in (
        str(Path.home()),
        str(Path(__file__).parents[1]),
        os.uname().nodename,
        tempfile.gettempdir(),
    ):
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
        # Coverage looks around in HOME.
        *("-E", "COVERAGE_PROCESS_CONFIG", "-E", "COVERAGE_PROCESS_START"),
        *(
            str(Path(sys.executable).parent / "tls-scaffold"),
            "new",
            str(tmp_path / "made"),
            "--members",
            "10.0.0.1",
        ),
        HOME=str(place),
        XDG_CONFIG_HOME=str(place / ".config"),
    )

    assert done.returncode == 0, done.stderr
    touched = [
        line
        for line in trace.read_text().splitlines()
        if f"{place}/" in line or f'"{place}"' in line
    ]
    assert touched == []
    assert (tmp_path / "made/tls-scaffold.json").exists()


def test_an_installation_without_the_template_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "NAME", "no-such-folder")

    with pytest.raises(ScaffoldError) as caught:
        template.location()

    assert (
        str(caught.value)
        == "the template is missing from the installation\n\nhint: install tls-scaffold again"
    )


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
    inventory = intake.of_data(
        {"members": [f"m{number}" for number in range(components.MOST_MEMBERS)]}
    )
    ports = [
        int(port)
        for port in re.findall(r"127\.0\.0\.1:([0-9]+)", template.render(inventory)["Procfile"])
    ]
    assert max(ports) <= 65535 < max(ports) + 100


@pytest.mark.parametrize("cns", [["one"], ["one", "two"]])
def test_every_code_span_of_the_documents_ends_in_the_paragraph_that_it_begins_in(
    cns: list[str],
) -> None:
    members = [{"name": cn, "hosts": [cn], "cn": cn} for cn in cns]
    tree = template.render(
        intake.of_data({"members": members, "separate_requests": True, "users": "root,calico"})
    )

    for path in ("README.md", "COMPONENTS.md"):
        for paragraph in tree[path].split("\n\n"):
            assert paragraph.count("`") % 2 == 0, paragraph

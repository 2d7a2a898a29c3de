"""`tls-scaffold signer-config`: what it writes for multirootca, what it keeps, what it refuses."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kills
from conftest import Factory
from multiroots import P256, configured, make_ca, make_key, make_remote
from support import contents, modes, run, tls_scaffold
from tls_scaffold.cfssl.whitelist import allows, exact_pattern
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.multiroot import rootsfile
from tls_scaffold.multiroot.policies import rendered_profiles
from tls_scaffold.paths import CONFIG
from tls_scaffold.rendering import template

PIN = "ab" * 32
USERS = ("--members", "10.0.0.1,etcd2.example", "--users", "alice,root,web")
WORDS = (*USERS, *P256, "--set", "alice:expiry=30d", "--set", "web:usages=server+client")
Make = Callable[..., Path]


@pytest.fixture
def remote(folder: Factory) -> Make:
    """Return a function that makes a folder of ours whose CA is remote, in `tmp_path/all/`."""

    def new(label: str = "prod", name: str = "", **fields: Any) -> Path:
        path = folder(*WORDS, name=f"all/{name or label}")
        return make_remote(path, label, PIN, **fields)

    return new


def config(at: Path, label: str = "prod") -> Any:
    return json.loads((at / f"server/{label}.json").read_text())


def patterns(document: Any) -> dict[str, str]:
    signing = document["signing"]
    found = {name: each["name_whitelist"] for name, each in signing["profiles"].items()}
    return {"default": signing["default"]["name_whitelist"], **found}


def refused(*words: str, cwd: Path, code: int = 1) -> str:
    """Run the command, which must be refused with one message and change nothing; return that."""
    before = contents(cwd)
    done = configured(*words, cwd=cwd, code=code)
    assert contents(cwd) == before
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_one_folder_gets_a_section_and_a_policy_a_profile(remote: Make, tmp_path: Path) -> None:
    remote()
    done = configured("all/prod", "--into", "server", cwd=tmp_path)

    at = tmp_path / "server"
    assert done.stdout == "server/prod.json\nserver/roots.ini\n"
    assert (at / "roots.ini").read_text() == (
        "[prod]\n"
        f"private = file://{at}/ca/prod-key.pem\n"
        f"certificate = {at}/ca/prod.pem\n"
        f"config = {at}/prod.json\n"
    )
    both = ["signing", "key encipherment", "server auth", "client auth"]
    client = ["signing", "key encipherment", "client auth"]
    assert config(tmp_path) == {
        "signing": {
            "default": {
                "usages": both,
                "expiry": "8760h",
                "auth_key": "ordinary",
                "name_whitelist": r"^(etcd|etcd2\.example|localhost)$",
            },
            "profiles": {
                "client-720h": {
                    "usages": client,
                    "expiry": "720h",
                    "auth_key": "ordinary",
                    "name_whitelist": "^(alice)$",
                },
                "peer": {
                    "usages": both,
                    "expiry": "8760h",
                    "auth_key": "ordinary",
                    "name_whitelist": "^(web)$",
                },
                "root": {
                    "usages": client,
                    "expiry": "8760h",
                    "auth_key": "root",
                    "name_whitelist": "^(root)$",
                },
            },
        },
        "auth_keys": {
            "ordinary": {"type": "standard", "key": f"file:{at}/keys/prod.key"},
            "root": {"type": "standard", "key": f"file:{at}/keys/prod-root.key"},
        },
    }
    assert "what cfssl does not check:" in done.stderr
    assert "IP address" in done.stderr
    assert "next: systemctl restart multirootca" in done.stderr


def test_files_are_for_their_owner_alone_and_a_second_run_changes_nothing(
    remote: Make, tmp_path: Path
) -> None:
    remote()
    configured("all/prod", "--into", "server", cwd=tmp_path)
    at = tmp_path / "server"
    assert {name: modes(at)[name] for name in ("prod.json", "roots.ini")} == {
        "prod.json": "0o600",
        "roots.ini": "0o600",
    }
    assert modes(tmp_path)["server"] == "0o700"
    # A mode that was given since stays when there is something to write.
    (at / "prod.json").chmod(0o640)
    before = {path: path.stat() for path in at.rglob("*")}
    done = configured("all/prod", "--into", "server", cwd=tmp_path)
    assert done.stdout == ""
    assert "as before" in done.stderr
    assert "multirootca reads" not in done.stderr
    after = {path: path.stat() for path in at.rglob("*")}
    assert {path: (s.st_ino, s.st_mtime_ns) for path, s in before.items()} == {
        path: (s.st_ino, s.st_mtime_ns) for path, s in after.items()
    }
    change(tmp_path / "all/prod", users=[{"name": "zed"}])
    configured("all/prod", "--into", "server", cwd=tmp_path)
    assert modes(at)["prod.json"] == "0o640"


def change(folder: Path, **fields: Any) -> None:
    path = folder / "tls-scaffold.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_policy_follows_the_inventory_and_what_goes_is_signed_no_more(
    remote: Make, tmp_path: Path
) -> None:
    path = remote()
    configured("all/prod", "--into", "server", cwd=tmp_path)
    change(path, users=[{"name": "bob", "cn": "b.b"}, {"name": "zed"}], expiry="100h")
    configured("all/prod", "--into", "server", cwd=tmp_path)
    document = config(tmp_path)
    assert patterns(document) == {
        "default": r"^(etcd|etcd2\.example|localhost)$",
        "client": r"^(b\.b|zed)$",
    }
    assert document["signing"]["profiles"]["client"]["expiry"] == "100h"
    assert list(document["auth_keys"]) == ["ordinary"]


def test_a_default_profile_that_nobody_asks_for_grants_nothing(
    remote: Make, tmp_path: Path
) -> None:
    path = remote()
    change(path, members=[], proxies=[])
    configured("all/prod", "--into", "server", cwd=tmp_path)
    default = config(tmp_path)["signing"]["default"]
    assert default["usages"] == []
    assert default["auth_key"] == "ordinary"
    assert default["name_whitelist"] == "^()$"


def test_servers_with_a_profile_of_their_own_get_the_hosts_of_the_request_that_they_share(
    remote: Make, tmp_path: Path
) -> None:
    path = remote()
    members = [
        {"name": "a", "hosts": ["a.example"], "expiry": "48h"},
        {"name": "b", "hosts": ["b"]},
    ]
    change(path, members=members)
    configured("all/prod", "--into", "server", cwd=tmp_path)
    found = patterns(config(tmp_path))
    assert found["peer-48h"] == found["default"] == r"^(a\.example|b|etcd|localhost)$"


def test_a_profile_that_the_inventory_only_names_is_as_the_folder_s_configuration_says(
    remote: Make, tmp_path: Path
) -> None:
    path = remote()
    change(path, users=[{"name": "zed", "profile": "ours"}])
    text = refused("all/prod", "--into", "server", cwd=tmp_path)
    assert "all/prod/config/ca-config.json: signing.profiles.ours: neither" in text
    document = json.loads((path / CONFIG).read_text())
    document["signing"]["profiles"]["ours"] = {"usages": ["client auth"], "expiry": "5h"}
    (path / CONFIG).write_text(json.dumps(document))
    configured("all/prod", "--into", "server", cwd=tmp_path)
    ours = config(tmp_path)["signing"]["profiles"]["ours"]
    assert (ours["usages"], ours["expiry"]) == (["client auth"], "5h")
    assert ours["name_whitelist"] == "^(zed)$"


@pytest.mark.parametrize("expiry", ["8760h", "90d"])
def test_profiles_sign_as_the_template_s_own_configuration_does(expiry: str) -> None:
    document = {
        "members": ["10.0.0.1", {"hosts": ["10.0.0.2"], "expiry": "48h"}],
        "users": ["a", {"name": "b", "usages": ["server"], "expiry": "1w"}, "root"],
        "expiry": expiry,
    }
    inventory: Inventory = intake.of_data(document)
    signing = json.loads(template.render(inventory)[CONFIG])["signing"]
    rendered = {"": signing["default"], **signing["profiles"]}
    ours = rendered_profiles(inventory)
    assert {name: (tuple(each["usages"]), each["expiry"]) for name, each in rendered.items()} == {
        name: (each.usages, each.expiry) for name, each in ours.items()
    }


NAMES = st.text(
    st.sampled_from("ab.\\+*?()|[]{}^$-_ @é\u00df#&~\"'/") | st.characters(codec="utf-8"),
    max_size=8,
)


@given(names=st.lists(NAMES, max_size=4), other=NAMES)
@settings(max_examples=100, deadline=None)
def test_a_whitelist_allows_its_names_alone(names: list[str], other: str) -> None:
    pattern = exact_pattern(names)
    for name in names:
        assert allows(pattern, name)
        assert allows(pattern, f"{name}\n") == (f"{name}\n" in names)
        assert allows(pattern, f"x{name}") == (f"x{name}" in names)
    # Without names only an empty one is let in, for which cfssl does not ask.
    assert allows(pattern, other) == (other in (names or [""]))


def test_a_thousand_folders_are_one_command_and_others_stay(remote: Make, tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        remote(label)
    make_plain(remote("d"))
    done = configured("--all", "all", "--into", "server", cwd=tmp_path)
    assert "signs for 3 labels, " in done.stderr
    assert "left out: 1 folder whose CA is not remote" in done.stderr
    before = contents(tmp_path / "server")
    remote("e")
    done = configured("all/e", "--into", "server", cwd=tmp_path)
    assert done.stdout == "server/e.json\nserver/roots.ini\n"
    assert "and as before for 3 labels of folders not looked at" in done.stderr
    after = contents(tmp_path / "server")
    assert {name: after[name] for name in ("a.json", "b.json", "c.json")} == {
        name: before[name] for name in ("a.json", "b.json", "c.json")
    }
    assert str(after["roots.ini"]).startswith(str(before["roots.ini"])[:-1])
    again = configured("--all", "all", "--into", "server", cwd=tmp_path)
    assert again.stdout == ""


def make_plain(folder: Path) -> None:
    path = folder / "tls-scaffold.json"
    document = json.loads(path.read_text())
    del document["ca"]
    path.write_text(json.dumps(document))


def test_a_label_is_taken_out_and_its_configuration_goes_to_the_archive(
    remote: Make, tmp_path: Path
) -> None:
    remote("a"), remote("b")
    configured("--all", "all", "--into", "server", cwd=tmp_path)
    text = (tmp_path / "server/a.json").read_text()
    done = configured("--remove", "a", "--into", "server", cwd=tmp_path)
    assert "`a.json` went to `archive/" in done.stderr
    assert list(rootsfile.parse(roots(tmp_path), "x").sections) == ["b"]
    assert [each.read_text() for each in (tmp_path / "server/archive").glob("*/a.json")] == [text]
    again = refused("--remove", "a,bb", "--into", "server", cwd=tmp_path)
    assert "there is no label `a`" in again
    assert "there is no label `bb`; did you mean `b`?" in again


def roots(at: Path) -> str:
    return (at / "server/roots.ini").read_text()


def test_a_section_that_was_taken_out_by_hand_takes_its_configuration_along(
    remote: Make, tmp_path: Path
) -> None:
    remote("a"), remote("b")
    configured("--all", "all", "--into", "server", cwd=tmp_path)
    (tmp_path / "server/roots.ini").write_text(roots(tmp_path).partition("\n\n")[2])
    configured("all/b", "--into", "server", cwd=tmp_path)
    assert not (tmp_path / "server/a.json").exists()
    assert list((tmp_path / "server/archive").glob("*/a.json"))


def test_edits_by_hand_stay(remote: Make, tmp_path: Path) -> None:
    path = remote()
    configured("all/prod", "--into", "server", cwd=tmp_path)
    at = tmp_path / "server"
    other = "# the other service\n[x]\nprivate = file:///k\ncertificate = /c\nconfig = /x.json\n\n"
    mine = roots(tmp_path).replace("private =", "dbconfig = /db.json\nprivate =")
    mine = mine.replace(f"{at}/ca/prod.pem", "/srv/other.pem")
    mine = mine.replace(f"config = {at}/prod.json", f"  config='{at}/prod.json'")
    (at / "roots.ini").write_text(f"{other}# ours\n{mine}# the end\n")
    document = config(tmp_path)
    key = {"type": "standard", "key": "file:/srv/last.key"}
    document["auth_keys"]["last"] = key
    document["signing"]["profiles"]["root"]["prev_auth_key"] = "last"
    document["signing"]["default"]["expiry"] = "24h"
    (at / "prod.json").write_text(json.dumps(document))
    ini = roots(tmp_path)

    done = configured("all/prod", "--into", "server", cwd=tmp_path)
    assert done.stdout == ""
    assert "edits by hand stay in what is signed for `prod`" in done.stderr
    change(path, users=[{"name": "root"}, {"name": "zed"}])
    configured("all/prod", "--into", "server", cwd=tmp_path)
    merged = config(tmp_path)
    assert roots(tmp_path) == ini
    assert merged["auth_keys"]["last"] == key
    assert merged["signing"]["profiles"]["root"]["prev_auth_key"] == "last"
    assert merged["signing"]["default"]["expiry"] == "24h"
    assert patterns(merged)["client"] == "^(zed)$"
    assert "peer" not in merged["signing"]["profiles"]


def test_where_both_sides_changed_the_same_nothing_is_written(remote: Make, tmp_path: Path) -> None:
    path, other = remote(), remote("stage")
    configured("--all", "all", "--into", "server", cwd=tmp_path)
    edited = (tmp_path / "server/prod.json").read_text().replace("localhost", "mine")
    (tmp_path / "server/prod.json").write_text(edited)
    for each in (path, other):
        change(each, members=["10.0.0.1", "new.example"])
    text = refused("--all", "all", "--into", "server", cwd=tmp_path, code=3)
    assert "server/prod.json" in text
    assert "move the file away" in text
    (tmp_path / "server/prod.json").rename(tmp_path / "mine.json")
    configured("--all", "all", "--into", "server", cwd=tmp_path)
    assert "new\\\\.example" in (tmp_path / "server/prod.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 5000])
def test_a_configuration_that_is_none_is_not_written_over(
    remote: Make, tmp_path: Path, text: str
) -> None:
    remote()
    configured("all/prod", "--into", "server", cwd=tmp_path)
    (tmp_path / "server/prod.json").write_text(text)
    refused("all/prod", "--into", "server", cwd=tmp_path, code=3)


def test_labels_that_are_one_file_on_some_disks_are_refused(remote: Make, tmp_path: Path) -> None:
    remote("prod", "one"), remote("PROD", "two")
    text = refused("--all", "all", "--into", "server", cwd=tmp_path)
    assert "labels `prod`, `PROD`, of `all/one`, `all/two`, differ in upper and lower case" in text


def test_folders_of_one_label_are_refused_with_their_places(remote: Make, tmp_path: Path) -> None:
    remote("prod", "one"), remote("prod", "two")
    text = refused("--all", "all", "--into", "server", cwd=tmp_path)
    assert "label `prod` is that of `all/one`, `all/two`: each could sign the names of" in text
    configured("all/one", "--into", "server", cwd=tmp_path)
    text = refused("all/two", "--into", "server", cwd=tmp_path)
    assert f"label `prod` is that of `{tmp_path}/all/one`, and `all/two` asks for it too" in text
    # A folder that was moved, or has another label since, is no other.
    (tmp_path / "all/one").rename(tmp_path / "moved")
    assert configured("moved", "--into", "server", cwd=tmp_path).stdout == ""
    make_remote(tmp_path / "moved", "other", PIN)
    configured("all/two", "--into", "server", cwd=tmp_path)


def test_a_section_of_somebody_else_is_not_taken(remote: Make, tmp_path: Path) -> None:
    remote()
    (tmp_path / "server").mkdir()
    (tmp_path / "server/roots.ini").write_text("\n[ prod ]\nconfig = '/etc/mine.json'\n")
    text = refused("all/prod", "--into", "server", cwd=tmp_path)
    assert "server/roots.ini:2: the section `prod` was written by hand" in text
    assert "`all/prod`" in text


BAD_LABELS = {
    "": "ca.label: is missing",
    "my-label": "ca.label: `my-label` is no label of multirootca's",
    "a.b": "ca.label: `a.b` is no label of multirootca's",
}


@pytest.mark.parametrize("label", BAD_LABELS)
def test_a_label_that_multirootca_does_not_know_is_refused(
    remote: Make, tmp_path: Path, label: str
) -> None:
    remote(label or "prod", "folder")
    if not label:
        path = tmp_path / "all/folder/tls-scaffold.json"
        document = json.loads(path.read_text())
        del document["ca"]["label"]
        path.write_text(json.dumps(document))
    text = refused("all/folder", "--into", "server", cwd=tmp_path)
    assert (
        f"all/folder/tls-scaffold.json: {BAD_LABELS[label] if not label else 'ca.label: '}" in text
    )
    assert BAD_LABELS[label] in text
    if not label:
        text = refused("all/folder", "--into", "server", "--label", "a-b", cwd=tmp_path)
        assert BAD_LABELS["my-label"].replace("my-label", "a-b") in text
        configured("all/folder", "--into", "server", "--label", "given", cwd=tmp_path)
        assert (tmp_path / "server/given.json").exists()


def test_every_problem_is_told_at_once(remote: Make, tmp_path: Path) -> None:
    remote("a-b")
    change(remote("b"), members=["root"])
    change(remote("c"), users=[{"name": "zed", "profile": "root"}])
    change(remote("d"), users=[{"name": "zed", "hosts": [" "]}])
    (remote("e") / "tls-scaffold.json").write_text("{")
    make_remote(remote("f"), "f", PIN, users=[{"name": "x", "profile": "strange"}])
    text = refused("--all", "all", "--into", "server", cwd=tmp_path)
    assert text.count("\n  ") == 6, text
    assert "all/a-b/tls-scaffold.json: ca.label: `a-b` is no label" in text
    assert "all/b/tls-scaffold.json: etcd1: with the host `root` its profile would sign" in text
    assert "all/c/tls-scaffold.json: zed: the profile `root` is for the CN `root` alone" in text
    assert "all/d/tls-scaffold.json: users[0].hosts[0]: " in text
    assert "all/e/tls-scaffold.json: `tls-scaffold.json` is not JSON" in text
    assert "signing.profiles.strange: neither" in text


def test_a_folder_with_a_ca_of_peers_asks_no_server(folder: Factory, tmp_path: Path) -> None:
    folder("--members", "10.0.0.1", "--users", "alice", "--peer-ca", name="two")
    text = refused("two", "--label", "two", "--into", "server", cwd=tmp_path)
    assert "two/tls-scaffold.json: peer_ca: a folder that makes a CA of peers has its" in text
    assert not (tmp_path / "server").exists()


def test_folders_are_named_that_are_none(tmp_path: Path) -> None:
    told = refused("nowhere", "--into", "server", cwd=tmp_path)
    assert "`nowhere`" in told
    assert "label" not in told
    assert "`nowhere` is not a folder" in refused("--all", "nowhere", "--into", "s", cwd=tmp_path)
    assert "not a folder that tls-scaffold keeps" in refused("--into", "server", cwd=tmp_path)


def test_a_folder_whose_name_stands_in_a_message_by_chance_is_told(tmp_path: Path) -> None:
    for name in ("s", "label"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tls-scaffold.json").write_text("{]")
        text = refused(name, "--into", "server", cwd=tmp_path)
        assert f"  {name}/tls-scaffold.json: `tls-scaffold.json` is not JSON: " in text
        # Labels are no matter of it.
        assert "hint: each folder has a label of its own" not in text


def test_a_label_can_be_served_before_its_folder_is_made(tmp_path: Path) -> None:
    (tmp_path / "prod.yaml").write_text("members: [10.0.0.1]\nusers: [alice, root]\n")
    configured("prod.yaml", "--label", "prod", "--into", "server", cwd=tmp_path)
    assert patterns(config(tmp_path)) == {
        "default": "^(etcd|localhost)$",
        "client": "^(alice)$",
        "root": "^(root)$",
    }
    new = tls_scaffold("new", "prod", "--from", "prod.yaml", cwd=tmp_path)
    assert new.returncode == 0, new.stderr
    make_remote(tmp_path / "prod", "prod", PIN)
    (tmp_path / "prod.yaml").unlink()
    assert configured("prod", "--into", "server", cwd=tmp_path).stdout == ""


PLACES = (
    *("--at", "/etc/multirootca", "--nets", "10.0.0.0/8, ::1/128"),
    *("--certificate", "/srv/ca.pem", "--private", "/srv/the key.pem"),
    *("--auth-key", "env:AUTH_{label}", "--root-auth-key", "file:/srv/{label}.root"),
)


def test_where_the_server_has_what_is_said_once(remote: Make, tmp_path: Path) -> None:
    remote()
    configured("all/prod", "--into", "server", *PLACES, cwd=tmp_path)
    assert roots(tmp_path) == (
        "[prod]\nprivate = file:///srv/the%20key.pem\ncertificate = /srv/ca.pem\n"
        "config = /etc/multirootca/prod.json\nnets = 10.0.0.0/8, ::1/128\n"
    )
    keys = {name: each["key"] for name, each in config(tmp_path)["auth_keys"].items()}
    assert keys == {"ordinary": "env:AUTH_prod", "root": "file:/srv/prod.root"}
    assert configured("all/prod", "--into", "server", cwd=tmp_path).stdout == ""
    # A new label is where the others are; what goes elsewhere takes all along.
    remote("stage")
    configured("all/stage", "--into", "server", cwd=tmp_path)
    assert "config = /etc/multirootca/stage.json" in roots(tmp_path)
    configured("all/stage", "--into", "server", "--at", "/opt/ca", cwd=tmp_path)
    assert re.findall("config = (.*)", roots(tmp_path)) == [
        "/opt/ca/prod.json",
        "/opt/ca/stage.json",
    ]


def test_sections_change_together_and_each_stays_itself(remote: Make, tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        remote(label)
    configured("--all", "all", "--into", "server", cwd=tmp_path)
    (tmp_path / "server/roots.ini").write_text(f"# first\n\n{roots(tmp_path)}\n# last\n")
    shutil.rmtree(tmp_path / "all/b")
    given = ("--remove", "b", "--nets", "10.0.0.0/8", "--certificate", "/srv/{label}.pem")
    configured("--all", "all", "--into", "server", *given, cwd=tmp_path)
    at = tmp_path / "server"
    assert (
        roots(tmp_path)
        == "# first\n\n"
        + "\n".join(
            f"[{label}]\n"
            f"private = file://{at}/ca/{label}-key.pem\n"
            f"certificate = /srv/{label}.pem\n"
            f"config = {at}/{label}.json\n"
            "nets = 10.0.0.0/8\n"
            for label in ("a", "c")
        )
        + "\n# last\n"
    )


def test_a_directory_that_can_t_be_looked_into_is_told(
    remote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote()
    (tmp_path / "all/shut").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # What runs the tests may look into everything.
    monkeypatch.setattr(os, "scandir", refusing)
    text = refused("--all", "all", "--into", "server", cwd=tmp_path)
    assert "`all/shut` can't be looked into: Permission denied" in text


BAD_OPTIONS = {
    ("--at", "etc"): "`etc` is not an absolute path",
    ("--certificate", "ca.pem"): "`ca.pem` is not an absolute path",
    ("--private", "/ca\n[x]"): "control characters",
    ("--auth-key", "0123456789abcdef"): "it is neither `env:NAME` nor `file:/PATH`",
    ("--auth-key", "file:keys/{label}"): "it is neither `env:NAME` nor `file:/PATH`",
    ("--root-auth-key", "env:A B"): "it is neither `env:NAME` nor `file:/PATH`",
    ("--nets", "10.0.0.0/8,lan"): "`lan` is not a network",
    ("--nets", "10.0.0.1"): "`10.0.0.1` has no length",
    ("--label", "x", "--all", "."): "it is that of a single DIR",
}


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=" ".join)
def test_an_option_that_can_t_be_meant_is_refused(
    remote: Make, tmp_path: Path, words: tuple[str, ...]
) -> None:
    remote()
    text = refused("all/prod", "--into", "server", *words, cwd=tmp_path, code=2)
    assert f"{words[0]}: {BAD_OPTIONS[words]}" in text.replace("`/ca\\n[x]` has ", "")
    # It may be the key itself.
    assert "0123456789abcdef" not in text


def test_keys_that_open_more_than_they_should_are_refused(remote: Make, tmp_path: Path) -> None:
    remote("a"), remote("b")
    text = refused("--all", "all", "--into", "s", "--auth-key", "env:ONE", cwd=tmp_path)
    assert "`a` (ordinary), `b` (ordinary) have `env:ONE`" in text
    both = ("--auth-key", "env:{label}", "--root-auth-key", "env:{label}")
    text = refused("all/a", "--into", "s", *both, cwd=tmp_path)
    assert "`a` (ordinary), `a` (root) have `env:a`" in text

    configured("--all", "all", "--into", "server", cwd=tmp_path)
    keys = tmp_path / "server/keys"
    key = make_key(keys / "a.key").hex()
    shutil.copy(keys / "a.key", keys / "b.key")
    (keys / "a-root.key").write_text("")
    (keys / "b-root.key").write_text("0" * 64)
    text = refused("all/a", "--into", "server", cwd=tmp_path)
    assert "`a` (ordinary), `b` (ordinary) have the same key" in text
    assert f"`{keys}/a-root.key` is empty: cfssl would sign for everybody" in text
    assert f"`{keys}/b-root.key` is empty" in text
    (keys / "a-root.key").write_text("secretword")
    (keys / "b-root.key").write_text("ab" * 15)
    text += refused("all/a", "--into", "server", cwd=tmp_path)
    assert "a-root.key` is no key: hexadecimal digits" in text
    assert "b-root.key` is a key of less than 16 bytes" in text
    for secret in (key, "secretword", "ab" * 15):
        assert secret not in text


def test_keys_that_are_missing_are_made_by_the_command_that_is_printed(
    remote: Make, tmp_path: Path
) -> None:
    remote()
    done = configured("all/prod", "--into", "server", cwd=tmp_path)
    command = next(
        line.removeprefix("next: ") for line in done.stderr.splitlines() if "openssl rand" in line
    )
    made = run("sh", "-c", command, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    keys = tmp_path / "server/keys"
    assert modes(keys) == {"prod-root.key": "0o600", "prod.key": "0o600"}
    assert modes(tmp_path / "server")["keys"] == "0o700"
    found = {path.read_text() for path in keys.iterdir()}
    assert len(found) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in found)
    done = configured("all/prod", "--into", "server", cwd=tmp_path)
    assert "openssl rand" not in done.stderr
    assert "warning" not in done.stderr
    # None is written over; and what is wrong with one is told.
    assert run("sh", "-c", command, cwd=tmp_path).returncode != 0
    assert {path.read_text() for path in keys.iterdir()} == found
    with (keys / "prod.key").open("a") as key:
        key.write("\n")
    (keys / "prod.key").chmod(0o644)
    done = configured("all/prod", "--into", "server", cwd=tmp_path)
    assert "ends in a line feed, or has a blank: with it cfssl 1.2.0 does not begin" in done.stderr
    assert "prod.key` may be read by others" in done.stderr
    # No key is in what was written, nor was told.
    written = str(contents(tmp_path / "server").items() - keys_of(tmp_path).items())
    for key_text in found:
        assert key_text not in done.stderr + done.stdout + written


def keys_of(at: Path) -> dict[str, bytes | str]:
    found = contents(at / "server")
    return {name: each for name, each in found.items() if name.startswith("keys/")}


def test_a_ca_that_is_not_the_pinned_one_is_refused(remote: Make, tmp_path: Path) -> None:
    path = remote()
    pin = make_ca(tmp_path / "server/ca", "prod").pin
    text = refused("all/prod", "--into", "server", cwd=tmp_path)
    assert "server/ca/prod.pem` is another CA than `all/prod` has" in text
    make_remote(path, "prod", pin)
    configured("all/prod", "--into", "server", cwd=tmp_path)


def test_labels_of_one_ca_are_told_what_they_can_do_to_each_other(
    remote: Make, tmp_path: Path
) -> None:
    remote("a"), remote("b")
    one = ("--certificate", "/srv/ca.pem", "--private", "/srv/ca-key.pem")
    done = configured("--all", "all", "--into", "server", *one, cwd=tmp_path)
    assert (
        "warning: `/srv/ca.pem` is the CA of 2 labels, and several have the CNs `alice`, `etcd`, "
        "`root`, `web`: what is signed for one of them opens the clusters of the others"
    ) in done.stderr
    other = ("--certificate", "/srv/{label}.pem", "--private", "/srv/{label}-key.pem")
    done = configured("--all", "all", "--into", "server", *other, cwd=tmp_path)
    assert "warning" not in done.stderr


def test_a_dry_run_shows_what_would_change_and_writes_nothing(remote: Make, tmp_path: Path) -> None:
    path = remote()
    before = contents(tmp_path)
    done = configured("all/prod", "--into", "server", "--dry-run", cwd=tmp_path)
    assert contents(tmp_path) == before
    assert not (tmp_path / "server").exists()
    assert "+++ b/roots.ini\n@@ -0,0 +1,4 @@\n+[prod]\n" in done.stdout
    configured("all/prod", "--into", "server", cwd=tmp_path)
    change(path, users=[{"name": "zed"}])
    before = contents(tmp_path)
    done = configured("all/prod", "--into", "server", "--dry-run", cwd=tmp_path)
    assert contents(tmp_path) == before
    assert '-        "name_whitelist": "^(alice)$"\n' in done.stdout
    assert '+        "name_whitelist": "^(zed)$"\n' in done.stdout


def test_a_program_reads_what_was_done_as_json(remote: Make, tmp_path: Path) -> None:
    remote()
    done = configured("all/prod", "--into", "server", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["command"] == "signer-config"
    assert document["changed"] is True
    assert document["written"] == ["prod.json", "roots.ini"]
    assert document["labels"] == [
        {
            "label": "prod",
            "source": "all/prod",
            "profiles": {
                "default": ["etcd", "etcd2.example", "localhost"],
                "client-720h": ["alice"],
                "peer": ["web"],
                "root": ["root"],
            },
        }
    ]
    assert document["next"][-1] == "systemctl restart multirootca"
    assert any("cfssl serve" in each for each in document["warnings"])
    done = configured("nowhere", "--into", "server", "--json", cwd=tmp_path, code=1)
    assert json.loads(done.stdout)["error"]["exit_code"] == 1
    again = json.loads(configured("all/prod", "--into", "server", "--json", cwd=tmp_path).stdout)
    assert (again["changed"], again["written"]) == (False, [])


def test_the_service_s_folder_is_no_folder_for_certificates_and_nothing_goes_through_a_link(
    remote: Make, tmp_path: Path
) -> None:
    path = remote()
    text = refused("all/prod", "--into", "all/prod", cwd=tmp_path)
    assert "is a folder for certificates: the server needs its own" in text
    (tmp_path / "server").mkdir()
    (tmp_path / "elsewhere").write_text("")
    for name in ("roots.ini", "prod.json"):
        (tmp_path / "server" / name).symlink_to(tmp_path / "elsewhere")
        assert "is a link" in refused("all/prod", "--into", "server", cwd=tmp_path)
        (tmp_path / "server" / name).unlink()
    (tmp_path / "server/.tls-scaffold").symlink_to(tmp_path)
    assert "is a link" in refused("all/prod", "--into", "server", cwd=tmp_path)
    assert (tmp_path / "elsewhere").read_text() == ""
    assert path.is_dir()


BAD_ROOTS = {
    "[a]\nx = 1\n[a]\n": "roots.ini:3: section `a` is in line 1 already",
    "x = 1\n": "roots.ini:1: a field before the first section",
    "[a-b]\n": "roots.ini:1: neither a section",
    "[a]\n # indented\n": "roots.ini:2: neither a section",
}


@pytest.mark.parametrize("text", BAD_ROOTS)
def test_a_list_of_roots_that_multirootca_does_not_read_is_refused(
    remote: Make, tmp_path: Path, text: str
) -> None:
    remote()
    (tmp_path / "server").mkdir()
    (tmp_path / "server/roots.ini").write_text(text)
    assert BAD_ROOTS[text] in refused("all/prod", "--into", "server", cwd=tmp_path)


RECORDS = ("{", "[]", '{"source": 1}', '{"source": "x", "sum": []}')


@pytest.mark.parametrize("text", RECORDS)
def test_a_record_from_outside_is_read_with_care(remote: Make, tmp_path: Path, text: str) -> None:
    remote()
    (tmp_path / "server/.tls-scaffold/labels").mkdir(parents=True)
    (tmp_path / "server/.tls-scaffold/labels/prod.json").write_text(text)
    assert "labels/prod.json" in refused("all/prod", "--into", "server", cwd=tmp_path)


def test_it_works_from_elsewhere_and_in_a_folder(remote: Make, tmp_path: Path) -> None:
    path = remote()
    done = tls_scaffold("-C", str(path), "signer-config", "--into", "../../server", cwd=Path("/"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "server/prod.json").exists()
    done = tls_scaffold("signer-config", "--into", str(tmp_path / "server"), cwd=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("every", "again"),
    [(3, 0), *(pytest.param(*each, marks=pytest.mark.long) for each in ((9, 7), (1, 3)))],
)
def test_a_run_that_is_killed_at_any_of_its_steps_is_finished_by_the_next(
    remote: Make, tmp_path: Path, every: int, again: int
) -> None:
    for label in ("a", "b", "c"):
        remote(label)
    at = tmp_path / "all"
    configured("--all", ".", "--into", "server", cwd=at)
    shutil.rmtree(at / "c")
    edited = (at / "server/a.json").read_text().replace('"8760h"', '"24h"', 1)
    (at / "server/a.json").write_text(edited)
    wanted = finished(shutil.copytree(at, tmp_path / "whole"), "last")
    assert '"24h"' in wanted["a.json"]
    hits = 0
    for step in range(1, 100, every):
        once = shutil.copytree(at, tmp_path / f"once-{step}")
        if not is_killed(once, "first", step):
            break
        for second in range(1, 100, again or 100):
            twice = shutil.copytree(once, tmp_path / f"twice-{step}-{second}")
            if again and not is_killed(twice, "second", second):
                break
            assert finished(twice, "last") == wanted, (step, second)
            hits += 1
    assert hits >= 20 // every


def follow(at: Path, word: str) -> None:
    """Let the folders `a` and `b` ask for other names, and for those no more that they had."""
    for label in ("a", "b"):
        change(at / label, users=[{"name": word}], members=["10.0.0.9", f"{word}.example"])


def words_for(at: Path) -> tuple[str, ...]:
    """Return what takes `c` out too; where it is gone already it can't be named again."""
    record = at / "server/.tls-scaffold/labels/c.json"
    is_gone = not record.exists() and "[c]" not in (at / "server/roots.ini").read_text()
    return ("--all", ".", "--into", "server", *(() if is_gone else ("--remove", "c")))


def is_killed(at: Path, word: str, step: int) -> bool:
    follow(at, word)
    return kills.run(at, ["signer-config", *words_for(at)], step=step) == -signal.SIGKILL


def finished(at: Path, word: str) -> dict[str, str]:
    """Return what a run leaves for the server, which is whole."""
    follow(at, word)
    configured(*words_for(at), cwd=at)
    found = contents(at / "server")
    assert [name for name in found if ".work." in name] == []
    assert [name for name in found if re.fullmatch("archive/[^/]*/c.json", name)]
    names = ("a.json", "b.json", "c.json", "roots.ini")
    return {name: str(found[name]) for name in names if name in found}

import json

import pytest

from conftest import Factory
from keeping import change, edit, kept
from support import contents, make

ENDINGS = (".pem", "-key.pem", ".csr")


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_certificates_keys_and_edited_requests_go_to_the_archive_and_nothing_else_changes(
    signed: Factory,
) -> None:
    path = signed()
    before = contents(path)
    edit(
        path / "config/req-calico.json",
        '"hosts": []',
        '"hosts": [], "crl_url": "http://x.example.com"',
    )
    edited = contents(path)["config/req-calico.json"]
    done = kept(path, "remove", "calico", "kube-apiserver", "etcd2")
    (shelf,) = (path / "archive").glob("2*")
    assert contents(shelf) == {
        "config/req-calico.json": edited,
        **{
            f"certs/{name}{ending}": before[f"certs/{name}{ending}"]
            for name in ("calico", "kube-apiserver", "etcd2")
            for ending in ENDINGS
        },
    }
    assert (
        shelf.parent.stat().st_mode & 0o777,
        (shelf / "certs/calico-key.pem").stat().st_mode & 0o777,
    ) == (
        0o700,
        0o600,
    )
    gone = {
        f"certs/{name}{ending}"
        for name in ("calico", "kube-apiserver", "etcd2")
        for ending in ENDINGS
    }
    assert {f"certs/{name}" for name in contents(path / "certs")} - {"certs/.gitignore"} == {
        name for name in before if name.startswith("certs/") and name not in gone
    }
    assert contents(path).items() >= {
        (name, before[name]) for name in before if name.startswith("issued/")
    }
    assert f"archived certs/calico-key.pem in archive/{shelf.name}" in done.stderr.splitlines()
    assert "removed config/req-kube-apiserver.json" in done.stderr.splitlines()
    kept(path, "sync", "--check")


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_after_a_user_is_removed_make_signs_nothing(signed: Factory) -> None:
    path = signed()
    kept(path, "remove", "calico")
    before = contents(path / "certs")
    make(path, SIGNER="cfssl")
    assert contents(path / "certs") == before


def test_what_was_never_edited_leaves_no_archive(folder: Factory) -> None:
    path = folder()
    kept(path, "remove", "calico")
    assert not list(path.glob("archive/2*"))
    assert not (path / "config/req-calico.json").exists()


def test_a_removed_members_and_proxys_number_is_not_given_again(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--proxies", "1", "--users", "calico")
    kept(path, "remove", "etcd2", "proxy1", "calico")
    kept(path, "add", "--member", "10.0.0.3", "--proxies", "1", "--user", "calico")
    document = json.loads((path / "tls-scaffold.json").read_text())
    names = [
        component["name"]
        for kind in ("members", "proxies", "users")
        for component in document[kind]
    ]
    assert names == ["etcd1", "etcd3", "proxy2", "calico"]
    assert document["removed"] == ["etcd2", "proxy1"]


def test_removing_a_user_that_was_just_added_gives_back_the_folder(folder: Factory) -> None:
    path = folder()
    kept(path, "add", "--user", "zed")
    kept(path, "remove", "zed")
    assert contents(path) == contents(folder(name="new"))


@pytest.mark.parametrize(
    ("words", "code", "messages"),
    [
        (
            ("calic", "nobody"),
            1,
            [
                "there is no such component",
                "`calic` is not a component; did you mean `calico`?",
                "`nobody` is not a component",
            ],
        ),
        (("etcd1", "etcd2", "etcd3"), 1, ["members: there are none"]),
        ((), 2, ["Missing argument 'NAME"]),
        (("../x",), 1, ["`../x`"]),
    ],
)
def test_what_can_not_be_removed_is_told_and_nothing_is_written(
    folder: Factory, words: tuple[str, ...], code: int, messages: list[str]
) -> None:
    path = folder()
    before = contents(path)
    done = kept(path, "remove", *words, code=code)
    assert all(message in done.stderr for message in messages)
    assert contents(path) == before


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_dry_run_of_remove_names_the_files_that_would_move_and_shows_no_key(
    signed: Factory,
) -> None:
    path = signed()
    before = contents(path)
    done = kept(path, "remove", "calico", "--dry-run")
    assert "rename from certs/calico-key.pem\nrename to archive/" in done.stdout
    assert "PRIVATE KEY" not in done.stdout
    assert contents(path) == before


LINE = "req-calico certs/calico.pem: config/req-calico.json ; $(sign) -profile client $<\n"


@pytest.mark.parametrize(
    "edited", [LINE.replace("client", "mine"), LINE.replace("\n", " # ours\n")]
)
def test_a_line_that_was_edited_goes_and_the_makefile_as_it_was_is_in_the_archive(
    folder: Factory, edited: str
) -> None:
    path = folder()
    edit(path / "Makefile", LINE, edited)
    before = (path / "Makefile").read_text(encoding="utf-8")

    said = kept(path, "remove", "calico").stderr

    [archived] = path.glob("archive/*/Makefile")
    assert f"wrote {archived.relative_to(path)}\n" in said
    assert archived.read_text(encoding="utf-8") == before
    assert (path / "Makefile").read_text(encoding="utf-8") == before.replace(edited, "")
    assert kept(path, "sync", "--check").stderr == ""


def test_a_line_that_was_moved_goes_from_where_it_is(signed: Factory) -> None:
    path = signed()
    edit(path / "Makefile", LINE, "")
    edit(path / "Makefile", "# Members\n", f"# Members\n{LINE}")

    kept(path, "remove", "calico")

    assert "calico" not in (path / "Makefile").read_text(encoding="utf-8")
    assert not list(path.glob("archive/*/Makefile"))
    assert "nothing to sign" in make(path, SIGNER="cfssl").stdout


def test_a_line_of_one_s_own_for_another_component_stays(folder: Factory) -> None:
    path = folder()
    with (path / "Makefile").open("a") as file:
        file.write(LINE.replace("calico", "mine"))

    kept(path, "remove", "calico")

    assert LINE.replace("calico", "mine") in (path / "Makefile").read_text(encoding="utf-8")


EU = "req-app-eu certs/app-eu.pem: config/req-app.json ; $(sign) -profile client $<"


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("command", ["remove", "sync"])
def test_a_request_that_a_line_of_one_s_own_signs_from_stays(
    folder: Factory, command: str, *, edited: bool
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "root,app")
    with (path / "Makefile").open("a") as file:
        file.write(f"# config/req-app.json\n{EU}\n")
    if edited:
        edit(path / "config/req-app.json", '"CN": "app"', '"CN": "app", "hosts2": []')
    text = (path / "config/req-app.json").read_text()
    words = [command, "app"] if command == "remove" else [command]
    if command == "sync":
        change(path, users=[{"name": "root"}])
    number = (path / "Makefile").read_text().split("\n").index(EU)
    told = kept(path, *words).stderr
    assert f"warning: `config/req-app.json` stays: Makefile:{number} needs it\n" in told
    assert (path / "config/req-app.json").read_text() == text
    assert EU in (path / "Makefile").read_text()
    make(path, "-n")
    assert kept(path, "sync", "--check").stderr == ""


def test_a_request_stays_whose_target_was_renamed(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "root,app")
    edit(path / "Makefile", "req-app ", "req-application ")
    assert "`config/req-app.json` stays: Makefile:" in kept(path, "remove", "app").stderr
    make(path, "-n")


def test_bundles_of_what_is_removed_go_to_the_archive_with_their_keys(signed: Factory) -> None:
    path = signed()
    kept(path, "bundle", "calico", "--tar")

    said = kept(path, "remove", "calico").stderr

    assert (
        "warning: etcd keeps the user `calico` and its rights "
        "until `sh rbac.sh --prune`, or `etcdctl user delete -- calico`\n" in said
    )
    assert [each.name for each in (path / "dist").iterdir()] == [".gitignore"]
    [archived] = (path / "archive").glob("2*")
    assert (archived / "dist/calico/calico-key.pem").is_file()
    assert (archived / "dist/calico.tar.gz").is_file()


def test_of_root_it_says_what_is_so(signed: Factory) -> None:
    path = signed("--members", "10.0.0.1", "--users", "root,alice")
    said = kept(path, "remove", "root").stderr
    assert "warning: etcd keeps the user `root`, which it does not delete while authentica" in said
    assert "--prune" not in said
    assert "user delete" not in said


RULES = {
    "commands below it": LINE.replace(
        " ; $(sign) -profile client $<", "\n\t$(sign) -profile client $<\n\techo signed"
    ),
    "a command added below": LINE + "\techo signed\n",
    "a line that goes on": LINE.replace(" ; ", " \\\n  config/ca-config.json ; "),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("verb", ["remove", "sync"])
def test_the_commands_of_a_component_go_with_its_line_and_are_in_the_archive(
    signed: Factory, name: str, verb: str
) -> None:
    path = signed()
    untouched = (path / "Makefile").read_text(encoding="utf-8")
    edit(path / "Makefile", LINE, RULES[name])

    if verb == "sync":
        change(path, users=[{"name": "kube-apiserver", "cn": "kube-apiserver"}])
        kept(path, "sync")
    else:
        kept(path, "remove", "calico")

    assert (path / "Makefile").read_text(encoding="utf-8") == untouched.replace(LINE, "")
    [archived] = path.glob("archive/*/Makefile")
    assert RULES[name] in archived.read_text(encoding="utf-8")
    assert "nothing to sign" in make(path, SIGNER="cfssl").stdout

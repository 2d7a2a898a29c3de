import itertools
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import kills
from conftest import Factory
from keeping import FOREIGN, change, edit, foreign, kept, kept_contents
from support import PROGRAMS, make, openssl, read, run, tls_scaffold
from tls_scaffold.inventory import intake
from tls_scaffold.keeping.authorities import copy_ca
from tls_scaffold.rendering import template

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")

FOLDERS = {
    "2015": {"certs": ["etcd1", "etcd2", "etcd3", "proxy1"]},
    "today": {"certs": [f"{peer}10.0.1.1{last}" for peer in ("", "peer-") for last in range(3)]},
    "calico": {"certs": ["calico", "etcd1", "etcd2", "etcd3", "kube-apiserver", "proxy1"]},
    "own-targets": {"certs": ["dex", "etcd1", "k8s"]},
    "beside": {"_certs": ["api", "etcd1", "etcd2"]},
    "patterns": {"certs": ["admin", "etcd"]},
    "hostname": {"ssl": ["one", "two"]},
}
GOALS = {"2015": ("ca", "req"), "calico": ("ca", "req"), "patterns": ("certs",)}
CAS = {"beside": "_certs/ca", "hostname": "ca"}
HANDMADE = "2015"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the variables that today's Makefile names its certificates by.

    cfssljson has its older name too.
    """
    for number in range(3):
        monkeypatch.setenv(f"infra{number}", f"10.0.1.1{number}")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "cfssl-json").symlink_to(shutil.which("cfssljson") or "")
    monkeypatch.setenv("GOPATH", "/nonexistent")
    monkeypatch.setattr("support.PROGRAMS", f"{programs}:{PROGRAMS}")


def certificates(folder: Path) -> dict[str, list[str]]:
    """Return the names of the leaves in each folder of certificates."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/*.pem")):
        if is_leaf(path):
            found.setdefault(path.parent.name, []).append(path.stem)
    return found


def inventory(folder: Path) -> dict[str, list[dict[str, object]]]:
    document = json.loads((folder / "tls-scaffold.json").read_text(encoding="utf-8"))
    return {kind: document[kind] for kind in ("members", "proxies", "users")}


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_after_adopt_and_sync_a_folder_signs_what_it_signed_before_with_the_same_ca(
    name: str, tmp_path: Path
) -> None:
    path = foreign(name, tmp_path)
    make(path, *GOALS.get(name, ("all",)))
    assert certificates(path) == FOLDERS[name]
    ca = CAS.get(name, "certs/ca")
    before, cns = (
        kept_contents(path),
        {file.name: read(file).cn for file in path.glob("*/*.pem") if is_leaf(file)},
    )
    assert cns

    kept(path, "adopt")
    new = {"tls-scaffold.json", ".tls-scaffold/rendered.tsv", ".tls-scaffold/adopted.json"}
    assert {
        file: content for file, content in kept_contents(path).items() if file not in new
    } == before

    kept(path, "sync")
    after = kept_contents(path)
    for ending in (".pem", "-key.pem", ".csr"):
        assert after[f"{ca}{ending}"] == after[f"certs/ca{ending}"] == before[f"{ca}{ending}"]
    assert (path / "certs").stat().st_mode & 0o077 == 0 or name not in CAS
    assert kept(path, "sync").stderr.replace("kept", "").count("wrote") == 0

    for leaf in path.glob("*/*.pem"):
        if is_leaf(leaf):
            leaf.unlink()
    make(path, SIGNER="cfssl")
    assert certificates(path) == FOLDERS[name]
    assert {file.name: read(file).cn for file in path.glob("*/*.pem") if is_leaf(file)} == cns

    kept(path, "add", "--user", "zed")
    make(path, SIGNER="cfssl")
    openssl("verify", "-CAfile", str(path / f"{ca}.pem"), str(path / "certs/zed.pem"))


def is_leaf(path: Path) -> bool:
    return (
        not path.stem.endswith("-key")
        and path.stem not in ("ca", "trust")
        and path.parent.name not in ("archive", "issued")
    )


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_folder_that_was_never_made_is_adopted_too(name: str, tmp_path: Path) -> None:
    path = foreign(name, tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    assert certificates(path) == FOLDERS[name]


def test_todays_folder_is_members_at_their_addresses_with_a_second_certificate_for_their_peers(
    tmp_path: Path,
) -> None:
    path = foreign("today", tmp_path)
    kept(path, "adopt")
    assert inventory(path) == {
        "members": [
            {"name": f"10.0.1.1{last}", "hosts": [f"10.0.1.1{last}"], "peer": {}}
            for last in range(3)
        ],
        "proxies": [],
        "users": [],
    }
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    addresses = {f"IP Address:10.0.1.1{last}" for last in range(5)}
    assert set(read(path / "certs/peer-10.0.1.10.pem").sans) == {"DNS:localhost", *addresses}

    text = template.render(intake.load(path))["Procfile"]
    assert re.search(
        "--cert-file[ =]certs/10.0.1.10.pem .* --peer-cert-file[ =]certs/peer-10.0.1.10.pem", text
    )
    kept(path, "bundle")
    made = [".gitignore", *(f"10.0.1.1{last}" for last in range(3))]
    assert sorted(file.name for file in (path / "dist").iterdir()) == made
    assert (path / "dist/10.0.1.10/peer-10.0.1.10-key.pem").is_file()
    settings = (path / "dist/10.0.1.10/etcd.env").read_text(encoding="utf-8").splitlines()
    assert "ETCD_CERT_FILE=10.0.1.10.pem" in settings
    assert "ETCD_PEER_CERT_FILE=peer-10.0.1.10.pem" in settings

    kept(path, "remove", "peer-10.0.1.11", "10.0.1.12")
    assert [member.get("peer") for member in inventory(path)["members"]] == [{}, None]
    assert sorted(file.stem for file in path.glob("archive/*/certs/*.csr")) == [
        *("10.0.1.12", "peer-10.0.1.11", "peer-10.0.1.12"),
    ]


def test_a_lifetime_stays_as_it_is_and_follows_the_inventory_when_that_is_changed(
    tmp_path: Path,
) -> None:
    path = foreign(HANDMADE, tmp_path)
    before = (path / "config/ca-config.json").read_bytes()
    kept(path, "adopt")
    kept(path, "sync")
    assert (path / "config/ca-config.json").read_bytes() == before
    change(path, expiry="8000h")
    kept(path, "sync")
    config = json.loads((path / "config/ca-config.json").read_text())
    assert config["signing"]["default"]["expiry"] == "8000h"


@pytest.mark.parametrize("theirs", ["8760h0m0s", "876000h", "90m", "soon"])
def test_a_lifetime_that_an_inventory_has_no_words_for_stays_and_a_change_of_it_is_a_conflict(
    theirs: str, tmp_path: Path
) -> None:
    path = handmade(tmp_path / "tls", TWO, "etcd1:members", "alice:alice")
    config = json.loads((path / "config/ca-config.json").read_text())["signing"]["default"]
    own = {"client": {**config, "expiry": theirs}, "own": {**config, "expiry": "100h"}}
    text = json.dumps({"signing": {"default": {**config, "expiry": theirs}, "profiles": own}})
    (path / "config/ca-config.json").write_text(text)
    kept(path, "adopt")
    kept(path, "sync")
    assert (path / "config/ca-config.json").read_text() == text
    change(path, expiry="8000h")
    assert "conflict config/ca-config.json" in kept(path, "sync", code=3).stderr
    assert (path / "config/ca-config.json").read_text() == text


def test_the_first_user_that_asks_for_a_profile_brings_it_and_nobody_else_is_signed_again(
    tmp_path: Path,
) -> None:
    path = handmade(tmp_path / "tls", TWO, "etcd1:members", "alice:alice")
    make(path)
    kept(path, "adopt")
    kept(path, "sync")
    kept(path, "add", "--user", "zed")
    profiles = json.loads((path / "config/ca-config.json").read_text())["signing"]["profiles"]
    assert [*profiles] == ["client"]
    before = kept_contents(path / "certs")
    make(path, SIGNER="cfssl")
    after = kept_contents(path / "certs")
    assert {name: after[name] for name in before} == before
    assert read(path / "certs/zed.pem").extended == ("TLS Web Client Authentication",)


def handmade(path: Path, requests: Mapping[str, object], *commands: str) -> Path:
    """Make a folder by hand: requests by name, a CA's among them, and a Makefile.

    That signs with these commands; words with a colon are signed from the request that stands
    behind it.
    """
    (path / "config").mkdir(parents=True)
    config = {
        "usages": ["signing", "key encipherment", "server auth", "client auth"],
        "expiry": "8760h",
    }
    (path / "config/ca-config.json").write_text(json.dumps({"signing": {"default": config}}))
    for name, request in requests.items():
        (path / f"config/{name}.json").write_text(json.dumps(request))
    sign = (
        "cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem "
        "-config config/ca-config.json config"
    )
    lines = []
    for command in commands:
        if re.fullmatch("[a-z0-9-]+:[a-z0-9-]+", command):
            name, _, request = command.partition(":")
            lines.append(f"\t{sign}/{request}.json | cfssljson -bare certs/{name}")
        else:
            lines.append(f"\t{command.format(sign=sign)}")
    make_ca = "cfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca"
    ca = f"ca:\n\tmkdir -p certs\n\t{make_ca}\n"
    (path / "Makefile").write_text(
        f"all: ca req\n{ca}req:\n" + "\n".join(lines) + "\n.PHONY: all ca req\n"
    )
    return path


CA_REQUEST = {"CN": "Our CA", "names": [{"O": "Acme"}], "key": {"algo": "ecdsa", "size": 256}}


def server(cn: str, *hosts: str) -> dict[str, object]:
    names = [{"O": "Acme", "OU": "db", "L": "Berlin"}]
    return {
        "CN": cn,
        "hosts": ["localhost", "127.0.0.1", *hosts],
        "key": {"algo": "ecdsa", "size": 256},
        "names": names,
    }


TWO = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1"), "alice": {"CN": "alice"}}


def test_no_subject_and_no_key_changes_with_adopt_and_sync(tmp_path: Path) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        "members": server("etcd", "10.0.0.1"),
        "alice": {"CN": "alice"},
    }
    path = handmade(tmp_path / "own", requests, "m1:members", "alice:alice")
    make(path)
    before = kept_contents(path / "certs")

    kept(path, "adopt")
    kept(path, "sync")

    for name in ("ca-csr", "alice"):
        document = json.loads((path / f"config/{name}.json").read_text(encoding="utf-8"))
        assert document == requests[name]
    assert "valid" in kept(path, "status").stdout
    assert kept_contents(path / "certs") == {
        **before,
        ".gitignore": b"*\n",
        "trust.pem": before["ca.pem"],
    }


@pytest.mark.needs("etcd", "etcdctl")
def test_members_of_another_cn_keep_it_and_find_each_other(tmp_path: Path) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        "members": server("kube-etcd", "10.0.0.1", "10.0.0.2"),
        "root": {"CN": "root"},
    }
    path = handmade(tmp_path / "own", requests, "m1:members", "m2:members", "root:root")
    kept(path, "adopt")
    kept(path, "sync")

    assert (
        json.loads((path / "tls-scaffold.json").read_text(encoding="utf-8"))["members_cn"]
        == "kube-etcd"
    )
    for name in ("Procfile", "COMPONENTS.md"):
        assert re.search(
            "--peer-cert-allowed-cn[ =]kube-etcd", (path / name).read_text(encoding="utf-8")
        )
    wrong = kept(path, "add", "--user", "evil=kube-etcd", code=1).stderr
    assert "users[1].cn: `kube-etcd` is the CN of the members" in wrong
    kept(path, "add", "--member", "m3=10.0.0.3", "--user", "okay=etcd")
    make(path, SIGNER="cfssl")
    assert {read(path / f"certs/m{number}.pem").cn for number in (1, 2, 3)} == {"kube-etcd"}
    assert "no  " not in kept(path, "prove").stdout
    assert "no bundle is made" in kept(path, "bundle", code=1).stderr

    change(
        path,
        members=[{"name": f"m{number}", "hosts": [f"10.0.0.{number}"]} for number in (1, 2, 3)],
    )
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    kept(path, "bundle", "m1")
    assert "ETCD_PEER_CERT_ALLOWED_CN=kube-etcd\n" in (path / "dist/m1/etcd.env").read_text(
        encoding="utf-8"
    )


def test_members_with_a_cn_each_ask_their_peers_for_one_of_these_and_which_etcd_can_is_said(
    tmp_path: Path,
) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        **{f"m{number}": server(f"m{number}", f"10.0.0.{number}") for number in (1, 2)},
    }
    path = handmade(tmp_path / "own", requests, "m1:m1", "m2:m2")
    kept(path, "adopt")
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    kept(path, "bundle")

    assert [member["cn"] for member in inventory(path)["members"]] == ["m1", "m2"]
    assert [read(path / f"certs/m{number}.pem").cn for number in (1, 2)] == ["m1", "m2"]
    commands = [
        line
        for line in (path / "Procfile").read_text(encoding="utf-8").splitlines()
        if line[0] != "#"
    ]
    assert [" --peer-cert-allowed-cn m1,m2 " in command for command in commands] == [True, True]
    assert "ETCD_PEER_CERT_ALLOWED_CN=m1,m2\n" in (path / "dist/m1/etcd.env").read_text(
        encoding="utf-8"
    )
    assert "3.5.15" in (path / "COMPONENTS.md").read_text(encoding="utf-8")


def test_clients_that_share_a_request_are_users_and_members_have_hosts(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "reader": {"CN": "reader"}, "m1": server("m1", "10.0.0.1")}
    path = handmade(tmp_path / "own", requests, "laptop:reader", "m1:m1")
    kept(path, "adopt")
    assert [member["name"] for member in inventory(path)["members"]] == ["m1"]
    assert [user["name"] for user in inventory(path)["users"]] == ["laptop"]

    shared = {"ca-csr": CA_REQUEST, "reader": {"CN": "reader"}, "both": server("kube", "10.0.0.1")}
    other = handmade(tmp_path / "other", shared, "m1:both", "m2:both", "laptop:reader")
    kept(other, "adopt")
    assert [member["name"] for member in inventory(other)["members"]] == ["m1", "m2"]


def test_a_user_without_a_cn_is_told_as_status_will_miss_it(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "m1": server("m1", "10.0.0.1"), "nobody": {"hosts": []}}
    path = handmade(tmp_path / "own", requests, "m1:m1", "nobody:nobody")
    said = kept(path, "adopt", "--dry-run").stderr
    assert "stays: `certs/nobody.pem` without a CN, which `status` misses after `sync`" in said


def test_a_command_that_signing_hangs_on_is_told(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1")}
    signing = "{sign}/members.json | cfssljson -bare certs/m1"
    path = handmade(tmp_path / "own", requests, f"./update-hosts.sh && {signing}")
    before = kept_contents(path)

    done = kept(path, "adopt", code=1)

    assert "req: `./update-hosts.sh && cfssl gencert" in done.stderr
    assert kept_contents(path) == before


def test_a_command_that_writes_a_file_stays_and_one_that_only_tells_goes(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1")}
    signing = "{sign}/members.json 2>/dev/null | cfssljson -bare certs/m1"
    path = handmade(
        tmp_path / "own", requests, "echo built > certs/VERSION", f"echo signing; {signing}"
    )
    kept(path, "adopt")
    kept(path, "sync")

    text = (path / "Makefile").read_text(encoding="utf-8")
    assert "\techo built > certs/VERSION\n" in text
    assert "echo signing" not in text


def test_the_teams_lines_run_when_everything_is_signed(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1")}
    chain = "cat certs/m1.pem certs/ca.pem > certs/chain.pem"
    path = handmade(tmp_path / "own", requests, "m1:members", chain)
    kept(path, "adopt")
    kept(path, "sync")

    make(path, "-j8", SIGNER="cfssl")

    assert (path / "certs/chain.pem").read_bytes().startswith((path / "certs/m1.pem").read_bytes())


@pytest.mark.long
def test_an_adopt_that_was_killed_is_finished_by_the_next(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    path = foreign("2015", tmp_path)
    through = foreign("2015", tmp_path / "through")
    kept(through, "adopt")
    wanted = kills.contents(through)
    for step in itertools.count(1, 1 if pytestconfig.getoption("--long") else 9):
        copy = Path(shutil.copytree(path, tmp_path / f"copy{step}"))
        code = kills.run(copy, ["adopt"], step=step)
        if kills.contents(copy) != wanted:
            kept(copy, "adopt")
        assert kills.contents(copy) == wanted, step
        if code == 0:
            break
    assert step > 5


def test_the_guides_folder_is_described_and_its_empty_hosts_stay(tmp_path: Path) -> None:
    path = foreign("calico", tmp_path)
    kept(path, "adopt")
    shared = {"hosts": [], "request": "config/req-csr.json"}
    assert inventory(path) == {
        "members": [{"name": name, **shared} for name in ("etcd1", "etcd2", "etcd3")],
        "proxies": [{"name": "proxy1", "hosts": []}],
        "users": [
            {"name": name, "cn": name, "profile": ""} for name in ("calico", "kube-apiserver")
        ],
    }
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    calico = read(path / "certs/calico.pem")
    assert (calico.sans, calico.extended) == (
        ("DNS:",),
        ("TLS Web Server Authentication", "TLS Web Client Authentication"),
    )


def test_requests_and_certificates_under_other_names_are_carried_by_their_components(
    tmp_path: Path,
) -> None:
    path = foreign("beside", tmp_path)
    kept(path, "adopt")
    assert inventory(path)["users"] == [
        {
            "name": "api",
            "cn": "api",
            "request": "req-api.json",
            "output": "_certs/api",
            "profile": "kubernetes",
        }
    ]
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    assert read(path / "_certs/api.pem").extended == ("TLS Web Client Authentication",)


def test_requests_in_folders_of_folders_are_adopted(tmp_path: Path) -> None:
    folder = foreign("calico", tmp_path)
    (folder / "config/users/apps").mkdir(parents=True)
    (folder / "config/req-calico.json").rename(folder / "config/users/apps/calico.json")
    edit(folder / "Makefile", "config/req-calico.json", "config/users/apps/calico.json")

    kept(folder, "adopt")
    kept(folder, "sync")

    assert [user.get("request") for user in inventory(folder)["users"]] == [
        "config/users/apps/calico.json",
        None,
    ]
    make(folder)
    assert certificates(folder) == FOLDERS["calico"]


@pytest.mark.parametrize("variable", ["CURDIR", "PWD"])
def test_paths_that_a_makefile_writes_out_in_full_are_those_of_the_folder(
    tmp_path: Path, variable: str
) -> None:
    folder = tmp_path / "link"
    folder.symlink_to(foreign("2015", tmp_path))
    edit(folder / "Makefile", "-bare certs/etcd1", f"-bare $({variable})/certs/etcd1")
    edit(folder / "Makefile", "-ca certs/ca.pem", f"-ca $({variable})/certs/ca.pem")

    kept(folder, "adopt")
    kept(folder, "sync")

    make(folder)
    assert certificates(folder) == FOLDERS["2015"]


def test_a_gitignore_of_the_team_s_is_never_touched_and_keys_are_kept_out_of_git_all_the_same(
    tmp_path: Path,
) -> None:
    folder = foreign("calico", tmp_path)
    (folder / ".gitignore").write_text("# ours\n*.swp", encoding="utf-8")
    make(folder, "ca", "req")

    kept(folder, "adopt")
    kept(folder, "sync")
    make(folder, SIGNER="cfssl")

    assert (folder / ".gitignore").read_text(encoding="utf-8") == "# ours\n*.swp"
    assert (folder / "certs/.gitignore").read_text() == "*\n"


def test_what_a_killed_command_left_is_kept_out_of_git_whatever_gitignore_the_team_has(
    tmp_path: Path,
) -> None:
    folder = foreign("calico", tmp_path)
    (folder / ".gitignore").write_text("# ours\n", encoding="utf-8")
    run("git", "init", "-q", cwd=folder)
    kept(folder, "adopt")
    (folder / ".tls-scaffold/.work.ab3_de7x").mkdir()
    for name in ("pending.json", ".work.ab3_de7x/Makefile"):
        (folder / ".tls-scaffold" / name).touch()

    taken = run("git", "status", "--porcelain", "-uall", ".tls-scaffold", cwd=folder).stdout

    assert taken.split() == ["??", ".tls-scaffold/adopted.json", "??", ".tls-scaffold/rendered.tsv"]


def test_hosts_from_the_command_line_go_into_a_request_of_their_own(tmp_path: Path) -> None:
    path = foreign("hostname", tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    assert set(read(path / "ssl/one.pem").sans) == {"DNS:one.example.com", "IP Address:10.0.0.1"}


def test_what_was_not_understood_stays_the_teams_own_and_the_old_makefile_goes_to_the_archive(
    tmp_path: Path,
) -> None:
    path = foreign("own-targets", tmp_path)
    old = (path / "Makefile").read_text(encoding="utf-8")
    edit(path / "Makefile", "\nreq-dex:", "\t./publish certs/etcd1.pem\n\nreq-dex:")
    edit(path / "config/req-dex.json", '"hosts"', '"crl_url": "http://x.example.com",\n  "hosts"')
    edited = kept_contents(path)
    kept(path, "adopt")
    kept(path, "sync")
    (archived,) = path.glob("archive/*/Makefile")
    assert archived.read_bytes() == edited["Makefile"] != old.encode()
    text = (path / "Makefile").read_text(encoding="utf-8")
    assert text.endswith(
        "HOST ?= edge.example.com\n\n.PHONY: deploy\n\n"
        "# Copies what the edge needs; ask before running it.\ndeploy: all\n"
        "\tscp certs/ca.pem certs/dex.pem \\\n\t  $(HOST):/etc/dex\n"
    )
    assert "\nreq:\n\t./publish certs/etcd1.pem\n" in text
    assert kept_contents(path)["config/req-dex.json"] == edited["config/req-dex.json"]
    assert "Makefile" not in kept(path, "sync").stderr


def test_a_loop_over_words_that_stand_there_is_taken_over(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    text = (path / "Makefile").read_text(encoding="utf-8")
    before, _, after = text.partition("\treq:")[0].partition("req:\n")
    loop = f"\tfor n in $(NODES); do \\\n\tcfssl gencert {SIGNS} certs/$$n || exit 1; \\\n\tdone\n"
    end = after[after.index(END) :]
    (path / "Makefile").write_text(
        f"NODES = etcd1 etcd2 etcd3 proxy1\n{before}req:\n{loop}{end}", encoding="utf-8"
    )
    kept(path, "adopt")
    kept(path, "sync")
    synced = (path / "Makefile").read_text(encoding="utf-8")
    assert [name for name in ("for n", "NODES") if name in synced] == []
    make(path, SIGNER="cfssl")
    assert certificates(path) == FOLDERS[HANDMADE]


HELD_FLAGS = "-ca=certs/ca.pem -ca-key=certs/ca-key.pem -config=config/ca-config.json"


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        (
            f"GEN = cfssl gencert {HELD_FLAGS}",
            "$(GEN) config/alice.json | cfssljson -bare certs/alice",
        ),
        (
            f"GEN := cfssl gencert {HELD_FLAGS}",
            "${GEN} config/alice.json | cfssljson -bare certs/alice",
        ),
        (
            "GEN = cfssl gencert",
            f"$(GEN) {HELD_FLAGS} config/alice.json | cfssljson -bare certs/alice",
        ),
        (
            f"GEN = $(SIGN) \\\n  {HELD_FLAGS}\nSIGN = cfssl gencert\nNAMES = alice",
            "for i in $(NAMES); do $(GEN) config/$$i.json | cfssljson -bare certs/$$i; done",
        ),
    ],
)
def test_a_command_that_a_variable_of_the_makefile_holds_is_taken_over(
    variables: str, command: str, tmp_path: Path
) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        "members": server("etcd", "10.0.0.1"),
        "alice": {"CN": "alice"},
    }
    path = handmade(tmp_path / "tls", requests, "etcd1:members")
    edit(
        path / "Makefile",
        "all: ca req\n",
        f"{variables}\nall: ca req users\nusers: ca\n\t{command}\n",
    )
    kept(path, "adopt")
    kept(path, "sync")
    text = (path / "Makefile").read_text()
    assert ("GEN" in text, "\nall: users" in text) == (False, False)
    make(path, SIGNER="cfssl")
    assert certificates(path)["certs"] == ["alice", "etcd1"]
    before = kept_contents(path / "certs")
    make(path, SIGNER="cfssl")
    assert kept_contents(path / "certs") == before


def test_names_that_a_team_is_used_to_still_sign(tmp_path: Path) -> None:
    path = foreign("beside", tmp_path)
    kept(path, "adopt")
    kept(path, "sync")
    make(path, "leaves", SIGNER="cfssl")
    assert certificates(path) == FOLDERS["beside"]


def test_a_block_that_was_pasted_after_adopt_is_not_lost(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    kept(path, "adopt")
    line = (
        "\t$(CFSSL) gencert -ca certs/ca.pem -ca-key certs/ca-key.pem config/req-csr.json | "
        "$(JSON) -bare certs/late\n"
    )
    edit(path / "Makefile", "\nclean:", f"{line}\nclean:")
    kept(path, "sync")
    assert line in (path / "Makefile").read_text(encoding="utf-8")


def test_adopt_takes_the_folder_as_its_argument_and_says_what_comes_next(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    done = kept(tmp_path, "adopt", HANDMADE)
    assert re.sub("[0-9]{8}T[0-9]{6}Z", "TIME", done.stderr).splitlines() == [
        "NAME    KIND    CN                PROFILE  CERTIFICATE       HOSTS",
        "ca      ca      Autogenerated CA  -        certs/ca.pem      none",
        "etcd1   member  etcd              default  certs/etcd1.pem   localhost",
        "etcd2   member  etcd              default  certs/etcd2.pem   localhost",
        "etcd3   member  etcd              default  certs/etcd3.pem   localhost",
        "proxy1  proxy   etcd              default  certs/proxy1.pem  localhost",
        (
            "missing: certs/ca.pem, certs/etcd1.pem, certs/etcd2.pem, certs/etcd3.pem, "
            "certs/proxy1.pem: `make` signs them after `sync`"
        ),
        (
            "stays: 4 of 4 certificates: names, hosts, key, usages and lifetime were compared with "
            "what `sync` would leave"
        ),
        "`tls-scaffold sync` would then:",
        "  change: Makefile",
        "  leave as they are: Procfile, config/ca-csr.json, config/req-csr.json",
        (
            "  write what is generated: .gitattributes, .gitignore, COMPONENTS.md, rbac.sh, "
            "rbac.tsv, renewal.sh and 2 more"
        ),
        "  keep in archive/TIME: Makefile",
        "wrote tls-scaffold.json",
        (
            "warning: no `hosts` are known of `etcd1`, `etcd2`, `etcd3`: `tls-scaffold bundle` and "
            "`make rbac` need each member's, in `tls-scaffold.json`"
        ),
        (
            f"next: `tls-scaffold -C {path} sync --dry-run` shows what `tls-scaffold sync` "
            "would change"
        ),
    ]
    assert (path / "tls-scaffold.json").exists()


@pytest.mark.needs("git")
def test_keys_that_git_has_are_told_once_before_anything_is_done_with_the_folder(
    tmp_path: Path,
) -> None:
    path = foreign(HANDMADE, tmp_path)
    (path / "certs").mkdir(0o700)
    for name in ("ca", "etcd1", "etcd2", "etcd3"):
        (path / f"certs/{name}-key.pem").write_text("no key, as git need not know")
    run("git", "init", "-q", cwd=path)
    assert "git tracks keys" not in kept(path, "adopt", "--dry-run").stderr
    run("git", "add", ".", cwd=path)

    done = kept(path, "adopt", "--dry-run", "--json")
    warning, of_hosts = json.loads(done.stdout)["warnings"]
    assert of_hosts.startswith("no `hosts` are known of ")
    assert warning.startswith(
        "git tracks keys, which are in every clone: `certs/ca-key.pem`, `certs/etcd1-key.pem`, "
        "`certs/etcd2-key.pem` and 1 more; `tls-scaffold check --explain tracked-by-git` says"
    )
    assert kept(path, "adopt").stderr.count(f"warning: {warning}\n") == 1


def test_dry_runs_show_what_adopt_and_then_sync_would_change_and_write_nothing(
    tmp_path: Path,
) -> None:
    path = foreign(HANDMADE, tmp_path)
    before = kept_contents(path)
    assert "+++ b/tls-scaffold.json\n" in kept(path, "adopt", "--dry-run").stdout
    assert kept_contents(path) == before
    kept(path, "adopt")
    adopted = kept_contents(path)
    diff = kept(path, "sync", "--dry-run").stdout
    assert "-\t  config/req-csr.json | $(JSON) -bare certs/etcd1\n" in diff
    assert "+req-etcd1 certs/etcd1.pem: config/req-csr.json ; $(sign) $<\n" in diff
    assert kept_contents(path) == adopted


SIGNS = (
    "-ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json "
    "config/req-csr.json | $(JSON) -bare"
)
PLAIN = SIGNS.replace("$(JSON)", "cfssljson")
END, REQUEST = "\nclean:", "config/req-csr.json"
# What can't be understood: a file, the part of it that is replaced (all of it if empty) and by
# what, and the message.
SPOILED = {
    "another makefile": (
        "GNUmakefile",
        "",
        "all:\n",
        "make reads `GNUmakefile` instead of `Makefile`",
    ),
    "make fails": ("Makefile", "", "all:\n    x\n", "Makefile:2: *** missing separator.  Stop."),
    "nothing signed": (
        "Makefile",
        "",
        "all:\n\techo nothing\n",
        "the Makefile signs no certificate",
    ),
    "no JSON": (REQUEST, "", "{", "`config/req-csr.json` is not JSON"),
    "no text": ("Makefile", "", "all:\n\t# \udcff\n", "is not text in UTF-8"),
    "no CA": (
        "Makefile",
        "gencert -initca",
        "version",
        "the Makefile makes no CA (`cfssl gencert -initca`)",
    ),
    "two CAs": (
        "Makefile",
        "-ca certs/ca",
        "-ca o/ca",
        "there is more than one CA: `certs/ca.pem`, `o/ca.pem`",
    ),
    "no request": (
        "Makefile",
        REQUEST,
        "x.json",
        "req: the request `x.json` does not exist in this folder",
    ),
    "a flag": (
        "Makefile",
        "gencert \\",
        "gencert -remote=h \\",
        "req: `-remote` of `cfssl gencert` is not known here",
    ),
    "an odd name": ("Makefile", "certs/etcd1", "certs/x-key", "`x-key` ends in `-key`"),
    "outside": (
        "Makefile",
        "-bare certs/etcd1",
        "-bare ../etcd1",
        "`../etcd1` is not a path below the folder",
    ),
    "a loop": (
        "Makefile",
        END,
        f"\tfor i in *; do cfssl gencert x | $(JSON) -bare $$i; done\n{END}",
        "req: `for i in *",
    ),
    "more in a loop": (
        "Makefile",
        END,
        f"\nreq-x: ca\n\tfor i in 1; do ./before; cfssl gencert {PLAIN} certs/$$i; done\n{END}",
        "req-x: `for i in 1; do ./before; cfssl gencert",
    ),
    "a condition": (
        "Makefile",
        END,
        f"\nifdef X\nx:\n\t$(CFSSL) gencert {SIGNS} certs/x\nendif\n{END}",
        "ifdef X: `x:` is neither signing nor a target of its own",
    ),
    "a macro": (
        "Makefile",
        END,
        f"\t$(call sign,y)\n\ndefine sign\n$(CFSSL) gencert {SIGNS} certs/$(1)\nendef\n{END}",
        "define sign: `$(CFSSL) gencert",
    ),
    "a hidden command": (
        "Makefile",
        END,
        (
            f"\t$(call do)\n\ndo = $(CFSSL) $(name) {SIGNS} certs/y\nname = $(subst -,,gen-cert)\n"
            f"{END}"
        ),
        "`certs/y.pem` would be signed 2 times after `sync`, now 1",
    ),
    "a hidden target of all": (
        "Makefile",
        "all: cfssl ca req\n",
        (
            "all: cfssl ca req x\nx: ca\n\t$(call do)\n\n"
            f"do = $(CFSSL) $(call name) {SIGNS} certs/y\nname = $(subst -,,gen-cert)\n"
        ),
        "`certs/y.pem` would be signed 2 times after `sync`, now 1",
    ),
    "a hidden target": (
        "Makefile",
        END,
        (
            f"\nextra: ca\n\t$(call do)\n\ndo = $(CFSSL) $(call name) {SIGNS} certs/y\n"
            f"name = $(subst -,,gen-cert)\n{END}"
        ),
        "extra: `certs/y.pem` would still be signed by a line of its own after `sync`",
    ),
    "more than signing": (
        "Makefile",
        END,
        f"\nreq-x: ca\n\t./before\n\t$(CFSSL) gencert {SIGNS} certs/x\n{END}",
        "req-x: `./before` is neither signing nor a target of its own",
    ),
    "a variable of ours": (
        "Makefile",
        END,
        f"\ntls_goals = x\ndeploy:\n\tscp $(tls_goals)\n{END}",
        "`tls_goals` is a variable of ours too",
    ),
    "a script like ours": (
        "sign.sh",
        "",
        "echo mine\n",
        "`sign.sh` has the name of a script of ours",
    ),
}


def test_what_the_make_of_another_folder_signs_is_found_there_and_refused(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    edit(path / "Makefile", END, f"\t$(MAKE) -C sub\n{END}")
    (path / "sub").mkdir()
    signs = PLAIN.replace(" certs/", " ../certs/").replace(" config/", " ../config/")
    (path / "sub/Makefile").write_text(
        f"all:\n\tcfssl gencert {signs} ../certs/y\n", encoding="utf-8"
    )
    (path / "sub/deep").mkdir()
    (path / "sub/deep/makefile").write_text("all:\n\ttrue\n", encoding="utf-8")
    (path / "sub/loop").symlink_to(path / "sub", target_is_directory=True)
    before = kept_contents(path)
    said = kept(path, "adopt", code=1).stderr
    assert "`certs/y.pem` would be signed 2 times after `sync`, now 1" in said
    assert kept_contents(path) == before


def test_the_first_command_after_adopt_may_bring_a_component(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    (path / ".gitignore").write_bytes(b"certs/\r\nmine\r\n")
    theirs = (path / "Makefile").read_text(encoding="utf-8")
    kept(path, "adopt")
    done = kept(path, "add", "--user", "w")
    assert "conflict" not in done.stderr
    (archived,) = path.glob("archive/*/Makefile")
    assert archived.read_text(encoding="utf-8") == theirs
    assert (path / "Makefile").read_text(encoding="utf-8").count("req-w certs/w.pem") == 1
    ignored = (path / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert [ignored.count(line) for line in ("certs/", "mine")] == [1, 1]


def test_a_makefile_with_line_ends_of_windows_is_adopted(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    makefile = path / "Makefile"
    own = b"show:\n\topenssl x509 -noout -text \\\n\t  -in certs/etcd1.pem\n"
    makefile.write_bytes((makefile.read_bytes() + own).replace(b"\n", b"\r\n"))
    kept(path, "adopt")
    kept(path, "sync")
    text = makefile.read_bytes()
    assert (b"gencert" in text, b"\r" in text, text.count(own)) == (False, False, 1)


@pytest.mark.parametrize("case", sorted(SPOILED))
def test_a_folder_that_can_not_be_understood_is_refused_with_what_was_not_read_and_not_touched(
    case: str, tmp_path: Path
) -> None:
    path = foreign(HANDMADE, tmp_path)
    name, old, new, message = SPOILED[case]
    if old:
        edit(path / name, old, new)
    else:
        (path / name).write_text(new, encoding="utf-8", errors="surrogateescape")
    before = kept_contents(path)
    assert message in kept(path, "adopt", code=1).stderr
    assert kept_contents(path) == before
    assert {each.name for each in path.iterdir()} == {name.split("/")[0] for name in before}


def test_what_there_is_nothing_to_adopt_in_is_told(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    kept(path, "adopt")
    assert "exists: the folder has its inventory" in kept(path, "adopt", code=1).stderr
    assert "has no `Makefile` to take over" in kept(tmp_path, "adopt", code=1).stderr
    (tmp_path / "makefile").touch()
    assert (
        "make reads `makefile` instead of `Makefile`\n\nhint: rename it"
        in kept(tmp_path, "adopt", code=1).stderr
    )


def test_variables_that_are_not_set_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = foreign("today", tmp_path)
    for number in range(3):
        monkeypatch.delenv(f"infra{number}")
    error = kept(path, "adopt", code=1).stderr
    names = "`infra0` and `infra1` and `infra2`, which are not set"
    way = "`infra0=NAME infra1=NAME infra2=NAME tls-scaffold adopt`"
    for path_of_pair in ("certs/", "certs/peer-"):
        assert f"req: `{path_of_pair}.pem` is named by {names}: {way}\n" in error


def test_without_make_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = foreign(HANDMADE, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "`make` is not installed" in kept(path, "adopt", code=1).stderr


@pytest.mark.parametrize("damage", ["{", "[]", "[" * 100_000])
def test_a_damaged_note_of_adopt_is_told(tmp_path: Path, damage: str) -> None:
    path = foreign(HANDMADE, tmp_path)
    kept(path, "adopt")
    (path / ".tls-scaffold/adopted.json").write_text(damage, encoding="utf-8")
    assert "adopted.json` is damaged" in kept(path, "sync", code=1).stderr


def test_a_request_that_is_gone_before_the_first_sync_is_told(tmp_path: Path) -> None:
    path = foreign("beside", tmp_path)
    kept(path, "adopt")
    (path / "ca-csr.json").unlink()
    assert "is gone since `tls-scaffold adopt` read it" in kept(path, "sync", code=1).stderr


def test_a_folder_of_ours_that_lost_its_inventory_is_no_folder_made_by_hand(
    folder: Factory,
) -> None:
    path = folder()
    (path / "tls-scaffold.json").unlink()
    before = kept_contents(path)
    assert (
        "has a Makefile of ours, but its inventory is missing" in kept(path, "adopt", code=1).stderr
    )
    assert kept_contents(path) == before


def test_the_command_itself_reads_the_folder_that_it_stands_in(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    done = tls_scaffold("adopt", cwd=path)
    assert (done.returncode, done.stdout) == (0, "")
    assert run("diff", "-r", str(FOREIGN / HANDMADE), str(path)).stdout.splitlines() == [
        f"Only in {path}: .tls-scaffold",
        f"Only in {path}: archive",
        f"Only in {path}: tls-scaffold.json",
    ]


def test_a_folder_without_a_signing_configuration_keeps_cfssls_own_default(tmp_path: Path) -> None:
    path = foreign(HANDMADE, tmp_path)
    text = (path / "Makefile").read_text(encoding="utf-8")
    (path / "Makefile").write_text(
        text.replace("\t  -config config/ca-config.json \\\n", "") + "\n# \\", encoding="utf-8"
    )
    (path / "config/ca-config.json").unlink()
    kept(path, "adopt")
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    assert certificates(path) == FOLDERS[HANDMADE]
    assert json.loads((path / "tls-scaffold.json").read_text(encoding="utf-8"))["expiry"] == "8760h"


def test_a_link_that_leads_nowhere_counts_as_a_ca_that_is_there(tmp_path: Path) -> None:
    for path in ("ssl", "certs"):
        (tmp_path / path).mkdir()
    (tmp_path / "ssl/root.pem").write_text("certificate")
    (tmp_path / "certs/ca-key.pem").symlink_to("/nowhere/ca-key.pem")
    before = kept_contents(tmp_path)

    copy_ca(tmp_path, "ssl/root")

    assert kept_contents(tmp_path) == before


def test_arrows_in_what_is_told_write_nothing(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1")}
    path = handmade(tmp_path / "own", requests, 'echo "==> signing" -\\> m1', "m1:members")
    kept(path, "adopt")
    kept(path, "sync")
    assert "==> signing" not in (path / "Makefile").read_text(encoding="utf-8")


@pytest.mark.needs("etcd", "etcdctl")
def test_a_second_certificate_with_a_cn_of_its_own_keeps_it_and_is_what_peers_ask_for(
    tmp_path: Path,
) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        "members": server("etcd-server", "10.0.0.1"),
        "peers": server("etcd-peer", "10.0.0.1"),
        "root": {"CN": "root"},
    }
    path = handmade(tmp_path / "own", requests, "m1:members", "peer-m1:peers", "root:root")
    kept(path, "adopt")
    kept(path, "sync")
    make(path, SIGNER="cfssl")

    assert read(path / "certs/peer-m1.pem").cn == "etcd-peer"
    assert "--peer-cert-allowed-cn etcd-peer" in (path / "Procfile").read_text(encoding="utf-8")
    assert "no  " not in kept(path, "prove").stdout


def test_a_client_with_the_cn_of_the_members_is_told_in_adopts_own_words(tmp_path: Path) -> None:
    requests = {
        "ca-csr": CA_REQUEST,
        "members": server("both", "10.0.0.1"),
        "client": {"CN": "both"},
    }
    path = handmade(tmp_path / "own", requests, "m1:members", "m2:members", "client:client")
    before = kept_contents(path)
    said = kept(path, "adopt", code=1).stderr
    assert "`both` is the CN of the members: etcd's gateway would act as that user" in said
    assert (
        "then adopt: certificates lie below the folder, and users, members and the CA have CNs "
        "of their own"
    ) in said
    assert kept_contents(path) == before


@pytest.mark.parametrize(
    ("place", "is_relative"),
    [
        ("tmp", True),
        (".", False),
        ("../linked/tmp", True),
        ("sub", False),
        *(
            pytest.param(*each, marks=pytest.mark.long)
            for each in (("tmp", False), (".", True), ("../linked/tmp", False), ("sub", True))
        ),
    ],
)
def test_temporary_files_in_the_folder_itself_are_no_part_of_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    is_relative: bool,
) -> None:
    path = foreign("own-targets", tmp_path)
    (tmp_path / "linked").symlink_to(path.name)
    (path / "tmp").mkdir()
    (path / "sub").mkdir()
    (path / "sub/Makefile").write_text("all:\n\ttrue\n")
    monkeypatch.chdir(path)
    monkeypatch.setenv("TMPDIR", place if is_relative else str(path / place))
    before = kept_contents(path)
    for words in (["status"], ["adopt", "--dry-run"]):
        assert "Traceback" not in tls_scaffold("-C", str(path), *words).stderr
        assert kept_contents(path) == before
    for words in (["adopt"], ["sync"], ["add", "--user", "zoe"], ["sync", "--check"]):
        assert tls_scaffold("-C", str(path), *words).returncode == 0
    assert [*path.glob("**/tls-scaffold-*")] == []


def test_a_comment_that_names_our_rules_is_no_include(tmp_path: Path) -> None:
    requests = {"ca-csr": CA_REQUEST, "members": server("etcd", "10.0.0.1")}
    path = handmade(tmp_path / "own", requests, "{sign}/members.json | cfssljson -bare certs/m1")
    with (path / "Makefile").open("a") as file:
        file.write("# we may include tls-scaffold.mk one day\n")

    kept(path, "adopt")


def test_members_without_an_address_are_named_at_once(tmp_path: Path) -> None:
    """Where members share a request it does not say whose host is whose."""
    path = foreign("calico", tmp_path)
    told = (
        "warning: no `hosts` are known of `etcd1`, `etcd2`, `etcd3`: `tls-scaffold bundle` and "
        "`make rbac` need each member's, in `tls-scaffold.json`\n"
    )
    for words in (("--dry-run",), ()):
        assert kept(path, "adopt", *words).stderr.count(told) == 1
    kept(path, "sync")
    assert "has no `hosts`" in kept(path, "bundle", code=1).stderr

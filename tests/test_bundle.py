"""`tls-scaffold bundle`: what each host and consumer gets, and that it works as it is."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import signal
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import certs
import kills
from clusters import P256
from conftest import Factory
from support import BIN, Done, contents, laid_out, make, run, tls_scaffold, without_place
from tls_scaffold.cli import cli
from tls_scaffold.inventory import intake
from tls_scaffold.state.bundleages import stale_bundles

USERS = "root,kube-apiserver,calico,calico-node,calico-cni,calico-kube-controllers,calicoctl,alice"
WORDS = (
    *("--members", "10.0.0.1", "--member", "db=db.example+10.0.0.2+fd00::2", "--users", USERS),
    *P256[:2],
)
ENDPOINTS = "https://10.0.0.1:2379,https://db.example:2379"
SAYS = "as `tls-scaffold status` says"
NO_PATH = "is not an absolute path of letters, digits, `.`, `_` and `-`"
PEMS = {"{name}.pem", "{name}-key.pem", "ca.pem"}
CONTROLLERS = "calico-kube-controllers.patch.yaml"
SECRETS = {"calico-etcd-secrets.yaml", "calico-config.patch.yaml"}

pytestmark = pytest.mark.needs("cfssl", "make")


def bundle(folder: Path, *words: str, code: int = 0) -> Done:
    done = tls_scaffold("-C", str(folder), "bundle", *words)
    assert done.returncode == code, done.stderr
    return done


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def variables(path: Path) -> dict[str, str]:
    """Return what a shell that reads an environment file has afterwards."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("etcd1", {"etcd.env", "etcd.service.d/tls-scaffold.conf"}),
        ("proxy1", {"grpc-proxy.flags"}),
        ("root", {"etcdctl.env"}),
        ("alice", {"etcdctl.env"}),
        ("kube-apiserver", {"etcdctl.env", "kube-apiserver.flags"}),
        (
            "calico",
            {"etcdctl.env", "calico.env", "cni.json", "calicoctl.cfg", CONTROLLERS, *SECRETS},
        ),
        ("calico-node", {"etcdctl.env", "calico.env", *SECRETS}),
        ("calico-kube-controllers", {"etcdctl.env", "calico.env", CONTROLLERS, *SECRETS}),
        ("calico-cni", {"etcdctl.env", "calico.env", "cni.json", *SECRETS}),
        ("calicoctl", {"etcdctl.env", "calico.env", "calicoctl.cfg"}),
    ],
)
def test_a_bundle_holds_its_own_files_and_what_its_consumer_reads(
    signed: Factory, name: str, files: set[str]
) -> None:
    folder = signed(*WORDS)

    bundle(folder, name)

    assert sorted(path.name for path in (folder / "dist").iterdir()) == [".gitignore", name]
    found = laid_out(folder / "dist" / name)
    assert set(found) == {*(each.format(name=name) for each in PEMS), *files}
    for each in PEMS:
        own = each.format(name=name)
        assert found[own] == (folder / "certs" / own).read_bytes()


def test_a_member_s_variables_authenticate_clients_and_peers_by_certificate(
    signed: Factory,
) -> None:
    folder = signed(*WORDS)

    done = bundle(folder, "db")

    files = {
        "CERT_FILE": "db.pem",
        "KEY_FILE": "db-key.pem",
        "CLIENT_CERT_AUTH": "true",
        "TRUSTED_CA_FILE": "ca.pem",
    }
    assert variables(folder / "dist/db/etcd.env") == {
        "ETCD_NAME": "db",
        "ETCD_LISTEN_CLIENT_URLS": "https://10.0.0.2:2379,https://[fd00::2]:2379,https://127.0.0.1:2379",
        "ETCD_ADVERTISE_CLIENT_URLS": "https://db.example:2379",
        "ETCD_LISTEN_PEER_URLS": "https://10.0.0.2:2380,https://[fd00::2]:2380",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": "https://db.example:2380",
        "ETCD_INITIAL_CLUSTER": "etcd1=https://10.0.0.1:2380,db=https://db.example:2380",
        "ETCD_INITIAL_CLUSTER_STATE": "new",
        **{f"ETCD_{name}": value for name, value in files.items()},
        **{f"ETCD_PEER_{name}": value for name, value in files.items()},
        "ETCD_PEER_CERT_ALLOWED_CN": "etcd",
        "ETCD_AUTO_COMPACTION_MODE": "periodic",
        "ETCD_AUTO_COMPACTION_RETENTION": "1h",
    }
    assert done.stderr == (
        "auto-compaction: 1h (db); a cluster that runs begins to compact by it\n"
        "data directory: the unit's own (db); where it names none, etcd begins with an empty "
        "NAME.etcd "
        "in its working directory: `--data-dir` names one\n"
        "bundles hold keys: copy each to its own host only, and commit none\n"
    )
    assert (
        bundle(folder, "alice").stderr
        == "bundles hold keys: copy each to its own host only, and commit none\n"
    )


def test_a_member_starts_from_what_the_options_say_before_the_inventory(signed: Factory) -> None:
    folder = signed(*WORDS)
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    inventory["etcd"] = {
        "data_dir": "/var/lib/etcd/default",
        "client_port": 4001,
        "auto_compaction": "off",
    }
    inventory["members"][0]["etcd"] = {"data_dir": "/data", "auto_compaction": "2h"}
    (folder / "tls-scaffold.json").write_text(json.dumps(inventory))

    done = bundle(folder)
    first, second = (variables(folder / f"dist/{name}/etcd.env") for name in ("etcd1", "db"))
    bundle(folder, "etcd1", "--data-dir", "/srv/etcd", "--initial-cluster-state", "existing")
    again = variables(folder / "dist/etcd1/etcd.env")

    places = [each["ETCD_DATA_DIR"] for each in (first, second, again)]
    assert places == ["/data", "/var/lib/etcd/default", "/srv/etcd"]
    states = [each["ETCD_INITIAL_CLUSTER_STATE"] for each in (first, second, again)]
    assert states == ["new", "new", "existing"]
    assert (
        second["ETCD_AUTO_COMPACTION_RETENTION"] == "0"
    )  # for a unit whose own variables say otherwise
    assert "auto-compaction: 2h (etcd1)" in done.stderr
    assert "auto-compaction: off (db); clients have to compact\n" in done.stderr
    endpoints = "https://10.0.0.1:4001,https://db.example:4001"
    assert variables(folder / "dist/alice/etcdctl.env")["ETCDCTL_ENDPOINTS"] == endpoints
    assert tls_scaffold("-C", str(folder), "sync").returncode == 0
    assert "endpoint\thttps://10.0.0.1:4001\n" in (folder / "rbac.tsv").read_text(encoding="utf-8")


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize(
    "words", [(), ("--at", "/srv/tls")], ids=["beside each other", "at a folder"]
)
def test_the_drop_in_leaves_the_unit_s_own_command(
    signed: Factory, tmp_path: Path, words: tuple[str, ...]
) -> None:
    folder, units = signed(*WORDS), tmp_path / "units"
    bundle(folder, "etcd1", *words)
    drop_in = folder / "dist/etcd1/etcd.service.d/tls-scaffold.conf"
    settings = [line for line in drop_in.read_text().splitlines() if not line.startswith("#")]
    place = words[1] if words else "/var/lib/etcd"
    relative = [] if words else [f"WorkingDirectory={place}"]
    unset = "UnsetEnvironment=ETCD_CONFIG_FILE"
    assert settings == ["[Service]", *relative, f"EnvironmentFile={place}/etcd.env", unset]

    shutil.copytree(drop_in.parent, units / "etcd.service.d")
    (units / "etcd.service").write_text("[Service]\nExecStart=/bin/true $DAEMON_ARGS\n")
    checked = run(
        "systemd-analyze", "verify", "./etcd.service", cwd=units, SYSTEMD_UNIT_PATH=f"{units}:"
    )
    with drop_in.open("a") as text:
        text.write("EnvironmentFiles=/x\n")
    shutil.copy(drop_in, units / "etcd.service.d")
    wrong = run(
        "systemd-analyze", "verify", "./etcd.service", cwd=units, SYSTEMD_UNIT_PATH=f"{units}:"
    )

    assert "tls-scaffold.conf" not in checked.stderr
    assert "tls-scaffold.conf" in wrong.stderr  # which names what it does not know


def test_each_client_s_settings_are_in_its_own_words(signed: Factory) -> None:
    folder = signed(*WORDS)
    dist = folder / "dist"

    bundle(folder)

    assert (dist / "kube-apiserver/kube-apiserver.flags").read_text().splitlines() == [
        f"--etcd-servers={ENDPOINTS}",
        "--etcd-cafile=/etc/kubernetes/pki/etcd/ca.pem",
        "--etcd-certfile=/etc/kubernetes/pki/etcd/kube-apiserver.pem",
        "--etcd-keyfile=/etc/kubernetes/pki/etcd/kube-apiserver-key.pem",
        "--etcd-prefix=/registry",
    ]
    assert variables(dist / "calico-node/calico.env") == {
        "ETCD_ENDPOINTS": ENDPOINTS,
        "ETCD_CA_CERT_FILE": "/etc/calico/certs/ca.pem",
        "ETCD_CERT_FILE": "/etc/calico/certs/calico-node.pem",
        "ETCD_KEY_FILE": "/etc/calico/certs/calico-node-key.pem",
    }
    assert json.loads((dist / "calico-cni/cni.json").read_text()) == {
        "etcd_endpoints": ENDPOINTS,
        "etcd_ca_cert_file": "/etc/calico/certs/ca.pem",
        "etcd_cert_file": "/etc/calico/certs/calico-cni.pem",
        "etcd_key_file": "/etc/calico/certs/calico-cni-key.pem",
    }
    assert document(dist / "calicoctl/calicoctl.cfg") == {
        "apiVersion": "projectcalico.org/v3",
        "kind": "CalicoAPIConfig",
        "metadata": {},
        "spec": {
            "datastoreType": "etcdv3",
            "etcdEndpoints": ENDPOINTS,
            "etcdCACertFile": "ca.pem",
            "etcdCertFile": "calicoctl.pem",
            "etcdKeyFile": "calicoctl-key.pem",
        },
    }
    assert variables(dist / "alice/etcdctl.env") == {
        "ETCDCTL_ENDPOINTS": ENDPOINTS,
        "ETCDCTL_CACERT": "ca.pem",
        "ETCDCTL_CERT": "alice.pem",
        "ETCDCTL_KEY": "alice-key.pem",
    }
    assert (dist / "proxy1/grpc-proxy.flags").read_text().splitlines() == [
        f"--endpoints={ENDPOINTS}",
        "--cert-file=proxy1.pem",
        "--key-file=proxy1-key.pem",
        "--trusted-ca-file=ca.pem",
        "--cacert=ca.pem",
        "--cert=a-client-certificate-without-a-cn.pem",
        "--key=a-client-certificate-without-a-cn-key.pem",
    ]


def test_calico_s_secret_is_valid_yaml_with_base64_on_one_line(signed: Factory) -> None:
    folder = signed(*WORDS)
    certs, manifest = folder / "certs", folder / "dist/calico/calico-etcd-secrets.yaml"

    bundle(folder, "calico")

    secret = document(manifest)
    data = secret.pop("data")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "calico-etcd-secrets", "namespace": "kube-system"},
    }
    assert {name: base64.b64decode(text, validate=True) for name, text in data.items()} == {
        "etcd-ca": (certs / "ca.pem").read_bytes(),
        "etcd-cert": (certs / "calico.pem").read_bytes(),
        "etcd-key": (certs / "calico-key.pem").read_bytes(),
    }
    lines = manifest.read_text().splitlines()
    assert [line for line in lines if line.startswith("  etcd-")] == [
        f"  {name}: {text}" for name, text in data.items()
    ]
    assert document(folder / "dist/calico/calico-config.patch.yaml") == {
        "data": {
            "etcd_endpoints": ENDPOINTS,
            "etcd_ca": "/calico-secrets/etcd-ca",
            "etcd_cert": "/calico-secrets/etcd-cert",
            "etcd_key": "/calico-secrets/etcd-key",
        }
    }


def test_secrets_of_one_name_are_told_of(signed: Factory) -> None:
    path = signed("--members", "10.0.0.1", "--users", "calico-node,calico-cni,alice", *P256)
    told = (
        "warning: `calico-node` and `calico-cni` have one Secret by the name that "
        "Calico's manifests know: "
    )
    assert told in bundle(path).stderr
    assert "warning" not in bundle(path, "calico-node", "alice").stderr


def test_at_names_the_folder_that_the_consumers_will_have_the_files_in(signed: Factory) -> None:
    folder = signed(*WORDS)

    bundle(folder, "etcd1", "alice", "--at", "/srv/tls")

    settings = variables(folder / "dist/etcd1/etcd.env")
    assert "ETCD_DATA_DIR" not in settings
    assert settings["ETCD_KEY_FILE"] == "/srv/tls/etcd1-key.pem"
    assert variables(folder / "dist/alice/etcdctl.env")["ETCDCTL_CERT"] == "/srv/tls/alice.pem"


@pytest.mark.parametrize(
    "option", ["--at", "--data-dir", "--initial-cluster-state", "--p12-password-file"]
)
def test_an_option_that_was_given_nothing_is_a_usage_error(signed: Factory, option: str) -> None:
    assert (
        f"Invalid value for '{option}': it is empty"
        in bundle(signed(*WORDS), option, "", code=2).stderr
    )


@pytest.mark.parametrize("option", ["--at", "--data-dir"])
@pytest.mark.parametrize(
    "home", ["relative", "/with blank", "/$(touch x)", "/a/../b/;", "/a/../b", "/%i"]
)
def test_a_folder_that_is_no_plain_path_is_a_usage_error(
    signed: Factory, home: str, option: str
) -> None:
    done = bundle(signed(*WORDS), option, home, code=2)

    told = "goes through `.` or `..`" if home == "/a/../b" else NO_PATH
    assert done.stderr == f"error: {option}: `{home}` {told}\n"


@pytest.mark.parametrize(
    ("option", "value"), [("--data-dir", "/srv/etcd"), ("--initial-cluster-state", "existing")]
)
def test_what_is_for_members_alone_is_a_usage_error_where_none_is_named(
    signed: Factory, option: str, value: str
) -> None:
    folder = signed(*WORDS)

    done = bundle(folder, "calico", "alice", option, value, code=2)

    assert done.stderr == f"error: {option} is for members, and none is among `calico`, `alice`\n"
    assert not (folder / "dist").exists()
    bundle(folder, "calico", "etcd1", option, value)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_files_are_0600_and_folders_0700_whatever_the_umask(signed: Factory, umask: int) -> None:
    folder = signed(*WORDS)
    (folder / "dist").mkdir(mode=0o755)

    assert (
        run(str(BIN / "tls-scaffold"), "bundle", "--tar", cwd=folder, umask=umask).returncode == 0
    )

    dist = folder / "dist"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (dist, *dist.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_whatever_byte_of_an_archive_is_damaged_nothing_ends_in_a_traceback(
    signed: Factory, pack: Callable[[bytes], bytes]
) -> None:
    folder = signed(*WORDS)
    bundle(folder, "calico", "--tar")
    shutil.rmtree(folder / "dist/calico")
    archive = folder / "dist/calico.tar.gz"
    data = pack(gzip.decompress(archive.read_bytes()))
    inventory = intake.load(folder)
    for place in range(0, len(data), len(data) // 120):
        archive.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        assert set(stale_bundles(folder, inventory)) <= {"calico.tar.gz"}


def test_an_archive_holds_the_folder_and_nothing_of_this_machine(signed: Factory) -> None:
    folder = signed(*WORDS)

    first = bundle(folder, "calico", "etcd1", "--tar")
    archive = (folder / "dist/calico.tar.gz").read_bytes()
    bundle(folder, "calico", "--tar")

    assert first.stdout.splitlines() == [
        str(folder / "dist" / name) for name in ("calico", "calico.tar.gz", "etcd1", "etcd1.tar.gz")
    ]
    assert (folder / "dist/calico.tar.gz").read_bytes() == archive
    for name in ("calico", "etcd1"):
        with tarfile.open(fileobj=io.BytesIO((folder / f"dist/{name}.tar.gz").read_bytes())) as tar:
            entries = tar.getmembers()
            texts = {
                each.name: reader.read() for each in entries if (reader := tar.extractfile(each))
            }
        assert texts == {
            f"{name}/{path}": text for path, text in laid_out(folder / "dist" / name).items()
        }
        assert {(each.mode, each.uid, each.mtime) for each in entries if each.isfile()} == {
            (0o600, 0, 0)
        }
        assert {each.mode for each in entries if each.isdir()} == {0o700}


def test_a_bundle_is_made_anew_whole(signed: Factory) -> None:
    folder = signed(*WORDS)
    bundle(folder, "calico", "root", "--kubernetes")
    (folder / "dist/.calico.new").mkdir()
    (folder / "dist/calico/calico.pem").write_text("old")

    bundle(folder, "calico")

    assert sorted(os.listdir(folder / "dist")) == [".gitignore", "calico", "root"]  # noqa: PTH208  (hidden names count)
    assert not (folder / "dist/calico/calico.secret.yaml").exists()
    assert (folder / "dist/calico/calico.pem").read_bytes() == (
        folder / "certs/calico.pem"
    ).read_bytes()


def test_what_no_bundle_brings_is_never_taken_away(signed: Factory) -> None:
    """A member that ran in dist/ has its data there."""
    folder = signed(*WORDS)
    bundle(folder, "etcd1", "alice", "--kubeadm")
    for path in (
        "etcd1/etcd1.etcd/member/wal/0",
        "etcd1/log",
        "etcd1/pki/etcd/mine",
        "alice/notes/x",
    ):
        (folder / "dist" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dist" / path).write_text("data")
    (folder / "dist/alice/link").symlink_to("/nowhere")
    (folder / "dist/alice/etc").symlink_to("/etc")
    before, data = contents(folder / "dist"), (folder / "dist/etcd1/current").readlink()

    done = bundle(folder, "root", "etcd1", "alice", code=1)

    assert done.stderr == (
        "error: no bundle is made\n"
        "  `dist/etcd1` holds what no bundle brings: `log`, `etcd1.etcd/`, "
        f"`{data}/pki/etcd/mine`\n"
        "  `dist/alice` holds what no bundle brings: `etc`, `link`, `notes/`\n\n"
        "hint: move it away: a bundle is replaced whole. Members have their data elsewhere, "
        "not in `dist/`\n"
    )
    assert contents(folder / "dist") == before


def test_what_has_a_bundle_s_name_and_is_none_is_never_taken_away(signed: Factory) -> None:
    folder = signed(*WORDS)
    (folder / "dist/root.tar.gz").mkdir(parents=True)
    (folder / "dist/alice").write_text("mine")
    os.mkfifo(folder / "dist/db")

    done = bundle(folder, "calico", "root", "alice", "db", "--tar", code=1)

    assert done.stderr == (
        "error: no bundle is made\n"
        "  `dist/root.tar.gz` is no file, as an archive is\n"
        "  `dist/alice` is no folder, as a bundle is\n"
        "  `dist/db` is no folder, as a bundle is\n\n"
        "hint: move it away: a bundle is replaced whole. Members have their data elsewhere, "
        "not in `dist/`\n"
    )
    assert sorted(os.listdir(folder / "dist")) == ["alice", "db", "root.tar.gz"]  # noqa: PTH208  (hidden names count)
    bundle(folder, "root")
    assert (folder / "dist/root.tar.gz").is_dir()


def test_a_kill_at_any_step_leaves_a_whole_bundle_and_the_next_run_ends_what_it_began(
    signed: Factory,
) -> None:
    """The older bundle stays until the new one is whole, at its place or beside it."""
    folder, words = signed(*WORDS), ["bundle", "alice", "--kubernetes"]
    bundle(folder, *words[1:])
    whole = contents(folder / "dist/alice")
    step = 1
    while kills.run(folder, words, step=step) == -signal.SIGKILL:
        there = [
            contents(folder / "dist" / name)
            for name in ("alice", ".alice.old")
            if (folder / "dist" / name).is_dir()
        ]
        assert whole in there, step
        if step % 2:
            bundle(folder, *words[1:])
            assert sorted(os.listdir(folder / "dist")) == [".gitignore", "alice"], step  # noqa: PTH208
        step += 1
    assert contents(folder / "dist/alice") == whole
    assert step > 2 * len(whole)


def test_a_second_certificate_that_a_member_has_no_more_is_no_stranger_in_its_bundle(
    signed: Factory,
) -> None:
    folder = signed(*WORDS)
    bundle(folder, "db", "alice")
    for name in ("db", "alice"):
        for ending in (".pem", "-key.pem", ".p12", ".secret.yaml"):
            (folder / f"dist/{name}/peer-{name}{ending}").write_text("old")

    bundle(folder, "db")

    assert list((folder / "dist/db").glob("peer-*")) == []
    assert "`peer-alice-key.pem`" in bundle(folder, "alice", code=1).stderr


@pytest.mark.needs("setpriv")
def test_what_can_not_be_looked_into_is_not_taken_away_either(signed: Factory) -> None:
    folder = signed(*WORDS)
    bundle(folder, "etcd1", "--kubeadm")
    (folder / "dist/etcd1/pki/mine").write_text("data")
    pki = (folder / "dist/etcd1/pki").resolve()
    pki.chmod(0)
    ours = (str(BIN / "tls-scaffold"), "-C", str(folder), "bundle", "etcd1")
    # root reads everything, unless it gives that up
    less = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()

    done = run(*less, *ours)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: `{pki}` can't be read: Permission denied\n"
    pki.chmod(0o700)
    assert (folder / "dist/etcd1/pki/mine").read_text() == "data"


def killed_at_write(folder: Path, number: int, words: list[str]) -> int:
    """Run a command that is killed before it writes for this time; return its exit code."""
    child = os.fork()
    if child == 0:
        write, left = os.write, iter(range(number - 1))

        def killing(descriptor: int, content: Any) -> int:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(descriptor, content)

        os.write = killing
        os._exit(CliRunner().invoke(cli, ["-C", str(folder), *words]).exit_code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_kill_leaves_nothing_that_the_next_bundle_does_not_clear_and_no_rules_without_words(
    signed: Factory,
) -> None:
    """An empty .gitignore would be taken for the user's own, and git would take the keys."""
    folder, words = signed(*WORDS), ["bundle", "alice", "--tar"]
    number = 1
    while killed_at_write(folder, number, words) == -signal.SIGKILL:
        rules = folder / "dist/.gitignore"
        assert not rules.exists() or rules.read_text() == "*\n", number

        bundle(folder, "alice")

        left = {path.name for path in (folder / "dist").iterdir()} - {"alice.tar.gz"}
        assert left == {".gitignore", "alice"}, number
        shutil.rmtree(folder / "dist")
        number += 1
    assert number > len((".gitignore", *PEMS, "etcdctl.env", "alice.tar.gz"))


def test_git_takes_nothing_of_the_bundles_whatever_its_rules_say(signed: Factory) -> None:
    folder = signed(*WORDS)
    (folder / ".gitignore").write_text("!dist\n")
    run("git", "init", "-q", cwd=folder)

    bundle(folder, "--tar")
    run("git", "add", ".", cwd=folder)

    tracked = run("git", "ls-files", cwd=folder).stdout.splitlines()
    assert "Makefile" in tracked
    assert [path for path in tracked if path.startswith("dist")] == []
    (folder / "dist/.gitignore").write_text("mine\n")
    bundle(folder, "alice")
    assert (folder / "dist/.gitignore").read_text() == "mine\n"


def test_links_in_the_way_are_not_followed(signed: Factory, tmp_path: Path) -> None:
    folder, elsewhere = signed(*WORDS), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "dist").mkdir()
    (folder / "dist/alice").symlink_to(elsewhere)
    bundle(folder, "alice")
    (folder / "dist").rename(tmp_path / "moved")
    (folder / "dist").symlink_to(elsewhere)

    refused = bundle(folder, "alice", code=1)

    assert not (tmp_path / "moved/alice").is_symlink()
    assert "dist` is a link: nothing is written through it" in refused.stderr
    assert list(elsewhere.iterdir()) == []


def test_an_unknown_name_is_told_with_the_one_that_was_meant(signed: Factory) -> None:
    folder = signed(*WORDS)

    done = bundle(folder, "alcie", "nobody", "root", code=1)

    assert done.stderr == (
        "error: there is no such component\n"
        "  `alcie` is not a component; did you mean `alice`?\n"
        "  `nobody` is not a component\n\n"
        "hint: `tls-scaffold.json` names the components; others are in the Makefile alone\n"
    )
    assert not (folder / "dist").exists()


def test_certificates_that_are_missing_or_do_not_fit_are_told_and_nothing_is_made(
    signed: Factory,
) -> None:
    folder = signed(*WORDS)
    pairs = folder / "certs"
    (pairs / "alice-key.pem").write_bytes((pairs / "root-key.pem").read_bytes())
    (pairs / "calico.pem").unlink()
    (pairs / "ca.pem").unlink()
    (pairs / "trust.pem").unlink()

    done = bundle(folder, "alice", "calico", "root", code=1)

    assert without_place(done.stderr) == (
        "error: no bundle is made\n  `certs/ca.pem` is missing\n"
        "  `certs/alice.pem` is mismatched: `certs/alice-key.pem` is not its key\n"
        "  `certs/calico.pem` is missing\n\n"
        f"hint: `tls-scaffold check`, {SAYS}\n"
    )
    assert not (folder / "dist").exists()


def test_what_has_expired_is_not_handed_out(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root,alice")
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "root")
    certs.leaf(path, "alice", begin=certs.NOW - 2 * certs.DAY, life=certs.DAY)

    done = bundle(path, "alice", "root", code=1)

    assert without_place(done.stderr) == (
        "error: no bundle is made: certificates are not valid now\n"
        f"  `certs/alice.pem`: it ended {certs.NOW - certs.DAY:%Y-%m-%d %H:%M} UTC\n\n"
        f"hint: is the clock right? `make renew`, {SAYS}\n"
    )
    assert not (path / "dist").exists()
    bundle(path, "root")


STALE = "  `certs/alice.pem` is stale: "
REFUSED = {
    "another's pair": ({"cn": "root"}, "CN: `root`, asked `alice`"),
    "a host too many": ({"hosts": ["10.0.0.9"]}, "hosts: `10.0.0.9` not asked for"),
    "a usage too many": ({"usages": certs.BOTH}, "usages: `server auth` not asked for"),
    "another usage": (
        {"usages": [certs.SERVER]},
        f"usages: `client auth` missing\n{STALE}usages: `server auth` not asked for",
    ),
    "a CA": ({"is_ca": True}, "CA: `CA`, asked `no CA`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_pass_for_another_or_be_refused_is_not_handed_out(
    folder: Factory, case: str
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root,alice")
    fields, reason = REFUSED[case]
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "root")
    certs.leaf(path, "alice", **fields)  # type: ignore[arg-type]

    done = bundle(path, code=1)

    assert without_place(done.stderr) == (
        f"error: no bundle is made\n{STALE}{reason}\n\nhint: `make req-alice`, {SAYS}\n"
    )
    assert not (path / "dist").exists()
    assert f"stale: {reason.splitlines()[0]}" in tls_scaffold("-C", str(path), "status").stdout
    bundle(path, "root", "etcd1")


@pytest.mark.parametrize(
    "fields",
    [
        {"life": 2 * certs.DAY},
        {"key": certs.rsa_key(2048)},
        {"usages": ()},  # with none of these it may be used for anything
    ],
)
def test_what_is_stale_in_nothing_that_somebody_would_go_wrong_with_is_handed_out(
    folder: Factory, fields: dict[str, Any]
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "alice", **fields)

    assert "stale" in tls_scaffold("-C", str(path), "status").stdout
    bundle(path, "alice")


def test_the_hint_names_what_helps_and_never_what_was_done_in_vain(signed: Factory) -> None:
    """Where the request itself is wrong it is signed wrong again; plain `make` signs no revoked."""
    folder = signed(*WORDS)
    request = folder / "config/req-calico.json"
    request.write_text(request.read_text().replace('"calico"', '"Calico"'))
    make(folder)

    assert without_place(bundle(folder, "calico", code=1).stderr) == (
        "error: no bundle is made\n"
        "  `certs/calico.pem` is stale: CN: `Calico`, but it is for `calico`\n\n"
        f"hint: `tls-scaffold check`, {SAYS}\n"
    )

    assert tls_scaffold("-C", str(folder), "revoke", "alice").returncode == 0
    done = bundle(folder, "alice", code=1)
    assert without_place(done.stderr).endswith(
        "\n\nhint: only if alice is to come in again: `make req-alice`; else `tls-scaffold remove "
        "alice`\n"
    )
    make(folder, "req-alice")
    bundle(folder, "alice")


def test_what_changed_since_it_was_signed_is_not_handed_out(signed: Factory) -> None:
    """An address that came into the request, or a CN, and no `make` after it."""
    folder = signed(*WORDS)
    path = folder / "config/req-csr.json"
    request = json.loads(path.read_text())
    path.write_text(json.dumps({**request, "hosts": [*request["hosts"], "10.0.0.77"]}))

    done = bundle(folder, "etcd1", code=1)

    assert "`certs/etcd1.pem` is stale: hosts: `10.0.0.77` missing\n" in done.stderr
    make(folder)
    bundle(folder, "etcd1")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"x", "holds no private key in PEM"),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nMHcC",
            "is cut off or damaged: Go finds no whole block in it",
        ),
    ],
)
def test_why_a_key_is_none_is_told(signed: Factory, content: bytes, reason: str) -> None:
    folder = signed(*WORDS)
    (folder / "certs/alice-key.pem").write_bytes(content)

    done = bundle(folder, "alice", code=1)

    told = f"`certs/alice-key.pem` {reason}"
    assert f"  `certs/alice.pem` is mismatched: {told}\n" in done.stderr
    status = tls_scaffold("-C", str(folder), "status").stdout
    assert f"mismatched: {told} " in " ".join(status.split()) + " "


def test_a_ca_that_did_not_sign_is_told_and_no_bundle_is_made(signed: Factory) -> None:
    folder, other = signed(*WORDS), signed("--members", "10.0.0.9", *P256[:2], name="other")
    ca, trust = folder / "certs/ca.pem", folder / "certs/trust.pem"
    own, strange = ca.read_bytes(), (other / "certs/ca.pem").read_bytes()

    for beside in (b"", strange, b"# the CA\n"):
        trust.write_bytes(strange + beside)
        assert without_place(bundle(folder, "alice", code=1).stderr) == (
            "error: no bundle is made\n"
            "  `certs/trust.pem` does not hold the CA that signs, `certs/ca.pem`\n"
            "  `certs/alice.pem` is not signed by `certs/trust.pem`\n\n"
            "hint: put back what it was, or move it away: where `certs/trust.pem` is missing, "
            "`make` copies `certs/ca.pem` there\n"
        )
    ca.write_bytes(strange)
    assert (
        "`certs/alice.pem` is mismatched: another CA than `certs/ca.pem` signed it"
        in bundle(folder, "alice", code=1).stderr
    )
    trust.write_text("garbage")
    assert "`certs/trust.pem` is not a certificate" in bundle(folder, "alice", code=1).stderr
    assert not (folder / "dist/alice").exists()

    ca.write_bytes(own)
    trust.write_bytes(strange + own)
    bundle(folder, "alice")
    assert (folder / "dist/alice/ca.pem").read_bytes() == strange + own


def test_without_a_file_of_what_others_trust_the_ca_s_own_certificate_is_handed_out(
    signed: Factory,
) -> None:
    """A Makefile of a team's own, of an adopted folder, makes a CA and nothing else."""
    folder = signed(*WORDS)
    (folder / "certs/trust.pem").unlink()

    bundle(folder, "alice")

    assert (folder / "dist/alice/ca.pem").read_bytes() == (folder / "certs/ca.pem").read_bytes()


def test_members_whose_cns_their_peers_do_not_ask_for_are_not_handed_out(signed: Factory) -> None:
    """A request that was edited by hand stays: without this its members would refuse each other."""
    folder = signed(*WORDS)
    for name, cn in (("csr", "members"), ("alice", "etcd")):
        path = folder / f"config/req-{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "CN": cn}))
    make(folder)

    done = bundle(folder, "db", "alice", "proxy1", "root", code=1)

    assert without_place(done.stderr) == (
        "error: no bundle is made: the peers of members are known by their CNs\n"
        "  `certs/db.pem` has the CN `members`, and members ask for `etcd`, as "
        "`tls-scaffold.json` says\n"
        "  `certs/alice.pem` has the members' CN `etcd`: it would open their peer ports\n\n"
        "hint: give the requests the CNs of `tls-scaffold.json`, or it theirs (`members_cn`, "
        "`cn`), "
        "then `tls-scaffold sync` and `make`\n"
    )
    assert not (folder / "dist").exists()
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    (folder / "tls-scaffold.json").write_text(json.dumps({**inventory, "members_cn": "members"}))
    assert tls_scaffold("-C", str(folder), "sync").returncode == 0
    bundle(folder, "db", "proxy1")
    assert variables(folder / "dist/db/etcd.env")["ETCD_PEER_CERT_ALLOWED_CN"] == "members"


def test_an_archive_takes_no_other_component_s_place(signed: Factory) -> None:
    folder = signed("--members", "10.0.0.1", "--users", "a,a.tar.gz", *P256[:2])

    assert (
        "`dist/a.tar.gz` would be an archive and a component's folder"
        in bundle(folder, "--tar", code=1).stderr
    )
    bundle(folder)
    assert (folder / "dist/a.tar.gz/a.tar.gz.pem").is_file()

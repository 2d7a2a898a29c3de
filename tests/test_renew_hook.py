"""`make renew RENEW_HOOK='…'`: what was renewed is laid out, and carried on by the hook."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import certs
import kills
from certs import DAY, NOW, YEAR
from conftest import Factory
from runningmembers import HOST, free_ports
from support import BIN, OURS, kill_group, laid_out, make, run, tls_scaffold, wait_for
from tls_scaffold.bundles.overview import needs_nothing, rows
from tls_scaffold.commands import owedhooks
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.presets import PRESETS

pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")

CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice,bob")
SIGNERS = ("cfssl", "tls-scaffold")
each_signer = pytest.mark.parametrize("signer", SIGNERS)
Aged = Callable[..., Path]


@pytest.fixture
def aged(folder: Factory) -> Aged:
    """Return a factory: a folder in which the certificates of these names end in a day."""

    def of(*names: str) -> Path:
        path = folder(*CLUSTER)
        certs.ca(path)
        for name in ("etcd1", "alice", "bob"):
            begin = NOW + DAY - YEAR if name in names else NOW - DAY
            write = certs.member if name == "etcd1" else certs.leaf
            write(path, name, begin=begin)
        return path

    return of


@pytest.fixture
def hook(tmp_path: Path) -> str:
    """Return a hook that notes each of its runs in the file `log`, and fails where told to.

    A line has the name, the arguments, and the sum of all certificates there are at that moment.
    """
    script = tmp_path / "hook"
    script.write_text(
        "#!/bin/sh\n"
        f"log={tmp_path}/log\n"
        'echo "$RENEWED_NAME $* $(cat certs/*.pem | sha256sum)" >>"$log"\n'
        '[ ! -e "$log.fails-$RENEWED_NAME" ]\n'
    )
    script.chmod(0o755)
    return str(script)


def runs(tmp_path: Path) -> list[list[str]]:
    """Return what the hook noted, a list of words for each run; and forget it."""
    log = tmp_path / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [line.split()[:-1] for line in lines]


def names_run(tmp_path: Path) -> list[str]:
    return [words[0] for words in runs(tmp_path)]


def all_sums(folder: Path) -> str:
    pems = sorted((folder / "certs").glob("*.pem"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in pems)).hexdigest()


def is_current(folder: Path, name: str) -> bool:
    bundle = folder / "dist" / name
    files = (f"{name}.pem", f"{name}-key.pem")
    return all(
        (bundle / file).read_bytes() == (folder / "certs" / file).read_bytes() for file in files
    )


@each_signer
def test_the_hook_runs_for_each_renewed_name_when_all_are_in_place_and_for_no_other(
    aged: Aged, hook: str, tmp_path: Path, signer: str
) -> None:
    folder = aged("etcd1", "bob")

    done = make(folder, "-j8", "renew", f"RENEW_HOOK={hook}", SIGNER=signer)

    sums = all_sums(folder)
    assert runs(tmp_path) == [[name, f"{folder}/dist/{name}", sums] for name in ("etcd1", "bob")]
    assert all(is_current(folder, name) for name in ("etcd1", "bob"))
    assert not (folder / "dist/alice").exists()
    assert done.stdout.endswith(
        "laid out dist/etcd1, dist/bob\nhanded on dist/etcd1\nhanded on dist/bob\n"
        "left to do: bob: its client reads it when it starts: restart the client\n"
    )
    assert not (folder / owedhooks.NOTES).exists()

    # Nothing is due any more.
    done = make(folder, "renew", f"RENEW_HOOK={hook}", SIGNER=signer)
    assert done.stdout == "nothing expires within 30 days\n"
    assert done.stderr == ""
    assert runs(tmp_path) == []


@pytest.mark.parametrize("signer", ["cfssl", pytest.param("tls-scaffold", marks=pytest.mark.long)])
def test_a_hook_that_fails_holds_up_no_other_and_is_run_again_until_it_ends_well(
    aged: Aged, hook: str, tmp_path: Path, signer: str
) -> None:
    folder = aged("etcd1", "alice", "bob")
    fails = tmp_path / "log.fails-alice"
    fails.touch()

    done = make(folder, "renew", f"RENEW_HOOK={hook}", code=2, SIGNER=signer)

    assert names_run(tmp_path) == ["etcd1", "alice", "bob"]
    assert (
        "error: not all that was renewed has reached its place\n"
        f"  `alice`: `{hook}`: it ended with 1\n\n"
        "hint: `make renew RENEW_HOOK='…'` runs again what has failed\n"
    ) in done.stderr

    done = make(folder, "renew", SIGNER=signer)
    assert done.stderr == (
        "warning: no hook has ended well for `alice` yet: `make renew RENEW_HOOK='…'` runs it\n"
    )
    owed = "no hook has ended well for `alice` yet: `make renew RENEW_HOOK='…'` runs it"
    at = ("-C", str(folder), "status")
    assert f"note: {owed}\n" in tls_scaffold(*at).stderr
    assert json.loads(tls_scaffold(*at, "--json").stdout)["hooks_owed"] == ["alice"]
    again = ("-C", str(folder), "renewed", "--hook", hook)
    assert tls_scaffold(*again).returncode == 1
    assert names_run(tmp_path) == ["alice"]
    fails.unlink()
    make(folder, "renew", f"RENEW_HOOK={hook}", SIGNER=signer)
    assert names_run(tmp_path) == ["alice"]
    assert tls_scaffold(*again).returncode == 0
    assert names_run(tmp_path) == []
    assert json.loads(tls_scaffold(*at, "--json").stdout)["hooks_owed"] == []


PWN = "touch pwned;:"
IN_FLAGS = "RENEW_HOOK=touch\\ pwned;:"
OUTSIDE: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "all of our variables": (
        ("-e", "tls_hook=touch pwned;:"),
        {
            **dict.fromkeys(("RENEW_HOOK", "tls_hook", "TLS_SCAFFOLD_HOOK"), PWN),
            "OVERRIDES": IN_FLAGS,
        },
    ),
    "the environment": ((), {"RENEW_HOOK": PWN}),
    "flags that let the environment override": ((), {"MAKEFLAGS": "e", "RENEW_HOOK": PWN}),
}
LONG = [pytest.param(name, marks=pytest.mark.long) for name in [*OUTSIDE][1:]]


@pytest.mark.parametrize("where", ["all of our variables", *LONG])
def test_no_hook_comes_from_the_environment(aged: Aged, where: str) -> None:
    folder = aged("alice")
    words, variables = OUTSIDE[where]

    done = make(folder, *words, "renew", SIGNER="cfssl", **variables)

    assert not (folder / "pwned").exists()
    assert "warning: RENEW_HOOK is for make's command line\n" in done.stderr


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MAKEFLAGS", IN_FLAGS),
        pytest.param("MAKEFLAGS", f" -- {IN_FLAGS}", marks=pytest.mark.long),
        pytest.param("GNUMAKEFLAGS", IN_FLAGS, marks=pytest.mark.long),
    ],
)
def test_nor_from_flags_that_make_takes_for_its_command_line(
    aged: Aged, hook: str, tmp_path: Path, variable: str, text: str
) -> None:
    folder = aged("alice")
    before, given = all_sums(folder), {variable: text, "SIGNER": "cfssl"}

    done = run("make", "renew", cwd=folder, **given)  # type: ignore[arg-type]

    assert done.returncode == 2
    told = "error: RENEW_HOOK is taken from the command line of the make that renews alone\n"
    assert told in done.stderr
    assert all_sums(folder) == before
    # What is typed goes before it.
    make(folder, "renew", f"RENEW_HOOK={hook}", **given)  # type: ignore[arg-type]
    assert names_run(tmp_path) == ["alice"]
    assert not (folder / "pwned").exists()


def test_nor_from_a_makefile_nor_through_another_make_but_where_that_says_it(
    aged: Aged, hook: str, tmp_path: Path
) -> None:
    folder = aged("alice")
    makefile = folder / "Makefile"
    above = tmp_path / "Makefile"
    above.write_text(
        f"by-itself:\n\t$(MAKE) -C {folder} renew\n"
        f"said:\n\t$(MAKE) -C {folder} renew RENEW_HOOK='$(RENEW_HOOK)'\n"
    )
    makefile.write_text(f"RENEW_HOOK = touch pwned;:\n{makefile.read_text()}")

    make(tmp_path, "by-itself", f"RENEW_HOOK={hook}", code=2, SIGNER="cfssl")
    assert runs(tmp_path) == []
    make(tmp_path, "said", f"RENEW_HOOK={hook}", SIGNER="cfssl")
    assert names_run(tmp_path) == ["alice"]
    make(folder, "renew", "RENEW_DAYS=400", SIGNER="cfssl")
    assert not (folder / "pwned").exists()


def test_the_hook_is_a_text_of_a_shell_just_as_it_stands(aged: Aged) -> None:
    folder = aged("alice")
    text = """  printf '%s|' "$RENEWED_NAME" 'it''s' "\\$x" '#' $((1 + 1)) $(basename "$PWD") 'ä\t%'
printf '%s|' "$MAKEFLAGS$RENEW_HOOK" --  """

    done = make(folder, "renew", f"RENEW_HOOK={text}", SIGNER="cfssl")

    told = f"alice|its|$x|#|2|tls-setup|ä\t%||--|{folder}/dist/alice|handed on"
    assert told in done.stdout


def test_names_of_every_form_reach_the_hook(folder: Factory, hook: str, tmp_path: Path) -> None:
    names = ["0", "A.b_c-D", "x" * 64, "signer", "current"]
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", ",".join(names))
    certs.ca(path)
    certs.member(path)
    for name in names:
        certs.leaf(path, name, begin=NOW + DAY - YEAR)

    make(path, "renew", f"RENEW_HOOK={hook}", SIGNER="cfssl")

    assert names_run(tmp_path) == names


def test_a_member_with_two_certificates_has_one_bundle_and_one_run(
    folder: Factory, hook: str, tmp_path: Path
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice", "--peer-ca")
    make(path, SIGNER="cfssl")
    make(path, "renew", "RENEW_DAYS=400", f"RENEW_HOOK={hook}", SIGNER="cfssl")
    assert names_run(tmp_path) == ["etcd1", "alice"]
    second = (path / "certs/peer-etcd1.pem").read_bytes()
    assert (path / "dist/etcd1/peer-etcd1.pem").read_bytes() == second


def test_a_component_that_the_inventory_lacks_is_told_once(
    aged: Aged, hook: str, tmp_path: Path
) -> None:
    folder = aged("alice")
    shutil.copy(folder / "config/req-bob.json", folder / "config/req-hand.json")
    with (folder / "Makefile").open("a") as text:
        text.write("\nreq-hand certs/hand.pem: config/req-hand.json ; $(sign) -profile client $<\n")
    certs.leaf(folder, "hand", cn="bob", begin=NOW + DAY - YEAR)

    done = make(folder, "renew", f"RENEW_HOOK={hook}", code=2, SIGNER="cfssl")

    assert "  `hand`: `tls-scaffold.json` does not have it: no hook for it\n" in done.stderr
    told = "left to do: hand: whoever uses it has to read it anew, or to be restarted\n"
    assert told in done.stdout
    assert names_run(tmp_path) == ["alice"]
    assert tls_scaffold("-C", str(folder), "renewed", "--hook", hook).returncode == 0
    assert names_run(tmp_path) == []


def test_one_that_can_not_be_signed_holds_up_no_other(
    aged: Aged, hook: str, tmp_path: Path
) -> None:
    folder = aged("alice", "bob")
    (folder / "config/req-alice.json").write_text("{")

    done = make(folder, "renew", f"RENEW_HOOK={hook}", code=2, SIGNER="cfssl")

    assert "cfssl did not sign `alice`" in done.stderr
    assert names_run(tmp_path) == ["bob"]


@each_signer
def test_nothing_is_left_to_do_for_what_was_not_signed(aged: Aged, signer: str) -> None:
    folder = aged()
    assert tls_scaffold("-C", str(folder), "bundle", "alice").returncode == 0
    whole = (folder / "certs/ca-key.pem").rename(folder.with_name("ca-key.pem"))
    done = make(folder, "renew", "RENEW_DAYS=400", code=2, SIGNER=signer)
    assert done.stdout == ""
    whole.rename(folder / "certs/ca-key.pem")
    if signer == "cfssl":  # each by itself
        (folder / "config/req-alice.json").write_text("{")
        done = make(folder, "renew", "RENEW_DAYS=400", code=2, SIGNER=signer)
        told = [line for line in done.stdout.splitlines() if line.startswith("left to do: ")]
        assert any("bob" in line for line in told)
        assert not any("alice" in line for line in told)


def test_a_name_that_is_none_is_an_error(aged: Aged, hook: str, tmp_path: Path) -> None:
    folder = aged("alice")
    for words in ([], ["--hook", hook]):
        done = tls_scaffold("-C", str(folder), "renewed", "alic", "bob", *words)
        assert done.returncode == 1
        assert "`alic` is not a component; did you mean `alice`?" in done.stderr
    assert names_run(tmp_path) == []


def test_the_hook_gets_no_password_of_the_ca_s_key(folder: Factory, tmp_path: Path) -> None:
    words = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice", "--encrypt-ca-key")
    path = folder(*words)
    secret = tmp_path / "password"
    secret.write_text("a long one")
    secret.chmod(0o600)
    given: dict[str, Any] = {"CFSSL_CA_PK_PASSWORD_FILE": str(secret), "SIGNER": "cfssl"}
    make(path, **given)
    text = 'env | grep -c "CFSSL\\|a long one"; :'
    done = make(path, "renew", "RENEW_DAYS=400", f"RENEW_HOOK={text}", **given)
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0"]


def test_without_tls_scaffold_a_hook_is_refused_before_anything_is_signed(
    aged: Aged, hook: str, path_without: Callable[..., str]
) -> None:
    folder = aged("alice")
    before, path = all_sums(folder), path_without("tls-scaffold")

    done = make(folder, "renew", f"RENEW_HOOK={hook}", code=2, PATH=path)
    assert "error: `tls-scaffold` is not installed\n" in done.stderr
    assert all_sums(folder) == before
    done = make(folder, "renew", PATH=path)
    assert done.stdout.endswith("  its client reads it when it starts: restart the client\n")
    assert all_sums(folder) != before


def test_without_a_hook_the_bundles_that_are_there_follow(aged: Aged) -> None:
    folder = aged()
    assert tls_scaffold("-C", str(folder), "bundle", "etcd1", "alice").returncode == 0

    done = make(folder, "renew", "RENEW_DAYS=400", SIGNER="cfssl")

    assert "laid out dist/etcd1, dist/alice\n" in done.stdout
    assert is_current(folder, "etcd1")
    assert is_current(folder, "alice")
    assert not (folder / "dist/bob").exists()
    assert not (folder / owedhooks.NOTES).exists()


def test_a_bundle_keeps_its_forms_and_its_settings(aged: Aged) -> None:
    folder = aged()
    password: dict[str, Any] = {"TLS_SCAFFOLD_P12_PASSWORD": "password"}
    forms = ("--at", "/srv/x", "--key-form", "pkcs8", "--p12", "--kubernetes", "--tar")
    assert run(OURS, "bundle", "alice", *forms, cwd=folder, **password).returncode == 0
    words = ("--data-dir", "/data", "--kubeadm")
    assert run(OURS, "bundle", "etcd1", *words, cwd=folder).returncode == 0
    before = {name: laid_out(folder / "dist" / name) for name in ("alice", "etcd1")}

    make(folder, "renew", "RENEW_DAYS=400", SIGNER="cfssl", **password)

    after = {name: laid_out(folder / "dist" / name) for name in ("alice", "etcd1")}
    same = {
        f"{name}/{path}"
        for name, files in before.items()
        for path, content in files.items()
        if after[name][path] == content
    }
    assert {name: set(files) for name, files in after.items()} == {
        name: set(files) for name, files in before.items()
    }
    settings = {"etcd.env", "etcd.service.d/tls-scaffold.conf", "ca.pem", "pki/etcd/ca.crt"}
    assert same == {
        *(f"alice/{path}" for path in ("etcdctl.env", "ca.pem", "etcd-ca.configmap.yaml")),
        *(f"etcd1/{path}" for path in {*settings, "kubeadm-etcd.yaml"}),
    }
    assert after["alice"]["alice-key.pem"].startswith(b"-----BEGIN PRIVATE KEY-----")
    secret = yaml.safe_load(after["alice"]["alice.secret.yaml"])
    pem = (folder / "certs/alice.pem").read_bytes()
    assert base64.b64decode(secret["data"]["tls.crt"]) == pem
    assert after["etcd1"]["pki/etcd/server.crt"] == (folder / "certs/etcd1.pem").read_bytes()
    assert tls_scaffold("-C", str(folder), "check").returncode == 0


def test_what_can_not_be_laid_out_is_told_and_holds_up_no_other(
    aged: Aged, hook: str, tmp_path: Path
) -> None:
    folder = aged("etcd1", "alice", "bob")
    given: dict[str, Any] = {"TLS_SCAFFOLD_P12_PASSWORD": "password"}
    assert run(OURS, "bundle", "alice", "--p12", cwd=folder, **given).returncode == 0
    assert tls_scaffold("-C", str(folder), "bundle", "bob").returncode == 0
    (folder / "dist/bob/mine").write_text("x")

    done = make(folder, "renew", f"RENEW_HOOK={hook}", code=2, SIGNER="cfssl")

    assert "  `dist/alice`: --p12 needs a password for the stores\n" in done.stderr
    told = "`dist/bob`: no bundle is made: `dist/bob` holds what no bundle brings: `mine`\n"
    assert told in done.stderr
    assert names_run(tmp_path) == ["etcd1"]
    (folder / "dist/bob/mine").unlink()
    assert run(OURS, "renewed", "--hook", hook, cwd=folder, **given).returncode == 0
    assert names_run(tmp_path) == ["alice", "bob"]


# --- killed


def owe(folder: Path, *names: str) -> None:
    """Leave a folder as a run does that was killed when it had signed."""
    words = ("renewed", "--before", "--hook", "true", *names)
    assert tls_scaffold("-C", str(folder), *words).returncode == 0
    make(folder, *(f"req-{name}" for name in names), SIGNER="cfssl")


def test_a_run_that_is_killed_between_signing_and_hook_is_ended_by_the_next(
    aged: Aged, hook: str, tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder = aged("alice", "bob")
    before = all_sums(folder)
    waits = tmp_path / "bin/tls-scaffold"
    waits.parent.mkdir()
    waits.write_text(
        f'#!/bin/sh\ncase "$*" in *--before*) exec {OURS} "$@" ;; *) sleep 100 ;; esac\n'
    )
    waits.chmod(0o755)
    path = f"{waits.parent}:{os.environ['PATH']}"
    process = running(
        *("make", "renew", f"RENEW_HOOK={hook}"), cwd=folder, SIGNER="cfssl", PATH=path
    )
    wait_for(
        lambda: (
            b"sleep"
            in subprocess.run(
                ("ps", "-g", str(process.pid), "-o", "args"), capture_output=True, check=False
            ).stdout
        ),
        60,
    )
    kill_group(process)
    assert all_sums(folder) != before
    assert runs(tmp_path) == []

    done = make(folder, "renew", f"RENEW_HOOK={hook}", SIGNER="cfssl")

    assert done.stdout.startswith("nothing expires within 30 days\nlaid out")
    assert names_run(tmp_path) == ["alice", "bob"]


def test_a_kill_at_any_step_loses_no_hook(
    aged: Aged, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Before signing, and behind it; the short form tries some of the steps."""
    every = 1 if request.config.getoption("--long") else 7
    folder, kept, log = aged("alice"), tmp_path / "kept", tmp_path / "log"
    hook = f"echo ran >>{log};:"
    shutil.copytree(folder, kept, symlinks=True)
    step = 1
    while kills.run(folder, ["renewed", "--before", "--hook", hook, "alice"], step) != 0:
        owe(folder, "alice")
        assert owedhooks.owed(folder).keys() == {"alice"}, step
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        step += every
    make(folder, "req-alice", SIGNER="cfssl")
    shutil.rmtree(kept)
    shutil.copytree(folder, kept, symlinks=True)
    words = ["renewed", "--hook", hook, "alice"]
    step = 1
    while kills.run(folder, words, step) == -signal.SIGKILL:
        done = tls_scaffold("-C", str(folder), *words)
        assert done.returncode == 0, done.stderr
        assert log.read_text() in ("ran\n", "ran\nran\n"), step
        assert not (folder / owedhooks.NOTES).exists()
        assert is_current(folder, "alice")
        log.unlink()
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        step += every
    assert step > 20


def test_a_kill_at_any_moment_loses_no_hook(
    aged: Aged,
    tmp_path: Path,
    running: Callable[..., "subprocess.Popen[str]"],
    request: pytest.FixtureRequest,
) -> None:
    """Of the whole make, with either signer; the short form tries two moments."""
    count = 50 if request.config.getoption("--long") else 2
    kept, log = aged("alice", "bob"), tmp_path / "log"
    words = ("renew", f"RENEW_HOOK=cd dist/$RENEWED_NAME; sha256sum *.pem >>{log}; :")
    begin = time.monotonic()
    whole = shutil.copytree(kept, tmp_path / "whole", symlinks=True)
    make(whole, *words, SIGNER="cfssl")
    length = time.monotonic() - begin
    for number in range(count):
        log.unlink(missing_ok=True)
        folder = shutil.copytree(kept, tmp_path / f"killed-{number}", symlinks=True)
        signer = SIGNERS[number % 2]
        process = running("make", *words, cwd=folder, SIGNER=signer)
        time.sleep(length * (number + 0.5) / count)
        kill_group(process)
        make(folder, *words, SIGNER=signer)
        carried = log.read_text()
        for name in ("alice", "bob"):
            pem = (folder / f"certs/{name}.pem").read_bytes()
            assert pem != (kept / f"certs/{name}.pem").read_bytes(), number
            assert f"{hashlib.sha256(pem).hexdigest()}  {name}.pem\n" in carried, number
        assert not (folder / owedhooks.NOTES).exists()
        shutil.rmtree(folder)


def test_two_runs_at_a_time_run_each_hook_once_and_never_two_at_a_moment(
    aged: Aged, tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder = aged()
    owe(folder, "alice", "bob")
    log = tmp_path / "log"
    hook = f"echo begin >>{log}; sleep 0.3; echo end >>{log};:"
    both = [
        running(str(BIN / "tls-scaffold"), "renewed", "--hook", hook, cwd=folder) for _ in range(2)
    ]
    assert [process.wait() for process in both] == [0, 0]
    assert log.read_text() == "begin\nend\n" * 2


def test_what_is_renewed_while_its_hook_runs_is_owed_again(aged: Aged, tmp_path: Path) -> None:
    folder = aged()
    owe(folder, "alice")
    log = tmp_path / "log"
    hook = f"echo >>{log}; [ -e {log}.2 ] || make -s req-alice; touch {log}.2;:"

    for runs_so_far in (1, 2, 2):
        done = run(OURS, "renewed", "--hook", hook, cwd=folder, SIGNER="cfssl")
        assert done.returncode == 0, done.stderr
        assert len(log.read_text()) == runs_so_far


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"junk\n", b"0 alice\n" * 9, None])
def test_notes_from_elsewhere_run_no_hook(aged: Aged, hook: str, content: bytes | None) -> None:
    folder = aged()
    notes = folder / owedhooks.NOTES
    if content is None:
        notes.symlink_to("ca.pem")
    else:
        notes.write_bytes(content)
    done = tls_scaffold("-C", str(folder), "renewed", "--hook", hook)
    assert done.returncode == (content in (None, b"\xff\xfe"))
    assert done.stderr.startswith("error: ") or not done.returncode
    assert not (folder.parent / "log").exists()


# --- who has to do what


AT_START = {
    *("coredns", "external-dns", "flannel", "traefik", "k3s"),
    # What speaks to etcd by them is not known, or not looked at.
    *("monitoring", "patroni", "apisix", "gateway", "openstack"),
}
IN_PODS = {"calico", "calico-node", "calico-cni", "calico-kube-controllers"}
EACH_TIME = {
    *("root", "backup", "calicoctl", "calicoctl-policy", "calicoctl-read-only"),
    *("kube-apiserver", "kube-apiserver-restricted", "felix", "typha", "vault", "cilium"),
}


def test_who_has_to_restart_is_said_of_each_preset() -> None:
    users = [{"name": f"u-{each.name}", "role": each.name} for each in PRESETS]
    inventory = intake.of_data({"members": "a", "users": users})

    again = {row.name.removeprefix("u-"): row.again for row in rows(inventory)}

    at_start = "its client reads it when it starts: restart the client"
    assert {name for name, text in again.items() if text == at_start} == AT_START
    in_pods = "renew its Secret in Kubernetes, then restart Calico's pods"
    assert {name for name, text in again.items() if text == in_pods} == IN_PODS
    assert {name for name, text in again.items() if needs_nothing(text)} - {"etcd1", "proxy1"} == (
        EACH_TIME
    )


# --- a member that runs


@pytest.mark.needs("etcd")
def test_a_member_whose_files_are_in_dist_serves_the_new_certificate_without_a_restart(
    aged: Aged, tmp_path: Path
) -> None:
    folder = aged("etcd1")
    certs.member(folder, hosts=("127.0.0.1", "localhost", "10.0.0.1"), begin=NOW + DAY - YEAR)
    assert tls_scaffold("-C", str(folder), "bundle", "etcd1").returncode == 0
    client, peer = free_ports(2)
    at = folder / "dist/etcd1"
    pair = {"cert-file": at / "etcd1.pem", "key-file": at / "etcd1-key.pem"}
    flags = {
        "name": "etcd1",
        "data-dir": tmp_path / "data",
        "listen-client-urls": f"https://{HOST}:{client}",
        "advertise-client-urls": f"https://{HOST}:{client}",
        "listen-peer-urls": f"https://{HOST}:{peer}",
        "initial-advertise-peer-urls": f"https://{HOST}:{peer}",
        "initial-cluster": f"etcd1=https://{HOST}:{peer}",
        "client-cert-auth": "true",
        "trusted-ca-file": at / "ca.pem",
        "peer-trusted-ca-file": at / "ca.pem",
        **pair,
        **{f"peer-{name}": path for name, path in pair.items()},
    }
    look = f"openssl s_client -connect {HOST}:{client} </dev/null 2>&1 | openssl x509"
    served = ("sh", "-c", f"{look} -noout -serial")
    log = (tmp_path / "etcd.log").open("wb")
    words = ("etcd", "--unsafe-no-fsync", *(f"--{name}={each}" for name, each in flags.items()))
    with subprocess.Popen(words, stdout=log, stderr=log, cwd=tmp_path) as process:
        try:
            wait_for(lambda: "serial=" in run(*served).stdout, 60)
            old = run(*served).stdout
            assert (
                old
                == run("openssl", "x509", "-noout", "-serial", "-in", str(pair["cert-file"])).stdout
            )

            done = make(
                folder,
                "renew",
                f"RENEW_HOOK={look} -noout -serial >{tmp_path}/seen; :",
                SIGNER="cfssl",
            )

            new = run(
                "openssl", "x509", "-noout", "-serial", "-in", f"{folder}/certs/etcd1.pem"
            ).stdout
            assert (tmp_path / "seen").read_text() == new != old
            assert process.poll() is None
            assert done.stdout.endswith("nothing has to be restarted\n")
        finally:
            process.kill()
    log.close()


@pytest.mark.parametrize("has_bundle", [True, False])
def test_the_list_of_what_members_refuse_is_laid_out_too(aged: Aged, has_bundle: bool) -> None:
    folder = aged("etcd1")
    for words in (("sync", "--crl"), ("revoke",), *([("bundle", "etcd1")] if has_bundle else [])):
        assert tls_scaffold("-C", str(folder), *words).returncode == 0, words
    assert tls_scaffold("-C", str(folder), "revoke", "alice").returncode == 0

    make(folder, "renew", "RENEW_HOOK=true", SIGNER="tls-scaffold")

    crl = (folder / "certs/crl.der").read_bytes()
    assert (folder / "dist/etcd1/crl.der").read_bytes() == crl
    assert is_current(folder, "etcd1")

"""`bundle --signer`: units of systemd's that renew a folder each day, as systemd reads them."""

import json
import os
import re
import shlex
import shutil
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import certs
from clusters import P256
from conftest import Factory
from support import OURS, Done, contents, make, run
from tls_scaffold.bundles.signer import moment_of_day, unit_name

WORDS = ("--members", "10.0.0.1", "--users", "alice", *P256)
NIGHT = re.compile(r"\*-\*-\* 0([1-4]):[0-5]\d:[0-5]\d")

pytestmark = pytest.mark.needs("systemd-analyze")


def signer(folder: Path, *words: str, code: int = 0, **variables: Any) -> Done:
    done = run(OURS, "bundle", "--signer", *words, cwd=folder, **variables)
    assert done.returncode == code, done.stderr
    return done


def units(folder: Path) -> tuple[Path, Path]:
    service, timer = sorted((folder / "dist/signer").iterdir())
    assert service.stem == timer.stem
    assert (service.suffix, timer.suffix) == (".service", ".timer")
    return service, timer


def value(unit: Path, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    return str(found)


def verified(folder: Path) -> str:
    """Return what systemd has against the units of a folder."""
    at = folder / "dist/signer"
    names = [f"./{path.name}" for path in units(folder)]
    return run("systemd-analyze", "verify", *names, cwd=at, SYSTEMD_UNIT_PATH=f"{at}:").stderr


def words_of(service: Path) -> list[str]:
    """Return what systemd runs: quotes and C's escapes are as a shell's here."""
    command = value(service, "ExecStart").replace("$$", "$").replace("%%", "%")
    return shlex.split(command.replace(r"\n", "\n"))


def test_the_units_are_sound_and_renew_the_folder_at_a_time_of_its_own(folder: Factory) -> None:
    path = folder(*WORDS)

    done = signer(path)

    service, timer = units(path)
    assert verified(path) == ""
    assert words_of(service) == ["/usr/bin/make", "-C", str(path), "renew"]
    assert value(service, "ReadWritePaths") == str(path)
    moment = value(timer, "OnCalendar")
    assert NIGHT.fullmatch(moment)
    asked = run("systemd-analyze", "calendar", moment).stdout
    assert f"Normalized form: {moment}\n" in asked
    assert done.stdout == "dist/signer\n"
    assert done.stderr == (
        "next, as root on the machine that signs: \n"
        f"  cp dist/signer/{timer.stem}.* /etc/systemd/system/\n"
        f"  systemctl daemon-reload && systemctl enable --now {timer.name}\n"
    )
    assert {stat.S_IMODE(each.stat().st_mode) for each in (service, timer)} == {0o600}
    before = contents(path / "dist")
    signer(path)
    assert contents(path / "dist") == before


def test_systemd_finds_the_service_hardened(folder: Factory) -> None:
    path = folder(*WORDS)
    signer(path)
    service, _ = units(path)
    words = ("systemd-analyze", "security", "--offline=true", "--threshold=50")
    done = run(*words, f"./{service.name}", cwd=service.parent)
    assert done.returncode == 0, done.stdout
    with service.open("a") as text:
        text.write("NoNewPrivileges=no\nProtectSystem=no\nPrivateDevices=no\n")
    assert run(*words, f"./{service.name}", cwd=service.parent).returncode != 0
    service.write_text(service.read_text() + "ProtectSystems=x\n")
    assert "ProtectSystems" in verified(path)


def test_times_are_spread_over_the_night_by_the_folder_s_path_and_never_change() -> None:
    paths = [f"/srv/clusters/{number}/tls-setup" for number in range(1000)]
    moments = [moment_of_day(path) for path in paths]
    assert moments == [moment_of_day(path) for path in paths]
    assert all(map(NIGHT.fullmatch, moments))
    hours = Counter(moment[6:8] for moment in moments)
    assert {*hours} == {"01", "02", "03", "04"}
    assert min(hours.values()) > 200
    assert max(Counter(moment[:11] for moment in moments).values()) < 20  # in one minute
    assert moment_of_day("/srv/tls-setup") == "*-*-* 01:45:06"
    assert len({unit_name(path) for path in paths}) == len(paths)


ODD = ["with blank", "ä%i$HOME", "quote\"back\\slash'", "{0}", "-C", "a;b&c"]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_and_any_hook_reach_make_as_they_are(
    folder: Factory, tmp_path: Path, name: str
) -> None:
    path = folder(*WORDS, name=name)
    hook = """printf '%s|' "50%" $HOME "\\$x" 'a\\tb' >>"$OUT"; printf '%s\n' >>"$OUT" "$@"; :"""
    make(path, SIGNER="cfssl")

    signer(path, "--hook", hook)

    assert verified(path) == ""
    service, _ = units(path)
    program, *words = words_of(service)
    assert words == ["-C", str(path), "renew", f"RENEW_HOOK={hook}"]
    assert service.stem.startswith("tls-scaffold-renew-")
    assert value(service, "Description").endswith(str(path).replace("%", "%%"))
    if name == ODD[0]:
        done = run(program, *words, "RENEW_DAYS=400", HOME="/h", OUT=str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out").read_text().startswith(f"50%|/h|$x|a\\tb|{path}/dist/")


def test_at_says_where_the_folder_is_there_and_nothing_of_this_machine_is_in_it(
    folder: Factory,
) -> None:
    path = folder(*WORDS)
    signer(path, "--at", "/srv/eu/tls-setup")
    service, timer = units(path)
    assert words_of(service) == ["/usr/bin/make", "-C", "/srv/eu/tls-setup", "renew"]
    assert "Environment" not in service.read_text()
    assert timer.stem == unit_name("/srv/eu/tls-setup")
    assert verified(path) == ""
    # Another folder's units take their place.
    signer(path, "--at", "/srv/us/tls-setup")
    assert units(path)[1].stem == unit_name("/srv/us/tls-setup")
    told = signer(path, "--at", "here", code=2).stderr
    assert "error: --at: `here` is not an absolute path" in told


def test_programs_that_systemd_would_not_find_are_named(folder: Factory, tmp_path: Path) -> None:
    path, found = folder(*WORDS), tmp_path / "bin"
    found.mkdir()
    (found / "cfssl").symlink_to(shutil.which("cfssl") or "")
    own = str(Path(OURS).parent)
    signer(path, PATH=f"{found}:{os.environ['PATH']}:{own}")
    given = value(units(path)[0], "Environment").strip('"').removeprefix("PATH=").split(":")
    usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]
    assert given == [own, str(found), *usual]


@pytest.mark.parametrize(
    ("words", "lines", "told"),
    [
        (
            ("--encrypt-ca-key",),
            [
                "# the password of the CA's key, one line; for root alone (0600)",
                "LoadCredential=ca:/etc/tls-scaffold/{unit}.password",
                "Environment=CFSSL_CA_PK_PASSWORD_FILE=%d/ca",
            ],
            "{unit}.password, for root alone: the password of the CA's key, one line",
        ),
        (
            ("--ca-remote", "http://10.0.0.9:8888", "--ca-label", "x"),
            [
                "# `CFSSL_AUTH=…` and `CFSSL_AUTH_ROOT=…`, a line each; for root alone (0600)",
                "EnvironmentFile=/etc/tls-scaffold/{unit}.env",
            ],
            "{unit}.env, for root alone: `CFSSL_AUTH=…` and `CFSSL_AUTH_ROOT=…`, a line each",
        ),
        ((), [], None),
    ],
    ids=["encrypted", "remote", "plain"],
)
def test_what_a_run_needs_to_know_comes_from_a_file_of_root_s(
    folder: Factory, tmp_path: Path, words: tuple[str, ...], lines: list[str], told: str | None
) -> None:
    certs.ca(tmp_path)
    brought = ("--ca", str(tmp_path / "certs/ca.pem")) if "--ca-remote" in words else ()
    path = folder(*WORDS, *words, *brought)
    done = signer(path)
    service, _ = units(path)
    unit = service.stem
    secret = [
        line
        for line in service.read_text().splitlines()
        if "/etc/tls-s" in line or "%d" in line or "0600" in line
    ]
    assert secret == [line.format(unit=unit) for line in lines]
    if told:
        assert f"needs /etc/tls-scaffold/{told.format(unit=unit)}\n" in done.stderr
    else:
        assert "needs" not in done.stderr
    assert verified(path) == ""


def test_where_the_ca_s_key_is_on_another_machine_signatures_are_asked_for(
    folder: Factory,
) -> None:
    path = folder(*WORDS, "--ca-offline")
    signer(path)
    assert words_of(units(path)[0])[-1] == "csr"
    told = signer(path, "--hook", "true", code=2).stderr
    assert "error: --hook: the CA's key is on another machine, so nothing is renewed here" in told


def test_it_goes_with_no_other_bundle(folder: Factory) -> None:
    path = folder(*WORDS)
    told = signer(path, "alice", code=2).stderr
    assert "--signer makes one bundle of its own, without NAMEs" in told
    told = signer(path, "--tar", "--p12", code=2).stderr
    assert "without `--tar`, `--p12`" in told
    done = run(OURS, "bundle", "--hook", "true", cwd=path, TLS_SCAFFOLD_HOOK="false")
    assert done.returncode == 2
    assert "--hook is for `--signer` alone" in done.stderr
    signer(path, TLS_SCAFFOLD_HOOK="touch pwned", TLS_SCAFFOLD_TAR="1")
    assert "RENEW_HOOK" not in units(path)[0].read_text()
    (path / "dist/signer/mine").write_text("x")
    assert "`dist/signer` holds what no bundle brings: `mine`" in signer(path, code=1).stderr
    shutil.rmtree(path / "dist/signer")
    written = json.loads(signer(path, "--json").stdout)
    service, timer = units(path)
    assert written["written"] == [f"dist/signer/{each.name}" for each in (service, timer)]
    assert written["next"][1].endswith(f"enable --now {timer.name}")
    other = folder("--members", "10.0.0.1", "--users", "signer", name="other")
    told = "error: `dist/signer` is the bundle of the component `signer`\n"
    assert told in signer(other, code=1).stderr

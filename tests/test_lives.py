"""The last year of a CA's life: what it signs ends with it, which both signers tell."""

import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import certs
from certs import DAY, NOW, YEAR
from conftest import Factory
from peers import build as peers
from support import PAGES, PROGRAMS, contents, make, run, tls_scaffold
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.signer import utc_now

pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")

BUILT = str(peers.folder("cfssl"))
CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice,bob")
LAST_YEAR = f"{PAGES}/life/the-cas-last-year.md"
SIGNERS = ("cfssl", "tls-scaffold")
SIGN = "-ca certs/ca.pem -ca-key certs/ca-key.pem"


def edit_profile(folder: Path, name: str, **fields: str) -> None:
    path = folder / "config/ca-config.json"
    document = json.loads(path.read_text())
    signing = document["signing"]
    (signing["default"] if name == "default" else signing["profiles"][name]).update(fields)
    path.write_text(json.dumps(document))


def read(path: Path) -> Certificate:
    return certificates.read(path.read_bytes(), path.name)


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    done = tls_scaffold("status", "--json", cwd=folder)
    return {each["name"]: each for each in json.loads(done.stdout)["components"]}


def test_what_the_own_signer_signs_ends_with_its_ca_at_the_latest(folder: Factory) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR + 100 * DAY)
    end = NOW + 100 * DAY
    edit_profile(path, "client", expiry="720h")
    done = tls_scaffold("sign", cwd=path)
    told = f"warning: `certs/ca.pem` ends {end:%Y-%m-%d %H:%M} UTC, and what is signed now with it"
    assert (done.returncode, done.stderr) == (0, f"{told}\n")
    assert read(path / "certs/etcd1.pem").not_after == end
    alice = read(path / "certs/alice.pem")
    assert alice.not_after - alice.not_before == timedelta(days=30)


def test_a_life_that_was_cut_is_what_was_asked_for(folder: Factory) -> None:
    """What files hold decides: it is neither stale nor signed again, with or without a record."""
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR + 100 * DAY)
    make(path, SIGNER="tls-scaffold")
    before = contents(path)
    for signer in SIGNERS:
        make(path, SIGNER=signer)
        assert contents(path) == before
    shutil.rmtree(path / "issued")
    done = tls_scaffold("sign", cwd=path)
    assert done.stderr == "nothing to sign: 3 certificates are what their requests ask for\n"
    assert {each["state"] for each in rows(path).values()} == {"valid"}
    edit_profile(path, "client", expiry="2401h")  # an hour beyond the CA's end
    assert tls_scaffold("sign", cwd=path).stderr.startswith("nothing to sign")
    edit_profile(path, "client", expiry="720h")
    assert rows(path)["alice"]["state"] == "stale"
    assert rows(path)["etcd1"]["state"] == "valid"


def test_a_moment_beyond_the_ca_s_end_is_cut_as_a_duration_is(folder: Factory) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR + 100 * DAY)
    edit_profile(path, "client", not_after=f"{NOW + 101 * DAY:%Y-%m-%dT%H:%M:%SZ}")
    make(path, SIGNER="tls-scaffold")
    assert read(path / "certs/alice.pem").not_after == NOW + 100 * DAY
    assert rows(path)["alice"]["state"] == "valid"
    edit_profile(path, "client", not_before=f"{NOW + 101 * DAY:%Y-%m-%dT%H:%M:%SZ}")
    done = tls_scaffold("sign", cwd=path)
    assert done.returncode == 1
    assert "UTC) before it begins (" in done.stderr


def test_days_left_are_those_of_what_ends_first(folder: Factory) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR + 100 * DAY)
    make(path, SIGNER="cfssl")
    found = rows(path)
    end = NOW + 100 * DAY
    left = (end - utc_now()) // DAY
    assert found["alice"]["days_left"] == found["ca"]["days_left"] == left
    assert found["alice"]["not_after"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    own_end = read(path / "certs/alice.pem").not_after
    assert found["alice"]["reasons"] == [
        (
            f"valid: its CA `certs/ca.pem` ends {end:%Y-%m-%d %H:%M} UTC, before the certificate "
            f"({own_end:%Y-%m-%d %H:%M} UTC)"
        )
    ]
    assert found["alice"]["state"] == "valid"
    metrics = tls_scaffold("status", "--prometheus", "-", cwd=path).stdout
    (line,) = [each for each in metrics.splitlines() if 'name="alice"' in each and "after" in each]
    assert line.endswith(f" {end.timestamp():.0f}")
    done = tls_scaffold("status", "--within", "101d", cwd=path)
    assert f"  expiring: its CA `certs/ca.pem` ends {end:%Y-%m-%d %H:%M} UTC\n" in done.stdout
    assert done.stderr == f"next: make renew-ca\npage: {LAST_YEAR}\n"


def test_cfssl_s_leaves_tell_of_a_ca_that_ends_within_their_life(folder: Factory) -> None:
    path = folder(*CLUSTER)
    # Not `NOW`, which is when the tests began: that may be an hour ago.
    certs.ca(path, begin=utc_now() - 10 * YEAR + 100 * DAY)
    told = "warning: `certs/ca.pem` ends "
    assert told in make(path, SIGNER="cfssl").stderr
    edit_profile(path, "default", expiry="720h")
    edit_profile(path, "client", expiry="2399h")
    assert told not in make(path, "req", SIGNER="cfssl").stderr
    edit_profile(path, "client", expiry="2401h30m")
    assert told in make(path, "req-alice", SIGNER="cfssl").stderr


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_of_a_day_signs_leaves_of_an_hour_less(folder: Factory, signer: str) -> None:
    path = folder(*CLUSTER)
    request = json.loads((path / "config/ca-csr.json").read_text())
    request["ca"] = {"expiry": "26h"}
    (path / "config/ca-csr.json").write_text(json.dumps(request))
    for name in ("default", "client"):
        edit_profile(path, name, expiry="25h")
    done = make(path, SIGNER=signer)
    assert "warning" not in done.stderr
    assert {each["days_left"] for each in rows(path).values()} == {1}
    assert make(path, SIGNER=signer).returncode == 0


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_that_has_ended_signs_nothing(folder: Factory, signer: str) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR - DAY)
    before = {name for name in contents(path) if name.startswith("certs/")}
    done = make(path, SIGNER=signer, code=2)
    assert "nobody takes what it signs" in done.stderr
    assert "`make renew-ca` signs it again, with the same key" in done.stderr
    there = {name for name in contents(path) if name.startswith("certs/")}
    assert there - before <= {"certs/trust.pem", "certs/.gitignore"}
    make(path, "regenerate", YES="1", SIGNER=signer)
    assert {each["state"] for each in rows(path).values()} == {"valid"}


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_that_begins_later_than_the_clock_says_signs_nothing(
    folder: Factory, signer: str
) -> None:
    path = folder(*CLUSTER)
    now = utc_now()
    certs.ca(path, begin=now + timedelta(minutes=8))
    before = {name for name in contents(path) if name.startswith("certs/")}
    for goal in ("all", "req", "req-alice"):
        done = make(path, goal, SIGNER=signer, code=2)
        assert "error: " in done.stderr
        assert re.search(
            "`certs/ca.pem` begins .*later than this machine's clock says", done.stderr
        )
        assert "hint: set the clock\n" in done.stderr
        assert "regenerate" not in done.stderr
    there = {name for name in contents(path) if name.startswith("certs/")}
    assert there - before <= {"certs/trust.pem", "certs/.gitignore"}

    certs.ca(path, begin=now + timedelta(minutes=3))
    (path / "certs/trust.pem").unlink(missing_ok=True)
    shutil.rmtree(path / "issued", ignore_errors=True)
    assert "signed certs/alice.pem" in make(path, SIGNER=signer).stdout


def test_a_ca_that_has_ended_signs_nothing_for_the_stand_in(folder: Factory) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR - DAY)
    done = tls_scaffold("cfssl", "gencert", *SIGN.split(), "config/req-alice.json", cwd=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: `certs/ca.pem` ended {NOW - DAY:%Y-%m-%d %H:%M} UTC: nobody takes what it signs\n"
    )


def test_the_end_of_a_ca_is_told_once(folder: Factory) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 10 * YEAR - DAY)
    certs.member(path, begin=NOW - 2 * DAY)
    for name in ("alice", "bob"):
        certs.leaf(path, name, begin=NOW - 2 * DAY)
    (path / "certs/ca-key.pem").chmod(0o600)
    found = json.loads(tls_scaffold("check", "--json", cwd=path).stdout)["findings"]
    grave = [(each["id"], each["where"]) for each in found if each["level"] != "note"]
    assert grave == [("expired", "certs/ca.pem")]
    assert {each["state"] for each in rows(path).values()} == {"expired"}
    done = run("openssl", "x509", "-noout", "-checkend", "0", "-in", "certs/ca.pem", cwd=path)
    assert done.returncode == 1


HANDMADE = """all: ca req
ca:
\tmkdir -p certs
\tcfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca
req:
\tcfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json \\
\t  -profile peer config/m.json | cfssljson -bare certs/m
"""
TEN_YEARS = timedelta(hours=87600)


def handmade(folder: Path) -> Path:
    """A folder as many are: what it signs for ten years has a CA of cfssl's five."""
    peer = {"expiry": "87600h", "usages": ["signing", "server auth", "client auth"]}
    key = {"algo": "ecdsa", "size": 256}
    documents = {
        "ca-csr": {"CN": "Site CA", "key": key},
        "ca-config": {"signing": {"default": {"expiry": "87600h"}, "profiles": {"peer": peer}}},
        "m": {"CN": "etcd", "hosts": ["localhost", "10.9.0.1"], "key": key},
    }
    (folder / "config").mkdir(parents=True)
    for name, document in documents.items():
        (folder / f"config/{name}.json").write_text(json.dumps(document))
    (folder / "Makefile").write_text(HANDMADE)
    return folder


@pytest.mark.needs("cfssl", "cfssljson", within=BUILT)
@pytest.mark.parametrize("path", [PROGRAMS, f"{BUILT}{os.pathsep}{PROGRAMS}"])
def test_a_folder_that_is_not_ours_gives_the_lives_that_cfssl_gives(
    path: str, tmp_path: Path
) -> None:
    signed = {name: handmade(tmp_path / name) for name in ("make", "sign")}
    make(signed["make"], PATH=path)
    done = tls_scaffold("sign", cwd=signed["sign"])
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(
        "warning: config/ca-config.json: profile `peer`: would outlive the CA by 43800h (the CA "
    )
    for folder in signed.values():
        assert read(folder / "certs/m.pem").lifetime == TEN_YEARS
        assert {each["state"] for each in rows(folder).values()} == {"valid"}
        assert tls_scaffold("sign", cwd=folder).stderr.startswith("nothing to sign")


def test_an_adopted_folder_gives_the_lives_that_it_gave(tmp_path: Path) -> None:
    path = handmade(tmp_path / "folder")
    for words in (("adopt",), ("sync",)):
        done = tls_scaffold(*words, cwd=path)
        assert done.returncode == 0, done.stderr
    make(path, SIGNER="tls-scaffold")
    assert read(path / "certs/m.pem").lifetime == TEN_YEARS
    assert {each["state"] for each in rows(path).values()} == {"valid"}


def test_a_folder_that_is_not_ours_signs_beyond_the_end_of_its_ca(tmp_path: Path) -> None:
    path = handmade(tmp_path / "folder")
    edit_profile(path, "peer", expiry="8760h")
    certs.ca(path, begin=NOW - 10 * YEAR + 100 * DAY)
    done = tls_scaffold("sign", cwd=path)
    assert "profile `peer`: would outlive the CA by " in done.stderr
    assert read(path / "certs/m.pem").lifetime == YEAR
    certs.ca(path, begin=NOW - 11 * YEAR)
    done = tls_scaffold("sign", "--force", cwd=path)
    assert done.returncode == 1
    assert "nobody takes what it signs" in done.stderr


def test_make_tells_of_the_end_of_a_ca_what_ends_behind_it_and_nothing_else(
    folder: Factory,
) -> None:
    path = folder(*CLUSTER)
    certs.ca(path, begin=NOW - 8 * YEAR)
    edit_profile(path, "client", expiry=f"{3 * 8760}h")  # beyond the CA's end, in two years
    end = f"{NOW + 2 * YEAR:%b} {(NOW + 2 * YEAR).day:2} "

    for goal, is_told in (("req-etcd1", False), ("req-alice", True), ("req-etcd1", False)):
        done = make(path, goal, SIGNER="cfssl")
        told = f"warning: `certs/ca.pem` ends {end}" in done.stderr
        assert told == is_told, done.stderr

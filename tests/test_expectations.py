"""What `status` knows from the inventory: a certificate may be all that was asked for, and no good.

The certificates are signed by the real cfssl, which signs all of this in silence.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from support import PAGES, make, openssl, tls_scaffold
from test_custody_encrypted import SIGNERS

pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")

STALE = f"page: {PAGES}/life/states.md#stale\n"
CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
Edit = Callable[[Path], None]


def replaced(path: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        before = (folder / path).read_text()
        assert old in before
        (folder / path).write_text(before.replace(old, new))

    return edit


@pytest.mark.parametrize(
    ("edit", "name", "reasons"),
    [
        (
            replaced("config/req-csr.json", '"hosts"', '"host"'),
            "etcd1",
            ["stale: hosts: `10.0.0.1` of member `etcd1` missing, and is not asked for"],
        ),
        (
            replaced("config/req-csr.json", '"10.0.0.1"', '"10.0.0.1:2379"'),
            "etcd1",
            ["stale: hosts: `10.0.0.1` of member `etcd1` missing, and is not asked for"],
        ),
        (
            replaced("config/ca-config.json", '"server auth"', '"server-auth"'),
            "etcd1",
            ["stale: usages: `server auth` missing, and is not asked for"],
        ),
        (
            replaced(
                "Makefile", "req-csr.json ; $(sign)", "req-csr.json ; $(sign) -profile client"
            ),
            "etcd1",
            ["stale: usages: `server auth` missing, and is not asked for"],
        ),
        (
            replaced("config/req-alice.json", '"alice"', '"alcie"'),
            "alice",
            ["stale: CN: `alcie`, but it is for `alice`"],
        ),
    ],
    ids=["misspelt hosts", "a port", "a usage", "the profile of users", "another CN"],
)
def test_what_cfssl_signs_in_silence_is_not_valid(
    folder: Factory, edit: Edit, name: str, reasons: list[str]
) -> None:
    path = folder(*CLUSTER)
    edit(path)
    make(path, SIGNER="cfssl")
    status = tls_scaffold("status", "--json", cwd=path)
    rows = json.loads(status.stdout)["components"]
    (row,) = [each for each in rows if each["name"] == name]
    assert row["reasons"] == reasons
    assert status.returncode != 0
    # To sign it again would change nothing.
    assert tls_scaffold("status", cwd=path).stderr == f"next: tls-scaffold check\n{STALE}"
    assert tls_scaffold("check", cwd=path).returncode == 1


@pytest.mark.parametrize(
    "edit",
    [
        replaced("config/req-csr.json", '"hosts"', '"host"'),
        replaced("config/req-alice.json", '"alice"', '"root"'),
        replaced("Makefile", "req-csr.json ; $(sign)", "req-csr.json ; $(sign) -profile client"),
        replaced(
            "config/ca-config.json", '"client": {', '"client": {"ca_constraint": {"is_ca": true},'
        ),
    ],
    ids=["hosts", "CN", "profile", "a CA"],
)
def test_what_is_good_is_not_signed_again_from_what_is_not(folder: Factory, edit: Edit) -> None:
    path = folder(*CLUSTER)
    make(path, SIGNER="cfssl")
    edit(path)
    status = tls_scaffold("status", cwd=path)
    assert "  stale: " in status.stdout
    assert status.stderr == f"next: tls-scaffold check\n{STALE}"
    assert tls_scaffold("check", cwd=path).returncode == 1


def test_what_the_request_asks_for_by_now_is_signed_again(folder: Factory) -> None:
    path = folder(*CLUSTER)
    replaced("config/req-csr.json", '"hosts"', '"host"')(path)
    make(path, SIGNER="cfssl")
    replaced("config/req-csr.json", '"host"', '"hosts"')(path)
    assert tls_scaffold("status", cwd=path).stderr == f"next: make req-etcd1\n{STALE}"
    make(path, SIGNER="cfssl")
    assert tls_scaffold("status", cwd=path).returncode == 0


@pytest.mark.parametrize(
    "flag", ["-profile clint", "--profile=clint", "-profile client -profile x"]
)
def test_an_unknown_profile_is_refused_by_name(folder: Factory, flag: str) -> None:
    path = folder(*CLUSTER)
    replaced("Makefile", "-profile client", flag)(path)
    done = make(path, SIGNER="cfssl", code=2)
    name = flag.replace("=", " ").split()[-1]
    assert (
        f"error: `certs/alice.pem` asks for the profile `{name}`, which `config/ca-config.json` "
        "does not have\n" in done.stderr
    )
    assert not (path / "certs/alice.pem").exists()


GRANTED = '{"expiry": "1h", "usages": ["client auth"]}'
WRITTEN = '{"signing": {"default": {"expiry": "1h"}, "profiles": {PROFILE}}}'


@pytest.mark.parametrize(
    "config",
    [
        WRITTEN.replace("PROFILE", f'"client":{GRANTED}').replace(": ", ":"),
        WRITTEN.replace("PROFILE", f'"client"\n :\t{GRANTED}'),
        WRITTEN.replace("PROFILE", f'"c\\u006cient": {GRANTED}'),
        WRITTEN.replace("PROFILE", f'"for users" : {GRANTED}'),
        WRITTEN.replace("PROFILE", f'"for  users": {GRANTED}'),
    ],
    ids=["in one line", "with blanks", "in escapes", "of two words", "of two words far apart"],
)
def test_a_profile_that_is_there_is_found_however_it_is_written(
    folder: Factory, config: str
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    (path / "config/ca-config.json").write_text(config)
    name = next(iter(json.loads(config)["signing"]["profiles"]))
    replaced("Makefile", "-profile client", f"-profile '{name}'")(path)
    make(path, "req-alice", SIGNER="cfssl")
    assert (path / "certs/alice.pem").exists()


@pytest.mark.parametrize("signer", ["cfssl 1.2", pytest.param("cfssl 1.6", marks=pytest.mark.long)])
def test_an_empty_host_is_signed_by_cfssl_and_told_by_everything_of_ours(
    folder: Factory, signer: str
) -> None:
    path = folder(*CLUSTER, "--key", "ecdsa-256")
    replaced("config/req-alice.json", '"hosts": []', '"hosts": [""]')(path)
    make(path, **SIGNERS[signer])
    assert "DNS:\n" in openssl("x509", "-in", str(path / "certs/alice.pem"), "-noout", "-text")

    status = tls_scaffold("-C", str(path), "status")
    assert re.search(r'^alice +user +alice +"" ', status.stdout, re.MULTILINE), status.stdout
    assert f"next: tls-scaffold -C {path} check" in status.stderr
    found = tls_scaffold("-C", str(path), "check")
    assert "the host is empty: cfssl signs an empty DNS name [empty-host]" in found.stdout
    refused = make(path, "req-alice", code=2, **SIGNERS["own"])
    assert "hosts[0]: is empty: cfssl signs an empty DNS name" in refused.stderr

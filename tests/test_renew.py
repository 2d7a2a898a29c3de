"""`make renew`: what expires soon is signed again, and nothing else, with either signer."""

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import certs
from certs import DAY, NOW, YEAR
from conftest import Factory
from support import PAGES, contents, make, tls_scaffold, verify

pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")

CLUSTER = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice,bob")
LAST_YEAR = f"{PAGES}/life/the-cas-last-year.md"
SIGNERS = ("cfssl", "tls-scaffold")
NO_SIGNER = (
    "hint: cfssl and cfssljson sign (`apt-get install golang-cfssl`, `brew install cfssl`, "
    "`make cfssl` by Go), or tls-scaffold"
)


def ending_in(days: float) -> datetime:
    return NOW - YEAR + timedelta(days=days)


@pytest.fixture
def aged(folder: Factory) -> Callable[..., Path]:
    """Return a factory: a folder whose certificates end in so many days."""

    def of(ca: float = 3650, etcd1: float = 365, alice: float = 365, bob: float = 365) -> Path:
        path = folder(*CLUSTER)
        certs.ca(path, begin=NOW - 10 * YEAR + ca * DAY)
        certs.member(path, begin=ending_in(etcd1))
        certs.leaf(path, "alice", begin=ending_in(alice))
        certs.leaf(path, "bob", begin=ending_in(bob))
        return path

    return of


def signed_again(before: dict[str, bytes | str], folder: Path) -> set[str]:
    after = contents(folder)
    found = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path for path in found if not path.startswith("issued/") and path != "certs/trust.pem"}


def files(*names: str) -> set[str]:
    return {f"certs/{name}{ending}" for name in names for ending in (".pem", "-key.pem", ".csr")}


@pytest.mark.parametrize("signer", SIGNERS)
def test_what_expires_within_thirty_days_is_signed_again_and_nothing_else(
    aged: Callable[..., Path], signer: str
) -> None:
    folder = aged(etcd1=29, alice=31, bob=-1)
    before = contents(folder)
    make(folder, "renew", SIGNER=signer)
    assert signed_again(before, folder) == files("etcd1", "bob")
    for name in ("etcd1", "alice", "bob"):
        verify(folder, f"certs/{name}.pem")
    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    before = contents(folder)
    done = make(folder, "renew", SIGNER=signer)
    assert done.stdout.splitlines()[-1] == "nothing expires within 30 days"
    assert signed_again(before, folder) == set()


@pytest.mark.parametrize("signer", SIGNERS)
def test_renew_days_says_how_far_to_look_ahead(aged: Callable[..., Path], signer: str) -> None:
    folder = aged(alice=59, bob=61)
    before = contents(folder)
    make(folder, "renew", "RENEW_DAYS=60", SIGNER=signer)
    assert signed_again(before, folder) == files("alice")
    before = contents(folder)
    make(folder, "renew", SIGNER=signer, RENEW_DAYS="62")
    assert signed_again(before, folder) == files("bob")


@pytest.mark.parametrize(
    "days",
    [
        "soon",
        "-1",
        "1.5",
        "30d",
        "0400",
        "089",
        "100000",
        "9" * 30,
        "$(touch pwned)",
        "a[$(touch pwned)]",
    ],
)
def test_days_that_are_no_number_are_refused(aged: Callable[..., Path], days: str) -> None:
    folder = aged(alice=1)
    before = contents(folder)
    done = make(folder, "renew", code=2, SIGNER="cfssl", RENEW_DAYS=days)
    assert "error: RENEW_DAYS takes a number of days, up to 99999\n" in done.stderr
    assert signed_again(before, folder) == set()


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_component_with_no_certificate_is_left_to_make(
    aged: Callable[..., Path], signer: str
) -> None:
    folder = aged(bob=3)
    (folder / "certs/alice.pem").unlink()
    before = contents(folder)
    make(folder, "renew", SIGNER=signer)
    assert signed_again(before, folder) == files("bob")


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (("etcd1", "alice", "bob"), "error: nothing is signed yet\n\nhint: `make` signs"),
        (("ca",), "error: `certs/ca.pem` is missing or broken\n\nhint: put it back, or `make`"),
    ],
)
def test_where_nothing_can_be_known_nothing_is_said_to_be_well(
    aged: Callable[..., Path],
    path_without: Callable[..., str],
    signer: str,
    gone: tuple[str, ...],
    told: str,
) -> None:
    folder = aged(bob=3)
    for name in gone:
        (folder / f"certs/{name}.pem").unlink()
    before = contents(folder)
    left_out = "tls-scaffold" if signer == "cfssl" else "cfssl"
    done = make(folder, "renew", code=2, SIGNER=signer, PATH=path_without(left_out))
    assert told in done.stderr
    assert "nothing expires" not in done.stdout
    assert signed_again(before, folder) == set()


def test_a_certificate_that_is_missing_is_told(aged: Callable[..., Path]) -> None:
    folder = aged()
    (folder / "certs/alice.pem").unlink()
    done = make(folder, "renew", SIGNER="cfssl")
    assert "warning: `certs/alice.pem` is missing: `make` signs it\n" in done.stderr


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_that_has_ended_renews_nothing(aged: Callable[..., Path], signer: str) -> None:
    folder = aged(ca=-1, alice=1)
    before = contents(folder)
    done = make(folder, "renew", code=2, SIGNER=signer)
    assert "error: `certs/ca.pem` has ended: nobody takes what it signs\n" in done.stderr
    assert "hint: `make renew-ca` signs it again, with the same key" in done.stderr
    assert signed_again(before, folder) == set()
    advised = tls_scaffold("status", cwd=folder)
    assert advised.stderr == f"next: make renew-ca\npage: {LAST_YEAR}\n"


@pytest.mark.parametrize("signer", SIGNERS)
def test_what_ends_with_its_ca_is_not_renewed_for_ever(
    aged: Callable[..., Path], signer: str
) -> None:
    """With the own signer it would end at the same moment each time."""
    folder = aged(ca=20)
    make(folder, "req", SIGNER="tls-scaffold")
    advised = tls_scaffold("status", cwd=folder)
    assert advised.stderr == f"next: make renew-ca\npage: {LAST_YEAR}\n"
    before = contents(folder)
    done = make(folder, "renew", SIGNER=signer)
    assert done.stdout == "nothing expires within 30 days\n"
    make(folder, SIGNER=signer)
    assert signed_again(before, folder) == set()


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_certificate_that_is_broken_is_signed_again(
    aged: Callable[..., Path], signer: str
) -> None:
    folder = aged()
    (folder / "certs/alice.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    before = contents(folder)
    make(folder, "renew", SIGNER=signer)
    assert signed_again(before, folder) == files("alice")
    verify(folder, "certs/alice.pem")


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_that_expires_is_told_and_left_alone(aged: Callable[..., Path], signer: str) -> None:
    folder = aged(ca=20)
    before = contents(folder)
    done = make(folder, "renew", SIGNER=signer)
    assert re.search("warning: `certs/ca.pem` ends .*: `make renew-ca` signs it again", done.stderr)
    assert signed_again(before, folder) == set()


def test_renewal_needs_openssl_and_says_so(
    aged: Callable[..., Path], path_without: Callable[..., str]
) -> None:
    folder = aged(alice=1)
    before = contents(folder)
    done = make(folder, "renew", code=2, SIGNER="cfssl", PATH=path_without("openssl"))
    assert "error: openssl is not installed: it tells what expires" in done.stderr
    assert signed_again(before, folder) == set()


def test_renewal_without_any_signer_names_the_ways_to_one(
    aged: Callable[..., Path], path_without: Callable[..., str]
) -> None:
    folder = aged(alice=1, bob=1)
    before = contents(folder)
    done = make(folder, "renew", code=2, PATH=path_without("cfssl", "cfssljson", "tls-scaffold"))
    *told, ended = done.stderr.splitlines()
    assert told[0] == "error: `tls-scaffold` is not installed"
    assert told[1:3] == ["", NO_SIGNER]
    assert ended.startswith("make: *** ")
    assert signed_again(before, folder) == set()


def test_a_renewal_that_fails_leaves_the_old_pair_and_is_no_success(
    aged: Callable[..., Path],
) -> None:
    folder = aged(alice=1)
    (folder / "certs/ca-key.pem").unlink()
    before = contents(folder)
    done = make(folder, "renew", code=2, SIGNER="cfssl")
    assert "`certs/ca-key.pem` is missing" in done.stderr
    assert signed_again(before, folder) == set()


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_profile_and_a_request_of_today_are_used(aged: Callable[..., Path], signer: str) -> None:
    folder = aged(alice=1)
    config = folder / "config/ca-config.json"
    config.write_text(config.read_text().replace("8760h", "4380h"))
    make(folder, "renew", SIGNER=signer)
    verify(folder, "certs/alice.pem")
    done = tls_scaffold("-C", str(folder), "status")
    assert [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("alice")] == [
        "valid"
    ]


def test_status_names_the_very_command(aged: Callable[..., Path]) -> None:
    folder = aged(alice=1)
    advised = tls_scaffold("status", cwd=folder).stderr
    assert advised == f"next: make renew\npage: {PAGES}/life/states.md#expiring\n"
    shutil.copy(folder / "certs/bob-key.pem", folder / "certs/etcd1-key.pem")
    assert tls_scaffold("status", cwd=folder).stderr == (
        f"next: make renew\n      make req-etcd1\npage: {PAGES}/life/states.md#mismatched\n"
    )
    make(folder, "renew", SIGNER="cfssl")
    make(folder, "req-etcd1", SIGNER="cfssl")
    assert tls_scaffold("status", cwd=folder).returncode == 0

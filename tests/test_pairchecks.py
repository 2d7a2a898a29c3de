"""Whether certificates can be used as they lie in a folder."""

from pathlib import Path

import pytest

import certs
from certs import DAY, NOW
from tls_scaffold.signing import pairchecks
from tls_scaffold.signing.certificates import Certificate

A, A_KEY = "certs/a.pem", "certs/a-key.pem"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certs.ca(tmp_path)
    certs.leaf(tmp_path, "a", life=2 * DAY)
    certs.leaf(tmp_path, "b", begin=NOW + DAY)
    return tmp_path


def trusted(folder: Path) -> tuple[Certificate, ...]:
    return pairchecks.read_cas((folder / "certs/ca.pem").read_bytes(), "certs/ca.pem")[0]


def faults(folder: Path, certificate: str, key: str, cas: tuple[Certificate, ...]) -> list[str]:
    pem, key_pem = ((folder / path).read_bytes() for path in (certificate, key))
    return pairchecks.pair_faults(pem, key_pem, "certs/a", cas, "certs/ca.pem")


def test_a_certificate_with_its_key_is_sound_where_one_of_the_cas_that_are_trusted_signed_it(
    folder: Path,
) -> None:
    (ours,) = trusted(folder)
    certs.ca(folder)
    (other,) = trusted(folder)
    assert faults(folder, A, A_KEY, (other, ours)) == []
    assert faults(folder, A, A_KEY, ()) == []
    assert faults(folder, A, A_KEY, (other,)) == [f"`{A}` is not signed by `certs/ca.pem`"]
    assert faults(folder, A, "certs/b-key.pem", (other,)) == [
        f"`{A_KEY}` is not the key of `{A}`",
        f"`{A}` is not signed by `certs/ca.pem`",
    ]


def test_each_half_that_can_not_be_read_is_told_by_its_name(folder: Path) -> None:
    (folder / "empty").touch()
    cas = trusted(folder)
    no_certificate = f"`{A}` is not a certificate: it is empty"
    no_key = f"`{A_KEY}` can't be read as a private key: it is empty"
    assert faults(folder, "empty", A_KEY, cas) == [no_certificate]
    assert faults(folder, A, "empty", cas) == [no_key]
    assert faults(folder, "empty", "empty", cas) == [no_certificate, no_key]


def test_a_bundle_of_cas_is_read_whole(folder: Path) -> None:
    one = (folder / "certs/ca.pem").read_bytes()
    certs.ca(folder)
    other = (folder / "certs/ca.pem").read_bytes()
    found, problems = pairchecks.read_cas(one + other, "ca.pem")
    assert ([each.parsed.serial_number for each in found], problems) == (
        [
            each.parsed.serial_number
            for pem in (one, other)
            for each in pairchecks.read_cas(pem, "")[0]
        ],
        [],
    )
    told = "`ca.pem` is not a certificate: it has no `-----BEGIN CERTIFICATE-----` and its end"
    assert pairchecks.read_cas(b"x", "ca.pem") == ((), [told])


def test_what_is_not_valid_now_is_told_with_its_time(folder: Path) -> None:
    pems = {path: (folder / path).read_bytes() for path in (A, "certs/b.pem", "certs/ca.pem")}
    begins = f"`certs/b.pem` is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC"
    assert pairchecks.outside_lifetime(pems, NOW) == [begins]
    assert pairchecks.outside_lifetime(pems, NOW + DAY) == []
    assert pairchecks.outside_lifetime(pems, NOW + 2 * DAY) == [
        f"`{A}` expired {NOW + DAY:%Y-%m-%d %H:%M} UTC"
    ]

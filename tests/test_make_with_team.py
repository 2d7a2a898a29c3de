"""make beside what a team has in its Makefile: rules, special targets, comments."""

import os
import re

import pytest

from conftest import Factory
from keeping import edit
from support import SMALL, contents, make, openssl, run, verify

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
SIGNERS = ("cfssl", "tls-scaffold")
each_signer = pytest.mark.parametrize("signer", SIGNERS)
NOTHING = "nothing to sign: all is as asked for\n"
CALICO = "req-calico certs/calico.pem: config/req-calico.json ; $(sign) -profile client $<"


def signed_names(told: str) -> list[str]:
    return re.findall(r"^signed certs/(\w+)\.pem\b", told, re.MULTILINE)


@each_signer
def test_a_line_that_ends_the_makefile_without_a_newline_is_one(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    text = (path / "Makefile").read_text()
    others = text.replace(CALICO, "").split("# Commands that you add")[0]
    (path / "Makefile").write_text(others + CALICO)

    assert "calico" in signed_names(make(path, SIGNER=signer).stdout)
    edit(path / "config/req-calico.json", '"hosts": []', '"hosts": ["calico.example.org"]')
    assert signed_names(make(path, SIGNER=signer).stdout) == ["calico"]
    assert "calico" in signed_names(make(path, "renew", RENEW_DAYS="366", SIGNER=signer).stdout)
    assert make(path, SIGNER="cfssl").stdout == NOTHING


@pytest.mark.parametrize("flags", ["-j4", "-j1", "-B"])
def test_a_rule_that_needs_a_certificate_has_the_one_that_this_make_signs(
    signed: Factory, flags: str
) -> None:
    path = signed(*SMALL)
    with (path / "Makefile").open("a") as makefile:
        makefile.write(
            "\nall: certs/calico.copy\n%.copy: %.pem\n\tsleep 0.2; cat $< $*-key.pem >$@\n"
        )
    before = set((path / "issued").iterdir())
    edit(path / "config/req-calico.json", '"hosts": []', '"hosts": ["calico.example.org"]')

    done = make(path, flags, SIGNER="cfssl")

    assert signed_names(done.stdout).count("calico") == 1
    made = {each.name for each in set((path / "issued").iterdir()) - before}
    assert len([each for each in made if each.startswith("calico-")]) == 1
    pair = (path / "certs/calico.pem").read_bytes(), (path / "certs/calico-key.pem").read_bytes()
    assert (path / "certs/calico.copy").read_bytes() == b"".join(pair)


@pytest.mark.parametrize("flags", [(), ("-B",), ("-B", "-j4")])
def test_a_certificate_that_is_asked_for_by_its_name_is_signed_again(
    signed: Factory, flags: tuple[str, ...]
) -> None:
    path = signed(*SMALL)
    assert signed_names(make(path, *flags, "certs/calico.pem", SIGNER="cfssl").stdout) == ["calico"]


@each_signer
def test_a_comment_behind_a_line_changes_nothing(signed: Factory, signer: str) -> None:
    path = signed(*SMALL, "--key", "ecdsa-256")
    edit(path / "Makefile", CALICO, f"{CALICO} # the app of another team")
    make(path, "req-calico", SIGNER=signer)

    assert make(path, SIGNER="cfssl").stdout == NOTHING
    make(path, "renew-ca", SIGNER=signer)
    assert make(path, SIGNER="cfssl").stdout == NOTHING


STRICT = """\
SHELL := bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
"""


@each_signer
def test_strict_settings_of_the_field_are_no_hindrance(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    makefile = path / "Makefile"
    makefile.write_text(STRICT + makefile.read_text().replace(CALICO, f"{CALICO}\n\techo >>ran"))
    ca = (path / "certs/ca.pem").read_bytes()

    make(path, "regenerate", YES="1", SIGNER=signer)

    assert (path / "certs/ca.pem").read_bytes() != ca
    verify(path, "certs/calico.pem")
    assert (path / "ran").read_text() == "\n"  # of the set in place, and only once
    assert make(path, SIGNER="cfssl").stdout == NOTHING


@each_signer
def test_no_set_is_put_in_place_that_lacks_a_pair(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    makefile = path / "Makefile"
    makefile.write_text(".IGNORE:\n" + makefile.read_text())
    edit(path / "config/req-calico.json", "ecdsa", "ecdxx")
    before = contents(path / "certs")

    done = run("make", "regenerate", cwd=path, YES="1", SIGNER=signer)

    assert "error: not all was signed: nothing was replaced" in done.stderr
    assert "ecdxx" in done.stderr or "invalid algorithm" in done.stderr
    assert "signed certs/" not in done.stdout
    assert contents(path / "certs") == before
    assert not list((path / "archive").glob("2*"))


def test_of_two_cas_none_is_made_where_one_fails(folder: Factory) -> None:
    path = folder(*SMALL, "--peer-ca")
    makefile = path / "Makefile"
    makefile.write_text(".IGNORE:\n" + makefile.read_text())
    edit(path / "config/peer-ca-csr.json", "ecdsa", "ecdxx")
    run("make", "ca", cwd=path, SIGNER="cfssl")
    assert not (path / "certs/.new").exists()
    edit(path / "config/peer-ca-csr.json", "ecdxx", "ecdsa")

    make(path, "ca", SIGNER="cfssl")

    assert (path / "certs/ca-key.pem").exists()
    assert (path / "certs/peer-ca-key.pem").exists()


@pytest.mark.needs("setpriv")
@each_signer
def test_a_key_that_another_user_alone_may_read_is_replaced_by_nobody(
    signed: Factory, signer: str
) -> None:
    path = signed(*SMALL)
    less: tuple[str, ...] = ()
    key = path / "certs/etcd1-key.pem"
    if os.geteuid() == 0:
        os.chown(key, 1000, 1000)
        rights = "-dac_override,-dac_read_search,-chown,-fowner"
        less = ("setpriv", f"--bounding-set={rights}", "--inh-caps=-all")
    else:
        key.chmod(0)
    before = {each: each.stat().st_mtime_ns for each in (path / "certs").iterdir()}

    done = run(*less, "make", cwd=path, SIGNER=signer)

    assert done.returncode == 2
    assert "certs/etcd1-key.pem" in done.stderr
    assert {each: each.stat().st_mtime_ns for each in (path / "certs").iterdir()} == before


def test_a_certificate_that_is_no_pem_is_renewed_like_any_that_can_not_be_read(
    signed: Factory,
) -> None:
    path = signed(*SMALL)
    certificate = path / "certs/calico.pem"
    openssl("x509", "-in", str(certificate), "-outform", "der", "-out", str(certificate))

    assert signed_names(make(path, "renew", SIGNER="cfssl").stdout) == ["calico"]
    verify(path, "certs/calico.pem")


def test_no_control_character_of_a_target_reaches_the_terminal(signed: Factory) -> None:
    path = signed(*SMALL)
    with (path / "Makefile").open("a") as makefile:
        makefile.write("\nreq-\x1b[31mX certs/q.pem: config/req-calico.json ; $(sign) $<\n")

    assert "req-?[31mX " in make(path, "help").stdout

"""`tls-scaffold prove` where members look into a list: who is on it is refused, by either port."""

from pathlib import Path

import pytest

from clusters import P256, short_with, tools, wrapped
from conftest import Factory
from revoking import CRL, listed, revoke
from support import tls_scaffold
from test_prove import blocks, prove

ONE = ("--members", "10.0.0.1", *P256, "--users", "root,app")
TWO = ("--members", "10.0.0.1", *P256, "--users", "root,app,other")
CHECK = "a revoked certificate is refused from the next connection on"

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


@pytest.mark.parametrize("path", short_with("3.4"))
def test_who_is_on_the_list_is_refused_and_others_are_not(signed: Factory, path: str) -> None:
    folder = signed(*ONE)
    revoke(folder, "0xc0ffee", "--force")
    before = (folder / CRL).read_bytes()

    done = prove(folder, path=path)

    assert done.returncode == 0, done.stderr + done.stdout
    assert f"yes  {CHECK}" in blocks(done)[-2]
    assert (folder / CRL).read_bytes() == before


@pytest.mark.parametrize("side", ["client", "peer"])
def test_members_that_do_not_look_into_it_on_one_side_are_found(
    signed: Factory, tmp_path: Path, side: str
) -> None:
    folder = signed(*ONE)
    revoke(folder, "0xc0ffee", "--force")
    dropping = (
        f"for word; do shift; case $word in --{side}-crl-file=*) ;; "
        '*) set -- "$@" "$word" ;; esac; done; exec $real "$@"'
    )
    programs = wrapped(tools(), tmp_path / "wrapped", "etcd", dropping)
    directory = wrapped(programs, tmp_path / "wrapped", "etcdctl", 'exec $real "$@"').etcd.parent

    done = prove(folder, "--user", "app", "--etcd", str(directory))

    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert f"NO {CHECK}: port " in told
    assert "answers what is revoked" in told


def test_who_is_revoked_keeps_nobody_else_from_being_proven(signed: Factory) -> None:
    folder = signed(*TWO)
    revoke(folder, "app")
    for names in ([], ["--user", "app"]):
        refused = prove(folder, *names).stderr
        assert "`certs/app.pem` is revoked" in refused
        assert "hint: only if app is to come in again: `make" in refused
    done = prove(folder, "--user", "other")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "app " not in done.stdout


def test_without_a_sound_list_or_with_a_pair_that_was_revoked_nothing_is_proven(
    signed: Factory,
) -> None:
    folder = signed(*ONE)
    revoke(folder, "app")
    assert "`certs/app.pem` is revoked" in prove(folder).stderr
    tls_scaffold("-C", str(folder), "sign", "--force", "app")
    assert len(listed(folder)) == 1
    (folder / CRL).unlink()
    done = prove(folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nothing is proven\n  `certs/crl.der`: it is missing")

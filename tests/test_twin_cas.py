"""Two clones have made a CA each, of one name: both are told, and one can be agreed on."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from checking import check
from clusters import P256
from conftest import Factory
from keeping import kept
from pages import Reader, blocks_of
from support import make
from test_branches import git
from test_team_pages import reader
from tls_scaffold.signing.twincas import twin_cas

pytestmark = pytest.mark.needs("git", "make", "openssl")
NOW = datetime.now(timezone.utc)


def merged(folder: Factory, *words: str) -> tuple[Path, Path]:
    """Return two clones of a folder that have made a CA each; the first has merged the other."""
    origin = folder("--members", "10.0.0.1", "--users", "root", *words, *P256)
    git(origin, "init", "-q", "-b", "main")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "new")
    one, other = (origin.with_name(name) for name in ("one", "other"))
    for clone in (one, other):
        git(origin, "clone", "-q", ".", str(clone))
        make(clone, SIGNER="tls-scaffold")
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", "signed")
    git(one, "pull", "-q", "--no-rebase", "--no-edit", str(other), "main")
    return one, other


def on_record(path: Path, ca: str = "ca") -> str:
    """Return the path in the record of a clone's own CA."""
    content = (path / f"certs/{ca}.pem").read_bytes()
    return next(
        f"issued/{each.name}"
        for each in path.glob(f"issued/{ca}-*.pem")
        if each.read_bytes() == content
    )


@pytest.mark.parametrize("ca", ["ca", "peer-ca"])
def test_two_cas_of_one_name_are_told_and_which_is_here(folder: Factory, ca: str) -> None:
    one, other = merged(folder, *(["--peer-ca"] if ca == "peer-ca" else []))
    told = [each for each in check(one, NOW).findings if each.id == "twin-ca"]
    assert len(told) == (2 if ca == "peer-ca" else 1)
    message = next(each.message for each in told if f"issued/{ca}-" in each.message)
    assert f"`{on_record(one, ca)}` (in `certs/`), SHA-256 " in message
    assert f"`{on_record(other, ca)}`, SHA-256 " in message
    status = kept(one, "status")
    assert f"note: {message}: keep the one that members trust" in status.stderr
    files = json.loads(kept(one, "status", "--json").stdout)["twin_cas"]
    assert {on_record(one, ca), on_record(other, ca)} <= set(files)
    assert list(twin_cas(one, NOW + timedelta(days=40000))) == []


def test_one_that_was_signed_again_or_followed_is_no_twin(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "root", *P256)
    make(path, SIGNER="tls-scaffold")
    make(path, "renew-ca", SIGNER="tls-scaffold")
    make(path, "regenerate", SIGNER="tls-scaffold", YES="1")
    assert len(list(path.glob("issued/ca-*.pem"))) == 3
    assert list(twin_cas(path, NOW)) == []


def test_where_neither_is_in_certs_both_are_named(folder: Factory) -> None:
    one, other = merged(folder)
    paths = [on_record(each) for each in (one, other)]
    (one / "certs").rename(one.parent / "certs")
    told = kept(one, "sign", code=1).stderr
    assert told.startswith("error: the CA of this folder is not in `certs`: the record has 2 of a")
    assert all(f"  {path}: SHA-256 fingerprint: " in told for path in paths)


@pytest.mark.needs("age-keygen")
def test_one_of_two_is_kept_as_the_page_says(folder: Factory, tmp_path: Path) -> None:
    one, other = merged(folder)
    keep, leave = blocks_of("record.md", "test_one_of_two_is_kept_as_the_page_says")
    (tmp_path / "safe").mkdir()
    places = {"/mnt/safe": str(tmp_path / "safe"), "issued/ca-OTHER.pem": on_record(other)}
    people: list[Reader] = []
    for path in (one, other):
        people.append(reader(tmp_path / f"home-{path.name}", path))
        people[-1].places.update(places)
        people[-1].types("$ age-keygen -o ~/etcd-age.txt\n")
    ann, bob = people
    public = bob.types("$ age-keygen -y ~/etcd-age.txt\n")
    (one / "people.txt").write_text(public)
    ann.types(keep)
    git(other, "remote", "set-url", "origin", str(one))
    bob.types(leave)
    for path in (one, other):
        assert list(twin_cas(path, NOW)) == []
        done = make(path, SIGNER="tls-scaffold")
        assert "nothing to sign" in done.stdout + done.stderr
    assert (one / "certs/ca-key.pem").read_bytes() == (other / "certs/ca-key.pem").read_bytes()
    assert len(list(other.glob("archive/*/certs/ca-key.pem"))) == 1

"""A revoked certificate at running members: refused from the next connection on, no other is."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusters import EACH_VERSION
from conftest import Factory
from revoking import CRL, listed, revoke, serial
from runningmembers import HOST, Running, Started, cluster_of, free_ports, member, started
from support import environment, make, tls_scaffold, wait_for
from test_revoke_sequences import (
    Life,
    add_user,
    remove_user,
    renew,
    revoke_name,
    revoke_number,
)
from tls_scaffold.etcd.etcdctl import Cluster, Identity, identity_at

WORDS = ("--users", "root,alice,bob", "--proxies", "0", "--key", "ecdsa-256", "--crl")
ONE = ("--members", "127.0.0.1", *WORDS)
THREE = ("--members", "127.0.0.1,127.0.0.2,127.0.0.3", *WORDS)
NAMES = ("etcd1", "etcd2", "etcd3")
VERSIONS = [
    pytest.param("3.4", id="3.4", marks=EACH_VERSION["3.4"].marks),
    *(
        pytest.param(
            minor, id=minor, marks=(*EACH_VERSION[f"newest {minor}"].marks, pytest.mark.long)
        )
        for minor in ("3.5", "3.6", "3.7")
    ),
]

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


@dataclass
class Lists:
    """A folder and members that run from copies of its files, with one list for all of them."""

    folder: Path
    members: list[Running]
    path: Path

    @property
    def client(self) -> Cluster:
        """What connects to the members, and closes the connection again."""
        ports = tuple(each.client for each in self.members)
        peers = tuple(each.peer for each in self.members)
        return Cluster(self.members[0].tools, self.folder / "certs/ca.pem", ports, peers)

    def lay_out_pairs(self) -> None:
        for each in self.members:
            each.lay_out(self.folder / f"certs/{each.name}.pem")

    def lay_out_list(self) -> None:
        """Give members the list of the folder, by a rename."""
        shutil.copy(self.folder / CRL, self.path.with_name("next"))
        self.path.with_name("next").rename(self.path)

    def identity(self, name: str) -> Identity:
        return identity_at(self.folder / "certs" / name)

    def takes(self, identity: Identity) -> list[bool]:
        """Tell of each member's port for clients whether it lets somebody in."""
        return [self.client.accepts(each.client, identity) for each in self.members]

    def takes_as_peer(self, identity: Identity) -> list[bool]:
        return [self.client.accepts(each.peer, identity) for each in self.members]

    def ctl(
        self, name: str, *words: str, index: int = 0, wait: str = "3s"
    ) -> "subprocess.CompletedProcess[str]":
        own = self.identity(name)
        files = (self.folder / "certs/ca.pem", own.certificate, own.key)
        return self.members[index].ctl(*words, files=files, wait=wait)


@contextmanager
def running(
    folder: Path, into: Path, version: str, *names: str, flags: tuple[str, ...] = ()
) -> Iterator[Lists]:
    """Run members of a folder with the list that it has."""
    into.mkdir()
    path = into / "crl.der"
    shutil.copy(folder / CRL, path)
    both = (f"--client-crl-file={path}", f"--peer-crl-file={path}", *flags)
    with started() as noted:
        begun = cluster_of(noted, into, folder, names, version, *both)
        lists = Lists(folder, begun, path)
        wait_for(lambda: all(lists.takes(lists.identity("root"))), 30)
        yield lists


@contextmanager
def watching(lists: Lists, name: str, key: str, out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a watch of a user's; what it sees goes to a file."""
    own, first = lists.identity(name), lists.members[0]
    words = (
        *(str(first.tools.etcdctl), f"--endpoints=https://{HOST}:{first.client}"),
        *(f"--cacert={lists.folder}/certs/ca.pem", f"--cert={own.certificate}"),
        *(f"--key={own.key}", "watch", key),
    )
    with out.open("wb") as file:
        process = subprocess.Popen(
            words, stdout=file, stderr=file, env=environment(ETCDCTL_API="3")
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kept_pair(folder: Path, name: str, into: Path) -> Identity:
    """Keep a copy of a pair, as whoever stole it has one."""
    base = into / f"{name}-{serial(folder / f'certs/{name}.pem')}"
    for ending in (".pem", "-key.pem"):
        shutil.copy(folder / f"certs/{name}{ending}", f"{base}{ending}")
    return identity_at(base)


@pytest.fixture
def listing(folder: Factory) -> Callable[..., Path]:
    """Return a function that makes a folder whose members look into a list from the first day."""

    def signed(*words: str) -> Path:
        path = folder(*words)
        make(path, SIGNER="tls-scaffold")
        return path

    return signed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revoked_user_is_refused_at_once_and_an_open_watch_goes_on(
    listing: Callable[..., Path], tmp_path: Path, version: str
) -> None:
    folder = listing(*ONE)
    with running(folder, tmp_path / "run", version, "etcd1") as lists:
        (one,) = lists.members
        stolen, number = kept_pair(folder, "alice", tmp_path), serial(folder / "certs/alice.pem")
        seen = tmp_path / "seen"
        with watching(lists, "alice", "x", seen):
            wait_for(
                lambda: lists.ctl("root", "put", "x", "before") and b"before" in seen.read_bytes()
            )
            revoke(folder, "alice", "--reason", "keyCompromise")
            assert lists.takes(stolen) == [True]  # nobody has handed the list out
            lists.lay_out_list()
            one.said()

            assert lists.takes(stolen) == [False]
            refused = lists.ctl("alice", "get", "x", wait="1s")
            assert refused.returncode == 1
            assert lists.takes(lists.identity("root")) == [True]
            assert lists.takes(lists.identity("bob")) == [True]
            told = one.said(until=number)
            assert f"certificate serial {number} revoked" in told
            lists.ctl("root", "put", "x", "afterwards")
            wait_for(lambda: b"afterwards" in seen.read_bytes())

        line = next(each for each in told.splitlines() if number in each)
        explained = tls_scaffold("-C", str(folder), "explain", line)
        assert explained.returncode == 0, explained.stdout
        assert explained.stdout.startswith("revoked: ")
        whole = " ".join(explained.stdout.split())
        assert "`revoked.tsv` has that number since" in whole
        assert "`make -C" in explained.stdout
        assert "req-alice`" in explained.stdout

        make(folder, "req-alice", SIGNER="tls-scaffold")
        assert lists.takes(lists.identity("alice")) == [True]
        assert lists.takes(stolen) == [False]
        again = tls_scaffold("-C", str(folder), "explain", line)
        assert "is a newer one" in " ".join(again.stdout.split())


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_list_that_can_be_read_everybody_is_refused_and_ours_mends_it(
    listing: Callable[..., Path], tmp_path: Path, version: str
) -> None:
    folder = listing(*ONE)
    with running(folder, tmp_path / "run", version, "etcd1") as lists:
        (one,) = lists.members
        root = lists.identity("root")
        for content in (None, b"", b"junk"):
            lists.path.unlink()
            if content is not None:
                lists.path.write_bytes(content)
            one.said()
            assert lists.takes(root) == [False]
            line = next(each for each in one.said(until="reject").splitlines() if "reject" in each)
            told = tls_scaffold("-C", str(folder), "explain", line)
            assert told.stdout.startswith("crl-unreadable: "), (line, told.stdout)
            lists.lay_out_list()
            assert lists.takes(root) == [True]


@pytest.mark.parametrize("version", VERSIONS)
def test_members_get_new_pairs_and_the_old_ones_open_no_port_any_more(
    listing: Callable[..., Path], tmp_path: Path, version: str
) -> None:
    folder = listing(*THREE)
    with running(folder, tmp_path / "run", version, *NAMES) as lists:
        stolen = [kept_pair(folder, name, tmp_path) for name in ("etcd2", "root")]
        assert all(lists.takes_as_peer(stolen[0]))

        revoke(folder, "--sign-again", "etcd2", "root")
        lists.lay_out_pairs()
        lists.lay_out_list()

        assert not any(lists.takes_as_peer(stolen[0]))
        assert not any(each for one in stolen for each in lists.takes(one))
        assert all(lists.takes(lists.identity("root")))
        assert all(lists.takes_as_peer(lists.identity("etcd2")))
        lists.members[1].restart()  # it has to come to its peers with the new pair
        wait_for(lambda: all(lists.takes(lists.identity("root"))), 30)
        wait_for(lambda: lists.ctl("root", "put", "x", "1", index=1).returncode == 0, 30)

        # A member that is gone: with its certificate it would open the peer ports until it ends.
        gone = kept_pair(folder, "etcd3", tmp_path)
        done = tls_scaffold("-C", str(folder), "remove", "--revoke", "etcd3")
        assert done.returncode == 0, done.stderr
        lists.lay_out_list()
        assert not any(lists.takes_as_peer(gone))
        assert lists.ctl("root", "put", "x", "2").returncode == 0


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_a_release_that_is_mended_refuses_them_beside_http_urls_of_their_own_too(
    listing: Callable[..., Path], tmp_path: Path, version: str
) -> None:
    folder, (port,) = listing(*ONE), free_ports(1)
    flags = (f"--listen-client-http-urls=https://{HOST}:{port}",)
    revoke(folder, "alice")
    into = tmp_path / "run"
    into.mkdir()
    shutil.copy(folder / CRL, into / "crl.der")
    with started() as noted:
        one = _with_http(noted, folder, into, version, flags)
        client = Cluster(one.tools, folder / "certs/ca.pem", (one.client,), (one.peer,))
        root, alice = (identity_at(folder / "certs" / name) for name in ("root", "alice"))
        wait_for(lambda: client.accepts(port, root), 30)
        assert not client.accepts(port, alice)
        for identity, code in ((root, 0), (alice, 1)):
            files = (folder / "certs/ca.pem", identity.certificate, identity.key)
            assert one.ctl("get", "x", files=files, wait="2s").returncode == code


def _with_http(
    noted: Started, folder: Path, into: Path, version: str, flags: tuple[str, ...]
) -> Running:
    path = into / "crl.der"
    both = (f"--client-crl-file={path}", f"--peer-crl-file={path}", *flags)
    one = member(noted, into, "etcd1", version, *both)
    one.lay_out(folder / "certs/etcd1.pem")
    one.trust((folder / "certs/trust.pem").read_bytes())
    one.start()
    return one


HAPPENINGS: tuple[tuple[Callable[[Life], None], int], ...] = (
    (renew, 4),
    (revoke_name, 4),
    (revoke_number, 4),
    (add_user, 2),
    (remove_user, 2),
)
ROWS = [
    pytest.param("3.4", 1, 6, id="3.4", marks=EACH_VERSION["3.4"].marks),
    *(
        pytest.param(
            *each.values, 5, 12, id=f"{each.id}, five", marks=(*each.marks, pytest.mark.long)
        )
        for each in VERSIONS
    ),
]


@pytest.mark.parametrize(("version", "count", "steps"), ROWS)
def test_random_rows_shut_out_neither_members_nor_root_of_a_cluster_that_runs(
    listing: Callable[..., Path], tmp_path: Path, version: str, count: int, steps: int
) -> None:
    start = listing(*THREE)
    for number in range(count):
        folder = Path(shutil.copytree(start, tmp_path / f"life{number}", symlinks=True))
        life = Life(folder, random.Random(number))  # noqa: S311
        life.note()
        functions, weights = zip(*HAPPENINGS, strict=True)
        pairs: dict[str, Identity] = {}
        with running(folder, tmp_path / f"run{number}", version, *NAMES) as lists:
            for step in range(steps):
                for name in (*life.names("members"), *life.names("users")):
                    path = folder / f"certs/{name}.pem"
                    if path.exists() and serial(path) not in pairs:
                        pairs[serial(path)] = kept_pair(folder, name, tmp_path)
                (happening,) = life.chance.choices(functions, weights)
                happening(life)
                life.note()
                lists.lay_out_pairs()
                lists.lay_out_list()
                assert all(lists.takes(lists.identity("root"))), life.done
                for name in NAMES:
                    assert all(lists.takes_as_peer(lists.identity(name))), (name, life.done)
                refused = listed(folder)
                for each, identity in pairs.items():
                    assert all(lists.takes(identity)) == (each not in refused), life.done
                # Where a busy machine keeps the leader waiting, another is elected meanwhile.
                put = ("root", "put", "x", str(step))
                wait_for(lambda: lists.ctl(*put, index=step % 3).returncode == 0, 60)  # noqa: B023
            assert json.loads(lists.ctl("root", "get", "x", "-w", "json").stdout)["count"] == 1

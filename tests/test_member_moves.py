"""A member that goes to another address, in the order that is told, on a real cluster."""

import re
import time
from pathlib import Path

import pytest

from conftest import Factory
from keeping import edit, kept
from runningmembers import Running, member, started
from support import make, run

OLD, NEW = "127.0.0.4", "127.0.0.5"
WORDS = ("--members", f"127.0.0.2,127.0.0.3,{OLD}", "--proxies", "0", "--key", "ecdsa-256")


@pytest.mark.needs("etcd", "etcdctl", "make", "cfssl", "cfssljson", "openssl")
def test_a_member_that_moves_gets_its_new_pair_with_the_move_and_is_taken_there(
    signed: Factory, tmp_path: Path
) -> None:
    folder = signed(*WORDS)
    trust = folder / "certs/trust.pem"
    files = (trust, folder / "certs/etcd1.pem", folder / "certs/etcd1-key.pem")
    with started() as noted:
        first, second, third = members = [
            member(noted, tmp_path, f"etcd{number}", "3.4") for number in (1, 2, 3)
        ]
        for each, host in zip(members, ("127.0.0.2", "127.0.0.3", OLD), strict=True):
            each.host = host
        urls = [f"{each.name}=https://{each.host}:{each.peer}" for each in members]
        for each in members:
            each.cluster = ",".join(urls)
            each.lay_out(folder / f"certs/{each.name}.pem")
            each.trust(trust.read_bytes())
            each.start(wait=False)
        for each in members:
            each.wait()

        def said(through: Running, *words: str) -> str:
            """Run etcdctl through a member, which may have to wait for a leader first."""
            end = time.monotonic() + 60
            done = through.ctl(*words, files=files, wait="5s")
            while done.returncode and time.monotonic() < end:
                done = through.ctl(*words, files=files, wait="5s")
            assert done.returncode == 0, done.stderr
            return done.stdout

        def write(*through: Running) -> None:
            for each in through:
                said(each, "put", "key", each.name)

        write(first, second)
        edit(folder / "tls-scaffold.json", OLD, NEW)
        told = kept(folder, "sync").stderr
        assert "then stop `etcd3`, `etcdctl member update ID --peer-urls=" in told
        make(folder, SIGNER="cfssl")
        ahead = run(
            *("openssl", "verify", "-CAfile", str(trust), "-verify_ip", OLD),
            str(folder / "certs/etcd3.pem"),
        )
        assert "IP address mismatch" in ahead.stderr  # why it does not get it before

        for each in (first, second):
            each.lay_out(folder / f"certs/{each.name}.pem")
            each.restart()  # at any time: it finds its peers, and they it
        write(first, second)
        listed = said(first, "member", "list")
        found = re.search(r"^(\w+), \w+, etcd3,", listed, re.MULTILINE)
        assert found, listed
        third.stop()
        third.host = NEW
        said(first, "member", "update", found[1], f"--peer-urls=https://{NEW}:{third.peer}")
        write(first, second)
        third.lay_out(folder / "certs/etcd3.pem")
        third.start()
        write(third)
        second.stop()  # so that the one that moved is needed
        write(first, third)

"""What a list costs: a handshake with etcd by its length, and `revoke` by the length of the record.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/revocation.py [--etcd DIR]`, with etcd on the PATH or in DIR.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

from tls_scaffold.disk.files import write
from tls_scaffold.etcd import cluster as etcd
from tls_scaffold.etcd.bundled import Bundles
from tls_scaffold.etcd.etcdctl import Cluster, Identity, Member, Tools, find_tools, identity_at
from tls_scaffold.inventory import intake
from tls_scaffold.signing import authority
from tls_scaffold.signing.revocationlists import make_crl
from tls_scaffold.signing.revocations import REASONS, Revocation

BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:{BIN}"}
NOW = datetime.now(timezone.utc).replace(microsecond=0)
LENGTHS = (0, 100, 1_000, 10_000, 100_000)
TRIES = 30
RECORDS = (100, 1_000, 10_000)


def run(*words: str, folder: Path) -> None:
    done = subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def signed(into: Path) -> Path:
    folder = into / "tls-setup"
    words = ("--members", "127.0.0.1", "--users", "root,alice", "--proxies", "0", "--crl")
    run("tls-scaffold", "new", str(folder), *words, "--key", "ecdsa-256", folder=into)
    run("make", "SIGNER=tls-scaffold", folder=folder)
    return folder


def revocations(count: int) -> list[Revocation]:
    return [
        Revocation((1 << 158) + number, f"user{number}", "ca", REASONS[0], NOW, NOW)
        for number in range(count)
    ]


def handshakes(folder: Path, tools: Tools, into: Path) -> None:
    """Print how long a connection takes until etcd answers, by how much its list names."""
    certs, inventory = folder / "certs", intake.load(folder)
    pair, root = identity_at(certs / "etcd1"), identity_at(certs / "root")
    ca = authority.load_ca(folder, "certs/ca.pem", "certs/ca-key.pem")
    bundles = Bundles(inventory, str(certs), None, no_fsync=tools.knows_no_fsync)
    members = [Member("etcd1", pair, pair)]
    with etcd.cluster(tools, members, certs / "ca.pem", into, bundles.flags) as running:
        print(f"etcd {tools.version}: a connection until it is answered, median of {TRIES}")
        usual = 0.0
        for length in LENGTHS:
            der = make_crl(revocations(length), ca, NOW, NOW + timedelta(days=9), 1)
            write(certs / "crl.der", der)
            spent = median(seconds(lambda: knock(running, root)) for _ in range(TRIES))
            usual = usual or spent
            told = f"{length:7} numbers, {len(der) / 1024:7.0f} KiB"
            print(f"  {told}: {spent * 1000:6.1f} ms, {spent / usual:5.2f} times an empty list")


def knock(running: Cluster, root: Identity) -> None:
    assert running.accepts(running.client_ports[0], root)


def revoking(folder: Path, word: str) -> float:
    """Return the seconds that it takes to revoke what a word means, for the first time."""
    for name in ("revoked.tsv", "certs/crl.der"):
        (folder / name).unlink(missing_ok=True)
    return seconds(lambda: run("tls-scaffold", "revoke", word, folder=folder))


def commands(folder: Path, into: Path) -> None:
    """Print how long `revoke NAME` takes by how many certificates the record has."""
    (recorded,) = (folder / "issued").glob("root-*")
    python = median(seconds(lambda: run(sys.executable, "-c", "1", folder=into)) for _ in range(5))
    print("`revoke alice`, to the start of Python, and the same by its serial number")
    for count in RECORDS:
        copy = Path(shutil.copytree(folder, into / f"of-{count}", symlinks=True))
        pem = recorded.read_bytes()
        for number in range(count):
            (copy / f"issued/user{number}-{number:030x}-{number:020x}.pem").write_bytes(pem)
        words = ("openssl", "x509", "-in", "certs/alice.pem", "-noout", "-serial")
        told = subprocess.run(words, cwd=copy, capture_output=True, text=True, check=True).stdout
        serial = told.strip().removeprefix("serial=")
        spent = [revoking(copy, word) for word in ("alice", serial)]
        ratios = " and ".join(f"{each / python:.0f} times ({each:.2f} s)" for each in spent)
        print(f"  {count:6} certificates in the record: {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--etcd", type=Path, default=None)
    with tempfile.TemporaryDirectory() as temporary:
        into = Path(temporary)
        folder = signed(into)
        commands(folder, into)
        handshakes(folder, find_tools(parser.parse_args().etcd), into / "cluster")


if __name__ == "__main__":
    main()

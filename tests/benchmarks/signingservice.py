"""What signing services by multirootca give: folders and signatures a second, and what they cost.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/signingservice.py [--folders N] [--labels N] [--names N]`.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).parents[1]))

from fleet import fleet
from multiroots import Server, configured, csr, make_ca, make_key, multirootca
from support import wait_for

SIGNATURES = 2000
AT_ONCE = 4
BIG = "big"


def taken(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def cpu_seconds(server: Server) -> float:
    """Return what a server has used of the processors."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def row(what: str, value: float, unit: str) -> None:
    print(f"{what:64} {value:10.2f} {unit}", flush=True)


def ask_often(server: Server, key: bytes, label: str, cn: str) -> None:
    """Ask for the same certificate again and again, by some connections at a time."""
    request = {"certificate_request": csr(cn), "profile": "client", "label": label}
    text = json.dumps(request).encode()
    parts = {"token": hmac.new(key, text, hashlib.sha256).digest(), "request": text}
    body = json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()})

    def some(count: int) -> None:
        connection = HTTPConnection("127.0.0.1", server.port)
        for _ in range(count):
            connection.request("POST", "/api/v1/cfssl/authsign", body)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                sys.exit(told.decode())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(some, [SIGNATURES // AT_ONCE] * AT_ONCE))


def inventories(at: Path, labels: int, names: int, pin: str) -> None:
    """Write inventories, all that is needed of a folder here."""
    users = [{"name": f"user-{number:05}.cluster.example"} for number in range(names)]
    for number in range(labels):
        label = f"{BIG}{number}"
        ca = {"key": "remote", "remotes": ["http://127.0.0.1:8888"], "label": label}
        folder = at / "big" / label
        folder.mkdir(parents=True)
        document = {
            "version": 1,
            "members": ["10.0.0.1"],
            "users": users,
            "ca": {**ca, "sha256": pin},
        }
        (folder / "tls-scaffold.json").write_text(json.dumps(document))


def big_service(at: Path, labels: int, names: int) -> None:
    inventories(at, labels, names, make_ca(at / "large/ca").pin)
    files = at / "large/ca"
    words = (
        *("--all", "big", "--into", "large", "--certificate", str(files / "ca.pem")),
        *("--private", str(files / "ca-key.pem")),
    )
    size = f"{labels} labels of {names} names"
    one = ("big/big0", "--into", "large")
    for what, given in (
        (f"processor of signer-config, {size}", words),
        ("the same again, nothing to write", words),
        ("one of these labels, nothing to write", one),
    ):
        begin = time.process_time()
        configured(*given, cwd=at)
        row(what, time.process_time() - begin, "s")
    key = b""
    for number in range(labels):
        key = make_key(at / f"large/keys/{BIG}{number}.key")
    begin = time.perf_counter()
    with multirootca(at, "1.6.5", at / "large/roots.ini") as server:
        row(f"start of multirootca, {size}", time.perf_counter() - begin, "s")
        row("processor of that start", cpu_seconds(server), "s")
        row("its memory then", megabytes(server), "MB")
        for what, cn in (("first", 0), ("last", names - 1)):
            before = cpu_seconds(server)
            name = f"user-{cn:05}.cluster.example"
            ask = partial(ask_often, server, key, f"{BIG}{labels - 1}", name)
            wall = taken(ask)
            told = f"the {what} of {names} names"
            row(f"signatures a second of one server, {told}", SIGNATURES / wall, "1/s")
            used = (cpu_seconds(server) - before) / SIGNATURES
            row(f"processor of one signature, {told}", 1000 * used, "ms")


def many_folders(at: Path, count: int) -> None:
    with fleet(at, count) as folders:
        first, second = folders.servers

        def kill_midway() -> None:
            wait_for(lambda: folders.in_place >= count, 3600)
            first.process.kill()

        killer = Thread(target=kill_midway)
        killer.start()
        used = os.times()
        wall = taken(folders.make_all)
        killer.join()
        failed = 2 * count - folders.in_place
        all_used = sum(os.times()[:4]) - sum(used[:4])
        row(f"folders a second, make of {count}, one server killed midway", count / wall, "1/s")
        row("signatures a second then", folders.in_place / wall, "1/s")
        row("processor of make and cfssl for one folder", 1000 * all_used / count, "ms")
        row("processor of the server that lived, in all", cpu_seconds(second), "s")
        row("certificates that a second make had to make", failed, "")
        again = taken(folders.make_all)
        row("folders a second, nothing to sign", count / again, "1/s")
        row("signatures that were lost on the way", folders.signed - 2 * count, "")
        if folders.broken() or folders.doubled() or folders.in_place != 2 * count:
            sys.exit("a folder holds what it should not")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--names", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        row("processors", len(os.sched_getaffinity(0)), "")
        row("programs that want one, before", os.getloadavg()[0], "")
        many_folders(Path(parent, "many"), asked.folders)
        big_service(Path(parent, "large"), asked.labels, asked.names)


if __name__ == "__main__":
    main()

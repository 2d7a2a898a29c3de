"""What `status` costs beside `openssl x509` run once a certificate.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/status.py [--users N]`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:{BIN}"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)
PROGRAM = str(BIN / "tls-scaffold")
TIMES = 3


def run(*words: str, codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(words)}: {done.stderr}")


def best(work: Callable[[], None], times: int = TIMES) -> float:
    """Return the seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def signed_folder(folder: Path, users: int) -> None:
    people = ",".join(f"user{number}" for number in range(users))
    run(PROGRAM, "new", str(folder), "--members", "10.0.0.1", "--proxies", "0", "--users", people)
    run(PROGRAM, "-C", str(folder), "sign")


def ask_openssl(folder: Path) -> None:
    """Ask for the date alone, which is less than `status` tells."""
    for certificate in (folder / "certs").glob("*.pem"):
        if not certificate.name.endswith("-key.pem"):
            run("openssl", "x509", "-noout", "-enddate", "-in", str(certificate))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    users: int = parser.parse_args().users
    with tempfile.TemporaryDirectory() as parent:
        folder, tenth = Path(parent, "whole"), Path(parent, "tenth")
        signed_folder(folder, users)
        signed_folder(tenth, users // 10)
        status = best(lambda: run(PROGRAM, "-C", str(folder), "status"))
        check = best(lambda: run(PROGRAM, "-C", str(folder), "check"))
        few = best(lambda: run(PROGRAM, "-C", str(tenth), "status"))
        openssl = best(lambda: ask_openssl(folder), times=1)
    rows = (
        (f"status, {users} certificates", status),
        (f"status, {users // 10} certificates", few),
        (f"check, {users} certificates", check),
        (f"openssl x509, {users} times", openssl),
    )
    sys.stdout.write(f"{'':32} {'seconds':>8} {'of status':>10}\n")
    sys.stdout.writelines(
        f"{name:32} {taken:8.2f} {taken / status:10.2f}\n" for name, taken in rows
    )


if __name__ == "__main__":
    main()

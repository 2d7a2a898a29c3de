"""How the time of `tls-scaffold new` grows from 1,000 users to 10,000.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/rendering.py [ROUNDS]`.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
FEW, MANY = 1_000, 10_000
AT_MOST = 10


def seconds(users: int) -> float:
    """Return how long `new` takes for a cluster with so many users."""
    with tempfile.TemporaryDirectory() as folder:
        words = [f"user-{number:05}" for number in range(users)]
        (Path(folder) / "inventory.json").write_text(
            json.dumps({"members": ["10.0.0.1"], "users": words})
        )
        command = (str(BIN / "tls-scaffold"), "new", "--from", "inventory.json")
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure both in turn and print the ratio of the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    taken = [(seconds(FEW), seconds(MANY)) for _ in range(rounds)]
    few, many = (statistics.median(times) for times in zip(*taken, strict=True))
    print(f"medians of {rounds} rounds\n")
    print("| users | time | beside | ratio | under |\n|---|---|---|---|---|")
    print(f"| {MANY} / {FEW} | {many:.2f} s | {few:.2f} s | {many / few:.1f} | {AT_MOST} |")


if __name__ == "__main__":
    main()

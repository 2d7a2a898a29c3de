"""How long `tls-scaffold --help` takes beside bare click, and `new` beside plain cookiecutter.

Run it with the Python that tls-scaffold is installed for:
`python tests/benchmarks/startup.py [ROUNDS]`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).parents[2]
COMMANDS = {
    "click": (sys.executable, "-c", "import click"),
    "help": (str(BIN / "tls-scaffold"), "--help"),
    "cookiecutter": (
        *(
            str(BIN / "cookiecutter"),
            str(CHECKOUT),
            "--directory",
            "cookiecutter-template",
            "--no-input",
        ),
        *("members=10.0.0.1,10.0.0.2,10.0.0.3", "users=calico,kube-apiserver"),
    ),
    "new": (
        *(str(BIN / "tls-scaffold"), "new", "--members", "10.0.0.1,10.0.0.2,10.0.0.3"),
        *("--users", "calico,kube-apiserver"),
    ),
}
RATIOS = (
    ("`tls-scaffold --help` / `python -c 'import click'`", "help", "click", 1.5),
    ("`tls-scaffold new` / plain `cookiecutter`", "new", "cookiecutter", 1.0),
)


def seconds(command: tuple[str, ...]) -> float:
    """Return how long a command takes in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder}
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure the commands in turn, so that the machine's moods meet all of them."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for command in COMMANDS.values():
        seconds(command)  # the first run reads from the disk
    taken = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(rounds)]
    median = {name: statistics.median(each[name] for each in taken) for name in COMMANDS}
    print(f"medians of {rounds} rounds\n")
    print("| what | time | beside | ratio | at most |\n|---|---|---|---|---|")
    for title, ours, other, most in RATIOS:
        ratio = f"{median[ours] / median[other]:.2f} | {most}"
        print(
            f"| {title} | {median[ours] * 1000:.0f} ms | {median[other] * 1000:.0f} ms | {ratio} |"
        )


if __name__ == "__main__":
    main()

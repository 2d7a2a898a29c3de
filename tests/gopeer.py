"""What Go itself reads of certificates and keys: a small program, built once, without a network."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

PROGRAMS = Path(__file__).parent / "fixtures/go"
OFFLINE = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GO111MODULE": "off"}


def build(into: Path, program: str = "pairs.go") -> Path:
    words = ("go", "build", "-o", str(into / "peer"), str(PROGRAMS / program))
    subprocess.run(words, env={**os.environ, **OFFLINE}, cwd=into, check=True, timeout=300)
    return into / "peer"


def ask(program: Path, files: Iterable[tuple[bytes, bytes, bytes]]) -> list[tuple[str, str]]:
    """Return what Go says is wrong with each pair, and with each file of CAs; `-` for nothing."""
    lines = (b" ".join(map(b64encode, each)) for each in files)
    done = subprocess.run([program], input=b"\n".join(lines), capture_output=True, check=True)
    answers = (line.split("\t") for line in done.stdout.decode().splitlines())
    return [(pair, cas) for pair, cas in answers]

import json
from pathlib import Path
from typing import Any

import pytest

import records
from support import Done, tls_scaffold

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    case for path in sorted(GOLDEN.glob("*.json")) for case in json.loads(path.read_text())["cases"]
]


def write_inputs(folder: Path, case: dict[str, Any]) -> None:
    for name in ("ca_csr", "ca_config", "request"):
        (folder / f"{name}.json").write_text(json.dumps(case[name]))


def gencert(folder: Path, name: str, *words: str) -> Done:
    """Do what `cfssl gencert … >NAME.json && cfssljson -bare -f NAME.json NAME` does."""
    done = tls_scaffold("cfssl", "gencert", *words, cwd=folder)
    (folder / f"{name}.json").write_text(done.stdout)
    if done.returncode:
        return done
    return tls_scaffold("cfssljson", "-bare", "-f", f"{name}.json", name, cwd=folder)


def sign(folder: Path, case: dict[str, Any]) -> Done:
    made = gencert(folder, "ca", "-initca", "ca_csr.json")
    if case["result"].get("at") == "ca":
        return made
    assert made.returncode == 0, made.stderr
    profile = [f"-profile={case['profile']}"] if case["profile"] else []
    flags = ("-ca", "ca.pem", "-ca-key", "ca-key.pem", "-config", "ca_config.json", *profile)
    return gencert(folder, "leaf", *flags, "request.json")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_gives_the_record_of_cfssl(case: dict[str, Any], tmp_path: Path) -> None:
    write_inputs(tmp_path, case)
    signed = sign(tmp_path, case)
    if "error" in case["result"]:
        assert signed.returncode == 1
        assert signed.stderr.startswith("error: ")
        part = case["result"]["at"]
        assert not list(tmp_path.glob(f"{part}*[!n]"))  # nothing but JSON
        assert (tmp_path / f"{part}.json").read_text() == ""
        return
    assert signed.returncode == 0, signed.stderr
    assert records.signed(tmp_path) == case["result"]

import json
from pathlib import Path
from typing import Any

import pytest

import records
from support import Done, run

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    case for path in sorted(GOLDEN.glob("*.json")) for case in json.loads(path.read_text())["cases"]
]


def shell(line: str, folder: Path) -> Done:
    return run("sh", "-c", line, cwd=folder)


def write_inputs(folder: Path, case: dict[str, Any]) -> None:
    for name in ("ca_csr", "ca_config", "request"):
        (folder / f"{name}.json").write_text(json.dumps(case[name]))


def sign(folder: Path, case: dict[str, Any], cfssl: str, cfssljson: str) -> Done:
    made = shell(
        f"{cfssl} gencert -initca ca_csr.json > ca.json && {cfssljson} -bare -f ca.json ca", folder
    )
    if case["result"].get("at") == "ca":
        return made
    assert made.returncode == 0, made.stderr
    profile = f"-profile={case['profile']}" if case["profile"] else ""
    flags = f"-ca ca.pem -ca-key ca-key.pem -config ca_config.json {profile}"
    return shell(
        f"{cfssl} gencert {flags} request.json > leaf.json && {cfssljson} -bare -f leaf.json leaf",
        folder,
    )


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_gives_the_record_of_cfssl(case: dict[str, Any], tmp_path: Path) -> None:
    write_inputs(tmp_path, case)
    signed = sign(tmp_path, case, "tls-scaffold cfssl", "tls-scaffold cfssljson")
    if "error" in case["result"]:
        assert signed.returncode == 1
        assert signed.stderr.startswith("error: ")
        part = case["result"]["at"]
        assert not list(tmp_path.glob(f"{part}*[!n]"))  # nothing but JSON
        assert (tmp_path / f"{part}.json").read_text() == ""
        return
    assert signed.returncode == 0, signed.stderr
    assert records.signed(tmp_path) == case["result"]

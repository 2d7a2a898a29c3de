"""Records what the cfssl on the PATH signs for the inputs of a golden file.

It writes into the file itself: `python record.py FILE`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import records

SIGN = "cfssl gencert {0} {1}.json > {1}.out && cfssljson -bare -f {1}.out {1}"


def result(case: dict[str, Any]) -> dict[str, Any]:
    """Sign a case's request under its CA; the record, or cfssl's last line where it refused."""
    flags = "-ca ca.pem -ca-key ca-key.pem -config config.json" + (
        f" -profile={case['profile']}" * bool(case["profile"])
    )
    with tempfile.TemporaryDirectory() as name:
        for path, part in (
            ("ca.json", "ca_csr"),
            ("leaf.json", "request"),
            ("config.json", "ca_config"),
        ):
            (Path(name) / path).write_text(json.dumps(case[part]))
        for words, part in (("-initca", "ca"), (flags, "leaf")):
            line = SIGN.format(words, part)
            done = subprocess.run(
                ["sh", "-c", line], cwd=name, capture_output=True, text=True, check=False
            )
            if done.returncode:
                return {"error": done.stderr.strip().splitlines()[-1], "at": part}
        return records.signed(Path(name))


if __name__ == "__main__":
    file = Path(sys.argv[1])
    document = json.loads(file.read_text())
    document["cases"] = [{**case, "result": result(case)} for case in document["cases"]]
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

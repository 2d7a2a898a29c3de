"""Certificates for one proof, signed in a temporary folder and gone with it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import Identity

KEY = {"algo": "ecdsa", "size": 256}
POLICY = {"usages": ["signing", "key encipherment", "client auth"], "expiry": "1h"}


def client(cn: str, ca: Identity, into: Path) -> Identity:
    """Sign a client certificate for `cn`, valid for an hour, with the CA's certificate and key; files in `into`."""
    config = into / "config.json"
    config.write_text(json.dumps({"signing": {"default": POLICY}}))
    options = ["-ca", str(ca.certificate), "-ca-key", str(ca.key), "-config", str(config)]
    return _write(_gencert([*options, "-"], {"CN": cn, "hosts": [], "key": KEY}), into / cn)


def authority(cn: str, into: Path) -> Identity:
    """Make a CA of its own."""
    return _write(_gencert(["-initca", "-"], {"CN": cn, "key": KEY}), into / cn)


def _gencert(options: list[str], request: dict[str, Any]) -> dict[str, str]:
    done = subprocess.run(
        ["cfssl", "gencert", *options], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ScaffoldError("a certificate for the proof can't be signed", done.stderr.splitlines()[-1:])
    signed: dict[str, str] = json.loads(done.stdout)
    return signed


def _write(signed: dict[str, str], base: Path) -> Identity:
    identity = Identity(Path(f"{base}.pem"), Path(f"{base}-key.pem"))
    identity.certificate.write_text(signed["cert"])
    identity.key.touch(mode=0o600)
    identity.key.write_text(signed["key"])
    return identity

"""A CA that a line of the Makefile signs with another one, and what it signs in turn."""

import json
from pathlib import Path

import pytest

from support import openssl, tls_scaffold

pytestmark = pytest.mark.needs("make", "openssl")

LINE = (
    "{0}:\n\tcfssl gencert -ca certs/{1}.pem -ca-key certs/{1}-key.pem "
    "-config config/ca-config.json -profile {2} config/req-{0}.json | cfssljson -bare certs/{0}\n"
)
PROFILES = {
    "client": {"expiry": "24h", "usages": ["client auth"]},
    "sub": {"expiry": "48h", "usages": ["cert sign"], "ca_constraint": {"is_ca": True}},
}


@pytest.mark.parametrize("below", ["a-ca", "z-ca"])
def test_a_ca_that_another_should_have_signed_is_told_whatever_its_name(
    tmp_path: Path, below: str
) -> None:
    lines = LINE.format("user", below, "client") + LINE.format(below, "ca", "sub")
    (tmp_path / "Makefile").write_text(f"all: user {below}\n{lines}")
    for name in ("config", "certs"):
        (tmp_path / name).mkdir(mode=0o700)
    config = {"signing": {"default": {"expiry": "24h"}, "profiles": PROFILES}}
    (tmp_path / "config/ca-config.json").write_text(json.dumps(config))
    for name in ("user", below):
        (tmp_path / f"config/req-{name}.json").write_text(json.dumps({"CN": name}))
    for name in ("ca", below):
        base = tmp_path / "certs" / name
        pair = ("-keyout", f"{base}-key.pem", "-out", f"{base}.pem")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-subj", f"/CN={name}", *pair)

    rows = json.loads(tls_scaffold("status", "--json", cwd=tmp_path).stdout)["components"]
    (reasons,) = [row["reasons"] for row in rows if row["name"] == below]
    wrong = "it is self-signed, and not signed by `certs/ca.pem`"
    assert f"mismatched: {wrong}" in reasons
    said = " ".join(tls_scaffold("check", cwd=tmp_path).stdout.split())
    assert f"error: certs/{below}.pem: {wrong} [wrong-ca]" in said

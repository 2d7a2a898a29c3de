"""What a team has `check` ignore, the own signer signs as cfssl does, and tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from support import contents, tls_scaffold, without_commands
from tls_scaffold.signing.ignoredrules import ignored_rules

REQUEST, CONFIG, INVENTORY = "config/req-alice.json", "config/ca-config.json", "tls-scaffold.json"
DNS = "is neither an IP address nor a DNS name: cfssl signs it as a DNS name"
MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    # the rule: the file, what is edited in it, and what is told of it
    "bad-host": (REQUEST, {"hosts": ["10.0.0.300"]}, f"hosts[0]: `10.0.0.300` {DNS}"),
    "empty-host": (REQUEST, {"hosts": [""]}, "hosts[0]: is empty: cfssl signs an empty DNS name"),
    "cn-too-long": (REQUEST, {"CN": "a" * 65}, "CN: longer than 64 characters"),
    "misspelt-field": (REQUEST, {"host": ["a"]}, "host: cfssl ignores it"),
    "signed-by-cfssl-alone": (REQUEST, {"crl_url": "http://a/"}, "crl_url: cfssl ignores it"),
    "unknown-usage": (
        CONFIG,
        {"usages": ["signing", "client auth", "server-auth"]},
        "profile `client`: usages: `server-auth` is unknown: cfssl drops it",
    ),
}


def edit(folder: Path, path: str, fields: dict[str, Any]) -> None:
    document = json.loads((folder / path).read_text())
    edited = document["signing"]["profiles"]["client"] if path == CONFIG else document
    edited.update(fields)
    (folder / path).write_text(json.dumps(document))


@pytest.mark.parametrize("rule", MISTAKES)
def test_a_mistake_is_signed_where_its_rule_is_ignored(rule: str, folder: Factory) -> None:
    path, fields, told = MISTAKES[rule]
    own = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    edit(own, path, fields)
    before = contents(own)
    refused = tls_scaffold("sign", cwd=own)
    assert refused.returncode == 1
    assert f"  {path}: {told}" in refused.stderr
    assert contents(own) == before
    edit(own, INVENTORY, {"ignore": {rule: "we know"}})
    done = tls_scaffold("sign", cwd=own)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"warning: {path}: {told}")
    assert "signed certs/alice.pem" in without_commands(done.stdout)
    found = json.loads(tls_scaffold("check", "--json", cwd=own).stdout)["findings"]
    assert rule not in {each["id"] for each in found}
    rows = json.loads(tls_scaffold("status", "--json", cwd=own).stdout)["components"]
    (alice,) = (each for each in rows if each["name"] == "alice")
    assert not any(told in reason for reason in alice["reasons"])


def test_what_nobody_signs_is_refused_whatever_is_ignored(folder: Factory) -> None:
    own = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    edit(own, REQUEST, {"hosts": ["ä"]})
    edit(own, INVENTORY, {"ignore": dict.fromkeys((*MISTAKES, "refused", ""), "all")})
    done = tls_scaffold("sign", cwd=own)
    assert done.returncode == 1
    assert "hosts[0]: `ä` is not ASCII" in done.stderr


@pytest.mark.parametrize("text", ["", "[", "[]", '{"ignore": 5}', '{"ignore": ["a"]}', "[" * 10**5])
def test_what_is_no_inventory_ignores_nothing(text: str, tmp_path: Path) -> None:
    assert ignored_rules(tmp_path) == frozenset()
    (tmp_path / INVENTORY).write_text(text)
    assert ignored_rules(tmp_path) == frozenset()

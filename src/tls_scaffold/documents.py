"""The JSON files of a folder as text: cfssl's requests, the inventory, and the record of the last render."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tls_scaffold.inventory import FILE, LOOPBACK, MEMBERS_CN, SHARED_REQUEST, Inventory
from tls_scaffold.words import canonical_host

LAST_RENDER = ".tls-scaffold/rendered.json"
NOT_RECORDED = (FILE, LAST_RENDER)


def render(inventory: Inventory) -> dict[str, str]:
    """Return the text of each JSON file that depends on the components, by its path below the folder."""
    requests = {"config/ca-csr.json": _ca_request(inventory), **_server_requests(inventory)}
    for component in inventory.components:
        if component.kind == "user":
            requests[component.request] = _request(inventory, component.cn, ())
    return {**{path: to_json(document) for path, document in requests.items()}, FILE: inventory.to_json()}


def to_json(document: object) -> str:
    """Return `document` as etcd's own files are written: two spaces, a final newline."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def last_render(tree: Mapping[str, str]) -> str:
    """Return the record of what was rendered: each file's lines, one a line, so that git can merge it."""
    return to_json({path: tree[path].split("\n") for path in sorted(tree) if path not in NOT_RECORDED})


def _ca_request(inventory: Inventory) -> dict[str, Any]:
    return {
        "CN": inventory.ca_cn,
        "key": _key(inventory),
        "names": [inventory.names],
        "ca": {"expiry": f"{inventory.ca_expiry}h"},
    }


def _server_requests(inventory: Inventory) -> dict[str, dict[str, Any]]:
    hosts: dict[str, list[str]] = {} if inventory.separate_requests else {SHARED_REQUEST: []}
    for component in inventory.components:
        if component.kind != "user":
            hosts.setdefault(component.request, []).extend(component.hosts)
    return {path: _request(inventory, MEMBERS_CN, _each_once((*LOOPBACK, *listed))) for path, listed in hosts.items()}


def _request(inventory: Inventory, cn: str, hosts: Iterable[str]) -> dict[str, Any]:
    return {"CN": cn, "hosts": list(hosts), "key": _key(inventory), "names": [inventory.names]}


def _key(inventory: Inventory) -> dict[str, Any]:
    size = {"size": inventory.key.size} if inventory.key.size else {}
    return {"algo": inventory.key.algo, **size}


def _each_once(hosts: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for host in hosts:
        found.setdefault(canonical_host(host), host)
    return list(found.values())

"""The JSON files of a folder as text, and the record of what was rendered last."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.asked import key_of, names_of
from tls_scaffold.inventory.values import FILE, LOOPBACK, Component, Inventory
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.paths import CA_REQUEST, LARGEST_FILE, MAKEFILE, MIB, PEER_CA_REQUEST
from tls_scaffold.spelling import canonical_host

LAST_RENDER = ".tls-scaffold/rendered.tsv"
REQUEST_FIELDS = {"CN", "hosts", "key", "names", "ca"}
NOT_RECORDED = (FILE, LAST_RENDER)
Entry = tuple[str, str]


def render(inventory: Inventory) -> dict[str, str]:
    """Return the text of each JSON file that depends on the components, by its path.

    These are cfssl's requests, and the inventory. A CA that was brought is made from no request.
    """
    requests = {}
    if not inventory.ca.own:
        requests[CA_REQUEST] = _ca_request(inventory, inventory.ca_subject_cn)
    if inventory.peer_ca:
        requests[PEER_CA_REQUEST] = _ca_request(inventory, inventory.peer_ca_subject_cn)
    requests |= _server_requests(inventory)
    for component in inventory.components:
        if component.kind == "user":
            requests[component.request] = _request(inventory, component, component.hosts)
    return {
        **{path: request.to_json() for path, request in requests.items()},
        FILE: inventory.to_json(),
    }


def last_render(tree: Mapping[str, str]) -> str:
    """Return the record of a render: what `recorded` says of each file."""
    return record_text(entry for path, text in tree.items() for entry in recorded(path, text))


def recorded(path: str, text: str) -> Iterator[Entry]:
    """Yield what is recorded of a rendered file.

    That is JSON's data, the Makefile's components, and the sum of any other. A component's entry is
    its line in two halves.
    """
    if path == MAKEFILE:
        for line in component_lines(text):
            key, _, value = str(line).partition(" ")
            yield key, value
    elif path.endswith(".json") and path not in NOT_RECORDED:
        yield path, compact(json.loads(text))
    elif path not in NOT_RECORDED:
        yield path, sum_of(text)


def record_text(entries: Iterable[Entry]) -> str:
    """Return the text of a record, an entry a line and sorted, so that git can merge it."""
    return "".join(sorted(f"{key}\t{value}\n" for key, value in set(entries)))


def compact(document: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def sum_of(text: str) -> str:
    """Return the sum that the record has of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_request_text(text: str | None) -> bool:
    """Tell the text of a request as it is rendered from any other, a team's own JSON above all."""
    try:
        return is_request_document(json.loads(text or ""))
    except (ValueError, RecursionError):
        return False


def is_request_document(document: Any) -> bool:
    """Tell the data of a request as it is rendered."""
    return isinstance(document, dict) and {"CN", "key"} <= document.keys() <= REQUEST_FIELDS


def check_sizes(texts: Mapping[str, str]) -> None:
    """Raise ScaffoldError with every file, path to text, that would be too large to read back."""
    sizes = {path: len(text.encode()) for path, text in texts.items()}
    problems = [
        f"`{path}` would have {size / MIB:.1f} MiB, {LARGEST_FILE / MIB:g} are allowed"
        for path, size in sizes.items()
        if size > LARGEST_FILE
    ]
    if problems:
        raise ScaffoldError(
            "the folder would have files that are too large, and nothing was written",
            problems,
            "take fewer components, or shorter names and paths",
        )


def _ca_request(inventory: Inventory, cn: str) -> Request:
    authority = Authority(expiry=f"{inventory.ca_expiry}h")
    return Request(cn=cn, key=inventory.key, names=(inventory.names,), ca=authority)


def _server_requests(inventory: Inventory) -> dict[str, Request]:
    sharing: dict[str, list[Component]] = {}
    for component in inventory.components:
        if component.kind != "user":
            sharing.setdefault(component.request, []).append(component)
    requests = {}
    for path, owners in sharing.items():
        hosts = (*LOOPBACK, *(host for each in owners for host in each.hosts))
        requests[path] = _request(inventory, owners[0], hosts)
    return requests


def _request(inventory: Inventory, component: Component, hosts: Iterable[str]) -> Request:
    """Return the request of a component; of several that share it any will do."""
    return Request(
        cn=component.cn,
        hosts=_each_once(hosts),
        key=key_of(inventory, component),
        names=names_of(inventory, component),
    )


def _each_once(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return hosts as they were first spelled: a certificate has each of them once."""
    found: dict[str, str] = {}
    for host in hosts:
        found.setdefault(canonical_host(host), host)
    return tuple(found.values())

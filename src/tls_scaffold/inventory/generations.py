"""The numbers of CAs that follow each other: two of one name can't be told apart from outside.

sign.sh's `next_generation` does the same where there is no Python, for both CAs at once.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory, numbered
from tls_scaffold.paths import CA

# The CN of a request, which stands in it once.
CN = re.compile(r'("CN"\s*:\s*)("(?:[^"\\]|\\.)*")')


def generation(inventory: Inventory, ca: str) -> int:
    """Return the number of today's CA of a path, ours or that of peers."""
    return inventory.ca_generation if ca == CA else inventory.peer_ca_number


def with_generation(inventory: Inventory, ca: str, number: int) -> Inventory:
    """Return an inventory in which the CA of a path has another number, and the other CA its own.

    That of peers is said where it is not the CA's.
    """
    ours = number if ca == CA else inventory.ca_generation
    of_peers = inventory.peer_ca_number if ca == CA else number
    said = of_peers if inventory.peer_ca and of_peers != ours else 0
    return replace(inventory, ca_generation=ours, peer_ca_generation=said)


def next_number(last: int, known: Iterable[str]) -> int:
    """Return the number of the CA that follows the one of the number `last`.

    `known` are the CNs of all CAs that there were: one that was given up again had a number too.
    """
    endings = tuple(known)
    number = last + 1
    while any(cn.endswith(f" {number}") for cn in endings):
        number += 1
    return number


def earlier_number(cn: str, last: int, old: str) -> int:
    """Return the number that the CA with the CN `old` has, before the one with `cn` and `last`."""
    base = cn.removesuffix(f" {last}") if last > 1 else cn
    return next((each for each in range(1, last) if numbered(base, each) == old), last - 1)


def renumbered(text: str, path: str, last: int, number: int) -> str:
    """Return a CA's request in which the CN has `number` behind it in the place of `last`.

    `path` is its path, for messages. Nothing else of it changes. Raises ScaffoldError where it has
    no CN, or several.
    """
    found = CN.findall(text)
    if len(found) != 1:
        raise ScaffoldError(
            f"`{path}` does not tell what the next CA is called", hint='it needs one `"CN"`'
        )
    cn = str(json.loads(found[0][1]))
    base = cn.removesuffix(f" {last}") if last > 1 else cn
    literal = json.dumps(numbered(base, number), ensure_ascii=False)
    return CN.sub(lambda match: match[1] + literal, text)

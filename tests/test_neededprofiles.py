"""What of the rendered configuration goes into one that a team has."""

import json
from typing import Any

import pytest

from tls_scaffold.inventory import intake
from tls_scaffold.keeping.neededprofiles import needed_config
from tls_scaffold.rendering import template

pytestmark = pytest.mark.fast

USERS = ["alice"]
PLAIN = [{"name": "alice", "profile": ""}]
OWN = [{"name": "alice", "profile": "own"}]


def needed(yours: str, users: Any, member: dict[str, str]) -> Any:
    inventory = intake.of_data({"members": [{"hosts": ["h"], **member}], "users": users})
    rendered = template.render(inventory)["config/ca-config.json"]
    signing = json.loads(needed_config(rendered, yours, inventory.components))["signing"]
    return {name: sorted(part) for name, part in signing.items()}


@pytest.mark.parametrize(
    ("yours", "users", "member", "found"),
    [
        ({"default": {}}, PLAIN, {}, {"default": ["expiry", "usages"]}),
        (
            {"default": {}},
            USERS,
            {},
            {"default": ["expiry", "usages"], "profiles": ["client"]},
        ),
        ({"default": {"expiry": "1h"}}, OWN, {"profile": "own"}, {"default": ["expiry"]}),
        ({}, OWN, {"profile": "own"}, {}),
        ({"profiles": {"client": {}}}, OWN, {"profile": "own"}, {"profiles": ["client"]}),
        ({"profiles": [], "default": 1}, OWN, {"profile": "own"}, {}),
    ],
)
def test_a_profile_comes_with_the_first_component_that_asks_for_it(
    yours: Any, users: Any, member: dict[str, str], found: Any
) -> None:
    assert needed(json.dumps({"signing": yours}), users, member) == found


@pytest.mark.parametrize("yours", ["{", "", "[]"])
def test_of_a_configuration_that_is_none_nothing_is_left_out_in_vain(yours: str) -> None:
    assert set(needed(yours, USERS, {})) == {"default", "profiles"}

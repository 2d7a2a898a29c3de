"""What counts as rendered last of files that a team wrote by hand."""

import json
from typing import Any

import pytest

from tls_scaffold.keeping.handmade import merge_base
from tls_scaffold.keeping.merge import Merged, merge_texts
from tls_scaffold.paths import CONFIG

REQUEST = "config/req-x.json"


def config(default: Any, **profiles: Any) -> str:
    return json.dumps({"signing": {"default": default, "profiles": profiles}})


def lasting(default: Any, **profiles: Any) -> str:
    return config(
        {"expiry": default}, **{name: {"expiry": expiry} for name, expiry in profiles.items()}
    )


@pytest.mark.parametrize(
    ("yours", "ours", "understood"),
    [
        ({"hosts": ["a", "z"]}, {"CN": "x", "hosts": ["a", "b"]}, {"CN": "x", "hosts": ["a"]}),
        ({"hosts": ["", "b"]}, {"hosts": ["a", "b"], "key": {}}, {"hosts": ["b", ""], "key": {}}),
        ({"hosts": [""]}, {"hosts": []}, {"hosts": [""]}),
        ({"hosts": None}, {"hosts": ["a"]}, {"hosts": []}),
        ({"CN": "y"}, {"CN": "x", "hosts": ["a"]}, {"CN": "x", "hosts": ["a"]}),
        ({"hosts": ["a"]}, {"CN": "x"}, {"CN": "x"}),
    ],
)
def test_hosts_of_ours_join_those_of_a_request(yours: Any, ours: Any, understood: Any) -> None:
    assert merge_base(REQUEST, json.dumps(yours), json.dumps(ours)) == understood


@pytest.mark.parametrize(
    ("yours", "ours", "understood"),
    [
        (("2h0m", "120m", "2h0m"), ("2h", "2h", "2h"), ("2h0m", "2h", "2h0m")),
        (("3h", "3h", "1h"), ("2h", "2h", "2h"), ("3h", "3h", "2h")),
        (("3h", "2h", "5h"), ("2h", "2h", "4h"), ("3h", "2h", "4h")),
        (("1h", "1h", "1h"), ("2h", "2h", "2h"), ("2h", "2h", "2h")),
        (("150m", "150m", "2h"), ("2h", "2h", "2h"), ("2h", "2h", "2h")),
        (("odd", "odd", "2h"), ("2h", "2h", "2h"), ("2h", "2h", "2h")),
        ((7200, 7200, "2h"), ("2h", "2h", "2h"), ("2h", "2h", "2h")),
        (("3h", "3h", "3h"), (None, "2h", "2h"), (None, "2h", "2h")),
    ],
)
def test_their_expiry_is_understood_where_ours_stands_for_it(
    yours: Any, ours: Any, understood: Any
) -> None:
    texts = (lasting(default, a=one, b=other) for default, one, other in (yours, ours))
    assert merge_base(CONFIG, *texts) == json.loads(
        lasting(understood[0], a=understood[1], b=understood[2])
    )


def test_an_expiry_that_was_understood_follows_the_inventory_and_no_other_does() -> None:
    yours = lasting("17520h", client="17520h", short="24h")
    ours = lasting("8760h", client="8760h", short="8760h")
    old = merge_base(CONFIG, yours, ours)
    assert (
        merge_texts([old], yours, ours).text
        == json.dumps(json.loads(lasting("8760h", client="8760h", short="24h")), indent=2) + "\n"
    )


def test_usages_that_they_have_not_are_not_added_but_profiles_are() -> None:
    yours = config({"expiry": "2h", "usages": ["signing"]})
    ours = config({"expiry": "2h", "usages": ["signing", "client auth"]}, client={"expiry": "2h"})
    merged = json.loads(merge_texts([merge_base(CONFIG, yours, ours)], yours, ours).text)["signing"]
    assert merged == {
        "default": {"expiry": "2h", "usages": ["signing"]},
        "profiles": {"client": {"expiry": "2h"}},
    }


@pytest.mark.parametrize(
    "yours", ["no JSON", "[]", '{"signing": []}', '{"signing": {"default": [], "profiles": []}}']
)
def test_a_configuration_of_another_form_stays_as_it_is(yours: str) -> None:
    ours = lasting("2h", a="2h")
    assert merge_texts([merge_base(CONFIG, yours, ours)], yours, ours) == Merged(yours)

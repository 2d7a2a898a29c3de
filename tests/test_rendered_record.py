"""What is recorded of a render, and what is read back of it."""

import json
from pathlib import Path

import pytest

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.clusterparts import Member, User
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.record import Record, parse_record
from tls_scaffold.makefiles.componentlines import component_line
from tls_scaffold.paths import CA
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import compact, last_render, sum_of

pytestmark = pytest.mark.fast

INVENTORY = Inventory(
    members=(Member("m", ("10.0.0.1",)),), users=(User("alice", "alice"), User("u.json", "u"))
)
REQUEST = '{"CN":"x","key":{"algo":"ecdsa","size":256}}'
SUM = sum_of("")


def test_a_record_is_small_and_has_an_entry_a_line() -> None:
    tree = template.render(INVENTORY)
    record = tree[".tls-scaffold/rendered.tsv"]
    assert record == last_render(tree)
    lines = record.splitlines()
    assert lines == sorted(lines)
    assert f"config/req-alice.json\t{compact(json.loads(tree['config/req-alice.json']))}" in lines
    assert f"tls-scaffold.mk\t{sum_of(tree['tls-scaffold.mk'])}" in lines
    assert "req-alice\tcerts/alice.pem: config/req-alice.json ; $(sign) -profile client $<" in lines
    assert not any(
        line.startswith(("tls-scaffold.json", ".tls-scaffold", "Makefile")) for line in lines
    )


def test_what_was_recorded_is_read_back() -> None:
    tree = template.render(INVENTORY)
    record = parse_record(last_render(tree), "")
    assert record.components == {
        ("m", "certs/m"),
        ("alice", "certs/alice"),
        ("u.json", "certs/u.json"),
    }
    assert record.documents["config/req-alice.json"] == [json.loads(tree["config/req-alice.json"])]
    assert record.sums["sign.sh"] == [sum_of(tree["sign.sh"])]
    assert record.lines["m"] == [component_line("m", "certs/m", "config/req-csr.json", "", CA)]


def test_where_git_left_conflict_markers_both_sides_count() -> None:
    sides = f"sign.sh\t{SUM}\n", f"sign.sh\t{sum_of('x')}\nconfig/x.json\t{REQUEST}\n"
    record = parse_record(f"<<<<<<< HEAD\n{sides[0]}=======\n{sides[1]}>>>>>>> other\n", "")
    assert (
        record
        == parse_record("".join(sides), "")
        == Record({"sign.sh": [SUM, sum_of("x")]}, record.documents)
    )
    assert list(record.documents) == ["config/x.json"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "[]",
            "sign.sh",
            "sign.sh\t",
            "sign.sh\t7",
            "sign.sh\tabc",
            "config/x.json\t{",
            "\t",
        ),
        *(
            'config/x.json\t{"CN": "\\ud800"}',
            'config/x.json\t{"CN": 1, "CN": 2}',
            "req-x\tcerts/x.pem",
        ),
        *("req-x\tcerts/x.pem:config/x.json;$(sign)", 'config/x.json\t{"CN": ' + "[" * 100_000),
    ],
)
def test_a_damaged_record_is_a_lost_one(text: str) -> None:
    assert not parse_record(f"rbac.sh\t{SUM}\n{text}\n" if text else "", "")


@pytest.mark.parametrize(
    "entry",
    [
        *(
            f"{path}\t{SUM}"
            for path in (
                "Makefile",
                "../x",
                "certs/ca.pem",
                "config/x.json",
                "sign.sh.new",
                "x\x1b[2J",
            )
        ),
        *(
            f"{path}\t{REQUEST}"
            for path in ("certs/x.json", "tls-scaffold.json", "../x.json", "sign.sh", "x")
        ),
        *(
            'config/x.json\t{"kept":true}',
            'config/ca-csr.json\t{"kept":true}',
            'package.json\t{"CN":"","hosts":[]}',
        ),
        *("req-x\tcerts/ca.pem: config/x.json ; y", "req-x\t../x.pem: config/x.json ; y"),
        *("req-x\tcerts/x.pem: /etc/passwd ; y", "req-../x\tcerts/x.pem: config/x.json ; y"),
    ],
)
def test_what_no_render_can_have_had_is_refused(entry: str) -> None:
    with pytest.raises(ScaffoldError, match="names what is never rendered, and nothing was done"):
        parse_record(f"rbac.sh\t{SUM}\n{entry}\n", str(Path("record")))

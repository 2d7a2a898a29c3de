"""What etcd is started with on a member, flag by flag, without a folder or an etcd."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support import run
from tls_scaffold.bundles.memberflags import EVERYWHERE, Urls, flags_on_host
from tls_scaffold.bundles.members import ENVIRONMENT, member_files
from tls_scaffold.bundles.overview import rows as rows_of_overview
from tls_scaffold.bundles.procfile import processes
from tls_scaffold.bundles.settings import variables
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.bundled import Bundles
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import Files, Member, Peer
from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering import template

ROOT = Path(__file__).parents[1]
EVERY = "`0.0.0.0` and `::` are every address: etcd can't listen on another beside"
NO_LIFE = "is not understood; it takes `1h` or `30m`, 5m to a year, or `off`"
NO_PATH = "is not an absolute path of letters, digits, `.`, `_` and `-`"
WITH_PORT = (
    "`10.0.0.1:2380` is not an IP address or a host name (give the host alone, "
    "without brackets and port)"
)
TWO = Inventory((Member("a", ("10.0.0.1",)), Member("b", ("10.0.0.2",))))


def settings(etcd: dict[str, Any], own: dict[str, Any] | None = None) -> Inventory:
    """Return an inventory of two members with settings, the first with some of its own."""
    members = [
        {"name": "a", "hosts": ["10.0.0.1"], "etcd": own or {}},
        {"name": "b", "hosts": ["10.0.0.2"]},
    ]
    return intake.of_data({"members": members, "etcd": etcd})


@pytest.mark.fast
@pytest.mark.parametrize(
    ("hosts", "clients"),
    [
        (("a.example",), "https://0.0.0.0:2379"),
        (("127.0.0.2",), "https://127.0.0.2:2379"),
        (("10.0.0.1", "::1"), "https://10.0.0.1:2379,https://[::1]:2379"),
        (("::",), "https://[::]:2379"),
        (("10.0.0.1",), "https://10.0.0.1:2379,https://127.0.0.1:2379"),
        (("10.0.0.1", EVERYWHERE), "https://0.0.0.0:2379"),
        (("10.0.0.1", "0::0"), "https://[::]:2379"),
        (("::ffff:127.0.0.1",), "https://127.0.0.1:2379"),
        (("::ffff:0.0.0.0",), "https://0.0.0.0:2379"),
    ],
)
def test_a_member_listens_for_those_on_its_own_machine(
    hosts: tuple[str, ...], clients: str
) -> None:
    inventory = Inventory((Member("a", hosts), Member("b", ("b.example",))))

    assert flags_on_host(inventory, inventory.members[0])["listen-client-urls"] == clients


@pytest.mark.fast
@pytest.mark.parametrize(
    ("shared", "clients", "peers"),
    [
        # A virtual address is one member's at a time: the others would not start.
        ("10.0.0.100", "https://10.0.0.1:2379,https://127.0.0.1:2379", "https://10.0.0.1:2380"),
        ("127.0.0.1", "https://10.0.0.1:2379,https://127.0.0.1:2379", "https://10.0.0.1:2380"),
        ("lb.example", "https://10.0.0.1:2379,https://127.0.0.1:2379", "https://10.0.0.1:2380"),
        ("*.etcd.svc", "https://10.0.0.1:2379,https://127.0.0.1:2379", "https://10.0.0.1:2380"),
        (EVERYWHERE, "https://0.0.0.0:2379", "https://0.0.0.0:2380"),
    ],
)
def test_what_several_members_have_is_no_address_to_listen_on_or_to_be_found_at(
    shared: str, clients: str, peers: str
) -> None:
    members = Member("a", (shared, "10.0.0.1")), Member("b", ("10.0.0.2", shared))
    if not shared.startswith("*"):
        members = Member("a", ("10.0.0.1", shared)), members[1]
    inventory = Inventory(members)

    flags = flags_on_host(inventory, inventory.members[0])

    assert flags["listen-client-urls"] == clients
    assert flags["listen-peer-urls"] == peers
    assert flags["advertise-client-urls"] == "https://10.0.0.1:2379"
    assert flags["initial-cluster"] == "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380"
    assert endpoints(inventory) == ("https://10.0.0.1:2379", "https://10.0.0.2:2379")


@pytest.mark.fast
def test_a_member_is_found_at_no_host_that_stands_for_every_address() -> None:
    inventory = Inventory((Member("a", ("0.0.0.0", "::", "10.0.0.1")), Member("b", ("::",))))  # noqa: S104

    first, second = (flags_on_host(inventory, member) for member in inventory.members)

    assert first["advertise-client-urls"] == "https://10.0.0.1:2379"
    assert second["advertise-client-urls"] == "https://[::]:2379"
    assert endpoints(inventory) == ("https://10.0.0.1:2379", "https://[::]:2379")


@pytest.mark.fast
def test_the_inventory_says_where_a_member_listens_and_what_it_starts_from() -> None:
    cluster = {
        "data_dir": "/var/lib/etcd/default",
        "initial_cluster_state": "existing",
        "client_port": 4001,
        "listen_peer": [EVERYWHERE],
        "auto_compaction": "90m",
    }
    own = {
        "client_port": 5001,
        "peer_port": 5002,
        "listen_client": ["fd00::1", "127.0.0.1"],
        "data_dir": "/data",
    }
    inventory = settings(cluster, own)

    first, second = (flags_on_host(inventory, member) for member in inventory.members)

    assert first["listen-client-urls"] == "https://[fd00::1]:5001,https://127.0.0.1:5001"
    assert first["advertise-client-urls"] == "https://10.0.0.1:5001"
    assert first["listen-peer-urls"] == "https://0.0.0.0:5002"
    assert first["initial-advertise-peer-urls"] == "https://10.0.0.1:5002"
    assert first["data-dir"] == "/data"
    assert second["listen-client-urls"] == "https://10.0.0.2:4001,https://127.0.0.1:4001"
    assert second["data-dir"] == "/var/lib/etcd/default"
    for each in (first, second):
        assert each["initial-cluster"] == "a=https://10.0.0.1:5002,b=https://10.0.0.2:2380"
        assert each["initial-cluster-state"] == "existing"
        assert (each["auto-compaction-mode"], each["auto-compaction-retention"]) == (
            "periodic",
            "90m",
        )
    assert intake.from_json(inventory.to_json()) == inventory
    assert json.loads(inventory.to_json())["etcd"] == cluster
    assert json.loads(inventory.to_json())["members"][0]["etcd"] == own


@pytest.mark.fast
@pytest.mark.parametrize(
    ("cluster", "own", "retention"),
    [
        ({}, {}, "1h"),
        ({"auto_compaction": "off"}, {}, "0"),
        ({"auto_compaction": "5m"}, {"auto_compaction": "off"}, "0"),
        ({"auto_compaction": "off"}, {"auto_compaction": "5m"}, "5m"),
        ({"auto_compaction": "60m"}, {}, "1h"),
    ],
)
def test_a_member_forgets_after_an_hour_if_nothing_is_said(
    cluster: dict[str, Any], own: dict[str, Any], retention: str
) -> None:
    inventory = settings(cluster, own)

    flags = flags_on_host(inventory, inventory.members[0])

    assert (flags["auto-compaction-mode"], flags["auto-compaction-retention"]) == (
        "periodic",
        retention,
    )
    assert processes(inventory)["a"].endswith(
        f" --auto-compaction-mode periodic --auto-compaction-retention {retention}"
    )
    assert intake.from_json(inventory.to_json()) == inventory


WRONG = "a watch that connects again would find that its revision is gone"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("etcd", "problem"),
    [
        ({"auto_compaction": "4m"}, f"etcd.auto_compaction: `4m` is less than 5m: {WRONG}"),
        ({"auto_compaction": "0"}, f"etcd.auto_compaction: `0` {NO_LIFE}"),
        ({"auto_compaction": 60}, f"etcd.auto_compaction: `60` {NO_LIFE}"),
        (
            {"auto_compaction": "99999h"},
            f"etcd.auto_compaction: `99999h` {NO_LIFE}",
        ),
        ({"client_port": 0}, "etcd.client_port: `0` is not a number from 1 to 65535"),
        ({"client_port": True}, "etcd.client_port: `true` is not a number from 1 to 65535"),
        ({"peer_port": "2380"}, "etcd.peer_port: `2380` is text: write the number without quotes"),
        ({"data_dir": "data"}, f"etcd.data_dir: `data` {NO_PATH}"),
        (
            {"data_dir": "/a/../b"},
            "etcd.data_dir: `/a/../b` goes through `.` or `..`",
        ),
        ({"data_dir": "/%i"}, f"etcd.data_dir: `/%i` {NO_PATH}"),
        (
            {"initial_cluster_state": "old"},
            "etcd.initial_cluster_state: `old` is neither `new` nor `existing`",
        ),
        ({"listen_peer": EVERYWHERE}, "etcd.listen_peer: `0.0.0.0` is not a list"),
        ({"listen_peer": ["10.0.0.1", EVERYWHERE]}, f"etcd.listen_peer: {EVERY}"),
        ({"listen_client": ["::", "127.0.0.1"]}, f"etcd.listen_client: {EVERY}"),
        (
            {"listen_client": ["fd00::1", "FD00:0::1"]},
            "etcd.listen_client: an address stands there twice",
        ),
        ({"listen_peer": []}, "etcd.listen_peer: is empty: leave it out, or name an address"),
        ({"listen_peer": ["10.0.0.1:2380"]}, f"etcd.listen_peer[0]: {WITH_PORT}"),
        (
            {"listen_client": ["::", "a.example"]},
            "etcd.listen_client[1]: `a.example` is a host name: etcd listens on IP addresses alone",
        ),
        ({"datadir": "/x"}, "etcd.datadir: no such field; did you mean `data_dir`?"),
        ({"client_port": 2380}, "etcd: 2380 would be the port of clients and of peers"),
    ],
)
def test_settings_that_etcd_could_not_run_with_are_refused_with_their_place(
    etcd: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ScaffoldError) as refused:
        intake.of_data({"members": ["10.0.0.1"], "etcd": etcd})

    assert tuple(map(str, refused.value.problems)) == (problem,)


@pytest.mark.fast
def test_a_member_listens_on_no_address_of_another() -> None:
    with pytest.raises(ScaffoldError) as refused:
        settings({"listen_client": ["10.0.0.1"]}, {"listen_peer": ["10.0.0.2"]})

    assert tuple(map(str, refused.value.problems)) == (
        "members[0].etcd.listen_peer: `10.0.0.2` is a host of `b`, not of `a`",
        "etcd.listen_client: `10.0.0.1` is a host of `a`, not of `b`",
    )
    assert settings({}, {"listen_client": ["10.0.0.1", "127.0.0.1", "10.9.9.9"]})


@pytest.mark.fast
def test_members_who_all_have_one_port_for_both_are_told_once() -> None:
    with pytest.raises(ScaffoldError) as refused:
        settings({"client_port": 2380})
    with pytest.raises(ScaffoldError) as own:
        settings({}, {"peer_port": 2379})

    assert tuple(map(str, refused.value.problems)) == (
        "etcd: 2380 would be the port of clients and of peers",
    )
    assert tuple(map(str, own.value.problems)) == (
        "members[0].etcd: 2379 would be the port of clients and of peers",
    )


@pytest.mark.fast
def test_without_a_data_directory_it_is_said_whose_counts() -> None:
    told = "# No ETCD_DATA_DIR: the unit's own counts."

    assert told in member_files(TWO, TWO.members[0], "")[ENVIRONMENT]
    named = settings({"data_dir": "/data"})
    assert told not in member_files(named, named.members[0], "")[ENVIRONMENT]


@pytest.mark.fast
def test_cns_of_several_members_are_a_list_for_their_peers() -> None:
    inventory = replace(TWO, members=(replace(TWO.members[0], peer=Peer(cn="x y")), TWO.members[1]))

    assert flags_on_host(inventory, inventory.members[0])["peer-cert-allowed-cn"] == "x y,etcd"
    text = member_files(inventory, inventory.members[0], "")[ENVIRONMENT]
    assert "# ETCD_PEER_CERT_ALLOWED_CN is a list, which etcd takes from 3.5.15 on." in text
    assert 'ETCD_PEER_CERT_ALLOWED_CN="x y,etcd"\n' in text
    assert "is a list" not in member_files(TWO, TWO.members[0], "")[ENVIRONMENT]


@pytest.mark.fast
@pytest.mark.parametrize(
    "place", ["members_cn", "members[0].cn", "members[0].peer.cn", "proxies[0].cn", "users[0].cn"]
)
def test_a_comma_in_a_cn_would_be_two_and_is_refused_everywhere(place: str) -> None:
    member: dict[str, Any] = {"name": "a", "hosts": ["10.0.0.1"], "peer": {"request": "p.json"}}
    data: dict[str, Any] = {
        "separate_requests": True,
        "members": [member],
        "proxies": [{"name": "p"}],
        "users": [{"name": "u"}],
    }
    named = {"members_cn": data, "members[0].cn": member, "members[0].peer.cn": member["peer"]}
    named |= {"proxies[0].cn": data["proxies"][0], "users[0].cn": data["users"][0]}
    named[place][place.rpartition(".")[2]] = "a,b"

    with pytest.raises(ScaffoldError) as refused:
        intake.of_data(data)

    assert tuple(map(str, refused.value.problems)) == (
        f"{place}: `a,b` has a comma, at which etcd splits lists of CNs",
    )


@pytest.mark.fast
def test_the_ca_may_have_a_comma_in_its_cn() -> None:
    assert intake.of_data({"members": ["a"], "ca_cn": "Example, Inc."}).ca_cn == "Example, Inc."


WORDS = (
    "etcd",
    "etcd members",
    'a"b',
    "$HOME",
    "`id`",
    "a\\b",
    "it's",
    "ö ü",
    "#x",
    "a;b",
    "~",
    "*",
    "x=y",
)


@pytest.mark.parametrize("value", WORDS)
def test_a_shell_reads_from_the_variables_what_was_written(value: str) -> None:
    script = f'{variables({"A": value})}printf %s "$A"'

    for shell in ("sh", "bash"):
        assert run(shell, "-c", script).stdout == value


@pytest.mark.fast
def test_a_member_and_a_cn_may_be_called_as_what_switches_a_flag_on() -> None:
    command = processes(Inventory((Member("true", ("10.0.0.1",)),), members_cn="true"))["true"]

    assert command.startswith("etcd --name true --data-dir data/true ")
    assert " --client-cert-auth --trusted-ca-file " in command
    assert " --peer-cert-allowed-cn true " in command


@pytest.mark.fast
def test_what_people_read_of_a_member_s_flags_is_what_it_is_started_with() -> None:
    flags = flags_on_host(TWO, TWO.members[0])
    variables = {f"ETCD_{flag.upper().replace('-', '_')}" for flag in flags}
    page = (ROOT / "docs/bundles.md").read_text(encoding="utf-8")
    overview = (template.location() / "{{cookiecutter.directory}}/COMPONENTS.md").read_text()
    rows = " ".join(row.takes for row in rows_of_overview(TWO))

    named = set(re.findall(r"\bETCD_[A-Z_]+\b", page)) - {"ETCD_CONFIG_FILE"}
    shown = set(
        re.findall(r"--((?:peer-)?(?:client-)?(?:cert|key|trusted)[a-z-]+)", overview + rows)
    )

    assert named
    assert named <= variables
    assert {"cert-file", "peer-key-file", "peer-cert-allowed-cn"} <= shown
    assert shown <= flags.keys()


@pytest.mark.fast
def test_a_proof_replaces_the_urls_of_a_member_of_whom_no_host_is_known_too() -> None:
    inventory = Inventory((Member("a", (), files=Files(request="a.json")),))

    bundles = Bundles(inventory, "/home", None, no_fsync=False)

    replaced = bundles.replaced({"a": bundles.flags("a", {"a": Urls(*"abcd")}, Path("data"))})

    assert set(replaced) == {
        *("data-dir", "listen-client-urls", "advertise-client-urls", "listen-peer-urls"),
        *("initial-advertise-peer-urls", "initial-cluster"),
    }

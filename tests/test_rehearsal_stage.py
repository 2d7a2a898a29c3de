"""The stage of a rehearsal, with a cluster that only says what it is asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.etcd.writers import Client, Connection
from tls_scaffold.inventory import intake
from tls_scaffold.rehearsal.layout import Loaded
from tls_scaffold.rehearsal.loopback import Loopback
from tls_scaffold.rehearsal.stage import Stage
from tls_scaffold.rehearsal.states import State

pytestmark = pytest.mark.fast


def test_a_member_s_port_is_told_as_the_inventory_has_it_for_all() -> None:
    data = {"members": [{"name": "etcd1", "hosts": ["10.0.0.1"]}], "etcd": {"client_port": 12379}}
    state = State("certs/", intake.of_data(data), {}, b"")
    layout: Any = SimpleNamespace(
        flags=lambda *_, **_named: {},
        keep_trust=lambda _member: Loaded(Path("own"), Path("peers")),
    )
    members: Any = SimpleNamespace(
        tools=SimpleNamespace(knows_no_fsync=True),
        data_dir=lambda _name: Path("data"),
        start=lambda _name, _flags: None,
    )
    stage = Stage(layout, Loopback([state.inventory]), members)
    (member,) = state.inventory.members
    stage.running[member.name] = member
    stage._start(state, member)

    pair = Identity(Path("alice.pem"), Path("alice-key.pem"))
    client = Client("alice new", pair, Path("ca.pem"), "/alice", Connection.NEW)
    (endpoint,) = stage.endpoints()
    port = stage.meeting_of(client, endpoint).port

    assert stage.loopback.told(port.address) == "10.0.0.1:12379"

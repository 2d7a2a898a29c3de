"""What a look is decided by: hosts as Go compares them, chains, and whose port it is."""

import socket
import ssl
from pathlib import Path
from threading import Thread

import pytest

import certs
from tls_scaffold.errors import UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.live.endpoints import CLIENT, PEER, given_ports, inventory_ports, place_of
from tls_scaffold.live.known import is_trusted
from tls_scaffold.live.server import asking
from tls_scaffold.live.shakes import Pair
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate

pytestmark = pytest.mark.fast


def read(path: Path) -> Certificate:
    return certificates.read(path.read_bytes(), str(path))


@pytest.mark.parametrize(
    ("hosts", "host", "fits"),
    [
        (("10.0.0.1",), "10.0.0.1", True),
        (("10.0.0.1",), "10.0.0.2", False),
        (("fd00::1",), "fd00:0:0::1", True),
        (("etcd.example",), "ETCD.example.", True),
        (("*.example",), "a.example", True),
        (("*.example",), "a.b.example", False),
        (("*.example",), "example", False),
        (("example",), "a.example", False),
        ((), "10.0.0.1", False),
    ],
)
def test_a_host_fits_as_go_compares(
    hosts: tuple[str, ...], host: str, fits: bool, tmp_path: Path
) -> None:
    certs.ca(tmp_path)
    certs.member(tmp_path, hosts=hosts)
    assert matching.is_for_host(read(tmp_path / "certs/etcd1.pem"), host) is fits


def test_a_chain_leads_to_what_is_trusted_by_what_stands_behind_the_leaf(tmp_path: Path) -> None:
    root, own = tmp_path / "root", tmp_path / "own"
    certs.root(root)
    certs.ca(own, above=root)
    certs.member(own)
    leaf, ca = read(own / "certs/etcd1.pem"), read(own / "certs/ca.pem")
    above = read(root / "certs/ca.pem")

    assert is_trusted(leaf, (), (ca,))
    assert is_trusted(leaf, (ca,), (above,))
    assert not is_trusted(leaf, (), (above,))
    assert not is_trusted(leaf, (leaf,), (above,))
    assert not is_trusted(leaf, (ca,), ())


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 60000, b"x" * 60000 + b"\r\n\r\n"],
    ids=["deep", "long"],
)
def test_what_a_server_that_is_no_etcd_writes_is_told_in_a_few_words(
    answer: bytes, tmp_path: Path
) -> None:
    certs.ca(tmp_path)
    certs.member(tmp_path)
    pair = Pair(tmp_path / "certs/etcd1.pem", tmp_path / "certs/etcd1-key.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)

    def serve(listener: socket.socket) -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as channel:
            channel.recv(1000)
            channel.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, args=(listener,))
        thread.start()
        ask = asking(tmp_path / "certs/ca.pem", pair)
        told = ask("127.0.0.1", listener.getsockname()[1], 5)
        thread.join()

    assert told.version == ""
    assert 0 < len(told.trouble) <= 200


INVENTORY = intake.of_data(
    {
        "members": ["a=10.0.0.1+etcd-a.example", "b=fd00::1", "c=10.0.0.3"],
        "proxies": 0,
        "etcd": {"client_port": 4001},
    },
)


def test_the_ports_of_an_inventory_are_those_that_others_find() -> None:
    assert [(each.member, each.side, each.address) for each in inventory_ports(INVENTORY)] == [
        ("a", CLIENT, "10.0.0.1:4001"),
        ("a", PEER, "10.0.0.1:2380"),
        ("b", CLIENT, "[fd00::1]:4001"),
        ("b", PEER, "[fd00::1]:2380"),
        ("c", CLIENT, "10.0.0.3:4001"),
        ("c", PEER, "10.0.0.3:2380"),
    ]


@pytest.mark.parametrize(
    ("word", "member", "address"),
    [
        ("10.0.0.1:4001", "a", "10.0.0.1:4001"),
        ("https://10.0.0.1:4001/", "a", "10.0.0.1:4001"),
        ("10.0.0.1:9", "a", "10.0.0.1:9"),
        ("10.0.0.9:4001", "", "10.0.0.9:4001"),
        ("[fd00:0::1]:4001", "b", "[fd00::1]:4001"),
        ("b=10.0.0.1:4001", "b", "10.0.0.1:4001"),
        ("10.0.0.3", "c", "10.0.0.3:2379"),
    ],
)
def test_a_port_is_that_of_the_member_that_it_can_only_be(
    word: str, member: str, address: str
) -> None:
    (port,) = given_ports([word], CLIENT, INVENTORY)
    assert (port.member, port.address) == (member, address)


def test_every_word_that_is_no_endpoint_is_told() -> None:
    with pytest.raises(UsageError) as raised:
        given_ports(["http://a:1", "a:0", "fd00::1", "", "a b:1", "ok:1"], PEER, None)
    assert len(raised.value.problems) == 5


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1:2379", ("10.0.0.1", 2379)),
        ("[fd00:0::1]:2379", ("fd00::1", 2379)),
        ("Etcd.Example:1", ("etcd.example", 1)),
        ("10.0.0.1", None),
        ("x:²", None),
    ],
)
def test_two_spellings_of_an_address_are_one(address: str, place: tuple[str, int] | None) -> None:
    assert place_of(address) == place

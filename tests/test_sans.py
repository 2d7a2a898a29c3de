import pytest

from tls_scaffold.cfssl import sans

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", ("dns", "localhost")),
        ("*.example.com", ("dns", "*.example.com")),
        ("", ("dns", "")),
        ("10.0.0.1", ("ip", "10.0.0.1")),
        ("::FFFF:10.0.0.1", ("ip", "10.0.0.1")),
        ("2001:DB8::0010", ("ip", "2001:db8::10")),
        ("10.0.0.999", ("dns", "10.0.0.999")),
        ("010.0.0.1", ("dns", "010.0.0.1")),
        ("10.0.0.1/24", ("dns", "10.0.0.1/24")),
        (" 10.0.0.2", ("dns", " 10.0.0.2")),
        ("10.0.0.1:2379", ("dns", "10.0.0.1:2379")),
        ("fe80::1%eth0", ("uri", "fe80::1%eth0")),
        ("ops@example.com", ("email", "ops@example.com")),
        ("Bob <bob@example.com>", ("email", "bob@example.com")),
        ('Bob "the (b)" B. <bob@example.com>', ("email", "bob@example.com")),
        ('"the b"@example.com', ("email", "the b@example.com")),
        ('"a\\"b"@example.com', ("email", 'a"b@example.com')),
        ('""@example.com', ("dns", '""@example.com')),
        ("bob@[10.0.0.1]", ("email", "bob@[10.0.0.1]")),
        ("bob@[10.0.0]", ("dns", "bob@[10.0.0]")),
        ("a..b@example.com", ("dns", "a..b@example.com")),
        ("https://etcd.example.com/x", ("uri", "https://etcd.example.com/x")),
        ("etcd:2379", ("uri", "etcd:2379")),
        ("spiffe://a/ b", ("uri", "spiffe://a/%20b")),
        ("http://a b/", ("dns", "http://a b/")),
        ("https://a/%zz", ("dns", "https://a/%zz")),
        ("/path", ("uri", "/path")),
        ("//a/b?", ("uri", "//a/b?")),
        ("/%41 b", ("uri", "/A%20b")),
        ("/%41(b", ("uri", "/%41(b")),
        ("HTTP://A", ("uri", "http://A")),
        ("h://", ("uri", "h:")),
        ("h:///", ("uri", "h:///")),
        ("h:/a", ("uri", "h:/a")),
        ("x:a b?c#d", ("uri", "x:a b?c#d")),
        ("h://u:p:q@a/", ("uri", "h://u:p%3Aq@a/")),
        ("h://u/@a/", ("uri", "h://u/@a/")),
        ("h://u!@a", ("uri", "h://u%21@a")),
        ("h://u @a", ("dns", "h://u @a")),
        ("h://a:80", ("uri", "h://a:80")),
        ("h://a:b", ("dns", "h://a:b")),
        ("h://[::1%25e]:80/", ("uri", "h://[::1%25e]:80/")),
        ("h://[::1]b/", ("dns", "h://[::1]b/")),
        ("h://[::1", ("dns", "h://[::1")),
        ("h://a[b", ("uri", "h://a[b")),
        ("h://%41/", ("dns", "h://%41/")),
        ("h://a%/", ("dns", "h://a%/")),
        ("1h://a", ("dns", "1h://a")),
        ("*", ("uri", "*")),
        ('"a@[b"@c', ("email", "a@[b@c")),
        ("a@[::1]", ("email", "a@[::1]")),
        ("h://a/\x01", ("dns", "h://a/\x01")),
        ("h://a/\x7f", ("dns", "h://a/\x7f")),
        ("h://a&b:c;d@h/", ("uri", "h://a&b:c;d@h/")),
        ("h://a%2f@h", ("uri", "h://a%2F@h")),
        ("h://[::1]]:80/x", ("uri", "h://[::1]]:80/x")),
        ("h://a:b:80/", ("uri", "h://a:b:80/")),
        ("h://:x/", ("dns", "h://:x/")),
        ("h://:80/", ("uri", "h://:80/")),
        ("h://a/b c&d=e@f", ("uri", "h://a/b%20c&d=e@f")),
    ],
)
def test_takes_a_host_for_what_go_takes_it_for(host: str, name: tuple[str, str]) -> None:
    assert sans.classify_host(host) == name


@pytest.mark.parametrize("length", [30, 64, 253, 10_000])
@pytest.mark.parametrize("shape", ["a", "a-b1.", ". ", "a@", '"', '"\\', "<", "a <"])
def test_any_host_is_told_at_once_however_long(shape: str, length: int) -> None:
    host = (shape * length)[:length]
    assert sans.classify_host(host) == ("dns", host)


def test_names_stand_in_cfssls_order_and_a_ca_keeps_addresses_alone() -> None:
    hosts = ("10.0.0.1", "b", "https://x/", "o@x.y", "a", "::1")
    assert sans.alternative_names(hosts) == (
        ("dns", "b"),
        ("dns", "a"),
        ("email", "o@x.y"),
        ("ip", "10.0.0.1"),
        ("ip", "::1"),
        ("uri", "https://x/"),
    )
    assert sans.alternative_names(hosts, is_ca=True) == (("ip", "10.0.0.1"), ("ip", "::1"))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "*.example.com",
        "my_host",
        "10.0.0.1",
        "o@x.y",
        "https://x/y",
        "3com.net",
        "a.1X",
    ],
)
def test_a_sound_host_has_no_problem(host: str) -> None:
    assert sans.problem(host) == ""


@pytest.mark.parametrize(
    "host",
    ["10.0.0.999", "10.0.0.1/24", " 10.0.0.2", "1.2.3.4.", "a b", "10.0.0.1:2379", "-", "a..b"],
)
def test_a_malformed_address_is_named(host: str) -> None:
    assert (
        sans.problem(host)
        == f"`{host}` is neither an IP address nor a DNS name: cfssl signs it as a DNS name"
    )


def test_an_empty_name_and_a_port_are_named() -> None:
    assert sans.problem("") == "is empty: cfssl signs an empty DNS name"
    assert sans.problem("//etcd") == "`//etcd` is not a host: cfssl signs it as a URI"
    assert sans.problem("etcd:2379") == "`etcd:2379` is not a host: cfssl signs it as a URI"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("ä", "`ä` is not ASCII"),
        ("x:ä", "`x:ä` is not ASCII"),
        ("h://a/ä", ""),
        ("h:/ä", ""),
        ("h://a:80/", ""),
        ("h://u@/", ""),
        ("h://ä/", "`h://ä/` is a URI with a malformed host"),
        ("h://u@a..b", "`h://u@a..b` is a URI with a malformed host"),
        ("h://a.?b", "`h://a.?b` is a URI with a malformed host"),
        ("h://.a", "`h://.a` is a URI with a malformed host"),
        ("h://%ff/", "`h://%ff/` is a URI with a malformed host"),
        ("h://u..v@a", ""),
        ("h://a?b..c", ""),
        ("/a..b", ""),
    ],
)
def test_what_go_does_not_read_again_is_refused(host: str, told: str) -> None:
    assert sans.refusal(host) == told

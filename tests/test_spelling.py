"""What a name, a host, a CN, a lifetime and a key type may look like."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from tls_scaffold import spelling
from tls_scaffold.cli import columns
from tls_scaffold.disk import sharing
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live import endpoints
from tls_scaffold.signing import remotesigner
from tls_scaffold.spelling import Key

pytestmark = pytest.mark.fast

WHOLE_LABEL = " (a `*` is a whole first label, as in `*.etcd.example`)"
SEVERAL = " (commas divide several, without blanks)"
NOT_A_NAME = "is not a name: letters, digits, `.`, `_` and `-`, the first a letter or digit"
NUMBERS: tuple[Callable[[str], object], ...] = (
    sharing.number_of_group,
    lambda text: endpoints.place_of(f"10.0.0.1:{text}"),
    lambda _: remotesigner.seconds_allowed(),
    lambda _: columns.terminal_width(),
)


@pytest.mark.parametrize(
    "name", ["a", "0", "etcd1", "kube-apiserver", "a.b_c-d", "key", "ca1", "x-keys", "A" * 64]
)
def test_a_name_of_the_allowed_characters_is_taken(name: str) -> None:
    assert spelling.name_problem(name) == ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", f"`` {NOT_A_NAME}"),
        (".a", f"`.a` {NOT_A_NAME}"),
        ("-a", f"`-a` {NOT_A_NAME}"),
        ("_a", f"`_a` {NOT_A_NAME}"),
        ("a b", f"`a b` {NOT_A_NAME}"),
        ("a/b", f"`a/b` {NOT_A_NAME}"),
        ("../x", f"`../x` {NOT_A_NAME}"),
        ("a\n", f"`a\n` {NOT_A_NAME}"),
        ("ä", f"`ä` {NOT_A_NAME}"),
        ("\u0661", f"`\u0661` {NOT_A_NAME}"),
        ("$(shell id)", f"`$(shell id)` {NOT_A_NAME}"),
        ("A" * 65, f"`{'A' * 65}` is longer than 64 characters"),
        ("ca", "`ca` is taken by the CA's own files"),
        ("CA", "`CA` is taken by the CA's own files"),
        ("trust", "`trust` is taken by the CA's own files"),
        ("csr", "`csr` is taken by the members' request, `config/req-csr.json`"),
        ("x-key", "`x-key` ends in `-key`: `x-key.pem` would be the key of `x`"),
        ("ca-KEY", "`ca-KEY` ends in `-key`: `ca-KEY.pem` would be the key of `ca`"),
    ],
)
def test_a_name_whose_files_would_be_odd_or_another_s_is_refused(name: str, problem: str) -> None:
    assert spelling.name_problem(name) == problem


@pytest.mark.parametrize(
    "host",
    [
        *(
            "10.0.0.1",
            "255.255.255.255",
            "::1",
            "fd00::1",
            "2001:db8:0:0:0:0:0:1",
            "::ffff:10.0.0.1",
            "FD00::A",
        ),
        *(
            "localhost",
            "etcd1",
            "etcd-1.example.com",
            "3com.example",
            "1.2.3.example",
            "xn--bcher-kva.example",
            "stack_etcd1",
            "_x.a_",
            "*.etcd.default.svc",
            "*.local",
        ),
        *("a" * 63, ".".join(["a" * 63] * 3 + ["a" * 61])),
    ],
)
def test_an_address_or_a_host_name_is_taken(host: str) -> None:
    assert spelling.host_problem(host) == ""


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("", " (it is empty)"),
        ("10.0.0.999", ""),
        ("10.0.0.1/24", " (give one address, not a network)"),
        ("010.0.0.1", ""),
        ("1.2.3", ""),
        ("1", ""),
        ("0x7f.0x1", ""),
        ("a.0x7F", ""),
        ("::1%eth0", " (a zone such as `%eth0` has no place in a certificate)"),
        ("host:2379", " (give the host alone, without brackets and port)"),
        ("[::1]", " (give the host alone, without brackets and port)"),
        ("[::1]:2379", " (give the host alone, without brackets and port)"),
        ("https://h", " (give the host alone, without the scheme)"),
        (" ", ""),
        (" 10.0.0.2", ""),
        ("10.0.0.2 ", ""),
        *((host, SEVERAL) for host in ("a b", "a\nb", "10.0.0.1;10.0.0.2", "10.0.0.1 10.0.0.2")),
        *((host, " (give each address by itself)") for host in ("10.0.0.1-3", "10.0.0.1-10.0.0.3")),
        ("-a", ""),
        ("a-", ""),
        ("a..b", ""),
        ("example.com.", " (leave out the last dot: in a certificate it would be another name)"),
        *((host, WHOLE_LABEL) for host in ("*", "a.*.b", "w*.a.b", "*.*.a", "**.a", "*.", "*.1")),
        ("bücher.example", ""),
        ("\u0661\u0660.0.0.1", ""),
        (":::", ""),
        ("a" * 64, ""),
        (".".join(["a" * 50] * 5), ""),
        ("{{ 7*7 }}", ""),
    ],
)
def test_a_host_that_is_neither_is_refused_with_advice(host: str, advice: str) -> None:
    assert spelling.host_problem(host) == f"`{host}` is not an IP address or a host name{advice}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FD00:0:0::A", "fd00::a"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:a00:1", "10.0.0.1"),
        ("Etcd1.Example", "etcd1.example"),
    ],
)
def test_two_spellings_of_one_host_have_one_form(one: str, other: str) -> None:
    assert spelling.canonical_host(one) == spelling.canonical_host(other) == other


@pytest.mark.parametrize("host", ["fe80::1%eth0", "host", "10.0.0.256", ""])
def test_what_is_no_address_has_no_canonical_form(host: str) -> None:
    assert spelling.canonical_address(host) == ""


@pytest.mark.parametrize(
    "cn",
    ["calico", "system:kube-apiserver", "Bücher & Söhne", "{{ 7*7 }}", "$(id)`'\"\\", "x" * 64],
)
def test_a_cn_may_be_any_text_that_can_be_seen(cn: str) -> None:
    assert spelling.cn_problem(cn) == ""


@pytest.mark.parametrize(
    ("cn", "problem"),
    [
        ("", "the CN is empty"),
        ("x" * 65, f"`{'x' * 65}` is longer than 64 characters"),
        ("a\nb", r"`a\nb` has control or invisible characters"),
        ("a\0", r"`a\x00` has control or invisible characters"),
        ("a\u200bb", r"`a\u200bb` has control or invisible characters"),
        ("a\u2028b", r"`a\u2028b` has control or invisible characters"),
        ("a\u202eb", r"`a\u202eb` has control or invisible characters"),
        ("a\udcff", r"`a\xff` has control or invisible characters"),
        (
            "e\u0301",
            "`e\u0301` is not in Unicode form NFC: etcd would take its two spellings for two users",
        ),
        (" a", "` a` begins or ends with a blank"),
        ("a\u00a0", "`a\u00a0` begins or ends with a blank"),
    ],
)
def test_a_cn_that_would_mislead_is_refused(cn: str, problem: str) -> None:
    assert spelling.cn_problem(cn) == problem


def test_an_empty_text_may_stand_where_a_name_of_the_subject_is_optional() -> None:
    assert spelling.text_problem("", 64) == ""


@pytest.mark.parametrize(
    ("text", "hours"),
    [("90d", 2160), ("1y", 8760), ("8760h", 8760), ("1w", 168), ("1h", 1), ("290y", 290 * 8760)],
)
def test_a_lifetime_is_counted_in_hours(text: str, hours: int) -> None:
    assert spelling.parse_hours(text) == hours


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0h",
        "00h",
        "-1h",
        "1",
        "h",
        "1.5y",
        "1h30m",
        " 1h",
        "1H",
        "1m",
        "291y",
        "9" * 99 + "h",
        "\u0661h",
    ],
)
def test_what_is_no_lifetime_or_longer_than_go_can_count_is_none(text: str) -> None:
    assert spelling.parse_hours(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ecdsa-256", Key("ecdsa", 256)),
        ("ecdsa-384", Key("ecdsa", 384)),
        ("ecdsa-521", Key("ecdsa", 521)),
        ("rsa-2048", Key("rsa", 2048)),
        ("rsa-8192", Key("rsa", 8192)),
        ("ed25519", Key("ed25519", 0)),
    ],
)
def test_a_key_type_is_read_and_written_as_the_same_word(text: str, key: Key) -> None:
    assert spelling.parse_key(text) == key
    assert str(key) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rsa",
        "rsa-",
        "rsa-1024",
        "rsa-8193",
        "rsa-16384",
        "ecdsa-255",
        "dsa-2048",
        "ed25519-0",
        "RSA-2048",
        "rsa-\u0662\u0660\u0664\u0668",
    ],
)
def test_an_unknown_key_type_is_none(text: str) -> None:
    assert spelling.parse_key(text) is None


def test_a_name_that_is_none_is_met_with_the_likeliest() -> None:
    assert spelling.did_you_mean("calic", ("etcd1", "calico")) == "; did you mean `calico`?"
    assert spelling.did_you_mean("zzz", ("etcd1", "calico")) == ""


def test_a_number_that_python_would_not_read_is_none_at_all() -> None:
    assert spelling.whole_number("0042") == 42
    for text in ("", "-1", "1 ", "x", "٣", "9" * 19, "9" * 5000):
        assert spelling.whole_number(text) is None


@pytest.mark.parametrize("read", NUMBERS)
def test_no_reader_of_numbers_fails_at_a_long_one(
    read: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "9" * 5000
    monkeypatch.setenv("COLUMNS", text)
    monkeypatch.setenv(remotesigner.SECONDS_VARIABLE, text)
    with suppress(ScaffoldError):
        read(text)

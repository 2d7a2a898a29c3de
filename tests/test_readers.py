import json

import pytest

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Constraint, Profile, SigningConfig
from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import Key

pytestmark = pytest.mark.fast

DEFAULT = {"expiry": "8760h", "usages": ["any"]}


def refused(text: str, *, config: bool = False) -> str:
    with pytest.raises(ScaffoldError) as caught:
        (readers.signing_config if config else readers.request)(text, "x.json")
    return str(caught.value)


def test_reads_names_without_regard_to_case_as_go_does() -> None:
    text = """{"cn": "etcd", "HOSTS": ["a"], "Key": {"ALGO": "rsa", "size": 2050},
      "Names": [{"o": "x", "oid": {"1.2": "y"}}], "SerialNumber": "7",
      "CA": {"Expiry": "24h", "pathLen": 1,
      "pathlenzero": true, "backdate": "1h"}, "crl_url": "u"}"""
    assert readers.request(text, "x.json") == Request(
        cn="etcd",
        hosts=("a",),
        key=Key("rsa", 2050),
        names=({"O": "x", "1.2": "y"},),
        serial_number="7",
        ca=Authority("24h", 1, path_length_zero=True, backdate="1h"),
        crl_url="u",
    )


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("", Key("ecdsa", 256)),
        (', "key": null', Key("ecdsa", 256)),
        (', "key": {"algo": "ecdsa"}', Key("ecdsa", 256)),
        (', "key": {"size": 384}', Key("ecdsa", 384)),
        (', "key": {"algo": "ed25519", "size": 0}', Key("ed25519", 0)),
    ],
)
def test_a_key_that_is_left_open_is_ecdsa_256(key: str, read: Key) -> None:
    assert readers.request('{"CN": "a"' + key + "}", "x.json").key == read


def test_what_the_ca_s_section_leaves_open_is_unset() -> None:
    assert readers.request('{"CN": "a", "ca": {}}', "x.json").ca == Authority()
    assert readers.request('{"CN": "a", "ca": {"pathlen": 0}}', "x.json").ca == Authority()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ('"hosts": ["a", 5]', "hosts[1]: `5` is not text in quotes"),
        ('"hosts": {}', "hosts: `{}` is not a list […]"),
        ('"serialnumber": 7', "serialnumber: `7` is not text in quotes"),
        ('"crl_url": 7', "crl_url: `7` is not text in quotes"),
        ('"crl_url": "http://ü/"', "crl_url: `http://ü/` is not ASCII"),
        ('"crl_url": "ü\\ud800"', 'crl_url: `"\\u00fc\\ud800"` holds half of a character'),
        ('"key": 5', "key: `5` is not an object {…}"),
        ('"key": {"algo": 5}', "key.algo: `5` is not text in quotes"),
        ('"names": [{"OID": []}]', "names[0].OID: `[]` is not an object {…}"),
        ('"ca": {"backdate": 5}', "ca.backdate: `5` is not text in quotes"),
        ('"ca": {"pathlen": "x"}', 'ca.pathlen: `"x"` is not a whole number'),
        (
            '"ca": {"pathlen": 9223372036854775808}',
            "ca.pathlen: `9223372036854775808` is too long a number",
        ),
        ('"CN": "\\ud800"', 'CN: `"\\ud800"` holds half of a character'),
        ('"hosts": ["a", "\\udfff"]', 'hosts[1]: `"\\udfff"` holds half of a character'),
        ('"serialnumber": ["ü"]', 'serialnumber: `["ü"]` is not text in quotes'),
        (f'"CN": ["{"x" * 36}"]', f'CN: `["{"x" * 36}"]` is not text in quotes'),
        (f'"CN": ["{"x" * 37}"]', f'CN: `["{"x" * 37}…` is not text in quotes'),
    ],
)
def test_a_value_of_a_wrong_kind_is_told_with_its_place(fields: str, problem: str) -> None:
    assert refused("{" + fields + "}") == f"`x.json` can't be used\n  x.json: {problem}"


def test_numbers_reach_as_far_as_go_s() -> None:
    constraint = '{"max_path_len": -9223372036854775808}'
    text = f'{{"signing": {{"default": {{"expiry": "1h", "ca_constraint": {constraint}}}}}}}'
    assert readers.signing_config(text, "x.json").default.constraint == Constraint(
        max_path_length=-(2**63)
    )


def test_null_in_a_list_is_an_empty_item_as_in_go() -> None:
    request = readers.request(
        '{"CN": "a", "hosts": [null, "b"], "names": [null, {"O": null}, {"O": "x"}]}', "x.json"
    )
    assert request.hosts == ("", "b")
    assert request.names == ({}, {}, {"O": "x"})
    assert request.subject == (("2.5.4.10", ("x",)), ("2.5.4.3", ("a",)))


def test_an_oid_without_a_text_stays_as_in_cfssl_1_6() -> None:
    request = readers.request(
        '{"CN": "a", "names": [{"OID": {"1.2.3": null, "1.2.4": ""}}]}', "x.json"
    )
    assert request.subject == (("2.5.4.3", ("a",)), ("1.2.3", ("",)), ("1.2.4", ("",)))


def test_hosts_that_are_absent_are_told_from_an_empty_list() -> None:
    assert readers.request('{"CN": "a"}', "x.json").hosts is None
    assert readers.request('{"CN": "a", "hosts": []}', "x.json").hosts == ()


def test_a_field_that_looks_like_a_known_one_is_noticed_and_others_are_ignored_as_in_go() -> None:
    request = readers.request(
        '{"CN": "a", "host": ["b"], "_comment": "c", "name": [], "nodes": 1}', "x.json"
    )
    assert [(each.place.key, each.meant) for each in request.ignored] == [
        ("host", "`hosts`"),
        ("name", "`names`"),
        ("nodes", ""),
    ]


def test_a_field_that_stands_twice_is_told_whatever_its_case() -> None:
    """Go takes the last of two texts, and mixes two objects."""
    text = '{"CN": "a", "CN": "b", "hosts": ["a"], "Hosts": ["b"], "names": [{"O": "x", "o": "y"}]}'
    request = readers.request(text, "x.json")
    assert (request.cn, request.hosts, request.names) == ("b", ("b",), ({"O": "y"},))
    assert [(each.place.key, each.message) for each in request.ignored] == [
        ("CN", "cfssl ignores it: `CN` follows, and the last holds"),
        ("hosts", "cfssl ignores it: `Hosts` follows, and the last holds"),
        ("names[0].O", "cfssl ignores it: `o` follows, and the last holds"),
    ]
    assert refused('{"CN": "a", "ca": {"expiry": "24h"}, "CA": {"pathlen": 1}}') == (
        "`x.json` can't be used\n  x.json: CA: it stands here as `ca` too: write it once"
    )


@pytest.mark.parametrize(
    ("config", "ignored"),
    [
        ({"signing": {"default": DEFAULT}, "default": DEFAULT}, {"default": "`signing.default`"}),
        ({"signing": {"default": DEFAULT, "profile": {}}}, {"signing.profile": "`profiles`"}),
        ({"signing": {"default": DEFAULT, "client": {}}}, {"signing.client": "`profiles.client`"}),
        ({"signing": {"default": DEFAULT, "expiry": "1h"}}, {"signing.expiry": "`default.expiry`"}),
        (
            {"signing": {"default": {**DEFAULT, "usage": [], "hosts": [], "owner": 1}}},
            {
                "signing.default.usage": "`usages`",
                "signing.default.hosts": "`hosts` of a request",
                "signing.default.owner": "",
            },
        ),
        (
            {"signing": {"default": {**DEFAULT, "ca_constraint": {"max_pathlen": 1}}}},
            {"signing.default.ca_constraint.max_pathlen": "`max_path_len`"},
        ),
        ({"signing": {"default": {**DEFAULT, "cert_store": "x"}}, "auth_keys": {"a": 1}}, {}),
    ],
)
def test_what_cfssl_passes_over_in_a_configuration_is_told_with_what_is_meant(
    config: dict[str, object], ignored: dict[str, str]
) -> None:
    found, _ = readers.readable_signing_config(json.dumps(config), "c.json")
    assert {each.place.key: each.meant for each in found.ignored} == ignored


def test_a_profile_that_misspells_what_it_needs_is_told_once() -> None:
    profile = {"expiry": "1h", "usage": [""]}
    text = json.dumps({"signing": {"default": {"expire": "1h"}, "profiles": {"a": profile}}})
    found, problems = readers.readable_signing_config(text, "c.json")
    assert [each.place.key for each in found.ignored] == [
        "signing.default.expire",
        "signing.profiles.a.usage",
    ]
    assert problems == ()


def test_the_number_that_go_has_beside_a_lifetime_is_not_taken_for_it() -> None:
    profile = {"Expiry": "1h", "usages": ["any"]}
    text = json.dumps({"signing": {"default": DEFAULT, "profiles": {"a": profile}}})
    _, problems = readers.readable_signing_config(text, "c.json")
    assert [str(each) for each in problems] == [
        "c.json: signing.profiles.a.Expiry: cfssl takes it for a number: write `expiry`"
    ]


def test_every_fault_of_a_request_is_told_at_once_with_its_place() -> None:
    text = """{"CN": 5, "hosts": "x", "key": {"algo": "dsa", "size": "a"},
      "names": [{"O": 3, "OID": {"x": "y"}}, 4],
      "extensions": [1, {"Id": [3], "Value": "?"}], "delegation_enabled": 1,
      "ca": {"pathlen": -2, "expiry": "3d", "pathlenzero": 1}}"""
    assert refused(text) == (
        "`x.json` can't be used\n"
        "  x.json: CN: `5` is not text in quotes\n"
        '  x.json: hosts: `"x"` is not a list […]\n'
        '  x.json: key.size: `"a"` is not a whole number\n'
        "  x.json: key.algo: `dsa` is none of `ecdsa`, `rsa`, `ed25519`\n"
        "  x.json: names[1]: `4` is not an object {…}\n"
        "  x.json: names[0].O: `3` is not text in quotes\n"
        "  x.json: names[0].OID.x: is not an object identifier such as `2.5.4.15`\n"
        "  x.json: ca.pathlen: `-2` is negative\n"
        "  x.json: ca.expiry: `3d` is not a duration as Go writes it: hours such as `8760h`, "
        "or `1h30m`\n"
        "  x.json: ca.pathlenzero: `1` is not true or false\n"
        "  x.json: extensions[0]: `1` is not an object {…}\n"
        "  x.json: extensions[0].Id: is not an object identifier such as `[2, 5, 29, 17]`\n"
        "  x.json: extensions[0].Value: is not base64, in which the extension's DER is to be\n"
        "  x.json: delegation_enabled: `1` is not true or false"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"CN": "a",\n  "hosts": [}',
            "`x.json` is not JSON\n  x.json:2:13: Expecting value",
        ),
        ("", "`x.json` is not JSON\n  x.json:1:1: Expecting value"),
        ("[1]", "`x.json` holds no object {…}\n  x.json: it begins with `[1]`"),
        ("[" * 100_000, "`x.json` is not JSON\n  x.json: nested too deeply"),
        ("9" * 5000, "`x.json` is not JSON\n  x.json: a number is too long"),
        (
            "\ufeff{}",
            "`x.json` is not JSON\n  x.json: it begins with a byte order mark, which cfssl refuses",
        ),
        (
            f'{{"CN": {{"a": "{"x" * 50}"}}}}',
            f'`x.json` can\'t be used\n  x.json: CN: `{{"a": "{"x" * 32}…` is not text in quotes',
        ),
        (
            '{"key": {"algo": "rsa", "size": 1024}}',
            "`x.json` can't be used\n  x.json: key.size: `1024` is not in 2048..8192",
        ),
        (
            '{"key": {"algo": "ecdsa", "size": 512}}',
            "`x.json` can't be used\n  x.json: key.size: `512` is none of 256, 384, 521",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(text: str, problem: str) -> None:
    assert refused(text) == problem


def test_reads_a_signing_configuration() -> None:
    text = """{"signing": {"default": {"expiry": "8760h"}, "profiles": {"p": {
      "usages": ["signing"], "expiry": "1h30m", "backdate": "1m",
      "not_before": "2026-01-01T00:00:00Z", "not_after":
      "2027-01-01T00:00:00+02:00",
      "ca_constraint": {"is_ca": true, "max_path_len": 1, "max_path_len_zero": false},
      "crl_url": "c", "ocsp_url": "o", "issuer_urls": ["i"]}}}}"""
    assert readers.signing_config(text, "x.json") == SigningConfig(
        Profile(expiry="8760h"),
        {
            "p": Profile(
                name="p",
                usages=("signing",),
                expiry="1h30m",
                backdate="1m",
                not_before="2026-01-01T00:00:00Z",
                not_after="2027-01-01T00:00:00+02:00",
                constraint=Constraint(is_ca=True, max_path_length=1),
                crl_url="c",
                ocsp_url="o",
                issuer_urls=("i",),
            )
        },
    )


def test_names_of_profiles_keep_their_case_as_keys_of_go_s_maps_do() -> None:
    text = """{"signing": {"profiles": {"P": {"usages": ["signing"], "expiry": "24h"},
      "p": {"usages": ["crl sign"], "expiry": "2h"}}}}"""
    profiles = readers.signing_config(text, "x.json").profiles
    assert [(name, each.usages, each.expiry) for name, each in profiles.items()] == [
        ("P", ("signing",), "24h"),
        ("p", ("crl sign",), "2h"),
    ]


def test_an_empty_list_of_issuers_is_not_an_absent_one() -> None:
    text = """{"signing": {"default": {"expiry": "1h", "issuer_urls": ["i"]}, "profiles": {
      "none": {"usages": ["signing"], "expiry": "1h", "issuer_urls": []},
      "default's": {"usages": ["signing"],
      "expiry": "1h"}}}}"""
    config = readers.signing_config(text, "x.json")
    assert config.profile_or_default("none").issuer_urls == ()
    assert config.profile_or_default("default's").issuer_urls == ("i",)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ('"usages": 5', "usages: `5` is not a list […]"),
        (
            '"backdate": "1d"',
            "backdate: `1d` is not a duration as Go writes it: hours such as `8760h`, or `1h30m`",
        ),
        ('"crl_url": "ü"', "crl_url: `ü` is not ASCII"),
        ('"ocsp_url": "ü"', "ocsp_url: `ü` is not ASCII"),
        ('"issuer_urls": ["a", "ü"]', "issuer_urls[1]: `ü` is not ASCII"),
        ('"ca_constraint": 5', "ca_constraint: `5` is not an object {…}"),
        ('"ca_constraint": {"is_ca": 5}', "ca_constraint.is_ca: `5` is not true or false"),
        (
            '"ca_constraint": {"max_path_len": true}',
            "ca_constraint.max_path_len: `true` is not a whole number",
        ),
        (
            '"ca_constraint": {"max_path_len_zero": 0}',
            "ca_constraint.max_path_len_zero: `0` is not true or false",
        ),
        (
            '"not_after": "1949-12-31T23:59:59Z"',
            "not_after: `1949-12-31T23:59:59Z` is before 1950, where a certificate's years begin",
        ),
    ],
)
def test_a_wrong_value_of_a_profile_is_told_with_its_place(fields: str, problem: str) -> None:
    text = '{"signing": {"default": {"expiry": "1h", ' + fields + "}}}"
    assert (
        refused(text, config=True) == f"`x.json` can't be used\n  x.json: signing.default.{problem}"
    )


def test_profiles_that_are_no_object_are_refused() -> None:
    assert refused('{"signing": {"profiles": 5}}', config=True) == (
        "`x.json` can't be used\n  x.json: signing.profiles: `5` is not an object {…}"
    )


def test_a_time_of_the_first_year_of_certificates_is_taken() -> None:
    text = '{"signing": {"default": {"expiry": "1h", "not_before": "1950-01-01T00:00:00Z"}}}'
    assert readers.signing_config(text, "x.json").default.not_before == "1950-01-01T00:00:00Z"


def test_a_time_that_is_none_counts_as_not_given_for_whoever_reads_on() -> None:
    constraint = '{"max_path_len_zero": true}'
    fields = f'"expiry": "1h", "ca_constraint": {constraint}, "not_before": "soon"'
    text = f'{{"signing": {{"default": {{{fields}}}}}}}'
    config, problems = readers.readable_signing_config(text, "x.json")
    assert config.default == Profile(expiry="1h", constraint=Constraint(max_path_length_zero=True))
    assert tuple(map(str, problems)) == (
        "x.json: signing.default.not_before: `soon` is not a time such as `2027-01-31T00:00:00Z`",
    )


@pytest.mark.parametrize(
    "text", ["2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "", "2026-01-01T00:00:00", "20260101"]
)
def test_a_time_is_one_of_rfc_3339_as_in_go(text: str) -> None:
    document = json.dumps({"signing": {"default": {"expiry": "1h", "not_before": text}}})
    assert f"not_before: `{text}` is not a time" in refused(document, config=True)


def test_go_s_time_of_no_value_is_none_and_a_profile_that_is_null_is_refused() -> None:
    text = '{"signing": {"default": {"expiry": "1h", "not_before": "0001-01-01T00:00:00Z"}}}'
    assert readers.signing_config(text, "x.json").default.not_before == ""
    assert "signing.profiles.p: `null` is not an object" in refused(
        '{"signing": {"profiles": {"p": null}}}', config=True
    )


def test_an_rsa_key_has_an_even_length() -> None:
    assert "key.size: `2049` is odd" in refused('{"CN": "x", "key": {"algo": "rsa", "size": 2049}}')


def test_without_a_default_profile_cfssls_own_holds() -> None:
    assert readers.signing_config('{"signing": {}}', "x.json") == SigningConfig()


def test_every_fault_of_a_signing_configuration_is_told_at_once() -> None:
    text = """{"signing": {"default": {"expiry": "0h", "auth_key": "k", "remote": "r"},
      "profiles": {
      "a": {"usages": ["sign"], "expiry": "365d"},
      "b": {"usages": ["signing"], "not_after": "tomorrow"}}}}"""
    unsupported = "cfssl has this field, tls-scaffold's own signer does not support it"
    assert refused(text, config=True) == (
        "`x.json` can't be used\n"
        f"  x.json: signing.default.auth_key: {unsupported}\n"
        f"  x.json: signing.default.remote: {unsupported}\n"
        "  x.json: signing.default.expiry: `0h` is no lifetime for the default profile\n"
        "  x.json: signing.profiles.a.expiry: `365d` is not a duration as Go writes it: "
        "hours such as `8760h`, or `1h30m`\n"
        "  x.json: signing.profiles.a.usages: none that cfssl knows\n"
        "  x.json: signing.profiles.b.not_after: `tomorrow` is not a time such as "
        "`2027-01-31T00:00:00Z`\n"
        "  x.json: signing.profiles.b.expiry: is missing: a duration such as `8760h`"
    )


def test_what_is_of_another_type_is_told_once_and_not_as_missing_too() -> None:
    text = """{"signing": {"default": {"expiry": 5}, "profiles": {
      "a": {"Usages": [7], "expiry": "1h"}, "b": {"usages": "signing", "EXPIRY": []}}}}"""
    assert refused(text, config=True) == (
        "`x.json` can't be used\n"
        "  x.json: signing.default.expiry: `5` is not text in quotes\n"
        "  x.json: signing.profiles.a.usages[0]: `7` is not text in quotes\n"
        '  x.json: signing.profiles.b.usages: `"signing"` is not a list […]\n'
        "  x.json: signing.profiles.b.expiry: `[]` is not text in quotes"
    )


def test_a_configuration_without_signing_is_refused() -> None:
    assert refused("{}", config=True) == "`x.json` can't be used\n  x.json: `signing` is missing"

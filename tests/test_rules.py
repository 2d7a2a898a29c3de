"""Rules on what was read of a folder, without one; and findings as programs read them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tls_scaffold import __version__
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.checks import (
    authorities,
    certs,
    documents,
    hosts,
    lifetimes,
    makelines,
    profiles,
    run_rules,
    subjects,
    targets,
    unknown_rule,
)
from tls_scaffold.checks.report import to_json, to_sarif
from tls_scaffold.checks.rule import Finding, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.clusterparts import Files, Member, User
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.signing import certificates, signer
from tls_scaffold.spelling import Key
from tls_scaffold.state.entries import Contents, Entry, with_faults

BEGIN = datetime(2026, 11, 23, 20, 25, tzinfo=timezone.utc)
END = BEGIN + timedelta(days=365)
SECOND, MONTH = timedelta(seconds=1), timedelta(days=30)
SIGNED = signer.new_ca(Request(cn="x", ca=Authority("8760h")), BEGIN + timedelta(minutes=5))
CERTIFICATE = certificates.read(SIGNED.certificate, "x.pem")
CONFIG = "config/ca-config.json"
LIVED = Entry("l", "user", "certs/l.pem", certificate=CERTIFICATE, key=SIGNED.key)
NOTHING = Entry(
    "n", "user", "certs/n.pem", absent=Problem(Place("certs/n.pem"), "gone"), keyless="no key"
)
AUTHORITY = Entry("ca", "ca", "certs/ca.pem", certificate=CERTIFICATE, key=SIGNED.key)


LOCKED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUJD\n-----END ENCRYPTED PRIVATE KEY-----\n"


def asked(name: str, kind: str = "user", request: str = "", **fields: Any) -> Entry:
    """Return a certificate that is asked for, from a request of its own unless another is named."""
    signing = Signing(name, f"req-{name}", request or f"{name}.json", f"certs/{name}", **fields)
    return Entry(name, kind, f"certs/{name}.pem", ca="certs/ca.pem", signing=signing)


def look(
    rule: Rule, *entries: Entry, now: datetime = BEGIN, **fields: Any
) -> list[tuple[str, str]]:
    """Return where and what a rule finds."""
    found = rule.look(view(*entries, now=now, **fields))
    return [(str(each.place), each.message) for each in found]


def view(
    *entries: Entry, now: datetime = BEGIN, unread: tuple[Unread, ...] = (), **fields: Any
) -> View:
    empty: Mapping[str, Any] = {
        "folder": Path("/nowhere"),
        "inventory": None,
        "requests": {},
        "configs": {},
        "makefile": "",
        "rendered": frozenset(),
        "key_group": "",
        **dict.fromkeys(("unread", "unfit", "not_inventory"), ()),
    }
    return View(now=now, contents=Contents(entries, unread), **{**empty, **fields})


ENDED, ENDS = "it ended 2027-11-23 20:25 UTC", "it ends 2027-11-23 20:25 UTC"


@pytest.mark.parametrize(
    ("now", "living", "living_on"),
    [
        (BEGIN - SECOND, ["it is not valid before 2026-11-23 20:25 UTC"], []),
        (BEGIN, [], []),
        (END - MONTH - SECOND, [], []),
        (END - MONTH, [], [ENDS]),
        (END - SECOND, [], [ENDS]),
        (END, [], [ENDS]),
        (END + SECOND, [ENDED], []),
    ],
)
def test_a_certificate_lives_from_its_first_second_to_its_last(
    now: datetime, living: list[str], living_on: list[str]
) -> None:
    entries = (NOTHING, replace(LIVED, path="certs/o.pem", kind=None), LIVED)
    paths = ("certs/o.pem", "certs/l.pem")
    assert look(certs.expired, *entries, now=now) == [
        (path, told) for path in paths for told in living
    ]
    assert look(certs.expiring, *entries, now=now) == [
        (path, told) for path in paths for told in living_on
    ]


def test_a_key_that_is_not_its_certificate_s_is_found_behind_what_can_not_be_compared() -> None:
    locked, keyless = replace(AUTHORITY, key=LOCKED), replace(LIVED, key=None)
    wrong = replace(LIVED, path="certs/w.pem", key=b"rubbish")
    found = [("certs/w-key.pem", "it holds no private key in PEM")]
    judged = [with_faults(each, None, []) for each in (NOTHING, keyless, locked, wrong)]
    assert look(certs.wrong_key, *judged) == found


def test_each_half_of_a_ca_that_is_missing_is_told_in_its_own_words() -> None:
    no_key = replace(AUTHORITY, key=None, keyless="no key")
    no_certificate = replace(AUTHORITY, certificate=None, absent=Problem(Place(), "no certificate"))
    neither = replace(AUTHORITY, certificate=None, key=None, absent=Problem(Place(), "nothing"))
    assert look(authorities.half_ca, AUTHORITY, neither, no_key, no_certificate, NOTHING) == [
        ("certs/ca.pem", "no key"),
    ]
    told = {
        "no_certificate": [("certs/ca.pem", "no certificate")],
        "neither": [("certs/ca.pem", "nothing")],
    }
    assert (
        look(authorities.missing_ca, AUTHORITY, no_key, no_certificate, NOTHING)
        == told["no_certificate"]
    )
    assert look(authorities.missing_ca, neither, replace(NOTHING, ca="certs/ca.pem")) == []
    assert (
        look(authorities.missing_ca, neither, replace(LIVED, ca="certs/ca.pem")) == told["neither"]
    )
    assert look(authorities.missing_ca, neither, replace(LIVED, ca="other.pem")) == []


def test_users_of_one_cn_are_found_behind_those_of_whom_nothing_is_known() -> None:
    entries = [asked(name) for name in "nmabc"]
    requests = {"a.json": Request(cn="A"), "b.json": Request(cn="A\x1b"), "c.json": Request(cn="A")}
    message = "`certs/c.pem` and `certs/a.pem` both have the CN `A`"
    assert look(subjects.cn_shared, NOTHING, *entries, requests=requests) == [
        ("c.json: CN", message)
    ]


def test_a_user_may_have_the_cn_of_a_proxy_but_not_of_a_member() -> None:
    entries = (
        asked("m", "member"),
        asked("p", "proxy"),
        asked("a"),
        asked("b"),
        asked("c"),
        asked("d", cn="M"),
    )
    cns = {"m": "M", "p": "P", "a": "P", "b": "M", "c": "", "d": "D"}
    requests = {f"{name}.json": Request(cn=cn) for name, cn in cns.items()}
    assert look(subjects.cn_of_members, *entries, requests=requests) == [
        ("b.json: CN", "user `b` has the CN of the members, `M`"),
        ("d.json: CN", "user `d` has the CN of the members, `M`"),
    ]


def test_hosts_of_the_command_line_are_looked_at_where_they_stand() -> None:
    entry = asked("a", hostname="b c,10.0.0.999,,ok")
    words = "is neither an IP address nor a DNS name: cfssl signs it as a DNS name"
    makefile = "x\n\t-hostname … -bare certs/a"
    assert look(hosts.bad_host, entry, makefile=makefile) == [
        ("Makefile:2", f"`b c` {words}"),
        ("Makefile:2", f"`10.0.0.999` {words}"),
    ]
    assert look(hosts.empty_host, entry) == [
        ("Makefile", "the host is empty: cfssl signs an empty DNS name")
    ]


def test_a_missing_address_is_found_behind_a_request_that_can_not_be_read() -> None:
    members = tuple(Member(name, (name, "::1"), Files(f"{name}.json")) for name in "ab")
    found = look(
        hosts.missing_address,
        inventory=Inventory(members=members),
        requests={"b.json": Request(hosts=("0::1",))},
    )
    assert found == [("b.json: hosts", "`b` of member `b` is missing")]


NO_LOOPBACK = "names neither `localhost` nor a loopback address"


@pytest.mark.parametrize(
    ("kind", "cn", "listed", "found"),
    [
        ("member", "etcd", False, ["a.json: hosts"]),
        ("member", "other", False, []),
        ("member", "other", True, ["a.json: hosts"]),
        ("proxy", "etcd", False, []),
        ("proxy", "etcd", True, []),
        ("user", "etcd", True, []),
    ],
)
def test_loopback_is_asked_of_members_alone(
    kind: str, cn: str, listed: bool, found: list[str]
) -> None:
    inventory = Inventory(members=(Member("a", ()), Member("b", ()))) if listed else None
    requests = {"a.json": Request(cn=cn, hosts=("a",)), "b.json": Request(cn=cn, hosts=("0::1",))}
    entries = (
        replace(asked("a", kind), signing=None, request=requests["a.json"]),
        asked("unread", kind),
        *(asked(name, kind) for name in "ab"),
    )
    told = look(hosts.no_loopback, *entries, requests=requests, inventory=inventory)
    assert told == [(where, NO_LOOPBACK) for where in found]


def test_loopback_is_missed_where_the_command_line_has_the_hosts() -> None:
    entry = asked("a", "member", hostname="a")
    requests = {"a.json": Request(cn="etcd", hosts=("localhost",))}
    found = look(hosts.no_loopback, entry, requests=requests, makefile="certs/a")
    assert found == [("Makefile:1", NO_LOOPBACK)]


def configured(**usages: tuple[str, ...]) -> dict[str, SigningConfig]:
    """Return profiles with these usages; the default one lives for two years."""
    named = {
        name: Profile(name, each, "17520h") for name, each in usages.items() if name != "default"
    }
    return {CONFIG: SigningConfig(Profile("", usages.get("default", ()), "17520h"), named)}


def test_a_profile_lacks_what_its_component_needs_unless_it_grants_nothing_at_all() -> None:
    entries = (
        asked("m", "member"),
        asked("p", "proxy", profile="odd"),
        asked("u", profile="server"),
        asked("v"),
        asked("w", config="missing.json"),
        asked("x", "member", profile="any"),
    )
    configs = configured(
        any=("any",), default=("client auth",), odd=("sign",), server=("server auth",)
    )
    assert look(profiles.wrong_usages, *entries, configs=configs) == [
        (f"{CONFIG}: signing.default.usages", "`server auth` is missing, which `m` needs"),
        (f"{CONFIG}: signing.profiles.server.usages", "`client auth` is missing, which `u` needs"),
    ]


def test_unknown_profiles_and_defaults_that_grant_nothing_are_found_where_they_are_asked_for() -> (
    None
):
    entries = (asked("a", profile="Clent"), asked("b", profile="client"), asked("c"))
    configs = configured(client=("client auth",))
    makefile = "certs/a.pem:\n\tcfssl certs/a\ncerts/c:"
    unknown = "`certs/a.pem` asks for the profile `Clent`, which is unknown; did you mean `client`?"
    granting = "is signed with the default profile, which grants no usages"
    assert look(profiles.unknown_profile, *entries, configs=configs, makefile=makefile) == [
        ("Makefile:1", unknown),
        ("Makefile:2", unknown),
    ]
    assert look(profiles.default_without_usages, *entries, configs=configs, makefile=makefile) == [
        ("Makefile:1", f"`certs/a.pem` {granting}"),
        ("Makefile:2", f"`certs/a.pem` {granting}"),
        ("Makefile:3", f"`certs/c.pem` {granting}"),
    ]


OUTLIVES = "what is signed would outlive `certs/ca.pem`"


@pytest.mark.parametrize(
    ("authorities", "requests", "found"),
    [
        pytest.param((AUTHORITY,), {}, True, id="the CA ends before"),
        pytest.param((), {}, False, id="no CA is known"),
        pytest.param(
            (),
            {"config/ca-csr.json": Request(ca=Authority("8760h"))},
            True,
            id="it would end before",
        ),
        pytest.param((), {"config/ca-csr.json": Request()}, False, id="it would live longer"),
        pytest.param(
            (), {"config/ca-csr.json": Request(ca=Authority("-1h"))}, False, id="it can't be made"
        ),
        pytest.param(
            (AUTHORITY,), {"config/ca-csr.json": Request()}, True, id="the one that is there counts"
        ),
    ],
)
def test_what_would_outlive_its_ca_is_found(
    authorities: tuple[Entry, ...],
    requests: dict[str, Request],
    found: bool,
) -> None:
    entries = (*authorities, asked("a"), asked("b", profile="client"))
    expected = [
        (f"{CONFIG}: signing.{key}.expiry", OUTLIVES) for key in ("default", "profiles.client")
    ]
    configs = configured(client=("client auth",))
    assert (
        look(lifetimes.outlives_ca, *entries, configs=configs, requests=requests)
        == expected * found
    )


def test_a_lifetime_that_is_none_outlives_nothing_and_a_ca_of_a_year_lives_long_enough() -> None:
    configs = {CONFIG: SigningConfig(Profile(expiry="0h"))}
    assert (
        look(lifetimes.outlives_ca, AUTHORITY, asked("a"), configs=configs, now=END + MONTH) == []
    )
    assert look(lifetimes.short_lived_ca, AUTHORITY) == []


def test_without_a_configuration_cfssl_s_own_default_is_looked_at() -> None:
    found = look(lifetimes.outlives_ca, AUTHORITY, asked("a", config=""), now=BEGIN + MONTH)
    assert found == [("Makefile: signing.default.expiry", OUTLIVES)]


def test_a_cfssl_that_does_not_run_is_held_to_know_every_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cfssl").write_text("#!/nowhere\n")
    (tmp_path / "cfssl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (
        look(documents.ed25519_unsupported, requests={"a.json": Request(key=Key("ed25519", 0))})
        == []
    )


def test_nothing_is_said_of_the_default_profile_in_place_of_one_that_can_t_be_read() -> None:
    fields: dict[str, Any] = {"configs": {CONFIG: SigningConfig(Profile(usages=("signing",)))}}
    of_default = [
        (f"{CONFIG}: signing.default.usages", "`client auth` is missing, which `a` needs")
    ]
    entry = asked("a", profile="p")
    assert look(profiles.wrong_usages, entry, **fields) == of_default
    assert (
        look(
            profiles.wrong_usages,
            entry,
            unfit=(Problem(Place(CONFIG, key="signing.profiles.p"), "x"),),
            **fields,
        )
        == []
    )
    fields["unfit"] = (Problem(Place(CONFIG, key="signing.profiles"), "x"),)
    assert look(profiles.wrong_usages, asked("a"), **fields) == of_default


def test_what_lies_in_the_makefile_is_found_by_its_lines() -> None:
    makefile = (
        "http_proxy = http://x\nhttps_proxy = $(P)\nx:\n\t  go   get y\n"
        "\tcfssl | -bare certs/$(n)\nNO = 1"
    )
    nameless = replace(asked(""), path="certs/.pem")
    nameless = replace(nameless, signing=Signing("", "req", "x.json", "certs/"))
    assert look(makelines.hard_coded_proxy, makefile=makefile) == [
        ("Makefile:1", "http_proxy = http://x")
    ]
    assert look(makelines.go_get, makefile=makefile) == [("Makefile:4", "go get y")]
    assert look(makelines.unset_variable, nameless, asked("a"), makefile=makefile) == [
        ("Makefile:5", "writes `certs/.pem`: the variable that is to name it is not set")
    ]
    unread = (
        Unread("x gencert", "all"),
        Unread("y gencert", "all"),
        Unread("sh sign.sh a b.pem c"),
        Unread("echo a: `z gencert`"),
    )
    makefile = (
        "all:\n\tx gencert\n\techo; \\\n\tsh sign.sh $(A) b.pem c\n"
        "\tsh sign.sh $(A) b.pem c\n\techo a: `z gencert`"
    )
    assert look(makelines.not_understood, unread=unread, makefile=makefile) == [
        ("Makefile:2", "all: `x gencert`"),
        ("Makefile", "all: `y gencert`"),
        ("Makefile:5", "sh sign.sh a b.pem c"),
        ("Makefile:6", "echo a: `z gencert`"),
    ]


def test_a_request_is_shared_unless_an_inventory_says_so() -> None:
    entries = (
        asked("a", request="s.json"),
        asked("", request="s.json"),
        asked("c"),
        asked("u", request="s.json"),
    )
    inventory = Inventory(members=(), users=(User("u", "u", files=Files(request="s.json")),))
    sharing = "is signed for `a`, `certs/.pem`"
    rule = targets.shared_request
    assert look(rule, *entries) == [("s.json", f"{sharing}, `u`")]
    assert look(rule, *entries, inventory=inventory) == [("s.json", sharing)]


def test_rules_that_are_switched_off_are_silent_and_one_that_there_is_not_is_told(
    tmp_path: Path,
) -> None:
    requests = {"b.json": Request(cn="b", hosts=("",))}
    unfit = (Place("z"), Place("a", key="y"), Place("a", key="b"))
    odd = view(
        folder=tmp_path, requests=requests, unfit=tuple(Problem(place, "x") for place in unfit)
    )
    assert [(each.id, each.where) for each in run_rules(odd)] == [
        ("unfit-value", "a: y"),
        ("unfit-value", "a: b"),
        ("empty-host", "b.json: hosts[0]"),
        ("unfit-value", "z"),
    ]
    inventory = Inventory(members=(), ignore={"empty-host": "so", "unfit-valu": "so"})
    silent = replace(odd, inventory=inventory)
    assert [each.id for each in run_rules(silent)] == [
        "unfit-value",
        "unfit-value",
        "unknown-rule",
        "unfit-value",
    ]
    assert list(unknown_rule.look(silent)) == [
        Problem(
            Place("tls-scaffold.json", key="ignore.unfit-valu"),
            "there is no rule `unfit-valu`; did you mean `unfit-value`?",
        )
    ]


def test_a_value_that_another_rule_speaks_of_is_told_once(tmp_path: Path) -> None:
    request = Request(cn="b", hosts=("",))
    found = run_rules(
        view(
            folder=tmp_path,
            requests={"b.json": request},
            unfit=(Problem(Place("b.json", key="hosts[0]"), "x"),),
        )
    )
    assert [each.id for each in found] == ["empty-host"]


FINDINGS = (
    Finding("expired", "error", Place("certs/ü.pem"), "it ended", "renew"),
    Finding("go-get", "warning", Place("Makefile", 12), "a\x1bb", "mend"),
    Finding("unreadable", "error", Place("\udcff", 3, 4), "x", "mend"),
    Finding("bad-host", "error", Place("b.json", key="hosts[0]"), "x", "mend"),
)


def test_findings_as_json_have_every_field() -> None:
    assert json.loads(to_json(FINDINGS[:1])) == {
        "version": 1,
        "findings": [
            {
                "id": "expired",
                "level": "error",
                "where": "certs/ü.pem",
                "message": "it ended",
                "fix": "renew",
            }
        ],
    }
    assert to_json([]) == '{\n  "version": 1,\n  "findings": []\n}\n'


def result(
    finding: Finding, index: int, uri: str, region: dict[str, int], text: str
) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}
    }
    if finding.place.key:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.place.key}]
    return {
        "ruleId": finding.id,
        "level": finding.level,
        "message": {"text": text},
        "locations": [location],
        "ruleIndex": index,
    }


def test_findings_as_sarif_name_their_rule_and_their_place() -> None:
    rules: list[Rule] = [makelines.go_get, certs.expired, hosts.bad_host]
    found = [FINDINGS[0], FINDINGS[1], FINDINGS[3], replace(FINDINGS[2], id="expired")]
    text = to_sarif([("", found)], rules)
    described = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.summary},
            "fullDescription": {"text": f"{rule.summary} Otherwise: {rule.pain}"},
            "help": {"text": rule.fix},
            "defaultConfiguration": {"level": rule.level},
        }
        for rule in rules
    ]
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
    assert json.loads(text) == {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "tls-scaffold", "version": __version__, "rules": described}
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    result(
                        found[0],
                        1,
                        "certs/%C3%BC.pem",
                        {"startLine": 1},
                        "certs/ü.pem: it ended; renew",
                    ),
                    result(
                        found[1], 0, "Makefile", {"startLine": 12}, "Makefile:12: a\\x1bb; mend"
                    ),
                    result(found[2], 2, "b.json", {"startLine": 1}, "b.json: hosts[0]: x; mend"),
                    result(
                        found[3], 1, "%FF", {"startLine": 3, "startColumn": 4}, "\\xff:3:4: x; mend"
                    ),
                ],
            }
        ],
    }


def test_a_rule_tells_nothing_twice_and_explains_itself() -> None:
    rule = makelines.go_get
    twice = look(rule, makefile="go get a\ngo get a")
    assert [each.where for each in rule.findings(view(makefile="go get a\ngo get a"))] == [
        where for where, _ in twice
    ]
    assert list(makelines.not_understood.findings(view(unread=(Unread("x"), Unread("x"))))) == [
        Finding("not-understood", "error", Place("Makefile"), "x", makelines.not_understood.fix)
    ]
    assert rule.explanation() == (
        f"go-get (warning)\n\n{rule.summary}\n\npain: {rule.pain}\nfix: {rule.fix}\n"
    )

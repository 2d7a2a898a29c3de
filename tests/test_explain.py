"""`explain` on real members with planted faults: the right cause, and never a wrong one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import certs
from faults import BOM, Lab, Seen, encrypted, end_of_start, new_lab, through_the_gateway, with_bom
from runningmembers import HOST, NEWEST, started
from support import PROGRAMS, run, tls_scaffold
from tls_scaffold.live import causes

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.needs("etcd", "etcdctl", within=NEWEST["3.5"])
VERSIONS = (
    "3.5",
    *(pytest.param(each, marks=pytest.mark.long) for each in ("3.4", "3.6", "3.7")),
)


@pytest.fixture(scope="module", params=VERSIONS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with started() as noted:
        yield new_lab(tmp_path_factory.mktemp("explain"), request.param, noted)


def ids(found: dict[str, object]) -> list[str]:
    return [each["id"] for each in found["causes"]]  # type: ignore[attr-defined]


CLIENTS: dict[str, tuple[Callable[[Lab], Seen], str]] = {
    "nothing": (lambda lab: lab.come(), "no-client-certificate"),
    "ended": (lambda lab: lab.come(came=lab.pair("ended")), "client-expired"),
    "early": (lambda lab: lab.come(came=lab.pair("early")), "client-not-yet-valid"),
    "another CA's": (lambda lab: lab.come(came=lab.pair("alice", "stranger")), "client-other-ca"),
    "a namesake's": (lambda lab: lab.come(came=lab.pair("alice", "namesake")), "client-namesake"),
    "for servers": (lambda lab: lab.come(came=lab.pair("server")), "client-usage"),
    "revoked": (lambda lab: lab.come(came=lab.pair("revoked")), "revoked"),
}
"""What a client comes with, and why it is refused."""


@pytest.mark.parametrize("what", CLIENTS)
def test_a_client_that_is_refused(what: str, lab: Lab) -> None:
    come, cause = CLIENTS[what]
    seen = come(lab)

    by_log = lab.explain(seen.member)
    by_client = lab.explain(seen.client, *seen.visitor)

    if what == "a namesake's":  # a member that trusts the wrong one of two logs the same
        assert (ids(by_log), by_log["code"]) == (["client-namesake", "same-subject"], 1)
        by_log = lab.explain(seen.member, "--user", "root")
    assert (ids(by_log), by_log["code"]) == ([cause], 0), seen.member
    wanted = [cause]
    if what == "revoked":  # of its list a member says nothing
        wanted = ["revoked", "crl-unreadable"]
    if what == "nothing":  # who comes with nothing can't be tried
        assert "no-client-certificate" in ids(by_client) or not ids(by_client)
    else:
        assert ids(by_client) == wanted, seen.client
        assert by_client["code"] == (what == "revoked")


SERVERS = {
    "ended": ("s-ended", "forged", "server-expired"),
    "without the address": ("s-host", "forged", "server-host"),
    "for clients": ("s-usage", "forged", "server-usage"),
    "another CA's": ("etcd1", "stranger", "server-other-ca"),
    "a namesake's": ("etcd1", "namesake", "same-subject"),
}


@pytest.mark.parametrize("what", SERVERS)
def test_a_member_that_serves_what_clients_refuse(what: str, lab: Lab) -> None:
    name, of, cause = SERVERS[what]
    with lab.serving(lab.pair(name, of)):
        seen = lab.come(came=lab.own("root"))
        by_log = lab.explain(seen.member)
        by_client = lab.explain(seen.client)
        by_port = lab.explain_port()

    assert (ids(by_log), by_log["code"]) == ([cause], 0), seen.member
    assert (ids(by_client), by_client["code"]) == ([cause], 0), seen.client
    assert (ids(by_port), by_port["code"]) == ([cause], 0)


def test_a_port_that_is_well_has_no_cause_and_that_is_said(lab: Lab) -> None:
    at = f"{HOST}:{lab.well.client}"
    for words, how in (((), ", seen without a certificate"), (("--user", "root"), "")):
        found = lab.explain_port(*words)
        assert (ids(found), found["code"]) == ([], 1)
        said = tls_scaffold("explain", at, *words, cwd=lab.folder).stderr
        assert f"nothing that is known is wrong with the port{how}, as far as can be seen;" in said


def test_a_key_that_does_not_fit(lab: Lab) -> None:
    with lab.serving((lab.own("etcd1")[0], lab.own("root")[1])):
        seen = lab.come(came=lab.own("root"))
        for found in (lab.explain(seen.member), lab.explain(seen.client), lab.explain_port()):
            assert (ids(found), found["code"]) == (["server-pair"], 0)


def test_a_client_without_tls(lab: Lab) -> None:
    for _ in range(5):  # what the member has not read yet may come back as a reset connection
        seen = lab.come(scheme="http", wait="3s")
        if lab.version == "3.4" or "connection reset" not in seen.client:
            break
    by_log, by_client = lab.explain(seen.member), lab.explain(seen.client)
    assert (ids(by_log), by_log["code"]) == (["plain-http"], 0)
    if lab.version == "3.4":  # whose client says nothing
        assert ids(by_client) == []
        return
    # A revoked client says the same: of one that is let in it can only be this.
    assert ids(by_client) == ["plain-http", "revoked", "crl-unreadable"], seen.client
    by_client = lab.explain(seen.client, "--user", "root")
    assert (ids(by_client), by_client["code"]) == (["plain-http"], 0)


def test_a_client_that_trusts_another_ca(lab: Lab) -> None:
    seen = lab.come(came=lab.own("root"), ca=lab.pair("ca", "stranger")[0])
    by_log, by_client = lab.explain(seen.member), lab.explain(seen.client)
    # A client that uses another name of the member says the same, and so does one whose clock is
    # wrong.
    assert (ids(by_log), by_log["code"]) == (["server-host", "client-trust", "clock"], 1)
    if lab.version == "3.4":
        assert ids(by_client) == []
    else:
        assert (ids(by_client), by_client["code"]) == (["client-trust"], 0)


def test_rights(lab: Lab) -> None:
    write = lab.come("put", "/bob/x", "secret-value", came=lab.own("alice"), wait="60s")
    read = lab.come("get", "/bob/x", came=lab.own("alice"), wait="60s", logs=False)
    nobody = lab.come("get", "/bob/x", came=lab.own("stranger"), wait="60s")

    by_log = lab.explain(write.member)
    assert (ids(by_log), by_log["code"]) == (["wrong-prefix"], 0)
    assert by_log["fields"][0]["user"] == "alice"
    assert "secret-value" not in by_log["told"]
    assert "/bob/x" not in by_log["told"]
    for seen in (write, read):
        found = lab.explain(seen.client, *seen.visitor)
        assert (ids(found), found["code"]) == (["wrong-prefix"], 0)
        found = lab.explain(seen.client)
        assert (ids(found), found["code"]) == (["wrong-prefix", "no-user"], 1)
    for_root = lab.come("user", "list", came=lab.own("alice"), wait="60s", logs=False)
    found = lab.explain(for_root.client, *for_root.visitor)
    assert (ids(found), found["code"]) == (["wrong-prefix"], 0)
    assert "or wants what root alone may do" in found["causes"][0]["what"]
    for text, words in ((nobody.member, ()), (nobody.client, ("--user", "stranger"))):
        found = lab.explain(text, *words)
        assert (ids(found), found["code"]) == (["no-user"], 0), text
    found = lab.explain_port("--user", "stranger")
    assert (ids(found), found["code"]) == (["no-user"], 0)
    found = lab.explain_port("--user", "alice")
    assert (ids(found), found["code"]) == ([], 1)


def test_a_list_of_revoked_ones_that_can_t_be_read(lab: Lab) -> None:
    crl = lab.into / "crl.der"
    kept = crl.read_bytes()
    try:
        for spoil in (lambda: crl.write_bytes(b"junk"), lambda: crl.write_bytes(b""), crl.unlink):
            spoil()
            seen = lab.come(came=lab.own("root"))
            found = lab.explain(seen.member)
            assert (ids(found), found["code"]) == (["crl-unreadable"], 0), seen.member
    finally:
        crl.write_bytes(kept)


def test_a_certificate_that_comes_by_the_gateway(lab: Lab) -> None:
    seen = through_the_gateway(lab)
    found = lab.explain(seen.client)
    assert (ids(found), found["code"]) == (["gateway"], 0)


def test_files_that_a_client_can_t_use(lab: Lab) -> None:
    for came, cause in (
        (encrypted(lab), "encrypted-key"),
        (with_bom(lab, 0), "no-pem"),
        (with_bom(lab, 1), "no-pem"),
        ((lab.own("alice")[0], lab.own("root")[1]), "client-pair"),
    ):
        seen = lab.come(came=came, logs=False)
        found = lab.explain(seen.client, *seen.visitor)
        assert (ids(found), found["code"]) == ([cause], 0), seen.client


def test_files_that_a_member_can_t_start_with(lab: Lab) -> None:
    key = lab.own("etcd1")[1].read_bytes()
    found = lab.explain(end_of_start(lab, BOM + key))
    assert (ids(found), found["code"]) == (["no-pem"], 0)
    found = lab.explain(end_of_start(lab, encrypted(lab)[1].read_bytes()))
    assert (ids(found), found["code"]) == (["encrypted-key", "damaged-key"], 1)


@pytest.mark.parametrize(
    "spoil", [lambda pem: BOM + pem, lambda pem: pem.replace(b"-----B", b" -----B")]
)
def test_a_trust_file_that_go_does_not_read(spoil: Callable[[bytes], bytes], lab: Lab) -> None:
    one = lab.other(spoil(lab.trust.read_bytes()))
    seen = lab.come(to=one, came=lab.own("root"))
    for text, words in ((seen.member, ()), (seen.client, seen.visitor)):
        found = lab.explain(text, *words, at=one)
        assert (ids(found), found["code"]) == (["trust-unreadable"], 0), text


def test_a_ca_that_is_for_servers_alone(lab: Lab) -> None:
    kept = lab.trust.read_bytes()
    ca = (lab.into / "servers/certs/ca.pem").read_bytes()
    one = lab.other(ca)
    one.lay_out(*lab.pair("etcd1", "servers"))
    try:
        lab.trust.write_bytes(ca)
        seen = lab.come(to=one, came=lab.pair("alice", "servers"))
        for text, words in ((seen.member, ()), (seen.client, seen.visitor)):
            found = lab.explain(text, *words, at=one)
            assert (ids(found), found["code"]) == (["ca-usage"], 0), text
    finally:
        lab.trust.write_bytes(kept)


def test_a_member_that_has_loaded_a_certificate_of_the_ca_that_has_ended(lab: Lab) -> None:
    """As one does that was not restarted since the CA was signed again."""
    earlier = lab.into / "earlier"
    key = certs.ca_key(lab.folder)
    certs.ca(earlier, begin=certs.NOW - 3 * certs.DAY, life=certs.DAY, key=key)
    recorded = lab.folder / "issued/ca-0123456789.pem"
    recorded.write_bytes((earlier / "certs/ca.pem").read_bytes())
    try:
        one = lab.other(recorded.read_bytes())
        seen = lab.come(to=one, came=lab.own("root"))
        by_log = lab.explain(seen.member, at=one)
        by_client = lab.explain(seen.client, *seen.visitor, at=one)
        by_trust = lab.explain(lab.come(came=lab.own("root"), ca=recorded).client)
    finally:
        recorded.unlink()
    assert (ids(by_log), by_log["code"]) == (["ca-expired"], 0), seen.member
    if lab.version == "3.4":  # whose alert does not tell what has ended
        assert (ids(by_client), ids(by_trust)) == ([], [])
    else:
        assert (ids(by_client), by_client["code"]) == (["ca-expired", "clock"], 1), seen.client
        assert (ids(by_trust), by_trust["code"]) == (["ca-expired"], 0)


def test_a_client_whose_clock_is_wrong(lab: Lab) -> None:
    """OpenSSL says what it does not like, up to TLS 1.2 so that Go can read it."""
    at = ("-connect", f"{HOST}:{lab.well.client}", "-tls1_2", "-CAfile", str(lab.trust))
    certificate, key = lab.own("root")
    lab.well.said()
    run(
        *("openssl", "s_client", *at, "-cert", str(certificate), "-key", str(key)),
        *("-verify_return_error", "-attime", str(int((certs.NOW + 20 * certs.YEAR).timestamp()))),
    )
    found = lab.explain(lab.well.said(until="expired certificate"))
    assert (ids(found), found["code"]) == (["clock"], 0)


def test_two_cas_of_one_subject(lab: Lab) -> None:
    one = lab.other((lab.into / "namesake/certs/ca.pem").read_bytes())
    seen = lab.come(to=one, came=lab.own("root"))
    for words in ((), ("--user", "root")):  # a stranger's client, beside, can't be ruled out
        found = lab.explain(seen.member, *words, at=one)
        assert (ids(found), found["code"]) == (["client-namesake", "same-subject"], 1), seen.member


def test_a_member_that_looks_at_no_certificate(lab: Lab) -> None:
    one = lab.other(lab.trust.read_bytes(), with_client_auth=False)
    root = (lab.trust, *lab.own("root"))
    for words in (
        ("user", "add", "root", "--no-password"),
        ("role", "add", "root"),
        ("user", "grant-role", "root", "root"),
        ("auth", "enable"),
    ):
        one.ctl(*words, files=root, wait="60s")
    seen = lab.come(to=one, came=lab.own("root"), wait="60s", logs=False)
    found = lab.explain(seen.client, at=one)
    assert (ids(found), found["code"]) == (["no-client-cert-auth"], 0), seen.client


def test_what_refuses_the_rbac_script_is_named(lab: Lab) -> None:
    certificate, key = lab.pair("ended")
    done = run(
        *("tls-scaffold", "rbac", "--diff"),
        cwd=lab.folder,
        PATH=f"{lab.well.tools.etcdctl.parent}:{PROGRAMS}",
        ETCDCTL_ENDPOINTS=f"https://{HOST}:{lab.well.client}",
        ETCDCTL_CERT=str(certificate),
        ETCDCTL_KEY=str(key),
    )
    assert done.returncode == 1
    assert "  the client's certificate has ended (client-expired): `make renew`; " in done.stderr


def test_the_page_has_all_that_is_known() -> None:
    page = (ROOT / "docs/explain.md").read_text(encoding="utf-8")
    assert causes.table() in page
    assert tls_scaffold("explain", "--list").stdout == causes.table()
    assert len({each.id for each in causes.CAUSES}) == len(causes.CAUSES)

"""What was removed and is valid still: told at once, and by `status` until it ends."""

import json
import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from keeping import change, edit, kept
from support import make, openssl
from tls_scaffold.commands import status as command

WORDS = (
    *("--members", "10.0.0.1,10.0.0.2", "--users", "calico,bob"),
    *("--grant", "bob=/app/", "--key", "ecdsa-256"),
)
pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def end(path: Path) -> str:
    """Return when a certificate ends, to the minute, as openssl reads it."""
    text = openssl("x509", "-noout", "-enddate", "-in", str(path)).strip().partition("=")[2]
    moment = datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def warned(text: str) -> list[str]:
    start = "warning: "
    return [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]


def noted(path: Path) -> list[str]:
    lines = kept(path, "status").stderr.splitlines()
    return [line.removeprefix("note: ") for line in lines if line.startswith("note: ")]


def listed(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kept(path, "status", "--json").stdout)["removed"]
    return found


def test_removing_a_member_tells_what_its_certificate_opens_and_how_etcd_forgets_it(
    signed: Factory,
) -> None:
    path = signed(*WORDS)
    until = end(path / "certs/etcd2.pem")
    expected = [
        (
            "etcd counts on the member `etcd2` until `etcdctl member remove ID`: "
            "`etcdctl member list` shows the ID; then stop it"
        ),
        f"the certificate of `etcd2` opens the peer port as CN `etcd` until {until}",
    ]
    assert warned(kept(path, "remove", "etcd2", "--dry-run").stderr) == expected
    assert warned(kept(path, "remove", "etcd2").stderr) == expected
    make(path, SIGNER="cfssl")
    opens = f"`etcd2` is gone, and its certificate opens the peer port as CN `etcd` until {until}"
    assert noted(path) == [opens]


def test_removing_a_user_tells_both_what_its_certificate_and_what_etcd_still_allow(
    signed: Factory,
) -> None:
    path = signed(*WORDS)
    until = end(path / "certs/bob.pem")
    ways = "`sh rbac.sh --prune`, or `etcdctl user delete -- bob`"
    assert warned(kept(path, "remove", "bob").stderr) == [
        f"the certificate of `bob` is accepted as CN `bob` until {until}",
        f"etcd keeps the user `bob` and its rights until {ways}",
    ]
    assert noted(path) == [
        f"`bob` is gone, and its certificate is accepted as CN `bob` until {until}"
    ]


@pytest.mark.parametrize("how", ["missing", "damaged", "a pipe"])
def test_a_certificate_that_only_the_record_has_is_told_too(signed: Factory, how: str) -> None:
    path = signed(*WORDS)
    pair = path / "certs/bob.pem"
    until = end(pair)
    pair.unlink()
    if how == "a pipe":
        os.mkfifo(pair)
    elif how == "damaged":
        pair.write_text("-----BEGIN")
    expected = f"the certificate of `bob` is accepted as CN `bob` until {until}"
    assert expected in warned(kept(path, "remove", "bob", "--dry-run").stderr)
    assert expected in warned(kept(path, "remove", "bob").stderr)


def test_each_certificate_is_told_of_what_was_signed_twice(signed: Factory) -> None:
    path = signed(*WORDS)
    first = end(path / "certs/bob.pem")
    config = path / "config/ca-config.json"
    config.write_text(config.read_text().replace("8760h", "9000h"))
    kept(path, "sign", "--force", "bob")
    second = end(path / "certs/bob.pem")
    assert first != second
    told = warned(kept(path, "remove", "bob").stderr)
    assert told[:2] == [
        f"the certificate of `bob` is accepted as CN `bob` until {second}",
        f"another certificate of `bob` is accepted as CN `bob` until {first}",
    ]


def test_what_was_revoked_or_of_a_ca_that_nobody_trusts_is_accepted_by_nobody(
    signed: Factory,
) -> None:
    path = signed(*WORDS)
    kept(path, "sign", "--force", "bob")
    make(path, "regenerate", SIGNER="cfssl")
    until = end(path / "certs/bob.pem")
    told = [line for line in warned(kept(path, "remove", "bob").stderr) if "certificate" in line]
    assert told == [f"the certificate of `bob` is accepted as CN `bob` until {until}"]


def test_a_component_that_is_taken_out_by_hand_is_told_by_sync_in_the_same_words(
    signed: Factory,
) -> None:
    path, other = signed(*WORDS), signed(*WORDS, name="other")
    told = warned(kept(other, "remove", "bob", "etcd2").stderr)
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    inventory["members"].pop()
    inventory["users"].pop()
    (path / "tls-scaffold.json").write_text(json.dumps(inventory))
    assert warned(kept(path, "sync", "--dry-run").stderr) == told
    assert warned(kept(path, "sync").stderr) == told
    assert len(told) == 4


@pytest.mark.parametrize("way", ["by hand", "from"])
def test_a_member_at_another_address_tells_what_to_do_in_its_order(
    folder: Factory, way: str
) -> None:
    path = folder(*WORDS)
    if way == "by hand":
        edit(path / "tls-scaffold.json", "10.0.0.2", "fd00::7")
        said = kept(path, "sync").stderr
    else:
        text = (path / "tls-scaffold.json").read_text().replace("10.0.0.2", "fd00::7")
        (path.parent / "wish.json").write_text(text)
        said = kept(path, "sync", "--from", str(path.parent / "wish.json")).stderr
    (line,) = warned(said)
    assert line == (
        "`etcd2` was at https://10.0.0.2:2380 and is at https://[fd00::7]:2380 for its peers: "
        "sign, and give the other members their new certificates; then stop `etcd2`, `etcdctl "
        "member update ID --peer-urls=https://[fd00::7]:2380` (`etcdctl member list` shows the "
        "ID), and start it there with its data and its new certificate, which it does not get "
        "before: at the old address its peers refuse that"
    )
    assert warned(kept(path, "sync").stderr) == []


def test_members_in_another_order_are_where_they_were(folder: Factory) -> None:
    path = folder(*WORDS)
    members = json.loads((path / "tls-scaffold.json").read_text())["members"]
    change(path, members=members[::-1])
    assert warned(kept(path, "sync").stderr) == []


def test_a_member_in_the_place_of_another_was_nowhere_before(folder: Factory) -> None:
    path = folder(*WORDS)
    members = json.loads((path / "tls-scaffold.json").read_text())["members"]
    change(path, members=[{"name": "etcd3", "hosts": ["10.0.0.3"]}, members[0]])
    (line,) = warned(kept(path, "sync").stderr)
    assert line.startswith("etcd counts on the member `etcd2` until")


def test_older_certificates_of_what_is_there_are_no_news(signed: Factory) -> None:
    path = signed(*WORDS)
    make(path, "req", SIGNER="cfssl")
    make(path, "req", SIGNER="tls-scaffold")
    assert len(list((path / "issued").glob("bob-*.pem"))) == 3
    assert (noted(path), listed(path)) == ([], [])


def test_another_cn_of_the_same_name_is_news(signed: Factory) -> None:
    path = signed(*WORDS)
    edit(path / "tls-scaffold.json", '"cn": "bob"', '"cn": "robert"')
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    assert [(each["name"], each["cn"]) for each in listed(path)] == [("bob", "bob")]


def test_the_cn_that_a_user_of_the_gateway_had_is_news_and_none_is_not(signed: Factory) -> None:
    path = signed(*WORDS)
    edit(path / "tls-scaffold.json", '"cn": "calico"', '"cn": "calico", "role": "gateway"')
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    make(path, "req-calico", SIGNER="cfssl")
    assert [(each["name"], each["cn"]) for each in listed(path)] == [("calico", "calico")]


def test_it_is_told_in_every_form_and_changes_no_exit_code(signed: Factory) -> None:
    path = signed(*WORDS)
    kept(path, "remove", "bob", "etcd2")
    make(path, SIGNER="cfssl")
    found = listed(path)
    assert [(each["name"], each["cn"], each["opens_peers"]) for each in found] == [
        ("bob", "bob", False),
        ("etcd2", "etcd", True),
    ]
    assert all(each["days_left"] in (363, 364, 365) for each in found)
    metrics = kept(path, "status", "--prometheus", "-").stdout
    lines = [line for line in metrics.splitlines() if line.startswith("tls_scaffold_removed")]
    assert [line.partition("}")[0].partition(",")[2] for line in lines] == [
        'name="bob",cn="bob"',
        'name="etcd2",cn="etcd"',
    ]


def test_it_ends_with_the_certificate_and_with_the_trust_in_its_ca(signed: Factory) -> None:
    path = signed(*WORDS)
    kept(path, "remove", "bob")
    make(path, SIGNER="cfssl")
    later = datetime.now(timezone.utc) + timedelta(days=366)
    assert command.status(path, timedelta(), later).removed == ()
    make(path, "regenerate", SIGNER="cfssl")
    assert listed(path) == []
    # While both CAs are trusted, what the old one signed is valid still.
    old = next(path.glob("archive/*/certs/ca.pem")).read_text()
    (path / "certs/trust.pem").write_text((path / "certs/ca.pem").read_text() + old)
    assert [each["name"] for each in listed(path)] == ["bob"]


def test_record_and_archive_are_both_asked_and_a_certificate_is_told_once(signed: Factory) -> None:
    path = signed(*WORDS)
    kept(path, "remove", "bob")
    assert [each["file"].split("/")[0] for each in listed(path)] == ["issued"]
    for each in (path / "issued").glob("bob-*.pem"):
        each.unlink()
    assert [each["file"].split("/")[0] for each in listed(path)] == ["archive"]


def test_what_others_put_into_the_record_is_no_news(signed: Factory, tmp_path: Path) -> None:
    path = signed(*WORDS)
    key, forged = tmp_path / "key.pem", path / f"issued/eve-{'0' * 40}-{'0' * 20}.pem"
    words = ("-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-subj", "/CN=eve")
    openssl("req", "-x509", *words, "-out", str(forged))
    (path / f"issued/cut-{'0' * 40}-{'0' * 20}.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA")
    (path / f"issued/dir-{'0' * 40}-{'0' * 20}.pem").mkdir()
    os.mkfifo(path / f"issued/pipe-{'0' * 40}-{'0' * 20}.pem")
    (path / "issued/link-1-2.pem").symlink_to("/dev/zero")
    shutil.copy(path / "certs/ca.pem", path / f"issued/mallory-{'0' * 40}-{'0' * 20}.pem")
    assert listed(path) == []

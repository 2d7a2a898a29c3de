"""The fields of the inventory that say who holds the CAs: read, written, and what is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from clusters import P256
from companies import ROOT, written
from conftest import Factory
from support import contents, run, tls_scaffold
from tls_scaffold.disk.sharing import group_of_keys
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import AUTH_KEY, PLAIN, Custody, KeyPlace
from tls_scaffold.inventory.custodywords import CustodyWords
from tls_scaffold.signing.custodies import custody_of, unfollowed
from tls_scaffold.signing.ignoredrules import ignored_rules

PIN = "0123456789abcdef" * 4
REMOTE = {"key": "remote", "remotes": ["http://10.0.0.9:8888"], "sha256": PIN}


def read(**fields: Any) -> Custody:
    return intake.of_data({"members": "10.0.0.1", **fields}).ca


def test_the_plain_way_is_left_out() -> None:
    inventory = intake.of_data({"members": "10.0.0.1"})

    assert (inventory.ca, inventory.peer_ca) == (PLAIN, False)
    assert {"ca", "peer_ca"} & inventory.document().keys() == set()
    assert PLAIN.document() == {}
    assert PLAIN.parts == ()


@pytest.mark.parametrize(
    ("said", "custody"),
    [
        ({"own": True}, Custody(own=True)),
        ({"key": "encrypted"}, Custody(key=KeyPlace.ENCRYPTED)),
        (
            {"own": True, "key": "offline", "sha256": PIN},
            Custody(own=True, key=KeyPlace.OFFLINE, sha256=PIN),
        ),
        (
            REMOTE,
            Custody(
                key=KeyPlace.REMOTE,
                remotes=("http://10.0.0.9:8888",),
                auth_key=AUTH_KEY,
                sha256=PIN,
            ),
        ),
        (
            {
                **REMOTE,
                "remotes": ["https://[fd00::1]:8888", "https://ca.example.com"],
                "label": "etcd",
                "auth_key": "file:/etc/cfssl/key",
                "remote_ca": "config/remote-ca.pem",
            },
            Custody(
                key=KeyPlace.REMOTE,
                remotes=("https://[fd00::1]:8888", "https://ca.example.com"),
                label="etcd",
                auth_key="file:/etc/cfssl/key",
                remote_ca="config/remote-ca.pem",
                sha256=PIN,
            ),
        ),
    ],
)
def test_what_is_said_is_read_and_written_alike(said: dict[str, Any], custody: Custody) -> None:
    assert read(ca=said) == custody
    assert custody.document() == said
    peer_ca = custody.has_key_here
    whole = intake.of_data({"members": "10.0.0.1", "ca": said, "peer_ca": peer_ca})
    assert intake.from_json(whole.to_json()) == whole


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ca": "own"}, "ca: `own` is not a table of fields"),
        ({"ca": {"own": "yes"}}, "ca.own: `yes` is neither true nor false"),
        ({"ca": {"key": "here"}}, "ca.key: `here` is none of `encrypted`, `remote`, `offline`"),
        ({"ca": {"key": ""}}, "ca.key: `` is none of `encrypted`, `remote`, `offline`"),
        ({"ca": {"keys": 1}}, "ca.keys: no such field; did you mean `key`?"),
        ({"ca": {"key": "remote", "sha256": PIN}}, "ca.remotes: is missing"),
        (
            {"ca": {"key": "remote", "remotes": ["http://a:1"]}},
            "ca.sha256: is missing: a remote CA is known by it alone",
        ),
        ({"ca": {**REMOTE, "remotes": []}}, "ca.remotes: is empty"),
        ({"ca": {**REMOTE, "remotes": ["a:8888"]}}, "ca.remotes[0]: `a:8888` is not the address"),
        (
            {"ca": {**REMOTE, "remotes": ["http://u:p@a:8888"]}},
            "ca.remotes[0]: `http://u:p@a:8888` is not the address of a remote CA",
        ),
        ({"ca": {**REMOTE, "remotes": ["http://a:70000"]}}, "ca.remotes[0]: `http://a:70000` is"),
        ({"ca": {**REMOTE, "remotes": ["http://1.2.3:8"]}}, "ca.remotes[0]: `1.2.3` is not an IP"),
        (
            {"ca": {**REMOTE, "remotes": ["http://a:1", "http://a:1"]}},
            "ca.remotes: has `http://a:1` twice",
        ),
        *(
            ({"ca": {**REMOTE, "label": label}}, f"ca.label: `{label}` is no label of multirootca")
            for label in ("a b", "a.b", "my-label", "ä")
        ),
        ({"ca": {**REMOTE, "label": "a" * 65}}, f"ca.label: `{'a' * 65}` is longer than 64"),
        (
            {"ca": {**REMOTE, "remote_ca": "x.pem"}},
            "ca.remote_ca: checks https, and none of `remotes` speaks it",
        ),
        ({"ca": {**REMOTE, "sha256": "AB"}}, "ca.sha256: `AB` is not a SHA-256"),
        ({"ca": {"sha256": PIN}}, "ca.sha256: pins a CA that was brought, or whose key is"),
        ({"ca": {"key": "encrypted", "sha256": PIN}}, "ca.sha256: pins a CA that was brought"),
        ({"ca": {"label": "x"}}, 'ca.label: goes with `"key": "remote"` alone'),
        ({"peer_ca": 1}, "peer_ca: `1` is neither true nor false"),
        (
            {"peer_ca": True, "members": [{"hosts": ["a"], "peer": {"output": "certs/x"}}]},
            "members[0].peer.output: `peer_ca` has",
        ),
        ({"users": "chain"}, "users[0].name: `chain` is taken by the CA's own files"),
    ],
)
def test_each_mistake_is_told_with_its_place(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ScaffoldError) as raised:
        intake.of_data({"members": "10.0.0.1", **fields})

    assert any(str(each).startswith(problem) for each in raised.value.problems), raised.value


def test_a_key_in_the_place_of_its_reference_is_shown_to_nobody() -> None:
    with pytest.raises(ScaffoldError) as raised:
        read(ca={**REMOTE, "auth_key": "0123456789abcdef"})

    assert "0123456789abcdef" not in str(raised.value).replace(PIN, "")
    assert "ca.auth_key: tells where the key is, and is not the key itself" in str(raised.value)


def test_words_of_the_command_line_change_what_they_name_alone() -> None:
    own = Custody(own=True, sha256=PIN)

    assert CustodyWords(offline=True).changed(own) == Custody(
        own=True, key=KeyPlace.OFFLINE, sha256=PIN
    )
    remote = CustodyWords(remotes=("http://a:1",), label="x").changed(own)
    assert (remote.key, remote.remotes, remote.label) == (KeyPlace.REMOTE, ("http://a:1",), "x")
    assert (remote.own, remote.auth_key, remote.sha256) == (True, AUTH_KEY, PIN)
    assert CustodyWords(here=True).changed(remote) == own
    told = replace(remote, auth_key="env:X", remotes=("https://a:1",), remote_ca="x.pem")
    for url, remote_ca in (("https://b:1", "x.pem"), ("http://b:1", "")):
        other = CustodyWords(remotes=(url,)).changed(told)
        assert other == replace(told, remotes=(url,), remote_ca=remote_ca)
    # What is made here is renewed here, and pinned by nothing.
    ours = Custody(key=KeyPlace.REMOTE, remotes=("http://a:1",), auth_key=AUTH_KEY, sha256=PIN)
    assert CustodyWords(here=True).changed(ours) == PLAIN
    assert CustodyWords(certificate="f").changed(PLAIN) == Custody(own=True)


def test_a_file_for_from_may_say_it_and_options_go_on_top(tmp_path: Path) -> None:
    data = {"members": "10.0.0.1", "proxies": 0, "key": "ecdsa-256", "ca": {"key": "offline"}}
    (tmp_path / "a.json").write_text(json.dumps(data))
    file = str(written(tmp_path / "ca.pem", ROOT))
    words = ("--from", str(tmp_path / "a.json"), "--ca", file)

    done = tls_scaffold("new", str(tmp_path / "x"), *words)

    assert done.returncode == 0, done.stderr
    said = json.loads((tmp_path / "x/tls-scaffold.json").read_text())["ca"]
    assert (said["own"], said["key"], len(said["sha256"])) == (True, "offline", 64)
    # What the file does not say stays.
    del data["ca"]
    (tmp_path / "a.json").write_text(json.dumps(data))
    done = tls_scaffold("-C", str(tmp_path / "x"), "sync", "--from", str(tmp_path / "a.json"))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "x/tls-scaffold.json").read_text())["ca"] == said


def test_custody_sh_comes_and_goes_with_what_is_said(folder: Factory) -> None:
    path = folder()
    before = contents(path)

    assert not (path / "custody.sh").exists()
    for words, parts in (
        (("--encrypt-ca-key",), ["encrypted"]),
        (("--ca-offline",), ["offline"]),
    ):
        done = tls_scaffold("-C", str(path), "sync", *words)
        assert done.returncode == 0, done.stderr
        assert json.loads((path / "tls-scaffold.json").read_text())["ca"]["key"] == parts[0]
        done = run("shellcheck", "--shell=sh", "--severity=warning", "custody.sh", cwd=path)
        assert (done.returncode, done.stdout) == (0, "")
        text = (path / "custody.sh").read_text()
        assert text.startswith("#!/bin/sh\n# Made by tls-scaffold, replaced whole")
        assert [line for line in text.splitlines() if len(line) > 100] == []
    (path / "custody.sh").write_text("# mine\n")
    done = tls_scaffold("-C", str(path), "sync", "--ca-here", "--json")
    assert json.loads(done.stdout)["removed"] == ["custody.sh"], done.stdout
    assert [each.read_text() for each in path.glob("archive/*/custody.sh")] == ["# mine\n"]
    after = {name: text for name, text in contents(path).items() if "archive/" not in name}
    assert after == {name: text for name, text in before.items() if "archive/" not in name}


EDITS: dict[str, dict[str, Any]] = {
    "encrypted": {"ca": {"key": "encrypted"}},
    "offline": {"ca": {"key": "offline"}},
    "own": {"ca": {"own": True}},
    "peers": {"peer_ca": True},
    "remote": {"ca": REMOTE},
}
GOALS = ("all", "req-calico", "renew", "renew-ca", "regenerate", "csr", "encrypt-ca-key")


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "tls-scaffold.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}, indent=1))


@pytest.mark.parametrize("edited", EDITS)
def test_an_edit_of_who_holds_the_ca_is_followed_by_nobody_before_a_sync(
    signed: Factory, edited: str
) -> None:
    path = signed()
    edit(path, **EDITS[edited])
    before = contents(path)

    for signer in ("cfssl", "tls-scaffold"):
        for goal in GOALS:
            done = run("make", goal, "YES=1", f"SIGNER={signer}", cwd=path)
            assert done.returncode == 2, (signer, goal, done.stdout)
            assert done.stderr.count('error: `tls-scaffold.json` says `"') == 1, done.stderr
            assert "go by `nothing`\n\nhint: `tls-scaffold sync` makes them follow" in done.stderr
    assert contents(path) == before
    assert "[unfollowed-ca]" in tls_scaffold("-C", str(path), "check").stdout
    done = tls_scaffold("-C", str(path), "sync")
    assert done.returncode == 0, done.stderr
    assert "[unfollowed-ca]" not in tls_scaffold("-C", str(path), "check").stdout
    assert "of who holds the CA" not in run("make", cwd=path).stderr


def test_back_to_the_plain_way_by_hand_too(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--encrypt-ca-key")
    edit(path, ca={})

    for signer in ("cfssl", "tls-scaffold"):
        done = run("make", f"SIGNER={signer}", cwd=path)
        assert (
            "`tls-scaffold.json` says `nothing` of who holds the CA, and the folder's scripts "
            'go by `"key":"encrypted"`'
        ) in done.stderr
    assert not (path / "certs").exists()
    assert run("make", "clean", cwd=path).returncode == 0
    assert tls_scaffold("-C", str(path), "sync").returncode == 0
    assert run("make", cwd=path).returncode == 0


def test_a_key_that_an_edit_leaves_here_is_told_until_it_goes(signed: Factory) -> None:
    folder = signed("--members", "127.0.0.1", "--user", "alice", *P256)
    inventory, key = folder / "tls-scaffold.json", folder / "certs/ca-key.pem"
    plain = json.loads(inventory.read_text())
    for word, told in (
        ("encrypted", f"is in the clear still: `make -C {folder} encrypt-ca-key` encrypts it"),
        (
            "offline",
            "is here still, and the inventory says that it is elsewhere: `",
        ),
    ):
        inventory.write_text(json.dumps({**plain, "ca": {"key": word}}))
        for _ in range(2):
            done = tls_scaffold("-C", str(folder), "sync")
            assert done.returncode == 0
            assert f"warning: `certs/ca-key.pem` {told}" in done.stderr
        assert key.exists()
    # As that says; whose answers are taken from now on is pinned, as by the option alone.
    assert tls_scaffold("-C", str(folder), "sync", "--ca-offline").returncode == 0
    assert not key.exists()
    ca = x509.load_pem_x509_certificate((folder / "certs/ca.pem").read_bytes())
    pin = ca.fingerprint(hashes.SHA256()).hex()
    assert json.loads(inventory.read_text())["ca"] == {"key": "offline", "sha256": pin}
    assert "warning" not in tls_scaffold("-C", str(folder), "sync").stderr


@pytest.mark.parametrize(
    "form", ['{"own" : true ,\n"key":\t"offline"}', '{"key":"offline","own":true}']
)
def test_how_it_is_laid_out_is_no_matter(folder: Factory, form: str) -> None:
    path = folder("--members", "10.0.0.1", "--ca-offline")
    edit(path, ca={"own": True, "key": "offline"})
    assert tls_scaffold("-C", str(path), "sync").returncode == 0
    text = (path / "tls-scaffold.json").read_text()
    at = text.index('"ca": {') + 6
    (path / "tls-scaffold.json").write_text(text[:at] + form + text[text.index("}", at) + 1 :])

    assert "made awaiting/etcd1.csr" in run("make", "SIGNER=cfssl", cwd=path).stdout
    assert run("make", "SIGNER=tls-scaffold", cwd=path).returncode == 0


def test_a_byte_order_mark_splits_no_command_from_another(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "alice", "--proxies", "0", "--ca-offline")
    file = path / "tls-scaffold.json"
    document = {**json.loads(file.read_text()), "key_group": "daemon", "ignore": {"ca-key-x": "x"}}
    # What has a mistake besides is read so too.
    for said in (document, {**document, "expiry": "soon"}):
        file.write_text(f"\ufeff{json.dumps(said)}", encoding="utf-8")
        assert custody_of(path).key is KeyPlace.OFFLINE
        assert unfollowed(path) == ""
        assert group_of_keys(path) == "daemon"
        assert ignored_rules(path) == {"ca-key-x"}
    for raw in (b"\xef\xbb\xbf[]", b"\xff", b"{", b"[" * 100_000, b""):
        file.write_bytes(raw)
        assert (custody_of(path), group_of_keys(path), ignored_rules(path)) == (
            PLAIN,
            "",
            frozenset(),
        )

    del document["ignore"], document["key_group"]
    file.write_text(f"\ufeff{json.dumps(document)}", encoding="utf-8")
    signed = tls_scaffold("-C", str(path), "sign")
    assert "makes them follow" not in signed.stderr
    done = tls_scaffold("-C", str(path), "add", "--users", "bob")
    assert done.returncode == 0, done.stderr
    assert "bob" in file.read_text(encoding="utf-8-sig")

"""The fields of profiles and requests that few folders have, beside both versions of cfssl."""

import json
import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import records
from peers import build as peers
from support import PROGRAMS, Done, run, tls_scaffold, without_commands
from tls_scaffold.commands import standin
from tls_scaffold.commands.cfssljson import cfssljson
from tls_scaffold.errors import ScaffoldError

BUILT = str(peers.folder("cfssl"))
NEWER = f"{BUILT}{os.pathsep}{PROGRAMS}"
USAGES = ["signing", "key encipherment", "server auth"]
DEFAULT = {"usages": USAGES, "expiry": "8760h"}
HOSTS = ["a.example.com", "10.0.0.1", "who@example.com", "spiffe://a/b"]
# 1.2 knows neither URIs among the hosts, nor `copy_extensions`, nor delegation.
OF_BOTH = HOSTS[:3]
CA = {"CN": "a CA", "key": {"algo": "ecdsa", "size": 256}}
OCSP_MUST_STAPLE = {
    "Id": [1, 3, 6, 1, 5, 5, 7, 1, 24],
    "Critical": True,
    "Value": b64encode(bytes.fromhex("3003020105")).decode(),
}
SERVER_AUTH_ALONE = {
    "Id": [2, 5, 29, 37],
    "Critical": False,
    "Value": b64encode(bytes.fromhex("300a06082b06010505070301")).decode(),
}
POLICIES = [
    {"ID": "1.2.3.4.5"},
    {
        "ID": "2.16.840.1.113733.1.7.54",
        "Qualifiers": [
            {"Type": "id-qt-cps", "Value": "http://example.com/cps"},
            {"Type": "id-qt-unotice", "Value": "für alle"},
        ],
    },
    {"id": "1.3.6.1.4.1.99999.1", "qualifiers": [{"type": "id-qt-unotice", "value": ""}]},
]
IN_ORDER = {"crl_url": "http://example.com/crl", "ocsp_url": "http://example.com/ocsp"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # fields of the profile, fields of the request
    "policies": ({"policies": POLICIES}, {}),
    "no policies": ({"policies": []}, {}),
    "ocsp_no_check": ({"ocsp_no_check": True}, {}),
    "all that stands behind": ({"policies": POLICIES, "ocsp_no_check": True, **IN_ORDER}, {}),
    "copied from a CSR without any": ({"copy_extensions": True}, {"hosts": []}),
    "allowed_extensions": ({"allowed_extensions": ["2.5.29.17", "1.2.3"]}, {}),
    "a list of extensions for servers": ({"ExtensionWhitelist": {"1.2.3": True}}, {}),
    "name_whitelist": ({"name_whitelist": r"^(etcd|.*\.example\.com|who@.*)$"}, {"hosts": OF_BOTH}),
    "a part that matches": ({"name_whitelist": "[[:alpha:]]"}, {"hosts": OF_BOTH}),
    "no name to match": ({"name_whitelist": "^nobody$"}, {"CN": "", "hosts": ["10.0.0.1"]}),
    "a CN that does not match": ({"name_whitelist": "^a"}, {"hosts": []}),
    "a host that does not match": ({"name_whitelist": "^etcd$"}, {"hosts": ["b.example.com"]}),
    "an e-mail address that does not match": ({"name_whitelist": "^etcd$"}, {"hosts": ["a@b.cd"]}),
    "a name of a CA that does not match": (
        {"name_whitelist": "^etcd$", "ca_constraint": {"is_ca": True}},
        {"hosts": ["b.example.com"]},
    ),
    "a pattern that is none": ({"name_whitelist": "(a"}, {}),
    "a pattern of Python's": ({"name_whitelist": r"(?<=a)b"}, {}),
    "a pattern that takes for ever elsewhere": ({"name_whitelist": "^(a+)+$"}, {"CN": "a" * 60}),
    "an OID that is none": ({"policies": [{"ID": "x"}]}, {}),
    "a qualifier that is none": (
        {"policies": [{"ID": "1.2.3", "Qualifiers": [{"Type": "cps", "Value": "x"}]}]},
        {},
    ),
    "a list of extensions that is none": ({"allowed_extensions": ["x"]}, {}),
}
NEWER_ALONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "copy_extensions": ({"copy_extensions": True, **IN_ORDER}, {"hosts": OF_BOTH}),
    "copied for nobody": ({"copy_extensions": True}, {"CN": "", "hosts": OF_BOTH}),
    "copied into a CA": (
        {"copy_extensions": True, "ca_constraint": {"is_ca": True, "max_path_len": 1}},
        {"hosts": OF_BOTH},
    ),
    "copied beside all others": (
        {"copy_extensions": True, "policies": POLICIES, "ocsp_no_check": True},
        {"hosts": OF_BOTH},
    ),
    "copied with URIs": ({"copy_extensions": True}, {"hosts": HOSTS}),
    "a URI that does not match": ({"name_whitelist": "^etcd$"}, {"hosts": ["spiffe://a/b"]}),
    "delegation": ({}, {"delegation_enabled": True}),
    "delegation copied": ({"copy_extensions": True}, {"delegation_enabled": True}),
    "extensions that are not copied": ({}, {"extensions": [OCSP_MUST_STAPLE]}),
    "extensions that are copied": (
        {"copy_extensions": True, **IN_ORDER},
        {"hosts": HOSTS, "extensions": [OCSP_MUST_STAPLE]},
    ),
    "extensions in place of the profile's": (
        {"copy_extensions": True},
        {"extensions": [SERVER_AUTH_ALONE]},
    ),
}


FLAGS = "-ca ca.pem -ca-key ca-key.pem -config config.json"


def sign(folder: Path, path: str) -> Done:
    line = (
        "cfssl gencert -initca ca.json > ca.out && cfssljson -bare -f ca.out ca && "
        f"cfssl gencert {FLAGS} leaf.json > leaf.out && cfssljson -bare -f leaf.out leaf"
    )
    return run("sh", "-c", line, cwd=folder, PATH=path)


def own_refusal(folder: Path) -> str:
    """Sign with the own signer, and return why it refused to."""
    try:
        for name, words in (("ca", ["-initca"]), ("leaf", FLAGS.split())):
            answer = standin.answer(["gencert", *words, f"{name}.json"], folder, bytes)
            (folder / f"{name}.out").write_text(answer.text)
            cfssljson(["-bare", "-f", f"{name}.out", name], folder, bytes)
    except ScaffoldError as error:
        return str(error)
    return ""


def write_inputs(folder: Path, profile: dict[str, Any], request: dict[str, Any]) -> Path:
    documents = {
        "ca": CA,
        "config": {"signing": {"default": {**DEFAULT, **profile}}},
        "leaf": {"CN": "etcd", "hosts": HOSTS[:2], "key": CA["key"], **request},
    }
    folder.mkdir()
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


def compare(tmp_path: Path, case: tuple[dict[str, Any], dict[str, Any]], *paths: str) -> None:
    """See that the own signer signs what the cfssl of each path signs, or refuses as it does."""
    own = write_inputs(tmp_path / "own", *case)
    refusal = own_refusal(own)
    for number, path in enumerate(paths):
        folder = write_inputs(tmp_path / str(number), *case)
        theirs = sign(folder, path)
        assert bool(refusal) == bool(theirs.returncode), f"{refusal}\n{theirs.stderr}"
        if not refusal:
            assert records.signed(own) == records.signed(folder), path


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.needs("cfssl", "cfssljson", within=BUILT)
@pytest.mark.parametrize("case", CASES)
def test_a_field_is_signed_or_refused_as_both_cfssls_do(case: str, tmp_path: Path) -> None:
    compare(tmp_path, CASES[case], PROGRAMS, NEWER)


@pytest.mark.needs("cfssl", "cfssljson", within=BUILT)
@pytest.mark.parametrize("case", NEWER_ALONE)
def test_a_field_is_signed_or_refused_as_cfssl_1_6_does(case: str, tmp_path: Path) -> None:
    compare(tmp_path, NEWER_ALONE[case], NEWER)


def write_folder(folder: Path, profile: dict[str, Any], request: dict[str, Any]) -> Path:
    """A folder that a team made, in which `sign`, `status` and `check` work."""
    write_inputs(folder, profile, request)
    (folder / "Makefile").write_text(
        "all:\n\tcfssl gencert -initca ca.json | cfssljson -bare ca\n"
        f"\tcfssl gencert {FLAGS} leaf.json | cfssljson -bare leaf\n"
    )
    return folder


def test_check_finds_what_sign_refuses_for_a_name_that_is_not_listed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", {"name_whitelist": "^etcd$|^10"}, {})
    reason = "does not match `^etcd$|^10`, the `name_whitelist` of profile `default`"
    done = tls_scaffold("sign", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: nothing is signed\n  leaf.json: hosts[0]: `a.example.com` {reason}\n"
    )
    found = json.loads(tls_scaffold("check", "--json", cwd=folder).stdout)["findings"]
    assert [
        (each["id"], each["where"], each["message"]) for each in found if "does not" in str(each)
    ] == [("refused", "leaf.json: hosts[0]", f"`a.example.com` {reason}")]


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [("policies", POLICIES, POLICIES[:1]), ("ocsp_no_check", True, False)],
)
def test_a_certificate_without_what_its_profile_asks_for_is_stale(
    field: str, value: object, other: object, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "own", {}, {})
    assert tls_scaffold("sign", cwd=folder).returncode == 0
    said = []
    for fields in ({field: value}, {field: value}, {field: other}, {}):
        config = {"signing": {"default": {**DEFAULT, **fields}}}
        (folder / "config.json").write_text(json.dumps(config))
        said.append(without_commands(tls_scaffold("sign", cwd=folder).stdout))
    differs = "others than asked for" if other else "not asked for"
    assert said == [
        f"signed leaf.pem ({field}: missing)\n",
        "",
        f"signed leaf.pem ({field}: {differs})\n",
        f"signed leaf.pem ({field}: not asked for)\n" if other else "",
    ]


def test_what_is_needed_for_a_pattern_is_told_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    own = write_inputs(tmp_path / "own", {"name_whitelist": "x"}, {})
    assert own_refusal(own) == (
        "`config.json` can't be used\n  config.json: signing.default.name_whitelist: to read it "
        "the package `google-re2` is needed, which is not installed"
    )

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import records
from support import run
from tls_scaffold.commands import standin
from tls_scaffold.commands.cfssljson import cfssljson
from tls_scaffold.errors import ScaffoldError

WORDS = st.text("abcXYZ019 '()+,-./:=?*&@_äé€漢", min_size=1, max_size=20)
ED25519 = {"algo": "ed25519"}
PROBE = json.dumps({"CN": "probe", "key": ED25519})
IS_NEW = (
    shutil.which("cfssl") is not None
    and subprocess.run(
        ["cfssl", "genkey", "-"], input=PROBE, capture_output=True, text=True, check=False
    ).returncode
    == 0
)
"""Whether the live cfssl is 1.6: 1.2 knows no ed25519, URIs, OIDs and e-mail addresses."""
ODD_HOSTS = (
    "",
    "10.0.0.999",
    "10.0.0.1/24",
    " 10.0.0.2",
    "::ffff:10.0.0.1",
    "1::",
    "010.0.0.1",
    "etcd_1",
)
HOSTS = st.one_of(
    st.from_regex(r"(\*\.)?[a-z][a-z0-9-]{0,9}(\.[a-z]{1,6}){0,3}", fullmatch=True),
    st.ip_addresses().map(str),
    st.sampled_from(ODD_HOSTS),
    st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5})?@[a-z]{1,6}\.[a-z]{2,3}", fullmatch=True),
)
URIS = st.text('ab1:/@?#[]%4é -.<"\\', max_size=9).map(lambda end: f"h://{end}") | st.sampled_from(
    [
        "HTTP://X/",
        "//x/y",
        "urn:a:b",
        "fe80::1%eth0",
        "a@[10.0.0.1]",
        '"q r"@b.c',
        "/a/b",
        "*",
        "http://é/",
    ]
)
HOSTS = HOSTS | URIS if IS_NEW else HOSTS
KEYS = st.sampled_from(
    [{"algo": "ecdsa", "size": size} for size in (256, 384, 521)] + [ED25519] * IS_NEW
)


def values_differ(names: list[dict[str, Any]]) -> bool:
    """Whether no attribute has one value twice: `cryptography` knows no such names."""
    values = [(word, str(text)) for name in names for word, text in name.items()]
    return len(values) == len(set(values))


OID = st.dictionaries(st.sampled_from(["2.5.4.15", "1.2.3.4", "2.5.4.11"]), WORDS, max_size=1)
MORE = {"E": WORDS, "OID": OID} if IS_NEW else {}
NAME = st.fixed_dictionaries(
    {"O": WORDS}, optional={**dict.fromkeys(("C", "ST", "L", "OU"), WORDS), **MORE}
)
NAMES = st.lists(NAME, max_size=2).filter(values_differ)
KEY_USAGES = (
    "signing",
    "digital signature",
    "key encipherment",
    "data encipherment",
    "cert sign",
    "crl sign",
)
EXTENDED = (
    "server auth",
    "client auth",
    "code signing",
    "timestamping",
    "ocsp signing",
    "any",
    "s/mime",
)
USAGES = st.lists(st.sampled_from([*KEY_USAGES, *EXTENDED, "server-auth"]), unique=True, max_size=8)
DURATIONS = st.sampled_from(["8760h", "1h30m", "90m", "24h", "876000h", "1.5h", "26280h0m0s"])
URLS = st.sampled_from(["http://crl.example.com/a.crl", "http://ocsp.example.com"])
PROFILES = st.fixed_dictionaries(
    {
        "usages": USAGES.filter(lambda usages: usages and usages != ["server-auth"]),
        "expiry": DURATIONS,
    },
    optional={
        "backdate": st.sampled_from(["1h", "10m"]),
        "crl_url": URLS,
        "ocsp_url": URLS,
        "issuer_urls": st.lists(URLS, max_size=2, unique=True),
        "ca_constraint": st.sampled_from(
            [{"is_ca": True}, {"is_ca": True, "max_path_len": 2}, {"is_ca": False}]
        ),
        "not_before": st.just("2026-01-02T03:04:05Z"),
        "not_after": st.just("2031-01-02T03:04:05Z"),
    },
)
CAS = st.fixed_dictionaries(
    {"CN": WORDS, "key": st.one_of(KEYS, st.just({"algo": "rsa", "size": 2048}))},
    optional={
        "names": NAMES,
        "hosts": st.lists(HOSTS, max_size=3),
        "ca": st.fixed_dictionaries(
            {}, optional={"expiry": DURATIONS, "pathlen": st.sampled_from([1, 3])}
        ),
    },
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "CN": WORDS,
        "key": KEYS,
        "names": NAMES,
        "hosts": st.lists(HOSTS, max_size=6),
        "unknown": WORDS,
    },
)


SIGN = "{0} gencert {1} {2}.json > {2}.out && {0}json -bare -f {2}.out {2}"


def live(folder: Path, flags: str) -> bool:
    """Sign with the cfssl of this machine; tell whether it did."""
    lines = (SIGN.format("cfssl", "-initca", "ca"), SIGN.format("cfssl", flags, "leaf"))
    return all(run("sh", "-c", line, cwd=folder).returncode == 0 for line in lines)


def ours(folder: Path, flags: str) -> bool:
    """Sign with the same words."""
    for name, words in (("ca", ["-initca", "ca.json"]), ("leaf", [*flags.split(), "leaf.json"])):
        try:
            answer = standin.answer(["gencert", *words], folder, bytes)
        except ScaffoldError:
            return False
        (folder / f"{name}.out").write_text(answer.text)
        cfssljson(["-bare", "-f", f"{name}.out", name], folder, bytes)
    return True


@pytest.mark.filterwarnings("ignore:Attribute's length:UserWarning")
@pytest.mark.needs("cfssl", "cfssljson")
@settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(
    ca=CAS,
    default=PROFILES,
    client=PROFILES,
    leaf=REQUESTS,
    profile=st.sampled_from(["", "client", "clinet"]),
)
def test_signs_random_requests_as_the_live_cfssl_does(
    ca: dict[str, Any],
    default: dict[str, Any],
    client: dict[str, Any],
    leaf: dict[str, Any],
    profile: str,
) -> None:
    config = {"signing": {"default": default, "profiles": {"client": client}}}
    flags = f"-ca=ca.pem -ca-key=ca-key.pem -config=config.json -profile={profile}"
    found = []
    for signer in (live, ours):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, document in (("ca.json", ca), ("leaf.json", leaf), ("config.json", config)):
                (folder / path).write_text(json.dumps(document))
            found.append(records.signed(folder) if signer(folder, flags) else None)
    if "not_after" in ({"client": client}.get(profile, default)):
        for record in filter(None, found):  # it hangs on the minute of signing
            del record["leaf"]["lifetime_seconds"]
    assert found[0] == found[1]

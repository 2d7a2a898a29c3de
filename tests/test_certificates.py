from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

import pytest
from cryptography import x509

import certs
from support import openssl
from tls_scaffold.cfssl import usages
from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.cfssl.profiles import Constraint, Profile, SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import Place, ScaffoldError
from tls_scaffold.signing import capassword, certificates, issuer, keys, matching, mistakes, signer
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.differences import differences
from tls_scaffold.spelling import Key

NOW = datetime(2026, 11, 23, 20, 30, tzinfo=timezone.utc)
SMALL = Key("ecdsa", 256)
NAMES = ({"C": "DE", "O": "One", "OU": "a, b"},)
CA_REQUEST = Request(
    cn="CA", key=SMALL, ca=Authority("87600h", 1), names=NAMES, crl_url="http://c/"
)
IGNORED = (
    IgnoredField(Place("x.json", key="host"), "`hosts`", "it has no hosts", is_misspelt=True),
    IgnoredField(Place("x.json", key="owner")),
)
REQUEST = Request(
    cn="etcd", hosts=("localhost", "10.0.0.1", "::1", "o@x.y", "https://x/"), key=SMALL, names=NAMES
)
PROFILE = Profile(
    name="p",
    usages=("signing", "key agreement", "encipher only", "server auth", "s/mime"),
    expiry="8760h",
    crl_url="http://c/",
    ocsp_url="http://o/",
    issuer_urls=("http://i/", "http://j/"),
)


def new_ca(request: Request = CA_REQUEST) -> issuer.CA:
    signed = signer.new_ca(request, NOW)
    return issuer.load_ca(signed.certificate, signed.key, "ca.pem", "ca-key.pem")


P256 = ("-pkeyopt", "ec_paramgen_curve:P-256")
CA = new_ca()


def sign(
    request: Request = REQUEST, profile: Profile = PROFILE, ca: issuer.CA = CA
) -> tuple[Certificate, signer.Signed]:
    signed = signer.sign(request, profile, ca, NOW)
    return certificates.read(signed.certificate, "x.pem"), signed


def in_words(*what: Any) -> tuple[str, ...]:
    return tuple(map(str, differences(*what)))


@pytest.mark.fast
def test_reads_back_what_was_signed() -> None:
    found, _ = sign()
    assert found.subject == (("C", "DE"), ("O", "One"), ("OU", "a, b"), ("CN", "etcd"))
    assert found.issuer == CA.certificate.subject
    assert found.hosts == ("localhost", "o@x.y", "10.0.0.1", "::1", "https://x/")
    assert found.usages == (
        "signing",
        "key agreement",
        "encipher only",
        "server auth",
        "email protection",
    )
    assert (found.not_before, found.lifetime) == (NOW - timedelta(minutes=5), timedelta(hours=8760))
    assert (found.cn, found.key, found.is_ca, found.path_length) == ("etcd", SMALL, False, None)
    assert (found.crl_urls, found.ocsp_urls) == (("http://c/",), ("http://o/",))
    assert found.issuer_urls == ("http://i/", "http://j/")
    assert found.issuer_key_id == CA.certificate.key_id != found.key_id
    assert (CA.certificate.is_ca, CA.certificate.path_length) == (True, 1)


def test_a_certificate_without_extensions_has_none(tmp_path: Any) -> None:
    config = tmp_path / "v1"
    config.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    words = (
        "-x509",
        "-nodes",
        "-newkey",
        "ed25519",
        "-subj",
        "/CN=x",
        "-keyout",
        str(tmp_path / "k"),
    )
    openssl("req", "-config", str(config), *words, "-out", str(tmp_path / "x.pem"))
    found = certificates.read((tmp_path / "x.pem").read_bytes(), "x.pem")
    assert (found.hosts, found.usages, found.crl_urls, found.ocsp_urls, found.issuer_urls) == (
        (),
        (),
        (),
        (),
        (),
    )
    assert (found.is_ca, found.path_length, found.key) == (False, None, Key("ed25519", 0))
    assert found.issuer_key_id == b""
    assert matching.key_fits(found, (tmp_path / "k").read_bytes())


@pytest.mark.fast
@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (b"", "x.pem: it is empty"),
        (b"rubbish", "x.pem: it has no `-----BEGIN CERTIFICATE-----` and its end"),
        (
            b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
            "x.pem: error parsing asn1 value",
        ),
    ],
)
def test_what_is_no_certificate_is_told(pem: bytes, problem: str) -> None:
    with pytest.raises(ScaffoldError) as caught:
        certificates.read(pem, "x.pem")
    assert str(caught.value).startswith(f"`x.pem` is not a certificate\n  {problem}")


@pytest.mark.fast
def test_tells_whose_key_and_whose_ca() -> None:
    found, signed = sign()
    stranger = new_ca()
    other = sign()[1]
    cut_off = b"-----BEGIN EC PRIVATE KEY-----\nQUJD\n-----END EC PRIVATE KEY-----\n"
    assert matching.key_fits(found, signed.key)
    assert not any(matching.key_fits(found, key) for key in (other.key, b"rubbish", cut_off))
    assert matching.signed_by(found, CA.certificate)
    assert not matching.signed_by(found, stranger.certificate)
    assert not matching.signed_by(CA.certificate, found)
    assert matching.signs_itself(CA.certificate)
    assert not matching.signs_itself(found)


@pytest.mark.fast
def test_whatever_bit_of_a_certificate_is_flipped_its_ca_did_not_sign_it() -> None:
    """Names and key identifiers stay those of the CA for most of them."""
    found, _ = sign()
    der = found.der
    for place in (*range(0, len(der), 7), len(der) - 1):
        forged = Certificate(der[:place] + bytes([der[place] ^ 1]) + der[place + 1 :])
        try:
            assert not matching.signed_by(forged, CA.certificate), place
        except certificates.UNREADABLE:
            continue


@pytest.mark.fast
@pytest.mark.parametrize(
    ("usages", "is_for_clients"),
    [
        (("client auth",), True),
        (("server auth", "client auth"), True),
        (("any",), True),
        (("signing",), True),
        (("server auth",), False),
    ],
)
def test_servers_take_from_clients_what_is_for_clients_or_for_anything(
    usages: tuple[str, ...], is_for_clients: bool
) -> None:
    found, _ = sign(profile=replace(PROFILE, usages=usages))
    assert found.is_for_clients is is_for_clients


@pytest.mark.parametrize(
    ("kind", "digest", "weak"),
    [
        ("RSA", "md5", "MD5"),
        ("RSA", "sha1", "SHA-1"),
        ("RSA", "sha224", "SHA-224"),
        ("RSA", "sha256", ""),
        ("EC", "sha1", "SHA-1"),
        ("EC", "sha3-256", "SHA3-256"),
        ("EC", "sha512", ""),
    ],
)
def test_a_broken_hash_is_told_and_its_signature_verified_all_the_same(
    tmp_path: Any, kind: str, digest: str, weak: str
) -> None:
    new = ("-newkey", "rsa:2048") if kind == "RSA" else ("-newkey", "ec", *P256)
    for name in ("ca", "other"):
        paths = ("-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem"))
        openssl("req", "-x509", *new, "-nodes", "-subj", "/CN=ca", *paths)
    csr, pem = str(tmp_path / "csr"), str(tmp_path / "x.pem")
    openssl("req", *new, "-nodes", "-subj", "/CN=x", "-keyout", f"{csr}.key", "-out", csr)
    by = ("-CA", str(tmp_path / "ca.pem"), "-CAkey", str(tmp_path / "ca.key"), "-CAcreateserial")
    openssl("x509", "-req", "-in", csr, *by, f"-{digest}", "-out", pem)
    found, ca, other = (
        certificates.read((tmp_path / name).read_bytes(), name)
        for name in ("x.pem", "ca.pem", "other.pem")
    )
    assert found.unverified_by_go == weak
    assert matching.signed_by(found, ca)
    assert not matching.signed_by(found, other)
    assert not matching.signed_by(found, found)
    damaged = Certificate(found.der[:-1] + bytes([found.der[-1] ^ 1]))
    assert not matching.signed_by(damaged, ca)


OID = x509.ObjectIdentifier("1.2.3.4")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (x509.DNSName("a.example"), "a.example"),
        (x509.RegisteredID(OID), "Registered ID:1.2.3.4"),
        (
            x509.DirectoryName(certs.subject("a")),
            "DirName:L=the internet, O=autogenerated, OU=etcd cluster, CN=a",
        ),
        (x509.OtherName(OID, b"\x0c\x03a@b"), "othername:1.2.3.4:a@b"),
        (x509.OtherName(OID, b"\x0c\x81\x80" + b"a" * 128), "othername:1.2.3.4"),
        (x509.OtherName(OID, b"\x0c"), "othername:1.2.3.4"),
        (x509.OtherName(OID, b"\x05\x00"), "othername:1.2.3.4"),
    ],
)
def test_a_name_of_any_kind_is_shown_with_its_kind_and_a_plain_value(
    name: x509.GeneralName, shown: str
) -> None:
    assert certificates.text_of_general_name(name) == shown


@pytest.mark.fast
@pytest.mark.parametrize("key", [Key("ecdsa", 521), Key("rsa", 2048), Key("ed25519", 0)])
def test_keys_of_every_kind_are_read_back(key: Key) -> None:
    found, signed = sign(replace(REQUEST, key=key))
    assert found.key == key
    assert matching.key_fits(found, signed.key)
    assert keys.pem_of_key(keys.read_private_key(signed.key, "k")) == signed.key


@pytest.mark.fast
@pytest.mark.parametrize(
    ("request_", "profile", "words"),
    [
        (REQUEST, PROFILE, ()),
        (
            replace(REQUEST, hosts=("10.0.0.1", "https://x/", "localhost", "0::1", "o@x.y")),
            PROFILE,
            (),
        ),
        (REQUEST, replace(PROFILE, usages=PROFILE.usages[::-1]), ()),
        (replace(REQUEST, cn="b"), PROFILE, ("CN: `etcd`, asked `b`",)),
        (replace(REQUEST, names=()), PROFILE, ("names: `C=DE, O=One, OU=a, b`, asked ``",)),
        (
            replace(REQUEST, hosts=("localhost", "10.0.0.1", "::1", "10.0.0.3", "https://x/")),
            PROFILE,
            ("hosts: `10.0.0.3` missing", "hosts: `o@x.y` not asked for"),
        ),
        (
            replace(REQUEST, key=Key("ecdsa", 384)),
            PROFILE,
            ("key: `ecdsa-256`, asked `ecdsa-384`",),
        ),
        (
            REQUEST,
            replace(
                PROFILE,
                usages=("signing", "key agreement", "encipher only", "client auth", "s/mime"),
            ),
            ("usages: `client auth` missing", "usages: `server auth` not asked for"),
        ),
        (REQUEST, replace(PROFILE, expiry="1h30m"), ("lifetime: `8760h`, asked `1h30m`",)),
        (
            REQUEST,
            replace(PROFILE, not_before="2026-01-01T00:00:00Z"),
            ("not_before: `2026-11-23T20:25:00Z`, asked `2026-01-01T00:00:00Z`",),
        ),
        (
            REQUEST,
            replace(PROFILE, not_after="2030-01-01T00:00:00Z"),
            ("not_after: `2027-11-23T20:25:00Z`, asked `2030-01-01T00:00:00Z`",),
        ),
        (REQUEST, replace(PROFILE, not_after="2027-11-23T20:25:00Z"), ()),
        (REQUEST, replace(PROFILE, not_after="2027-11-23T21:25:00+01:00"), ()),
        (
            replace(REQUEST, hosts=("10.0.0.1", "::1")),
            replace(PROFILE, constraint=Constraint(is_ca=True, max_path_length=2)),
            (
                "hosts: `localhost` not asked for",
                "hosts: `o@x.y` not asked for",
                "hosts: `https://x/` not asked for",
                "CA: `no CA`, asked `CA, pathlen 2`",
            ),
        ),
        (
            REQUEST,
            replace(PROFILE, crl_url="", ocsp_url="http://q/", issuer_urls=("http://i/",)),
            (
                "crl_url: `http://c/` not asked for",
                "ocsp_url: `http://q/` missing",
                "ocsp_url: `http://o/` not asked for",
                "issuer_urls: `http://j/` not asked for",
            ),
        ),
    ],
)
def test_says_in_words_where_a_certificate_differs(
    request_: Request, profile: Profile, words: tuple[str, ...]
) -> None:
    assert in_words(sign()[0], request_, profile) == words


@pytest.mark.parametrize(
    ("signed", "asked", "words"),
    [
        ({"E": "a@b.c", "1.2.3": "x"}, {"E": "a@b.c", "1.2.3": "x"}, ()),
        ({}, {"E": "a@b.c", "1.2.3": "x"}, ()),  # as cfssl 1.2 signs it
        (
            {"E": "a@b.c"},
            {},
            (
                (
                    "names: `1.2.840.113549.1.9.1=a@b.c, C=DE, O=One, OU=a, b`, asked `C=DE, "
                    "O=One, OU=a, b`"
                ),
            ),
        ),
        (
            {"1.2.3": "y"},
            {"1.2.3": "x"},
            ("names: `1.2.3=y, C=DE, O=One, OU=a, b`, asked `1.2.3=x, C=DE, O=One, OU=a, b`",),
        ),
    ],
)
def test_an_email_address_and_oids_may_stand_in_the_subject_or_be_left_out(
    signed: dict[str, str], asked: dict[str, str], words: tuple[str, ...]
) -> None:
    found, _ = sign(replace(REQUEST, names=({**NAMES[0], **signed},)))
    assert in_words(found, replace(REQUEST, names=({**NAMES[0], **asked},)), PROFILE) == words


@pytest.mark.fast
def test_a_ca_is_compared_with_its_own_request() -> None:
    assert in_words(CA.certificate, CA_REQUEST, ca_profile(CA_REQUEST)) == ()
    other = replace(CA_REQUEST, ca=Authority("24h"))
    words = ("lifetime: `87600h`, asked `24h`", "CA: `CA, pathlen 1`, asked `CA`")
    assert in_words(CA.certificate, other, ca_profile(other)) == words
    no_ca = replace(ca_profile(CA_REQUEST), constraint=Constraint())
    assert in_words(CA.certificate, CA_REQUEST, no_ca) == ("CA: `CA, pathlen 1`, asked `no CA`",)


@pytest.mark.fast
def test_a_profile_that_makes_cas_keeps_addresses_alone() -> None:
    profile = replace(
        PROFILE, usages=("cert sign",), constraint=Constraint(is_ca=True, max_path_length_zero=True)
    )
    found, _ = sign(profile=profile)
    assert (found.is_ca, found.path_length, found.hosts) == (True, 0, ("10.0.0.1", "::1"))
    assert in_words(found, REQUEST, profile) == ()


@pytest.mark.fast
def test_a_namesake_of_the_ca_gets_no_authority_key_identifier_as_in_go() -> None:
    found, _ = sign(replace(REQUEST, cn="CA"))
    assert found.issuer_key_id == b""
    assert matching.signed_by(found, CA.certificate)


def test_an_encrypted_key_needs_its_password(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, signed = sign()
    (tmp_path / "k").write_bytes(signed.key)
    encrypted = openssl(
        "ec", "-aes256", "-passout", "pass:secret", "-in", str(tmp_path / "k")
    ).encode()
    monkeypatch.delenv(capassword.VARIABLE, raising=False)
    with pytest.raises(ScaffoldError, match="`k` can't be read as a private key"):
        keys.read_private_key(encrypted, "k")
    monkeypatch.setenv(capassword.VARIABLE, "secret")
    assert keys.pem_of_key(keys.read_private_key(encrypted, "k")) == signed.key
    assert keys.pem_of_key(keys.read_private_key(signed.key, "k")) == signed.key


OVER = "over (2030-01-01 00:00 UTC) before it begins (2030-01-01 00:00 UTC)"


@pytest.mark.fast
def test_only_keys_with_a_meaning_are_signed() -> None:
    profile = replace(PROFILE, usages=("signing", "decipher only"))
    words = f"profile `p`: usages: `decipher only` without `key agreement`: {mistakes.UNABLE}"
    assert mistakes.refusals(REQUEST, profile, NOW) == (words,)
    assert mistakes.refusals(REQUEST, replace(PROFILE, usages=("sign",)), NOW) == (
        "profile `p`: usages: none that cfssl knows",
    )
    assert mistakes.silent_in_request(CA_REQUEST, leaf=False) == ()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("request_", "profile", "words"),
    [
        (REQUEST, PROFILE, ()),
        (replace(REQUEST, cn=""), PROFILE, ()),
        (replace(REQUEST, cn="", names=({"C": " ", "L": "x"},)), PROFILE, ()),
        (replace(REQUEST, hosts=("https://a/ü",)), PROFILE, ()),
        (
            replace(REQUEST, hosts=("https://ü/",)),
            PROFILE,
            ("hosts[0]: `https://ü/` is a URI with a malformed host",),
        ),
        (replace(REQUEST, cn="", names=()), PROFILE, ()),
        (
            replace(REQUEST, ca=Authority()),
            PROFILE,
            ("ca: only a CA's own request may have this section",),
        ),
        (
            replace(REQUEST, ca=Authority()),
            replace(PROFILE, constraint=Constraint(is_ca=True)),
            ("ca: only a CA's own request may have this section",),
        ),
        (replace(REQUEST, hosts=("a", "ü")), PROFILE, ("hosts[1]: `ü` is not ASCII",)),
        (
            replace(REQUEST, names=({"O": "x"}, {"O": "y"}, {"O": "x"})),
            PROFILE,
            (f"names: O `x` stands twice: {mistakes.UNABLE}",),
        ),
        (
            REQUEST,
            replace(PROFILE, usages=("encipher only", "decipher only")),
            tuple(
                f"profile `p`: usages: `{each} only` without `key agreement`: {mistakes.UNABLE}"
                for each in ("encipher", "decipher")
            ),
        ),
        (
            REQUEST,
            replace(PROFILE, not_before="2030-01-01T00:00:00Z", expiry="-1h"),
            (
                "profile `p`: expiry: `-1h` is over (2029-12-31 23:00 UTC) before it begins "
                "(2030-01-01 00:00 UTC): " + mistakes.UNABLE,
            ),
        ),
        (
            REQUEST,
            replace(
                PROFILE,
                name="",
                not_before="2030-01-01T00:00:00Z",
                not_after="2030-01-01T00:00:00Z",
            ),
            (f"profile `default`: not_after: `2030-01-01T00:00:00Z` is {OVER}: {mistakes.UNABLE}",),
        ),
        (
            REQUEST,
            replace(PROFILE, not_after="1949-12-31T00:00:00Z"),
            ("profile `p`: it reaches beyond the years 1950 to 9999, all that certificates know",),
        ),
    ],
)
def test_what_cfssl_refuses_is_told_and_nothing_else(
    request_: Request, profile: Profile, words: tuple[str, ...]
) -> None:
    assert mistakes.refusals(request_, profile, NOW) == words


@pytest.mark.fast
@pytest.mark.parametrize(
    "request_",
    [
        replace(CA_REQUEST, cn="", names=()),
        replace(CA_REQUEST, cn="", names=({"O": "x"}, {"O": " ", "E": "a@b.c"})),
    ],
)
def test_a_ca_without_a_subject_is_refused(request_: Request) -> None:
    words = "no subject: `CN` and `names` are empty"
    assert mistakes.refusals(request_, ca_profile(request_), NOW, leaf=False) == (words,)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (REQUEST, ()),
        (replace(REQUEST, cn="x" * 64, hosts=None), ()),
        (replace(REQUEST, cn="", hosts=("a",)), ()),
        (
            replace(REQUEST, cn="", hosts=()),
            ("no `CN` and no `hosts`: cfssl signs a certificate that names nobody",),
        ),
        (
            replace(REQUEST, cn="x" * 65, hosts=("a", ""), crl_url="u", ignored=IGNORED),
            (
                "host: cfssl ignores it: it has no hosts; did you mean `hosts`?",
                "hosts[1]: is empty: cfssl signs an empty DNS name",
                "crl_url: cfssl ignores it in a component's request; it belongs into the profile",
                "CN: longer than 64 characters: cfssl signs it, other tools refuse it",
            ),
        ),
    ],
)
def test_what_cfssl_passes_over_in_silence_is_told(
    request_: Request, words: tuple[str, ...]
) -> None:
    assert tuple(map(str, mistakes.silent_in_request(request_))) == words


@pytest.mark.fast
@pytest.mark.parametrize(
    "request_", [replace(REQUEST, cn="a\ud800"), replace(REQUEST, serial_number="\ud800")]
)
def test_what_no_certificate_can_hold_is_told_and_no_traceback(request_: Request) -> None:
    with pytest.raises(ScaffoldError, match=r"can't be signed\n.*surrogates not allowed"):
        signer.new_ca(request_, NOW)
    with pytest.raises(ScaffoldError, match=r"can't be signed\n.*surrogates not allowed"):
        signer.sign(request_, PROFILE, CA, NOW)


@pytest.mark.fast
def test_a_life_beyond_the_cas_is_measured() -> None:
    assert mistakes.outlives_ca(PROFILE, CA.certificate.not_after, NOW) == ()
    assert (
        mistakes.outlives_ca(replace(PROFILE, expiry="87600h"), CA.certificate.not_after, NOW) == ()
    )
    assert (
        mistakes.outlives_ca(
            replace(PROFILE, not_after="1949-01-01T00:00:00Z"), CA.certificate.not_after, NOW
        )
        == ()
    )
    (words,) = mistakes.outlives_ca(
        replace(PROFILE, expiry="87600h"), CA.certificate.not_after, NOW + timedelta(minutes=1)
    )
    assert words == "profile `p`: would outlive the CA by 1m (the CA ends 2036-11-20 20:25 UTC)"


@pytest.mark.fast
def test_unknown_profiles_and_usages_are_named() -> None:
    config = SigningConfig(Profile(usages=("x",)), {"a": PROFILE, "b": PROFILE})
    known = "profile `c` is unknown: cfssl signs with `default` (known: `a`, `b`)"
    assert silent_in_profile(config, "c") == [known]
    assert silent_in_profile(config, "a") == []
    assert silent_in_profile(SigningConfig(), "c") == [
        "profile `c` is unknown: cfssl signs with `default` (known: none)"
    ]
    assert silent_in_profile(config, "") == [
        "profile `default`: usages: `x` is unknown: cfssl drops it"
    ]


def silent_in_profile(config: SigningConfig, name: str) -> list[str]:
    return [str(each) for each in mistakes.silent_in_profile(config, name)]


@pytest.mark.fast
def test_every_known_usage_has_its_word_and_its_meaning() -> None:
    assert usages.meanings((*usages.KNOWN, "x")) == (
        *usages.KEY_USAGES.values(),
        *usages.EXTENDED_USAGES.values(),
    )
    assert usages.word("1.2.3") == "1.2.3"
    assert usages.word("digital_signature") == "signing"


BEGIN, END = (f"-----{each} CERTIFICATE-----" for each in ("BEGIN", "END"))


@pytest.mark.fast
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("mask", [0x01, 0x20, 0xFF])
def test_whatever_byte_is_damaged_a_certificate_is_read_whole_or_refused(mask: int) -> None:
    whole = sign()[0]
    parts = [
        name
        for name, part in vars(type(whole)).items()
        if isinstance(part, property | cached_property)
    ]
    assert len(parts) > 15
    for index in range(len(whole.der)):
        der = bytearray(whole.der)
        der[index] ^= mask
        text = b64encode(der).decode()
        try:
            found = certificates.read(f"{BEGIN}\n{text}\n{END}\n".encode(), "x")
        except ScaffoldError:
            continue
        for name in parts:
            getattr(found, name)

"""The usages that cfssl knows, and what each becomes in a certificate."""

KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
"""cfssl's word → the field of the key usage extension (RFC 5280, 4.2.1.3)."""

EXTENDED_USAGES = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
"""cfssl's word → the OID in the extended key usage extension (RFC 5280, 4.2.1.12)."""

KNOWN = (*KEY_USAGES, *EXTENDED_USAGES)

_WORDS = {
    meaning: word
    for words in (EXTENDED_USAGES, KEY_USAGES)
    for word, meaning in reversed(words.items())
}


def word(meaning: str) -> str:
    """Return cfssl's word for a key usage field or an extended usage's OID, else the OID itself."""
    return _WORDS.get(meaning, meaning)


def meanings(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what known usages become, fields and OIDs in their order; others are left out."""
    return tuple(KEY_USAGES.get(each) or EXTENDED_USAGES[each] for each in words if each in KNOWN)


def known_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the usages that cfssl knows, of two words for one always the same."""
    return tuple(map(word, meanings(words)))

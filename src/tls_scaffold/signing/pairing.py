"""Certificates and the private keys that lie somewhere beside them, told by what they hold."""

from collections.abc import Mapping

from tls_scaffold.signing.certificates import Certificate, sum_of_public_key
from tls_scaffold.signing.gorefusals import HANDLED_NAMES
from tls_scaffold.signing.keys import usable_key


def keys_of_certificates(
    certificates: Mapping[str, Certificate], keys: Mapping[str, bytes]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the path of each certificate's key, and why other keys can't be used, by path."""
    known: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for path, pem in keys.items():
        try:
            key = usable_key(pem)
        except ValueError as error:
            unusable[path] = str(error)
            continue
        known.setdefault(sum_of_public_key(key.public_key()), path)
    found = {
        path: known[each.key_sum] for path, each in certificates.items() if each.key_sum in known
    }
    return found, unusable


def has_odd_names(certificate: Certificate) -> bool:
    """Tell whether a certificate has alternative names of kinds that no request can ask for."""
    return not all(isinstance(name, HANDLED_NAMES) for name in certificate.general_names)

"""What cfssl's servers are asked, and what their answers say: JSON, and a token for each request.

The forms are those of cfssl's api, auth and signer packages, of 1.2.0 as of 1.6.5.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INFO = "info"
# With a key, and without one.
SIGN_BY_KEY, SIGN = "authsign", "sign"
# cfssl's servers say little. What each of their words stands for, from cmd/multirootca/api.go.
MEANINGS = {
    "invalid token": "the auth key is not the one that this profile has there",
    "bad request": "it does not have this label, or its `name_whitelist` does not let a name pass:"
    " its log tells",
    "bad label": "it does not have this label",
    "invalid profile": "it does not have this profile",
    "not authorised": "this machine's address is not among the `nets` of this label",
    "authorisation required": "this profile has no auth key there",
}


@dataclass(frozen=True)
class Ask:
    """What is asked of a server: the endpoint below `/api/v1/cfssl/`, and the body in JSON."""

    endpoint: str
    body: bytes


class AnswerError(Exception):
    """A server's answer is no certificate: it refuses, with its reason, or says something else."""


def auth_key(text: str) -> bytes:
    """Return the key that a text of hexadecimal digits is; ValueError with the reason if none.

    The text is in no message: it may be a key all the same.
    """
    try:
        key = binascii.unhexlify(text.strip())
    except (binascii.Error, ValueError):
        raise ValueError("is not hexadecimal, two digits a byte") from None
    if not key:
        raise ValueError("is empty")
    return key


def ask_for_info(label: str) -> Ask:
    """Return the question for the certificate of the CA that has this label."""
    return Ask(INFO, _compact({"label": label}))


def ask_to_sign(csr: bytes, profile: str, label: str, key: bytes | None, **more: Any) -> Ask:
    """Return the question for a certificate by a CSR in PEM, authenticated where there is a key.

    `more` are fields that cfssl sends besides.
    """
    request = _compact(
        {
            "certificate_request": csr.decode("ascii", "replace"),
            "profile": profile,
            "hostname": "",
            "label": label,
            **more,
        }
    )
    if key is None:
        return Ask(SIGN, request)
    token = hmac.new(key, request, hashlib.sha256).digest()
    return Ask(SIGN_BY_KEY, _compact({"token": _base64(token), "request": _base64(request)}))


def certificate_of(status: int, body: bytes) -> str:
    """Return the certificate in PEM that an answer holds.

    Raises AnswerError with what the server says where it refuses, and where the answer is none of
    cfssl's.
    """
    document = _document(body)
    if document is None:
        raise AnswerError(f"its answer (HTTP {status}) is not one of cfssl's")
    result = document.get("result")
    certificate = result.get("certificate") if isinstance(result, dict) else None
    if status == 200 and document.get("success") is True and isinstance(certificate, str):  # noqa: PLR2004
        return certificate
    raise AnswerError(_reason(document, status))


def _document(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "success" in found else None


def _reason(document: Mapping[str, Any], status: int) -> str:
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("message") if isinstance(first, dict) else None
    if not isinstance(said, str) or not said:
        return f"it refuses without a reason (HTTP {status})"
    meaning = MEANINGS.get(said)
    return f"it says `{said[:200]}`" + (f": {meaning}" if meaning else "")


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

"""What may be wrong where a log says this or that: the causes that fit, before anybody looks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tls_scaffold.live import causes
from tls_scaffold.live.causes import OF_CLIENT, OF_SERVER, OTHER_CAS, Cause
from tls_scaffold.live.known import Known
from tls_scaffold.live.loglines import BARE, CLIENT, MEMBER, MEMBER_START, Entry

AFTER = r"x509: certificate has expired or is not yet valid: current time \S+ is after (\S+)"
BEFORE = r"x509: certificate has expired or is not yet valid: current time \S+ is before \S+"
SAME_NAME = (
    r"(?:x509: [\w/ :]{0,30})?verification (?:failure|error).{0,4} while trying to verify "
    r"candidate authority"
)
UNKNOWN = r"x509: certificate signed by unknown authority"
USAGE = r"x509: certificate specifies an incompatible key usage"
NO_PEM = r"tls: failed to find any PEM data in (?:certificate|key) input"
NO_KEY = r"tls: failed to parse private key"
UNFIT = r"tls: private key does not match public key"
GATEWAY = r"CommonName of client sending a request against gateway will be ignored"
REMOTE = "remote error: tls: "
# By TLS 1.3 OpenSSL's clients, as curl and Python's, send their refusal in a way that Go can't
# decrypt: seen with OpenSSL 3.0 in the logs of 3.5.35, 3.6.16 and 3.7.3, but not of 3.5.1.
UNREAD_ALERT = r"^local error: tls: bad record MAC$"
HOST = (
    r"x509: (?:certificate is valid for .*, not |cannot validate certificate for \S+ because it "
    r"doesn't contain any IP SANs|certificate is not valid for any names|certificate relies on "
    r"legacy Common Name field)"
)
# What a client may miss in what a member serves. Go says `bad certificate` of all of it, Java for
# the most part `unknown certificate`; OpenSSL has words of its own for each.
BY_SERVER = (*OF_SERVER, causes.SAME_SUBJECT, causes.CLIENT_TRUST, causes.CA_EXPIRED, causes.CLOCK)
BY_SERVERS_CA = (
    *(causes.SERVER_CA, causes.SERVER_CHAIN),
    *(causes.SAME_SUBJECT, causes.CLIENT_TRUST),
)
BY_SERVERS_TIME = (causes.SERVER_EXPIRED, causes.SERVER_EARLY, causes.CA_EXPIRED, causes.CLOCK)
# What people copy along with the words of an error.
BEFORE_BARE = r"[\"']?(?:[Ee]rror: )?(?:tls: failed to verify (?:client )?certificate: )?"
BEHIND_BARE = r"(?: \(possibly .*\)| certificate \"[^\"]*\"\)?)?[\"'.]?"
TRUSTS = (causes.TRUST_UNREADABLE, causes.MEMBER_TRUST)
LOST = r"write tcp \S+->\S+: (?:write: )?(?:broken pipe|connection reset by peer)"
NOTHING_SAID = (
    r"all SubConns are in TransientFailure|^context deadline exceeded$|"
    r"code = DeadlineExceeded desc = (?:context deadline exceeded|latest balancer error: (?:last "
    r"connection error: )?<nil>)"
)


@dataclass(frozen=True)
class Symptom:
    """What fits a text that one side logs.

    `is_certain` where the text says all; else somebody has to look. With `is_weak` it says nothing
    by itself: what is found counts, and what fits is not named.
    """

    pattern: str
    fits: tuple[Cause, ...]
    is_certain: bool = False
    is_weak: bool = False


def _sure(pattern: str, cause: Cause) -> Symptom:
    return Symptom(pattern, (cause,), is_certain=True)


NO_FILE = r"^open .*: (?:no such file or directory|permission denied)$"
# Where it has shaken hands with a client, a member looks into its list of revoked ones.
NO_LIST = r"^asn1: |^x509: (?:malformed crl|unsupported crl version|trailing data after CRL)"
AFTER_HANDSHAKE = (_sure(f"{NO_LIST}|{NO_FILE}", causes.CRL_UNREADABLE),)
BY_ORIGIN: Mapping[str, tuple[Symptom, ...]] = {
    MEMBER: (
        _sure(r"tls: client didn't provide a certificate", causes.NO_CERTIFICATE),
        _sure(AFTER, causes.CLIENT_EXPIRED),
        _sure(BEFORE, causes.CLIENT_EARLY),
        Symptom(SAME_NAME, causes.NAMESAKES),
        Symptom(UNKNOWN, (*OTHER_CAS, *TRUSTS)),
        Symptom(USAGE, (causes.CLIENT_USAGE, causes.CA_USAGE)),
        _sure(r"certificate serial [0-9a-f]+ revoked", causes.REVOKED),
        _sure(UNFIT, causes.SERVER_PAIR),
        _sure(NO_FILE, causes.SERVER_PAIR),
        _sure(r"tls: first record does not look like a TLS handshake", causes.PLAIN),
        Symptom(f"^{REMOTE}(?:bad certificate|unknown certificate)$", BY_SERVER),
        Symptom(UNREAD_ALERT, BY_SERVER),
        Symptom(f"^{REMOTE}unknown certificate authority$", BY_SERVERS_CA),
        Symptom(f"^{REMOTE}expired certificate$", BY_SERVERS_TIME),
        Symptom(f"^{REMOTE}unsupported certificate$", (causes.SERVER_USAGE,)),
        _sure(r"^auth: permission denied$", causes.WRONG_PREFIX),
        _sure(r"^cannot find a user for permission check$", causes.NO_USER),
        _sure(GATEWAY, causes.GATEWAY),
    ),
    MEMBER_START: (
        _sure(NO_PEM, causes.NO_PEM),
        Symptom(NO_KEY, (causes.ENCRYPTED_KEY, causes.DAMAGED_KEY)),
        _sure(UNFIT, causes.SERVER_PAIR),
    ),
    CLIENT: (
        _sure(f"{REMOTE}certificate required", causes.NO_CERTIFICATE),
        Symptom(
            f"{REMOTE}expired certificate",
            (causes.CLIENT_EXPIRED, causes.CLIENT_EARLY, causes.CA_EXPIRED, causes.CLOCK),
        ),
        Symptom(
            f"{REMOTE}unknown certificate authority",
            (*OTHER_CAS, *causes.NAMESAKES, *TRUSTS),
        ),
        Symptom(f"{REMOTE}bad certificate", tuple(c for c in OF_CLIENT if c != causes.REVOKED)),
        Symptom(f"{REMOTE}internal error", (causes.SERVER_PAIR,)),
        _sure(AFTER, causes.SERVER_EXPIRED),
        _sure(BEFORE, causes.SERVER_EARLY),
        _sure(HOST, causes.SERVER_HOST),
        Symptom(USAGE, (causes.SERVER_USAGE,)),
        Symptom(SAME_NAME, (causes.CLIENT_TRUST, causes.SAME_SUBJECT)),
        Symptom(UNKNOWN, (causes.SERVER_CA, causes.SERVER_CHAIN, causes.CLIENT_TRUST)),
        # Of its list of revoked ones a member says nothing either: it hangs up as on plain HTTP.
        Symptom(
            r"error reading server preface: EOF",
            (causes.PLAIN, causes.REVOKED, causes.CRL_UNREADABLE),
        ),
        Symptom(r"etcdserver: permission denied", (causes.WRONG_PREFIX, causes.NO_USER)),
        Symptom(r"etcdserver: user name is empty", (causes.NO_CLIENT_AUTH, causes.NO_USER)),
        _sure(GATEWAY, causes.GATEWAY),
        _sure(NO_PEM, causes.NO_PEM),
        Symptom(NO_KEY, (causes.ENCRYPTED_KEY, causes.DAMAGED_KEY)),
        _sure(UNFIT, causes.CLIENT_PAIR),
        Symptom(LOST, OF_CLIENT),
        Symptom(NOTHING_SAID, (*OF_CLIENT, *OF_SERVER, causes.SERVER_PAIR), is_weak=True),
    ),
}


def symptom_of(entry: Entry, known: Known, now: datetime) -> Symptom | None:
    """Return what fits what a line says; None where it is nothing that is known.

    Of a text without its line all that its words would mean on either side fits. What has ended the
    words do not name: only its end tells a certificate from the CA that a side has loaded.
    """
    if entry.origin == BARE:
        return _bare(entry)
    first = AFTER_HANDSHAKE if entry.is_after else ()
    found = _first((*first, *BY_ORIGIN[entry.origin]), entry.error)
    if not found:
        return None
    ended = re.search(AFTER, entry.error)
    if end := _moment(ended[1]) if ended else None:
        if end > now:
            return Symptom(AFTER, (causes.CLOCK,), is_certain=True)
        if known.is_end_of_ca(end):
            may_be_leaf = known.is_end_of_leaf(end)
            fits = (*found.fits, causes.CA_EXPIRED) if may_be_leaf else (causes.CA_EXPIRED,)
            return Symptom(AFTER, fits, is_certain=not may_be_leaf)
    return found


def _first(symptoms: Iterable[Symptom], text: str) -> Symptom | None:
    return next((each for each in symptoms if re.search(each.pattern, text)), None)


def _bare(entry: Entry) -> Symptom | None:
    """Return what fits a text that is nothing but the words that stand in the table."""
    strong = [each for origin in (MEMBER, CLIENT) for each in BY_ORIGIN[origin] if not each.is_weak]
    found = [
        each
        for each in strong
        if re.fullmatch(f"{BEFORE_BARE}(?:{each.pattern}){BEHIND_BARE}", entry.error)
    ]
    fits = tuple(dict.fromkeys(cause for each in found for cause in each.fits))
    is_certain = len(fits) == 1 and any(each.is_certain for each in found)
    return Symptom(entry.error, fits, is_certain) if fits else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.rstrip('\\",)'), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None

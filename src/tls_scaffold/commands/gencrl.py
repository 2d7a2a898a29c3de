"""`tls-scaffold cfssl gencrl`: a list of what a CA revokes."""

import re
from base64 import b64encode
from datetime import timedelta

from tls_scaffold.cfssl.goflags import parse_number
from tls_scaffold.commands.cfsslcalls import Answer, Call, place_of
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.signing import issuer, signer
from tls_scaffold.signing.revocationlists import make_crl
from tls_scaffold.signing.revocations import REASONS, Revocation

WORDS = range(3, 4 + 1)
WEEK = 7 * 24 * 60 * 60
SERIAL = re.compile(r"[0-9]{1,49}", re.ASCII)  # 20 bytes (RFC 5280, 4.1.2.2)
LONGEST = 2**31  # Go reads 32 bits


def gencrl(call: Call) -> Answer:
    """Do what `cfssl gencrl` does: the CRL in base64, on one line.

    Lines that are no number, for which cfssl revokes the number 0, are refused.
    """
    if len(call.words) not in WORDS:
        raise ScaffoldError(
            "`cfssl gencrl` takes a file of serial numbers, the CA's certificate and its key",
            hint="behind them may stand for how many seconds the list is good: a week, if not said",
        )
    path, ca_path, key_path, *seconds = call.words
    life = _life(seconds[0].strip() if seconds else "0")
    numbers = _serial_numbers(call.read_text(path), place_of(path))
    pems = (call.read(ca_path), call.read(key_path))
    ca = issuer.load_ca(*pems, place_of(ca_path), place_of(key_path))
    now = signer.utc_now()
    revoked = [Revocation(number, "", "", REASONS[0], now) for number in numbers]
    crl = make_crl(revoked, ca, now, now + life)
    return Answer(b64encode(crl).decode() + "\n")


def _life(text: str) -> timedelta:
    seconds = parse_number(text)
    if seconds is None or not -LONGEST <= seconds < LONGEST:
        raise ScaffoldError(f"`{text}` is not a number of seconds")
    if seconds < 0:
        raise ScaffoldError(f"`{text}`: the list would be over before it begins")
    return timedelta(seconds=seconds or WEEK)


def _serial_numbers(text: str, place: str) -> list[int]:
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    wrong = [
        Problem(Place(place, number), f"`{line}` is not a serial number in decimal")
        for number, line in lines
        if line and not (SERIAL.fullmatch(line) and int(line))
    ]
    if wrong:
        raise ScaffoldError("nothing is revoked", wrong)
    return [int(line) for _, line in lines if line]

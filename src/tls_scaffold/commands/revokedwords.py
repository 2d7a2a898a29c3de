"""What the words of `revoke` mean: components, there or gone, serial numbers, and files."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA_KEYS, OLD_CAS
from tls_scaffold.signing import certificates
from tls_scaffold.signing.copies import name_of
from tls_scaffold.signing.revocations import SERIAL, Revocation, hexadecimal
from tls_scaffold.spelling import MINUTE, did_you_mean, escaped
from tls_scaffold.state.signedhere import Signed, SignedHere

DECIMAL = re.compile("[0-9]{1,49}", re.ASCII)
# A shorter word is a name that is misspelt, unless it says that it is a number.
SHORTEST = 8
LARGEST = 1 << 160
CAS = {name_of(path) for path in (*CA_KEYS, *OLD_CAS.values())}
OF_CA = (
    "no list of etcd's stops a CA: another one takes its place (`tls-scaffold rotate start "
    "--compromised`)"
)
HINT = (
    "a word is a component, be it there or gone, a serial number (hexadecimal as etcd's log has "
    "it, or decimal as cfssl's), or the file of a certificate"
)


@dataclass(frozen=True)
class Chosen:
    """What words mean: what is to be revoked.

    `told` are words that need nothing, and why; `cns` are the CNs of what the folder has of these.
    """

    revocations: tuple[Revocation, ...]
    told: tuple[str, ...]
    cns: tuple[str, ...]


def chosen_by(
    here: SignedHere, words: Sequence[str], reason: str, *, force: bool = False
) -> Chosen:
    """Return what `words` are to revoke, for a `reason` of `revocations.REASONS`.

    With `force` a serial number that nothing here has is one too. Raises ScaffoldError with every
    word that means nothing, or may mean several things.
    """
    found: dict[int, Revocation] = {}
    cns: dict[str, None] = {}
    told, problems = [], []
    for word in words:
        try:
            meant = _of_word(here, word, force=force)
            valid = [each for each in meant if not _has_ended(each, here.now)]
            _refuse_unlistable(word, valid)
        except ScaffoldError as error:
            problems.append(error.without(""))
            continue
        if not valid:
            told.append(_why_nothing(word, meant))
        for each in valid:
            revocation = _revocation(each, reason, here.now)
            found.setdefault(revocation.serial, revocation)
            cns |= {each.certificate.cn: None} if isinstance(each, Signed) else {}
    if problems:
        raise ScaffoldError("nothing was revoked", problems, HINT)
    return Chosen(tuple(found.values()), tuple(told), tuple(filter(None, cns)))


def _of_word(here: SignedHere, word: str, *, force: bool) -> Sequence[Signed | int]:
    if word in CAS:
        raise ScaffoldError(f"`{word}` is a CA: {OF_CA}")
    if names := here.names_of(word):
        _refuse_shared(here, word, names)
        return here.of_names(names)
    if word.endswith(".pem") or "/" in word or Path(word).is_file():
        return [_in_file(here, word)]
    serials = _serials(word)
    if not serials:
        known = {name for name, _ in here.places} | {c.name for c in here.inventory.components}
        raise ScaffoldError(f"`{escaped(word)}` was never signed here{did_you_mean(word, known)}")
    found = here.of_serials(serials)
    numbers = {each.serial for each in found}
    if len(numbers) > 1 or (not numbers and len(serials) > 1):
        either = " or ".join(f"`0x{hexadecimal(each)}`" for each in sorted(numbers or serials))
        raise ScaffoldError(f"`{word}` may be a decimal or a hexadecimal number: write {either}")
    if not found and not force:
        raise ScaffoldError(
            f"no certificate that was signed here has the serial number {hexadecimal(serials[0])} "
            "(`--force` lists it all the same)"
        )
    return found or serials


def _refuse_shared(here: SignedHere, word: str, names: Sequence[str]) -> None:
    """Refuse a word where the files of another component are called alike, in another folder."""
    others = set(here.inventory.components) - set(here.parts_of(word))
    shared = sorted(each.name for each in others if name_of(each.output) in names)
    if shared:
        raise ScaffoldError(
            f"the record can't tell the certificates of `{word}` and `{shared[0]}` apart: name "
            "files or serial numbers"
        )


def _refuse_unlistable(word: str, meant: Iterable[Signed | int]) -> None:
    """Refuse a certificate whose serial number no list may name (RFC 5280, 4.1.2.2)."""
    for each in meant:
        if isinstance(each, Signed) and each.serial < 1:
            raise ScaffoldError(
                f"`{word}` has the serial number {each.serial}, which no list can name: only "
                "another CA shuts it out (`tls-scaffold rotate start --compromised`)"
            )


def _in_file(here: SignedHere, word: str) -> Signed:
    """Return the certificate in a file, the first of several."""
    certificate = certificates.read(read_file(word), word)
    if certificate.is_ca:
        raise ScaffoldError(f"`{word}` is a CA's: {OF_CA}")
    known = here.of_serials([certificate.parsed.serial_number])
    if same := [each for each in known if each.certificate == certificate]:
        return same[0]
    ca = here.signer_of(certificate)
    if not ca:
        raise ScaffoldError(f"no CA of this folder signed `{word}`")
    return Signed("", certificate, ca)


def _serials(word: str) -> list[int]:
    """Return the serial numbers that a word may be; none where it is none."""
    digits = word.removeprefix("0x").replace(":", "")
    is_said = digits != word
    if len(digits) < SHORTEST and not is_said:
        return []
    read = [int(digits, 16)] if SERIAL.fullmatch(digits) else []
    if DECIMAL.fullmatch(digits) and not is_said:
        read.append(int(digits))
    return [each for each in read if 0 < each < LARGEST]


def _has_ended(meant: Signed | int, now: datetime) -> bool:
    return isinstance(meant, Signed) and meant.certificate.has_ended(now)


def _why_nothing(word: str, meant: Sequence[Signed | int]) -> str:
    ends = [each.certificate.not_after for each in meant if isinstance(each, Signed)]
    if ends:
        return f"`{word}` ended {max(ends):{MINUTE}}: etcd refuses it without a list"
    return f"`{word}` has no certificate that is valid still"


def _revocation(meant: Signed | int, reason: str, now: datetime) -> Revocation:
    if isinstance(meant, int):
        return Revocation(meant, "", "", reason, now)
    end = meant.certificate.not_after
    return Revocation(meant.serial, meant.name, meant.ca.cn, reason, now, end)

"""Pairs and CAs of a backup looked at: whether each key fits, who signed, what the record knows."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from tls_scaffold.disk.issued import PATHS_OF_CAS, digits
from tls_scaffold.paths import (
    ARCHIVE,
    CA_OUTPUT,
    CERTIFICATE_ENDING,
    CHAINS,
    CSR_ENDING,
    ENDINGS,
    ISSUED,
    KEY_ENDING,
    OLD_CAS,
    PEER_CA_OUTPUT,
)
from tls_scaffold.signing import capassword, certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.contentkinds import CERTIFICATE
from tls_scaffold.signing.keys import is_encrypted
from tls_scaffold.signing.matching import KeyFault
from tls_scaffold.signing.pemfiles import begun
from tls_scaffold.signing.record import age_of_ca

CAS = (
    CA_OUTPUT,
    PEER_CA_OUTPUT,
    *(path.removesuffix(CERTIFICATE_ENDING) for path in OLD_CAS.values()),
)
"""The outputs of a folder's own CAs, and of those whose place they are taking."""
ORDER = (KEY_ENDING, CSR_ENDING, CERTIFICATE_ENDING)


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a backup: problems for which nothing of it is taken, and what is told."""

    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def output_of(path: str) -> str:
    """Return the output that a path is one of three files of; the path itself for other files."""
    ending = next((each for each in (KEY_ENDING, *ENDINGS) if path.endswith(each)), "")
    return path.removesuffix(ending) if PurePosixPath(path).name != ending else path


def certificate_in(files: Mapping[str, bytes], output: str) -> Certificate | None:
    """Return the certificate of an output among files, None if there is none that can be read."""
    return certificates.read_or_none(files.get(f"{output}{CERTIFICATE_ENDING}", b""))


def newest_ca(
    files: Mapping[str, bytes], ca: str, cn: str, kept: Mapping[str, bytes]
) -> tuple[bytes, Certificate] | None:
    """Return the CA of a path that a record, its files, had last, as PEM and taken apart.

    That is the last that has the CN `cn`, by the inventory today's CA, where one has: a CA that was
    to follow it may have been given up. Another certificate for the key of the CA that was `kept`,
    the files of a backup, counts only if that key signed it, or one that was kept with it: the
    record comes from git, and anybody can write a public key into a certificate.
    """
    theirs = certificate_in(kept, ca.removesuffix(CERTIFICATE_ENDING))
    above = certificates.read_all_or_none(kept.get(CHAINS[ca], b""))
    found = []
    for path in filter(PATHS_OF_CAS[ca].fullmatch, files):
        certificate = certificates.read_or_none(files[path])
        if not certificate:
            continue
        is_same_key = theirs and certificate.public_key == theirs.public_key
        if is_same_key and not any(
            matching.signed_by(certificate, each) for each in (certificate, *above)
        ):
            continue
        # What else stands in the file came with a clone, and nobody is to trust it.
        is_alone = begun(files[path], CERTIFICATE) == 1
        found.append((files[path] if is_alone else certificate.pem, certificate))
    called_so = [each for each in found if each[1].cn == cn]
    return max(called_so or found, key=lambda each: age_of_ca(each[1]), default=None)


def judge(files: Mapping[str, bytes], recorded: Collection[str]) -> Judgement:
    """Look at every pair among files, by path; `recorded` are the paths of a record."""
    cas = [ca for output in CAS if (ca := certificate_in(files, output))]
    problems: list[str] = []
    remarks: list[str] = []
    for output in CAS:
        problem, remark = _told_of_ca(files, output)
        problems += [f"`{output}{KEY_ENDING}` {problem}"] if problem else []
        remarks += [f"`{output}{KEY_ENDING}` {remark}"] if remark else []
    ends = {PurePosixPath(path).stem.rpartition("-")[2] for path in recorded}
    for output in dict.fromkeys(map(output_of, files)):
        if output not in CAS and output.partition("/")[0] not in (ISSUED, ARCHIVE):
            remarks += _remarks(files, output, cas, ends)
    return Judgement(tuple(problems), tuple(remarks))


def _told_of_ca(files: Mapping[str, bytes], output: str) -> tuple[str, str]:
    """Return why a CA's key can't be used, and what there is to say of it, after its path."""
    key, certificate = files.get(f"{output}{KEY_ENDING}"), certificate_in(files, output)
    if key is None:
        return "", ""
    path = f"{output}{CERTIFICATE_ENDING}"
    if path in files and certificate is None:
        return f"stands beside `{path}`, which can't be read", ""
    if certificate is None:
        return f"is the key of a CA whose certificate is missing: `{path}`", ""
    trouble = matching.find_key_trouble(certificate, key, "the CA's key", of_ca=True)
    locked = "is encrypted, and stays so" if is_encrypted(key) else ""
    if not trouble:
        return "", locked
    # The password of this environment may be that of another folder's CA.
    if trouble.fault is KeyFault.LOCKED:
        is_tried = capassword.is_given()
        return "", f"{locked}; it {trouble.words}" if is_tried else locked
    return trouble.words, ""


def _remarks(
    files: Mapping[str, bytes], output: str, cas: Collection[Certificate], ends: Collection[str]
) -> Iterator[str]:
    certificate, key = certificate_in(files, output), files.get(f"{output}{KEY_ENDING}")
    if certificate is None or key is None:
        return
    path = f"{output}{CERTIFICATE_ENDING}"
    if trouble := matching.key_trouble(certificate, key):
        yield f"`{output}{KEY_ENDING}` {trouble}"
    elif cas and not any(matching.signed_by(certificate, ca) for ca in cas):
        yield f"`{path}` was not signed by the CA that is with it"
    elif ends and digits(files[path], key) not in ends:
        yield f"`{path}` is not on the record of what was signed"

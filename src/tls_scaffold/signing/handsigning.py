"""A pack on the CA's machine: what is asked for beside what was signed last, and the answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling, write
from tls_scaffold.disk.issued import digits
from tls_scaffold.disk.plainfiles import content, names
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import caconstraints, csrs, mistakes, signer
from tls_scaffold.signing.certificates import Certificate, key_type
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.manifests import Asked, asked_of, changes
from tls_scaffold.signing.packs import Pack, ca_of, read_pack

NEW, CHANGED, AGAIN = "new", "changed", "again"
SHELF_TIME = "%Y%m%dT%H%M%SZ"
SMALLEST_RSA = 2048


@dataclass(frozen=True)
class Reviewed:
    """One request as who signs has to see it, and the profile that it is signed with.

    `kind` is NEW, CHANGED or AGAIN (only the key is another one), against what was signed last;
    `notes` say what is otherwise.
    """

    asked: Asked
    profile: Profile
    kind: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LastSigned:
    """What was last signed for a component, and when."""

    asked: Asked
    moment: str


def review(
    pack: Pack,
    ca: Certificate,
    known: Mapping[str, LastSigned],
    config: SigningConfig | None,
    now: datetime,
) -> tuple[Reviewed, ...]:
    """Return every request of a pack beside what was last signed; nothing is signed yet.

    The profiles are those of the CA's own configuration where there is one, else the pack's. Raises
    ScaffoldError with everything that is not signed.
    """
    problems = [*_problems_of_ca(ca, now)]
    reviewed: list[Reviewed] = []
    for asked in pack.manifest.requests:
        name, csr = asked.name, pack.csrs[asked.name]
        if config and asked.profile and asked.profile not in config.profiles:
            problems.append(f"{name}: the CA's configuration has no profile `{asked.profile}`")
            continue
        profile = config.profile_or_default(asked.profile) if config else pack.profile(asked)
        problems += [f"{name}: {each}" for each in _refusals(csr, profile, ca, now)]
        reviewed.append(_reviewed(asked, csr, profile, known.get(name), ca, now))
    if problems:
        raise ScaffoldError("nothing is signed", problems, "who asks has to mend it, and ask again")
    return tuple(reviewed)


def _problems_of_ca(ca: Certificate, now: datetime) -> Iterator[str]:
    if over := mistakes.out_of_life("the CA", ca.not_before, ca.not_after, now):
        yield over
    for each in caconstraints.refusals(ca):
        yield f"the CA: {each.words}"


def _refusals(csr: CSR, profile: Profile, ca: Certificate, now: datetime) -> Iterator[str]:
    hosts = tuple(text for _, text in csr.names)
    yield from (f"it asks for the extension {oid}" for oid in csr.other_extensions)
    yield from csrs.refusals(csr, profile, ca)
    if profile.constraint.is_ca:
        yield f"the profile `{profile.name or 'default'}` makes CAs, and this is a component"
    key = key_type(csr.public_key)
    if key.algo == "rsa" and key.size < SMALLEST_RSA:
        yield f"its key is too short: {key}"
    yield from mistakes.own_refusals(Request(cn=csr.cn, hosts=hosts), profile, now)
    for host in caconstraints.excluded_hosts(ca, hosts):
        yield f"the name constraints of the CA do not allow `{host}`"


def _reviewed(
    asked: Asked,
    csr: CSR,
    profile: Profile,
    last: LastSigned | None,
    ca: Certificate,
    now: datetime,
) -> Reviewed:
    request = Request(cn=csr.cn, hosts=tuple(text for _, text in csr.names))
    ours = asked_of(asked.name, csr, replace(profile, name=asked.profile))
    notes = [f"by the CA's configuration, {each}" for each in changes(asked, ours)]
    notes += [str(each) for each in mistakes.silent_in_request(request)]
    notes += mistakes.outlives_ca(profile, ca.not_after, now)
    if not last:
        return Reviewed(asked, profile, NEW, tuple(notes))
    differing = [*changes(last.asked, asked)]
    if differing:
        return Reviewed(asked, profile, CHANGED, (*differing, *notes))
    key = "the same key" if last.asked.key_sha256 == asked.key_sha256 else "a new key"
    return Reviewed(asked, profile, AGAIN, (f"{key}, else as on {last.moment}", *notes))


def answered(pack: Pack, reviewed: Iterable[Reviewed], ca: CA, ca_pem: bytes, chain: bytes) -> Pack:
    """Sign every request of a pack; return it with the certificates, the CA's own among them.

    None lives longer than the CA. Raises ScaffoldError for what can't be signed.
    """
    now = signer.utc_now()
    end = ca.certificate.not_after
    signed = {
        each.asked.name: signer.sign_csr(
            pack.csrs[each.asked.name], each.profile.ending_by(end, now), ca, now
        ).certificate
        for each in reviewed
    }
    return replace(pack, certificates=signed, ca=ca_pem, chain=chain)


def last_signed(record: Path, folder_id: str, ca: Certificate) -> dict[str, LastSigned]:
    """Return what a CA last signed for a folder, by the names of components.

    Raises ScaffoldError if a pack of the record can't be read.
    """
    found: dict[str, LastSigned] = {}
    # The names begin alike and go on with a time: the last is the newest.
    for path in sorted(names(record, ".", f"-{folder_id}.tar"), reverse=True):
        pack = read_pack(content(record, path), path)
        signer_of_it = ca_of(pack)
        if signer_of_it and signer_of_it.public_key == ca.public_key:
            for each in pack.manifest.requests:
                if each.name in pack.certificates:
                    found.setdefault(each.name, LastSigned(each, _time_in(path)))
    return found


def note_signed(record: Path, pack: Pack, now: datetime) -> Path:
    """Put a signed pack into the record, whole, under a name that nothing has; return its path."""
    data = pack.to_bytes()
    name = f"requests-{now:{SHELF_TIME}}-{digits(data)}-{pack.manifest.folder_id}.tar"
    with telling(record / name, "written"):
        record.mkdir(mode=0o755, exist_ok=True)
        write(record / name, data)
    return record / name


def _time_in(path: str) -> str:
    """Return the day in the name of a record's pack."""
    day = path.removeprefix("requests-")[:8]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"

"""`certs/crl.der`, which members look into at each handshake: whom it may not name, and its place.

A list that is missing, empty or junk makes a member refuse everybody, and one that names what
members show each other, or root's certificate, nearly everybody.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import create, flush_path, telling
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, CHAINS, CRL, REVOKED
from tls_scaffold.signing import certificates, contentkinds
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.foldercas import cas_of
from tls_scaffold.signing.pemfiles import certificate_ders
from tls_scaffold.signing.revocationlists import RevocationList, read_list
from tls_scaffold.signing.revocations import Revocation, Revoked, hexadecimal, load_revoked

MAKE_ANEW = f"`tls-scaffold revoke` makes `{CRL}` from `{REVOKED}`"


def in_use(folder: Path, inventory: Inventory, going: Collection[str] = ()) -> dict[int, str]:
    """Return what no list may name: by serial number the path of what members and root show now.

    etcd looks for each certificate that somebody shows, so what stands behind a leaf counts too.
    The components `going` are about to be taken out.
    """
    outputs = [each.output for each in members_and_root(inventory) if each.name not in going]
    paths = (*(f"{each}{CERTIFICATE_ENDING}" for each in outputs), *CHAINS.values())
    return {serial: path for path in paths for serial in serials_in(folder, path)}


def serials_in(folder: Path, path: str) -> tuple[int, ...]:
    """Return the serial numbers of the certificates in a PEM file, of those that can be read."""
    found = []
    for der in certificate_ders(plain_or_empty(folder / path)):
        with suppress(*certificates.UNREADABLE):
            found.append(Certificate(der).parsed.serial_number)
    return tuple(found)


def is_shown(folder: Path, path: str, serials: Collection[int]) -> bool:
    """Tell whether what lies at a path, the first one there, has one of these serial numbers."""
    return not set(serials_in(folder, path)[:1]).isdisjoint(serials)


def members_and_root(inventory: Inventory) -> tuple[Component, ...]:
    """Return the components without which a cluster stands still: members, and root."""
    root = rbac.root_component(inventory)
    members = [each for pair in inventory.member_pairs for each in pair]
    return tuple(dict.fromkeys((*members, *((root,) if root else ()))))


def lockouts(serials: Collection[int], used: Mapping[int, str]) -> Iterator[str]:
    """Yield of each certificate that is in use that a list of these numbers would shut it out."""
    for serial, path in used.items():
        if serial in serials:
            yield f"`{path}` is in use, and has the serial number {hexadecimal(serial)}"


def form_problem(found: RevocationList | None, raw: bytes) -> str:
    """Say why etcd can't read a file as a list of its own form; empty if every etcd can."""
    if not found:
        kind = contentkinds.kind_of_file(raw)
        told = f"it holds {kind}" if kind else "it is no list in DER"
        return f"{told if raw else 'it is empty'}: etcd refuses everybody"
    if not found.has_version_2:
        return "it is of version 1: etcd refuses everybody from 3.6 on"
    return ""


def lacking(found: RevocationList, revoked: Revoked, now: datetime) -> tuple[Revocation, ...]:
    """Return what a list does not name although `revoked.tsv` has it."""
    return tuple(each for each in revoked.to_be_listed(now) if each.serial not in found.by_serial)


def sound_list(folder: Path, inventory: Inventory, now: datetime, summary: str) -> bytes:
    """Return the folder's list, for members to look into.

    Raises ScaffoldError, its first line `summary`, where members would refuse everybody with it, or
    those who are in use, or let in somebody who was revoked.
    """
    raw = plain_or_empty(folder / CRL)
    found = read_list(raw)
    wrong = ["it is missing or empty: etcd refuses everybody"]
    if raw:
        wrong = list(problems_of(folder, found, raw, load_revoked(folder), now))
    if found:
        wrong += lockouts(found.by_serial, in_use(folder, inventory))
    if wrong:
        problems = [f"`{CRL}`: {each}" for each in wrong]
        where = "" if inventory.ca.has_key_here else " where the CA's key is, and `--crl` brings it"
        raise ScaffoldError(summary, problems, f"{MAKE_ANEW}{where}")
    return raw


def problems_of(
    folder: Path, found: RevocationList | None, raw: bytes, revoked: Revoked, now: datetime
) -> Iterator[str]:
    """Yield why a file, and the list that it holds, is none for the members of a folder."""
    if problem := form_problem(found, raw):
        yield problem
    if not found:
        return
    if not found.is_of(cas_of(folder)):
        yield "no CA of this folder signed it"
    if missing := lacking(found, revoked, now):
        numbers = ", ".join(each.hexadecimal for each in missing)
        yield f"it lacks what `{REVOKED}` has: {numbers}"


def put_list(folder: Path, der: bytes, used: Mapping[int, str]) -> None:
    """Put a list in its place by one rename, on the disk before that; the folder's lock is held.

    It is read back first. Raises ScaffoldError, and leaves what is there, where what was written is
    no list that every etcd reads, or names a serial number that is in `use`.
    """
    target = folder / CRL
    check_replaceable(folder / CERTS, target.stem, [target.suffix])
    with telling(target, "written"), work_folder(folder / CERTS) as work:
        aside = work / target.name
        create(aside, der)
        raw = plain(aside, CRL, follow=False)
        found = read_list(raw)
        wrong = form_problem(found, raw)
        if not found or wrong or used.keys() & found.by_serial.keys():
            raise ScaffoldError(f"`{CRL}` did not come out as it should, and was not replaced")
        aside.replace(target)
        flush_path(target.parent)

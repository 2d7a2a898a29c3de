"""What was removed and is still valid: whoever has such a certificate is let in until it ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.acceptance import acceptance_of, what_it_opens
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.copies import archived_paths, name_of, recorded_paths
from tls_scaffold.signing.pemfiles import certificate_ders
from tls_scaffold.spelling import MINUTE
from tls_scaffold.state.entries import Contents


@dataclass(frozen=True)
class Removed:
    """A certificate of a component that is gone, its copy in the folder, and when it ends.

    `opens_peers` tells whether members take it for one of them, `good_for` what it does still,
    `is_gone` whether the component is, and not its CN alone.
    """

    name: str
    path: str
    cn: str
    not_after: datetime
    opens_peers: bool
    good_for: str
    is_gone: bool

    @property
    def sentence(self) -> str:
        """What it is still good for, and how long."""
        whose = f"an older certificate of `{self.name}`"
        if self.is_gone:
            whose = f"`{self.name}` is gone, and its certificate"
        return f"{whose} {self.good_for} until {self.not_after:{MINUTE}}"


def still_valid(
    folder: Path, inventory: Inventory, contents: Contents, now: datetime
) -> tuple[Removed, ...]:
    """Return what the record and the archive have of components that are gone, by name.

    That is what a CA signed that is still trusted, has not ended and was not revoked. Older
    certificates of a component that is there, of its CN, are no news. The folder does not know what
    etcd was told, so each is there until it ends.
    """
    acceptance = acceptance_of(folder, inventory)
    shown = {each.certificate.der for each in contents.entries if each.certificate}
    cns = _cns_by_name(inventory, contents)
    found: dict[bytes, Removed] = {}
    for name, path in (*recorded_paths(folder), *archived_paths(folder)):
        raw = plain_or_empty(folder / path)
        certificate = _certificate(raw, cns.get(name, ()))
        if not certificate or certificate.der in found or certificate.der in shown:
            continue
        if certificate.cn in cns.get(name, ()):
            continue
        if acceptance.takes(certificate, now):
            opens_peers = acceptance.opens_peers(certificate)
            found[certificate.der] = Removed(
                name,
                path,
                certificate.cn,
                certificate.not_after,
                opens_peers=opens_peers,
                good_for=what_it_opens(certificate.cn, opens_peers=opens_peers),
                is_gone=name not in cns,
            )
    return tuple(sorted(found.values(), key=lambda each: (each.name, each.not_after, each.path)))


def _cns_by_name(inventory: Inventory, contents: Contents) -> dict[str, set[str]]:
    """Return the CNs of each component that is there."""
    cns: dict[str, set[str]] = {}
    for component in inventory.components:
        cns.setdefault(name_of(component.output), set()).add(component.cn)
    for entry in contents.entries:
        if entry.kind:
            cns.setdefault(name_of(entry.path), set()).add(entry.cn)
    return cns


def _certificate(raw: bytes, known: Collection[str]) -> Certificate | None:
    """Return a certificate, None if it seems to have a CN that is known or can't be read."""
    ders = certificate_ders(raw)
    # To find these bytes takes a twentieth of the time of parsing: a folder may have thousands.
    if not ders or any(_mark(cn) in ders[0] for cn in known if cn):
        return None
    return certificates.read_or_none(raw)


def _mark(cn: str) -> bytes:
    """Return how a CN stands in a certificate."""
    text = cn.encode()
    # The length stands before a text of up to 127 bytes (X.690, 8.1.3.4).
    return bytes([len(text)]) + text if len(text) < 128 else text  # noqa: PLR2004

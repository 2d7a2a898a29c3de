"""What was ever signed here, and is valid still: in `certs/`, in the record and in the archive."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.plainfiles import names, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import PEER, Component, Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.copies import archived_paths, name_of, recorded_paths
from tls_scaffold.signing.foldercas import cas_of
from tls_scaffold.signing.pemfiles import certificate_ders


@dataclass(frozen=True)
class Signed:
    """A certificate of a component, and the CA that signed it.

    `name` is what its files are called; empty for one that is in none of the folder's places.
    """

    name: str
    certificate: Certificate
    ca: Certificate

    @property
    def serial(self) -> int:
        """Its serial number."""
        return self.certificate.parsed.serial_number


@dataclass(frozen=True)
class SignedHere:
    """All that a folder has of what its CAs signed, as of one moment; read when it is asked for.

    Files are read once. What can't be read, or no CA of the folder signed, is passed over.
    """

    folder: Path
    inventory: Inventory
    now: datetime
    _ders: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def cas(self) -> tuple[Certificate, ...]:
        """The CAs of the folder."""
        return cas_of(self.folder)

    @cached_property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Name and path of each file that may be a component's certificate, today's first."""
        outputs = [each.certificate_path for each in self.inventory.components]
        there = names(self.folder, CERTS, CERTIFICATE_ENDING)
        own = ((name_of(path), path) for path in dict.fromkeys((*outputs, *there)))
        return (*own, *recorded_paths(self.folder), *archived_paths(self.folder))

    def of_names(self, wanted: Collection[str]) -> tuple[Signed, ...]:
        """Return what is valid still of these names, each certificate once."""
        found = self._signed(place for place in self.places if place[0] in wanted)
        return tuple(each for each in found if not each.certificate.has_ended(self.now))

    def of_serials(self, wanted: Collection[int]) -> tuple[Signed, ...]:
        """Return what has one of these serial numbers, be it valid or not."""
        marks = {_mark(serial) for serial in wanted}
        # To find bytes takes a twentieth of the time of parsing: a folder may have thousands.
        near = self._signed(
            place for place in self.places if any(mark in self._der(place[1]) for mark in marks)
        )
        return tuple(each for each in near if each.serial in wanted)

    def signer_of(self, certificate: Certificate) -> Certificate | None:
        """Return the CA of the folder that signed a certificate; None if none of them did."""
        return next((ca for ca in self.cas if matching.signed_by(certificate, ca)), None)

    def parts_of(self, word: str) -> tuple[Component, ...]:
        """Return the component of that name, and a member's second; none where there is no such."""
        member = self.inventory.member(word)
        if member:
            return tuple(dict.fromkeys(self.inventory.pair(member)))
        return tuple(each for each in self.inventory.components if each.name == word)

    def names_of(self, word: str) -> tuple[str, ...]:
        """Return what the certificates of a component are called, be it there or gone.

        None where nothing here was ever called so.
        """
        if parts := self.parts_of(word):
            return tuple(dict.fromkeys(name_of(each.output) for each in parts))
        others = {name_of(each.output) for each in self.inventory.components}
        gone = {name for name, _ in self.places} - others
        return tuple(each for each in (word, f"{PEER}{word}") if each in gone)

    def _signed(self, places: Iterable[tuple[str, str]]) -> Iterator[Signed]:
        """Yield what a CA of the folder signed for a component, each certificate once."""
        seen: set[bytes] = set()
        for name, path in places:
            der = self._der(path)
            if not der or der in seen:
                continue
            seen.add(der)
            with suppress(ScaffoldError):
                found = certificates.read_der(der, path)
                ca = None if found.is_ca else self.signer_of(found)
                if ca:
                    yield Signed(name, found, ca)

    def _der(self, path: str) -> bytes:
        if path not in self._ders:
            found = certificate_ders(plain_or_empty(self.folder / path))
            self._ders[path] = found[0] if found else b""
        return self._ders[path]


def _mark(serial: int) -> bytes:
    """Return how a serial number stands in a certificate: an INTEGER (X.690, 8.3)."""
    content = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
    return bytes((2, len(content))) + content

"""Which bundles in `dist/` hold other files than `certs/`: nobody made them anew."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from tls_scaffold.bundles.consumers import bundled_components
from tls_scaffold.bundles.memberflags import trust_of
from tls_scaffold.bundles.settings import DIST, LIST, TAR
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.disk.tarballs import UNREADABLE
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CERTIFICATE_ENDING, CRL, LARGEST_FILE, MIB
from tls_scaffold.signing.trust import read_trust

# What Python's readers of tars in their three packings raise where one is damaged.
DAMAGED = (*UNREADABLE, OSError, zlib.error, lzma.LZMAError)


def stale_bundles(folder: Path, inventory: Inventory) -> tuple[str, ...]:
    """Return the bundles, by their paths in `dist/`, with a certificate or list not in `certs/`.

    A file that a bundle lacks is no matter here: its form may have none. Of an archive the files of
    the same names count.
    """
    if not (folder / DIST).is_dir():
        return ()
    return tuple(_stale(folder, inventory))


def _stale(folder: Path, inventory: Inventory) -> Iterator[str]:
    trusts = {
        ca: read_trust(folder, ca).text.encode(errors="surrogateescape")
        for ca in {each.ca for each in inventory.components}
    }
    crl = plain_or_empty(folder / CRL) if inventory.crl else b""
    for owner in inventory.components:
        bundle, archive = folder / DIST / owner.name, folder / DIST / f"{owner.name}{TAR}"
        if not bundle.is_dir() and not archive.is_file():
            continue
        wanted: dict[str, bytes] = {}
        for part in bundled_components(inventory, owner):
            pem = plain_or_empty(folder / part.certificate_path)
            wanted[f"{part.name}{CERTIFICATE_ENDING}"] = pem
            wanted[trust_of(part)] = trusts[part.ca]
        if owner.kind == "member":
            wanted[LIST] = crl
        laid_out = {name: plain_or_empty(bundle / name) for name in wanted}
        if _differ(laid_out, wanted):
            yield owner.name
        elif _differ(_packed(archive, owner.name, wanted), wanted):
            yield f"{owner.name}{TAR}"


def _differ(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> bool:
    return any(pem and wanted[name] and pem != wanted[name] for name, pem in found.items())


def _packed(archive: Path, name: str, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of these names in an archive; none where it is none."""
    found = {}
    with (
        suppress(*DAMAGED),
        tarfile.open(fileobj=BytesIO(plain_or_empty(archive))) as tar,
    ):
        for each in tar:
            # To come to the next one, all of this one is unpacked.
            if each.offset_data + each.size > LARGEST_FILE:
                break
            file = each.name.removeprefix(f"{name}/")
            if each.isfile() and file in wanted and each.size < MIB:
                content = tar.extractfile(each)
                found[file] = content.read() if content else b""
    return found

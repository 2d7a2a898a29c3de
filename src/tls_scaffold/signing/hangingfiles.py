"""Files of a folder that hang on a CA which another follows: they would not work without it."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.disk.linkedfolder import without_data_folder
from tls_scaffold.disk.plainfiles import names, plain_or_empty
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, KEY_ENDING
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.rotation import Rotation

ENDINGS = (CERTIFICATE_ENDING, ".crt")


def hanging_files(
    folder: Path, rotation: Rotation, signings: Iterable[Signing], now: datetime
) -> Iterator[str]:
    """Yield, in words, each file that hangs on the old CA of a rotation, with its path.

    That is a certificate of the old CA that is valid, and, among the bundles, also a file of CAs to
    trust that has the old one and not the new one. What nobody can read is passed over.
    """
    old, new = rotation.old, rotation.new
    if not (old and new):
        return
    outputs = [each.certificate_path for each in signings]
    in_certs = names(folder, CERTS, CERTIFICATE_ENDING)
    for path in dict.fromkeys((*in_certs, *outputs, *_laid_out(folder))):
        found = certificates.read_all_or_none(plain_or_empty(folder / path, follow=False))
        if not found or path.endswith(KEY_ENDING):
            continue
        leaf, keys = found[0], [each.public_key for each in found]
        shown = without_data_folder(path)
        if leaf.is_ca:
            trusts_old_alone = old.public_key in keys and new.public_key not in keys
            if path.startswith(f"{DIST}/") and trusts_old_alone:
                yield f"`{shown}` trusts the old CA, and not the new one"
        elif not leaf.has_ended(now) and matching.signed_by(leaf, old):
            yield f"`{shown}` is a certificate of the old CA"


def _laid_out(folder: Path) -> Iterator[str]:
    """Yield the paths of the certificates in bundles; links are not followed."""
    for at, _, files in os.walk(folder / DIST):
        below = PurePosixPath(Path(at).relative_to(folder).as_posix())
        yield from (str(below / name) for name in sorted(files) if name.endswith(ENDINGS))

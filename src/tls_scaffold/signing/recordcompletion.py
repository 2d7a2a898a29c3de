"""The record completed with what is valid by its content, so that no signer signs it again."""

from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.makefiles.ourmakefile import signings_of_lines
from tls_scaffold.paths import CA, CA_KEY
from tls_scaffold.signing import authority, signer
from tls_scaffold.signing.plan import plan_signing
from tls_scaffold.signing.record import Record


def record_valid_pairs(folder: Path) -> None:
    """Note in a folder's record its CA, and each pair that is what the component's line asks for.

    The folder's lock is held. What can't be told to be valid is passed over, whatever is wrong with
    it.
    """
    record = Record(folder, folder)
    if not record.is_kept:
        return
    with suppress(ScaffoldError, FileNotFoundError):
        ca = authority.find_ca(folder, CA, CA_KEY)
        if ca:
            text = plain(folder / MAKEFILE, MAKEFILE).decode("utf-8", "replace")
            signings = signings_of_lines(component_lines(text))
            plan = plan_signing(folder, signings, {CA: ca}, record, signer.utc_now(), force=False)
            record.note_ca()
            record.note(plan.unrecorded)

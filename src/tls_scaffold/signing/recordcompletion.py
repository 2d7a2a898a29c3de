"""The record completed with what is valid by its content, so that no signer signs it again."""

from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.makefiles.ourmakefile import signings_of_lines
from tls_scaffold.paths import CA_KEYS
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
        found = {path: authority.find_ca(folder, path, key) for path, key in CA_KEYS.items()}
        cas = {path: ca for path, ca in found.items() if ca}
        if cas:
            text = plain(folder / MAKEFILE, MAKEFILE).decode("utf-8", "replace")
            lines = signings_of_lines(component_lines(text))
            signings = [each for each in lines if each.ca in cas]
            plan = plan_signing(folder, signings, cas, record, signer.utc_now(), force=False)
            record.note_cas()
            record.note(plan.unrecorded)

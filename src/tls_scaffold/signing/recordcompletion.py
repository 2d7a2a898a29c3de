"""The record completed with what is valid by its content, so that no signer signs it again."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.plainfiles import makefile_text, plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.ourmakefile import signings_of_lines
from tls_scaffold.paths import CA, CA_KEYS
from tls_scaffold.signing import authority, signer
from tls_scaffold.signing.plan import Plan, plan_signing
from tls_scaffold.signing.record import Record


def record_valid_pairs(folder: Path) -> None:
    """Note in a folder's record its CA, and each pair that is what the component's line asks for.

    The folder's lock is held. What can't be told to be valid is passed over, whatever is wrong with
    it.
    """
    record = Record(folder, folder)
    with suppress(ScaffoldError, FileNotFoundError):
        planned = _plan(folder, record)
        if planned:
            record.note_cas()
            record.note(planned.unrecorded)


def notes_after(folder: Path, changed: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what the record is to have of each pair that is right now, when files have changed.

    `changed` is what they hold then, by path: the CA, its chain, the configuration, certificates
    with another chain behind them. So nothing is signed again for it.
    """
    notes: dict[str, bytes] = {}
    with suppress(ScaffoldError, FileNotFoundError):
        planned = _plan(folder, Record(folder, folder))
        if planned:
            after = Record(folder, folder, changed)
            wanted = {each.signing for each in planned.wanted}
            for signing in own_signings(folder):
                if signing in wanted or not (folder / signing.ca).is_file():
                    continue
                path = signing.certificate_path
                key = plain(folder / signing.key_path, path)
                pem = changed.get(path) or plain(folder / path, path)
                notes[after.path(signing, pem, key)] = pem
            if changed.get(CA):
                notes[ca_path(changed[CA])] = changed[CA]
    return notes


def note(folder: Path, notes: Mapping[str, bytes]) -> None:
    """Note certificates in a folder's record, by their paths there."""
    if notes:
        Record(folder, folder).note(notes)


def own_signings(folder: Path) -> tuple[Signing, ...]:
    """Return what the lines of our form in a folder's Makefile ask for."""
    text = makefile_text(folder)
    return signings_of_lines(component_lines(text))


def _plan(folder: Path, record: Record) -> Plan | None:
    """Return what is to be signed now by the CAs that are there; None without a record or a CA."""
    found = {path: authority.find_ca(folder, path, key) for path, key in CA_KEYS.items()}
    cas = {path: ca for path, ca in found.items() if ca}
    if not (record.is_kept and cas):
        return None
    signings = [each for each in own_signings(folder) if each.ca in cas]
    return plan_signing(folder, signings, cas, record, signer.utc_now(), force=False)

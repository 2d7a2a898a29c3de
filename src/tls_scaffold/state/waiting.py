"""What of a folder waits for a signature from the machine that has its CA's key."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tls_scaffold.paths import CA, CSR_ENDING
from tls_scaffold.signing.awaiting import path_of, read_waiting
from tls_scaffold.signing.record import has_ca_on_record
from tls_scaffold.state.entries import Entry

CA_TO_COME = (
    "its certificate comes with the first signed pack (`tls-scaffold requests import FILE`), or by"
    " `tls-scaffold sync --ca FILE`"
)


def with_waiting(folder: Path, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries, those with what waits for a signature that do wait for one.

    A CSR of another request than today's is not waited for: another is to be made. A CA that the
    folder has never had is waited for too.
    """
    known = list(entries)
    signings = [entry.signing for entry in known if entry.signing]
    waiting = read_waiting(folder, signings)
    for entry in known:
        signing = entry.signing
        found = waiting.get(signing.name) if signing else None
        if signing and found and found.is_of(folder, signing):
            path = path_of(signing.name, CSR_ENDING)
            yield replace(entry, awaiting=f"`{path}` waits for the CA's machine to sign it")
        elif entry.path == CA and not entry.is_there and not has_ca_on_record(folder, CA):
            yield replace(entry, awaiting=CA_TO_COME)
        else:
            yield entry

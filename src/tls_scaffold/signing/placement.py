"""Certificates that another machine has signed take their places, each with the key that waited."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tls_scaffold.disk.files import flush_path, make_private, telling
from tls_scaffold.disk.sharing import group_of_keys, keep_private, share_keys
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, CSR_ENDING, KEY_ENDING
from tls_scaffold.signing import chains, pairs
from tls_scaffold.signing.awaiting import remove_answered
from tls_scaffold.signing.packanswers import Answer
from tls_scaffold.signing.record import Record


def place_answers(folder: Path, answers: Sequence[Answer]) -> str:
    """Put pairs in place as signed ones are: all aside and on the disk before one is moved.

    What waited goes last, when all is there: a killed run is ended by the same one again. The
    folder's lock is held. Returns why keys are not open to the group that may read them; empty if
    they are. Raises ScaffoldError where the disk refuses.
    """
    record, group = Record(folder, folder), group_of_keys(folder)
    chain = chains.read_chain(folder)
    warning = ""
    with telling(folder):
        make_private(folder / CERTS)
        keep_private(folder / CERTS, group)
    with ExitStack() as stack:
        works: dict[str, Path] = {}
        for each in answers:
            directory, name = _place(each)
            if directory not in works:
                works[directory] = stack.enter_context(pairs.workshop(folder / directory))
            contents = {
                KEY_ENDING: each.waiting.key,
                CSR_ENDING: each.waiting.csr_pem,
                CERTIFICATE_ENDING: each.pem + chain,
            }
            pairs.stage_pair(works[directory], name, contents)
        pems = [(each, each.pem + chain) for each in answers if record.is_kept]
        notes = [(record.path(each.signing, pem, each.waiting.key), pem) for each, pem in pems]
        with record.noting(notes) as record_files:
            pairs.flush_files([*pairs.files_in(works.values()), *record_files])
            places = [_place(each) for each in answers]
            keys = [works[directory] / f"{name}{KEY_ENDING}" for directory, name in places]
            warning = share_keys(folder, group, keys) if group else ""
        for directory, name in places:
            with telling(folder):
                pairs.move_into_place(works[directory], name)
        for directory in works:
            with telling(folder):
                flush_path(folder / (directory or "."))
    for each in answers:
        remove_answered(folder, each.signing)
    return warning


def _place(answer: Answer) -> tuple[str, str]:
    """Return the directory below the folder and the name that a pair's files have."""
    directory, _, name = answer.signing.output.rpartition("/")
    return directory, name

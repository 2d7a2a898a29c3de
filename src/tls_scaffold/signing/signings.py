"""One round of signing carried out: make the CA where there is none, sign, flush, and only then move into place."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path

from tls_scaffold.disk.files import make_private, telling
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.parent import check_parent
from tls_scaffold.disk.workfolders import clear_leftovers
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING, CERTS, KEY_ENDING
from tls_scaffold.signing import authority, batch, issuer, pairs
from tls_scaffold.signing.plan import Wanted
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.rounds import Round

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
Tell = Callable[[str], object]


def carry_out(planned: Round, processes: int, progress: Progress, *, tell: Tell) -> None:
    """Make the CAs and sign what a round wants; the folder's lock is held since it was planned.

    `tell` is given the path of each certificate when it is in its place, so that an error hides none.
    Raises ScaffoldError where a CA can't sign or the disk refuses; every pair is then an old or a new one, or lacks its
    certificate, and is signed by the next run.
    """
    _clear_beside(planned.folder, planned.signings)
    makes = {path.rpartition("/")[0] for path in planned.done.signed}
    if CERTS in makes and planned.target == planned.folder:  # a new set is not there to stay
        with telling(planned.folder):
            make_private(planned.folder / CERTS)
    record = Record(planned.folder, planned.target)
    for path, made in planned.new.items():
        check_parent()
        authority.put(planned.target, path, made.signed)
        tell(path)
    if record.is_kept:
        record.note_ca()
        record.note(planned.plan.unrecorded)
    if planned.plan.wanted:
        able = {
            path: planned.new[path].ca
            if path in planned.new
            else authority.load(planned.target, path, key)
            for path, key in planned.keys.items()
        }
        _write(planned, able, record, processes, progress, tell)


def _clear_beside(folder: Path, signings: Sequence[Signing]) -> None:
    """Remove what killed runs left beside outputs: those outside `certs/` are seen by no other healing."""
    for directory in {signing.output.rpartition("/")[0] for signing in signings} - {CERTS}:
        with (
            telling(folder),
            suppress(ScaffoldError),
        ):  # what lies outside of the folder is not ours
            clear_leftovers(inside(folder, f"{directory or '.'}/-").parent)


def _write(
    planned: Round,
    cas: Mapping[str, issuer.CA],
    record: Record,
    processes: int,
    progress: Progress,
    tell: Tell,
) -> None:
    """Sign into workshops, flush them all, and only then move the files into place."""
    wanted, target = planned.plan.wanted, planned.target
    bases = [each.signing.output.rpartition("/") for each in wanted]
    parents = {directory: target / directory for directory, _, _ in bases}
    with telling(target), suppress(FileNotFoundError):
        (target / CERTS).chmod(0o700)
    with ExitStack() as stack:
        works = {
            parent: stack.enter_context(pairs.workshop(parent))
            for parent in dict.fromkeys(parents.values())
        }
        jobs = [
            batch.Job(
                name, each.request, each.profile, cas[each.signing.ca], works[parents[directory]]
            )
            for (directory, _, name), each in zip(bases, wanted, strict=True)
        ]
        with progress(len(jobs)) as update:
            folders = batch.sign(jobs, planned.now, processes, update)
        made = _made(wanted, folders, record) if record.is_kept else {}
        with record.noting(made) as files:
            pairs.flush_files([*pairs.files_in(dict.fromkeys(folders)), *files])
            check_parent()
            _check_inputs(planned)
        staged: dict[str, list[tuple[Path, str]]] = {directory: [] for directory in parents}
        for work, (directory, _, name) in zip(folders, bases, strict=True):
            staged[directory].append((work, name))
        for directory, pairs_of_it in staged.items():
            pairs.place(parents[directory], pairs_of_it, partial(_tell_path, tell, directory))


def _made(wanted: Sequence[Wanted], folders: Sequence[Path], record: Record) -> dict[str, bytes]:
    """Return the certificates that lie in workshops by their paths in the record, as far as that has them."""
    found: dict[str, bytes] = {}
    for each, work in zip(wanted, folders, strict=True):
        if each.signing.flags is not None:
            base = work / each.signing.output.rpartition("/")[2]
            certificate, key = (
                Path(f"{base}{ending}").read_bytes() for ending in (CERTIFICATE_ENDING, KEY_ENDING)
            )
            found[record.path(each.signing, certificate, key)] = certificate
    return found


def _check_inputs(planned: Round) -> None:
    """Raise ScaffoldError if what was signed is not what is asked for any more."""
    record = Record(planned.folder, planned.target)
    edited = [
        f"`{each.signing.output}.pem`: what it is made from has changed"
        for each in planned.plan.wanted
        # A CA that was made meanwhile comes on top.
        if not record.inputs(each.signing).startswith(planned.inputs[each.signing.output])
    ]
    if edited:
        summary, *rest = edited
        raise ScaffoldError(summary, rest, "sign again")


def _tell_path(tell: Tell, directory: str, name: str) -> None:
    tell(f"{directory}/{name}.pem" if directory else f"{name}.pem")

"""One round of signing carried out: make the CA, sign, flush, and only then move into place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tls_scaffold.disk.files import flush_path, make_private, telling
from tls_scaffold.disk.locking import check_parent
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.sharing import group_of_keys, keep_private, share_keys
from tls_scaffold.disk.workfolders import clear_leftovers
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEYS, CERTS, KEY_ENDING
from tls_scaffold.signing import authority, batch, chains, issuer, pairs, signer
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.remotesigner import RemoteSigner, read_tls_context, seconds_allowed
from tls_scaffold.signing.rounds import Round

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Told:
    """What is called while a round is carried out: with each path that is signed, each warning."""

    signed: Tell
    warning: Tell


@dataclass(frozen=True)
class Means:
    """What there is to sign with: processes, how far it is shown, and the password of the CA's key.

    `progress` is given the number of certificates and yields what to call when some are done.
    `password` opens keys of CAs, and encrypts that of a CA that is made, where the inventory wants
    it so.
    """

    processes: int
    progress: Progress
    password: CAPassword = field(default_factory=CAPassword)


def sign_round(planned: Round, means: Means, told: Told) -> None:
    """Make the CAs and sign what a round wants; the folder's lock is held since it was planned.

    `told` is given the path of each certificate when it is in its place, so that an error
    hides none, and why keys are not as the inventory asks. Raises ScaffoldError where a CA can't
    sign or the disk refuses; every pair is then an old or a new one, or lacks its certificate, and
    is signed by the next run.
    """
    folder, target = planned.folder, planned.target
    # What the library can't sign is found out here, before anything is written.
    remote = _remote_signers(planned)
    new_cas = {
        path: signer.new_ca(new.request, planned.now) for path, new in planned.new_cas.items()
    }
    if planned.custody.key is KeyPlace.ENCRYPTED:
        for path in new_cas.keys() & CA_KEYS:
            new_cas[path] = new_cas[path].encrypted(means.password.new())
    # And so is a key that nobody can open. One password is for the keys of both CAs.
    local = {each.signing.ca for each in planned.wanted if not each.profile.remote}
    is_encrypted_now = bool(new_cas) and planned.custody.key is KeyPlace.ENCRYPTED
    cas: dict[str, issuer.CA | RemoteSigner] = {
        path: authority.load_ca(target, path, key, means.password.old)
        for path, key in planned.ca_keys.items()
        if path not in new_cas and (path in local or (is_encrypted_now and path in CA_KEYS))
    }
    _clear_leftovers_beside(folder, planned.signings)
    signs_in_certs = any(path.rpartition("/")[0] == CERTS for path in planned.done.signed)
    if signs_in_certs and target == folder:  # a new set is not there to stay
        with telling(folder):
            make_private(folder / CERTS)
    record = Record(folder, target)
    if new_cas:
        check_parent()
        authority.put_new_cas(target, new_cas, planned.renamed)
        for path in new_cas:
            told.signed(path)
    if record.is_kept:
        record.note_cas()
        record.note(planned.unrecorded)
    if planned.wanted:
        for path in local & new_cas.keys():
            key_path = planned.ca_keys[path]
            cas[path] = authority.load_ca(target, path, key_path, means.password.old)
        signers = {
            each.signing.output: (remote if each.profile.remote else cas)[each.signing.ca]
            for each in planned.wanted
        }
        _sign_components(planned, signers, record, means, told)


def _remote_signers(planned: Round) -> dict[str, RemoteSigner]:
    """Return who has signed elsewhere what is to be, with the keys for that, by the CAs' paths."""
    custody, found = planned.custody, dict[str, RemoteSigner]()
    for each in planned.wanted:
        path, remote = each.signing.ca, each.profile.remote
        if remote and path not in found:
            is_ours = path == CA
            found[path] = RemoteSigner(
                certificate=authority.find_ca(planned.target, path, planned.ca_keys[path]),
                folder=planned.folder,
                label=custody.label if is_ours else "",
                context=read_tls_context(custody.remote_ca, planned.folder),
                seconds=seconds_allowed(),
                chain=chains.read_chain(planned.target) if is_ours else b"",
            )
        if remote:
            found[path].prepare(remote)
    return found


def _clear_leftovers_beside(folder: Path, signings: Sequence[Signing]) -> None:
    """Remove what killed runs left beside outputs outside `certs/`: no other healing sees them."""
    for directory in {signing.output.rpartition("/")[0] for signing in signings} - {CERTS}:
        # What lies outside of the folder is not ours.
        with telling(folder), suppress(ScaffoldError):
            clear_leftovers(inside(folder, f"{directory or '.'}/-").parent)


def _sign_components(
    planned: Round,
    signers: Mapping[str, issuer.CA | RemoteSigner],
    record: Record,
    means: Means,
    told: Told,
) -> None:
    """Sign into workshops, flush them all, and only then move the files into place."""
    target, group = planned.target, group_of_keys(planned.folder)
    with telling(target), suppress(FileNotFoundError):
        keep_private(target / CERTS, group)
    with ExitStack() as stack:
        works: dict[str, Path] = {}
        jobs: list[batch.Job] = []
        for each in planned.wanted:
            path = each.signing.certificate_path
            directory, _, name = each.signing.output.rpartition("/")
            if directory not in works:
                works[directory] = stack.enter_context(pairs.workshop(target / directory))
            ca = signers[each.signing.output]
            jobs.append(batch.Job(name, path, each.request, each.profile, ca, works[directory]))
        update = stack.enter_context(means.progress(len(jobs)))
        signed = batch.sign_all(jobs, planned.now, means.processes, update)
        stack.callback(signed.close)
        # The record's files are written here while the processes sign.
        with record.noting(_to_note(planned, signed, record)) as record_files:
            pairs.flush_files([*pairs.files_in(works.values()), *record_files])
            check_parent()
            _check_inputs(planned)
            _share_keys(planned, jobs, group, told.warning)
        for each, job in zip(planned.wanted, jobs, strict=True):
            with telling(target):
                pairs.move_into_place(job.work, job.name)
            told.signed(each.signing.certificate_path)
        for directory in works:
            with telling(target):
                flush_path(target / directory)


def _share_keys(planned: Round, jobs: Iterable[batch.Job], group: str, warn: Tell) -> None:
    """Let the group read the new keys before they are in place; a CA's is its owner's alone."""
    keys = [
        job.work / f"{job.name}{KEY_ENDING}" for job in jobs if not job.profile.constraint.is_ca
    ]
    if group and keys and (problem := share_keys(planned.folder, group, keys)):
        warn(problem)


def _to_note(
    planned: Round, signed: Iterable[signer.Signed], record: Record
) -> Iterator[tuple[str, bytes]]:
    """Yield what the record is to have, by its paths there, as one after another is signed."""
    for each, pair in zip(planned.wanted, signed, strict=True):
        if record.is_kept and each.signing.flags is not None:
            yield record.path(each.signing, pair.certificate, pair.key), pair.certificate


def _check_inputs(planned: Round) -> None:
    """Raise ScaffoldError if what was signed is not what is asked for any more."""
    record = Record(planned.folder, planned.target)
    edited = [
        f"`{each.signing.certificate_path}`: what it is made from has changed"
        for each in planned.wanted
        # A CA that was made meanwhile comes on top.
        if not record.inputs(each.signing).startswith(planned.inputs[each.signing.output])
    ]
    if edited:
        raise ScaffoldError("what was signed is not what is asked for now", edited, "sign again")

"""What killed runs left in a folder: finished where it was decided, cleared where it was not.

A set that was decided lies in `certs/.new`, which git does not carry; sign.sh's `finish` does the
same in the same way. What looks like it may have come with a clone of the folder all the same: it
is believed only as far as nobody else can have made it.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tls_scaffold.disk import issued
from tls_scaffold.disk.files import PUBLIC, SECRET, create, flush_path, make_private, write
from tls_scaffold.disk.gitcommand import is_tracked
from tls_scaffold.disk.moving import make_directories, move_over
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import own_text, plain
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA,
    CA_KEY,
    CA_KEYS,
    CA_REQUESTS,
    CERTIFICATE_ENDING,
    CERTS,
    CHAIN,
    CSR_ENDING,
    ENDINGS,
    ISSUED,
    NEW_SET,
    PEER_CA_KEY,
    STATE,
    TRUST,
)

CERTIFICATE, KEY, CSR = (f"ca{ending}" for ending in ENDINGS)
TRUSTED = PurePosixPath(TRUST).name
BEHIND_LEAVES = PurePosixPath(CHAIN).name
# In the order in which they are put there: it is a CA with the last of them.
CA_FILES = (CSR, TRUSTED, BEHIND_LEAVES, KEY, CERTIFICATE)
# What a set has where the CA's key stays as it is, in place of a key: the CA was signed again.
SAME_KEY = "same-key"
# A shelf that is being filled; sign.sh calls it so too.
HALF = f"{ARCHIVE}/.half"
# What a set says that it is made for where no CA's key was here.
NO_KEY = "none"
PEER_KEY = PurePosixPath(PEER_CA_KEY).name
KEYS = {KEY: CA_KEY, PEER_KEY: PEER_CA_KEY}
"""The keys that a set may be known by, the first that is there, with their places."""
OTHERS_IN_A_SET = (*CA_REQUESTS.values(), "tls-scaffold.json")
NO_FILES: Mapping[str, str] = MappingProxyType({})
DRAFT = f".*-{'[0-9a-f]' * issued.DIGITS}.pem"
PAIR_ENDINGS = (CERTIFICATE_ENDING, CSR_ENDING)  # a key's is a certificate's too


def heal(folder: Path) -> None:
    """Finish what a killed run had decided and clear what it had not; the folder's lock is held."""
    if os.path.lexists(folder / NEW_SET):
        _check_is_no_clones(folder)
        finish_set(folder)
    certs = folder / CERTS
    if certs.is_dir() and not certs.is_symlink():
        make_private(certs)  # keys that were put back into a clone would get into git
    for directory in (folder, folder / CERTS, folder / STATE, folder / AWAITING):
        clear_leftovers(directory)
    clear_half(folder)
    record = folder / ISSUED
    if not record.is_symlink():
        for draft in (*record.glob(".draft.*"), *record.glob(DRAFT)):
            draft.unlink(missing_ok=True)  # git would take it along


def _check_is_no_clones(folder: Path) -> None:
    if not (folder / NEW_SET).is_dir():
        raise ScaffoldError(f"`{folder / NEW_SET}` is no folder", hint="move it away")
    if is_tracked(folder, NEW_SET):
        raise ScaffoldError(
            f"`{folder / NEW_SET}` is tracked by git: no CA is taken from there",
            hint="move it away, out of the folder",
        )


def clear_half(folder: Path) -> None:
    """Remove the shelf of the archive that a killed run had begun; the folder's lock is held."""
    if (folder / HALF).is_dir() and not (folder / HALF).is_symlink():
        shutil.rmtree(folder / HALF)


def finish_set(folder: Path) -> None:
    """Put a set that was decided on in place: a first CA, or what `make regenerate` made.

    The CA's key, which is beside the rest, goes last: as long as the old one is in its place the
    set is known by it. Of a set with the CA of peers alone it is that one's key, and the other CA's
    stays. Of `make renew-ca` there is none, and those that are there stay.
    """
    made = inside(folder, f"{NEW_SET}/new/-").parent
    new = made.parent
    key = next((name for name in (*KEYS, SAME_KEY) if (new / name).exists()), "")
    if key:
        _check_is_ours(folder, new, key)
        # Nothing is moved before all is known to have its place in the folder.
        # A `ca.pem` that is in its place tells that nothing but the key is left, see _key_sum.
        paths = sorted(_paths_of_set(made), key=lambda path: path == CA)
        targets = {path: inside(folder, path) for path in paths}
        for path, target in targets.items():
            make_directories(target.parent)
            move_over(made / path, target)
        for directory in {target.parent for target in targets.values()}:
            flush_path(directory)
        (new / key).chmod(SECRET)
        if key in KEYS:
            move_over(new / key, folder / KEYS[key])
    (new / SAME_KEY).unlink(missing_ok=True)  # before the sum, without which nothing is believed
    shutil.rmtree(new)
    flush_path(new.parent)


def put_cas(folder: Path, files: Mapping[str, bytes], others: Mapping[str, str] = NO_FILES) -> None:
    """Put new CAs in place, whole at once: what their files in `certs/` hold; the record has them.

    `others` are files beside them, by path, which take the place of those that are there.

    That is what each of CA_FILES holds, and the same of the CA of peers; or that one's alone,
    beside a CA that is there. The key may be missing of a CA that is alone. The folder's lock is
    held, and there are no such CAs. Raises ScaffoldError where the key of the CA that is there is
    elsewhere: a set is known by it.
    """
    certs = folder / CERTS
    make_private(certs)
    certs.chmod(0o700)
    key = next((name for name in KEYS if name in files), "")
    if not key:  # it is kept elsewhere: without it no half of a CA can come into being
        for name in CA_FILES:
            if name in files:
                write(certs / name, files[name])
        return
    with _decided_set(folder) as work:
        for name, content in files.items():
            path = work / key if name == key else work / "new" / CERTS / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            create(path, content, SECRET if name in KEYS else PUBLIC)
        for place, text in others.items():
            make_directories((work / "new" / place).parent)
            create(work / "new" / place, text, stat.S_IMODE((folder / place).stat().st_mode))
        (work / "new" / ISSUED).mkdir()
        for ca in CA_KEYS:
            if pem := files.get(PurePosixPath(ca).name):
                create(work / "new" / issued.ca_path(pem, ca), pem)


@contextmanager
def _decided_set(folder: Path) -> Iterator[Path]:
    """Yield a folder for a new set: it is decided on where the block ends well, and put in place.

    Raises ScaffoldError, and decides nothing, where there is nothing by which it would be known.
    """
    with work_folder(folder / CERTS) as work:
        yield work
        if not (key_sum := _key_sum(folder, work)):
            raise ScaffoldError(
                f"`{CA_KEY}` is not here, or leads elsewhere", hint="bring it back first"
            )
        create(work / "of", key_sum)
        for directory in {path.parent for path in work.rglob("*")}:
            flush_path(directory)
        work.rename(folder / NEW_SET)
    finish_set(folder)


@contextmanager
def new_set(folder: Path, ca: str = "") -> Iterator[Path]:
    """Yield where files of a new set are to be put, at their paths below the folder.

    Where the block ends well they are put in place, `certs/ca.pem` last, by one decision. With the
    path of a CA, `ca`, its key comes behind that, which the block leaves at its path too; without
    one the keys stay. The folder's lock is held, and `certs/ca-key.pem` is there.
    """
    with _decided_set(folder) as work:
        made = work / "new"
        (made / CERTS).mkdir(mode=0o700, parents=True)
        yield made
        if ca:
            (made / CA_KEYS[ca]).rename(work / PurePosixPath(CA_KEYS[ca]).name)
        else:
            create(work / SAME_KEY, "")


def put_ca_again(folder: Path, files: Mapping[str, bytes], key: bytes) -> None:
    """Put files of a CA that is there in place, and others by path with them, all at once.

    The key of the other CA may be among them. `key` is what is to be in the place of this one's
    key, which is there. The folder's lock is held.
    """
    with _decided_set(folder) as work:
        for path, content in files.items():
            make_directories((work / "new" / path).parent)
            mode = SECRET if path in CA_KEYS.values() else PUBLIC
            create(work / "new" / path, content, mode)
        create(work / KEY, key, SECRET)


def _check_is_ours(folder: Path, new: Path, key: str) -> None:
    """Raise ScaffoldError unless a new set was decided on beside the CA that stands in `certs`.

    git can bring a whole set with a clone or a pull, which would take the CA's place; but never the
    sum of its key. Where there is no key here, none can be what stays as it is.
    """
    key_sum = _key_sum(folder, new)
    if key_sum == NO_KEY and key == SAME_KEY:
        key_sum = ""
    said = own_text(folder, f"{NEW_SET}/of") or ""
    if not key_sum or said.strip() != key_sum:
        raise ScaffoldError(
            f"`{new}` was not made for the CA in `{folder / CERTS}`",
            hint=f"move it away, out of the folder; what is in `{folder / CERTS}` stays",
        )


def _key_sum(folder: Path, new: Path) -> str:
    """Return what a set for the CA in `certs` says that it is made for; empty where none can be.

    It mirrors sign.sh's `key_sum`.
    """
    if (folder / CA_KEY).exists():
        return hashlib.sha256(plain(folder / CA_KEY, CA_KEY)).hexdigest()
    # The key of a CA that is there may be kept elsewhere; of a first set that is half in place
    # nothing but the key is left when its certificate is there.
    is_elsewhere = os.path.lexists(folder / CA) and any(_paths_of_set(new / "new"))
    return "" if is_elsewhere or os.path.lexists(folder / CA_KEY) else NO_KEY


def _paths_of_set(directory: Path) -> Iterator[str]:
    """Yield the paths of a new set's files, as they are below the folder.

    Raises ScaffoldError if there is anything that is in no set: links, hidden files, other names.
    """
    for at, folders, files in os.walk(directory):
        below = Path(at).relative_to(directory)
        for name in folders:
            if name.startswith(".") or (directory / below / name).is_symlink():
                raise _not_of_a_set(directory / below / name)
        for name in files:
            if name == ".gitignore":  # made together with certs/: the one that is there stays
                continue
            path = (below / name).as_posix()
            is_plain = (directory / path).is_file() and not (directory / path).is_symlink()
            is_in_a_set = path.endswith(PAIR_ENDINGS) or path in OTHERS_IN_A_SET
            if name.startswith(".") or not is_plain or not is_in_a_set:
                raise _not_of_a_set(directory / path)
            yield path


def _not_of_a_set(path: Path) -> ScaffoldError:
    return ScaffoldError(f"`{path}` is in no set of `make regenerate`", hint="move it away")

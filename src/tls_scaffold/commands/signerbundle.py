"""`tls-scaffold bundle --signer`: the bundle of the machine that signs."""

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles import signer
from tls_scaffold.bundles.settings import DIST
from tls_scaffold.commands import dist
from tls_scaffold.commands.results import Result
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk.sharing import name_of_user
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.spelling import path_problem, text_problem

LONGEST_PATH = 4096
RUN = ("tls-scaffold", "cfssl", "cfssljson", "openssl")
"""What a run may call beside what every system has."""


@dataclass(frozen=True)
class SignerBundle:
    """What was made: the folder, its files, and what is in the secret files that have to be there.

    `unit` is the name of the units, without an ending; `changed` tells whether any byte is another
    than before.
    """

    path: Path
    unit: str
    files: tuple[str, ...]
    secrets: dict[str, str]
    changed: bool

    @property
    def commands(self) -> tuple[str, ...]:
        """What root has to type on the machine that signs."""
        return (
            f"cp {shlex.quote(str(self.path))}/{self.unit}.* /etc/systemd/system/",
            f"systemctl daemon-reload && systemctl enable --now {self.unit}.timer",
        )


def make(folder: Path, home: str, hook: str) -> SignerBundle:
    """Make `dist/signer/`, whose timer renews what is in a folder; an older one is replaced.

    `home` is where the folder is on the machine that signs, empty for this machine and place.
    Raises UsageError for a hook where nothing is renewed, ScaffoldError where a component has that
    name, or something else lies there.
    """
    if home and (problem := path_problem(home)):
        raise UsageError(f"--at: {problem}")
    inventory = intake.load(folder)
    if hook and inventory.ca.key is KeyPlace.OFFLINE:
        raise UsageError(
            "--hook: the CA's key is on another machine, so nothing is renewed here",
            hint="the timer asks for signatures by `make csr`; `tls-scaffold requests import` "
            "brings them",
        )
    if any(each.name == signer.SIGNER for each in inventory.components):
        raise ScaffoldError(
            f"`{DIST}/{signer.SIGNER}` is the bundle of the component `{signer.SIGNER}`",
            hint="give the component another name, or write the units by hand (docs/renewal.md)",
        )
    machine = signer.SigningMachine(home, hook) if home else _this_machine(folder, hook)
    files = signer.signer_files(machine, inventory.ca)
    with disk.lock(folder):
        place = dist.make_ready(
            folder, {signer.SIGNER: files}, lambda _: {*files, *_units_of(folder)}, tar=False
        )
        before = dist.laid_out(place, signer.SIGNER)
        dist.put_bundle(place, signer.SIGNER, files)
        changed = dist.laid_out(place, signer.SIGNER) != before
    unit = signer.unit_name(machine.folder)
    secrets = signer.secret_places(unit, inventory.ca)
    return SignerBundle(place / signer.SIGNER, unit, tuple(files), secrets, changed)


def _this_machine(folder: Path, hook: str) -> signer.SigningMachine:
    path = str(folder.resolve())
    if problem := text_problem(path, LONGEST_PATH):
        raise ScaffoldError(
            f"units can't name this folder: {problem}",
            hint="`--at DIR` names it as it is on the machine that signs",
        )
    return signer.SigningMachine(
        path,
        hook,
        _owner(folder),
        tuple(_further_programs()),
        shutil.which("make") or signer.SigningMachine.make,
    )


def _owner(folder: Path) -> str:
    """Return who owns a folder; nothing for root, and where the number has no name."""
    number = folder.stat().st_uid
    return name_of_user(number) if number else ""


def _further_programs() -> Iterator[str]:
    """Yield the folders of this PATH that programs are in which systemd's PATH does not have."""
    found = [shutil.which(program) for program in RUN]
    folders = (os.path.dirname(os.path.abspath(each)) for each in found if each)  # noqa: PTH100, PTH120 - a link stays
    usual = signer.PROGRAMS.split(":")
    yield from dict.fromkeys(each for each in folders if each not in (*usual, "/bin", "/sbin"))


def _units_of(folder: Path) -> list[str]:
    """Return the names of units that an earlier bundle has: the folder may have been elsewhere."""
    at = folder / DIST / signer.SIGNER
    names = [path.name for path in at.iterdir()] if at.is_dir() else []
    return [name for name in names if signer.UNIT_NAME.fullmatch(name)]


def result(folder: Path, made: SignerBundle) -> Result:
    """Return what was made in the shape of all commands."""
    at = f"{DIST}/{signer.SIGNER}"
    written = tuple(sorted(f"{at}/{name}" for name in made.files)) if made.changed else ()
    return Result("bundle", str(folder), changed=made.changed, written=written, next=made.commands)

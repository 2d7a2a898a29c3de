"""Bundles that are there, laid out again with what `certs/` has today, in the forms they have."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, LIST, TAR, Pems, holds_certificates
from tls_scaffold.commands import bundle, dist, forms
from tls_scaffold.commands.bundleoptions import AS_SIGNED, PKCS8, BundleOptions, read_password
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.linkedfolder import files_of
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CRL, KEY_ENDING
from tls_scaffold.signing.crlfile import form_problem, in_use, lacking, lockouts, sound_list
from tls_scaffold.signing.foldercas import cas_of
from tls_scaffold.signing.revocationlists import read_list
from tls_scaffold.signing.revocations import load_revoked
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.spelling import listed
from tls_scaffold.state.bundleages import stale_bundles

PKCS8_HEAD = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True)
class LaidOut:
    """The bundles that were laid out again, by name, and those that were not, each with why.

    `told` is what else there is to know of those that were.
    """

    made: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that is not as it should be."""
        return (*self.left, *self.told)


def lay_out_stale(folder: Path) -> LaidOut:
    """Lay the bundles out again that hold other certificates or another list than `certs/`.

    Nothing is made where there is no `dist/`.
    """
    try:
        inventory = intake.load(folder)
        stale = {each.removesuffix(TAR) for each in stale_bundles(folder, inventory)}
        owners = [each for each in inventory.components if each.name in stale]
        if not owners:
            return LaidOut()
        with lock(folder, wait=LOCK_SECONDS):
            return lay_out_again(folder, inventory, owners)
    except ScaffoldError as error:
        return LaidOut(left=(f"`{DIST}/` was not looked at: {error.summary}",))


def has_bundle(folder: Path, owner: Component) -> bool:
    """Tell whether a component has a bundle in `dist/`."""
    return (folder / DIST / owner.name).is_dir()


def lay_out_again(
    folder: Path, inventory: Inventory, owners: Sequence[Component], password_file: str = ""
) -> LaidOut:
    """Put the pairs of `certs/` into the bundles of these owners; the folder's lock is held.

    What holds keys, certificates or the list changes, in one step; settings stay as they were laid
    out, since nobody knows with which options. A bundle that is not there is made as without
    options. For key stores the password is asked for as by `bundle`.
    """
    everything = None
    with suppress(ScaffoldError):  # which is told of each that it is about
        everything = bundle.read_pems(folder, inventory, owners, BundleOptions())
    made, left = [], []
    for owner in owners:
        try:
            _lay_out(folder, inventory, owner, everything, password_file)
            made.append(owner)
        except ScaffoldError as error:  # noqa: PERF203 - the others are laid out
            left.append(f"`{DIST}/{owner.name}`: {error.without('')}")
    told = _lists_left(folder, inventory, made)
    return LaidOut(tuple(each.name for each in made), tuple(left), told)


def _lay_out(
    folder: Path,
    inventory: Inventory,
    owner: Component,
    all_pems: Mapping[str, Pems] | None,
    password_file: str,
) -> None:
    """Lay out one bundle in the forms that it has; `all_pems` are None where not all fit."""
    at = folder / DIST / owner.name
    known = forms.every_path(inventory, owner)
    laid_out = [path for path in files_of(at) if path in known]  # what else is there is refused
    key = plain_or_empty(at / f"{owner.name}{KEY_ENDING}")
    options = BundleOptions(
        tar=at.with_name(f"{owner.name}{TAR}").is_file(),
        key_form=PKCS8 if key.startswith(PKCS8_HEAD) else AS_SIGNED,
        p12=any(path.endswith(".p12") for path in laid_out),
        password_file=password_file,
        kubernetes=any(path.endswith(".secret.yaml") for path in laid_out),
        kubeadm=any(path.startswith("pki/") for path in laid_out),
    )
    if all_pems is None or options.key_form == PKCS8:
        all_pems = bundle.read_pems(folder, inventory, [owner], options)
    password = read_password(options)
    options = replace(options, crl=_list_of(folder, inventory, owner, at))
    contents = bundle.contents_of(folder, inventory, [owner], all_pems, options, password)
    files = contents[owner.name]
    if laid_out:
        files = {path: text for path, text in files.items() if holds_certificates(path)}
        settings = (path for path in laid_out if not holds_certificates(path))
        files |= {path: plain_or_empty(at / path) for path in settings}
    place = dist.make_ready(folder, {owner.name: files}, lambda _: known, tar=options.tar)
    dist.put_bundle(place, owner.name, files)
    if options.tar:
        dist.put_archive(place, owner.name, files)


def _list_of(folder: Path, inventory: Inventory, owner: Component, at: Path) -> bytes:
    """Return the list for a bundle: the best that is there, where the folder's is no good.

    A pair that ends does not wait for a list that comes from another machine: of the folder's and
    the one in the bundle that is taken which lacks less. Raises ScaffoldError where there is none
    of a CA of this folder with which the member would take those that it needs; and where one that
    lets somebody in who was revoked can be made anew here.
    """
    if not (inventory.crl and owner.kind == "member"):
        return b""
    now = utc_now()
    try:
        return sound_list(folder, inventory, now, "no bundle is made")
    except ScaffoldError:
        used, revoked = in_use(folder, inventory), load_revoked(folder)
        lacks: dict[bytes, int] = {}
        for raw in (plain_or_empty(folder / CRL), plain_or_empty(at / LIST)):
            found = read_list(raw)
            if not found or form_problem(found, raw) or any(lockouts(found.by_serial, used)):
                continue
            if found.is_of(cas_of(folder)):
                lacks[raw] = len(lacking(found, revoked, now))
        best = min(lacks, key=lambda raw: lacks[raw], default=b"")
        if not best or (inventory.ca.has_key_here and lacks[best]):
            raise
        return best


def _lists_left(folder: Path, inventory: Inventory, owners: Sequence[Component]) -> tuple[str, ...]:
    """Return which bundles have no sound list, and why: in words, one or none."""
    members = [each.name for each in owners if each.kind == "member"]
    if not (inventory.crl and members):
        return ()
    try:
        sound_list(folder, inventory, utc_now(), "")
    except ScaffoldError as error:
        why = ", ".join(map(str, error.problems))
        those = listed([f"{DIST}/{name}" for name in members])
        return (f"{those} got the best list that there is: {why}; {error.hint}",)
    return ()

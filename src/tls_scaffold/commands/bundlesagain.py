"""Bundles that are there, laid out again with the pairs of today, in the forms that they have."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR, Pems, holds_certificates
from tls_scaffold.commands import bundle, dist, forms
from tls_scaffold.commands.bundleoptions import AS_SIGNED, PKCS8, BundleOptions, read_password
from tls_scaffold.disk.linkedfolder import files_of
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing.crlfile import sound_list
from tls_scaffold.signing.signer import utc_now

PKCS8_HEAD = b"-----BEGIN PRIVATE KEY-----"


def has_bundle(folder: Path, owner: Component) -> bool:
    """Tell whether a component has a bundle in `dist/`."""
    return (folder / DIST / owner.name).is_dir()


def lay_out_again(
    folder: Path, inventory: Inventory, owners: Sequence[Component], password_file: str = ""
) -> dict[str, ScaffoldError]:
    """Put the pairs of `certs/` into the bundles of these owners; the folder's lock is held.

    What holds keys or certificates changes, in one step; settings stay as they were laid out, since
    nobody knows with which options. A bundle that is not there is made as without options. For key
    stores the password is asked for as by `bundle`. Returns why a bundle could not be laid out, by
    its owner's name; the others are.
    """
    everything = None
    with suppress(ScaffoldError):  # which is told of each that it is about
        everything = bundle.read_pems(folder, inventory, owners, BundleOptions())
    tried = {
        owner.name: _lay_out(folder, inventory, owner, everything, password_file)
        for owner in owners
    }
    return {name: error for name, error in tried.items() if error}


def _lay_out(
    folder: Path,
    inventory: Inventory,
    owner: Component,
    all_pems: Mapping[str, Pems] | None,
    password_file: str,
) -> ScaffoldError | None:
    """Lay out one bundle; return why it could not be. `all_pems` are None where not all fit."""
    try:
        options = _options_of(folder, inventory, owner, password_file)
        if all_pems is None or options.key_form == PKCS8:
            all_pems = bundle.read_pems(folder, inventory, [owner], options)
        _put_again(folder, inventory, owner, all_pems, options)
    except ScaffoldError as error:
        return error
    return None


def _options_of(
    folder: Path, inventory: Inventory, owner: Component, password_file: str
) -> BundleOptions:
    """Return the options that give a bundle the forms that it has."""
    at = folder / DIST / owner.name
    laid_out = _known_files(at, forms.every_path(inventory, owner))
    return BundleOptions(
        tar=at.with_name(f"{owner.name}{TAR}").is_file(),
        key_form=_key_form(at / f"{owner.name}{KEY_ENDING}"),
        p12=any(path.endswith(".p12") for path in laid_out),
        password_file=password_file,
        kubernetes=any(path.endswith(".secret.yaml") for path in laid_out),
        kubeadm=any(path.startswith("pki/") for path in laid_out),
    )


def _put_again(
    folder: Path,
    inventory: Inventory,
    owner: Component,
    pems: Mapping[str, Pems],
    options: BundleOptions,
) -> None:
    at = folder / DIST / owner.name
    known = forms.every_path(inventory, owner)
    password = read_password(options)
    contents = bundle.contents_of(inventory, [owner], pems, options, password)[owner.name]
    laid_out = _known_files(at, known)
    lists = _lists(folder, inventory, owner, options, is_new=not laid_out)
    if laid_out:
        contents = {path: text for path, text in contents.items() if holds_certificates(path)}
        of_lists = forms.list_files(options, b"")
        kept = (path for path in laid_out if path in of_lists or not holds_certificates(path))
        contents |= {path: plain_or_empty(at / path) for path in kept}
        lists = {path: content for path, content in lists.items() if path in laid_out}
    contents |= lists
    place = dist.make_ready(folder, {owner.name: contents}, lambda _: known, tar=options.tar)
    dist.put_bundle(place, owner.name, contents)
    if options.tar:
        dist.put_archive(place, owner.name, contents)


def _lists(
    folder: Path, inventory: Inventory, owner: Component, options: BundleOptions, *, is_new: bool
) -> dict[str, str | bytes]:
    """Return the list of what a member refuses, in each form that its bundle has.

    Members refuse everybody without theirs, so a new bundle is none without; one that is there
    keeps what it has where the folder's would do harm.
    """
    if not (inventory.crl and owner.kind == "member"):
        return {}
    try:
        return forms.list_files(options, sound_list(folder, inventory, utc_now(), "it is not made"))
    except ScaffoldError:
        if is_new:
            raise
        return {}


def _known_files(bundle_folder: Path, known: Collection[str]) -> list[str]:
    """Return a bundle's files, but for those that no bundle brings: these are refused later."""
    return [path for path in files_of(bundle_folder) if path in known]


def _key_form(key: Path) -> str:
    return PKCS8 if plain_or_empty(key).startswith(PKCS8_HEAD) else AS_SIGNED

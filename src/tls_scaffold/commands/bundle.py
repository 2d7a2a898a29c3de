"""`tls-scaffold bundle`: a folder for each host or consumer, with its files and what it reads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.bundles import consumers
from tls_scaffold.bundles.calico import SECRET
from tls_scaffold.bundles.settings import DIST, TAR, Pems
from tls_scaffold.commands import dist, forms
from tls_scaffold.commands.bundleoptions import (
    PKCS8,
    BundleOptions,
    check_options,
    read_password,
)
from tls_scaffold.commands.nextsteps import about_revoked
from tls_scaffold.commands.results import Result
from tls_scaffold.commands.typed import as_typed
from tls_scaffold.commands.usablepairs import trusts_of, usable_pairs
from tls_scaffold.disk import folder as disk
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.membersettings import MemberSettings
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import CERTS, TRUST
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.crlfile import is_shown, sound_list
from tls_scaffold.signing.revocations import known_revocations
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.spelling import listed

NO_OPTIONS = BundleOptions()


@dataclass(frozen=True)
class Bundle:
    """What was made for one component: the folder, its files, and the archive if one was asked for.

    `settings` are what a member's etcd starts with, which may change it where it runs already.
    `has_link` tells whether certificate and key change in one step, `changed` whether any byte of
    it is another than before.
    """

    name: str
    path: Path
    files: tuple[str, ...]
    archive: Path | None = None
    settings: MemberSettings | None = None
    has_link: bool = True
    changed: bool = True

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths of its files, and of its archive."""
        files = tuple(self.path / name for name in self.files)
        return (*files, self.archive) if self.archive else files


@dataclass(frozen=True)
class Made:
    """The bundles of one run, and what is allowed of them but seldom meant, a line each."""

    bundles: tuple[Bundle, ...]
    warnings: tuple[str, ...]


def make(folder: Path, names: Sequence[str], options: BundleOptions = NO_OPTIONS) -> Made:
    """Make `dist/NAME/` for each of these components, or for all; an older bundle is replaced.

    Of all, users that are revoked have none: nobody is to wait for them. Folders are 0700, files
    0600. Raises ScaffoldError for names that are none, for certificates that are missing or whose
    key does not fit, and for forms that can't be had; nothing is written then.
    """
    check_options(options)
    password = read_password(options)
    inventory = _with_options(intake.load(folder), options)
    with disk.lock(folder):
        check_newest(folder)
        revoked = () if names else _revoked_users(folder, inventory)
        wanted = intake.components_named(inventory, names) if names else inventory.components
        owners = owners_of(inventory, [each for each in wanted if each not in revoked])
        forms.check_forms(options, inventory, owners)
        if options.tar:
            _check_names_of_archives(inventory, owners)
        pems = read_pems(folder, inventory, owners, options)
        contents = contents_of(folder, inventory, owners, pems, options, password)
        by_name = {owner.name: owner for owner in owners}
        place = dist.make_ready(
            folder,
            contents,
            lambda name: forms.every_path(inventory, by_name[name]),
            tar=options.tar,
        )
        bundles = []
        for owner in owners:
            name, files = owner.name, contents[owner.name]
            before = dist.laid_out(place, name)
            has_link = dist.put_bundle(place, name, files)
            archive = dist.put_archive(place, name, files) if options.tar else None
            member = inventory.member(name)
            settings = inventory.settings(member) if member else None
            made = Bundle(name, place / name, tuple(files), archive, settings, has_link)
            bundles.append(replace(made, changed=dist.laid_out(place, name) != before))
        return Made(tuple(bundles), tuple(_warnings(folder, inventory, revoked, bundles)))


def _revoked_users(folder: Path, inventory: Inventory) -> tuple[Component, ...]:
    """Return the users of which `certs/` has what members refuse."""
    serials = known_revocations(folder)
    users = (each for each in inventory.components if each.kind == "user")
    return tuple(each for each in users if is_shown(folder, each.certificate_path, serials))


def _warnings(
    folder: Path,
    inventory: Inventory,
    revoked: Sequence[Component],
    bundles: Sequence[Bundle],
) -> Iterator[str]:
    """Yield what is allowed of bundles but seldom meant; the users `revoked` have none."""
    if revoked:
        those = listed([each.name for each in revoked])
        told = f"no bundle for {those}: revoked; {about_revoked(inventory, revoked)}"
        yield as_typed(told, folder)
    owners = [f"`{each.name}`" for each in bundles if SECRET in each.files]
    if len(owners) > 1:
        yield (
            f"{' and '.join(owners)} have one Secret by the name that Calico's manifests know: "
            "in one Kubernetes cluster the last that is applied counts for all"
        )
    if not all(each.has_link for each in bundles):
        yield (
            f"`{DIST}/` is on a file system without links: certificate and key of a bundle do not "
            "change at one moment there"
        )
    for each in bundles:
        older = each.path.with_name(f"{each.name}{TAR}")
        if not each.archive and older.exists():
            yield f"`{DIST}/{older.name}` is of an older bundle: `--tar` makes it anew"
    if any(each.settings for each in bundles):
        yield from conflicts.several_peer_cns(inventory)


def to_json(folder: Path, made: Made) -> str:
    """Return what was made in the shape of all commands.

    Written is what is in bundles that are not as they were; each bundle says that for itself too.
    """
    changed = [each for each in made.bundles if each.changed]
    written = [str(_below(folder, path)) for each in changed for path in each.paths]
    done = Result(
        "bundle",
        str(folder),
        changed=bool(changed),
        written=tuple(sorted(written)),
        warnings=made.warnings,
    )
    bundles = [
        {"name": each.name, "path": str(_below(folder, each.path)), "changed": each.changed}
        for each in made.bundles
    ]
    return done.to_json({"bundles": bundles})


def _below(folder: Path, path: Path) -> Path:
    return path.relative_to(folder.resolve() if path.is_absolute() else folder)


def _with_options(inventory: Inventory, options: BundleOptions) -> Inventory:
    """Return the inventory with what every member starts with, whatever it said."""
    settings = MemberSettings(options.data_dir, options.initial_cluster_state)
    members = [replace(member, etcd=settings.over(member.etcd)) for member in inventory.members]
    return replace(inventory, members=tuple(members))


def owners_of(inventory: Inventory, components: Iterable[Component]) -> tuple[Component, ...]:
    """Return in whose bundles these components are: a second certificate is in its member's."""
    owners = {peer.name: member for member, peer in inventory.member_pairs}
    return tuple(dict.fromkeys(owners.get(each.name, each) for each in components))


def _check_names_of_archives(inventory: Inventory, owners: Iterable[Component]) -> None:
    folders = {each.name for each in inventory.components}
    both = {f"{owner.name}{TAR}" for owner in owners} & folders
    if both:
        path = f"{DIST}/{min(both)}"
        raise ScaffoldError(
            f"`{path}` would be an archive and a component's folder: leave out `--tar`"
        )


def read_pems(
    folder: Path, inventory: Inventory, owners: Iterable[Component], options: BundleOptions
) -> dict[str, Pems]:
    """Return what each component of these bundles holds, by its name.

    Raises ScaffoldError with every reason why one of them can't be handed out.
    """
    homeless = [
        f"`{member.name}` has no `hosts` in `{FILE}`"
        for member in inventory.members
        if not member.hosts
    ]
    if not inventory.members:
        raise ScaffoldError(
            "no bundle is made: clients are to find every member",
            [f"`{FILE}` has no members: this folder is for users alone"],
            f"certificates and keys are in `{CERTS}/`; clients trust `{TRUST}`",
        )
    if homeless:
        hint = f"give each member its `hosts` in `{FILE}`, then `tls-scaffold sync` and `make`"
        raise ScaffoldError(
            "no bundle is made: clients and peers are to find every member", homeless, hint
        )
    parts = [part for owner in owners for part in consumers.bundled_components(inventory, owner)]
    pairs = usable_pairs(folder, inventory, parts, trusts_of(folder, parts), "no bundle is made")
    if options.key_form == PKCS8:
        pairs = forms.as_pkcs8(pairs)
    return {component.name: pems for component, pems in pairs.items()}


def contents_of(
    folder: Path,
    inventory: Inventory,
    owners: Sequence[Component],
    pems: Mapping[str, Pems],
    options: BundleOptions,
    password: bytes,
) -> dict[str, dict[str, str | bytes]]:
    """Return the files of each bundle, path to content, by its owner's name.

    Raises ScaffoldError where members are to look into a list, and can't be given the folder's.
    """
    contents = forms.further_files(options, inventory, owners, pems, password)
    presets = rbac.preset_names(inventory)
    for owner in owners:
        preset = presets.get(owner.name, "")
        usual = consumers.bundle_files(inventory, owner, preset, pems, options.home)
        contents[owner.name] = {**usual, **contents[owner.name]}
    members = [owner.name for owner in owners if owner.kind == "member"]
    if inventory.crl and members:  # their flags name it, and without it they refuse everybody
        crl = options.crl or _list(folder, inventory)
        for name in members:
            contents[name] |= forms.list_files(options, crl)
    return contents


def _list(folder: Path, inventory: Inventory) -> bytes:
    try:
        return sound_list(folder, inventory, utc_now(), "no bundle is made")
    except ScaffoldError as error:
        hint = f"{error.hint}; meanwhile `tls-scaffold renewed NAME` renews a bundle that is there"
        raise ScaffoldError(error.summary, error.problems, hint) from error

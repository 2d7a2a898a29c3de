"""What `adopt` took for what, what stays as it is, and what the first `sync` would write."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.commands.outcomes import Outcome
from tls_scaffold.commands.typed import scaffold_command
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.adoptionnote import AdoptionNote
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.makefiles.foreign import ForeignMakefile
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.usedtargets import USED_TARGET
from tls_scaffold.paths import CA_OUTPUT, CERTIFICATE_ENDING, CONFIG
from tls_scaffold.state.entries import CA_KIND


@dataclass(frozen=True)
class Taken:
    """One certificate of a folder made by hand: what it was taken for, and how it is signed.

    An empty `profile` is the default one; `hosts` are those that stand in its request, or on its
    command line. One that is not `is_there` is what the first `make` after `sync` signs.
    """

    name: str
    kind: str
    cn: str
    hosts: tuple[str, ...]
    profile: str
    certificate: str
    request: str
    is_there: bool


def next_command(folder: Path) -> str:
    """Return what shows, when a folder was adopted, what `sync` would change there."""
    return f"{scaffold_command(folder)} sync --dry-run"


@dataclass(frozen=True)
class Understood:
    """What a folder made by hand was understood to be.

    `stays` has a sentence for each thing that nobody has to fear for, `first_sync` is what the next
    `sync` would do. `lacking` has one for each thing that the inventory lacks.
    """

    taken: tuple[Taken, ...]
    stays: tuple[str, ...]
    first_sync: Plan
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adoption:
    """What `adopt` did, or would do, and what it understood."""

    folder: Path
    plan: Plan
    understood: Understood
    dry_run: bool
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """Return it as a JSON document, in the shape that all commands share, and more."""
        done = Outcome("adopt", self.folder, self.plan, self.warnings, self.dry_run).result()
        sync = Outcome("sync", self.folder, self.understood.first_sync, (), dry_run=True).result()
        further = {
            "taken": [asdict(each) for each in self.understood.taken],
            "stays": list(self.understood.stays),
            "first_sync": {
                "written": sync.written,
                "kept": sync.kept,
                "archived": sync.archived,
            },
        }
        return done.to_json({"next": [next_command(self.folder)], **further})


def taken_certificates(
    folder: Path, inventory: Inventory, signings: Iterable[Signing], texts: Mapping[str, str]
) -> Iterator[Taken]:
    """Yield what each certificate was taken for, the CA first and then as in the inventory.

    `texts` are the requests by their paths.
    """
    by_output = {signing.output: signing for signing in signings}
    for signing in by_output.values():
        if signing.makes_ca:
            yield _taken(folder, "ca", CA_KIND, signing, texts)
    for each in inventory.components:
        yield _taken(folder, each.name, each.kind, by_output[each.output], texts)


def what_stays(
    inventory: Inventory,
    note: AdoptionNote,
    parts: ForeignMakefile,
    signings: Iterable[Signing],
    config: SigningConfig,
) -> Iterator[str]:
    """Yield a sentence for each thing that stays as it is."""
    leaves = [signing for signing in signings if not signing.makes_ca]
    yield (
        f"{len(leaves)} of {len(leaves)} certificates: names, hosts, key, usages and lifetime were "
        "compared with what `sync` would leave"
    )
    for signing in leaves:
        if signing.profile and signing.profile not in config.profiles:
            yield (
                f"`{signing.certificate_path}` is signed with the default profile, as cfssl does "
                f"where there is no `{signing.profile}`"
            )
    life = config.default.expiry
    if config.default.lifetime.total_seconds() != inventory.expiry * 3600:
        yield (
            f"the lifetime `{life}` of `{CONFIG}`; the inventory, which knows whole hours that end "
            f"before the CA, says `{inventory.expiry}h`"
        )
    if note.ca != CA_OUTPUT:
        yield (
            f"the CA at `{note.ca}{CERTIFICATE_ENDING}`; `sync` puts a copy where make signs with "
            f"it, `{CA_OUTPUT}{CERTIFICATE_ENDING}`"
        )
    own = [name for block in parts.kept if block.kind == "rule" for name in block.names]
    names = list(filter(USED_TARGET.fullmatch, (*note.targets, *own)))
    if names:
        listed = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        yield f"the Makefile's targets {listed}"


def without_cn(taken: Iterable[Taken]) -> Iterator[str]:
    """Yield each user without a CN: the inventory has one for everybody, and `status` looks."""
    for each in taken:
        if each.kind == "user" and not each.cn:
            yield (
                f"`{each.certificate}` without a CN, which `status` misses after `sync`: etcd "
                "knows its users by it"
            )


def _taken(folder: Path, name: str, kind: str, signing: Signing, texts: Mapping[str, str]) -> Taken:
    request, _ = readers.readable_request(texts.get(signing.request, "{}"), signing.request)
    asked = request.overridden(signing.cn, signing.hostname)
    return Taken(
        name=name,
        kind=kind,
        cn=asked.cn,
        hosts=asked.hosts or (),
        profile=signing.profile,
        certificate=signing.certificate_path,
        request=signing.request,
        is_there=(folder / signing.certificate_path).exists(),
    )

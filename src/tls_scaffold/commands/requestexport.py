"""`tls-scaffold requests export`: what waits for a signature, packed for the CA's machine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.commands import handfolders
from tls_scaffold.commands.packfiles import check_own_pack
from tls_scaffold.commands.results import Result
from tls_scaffold.disk import files
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.plainfiles import content, text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CONFIG
from tls_scaffold.signing import certificates, mistakes
from tls_scaffold.signing.awaiting import Waiting, make_folder_id, read_waiting
from tls_scaffold.signing.manifests import Asked, Manifest, asked_of
from tls_scaffold.signing.packs import Pack, sum_of_config
from tls_scaffold.spelling import UTC_TIME

LONGEST_NAME = 64


@dataclass(frozen=True)
class Exported:
    """What was packed, and where."""

    folder: Path
    target: Path
    pack: Pack

    @property
    def names(self) -> tuple[str, ...]:
        """The components that it asks for."""
        return tuple(self.pack.csrs)

    @property
    def next(self) -> tuple[str, ...]:
        """What is to be done then: on the CA's machine, and here when that has signed."""
        signing = handfolders.SIGNS.format(self.target.name)
        back = f"{self.target.stem}-signed.tar"
        return (signing, handfolders.command(self.folder, f"import {back}"))

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        return Result("requests export", str(self.folder), changed=True, next=self.next)


def export(folder: Path, target: Path, names: Sequence[str], now: datetime) -> Exported:
    """Pack the CSRs that wait, or those of `names`, into the file `target`.

    An older pack of this folder is replaced, and no other file. Raises ScaffoldError where nothing
    waits, what waits is not what is asked for any more, and with every other problem.
    """
    inventory = handfolders.inventory_by_hand(folder)
    with lock(folder):
        signings = handfolders.signings_by_name(folder)
        waiting = _chosen(read_waiting(folder, signings.values()), signings, names)
        pack = _pack(folder, inventory, signings, waiting, now)
        folder_id = pack.manifest.folder_id
        check_own_pack(
            target, lambda there: there.manifest.folder_id == folder_id and not there.is_signed
        )
        with files.telling(target, "written"):
            files.write(target, pack.to_bytes())
    return Exported(folder, target, pack)


def _chosen(
    waiting: Mapping[str, Waiting], signings: Mapping[str, Signing], names: Sequence[str]
) -> dict[str, Waiting]:
    problems = [
        f"{name}: {'nothing waits for it' if name in signings else 'there is no such component'}"
        for name in names
        if name not in waiting
    ]
    if problems:
        raise ScaffoldError("not all that is named waits for a signature", problems)
    if not waiting:
        raise ScaffoldError(
            "nothing waits for a signature",
            hint="`make csr` makes keys and CSRs for what is missing, changed or ends soon",
        )
    return {name: each for name, each in waiting.items() if name in (names or waiting)}


def _pack(
    folder: Path,
    inventory: Inventory,
    signings: Mapping[str, Signing],
    waiting: Mapping[str, Waiting],
    now: datetime,
) -> Pack:
    config = readers.signing_config(text(folder, CONFIG), CONFIG)
    problems: list[str] = []
    asked: list[Asked] = []
    used: set[str] = set()
    for name, each in waiting.items():
        profile_name = signings[name].profile
        found = [str(item) for item in mistakes.silent_in_profile(config, profile_name)]
        if not each.is_of(folder, signings[name]):
            found.append("its request has changed since the CSR was made: `make csr`")
        try:
            extensions = each.csr.other_extensions
            found += [
                f"it asks for the extension {oid}, which is not carried" for oid in extensions
            ]
            asked.append(asked_of(name, each.csr, config.profile_or_default(profile_name)))
        except ScaffoldError as error:
            found.append(error.summary)
        problems += [f"{name}: {problem}" for problem in found]
        used.add(profile_name)
    if problems:
        raise ScaffoldError("nothing is packed", problems)
    carried = _carried(config, used)
    manifest = Manifest(
        folder_id=make_folder_id(folder),
        folder_name=folder.resolve().name[:LONGEST_NAME],
        ca_sha256=inventory.ca.sha256 or _sum_of_ca(folder),
        time=f"{now:{UTC_TIME}}",
        config_sha256=sum_of_config(carried),
        requests=tuple(asked),
    )
    return Pack(manifest, carried, {name: each.csr for name, each in waiting.items()})


def _carried(config: SigningConfig, used: Iterable[str]) -> SigningConfig:
    """Return the configuration with the profiles that are asked for, and nothing else of it."""
    profiles = {name: config.profile_or_default(name) for name in sorted(used) if name}
    return SigningConfig(config.profile_or_default(""), profiles)


def _sum_of_ca(folder: Path) -> str:
    if not (folder / CA).is_file():
        return ""
    return certificates.read(content(folder, CA), CA).sum

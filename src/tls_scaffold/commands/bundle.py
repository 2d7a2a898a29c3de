"""`tls-scaffold bundle`: a folder for each host or consumer, with its own files and what it reads."""

import errno
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from tls_scaffold.bundles import consumers as bundle
from tls_scaffold.bundles.settings import DIST, TAR, Pems
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk.files import SECRET, create, telling, write
from tls_scaffold.disk.mounts import check_changeable
from tls_scaffold.disk.moving import PRIVATE, remove
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.server import NOTHING_SAID, ServerSettings, lifetime
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import CA
from tls_scaffold.signing import soundness
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.words import path_problem


@dataclass(frozen=True)
class Bundle:
    """What was made for one component: the folder, its files, and the archive of it if one was asked for.

    `compaction` is after how long the etcd of a member forgets, empty for other components.
    """

    name: str
    path: Path
    files: tuple[str, ...]
    archive: Path | None = None
    compaction: str = ""
    warnings: tuple[str, ...] = ()


def make(
    folder: Path, names: Sequence[str], home: str = "", settings: ServerSettings = NOTHING_SAID, *, tar: bool = False
) -> tuple[Bundle, ...]:
    """Make `dist/NAME/` for each of these components, or for all; an older bundle of the name is replaced.

    `home` is where the consumers will have the files, `settings` what members start with where it is not to be
    what the inventory says. Folders are 0700, files 0600. Raises ScaffoldError for names that are none, and for
    certificates that are missing or whose key does not fit; nothing is written then.
    """
    for option, path in (("--at", home), ("--data-dir", settings.data_dir)):
        if path and (problem := path_problem(path)):
            raise UsageError(f"{option}: {problem}")
    inventory = _with(settings, intake.load(folder))
    with disk.lock(folder, "tls-scaffold bundle"):
        chosen = _owners(inventory, intake.chosen(inventory, names) or inventory.components)
        pems = _pems(folder, inventory, [part for each in chosen for part in bundle.parts(inventory, each)])
        presets = rbac.consumers(inventory)
        both = {f"{each.name}{TAR}" for each in chosen} & {each.name for each in inventory.components} if tar else ()
        if both:
            raise ScaffoldError(f"`{DIST}/{min(both)}` would be an archive and a component's folder: leave out `--tar`")
        dist = _private(disk.inside(folder, f"{DIST}/x").parent)
        check_changeable(dist / f"{each.name}{suffix}" for each in chosen for suffix in ("", TAR))
        made = []
        for each in chosen:
            texts = bundle.files(inventory, each, presets.get(each.name, ""), pems, home)
            _write(dist, each.name, texts)
            archive = _archive(dist, each.name, texts) if tar else None
            made.append(Bundle(each.name, dist / each.name, tuple(texts), archive, **_told(inventory, each)))
        return tuple(made)


def _with(settings: ServerSettings, inventory: Inventory) -> Inventory:
    """Return the inventory with settings that every member starts with, whatever it said."""
    members = tuple(replace(member, etcd=settings.over(member.etcd)) for member in inventory.members)
    return replace(inventory, members=members)


def _told(inventory: Inventory, component: Component) -> dict[str, Any]:
    """Return what is to be said of a member's bundle, nothing of others'."""
    member = next((each for each in inventory.members if each.name == component.name), None)
    if not member:
        return {}
    compaction = lifetime(inventory.settings(member).auto_compaction or 0)
    return {"compaction": compaction, "warnings": tuple(conflicts.several_peer_cns(inventory))}


def _owners(inventory: Inventory, chosen: Iterable[Component]) -> tuple[Component, ...]:
    """Return whose bundles these components are in: a member's second certificate is in the member's."""
    members = {peer.name: member for member, peer in inventory.member_pairs}
    return tuple(dict.fromkeys(members.get(each.name, each) for each in chosen))


def _pems(folder: Path, inventory: Inventory, components: Sequence[Component]) -> dict[str, Pems]:
    homeless = [f"`{member.name}` has no `hosts` in `{FILE}`" for member in inventory.members if not member.hosts]
    if homeless:
        hint = f"give each member its `hosts` in `{FILE}`, then `tls-scaffold sync` and `make`"
        raise ScaffoldError("no bundle is made: clients and peers are to find every member", homeless, hint)
    ca = disk.read_text(folder, CA) or ""
    read = {
        each.name: Pems(
            disk.read_text(folder, f"{each.output}.pem") or "",
            disk.read_text(folder, f"{each.output}-key.pem") or "",
            ca,
        )
        for each in components
    }
    cas, problems = soundness.authorities(ca.encode(), CA) if ca else ((), [f"`{CA}` is missing"])
    problems += [problem for each in components for problem in _problems(each, read[each.name], cas)]
    if problems:
        raise ScaffoldError("no bundle is made", problems, "`make` signs what is missing, `make req-NAME` signs again")
    lives = {CA: ca, **{f"{each.output}.pem": read[each.name].certificate for each in components}}
    untimely = soundness.untimely({path: text.encode() for path, text in lives.items()}, utc_now())
    if untimely:
        raise ScaffoldError("no bundle is made of what is not valid now", untimely, soundness.IN_TIME)
    return read


def _problems(component: Component, pems: Pems, cas: Collection[Certificate]) -> Iterator[str]:
    paths = {f"`{component.output}.pem`": pems.certificate, f"`{component.output}-key.pem`": pems.key}
    missing = [path for path, text in paths.items() if not text]
    yield from (f"{path} is missing" for path in missing)
    if not missing:
        yield from soundness.faults(pems.certificate.encode(), pems.key.encode(), component.output, cas, CA)


def _private(path: Path) -> Path:
    with telling(path, "written"):
        path.mkdir(mode=PRIVATE, exist_ok=True)
        path.chmod(PRIVATE)
    return path


def _write(dist: Path, name: str, texts: Mapping[str, str]) -> None:
    aside, old = (dist / f".{name}.{word}" for word in ("new", "old"))
    target = dist / name
    with telling(target, "written"):
        for leftover in (aside, old):
            remove(leftover)
        aside.mkdir(mode=PRIVATE)
        for path, text in texts.items():
            (aside / path).parent.mkdir(mode=PRIVATE, exist_ok=True)
            create(aside / path, text, SECRET)
        if os.path.lexists(target):
            _rename_or_remove(target, old)
        aside.rename(target)
        remove(old)


def _rename_or_remove(path: Path, new: Path) -> None:
    try:
        path.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        remove(path)  # a folder from the lower layer of an overlay


def _archive(dist: Path, name: str, texts: Mapping[str, str]) -> Path:
    """Write `NAME.tar.gz`: nothing of this machine or the hour is in it but the files."""
    import gzip

    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path in _folders(name, texts):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, PRIVATE
            tar.addfile(entry)
        for path, text in texts.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(text.encode()), SECRET
            tar.addfile(entry, BytesIO(text.encode()))
    target = dist / f"{name}{TAR}"
    with telling(target, "written"):
        write(target, packed.getvalue(), SECRET)
    return target


def _folders(name: str, texts: Mapping[str, str]) -> list[str]:
    return sorted({name, *(f"{name}/{path.rpartition('/')[0]}" for path in texts if "/" in path)})

"""`tls-scaffold bundle`: a folder for each host or consumer, with its own files and what it reads."""

import errno
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

from tls_scaffold.bundles import consumers as bundle
from tls_scaffold.bundles.settings import DIST, TAR, Pems
from tls_scaffold.commands import forms
from tls_scaffold.commands.forms import Forms
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk.files import SECRET, create, telling, write
from tls_scaffold.disk.mounts import check_changeable
from tls_scaffold.disk.moving import PRIVATE, remove
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.server import NOTHING_SAID, ServerSettings, lifetime, state_problem
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import CA
from tls_scaffold.signing import soundness
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.words import path_problem

AS_SIGNED = Forms()


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
    folder: Path,
    names: Sequence[str],
    home: str = "",
    settings: ServerSettings = NOTHING_SAID,
    *,
    tar: bool = False,
    asked: Forms = AS_SIGNED,
) -> tuple[Bundle, ...]:
    """Make `dist/NAME/` for each of these components, or for all; an older bundle of the name is replaced.

    `home` is where the consumers will have the files, `settings` what members start with where it is not to be
    what the inventory says. Folders are 0700, files 0600. Raises ScaffoldError for names that are none, for
    certificates that are missing or whose key does not fit, and for forms that can't be had; nothing is written then.
    """
    for option, word, problem_of in (
        ("--at", home, path_problem),
        ("--data-dir", settings.data_dir, path_problem),
        ("--initial-cluster-state", settings.initial_cluster_state, state_problem),
    ):
        if word and (problem := problem_of(word)):
            raise UsageError(f"{option}: {problem}")
    password = forms.read_password(asked)
    inventory = _with(settings, intake.load(folder))
    with disk.lock(folder, "tls-scaffold bundle"):
        chosen = _owners(inventory, intake.chosen(inventory, names) or inventory.components)
        forms.check(asked, inventory, chosen)
        parts = [part for each in chosen for part in bundle.parts(inventory, each)]
        pems = _pems(folder, inventory, parts)
        if asked.pkcs8:
            pems = forms.as_pkcs8(pems, {part.name: part.output for part in parts})
        further = forms.files(asked, inventory, chosen, pems, home, password)
        presets = rbac.consumers(inventory)
        both = {f"{each.name}{TAR}" for each in chosen} & {each.name for each in inventory.components} if tar else ()
        if both:
            raise ScaffoldError(f"`{DIST}/{min(both)}` would be an archive and a component's folder: leave out `--tar`")
        dist = _private(disk.inside(folder, f"{DIST}/x").parent)
        _kept_from_git(dist)
        check_changeable(dist / f"{each.name}{suffix}" for each in chosen for suffix in ("", TAR))
        made = []
        for each in chosen:
            texts = bundle.files(inventory, each, presets.get(each.name, ""), pems, home)
            contents = {**texts, **further[each.name]}
            _write(dist, each.name, contents)
            archive = _archive(dist, each.name, contents) if tar else None
            made.append(
                Bundle(
                    each.name,
                    dist / each.name,
                    tuple(contents),
                    archive,
                    compaction=_compaction(inventory, each),
                    warnings=tuple(conflicts.several_peer_cns(inventory)) if each.kind == "member" else (),
                )
            )
        return tuple(made)


def _with(settings: ServerSettings, inventory: Inventory) -> Inventory:
    """Return the inventory with settings that every member starts with, whatever it said."""
    members = tuple(replace(member, etcd=settings.over(member.etcd)) for member in inventory.members)
    return replace(inventory, members=members)


def _compaction(inventory: Inventory, component: Component) -> str:
    """Return after how long the etcd of a member forgets; empty for other components."""
    member = next((each for each in inventory.members if each.name == component.name), None)
    return lifetime(inventory.settings(member).auto_compaction or 0) if member else ""


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


def _kept_from_git(dist: Path) -> None:
    """Have git leave out all of `dist`, also where the folder's own .gitignore was not made by us."""
    rules = dist / ".gitignore"
    if not os.path.lexists(rules):
        with telling(rules, "written"):
            create(rules, "*\n", SECRET)


def _write(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> None:
    aside, old = (dist / f".{name}.{word}" for word in ("new", "old"))
    target = dist / name
    with telling(target, "written"):
        for leftover in (aside, old):
            remove(leftover)
        for folder in _folders(contents):
            (aside / folder).mkdir(mode=PRIVATE)
        for path, content in contents.items():
            create(aside / path, content, SECRET)
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


def _archive(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> Path:
    """Write `NAME.tar.gz`: nothing of this machine or the hour is in it but the files.

    The same files give the same bytes; PKCS #12 stores are never the same, as each is encrypted with a salt of its own.
    """
    import gzip

    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for folder in _folders(contents):
            entry = tarfile.TarInfo(str(name / folder))
            entry.type, entry.mode = tarfile.DIRTYPE, PRIVATE
            tar.addfile(entry)
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(data), SECRET
            tar.addfile(entry, BytesIO(data))
    target = dist / f"{name}{TAR}"
    with telling(target, "written"):
        write(target, packed.getvalue(), SECRET)
    return target


def _folders(paths: Iterable[str]) -> list[PurePosixPath]:
    """Return each folder of a bundle, the bundle itself first and every other after the one that it is in."""
    return sorted({folder for path in paths for folder in PurePosixPath(path).parents})

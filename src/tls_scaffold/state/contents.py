"""What a folder holds: what make would sign there, and what lies in it besides."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.plainfiles import content, names
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.keptfolder import check_is_folder
from tls_scaffold.inventory.values import FILE, SHARED_REQUEST, Inventory
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.maketexts import MAKEFILES
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import (
    ARCHIVE,
    CA,
    CA_REQUESTS,
    CHAIN,
    CHAINS,
    GENERATED,
    KEY_ENDING,
    MAKEFILE,
    OLD_CAS,
    OWN_REQUEST,
    TRUSTS,
)
from tls_scaffold.signing import contentkinds, pemfiles
from tls_scaffold.signing.rotation import rotation_of
from tls_scaffold.signing.trust import read_trust
from tls_scaffold.state.cfsslscripts import scripts_with_cfssl, way_to_adopt
from tls_scaffold.state.entries import Contents, Entry, Fault, is_server
from tls_scaffold.state.reading import Reader
from tls_scaffold.state.statewords import MISMATCHED
from tls_scaffold.state.waiting import with_waiting


def contents_of_folder(folder: Path, inventory: Inventory | None) -> Contents:
    """Read what a folder asks for and what lies in it; `inventory` says what its components are.

    It works on folders that others made, and on an archived set, which has no Makefile: there its
    requests and certificates say what belongs to it. Raises ScaffoldError where nothing of this
    kind is, or where make can't read its Makefile.
    """
    check_is_folder(folder)
    # Of a folder of ours `check` tells by what name its Makefile went.
    makefiles = (MAKEFILE,) if (folder / FILE).exists() else MAKEFILES
    has_makefile = any(os.path.lexists(folder / name) for name in makefiles)
    if is_archived(folder):
        return contents_of_set(folder, inventory)
    if has_makefile:
        return contents_of_makefile(folder, inventory)
    if not ((folder / "certs").is_dir() or (folder / "config").is_dir()):
        scripts = scripts_with_cfssl(folder)
        hint = "`-C DIR` names another folder, `tls-scaffold new` makes one"
        raise ScaffoldError(
            f"`{folder}` has no Makefile, no `config` and no `certs`",
            [f"`{name}` calls cfssl" for name in scripts],
            f"`{way_to_adopt(scripts[0])}` makes one of what it signs" if scripts else hint,
        )
    return contents_of_set(folder, inventory)


def is_archived(folder: Path) -> bool:
    """Tell a set in the archive of another folder.

    Nothing is signed there, whatever Makefile lies in it.
    """
    archive = folder.resolve().parent
    kept = any((archive.parent / name).exists() for name in (MAKEFILE, FILE))
    return archive.name == ARCHIVE and kept and not (folder / FILE).exists()


def contents_of_makefile(folder: Path, inventory: Inventory | None) -> Contents:
    """Return what the targets of a folder's Makefile sign, and what lies beside that.

    Raises ScaffoldError with make's own words.
    """
    _check_merged(folder)
    with ca_kept(folder):
        found = makefile.survey_makefile(folder)
    return Contents(
        tuple(_entries(folder, found, inventory)),
        found.unread,
        has_makefile=True,
        twice=_signed_twice(found),
    )


def contents_of_set(folder: Path, inventory: Inventory | None) -> Contents:
    """Return what a folder's requests and certificates say themselves, without a Makefile."""
    kinds = {each.certificate_path: each.kind for each in inventory.components} if inventory else {}
    return Contents(
        tuple(replace(each, kind=kinds.get(each.path, each.kind)) for each in _of_set(folder))
    )


def _check_merged(folder: Path) -> None:
    """Raise ScaffoldError where git has left conflict markers.

    Make, and whoever reads JSON, would not call them so.
    """
    there = [path for path in (FILE, MAKEFILE, *GENERATED) if (folder / path).is_file()]
    conflictmarkers.refuse(
        {path: content(folder, path).decode("utf-8", "replace") for path in there}
    )


def _signed_twice(found: Survey) -> tuple[str, ...]:
    """Return the paths of what one target signs more than once: the last that signs it wins."""
    times = (Counter(outputs) for outputs in found.makes.values())
    twice = {output for each in times for output, count in each.items() if count > 1}
    return tuple(f"{output}.pem" for output in sorted(twice))


def _entries(folder: Path, found: Survey, inventory: Inventory | None) -> Iterator[Entry]:
    entries = _entries_as_they_lie(folder, found, inventory)
    if inventory and inventory.ca.key is KeyPlace.OFFLINE:
        return with_waiting(folder, entries)
    return entries


def _entries_as_they_lie(
    folder: Path, found: Survey, inventory: Inventory | None
) -> Iterator[Entry]:
    components = {each.output: each for each in inventory.components} if inventory else {}
    reader = Reader(folder)
    cas = _authorities(found.signings)
    if inventory and inventory.ca.own and CA in cas:  # it was made from no request of this folder
        cas[CA] = ("", None)
    yield from (reader.entry_of_ca(path, request, made) for path, (request, made) in cas.items())
    asked = dict.fromkeys(cas)
    for signing in found.signings:
        if not signing.makes_ca and signing.certificate_path not in asked:
            path = signing.certificate_path
            asked[path] = None
            if reader.makes_ca(signing) and signing.output not in components:
                yield reader.entry_of_ca(path, signing.request, signing)
                continue
            yield reader.entry_of_component(signing, components.get(signing.output))
    # What a line asks for that is not understood, nobody knows.
    for component in components.values() if not found.unread else ():
        # One whose certificate is there is among the orphans.
        path = component.certificate_path
        if path not in asked and not (folder / path).exists():
            yield reader.entry_unsigned(component)
    places = {str(PurePosixPath(path).parent) for path in asked}
    ours = {*TRUSTS.values(), *((CHAIN,) if inventory and inventory.ca.own else ())}
    if rotation := rotation_of(folder):
        ours |= {OLD_CAS[rotation.ca], CHAINS[rotation.ca]}
    there = (
        path
        for path in _certificates(folder, sorted(places))
        if path not in asked and path not in ours
    )
    loose = (
        reader.entry_unasked(path, orphan=True)
        for path in there
        if not _is_of_another_kind(folder, path)
    )
    yield from (entry for entry in loose if not reader.is_copy_of_ca(entry))
    yield from _wrong_trust(folder, reader)


def _wrong_trust(folder: Path, reader: Reader) -> Iterator[Entry]:
    """Yield the entry of each file that others trust where it is not what they should trust."""
    for ca, path in TRUSTS.items():
        trust = read_trust(folder, ca)
        if trust.path == path and trust.problems:
            faults = tuple(Fault(MISMATCHED, problem) for problem in trust.problems)
            yield replace(reader.entry_unasked(path, orphan=True), faults=faults)


def _authorities(signings: Iterable[Signing]) -> dict[str, tuple[str, Signing | None]]:
    """Return the paths of the CAs that sign or are made, with request and line of each."""
    used = [signing.ca or CA for signing in signings if not signing.makes_ca]
    # A CA that signs others may be signed by one above it.
    made = {
        signing.certificate_path: (signing.request, signing)
        for signing in signings
        if signing.makes_ca or signing.certificate_path in used
    }
    known: dict[str, tuple[str, Signing | None]] = {
        path: (CA_REQUESTS.get(path, ""), None) for path in used
    }
    found = {**known, **made} or {CA: (CA_REQUESTS[CA], None)}
    # One below another follows it: only then is it known whether that one signed it.
    lines = {path: line for path, (_, line) in found.items()}
    return {path: found[path] for path in sorted(found, key=lambda path: _depth(path, lines))}


def _depth(path: str, lines: Mapping[str, Signing | None]) -> int:
    """Return how many CAs are above a CA; `lines` has those of all by path."""
    above: set[str] = set()
    line = lines.get(path)
    while line and not line.makes_ca and line.ca not in above:
        above.add(line.ca)
        line = lines.get(line.ca)
    return len(above)


def _certificates(folder: Path, directories: Iterable[str]) -> Iterator[str]:
    """Yield the paths of what may be certificates.

    A key lies beside its certificate under a name of its own.
    """
    for directory in directories:
        yield from (
            path for path in names(folder, directory, ".pem") if not path.endswith(KEY_ENDING)
        )


def _is_of_another_kind(folder: Path, path: str) -> bool:
    """Tell a file that holds no certificate, in whatever form, but a CRL, a key or parameters."""
    try:
        pem = content(folder, path)
    except ScaffoldError:
        return False
    labels = pemfiles.labels(pem)
    if labels:
        return not any(label.endswith(b"CERTIFICATE") for label in labels)
    found = contentkinds.kind_of_file(pem)
    return found is not None and found.kind != contentkinds.KINDS[contentkinds.CERTIFICATE]


def _directories(folder: Path) -> list[str]:
    """Return where the certificates of a set lie.

    What was taken out of other folders keeps its place in an archive.
    """
    if not is_archived(folder):
        return ["certs"]
    found = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.pem")}
    return sorted(
        {each for each in found if not each.startswith("dist/")} | {"certs"}
    )  # a bundle is a copy


def _of_set(folder: Path) -> Iterator[Entry]:
    """Yield the entries of a set without a Makefile.

    Requests and certificates are paired by their names. Without any request nothing can be said to
    be orphaned.
    """
    reader = Reader(folder)
    requests = [path for path in names(folder, "config", ".json") if path.startswith(OWN_REQUEST)]
    own = {
        f"certs/{path.removeprefix(OWN_REQUEST).removesuffix('.json')}.pem": path
        for path in requests
    }
    own.pop("certs/csr.pem", None)  # nobody's own: the servers share it
    no_components = (*TRUSTS, *TRUSTS.values())
    found = (
        path for path in _certificates(folder, _directories(folder)) if path not in no_components
    )
    there = [path for path in found if not _is_of_another_kind(folder, path)]
    for ca, request in CA_REQUESTS.items():
        if (folder / ca).exists() or (folder / request).exists():
            yield reader.entry_of_ca(ca, request, None)
    for path in dict.fromkeys((*there, *own)):
        loose = reader.entry_unasked(path, orphan=bool(requests))
        shared = SHARED_REQUEST if SHARED_REQUEST in requests and is_server(loose) else ""
        request = own.get(path, shared)
        yield reader.entry_of_set(path, request) if request else loose

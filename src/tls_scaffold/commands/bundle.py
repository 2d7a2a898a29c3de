"""`tls-scaffold bundle`: a folder for each host or consumer, with its own files and what it reads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.bundles import consumers as bundle
from tls_scaffold.bundles import members
from tls_scaffold.bundles.settings import DIST, TAR, Pems
from tls_scaffold.commands import dist, forms
from tls_scaffold.commands.forms import Forms
from tls_scaffold.commands.trust import Trust, read_trust
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.membersettings import (
    NOTHING_SAID,
    MemberSettings,
    retention,
    state_problem,
)
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing import certificates, pairchecks
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.words import path_problem

NOTHING_FURTHER = Forms()


@dataclass(frozen=True)
class MemberTold:
    """What a member's bundle changes on a host: how long its etcd remembers, `off` for always, and where its data is.

    `data_dir` is empty where the host decides.
    """

    compaction: str
    data_dir: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """What was made for one component: the folder, its files, and the archive of it if one was asked for."""

    name: str
    path: Path
    files: tuple[str, ...]
    archive: Path | None = None
    member: MemberTold | None = None


def make(
    folder: Path,
    names: Sequence[str],
    home: str = "",
    settings: MemberSettings = NOTHING_SAID,
    *,
    tar: bool = False,
    asked: Forms = NOTHING_FURTHER,
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
    forms.check_key_form(asked)
    password = forms.read_password(asked)
    inventory = _with(settings, intake.load(folder))
    with lock(folder):
        chosen = _owners(inventory, intake.chosen(inventory, names) or inventory.components)
        forms.check(asked, inventory, chosen)
        parts = [part for each in chosen for part in bundle.parts(inventory, each)]
        pems = _pems(folder, inventory, parts)
        if asked.key_form == forms.PKCS8:
            pems = forms.as_pkcs8(pems, {part.name: part.output for part in parts})
        further = forms.files(asked, inventory, chosen, pems, home, password)
        presets = rbac.consumers(inventory)
        both = (
            {f"{each.name}{TAR}" for each in chosen} & {each.name for each in inventory.components}
            if tar
            else ()
        )
        if both:
            raise ScaffoldError(
                f"`{DIST}/{min(both)}` would be an archive and a component's folder: leave out `--tar`"
            )
        owners = {each.name: each for each in chosen}
        contents = {
            name: {
                **bundle.files(inventory, each, presets.get(name, ""), pems, home),
                **further[name],
            }
            for name, each in owners.items()
        }
        place = dist.ready(
            folder, contents, lambda name: forms.every_path(inventory, owners[name]), tar=tar
        )
        made = []
        for name, files in contents.items():
            dist.put(place, name, files)
            archive = dist.archive(place, name, files) if tar else None
            made.append(
                Bundle(name, place / name, tuple(files), archive, _told(inventory, owners[name]))
            )
        return tuple(made)


def _with(settings: MemberSettings, inventory: Inventory) -> Inventory:
    """Return the inventory with settings that every member starts with, whatever it said."""
    changed = tuple(
        replace(member, etcd=settings.over(member.etcd)) for member in inventory.members
    )
    return replace(inventory, members=changed)


def _told(inventory: Inventory, component: Component) -> MemberTold | None:
    """Return what is to be said of a member's bundle; None of others'."""
    member = inventory.member(component.name)
    if not member:
        return None
    settings = inventory.settings(member)
    warnings = tuple(conflicts.several_peer_cns(inventory))
    return MemberTold(retention(settings.auto_compaction or 0), settings.data_dir, warnings)


def _owners(inventory: Inventory, chosen: Iterable[Component]) -> tuple[Component, ...]:
    """Return whose bundles these components are in: a member's second certificate is in the member's."""
    owners = {peer.name: member for member, peer in inventory.member_pairs}
    return tuple(dict.fromkeys(owners.get(each.name, each) for each in chosen))


def _pems(folder: Path, inventory: Inventory, components: Sequence[Component]) -> dict[str, Pems]:
    homeless = [
        f"`{member.name}` has no `hosts` in `{FILE}`"
        for member in inventory.members
        if not member.hosts
    ]
    if homeless:
        hint = f"give each member its `hosts` in `{FILE}`, then `tls-scaffold sync` and `make`"
        raise ScaffoldError(
            "no bundle is made: clients and peers are to find every member", homeless, hint
        )
    trust = read_trust(folder)
    read = {
        each.name: Pems(
            read_text(folder, f"{each.output}.pem") or "",
            read_text(folder, f"{each.output}{KEY_ENDING}") or "",
            trust.text,
        )
        for each in components
    }
    problems = [
        *trust.problems,
        *(problem for each in components for problem in _problems(each, read[each.name], trust)),
    ]
    if problems:
        hint = trust.hint or "`make` signs what is missing, `make req-NAME` signs again"
        raise ScaffoldError("no bundle is made", problems, hint)
    cns = {
        each.name: certificates.read(read[each.name].certificate.encode(), each.output).cn
        for each in components
    }
    if strangers := list(
        filter(None, (members.cn_problem(inventory, each, cns[each.name]) for each in components))
    ):
        raise ScaffoldError(
            "no bundle is made: the peers of members are known by their CNs",
            strangers,
            members.CN_HINT,
        )
    lives = {
        trust.path: trust.text,
        **{f"{each.output}.pem": read[each.name].certificate for each in components},
    }
    untimely = pairchecks.outside_lifetime(
        {path: text.encode() for path, text in lives.items()}, utc_now()
    )
    if untimely:
        raise ScaffoldError(
            "no bundle is made of what is not valid now", untimely, pairchecks.CLOCK_HINT
        )
    return read


def _problems(component: Component, pems: Pems, trust: Trust) -> Iterator[str]:
    paths = {
        f"`{component.output}.pem`": pems.certificate,
        f"`{component.output}{KEY_ENDING}`": pems.key,
    }
    missing = [path for path, text in paths.items() if not text]
    yield from (f"{path} is missing" for path in missing)
    if not missing:
        yield from pairchecks.pair_faults(
            pems.certificate.encode(), pems.key.encode(), component.output, trust.cas, trust.path
        )

"""What has to change in a signing service's folder, so that it signs for these folders."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tls_scaffold.commands.servedfolders import Served, parsed, still_asks_for, table
from tls_scaffold.commands.signerfolder import (
    ROOTS,
    SignerFolder,
    Written,
    config_name,
    merged_config,
)
from tls_scaffold.commands.signerkeys import SHOWN, look_at_keys
from tls_scaffold.commands.signeroptions import SignerOptions
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ConflictError, Place, Problem, ScaffoldError
from tls_scaffold.keeping.jsonmerge import Conflict, is_same
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.keeping.readback import MOST
from tls_scaffold.multiroot.policies import config_document
from tls_scaffold.multiroot.rootsfile import RootsFile
from tls_scaffold.signing import pemfiles
from tls_scaffold.spelling import did_you_mean, escaped, first_of, listed

BOTH_CHANGED = "both sides changed the same in what multirootca reads"
SETTLE = (
    "what was edited by hand is not written over: move the file away, run this again, and put into "
    "the new one what is to stay"
)


@dataclass(frozen=True)
class SignerPlan:
    """What to write, and what is to be said of it.

    `written` are the records for afterwards, and `gone` labels that have none then. `edited` are
    labels whose configuration has edits by hand that stay, `others` those of folders that were not
    looked at, `missing` the files of keys that are not there yet.
    """

    plan: Plan
    written: Mapping[str, Written]
    gone: tuple[str, ...]
    edited: tuple[str, ...]
    others: tuple[str, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]


def decide(state: SignerFolder, served: Sequence[Served], options: SignerOptions) -> SignerPlan:
    """Return what has to change.

    Raises ScaffoldError with every problem: a section or label that is another's, a CA that is not
    the one of the inventory, keys that two have. ConflictError where both sides changed the same.
    """
    home = options.home or _home(state)
    problems: list[Problem | str] = [
        *_foreign_sections(state, served, home),
        *_moved_labels(state, served),
        *_unknown_labels(state, served, options.remove),
    ]
    _refuse(state, problems)
    sections = state.roots.sections
    asking = {each.label for each in served}
    # A section that was taken out by hand, or by a run that was killed then, takes the rest along.
    gone = sorted({*options.remove, *(state.labels - sections.keys() - asking)})
    others = sorted(state.labels - asking - set(gone))
    values: dict[str, dict[str, str]] = {}
    written: dict[str, Written] = {}
    texts: dict[str, str] = {}
    documents: dict[str, Any] = {}
    conflicts, edited = [], []
    for each in served:
        there = state.config_text(each.label)
        old = sections[each.label].values if each.label in sections else {}
        values[each.label] = options.root_values(each.label, home, old)
        auth_keys = options.auth_keys(each.label, home, dict(_keys_of(parsed(there))))
        ours = config_document(each.policies, auth_keys)
        try:
            text = merged_config(there, ours, state.written(each.label))
        except Conflict:
            conflicts.append(f"`{state.path / config_name(each.label)}`")
            continue
        texts[config_name(each.label)] = text
        documents[each.label] = json.loads(text)
        if not is_same(documents[each.label], ours):
            edited.append(each.label)
        written[each.label] = Written(state.place_of(each.source), ours)
    if conflicts:
        raise ConflictError(BOTH_CHANGED, conflicts, SETTLE)
    if options.home:
        values.update({label: {"config": f"{home}/{config_name(label)}"} for label in others})
    roots = state.roots.changed(values, gone)
    documents.update({label: parsed(state.config_text(label)) for label in others})
    keys = look_at_keys(
        {
            (label, name): reference
            for label, document in documents.items()
            for name, reference in _keys_of(document)
        }
    )
    _refuse(state, [*keys.problems, *_other_cas(roots, served)])
    return SignerPlan(
        Plan(
            steps=tuple(_steps(state, texts, roots)),
            moves=tuple(
                config_name(label) for label in gone if state.config_text(label) is not None
            ),
        ),
        written,
        tuple(gone),
        tuple(edited),
        tuple(others),
        (*keys.warnings, *_shared_cas(roots, served)),
        keys.missing if home == os.path.abspath(state.path) else (),  # noqa: PTH100
    )


def _home(state: SignerFolder) -> str:
    """Return where the server has the folder: as the sections say, else where it is."""
    for label, section in state.roots.sections.items():
        home, _, name = section.values.get("config", "").rpartition("/")
        if label in state.labels and name == config_name(label):
            return home
    return os.path.abspath(state.path)  # noqa: PTH100 - links in it stay


def _refuse(state: SignerFolder, problems: Sequence[Problem | str]) -> None:
    if problems:
        raise ScaffoldError(f"nothing is written to `{state.path}`", first_of(problems, MOST))


def _steps(state: SignerFolder, texts: Mapping[str, str], roots: RootsFile) -> Iterator[Step]:
    """Yield each file that changes; the list of roots, which names the others, is the last."""
    for name, text in texts.items():
        before = state.config_text(name.removesuffix(".json"))
        if before != text:
            yield Step(name, before, text)
    if roots != state.roots:
        yield Step(ROOTS, state.roots_text, roots.text)


def _foreign_sections(
    state: SignerFolder, served: Iterable[Served], home: str
) -> Iterator[Problem]:
    """Yield a problem for each section that somebody wrote by hand for a label of these folders."""
    for each in served:
        section = state.roots.sections.get(each.label)
        if section is None or each.label in state.labels:
            continue
        if section.values.get("config") != f"{home}/{config_name(each.label)}":
            place = Place(str(state.path / ROOTS), section.header + 1)
            message = f"the section `{each.label}` was written by hand: take it out, or give "
            yield Problem(place, f"{message}`{each.source}` another label")


def _moved_labels(state: SignerFolder, served: Iterable[Served]) -> Iterator[str]:
    """Yield what is wrong where a label was written for a folder that is there and has it still."""
    for each in served:
        known = state.written(each.label)
        if not known or known.source == state.place_of(each.source):
            continue
        source = state.source_at(known.source)
        if still_asks_for(Path(source), each.label):
            yield (
                f"label `{each.label}` is that of `{source}`, and `{each.source}` asks for it too: "
                "each could sign the names of the other"
            )


def _unknown_labels(
    state: SignerFolder, served: Iterable[Served], remove: Iterable[str]
) -> Iterator[str]:
    there = {*state.roots.sections, *state.labels}
    sources = {each.label: each.source for each in served}
    for label in remove:
        if label in sources:
            yield f"label `{label}` is to go, and `{sources[label]}` asks for it"
        elif label not in there:
            yield f"there is no label `{escaped(label)}`{did_you_mean(label, there)}"


def _keys_of(document: Any) -> Iterator[tuple[str, str]]:
    """Yield the references to keys that a configuration has, with their names."""
    for name, each in table(document, "auth_keys").items():
        key = each.get("key") if isinstance(each, dict) else None
        if isinstance(key, str):
            yield name, key


def _other_cas(roots: RootsFile, served: Iterable[Served]) -> Iterator[str]:
    """Yield each CA's certificate that can be read here and is not the one of the inventory."""
    for each in served:
        path = roots.sections[each.label].values["certificate"]
        block = next(iter(pemfiles.blocks(plain_or_empty(path))), None)
        if block and each.sha256 and hashlib.sha256(block.der).hexdigest() != each.sha256:
            yield f"`{path}` is another CA than `{each.source}` has: so does its SHA-256 say"


def _shared_cas(roots: RootsFile, served: Iterable[Served]) -> Iterator[str]:
    """Yield what folders of one CA can do to each other: what trusts it takes all that it signs."""
    by_ca = defaultdict(list)
    for each in served:
        by_ca[roots.sections[each.label].values["certificate"]].append(each)
    for path, sharing in by_ca.items():
        counts: defaultdict[str, int] = defaultdict(int)
        for each in sharing:
            for cn in each.cns:
                counts[cn] += 1
        both = sorted(cn for cn, count in counts.items() if count > 1)
        if both:
            told = listed(both, SHOWN)
            yield (
                f"`{path}` is the CA of {len(sharing)} labels, and several have the CNs {told}: "
                "what is signed for one of them opens the clusters of the others"
            )

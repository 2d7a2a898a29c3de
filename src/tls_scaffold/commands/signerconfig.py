"""`tls-scaffold signer-config`: what multirootca needs to sign for folders, a label each."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.commands.results import Result
from tls_scaffold.commands.servedfolders import Found, read_served
from tls_scaffold.commands.signerchanges import SignerPlan, decide
from tls_scaffold.commands.signerfolder import (
    SignerFolder,
    Written,
    config_name,
    put_away,
    read_signer_folder,
    record_name,
    record_text,
    write_texts,
)
from tls_scaffold.commands.signeroptions import SignerOptions
from tls_scaffold.disk import locking
from tls_scaffold.disk.files import PRIVATE_FOLDER, telling
from tls_scaffold.disk.folder import remove_inside
from tls_scaffold.disk.obstacles import check_folder
from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.plan import Step
from tls_scaffold.multiroot.notes import NOT_CHECKED, RESTART
from tls_scaffold.rendering.documents import sum_of


@dataclass(frozen=True)
class SignerOutcome:
    """What was done in a signing service's folder, or would be; `shelf` is where files went."""

    into: Path
    found: Found
    decision: SignerPlan
    dry_run: bool
    shelf: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether anything that multirootca reads is another, or would be."""
        return bool(self.decision.plan)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known of it."""
        edited = ", ".join(f"`{label}`" for label in self.decision.edited)
        by_hand = (f"edits by hand stay in what is signed for {edited}",) if edited else ()
        return (*self.decision.warnings, *by_hand)

    @property
    def next(self) -> tuple[str, ...]:
        """The commands to run then: missing keys are made, and the server started again."""
        keys = key_command(self.decision.missing)
        return tuple(filter(None, (keys, RESTART if self.is_changed else "")))

    def to_json(self) -> str:
        """Return it in the shape that all commands share, with the labels and their profiles."""
        plan = self.decision.plan
        result = Result(
            "signer-config",
            str(self.into),
            dry_run=self.dry_run,
            changed=self.is_changed,
            written=tuple(sorted(step.path for step in plan.steps)),
            kept=tuple(f"{label}.json" for label in self.decision.edited),
            archived=plan.moves,
            archive=self.shelf or None,
            warnings=(*self.warnings, *NOT_CHECKED),
            next=self.next,
        )
        labels = [
            {
                "label": each.label,
                "source": each.source,
                "profiles": {
                    policy.profile or "default": sorted(policy.names) for policy in each.policies
                },
            }
            for each in self.found.served
        ]
        further = {
            "labels": labels,
            "others": list(self.decision.others),
            "left_out": list(self.found.left_out),
        }
        return result.to_json(further)


def configure(base: Path, into: Path, options: SignerOptions, *, dry_run: bool) -> SignerOutcome:
    """Write what multirootca needs for folders, or inventory files, into a folder of its own.

    Those of other folders stay there. Paths are as seen from `base`. Raises ScaffoldError where
    anything can't be: then nothing was written.
    """
    options.check()
    found = read_served(base, options)
    into = base / into
    if (into / FILE).exists():
        raise ScaffoldError(f"`{into}` is a folder for certificates: the server needs its own")
    decision = decide(read_signer_folder(into), found.served, options)
    if dry_run:
        return SignerOutcome(into, found, decision, dry_run)
    with telling(into, "made"):
        into.mkdir(PRIVATE_FOLDER, exist_ok=True)
    check_folder(into)
    with locking.lock(into):
        decision = decide(read_signer_folder(into), found.served, options)
        shelf = _write(into, decision)
    return SignerOutcome(into, found, decision, dry_run, shelf)


def key_command(paths: Iterable[str]) -> str:
    """Return the command that makes keys which are missing, readable by their owner alone.

    It writes over none (`set -C`). cfssl 1.2.0 takes no key with a line feed behind it.
    """
    names: dict[str, list[str]] = {}
    for path in map(Path, paths):
        names.setdefault(str(path.parent), []).append(path.name)
    loops = (
        f"mkdir -p {shlex.quote(folder)} && cd {shlex.quote(folder)} && "
        f"for key in {' '.join(map(shlex.quote, keys))}; "
        "do openssl rand -hex 32 | tr -d '\\n' >\"$key\"; done"
        for folder, keys in names.items()
    )
    return f"(umask 077; set -C; {'; '.join(loops)})" if names else ""


def _write(into: Path, decision: SignerPlan) -> str:
    """Write what was decided, and return the shelf of what was put away.

    A run that is killed is followed by one that knows what each configuration is made from: until
    all are in place the record has it for what was there and for what follows.
    """
    state = read_signer_folder(into)
    steps = {step.path: step for step in decision.plan.steps}
    both = {
        record_name(label): record_text(_with_both(state, label, each, steps[config_name(label)]))
        for label, each in decision.written.items()
        if config_name(label) in steps
    }
    if steps:
        write_texts(into, both)
        write_texts(into, {path: step.after or "" for path, step in steps.items()})
    shelf = put_away(into, decision.plan.moves)
    after = {record_name(label): record_text(each) for label, each in decision.written.items()}
    changed = {path: text for path, text in after.items() if own_text(into, path) != text}
    if changed:
        write_texts(into, changed)
    for label in decision.gone:
        remove_inside(into, record_name(label))
    return shelf


def _with_both(state: SignerFolder, label: str, written: Written, step: Step) -> Written:
    """Return a record that knows what a configuration is made from, before and after it changes."""
    known = state.written(label)
    return Written(
        written.source,
        known.base_of(step.before or "") if known else None,
        written.rendered,
        sum_of(step.after or ""),
    )

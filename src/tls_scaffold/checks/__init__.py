"""The rules of `tls-scaffold check`, and what they find in a folder."""

from collections.abc import Iterator

from tls_scaffold.checks import (
    authorities,
    certs,
    custodies,
    documents,
    hosts,
    lifetimes,
    makelines,
    ourtargets,
    profiles,
    revocation,
    running,
    secrecy,
    signable,
    subjects,
    targets,
)
from tls_scaffold.checks.documents import unfit_value
from tls_scaffold.checks.rule import WARNING, Finding, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import FILE
from tls_scaffold.spelling import did_you_mean


@Rule(
    level=WARNING,
    pain="a misspelt id switches nothing off",
    fix=(
        "write the id as a finding shows it, in brackets; `tls-scaffold check --explain x` lists "
        "them all"
    ),
)
def unknown_rule(view: View) -> Iterator[Problem]:
    """Every rule that `tls-scaffold.json` switches off is one that there is."""
    for name in view.inventory.ignore if view.inventory else ():
        if name not in IDS:
            message = f"there is no rule `{name}`{did_you_mean(name, IDS)}"
            yield Problem(Place(FILE, key=f"ignore.{name}"), message)


_MODULES = (
    documents,
    hosts,
    subjects,
    profiles,
    lifetimes,
    targets,
    makelines,
    ourtargets,
    certs,
    authorities,
    custodies,
    secrecy,
    revocation,
    running,
)
RULES: tuple[Rule, ...] = (
    *(rule for module in _MODULES for rule in module.RULES),
    unfit_value,
    *signable.RULES,
    unknown_rule,
)
IDS = tuple(rule.id for rule in RULES)


def run_rules(view: View) -> tuple[Finding, ...]:
    """Return what the rules find, by file, but for those that the inventory switches off."""
    ignored = view.inventory.ignore if view.inventory else {}
    return tuple(sorted(_findings(view, set(ignored)), key=lambda finding: finding.place.path))


def _findings(view: View, ignored: set[str]) -> Iterator[Finding]:
    told: set[Place] = set()
    for rule in RULES:
        # A value that a rule of its own speaks of needs no second word.
        found = [
            each for each in rule.findings(view) if not (rule.after_others and each.place in told)
        ]
        told |= {finding.place for finding in found}
        if rule.id not in ignored:
            yield from found

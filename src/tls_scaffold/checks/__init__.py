"""The rules of `tls-scaffold check`, and what they find in a folder."""

from collections.abc import Iterator

from tls_scaffold.checks import (
    certs,
    documents,
    hosts,
    makelines,
    profiles,
    secrecy,
    subjects,
    targets,
)
from tls_scaffold.checks.documents import Fit
from tls_scaffold.checks.rule import WARNING, Finding, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.inventory.values import FILE
from tls_scaffold.words import meant


class KnownRules(Rule):
    """Every rule that `tls-scaffold.json` switches off is one that there is."""

    id = "unknown-rule"
    level = WARNING
    pain = "a misspelt id switches nothing off"
    fix = "write the id as a finding shows it, in brackets; `tls-scaffold check --explain x` lists them all"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each id in `ignore` that no rule has."""
        for name in view.inventory.ignore if view.inventory else ():
            if name not in IDS:
                yield f"{FILE}: ignore.{name}", f"there is no rule `{name}`{meant(name, IDS)}"


_MODULES = (documents, hosts, subjects, profiles, targets, makelines, certs, secrecy)
RULES: tuple[Rule, ...] = (
    *(rule() for module in _MODULES for rule in module.RULES),
    Fit(),
    KnownRules(),
)
IDS = tuple(rule.id for rule in RULES)


def run(view: View) -> tuple[Finding, ...]:
    """Return what the rules find, by file, but for those that the inventory switches off."""
    ignored = view.inventory.ignore if view.inventory else {}
    return tuple(
        sorted(_findings(view, set(ignored)), key=lambda finding: finding.where.partition(":")[0])
    )


def _findings(view: View, ignored: set[str]) -> Iterator[Finding]:
    told: set[str] = set()
    for rule in RULES:
        # A value that a rule of its own speaks of needs no second word.
        found = [
            each for each in rule.findings(view) if not (rule.id == Fit.id and each.where in told)
        ]
        told |= {finding.where for finding in found}
        if rule.id not in ignored:
            yield from found

"""`tls-scaffold add`: more members, proxies and users."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.checks import targets
from tls_scaffold.checks.looking import look_at_folder
from tls_scaffold.commands.outcomes import Outcome, outcome_of
from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import User
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.present import users_there, without_present
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.update import change_folder
from tls_scaffold.paths import MAKEFILE

HINT = "`tls-scaffold add --help` says what each option takes"


def add(folder: Path, options: Options, *, dry_run: bool = False) -> Outcome:
    """Add the components that the options name, or change some; what is there just so stays.

    With `dry_run` only return what would be done. Raises ScaffoldError with every problem of the
    inventory that would come of it.
    """
    present: list[str] = []

    def read_change() -> Change:
        old = intake.load(folder)
        missing, there = without_present(options, old)
        hint = _hint(users_there(missing, old))
        new = intake.of_data(old.document(), missing, hint=hint, users_are_enough=not old.members)
        parts = {*new.members, *new.proxies, *new.users}
        present.extend(word for word, part in there.items() if part in parts)
        return Change(old, new)

    given = {name: value for name, value in vars(options).items() if value not in (None, ())}
    command = ("add", json.dumps(given, sort_keys=True))
    plan = change_folder(folder, command, read_change, dry_run=dry_run)
    outcome = outcome_of("add", folder, plan, dry_run=dry_run, present=present)
    told = () if dry_run or plan.conflicts else tuple(_signed_twice(folder))
    return replace(outcome, warnings=(*outcome.warnings, *told))


def _signed_twice(folder: Path) -> Iterator[str]:
    """Yield what `check` finds of lines that sign what the folder's own lines do.

    A line that was pasted from a guide is found only now that a component has its certificate.
    """
    if "gencert" not in (own_text(folder, MAKEFILE) or ""):
        return  # there are no lines but ours, which takes less time to see
    rule = targets.signed_twice
    found = rule.findings(look_at_folder(folder, datetime.now(timezone.utc), ""))
    places: dict[str, list[str]] = {}
    for each in found:
        places.setdefault(each.message, []).append(each.where)
    for message, where in places.items():
        yield f"{message} ({', '.join(where)}): {rule.fix}"


def _hint(there: Mapping[str, User]) -> str:
    """Return what helps where the inventory refuses what is added; `there` are users by words."""
    for word, user in there.items():
        return f"user `{user.name}` is there, with the CN `{user.cn}`: leave out `--user {word}`"
    return HINT

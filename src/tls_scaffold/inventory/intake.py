"""Data from a file and options become an Inventory, or one error with every problem."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tls_scaffold import spelling
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import conflictmarkers, formats, keptfolder, rbac
from tls_scaffold.inventory.components import read_members, read_proxies, read_users
from tls_scaffold.inventory.conflicts import conflicts, missing_members
from tls_scaffold.inventory.custody import read_custody
from tls_scaffold.inventory.fields import Field, Table, escaped_problem, short_text
from tls_scaffold.inventory.forgotten import read_forgotten
from tls_scaffold.inventory.grants import with_grants
from tls_scaffold.inventory.membersettings import read_member_settings
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.setwords import with_set_words
from tls_scaffold.inventory.terms import name_text_problem, read_expiry, read_key
from tls_scaffold.inventory.values import (
    FILE,
    GROUP_NAME,
    NAME_FIELDS,
    SCHEMA,
    VERSION,
    Component,
    Inventory,
)

DEFAULTS = Inventory(members=())
LONGEST_REASON = 1024
LONGEST_SCHEMA = 1024
FIELDS = (
    SCHEMA,
    "version",
    "members",
    "proxies",
    "users",
    "grant",
    "role",
    "set",
    "key",
    "expiry",
    "ca_expiry",
    "ca_cn",
    "ca_generation",
    "organization",
    "organizational_unit",
    "locality",
    "state",
    "country",
    "separate_requests",
    "members_cn",
    "etcd",
    "record",
    "key_group",
    "ca",
    "peer_ca",
    "peer_ca_generation",
    "crl",
    "removed",
    "forgotten",
    "ignore",
)
GENERATIONS = range(1, 1000)
HINT = "`tls-scaffold new --help` says what each option takes"
NO_OPTIONS = Options()


def of_data(
    data: object,
    options: Options = NO_OPTIONS,
    known: Inventory = DEFAULTS,
    *,
    hint: str = HINT,
    users_are_enough: bool = False,
    needs_pin: bool = True,
) -> Inventory:
    """Return the inventory that `data` (what a JSON, YAML or TOML file holds) and options describe.

    A component may be the text that its option takes; `proxies` may be a number. Servers without a
    name keep the one that they have in the inventory `known`. Without members it is one only where
    `users_are_enough`, and a remote CA without its pin only where none `needs_pin`, since it is
    asked for afterwards. Raises ScaffoldError with a line for each problem, each with its place
    (`members[1]`, `users[0].name`), and the hint.
    """
    if not isinstance(data, Mapping):
        raise problem_report(
            [escaped_problem("inventory", f"`{short_text(data)}` is not a table of fields")], hint
        )
    _check_version(data.get("version", VERSION), hint)
    problems: list[Problem] = []
    table = Field("", options.added_to(data), problems).table(FIELDS)
    inventory = _read_inventory(table, known, needs_pin=needs_pin)
    problems += [
        *conflicts(inventory),
        *missing_members(inventory, users_are_enough=users_are_enough),
        *rbac.problems(inventory),
    ]
    if problems:
        raise problem_report(problems, hint)
    return inventory


def from_json(text: str) -> Inventory:
    """Return the inventory in the text of a `tls-scaffold.json`."""
    conflictmarkers.refuse({FILE: text})
    data = formats.parse(text, FILE, "json")
    return of_data(data, hint=f"mend `{FILE}`", users_are_enough=True)


def load(folder: Path) -> Inventory:
    """Return the inventory of a folder; ScaffoldError where it has none, or one with problems."""
    if not (folder / FILE).exists():
        raise keptfolder.not_kept(folder)
    if not (folder / FILE).is_file():
        raise ScaffoldError(f"`{folder / FILE}` is not a plain file")
    return from_json(formats.read(str(folder / FILE)))


def load_if_any(folder: Path) -> Inventory | None:
    """Return the inventory of a folder, None where it has none; ScaffoldError as `load`."""
    return load(folder) if (folder / FILE).exists() else None


def load_or_none(folder: Path) -> Inventory | None:
    """Return the inventory of a folder; None where it has none that can be read."""
    try:
        return load(folder)
    except ScaffoldError:
        return None


def components_named(inventory: Inventory, names: Iterable[str]) -> tuple[Component, ...]:
    """Return the components of these names, each once.

    Raises ScaffoldError with every name that no component has.
    """
    known = {each.name: each for each in inventory.components}
    wanted = dict.fromkeys(names)
    problems = [
        f"`{spelling.escaped(name)}` is not a component{spelling.did_you_mean(name, known)}"
        for name in wanted
        if name not in known
    ]
    if problems:
        hint = f"`{FILE}` names the components; others are in the Makefile alone"
        raise ScaffoldError("there is no such component", problems, hint)
    return tuple(known[name] for name in wanted)


def problem_report(problems: Sequence[Problem | str], hint: str = HINT) -> ScaffoldError:
    """Return the error that lists `problems`."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ScaffoldError(f"{count} in the inventory", problems, hint)


def _check_version(value: object, hint: str) -> None:
    """Raise ScaffoldError unless this is the number of the format that is known here.

    Whatever else such an inventory has would be told as mistakes, which they are not.
    """
    if type(value) is not int or value < 1:  # true is an int of Python's
        message = f"`{short_text(value)}` is not the number of a format: it is {VERSION}"
        raise problem_report([escaped_problem("version", message)], hint)
    keptfolder.refuse_newer(value)


def _read_inventory(table: Table, known: Inventory, *, needs_pin: bool) -> Inventory:
    removed = tuple(each.text(spelling.name_problem) for each in table["removed"].comma_items())
    gone = (*known.removed, *removed)
    members, proxies, users = with_set_words(
        read_members(table, gone, known.members),
        read_proxies(table, gone, known.proxies),
        read_users(table),
        table["set"].comma_items(),
    )
    return Inventory(
        members=members,
        proxies=proxies,
        users=with_grants(users, table["grant"].comma_items(), table["role"].comma_items()),
        key=read_key(table["key"]) or DEFAULTS.key,
        expiry=_read_lifetime(table, "expiry", DEFAULTS.expiry),
        ca_expiry=_read_lifetime(table, "ca_expiry", DEFAULTS.ca_expiry),
        ca_cn=table.field("ca_cn", DEFAULTS.ca_cn).text(spelling.ca_cn_problem),
        ca_generation=table.field("ca_generation", DEFAULTS.ca_generation).number(GENERATIONS),
        organization=_read_name(table, "organization", DEFAULTS.organization),
        organizational_unit=_read_name(table, "organizational_unit", DEFAULTS.organizational_unit),
        locality=_read_name(table, "locality", DEFAULTS.locality),
        state=_read_name(table, "state", DEFAULTS.state),
        country=_read_name(table, "country", DEFAULTS.country),
        separate_requests=table["separate_requests"].flag(),
        members_cn=table.field("members_cn", DEFAULTS.members_cn).text(spelling.cn_problem),
        etcd=read_member_settings(table["etcd"]),
        record=table.field("record", DEFAULTS.record).flag(),
        key_group=table["key_group"].text(_group_problem),
        ca=read_custody(table["ca"], needs_pin=needs_pin),
        peer_ca=table["peer_ca"].flag(),
        peer_ca_generation=table["peer_ca_generation"].number(GENERATIONS),
        crl=table["crl"].flag(),
        removed=removed,
        forgotten=read_forgotten(table["forgotten"]),
        ignore=_read_ignored_rules(table["ignore"]),
        schema=table[SCHEMA].text(_schema_problem),
    )


def _read_lifetime(table: Table, name: str, default: int) -> int:
    return read_expiry(table[name]) or default


def _read_name(table: Table, name: str, default: str) -> str:
    word = NAME_FIELDS[name]
    return table.field(name, default).text(lambda text: name_text_problem(word, text))


def _schema_problem(text: str) -> str:
    return spelling.text_problem(text, LONGEST_SCHEMA)


def _group_problem(text: str) -> str:
    if not text or re.fullmatch(GROUP_NAME, text):
        return ""
    return f"`{spelling.escaped(text)}` is not the name of a group, or its number"


def _read_ignored_rules(field: Field) -> dict[str, str]:
    entries = field.entries("is not a table of rules and reasons")
    return {rule.text(_reason_problem): reason.text(_reason_problem) for rule, reason in entries}


def _reason_problem(text: str) -> str:
    if not text:
        return "needs the reason why this rule is switched off"
    return spelling.text_problem(text, LONGEST_REASON)

"""Words from the command line, or data from a file, become an Inventory or one error with every problem."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tls_scaffold import words
from tls_scaffold.errors import Problem, ScaffoldError, problem_of
from tls_scaffold.inventory import components, conflictmarkers, formats, rbac
from tls_scaffold.inventory.conflicts import conflicts
from tls_scaffold.inventory.fields import Fields, items, shown
from tls_scaffold.inventory.grants import granted
from tls_scaffold.inventory.listed import User
from tls_scaffold.inventory.membersettings import member_settings
from tls_scaffold.inventory.values import FILE, VERSION, Component, Inventory

Value = TypeVar("Value")
DEFAULTS = Inventory(members=())
NAMES = {
    "organization": 64,
    "organizational_unit": 64,
    "locality": 128,
    "state": 128,
}  # RFC 5280, appendix A.1
FIELDS = (
    *(
        "version",
        "members",
        "proxies",
        "users",
        "grant",
        "role",
        "key",
        "expiry",
        "ca_expiry",
        "ca_cn",
    ),
    "ca_generation",
    *(*NAMES, "country", "separate_requests", "members_cn", "etcd", "record", "removed", "ignore"),
)
GENERATIONS = range(1, 1000)
KEYS = "ecdsa-256, -384, -521, rsa-2048 … -8192, ed25519"
LIFETIMES = "`90d`, `1y` or `8760h`"
HINT = "`tls-scaffold new --help` says what each option takes"


def of_data(data: object) -> Inventory:
    """Return the inventory that `data` (what a JSON, YAML or TOML file holds) describes.

    A component may be the text that its option takes; `proxies` may be a number. Raises
    ScaffoldError with a line for each problem, each with its place (`members[1]`, `users[0].name`).
    """
    if not isinstance(data, Mapping):
        raise problem_report([problem_of("inventory", f"`{shown(data)}` is not a table of fields")])
    _check_version(data.get("version", VERSION))
    fields = Fields()
    inventory = _inventory(fields, fields.table("", data, FIELDS))
    problems = [*fields.problems, *conflicts(inventory), *rbac.problems(inventory)]
    if problems:
        raise problem_report(problems)
    return inventory


def from_json(text: str, place: str = FILE) -> Inventory:
    """Return the inventory in the text of a `tls-scaffold.json`; `place` names the file in messages."""
    conflictmarkers.refuse({place: text})
    return of_data(formats.parse(text, place, "json"))


def load(folder: Path) -> Inventory:
    """Return the inventory of a folder; ScaffoldError where it has none, or one with problems."""
    if not (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` does not exist: this is not a folder that tls-scaffold keeps",
            hint="`tls-scaffold new` makes one, `tls-scaffold adopt` takes over one made by hand, `-C DIR` goes there",
        )
    if not (folder / FILE).is_file():
        raise ScaffoldError(f"`{folder / FILE}` is not a plain file")
    return from_json(formats.read(str(folder / FILE)))


def chosen(inventory: Inventory, names: Iterable[str]) -> tuple[Component, ...]:
    """Return the components of these names, each once; ScaffoldError with every name that none has."""
    known = {each.name: each for each in inventory.components}
    wanted = dict.fromkeys(names)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ScaffoldError(
            "there is no such component",
            [
                f"`{words.visible(name)}` is not a component{words.meant(name, known)}"
                for name in unknown
            ],
            f"`{FILE}` names the components; others are in the Makefile alone",
        )
    return tuple(known[name] for name in wanted)


def problem_report(problems: Sequence[Problem | str]) -> ScaffoldError:
    """Return the error that lists `problems`."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ScaffoldError(f"{count} in the inventory", problems, HINT)


def extended(data: object, added: Mapping[str, Any]) -> object:
    """Return `data` with the words of options added: members, users and proxies to its lists, the rest over it.

    `added` holds what was given: lists of words under `members`, `users`, `grant`, `role` and `proxy`, under
    `proxies` how many more, and settings under their own names. Data that is no table is returned as it is.
    """
    if not isinstance(data, Mapping):
        return data
    more = {name: added.get(name, []) for name in ("members", "users", "grant", "role")}
    more["proxies"] = [*items(components.counted(added.get("proxies", 0))), *added.get("proxy", [])]
    there = {"proxies": components.counted(data.get("proxies", []))}
    lists = {
        name: [*items(there.get(name, data.get(name, []))), *new]
        for name, new in more.items()
        if new
    }
    settings = {name: value for name, value in added.items() if name not in (*more, "proxy")}
    return {**data, **lists, **settings}


def _inventory(fields: Fields, data: Mapping[str, Any]) -> Inventory:
    removed = tuple(fields.each("removed", data.get("removed", []), fields.name))
    return Inventory(
        members=components.members(fields, data.get("members", []), removed),
        proxies=components.proxies(fields, data.get("proxies", []), removed),
        users=_users(fields, data),
        key=_setting(fields, data, "key", words.key, KEYS),
        expiry=_setting(fields, data, "expiry", words.hours, LIFETIMES),
        ca_expiry=_setting(fields, data, "ca_expiry", words.hours, LIFETIMES),
        ca_cn=fields.text("ca_cn", data.get("ca_cn", DEFAULTS.ca_cn), words.ca_cn_problem),
        ca_generation=_generation(fields, data.get("ca_generation", DEFAULTS.ca_generation)),
        **{name: _subject(fields, data, name) for name in NAMES},
        country=fields.text("country", data.get("country", ""), _country_problem),
        separate_requests=fields.flag("separate_requests", data.get("separate_requests", False)),
        members_cn=fields.text(
            "members_cn", data.get("members_cn", DEFAULTS.members_cn), words.cn_problem
        ),
        etcd=member_settings(fields, "etcd", data.get("etcd", {})),
        record=fields.flag("record", data.get("record", DEFAULTS.record)),
        removed=removed,
        ignore=_ignore(fields, data.get("ignore", {})),
    )


def _users(fields: Fields, data: Mapping[str, Any]) -> tuple[User, ...]:
    words_of = {
        name: list(fields.each(name, data.get(name, []), fields.any_text))
        for name in ("grant", "role")
    }
    users, problems = granted(
        components.users(fields, data.get("users", [])), words_of["grant"], words_of["role"]
    )
    fields.problems += problems
    return users


def _check_version(value: object) -> None:
    """Raise ScaffoldError unless this is the number of the format that is known here.

    Whatever else such an inventory has would be told as mistakes, which they are not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"`{shown(value)}` is not the number of a format: it is {VERSION}"
        raise problem_report([problem_of("version", message)])
    if value > VERSION:
        raise ScaffoldError(
            f"the inventory has the format {shown(value)}, and this tls-scaffold knows the format {VERSION}",
            hint="a newer tls-scaffold wrote it: upgrade this one",
        )


def _generation(fields: Fields, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value in GENERATIONS:
        return value
    fields.wrong("ca_generation", f"`{shown(value)}` is not a number from 1 to {GENERATIONS[-1]}")
    return DEFAULTS.ca_generation


def _setting(
    fields: Fields,
    data: Mapping[str, Any],
    name: str,
    read: Callable[[str], Value | None],
    allowed: str,
) -> Value:
    default: Value = getattr(DEFAULTS, name)
    found = fields.word(name, data[name], read, allowed) if name in data else default
    return default if found is None else found


def _subject(fields: Fields, data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, getattr(DEFAULTS, name))
    return fields.text(name, value, lambda text: words.text_problem(text, NAMES[name]))


def _country_problem(text: str) -> str:
    return (
        ""
        if re.fullmatch("([A-Z]{2})?", text)
        else f"`{text}` is not a country's two capital letters"
    )


def _ignore(fields: Fields, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        fields.wrong("ignore", f"`{shown(value)}` is not a table of rules and reasons")
        return {}
    return {
        fields.text(f"ignore.{shown(rule)}", rule, _reason_problem): fields.text(
            f"ignore.{shown(rule)}", reason, _reason_problem
        )
        for rule, reason in value.items()
    }


def _reason_problem(text: str) -> str:
    return (
        words.text_problem(text, 1024) if text else "needs the reason why this rule is switched off"
    )

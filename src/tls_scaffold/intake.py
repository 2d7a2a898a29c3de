"""Words from the command line, or data from a file, become an Inventory or one error with every problem."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tls_scaffold import formats, words
from tls_scaffold.conflicts import conflicts
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import FILE, VERSION, Files, Inventory, Member, Permission, Proxy, Server, User

Value = TypeVar("Value")
S = TypeVar("S", bound=Server)
DEFAULTS = Inventory(members=())
NAMES = {
    "organization": 64,
    "organizational_unit": 64,
    "locality": 128,
    "state": 128,
}  # RFC 5280, appendix A.1
FIELDS = (
    *("version", "members", "proxies", "users", "key", "expiry", "ca_expiry", "ca_cn"),
    *(*NAMES, "country", "separate_requests", "removed", "ignore"),
)
FILE_FIELDS = ("request", "output", "profile")
ACCESS = ("read", "write", "readwrite")
PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)
HINT = "`tls-scaffold new --help` says what each option takes"


def of_data(data: object) -> Inventory:
    """Return the inventory that `data` (what a JSON, YAML or TOML file holds) describes.

    A component may be the text that its option takes; `proxies` may be a number. Raises
    ScaffoldError with a line for each problem, each with its place (`members[1]`, `users[0].name`).
    """
    reader = _Reader()
    inventory = reader.inventory(reader.table("", data, FIELDS))
    problems = [*reader.problems, *conflicts(inventory)]
    if problems:
        raise problem_report(problems)
    return inventory


def from_json(text: str, place: str = FILE) -> Inventory:
    """Return the inventory in the text of a `tls-scaffold.json`; `place` names the file in messages."""
    return of_data(formats.parse(text, place, "json"))


def load(folder: Path) -> Inventory:
    """Return the inventory of a folder; ScaffoldError where it has none, or one with problems."""
    if not (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` does not exist: this is not a folder that tls-scaffold keeps",
            hint="`tls-scaffold new` makes one, `tls-scaffold adopt` takes over one made by hand, `-C DIR` goes there",
        )
    return from_json(formats.read(str(folder / FILE)))


def problem_report(problems: list[str]) -> ScaffoldError:
    """Return the error that lists `problems`, each a line `place: what is wrong`."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ScaffoldError(f"{count} in the inventory", problems, HINT)


def items(value: object) -> list[Any]:
    """Return a list of components: text is split at commas, as options and prompts take it."""
    listed = value if isinstance(value, list) else [value]
    return [part for item in listed for part in (item.split(",") if isinstance(item, str) else [item])]


def extended(data: object, added: Mapping[str, Any]) -> object:
    """Return `data` with the words of options added: members, users and proxies to its lists, the rest over it.

    `added` holds what was given: lists of words under `members`, `users` and `proxy`, under `proxies` how
    many more, and settings under their own names. Data that is no table is returned as it is.
    """
    if not isinstance(data, Mapping):
        return data
    numbered_proxies = [{}] * added.get("proxies", 0)
    more = {"members": added.get("members", []), "users": added.get("users", [])}
    more["proxies"] = [*numbered_proxies, *added.get("proxy", [])]
    lists = {name: [*items(_counted(data.get(name, []))), *new] for name, new in more.items() if new}
    settings = {name: value for name, value in added.items() if name not in (*more, "proxy")}
    return {**data, **lists, **settings}


def _counted(value: object) -> object:
    """Return as many proxies without a name as a number says; anything else as it is."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return [{}] * value if is_count else value  # type: ignore[operator]


def numbered(prefix: str, taken: Iterable[str]) -> str:
    """Return the first of `prefix1`, `prefix2`, … that is not in `taken`."""
    names = set(taken)
    return next(name for number in range(1, len(names) + 2) if (name := f"{prefix}{number}") not in names)


class _Reader:
    """Reads one inventory; what is wrong is collected in `problems`, and a harmless value stands in for it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def inventory(self, data: Mapping[str, Any]) -> Inventory:
        if data.get("version", VERSION) != VERSION:
            self.wrong("version", f"`{data['version']}` is not a version that is known here: it is {VERSION}")
        removed = tuple(self._each("removed", data.get("removed", []), self._name))
        return Inventory(
            members=tuple(self._servers("members", data.get("members", []), Member, removed)),
            proxies=tuple(self._servers("proxies", _counted(data.get("proxies", [])), Proxy, removed)),
            users=tuple(self._each("users", data.get("users", []), self._user)),
            key=self._word(data, "key", words.key, DEFAULTS.key, "ecdsa-256, -384, -521, rsa-2048 … -8192, ed25519"),
            expiry=self._word(data, "expiry", words.hours, DEFAULTS.expiry, "`90d`, `1y` or `8760h`"),
            ca_expiry=self._word(data, "ca_expiry", words.hours, DEFAULTS.ca_expiry, "`90d`, `1y` or `8760h`"),
            ca_cn=self._checked("ca_cn", data.get("ca_cn", DEFAULTS.ca_cn), words.cn_problem),
            **{name: self._names_text(data, name, longest) for name, longest in NAMES.items()},
            country=self._country(data.get("country", "")),
            separate_requests=self._flag(data, "separate_requests"),
            removed=removed,
            ignore=self._ignore(data.get("ignore", {})),
        )

    def wrong(self, place: str, message: str) -> None:
        self.problems.append(f"{place}: {message}")

    def table(self, place: str, data: object, allowed: Iterable[str]) -> Mapping[str, Any]:
        if not isinstance(data, Mapping):
            self.wrong(place or "inventory", f"`{_shown(data)}` is not a table of fields")
            return {}
        for name in data:
            if name not in allowed:
                self.wrong(f"{place}.{name}" if place else _shown(name), f"no such field{_meant(str(name), allowed)}")
        return data

    def text(self, place: str, value: object) -> str:
        if isinstance(value, str):
            return value
        self.wrong(place, f"`{_shown(value)}` is not text")
        return ""

    def _each(self, place: str, value: object, read: Callable[[str, Any], Value]) -> Iterator[Value]:
        if not isinstance(value, list | str):
            self.wrong(place, f"`{_shown(value)}` is not a list")
            return
        yield from (read(f"{place}[{index}]", item) for index, item in enumerate(items(value)))

    def _checked(self, place: str, value: object, problem: Callable[[str], str]) -> str:
        if not isinstance(value, str):
            return self.text(place, value)
        if found := problem(value):
            self.wrong(place, words.visible(found))
        return value

    def _name(self, place: str, value: object) -> str:
        return self._checked(place, value, words.name_problem)

    def _servers(self, place: str, value: object, kind: type[S], removed: tuple[str, ...]) -> Iterator[S]:
        taken = set(removed)
        prefix = "etcd" if kind is Member else "proxy"
        for server in self._each(place, value, lambda at, item: self._server(at, item, kind)):
            name = server.name or numbered(prefix, taken)
            taken.add(name)
            yield kind(name, server.hosts, server.files)

    def _server(self, place: str, value: object, kind: type[S]) -> S:
        data = _server_words(value, kind) if isinstance(value, str) else value
        fields = self.table(place, data, ("name", "hosts", *FILE_FIELDS))
        name = self._name(f"{place}.name", fields["name"]) if "name" in fields else ""
        bare = isinstance(value, str) and "=" not in value
        hosts = self._hosts(place, fields.get("hosts", []), bare=bare)
        if kind is Member and not hosts and isinstance(data, Mapping):
            self.wrong(f"{place}.hosts", "a member needs at least one host")
        return kind(name, hosts, self._files(place, fields))

    def _hosts(self, place: str, value: object, *, bare: bool) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.wrong(f"{place}.hosts", f"`{_shown(value)}` is not a list")
            return ()
        return tuple(
            self._checked(place if bare else f"{place}.hosts[{index}]", host, words.host_problem)
            for index, host in enumerate(value)
        )

    def _user(self, place: str, value: object) -> User:
        if isinstance(value, str):
            name, named, cn = value.partition("=")
            value = {"name": name, "cn": cn} if named else {"name": name}
        fields = self.table(place, value, ("name", "cn", "role", "permissions", *FILE_FIELDS))
        name = self._name(f"{place}.name", fields.get("name", ""))
        cn = self._checked(f"{place}.cn", fields["cn"], words.cn_problem) if "cn" in fields else name
        return User(
            name=name,
            cn=cn,
            role=self._name(f"{place}.role", fields["role"]) if "role" in fields else "",
            permissions=tuple(self._each(f"{place}.permissions", fields.get("permissions", []), self._permission)),
            files=self._files(place, fields),
        )

    def _permission(self, place: str, value: object) -> Permission:
        fields = self.table(place, value, ("prefix", "key", "access"))
        if ("prefix" in fields) == ("key" in fields):
            self.wrong(place, "needs either `prefix` or `key`")
        access = fields.get("access", "read")
        if access not in ACCESS:
            self.wrong(f"{place}.access", f"`{_shown(access)}` is none of `read`, `write`, `readwrite`")
        kind = "prefix" if "prefix" in fields else "key"
        path = self._checked(f"{place}.{kind}", fields.get(kind, ""), lambda text: words.text_problem(text, 1024))
        if kind == "key" and not path and "key" in fields:
            self.wrong(f"{place}.key", "the key is empty")
        return Permission(path, str(access), prefix=kind == "prefix")

    def _files(self, place: str, fields: Mapping[str, Any]) -> Files:
        paths = {
            name: self._checked(f"{place}.{name}", fields[name], _path_problem)
            for name in ("request", "output")
            if name in fields
        }
        if "profile" not in fields:
            return Files(**paths)
        profile = fields["profile"]
        return Files(**paths, profile=profile and self._name(f"{place}.profile", profile))

    def _word(
        self,
        data: Mapping[str, Any],
        name: str,
        read: Callable[[str], Value | None],
        default: Value,
        allowed: str,
    ) -> Value:
        if name not in data:
            return default
        value = data[name]
        found = read(value) if isinstance(value, str) else None
        if found is None:
            self.wrong(name, f"`{_shown(value)}` is not understood; it takes {allowed}")
            return default
        return found

    def _names_text(self, data: Mapping[str, Any], name: str, longest: int) -> str:
        value = data.get(name, getattr(DEFAULTS, name))
        return self._checked(name, value, lambda text: words.text_problem(text, longest))

    def _country(self, value: object) -> str:
        text = self.text("country", value)
        if text and not re.fullmatch("[A-Z]{2}", text):
            self.wrong("country", f"`{words.visible(text)}` is not a country's two capital letters")
        return text

    def _flag(self, data: Mapping[str, Any], name: str) -> bool:
        value = data.get(name, False)
        if not isinstance(value, bool):
            self.wrong(name, f"`{_shown(value)}` is neither true nor false")
        return value is True

    def _ignore(self, value: object) -> dict[str, str]:
        if not isinstance(value, Mapping):
            self.wrong("ignore", f"`{_shown(value)}` is not a table of rules and reasons")
            return {}
        for rule, reason in value.items():
            if not isinstance(reason, str) or not reason.strip():
                self.wrong(f"ignore.{_shown(rule)}", "needs the reason why this rule is switched off")
        return {str(rule): str(reason) for rule, reason in value.items()}


def _server_words(text: str, kind: type[Server]) -> dict[str, Any]:
    name, named, hosts = text.partition("=")
    if named:
        return {"name": name, "hosts": hosts.split("+")}
    return {"name": text} if kind is Proxy else {"hosts": [text]}


def _path_problem(text: str) -> str:
    if PATH.fullmatch(text):
        return ""
    return f"`{text}` is not a path below the folder of letters, digits, `.`, `_`, `-` and `/`"


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "a table" if isinstance(value, Mapping) else "a list"
    return words.visible(value if isinstance(value, str) else json.dumps(value, default=str))[:80]


def _meant(name: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; there are {', '.join(f'`{each}`' for each in allowed)}"

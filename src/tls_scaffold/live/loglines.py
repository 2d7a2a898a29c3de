"""A line of a log taken apart: who wrote it, what it says went wrong, and about whom.

etcd logs JSON, or by `--log-format console` columns with JSON behind them; 3.4 lines for people.
What reads logs puts its own words before them: journald, docker, the CRI of Kubernetes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MEMBER, MEMBER_START, CLIENT, BARE = "a member", "a member's start", "a client", "bare text"
CLIENT_PORT, PEER_PORT = "client", "peer"
LONGEST = 64 * 1024
# Below systemd 3.4 leaves its own words for times and parts out.
BY_SYSTEMD = r"(?:^|\betcd(?:\[\d+\])?: )"
OLD_REJECTED = re.compile(
    rf'(?:embed: |{BY_SYSTEMD})rejected connection from "(?P<remote>[^"]*)" '
    r'\(error (?P<error>"(?:[^"\\]|\\.)*"), ServerName "(?P<server>[^"]*)"'
)
OLD_FATAL = re.compile(r" C \| etcdmain: (?P<error>.*)")
OLD_APPLY = re.compile(
    rf'(?:W \| etcdserver: |{BY_SYSTEMD})failed to apply request "(?P<request>.*)" with '
    r"response .* err is (?P<error>auth: .*)"
)
OLD_USER = re.compile(
    rf"(?: E \| auth: |{BY_SYSTEMD})invalid user name (?P<user>.*) for permission checking"
)
OLD_PEER = re.compile(
    rf"(?:W \| rafthttp: |{BY_SYSTEMD})health check for peer [0-9a-f]+ could not connect: "
    r"(?P<error>.*)"
)
USER = re.compile(r'username:\\?"(?P<user>[^"\\]*)\\?"')
CONSOLE = re.compile(
    r"^(?P<time>\S+)\t(?P<level>[a-z]+)\t(?:(?P<logger>[a-z][a-z-]*)\t)?"
    r"(?P<caller>\S+:\d+)\t(?P<msg>[^\t{]*?)\s*(?P<rest>\{.*\})?\s*$"
)
GRPC = re.compile(
    r'grpc: addrConn\.createTransport failed to connect to \{(?:Addr: "|"?)(?P<at>[^"\s,}]+).*?\}'
    r"\. Err: (?P<error>.*?)(?:\. Reconnecting\.\.\.)?$"
)
ETCDCTL = re.compile(r"^Error: (?P<error>.*)$")
TARGET = re.compile(r"^(?:etcd-endpoints|endpoint|passthrough|https?)://.*?/?([^/]+)$")
WRAPPINGS = ("log", "MESSAGE")
"""Where docker's own files, and `journalctl -o json`, have a line."""
START = (
    "failed to start etcd",
    "discovery failed",
    "creating peer listener failed",
    "creating client listener failed",
)
PEER_CLIENT = ("prober detected unhealthy status",)
FIELDS = {
    "ts": "time",
    "level": "level",
    "remote-addr": "who came",
    "server-name": "server name asked for",
    "user-name": "user",
    "remote-peer-id": "peer",
}


@dataclass(frozen=True)
class Entry:
    """What a line says: who wrote it, what went wrong, and what else is known.

    `port` is the side that it is about, empty where the line does not tell; `at` the address that
    the writer was connected to, to be compared and never connected to. `fields` are for people.
    With `is_after` a member had shaken hands already: it knows what the certificate is for.
    """

    origin: str
    error: str
    port: str = ""
    at: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    is_after: bool = False


def entries(text: str) -> Iterator[Entry]:
    """Yield what each line of a text says; nothing for lines of others."""
    for line in text.splitlines():
        if entry := entry_of(line[:LONGEST]):
            yield entry


def entry_of(line: str) -> Entry | None:
    """Return what one line says; None where nobody known wrote it, or it says nothing."""
    readers = (_json_entry, _console_entry, _old_entry, _grpc_entry, _etcdctl_entry, _gateway)
    return next((entry for reader in readers if (entry := reader(line))), None)


def bare(text: str) -> Entry:
    """Return a text of which nobody knows who wrote it."""
    return Entry(BARE, text.strip())


def _json_entry(line: str) -> Entry | None:
    begin = line.find("{")
    if begin < 0 or "\t{" in line:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(line[begin:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    lines = (found[name] for name in WRAPPINGS if isinstance(found.get(name), str))
    return _of_fields(found) or next(filter(None, map(entry_of, lines)), None)


def _console_entry(line: str) -> Entry | None:
    found = CONSOLE.search(line)
    if not found:
        return None
    try:
        fields = json.loads(found["rest"] or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    known = {
        "ts": found["time"],
        "level": found["level"],
        "caller": found["caller"],
        "msg": found["msg"],
        "logger": found["logger"] or "",
    }
    return _of_fields({**fields, **known})


def _of_fields(found: Mapping[str, Any]) -> Entry | None:
    """Return what the fields of zap's say; None where neither etcd nor its client wrote them."""
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    said, caller, error = (texts.get(name, "") for name in ("msg", "caller", "error"))
    fields = {label: texts[name] for name, label in FIELDS.items() if texts.get(name)}
    if said.startswith("rejected connection") and caller.startswith("embed/"):
        port = next((each for each in (CLIENT_PORT, PEER_PORT) if f"on {each} " in said), "")
        return Entry(MEMBER, error, port, fields=fields, is_after="dns-names" in found)
    if said == "cannot find a user for permission check" and caller.startswith("auth/"):
        return Entry(MEMBER, said, fields=fields)
    if said == "failed to apply request" and caller.startswith(("etcdserver/", "txn/")):
        return Entry(MEMBER, error, fields={**fields, **_user_in(texts.get("request", ""))})
    if said in START and caller.startswith(("embed/", "etcdmain/")):
        return Entry(MEMBER_START, error, fields=fields)
    return _of_client_fields(texts, fields)


def _of_client_fields(texts: Mapping[str, str], fields: Mapping[str, str]) -> Entry | None:
    """Return what a client says: etcd's own library, or a member that goes to a peer."""
    said, caller, error = (texts.get(name, "") for name in ("msg", "caller", "error"))
    if said in PEER_CLIENT and caller.startswith("rafthttp/"):
        return Entry(CLIENT, error, PEER_PORT, fields=fields)
    is_client = texts.get("logger") == "etcd-client" or caller.startswith(("clientv3/", "v3@v"))
    if is_client and said.startswith("retrying of unary invoker failed"):
        target = TARGET.match(texts.get("target", ""))
        at = target[1] if target else ""
        return Entry(CLIENT, error, CLIENT_PORT, at, {**fields, **({"endpoint": at} if at else {})})
    return None


def _user_in(request: str) -> dict[str, str]:
    found = USER.search(request)
    return {"user": found["user"]} if found else {}


def _old_entry(line: str) -> Entry | None:
    if found := OLD_REJECTED.search(line):
        try:
            error = str(json.loads(found["error"]))
        except ValueError:
            error = found["error"]
        named = {"who came": found["remote"], "server name asked for": found["server"]}
        fields = {name: text for name, text in named.items() if text}
        is_after = ", DNSNames [" in line[found.end() :]
        return Entry(MEMBER, error, fields=fields, is_after=is_after)
    if found := OLD_FATAL.search(line):
        return Entry(MEMBER_START, found["error"])
    if found := OLD_APPLY.search(line):
        return Entry(MEMBER, found["error"], fields=_user_in(found["request"]))
    if found := OLD_USER.search(line):
        return Entry(
            MEMBER, "cannot find a user for permission check", fields={"user": found["user"]}
        )
    if found := OLD_PEER.search(line):
        return Entry(CLIENT, found["error"], PEER_PORT)
    return None


def _grpc_entry(line: str) -> Entry | None:
    found = GRPC.search(line.strip())
    if not found:
        return None
    return Entry(CLIENT, found["error"], CLIENT_PORT, found["at"], {"endpoint": found["at"]})


def _etcdctl_entry(line: str) -> Entry | None:
    found = ETCDCTL.match(line.strip())
    return Entry(CLIENT, found["error"], CLIENT_PORT) if found else None


def _gateway(line: str) -> Entry | None:
    said = "CommonName of client sending a request against gateway will be ignored"
    return Entry(MEMBER, said) if said in line else None

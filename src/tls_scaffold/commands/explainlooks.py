"""What `tls-scaffold explain` may look at: the folder, ports, and with whose pair it comes."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.live import LiveOptions, pair_of, ports_of
from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.etcd import extra
from tls_scaffold.inventory import intake, rbac
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live.endpoints import endpoint_problem
from tls_scaffold.live.evidence import IS_NO_USER, IS_USER, Evidence, Visitor
from tls_scaffold.live.known import read_known
from tls_scaffold.live.shakes import Pair
from tls_scaffold.signing import certificates
from tls_scaffold.signing.trust import read_trust

NOT_SAID = LiveOptions()


@dataclass(frozen=True)
class ExplainOptions:
    """Where may be looked, if anybody may, and with whose pair: that of a component, or files."""

    live: LiveOptions = NOT_SAID
    certificate: str = ""
    key: str = ""
    looks: bool = True


def evidence_of(folder: Path, options: ExplainOptions, now: datetime) -> Evidence:
    """Return what can be found out beside a text; nobody has looked yet.

    Raises UsageError for options that can't stand together or name nothing, ScaffoldError where a
    pair to come with can't be used.
    """
    inventory = intake.load_or_none(folder)
    try:
        ports = ports_of(inventory, options.live) if options.looks else ()
    except UsageError:
        raise
    except ScaffoldError:
        ports = ()  # a line may need no look
    visitor = _visitor(folder, inventory, options)
    keys: Iterable[Path] = (visitor.pair.key,) if visitor else ()
    if not visitor and inventory:
        paths = (folder / each.key_path for each in inventory.components)
        keys = tuple(path for path in paths if path.is_file())
    known = read_known(folder, inventory)
    return Evidence(ports, known, now, options.live.seconds, tuple(keys), visitor)


def _visitor(folder: Path, inventory: Inventory | None, options: ExplainOptions) -> Visitor | None:
    if bool(options.certificate) != bool(options.key):
        raise UsageError("`--cert` and `--key` go together")
    if options.certificate and options.live.user:
        raise UsageError("`--user` names a pair of the folder, `--cert` and `--key` another")
    if options.certificate:
        name, pair = "", Pair(Path(options.certificate), Path(options.key))
        for path in (pair.certificate, pair.key):
            read_file(path)
    elif options.live.user:
        component, pair = pair_of(folder, inventory, options.live.user)
        name = component.name
    else:
        return None
    trust = folder / read_trust(folder).path

    def asks(host: str, port: int, seconds: float) -> str:
        return _user_state(host, port, seconds, trust, pair)

    return Visitor(name, pair, asks)


def _user_state(host: str, port: int, seconds: float, trust: Path, pair: Pair) -> str:
    """Ask etcd about the user that a pair's CN names: everybody may ask for oneself.

    Nothing is returned where gRPC is not installed, or etcd does not say.
    """
    try:
        extra.require_grpc()
        from tls_scaffold.etcd import calls
        from tls_scaffold.etcd.etcdctl import Identity

        cn = certificates.read(read_file(pair.certificate), str(pair.certificate)).cn
        identity = Identity(pair.certificate, pair.key)
        answer = calls.ask_for_user(host, port, seconds, trust, identity, cn)
    except (ScaffoldError, OSError):
        return ""
    if calls.UNKNOWN_USER in answer.error:
        return IS_NO_USER
    return IS_USER if answer.outcome == calls.ALLOWED else ""


def seen_by(evidence: Evidence) -> tuple[str, ...]:
    """Return a line for each port that was looked at; none where nobody had to look."""
    if "looks" not in vars(evidence):
        return ()
    lines = []
    for look in evidence.looks:
        shake, port = look.shake, look.port
        told = shake.unreachable or (f"no TLS: {shake.failure or shake.alert}")
        if shake.speaks_tls:
            told = f"serves `{shake.served[0].cn}`, {shake.version}"
        lines.append(f"{port.member or port.side} {port.address}: {told}")
    return tuple(lines)


def options_of_environment(folder: Path) -> ExplainOptions:
    """Return where etcdctl's variables lead, and with whose pair; root's where they name none."""
    said = os.environ.get("ETCDCTL_ENDPOINTS", "")
    endpoints: Sequence[str] = [each for each in said.split(",") if each]
    if any(endpoint_problem(each) for each in endpoints):
        endpoints = ()
    certificate, key = (os.environ.get(f"ETCDCTL_{each}", "") for each in ("CERT", "KEY"))
    if certificate and key:
        return ExplainOptions(LiveOptions(tuple(endpoints)), certificate, key)
    inventory = intake.load_or_none(folder)
    root = rbac.root_component(inventory) if inventory else None
    return ExplainOptions(LiveOptions(tuple(endpoints), user=root.name if root else ""))

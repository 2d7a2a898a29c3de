"""Members that are started and ended one by one; when it ends, none of them is left."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tls_scaffold.disk.signals import uninterrupted
from tls_scaffold.etcd.etcdctl import Tools
from tls_scaffold.etcd.guarded import Guarded, start_etcd
from tls_scaffold.etcd.logs import first_cause_in

GRACE = 10.0  # seconds in which a member may hand over what it leads, as systemd gives it 90


@dataclass
class RollingMembers:
    """The members of a cluster by their names; their data and logs are in the folder `into`.

    `logged` is how much was in each log before its last start.
    """

    tools: Tools
    into: Path
    running: dict[str, Guarded] = field(default_factory=dict)
    logged: dict[str, int] = field(default_factory=dict)

    def data_dir(self, name: str) -> Path:
        """Return where a member keeps its data."""
        return self.into / name / "data"

    def start(self, name: str, flags: Mapping[str, str]) -> None:
        """Start a member, without waiting for it."""
        home = self.into / name
        home.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as log:
            self.logged[name] = log.tell()
            self.running[name] = start_etcd(self.tools.etcd, flags, home, log)

    def end(self, name: str) -> None:
        """Let a member end, as `systemctl stop` does."""
        self.running[name].end(ask=GRACE)
        del self.running[name]  # not before: what interrupts this ends it at once

    def has_ended(self, name: str) -> bool:
        """Tell whether a member that was started has ended by itself."""
        member = self.running.get(name)
        return member is not None and member.process.poll() is not None

    def first_cause(self, name: str) -> str:
        """Return what a member says, since its last start, of why it ended or does not answer."""
        with self._log(name).open("rb") as log:
            log.seek(self.logged[name])
            return first_cause_in(log.read().decode(errors="replace"))

    def end_all(self) -> None:
        """End every member at once; nothing interrupts this."""
        with uninterrupted():
            for member in self.running.values():
                member.end()
            self.running.clear()

    def _log(self, name: str) -> Path:
        return self.into / name / "log"


@contextmanager
def rolling_members(tools: Tools, into: Path) -> Iterator[RollingMembers]:
    """Let members run from here until this ends."""
    members = RollingMembers(tools, into)
    try:
        yield members
    finally:
        members.end_all()

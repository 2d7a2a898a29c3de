"""What can be found out beside a log: handshakes of one's own, the folder, and etcd's answer.

Nothing is looked at before somebody asks, and only ports of the inventory or the command line are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.live import causes
from tls_scaffold.live.causes import Cause
from tls_scaffold.live.clientfaults import ca_without_client_auth, client_faults, key_faults
from tls_scaffold.live.diagnosis import INTERNAL, Found, port_faults
from tls_scaffold.live.endpoints import CLIENT, Port, place_of
from tls_scaffold.live.known import Known
from tls_scaffold.live.loglines import Entry
from tls_scaffold.live.looks import Look, Looking
from tls_scaffold.live.shakes import Pair, Shake
from tls_scaffold.paths import KEY_ENDING

IS_USER, IS_NO_USER = "a user", "no user"


@dataclass(frozen=True)
class Visitor:
    """With whose pair ports are tried: its name, and what tells if etcd knows its CN.

    `asks` takes host, port and seconds, and returns IS_USER, IS_NO_USER, or nothing where etcd does
    not tell.
    """

    name: str
    pair: Pair
    asks: Callable[[str, int, float], str]


@dataclass(frozen=True)
class Evidence:
    """The ports that may be looked at, the folder's files, and who comes, if anybody does."""

    ports: Sequence[Port]
    known: Known
    now: datetime
    seconds: float
    key_paths: Sequence[Path] = ()
    visitor: Visitor | None = None

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """What each port shows without a certificate."""
        return Looking(self.ports, self.seconds).looks()

    @cached_property
    def tried(self) -> tuple[tuple[Look, Shake], ...]:
        """What each port for clients shows the visitor."""
        if not self.visitor:
            return ()
        from tls_scaffold.live.handshake import shake_hands  # not before somebody looks

        return tuple(
            (look, shake_hands(look.port.host, look.port.port, self.seconds, self.visitor.pair))
            for look in self.looks
            if look.port.side == CLIENT and look.shake.speaks_tls
        )

    def about(self, entry: Entry | None) -> tuple[Look, ...]:
        """Return the looks at the ports that a line may be about; all where it does not say."""
        looks = self.looks
        if entry and entry.port:
            looks = tuple(each for each in looks if each.port.side == entry.port)
        if entry and entry.at:
            place = place_of(entry.at)
            return tuple(each for each in looks if each.port.place == place)
        return looks

    def is_known(self, address: str) -> bool:
        """Tell whether an address that stands in a log is one of those that may be looked at."""
        return place_of(address) in {port.place for port in self.ports}

    def of_ports(self, entry: Entry | None = None) -> tuple[Found, ...]:
        """Return what is wrong with the ports that a line may be about."""
        return tuple(
            found
            for look in self.about(entry)
            for found in port_faults(look.port, look.shake, self.known, self.now)
        )

    def is_complete(self, entry: Entry | None = None) -> bool:
        """Tell whether all ports that a line may be about have answered, and there are some."""
        looks = self.about(entry)
        return bool(looks) and all(
            each.shake.speaks_tls or each.shake.alert == INTERNAL for each in looks
        )

    def may_be_ca(self, cause: Cause, entry: Entry | None) -> bool:
        """Tell whether a client may be refused for that, by what the folder and ports tell of CAs.

        It is not where the folder has had one CA alone, or all ports have loaded the earlier ones,
        nor where nothing stands behind its leaves, or all ports trust the CA below that; nor where
        none has ended.
        """
        if cause == causes.CA_EXPIRED:
            return self.known.has_ended_ca(self.now)
        if cause == causes.CLIENT_OLD_CA:
            cas = {ca for ca in self.known.earlier if not ca.has_ended(self.now)}
        elif cause == causes.CLIENT_CHAIN:
            cas = {chain[0] for chain in self.known.chains.values() if chain}
        else:
            return True
        subjects = {ca.parsed.subject.public_bytes() for ca in cas}
        if not self.is_complete(entry):
            return bool(subjects)
        loaded = [{ca.der for ca in look.shake.cas} for look in self.about(entry)]
        return any(subjects - each for each in loaded)

    def of_visitor(self, entry: Entry | None = None) -> tuple[Found, ...]:
        """Return why ports do not let in the visitor, each cause once."""
        about = {look.port for look in self.about(entry)}
        found: dict[Cause, Found] = {}
        for look, shake in self.tried:
            if look.port not in about or not self.visitor:
                continue
            faults = client_faults(
                self.visitor.pair, shake, look.shake, self.known, look.port.side, self.now
            )
            for cause, knows in faults:
                told = f"`{self.visitor.pair.certificate}` at {look.port.address}: {knows}"
                found.setdefault(cause, Found(cause, told, self.visitor_name))
        return tuple(found.values())

    @cached_property
    def visitor_name(self) -> str:
        """Whose pair the visitor comes with, also where nothing but its file was named."""
        if not self.visitor:
            return ""
        return self.visitor.name or self.known.name_of(
            plain_or_empty(self.visitor.pair.certificate)
        )

    @cached_property
    def user_state(self) -> str:
        """IS_USER, IS_NO_USER, or nothing where no etcd told; the first that answers counts."""
        if not self.visitor:
            return ""
        told = (
            self.visitor.asks(look.port.host, look.port.port, self.seconds)
            for look, shake in self.tried
            if shake.is_whole
        )
        return next((each for each in told if each), "")

    @cached_property
    def of_keys(self) -> tuple[Found, ...]:
        """Return what is wrong with the keys at hand: the visitor's, or all of the folder's."""
        return tuple(
            Found(cause, knows, path.name.removesuffix(KEY_ENDING))
            for path in self.key_paths
            for cause, knows in key_faults(plain_or_empty(path), path)
        )

    @cached_property
    def of_ca(self) -> Found | None:
        """The trusted CA that lets no client in."""
        for side, cas in self.known.trusted.items():
            if bad := ca_without_client_auth(cas):
                knows = f"`{self.known.trust_paths[side]}`: `{bad.cn}` is for {bad.usages[-1]}"
                return Found(causes.CA_USAGE, knows)
        return None

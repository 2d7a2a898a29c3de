"""What is wrong with what a port serves: a row for each port, and who has to restart.

etcd reads its pair at every handshake and its trust file at start only: a port that serves an old
pair has an old file, and one that asks for other CAs than `certs/trust.pem` has to restart.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tls_scaffold.errors import ExitCode
from tls_scaffold.live.diagnosis import MOST, Found, port_faults, why_no_tls
from tls_scaffold.live.endpoints import Port
from tls_scaffold.live.known import Known, is_trusted
from tls_scaffold.live.looks import Look
from tls_scaffold.live.server import Server
from tls_scaffold.live.shakes import CaName, Shake
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import MINUTE, listed

UNREACHABLE = "unreachable"
REPLACE = "to be replaced"
RESTART = "restart needed"
SAME = "serves the folder's"
STATES = (UNREACHABLE, REPLACE, RESTART, SAME)
"""From the worst on; a port has the first of them that is true."""
DAY = timedelta(days=1)
UNSAID = Server()


@dataclass(frozen=True)
class Reason:
    """Why a port is in a state."""

    state: str
    why: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.state}: {self.why}"


@dataclass(frozen=True)
class LiveRow:
    """What a port of a member serves, and what is wrong with it.

    `serves` is where the folder has it, in `certs/`, `issued/` or `archive/`; empty where it has
    not. `output` is where the folder has what it should serve. `cas` are the subjects that it asks
    for. `reasons` are all that are true. `days_left` are whole days to the leaf's end. `causes` are
    why clients are refused there, or let in, as `explain` knows them.
    """

    port: Port
    state: str
    reasons: tuple[Reason, ...]
    leaf: Certificate | None = None
    serves: str = ""
    output: str = ""
    cas: tuple[CaName, ...] = ()
    tls: str = ""
    days_left: int | None = None
    is_over: bool = False
    server: Server = field(default=UNSAID)
    causes: tuple[Found, ...] = ()

    @property
    def member(self) -> str:
        """The member's name, or where it is if nobody knows whose the port is."""
        return self.port.member or self.port.address

    @property
    def restarts(self) -> bool:
        """Whether the member has to restart, whatever else is wrong."""
        return any(reason.state == RESTART for reason in self.reasons)


@dataclass(frozen=True)
class LiveReport:
    """The rows of all ports that were looked at, with whose pair etcd was asked, if with one.

    What ends `within` that time ends soon.
    """

    rows: tuple[LiveRow, ...]
    user: str = ""
    within: timedelta = timedelta()

    @property
    def worst_first(self) -> tuple[LiveRow, ...]:
        """The rows, those in trouble first and else in the order of the ports."""
        return tuple(sorted(self.rows, key=lambda row: STATES.index(row.state)))

    @property
    def restart_list(self) -> tuple[str, ...]:
        """The members that have to restart, each once."""
        return tuple(dict.fromkeys(row.member for row in self.rows if row.restarts))

    @property
    def replace_list(self) -> tuple[str, ...]:
        """The members that are to be given their pair, each once."""
        return tuple(dict.fromkeys(row.member for row in self.rows if row.state == REPLACE))

    @property
    def exit_codes(self) -> set[ExitCode]:
        """How each row would end `status`."""
        return set(map(self._exit_code, self.rows))

    def _exit_code(self, row: LiveRow) -> ExitCode:
        if row.state == UNREACHABLE or row.is_over:
            return ExitCode.REFUSED
        if row.state != SAME:
            return ExitCode.DRIFTED
        is_soon = row.days_left is not None and row.days_left < self.within / DAY
        return ExitCode.EXPIRING if is_soon else ExitCode.DONE

    def in_trouble(self) -> tuple[LiveRow, ...]:
        """Return the rows of ports that do not serve the folder's."""
        return tuple(row for row in self.rows if row.state != SAME)


def live_rows(looks: Iterable[Look], known: Known, now: datetime) -> tuple[LiveRow, ...]:
    """Return a row for each port, in their order."""
    return tuple(_row(look, known, now) for look in looks)


def _row(look: Look, known: Known, now: datetime) -> LiveRow:
    shake, port = look.shake, look.port
    output = known.outputs.get((port.member, port.side), "")
    causes = tuple(port_faults(port, shake, known, now))
    if not shake.speaks_tls:
        told = (Reason(UNREACHABLE, why_no_tls(shake)),)
        return LiveRow(port, UNREACHABLE, told, output=output, causes=causes)
    leaf = shake.served[0]
    serves = known.owner_of(leaf) or _path_in_record(leaf, known)
    faults = [
        *(Reason(REPLACE, why) for why in _of_pair(port, shake.served, output, known, now)),
        *(Reason(RESTART, why) for why in _of_trust(port, shake, known)),
    ]
    server = look.server or Server(trouble=look.refused)
    return LiveRow(
        port=port,
        state=faults[0].state if faults else SAME,
        reasons=tuple(faults),
        leaf=leaf,
        serves=serves,
        output=output,
        cas=shake.cas,
        tls=shake.version,
        days_left=(leaf.not_after - now) // DAY,
        is_over=leaf.has_ended(now),
        server=server,
        causes=causes,
    )


def _path_in_record(leaf: Certificate, known: Known) -> str:
    recorded = known.recorded.get(leaf.der)
    return recorded.path if recorded else ""


def _of_pair(
    port: Port, served: Sequence[Certificate], output: str, known: Known, now: datetime
) -> Iterator[str]:
    """Yield why what a port serves is to be replaced."""
    leaf = served[0]
    wanted = known.shown.get(output, ())
    if not wanted:
        # Nobody has said whose port it is: any of the folder's will do.
        owner = known.owner_of(leaf)
        if output:
            yield f"`{output}` is missing: there is nothing to compare with"
        elif not owner:
            yield _whose(leaf, known, port)
        elif known.shown[owner] != tuple(each.der for each in served):
            yield _other_chain(served, known.shown[owner], owner)
    elif leaf.der != wanted[0]:
        yield f"it serves {_whose(leaf, known, port)}"
    elif tuple(each.der for each in served) != wanted:
        yield _other_chain(served, wanted, output)
    if leaf.has_ended(now):
        yield f"what it serves ended {leaf.not_after:{MINUTE}}"


def _whose(leaf: Certificate, known: Known, port: Port) -> str:
    """Say whose certificate it is that `certs/` does not have for a port."""
    end = f"ends {leaf.not_after:{MINUTE}}"
    if owner := known.owner_of(leaf):
        return f"another's, `{owner}` ({end})"
    if recorded := known.recorded.get(leaf.der):
        whose = "an older one" if recorded.name in _names(known, port) else "another's"
        return f"{whose}, `{recorded.path}` ({end})"
    signer = dict(leaf.issuer).get("CN", "")
    if is_trusted(leaf, (), known.trusted[port.side]):
        return f"one that the record does not have, of the CA `{signer}` ({end})"
    return f"one of another CA, `{signer}` ({end})"


def _names(known: Known, port: Port) -> set[str]:
    """Return what certificates of a port's member are called; all, where nobody knows whose."""
    outputs = [
        path
        for (member, _), path in known.outputs.items()
        if not port.member or member == port.member
    ]
    return {path.rpartition("/")[2].removesuffix(".pem") for path in outputs}


def _other_chain(served: Sequence[Certificate], wanted: Sequence[bytes], path: str) -> str:
    def counted(count: int) -> str:
        behind = count - 1
        return f"{behind or 'no'} certificate{'s' * (behind != 1)} behind its leaf"

    if len(served) == len(wanted):
        return f"behind its leaf it serves other certificates than `{path}` has"
    return f"it serves {counted(len(served))}, and `{path}` has {counted(len(wanted))}"


def _of_trust(port: Port, shake: Shake, known: Known) -> Iterator[str]:
    """Yield why the CAs that a port has loaded are not those of the folder."""
    path, cas = known.trust_paths[port.side], known.trusted[port.side]
    wanted = {ca.parsed.subject.public_bytes(): ca.cn for ca in cas}
    loaded = {ca.der: ca.text for ca in shake.cas}
    if not shake.asks:
        yield "it asks for no certificate: whoever reaches it is let in (`--client-cert-auth`)"
    elif not loaded:
        yield (
            "it trusts no CA: the file that it read at its start held none in PEM, "
            "or began with a byte order mark or blanks"
        )
    elif known.has_to_load(port.side, loaded.keys()):
        lacks = [text for der, text in wanted.items() if der not in loaded]
        besides = [text for der, text in loaded.items() if der not in wanted]
        parts = []
        if lacks:
            parts.append(f"it has not loaded {_quoted(lacks)} of `{path}`")
        if besides:
            parts.append(f"it still trusts {_quoted(besides)}")
        yield ", ".join(parts)


def _quoted(texts: Sequence[str]) -> str:
    return (
        " and ".join(f"`{text}`" for text in texts) if len(texts) <= MOST else listed(texts, MOST)
    )

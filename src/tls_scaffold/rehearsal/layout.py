"""The files of members and clients on a throw-away cluster, like those of a state of the folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles.memberflags import Urls, member_flags
from tls_scaffold.bundles.settings import LIST, OUR_TRUST, PEER_TRUST, Paths
from tls_scaffold.disk.files import SECRET, create
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import throwaway
from tls_scaffold.etcd.etcdctl import NO_FSYNC, Identity, identity_at
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.membersettings import STATES
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.urls import https_url, own_host
from tls_scaffold.rehearsal.loopback import Loopback
from tls_scaffold.rehearsal.states import NOT_REHEARSED, OWN, PEERS, Held, State
from tls_scaffold.signing import matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.keys import make_key, pem_of_key
from tls_scaffold.signing.mirrors import USUAL_KEY, Mirror

PAIRS = "pairs"
# What a member has another value of here, or has to have, whatever its variables say.
NEEDED = ("name", "data-dir", "listen-client-urls", "advertise-client-urls", "listen-peer-urls")
NEEDED_AT_FIRST = ("initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state")
FILES = "-file"


@dataclass(frozen=True)
class Loaded:
    """Copies of the trust files that a member has read: for its clients, and for its peers."""

    own: Path
    peers: Path


class Layout:
    """Lays out what members and clients hold, in folders of their own below `into`."""

    def __init__(self, into: Path, mirror: Mirror, loopback: Loopback) -> None:
        self._into, self._mirror, self._loopback = into, mirror, loopback
        self._count = 0

    def know(self, states: Iterable[State]) -> None:
        """Note the CAs of states before anything like them is made."""
        for state in states:
            self._mirror.know_cas(state.certificates)

    def put_pairs(self, state: State, member: Member) -> None:
        """Give a member its pairs: all of it changes at one moment, by one link."""
        own, peer = state.inventory.pair(member)
        new = self._new_folder(f"{PAIRS}-{member.name}")
        self._write_pair(new / OWN, state.held[own.name])
        self._write_pair(new / PEERS, state.held[peer.name])
        link = self._home(member) / PAIRS
        aside = link.with_name(f".{PAIRS}")
        aside.symlink_to(new)
        aside.replace(link)

    def put_trust(self, state: State, member: Member) -> None:
        """Give a member the files of whom it trusts, which it reads when it starts, and the CRL."""
        own, peer = state.inventory.pair(member)
        home = self._home(member)
        self._replace(home / OUR_TRUST, self._pem(state.held[own.name].trust))
        self._replace(home / PEER_TRUST, self._pem(state.held[peer.name].trust))
        if state.crl:
            self._replace(home / LIST, state.crl)

    def identity(self, state: State, name: str) -> tuple[Identity, Path]:
        """Return a client's pair, and the file of whom it trusts, in a new folder."""
        new = self._new_folder(name)
        held = state.held[name]
        create(new / OUR_TRUST, self._pem(held.trust))
        return self._write_pair(new / name, held), new / OUR_TRUST

    def member_identity(self, member: Member) -> tuple[Identity, Path]:
        """Return what a member shows its clients now, and the file of whom it trusts."""
        home = self._home(member)
        return identity_at(home / PAIRS / OWN), home / OUR_TRUST

    def peer_identity(self, member: Member) -> Identity:
        """Return what a member shows its peers now."""
        return identity_at(self._home(member) / PAIRS / PEERS)

    def keep_trust(self, member: Member) -> Loaded:
        """Return copies of a member's trust files as they are now."""
        new, home = self._new_folder(f"loaded-{member.name}"), self._home(member)
        for name in (OUR_TRUST, PEER_TRUST):
            create(new / name, (home / name).read_bytes())
        return Loaded(new / OUR_TRUST, new / PEER_TRUST)

    def sign_root(self, state: State, user: str) -> tuple[Identity, Path]:
        """Return a pair of etcd's root, signed by the CA that signed a user's, and its trust."""
        new = self._new_folder(ROOT)
        held = state.held[user]
        leaf, *behind = (self._mirror.like(each) for each in held.chain)
        above = [*behind, *(self._mirror.like(each) for each in held.trust)]
        signers = [each for each in above if matching.signed_by(leaf, each)] or above
        if not signers:
            raise ScaffoldError(f"{NOT_REHEARSED}: `{user}` trusts no CA")
        signer = signers[0]
        ca = CA(signer, self._mirror.key_of(signer), b"".join(each.pem for each in behind))
        create(new / OUR_TRUST, self._pem(held.trust))
        return throwaway.sign_client(ROOT, ca, new / ROOT), new / OUR_TRUST

    def flags(
        self,
        state: State,
        member: Member,
        data_dir: Path,
        running: Iterable[Member],
        *,
        no_fsync: bool,
        is_first: bool,
    ) -> Mapping[str, str]:
        """Return what etcd is started with: `running` are all members, this one included."""
        urls = {each.name: self._urls(each) for each in running}
        home = self._home(member)
        # Without the file, as it may be, members refuse everybody here too.
        crl = str(home / LIST) if state.inventory.crl else ""
        pairs = (self._paths(home, OWN, OUR_TRUST, crl), self._paths(home, PEERS, PEER_TRUST, crl))
        begin = STATES[0] if is_first else STATES[1]
        ours = member_flags(state.inventory, member, pairs, urls, str(data_dir), begin)
        said = state.flags.get(member.name)
        if said:
            ours = self._as_said(ours, said, home)
        return {**ours, **({NO_FSYNC: "true"} if no_fsync else {})}

    def _as_said(
        self, ours: Mapping[str, str], said: Mapping[str, str], home: Path
    ) -> dict[str, str]:
        """Return the flags that a member's variables have, with what is another here."""
        kept = {
            name: text
            for name, text in ours.items()
            if name in said or name in (*NEEDED, *NEEDED_AT_FIRST)
        }
        for name, text in said.items():
            if name in (*NEEDED, *NEEDED_AT_FIRST) or (name in ours and name.endswith(FILES)):
                continue
            kept[name] = str(home / Path(text).name) if name.endswith(FILES) else text
        return kept

    def peer_url(self, member: Member) -> str:
        """Return where a member is reached by its peers."""
        return self._urls(member).advertise_peer

    def _urls(self, member: Member) -> Urls:
        host = self._loopback.address(own_host(member))
        clients, peers = (https_url(host, port) for port in self._loopback.ports(member))
        return Urls(clients, clients, peers, peers)

    def _paths(self, home: Path, name: str, trust: str, crl: str) -> Paths:
        pair = identity_at(home / PAIRS / name)
        return Paths(str(home / trust), str(pair.certificate), str(pair.key), crl)

    def _home(self, member: Member) -> Path:
        home = self._into / f"member-{member.name}"
        home.mkdir(exist_ok=True)
        return home

    def _new_folder(self, name: str) -> Path:
        self._count += 1
        new = self._into / f"{self._count}-{name}"
        new.mkdir()
        return new

    def _write_pair(self, base: Path, held: Held) -> Identity:
        identity = identity_at(base)
        key = make_key(USUAL_KEY) if held.key_trouble else self._mirror.key_of(held.chain[0])
        create(identity.certificate, self._pem(held.chain))
        create(identity.key, pem_of_key(key), SECRET)
        return identity

    def _pem(self, certificates: Iterable[Certificate]) -> bytes:
        return b"".join(self._mirror.like(each).pem for each in certificates)

    def _replace(self, path: Path, content: bytes) -> None:
        aside = path.with_name(f".{path.name}")
        create(aside, content)
        aside.replace(path)

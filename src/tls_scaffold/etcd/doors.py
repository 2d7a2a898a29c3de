"""Who is let in at all: which certificates the ports of members, and the HTTP gateway, take."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tls_scaffold.disk.files import write
from tls_scaffold.etcd import throwaway
from tls_scaffold.etcd.bench import PROBE, Bench, Check
from tls_scaffold.etcd.calls import REFUSALS
from tls_scaffold.etcd.etcdctl import Cluster, Identity
from tls_scaffold.signing import certificates

Door = tuple[Cluster, int, Identity]
"""A port of a member, and who knocks there."""
IGNORED_CN = "CommonName of client sending a request against gateway"


def checks(bench: Bench) -> Iterator[Check]:
    """Yield a proof for each kind of door."""
    yield foreign_ca_is_refused(bench)
    yield only_members_are_peers(bench)
    if bench.peer_ca:
        yield peers_are_no_clients(bench)
    yield gateway_takes_no_certificate(bench)
    if bench.logins:
        yield gateway_takes_passwords(bench)
    if bench.crl:
        yield revoked_are_refused(bench, bench.crl)


def foreign_ca_is_refused(bench: Bench) -> Check:
    """Knock at each member with a certificate of another CA.

    Root's shows that it would have been answered.
    """
    wrong = _answers(_clients_doors(bench, bench.stranger), "answers it", wanted=False)
    wrong += _answers(_clients_doors(bench, bench.root), "does not answer root", wanted=True)
    return Check("a certificate of another CA is refused", "; ".join(wrong))


def only_members_are_peers(bench: Bench) -> Check:
    """Knock at each peer port with each kind of certificate but the members'.

    The member's shows that it would have been answered. Where peers have a CA of their own, even
    the certificate that a member shows its clients is refused, although its CN is the members'.
    """
    cluster = bench.peers
    refused = {**_clients(bench), "a certificate of another CA": bench.stranger}
    if bench.peer_ca:
        refused["the members' certificate for clients"] = bench.member.server
    wrong = [
        f"port {port} takes {name} for a member"
        for port in cluster.peer_ports
        for name, identity in refused.items()
        if cluster.accepts(port, identity)
    ]
    wrong += _answers(_peers_doors(bench), "refuses the member", wanted=True)
    return Check("none but a member's certificate is taken on the peer port", "; ".join(wrong))


def peers_are_no_clients(bench: Bench) -> Check:
    """Knock at each member, as a client, with the certificate that members show their peers.

    Root's shows that it would have been answered.
    """
    doors = _clients_doors(bench, bench.member.peer)
    wrong = _answers(doors, "takes a peer for a client", wanted=False)
    wrong += _answers(_clients_doors(bench, bench.root), "does not answer root", wanted=True)
    return Check("a peer's certificate is not taken from a client", "; ".join(wrong))


def gateway_takes_no_certificate(bench: Bench) -> Check:
    """Read through each member's HTTP gateway with every certificate, and no password."""
    named = {**_clients(bench), "the members' certificate": bench.member.server}
    wrong = [
        f"port {port} answers {name} with {_shown(reply)}"
        for port in bench.cluster.client_ports
        for name, identity in named.items()
        if not _refuses(identity, reply := _read(bench, port, identity))
    ]
    return Check("the HTTP gateway takes nobody by a certificate", "; ".join(wrong))


def gateway_takes_passwords(bench: Bench) -> Check:
    """Log in at each member's HTTP gateway with every password."""
    wrong = []
    for port in bench.cluster.client_ports:
        for name in bench.logins.keys() & bench.users.keys():
            user, password = bench.logins[name]
            login = json.dumps({"name": user, "password": password})
            path = "/v3/auth/authenticate"
            reply = bench.cluster.reply(port, bench.users[name], "POST", path, login)
            if not reply or "token" not in reply[1]:
                wrong.append(f"port {port} answers {name} with {_shown(reply)}")
    return Check("the HTTP gateway takes its users by their passwords", "; ".join(wrong))


def revoked_are_refused(bench: Bench, crl: Path) -> Check:
    """Knock with a user's certificate while the list names it, and with a member's as a peer.

    Before and afterwards each is answered. Peers that are connected meanwhile stay so.
    """
    user = next(iter(bench.users.values()), bench.root)
    doors = [*_clients_doors(bench, user), *_peers_doors(bench)]
    own = crl.read_bytes()
    wrong = _answers(doors, "refuses what is not revoked", wanted=True)
    write(crl, throwaway.list_of([user, bench.member.peer]))
    try:
        wrong += _answers(doors, "answers what is revoked", wanted=False)
    finally:
        write(crl, own)
    wrong += _answers(doors, "does not read the next list", wanted=True)
    return Check("a revoked certificate is refused from the next connection on", "; ".join(wrong))


def _clients_doors(bench: Bench, identity: Identity) -> list[Door]:
    return [(bench.cluster, port, identity) for port in bench.cluster.client_ports]


def _peers_doors(bench: Bench) -> list[Door]:
    return [(bench.peers, port, bench.member.peer) for port in bench.peers.peer_ports]


def _answers(doors: Iterable[Door], otherwise: str, *, wanted: bool) -> list[str]:
    return [
        f"port {port} {otherwise}"
        for cluster, port, identity in doors
        if cluster.accepts(port, identity) != wanted
    ]


def _clients(bench: Bench) -> Mapping[str, Identity]:
    nobody = {"a certificate of no user": bench.nobody} if bench.nobody else {}
    return {**bench.users, "root": bench.root, **nobody}


def _read(bench: Bench, port: int, identity: Identity) -> tuple[int, str] | None:
    key = base64.b64encode(PROBE.encode()).decode()
    return bench.cluster.reply(port, identity, "POST", "/v3/kv/range", json.dumps({"key": key}))


def _refuses(identity: Identity, reply: tuple[int, str] | None) -> bool:
    """Tell whether this reply is the refusal of a certificate: one with a CN is not even read."""
    certificate = certificates.read(identity.certificate.read_bytes(), str(identity.certificate))
    words = {IGNORED_CN} if certificate.cn else REFUSALS
    return reply is not None and any(each in reply[1] for each in words)


def _shown(reply: tuple[int, str] | None) -> str:
    return f"{reply[0]} {reply[1]}" if reply else "nothing"

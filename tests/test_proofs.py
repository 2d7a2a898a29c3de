"""Each proof notices when what it proves does not hold."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from clusters import P256, Live, live
from conftest import Factory
from support import processes
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import doors, matrix, proofs, throwaway
from tls_scaffold.etcd.attempts import Attempt
from tls_scaffold.etcd.bench import Bench, apply_script
from tls_scaffold.etcd.calls import ALLOWED, DENIED
from tls_scaffold.etcd.etcdctl import Identity, Member

WORDS = (
    *(
        "--members",
        "127.0.0.1",
        "--users",
        "root,calico,alice,plain",
        "--grant",
        "alice=/alice/:rw",
        *P256,
    ),
    *("--grant", "alice=/calico/felix/:r"),
)
Start = Callable[..., tuple[Live, Bench]]

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


@pytest.fixture
def start(signed: Factory, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs a folder's cluster with authentication on."""
    with ExitStack() as stack:

        def begin(*options: str, stranger: Identity | None = None) -> tuple[Live, Bench]:
            running = stack.enter_context(live(signed(*WORDS), tmp_path / "run", *options))
            users = {user.name: running.identity(user.name) for user in running.inventory.users}
            stranger = stranger or throwaway.sign_client(
                "root", throwaway.new_ca("another CA"), tmp_path / "stranger"
            )
            member = Member("etcd1", running.identity("etcd1"), running.identity("etcd1"))
            root, ca = running.identity("root"), running.cluster.ca
            bench = Bench(running.cluster, root, ca, member, stranger, users)
            for words in ((), ("--enable",)):
                done = running.script(*words)
                assert done.returncode == 0, done.stderr
            return running, bench

        yield begin


def script(running: Live) -> Path:
    return running.folder / "rbac.sh"


def tried(running: Live, bench: Bench) -> tuple[Attempt, ...]:
    return matrix.matrix(bench, running.inventory, running.inventory.users, lambda _done, _of: None)


def surprises(attempts: tuple[Attempt, ...], *operations: str) -> list[Attempt]:
    """Return what went otherwise than it should, of these operations alone where some are named."""
    return [
        each
        for each in attempts
        if not each.holds and (not operations or each.operation in operations)
    ]


def test_all_of_them_hold_on_a_cluster_that_is_right(start: Start) -> None:
    running, bench = start()

    attempts = tried(running, bench)

    assert surprises(attempts) == []
    checks = proofs.checks(bench, script(running), running.inventory, script(running))
    assert [check.seen for check in (*doors.checks(bench), *checks)] == [""] * 6
    seen = {(each.user, each.keys, each.operation): each.seen for each in attempts}
    with_keys = [each for each in attempts if each.keys]
    assert len({(each.user, each.keys) for each in with_keys}) == 4 * 4
    assert len(with_keys) == 4 * 4 * 12
    assert {each.keys for each in with_keys} == {
        "/calico/*",
        "/alice/*",
        "/calico/felix/*",
        "/tls-scaffold-nobody/*",
    }
    assert seen["alice", "/calico/felix/*", "get"] == ALLOWED
    assert seen["alice", "/calico/felix/*", "put"] == DENIED
    assert seen["plain", "/alice/*", "get"] == DENIED
    assert seen["root", "", "compact"] == seen["(members)", "", "list members"] == ALLOWED


def test_the_matrix_notices_a_role_that_gives_too_little_or_too_much(start: Start) -> None:
    running, bench = start()
    running.said("role", "grant-permission", "calico", "read", "--prefix=true", "/calico/")
    running.said(
        "role", "grant-permission", "user-alice", "write", "--prefix=true", "/tls-scaffold-nobody/"
    )

    attempts = tried(running, bench)

    assert surprises(attempts, "put") == [
        Attempt("calico", "/calico/*", "put", DENIED, ALLOWED),
        Attempt("calico", "/calico/felix/*", "put", DENIED, ALLOWED),
        Attempt("alice", "/tls-scaffold-nobody/*", "put", ALLOWED, DENIED),
    ]
    assert {each.operation for each in surprises(attempts) if each.user == "calico"} >= {
        *("put", "put with prev_kv", "compare and swap"),
        *("delete", "delete with prev_kv", "delete all"),
    }
    assert {each.operation for each in surprises(attempts) if each.user == "alice"} >= {
        *("put", "delete", "delete all"),
    }


def test_the_matrix_notices_a_user_that_may_do_what_is_root_s(start: Start) -> None:
    running, bench = start()
    running.said("user", "grant-role", "alice", "root")

    wrong = {each.operation for each in surprises(tried(running, bench)) if not each.keys}

    assert wrong >= {"defragment", "hash", "snapshot", "list users", "list roles"}


def test_the_matrix_notices_who_may_watch_more_than_it_should(start: Start) -> None:
    running, bench = start()
    running.said("role", "grant-permission", "user-alice", "read", "--from-key", "/alice/")

    wrong = surprises(tried(running, bench), "watch", "watch with an open end")

    assert {(each.user, each.keys, each.seen) for each in wrong} >= {
        ("alice", "/calico/*", ALLOWED),
        ("alice", "/tls-scaffold-nobody/*", ALLOWED),
    }


def test_the_matrix_tells_an_error_that_is_neither_allowed_nor_denied(start: Start) -> None:
    running, bench = start()

    attempts = tried(running, replace(bench, users={**bench.users, "plain": bench.stranger}))

    assert {each.user for each in surprises(attempts)} == {"plain"}
    assert not {each.seen for each in surprises(attempts)} & {ALLOWED, DENIED, ""}


def test_a_member_that_ends_while_others_try_ends_the_proof_with_its_name(
    start: Start, tmp_path: Path
) -> None:
    running, bench = start()
    (etcd,) = [number for number, words in processes().items() if is_etcd(words, tmp_path)]

    with pytest.raises(ScaffoldError) as failed:
        matrix.matrix(
            *(bench, running.inventory, running.inventory.users),
            lambda _done, _of: os.kill(etcd, signal.SIGKILL),
        )

    told = str(failed.value).splitlines()
    assert told[0] == "a member of the throw-away etcd cluster has ended"
    assert told[1] == "  etcd1: ended by SIGKILL"


def is_etcd(words: str, place: Path) -> bool:
    return words.partition(" ")[0].endswith("/etcd") and str(place) in words


def test_a_key_that_can_t_be_used_is_told_by_its_name(start: Start, tmp_path: Path) -> None:
    running, bench = start()
    other = tmp_path / "other-key.pem"
    other.write_bytes(bench.stranger.key.read_bytes())
    broken = Identity(bench.root.certificate, other)

    with pytest.raises(ScaffoldError) as failed:
        tried(running, replace(bench, users={**bench.users, "plain": broken}))

    assert "certs/root.pem` and its key can't be used here" in str(failed.value)
    assert "OpenSSL: KEY_VALUES_MISMATCH" in str(failed.value)


def test_a_cluster_that_trusts_another_ca_is_noticed(
    start: Start, tmp_path: Path, signed: Factory
) -> None:
    other = throwaway.new_ca("another CA")
    stranger = throwaway.sign_client("root", other, tmp_path / "stranger")
    ours = (signed(*WORDS, name="ours") / "certs/ca.pem").read_bytes()
    both = throwaway.write_trust(other, ours, tmp_path / "both.pem")
    _, bench = start(f"--trusted-ca-file={both}", stranger=stranger)

    check = doors.foreign_ca_is_refused(bench)

    assert check.seen == f"port {bench.cluster.client_ports[0]} answers it"


def test_a_refusal_is_no_proof_where_root_is_refused_as_well(start: Start) -> None:
    _, bench = start()

    check = doors.foreign_ca_is_refused(replace(bench, root=bench.stranger))

    assert check.seen == f"port {bench.cluster.client_ports[0]} does not answer root"


def test_members_that_are_a_user_of_etcd_are_noticed_when_they_may_do_something(
    start: Start,
) -> None:
    running, bench = start()
    running.said("user", "add", "etcd", "--no-password")
    running.said("user", "grant-role", "etcd", "root")

    wrong = surprises(tried(running, bench))

    assert {each.user for each in wrong} == {"(members)"}
    assert {each.operation for each in wrong} >= {"snapshot", "list users", "list roles"}


def test_a_gateway_that_takes_a_certificate_s_cn_is_noticed(start: Start) -> None:
    _, bench = start("--client-cert-auth=true")
    unnamed = replace(bench, logins={"plain": ("plain", "secret")})

    check = doors.gateway_takes_passwords(unnamed)

    assert check.seen.startswith(f"port {bench.cluster.client_ports[0]} answers plain with 4")


def test_a_cluster_whose_peers_take_any_cn_is_noticed(start: Start) -> None:
    _, bench = start("--peer-cert-allowed-cn=")
    port = bench.cluster.peer_ports[0]

    check = doors.only_members_are_peers(bench)

    assert check.seen == "; ".join(
        f"port {port} takes {name} for a member" for name in ("root", "calico", "alice", "plain")
    )


def test_a_refusal_is_no_proof_where_the_member_is_refused_as_well(start: Start) -> None:
    _, bench = start()

    check = doors.only_members_are_peers(
        replace(bench, member=Member("etcd1", bench.stranger, bench.stranger))
    )

    assert check.seen == f"port {bench.cluster.peer_ports[0]} refuses the member"


def test_a_script_that_changes_something_at_each_run_is_noticed(
    start: Start, tmp_path: Path
) -> None:
    _, bench = start()
    silent, loud = tmp_path / "silent.sh", tmp_path / "loud.sh"
    silent.write_text("etcdctl role add surprise >/dev/null\n")
    loud.write_text("echo '+ role\tcalico'\n")

    assert (
        proofs.second_run_changes_nothing(bench, silent).seen == "users or roles differ afterwards"
    )
    assert proofs.second_run_changes_nothing(bench, loud).seen == "`+ role\tcalico`"


def test_a_member_that_does_not_answer_is_noticed(start: Start) -> None:
    _, bench = start()
    lame = replace(bench.cluster, client_ports=(*bench.cluster.client_ports, 1))

    assert proofs.every_member_is_healthy(bench).holds
    assert (
        proofs.every_member_is_healthy(replace(bench, cluster=lame)).seen
        == "https://127.0.0.1:1 does not answer"
    )


def test_a_script_that_fails_ends_the_proof_with_its_words(start: Start, tmp_path: Path) -> None:
    _, bench = start()
    (tmp_path / "rbac.sh").write_text("echo 'error: no luck' >&2; exit 1\n")

    with pytest.raises(ScaffoldError) as failed:
        apply_script(bench, tmp_path / "rbac.sh", "--enable")

    assert str(failed.value) == "`rbac.sh --enable` failed on the throw-away cluster\n  no luck"

"""Each proof notices when what it proves does not hold."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from clusters import P256, Live, live
from conftest import Factory
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import proofs, throwaway
from tls_scaffold.etcd.bench import ALLOWED, DENIED, Bench, apply_script
from tls_scaffold.etcd.etcdctl import Identity, Member
from tls_scaffold.etcd.matrix import Attempt, matrix

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


def surprises(attempts: tuple[Attempt, ...]) -> list[Attempt]:
    return [each for each in attempts if not each.holds]


def test_all_of_them_hold_on_a_cluster_that_is_right(start: Start) -> None:
    running, bench = start()

    attempts = matrix(bench, running.inventory)

    assert surprises(attempts) == []
    assert [
        check.seen
        for check in proofs.checks(bench, script(running), running.inventory, script(running))
    ] == [""] * 6
    seen = {(each.user, each.path, each.access): each.seen for each in attempts}
    assert len(seen) == len(attempts) == 4 * 4 * 2
    assert {path for _, path, _ in seen} == {
        "/calico/*",
        "/alice/*",
        "/calico/felix/*",
        "/tls-scaffold-nobody/*",
    }
    assert seen["alice", "/calico/felix/*", "read"] == ALLOWED
    assert seen["alice", "/calico/felix/*", "write"] == DENIED
    assert seen["plain", "/alice/*", "read"] == DENIED


def test_the_matrix_notices_a_role_that_gives_too_little_or_too_much(start: Start) -> None:
    running, bench = start()
    running.said("role", "grant-permission", "calico", "read", "--prefix=true", "/calico/")
    running.said(
        "role", "grant-permission", "user-alice", "write", "--prefix=true", "/tls-scaffold-nobody/"
    )

    assert surprises(matrix(bench, running.inventory)) == [
        Attempt("calico", "/calico/*", "write", DENIED, ALLOWED),
        Attempt("calico", "/calico/felix/*", "write", DENIED, ALLOWED),
        Attempt("alice", "/tls-scaffold-nobody/*", "write", ALLOWED, DENIED),
    ]


def test_the_matrix_tells_an_error_that_is_neither_allowed_nor_denied(
    start: Start, tmp_path: Path
) -> None:
    running, bench = start()
    broken = Identity(bench.root.certificate, tmp_path / "no-such-key.pem")

    attempts = matrix(replace(bench, users={**bench.users, "plain": broken}), running.inventory)

    assert {each.user for each in surprises(attempts)} == {"plain"}
    assert all("no-such-key.pem" in each.seen for each in surprises(attempts))


def test_a_cluster_that_trusts_another_ca_is_noticed(
    start: Start, tmp_path: Path, signed: Factory
) -> None:
    other = throwaway.new_ca("another CA")
    stranger = throwaway.sign_client("root", other, tmp_path / "stranger")
    ours = (signed(*WORDS, name="ours") / "certs/ca.pem").read_bytes()
    both = throwaway.write_trust(other, ours, tmp_path / "both.pem")
    _, bench = start(f"--trusted-ca-file={both}", stranger=stranger)

    check = proofs.foreign_ca_is_refused(bench)

    assert check.seen == f"port {bench.cluster.client_ports[0]} answers it"


def test_a_refusal_is_no_proof_where_root_is_refused_as_well(start: Start) -> None:
    _, bench = start()

    check = proofs.foreign_ca_is_refused(replace(bench, root=bench.stranger))

    assert check.seen == f"port {bench.cluster.client_ports[0]} does not answer root"


def test_a_cn_that_nobody_should_know_is_noticed_when_it_may_do_something(start: Start) -> None:
    running, bench = start()
    running.said("user", "add", "etcd", "--no-password")
    running.said("user", "grant-role", "etcd", "root")

    check = proofs.unknown_cn_may_do_nothing(bench)

    assert check.seen == (
        "`get tls-scaffold-probe` is allowed; `put tls-scaffold-probe tls-scaffold-probe` is "
        "allowed; "
        "`user list` is allowed; `role list` is allowed"
    )


def test_a_cluster_whose_peers_take_any_cn_is_noticed(start: Start) -> None:
    _, bench = start("--peer-cert-allowed-cn=")
    port = bench.cluster.peer_ports[0]

    check = proofs.users_are_refused_as_peers(bench)

    assert check.seen == "; ".join(
        f"port {port} takes {name} for a member" for name in ("root", "calico", "alice", "plain")
    )


def test_a_refusal_is_no_proof_where_the_member_is_refused_as_well(start: Start) -> None:
    _, bench = start()

    check = proofs.users_are_refused_as_peers(
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

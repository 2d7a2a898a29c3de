"""Which roles a user gets, and the lines of rbac.tsv."""

import pytest

from tls_scaffold.inventory import rbac, userwarnings
from tls_scaffold.inventory.clusterparts import Files, Member, Permission, User
from tls_scaffold.inventory.membersettings import MemberSettings
from tls_scaffold.inventory.rbac import Role
from tls_scaffold.inventory.urls import endpoints, https_url
from tls_scaffold.inventory.values import Inventory

pytestmark = pytest.mark.fast

READ_X = Permission("/x/", "read")


def cluster(*users: User) -> Inventory:
    return Inventory(
        members=(Member("etcd1", ("10.0.0.1",)), Member("etcd2", ("::1", "b"))), users=users
    )


@pytest.mark.parametrize(
    ("user", "roles"),
    [
        pytest.param(User("calico", "cn"), ("calico",), id="a preset of its name"),
        pytest.param(User("a", "a", role="calico"), ("calico",), id="a preset that is named"),
        pytest.param(
            User("a", "a", role="kube-apiserver"),
            ("kube-apiserver", "root"),
            id="one with the role root",
        ),
        pytest.param(User("root", "root"), ("root",), id="root"),
        pytest.param(User("admin", "root"), ("root",), id="a CN root under another name"),
        pytest.param(
            User("a", "a", role="root"), ("root",), id="etcd's own administrator by a role"
        ),
        pytest.param(User("a", "a", permissions=(READ_X,)), ("user-a",), id="permissions by hand"),
        pytest.param(
            User("calico", "c", permissions=(READ_X,)),
            ("calico", "user-calico"),
            id="beside its name",
        ),
        pytest.param(User("a", "a", "calico", (READ_X,)), ("calico", "user-a"), id="both"),
        pytest.param(User("a", "a"), (), id="neither"),
        pytest.param(User("a", "a", role="no-such"), (), id="a preset that does not exist"),
    ],
)
def test_a_user_gets_the_roles_that_it_asks_for(user: User, roles: tuple[str, ...]) -> None:
    assert tuple(role.name for role in rbac.roles_of(user)) == roles


def test_permissions_by_hand_make_a_role_of_the_user_s_own() -> None:
    user = User("a", "A", permissions=(READ_X,))

    assert rbac.roles_of(user) == (Role("user-a", (READ_X,)),)


def test_the_script_s_lines_hold_each_thing_once_in_the_order_of_the_inventory() -> None:
    permissions = (
        READ_X,
        Permission("/k", "write", prefix=False),
        Permission("", "readwrite"),
        Permission("/a", "read", prefix=False, end="/c"),
        Permission("/a", "write", prefix=False, end=""),
        Permission("/é", "read", prefix=False, end="/ê"),
        Permission("/ÿ", "read", prefix=False, end="/Ā"),
    )
    inventory = cluster(
        User("admin", "root", files=Files(output="ssl/admin")),
        User("one", "1", role="calico"),
        User("two", "2", role="calico"),
        User("own", "o $(x)", permissions=permissions),
        User("plain", "plain"),
    )

    assert rbac.fact_lines(inventory) == (
        "endpoint\thttps://10.0.0.1:2379",
        "endpoint\thttps://[::1]:2379",
        "certificate\tssl/admin",
        "role\troot",
        "user\troot",
        "grant\troot\troot",
        "role\tcalico",
        "permission\tcalico\treadwrite\tprefix\t/calico/",
        "user\t1",
        "grant\tcalico\t1",
        "user\t2",
        "grant\tcalico\t2",
        "role\tuser-own",
        "permission\tuser-own\tread\tprefix\t/x/",
        "permission\tuser-own\twrite\tkey\t/k",
        "permission\tuser-own\treadwrite\tall",
        "permission\tuser-own\tread\trange\t/a\t/c",
        "permission\tuser-own\twrite\tfrom\t/a",
        "permission\tuser-own\tread\tprefix\t/é",
        "permission\tuser-own\tread\trange\t/ÿ\t/Ā",
        "user\to $(x)",
        "grant\tuser-own\to $(x)",
    )


def test_root_alone_is_the_one_user_whoever_else_there_is() -> None:
    without, named = cluster(User("a", "a")), cluster(User("admin", "root"))

    assert (
        rbac.root_alone(named).users
        == rbac.root_alone(without).users
        == (User("root", "root", role="root"),)
    )
    assert rbac.root_component(without) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("FD00::0:1", "[fd00::1]"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("B", "B"),
    ],
)
def test_an_ipv6_address_stands_in_brackets(host: str, expected: str) -> None:
    assert https_url(host, 2379) == f"https://{expected}:2379"


def test_users_of_whom_the_script_speaks_no_more_are_told() -> None:
    before, after = "role\ta\nuser\tb c\nuser\ta\nuser\tx\n", "user\tx\nuser\tnew\nrole\tuser"

    assert rbac.forgotten(before, after) == ("a", "b c")


def test_users_whose_password_is_to_count_no_more_are_told() -> None:
    before = "user\ta\ngateway\ta\nuser\tb\ngateway\tb\ngateway\tgone\nuser\tc\n"

    assert rbac.passwords_kept(before, "user\tc\ngateway\tb\nuser\tb\nuser\ta") == ("a",)


def test_a_member_without_known_hosts_has_no_address() -> None:
    assert endpoints(Inventory(members=(Member("a", ()), Member("b", ())))) == ()


def test_every_role_that_can_not_be_given_is_told_with_its_place() -> None:
    twice = (READ_X, Permission("/x/", "write"))
    inventory = cluster(
        User("a", "a", role="calicoo"),
        User("root", "root", role="calico"),
        User("b", "b", permissions=twice),
        User("fine", "fine", role="root"),
        User("t", "tls-scaffold-enable-1"),
        User("admin", "root"),
        User("c", "c", permissions=(READ_X, Permission("/x/", "write", prefix=False, end="/x0"))),
    )

    assert list(map(str, rbac.problems(inventory))) == [
        "users[0].role: `calicoo` is not a preset; did you mean `calico`?",
        "users[1].role: `root` is etcd's own administrator and may do everything: leave this out",
        "users[2].permissions[1]: `/x/` is granted twice",
        (
            "users[4].cn: `tls-scaffold-enable-1` begins like the users that rbac.sh deletes "
            "(`tls-scaffold-enable-…`)"
        ),
        "users[6].permissions[1]: `/x/` is granted twice",
    ]
    assert list(map(str, rbac.problems(cluster(User("root", "root", permissions=(READ_X,)))))) == [
        (
            "users[0].permissions: `root` is etcd's own administrator and may do everything: "
            "leave this out"
        )
    ]


def test_a_user_that_holds_the_role_root_by_its_name_needs_no_permissions() -> None:
    given = cluster(User("root", "admin", permissions=(READ_X,)))
    other = cluster(User("root", "admin", role="calico", permissions=(READ_X,)))

    assert list(map(str, rbac.problems(given))) == [
        (
            "users[0].permissions: etcd's user `admin` gets the role root, which may do "
            "everything: leave this out"
        )
    ]
    assert list(map(str, rbac.problems(other))) == []


def test_wide_prefixes_and_users_without_rights_are_warned_of() -> None:
    wide = User(
        "a",
        "a",
        permissions=(
            Permission("", "read"),
            Permission("/x", "read"),
            Permission("/y/", "read"),
            Permission("/k", "read", prefix=False),
            Permission("/r", "write", prefix=False, end="/s"),
            Permission("/r", "write", prefix=False, end=""),
        ),
    )
    plain = [User(f"u{number}", "u") for number in range(7)]

    assert userwarnings.warnings([wide, User("typha", "typha"), User("monitoring", "m")]) == [
        "`a`: the empty prefix matches every key there is",
        "`a`: the prefix `/x` lacks its slash: it matches `/x…` too, not only `/x/…`",
        (
            "`a`: who may read the key `/k` may also watch every key behind it on etcd before "
            "3.5.33, 3.6.14 and 3.7.1"
        ),
        "`a`: the range `/r..` has no end: it has every key that comes after `/r`",
    ]
    assert userwarnings.warnings([User("root", "root"), User("admin", "root")]) == []
    assert userwarnings.warnings([User("Root", "boss", role="typha"), User("root", "admin")]) == [
        "`Root`: its CN makes it etcd's user `boss`; etcd's own root has the CN root (`NAME=root`)",
        (
            "`root`: its CN makes it etcd's user `admin` with the role root, which may do "
            "everything; "
            "etcd's own root has the CN root (`NAME=root`)"
        ),
    ]
    assert userwarnings.warnings(plain[:2]) == [
        "`u0`, `u1`: certificates only, no etcd user (neither role nor permissions)"
    ]
    assert userwarnings.warnings(plain[:5]) == [
        (
            "`u0`, `u1`, `u2`, `u3`, `u4`: certificates only, no etcd user (neither role nor "
            "permissions)"
        )
    ]
    assert userwarnings.warnings(plain) == [
        (
            "`u0`, `u1`, `u2`, `u3`, `u4` and 2 more: certificates only, no etcd user (neither "
            "role nor permissions)"
        )
    ]


def test_what_a_preset_asks_of_whoever_gives_it_is_said() -> None:
    kube, restricted, calico, patroni = (
        userwarnings.warnings([User(name, name)])
        for name in ("kube-apiserver", "kube-apiserver-restricted", "calico", "patroni")
    )

    assert kube == [
        (
            "`kube-apiserver`: holds etcd's role root: its key opens everything in etcd; "
            "`kube-apiserver-restricted` does without"
        )
    ]
    assert restricted == [
        (
            "`kube-apiserver-restricted`: set `--etcd-compaction-interval=0`: "
            "it can't compact without root; etcd's members do"
        ),
        (
            "`kube-apiserver-restricted`: it asks the members for their Status, which etcd 3.4.42 "
            "to 3.4.45, 3.5.28 to 3.5.31 and 3.6.0 to 3.6.11 give to root alone"
        ),
    ]
    assert calico[0].startswith("`calico`: set `COMPACTION_PERIOD=0`: ")
    assert patroni[0].startswith("`patroni`: it comes through etcd's HTTP gateway")
    assert "may try passwords" in patroni[0]


def test_it_is_said_where_nobody_compacts() -> None:
    members = [Member(name, ("h",), etcd=MemberSettings(auto_compaction=0)) for name in "ab"]
    users = (User("typha", "t"), User("calico", "c"), User("kube-apiserver", "k"))
    off, on = Inventory(members=tuple(members), users=users), cluster(*users)
    partly = Inventory(members=(members[0], Member("b", ("h",))), users=users)

    assert list(userwarnings.uncompacted(off, users)) == [
        (
            "`calico`: can't compact, and `auto_compaction` of the members is off: etcd fills its "
            "quota and goes read-only"
        )
    ]
    assert list(userwarnings.uncompacted(on, users)) == []
    # The leader alone compacts, and either may lead.
    assert list(userwarnings.uncompacted(partly, users)) == [
        (
            "`calico`: can't compact, and `auto_compaction` of `a` is off: where one of these "
            "leads, etcd fills its quota and goes read-only"
        )
    ]
    assert list(userwarnings.uncompacted(off, users[:1])) == []


def test_a_user_is_told_of_the_preset_of_its_name_that_it_does_not_take() -> None:
    assert userwarnings.warnings([User("backup", "backup")]) == [
        "`backup`: not given the preset of its name, which only `--role backup=backup` does",
        "`backup`: certificates only, no etcd user (neither role nor permissions)",
    ]
    assert userwarnings.warnings([User("backup", "backup", role="backup")]) == [
        "`backup`: holds etcd's role root: its key opens everything in etcd"
    ]

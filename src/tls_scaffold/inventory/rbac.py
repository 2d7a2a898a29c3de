"""What each user may do in etcd: its roles, and `rbac.tsv`, which `rbac.sh` applies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tls_scaffold.errors import Problem
from tls_scaffold.inventory import presets
from tls_scaffold.inventory.clusterparts import Permission, User
from tls_scaffold.inventory.fields import escaped_problem
from tls_scaffold.inventory.forgotten import NOTHING, forgotten_of
from tls_scaffold.inventory.presetparts import NOBODY
from tls_scaffold.inventory.presets import comes_by_password, preset_of
from tls_scaffold.inventory.terms import CLIENT_AUTH, ROOT
from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.spelling import cn_problem

SCRIPT = "rbac.sh"  # the same in every folder
FACTS = "rbac.tsv"  # what it reads beside itself
# What rbac.sh calls the user that it makes and deletes while it switches authentication on.
TEMPORARY_USER = "tls-scaffold-enable-"
FORGOTTEN, USER, ROLE, GATEWAY = "forgotten", "user", "role", "gateway"


@dataclass(frozen=True)
class Role:
    """A role of etcd; root's permissions are etcd's own affair and stand in no list."""

    name: str
    permissions: tuple[Permission, ...] = ()


def preset_names(inventory: Inventory) -> dict[str, str]:
    """Return the preset's name of each user that has one, by the user's name.

    It says who reads the user's files.
    """
    return {user.name: preset.name for user in inventory.users if (preset := preset_of(user))}


def roles_of(user: User) -> tuple[Role, ...]:
    """Return the roles that a user holds in etcd; none for one that has a certificate and no more.

    A preset gives the role of its name, permissions by hand the role `user-NAME`.
    """
    preset = preset_of(user)
    roles = []
    if preset and preset.permissions:
        roles.append(Role(preset.name, preset.permissions))
    if user.permissions:
        roles.append(Role(f"user-{user.name}", user.permissions))
    if preset and preset.root:
        roles.append(Role(ROOT))
    return tuple(roles)


def lacks_roles(user: User) -> bool:
    """Tell whether etcd gets nothing of a user although nothing says that it is to be so."""
    preset = preset_of(user)
    is_to_be_so = not user.is_client or (preset is not None and preset.login == NOBODY)
    return not roles_of(user) and not is_to_be_so


def has_role_root(user: User) -> bool:
    """Tell whether a user holds the role root."""
    return any(role.name == ROOT for role in roles_of(user))


def root_component(inventory: Inventory) -> Component | None:
    """Return the component whose CN is root, None where the inventory has none."""
    users = (each for each in inventory.components if each.kind == "user")
    return next((each for each in users if each.cn == ROOT and CLIENT_AUTH in each.usages), None)


def root_alone(inventory: Inventory) -> Inventory:
    """Return the inventory with root for its only user."""
    return replace(inventory, users=(User(ROOT, ROOT, role=ROOT),))


def fact_lines(inventory: Inventory) -> tuple[str, ...]:
    """Return the lines of `rbac.tsv`: columns with tabs between them, each line once.

    `rbac.sh` takes no column that is empty or holds a control character: `inventory` refuses both.
    """
    return tuple(dict.fromkeys("\t".join(columns) for columns in _facts(inventory)))


def _facts(inventory: Inventory) -> Iterator[tuple[str, ...]]:
    yield from (("endpoint", endpoint) for endpoint in endpoints(inventory))
    root = root_component(inventory)
    if root:
        yield "certificate", root.output
    for user in inventory.users:
        roles = roles_of(user)
        for role in roles:
            yield ROLE, role.name
            for permission in role.permissions:
                yield _permission_fact(role, permission)
        if roles:
            yield USER, user.cn
        if roles and comes_by_password(user):
            yield GATEWAY, user.cn
        yield from (("grant", role.name, user.cn) for role in roles)
    yield from ((FORGOTTEN, USER, cn) for cn in inventory.forgotten.users)
    yield from ((FORGOTTEN, ROLE, name) for name in inventory.forgotten.roles)


def _permission_fact(role: Role, permission: Permission) -> tuple[str, ...]:
    columns = ("permission", role.name, permission.access)
    path, prefix, end = permission.keys
    if prefix:  # the empty one would be an empty column
        return *columns, *(("prefix", path) if path else ("all",))
    if end is None:
        return *columns, "key", path
    return *columns, *(("range", path, end) if end else ("from", path))


def remembering(inventory: Inventory, facts: str) -> Inventory:
    """Return an inventory that knows what a text of `rbac.tsv` asks etcd for, and it no more.

    What it asks for again is forgotten no longer. Where the file was edited anything may stand
    there: what can be no name is passed over.
    """
    now = "\n".join(fact_lines(replace(inventory, forgotten=NOTHING)))
    known = inventory.forgotten
    users = (_named(USER, facts) | set(known.users)) - _named(USER, now)
    roles = (_named(ROLE, facts) | set(known.roles)) - _named(ROLE, now)
    return replace(inventory, forgotten=forgotten_of(users, roles))


def forgotten(before: str, after: str) -> tuple[str, ...]:
    """Return the CNs that are in one text of `rbac.tsv` and no more in the next.

    etcd keeps such users until somebody deletes them there.
    """
    users = _named(USER, before) - _named(USER, after)
    # Where the file was edited, anything may stand there.
    return tuple(sorted(cn for cn in users if not cn_problem(cn)))


def passwords_kept(before: str, after: str) -> tuple[str, ...]:
    """Return the CNs that come by a password in one text of `rbac.tsv`, and without in the next."""
    users = _named(GATEWAY, before) & (_named(USER, after) - _named(GATEWAY, after))
    return tuple(sorted(cn for cn in users if not cn_problem(cn)))


def _named(kind: str, facts: str) -> set[str]:
    """Return the users, roles, or users by password, that a text of `rbac.tsv` asks for."""
    column = f"{kind}\t"
    lines = (line.rstrip("\r") for line in facts.split("\n"))
    return {line.removeprefix(column) for line in lines if line.startswith(column)}


def problems(inventory: Inventory) -> list[Problem]:
    """Return a problem for each role that can't be given."""
    return [
        escaped_problem(f"users[{index}].{field}", message)
        for index, user in enumerate(inventory.users)
        for field, message in _user_problems(user)
    ]


def _user_problems(user: User) -> Iterator[tuple[str, str]]:
    """Yield field and message."""
    if user.cn.startswith(TEMPORARY_USER):
        yield "cn", f"`{user.cn}` begins like the users that rbac.sh deletes (`{TEMPORARY_USER}…`)"
    if ":" in user.cn and comes_by_password(user):
        yield "cn", f"`{user.cn}` has a colon, behind which etcd takes the password"
    if not user.is_client and (user.role or user.permissions):
        field = "role" if user.role else "permissions"
        yield field, f"its usages lack `{CLIENT_AUTH}`: etcd lets nobody in with its certificate"
    if user.role and (wrong := presets.preset_problem(user.role)):
        yield "role", wrong
    if user.cn == ROOT and (user.permissions or user.role not in ("", ROOT)):
        field = "permissions" if user.permissions else "role"
        yield field, f"`{ROOT}` is etcd's own administrator and may do everything: leave this out"
    elif user.permissions and user.name == ROOT and has_role_root(user):
        rights = "gets the role root, which may do everything: leave this out"
        yield "permissions", f"etcd's user `{user.cn}` {rights}"
    keys = [permission.keys for permission in user.permissions]
    for index, each in enumerate(keys):
        if each in keys[:index]:
            yield f"permissions[{index}]", f"`{user.permissions[index].path}` is granted twice"

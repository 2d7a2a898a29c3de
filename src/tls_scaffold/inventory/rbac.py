"""What each user may do in etcd: its roles, and the lines of `rbac.tsv`, which `rbac.sh` brings etcd in line with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tls_scaffold.errors import Problem, problem_of
from tls_scaffold.inventory import presets
from tls_scaffold.inventory.listed import Permission, User
from tls_scaffold.inventory.presets import ROOT, Preset
from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.words import cn_problem

SCRIPT = "rbac.sh"  # the same in every folder
FACTS = "rbac.tsv"  # what it reads beside itself
TEMPORARY = (
    "tls-scaffold-enable-"  # what rbac.sh calls the user that it makes and deletes while enabling
)
SHOWN = 5


@dataclass(frozen=True)
class Role:
    """A role of etcd; root's permissions are etcd's own affair and stand in no list."""

    name: str
    permissions: tuple[Permission, ...] = ()


def preset_of(user: User) -> Preset | None:
    """Return the preset that a user takes: the one that its role names, else the one of its own name."""
    if user.role:
        return presets.find(user.role)
    return presets.find(user.name) or presets.find(ROOT if user.cn == ROOT else "")


def consumers(inventory: Inventory) -> dict[str, str]:
    """Return the preset's name of each user that has one, by the user's name: it says who reads its files."""
    return {user.name: preset.name for user in inventory.users if (preset := preset_of(user))}


def roles_of(user: User) -> tuple[Role, ...]:
    """Return the roles that a user holds in etcd; none for a user that has a certificate and nothing else.

    A preset gives the role of its name, permissions by hand the role `user-NAME`.
    """
    return tuple(_roles(user))


def _roles(user: User) -> Iterator[Role]:
    preset = preset_of(user)
    if preset and preset.permissions:
        yield Role(preset.name, preset.permissions)
    if user.permissions:
        yield Role(f"user-{user.name}", user.permissions)
    if preset and preset.root:
        yield Role(ROOT)


def root_component(inventory: Inventory) -> Component | None:
    """Return the component whose CN is root, None where the inventory has none."""
    return next(
        (each for each in inventory.components if each.kind == "user" and each.cn == ROOT), None
    )


def root_alone(inventory: Inventory) -> Inventory:
    """Return the inventory with root for its only user."""
    return replace(inventory, users=(User(ROOT, ROOT, role=ROOT),))


def fact_lines(inventory: Inventory) -> tuple[str, ...]:
    """Return what `rbac.tsv` says of the inventory: lines of words with tabs between them, each line once.

    No word is empty or holds a control character (`inventory` refuses both): `rbac.sh` takes no other line.
    """
    return tuple(dict.fromkeys("\t".join(words) for words in _lines(inventory)))


def _lines(inventory: Inventory) -> Iterator[tuple[str, ...]]:
    yield from (("endpoint", endpoint) for endpoint in endpoints(inventory))
    root = root_component(inventory)
    if root:
        yield "certificate", root.output
    for user in inventory.users:
        roles = roles_of(user)
        for role in roles:
            yield "role", role.name
            yield from (_permission_line(role, permission) for permission in role.permissions)
        if roles:
            yield "user", user.cn
        yield from (("grant", role.name, user.cn) for role in roles)


def _permission_line(role: Role, permission: Permission) -> tuple[str, ...]:
    if permission.prefix and not permission.path:
        return "permission", role.name, permission.access, "all"
    return (
        "permission",
        role.name,
        permission.access,
        "prefix" if permission.prefix else "key",
        permission.path,
    )


def forgotten(before: str, after: str) -> tuple[str, ...]:
    """Return the CNs that the texts of `rbac.tsv` spoke of before and no more after: etcd keeps such users."""
    users, left = (
        {line[5:] for line in text.split("\n") if line.startswith("user\t")}
        for text in (before, after)
    )
    # Where the file was edited, anything may stand behind the word.
    return tuple(sorted(cn for cn in users - left if not cn_problem(cn)))


def problems(inventory: Inventory) -> list[Problem]:
    """Return a problem for each role that can't be given."""
    return [
        problem_of(f"users[{index}].{field}", message)
        for index, user in enumerate(inventory.users)
        for field, message in _user_problems(user)
    ]


def _user_problems(user: User) -> Iterator[tuple[str, str]]:
    """Yield field and message."""
    if user.cn.startswith(TEMPORARY):
        yield "cn", f"`{user.cn}` begins like the users that rbac.sh deletes (`{TEMPORARY}…`)"
    if user.role and (wrong := presets.problem(user.role)):
        yield "role", wrong
    if user.cn == ROOT and (user.permissions or user.role not in ("", ROOT)):
        field = "permissions" if user.permissions else "role"
        yield field, f"`{ROOT}` is etcd's own administrator and may do everything: leave this out"
    elif (
        user.permissions and user.name == ROOT and any(role.name == ROOT for role in roles_of(user))
    ):
        yield (
            "permissions",
            f"etcd's user `{user.cn}` gets the role root, which may do everything: leave this out",
        )
    paths = [(permission.path, permission.prefix) for permission in user.permissions]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            yield f"permissions[{index}]", f"`{path[0]}` is granted twice"


def warnings(users: Iterable[User]) -> list[str]:
    """Return a line for each user root that is not etcd's, and for each prefix that matches more than it says.

    A last one is for all users that may do nothing.
    """
    listed = tuple(users)
    wide = [line for user in listed for line in (*_other_root(user), *_wide_prefixes(user))]
    without = [f"`{user.name}`" for user in listed if not roles_of(user)]
    if not without:
        return wide
    more = f" and {len(without) - SHOWN} more" if len(without) > SHOWN else ""
    return [
        *wide,
        f"{', '.join(without[:SHOWN])}{more}: certificates only, no etcd user (neither role nor permissions)",
    ]


def _other_root(user: User) -> Iterator[str]:
    if user.name.lower() == ROOT and user.cn != ROOT:
        given = any(role.name == ROOT for role in roles_of(user))
        whom = (
            f"`{user.cn}` with the role root, which may do everything" if given else f"`{user.cn}`"
        )
        yield f"`{user.name}`: its CN makes it etcd's user {whom}; etcd's own root has the CN root (`NAME=root`)"


def _wide_prefixes(user: User) -> Iterator[str]:
    for permission in user.permissions:
        if permission.prefix and not permission.path:
            yield f"`{user.name}`: the empty prefix matches every key there is"
        elif permission.prefix and not permission.path.endswith("/"):
            path = permission.path
            yield f"`{user.name}`: the prefix `{path}` lacks its slash: it matches `{path}…` too, not only `{path}/…`"

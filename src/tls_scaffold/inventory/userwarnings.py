"""What is allowed of users but seldom meant, and what others have to know of them."""

from collections.abc import Iterable, Iterator

from tls_scaffold.inventory import presets
from tls_scaffold.inventory.clusterparts import User
from tls_scaffold.inventory.conflicts import MOST_SHOWN
from tls_scaffold.inventory.presetparts import Preset
from tls_scaffold.inventory.presets import preset_of
from tls_scaffold.inventory.rbac import has_role_root, lacks_roles
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import listed

# GHSA-xg4h-6gfc-h4m8: a watch without an end is let through where its first key may be read.
WATCH_SEES_MORE = "etcd before 3.5.33, 3.6.14 and 3.7.1"


def warnings(users: Iterable[User]) -> list[str]:
    """Return what is allowed of users but seldom meant, or what others have to know, a line each.

    A last line is for all users that may do nothing.
    """
    users = tuple(users)
    lines = [line for user in users for line in _warnings_of(user)]
    without = [user.name for user in users if lacks_roles(user)]
    if without:
        lines.append(
            f"{listed(without, MOST_SHOWN)}: "
            "certificates only, no etcd user (neither role nor permissions)"
        )
    return lines


def uncompacted(inventory: Inventory, users: Iterable[User]) -> Iterator[str]:
    """Yield a line if users leave compaction to the members, and not every member does it.

    In etcd the leader alone compacts (server.go, `updateLeadership`), by its own settings.
    """
    left = [f"`{user.name}`" for user in users if (preset := preset_of(user)) and preset.settings]
    members = inventory.members
    off = [each.name for each in members if not inventory.settings(each).auto_compaction]
    if left and off:
        whose, leads = "the members", ""
        if len(off) < len(members):
            whose, leads = listed(off, MOST_SHOWN), "where one of these leads, "
        yield (
            f"{', '.join(left)}: can't compact, and `auto_compaction` of {whose} is off: {leads}"
            "etcd fills its quota and goes read-only"
        )


def _warnings_of(user: User) -> Iterator[str]:
    yield from _other_root(user)
    yield from _wide_ranges(user)
    preset = preset_of(user)
    if preset:
        yield from (f"`{user.name}`: {line}" for line in _preset_warnings(preset))
    elif user.is_client and (named := presets.find_preset(user.name)):
        yield (
            f"`{user.name}`: not given the preset of its name, which only "
            f"`--role {user.name}={named.name}` does"
        )


def _preset_warnings(preset: Preset) -> Iterator[str]:
    if preset.root and preset.name != ROOT:
        instead = f"; `{preset.without_root}` does without" if preset.without_root else ""
        yield f"holds etcd's role root: its key opens everything in etcd{instead}"
    yield from (f"set `{setting}`: {setting.why}" for setting in preset.settings)
    yield from preset.warnings


def _other_root(user: User) -> Iterator[str]:
    if user.name.lower() == ROOT and user.cn != ROOT:
        rights = " with the role root, which may do everything" if has_role_root(user) else ""
        yield (
            f"`{user.name}`: its CN makes it etcd's user `{user.cn}`{rights}; "
            "etcd's own root has the CN root (`NAME=root`)"
        )


def _wide_ranges(user: User) -> Iterator[str]:
    for permission in user.permissions:
        if permission.prefix and not permission.path:
            yield f"`{user.name}`: the empty prefix matches every key there is"
        elif permission.prefix and not permission.path.endswith("/"):
            path = permission.path
            yield (
                f"`{user.name}`: the prefix `{path}` lacks its slash: "
                f"it matches `{path}…` too, not only `{path}/…`"
            )
        elif permission.end == "":
            yield (
                f"`{user.name}`: the range `{permission}` has no end: "
                f"it has every key that comes after `{permission.path}`"
            )
        elif not permission.prefix and permission.end is None and permission.access != "write":
            yield (
                f"`{user.name}`: who may read the key `{permission.path}` may also watch every key "
                f"behind it on {WATCH_SEES_MORE}"
            )

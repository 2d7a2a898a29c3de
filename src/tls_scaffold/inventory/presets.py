"""The presets: what well-known users of etcd need there, every permission with its reason."""

from tls_scaffold.inventory import calicopresets, clientpresets, kubernetespresets
from tls_scaffold.inventory.clusterparts import User
from tls_scaffold.inventory.presetparts import PASSWORD, Preset
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.spelling import did_you_mean

PRESETS = (*kubernetespresets.PRESETS, *calicopresets.PRESETS, *clientpresets.PRESETS)
_BY_NAME = {preset.name: preset for preset in PRESETS}


def find_preset(name: str) -> Preset | None:
    """Return the preset of that name, None if there is none."""
    return _BY_NAME.get(name)


def preset_of(user: User) -> Preset | None:
    """Return the preset that a user takes: that which its role names, else that of its own name.

    By its name alone no certificate for servers takes one: nobody comes to etcd with it.
    """
    if user.role:
        return find_preset(user.role)
    if not user.is_client:
        return None
    if user.cn == ROOT:
        return find_preset(ROOT)
    named = find_preset(user.name)
    return named if named and named.by_name else None


def comes_by_password(user: User) -> bool:
    """Tell whether a user comes through etcd's HTTP gateway, where a password says who it is."""
    preset = preset_of(user)
    return preset is not None and preset.login == PASSWORD


def preset_problem(name: str) -> str:
    """Say that no preset is called `name`, and which was meant; empty if one is."""
    if name in _BY_NAME:
        return ""
    advice = did_you_mean(name, _BY_NAME) or "; `tls-scaffold roles` lists them"
    return f"`{name}` is not a preset{advice}"

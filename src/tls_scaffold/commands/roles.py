"""`tls-scaffold roles`: the presets, each permission with its reason."""

from tls_scaffold.inventory.presets import PRESETS, Preset


def roles() -> tuple[Preset, ...]:
    """Return the presets in the order in which they are shown."""
    return PRESETS

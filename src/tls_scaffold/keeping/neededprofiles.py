"""Which profiles of the rendered configuration a folder that has its own configuration gets."""

from collections.abc import Collection, Iterable
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.values import Component
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.paths import CONFIG


def needed_config(ours: str, yours: str | None, components: Iterable[Component]) -> str:
    """Return the rendered configuration without what nobody here has a use for.

    Those are the profiles that no component asks for and that `yours`, the folder's own, lacks, and
    of the default one the fields: a folder made by hand stays as it is until the first component
    asks for more.
    """
    if yours is None:
        return ours
    try:
        there = _signing(formats.parse(yours, CONFIG, "json"))
    except ScaffoldError:  # whoever merges them says so
        return ours
    wanted = {component.profile for component in components}
    rendered = _signing(formats.parse(ours, CONFIG, "json"))
    profiles = _needed(rendered["profiles"], there.get("profiles"), wanted)
    default = rendered["default"]
    if "" not in wanted:
        default = _needed(default, there.get("default"), set())
    if (default, profiles) == (rendered["default"], rendered["profiles"]):
        return ours
    # An empty table would be a change of ours, and is none.
    parts = {"default": default, "profiles": profiles}
    return json_text({"signing": {name: part for name, part in parts.items() if part}})


def _needed(ours: dict[str, Any], theirs: Any, wanted: Collection[str]) -> dict[str, Any]:
    there = theirs if isinstance(theirs, dict) else {}
    return {name: value for name, value in ours.items() if name in wanted or name in there}


def _signing(config: Any) -> dict[str, Any]:
    signing = config.get("signing") if isinstance(config, dict) else None
    return signing if isinstance(signing, dict) else {}

"""Which profiles of the rendered configuration a folder that has its own configuration gets."""

from collections.abc import Iterable
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.values import Component
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.paths import CONFIG


def needed_config(ours: str, yours: str | None, components: Iterable[Component]) -> str:
    """Return the rendered configuration without the profiles that nobody here has a use for.

    Those are the ones that no component asks for and that `yours`, the folder's own, lacks: a
    folder made by hand stays as it is until the first component asks for one.
    """
    if yours is None:
        return ours
    try:
        there = _profiles(formats.parse(yours, CONFIG, "json"))
    except ScaffoldError:  # whoever merges them says so
        return ours
    document: Any = formats.parse(ours, CONFIG, "json")
    wanted = {component.profile for component in components}
    rendered = _profiles(document)
    needed = {
        name: profile for name, profile in rendered.items() if name in wanted or name in there
    }
    if needed == rendered:
        return ours
    document["signing"]["profiles"] = needed
    if not needed:  # an empty table would be a change of ours, and is none
        del document["signing"]["profiles"]
    return json_text(document)


def _profiles(config: Any) -> dict[str, Any]:
    signing = config.get("signing") if isinstance(config, dict) else None
    profiles = signing.get("profiles") if isinstance(signing, dict) else None
    return profiles if isinstance(profiles, dict) else {}

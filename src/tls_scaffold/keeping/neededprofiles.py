"""Which profiles of the rendered configuration a folder that has its own configuration gets."""

from collections.abc import Collection, Iterable
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.terms import ROOT
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
    document = formats.parse(ours, CONFIG, "json")
    rendered = _signing(document)
    others = dict(document) if isinstance(document, dict) else {}
    if "remotes" in others:  # root's is there before the user is
        wanted.add(ROOT)
    needed = dict(rendered)
    needed["profiles"] = _needed(rendered.get("profiles", {}), there.get("profiles"), wanted)
    if "" not in wanted:
        needed["default"] = _needed(rendered.get("default", {}), there.get("default"), set())
    # An empty table would be a change of ours, and is none.
    needed = {name: part for name, part in needed.items() if part}
    return ours if needed == rendered else json_text({**others, "signing": needed})


def _needed(ours: dict[str, Any], theirs: Any, wanted: Collection[str]) -> dict[str, Any]:
    there = theirs if isinstance(theirs, dict) else {}
    return {name: value for name, value in ours.items() if name in wanted or name in there}


def _signing(config: Any) -> dict[str, Any]:
    signing = config.get("signing") if isinstance(config, dict) else None
    return signing if isinstance(signing, dict) else {}

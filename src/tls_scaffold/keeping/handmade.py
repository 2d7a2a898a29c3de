"""What counts as rendered last of a file that a team wrote by hand: the part of it that `adopt` understood."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tls_scaffold.cfssl import durations
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.keeping.merge import common
from tls_scaffold.paths import CONFIG

HOUR = timedelta(hours=1)


def base(path: str, yours: str, ours: str) -> Any:
    """Return the base for a merge of a request or a configuration made by hand with ours.

    Profiles are added then, and hosts to a request; the rest stays.
    The expiry that the inventory has from them is understood too, in other words or where their CA ends before it.
    A request without `names` or `key` asks for none. The empty host of the Calico guide's requests is
    understood, and goes: it makes an empty DNS name.
    """
    if path == CONFIG:
        return _with_their_expiry(common(yours, ours, fill_lists=False), yours, ours)
    there, new = json.loads(yours), json.loads(ours)
    if not ("hosts" in there and "hosts" in new):
        return new
    hosts = [host for host in new["hosts"] if host in (there["hosts"] or ())]
    return {**new, "hosts": [*hosts, *([""] if "" in (there["hosts"] or ()) else [])]}


def _with_their_expiry(base: Any, yours: str, ours: str) -> Any:
    """Return the base of the signing configuration with their own default expiry where ours stands for it."""
    try:
        there, new = (formats.parse(text, CONFIG, "json") for text in (yours, ours))
    except ScaffoldError:  # whoever merges them says so
        return base
    own = dict(_expiries(there))
    theirs, our = (each.get("", {}).get("expiry") for each in (own, dict(_expiries(new))))
    lasts, ends = (
        durations.parse(each) if isinstance(each, str) else None for each in (theirs, our)
    )
    if lasts is None or ends is None or lasts % HOUR or lasts < ends:
        return base
    for name, profile in _expiries(base):
        if profile["expiry"] == our and own.get(name, {}).get("expiry") == theirs:
            profile["expiry"] = theirs
    return base


def _expiries(config: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the profiles of a signing configuration that say how long, by name; the default has none."""
    signing = config.get("signing") if isinstance(config, dict) else None
    profiles = signing.get("profiles") if isinstance(signing, dict) else None
    default = signing.get("default") if isinstance(signing, dict) else None
    for name, profile in (("", default), *(profiles.items() if isinstance(profiles, dict) else ())):
        if isinstance(profile, dict) and "expiry" in profile:
            yield name, profile

"""What counts as rendered last of a file made by hand: the part that `adopt` understood."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tls_scaffold.cfssl import durations
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.keeping.merge import base_of_texts
from tls_scaffold.paths import CONFIG

HOUR = timedelta(hours=1)


def merge_base(path: str, yours: str, ours: str) -> Any:
    """Return the base for a merge of a request or a configuration made by hand with ours.

    Profiles are added then, and hosts to a request; the rest stays. The expiry that the inventory
    has from them is understood too, in other words or where their CA ends before it. A request
    without `names` or `key` asks for none. The empty host of the Calico guide's requests is
    understood, and goes: it makes an empty DNS name.
    """
    if path == CONFIG:
        return _with_their_expiry(base_of_texts(yours, ours, fill_lists=False), yours, ours)
    there, new = json.loads(yours), json.loads(ours)
    if "hosts" not in there or "hosts" not in new:
        return new
    theirs = there["hosts"] or ()
    hosts = [host for host in new["hosts"] if host in theirs]
    return {**new, "hosts": [*hosts, ""] if "" in theirs else hosts}


def _with_their_expiry(base: Any, yours: str, ours: str) -> Any:
    """Return the base of the configuration with their default expiry where ours stands for it."""
    try:
        there, new = (formats.parse(text, CONFIG, "json") for text in (yours, ours))
    except ScaffoldError:  # whoever merges them says so
        return base
    own = dict(_lasting_profiles(there))
    theirs = own.get("", {}).get("expiry")
    our = dict(_lasting_profiles(new)).get("", {}).get("expiry")
    lasts, ends = (
        durations.parse(each) if isinstance(each, str) else None for each in (theirs, our)
    )
    # An inventory counts whole hours, and `adopt` cuts theirs off at the end of the CA.
    if lasts is None or ends is None or lasts % HOUR or lasts < ends:
        return base
    for name, profile in _lasting_profiles(base):
        if profile["expiry"] == our and own.get(name, {}).get("expiry") == theirs:
            profile["expiry"] = theirs
    return base


def _lasting_profiles(config: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the profiles of a configuration that say how long, by name; the default has none."""
    signing = config.get("signing") if isinstance(config, dict) else None
    if not isinstance(signing, dict):
        return
    profiles = signing.get("profiles")
    named = profiles.items() if isinstance(profiles, dict) else ()
    for name, profile in (("", signing.get("default")), *named):
        if isinstance(profile, dict) and "expiry" in profile:
            yield name, profile

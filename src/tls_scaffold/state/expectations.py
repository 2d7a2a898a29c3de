"""What the inventory knows that a component needs, and what signed it leaves out.

cfssl signs a request in which `hosts` is misspelt, or a line with the profile of others, in
silence; the certificate is then just what was asked for, and good for nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tls_scaffold.inventory.terms import lacking_usages
from tls_scaffold.inventory.values import Component
from tls_scaffold.paths import PEER_CA
from tls_scaffold.signing.differences import CN, HOSTS, IS_CA, NAMES, USAGES
from tls_scaffold.spelling import canonical_host
from tls_scaffold.state.entries import LINE, Entry, Fault
from tls_scaffold.state.statewords import STALE

UNASKED = "and is not asked for"


@dataclass(frozen=True)
class Need:
    """One thing that a component needs: whether it is asked for, and whether it is there.

    `about` and `words` are as in Difference. What can't be read counts as asked for.
    """

    about: str
    words: str
    is_asked: bool
    is_there: bool


def with_expectations(entry: Entry, component: Component) -> Entry:
    """Return the entry of a component with its name and kind, and what it needs and does not get.

    What its certificate lacks is a fault. Whatever is not asked for would be missing after the next
    signing, too.
    """
    entry = replace(entry, name=component.name, kind=component.kind)
    needs = tuple(_needs(entry, component))
    if any(need.about == NAMES and not need.is_there for need in needs):
        # Another name in the subject is no matter, unless somebody is known by it.
        told = (replace(each, hinders=each.hinders or each.about == NAMES) for each in entry.faults)
        entry = replace(entry, faults=tuple(told))
    unmet = tuple(f"{need.about}: {need.words}" for need in needs if not need.is_asked)
    # What is asked for, and is not there, is a difference already.
    faults = tuple(
        Fault(STALE, f"{need.about}: {need.words}", about=need.about)
        for need in needs
        if entry.certificate and not need.is_there and not (need.is_asked and entry.request)
    )
    return replace(entry, unmet=unmet, faults=(*entry.faults, *faults))


def _needs(entry: Entry, component: Component) -> Iterator[Need]:
    asked, there = entry.request, entry.certificate
    if component.kind == "user":
        cn = there.cn if there else ""
        is_asked = asked is None or asked.cn == component.cn
        yield Need(CN, f"`{cn}`, but it is for `{component.cn}`", is_asked, cn == component.cn)
    if entry.ca != component.ca and PEER_CA in (entry.ca, component.ca):
        words = f"`{component.ca}` is to sign it, and its line asks for `{entry.ca}`"
        yield Need(LINE, words, is_asked=False, is_there=False)
    hosts_asked = {canonical_host(host) for host in (asked and asked.hosts) or ()}
    hosts_there = {canonical_host(host) for host in there.hosts} if there else set()
    for host in component.hosts:
        words = f"`{host}` of {component.kind} `{component.name}` missing, {UNASKED}"
        name = canonical_host(host)
        yield Need(HOSTS, words, asked is None or name in hosts_asked, name in hosts_there)
    # Others know a component by names that it says for itself, as by its CN.
    own_names = [(word, text) for word, texts in component.terms.names for text in texts]
    for word, text in own_names:
        words = f"`{word}={text}` of {component.kind} `{component.name}` missing, {UNASKED}"
        is_asked = asked is None or any(name.get(word) == text for name in asked.names)
        is_there = there is not None and (word, text) in there.subject
        yield Need(NAMES, words, is_asked, is_there)
    makes_ca = bool(entry.profiles) and all(each.constraint.is_ca for each in entry.profiles)
    is_ca = there is not None and there.is_ca
    if makes_ca or is_ca:
        words = f"`{component.name}` is to be none, and its profile makes it one"
        yield Need(IS_CA, words, not makes_ca, not is_ca)
    if component.has_named_profile and [each.name for each in entry.profiles] == [
        component.profile
    ]:
        return
    granted = [usage for profile in entry.profiles for usage in profile.usages]
    lacking = lacking_usages(component.usages, tuple(granted)) if granted else ()
    is_limited = there is not None and not there.is_for_anything
    missing = lacking_usages(component.usages, there.usages) if there and is_limited else ()
    for usage in dict.fromkeys((*lacking, *missing)):
        words = f"`{usage}` missing, {UNASKED}"
        yield Need(USAGES, words, usage not in lacking, usage not in missing)

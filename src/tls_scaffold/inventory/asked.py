"""What the requests and profiles of single components ask for: their own terms, else all's."""

from tls_scaffold.inventory.terms import CLIENT, CLIENT_AUTH, ROOT, OwnProfile
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import PEER_CA
from tls_scaffold.spelling import Key


def names_of(inventory: Inventory, component: Component) -> tuple[dict[str, str], ...]:
    """Return a component's names as a request has them.

    What the component does not say itself is as in every subject. The second and further texts of
    a word follow in names of their own.
    """
    texts = {
        **{word: (text,) for word, text in inventory.names.items()},
        **dict(component.terms.names),
    }
    count = max([1, *map(len, texts.values())])
    return tuple(
        {word: each[at] for word, each in texts.items() if at < len(each)} for at in range(count)
    )


def key_of(inventory: Inventory, component: Component) -> Key:
    """Return the kind of key that a component gets."""
    return component.terms.key or inventory.key


def own_profiles(inventory: Inventory) -> tuple[OwnProfile, ...]:
    """Return the signing profiles beside the default one and `client`, by their names.

    That of etcd's root is there before the user is: so nothing else is signed again for its sake.
    """
    found = {
        each.profile: OwnProfile(each.profile, each.usages, each.terms.expiry or inventory.expiry)
        for each in inventory.components
        if (each.terms.have_own_profile or each.ca == PEER_CA) and each.profile != CLIENT
    }
    if inventory.ca.has_root_profile:
        found.setdefault(ROOT, OwnProfile(ROOT, (CLIENT_AUTH,), inventory.expiry))
    return tuple(found[name] for name in sorted(found))

"""What a signing service signs for one folder: a policy a profile, by the folder's inventory."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tls_scaffold.cfssl.profiles import DEFAULT_USAGES
from tls_scaffold.cfssl.sans import classify_host
from tls_scaffold.cfssl.whitelist import exact_pattern
from tls_scaffold.errors import Problem
from tls_scaffold.inventory.asked import own_profiles
from tls_scaffold.inventory.fields import escaped_problem
from tls_scaffold.inventory.terms import CLIENT, CLIENT_AUTH, ROOT
from tls_scaffold.inventory.values import LOOPBACK, Component, Inventory

ORDINARY = "ordinary"
ALWAYS = ("signing", "key encipherment")  # of every rendered profile
# Without usages both versions of cfssl sign nothing; one of an hour is refused all the same.
NO_LIFE = "1h"


@dataclass(frozen=True)
class Signs:
    """How a profile signs: the usages that it grants, and for how long (a duration of Go's)."""

    usages: tuple[str, ...]
    expiry: str


@dataclass(frozen=True)
class SigningPolicy:
    """What is signed by one profile; an empty `profile` is the default one.

    `names` are those that may stand in a certificate, as cfssl asks for them: a CN, DNS names,
    e-mail addresses and URIs. It asks for no IP address. `cns` are the CNs among them.
    """

    profile: str
    signs: Signs
    names: frozenset[str]
    cns: frozenset[str]

    @property
    def auth_key(self) -> str:
        """The key by which it is asked for, by its name in the configuration."""
        return ROOT if self.profile == ROOT else ORDINARY

    def document(self) -> dict[str, object]:
        """Return it as cfssl reads it."""
        return {
            "usages": list(self.signs.usages),
            "expiry": self.signs.expiry,
            "auth_key": self.auth_key,
            "name_whitelist": exact_pattern(self.names),
        }


def rendered_profiles(inventory: Inventory) -> dict[str, Signs]:
    """Return how the profiles sign that a folder's own configuration is rendered with.

    The template says the same where the CA's key is in the folder: a test holds both to one answer.
    """
    life = f"{inventory.expiry}h"
    return {
        "": Signs(DEFAULT_USAGES, life),
        CLIENT: Signs((*ALWAYS, CLIENT_AUTH), life),
        **{
            each.name: Signs((*ALWAYS, *each.usages), f"{each.expiry}h")
            for each in own_profiles(inventory)
        },
    }


def profiles_elsewhere(inventory: Inventory) -> tuple[str, ...]:
    """Return the profiles that components name and that no inventory describes, by their names."""
    known = rendered_profiles(inventory)
    asked = {each.profile for each in inventory.components}
    return tuple(sorted(asked - known.keys() - {ROOT}))


def signing_policies(
    inventory: Inventory, elsewhere: Mapping[str, Signs]
) -> tuple[SigningPolicy, ...]:
    """Return the policy of each profile that components are signed by, the default one first.

    `elsewhere` says how the profiles sign of which `profiles_elsewhere` has the names. cfssl needs
    a default profile: one that nobody asks for signs nothing.
    """
    rendered = rendered_profiles(inventory)
    # A folder may have root signed by its own profile, or as other users are.
    known = {ROOT: rendered[CLIENT], **rendered, **elsewhere}
    names = _names_by_request(inventory)
    asked: defaultdict[str, set[str]] = defaultdict(set)
    cns: defaultdict[str, set[str]] = defaultdict(set)
    signs = {"": Signs((), NO_LIFE)}
    for component in inventory.components:
        profile = profile_of(component)
        signs[profile] = known[component.profile]
        # Components that share a request get the hosts of all.
        asked[profile] |= names[component.request]
        cns[profile] |= {component.cn} - {""}
    return tuple(
        SigningPolicy(name, signs[name], frozenset(asked[name]), frozenset(cns[name]))
        for name in sorted(signs)
    )


def profile_of(component: Component) -> str:
    """Return the profile that a signing service signs a component by."""
    return ROOT if component.cn == ROOT else component.profile


def root_problems(inventory: Inventory) -> Iterator[Problem]:
    """Yield a problem for each component that would open root's place to those who are not root.

    A whitelist does not tell a CN from a DNS name: a host called `root` would let a CN in.
    """
    for component in inventory.components:
        if component.cn == ROOT:
            continue
        if component.profile == ROOT:
            message = f"the profile `{ROOT}` is for the CN `{ROOT}` alone"
            yield escaped_problem(component.name, message)
        if ROOT in component.hosts:
            message = f"with the host `{ROOT}` its profile would sign the CN `{ROOT}` too"
            yield escaped_problem(component.name, message)


def config_document(
    policies: tuple[SigningPolicy, ...], auth_keys: Mapping[str, str]
) -> dict[str, object]:
    """Return the signing configuration; `auth_keys` tells where each key is, by its name."""
    used = dict.fromkeys(policy.auth_key for policy in policies)
    return {
        "signing": {
            "default": policies[0].document(),
            "profiles": {each.profile: each.document() for each in policies[1:]},
        },
        "auth_keys": {name: {"type": "standard", "key": auth_keys[name]} for name in used},
    }


def _names_by_request(inventory: Inventory) -> Mapping[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for component in inventory.components:
        loopback = () if component.kind == "user" else LOOPBACK
        names = found[component.request]
        names.update(_checked_names((*loopback, *component.hosts)))
        names.update({component.cn} - {""})
    return found


def _checked_names(hosts: tuple[str, ...]) -> Iterator[str]:
    """Yield what cfssl asks a whitelist of: every name in a certificate but IP addresses."""
    for host in hosts:
        kind, name = classify_host(host)
        if kind != "ip":
            yield name

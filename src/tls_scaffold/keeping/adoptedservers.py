"""Which certificates of a folder made by hand are servers'."""

from collections import Counter
from collections.abc import Callable, Mapping

from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.inventory.terms import SERVER_AUTH, lacking_usages
from tls_scaffold.inventory.values import MEMBERS_CN
from tls_scaffold.keeping.adoptedhosts import hosts_of, own_hosts
from tls_scaffold.makefiles.gencert import Signing


def find_servers(
    signings: list[Signing], requests: Mapping[str, Request], config: SigningConfig
) -> list[Signing]:
    """Return the signings of servers, which are among those whose profile lets them serve.

    They are those of the CN etcd, as in hack/tls-setup; else those that share a request with hosts;
    else those with hosts; else those with loopback's hosts, for a try on one machine.
    """
    sharing = Counter(signing.request for signing in signings)

    def has_cn_of_members(signing: Signing) -> bool:
        return requests[signing.request].overridden(signing.cn, None).cn == MEMBERS_CN

    def shares_hosts(signing: Signing) -> bool:
        return sharing[signing.request] > 1 and any(hosts_of(requests[signing.request], signing))

    def has_own_hosts(signing: Signing) -> bool:
        return bool(own_hosts(requests[signing.request], signing))

    def has_any_hosts(signing: Signing) -> bool:
        return any(hosts_of(requests[signing.request], signing))

    rules: tuple[Callable[[Signing], bool], ...] = (
        has_cn_of_members,
        shares_hosts,
        has_own_hosts,
        has_any_hosts,
    )
    serving = [each for each in signings if _may_serve(config, each)]
    for rule in rules:
        if found := list(filter(rule, serving)):
            return found
    return []


def _may_serve(config: SigningConfig, signing: Signing) -> bool:
    usages = config.profile_or_default(signing.profile).usages
    return not lacking_usages((SERVER_AUTH,), usages)

"""Which certificates of a folder made by hand are servers'."""

from collections import Counter
from collections.abc import Mapping

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
    serving = [(each, requests[each.request]) for each in signings if _may_serve(config, each)]
    with_cn = [each for each, asked in serving if asked.overridden(each.cn, None).cn == MEMBERS_CN]
    with_hosts = [each for each, asked in serving if any(hosts_of(asked, each))]
    sharing_hosts = [each for each in with_hosts if sharing[each.request] > 1]
    with_own_hosts = [each for each, asked in serving if own_hosts(asked, each)]
    return with_cn or sharing_hosts or with_own_hosts or with_hosts


def _may_serve(config: SigningConfig, signing: Signing) -> bool:
    usages = config.profile_or_default(signing.profile).usages
    return not lacking_usages((SERVER_AUTH,), usages)

"""What bundles and proofs take from a folder: the CAs that are trusted, and pairs that fit them."""

from collections.abc import Collection, Iterable
from pathlib import Path

from tls_scaffold.bundles import members
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.disk.plainfiles import text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing import certificates, pairchecks
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.signing.trust import Trust

SIGN_AGAIN = (
    "`make` signs what is missing, `make req-NAME` signs again; "
    "a CA that was changed can be put back instead"
)
EVERY_KIND = ("member", "proxy", "user")


def usable_pairs(
    folder: Path,
    inventory: Inventory,
    components: Iterable[Component],
    trust: Trust,
    summary: str,
    known_by_cn: Collection[str] = EVERY_KIND,
) -> dict[Component, Pems]:
    """Return what lies in the folder for these components.

    Raises ScaffoldError, its first line `summary`, with everything that consumers would only hint
    at. A certificate is looked at further only if all of them are sound. `known_by_cn` are the
    kinds of components whose CNs have to be those of the inventory.
    """
    pairs: dict[Component, Pems] = {}
    problems = list(trust.problems)
    for each in components:
        paths = (f"{each.output}.pem", f"{each.output}{KEY_ENDING}")
        missing = [f"`{path}` is missing" for path in paths if not (folder / path).exists()]
        problems += missing
        if not missing:
            certificate, key = (text(folder, path) for path in paths)
            problems += pairchecks.pair_faults(
                certificate.encode(), key.encode(), each.output, trust.cas, trust.path
            )
            pairs[each] = Pems(certificate, key, trust.text)
    if problems:
        raise ScaffoldError(summary, problems, trust.hint or SIGN_AGAIN)
    problems = [
        members.cn_problem(
            inventory, each, certificates.read(pems.certificate.encode(), each.output).cn
        )
        for each, pems in pairs.items()
        if each.kind in known_by_cn
    ]
    if any(problems):
        reason = "the peers of members are known by their CNs"
        raise ScaffoldError(f"{summary}: {reason}", filter(None, problems), members.CN_HINT)
    lives = {f"{each.output}.pem": pems.certificate.encode() for each, pems in pairs.items()}
    lives = {trust.path: trust.text.encode(), **lives}
    if problems := pairchecks.outside_lifetime(lives, utc_now()):
        reason = "certificates are not valid now"
        raise ScaffoldError(f"{summary}: {reason}", problems, pairchecks.CLOCK_HINT)
    return pairs

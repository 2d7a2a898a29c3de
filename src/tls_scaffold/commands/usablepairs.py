"""Certificates with their keys, as a bundle or a proof can use them: sound, known by CN, valid now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles import members
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.commands.trust import Trust
from tls_scaffold.disk.plainfiles import text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.signing import certificates, soundness
from tls_scaffold.signing.signer import utc_now

SIGN_AGAIN = (
    "`make` signs what is missing, `make req-NAME` signs again; "
    "a CA that was changed can be put back instead"
)


@dataclass(frozen=True)
class Refusals:
    """The first lines of a command's errors about pairs that it can't use.

    `known_by_cn` are the kinds of components whose CNs have to be those of the inventory.
    """

    unsound: str
    other_cns: str
    not_valid_now: str
    known_by_cn: tuple[str, ...]


def usable_pairs(
    folder: Path,
    inventory: Inventory,
    components: Iterable[Component],
    trust: Trust,
    refusals: Refusals,
) -> dict[Component, Pems]:
    """Return what lies in the folder for these components.

    Raises ScaffoldError with everything that consumers would only hint at. A certificate is looked
    at further only if all of them are sound.
    """
    pairs: dict[Component, Pems] = {}
    problems = list(trust.problems)
    for each in components:
        paths = (f"{each.output}.pem", f"{each.output}-key.pem")
        missing = [f"`{path}` is missing" for path in paths if not (folder / path).exists()]
        problems += missing
        if not missing:
            certificate, key = (text(folder, path) for path in paths)
            problems += soundness.faults(
                certificate.encode(), key.encode(), each.output, trust.cas, trust.path
            )
            pairs[each] = Pems(certificate, key, trust.text)
    if problems:
        raise ScaffoldError(refusals.unsound, problems, trust.hint or SIGN_AGAIN)
    _check_cns(inventory, pairs, refusals)
    lives = {f"{each.output}.pem": pems.certificate.encode() for each, pems in pairs.items()}
    lives = {trust.path: trust.text.encode(), **lives}
    if untimely := soundness.untimely(lives, utc_now()):
        raise ScaffoldError(refusals.not_valid_now, untimely, soundness.IN_TIME)
    return pairs


def _check_cns(inventory: Inventory, pairs: Mapping[Component, Pems], refusals: Refusals) -> None:
    problems = []
    for component, pems in pairs.items():
        if component.kind in refusals.known_by_cn:
            cn = certificates.read(pems.certificate.encode(), component.output).cn
            problems.append(members.cn_problem(inventory, component, cn))
    if any(problems):
        raise ScaffoldError(refusals.other_cns, filter(None, problems), members.CN_HINT)

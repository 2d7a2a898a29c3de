"""What a plan leads to beyond the files that it writes: what is told, and what has to be run.

All is read from the plan, so that a dry run, the run and the one that finishes it say the same.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime, timezone
from itertools import chain, repeat
from pathlib import Path

from tls_scaffold.bundles.memberflags import CRLS, FOR_CLIENTS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflicts, intake, rbac, userwarnings
from tls_scaffold.inventory.clusterparts import Member, User
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.urls import https_url, own_host
from tls_scaffold.inventory.values import FILE, PEER, Inventory
from tls_scaffold.keeping import teamlines
from tls_scaffold.keeping.acceptance import acceptance_of, what_it_opens
from tls_scaffold.keeping.plan import BESIDE, Plan
from tls_scaffold.makefiles.componentlines import PEER_CA_FLAG, ComponentLine, component_lines
from tls_scaffold.paths import CONFIG, CRL, MAKEFILE
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.copies import name_of, recorded_paths
from tls_scaffold.spelling import MINUTE

COMPONENTS = "COMPONENTS.md"
ENDPOINT = "endpoint\t"
# A word of a shell: CNs may have blanks and quotes.
FLAG_OF_PEER_CNS = re.compile(r"--peer-cert-allowed-cn=((?:'[^'\n]*'|\"'\"|[^\s`;'\"\\])+)")
NO_SETTINGS = {"members", "proxies", "users", "removed", "forgotten"}
NO_RIGHTS = ("#", "endpoint\t", "certificate\t", "forgotten\t")
MEMBER_ID = "`etcdctl member list` shows the ID"


def warnings(folder: Path, plan: Plan, inventory: Inventory) -> tuple[str, ...]:
    """Return what is allowed but has effects that nobody sees in the folder, a line each.

    `inventory` is what holds when the plan is done.
    """
    before, after = _lines(plan.before(MAKEFILE)), _lines(plan.after(MAKEFILE))
    added, gone = after.keys() - before.keys(), before.keys() - after.keys()
    known = _users_before(plan)
    new_users = [
        user for user in inventory.users if user.name in added or known.get(user.name, user) != user
    ]
    return (
        *userwarnings.warnings(new_users),
        *userwarnings.uncompacted(inventory, new_users),
        *(conflicts.several_peer_cns(inventory) if added & _server_names(inventory) else ()),
        *(conflicts.short_lived(inventory) if plan.step(CONFIG) else ()),
        *_new_members(plan, added, inventory),
        *_left_members(plan, gone),
        *_left_certificates(folder, plan, [before[name] for name in sorted(gone)], inventory),
        *teamlines.lines_left_over(folder, plan),
        *teamlines.requests_in_use(folder, plan),
        *(user_kept(cn) for cn in plan.forgotten),
        *_passwords_kept(plan),
        *_moved_members(plan, inventory),
        *_changed_peer_cns(plan, inventory),
        *_looks_into_list(plan, inventory),
        *_settings_left_out(plan),
    )


def user_kept(cn: str) -> str:
    """Return the sentence on an etcd user that nothing is asked for any more.

    While authentication is on etcd deletes no root, and `rbac.sh` never does.
    """
    if cn == ROOT:
        return (
            f"etcd keeps the user `{ROOT}`, which it does not delete while authentication is on: "
            "whoever has a certificate of that CN that is valid may do everything"
        )
    delete = f"etcdctl user delete -- {shlex.quote(cn)}"
    return f"etcd keeps the user `{cn}` and its rights until `sh rbac.sh --prune`, or `{delete}`"


def _passwords_kept(plan: Plan) -> Iterator[str]:
    """Yield whose password etcd goes on taking, though a certificate is to tell who they are.

    etcd takes a password from nobody who has it: only another user has none.
    """
    for cn in rbac.passwords_kept(plan.before(rbac.FACTS), plan.after(rbac.FACTS)):
        delete = f"etcdctl user delete -- {shlex.quote(cn)}"
        yield (
            f"etcd goes on taking the password of `{cn}` until `{delete}`; "
            "`make rbac` makes it anew without"
        )


def targets_to_run(plan: Plan) -> tuple[str, ...]:
    """Return the targets of make that are left to run, in their order; empty text is the usual."""
    before, after = _lines(plan.before(MAKEFILE)), _lines(plan.after(MAKEFILE))
    written = [step.path for step in plan.own_steps if step.after is not None]
    requests = [path for path in written if path.startswith("config/")]
    is_to_sign = any(not path.endswith(BESIDE) for path in requests) or any(
        before.get(name) != line for name, line in after.items()
    )
    known = set(plan.before(rbac.FACTS).splitlines())
    new = plan.after(rbac.FACTS).splitlines() if known else []
    has_rights = any(line not in known and not line.startswith(NO_RIGHTS) for line in new)
    return (*([""] if is_to_sign or plan.ca else []), *(["rbac"] if has_rights else []))


def inventory_after(folder: Path, plan: Plan) -> Inventory:
    """Return the inventory that holds when a plan is done."""
    text = plan.after(FILE)
    return intake.from_json(text) if text else intake.load(folder)


def _users_before(plan: Plan) -> dict[str, User]:
    """Return the users before a plan that changes the inventory, by name; else none."""
    text = plan.before(FILE)
    with suppress(ScaffoldError):
        return {user.name: user for user in intake.from_json(text).users} if text else {}
    return {}


def _lines(makefile: str) -> Mapping[str, ComponentLine]:
    return {line.name: line for line in component_lines(makefile)}


def _server_names(inventory: Inventory) -> set[str]:
    return {each.name for each in inventory.components if each.kind != "user"}


def _changed_peer_cns(plan: Plan, inventory: Inventory) -> Iterator[str]:
    """Yield what members need that show each other another CN than they asked for till now."""
    said = FLAG_OF_PEER_CNS.search(plan.before(COMPONENTS))
    before = "".join(shlex.split(said[1])) if said else ""
    asked = inventory.asked_peer_cns
    if before and asked and before != ",".join(asked):
        yield (
            f"members asked their peers for the CN `{before}`: on a cluster that runs let them "
            "take both CNs before the first of them shows the new one"
        )


def _looks_into_list(plan: Plan, inventory: Inventory) -> Iterator[str]:
    """Yield what members need that are to look into a list of what was revoked from now on."""
    table = plan.before(COMPONENTS)
    if table and inventory.crl and f"--{CRLS[FOR_CLIENTS]}=" not in table:
        yield (
            "members look into a list of what was revoked from now on: each needs its new bundle "
            f"and one restart, and never without `{CRL}`, which `make` makes"
        )


def _settings_left_out(plan: Plan) -> Iterator[str]:
    """Yield each setting of the inventory that another inventory did not have."""
    texts = plan.before(FILE), plan.after(FILE)
    if not all(texts):
        return
    with suppress(ScaffoldError):
        before, after = (intake.from_json(text).document() for text in texts)
        for name in before.keys() - after.keys() - NO_SETTINGS:
            value = json.dumps(before[name], ensure_ascii=False)
            yield f"`{name}` is left out now, and was {value}: the usual holds"


def _new_members(plan: Plan, added: AbstractSet[str], inventory: Inventory) -> Iterator[str]:
    """Yield what is to be done in etcd about each member that joins those that are there."""
    there = _server_names(inventory) - added
    for member in inventory.members:
        if member.name in added and member.hosts and any(there) and plan.step(FILE):
            url = _peer_url(inventory, member)
            yield (
                f"a cluster that runs is told of `{member.name}` first: `etcdctl member add "
                f"{member.name} --peer-urls={url}`, then `tls-scaffold bundle "
                f"--initial-cluster-state existing {member.name}`"
            )


def _left_members(plan: Plan, gone: set[str]) -> Iterator[str]:
    """Yield what is to be done in etcd about each member that was taken out."""
    members = _members_before(plan)
    for name in sorted(gone):
        if name in members:
            yield (
                f"etcd counts on the member `{name}` until `etcdctl member remove ID`: "
                f"{MEMBER_ID}; then stop it"
            )


def _members_before(plan: Plan) -> list[str]:
    """Return the names of the members in their order before a plan that changes these; else none.

    They are the rows of the first table of COMPONENTS.md; some folders have two for a member.
    """
    rows = plan.before(COMPONENTS).partition("\n## Proxies")[0].splitlines()
    names = [row.removeprefix("| ").partition(" | ")[0] for row in rows if row.startswith("| ")]
    return [name for name in names[1:] if not name.startswith(PEER)]  # the first is the heading


def _left_certificates(
    folder: Path, plan: Plan, gone: list[ComponentLine], inventory: Inventory
) -> Iterator[str]:
    """Yield how long each certificate of a component that was taken out is accepted.

    The record has them all: that in `certs/` may be missing or damaged, and there may be older ones
    elsewhere. What lies there is told also where nobody knows the CA.
    """
    if not gone:
        return
    acceptance, now = acceptance_of(folder, inventory), datetime.now(timezone.utc)
    recorded = _recorded(folder, {name_of(line.output) for line in gone})
    # Adopted folders may have a/server.pem and b/server.pem, of which one stays.
    staying = {(name_of(each.output), each.cn) for each in inventory.components}
    for line in gone:
        name = name_of(line.output)
        own = _certificate(folder, plan, line.certificate_path)
        copies = [each for each in recorded.get(name, ()) if (name, each.cn) not in staying]
        accepted = {each.der: each for each in copies if acceptance.takes(each, now)}
        if own and not own.has_ended(now) and not acceptance.has_revoked(own):
            accepted[own.der] = own
        # That of `certs/` first, or the one that lives longest.
        in_order = sorted(accepted.values(), key=lambda each: (each is own, each.not_after))
        for each, whose in zip(reversed(in_order), chain(["the"], repeat("another")), strict=False):
            opens_peers = acceptance.opens_peers(each) or _opens_peers_of(line, each, inventory)
            opens = what_it_opens(each.cn, opens_peers=opens_peers)
            end = f"{each.not_after:{MINUTE}}"
            yield f"{whose} certificate of `{line.name}` {opens} until {end}"


def _opens_peers_of(line: ComponentLine, certificate: Certificate, inventory: Inventory) -> bool:
    """Tell by its line what opens the peer port, where no CA is there to tell it."""
    is_peer = not inventory.peer_ca or _is_of_peers(line)
    return is_peer and certificate.is_for_clients and certificate.cn in inventory.peer_cns


def _recorded(folder: Path, names: Collection[str]) -> dict[str, list[Certificate]]:
    """Return the certificates that the record has of some components, by name."""
    found: dict[str, list[Certificate]] = {}
    for name, path in recorded_paths(folder):
        certificate = certificates.read_at(folder / path) if name in names else None
        if certificate:
            found.setdefault(name, []).append(certificate)
    return found


def _is_of_peers(line: ComponentLine) -> bool:
    return (line.flags or ())[:1] == (f"-{PEER_CA_FLAG}",)


def _certificate(folder: Path, plan: Plan, path: str) -> Certificate | None:
    """Return a certificate where it was before a plan or is after it; None if it can't be read."""
    for place in (path, f"{plan.shelf}/{path}"):
        if found := certificates.read_at(folder / place):
            return found
    return None


def _moved_members(plan: Plan, inventory: Inventory) -> Iterator[str]:
    """Yield what to do, in its order, about each member that is at another address now."""
    for name, (old, new) in _moved_urls(plan, inventory).items():
        yield (
            f"`{name}` was at {old} and is at {new} for its peers: sign, and give the other "
            f"members their new certificates; then stop `{name}`, `etcdctl member update ID "
            f"--peer-urls={new}` ({MEMBER_ID}), and start it there with its data and its new "
            "certificate, which it does not get before: at the old address its peers refuse that"
        )


def _moved_urls(plan: Plan, inventory: Inventory) -> dict[str, tuple[str, str]]:
    """Return the URLs for peers, before and after, of each member that has another one now."""
    members = [member for member in inventory.members if member.hosts]
    new = {each.name: _peer_url(inventory, each) for each in members}
    old: dict[str, str] = {}
    if text := plan.before(FILE):
        with suppress(ScaffoldError):
            last = intake.from_json(text)
            old = {each.name: _peer_url(last, each) for each in last.members if each.hosts}
    elif facts := plan.before(rbac.FACTS):
        # The inventory was edited by hand: where members were, only what was rendered can tell.
        hosts = _hosts_of_endpoints(facts)
        names = _members_before(plan) or [each.name for each in members]
        ports = {each.name: inventory.settings(each).peer_port for each in members}
        if len(hosts) == len(names):
            was_at = dict(zip(names, hosts, strict=True))
            old = {
                name: https_url(host, ports[name]) for name, host in was_at.items() if name in ports
            }
    return {name: (old[name], url) for name, url in new.items() if old.get(name, url) != url}


def _peer_url(inventory: Inventory, member: Member) -> str:
    return https_url(own_host(member), inventory.settings(member).peer_port)


def _hosts_of_endpoints(facts: str) -> list[str]:
    urls = [line.removeprefix(ENDPOINT) for line in facts.splitlines() if line.startswith(ENDPOINT)]
    return [url.removeprefix("https://").rpartition(":")[0].strip("[]") for url in urls]

"""What can't stand together in one inventory: names, files, hosts and CNs that collide."""

import re
from collections.abc import Iterator

from tls_scaffold.errors import Problem
from tls_scaffold.inventory.asked import key_of, names_of
from tls_scaffold.inventory.clusterparts import Files
from tls_scaffold.inventory.custody import custody_conflicts
from tls_scaffold.inventory.fields import escaped_problem
from tls_scaffold.inventory.hostconflicts import host_conflicts, repeated
from tls_scaffold.inventory.reach import RENDERED
from tls_scaffold.inventory.terms import BOTH_ENDS, PROFILES, profile_name
from tls_scaffold.inventory.values import PEER, PEER_CA_CN, Component, Inventory
from tls_scaffold.paths import CA_OUTPUT, CERTS, ENDINGS, PEER_CA_OUTPUT
from tls_scaffold.spelling import CN_LENGTH, RENEW_DAYS, listed

PEER_PROFILE = PROFILES[BOTH_ENDS]
MOST_SHOWN = 5  # names in a warning


def conflicts(inventory: Inventory) -> list[Problem]:
    """Return a problem for each collision of parts that are right by themselves."""
    return [
        *_shared_names(inventory),
        *_shared_files(inventory),
        *_nested_files(inventory),
        *host_conflicts(inventory),
        *_shared_user_cns(inventory),
        *_cns_of_servers_and_ca(inventory),
        *_profiles_said_twice(inventory),
        *_numbers(inventory),
        *_files_of_peers(inventory),
        *custody_conflicts(inventory.ca, has_peer_ca=inventory.peer_ca),
    ]


def missing_members(inventory: Inventory, *, users_are_enough: bool) -> Iterator[Problem]:
    """Yield a problem if there is no member; a folder that was adopted may have users alone."""
    if not (inventory.members or (users_are_enough and inventory.users)):
        yield escaped_problem("members", "there are none: a cluster has at least one")


def several_peer_cns(inventory: Inventory) -> Iterator[str]:
    """Yield a line if the members have several CNs, which is allowed but seldom meant.

    Older etcds compare their peers with one CN alone. With a CA of their own nobody asks for a CN.
    """
    if len(inventory.asked_peer_cns) > 1:
        cns = ", ".join(f"`{cn}`" for cn in inventory.peer_cns)
        yield (
            f"members have several CNs ({cns}): etcd takes a list in --peer-cert-allowed-cn "
            "from 3.5.15 on; older members with such a list refuse each other"
        )


def short_lived(inventory: Inventory) -> Iterator[str]:
    """Yield a line for each life that is so short that its certificates are always due."""
    lives: dict[int, list[str]] = {inventory.expiry: []}
    for each in inventory.components:
        if each.terms.expiry:
            lives.setdefault(each.terms.expiry, []).append(each.name)
    days = f"the {RENEW_DAYS} days of `status` and `make renew`"
    for hours, names in lives.items():
        if hours <= RENEW_DAYS * 24:
            whose = "" if hours == inventory.expiry else f"{listed(names, MOST_SHOWN)}: "
            yield f"{whose}a life of {hours} hours is within {days}: always expiring"


def _with_places(inventory: Inventory) -> Iterator[tuple[str, Component]]:
    for index, pair in enumerate(inventory.member_pairs):
        places = (f"members[{index}]", f"members[{index}].peer")
        yield from zip(places, dict.fromkeys(pair), strict=False)
    for plural, kind in (("proxies", "proxy"), ("users", "user")):
        of_kind = [component for component in inventory.components if component.kind == kind]
        for index, component in enumerate(of_kind):
            yield f"{plural}[{index}]", component


def _files_of_peers(inventory: Inventory) -> Iterator[Problem]:
    """Yield what a member says of its second certificate that the CA of peers says too."""
    for index, member in enumerate(inventory.members if inventory.peer_ca else ()):
        files = member.peer.files if member.peer else Files()
        for field, said in (("output", files.output), ("profile", files.profile)):
            if said:
                certificate = f"`{CERTS}/{PEER}{member.name or 'NAME'}.pem`"
                yield escaped_problem(
                    f"members[{index}].peer.{field}",
                    f"`peer_ca` has {certificate} signed, with the profile `{PEER_PROFILE}`: "
                    "leave it out",
                )


def _shared_names(inventory: Inventory) -> Iterator[Problem]:
    placed = _with_places(inventory)
    for place, component, earlier, other in repeated(placed, lambda each: each.name.lower()):
        differs = f", as `{other.name}` but for upper and lower case"
        case = "" if component.name == other.name else differs
        yield escaped_problem(
            f"{place}.name", f"`{component.name}` is the name of {earlier} too{case}"
        )


def _shared_files(inventory: Inventory) -> Iterator[Problem]:
    """Yield files that are two components'.

    Of components of one name nothing is told: that is their mistake. A request may be that of
    several if it asks the same for all of them, as the members' does.
    """
    placed = list(_with_places(inventory))
    for place, component, earlier, other in repeated(placed, lambda each: each.output.lower()):
        if component.name.lower() != other.name.lower():
            yield escaped_problem(
                f"{place}.output",
                f"`{component.certificate_path}` is the certificate of {earlier} too",
            )
    for place, component, earlier, other in repeated(placed, lambda each: each.request.lower()):
        differing = _differing(inventory, component, other)
        if component.name.lower() != other.name.lower() and differing:
            yield escaped_problem(
                f"{place}.request",
                f"`{component.request}` is the request of {earlier} too, with {differing}",
            )


def _differing(inventory: Inventory, component: Component, other: Component) -> str:
    """Say why two components can't share a request; empty if they can."""
    if component.cn != other.cn:
        return "another CN"
    if names_of(inventory, component) != names_of(inventory, other):
        return "other names"
    if "user" in (component.kind, other.kind) and component.hosts != other.hosts:
        return "other hosts"
    return "" if key_of(inventory, component) == key_of(inventory, other) else "another kind of key"


def _nested_files(inventory: Inventory) -> Iterator[Problem]:
    """Yield what would lie below a file as if that were a folder: the one is in the other's way."""
    placed = list(_with_places(inventory))
    files = {path.lower() for path in RENDERED}
    files |= {component.request.lower() for _, component in placed}
    for output in (CA_OUTPUT, PEER_CA_OUTPUT, *(component.output for _, component in placed)):
        files |= {f"{output}{ending}".lower() for ending in ENDINGS}
    for place, component in placed:
        for field, path in (("request", component.request), ("output", component.certificate_path)):
            parts = path.split("/")
            for count in range(1, len(parts)):
                folder = "/".join(parts[:count])
                if folder.lower() in files:
                    yield escaped_problem(
                        f"{place}.{field}", f"`{path}` would lie below `{folder}`, which is a file"
                    )
                    break


def _shared_user_cns(inventory: Inventory) -> Iterator[Problem]:
    users = [
        (f"users[{index}]", user) for index, user in enumerate(inventory.users) if user.is_client
    ]
    for place, user, earlier, other in repeated(users, lambda each: each.cn.lower()):
        if user.name.lower() == other.name.lower():
            continue  # their names are told
        case = "" if user.cn == other.cn else f" (as `{other.cn}`, but for upper and lower case)"
        yield escaped_problem(
            f"{place}.cn",
            f"`{user.cn}` is the CN of {earlier} too{case}: they would be one etcd user",
        )


def _cns_of_servers_and_ca(inventory: Inventory) -> Iterator[Problem]:
    """Yield whose CN would make it a server, or would make its subject the CA's.

    etcd's gateway dials etcd with its member's certificate (CVE-2018-16886). A certificate that has
    the CA's subject OpenSSL takes for self-signed.
    """
    owners: dict[str, str] = {}
    # With other names the subject is another, whatever the CN.
    named_as_ca = [
        each for each in inventory.components if names_of(inventory, each) == (inventory.names,)
    ]
    users_as_ca = {each.name for each in named_as_ca if each.kind == "user"}
    cns_as_ca = {each.cn for each in named_as_ca if each.kind != "user"}
    for place, component in _with_places(inventory):
        if component.kind != "user":
            owners.setdefault(component.cn, place)
    if inventory.members_cn in owners:
        owners[inventory.members_cn] = "the members"
    for index, user in enumerate(inventory.users):
        cn, place = user.cn, f"users[{index}].{'name' if user.name == user.cn else 'cn'}"
        if cn in owners:
            yield escaped_problem(
                place, f"`{cn}` is the CN of {owners[cn]}: etcd's gateway would act as that user"
            )
        if user.name in users_as_ca and _is_ca_cn(inventory, cn):
            yield escaped_problem(
                place, f"`{cn}` with the same names would be the whole subject of the CA"
            )
    for cn, owner in owners.items():
        if cn in cns_as_ca and _is_ca_cn(inventory, cn):
            yield escaped_problem(
                "ca_cn", f"`{cn}` is the CN of {owner}: they would have the whole subject of the CA"
            )


def _is_ca_cn(inventory: Inventory, cn: str) -> bool:
    """Tell whether this is the CN of a CA, or of one that came before it or will follow it.

    What one that was brought is called the inventory does not say.
    """
    ours = "" if inventory.ca.own else f"|{re.escape(inventory.ca_cn)}"
    name = f"(?:{PEER_CA_CN}{re.escape(inventory.ca_cn)}{ours})"
    return re.fullmatch(rf"{name}( [1-9][0-9]*)?", cn) is not None


def _profiles_said_twice(inventory: Inventory) -> Iterator[Problem]:
    """Yield where a profile of the folder's own is named, and fields ask for another one."""
    for place, component in _with_places(inventory):
        terms = component.terms
        own = profile_name(component.usages, terms.expiry)
        if terms.have_own_profile and component.profile != own:
            field = "expiry" if terms.expiry else "usages"
            named = component.profile or "default"
            yield escaped_problem(
                f"{place}.profile",
                f"`{named}` says what `{field}` says too: leave out one of them",
            )


def _numbers(inventory: Inventory) -> Iterator[Problem]:
    if inventory.ca.own:
        return
    if len(inventory.ca_cn) <= CN_LENGTH < len(inventory.ca_subject_cn):
        cn = f"`{inventory.ca_subject_cn}`, with the number of the CA"
        yield escaped_problem("ca_cn", f"{cn}, is longer than {CN_LENGTH} characters")
    elif inventory.peer_ca and len(inventory.peer_ca_subject_cn) > CN_LENGTH:
        cn = f"`{inventory.peer_ca_subject_cn}`, as the CA of peers is called"
        yield escaped_problem("ca_cn", f"{cn}, is longer than {CN_LENGTH} characters")
    lives = {"expiry": inventory.expiry}
    for place, component in _with_places(inventory):
        if component.terms.expiry and not place.endswith(".peer"):
            lives[f"{place}.expiry"] = component.terms.expiry
    for place, hours in lives.items():
        if hours >= inventory.ca_expiry:
            yield escaped_problem(
                place,
                f"`{hours}h` is not shorter than the CA's `{inventory.ca_expiry}h`: "
                "a certificate signed later would outlive its CA",
            )

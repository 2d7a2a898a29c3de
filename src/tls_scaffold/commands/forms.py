"""Further forms in which `bundle` hands out what it has: PKCS #8 and #12, Kubernetes, kubeadm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tls_scaffold.bundles import consumers, kubeadm, kubernetes
from tls_scaffold.bundles.settings import LIST, PEER_TRUST, Pems
from tls_scaffold.commands.bundleoptions import BundleOptions
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.clusterparts import AS_ALL
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.values import PEER, Component, Inventory
from tls_scaffold.paths import KEY_ENDING, PEER_CA, TRUSTS
from tls_scaffold.signing import keystores
from tls_scaffold.signing.certificates import Certificate, read_all

TRUST_STORE = "truststore.p12"
NO_PEMS = Pems("", "", "")


def check_forms(options: BundleOptions, inventory: Inventory, owners: Sequence[Component]) -> None:
    """Raise ScaffoldError with every reason why these bundles can't have these forms.

    Raises UsageError for a form or a setting that none of them has.
    """
    of_members = {
        "--data-dir": options.data_dir,
        "--initial-cluster-state": options.initial_cluster_state,
    }
    for option, value in of_members.items():
        if value and not any(owner.kind == "member" for owner in owners):
            raise UsageError(f"{option} is for members, and none is among {_named(owners)}")
    if options.kubeadm:
        _check_place_in_kubeadm(inventory, owners)
    parts = [
        part.name for owner in owners for part in consumers.bundled_components(inventory, owner)
    ]
    problems, hints = [], []
    if options.kubernetes and (shared := kubernetes.name_problems(parts)):
        problems += shared
        hints.append("make such bundles in runs of their own, for namespaces of their own")
    if options.p12:
        taken = [name for name in parts if f"{name}.p12".lower() == TRUST_STORE]
        problems += [f"the key store of `{name}` would be `{TRUST_STORE}`" for name in taken]
        if taken:
            hints.append("Java's stores are for components of other names")
    if problems:
        raise ScaffoldError("no bundle is made in these forms", problems, "; ".join(hints))


def _check_place_in_kubeadm(inventory: Inventory, owners: Iterable[Component]) -> None:
    presets = rbac.preset_names(inventory)
    if not any(kubeadm.has_place(owner, presets.get(owner.name, "")) for owner in owners):
        raise UsageError(
            f"--kubeadm: kubeadm has no place for the files of {_named(owners)}",
            hint=f"it has one for members and for a user with the preset `{kubeadm.API_SERVER}`",
        )


def _named(owners: Iterable[Component]) -> str:
    return ", ".join(f"`{owner.name}`" for owner in owners)


def every_path(inventory: Inventory, owner: Component) -> set[str]:
    """Return the path of each file that a component's bundle may hold, whatever is asked for.

    Its preset may have been another when an older bundle was made, and a member may have had a
    second certificate then.
    """
    if owner.kind == "user":
        owner = replace(owner, terms=AS_ALL)  # its usages may have been others, too
    parts = [part.name for part in consumers.bundled_components(inventory, owner)]
    blank = dict.fromkeys(parts, NO_PEMS)
    paths = {TRUST_STORE}
    for preset in ("", *(each.name for each in PRESETS)):
        paths |= consumers.bundle_files(inventory, owner, preset, blank).keys()
        paths |= kubeadm.kubeadm_files(inventory, owner, preset, list(blank.values())).keys()
    second = [f"{PEER}{owner.name}"] if owner.kind == "member" else []
    for name in (*parts, *second):
        paths |= {f"{name}.pem", f"{name}{KEY_ENDING}", f"{name}.p12"}
        for ca_map in (kubernetes.CA_MAP, kubernetes.PEER_CA_MAP):
            paths |= kubernetes.kubernetes_files(name, NO_PEMS, ca_map).keys()
    if owner.kind == "member":
        paths |= {PEER_TRUST, kubeadm.PEER_CA, LIST, kubeadm.LIST, *kubernetes.list_files(b"")}
    return paths


def as_pkcs8(pairs: Mapping[Component, Pems]) -> dict[Component, Pems]:
    """Return what components hold, with each key as PKCS #8."""
    return {
        component: replace(
            pems,
            key=keystores.pkcs8(pems.key.encode(), component.key_path).decode(),
        )
        for component, pems in pairs.items()
    }


def list_files(options: BundleOptions, der: bytes) -> dict[str, str | bytes]:
    """Return the list of what members refuse, in each form of a member's bundle."""
    return {
        LIST: der,
        **(kubernetes.list_files(der) if options.kubernetes else {}),
        **({kubeadm.LIST: der} if options.kubeadm else {}),
    }


def further_files(
    options: BundleOptions,
    inventory: Inventory,
    owners: Iterable[Component],
    pems: Mapping[str, Pems],
    password: bytes,
) -> dict[str, dict[str, str | bytes]]:
    """Return the further files of each bundle by its owner's name, before any is written.

    `pems` are those of `consumers.files`; `password` is that of the PKCS #12 stores.
    """
    presets = rbac.preset_names(inventory)
    files_of = {}
    trust_stores: dict[tuple[Certificate, ...], bytes] = {}
    for owner in owners:
        parts = consumers.bundled_components(inventory, owner)
        files: dict[str, str | bytes] = {}
        if options.p12:
            for part in parts:
                pair = (pems[part.name].certificate.encode(), pems[part.name].key.encode())
                cas = read_all(pems[part.name].ca.encode(), TRUSTS[part.ca])
                store = keystores.key_store(part.name, *pair, part.output, cas, password)
                files[f"{part.name}.p12"] = store
            trusted = read_all(pems[owner.name].ca.encode(), TRUSTS[owner.ca])
            if trusted not in trust_stores:  # a password makes it slow
                trust_stores[trusted] = keystores.trust_store(trusted, password)
            files[TRUST_STORE] = trust_stores[trusted]
        if options.kubernetes:
            for part in parts:
                ca_map = kubernetes.PEER_CA_MAP if part.ca == PEER_CA else kubernetes.CA_MAP
                files |= kubernetes.kubernetes_files(part.name, pems[part.name], ca_map)
        if options.kubeadm:
            preset = presets.get(owner.name, "")
            pairs = [pems[part.name] for part in parts]
            files |= kubeadm.kubeadm_files(inventory, owner, preset, pairs, options.home)
        files_of[owner.name] = files
    return files_of

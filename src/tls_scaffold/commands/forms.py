"""The further forms in which `bundle` hands out what it has: PKCS #8, PKCS #12, Kubernetes' and kubeadm's."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from tls_scaffold.bundles import consumers, kubeadm, kubernetes
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.values import PEER, Component, Inventory
from tls_scaffold.paths import KEY_ENDING, TRUST
from tls_scaffold.signing import keystores
from tls_scaffold.signing.certificates import Certificate, read_all

PASSWORD = "TLS_SCAFFOLD_P12_PASSWORD"  # noqa: S105 - the name of the variable
PASSWORD_OPTION = "--p12-password-file"  # noqa: S105
SHORTEST = 6  # characters: Java's keytool reads a store with less, but makes none
TRUST_STORE = "truststore.p12"
AS_SIGNED, PKCS8 = "as-signed", "pkcs8"


@dataclass(frozen=True)
class Forms:
    """Which further forms are asked for; `password_file` is empty where the password is in the environment."""

    key_form: str = AS_SIGNED
    p12: bool = False
    password_file: str = ""
    kubernetes: bool = False
    kubeadm: bool = False


def check_key_form(asked: Forms) -> None:
    """Raise UsageError if keys can't be had in the form that is asked for."""
    if asked.key_form not in (AS_SIGNED, PKCS8):
        raise UsageError(f"--key-form: `{asked.key_form}` is neither `{AS_SIGNED}` nor `{PKCS8}`")


def read_password(asked: Forms) -> bytes:
    """Return the password of the PKCS #12 stores; empty if none are asked for.

    Raises UsageError if it is not given, ScaffoldError if it can't be read or Java would not take it; none quotes it.
    """
    if not asked.p12:
        return b""
    if asked.password_file:
        with telling(asked.password_file, "read"):
            content = plain(asked.password_file, asked.password_file)
    else:
        content = os.environb.get(PASSWORD.encode(), b"")
        if not content:
            raise UsageError(
                "--p12 needs a password for the stores",
                hint=f"`{PASSWORD_OPTION} FILE` names a file that holds it, or put it into the variable {PASSWORD}",
            )
    line, _, rest = content.partition(b"\n")
    line = line.removesuffix(b"\r")
    problems = []
    if len(line) < SHORTEST:
        problems.append(
            f"it is shorter than {SHORTEST} characters: Java's keytool makes no store with less"
        )
    if not all(0x20 <= byte <= 0x7E for byte in line):  # noqa: PLR2004 - what can be printed of ASCII
        problems.append(
            "it has characters beyond letters, digits, blanks and signs of ASCII: Java opens no such store"
        )
    if rest:
        problems.append("it has more than one line")
    if problems:
        place = asked.password_file or PASSWORD
        raise ScaffoldError(f"the password in `{place}` can't be that of a key store", problems)
    return line


def check(asked: Forms, inventory: Inventory, owners: Iterable[Component]) -> None:
    """Raise ScaffoldError with every reason why these bundles can't have these forms; UsageError if one is in vain."""
    owners, presets = tuple(owners), rbac.consumers(inventory)
    if asked.kubeadm and not any(
        kubeadm.has_place(each, presets.get(each.name, "")) for each in owners
    ):
        named = ", ".join(f"`{each.name}`" for each in owners)
        raise UsageError(
            f"--kubeadm: kubeadm has no place for the files of {named}",
            hint=f"it has one for members and for a user with the preset `{kubeadm.API_SERVER}`",
        )
    parts = [part.name for each in owners for part in consumers.parts(inventory, each)]
    problems, hints = [], []
    if asked.kubernetes and (told := kubernetes.name_problems(parts)):
        problems += told
        hints.append("make such bundles in runs of their own, for namespaces of their own")
    if asked.p12 and (
        told := [name for name in parts if name.lower() == TRUST_STORE.removesuffix(".p12")]
    ):
        problems += [f"the key store of `{name}` would be `{TRUST_STORE}`" for name in told]
        hints.append("Java's stores are for components of other names")
    if problems:
        raise ScaffoldError("no bundle is made in these forms", problems, "; ".join(hints))


def every_path(inventory: Inventory, owner: Component) -> set[str]:
    """Return the path of each file that a component's bundle may hold, whatever its preset and the forms asked for.

    Those of a member's second certificate are among them: it may have had one when its older bundle was made.
    """
    blank = {part.name: Pems("", "", "") for part in consumers.parts(inventory, owner)}
    paths = {TRUST_STORE}
    for preset in ("", *(each.name for each in PRESETS)):
        paths |= consumers.files(inventory, owner, preset, blank).keys()
        paths |= kubeadm.files(inventory, owner, preset, list(blank.values())).keys()
    for name in {*blank, f"{PEER}{owner.name}"} if owner.kind == "member" else blank:
        paths |= {f"{name}.pem", f"{name}{KEY_ENDING}", f"{name}.p12"}
        paths |= kubernetes.files(name, Pems("", "", "")).keys()
    return paths


def as_pkcs8(pems: Mapping[str, Pems], outputs: Mapping[str, str]) -> dict[str, Pems]:
    """Return what components hold, by name, with each key as PKCS #8; `outputs` tells where their files are.

    Raises ScaffoldError with every key that can't be written so.
    """
    converted, problems = {}, []
    for name, each in pems.items():
        try:
            key = keystores.pkcs8(each.key.encode(), f"{outputs[name]}{KEY_ENDING}")
        except ScaffoldError as error:
            problems.append(error.summary)
            continue
        converted[name] = replace(each, key=key.decode())
    if problems:
        raise ScaffoldError("no bundle is made with keys as PKCS #8", problems)
    return converted


def files(
    asked: Forms,
    inventory: Inventory,
    owners: Iterable[Component],
    pems: Mapping[str, Pems],
    home: str,
    password: bytes,
) -> dict[str, dict[str, str | bytes]]:
    """Return the further files of each bundle, all of them before any is written, by its owner's name.

    `pems` and `home` are those of `consumers.files`; `password` is that of the PKCS #12 stores.
    """
    presets = rbac.consumers(inventory)
    cas = read_all(next(iter(pems.values())).ca.encode(), TRUST) if asked.p12 else ()
    trust_store = keystores.trust_store(cas, password) if asked.p12 else b""
    found = {}
    for owner in owners:
        parts = consumers.parts(inventory, owner)
        made: dict[str, str | bytes] = {}
        if asked.p12:
            for part in parts:
                made[f"{part.name}.p12"] = _key_store(part, pems[part.name], cas, password)
            made[TRUST_STORE] = trust_store
        if asked.kubernetes:
            for part in parts:
                made |= kubernetes.files(part.name, pems[part.name])
        if asked.kubeadm:
            pairs = [pems[part.name] for part in parts]
            made |= kubeadm.files(inventory, owner, presets.get(owner.name, ""), pairs, home)
        found[owner.name] = made
    return found


def _key_store(
    component: Component, pems: Pems, cas: Collection[Certificate], password: bytes
) -> bytes:
    certificate, key = pems.certificate.encode(), pems.key.encode()
    return keystores.key_store(component.name, certificate, key, component.output, cas, password)

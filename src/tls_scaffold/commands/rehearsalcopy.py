"""A copy of a folder with other keys: commands change and sign there as they do in the folder."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.disk.files import PUBLIC, SECRET, create, telling
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA,
    CA_KEYS,
    CERTIFICATE_ENDING,
    CONFIG,
    CSR_ENDING,
    CUSTODY,
    ISSUED,
    KEY_ENDING,
    MIB,
    OLD_CAS,
    PENDING,
)
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, compact
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.contentkinds import CERTIFICATE
from tls_scaffold.signing.keys import pem_of_key
from tls_scaffold.signing.mirrors import Mirror
from tls_scaffold.signing.pemfiles import blocks, seems_key

# What no command that is rehearsed reads, or what holds keys.
LEFT_OUT = (ARCHIVE, AWAITING, DIST, ISSUED, "data", ".git")
LARGEST = MIB
OWN_CAS = (*CA_KEYS, *OLD_CAS.values())
OF_REMOTE = ("remote", "auth_remote", "auth_key")


def copy_folder(folder: Path, at: Path, mirror: Mirror) -> None:
    """Copy what commands read of a folder to the new folder `at`, where its CAs' keys are at hand.

    Certificates are those that `mirror` makes of the folder's, and so are their keys: none of the
    folder's is copied. Links are not followed. The copy holds its CA itself, wherever the folder's
    key is.
    """
    at.mkdir(0o700)
    texts: dict[str, bytes] = {}
    chains: dict[str, tuple[Certificate, ...]] = {}
    for path in _paths(folder, Path()):
        content = _content(folder / path)
        if seems_key(content) or path.name.endswith((KEY_ENDING, CSR_ENDING)):
            continue
        if any(block.label == CERTIFICATE for block in blocks(content)):
            chains[str(path)] = certificates.read_all_or_none(content)
        else:
            texts[str(path)] = content
    for chain in chains.values():
        mirror.know_cas(chain)
    for name, content in texts.items():
        _write(at / name, content, PUBLIC)
    for name, chain in chains.items():
        _write(at / name, b"".join(mirror.like(each).pem for each in chain), PUBLIC)
        base = name.removesuffix(CERTIFICATE_ENDING)
        has_key = name in OWN_CAS or os.path.lexists(folder / f"{base}{KEY_ENDING}")
        if chain and base != name and has_key:
            _write(at / f"{base}{KEY_ENDING}", pem_of_key(mirror.key_of(chain[0])), SECRET)
    _hold_ca_here(at)


def _paths(folder: Path, below: Path) -> Iterator[Path]:
    with telling(folder / below, "read"):
        entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
    for entry in entries:
        path = below / entry.name
        if str(path) in (*LEFT_OUT, PENDING, CUSTODY) or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _paths(folder, path)
        elif entry.is_file(follow_symlinks=False):
            yield path


def _content(path: Path) -> bytes:
    """Return what a file holds; nothing of what is too large to be read by a command."""
    try:
        return plain(path, str(path), LARGEST, follow=False)
    except (ScaffoldError, OSError):
        return b""


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    create(path, content, mode, flush=False)


def _hold_ca_here(at: Path) -> None:
    """Let the copy sign by itself: its CA's key is no secret, and asked for nowhere else."""
    inventory = intake.load(at)
    held = inventory.ca
    pin = ""
    if held.own:
        pin = certificates.read(plain_or_empty(at / CA), CA).sum
    ours = replace(inventory, ca=Custody(own=held.own, sha256=pin), key_group="")
    (at / FILE).write_text(ours.to_json(), encoding="utf-8")
    if ours.custody_parts:
        # Nothing else follows here: what was edited and not synced has no part in every change.
        script = template.render(ours, at.parent)[CUSTODY]
        (at / CUSTODY).write_text(script, encoding="utf-8")
    if held.key is KeyPlace.REMOTE:
        _sign_without_remotes(at)


def _sign_without_remotes(at: Path) -> None:
    """Let cfssl's configuration, and what the record has of it, sign with the copy's CA."""
    config = _without_remotes(json.loads((at / CONFIG).read_text(encoding="utf-8")))
    (at / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    lines = []
    for line in plain_or_empty(at / LAST_RENDER).decode(errors="replace").splitlines():
        path, tab, value = line.partition("\t")
        if path == CONFIG:
            with suppress(ValueError):  # a record that is damaged counts as lost
                value = compact(_without_remotes(json.loads(value)))
        lines.append(f"{path}{tab}{value}\n")
    (at / LAST_RENDER).write_text("".join(lines), encoding="utf-8")


def _without_remotes(config: Any) -> Any:
    """Return cfssl's configuration with profiles that are signed by the CA of the folder."""
    if isinstance(config, dict):
        return {
            name: _without_remotes(value)
            for name, value in config.items()
            if name not in (*OF_REMOTE, "remotes", "auth_keys")
        }
    return config

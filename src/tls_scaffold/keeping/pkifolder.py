"""What lies in a folder of certificates that others made, such as kubeadm's or easy-rsa's `pki/`.

It is only read.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.paths import MIB
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.contentkinds import (
    CERTIFICATE,
    is_private_key,
    kind_of_file,
    kind_of_label,
)
from tls_scaffold.signing.pairing import keys_of_certificates
from tls_scaffold.signing.pemfiles import blocks, text_of
from tls_scaffold.spelling import name_problem

MOST_FILES = 10_000
# What else these tools keep: lists, settings, CSRs.
NO_CERTIFICATES = (
    *("", ".txt", ".attr", ".old", ".srl", ".cnf", ".conf", ".req", ".csr", ".sh", ".json", ".md"),
    *(".yaml", ".yml", ".temp", ".tmp"),
)
NOTHING = "no certificate and no key in PEM"
# easy-rsa keeps a second copy of each certificate there, under its number.
COPIES = "certs_by_serial"
# OpenSSL's list of what a CA has signed: R, when it ends, when it was revoked, its number.
REVOKED = re.compile(r"R\t[^\t]*\t[^\t]*\t([0-9A-Fa-f]+)\t.*")


@dataclass(frozen=True)
class Pair:
    """A certificate, by its path in the folder, and its key, in PEM without text around.

    `key` is empty where there is none that can be used.
    """

    path: str
    certificate: Certificate
    pem: bytes = field(repr=False)
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Pki:
    """The certificates of a folder, the numbers of those that were revoked, and what is no pair."""

    pairs: tuple[Pair, ...]
    revoked: frozenset[int]
    others: tuple[Problem, ...]


def read_pki(directory: Path) -> Pki:
    """Read all certificates and keys below a folder; links are not followed."""
    if not directory.is_dir():
        raise ScaffoldError(f"`{directory}` is not a folder")
    found: dict[str, Certificate] = {}
    pems: dict[str, bytes] = {}
    keys: dict[str, bytes] = {}
    others: dict[str, str] = {}
    revoked: set[int] = set()
    for path in _paths(directory):
        try:
            content = plain(directory / path, path, MIB, follow=False)
            if path.rpartition("/")[2] == "index.txt":
                revoked |= _revoked(content)
            if os.path.splitext(path)[1] in NO_CERTIFICATES:  # noqa: PTH122 - a path of theirs
                continue
            _take(path, content, (found, pems, keys, others))
        except (ScaffoldError, OSError) as error:
            others[path] = str(getattr(error, "strerror", None) or str(error).splitlines()[0])
    _leave_copies(found)
    key_paths, unusable = keys_of_certificates(found, keys)
    others |= {path: f"the key {reason}" for path, reason in unusable.items()}
    taken = {*key_paths.values(), *unusable}
    others |= {path: "a key without a certificate" for path in keys if path not in taken}
    pairs = [
        Pair(path, each, pems[path], keys.get(key_paths.get(path, ""), b""))
        for path, each in found.items()
    ]
    problems = [Problem(Place(path), reason) for path, reason in sorted(others.items())]
    return Pki(tuple(pairs), frozenset(revoked), tuple(problems))


def _paths(directory: Path) -> Iterator[str]:
    count = 0
    with telling(directory, "read"):
        for home, folders, files in os.walk(directory, onerror=_raise):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                count += 1
                if count > MOST_FILES:
                    raise ScaffoldError(f"`{directory}` has more than {MOST_FILES} files")
                yield os.path.relpath(f"{home}/{name}", directory)


def _raise(error: OSError) -> None:
    raise error


def _take(
    path: str,
    content: bytes,
    into: tuple[dict[str, Certificate], dict[str, bytes], dict[str, bytes], dict[str, str]],
) -> None:
    """Put what a file holds to the certificates, the keys or the others."""
    found, pems, keys, others = into
    parts = blocks(content)
    own = [each for each in parts if each.label == CERTIFICATE]
    secret = [each for each in parts if is_private_key(each.label)]
    if own:
        found[path] = certificates.read(content, path)
        pems[path] = b"".join(text_of(content, each) for each in own)
    if secret:
        keys[path] = text_of(content, secret[0])
    if not own and not secret:
        kinds = {kind_of_label(each.label) for each in parts}
        other = kind_of_file(content)
        plain_kind = f"{other}, and PEM alone is read" if other else NOTHING
        others[path] = f"holds {', '.join(sorted(kinds)) or plain_kind}"


def _leave_copies(found: dict[str, Certificate]) -> None:
    """Leave of several files with the same certificate the one that people know by name."""

    def fitness(path: str) -> tuple[bool, bool, str]:
        stem = posixpath.splitext(posixpath.basename(path))[0]
        return COPIES in path.split("/"), bool(name_problem(stem)), path

    first: dict[bytes, str] = {}
    for path in sorted(found, key=fitness):
        if first.setdefault(found[path].der, path) != path:
            del found[path]


def _revoked(content: bytes) -> set[int]:
    lines = content.decode("utf-8", "replace").splitlines()
    return {int(match[1], 16) for match in map(REVOKED.fullmatch, lines) if match}

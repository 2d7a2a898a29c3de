"""Pairs that a restore brings where others are: which of those stay, and which go for them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tls_scaffold.commands.restorechecks import content_of
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.paths import CERTIFICATE_ENDING, KEY_ENDING
from tls_scaffold.signing import matching
from tls_scaffold.signing.backedup import ORDER, certificate_in, output_of
from tls_scaffold.signing.revocations import known_revocations


def whole_pairs(
    folder: Path, files: Mapping[str, Packed], come: list[Packed]
) -> tuple[list[Packed], list[str]]:
    """Return what comes without halves of pairs, and the paths of those that therefore stay.

    A certificate whose key is not in the backup does not take the place of one beside another key,
    nor one that is revoked that of any other.
    """
    revoked = known_revocations(folder)
    kept = []
    for file in come:
        output = output_of(file.path)
        key = f"{output}{KEY_ENDING}"
        certificate = certificate_in({file.path: file.content}, output)
        there = content_of(folder, key)
        if not certificate or there is None:
            continue
        is_without_key = key not in files and not matching.key_fits(certificate, there)
        if is_without_key or certificate.parsed.serial_number in revoked:
            kept.append(output)
    rest = [each for each in come if output_of(each.path) not in kept]
    return rest, [each.path for each in come if each not in rest]


def older(folder: Path, come: Iterable[Packed]) -> Iterator[str]:
    """Say of each certificate that comes that it takes the place of a newer one."""
    for file in come:
        output = output_of(file.path)
        theirs = certificate_in({file.path: file.content}, output)
        ours = certificate_in({file.path: content_of(folder, file.path) or b""}, output)
        if theirs and ours and theirs.not_before < ours.not_before:
            yield f"`{file.path}` takes the place of a newer one"


def replaced(folder: Path, files: Mapping[str, Packed], come: Iterable[Packed]) -> Iterator[str]:
    """Yield what has to go for what comes: the files of the same names, the certificate first.

    With a certificate that changes goes the CSR beside it if the backup has none.
    """
    paths = [each.path for each in come]
    for output in dict.fromkeys(map(output_of, paths)):
        changes = f"{output}{CERTIFICATE_ENDING}" in paths
        names = [f"{output}{ending}" for ending in reversed(ORDER)] if output not in paths else []
        for path in names or [output]:
            is_left_over = changes and path not in files and not path.endswith(KEY_ENDING)
            if (path in paths or is_left_over) and os.path.lexists(folder / path):
                yield path

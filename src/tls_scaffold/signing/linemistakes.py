"""Mistakes in the line of a Makefile that asks for a certificate: flags, and where it would be."""

import re
from collections.abc import Iterator, Sequence

from tls_scaffold.inventory.reach import output_place_problem
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import KEY_ENDING, TRUST

FOLDERS_OWN = re.compile(r"--?(ca-key|ca|config)(?:=|$)")


def line_problems(signing: Signing) -> Iterator[str]:
    """Say why nothing is signed for a line of a Makefile, in words that follow its name."""
    for flag in signing.unknown:
        yield f"cfssl's flag `{flag}` is not supported"
    path = signing.certificate_path
    if signing.unset:
        yield signing.unset_problem()
    elif not signing.name:
        yield f"its certificate `{path}` has no name"
    elif path in (signing.ca, TRUST):
        yield f"`{path}` is the certificate of the CA"
    elif path.endswith(KEY_ENDING):
        yield f"`{path}` is the name of a key"
    elif signing.makes_ca and signing.ca_key:
        yield f"it is made with the key in `{signing.ca_key}`, which only cfssl does"
    elif signing.flags is not None:
        yield from _own_line_problems(signing, signing.flags)


def _own_line_problems(signing: Signing, words: Sequence[str]) -> Iterator[str]:
    """Say what a line with `$(sign)` may not ask for; sign.sh refuses the same.

    The record goes by the folder's own configuration and CA.
    """
    for word in words:
        if found := FOLDERS_OWN.match(word):
            yield f"`-{found[1]}` has no place in it: `$(sign)` takes the folder's own"
    if problem := output_place_problem(signing.output):
        yield problem

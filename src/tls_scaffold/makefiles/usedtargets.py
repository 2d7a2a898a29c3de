"""Targets that a team is used to, as rules of the Makefile that has taken their lines over."""

import re
from collections.abc import Collection

from tls_scaffold.paths import CA_OUTPUT, CERTIFICATE_ENDING, ENDINGS

USED_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
"""What people call a target by: a word, or the path of a file."""

# It is made where it is missing. One that differs may be a CA that others trust still: that it is
# another is told, and no key or certificate of a CA is ever written over.
COPY_OF_CA = """\
{name}: ca
	@[ -e $@ ] || (umask 077 && cp -p {source} $@)
	@cmp -s {source} $@ || {{ echo "error: $@ is not {source}: move it away" >&2 && exit 1; }}"""


def used_target_rule(name: str, makes: Collection[str], ca: str) -> str:
    """Return the rule for a target that made these certificates; the CA alone if there are none.

    `ca` is the path, without `.pem`, of the CA's files in a folder made by hand.
    """
    for ending in ENDINGS:
        if name == f"{CA_OUTPUT}{ending}":
            return f"{name}: | ca ;"
        if name == f"{ca}{ending}":
            return COPY_OF_CA.format(name=name, source=f"{CA_OUTPUT}{ending}")
        for certificate in makes:
            if name == f"{certificate.removesuffix(CERTIFICATE_ENDING)}{ending}":
                return f"{name}: {certificate} ;"
    return f".PHONY: {name}\n{name}: {' '.join(makes) or 'ca'}"

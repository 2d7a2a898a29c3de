"""A remote CA asked for its certificate, once, before it is pinned."""

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody


def fetch_certificate(custody: Custody) -> bytes:
    """Return the certificate of a remote CA in PEM, as the first of its servers that answers gives.

    Raises ScaffoldError with what each of them said where none does.
    """
    raise ScaffoldError(
        f"`{custody.remotes[0]}` can't be asked for its certificate yet",
        hint="bring it by `--ca FILE`",
    )

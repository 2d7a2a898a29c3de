"""What speaks gRPC is installed with the extra `prove` alone."""

import importlib.util

from tls_scaffold.errors import ScaffoldError

NEEDED = ("grpclib", "google.protobuf")


def require_grpc() -> None:
    """Raise ScaffoldError that says how to get it where a library is missing."""
    missing = [name for name in NEEDED if not _is_there(name)]
    if missing:
        raise ScaffoldError(
            "what speaks gRPC to etcd is not installed",
            [f"Python finds no `{name}`" for name in missing],
            "`pip install 'tls-scaffold[prove]'` (in a checkout `pip install '.[prove]'`)",
        )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it is in is missing too
        return False

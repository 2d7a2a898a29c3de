"""Makes `rpc_pb2.py` and `rpc_pb2.pyi` from `rpc.proto`, the messages of etcd's API.

They are checked in. protobuf takes what an older protoc has written, and not what a newer one has:
`pip install 'grpcio-tools==1.71.2'` (protobuf 5.29) keeps the range of `[prove]` wide.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).parents[2] / "src"
PROTO = "tls_scaffold/etcd/rpc.proto"


def write_messages(into: Path) -> None:
    """Write both files below a folder, as they lie below `src`."""
    words = (f"--proto_path={SOURCES}", f"--python_out={into}", f"--pyi_out={into}", PROTO)
    if code := protoc.main(("protoc", *words)):
        sys.exit(code)


if __name__ == "__main__":
    write_messages(SOURCES)

"""The messages of etcd's API: what is checked in is what protoc makes, and what etcd speaks."""

import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from clusters import MINORS
from peers import messages
from tls_scaffold.etcd import rpc_pb2

PEERS = Path(__file__).parent / "peers"
ASIDE = re.compile(r"//[^\n]*|\[[^\]]*\]|^\s*option [^;{]*;", re.MULTILINE)
PART = re.compile(
    r"(?P<kind>message|enum)\s+(?P<name>\w+)\s*{|(?P<begin>{)|(?P<end>})"
    r"|(?P<type>(?:repeated )?[\w.]+\s)?\s*\b(?P<field>\w+)\s*=\s*(?P<number>\d+)\s*;"
)
SERIALIZED = re.compile(r"AddSerializedFile\((b'.*')\)")


def declared(text: str) -> set[tuple[str, str, str, str]]:
    """Return message or enum, type, name and number of each field that a .proto file declares."""
    inside: list[str] = []
    found = set()
    for part in PART.finditer(ASIDE.sub("", text)):
        if part["end"]:
            inside.pop()
        elif part["begin"] or part["name"]:
            inside.append(part["name"] or "".join(inside[-1:]))
        else:
            kind = re.sub(r"\b(mvccpb|authpb)\.", "", part["type"] or "").strip()
            found.add((inside[-1], kind, part["field"], part["number"]))
    return found


@pytest.mark.needs("go")
@pytest.mark.parametrize("minor", MINORS)
def test_they_are_a_part_of_what_etcd_itself_declares(minor: str) -> None:
    words = ("go", "list", "-m", "-f", "{{.Dir}}", "go.etcd.io/etcd/api/v3")
    done = subprocess.run(
        words, cwd=PEERS / f"etcd-{minor}", capture_output=True, text=True, check=True
    )
    api = Path(done.stdout.strip())
    files = ("etcdserverpb/rpc.proto", "mvccpb/kv.proto", "authpb/auth.proto")
    theirs = {each for name in files for each in declared((api / name).read_text("utf-8"))}

    ours = declared((messages.SOURCES / messages.PROTO).read_text("utf-8"))

    assert len(ours) > 60
    assert ours <= theirs


def test_what_is_checked_in_is_what_protoc_makes_of_them(tmp_path: Path) -> None:
    messages.write_messages(tmp_path)

    made = (tmp_path / messages.PROTO).with_name("rpc_pb2.py").read_text("utf-8")
    literal = SERIALIZED.search(made)
    assert literal
    again = FileDescriptorProto.FromString(eval(literal[1]))  # noqa: S307 - protoc wrote it
    assert FileDescriptorProto.FromString(rpc_pb2.DESCRIPTOR.serialized_pb) == again

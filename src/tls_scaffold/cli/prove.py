"""`tls-scaffold prove` on the command line."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import json_option_for, option
from tls_scaffold.cli.terminal import give_json, say, talk
from tls_scaffold.errors import ExitCode

if TYPE_CHECKING:
    from tls_scaffold.commands.prove import Proof
    from tls_scaffold.etcd.matrix import Attempt


@click.command()
@option(
    "--etcd",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Take etcd and etcdctl from DIR "
    "(left out: from the PATH, else from `tls-scaffold[prove]`)",
)
@json_option_for("Print the matrix and the checks as JSON")
@click.pass_context
def prove(context: click.Context, directory: Path | None, *, as_json: bool) -> None:
    """Show on a real etcd that each user may do what it should, and nothing else.

    Starts a throw-away cluster on loopback from the folder's own certificates, with what `bundle`
    gives the members, applies rbac.sh, and lets each user try to read and to write. What the proof
    replaces (addresses and ports, data directory, initial state, whom clients are trusted by) is
    told. Exit 1 on any surprise.
    """
    from tls_scaffold.commands import prove as command

    starting = partial(talk, "starting a throw-away cluster")
    proof = command.prove(context.obj, directory, starting)
    if as_json:
        give_json(json.dumps(_document(proof), indent=2, ensure_ascii=False) + "\n")
    else:
        say(_text(proof))
    if proof.surprises:
        talk(f"{proof.surprises} of {_count(proof)} went otherwise than they should")
        context.exit(ExitCode.REFUSED)
    talk(f"all {_count(proof)} went as they should, on etcd {proof.version}, {_members(proof)}")


def _members(proof: "Proof") -> str:
    untried = f" (not tried: {', '.join(proof.untried)})" if proof.untried else ""
    return f"members: {proof.members}{untried}"


def _count(proof: "Proof") -> int:
    return len(proof.attempts) + len(proof.checks)


def _document(proof: "Proof") -> dict[str, object]:
    return {
        "etcd": proof.version,
        "members": proof.members,
        "untried": proof.untried,
        "replaced": proof.replaced,
        "attempts": [{**vars(each), "holds": each.holds} for each in proof.attempts],
        "checks": [{**vars(each), "holds": each.holds} for each in proof.checks],
        "surprises": proof.surprises,
    }


def _text(proof: "Proof") -> str:
    rows = [("USER", "KEYS", "READ", "WRITE")]
    for read, write in zip(proof.attempts[::2], proof.attempts[1::2], strict=True):
        rows.append((read.user, read.path, _cell(read), _cell(write)))
    users, keys, reads = (max(len(row[column]) for row in rows) for column in range(3))
    lines = [f"{row[0]:{users}}  {row[1]:{keys}}  {row[2]:{reads}}  {row[3]}" for row in rows]
    lines.append("")
    for check in proof.checks:
        seen = f": {check.seen}" if check.seen else ""
        lines.append(f"{'yes' if check.holds else 'NO '}  {check.sentence}{seen}")
    replaced = f"each ran as its bundle says, but for {', '.join(proof.replaced)}"
    return "\n".join((*lines, "", f"etcd {proof.version}, {_members(proof)}; {replaced}"))


def _cell(attempt: "Attempt") -> str:
    return attempt.seen if attempt.holds else f"{attempt.seen} (expected: {attempt.expected})"

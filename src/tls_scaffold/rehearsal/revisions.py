"""What a folder was at a revision of git: its inventory, its rights, and the record `issued/`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tls_scaffold.disk.gitcommand import ask_git
from tls_scaffold.disk.issued import DIGITS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.rbac import SCRIPT
from tls_scaffold.inventory.values import FILE, Component
from tls_scaffold.live.known import is_trusted
from tls_scaffold.paths import CERTIFICATE_ENDING, ISSUED, TRUSTS
from tls_scaffold.rehearsal.states import NOT_REHEARSED, Held, State, holders
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.record import age_of_ca

SHORT = 12
COMPONENT = f"[0-9a-f]+-[0-9a-f]{{{2 * DIGITS}}}"
OF_CA = f"[0-9a-f]{{{DIGITS}}}"


def read_revision(folder: Path, revision: str) -> State:
    """Return what the certificates of a folder were at a revision of git.

    `certs/` is in no revision: the record `issued/` is, and of several certificates of a component
    that which was recorded last. Keys are taken to fit. Raises ScaffoldError where there is no such
    revision, or something was not recorded then.
    """
    commit = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    sha = commit.decode().strip()
    paths = _lines(_git(folder, "ls-tree", "-r", "-z", "--name-only", sha, "--", "."))
    wanted = [each for each in paths if each in (FILE, SCRIPT) or _is_recorded(each)]
    files = _contents(folder, sha, wanted)
    if FILE not in files:
        raise ScaffoldError(f"{NOT_REHEARSED}: `{revision}` has no `{FILE}` here")
    inventory = intake.from_json(files[FILE].decode("utf-8", "replace"))
    latest = _latest_first(folder, sha, [each for each in wanted if _is_recorded(each)])
    held: dict[str, Held] = {}
    missing: dict[str, None] = {}
    for component in holders(inventory):
        path = _recorded(latest, Path(component.output).name, COMPONENT)
        if path is None:
            missing[f"`{ISSUED}/` has no certificate of `{component.name}` there"] = None
            continue
        chain = certificates.read_all(files[path], path)
        held[component.name] = Held(chain, _trusted(folder, component, chain, latest, files))
    if missing:
        raise ScaffoldError(f"{NOT_REHEARSED}: `{revision}` is not whole", missing)
    script = files.get(SCRIPT, b"")
    return State(f"{revision} ({sha[:SHORT]})", inventory, held, script)


def _is_recorded(path: str) -> bool:
    # git cat-file reads paths a line each.
    is_line = "\n" not in path
    return is_line and path.startswith(f"{ISSUED}/") and path.endswith(CERTIFICATE_ENDING)


def _recorded(latest: Sequence[str], name: str, form: str) -> str | None:
    pattern = re.compile(rf"{ISSUED}/{re.escape(name)}-{form}\{CERTIFICATE_ENDING}")
    return next(filter(pattern.fullmatch, latest), None)


def _trusted(
    folder: Path,
    component: Component,
    chain: tuple[Certificate, ...],
    latest: Sequence[str],
    files: Mapping[str, bytes],
) -> tuple[Certificate, ...]:
    """Return whom others trusted: what they do today where that takes a chain, else the CA then."""
    today = certificates.read_all_at(folder / TRUSTS[component.ca])
    if is_trusted(chain[0], chain[1:], today):
        return today
    name = Path(component.ca).name.removesuffix(CERTIFICATE_ENDING)
    pattern = re.compile(rf"{ISSUED}/{re.escape(name)}-{OF_CA}\{CERTIFICATE_ENDING}")
    found = [path for path in latest if pattern.fullmatch(path)]
    cas = [ca for path in found for ca in certificates.read_all_or_none(files[path])]
    return tuple(sorted(cas, key=age_of_ca)[-1:])


def _latest_first(folder: Path, sha: str, paths: Iterable[str]) -> list[str]:
    """Return recorded paths, those that came to git last before the others."""
    words = ("log", "-z", "--format=", "--name-only", "--relative", "--diff-filter=A", sha)
    came = _lines(_git(folder, *words, "--", ISSUED))
    order = {path: place for place, path in reversed([*enumerate(came)])}
    return sorted(paths, key=lambda path: order.get(path, len(came)))


def _contents(folder: Path, sha: str, paths: Sequence[str]) -> dict[str, bytes]:
    asked = "".join(f"{sha}:./{path}\n" for path in paths)
    raw = _git(folder, "cat-file", "--batch", text=asked.encode("utf-8", "surrogateescape"))
    contents: dict[str, bytes] = {}
    at = 0
    for path in paths:
        head, _, _ = raw[at:].partition(b"\n")
        at += len(head) + 1
        words = head.split()
        if len(words) == 3 and words[1] == b"blob":  # noqa: PLR2004 - name, kind and size
            size = int(words[2])
            contents[path] = raw[at : at + size]
            at += size + 1
    return contents


def _lines(raw: bytes) -> list[str]:
    texts = (each.decode("utf-8", "surrogateescape").strip("\n") for each in raw.split(b"\0"))
    return [text for text in texts if text]


def _git(folder: Path, *words: str, text: bytes = b"") -> bytes:
    try:
        done = ask_git(folder, *words, text=text)
    except FileNotFoundError:
        raise ScaffoldError(f"{NOT_REHEARSED}: `git` is not installed") from None
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ScaffoldError(f"{NOT_REHEARSED}: git does not know that revision", told)
    return done.stdout

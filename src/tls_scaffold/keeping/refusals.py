"""What is refused before anything is planned: files that are not rendered, or are not ours."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tls_scaffold.cfssl.readers import seems_request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.reach import RENDERED
from tls_scaffold.inventory.values import Component
from tls_scaffold.keeping.authorities import is_of_ca
from tls_scaffold.keeping.permitted import NO_REQUEST
from tls_scaffold.keeping.plan import BESIDE
from tls_scaffold.makefiles.componentlines import ONE_LINE, ONE_NAME, doubled_lines, strange_lines
from tls_scaffold.paths import ENDINGS
from tls_scaffold.rendering.documents import NOT_RECORDED
from tls_scaffold.spelling import did_you_mean


def check_reset(paths: Iterable[str], rendered: Mapping[str, str]) -> None:
    """Raise ScaffoldError for each path to be put back that is not rendered."""
    known = [path for path in rendered if path not in NOT_RECORDED]
    problems = [
        f"`{path}` is no file that is rendered here{did_you_mean(path, known)}"
        for path in paths
        if path not in known
    ]
    if problems:
        hint = "it takes paths in the folder, as `Makefile` or `config/ca-config.json`"
        raise ScaffoldError("nothing is put back", problems, hint)


def check_requests(yours: Mapping[str, str], rendered: Mapping[str, str]) -> None:
    """Raise ScaffoldError for each request that is there and is something else.

    A team's JSON has many names.
    """
    requests = {path for path in rendered if path not in (*RENDERED, *NOT_RECORDED)}
    problems = [
        f"`{path}` {NO_REQUEST}"
        for path, text in yours.items()
        if path.removesuffix(BESIDE) in requests and not seems_request(text)
    ]
    if problems:
        hint = "mend it, move it away, or give the component another `request` in the inventory"
        raise ScaffoldError("nothing is written over what is no request", problems, hint)


def check_lines(text: str, names: Collection[str], going: Collection[str]) -> None:
    """Raise ScaffoldError for each line of a component in a Makefile that can't be followed.

    `names` are those of components, `going` of such as are taken out.
    """
    if problems := list(strange_lines(text, names, going)):
        raise ScaffoldError(
            "not all lines of components can be followed, and nothing was changed",
            problems,
            ONE_LINE,
        )


def check_doubled(before: str, after: str, components: Iterable[Component]) -> None:
    """Raise ScaffoldError for lines of one component that a Makefile has, and goes on to have.

    Which of them is meant, nobody can tell here.
    """
    doubled = {target for target, _ in doubled_lines(after)}
    if not doubled:
        return
    ours = {each for part in components for each in (f"req-{part.name}", part.certificate_path)}
    problems = [problem for target, problem in doubled_lines(before) if target in doubled & ours]
    if problems:
        raise ScaffoldError(
            "a component has several lines, and nothing was changed", problems, ONE_NAME
        )


def check_outputs(folder: Path, outputs: Iterable[str], bases: Iterable[str]) -> None:
    """Raise ScaffoldError where `make` would sign over a CA.

    `bases` are where one is, without `.pem`, by any name.
    """
    paths = [f"{output}{ending}" for output in outputs for ending in ENDINGS]
    problems = [
        f"`{path}` is a CA's"
        for path in paths
        if os.path.lexists(folder / path) and is_of_ca(folder, path, bases)
    ]
    if problems:
        raise ScaffoldError(
            "a component can't have the files of a CA", problems, "give it another name or `output`"
        )

"""Gives the template its filters.

First of all, the answers to cookiecutter's questions, checked, as an inventory.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

try:
    import tls_scaffold
except ImportError:  # plain cookiecutter: the package stands in the same checkout
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    import tls_scaffold

from tls_scaffold import paths
from tls_scaffold.bundles import overview, procfile
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import asked, custody, intake, rbac
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.makefiles.componentlines import component_line
from tls_scaffold.rendering import documents
from tls_scaffold.spelling import escaped, escaped_lines

NONE = Inventory(members=())
PARTS = Path(__file__).parent / "custody"
HINT = "commas divide members and users: 10.0.0.1,10.0.0.2 and calico,kube-apiserver"


class InventoryExtension(Extension):
    """Adds the filters that the template is written with.

    They are `inventory`, `refused`, `documents`, `rbac`, `rows`, `own_profiles`, `processes`,
    `line`, `custody_name`, `custody_words`, `custody_parts`, and `quoted`, for a shell.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["inventory"] = inventory
        environment.filters["refused"] = refuse_answers
        environment.filters["documents"] = hook_documents
        environment.filters["rbac"] = rbac.fact_lines
        environment.filters["rows"] = overview.rows
        environment.filters["own_profiles"] = asked.own_profiles
        environment.filters["processes"] = procfile.processes
        environment.filters["line"] = line
        environment.filters["custody_name"] = custody_name
        environment.filters["custody_words"] = custody_words
        environment.filters["custody_parts"] = custody_parts
        environment.filters["quoted"] = shlex.quote


def line(component: Component) -> str:
    """Return the line of the Makefile that asks for a component."""
    return str(
        component_line(
            component.name, component.output, component.request, component.profile, component.ca
        )
    )


def custody_name(answers: Mapping[str, Any]) -> str:
    """Return what the file of the custody's functions is called; nothing where there is none.

    cookiecutter makes no file whose name is empty.
    """
    return paths.CUSTODY if inventory(answers).custody_parts else ""


def custody_words(answers: Mapping[str, Any]) -> str:
    """Return what the inventory says of who holds the CAs, with which sign.sh compares it."""
    found = inventory(answers)
    return custody.custody_words(found.ca, has_peer_ca=found.peer_ca)


def custody_parts(answers: Mapping[str, Any]) -> str:
    """Return the functions that take the place of sign.sh's, one part after another.

    They are read as they are: much of a shell's own looks like jinja2's.
    """
    names = inventory(answers).custody_parts
    return "".join((PARTS / f"{name}.sh").read_text(encoding="utf-8") for name in names)


def inventory(answers: Mapping[str, Any]) -> Inventory:
    """Return the inventory that tls-scaffold gave, or else the one that the typed answers describe.

    Answers that are refused give an empty one: the hook then tells what is wrong and fails.
    """
    try:
        return _inventory(answers)
    except ScaffoldError:
        return NONE


def refuse_answers(answers: Mapping[str, Any]) -> str:
    """Return nothing, or stop cookiecutter behind its last question, where nothing is made yet.

    Of a hook that fails it prints a traceback. Before 2.0 it does not ask here: the hook refuses.
    """
    try:
        _inventory(answers)
    except ScaffoldError as error:
        sys.stderr.write(f"error: {escaped_lines(str(error))}\n")
        raise FailedHookException("nothing was made") from None
    return ""


def hook_documents(answers: Mapping[str, Any]) -> str:
    """Return what the hook needs, as JSON.

    That is what is wrong with the answers, or the files that it is to write.
    """
    try:
        content: dict[str, Any] = {"files": documents.render(_inventory(answers))}
    except ScaffoldError as error:
        content = {"error": escaped_lines(str(error))}
    return json.dumps({"package": str(Path(tls_scaffold.__file__).parents[1]), **content})


def _inventory(answers: Mapping[str, Any]) -> Inventory:
    given: Inventory | str = answers["_inventory"]
    return (
        given
        if isinstance(given, Inventory)
        else _typed(answers["members"], answers["users"], answers["proxies"])
    )


@lru_cache(maxsize=1)
def _typed(members: str, users: str, proxies: str) -> Inventory:
    named = {name: text for name, text in (("members", members), ("users", users)) if text}
    problems = (
        ()
        if proxies.isascii() and proxies.isdigit()
        else (f"proxies: `{escaped(proxies)}` is not a number",)
    )
    count = 0 if problems else int(proxies.lstrip("0")[:9] or 0)
    try:
        inventory = intake.of_data({**named, "proxies": count}, hint=HINT)
    except ScaffoldError as error:
        raise intake.problem_report([*error.problems, *problems], HINT) from error
    if problems:
        raise intake.problem_report([*problems], HINT)
    return inventory

"""Reads a folder into the View that the rules look at; what can't be read becomes a part of it."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.checks.view import View
from tls_scaffold.disk.plainfiles import makefile_text, names, text
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.conflictmarkers import marker_problems
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.record import read_record
from tls_scaffold.keeping.unsettled import unsettled_texts
from tls_scaffold.makefiles.ourmakefile import names_and_outputs
from tls_scaffold.paths import CA_REQUESTS, CONFIG, MAKEFILE, OWN_REQUEST, REVOKED
from tls_scaffold.state import contents
from tls_scaffold.state.entries import Contents


def look_at_folder(folder: Path, now: datetime, key_group: str) -> View:
    """Read a folder as far as it can be read; `key_group` may read keys, or the inventory's.

    Raises ScaffoldError only if it is none, or has nothing to look at.
    """
    looker = _Looker(folder)
    inventory = looker.inventory()
    found = looker.contents(inventory)
    looker.merges()
    looker.documents(found)
    text_of_makefile = makefile_text(folder) if found.has_makefile else ""
    return View(
        folder=folder,
        now=now,
        inventory=inventory,
        contents=found,
        requests=looker.requests,
        configs=looker.configs,
        makefile=text_of_makefile,
        unread=tuple(looker.unread),
        unfit=tuple(looker.unfit),
        not_inventory=tuple(looker.not_inventory),
        rendered=frozenset(names_and_outputs(text_of_makefile) & _last_rendered(folder)),
        key_group=key_group or (inventory.key_group if inventory else ""),
    )


class _Looker:
    """Reads the parts of a folder one after another, and notes what can't be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: dict[str, Request] = {}
        self.configs: dict[str, SigningConfig] = {}
        self.unread: list[Problem] = []
        self.unfit: list[Problem] = []
        self.marked: set[str] = set()
        self.not_inventory: list[Problem] = []

    def inventory(self) -> Inventory | None:
        """Return the folder's inventory; None where it has none, or one with problems."""
        if not (self.folder / FILE).exists():
            return None
        try:
            return intake.from_json(text(self.folder, FILE))
        except ScaffoldError as error:
            for each in error.problems:
                self.not_inventory.append(replace(each, place=replace(each.place, path=FILE)))
            if not error.problems:
                self.not_inventory += _told(FILE, error)
            return None

    def contents(self, inventory: Inventory | None) -> Contents:
        """Return what the folder holds; its files say so where make can't read its Makefile."""
        try:
            return contents.contents_of_folder(self.folder, inventory)
        except ScaffoldError as error:
            if not (self.folder / MAKEFILE).exists():
                raise
            self.unread += [
                each for each in _told(MAKEFILE, error) if each not in self.not_inventory
            ]
            return contents.contents_of_set(self.folder, inventory)

    def merges(self) -> None:
        """Note what git could not merge in files of ours; of `revoked.tsv` its own rule tells."""
        if not (self.folder / FILE).exists():
            return
        texts = unsettled_texts(self.folder, with_team_s=True)
        self.marked = set(texts)
        told = {each.place for each in (*self.unread, *self.not_inventory)}
        self.unread += [
            replace(each, message=f"a merge in git is not settled: {each.message}")
            for each in marker_problems(texts)
            if each.place not in told and each.place.path != REVOKED
        ]

    def documents(self, found: Contents) -> None:
        """Read the requests and configurations that the Makefile names, and those in `config`."""
        signings = [entry.signing for entry in found.entries if entry.signing]
        configs = {
            signing.config for signing in signings if not signing.makes_ca and signing.config
        }
        asked = {signing.request for signing in signings}
        try:
            there = names(self.folder, "config", ".json")
        except ScaffoldError as error:
            there = ()
            self.unread += _told("config", error)
        for path in sorted({*there, *configs, *asked}):
            if path in asked and not (self.folder / path).exists():
                continue  # which is a finding of its own
            if path in self.marked:
                continue  # no JSON, for the reason that was told
            try:
                self._document(path, asked, configs)
            except ScaffoldError as error:
                self.unread += _told(path, error)

    def _document(self, path: str, asked: set[str], configs: set[str]) -> None:
        content = text(self.folder, path)
        kind = _kind(path, asked, {*configs, CONFIG}) or _kind_of(content)
        problems: tuple[Problem, ...] = ()
        if kind == "config":
            self.configs[path], problems = readers.readable_signing_config(content, path)
        elif kind == "request":
            self.requests[path], problems = readers.readable_request(content, path)
        self.unfit += problems


def _last_rendered(folder: Path) -> set[tuple[str, str]]:
    """Return name and output of each component of the last render, as far as it is known."""
    try:
        return read_record(folder).components
    except ScaffoldError:
        return set()


def _kind(path: str, asked: set[str], configs: set[str]) -> str:
    """Tell what a JSON file is by its name or by what names it; empty for any other."""
    if path in asked:
        return "request"
    if path in configs:
        return "config"
    is_ours = path in CA_REQUESTS.values() or path.startswith(OWN_REQUEST)
    return "request" if is_ours else ""


def _kind_of(content: str) -> str:
    """Tell what a JSON file may be by what it holds; empty for neither."""
    if readers.seems_config(content):
        return "config"
    if readers.seems_request(content):
        return "request"
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return "request"  # whose reader says what is wrong
    return ""


def _told(path: str, error: ScaffoldError) -> list[Problem]:
    """Return what an error about a file tells: a problem for each line that it knows, else one."""
    if error.problems and all(each.place.line for each in error.problems):
        return [
            replace(each, message=f"{error.summary}: {each.message}") for each in error.problems
        ]
    return [Problem(Place(path), error.without(path))]

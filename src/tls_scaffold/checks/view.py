"""What the rules look at: a folder read as far as it can be, with what can't be read told apart."""

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from posixpath import basename

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.checks.archivedkeys import clear_keys
from tls_scaffold.checks.crlfiles import CRLFile, crl_files
from tls_scaffold.disk.gitfiles import git_files
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.terms import BOTH_ENDS, CLIENT_AUTH
from tls_scaffold.inventory.values import SERVER_KINDS, Component, Inventory
from tls_scaffold.live.served import LiveReport
from tls_scaffold.makefiles.origins import Origins
from tls_scaffold.makefiles.ourmakefile import includes_our_rules, names_and_outputs
from tls_scaffold.makefiles.unreadlines import passed_over
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA_KEY,
    CA_REQUESTS,
    CERTS,
    KEY_ENDING,
    MAKEFILE,
    REVOKED,
    TRUSTS,
)
from tls_scaffold.signing.matching import key_fits
from tls_scaffold.signing.revocations import Revoked, read_revoked
from tls_scaffold.signing.trust import Trust, read_trust
from tls_scaffold.spelling import RENEW_DAYS
from tls_scaffold.state.clones import is_without_keys
from tls_scaffold.state.entries import CA_KIND, Contents, Entry

SOON = timedelta(days=RENEW_DAYS)
VARIABLE = re.compile(r"\$[({][^(){}$]*[)}]")
SEPARATORS = re.compile(r"[\s:;|]+")


@dataclass(frozen=True)
class View:
    """A folder as the rules see it.

    `requests` and `configs` are by path, `makefile` is its text, empty where there is none.
    `unread` holds each file that is not what it should be, `unfit` each value that cfssl can't use,
    and `not_inventory` why an inventory that is there is not `inventory`. `rendered` has the name
    and the output of each component whose line in the Makefile was put there by the last render;
    `key_group` is the group that may read their keys, `live` what was seen of running members.
    """

    folder: Path
    now: datetime
    inventory: Inventory | None
    contents: Contents
    requests: dict[str, Request]
    configs: dict[str, SigningConfig]
    makefile: str
    unread: tuple[Problem, ...]
    unfit: tuple[Problem, ...]
    not_inventory: tuple[Problem, ...]
    rendered: frozenset[tuple[str, str]]
    key_group: str
    live: LiveReport | None = None

    @cached_property
    def directories(self) -> tuple[str, ...]:
        """Where the certificates of the folder lie."""
        found = {posixpath.dirname(entry.path) or "." for entry in self.contents.entries}
        return tuple(sorted(found or {CERTS}))

    @cached_property
    def trusts(self) -> dict[str, Trust]:
        """What others trust of the CA, and of that of peers, by the CA's path."""
        return {ca: read_trust(self.folder, ca) for ca in TRUSTS}

    @cached_property
    def crl_files(self) -> tuple[CRLFile, ...]:
        """The certificate revocation lists beside the certificates, the requests and the Makefile.

        What is called like one, and is none, is among them.
        """
        entries = self.contents.entries
        pems = {entry.path for entry in entries if entry.certificate}
        keys = {entry.key_path for entry in entries if entry.key}
        directories = dict.fromkeys((*self.directories, "config", "."))
        return tuple(crl_files(self.folder, directories, pems | keys))

    @cached_property
    def revoked(self) -> Revoked:
        """What `revoked.tsv` says; where it can't be read, why."""
        try:
            return read_revoked(self.folder)
        except ScaffoldError as error:
            return Revoked(problems=(Problem(Place(REVOKED), error.summary),))

    @cached_property
    def git_files(self) -> tuple[tuple[str, str], ...]:
        """Each file that git tracks or does not ignore, of those that it is to take none of.

        That is keys, and all that lies in the folders that keep git out; with git's mark.
        """
        own = (each for each in self.directories if each != ".")
        return git_files(self.folder, [*own, AWAITING, ARCHIVE, DIST, f"*{KEY_ENDING}"])

    @cached_property
    def is_without_keys(self) -> bool:
        """Whether it is a clone, which has all but what stays out of git."""
        return is_without_keys(self.folder, self.contents)

    @cached_property
    def components(self) -> tuple[Entry, ...]:
        """What is asked for, each with its request as far as that can be read."""
        return tuple(replace(entry, request=self._request(entry)) for entry in self.contents.leaves)

    def _request(self, entry: Entry) -> Request | None:
        if not entry.signing:
            return entry.request
        request = self.requests.get(entry.signing.request)
        return request.overridden(entry.signing.cn, entry.signing.hostname) if request else None

    @cached_property
    def users(self) -> tuple[Entry, ...]:
        """The components that are clients only."""
        return tuple(entry for entry in self.components if entry.kind not in SERVER_KINDS)

    @cached_property
    def servers(self) -> tuple[Entry, ...]:
        """The members and proxies."""
        return tuple(entry for entry in self.components if entry.kind in SERVER_KINDS)

    @cached_property
    def orphans(self) -> tuple[Entry, ...]:
        """The certificates that nothing asks for."""
        return tuple(
            entry for entry in self.contents.entries if entry.kind is None and entry.certificate
        )

    @cached_property
    def orphaned(self) -> frozenset[str]:
        """The paths of the orphans."""
        return frozenset(entry.path for entry in self.orphans)

    def component_at(self, path: str) -> Entry | None:
        """Return what is asked for at a path, if anything is."""
        return self._leaves.get(path)

    @cached_property
    def _leaves(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.contents.leaves}

    def has_own_line(self, entry: Entry) -> bool:
        """Tell whether the line of a component asks for it, which `make renew` signs again."""
        return entry.path in self._own_lines

    @cached_property
    def _own_lines(self) -> frozenset[str]:
        return frozenset(f"{output}.pem" for _, output in names_and_outputs(self.makefile))

    @cached_property
    def has_our_rules(self) -> bool:
        """Whether the Makefile is one of ours: any `make` signs the team's own lines again."""
        return includes_our_rules(self.makefile)

    @cached_property
    def passed_over(self) -> dict[str, int]:
        """The components of whose lines make reads none, each with its line's number."""
        names = {each.name for each in self.asked_components.values()}
        with suppress(ScaffoldError):
            return dict(
                passed_over(self.folder, self.makefile, names if self.has_our_rules else ())
            )
        return {}

    @cached_property
    def asked_components(self) -> dict[str, Component]:
        """The inventory's components by the paths of their certificates."""
        components = self.inventory.components if self.inventory else ()
        return {each.certificate_path: each for each in components}

    def usages_needed(self, entry: Entry) -> tuple[str, ...]:
        """Return what an entry's certificate is for: its kind tells where no inventory does."""
        if component := self.asked_components.get(entry.path):
            return component.usages
        return BOTH_ENDS if entry.kind in SERVER_KINDS else (CLIENT_AUTH,)

    @cached_property
    def outputs_of_inventory(self) -> frozenset[str]:
        """The outputs of the inventory's components."""
        return frozenset(each.output for each in self.asked_components.values())

    def is_unfit(self, place: Place) -> bool:
        """Tell a value that cfssl can't use, or not all of it.

        `requests` and `configs` may lack what it says.
        """
        unfit = (problem.place for problem in self.unfit)
        return any(place.is_within(each) or each.is_item_of(place) for each in unfit)

    def is_misspelt(self, place: Place) -> bool:
        """Tell whether a field that cfssl passes over was meant to be the one at a place."""
        parent, _, name = place.key.rpartition(".")
        return any(
            each.meant == f"`{name}`"
            and each.place.path == place.path
            and each.place.key.rpartition(".")[0] == parent
            for each in self.ignored
        )

    @cached_property
    def archived_ca_keys(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each CA's key in the clear in `archive/`, and the paths of the CAs whose key it is.

        Those are CAs of `certs/`, or what others trust in their place; none of an earlier CA.
        """
        paths = {CA_KEY, *(entry.key_path for entry in self.authorities)}
        homes = {
            # With those of peers' CAs, and of old ones.
            (posixpath.dirname(path) or ".", "ca-key.pem" if path == CA_KEY else basename(path))
            for path in paths
        }
        cas = [(entry.path, entry.certificate) for entry in self.authorities if entry.certificate]
        cas += [(path, ca) for path, trust in self.trusts.items() for ca in trust.cas]
        return tuple(
            (path, frozenset(of for of, ca in cas if key_fits(ca, pem)))
            for path, pem in clear_keys(self.folder, sorted(homes))
        )

    @property
    def has_own_ca(self) -> bool:
        """Whether the folder's CA was brought, so that nothing here makes another."""
        return bool(self.inventory and self.inventory.ca.own)

    @cached_property
    def authorities(self) -> tuple[Entry, ...]:
        """The CAs."""
        return tuple(entry for entry in self.contents.entries if entry.kind == CA_KIND)

    def is_authority(self, path: str) -> bool:
        """Tell whether the certificate at a path is a CA's."""
        return any(path == entry.path for entry in self.authorities)

    @cached_property
    def ca_requests(self) -> dict[str, Request]:
        """The requests that CAs are made from, by their paths."""
        lines = (entry.signing.request for entry in self.authorities if entry.signing)
        made = {*CA_REQUESTS.values(), *lines}
        return {path: request for path, request in self.requests.items() if path in made}

    def signed(self) -> Iterator[tuple[Entry, SigningConfig]]:
        """Yield what the Makefile signs with its configuration, if its profile can be read."""
        for entry in self.components:
            if not entry.signing:
                continue
            path, profile = entry.signing.config, entry.signing.profile
            config = self.configs.get(path) if path else SigningConfig()
            if config and not (profile and self.is_unfit(profile_place(path, profile))):
                yield entry, config

    @cached_property
    def ignored(self) -> tuple[IgnoredField, ...]:
        """The fields that cfssl passes over."""
        in_requests = [field for each in self.requests.values() for field in each.ignored]
        in_configs = [field for each in self.configs.values() for field in each.ignored]
        return (*in_requests, *in_configs)

    def profiles(self) -> Iterator[tuple[Place, Profile]]:
        """Yield every profile with its place."""
        for path, config in self.configs.items():
            yield profile_place(path, ""), config.default
            for name, profile in config.profiles.items():
                yield profile_place(path, name), profile

    def lines(self, pattern: "re.Pattern[str]") -> Iterator[Problem]:
        """Yield each line of the Makefile in which a pattern is found, as a problem."""
        for number, line in enumerate(self.makefile.splitlines(), 1):
            if pattern.search(line):
                yield Problem(Place(MAKEFILE, number), " ".join(line.split()))

    @cached_property
    def origins(self) -> Origins:
        """Where in the Makefile a command of its dry run comes from."""
        return Origins(self.makefile)

    def lines_of(self, entry: Entry) -> tuple[Place, ...]:
        """Return where the Makefile names an entry's certificate; the file where no line does."""
        found = self._lines_by_word.get(entry.path.removesuffix(".pem"), ())
        return tuple(Place(MAKEFILE, number) for number in found) or (Place(MAKEFILE),)

    @cached_property
    def _lines_by_word(self) -> dict[str, list[int]]:
        """The lines that each word stands in, without variables and certificates' endings."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.makefile.splitlines(), 1):
            for word in SEPARATORS.split(VARIABLE.sub("", line)):
                found.setdefault(word.removesuffix(".pem"), []).append(number)
        return found


def config_path_of(entry: Entry) -> str:
    """Return the path of the configuration that an entry is signed with; empty for none."""
    return entry.signing.config if entry.signing else ""


def profile_of(entry: Entry, config: SigningConfig) -> Profile:
    """Return the profile of a configuration that an entry is signed with."""
    return config.profile_or_default(entry.signing.profile if entry.signing else "")


def profile_place(config: str, name: str) -> Place:
    """Return where a profile stands; an empty name is the default one's."""
    signing = Place(config or MAKEFILE, key="signing")
    return signing.field("profiles").field(name) if name else signing.field("default")

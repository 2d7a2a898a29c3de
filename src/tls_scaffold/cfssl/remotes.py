"""Who signs for a profile on another machine: cfssl's `auth_remote`, `auth_keys` and `remotes`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tls_scaffold.cfssl import fields
from tls_scaffold.cfssl.gojson import Section
from tls_scaffold.cfssl.serverurls import server_url


@dataclass(frozen=True)
class Remote:
    """The servers that sign for a profile, one where the one before it fails.

    `servers` are base URLs, and `auth_key` is the key that they know the asker by as the
    configuration has it: `env:NAME`, `file:PATH`, or the key itself. Without one nothing
    authenticates the request.
    """

    servers: tuple[str, ...]
    auth_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Directory:
    """What a configuration says of servers and keys, by the names that profiles use."""

    servers: Mapping[str, tuple[str, ...]]
    auth_keys: Mapping[str, str] = field(repr=False)


def read_directory(document: Section) -> Directory:
    """Return the servers and keys of a configuration; problems go to the document's."""
    remotes, keys = document.map("remotes"), document.map("auth_keys")
    servers = {name: _servers(remotes, name) for name in remotes.names}
    sections = {name: keys.section(name) for name in keys.names}
    texts: dict[str, str] = {}
    for name, section in sections.items():
        if section is None:
            continue
        section.tell_ignored("auth_key", fields.AUTH_KEY, {})
        if section.text("type") != "standard":
            section.problem("type", "`standard` is all that cfssl knows")
        texts[name] = section.text("key")
    return Directory(servers, texts)


def _servers(remotes: Section, name: str) -> tuple[str, ...]:
    return tuple(_server(remotes, name, text.strip()) for text in remotes.text(name).split(","))


def _server(remotes: Section, name: str, text: str) -> str:
    try:
        return server_url(text)
    except ValueError as error:
        remotes.problem(name, str(error))
        return ""


def read_remote(profile: Section, directory: Directory) -> Remote | None:
    """Return who signs for a profile elsewhere; None where it is signed here."""
    section = profile.section("auth_remote")
    if section is None:
        return None
    section.tell_ignored("auth_remote", fields.AUTH_REMOTE, {})
    name, key = section.text("remote"), section.text("auth_key")
    if not name:
        return None
    if name not in directory.servers:
        section.problem("remote", f"`{name}` is none of `remotes`")
    if key and key not in directory.auth_keys:
        section.problem("auth_key", f"`{key}` is none of `auth_keys`")
    return Remote(directory.servers.get(name, ()), directory.auth_keys.get(key, ""))

"""A call of `tls-scaffold cfssl`: its flags and what they name, and what is answered."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.remotes import Remote
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.cfssl.serverurls import server_url
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.reading import decoded, read_given
from tls_scaffold.signing import certificates, issuer, mistakes
from tls_scaffold.signing.remotesigner import RemoteSigner, read_tls_context, seconds_allowed
from tls_scaffold.signing.signer import Signed

STDIN = "-"
INFO, WARNING = 1, 2  # the levels of cfssl's log
# Go's encoding/json writes them so.
GO_ESCAPES = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


@dataclass(frozen=True)
class Answer:
    """What goes to stdout, and what is to be told of it.

    `log` has what cfssl would have logged, and `warnings` what it passes over in silence.
    """

    text: str
    warnings: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One command with its flags, and the words behind them; paths are of `folder`."""

    command: str
    texts: Mapping[str, str]
    switches: frozenset[str]
    words: tuple[str, ...]
    folder: Path
    read_stdin: Callable[[], bytes] = field(repr=False)

    def text(self, flag: str) -> str:
        """Return the value of a flag; empty where it is not given."""
        return self.texts.get(flag, "")

    def read(self, path: str) -> bytes:
        """Return what a file holds, or standard input for `-`."""
        if path == STDIN:
            return self.read_stdin()
        with telling(self.folder / path):
            return read_given(self.folder / path, path)

    def read_text(self, path: str) -> str:
        """Return the text of a file, or of standard input for `-`."""
        return decoded(self.read(path), quoted(path))

    def read_request(self, path: str) -> Request:
        """Return the request in a file."""
        return readers.request(self.read_text(path), place_of(path))

    def read_named(self, flag: str) -> bytes:
        """Return what a flag names: `[file:]PATH`, or `env:VARIABLE`."""
        value = self.text(flag)
        kind, name = value.split(":", 1) if ":" in value else ("file", value)
        if kind == "file":
            with telling(self.folder / name):  # `-` is a file of that name here
                return read_given(self.folder / name, name)
        if kind != "env":
            raise ScaffoldError(
                f"`-{flag} {value}` begins with neither `file:` nor `env:`",
                hint=f"a path with a colon is `file:{value}`",
            )
        if name not in os.environ:
            raise ScaffoldError(f"the variable `{name}`, which `-{flag}` names, is not set")
        return os.environb[os.fsencode(name)]

    @cached_property
    def config(self) -> SigningConfig | None:
        """The configuration that is named; None if none is."""
        path = self.text("config")
        return readers.signing_config(self.read_text(path), path) if path else None

    def load_ca(self) -> issuer.CA:
        """Return the CA that `-ca` and `-ca-key` name; ScaffoldError where one is missing."""
        flags = ("ca", "ca-key")
        missing = [f"`-{flag}` is missing" for flag in flags if not self.text(flag)]
        if missing:
            needs = f"`cfssl {self.command}` needs a CA to sign with"
            instead = ", or `-initca` to make one" if self.command == "gencert" else ""
            raise ScaffoldError(f"{needs}{instead}", missing)
        certificate, key = map(self.read_named, flags)
        return issuer.load_ca(certificate, key, self.text("ca"), self.text("ca-key"))

    def signing_ca(self, now: datetime) -> issuer.CA:
        """Return the CA that is to sign `now`; ScaffoldError where nobody takes what it signs."""
        ca = self.load_ca()
        life = ca.certificate.not_before, ca.certificate.not_after
        if over := mistakes.out_of_life(f"`{self.text('ca')}`", *life, now):
            raise ScaffoldError(over)
        return ca

    def profile(self) -> Profile:
        """Return the profile that is asked for, with the server that `-remote` names in its place.

        Raises ScaffoldError where that is no address of one.
        """
        config = self.config or SigningConfig()
        profile = config.profile_or_default(self.text("profile"))
        if profile.remote:  # which is asked for a profile that is unknown here, too
            profile = replace(profile, name=self.text("profile"))
        if not self.text("remote"):
            return profile
        try:
            servers = tuple(server_url(each.strip()) for each in self.text("remote").split(","))
        except ValueError as error:
            raise ScaffoldError(f"`-remote {self.text('remote')}`", [str(error)]) from None
        # Of the configuration's the key counts still.
        remote = replace(profile.remote or Remote(()), servers=servers)
        return replace(profile, name=self.text("profile"), remote=remote)

    def remote_signer(self) -> RemoteSigner:
        """Return who has certificates signed elsewhere; with `-ca` answers have to be that CA's."""
        path = self.text("ca")
        certificate = certificates.read(self.read_named("ca"), path) if path else None
        context = read_tls_context(self.text("tls-remote-ca"), self.folder)
        return RemoteSigner(
            certificate, self.folder, self.text("label"), context, seconds_allowed()
        )

    def one_request(self) -> str:
        """Return the one word behind the flags, a request's path."""
        if len(self.words) == 1:
            return self.words[0]
        too_many = [
            f"`{word}` is one too many: cfssl 1.2 passes over it, 1.6 refuses it"
            for word in self.words[1:]
        ]
        raise ScaffoldError(
            f"`cfssl {self.command}` takes one request, after its flags",
            too_many,
            "`-` reads it from standard input",
        )


def place_of(path: str) -> str:
    """Return the place, before a colon in messages, of what is read from a path."""
    return "standard input" if path == STDIN else path


def quoted(path: str) -> str:
    """Return how sentences call what is read from a path."""
    return place_of(path) if path == STDIN else f"`{path}`"


def refuse(path: str, problems: Sequence[str]) -> None:
    """Raise ScaffoldError with the problems, if there are any."""
    if problems:
        raise ScaffoldError(
            f"`{path}` can't be signed", [f"{path}: {problem}" for problem in problems]
        )


def answer_signed(
    signed: Signed, warnings: Sequence[str] = (), *, is_logged: bool = True
) -> Answer:
    """Return the answer with what was signed, in the form that cfssljson reads."""
    parts = {"cert": signed.certificate, "csr": signed.csr, "key": signed.key}
    # Around a CSR of others anything may stand; Go too puts a mark for what is not UTF-8.
    document = {name: part.decode(errors="replace") for name, part in parts.items() if part}
    log: tuple[str, ...] = ()
    if signed.certificate and is_logged:
        number = certificates.read(signed.certificate, "").parsed.serial_number
        log = (f"signed certificate with serial number {number}",)
    return Answer(go_json(document, indent=None), tuple(warnings), log)


def go_json(document: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return a document as Go's encoding/json writes it."""
    separators = None if indent else (",", ":")
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators)
    return text.translate(GO_ESCAPES) + "\n"

"""What one line of cfssl's signs: as a Signing, or as a line that can't be followed."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tls_scaffold.makefiles.componentlines import PEER_CA_FLAG
from tls_scaffold.paths import (
    CA,
    CA_KEY,
    CERTIFICATE_ENDING,
    CONFIG,
    KEY_ENDING,
    PEER_CA,
    PEER_CA_KEY,
    AtOutput,
)
from tls_scaffold.shell.cfssllines import FIELDS, INITCA, QUIET, given_fields, read_flags
from tls_scaffold.shell.ledger import Pair


@dataclass(frozen=True)
class Signing(AtOutput):
    """One certificate that make would have signed, with paths relative to the folder.

    `target` is the goal that asks for it, `output` has no `.pem`, an empty `profile` is the default
    one, `unknown` holds flags that are not understood. `name` is what the component is called.
    `flags` are the words that a line of ours has for cfssl, as they count for the record; None for
    a line that calls cfssl itself. One is `on_request` that plain `make` does not sign.
    """

    name: str
    target: str
    request: str
    output: str
    profile: str = ""
    ca: str = CA
    ca_key: str = CA_KEY
    config: str = CONFIG
    hostname: str | None = None
    cn: str | None = None
    makes_ca: bool = False
    # `cfssl sign` takes a CSR of what `genkey`, or `gencert -initca`, made of the request.
    signs_csr: bool = False
    unknown: tuple[str, ...] = ()
    # Whether two lines ask for the same is not told by these.
    flags: tuple[str, ...] | None = field(default=None, compare=False)
    on_request: bool = field(default=False, compare=False)
    unset: tuple[str, ...] = field(default=(), compare=False)
    """The variables that are to name the certificate, and are not set."""
    line: str = field(default="", compare=False)
    copies: tuple[str, ...] = field(default=(), compare=False)
    """Where other commands of make's put copies of the certificate."""

    def unset_problem(self, command: str = "…") -> str:
        """Say which variables that are to name it are not set, and the way to set them."""
        names = " and ".join(f"`{name}`" for name in self.unset)
        given = " ".join(f"{name}=NAME" for name in self.unset)
        is_not = "is not set" if len(self.unset) == 1 else "are not set"
        way = f"`{given} tls-scaffold {command}`"
        return f"`{self.certificate_path}` is named by {names}, which {is_not}: {way}"

    @property
    def has_ca(self) -> bool:
        """Whether its line names a CA with its key, without which cfssl signs nothing."""
        return bool(self.ca and self.ca_key)


@dataclass(frozen=True)
class Unread:
    """A line that signs in a way that can't be followed, with the first target that shows it.

    As text it is what a message shows; `why` follows the line there. One is `on_request` that
    plain `make` does not come to.
    """

    line: str
    goal: str = ""
    why: str = field(default="", compare=False)
    on_request: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return the line, behind its target if there is one."""
        return f"{self.goal}: {self.told}" if self.goal else self.told if self.why else self.line

    @property
    def told(self) -> str:
        """The line, and why it can't be followed."""
        return f"`{self.line}`: {self.why}" if self.why else f"`{self.line}`"


def signing_of_script(words: Sequence[str]) -> Signing:
    """Return what `sign.sh` signs for the words `CERTIFICATE [FLAGS] REQUEST`.

    Raises ValueError where that can't be told.
    """
    certificate, *rest = words
    is_of_peers = rest[:1] == [f"-{PEER_CA_FLAG}"]
    flags, (request,) = read_flags(rest[is_of_peers:], {INITCA})
    if not certificate.endswith(".pem") or INITCA in flags:
        raise ValueError(words)
    output = posixpath.normpath(certificate.removesuffix(".pem"))
    by_peers = {"ca": PEER_CA, "ca_key": PEER_CA_KEY} if is_of_peers else {}
    given = {**by_peers, **given_fields(flags)}
    return signing_of_flags(request, output, flags, given, tuple(rest[:-1]))


def signing_of_flags(
    request: str,
    output: str,
    flags: Mapping[str, str],
    given: Mapping[str, Any],
    words: tuple[str, ...] | None = None,
) -> Signing:
    """Return what cfssl's flags ask for; `given` are its fields that they give."""
    return Signing(
        name=posixpath.basename(output),
        target="",
        request=request,
        output=output,
        **given,
        makes_ca=INITCA in flags,
        unknown=tuple(f"-{flag}" for flag in flags if flag not in (*FIELDS, QUIET, INITCA)),
        flags=words,
    )


def signing_of_pair(pair: Pair, output_of: Callable[[Pair], str]) -> Signing:
    """Return what is signed of a pair, by the places where it and its CA lie in the end."""
    call, fields = pair.answer.call, dict(pair.answer.call.fields)
    if pair.ca:
        fields["ca"] = f"{output_of(pair.ca)}{CERTIFICATE_ENDING}"
    if pair.ca and pair.has_ca_key:
        fields["ca_key"] = f"{output_of(pair.ca)}{KEY_ENDING}"
    signing = signing_of_flags(pair.request, output_of(pair), call.flags, fields)
    return replace(signing, signs_csr=call.verb == "sign")

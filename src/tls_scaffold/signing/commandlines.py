"""The command that signs one certificate alone, as a make with cfssl shows it."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.signing.pairs import CERTIFICATE


def of_ca(certificate: str, request: str, place: Path) -> str:
    """Return the command that makes a CA with its request, both below `place`."""
    return _pipeline(["-initca", str(place / request)], place / certificate.removesuffix(CERTIFICATE))


def of_component(signing: Signing, place: Path) -> str:
    """Return the command that signs a component; its certificate and its CA are below `place`."""
    ca = ("-ca", str(place / signing.ca), "-ca-key", str(place / signing.ca_key))
    config = ("-config", signing.config) if signing.config else ()
    return _pipeline([*ca, *config, *_flags(signing), signing.request], place / signing.output)


def _flags(signing: Signing) -> Iterator[str]:
    if signing.flags is not None:
        yield from signing.flags
        return
    if signing.profile:
        yield from ("-profile", signing.profile)
    if signing.hostname is not None:
        yield from ("-hostname", signing.hostname)
    if signing.cn is not None:
        yield from ("-cn", signing.cn)


def _pipeline(words: list[str], output: Path) -> str:
    return f"tls-scaffold cfssl gencert {shlex.join(words)} | tls-scaffold cfssljson -bare {shlex.quote(str(output))}"

"""The command that signs one certificate alone, as a make with cfssl shows it."""

import shlex
from collections.abc import Iterator

from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING


def of_ca(certificate: str, request: str) -> str:
    """Return the command that makes a CA with its request."""
    return _pipeline(["-initca", request], certificate.removesuffix(CERTIFICATE_ENDING))


def of_component(signing: Signing) -> str:
    """Return the command that signs a component."""
    ca = ("-ca", signing.ca, "-ca-key", signing.ca_key)
    config = ("-config", signing.config) if signing.config else ()
    return _pipeline([*ca, *config, *_flags(signing), signing.request], signing.output)


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


def _pipeline(words: list[str], output: str) -> str:
    return f"tls-scaffold cfssl gencert {shlex.join(words)} | tls-scaffold cfssljson -bare {shlex.quote(output)}"

"""The command that signs one certificate alone, as a make with cfssl shows it."""

import shlex
from collections.abc import Sequence

from tls_scaffold.inventory.custody import Custody
from tls_scaffold.makefiles.componentlines import PEER_CA_FLAG
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING


def ca_command(certificate: str, request: str) -> str:
    """Return the command that makes a CA with its request."""
    return _pipeline(["-initca", request], certificate.removesuffix(CERTIFICATE_ENDING))


def component_command(signing: Signing) -> str:
    """Return the command that signs a component."""
    return _signing_command(["-ca", signing.ca, "-ca-key", signing.ca_key], signing)


def remote_command(signing: Signing, custody: Custody) -> str:
    """Return the command that has a component signed by servers."""
    words = ["-ca", signing.ca]
    words += ["-label", custody.label] if custody.label else []
    words += ["-tls-remote-ca", custody.remote_ca] if custody.remote_ca else []
    return _signing_command(words, signing)


def _signing_command(words: list[str], signing: Signing) -> str:
    if signing.config:
        words += ["-config", signing.config]
    if signing.flags is not None:
        words += [word for word in signing.flags if word != f"-{PEER_CA_FLAG}"]
    else:
        words += ["-profile", signing.profile] if signing.profile else []
        words += ["-hostname", signing.hostname] if signing.hostname is not None else []
        words += ["-cn", signing.cn] if signing.cn is not None else []
    return _pipeline([*words, signing.request], signing.output)


def _pipeline(words: Sequence[str], output: str) -> str:
    base = shlex.quote(output)
    return f"tls-scaffold cfssl gencert {shlex.join(words)} | tls-scaffold cfssljson -bare {base}"

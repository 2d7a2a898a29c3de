"""Whether certificates would be signed after a sync as they are now, told by what they are for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_REQUEST


def signed_otherwise(
    folder: Path, before: Iterable[Signing], synced: Path, after: Iterable[Signing]
) -> Iterator[str]:
    """Yield each certificate of a folder that would be signed otherwise in its synced copy.

    `before` is what is signed in the folder, its CA among it, and `after` what is in the copy.
    """
    new = {signing.output: signing for signing in after}
    for signing in before:
        if signing.makes_ca:
            if _request(folder, signing.request) != _request(synced, CA_REQUEST):
                yield f"`{signing.certificate_path}`: another CA would be made from `{CA_REQUEST}`"
        elif signing.output in new:
            old, now = _facts(folder, signing), _facts(synced, new[signing.output])
            changed = [what for what, value in old.items() if value != now[what]]
            if changed:
                yield f"`{signing.certificate_path}` would have another {' and '.join(changed)}"


def _facts(folder: Path, signing: Signing) -> Mapping[str, Request | Profile]:
    request = _request(folder, signing.request).overridden(signing.cn, signing.hostname)
    text = read_text(folder, signing.config) if signing.config else None
    config = SigningConfig()
    if text is not None:
        config, _ = readers.readable_signing_config(text, signing.config)
    # How a profile is called is no part of a certificate.
    profile = replace(config.profile_or_default(signing.profile), name="")
    return {"request": request, "profile": profile}


def _request(folder: Path, path: str) -> Request:
    return readers.readable_request(read_text(folder, path) or "", path)[0]

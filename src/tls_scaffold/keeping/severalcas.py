"""A folder made by hand with several CAs: an inventory has one, and the way is a folder each."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING
from tls_scaffold.spelling import listed

SHOWN = 3
NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
ONE_ROOT = (
    "an inventory has one CA, and one that is below another is brought to a new folder "
    "(`tls-scaffold new --ca FILE`); this one works as it is: `tls-scaffold sign`, `status` and "
    "`check` know CAs below CAs"
)


def config_of(texts: Mapping[str, str], path: str) -> SigningConfig:
    """Return the signing configuration at a path; cfssl's own where a line names none."""
    text = texts.get(path, "")
    return readers.readable_signing_config(text, path)[0] if text else SigningConfig()


def cas_below_cas(signings: Collection[Signing], texts: Mapping[str, str]) -> Iterator[str]:
    """Yield each CA that another CA of the Makefile signs: its profile, or what it signs, tells."""
    signers = {signing.ca for signing in signings}
    for each in signings:
        if each.makes_ca:
            continue
        profile = config_of(texts, each.config).profile_or_default(each.profile)
        if profile.constraint.is_ca or each.certificate_path in signers:
            yield f"`{each.certificate_path}` is a CA that `{each.ca}` signs"


def certificates_by_ca(
    authorities: Iterable[Signing], others: Iterable[Signing]
) -> dict[str, list[str]]:
    """Return what is signed by each CA that the Makefile makes; the CA's own certificate first."""
    found = {each.certificate_path: [each.certificate_path] for each in authorities}
    for each in others:
        found.setdefault(each.ca, [each.ca]).append(each.certificate_path)
    return {ca: list(dict.fromkeys(paths)) for ca, paths in found.items()}


def told_by_ca(by_ca: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield what each CA signs."""
    for ca, paths in by_ca.items():
        signed = listed(paths[1:], SHOWN) or "nothing here"
        yield f"`{ca}` signs {signed}"


def folder_each(by_ca: Mapping[str, list[str]]) -> str:
    """Return the steps to a folder for each CA: copies are divided, so that nothing is lost."""
    first, *further = by_ca
    lines = ["one folder a CA; in this one:"]
    for ca in further:
        copy = f'"$PWD-{_suffix(ca)}"'
        lines.append(f"  mkdir {copy} && cp -Rp . {copy}")
        made = listed(by_ca[ca], SHOWN)
        lines.append(f"    there keep of the Makefile what makes {made}, and take out the rest")
    made = listed(by_ca[first], SHOWN)
    lines.append(f"  here take out of the Makefile all but what makes {made}")
    lines.append("  then `tls-scaffold adopt` in each")
    return "\n".join(lines)


def _suffix(ca: str) -> str:
    """Return what tells a CA from others: the name of its file, or of its folder for `ca.pem`."""
    name = posixpath.basename(ca).removesuffix(CERTIFICATE_ENDING)
    words = [name] if name != "ca" else [posixpath.basename(posixpath.dirname(ca)), name]
    return NO_NAME.sub("-", words[0] or name)

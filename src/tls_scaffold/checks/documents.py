"""Rules over the JSON files as such: whether cfssl reads them as they are meant."""

import shutil
import subprocess
from collections.abc import Iterator

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.words import RSA_SIZES

PROBE = b'{"CN": "probe", "key": {"algo": "ed25519", "size": 0}}'


class Readable(Rule):
    """Every file that the Makefile or `config/` brings in can be read, and holds what it should."""

    id = "unreadable"
    pain = "cfssl or make stops at it, and what it asks for is never signed"
    fix = "mend the file at the place that is named, or take it away"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each file that is malformed, missing or no file."""
        yield from view.unread


class SoundInventory(Rule):
    """The inventory, where there is one, describes a cluster."""

    id = "broken-inventory"
    pain = "no command keeps the folder any more, and `check` knows neither its components nor what is switched off"
    fix = "mend `tls-scaffold.json` at the place that is named"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each problem of the inventory."""
        yield from view.not_inventory


class Fit(Rule):
    """Every value in a request or a signing configuration is one that can be signed."""

    id = "unfit-value"
    pain = "cfssl refuses it in words that name no file, or takes another value in its place"
    fix = "write a value that cfssl knows"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each value that is none of cfssl's."""
        yield from view.unfit


class Spelling(Rule):
    """Every field of a request is one that cfssl knows, or nothing like one."""

    id = "misspelt-field"
    pain = "cfssl ignores unknown fields: with `host` for `hosts` it signs a certificate without any host"
    fix = "write the field as it is suggested"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each field that looks like a known one."""
        for path, request in view.requests.items():
            for name, meant in request.misspelt.items():
                yield (
                    f"{path}: {name}",
                    f"`{name}` is no field of a request; did you mean `{meant}`?",
                )


class StrongKey(Rule):
    """No key is weaker than RSA with 2048 bits."""

    id = "weak-key"
    of_certificates = True
    pain = "Go and OpenSSL refuse a shorter key, and it can be broken"
    fix = (
        'write `"key": {"algo": "ecdsa", "size": 384}` (or `rsa` with 2048 to 8192) and sign again'
    )

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each weak key, in the requests and in the certificates."""
        for path, request in view.requests.items():
            if request.key.algo == "rsa" and request.key.size < RSA_SIZES[0]:
                yield f"{path}: key.size", f"`{request.key}` is weaker than `rsa-{RSA_SIZES[0]}`"
        for entry in view.contents.entries:
            if (
                entry.certificate
                and entry.certificate.key.algo == "rsa"
                and entry.certificate.key.size < RSA_SIZES[0]
            ):
                yield (
                    entry.path,
                    f"its key `{entry.certificate.key}` is weaker than `rsa-{RSA_SIZES[0]}`",
                )


class KnownKey(Rule):
    """The cfssl that is installed can sign every type of key that is asked for."""

    id = "ed25519-unsupported"
    level = WARNING
    pain = "cfssl before 1.6.5 answers `invalid algorithm`, and nothing is signed"
    fix = "take `ecdsa`, or install cfssl 1.6.5 (`make cfssl`), or sign with `make SIGNER=tls-scaffold`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request for ed25519 where the cfssl that is found refuses that."""
        wanting = [path for path, request in view.requests.items() if request.key.algo == "ed25519"]
        if wanting and shutil.which("cfssl") and not _knows_ed25519():
            yield from (
                (f"{path}: key.algo", "the cfssl on the PATH can't make `ed25519` keys")
                for path in wanting
            )


def _knows_ed25519() -> bool:
    """Ask cfssl itself: its distributions number their versions as they like."""
    try:
        done = subprocess.run(
            ["cfssl", "genkey", "-"], input=PROBE, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode == 0


RULES = (Readable, SoundInventory, Spelling, StrongKey, KnownKey)

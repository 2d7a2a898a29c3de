"""Rules over the JSON files as such: whether cfssl reads them as they are meant."""

import shutil
import subprocess
from collections.abc import Iterator

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.spelling import RSA_SIZES
from tls_scaffold.state.hindrances import fix_of, hindrances

PROBE = b'{"CN": "probe", "key": {"algo": "ed25519", "size": 0}}'


@Rule(
    pain="no command that would write there works any more, while all that is signed goes on",
    fix="move it away",
    fix_at=lambda _view, place, _fix: fix_of(place.path),
)
def in_the_way(view: View) -> Iterator[Problem]:
    """Nothing keeps commands from writing: no link, and no new set that is half in place."""
    yield from hindrances(view.folder, view.inventory)


@Rule(
    pain="cfssl or make stops at it, and what it asks for is never signed",
    fix="mend the file at the place that is named, or take it away",
)
def unreadable(view: View) -> Iterator[Problem]:
    """Every file that the Makefile or `config/` brings in can be read, and holds what it should."""
    yield from view.unread


@Rule(
    pain=(
        "no command keeps the folder any more, and `check` knows neither its components nor what "
        "is switched off"
    ),
    fix=(
        "mend `tls-scaffold.json` at the place that is named; for a newer format upgrade "
        "tls-scaffold"
    ),
)
def broken_inventory(view: View) -> Iterator[Problem]:
    """Any inventory that is there describes a cluster."""
    yield from view.not_inventory


@Rule(
    pain="cfssl refuses it in words that name no file, or takes another value in its place",
    fix="write a value that cfssl knows",
    after_others=True,
)
def unfit_value(view: View) -> Iterator[Problem]:
    """Every value in a request or a signing configuration is one that can be signed."""
    yield from view.unfit


@Rule(
    pain=(
        "cfssl ignores unknown fields: with `host` for `hosts` it signs a certificate without any "
        "host"
    ),
    fix="write the field as, and where, it is suggested",
)
def misspelt_field(view: View) -> Iterator[Problem]:
    """Every field of a request or a signing configuration is one that cfssl knows there."""
    for each in view.ignored:
        if each.meant:
            yield Problem(each.place, each.message)


@Rule(
    level=WARNING,
    pain="cfssl passes over it in silence, and what it asks for never comes",
    fix="take the field out, or begin its name with `_` if it is a remark",
)
def ignored_field(view: View) -> Iterator[Problem]:
    """Every other field of these files is a remark."""
    for each in view.ignored:
        if not each.meant:
            yield Problem(each.place, each.message)


@Rule(
    of_certificates=True,
    pain="Go and OpenSSL refuse a shorter key, and it can be broken",
    fix='write `"key": {"algo": "ecdsa", "size": 384}` (or `rsa` with 2048 to 8192) and sign again',
)
def weak_key(view: View) -> Iterator[Problem]:
    """No key is weaker than RSA with 2048 bits."""
    for path, request in view.requests.items():
        if request.key.algo == "rsa" and 0 < request.key.size < RSA_SIZES[0]:
            message = f"`{request.key}` is weaker than `rsa-{RSA_SIZES[0]}`"
            yield Problem(Place(path, key="key.size"), message)
    for entry in view.contents.entries:
        key = entry.certificate and entry.certificate.key
        if key and key.algo == "rsa" and key.size < RSA_SIZES[0]:
            message = f"its key `{key}` is weaker than `rsa-{RSA_SIZES[0]}`"
            yield Problem(Place(entry.path), message)


@Rule(
    level=WARNING,
    pain="cfssl before 1.6.5 answers `invalid algorithm`, and nothing is signed",
    fix=(
        "take `ecdsa`, or install cfssl 1.6.5 (`make cfssl`), or sign with `make "
        "SIGNER=tls-scaffold`"
    ),
)
def ed25519_unsupported(view: View) -> Iterator[Problem]:
    """Every type of key that is asked for is one that the installed cfssl can sign."""
    wanting = [path for path, request in view.requests.items() if request.key.algo == "ed25519"]
    if wanting and shutil.which("cfssl") and not _knows_ed25519():
        for path in wanting:
            message = "the cfssl on the PATH can't make `ed25519` keys"
            yield Problem(Place(path, key="key.algo"), message)


def _knows_ed25519() -> bool:
    """Ask cfssl itself: its distributions number their versions as they like."""
    try:
        done = subprocess.run(
            ["cfssl", "genkey", "-"], input=PROBE, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode == 0


RULES = (
    in_the_way,
    unreadable,
    broken_inventory,
    misspelt_field,
    ignored_field,
    weak_key,
    ed25519_unsupported,
)

"""`tls-scaffold cfssl gencert`: one certificate, from the command line that folders have for cfssl."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.cfssl import goflags, readers
from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.signing import issuer, signer, silences
from tls_scaffold.signing.keys import private_key

TEXTS = ("ca", "ca-key", "config", "profile", "hostname", "cn")
SWITCHES = ("initca",)
STDIN = "-"


@dataclass(frozen=True)
class Answer:
    """What cfssl prints, and what it did in silence."""

    document: dict[str, str]
    warnings: tuple[str, ...]


def gencert(words: Sequence[str], folder: Path, read_stdin: Callable[[], str]) -> Answer:
    """Do what `cfssl gencert WORDS` does in `folder`, its silences included: each is a warning in the answer.

    Raises UsageError for flags that it does not take, ScaffoldError where cfssl refuses too.
    """
    flags = goflags.parse(words, "cfssl gencert", TEXTS, SWITCHES)
    place = _request(flags.rest)
    text = read_stdin() if place == STDIN else _text(folder / place)
    request = readers.request(text, "standard input" if place == STDIN else place)
    if "initca" in flags.switches:
        return _ca(
            request.overridden(flags.texts.get("cn"), None),
            place,
            folder,
            flags.texts.get("ca-key", ""),
        )
    request = request.overridden(flags.texts.get("cn"), flags.texts.get("hostname"))
    return _leaf(request, place, folder, flags.texts)


def _request(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    spare = [
        f"`{word}` is one too many: cfssl 1.2 passes over it, 1.6 refuses it" for word in words[1:]
    ]
    raise UsageError(
        "`cfssl gencert` takes one request, after its flags",
        spare,
        "`-` reads it from standard input",
    )


def _ca(request: Request, place: str, folder: Path, key_place: str) -> Answer:
    profile, now = ca_profile(request), signer.utc_now()
    _refuse(place, silences.refusals(request, profile, now, leaf=False))
    key = private_key(_bytes(folder / key_place), key_place) if key_place else None
    signed = signer.new_ca(request, now, key)
    return _answer(signed, place, silences.silences(request, leaf=False), key_is_new=not key)


def _leaf(request: Request, place: str, folder: Path, texts: dict[str, str]) -> Answer:
    missing = [f"`-{flag}` is missing" for flag in ("ca", "ca-key") if not texts.get(flag)]
    if missing:
        raise UsageError(
            "`cfssl gencert` needs a CA to sign with, or `-initca` to make one", missing
        )
    config = SigningConfig()
    if texts.get("config"):
        config = readers.signing_config(_text(folder / texts["config"]), texts["config"])
    profile = config.profile_or_default(texts.get("profile", ""))
    now = signer.utc_now()
    _refuse(place, silences.refusals(request, profile, now))
    certificate, key = (_bytes(folder / texts[flag]) for flag in ("ca", "ca-key"))
    ca = issuer.load_ca(certificate, key, texts["ca"], texts["ca-key"])
    told = (
        *silences.silences(request),
        *silences.profile_silences(config, texts.get("profile", "")),
        *silences.outlives(profile, ca.certificate, now),
    )
    return _answer(signer.sign(request, profile, ca, now), place, told)


def _answer(
    signed: signer.Signed, place: str, told: Sequence[str], *, key_is_new: bool = True
) -> Answer:
    document = {"cert": signed.certificate.decode(), "csr": signed.csr.decode()}
    if key_is_new:
        document["key"] = signed.key.decode()
    return Answer(document, tuple(f"{place}: {each}" for each in told))


def _refuse(place: str, problems: Sequence[str]) -> None:
    if problems:
        raise ScaffoldError(
            f"`{place}` can't be signed", [f"{place}: {problem}" for problem in problems]
        )


def _bytes(path: Path) -> bytes:
    with telling(path):
        return path.read_bytes()


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"`{path}` is not text in UTF-8 (byte {error.start})") from None

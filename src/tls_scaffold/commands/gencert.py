"""`tls-scaffold cfssl gencert`: one certificate, from the command line made for cfssl."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.cfssl import goflags, readers
from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.signing import issuer, mistakes, signer
from tls_scaffold.signing.keys import read_private_key

TEXT_FLAGS = ("ca", "ca-key", "config", "profile", "hostname", "cn")
SWITCHES = ("initca",)
STDIN = "-"


@dataclass(frozen=True)
class Answer:
    """What cfssl prints, and what it passed over in silence."""

    document: dict[str, str]
    warnings: tuple[str, ...]


def gencert(words: Sequence[str], folder: Path, read_stdin: Callable[[], str]) -> Answer:
    """Do what `cfssl gencert WORDS` does in `folder`; what it is silent about is a warning.

    Raises UsageError for flags that it does not take, ScaffoldError where cfssl refuses too.
    """
    flags = goflags.parse_flags(words, "cfssl gencert", TEXT_FLAGS, SWITCHES)
    path = _request_path(flags.rest)
    text = read_stdin() if path == STDIN else _read_text(folder / path)
    request = readers.request(text, "standard input" if path == STDIN else path)
    if "initca" in flags.switches:
        request = request.overridden(flags.texts.get("cn"), None)
        return _make_ca(request, path, folder, flags.texts.get("ca-key", ""))
    request = request.overridden(flags.texts.get("cn"), flags.texts.get("hostname"))
    return _sign_leaf(request, path, folder, flags.texts)


def _request_path(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    too_many = [
        f"`{word}` is one too many: cfssl 1.2 passes over it, 1.6 refuses it" for word in words[1:]
    ]
    raise UsageError(
        "`cfssl gencert` takes one request, after its flags",
        too_many,
        "`-` reads it from standard input",
    )


def _make_ca(request: Request, path: str, folder: Path, key_path: str) -> Answer:
    now = signer.utc_now()
    _raise_refusals(path, mistakes.refusals(request, ca_profile(request), now, leaf=False))
    key = read_private_key(_read_bytes(folder / key_path), key_path) if key_path else None
    signed = signer.new_ca(request, now, key)
    silent = map(str, mistakes.silent_in_request(request, leaf=False))
    return _make_answer(signed, path, silent, with_key=not key)


def _sign_leaf(request: Request, path: str, folder: Path, texts: dict[str, str]) -> Answer:
    missing = [f"`-{flag}` is missing" for flag in ("ca", "ca-key") if not texts.get(flag)]
    if missing:
        raise UsageError(
            "`cfssl gencert` needs a CA to sign with, or `-initca` to make one", missing
        )
    config = SigningConfig()
    if texts.get("config"):
        config = readers.signing_config(_read_text(folder / texts["config"]), texts["config"])
    name = texts.get("profile", "")
    profile = config.profile_or_default(name)
    now = signer.utc_now()
    _raise_refusals(path, mistakes.refusals(request, profile, now))
    certificate, key = (_read_bytes(folder / texts[flag]) for flag in ("ca", "ca-key"))
    ca = issuer.load_ca(certificate, key, texts["ca"], texts["ca-key"])
    ended = mistakes.ended_ca(texts["ca"], ca.certificate.not_after, now)
    if ended:
        raise ScaffoldError(ended)
    silent = (
        *map(str, mistakes.silent_in_request(request)),
        *mistakes.silent_in_profile(config, name),
        *mistakes.outlives_ca(profile, ca.certificate.not_after, now),
    )
    return _make_answer(signer.sign(request, profile, ca, now), path, silent, with_key=True)


def _make_answer(
    signed: signer.Signed, path: str, silent: Iterable[str], *, with_key: bool
) -> Answer:
    document = {"cert": signed.certificate.decode(), "csr": signed.csr.decode()}
    if with_key:
        document["key"] = signed.key.decode()
    return Answer(document, tuple(f"{path}: {each}" for each in silent))


def _raise_refusals(path: str, problems: Sequence[str]) -> None:
    if problems:
        raise ScaffoldError(
            f"`{path}` can't be signed", [f"{path}: {problem}" for problem in problems]
        )


def _read_bytes(path: Path) -> bytes:
    with telling(path):
        return path.read_bytes()


def _read_text(path: Path) -> str:
    try:
        return _read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"`{path}` is not text in UTF-8 (byte {error.start})") from None

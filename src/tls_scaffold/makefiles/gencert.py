"""cfssl's `gencert` on a line of shell, in all the spellings of the field, as a Signing."""

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tls_scaffold.makefiles.shell import (
    check_plain,
    logical_lines,
    split_pipelines,
    unroll_loops,
    with_literals,
    without_assignments,
    without_comment,
)
from tls_scaffold.paths import CA, CA_KEY, CONFIG

FLAGS = {
    "ca": "ca",
    "ca-key": "ca_key",
    "config": "config",
    "profile": "profile",
    "hostname": "hostname",
    "cn": "cn",
}
PATHS = ("request", "output", "ca", "ca_key", "config")
QUIET = "loglevel"
INITCA = "initca"
CFSSL = "cfssl"
STAND_IN = "tls-scaffold"  # `tls-scaffold cfssl gencert …` does the same
CFSSLJSON = {"cfssljson", "cfssl-json", "cfssl_json"}


@dataclass(frozen=True)
class Signing:
    """One certificate that make would have signed, with paths relative to the folder.

    `target` is the goal that asks for it, `output` has no `.pem`, an empty `profile` is the default
    one, `unknown` holds flags that are not understood. `name` is what the component is called.
    `flags` are the words that a line of ours has for cfssl, as they count for the record; None for
    a line that calls cfssl itself.
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
    unknown: tuple[str, ...] = ()
    # Whether two lines ask for the same is not told by their words.
    flags: tuple[str, ...] | None = field(default=None, compare=False)

    def below(self, home: str) -> "Signing":
        """Return the same with paths relative to `home`, where a Makefile writes them in full."""
        return replace(
            self, **{each: getattr(self, each).removeprefix(f"{home}/") for each in PATHS}
        )


def signings_in_shell(text: str, target: str) -> tuple[tuple[Signing, ...], tuple[str, ...]]:
    """Return what lines of shell sign, and the lines that sign in a way that is not understood.

    `target` is the make target whose lines they are.
    """
    found: list[Signing] = []
    unread: list[str] = []
    for line in logical_lines(text):
        if "gencert" not in line:
            continue
        try:
            signed = [replace(signing, target=target) for signing in _of_line(line)]
        except ValueError:
            signed = []
        if not signed and "gencert" in without_comment(line):
            unread.append(" ".join(line.split()))
        found += signed
    return tuple(found), tuple(unread)


def signing_of_script(words: Sequence[str]) -> Signing:
    """Return what `sign.sh` signs for the words `CERTIFICATE [FLAGS] REQUEST`.

    Raises ValueError where that can't be told.
    """
    certificate, *rest = words
    flags, (request,) = _flags(rest, {INITCA})
    if not certificate.endswith(".pem") or INITCA in flags:
        raise ValueError(words)
    output = posixpath.normpath(certificate.removesuffix(".pem"))
    return _signing(request, output, flags, _given_fields(flags), tuple(rest[:-1]))


def _signing(
    request: str,
    output: str,
    flags: Mapping[str, str],
    given: Mapping[str, str],
    words: tuple[str, ...] | None,
) -> Signing:
    """Return what cfssl's flags ask for; `given` are its fields that they give."""
    return Signing(
        name=posixpath.basename(output),
        target="",
        request=request,
        output=output,
        **given,
        makes_ca=INITCA in flags,
        unknown=tuple(f"-{flag}" for flag in flags if flag not in (*FLAGS, QUIET, INITCA)),
        flags=words,
    )


def _given_fields(flags: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a signing that flags give."""
    return {field: flags[flag] for flag, field in FLAGS.items() if flag in flags}


def _of_line(line: str) -> Iterator[Signing]:
    """Yield the signings of one line; ValueError if one of them can't be told from its words."""
    directory = ""
    for pipeline in unroll_loops(split_pipelines(with_literals(line))):
        words = [without_assignments(command) for command in pipeline]
        if pipeline and words[0][:1] == ["cd"]:
            directory = posixpath.join(directory, *words[0][1:2])
        elif any("gencert" in command for command in words):
            yield _of_pipeline(words, directory)


def _of_pipeline(commands: list[list[str]], directory: str) -> Signing:
    if len(commands) != 2:  # noqa: PLR2004  (cfssl and cfssljson)
        raise ValueError(commands)
    cfssl, cfssljson = (words[1:] if _base(words) == STAND_IN else words for words in commands)
    check_plain((*cfssl[1:], *cfssljson[1:], directory))
    if _base(cfssl) != CFSSL or _base(cfssljson) not in CFSSLJSON or cfssl[1:2] != ["gencert"]:
        raise ValueError(commands)
    flags, (request,) = _flags(cfssl[2:], {INITCA})
    written, rest = _flags((word for word in cfssljson[1:] if word != "-"), {"bare", "stdout"})
    if "bare" not in written or len(rest) > 1 or request == "-":
        raise ValueError(commands)

    def path(text: str) -> str:
        return posixpath.normpath(posixpath.join(directory, text)) if text else ""

    given = _given_fields(flags)
    for name in ("ca", "ca_key", "config"):
        given[name] = path(given.get(name, ""))
    place, base = posixpath.split(rest[0] if rest else "cert")
    output = posixpath.join(path(place or "."), base).removeprefix("./")
    return _signing(path(request), output, flags, given, None)


def _base(command: list[str]) -> str:
    return posixpath.basename(command[0]) if command else ""


def _flags(words: Iterable[str], switches: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Read Go's flags: `-x v`, `-x=v`, `--x v`, `--x=v`.

    A switch takes no word. What is left over comes second.
    """
    flags: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if equals or name in switches:
            flags[name] = value
        else:
            flags[name] = rest.pop(0) if rest else ""
    return flags, rest

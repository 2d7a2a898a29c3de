"""What the plain tools of a shell print: as much of them as scripts make requests with."""

import itertools
import posixpath
import re
from collections.abc import Callable, Mapping

from tls_scaffold.shell.expansion import MOST_CHARACTERS, MOST_WORDS, joined
from tls_scaffold.shell.words import Unknown

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
FORMAT = re.compile(r"%(-?\d*)([sdb%])")
# A command of sed that puts one plain text in another's place.
REPLACES = re.compile(
    r"s([/|#,:@!])((?:(?!\1)[^\\\[\].*^$\n]|\\\W)*)\1((?:(?!\1)[^\\&\n]|\\\W)*)\1(g?)"
)


def printed(
    words: list[str], stdin: str | None, directory: str, content: Callable[[str], str]
) -> str | None:
    """Return what a command prints; None for one that is not known here.

    `stdin` is what it reads if it reads that, `content` returns what a file holds. Raises Unknown.
    """
    name, arguments = posixpath.basename(words[0]), words[1:]
    if name in PRINTERS:
        return PRINTERS[name](arguments)
    if name in ("cat", "sed", "envsubst"):
        return _filtered(name, arguments, stdin, content)
    if name == "pwd":
        return f"{directory}\n"
    plain = [each for each in arguments if not each.startswith("-")]
    if name in ("realpath", "readlink") and len(plain) == 1:
        return f"{joined(directory, plain[0])}\n"
    return None


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """Return a text as `envsubst` prints it; Unknown where a variable is not known."""

    def value(match: "re.Match[str]") -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise Unknown(f"`${name}` is not known to `envsubst`")
        return variables[name]

    return re.sub(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", value, text, flags=re.ASCII)


def _echo(arguments: list[str]) -> str:
    words, end, escapes = list(arguments), "\n", False
    while words and re.fullmatch("-[neE]+", words[0]):
        option = words.pop(0)
        end = "" if "n" in option else end
        escapes = "e" in option or escapes
    text = " ".join(words)
    return (_escaped(text) if escapes else text) + end


def _escaped(text: str) -> str:
    def character(match: "re.Match[str]") -> str:
        if match[1] not in ESCAPES:
            raise Unknown(f"`{match[0]}` is not followed")
        return ESCAPES[match[1]]

    return re.sub(r"\\(.)", character, text, flags=re.DOTALL)


def _printf(arguments: list[str]) -> str:
    if not arguments or arguments[0].startswith("-"):
        raise Unknown("such a `printf` is not followed")
    text, words = _escaped(arguments[0]), arguments[1:]
    count = sum(match[2] != "%" for match in FORMAT.finditer(text))
    if re.sub(FORMAT, "", text).count("%"):
        raise Unknown(f"`{arguments[0]}` is not followed")
    rounds = -(-len(words) // count) if count and words else 1
    given = itertools.chain(words, itertools.repeat(""))
    found = "".join(FORMAT.sub(lambda match: _formatted(match, given), text) for _ in range(rounds))
    if len(found) > MOST_CHARACTERS:
        raise Unknown("the text is too long")
    return found


def _formatted(match: "re.Match[str]", given: "itertools.chain[str]") -> str:
    if match[2] == "%":
        return "%"
    word = next(given)
    if match[2] == "d" and not re.fullmatch(r"-?\d+", word):
        raise Unknown(f"`{word}` is no number")
    text = _escaped(word) if match[2] == "b" else word
    if len(match[1]) > 3:  # noqa: PLR2004  (no column is that wide)
        raise Unknown(f"`{match[0]}` is not followed")
    width = int(match[1].lstrip("-") or 0)
    if match[1].startswith("-"):
        return text.ljust(width)
    return text.rjust(width, "0" if match[2] == "d" and match[1].startswith("0") else " ")


def _sequence(arguments: list[str]) -> str:
    numbers = [each for each in arguments if re.fullmatch(r"-?\d{1,9}", each)]
    if not numbers or len(numbers) != len(arguments) or len(numbers) > 3:  # noqa: PLR2004
        raise Unknown("such a `seq` is not followed")
    first, step, last = (
        int(numbers[0]) if len(numbers) > 1 else 1,
        int(numbers[1]) if numbers[2:] else 1,
        int(numbers[-1]),
    )
    if not step or abs(last - first) // abs(step) > MOST_WORDS:
        raise Unknown("such a `seq` is not followed")
    stop = last + (1 if step > 0 else -1)
    return "".join(f"{number}\n" for number in range(first, stop, step))


def _filtered(
    name: str, arguments: list[str], stdin: str | None, content: Callable[[str], str]
) -> str:
    words = list(arguments)
    commands = _sed_commands(words) if name == "sed" else []
    if any(each.startswith("-") and each != "-" for each in words):
        raise Unknown(f"such a `{name}` is not followed")
    texts = [(stdin or "") if word == "-" else content(word) for word in words or ["-"]]
    if stdin is None and "-" in (words or ["-"]):
        raise Unknown(f"what `{name}` reads is not known")
    text = "".join(texts)
    for old, new, everywhere in commands:
        text = "".join(
            line.replace(old, new, -1 if everywhere else 1)
            for line in text.splitlines(keepends=True)
        )
    return text


def _sed_commands(words: list[str]) -> list[tuple[str, str, bool]]:
    """Take sed's own words away, and return what it replaces."""
    scripts: list[str] = []
    while "-e" in words:
        at = words.index("-e")
        scripts += words[at + 1 : at + 2]
        del words[at : at + 2]
    if not scripts:
        scripts = [words.pop(0)] if words else []
    found = []
    for command in (part.strip() for text in scripts for part in re.split(r"[;\n]", text)):
        match = REPLACES.fullmatch(command)
        if not match or not match[2]:
            raise Unknown(f"`sed {command}` is not followed")
        old, new = (re.sub(r"\\(\W)", r"\1", match[each]) for each in (2, 3))
        found.append((old, new, bool(match[4])))
    return found


def _dirname(arguments: list[str]) -> str:
    return f"{posixpath.dirname(_path(arguments)) or '.'}\n"


def _basename(arguments: list[str]) -> str:
    ending = arguments[1] if len(arguments) > 1 else ""
    return f"{posixpath.basename(_path(arguments)).removesuffix(ending)}\n"


def _path(arguments: list[str]) -> str:
    if not arguments or arguments[0].startswith("-"):
        raise Unknown("such a call is not followed")
    return arguments[0].rstrip("/")


PRINTERS = {
    "echo": _echo,
    "printf": _printf,
    "seq": _sequence,
    "dirname": _dirname,
    "basename": _basename,
}

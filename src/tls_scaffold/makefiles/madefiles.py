"""Where the files of a recipe lie after each of its commands: those of pairs, and requests."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tls_scaffold.makefiles.cfssllines import UnclearError
from tls_scaffold.makefiles.filers import WITH_A_WORD, read_filing
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING

CERTIFICATE, KEY, CSR = "certificate", "key", "CSR"
FORM = "a pair is held as `NAME.pem` with `NAME-key.pem`: `cp` in place of `mv` leaves it there"


@dataclass(eq=False)
class Pair:
    """A key with its CSR, and with its certificate where there is a `signing`.

    `request_number` counts the commands that had written the request before, `key_of` is the pair
    that has the key, and `ca` the one that signed it, where that is made here too; `has_ca_key`
    says whether its line names the key of that.
    """

    request: str
    line: str
    signing: Signing | None = None
    output: str = ""
    ca: "Pair | None" = None
    has_ca_key: bool = False
    request_number: int = 0
    key_of: "Pair | None" = None
    is_signed_anew: bool = False
    is_overwritten: bool = False
    changed_by: str = ""

    @property
    def key(self) -> "Pair":
        """The pair that its key was made with."""
        return self.key_of or self


Made = tuple[Pair, str]


@dataclass
class MadeFiles:
    """The files of a recipe by path: what cfssljson wrote of pairs, and how often others were."""

    is_folder: Callable[[str], bool]
    made: dict[str, Made] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def copy(self) -> "MadeFiles":
        """Return the same, to come back to."""
        return MadeFiles(self.is_folder, dict(self.made), dict(self.texts), set(self.folders))

    def put_pair(self, pair: Pair, output: str) -> None:
        """Write the files of a pair; the key is there where another pair has it."""
        if pair.signing:
            self._place(f"{output}{CERTIFICATE_ENDING}", (pair, CERTIFICATE))
        if pair.key is pair:
            self._place(f"{output}{KEY_ENDING}", (pair, KEY))
        self._place(f"{output}{CSR_ENDING}", (pair.key, CSR))

    def _place(self, path: str, made: Made) -> None:
        before = self.made.get(path)
        if before and before[1] == made[1] == CERTIFICATE and before[0] is not made[0]:
            before[0].is_signed_anew = before[0].key is made[0].key
            before[0].is_overwritten = True
        self.made[path] = made

    def output_of(self, pair: Pair) -> str:
        """Return where a pair lies in the end, without `.pem`; UnclearError for another form."""
        if pair.is_overwritten:
            return pair.output
        if pair.changed_by:
            raise UnclearError(f"`{pair.changed_by}` may move it or change it")
        first = f"{pair.output}{CERTIFICATE_ENDING}"
        places = sorted(self._places((pair, CERTIFICATE)), key=lambda path: (path != first, path))
        bases = self.bases_of(pair)
        if bases:
            return bases[0]
        if not places:
            raise UnclearError(f"`{first}` is taken away again")
        keys = ", ".join(f"`{path}`" for path in self._places((pair.key, KEY))) or "nowhere"
        raise UnclearError(f"it ends as `{places[0]}`, its key as {keys}: {FORM}")

    def bases_of(self, pair: Pair) -> list[str]:
        """Return where a certificate lies with its key beside it, without `.pem`; first its own."""
        found = [
            base
            for path in self._places((pair, CERTIFICATE))
            if (base := path.removesuffix(CERTIFICATE_ENDING)) != path
            and self.made.get(f"{base}{KEY_ENDING}") == (pair.key, KEY)
        ]
        return sorted(found, key=lambda base: (base != pair.output, base))

    def copies_of(self, pair: Pair, output: str) -> list[str]:
        """Return where a certificate lies beside `output`, which is without `.pem`."""
        own = f"{output}{CERTIFICATE_ENDING}"
        return sorted(path for path in self._places((pair, CERTIFICATE)) if path != own)

    def _places(self, made: Made) -> list[str]:
        return [path for path, each in self.made.items() if each == made]

    def write(self, path: str, line: str, *, adds: bool) -> None:
        """Note that a command writes a file."""
        self.texts[path] = self.texts.get(path, 0) + 1
        if path in self.made and not adds:
            self.made.pop(path)[0].changed_by = line

    def lose(self, text: str, line: str) -> None:
        """Note that a command that can't be followed may move what its text names."""
        words = text.split()
        for path, (pair, _) in self.made.items():
            folder = posixpath.dirname(path)
            named = folder in text if folder else any(_may_name(word, path) for word in words)
            if path in text or named:
                pair.changed_by = line

    def change(self, words: Sequence[str], path_of: Callable[[str], str], line: str) -> None:
        """Take over what a command moves, copies or removes."""
        program, filing = words[0], read_filing(words)
        paths = [f"{path_of(name)}{'/' if name.endswith('/') else ''}" for name in filing.sources]
        if program == "mkdir" or (program == "install" and "d" in filing.flags):
            self.folders.update(path.rstrip("/") for path in paths)
        elif program == "rm":
            self._remove(paths)
        elif program in WITH_A_WORD:
            target = path_of(filing.target)
            is_folder = filing.into_folder or target == "." or self._is_folder(target)
            self._move(paths, target, is_folder=is_folder, keep=program != "mv")
        elif program == "sed" and "i" in "".join(filing.flags) and paths:
            self.write(paths[-1], line, adds=False)

    def _remove(self, patterns: Iterable[str]) -> None:
        for path, _ in list(self._found(patterns)):
            self.made.pop(path, None)
            self.texts[path] = self.texts.get(path, 0) + 1

    def _is_folder(self, path: str) -> bool:
        return path in self.folders or self.is_folder(path)

    def _move(self, patterns: Sequence[str], into: str, *, is_folder: bool, keep: bool) -> None:
        found = list(self._found(patterns))
        is_folder = is_folder or len({source for _, source in found}) > 1
        if not found and patterns and not is_folder:  # a file that was there before
            self.texts[into] = self.texts.get(into, 0) + 1
        # All that goes goes at once: `mv` of a certificate and its key leaves no half behind.
        gone = [(path, source, self.made.get(path)) for path, source in found]
        for path, _, _ in gone if not keep else ():
            self.made.pop(path, None)
            self.texts[path] = self.texts.get(path, 0) + 1
        for path, source, made in gone:
            base = posixpath.join(into, posixpath.basename(source)) if is_folder else into
            place = posixpath.normpath(f"{base}{path.removeprefix(source)}")
            if made:
                self._place(place, made)
            else:
                self.texts[place] = self.texts.get(place, 0) + 1

    def _found(self, patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the files that paths name, or hold, each with the path that names it."""
        for pattern in patterns:
            plain = pattern.rstrip("/")
            shape = re.compile(r"[*?\[]").search(plain)
            for path in {**self.made, **self.texts}:
                if path == plain or (shape and _fits(path, plain)):
                    yield path, path
                elif path.startswith(f"{plain}/"):
                    yield path, plain


def _may_name(word: str, path: str) -> bool:
    """Tell whether the shell may take a word for a path: by a pattern, or by what it puts in."""
    return _fits(path, word) or any(sign in word for sign in "$`")


def _fits(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)

"""What commands that are followed have made: texts, and pairs wherever they are moved."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from tls_scaffold.errors import Place
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING
from tls_scaffold.shell.cfssllines import Call
from tls_scaffold.shell.filers import WITH_A_WORD, read_filing
from tls_scaffold.shell.words import Unknown

CERTIFICATE, KEY, CSR = "certificate", "key", "CSR"
FORM = "a pair is held as `NAME.pem` with `NAME-key.pem`: `cp` in place of `mv` leaves it there"
# What commands make: whether it is there already is no matter, it counts as made anew.
MADE_ANEW = (CERTIFICATE_ENDING, CSR_ENDING, ".key", ".crt", ".cer", ".cert")


@dataclass(frozen=True)
class Answer:
    """What one call of cfssl prints: a key with its CSR or certificate, for cfssljson to write.

    `stdin` is what the call reads; the line, or its place, is what is told of it.
    """

    call: Call
    line: str = ""
    place: Place = field(default_factory=Place)
    stdin: "str | Unknown | None" = None


Output = str | Unknown | Answer


@dataclass(eq=False)
class Pair:
    """A key with its CSR, and with its certificate where cfssl signs it.

    `written` and `config` are what commands had written of its request and of cfssl's configuration
    before; `key_of` is the pair that has the key, and `ca` the one that signed it, where that is
    made here too; `has_ca_key` says whether its line names the key of that.
    """

    answer: Answer
    request: str
    output: str
    written: Output | None
    config: Output | None = None
    ca: "Pair | None" = None
    has_ca_key: bool = False
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
class Ledger:
    """Files by their paths: what cfssljson wrote of pairs, and what commands wrote into others.

    `read` returns the text of a file that is there, None for others.
    """

    read: Callable[[str], str | None]
    is_there: Callable[[str], bool]
    made: dict[str, Made] = field(default_factory=dict)
    files: dict[str, Output] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    pairs: list[Pair] = field(default_factory=list)

    def copy(self) -> "Ledger":
        """Return the same, to come back to."""
        made, files, folders = dict(self.made), dict(self.files), set(self.folders)
        return replace(self, made=made, files=files, folders=folders, pairs=list(self.pairs))

    def exists(self, path: str) -> bool:
        """Tell whether a file would be there: pairs are if the commands have made them."""
        if any(path in each for each in (self.made, self.files, self.folders)):
            return True
        return not path.endswith(MADE_ANEW) and self.is_there(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder, as far as that is known."""
        return path in self.folders or (self.is_there(path) and self.read(path) is None)

    def content(self, path: str) -> Output:
        """Return what a file holds."""
        if path in self.files:
            return self.files[path]
        text = self.read(path)
        return Unknown(f"`{path}` is not there, and is no text") if text is None else text

    def matching(self, pattern: str) -> list[str]:
        """Return the files that commands have made and that a pattern matches."""
        return sorted(path for path in {**self.made, **self.files} if _fits(path, pattern))

    def answer(self, answer: Answer, output: str) -> None:
        """Take over what cfssljson writes of an answer; Unknown for a CSR that nobody here made."""
        call = answer.call
        written = self.files.get(call.source) if answer.stdin is None else answer.stdin
        pair = Pair(answer, call.source, output, written)
        if call.verb == "sign":
            made = self.made.get(call.source)
            if not made or made[1] != CSR:
                raise Unknown(f"no line above makes the CSR `{call.source}` of a request")
            source = made[0]
            pair.request, pair.written, pair.key_of = source.request, source.written, source.key
        if call.signs:
            pair.config = self.files.get(call.fields["config"])
            above = self.made.get(call.fields["ca"])
            pair.ca = above[0] if above and not call.makes_ca else None
            key = self.made.get(call.fields["ca_key"])
            pair.has_ca_key = bool(pair.ca and key == (pair.ca.key, KEY))
        self.pairs.append(pair)
        self._put(pair, output)

    def _put(self, pair: Pair, output: str) -> None:
        """Write the files of a pair; the key is there where another pair has it."""
        if pair.answer.call.signs:
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
        """Return where a pair lies in the end, without `.pem`; Unknown for another form."""
        if pair.is_overwritten:
            return pair.output
        if pair.changed_by:
            raise Unknown(f"`{pair.changed_by}` may move it or change it")
        first = f"{pair.output}{CERTIFICATE_ENDING}"
        places = sorted(self.places((pair, CERTIFICATE)), key=lambda path: (path != first, path))
        bases = self.bases_of(pair)
        if bases:
            return bases[0]
        if not places:
            raise Unknown(f"`{first}` is taken away again")
        keys = ", ".join(f"`{path}`" for path in self.places((pair.key, KEY))) or "nowhere"
        raise Unknown(f"it ends as `{places[0]}`, its key as {keys}: {FORM}")

    def bases_of(self, pair: Pair) -> list[str]:
        """Return where a certificate lies with its key beside it, without `.pem`; first its own."""
        found = [
            base
            for path in self.places((pair, CERTIFICATE))
            if (base := path.removesuffix(CERTIFICATE_ENDING)) != path
            and self.made.get(f"{base}{KEY_ENDING}") == (pair.key, KEY)
        ]
        return sorted(found, key=lambda base: (base != pair.output, base))

    def copies_of(self, pair: Pair, output: str) -> list[str]:
        """Return where a certificate lies beside `output`, which is without `.pem`."""
        own = f"{output}{CERTIFICATE_ENDING}"
        return sorted(path for path in self.places((pair, CERTIFICATE)) if path != own)

    def places(self, made: Made) -> list[str]:
        """Return where a file of a pair lies."""
        return [path for path, each in self.made.items() if each == made]

    def write(self, path: str, output: Output, line: str, *, adds: bool = False) -> None:
        """Note that a line writes a file; without a line a pair stays where it is."""
        self.files[path] = output
        if line and path in self.made and not adds:
            self.made.pop(path)[0].changed_by = line

    def lose(self, text: str, line: str) -> None:
        """Note that a command that can't be followed may move what its text names."""
        words = text.split()
        for path, (pair, _) in self.made.items():
            folder = posixpath.dirname(path)
            named = folder in text if folder else any(_may_name(word, path) for word in words)
            if path in text or named:
                pair.changed_by = line

    def change(self, words: Sequence[str], path_of: Callable[[str], str], line: str) -> bool:
        """Take over what a command moves, copies or removes.

        Return whether it does no more than that to what is known here: a copy may be for somebody.
        A file that was there before is one that the `line` has written.
        """
        program = posixpath.basename(words[0])
        filing = read_filing((program, *words[1:]))
        paths = [f"{path_of(name)}{'/' if name.endswith('/') else ''}" for name in filing.sources]
        if program == "mkdir" or (program == "install" and "d" in filing.flags):
            self.folders.update(path.rstrip("/") for path in paths)
        elif program == "rm":
            for path, _ in list(self._found(paths)):
                self._remove(path)
        elif program in WITH_A_WORD:
            target = path_of(filing.target)
            is_folder = filing.into_folder or target == "." or self.is_folder(target)
            return self._move(paths, target, line, is_folder=is_folder, keep=program != "mv")
        elif program == "sed" and "i" in "".join(filing.flags) and paths:
            self.write(paths[-1], Unknown(line), line)
        return True

    def _remove(self, path: str) -> None:
        self.made.pop(path, None)
        self.files.pop(path, None)

    def _move(
        self, patterns: Sequence[str], into: str, line: str, *, is_folder: bool, keep: bool
    ) -> bool:
        found = list(self._found(patterns))
        is_folder = is_folder or len({source for _, source in found}) > 1
        if line and not found and patterns and not is_folder:  # a file that was there before
            self.files[into] = Unknown(line)
        # All that goes goes at once: `mv` of a certificate and its key leaves no half behind.
        gone = [(*each, self.made.get(each[0]), self.files.get(each[0])) for each in found]
        for path, _ in found if not keep else ():
            self._remove(path)
        for path, source, made, output in gone:
            base = posixpath.join(into, posixpath.basename(source)) if is_folder else into
            place = posixpath.normpath(f"{base}{path.removeprefix(source)}")
            if made:
                self._place(place, made)
            elif output is not None:
                self.files[place] = output
        return not keep and len({source for _, source in found}) >= len(patterns)

    def _found(self, patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the files that paths name, or hold, each with the path that names it."""
        known = {**self.made, **self.files}
        for pattern in patterns:
            plain = pattern.rstrip("/")
            inside = f"{plain}/"
            shape = re.compile(r"[*?\[]").search(plain)
            for path in known:
                if path == plain or (shape and _fits(path, plain)):
                    yield path, path
                elif path.startswith(inside):
                    yield path, plain


def _may_name(word: str, path: str) -> bool:
    """Tell whether the shell may take a word for a path: by a pattern, or by what it puts in."""
    return _fits(path, word) or any(sign in word for sign in "$`")


def _fits(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)

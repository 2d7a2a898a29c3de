"""What a script that is followed has made: texts, and certificates wherever they are moved."""

import fnmatch
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tls_scaffold.errors import Place
from tls_scaffold.makefiles import cfssllines
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CERTIFICATE_ENDING, ENDINGS, KEY_ENDING
from tls_scaffold.scripts.expansion import joined
from tls_scaffold.scripts.scope import Unknown

STDIN = "<stdin>"  # no file is called so
NOT_UNDERSTOOD = "it signs in a way that is not understood"
# What a script makes: whether it is there already is no matter, it counts as made anew.
MADE_ANEW = (".pem", ".key", ".crt", ".cer", ".cert", ".csr")


@dataclass(frozen=True)
class Answer:
    """What one call of cfssl prints: a key and a certificate, for cfssljson to write."""

    words: tuple[str, ...]
    directory: str
    place: Place
    stdin: "str | Unknown | None"


Output = str | Unknown | Answer


@dataclass(frozen=True)
class Signed:
    """One certificate that a script signs, where, and the texts that the script itself writes.

    `request` and `config` are None for files that are there without it. `moved` is where the files
    lie in the end where that is no place that a component can have.
    """

    signing: Signing
    place: Place
    request: str | None = None
    config: str | None = None
    moved: tuple[str, str] = ("", "")


@dataclass
class Ledger:
    """The files of a script, by their whole paths.

    `read` returns the text of a file that is there, None for others; `files` are those that the
    script writes, `certificates` the paths of those that it signs: number and ending of each.
    """

    read: Callable[[str], str | None]
    is_there: Callable[[str], bool]
    files: dict[str, Output] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    signed: list[Signed] = field(default_factory=list)
    certificates: dict[str, tuple[int, str]] = field(default_factory=dict)
    copies: dict[str, tuple[int, str]] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Tell whether a file would be there: certificates are if the script has made them."""
        made = (self.files, self.folders, self.certificates, self.copies)
        if any(path in each for each in made):
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
        if text is None:
            return Unknown(f"`{path}` is not there, and is no text")
        return text

    def matching(self, directory: str, pattern: str) -> list[str]:
        """Return the files that the script has made and that a pattern matches, in its words."""
        made = {*self.files, *self.certificates}
        whole = joined(directory, pattern)
        found = sorted(
            path
            for path in made
            if fnmatch.fnmatchcase(path, whole) and path.count("/") == whole.count("/")
        )
        prefix = posixpath.dirname(pattern)
        return [posixpath.join(prefix, posixpath.basename(path)) for path in found]

    def sign(self, answer: Answer, words: list[str], directory: str) -> None:
        """Add what cfssljson writes of cfssl's answer; Unknown where that can't be told."""
        if answer.directory != directory:
            raise Unknown("cfssl and cfssljson run in different folders")

        def path(text: str) -> str:
            return joined(directory, text) if text else ""

        try:
            call = cfssllines.call_of(("cfssl", *answer.words), STDIN, path)
            output, _ = cfssllines.written_by(("cfssljson", *words), path)
        except ValueError as error:
            is_clear = isinstance(error, cfssllines.UnclearError)
            raise Unknown(str(error) if is_clear else NOT_UNDERSTOOD) from None
        if call.verb == "sign" or not call.signs:
            raise Unknown(NOT_UNDERSTOOD)
        signing = call.signing(call.source, output)
        if not posixpath.basename(output):
            raise Unknown("the certificate has no name")
        if posixpath.basename(signing.request) == STDIN:
            request: Output | None = answer.stdin
            if request is None:
                raise Unknown("what it reads is not known")
        else:
            request = self.files.get(signing.request)
        config = self.files.get(signing.config) if signing.config else None
        self._add(signing, answer.place, _known(request), _known(config))

    def _add(self, signing: Signing, place: Place, request: str | None, config: str | None) -> None:
        signing = replace(
            signing, ca=self._first_path(signing.ca), ca_key=self._first_path(signing.ca_key)
        )
        for path in [f"{signing.output}{ending}" for ending in ENDINGS]:
            self.copies.pop(path, None)
        number = len(self.signed)
        self.signed.append(Signed(signing, place, request, config))
        for ending in ENDINGS:
            self.certificates[f"{signing.output}{ending}"] = number, ending

    def _first_path(self, path: str) -> str:
        """Return where a certificate or key was signed that has been moved or copied since."""
        found = self.certificates.get(path) or self.copies.get(path)
        return f"{self.signed[found[0]].signing.output}{found[1]}" if found else path

    def move(self, source: str, target: str, *, is_copy: bool) -> bool:
        """Move or copy a file; tell whether it is one that the script has made."""
        if source in self.files:
            self.files[target] = self.files[source]
            if not is_copy:
                del self.files[source]
            return True
        if source in self.certificates:
            if is_copy:
                self.copies[target] = self.certificates[source]
            else:
                self.certificates[target] = self.certificates.pop(source)
            return True
        if source in self.copies:
            self.copies[target] = self.copies[source]
            return True
        return False

    def result(self) -> tuple[Signed, ...]:
        """Return what is signed in the end, each under the last name that a component can have."""
        lasting = {number for number, ending in self.certificates.values() if ending == ".pem"}
        last = {each: self._last(each) for each in sorted(lasting)}
        outputs = {
            f"{self.signed[number].signing.output}{ending}": f"{output}{ending}"
            for number, (output, _) in last.items()
            for ending in ENDINGS
        }
        found = []
        for number, (output, moved) in last.items():
            signed = self.signed[number]
            signing = replace(
                signed.signing,
                output=output,
                name=posixpath.basename(output),
                ca=outputs.get(signed.signing.ca, signed.signing.ca),
                ca_key=outputs.get(signed.signing.ca_key, signed.signing.ca_key),
            )
            found.append(replace(signed, signing=signing, moved=moved))
        return tuple(found)

    def _last(self, number: int) -> tuple[str, tuple[str, str]]:
        """Return where a certificate lies in the end, and its files where they are called other."""
        paths = {
            ending: path for path, (each, ending) in self.certificates.items() if each == number
        }
        certificate, key = (paths.get(ending, "") for ending in (CERTIFICATE_ENDING, KEY_ENDING))
        output = certificate.removesuffix(CERTIFICATE_ENDING)
        if f"{output}{KEY_ENDING}" == key and certificate != output:
            return output, ("", "")
        return self.signed[number].signing.output, (certificate, key)


def _known(text: Output | None) -> str | None:
    if isinstance(text, Unknown):
        raise text
    if isinstance(text, Answer):
        raise Unknown("its request is what cfssl prints")
    return text

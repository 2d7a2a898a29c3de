"""Rules over how a Makefile is written: names, programs and lines that only their author can use."""

import re
from collections.abc import Iterator
from contextlib import suppress

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk import plainfiles
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import gnumake
from tls_scaffold.makefiles.makefile import MAKEFILE

PROXY = re.compile(r"\b(https?|all)_proxy\s*[:?]?=\s*[^\s$]", re.IGNORECASE)
VARIABLE = re.compile(r"\$[({\w]")
GO_GET = re.compile(r"\bgo\s+get\b")


class NamedFiles(Rule):
    """Every certificate has a name, whatever variables are set."""

    id = "unset-variable"
    pain = "unset, it leaves a file called `certs/.pem`, each overwrites the one before, and make exits with 0"
    fix = "write the name into the Makefile, or give the variable a default (`infra0 ?= etcd1`)"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each line that names a file by a variable alone, which is empty."""
        by_variable = {where for where, _ in view.lines(VARIABLE)}
        for entry in view.components:
            if entry.signing and entry.signing.output.endswith(("/", "-")):
                for where in [each for each in view.lines_of(entry) if each in by_variable] or [
                    "Makefile"
                ]:
                    yield (
                        where,
                        f"writes `{entry.path}`: the variable that is to name it is not set",
                    )


class DirectDownloads(Rule):
    """No address of somebody else's proxy stands in the Makefile."""

    id = "hard-coded-proxy"
    level = WARNING
    pain = "it is the author's own: everywhere else `make cfssl` fails to connect"
    fix = "take it out; a proxy of yours belongs into the environment"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each line that sets a proxy."""
        yield from view.lines(PROXY)


class GoInstall(Rule):
    """Programs are installed with `go install`."""

    id = "go-get"
    level = WARNING
    pain = "since Go 1.17 `go get` installs no programs: `make cfssl` ends without cfssl"
    fix = "`go install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5`, and the same for `cfssljson`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each line with `go get`."""
        yield from view.lines(GO_GET)


class UnderstoodLines(Rule):
    """Every line that signs is of a form that is understood here."""

    id = "not-understood"
    level = WARNING
    pain = "what such a line signs is checked by no rule, and `status` does not know of it"
    fix = "write it as `$(CFSSL) gencert … REQUEST | $(JSON) -bare certs/NAME`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each line that is not understood."""
        for told in view.contents.unread:
            yield view.places.unread(told), str(told)


class UnixLines(Rule):
    """The lines of what make and sh read end in LF alone."""

    id = "line-ends"
    pain = "make takes the CR for a part of the last word, and sh stops at the first line"
    fix = "`tls-scaffold sync` takes the CRs out, elsewhere `sed -i 's/\\r$//' FILE`; `* text=auto eol=lf` tells git"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each file with CRLF in it."""
        for path in (MAKEFILE, "sign.sh", "rbac.sh", "rbac.tsv"):
            with suppress(ScaffoldError):  # what is missing, or no file, has no lines
                if b"\r\n" in plainfiles.content(view.folder, path):
                    yield path, "its lines end in CRLF, as on Windows"


class OneMakefile(Rule):
    """Make reads the file that is looked at here."""

    id = "another-makefile"
    pain = "`make` signs what that file says, while people, `status` and `check` look at `Makefile`"
    fix = "put everything into `Makefile`, or take one of the two away"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each file that make reads instead of `Makefile`."""
        there = plainfiles.names(view.folder, ".", "makefile") if view.makefile else ()
        for name in gnumake.READ_FIRST:
            if name in there:
                yield name, f"make reads it instead of `{MAKEFILE}`"


RULES = (NamedFiles, DirectDownloads, GoInstall, UnderstoodLines, UnixLines, OneMakefile)

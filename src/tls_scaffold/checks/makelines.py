"""Rules over how a Makefile is written: names, programs, lines that only its author can use."""

import re
from collections.abc import Iterator
from contextlib import suppress

from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk import plainfiles
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.makefiles import gnumake
from tls_scaffold.makefiles.componentlines import ONE_LINE, strange_lines
from tls_scaffold.paths import MAKEFILE, SCRIPTS
from tls_scaffold.state.cfsslscripts import scripts_with_cfssl, way_to_adopt

PROXY = re.compile(r"\b(https?|all)_proxy\s*[:?]?=\s*[^\s$]", re.IGNORECASE)
VARIABLE = re.compile(r"\$[({\w]")
GO_GET = re.compile(r"\bgo\s+get\b")


@Rule(
    pain=(
        "unset, it leaves a file called `certs/.pem`, each overwrites the one before, and make "
        "exits with 0"
    ),
    fix="write the name into the Makefile, or give the variable a default (`infra0 ?= etcd1`)",
)
def unset_variable(view: View) -> Iterator[Problem]:
    """Every certificate has a name, whatever variables are set."""
    by_variable = {problem.place for problem in view.lines(VARIABLE)}
    for entry in view.components:
        if entry.signing and entry.signing.unset:
            for place in view.lines_of(entry):
                yield Problem(place, entry.signing.unset_problem())
        elif entry.signing and entry.signing.output.endswith(("/", "-")):
            places = [each for each in view.lines_of(entry) if each in by_variable]
            for place in places or [Place(MAKEFILE)]:
                message = f"writes `{entry.path}`: the variable that is to name it is not set"
                yield Problem(place, message)


@Rule(
    level=WARNING,
    pain="it is the author's own: everywhere else `make cfssl` fails to connect",
    fix="take it out; a proxy of yours belongs into the environment",
)
def hard_coded_proxy(view: View) -> Iterator[Problem]:
    """No address of somebody else's proxy stands in the Makefile."""
    yield from view.lines(PROXY)


@Rule(
    level=WARNING,
    pain="since Go 1.17 `go get` installs no programs: `make cfssl` ends without cfssl",
    fix="`go install PATH@VERSION`, as `go install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5`",
)
def go_get(view: View) -> Iterator[Problem]:
    """Programs are installed with `go install`."""
    yield from view.lines(GO_GET)


@Rule(
    pain="what such a line signs is checked by no rule, and `status` does not know of it",
    fix="write it as `$(CFSSL) gencert … REQUEST | $(JSON) -bare certs/NAME`",
)
def not_understood(view: View) -> Iterator[Problem]:
    """Every line that signs is of a form that is understood here."""
    for told in view.contents.unread:
        yield Problem(view.origins.of_unread(told), str(told))


@Rule(
    pain="`add`, `remove` and `sync` refuse to touch the folder: they edit the Makefile by lines",
    fix=ONE_LINE,
)
def component_line(view: View) -> Iterator[Problem]:
    """Every line of a component stands as it is rendered: on one line, without blanks before it."""
    names = {each.name for each in view.asked_components.values()}
    yield from strange_lines(view.makefile, names)


@Rule(
    pain="make takes the CR for a part of the last word, and sh stops at the first line",
    fix=(
        "`tls-scaffold sync` takes the CRs out, elsewhere `sed -i 's/\\r$//' FILE`; `* text=auto "
        "eol=lf` tells git"
    ),
)
def line_ends(view: View) -> Iterator[Problem]:
    """Every line of what make and sh read ends in LF alone."""
    for path in (MAKEFILE, *SCRIPTS):
        with suppress(ScaffoldError):  # what is missing, or no file, has no lines
            if b"\r\n" in plainfiles.content(view.folder, path):
                yield Problem(Place(path), "its lines end in CRLF, as on Windows")


@Rule(
    pain="`make` signs what that file says, while people, `status` and `check` look at `Makefile`",
    fix="put everything into `Makefile`, or take one of the two away",
)
def another_makefile(view: View) -> Iterator[Problem]:
    """Make reads the file that is looked at here."""
    there = plainfiles.names(view.folder, ".", "makefile") if view.makefile else ()
    for name in gnumake.READ_FIRST:
        if name in there:
            yield Problem(Place(name), f"make reads it instead of `{MAKEFILE}`")


@Rule(
    pain="nothing of what the script signs is looked at: no request of it, no profile and no name",
    fix="`tls-scaffold adopt --from-script FILE` reads it, and never runs it",
    fix_at=lambda _view, place, _fix: f"`{way_to_adopt(place.path)}`: it is read, never run",
)
def only_a_script(view: View) -> Iterator[Problem]:
    """Every folder that signs has a Makefile."""
    if view.contents.has_makefile or view.inventory or view.not_inventory:
        return
    for name in scripts_with_cfssl(view.folder):
        yield Problem(
            Place(name), "it calls cfssl, and only a Makefile is looked at: there is none"
        )


RULES = (
    only_a_script,
    unset_variable,
    hard_coded_proxy,
    go_get,
    not_understood,
    component_line,
    line_ends,
    another_makefile,
)

"""Rules over the Makefile: what its targets sign, and what they would destroy."""

import re
from collections.abc import Iterator

from tls_scaffold.checks.rule import NOTE, WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import FILE
from tls_scaffold.makefiles import gnumake
from tls_scaffold.makefiles.askedmake import REQ
from tls_scaffold.makefiles.recipes import Surroundings, signings_in_shell
from tls_scaffold.makefiles.unreadlines import LACKS_RULES, PUT_RULES_BACK, TAKE_OUT
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.paths import RULES as RULES_FILE
from tls_scaffold.shell.lines import logical_lines
from tls_scaffold.state.entries import Entry

MAKES_CA = re.compile(r"-initca\b")


@Rule(
    pain=(
        "after a second `make` nothing that was handed out before is trusted, and make exits with 0"
    ),
    fix=(
        "give the CA a target of its own name (`certs/ca.pem:`), or let `tls-scaffold adopt` and "
        "`sync` do so"
    ),
)
def replaces_ca(view: View) -> Iterator[Problem]:
    """No target replaces a CA that is there."""
    for entry in view.authorities:
        target = entry.signing.target if entry.signing and not entry.signing.ca_key else ""
        for command in _made_again(view, entry, target) if target else ():
            for place in view.origins.of_command(command, "-initca"):
                message = f"`make {target}` replaces `{entry.path}` even if it is there"
                yield Problem(place, message)


def _made_again(view: View, entry: Entry, target: str) -> Iterator[str]:
    """Yield the commands by which make would make a CA although it is there and up to date."""
    with ca_kept(view.folder):
        asked = gnumake.dry_run(view.folder, target, there=(entry.path, entry.key_path))
    around = Surroundings(view.folder)
    for line in logical_lines(asked.text):
        if MAKES_CA.search(line) and not _is_guarded(line, entry) and _names(line, entry, around):
            yield line


def _is_guarded(line: str, entry: Entry) -> bool:
    """Tell a line that makes a CA only where `test` finds none.

    Behind a `cd` its path is another than the folder's.
    """
    halves = [entry.path, entry.key_path]
    if line.startswith("cd "):
        halves = [half.rpartition("/")[2] for half in halves]
    either = "|".join(map(re.escape, halves))
    return bool(
        re.search(rf"(\btest|\[)\s.*-[efrs]\s+[\"']?(\S*/)?({either})[\"'\s].*-initca\b", line)
    )


def _names(line: str, entry: Entry, around: Surroundings) -> bool:
    """Tell whether a command makes this CA, and not another.

    If it is not understood, its words tell.
    """
    found, unread = signings_in_shell(line, "", around)
    return any(signing.certificate_path == entry.path for signing in found) or any(
        entry.path.removesuffix(".pem") in each.line for each in unread
    )


@Rule(
    pain="make stops at a request that is gone, or signs for somebody who was taken out",
    fix=(
        "take the target's line out of the Makefile, as `tls-scaffold sync` does with what was "
        "rendered"
    ),
)
def gone_component(view: View) -> Iterator[Problem]:
    """Every target is for a component that the inventory still has."""
    for entry in view.components:
        if _is_gone(view, entry):
            message = f"`{entry.path}` belongs to `{entry.name}`, which the inventory does not have"
            yield from (Problem(place, message) for place in view.lines_of(entry))


def _is_gone(view: View, entry: Entry) -> bool:
    """Tell whether an inventory has no such component, and it is none of the team's own.

    Its line was rendered, or its name was removed; a user's may be used again with a request.
    """
    if (
        view.inventory is None
        or not entry.signing
        or entry.signing.output in view.outputs_of_inventory
    ):
        return False
    rendered = (entry.name, entry.signing.output) in view.rendered
    is_user = entry.name in view.inventory.forgotten.users
    removed = entry.name in view.inventory.removed
    return rendered or removed or (is_user and not (view.folder / entry.signing.request).exists())


@Rule(
    pain="make stops with `No rule to make target`, or cfssl with `no such file`",
    fix="write the request, or take the target out",
)
def missing_request(view: View) -> Iterator[Problem]:
    """Every target has the request that it signs."""
    for entry in (*view.authorities, *view.components):
        if (
            not entry.signing
            or (view.folder / entry.signing.request).exists()
            or _is_gone(view, entry)
        ):
            continue
        message = f"`{entry.signing.request}`, which `{entry.path}` is signed from, is missing"
        yield from (Problem(place, message) for place in view.lines_of(entry))


def _fix_of_unread(view: View, place: Place, fix: str) -> str:
    if place.path == MAKEFILE and view.makefile and not view.has_our_rules:
        return PUT_RULES_BACK
    there = (each for each in view.asked_components.values() if each.name in view.passed_over)
    is_there = place.line or place.path in {each.request for each in there}
    return TAKE_OUT if is_there else fix


@Rule(
    pain="somebody waits for a certificate that no `make` will ever sign",
    fix="`tls-scaffold sync` adds the lines of the inventory; or move the request away",
    fix_at=_fix_of_unread,
)
def unused_request(view: View) -> Iterator[Problem]:
    """Every request, and every component of the inventory, is signed by a target."""
    # Only make knows, so of an archived set nothing is found.
    kept = (view.folder / FILE).exists() and not any(
        (view.folder / name).exists() for name in (*gnumake.READ_FIRST, MAKEFILE)
    )
    if view.requests and kept:
        message = "is missing: nothing signs the requests in `config`"
        yield Problem(Place(MAKEFILE), message)
    if not view.contents.has_makefile or view.contents.unread:
        return
    if (view.folder / RULES_FILE).exists() and not view.has_our_rules:
        yield Problem(Place(MAKEFILE), LACKS_RULES)
        return
    signed = {entry.signing.request for entry in view.contents.entries if entry.signing}
    unused = [path for path in view.requests if path not in signed and path not in view.ca_requests]
    yield from (Problem(Place(path), "no target of the Makefile signs it") for path in unused)
    # Of one whose request is told above nothing is said twice.
    told = {path for path, each in view.asked_components.items() if each.request in unused}
    for entry in view.components:
        if not entry.signing and entry.path not in told:
            message = f"no target signs `{entry.name}` of the inventory"
            yield Problem(Place(MAKEFILE, view.passed_over.get(entry.name, 0)), message)


@Rule(
    pain=(
        "one is signed over by the other at every `make`, with another profile perhaps, and "
        "whoever was given the first has a key that is gone"
    ),
    fix="take one of the two out: the pasted line, or the component (`tls-scaffold remove`)",
)
def signed_twice(view: View) -> Iterator[Problem]:
    """Every certificate is signed by one line."""
    for entry in view.components:
        # Where a variable is to name several, `unset_variable` tells.
        if entry.path in view.contents.twice and not entry.path.endswith(("/.pem", "-.pem")):
            message = f"`{entry.path}` is signed more than once by one `make`"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    level=NOTE,
    pain="whoever has the pair has one with another key than the folder after each `make`",
    fix="`tls-scaffold add` makes a component of it, which is signed once; take the line out then",
)
def signed_at_each_make(view: View) -> Iterator[Problem]:
    """No `make` signs anew what is signed already."""
    if not view.has_our_rules:  # elsewhere make signs all anew, as hack/tls-setup does
        return
    for entry in view.components:
        signing = entry.signing
        # Of what is signed twice another rule speaks.
        if not signing or signing.target != REQ or entry.path in view.contents.twice:
            continue
        looks_itself = entry.path in signing.line.partition("gencert")[0]  # `test -e … || …`
        if signing.flags is None and not looks_itself:
            message = f"`{entry.path}` is signed anew at every `make`, with another key"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    level=WARNING,
    pain=(
        "each of these certificates passes for all of the components, or (`localhost` alone) for "
        "none of them"
    ),
    fix=(
        "`tls-scaffold adopt` keeps account of whose hosts it holds; or give each a request of its"
        " own"
    ),
)
def shared_request(view: View) -> Iterator[Problem]:
    """Every request that components share names the hosts of each, as an inventory tells."""
    # An inventory that can't be read may say so.
    if view.not_inventory:
        return
    listed = {(each.output, each.request) for each in view.asked_components.values()}
    sharing: dict[str, list[str]] = {}
    for entry in view.components:
        if entry.signing and (entry.signing.output, entry.signing.request) not in listed:
            sharing.setdefault(entry.signing.request, []).append(entry.name or entry.path)
    for path, names in sharing.items():
        if len(names) > 1:
            named = ", ".join(f"`{name}`" for name in names)
            yield Problem(Place(path), f"is signed for {named}")


RULES = (
    replaces_ca,
    gone_component,
    missing_request,
    unused_request,
    signed_twice,
    signed_at_each_make,
    shared_request,
)

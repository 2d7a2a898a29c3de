"""The plan of the code: imports go strictly down, and each outside library has its room."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

PACKAGE = Path(__file__).parents[1] / "src/tls_scaffold"
ROOMS = """
12 __main__
11 cli
10 commands
9  checks rehearsal
8  live
7  state etcd
6  keeping
5  signing
4  disk remote
3  rendering bundles multiroot
2  cfssl inventory makefiles
1  reading shell
0  errors paths spelling temporary
"""
SHELVES = {
    "cli": (
        "remove rotate / add adopt backup bundle ca cfssl check explain new prove rbac "
        "rehearse renewed requests restore revoke roles schema sign signerconfig "
        "status sync / rotatestatus severalstates / adoptiontable causes custody folderstable "
        "livetable prooftable questions rehearsaltable waitingtable / "
        "keeping lookoptions / lists options plansummary statusnotes statustable / "
        "capassword columns completion passphrases / terminal verbs / examples pageplace"
    ),
    "commands": (
        "rehearse / encryptcakey rehearsalchanges renewed revoketold rotatetold / "
        "rotate / bundlesagain rehearsalcopy restore revoke / restoreplan severalchecks "
        "severalstates / restorepairs / adopt adoptpki adoptscript restorechecks / add adopting "
        "backup bundle cfssljson check explain new prove remove renewca requestexport "
        "requestimport requestmaking requestsigning rotatestatus sign signerbundle "
        "signerconfig standin status sync / certinfo custodyfiles explainlooks gencert "
        "gencrl hooks printdefaults signcsr / cfsslcalls cfsslusage remoteca "
        "rotationlook rotationreport / adopted alerts dist forms handfolders live "
        "owedhooks packfiles rbac reloads revoking signerchanges usablepairs / "
        "nextsteps outcomes revokedlists revokedwords severalfolders / results rotationrefusals "
        "servedfolders signerfolder / bundleoptions keysingit signeroptions typed / signerkeys"
    ),
    "checks": (
        "authorities certs custodies documents hosts lifetimes makelines ourtargets profiles "
        "report revocation running secrecy signable subjects targets / looking mending "
        "rule / view / archivedkeys crlfiles / readablefiles"
    ),
    "live": (
        "explanation / evidence symptoms / metrics rotationgates rotationsteps / "
        "clientfaults rotationports served / diagnosis / known looks / server / "
        "handshake / causes endpoints loglines shakes"
    ),
    "state": (
        "advice bundleages contents prometheus signedhere / cfsslscripts clones reading "
        "removed renewals states / expectations hindrances lives lostkeys waiting / "
        "entries timeline / statewords timescale"
    ),
    "etcd": (
        "bundled cluster doors matrix proofs / rights / keys / attempts throwaway "
        "writers / bench calls rolling tallies / access etcdctl extra logs / guarded "
        "methods tls versions / rpc_pb2"
    ),
    "signing": (
        "rotationabort / rotationend rotationstart / rotationsets / renewal / backedup "
        "execution placement recordcompletion / keyencryption naming packanswers rounds "
        "waitingplan / authority awaiting batch broughtca canumbers handsigning pins "
        "plan readmissions / remotesigner / answers crlfile signer / authkeys certinfo "
        "crosscertificates packs revocationlists / manifests mirrors / building "
        "commandlines csrs differences hangingfiles ignoredrules issuer "
        "linemistakes mistakes record trust / chains custodies keystores rotation twincas / "
        "caconstraints extensions foldercas pairing / matching / certificates / keys / capassword "
        "contentkinds gorefusals / agefiles copies pairs pemfiles revocations x509names"
    ),
    "keeping": (
        "trialsync / consequences samesignings update / acceptance change journal refusals "
        "teamlines / "
        "following permitted / adoptionnote patch record / plan scriptrequests / scriptsurvey "
        "adoption authorities cafiles neededprofiles / adoptedservers description pki / "
        "merge pkifolder / adoptedhosts jsonmerge readback severalcas unsettled"
    ),
    "disk": (
        "backupfiles safekeeping / folder ourfolders sharing statefiles / healing "
        "inventorydocument linkedfolder newfolder / moving vacancy / workfolders / issued locking "
        "plainfiles secretfiles tarballs / files gitfiles obstacles signals / gitcommand mounts"
    ),
    "rendering": "template / documents",
    "bundles": (
        "kubeadm overview procfile signer / consumers / calico kubernetes members / "
        "memberflags / settings"
    ),
    "remote": "servers / wire / protocol",
    "cfssl": (
        "readers / profilereaders / profiles / remotes / gojson requests sans / goflags "
        "/ durations fields gourl serverurls usages whitelist"
    ),
    "inventory": (
        "desired schema / intake userwarnings / keptfolder present schemavalues / conflicts "
        "options rbac setwords / custodywords hostconflicts / asked components grants urls / "
        "generations reach / values / presets / calicopresets clientpresets "
        "kubernetespresets / presetparts / clusterparts / custody forgotten membersettings "
        "/ terms / conflictmarkers fields formats"
    ),
    "makefiles": (
        "componentedits foreign origins unreadlines / makefile / askedmake / maketargets / "
        "ourmakefile recipes survey verdicts writtenfiles / gnumake linefollowing unsetnames / "
        "gencert / "
        "dryruneffects / dryruncommands / commandeffects maketexts / "
        "componentlines decoys landlock makevalues / blocks movedfiles usedtargets"
    ),
    "shell": (
        "following / calling / assigning builtins programs / state / ledger tools / cfssllines "
        "conditions expansion / scope / arithmetic grammar / nodes / filers lines running words"
    ),
    "multiroot": "notes policies rootsfile",
    "rehearsal": ("performing / steps / stage / causes layout revisions / loopback states"),
}
"""The modules of each room, the highest shelf first.

A package's own `__init__` stands on top of them.
"""
LIBRARIES = {
    "click": "cli",
    "cookiecutter": "rendering.template",
    "OpenSSL": "live.handshake",
    "jinja2": "rendering.template",
    "cryptography": (
        "signing.building signing.caconstraints signing.certificates signing.certinfo "
        "signing.contentkinds signing.csrs signing.extensions signing.gorefusals signing.issuer "
        "signing.crosscertificates signing.keys signing.keystores signing.matching "
        "signing.mirrors signing.revocationlists signing.signer signing.x509names"
    ),
    "re2": "cfssl.whitelist",
    "google": "etcd.calls etcd.methods etcd.rpc_pb2",
    "grpclib": "etcd.calls",
    "tomli": "inventory.formats",
    "tomllib": "inventory.formats",
    # bundles.settings writes the YAML that etcd and Kubernetes read.
    "yaml": "bundles.settings inventory.formats",
    "pyrage": "signing.agefiles",
}

PRINTS = re.compile(
    r"^print$|\b(secho|echo|echo_via_pager|style)$|^sys\.(__)?std(out|err)\b.*\.write"
)


def sources() -> dict[str, Path]:
    """Return each module's file by its name below the package."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


@cache
def imported(path: Path) -> set[str]:
    """Return what a module imports anywhere in it, also for types only.

    `from a import b` gives `a` and `a.b`.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{each.name}" for each in node.names} | {str(node.module)}
    return found


def floors() -> Iterator[tuple[str, int]]:
    """Yield each room with its floor."""
    for line in ROOMS.strip().splitlines():
        number, *rooms = line.split()
        yield from ((room, int(number)) for room in rooms)


def shelves() -> Iterator[tuple[str, int]]:
    """Yield each module of a room with its shelf, and the room itself."""
    for room, text in SHELVES.items():
        listed = text.split(" / ")
        for height, names in enumerate(reversed(listed)):
            yield from ((f"{room}.{name}", height) for name in names.split())
        yield room, len(listed)


FLOOR = dict(floors())
SHELF = {**dict.fromkeys(FLOOR, 0), **dict(shelves())}
SOURCES = sources()


def room(name: str) -> str:
    """Return the room that a module is in."""
    return name.partition(".")[0]


def place(name: str) -> tuple[int, int]:
    """Return the floor and the shelf of a module."""
    return FLOOR[room(name)], SHELF[name]


def test_every_module_has_its_place() -> None:
    assert sorted(SHELF) == sorted(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_imports_go_strictly_down(name: str) -> None:
    ours = {
        each.removeprefix("tls_scaffold.")
        for each in imported(SOURCES[name])
        if each.startswith("tls_scaffold.")
    }
    used = ours & set(SHELF)
    # `from tls_scaffold.cfssl import readers` names the room that the module is in.
    rooms = {each for each in used if any(other.startswith(f"{each}.") for other in used)}
    modules = used - rooms

    # Neither up, nor to another room on the same floor, nor to the same shelf.
    sideways = {each for each in modules if room(each) != room(name)}
    assert {each for each in sideways if place(each)[0] >= place(name)[0]} == set()
    assert {each for each in modules - sideways if place(each) >= place(name)} == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_outside_library_stays_in_its_room(library: str) -> None:
    users = [
        name
        for name, path in SOURCES.items()
        if any(f"{each}.".startswith(f"{library}.") for each in imported(path))
    ]

    assert [
        name for name in users if not {name, room(name)} & set(LIBRARIES[library].split())
    ] == []


def test_a_command_s_words_know_nothing_of_the_terminal() -> None:
    printing = [
        name
        for name, path in SOURCES.items()
        if not name.startswith("cli")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "input")
    ]

    assert printing == []


def test_nothing_goes_to_the_terminal_but_through_one_module() -> None:
    writing = [
        f"{name}:{node.lineno}: {ast.unparse(node.func)}"
        for name, path in SOURCES.items()
        if name != "cli.terminal"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and PRINTS.search(ast.unparse(node.func))
    ]

    assert writing == []

"""What the commands of a recipe sign, and where that lies in the end."""

import json
import shutil
from pathlib import Path

import pytest

from peers import build as peers
from support import BIN, Done, make, openssl, run
from tls_scaffold.makefiles.recipes import Surroundings, signings_in_shell

CA = "-ca certs/ca.pem -ca-key certs/ca-key.pem -config c.json"
MAKES_CA = "cfssl gencert -initca ca.json | cfssljson -bare certs/ca"
MID = "cfssl genkey -initca mid.json | cfssljson -bare certs/mid"
SIGNS_MID = f"cfssl sign {CA} -profile mid certs/mid.csr | cfssljson -bare certs/mid"
SIGNS_X = f"cfssl gencert {CA} x.json | cfssljson -bare certs/x"
BELOW_MID = SIGNS_X.replace("certs/ca", "certs/mid")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("lines", "outputs"),
    [
        ((SIGNS_X, "mkdir -p out", "mv certs/x*.pem out"), ["out/x"]),
        ((SIGNS_X, "mv certs/x.pem y.pem; mv certs/x-key.pem y-key.pem"), ["y"]),
        ((SIGNS_X, "mv certs/*.pem certs/x.csr new/"), ["new/x"]),
        ((SIGNS_X, "mv certs out"), ["out/x"]),
        ((SIGNS_X, "cp certs/x.pem certs/x.crt && rm -f certs/*.csr"), ["certs/x"]),
        ((SIGNS_X, "install -m 600 certs/x.pem certs/x-key.pem -t out && rm -rf certs"), ["out/x"]),
        (("rm -rf certs", SIGNS_X, "chmod 600 certs/x-key.pem"), ["certs/x"]),
        ((SIGNS_X, "cat certs/ca.pem >> certs/x.pem"), ["certs/x"]),
        ((f"cfssl gencert {CA} - < x.json | cfssljson -bare x",), ["x"]),
        ((f"cat x.json | cfssl gencert {CA} - | cfssljson -bare x",), ["x"]),
        ((f"cfssl gencert {CA} x.json > o.json", "cfssljson -bare x -f o.json"), []),
        ((f"cfssl gencert {CA} x.json > o.json", "cfssljson -f o.json -bare x"), ["x"]),
        ((f"cfssl gencert {CA} x.json > o.json && cfssljson -bare x < o.json",), ["x"]),
        (
            (f"sh -c 'for i in a b; do cfssl gencert {CA} $i.json | cfssljson -bare $i; done'",),
            ["a", "b"],
        ),
        ((f"sh -c '{SIGNS_X.replace('x', '$$0')}' web",), []),
        ((f"N=a; sh -c 'cfssl gencert {CA} a.json | cfssljson -bare ${{N}}'",), []),
        ((f"cfssl gencert {CA} x.json | cfssljson -bare ${{NAME#?}}",), []),
        ((f"if which cfssl; then {SIGNS_X}; else {SIGNS_X.replace('x', 'y')}; fi",), []),
        ((f"(cd certs && {SIGNS_X}); {SIGNS_X}",), ["certs/certs/x", "certs/x"]),
        ((f"test -f certs/ca.pem && echo there || {SIGNS_X}",), ["certs/x"]),
        ((f"if [ ! -f certs/x.pem ]; then {SIGNS_X}; fi",), ["certs/x"]),
        ((f"[ -f certs/x.pem ] && exit 0; {SIGNS_X}",), ["certs/x"]),
        ((f"echo '{SIGNS_X}'",), []),
        ((f"(exit 1); {SIGNS_X}",), ["certs/x"]),
        ((SIGNS_X, "sudo mv certs/x.pem y.pem; sudo mv certs/x-key.pem y-key.pem"), ["y"]),
        ((MAKES_CA, SIGNS_X, "mv certs/ca.pem certs/ca-key.pem ."), ["ca", "certs/x"]),
    ],
)
def test_what_is_moved_or_asked_for_in_a_round_about_way_is_followed(
    lines: tuple[str, ...], outputs: list[str]
) -> None:
    found, unread = signings_in_shell("\n".join(lines), "all")
    assert [each.output for each in found] == outputs
    assert bool(unread) is (not outputs and "echo" not in lines[0])


@pytest.mark.fast
def test_a_leaf_goes_by_the_last_place_of_its_ca() -> None:
    text = f"{MAKES_CA}\n{SIGNS_X}\nmkdir top; mv certs/ca.pem certs/ca-key.pem top"
    found, _ = signings_in_shell(text, "all")
    assert [(each.output, each.ca) for each in found] == [
        ("top/ca", ""),
        ("certs/x", "top/ca.pem"),
    ]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((SIGNS_X, "mv certs/x.pem certs/x.crt"), "it ends as `certs/x.crt`, its key as"),
        ((SIGNS_X, "rm certs/x-key.pem"), "its key as nowhere"),
        ((SIGNS_X, "rm -rf certs"), "is taken away again"),
        ((SIGNS_X, "for f in certs/*.pem; do mv $f new; done"), "may move it"),
        ((SIGNS_X, "mv $(ls certs/*.pem) out/"), "may move it"),
        ((SIGNS_X.replace("certs/x", "x"), "sudo rm $(ls)"), "may move it"),
        ((SIGNS_X, "for f in $(ls certs/*.pem); do mv $f out/; done"), "may move it"),
        ((SIGNS_X, "ls certs/*.pem | while read f; do mv $f out/; done"), "may move it"),
        ((f"echo '{{}}' | cfssl gencert {CA} - | cfssljson -bare x",), "from another command"),
        (("sed s/A/b/ t > x.json", SIGNS_X, "sed s/A/c/ t > x.json"), "written anew"),
        (("cp t x.json", SIGNS_X, "rm x.json"), "written anew after it, or taken away"),
        ((f"cfssl sign {CA} they.csr | cfssljson -bare they",), "no line above makes the CSR"),
        (("cfssl selfsign h x.json | cfssljson -bare x",), "has no CA"),
        (("openssl x509 -req -in x.csr -CA ca.pem -CAkey k.pem -out x.pem",), "openssl signs it"),
        (("openssl req -subj '/CN=a;b' -x509 -key k.pem -out x.pem",), "openssl signs it"),
        (("openssl req -CA ca.pem -CAkey k.pem -in x.csr -out x.pem",), "openssl signs it"),
        (("while :; do openssl x509 --req -CA ca.pem -in x.csr; done",), ""),
        (("make req",), "by `$(MAKE)` another make would tell"),
        ((f"grep -q x y && {SIGNS_X}",), "known to the shell alone"),
        ((MAKES_CA, "mv certs/ca.pem ca.crt", SIGNS_X), "it ends as `ca.crt`"),
    ],
)
def test_what_can_not_be_held_or_followed_is_told_with_the_reason(
    lines: tuple[str, ...], why: str
) -> None:
    _, unread = signings_in_shell("\n".join(lines), "all")
    assert any(why in each.why for each in unread), unread


@pytest.mark.fast
@pytest.mark.parametrize(
    "line",
    [
        "openssl x509 -in certs/x.pem -noout -text",
        "openssl x509 -noout -enddate -in certs/x.pem | cut -d= -f2",
        "for f in certs/*.pem; do openssl x509 -in $f -noout -subject; done",
        "while read f; do openssl x509 -in $f -noout -subject; done",
        "diff <(openssl x509 -noout -modulus -in x.pem) <(openssl rsa -modulus -in x-key.pem)",
        "openssl x509 -in certs/x.pem -outform der -out certs/x.der",
        "openssl req -in certs/x.csr -noout -text",
        "openssl s_client -connect etcd:2379 </dev/null | openssl x509 -noout -dates",
    ],
)
def test_what_openssl_shows_or_converts_is_no_signing(line: str) -> None:
    found, unread = signings_in_shell(f"{SIGNS_X}\n{line}", "all")
    assert ([each.output for each in found], unread) == (["certs/x"], ())


@pytest.mark.fast
def test_a_line_that_is_nested_too_deep_is_told_and_ends_in_no_traceback() -> None:
    line = f"{'(' * 1000}{SIGNS_X}{')' * 1000}"
    assert [each.line for each in signings_in_shell(line, "all")[1]] == [line]


@pytest.mark.fast
def test_a_request_that_another_command_makes_counts_where_it_is_there(tmp_path: Path) -> None:
    text = f"sed s/A/b/ t.json > x.json\n{SIGNS_X}"
    around = Surroundings(tmp_path, makeable=("x.json",))
    (told,) = signings_in_shell(text, "all", around)[1]
    assert told.why == (
        "its request `x.json`, which a command makes, is not there: `make x.json` makes it"
    )
    (tmp_path / "x.json").write_text("{}")
    assert [each.output for each in signings_in_shell(text, "all", around)[0]] == ["certs/x"]


def scaffold(folder: Path, *words: str, **variables: str) -> Done:
    return run(str(BIN / "tls-scaffold"), *words, cwd=folder, umask=-1, **variables)


def folder_of(path: Path, text: str) -> Path:
    """Make a folder with a Makefile and the requests ca, mid and x."""
    path.mkdir()
    key = {"algo": "ecdsa", "size": 256}
    for cn in ("ca", "mid", "x"):
        hosts = ["localhost", "10.0.0.1"]
        (path / f"{cn}.json").write_text(json.dumps({"CN": cn, "hosts": hosts, "key": key}))
    signs = ["cert sign", "crl sign"]
    profiles = {"mid": {"expiry": "9999h", "usages": signs, "ca_constraint": {"is_ca": True}}}
    profiles["mid"]["ca_constraint"] |= {"max_path_len": 0, "max_path_len_zero": True}  # type: ignore[operator]
    default = {"expiry": "8760h", "usages": ["signing", "server auth", "client auth"]}
    config = {"signing": {"default": default, "profiles": profiles}}
    (path / "c.json").write_text(json.dumps(config))
    (path / "Makefile").write_text(text)
    return path


def extensions(certificate: Path) -> list[str]:
    """Return issuer, subject and extensions as openssl tells them, key identifiers left out."""
    fields = "basicConstraints,keyUsage,extendedKeyUsage,subjectAltName"
    words = ("x509", "-noout", "-subject", "-issuer", "-ext", fields, "-in", str(certificate))
    return openssl(*words).splitlines()


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_a_new_ca_that_may_have_none_below_it_signs_none_as_with_cfssl(tmp_path: Path) -> None:
    text = f"all: ; mkdir -p certs && {MAKES_CA}\n\t{MID}\n\t{SIGNS_MID}\n"
    own, theirs = (folder_of(tmp_path / name, text) for name in ("own", "theirs"))
    for path in (own / "ca.json", own / "mid.json"):
        request = {**json.loads(path.read_text()), "ca": {"pathlen": 0, "pathlenzero": True}}
        path.write_text(json.dumps(request))
        shutil.copy(path, theirs)
    done = scaffold(own, "sign")
    assert (done.returncode, list(own.glob("certs/*.pem"))) == (1, [])
    assert "mid.json: ca: it asks for a CA, and the one that signs may have none" in done.stderr
    done = run("make", "-C", str(theirs))
    assert "Policy violation request" in done.stderr


@pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
@pytest.mark.parametrize(
    "mid",
    [
        f"{MID}\n\t{SIGNS_MID}",
        f"cfssl gencert {CA} -profile mid mid.json | cfssljson -bare certs/mid",
    ],
)
def test_a_ca_that_a_ca_signs_is_what_cfssl_makes(tmp_path: Path, mid: str) -> None:
    text = f"all: mid ; {BELOW_MID}\nmid: ca\n\t{mid}\nca: ; mkdir -p certs; {MAKES_CA}\n"
    own = folder_of(tmp_path / "own", text)
    done = scaffold(own, "sign")
    assert done.returncode == 0, done.stderr
    assert scaffold(own, "status").returncode == 0
    certs = own / "certs"
    words = ("-CAfile", f"{certs}/ca.pem", "-untrusted", f"{certs}/mid.pem", f"{certs}/x.pem")
    openssl("verify", *words)
    programs = [str(Path(shutil.which("cfssl") or "").parent)]
    programs += map(str, peers.CACHE.glob("cfssl-*"))
    for number, directory in enumerate(programs):
        theirs = folder_of(tmp_path / f"cfssl{number}", text)
        make(theirs, PATH=f"{directory}:{run('sh', '-c', 'echo $PATH').stdout.strip()}")
        for name in ("ca", "mid", "x"):
            assert extensions(certs / f"{name}.pem") == extensions(theirs / f"certs/{name}.pem")
    before = {path: path.read_bytes() for path in certs.glob("*.pem")}
    assert scaffold(own, "sign", "--force").returncode == 0
    kept = {path for path, content in before.items() if path.read_bytes() == content}
    assert {path.name for path in kept} >= {"ca.pem", "ca-key.pem", "mid.pem", "mid-key.pem"}


@pytest.mark.needs("make")
def test_what_only_another_target_signs_is_signed_by_its_name_and_missed_by_nobody(
    tmp_path: Path,
) -> None:
    text = f"all: ca\n\t{SIGNS_X}\nca:\n\tmkdir -p certs\n\t{MAKES_CA}\n"
    folder = folder_of(
        tmp_path / "f", text + f"extra:\n\t{SIGNS_X.replace('-bare certs/x', '-bare certs/y')}\n"
    )
    assert scaffold(folder, "sign").returncode == 0
    assert not (folder / "certs/y.pem").exists()
    done = scaffold(folder, "status")
    assert (done.returncode, "on request: `make extra` signs it" in done.stdout) == (0, True)
    assert scaffold(folder, "sign", "y").returncode == 0
    assert (folder / "certs/y.pem").exists()
    assert "on request" not in scaffold(folder, "status").stdout


@pytest.mark.needs("make")
def test_a_line_that_is_left_keeps_every_command_from_ending_with_0(tmp_path: Path) -> None:
    text = f"all:\n\tmkdir -p certs\n\t{MAKES_CA}\n\t{SIGNS_X}\n\tmv certs/x.pem certs/x.crt\n"
    folder = folder_of(tmp_path / "f", text)
    done = scaffold(folder, "sign")
    assert (done.returncode, done.stdout.count("signed ")) == (1, 1)
    assert "warning: Makefile:4 signs in a way" in done.stderr
    assert "it ends as `certs/x.crt`" in done.stderr
    assert scaffold(folder, "status").returncode == 4
    assert "it ends as `certs/x.crt`" in scaffold(folder, "check").stdout
    assert scaffold(folder, "adopt").returncode == 1


@pytest.mark.needs("make")
def test_a_variable_that_names_a_certificate_and_is_not_set_is_told(tmp_path: Path) -> None:
    signs = SIGNS_X.replace("-bare certs/x", "-bare certs/${infra0}-etcd")
    folder = folder_of(tmp_path / "f", f"all:\n\t{MAKES_CA}\n\t{signs}\n")
    for command in ("sign", "status", "check", "adopt"):
        done = scaffold(folder, command)
        assert (done.returncode, "`infra0=NAME tls-scaffold" in done.stdout + done.stderr) == (
            1,
            True,
        )
    assert not (folder / "certs").exists()
    named = signs.replace("x.json", "${infra0}.json")
    (folder / "Makefile").write_text(f"all:\n\t{MAKES_CA}\n\t{named}\n")
    assert "`infra0=NAME tls-scaffold" in scaffold(folder, "sign").stderr
    (folder / "Makefile").write_text(f"all:\n\t{MAKES_CA}\n\t{signs}\n")
    assert scaffold(folder, "sign", infra0="m1").returncode == 0
    assert (folder / "certs/m1-etcd.pem").exists()


@pytest.mark.needs("make")
def test_no_other_ca_signs_in_the_place_of_one_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    ca = "echo '{}' | cfssl gencert -initca - | cfssljson -bare certs/ca"
    folder = folder_of(tmp_path / "f", f"all:\n\t{ca}\n\t{SIGNS_X}\n")
    (folder / "config").mkdir()
    (folder / "config/ca-csr.json").write_text('{"CN": "another"}')
    done = scaffold(folder, "sign")
    assert (done.returncode, (folder / "certs/ca.pem").exists()) == (1, False)
    assert "no line that can be followed makes the CA `certs/ca.pem`" in done.stderr

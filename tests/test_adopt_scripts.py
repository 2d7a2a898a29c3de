import json
import re
import shutil
from itertools import takewhile
from pathlib import Path

import pytest

from keeping import kept, kept_contents
from support import PROGRAMS, make, openssl, read, run

pytestmark = pytest.mark.needs("bash", "make", "cfssl", "cfssljson", "openssl")

SCRIPTS = Path(__file__).parent / "fixtures/scripts"
KEY = {"algo": "ecdsa", "size": 256}
USAGES = ["signing", "key encipherment", "server auth", "client auth"]
BESIDE: dict[str, dict[str, object]] = {
    "plain": {
        "config/ca-csr.json": {"CN": "Site CA", "key": KEY, "names": [{"O": "Acme"}]},
        "config/ca-config.json": {"signing": {"default": {"expiry": "8760h", "usages": USAGES}}},
        "config/m.json": {"CN": "etcd", "hosts": ["localhost", "10.9.0.1"], "key": KEY},
    },
    "heredocs": {},
    "loops": {},
    "moved": {
        "ca-csr.json": {"CN": "Moved CA", "key": KEY},
        "server.json": {"CN": "etcd", "key": KEY},
        "client.json": {"CN": "reader", "key": KEY},
        "settings.sh": 'HOSTS=("n1.example.com" n2.example.com)\n',
    },
}

SIGN = "cfssl gencert -ca ca.pem -ca-key ca-key.pem"
MAKE_CA = "cfssl gencert -initca ca.json | cfssljson -bare ca\n"


def scripted(name: str, target: Path) -> Path:
    """Make a folder with a script, and with what that finds beside it."""
    target.mkdir(parents=True)
    shutil.copy(SCRIPTS / f"{name}.sh", target / "gen.sh")
    for path, content in BESIDE[name].items():
        (target / path).parent.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (target / path).write_text(text, encoding="utf-8")
    return target


def written(path: Path, script: str) -> Path:
    """Write a script into a folder, with a CA's request and another beside it."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "gen.sh").write_text(script, encoding="utf-8")
    for name, cn in (("ca", "Own CA"), ("m", "etcd")):
        request = {"CN": cn, "hosts": ["10.0.0.1"], "key": KEY}
        (path / f"{name}.json").write_text(json.dumps(request), encoding="utf-8")
    return path


def certificates(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return what openssl reads of each certificate, but keys and times; lifetimes in hours."""
    found = {}
    for path in sorted(folder.rglob("*.pem")):
        name = str(path.relative_to(folder))
        if path.stem.endswith("-key") or name.startswith(("archive/", "issued/")):
            continue
        text = openssl("x509", "-noout", "-subject", "-issuer", "-in", str(path))
        kind = openssl("x509", "-noout", "-text", "-in", str(path)).count("prime256v1")
        certificate = read(path)
        found[name] = (
            text,
            *certificate.sans,
            *certificate.usages,
            *certificate.extended,
            str(kind),
        )
    return found


def run_script(folder: Path, *words: str) -> None:
    done = run("bash", "gen.sh", *words, cwd=folder, PATH=PROGRAMS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_what_bash_signs_with_cfssl_is_adopted_stays_valid_and_would_be_signed_alike(
    name: str, tmp_path: Path
) -> None:
    path = scripted(name, tmp_path / "tls")
    run_script(path)
    before, there = certificates(path), kept_contents(path)
    assert len(before) > 1

    said = kept(path, "adopt", "--from-script", str(path / "gen.sh")).stderr
    assert sorted(rows_of_table(said).values()) == sorted(before)
    after = kept_contents(path)
    assert {file: content for file, content in after.items() if file in there} == there
    new = after.keys() - there.keys()
    assert all(f"wrote {file}" in said for file in new if not file.startswith(".tls-scaffold/"))

    kept(path, "sync")
    assert {line.split()[-1] for line in kept(path, "status").stdout.splitlines()[1:]} == {"valid"}
    make(path, SIGNER="cfssl")
    kept_there = kept_contents(path)
    assert all(kept_there[file] == there[file] for file in there if file.endswith(".pem"))

    for file in before:
        if Path(file).stem != "ca":
            (path / file).unlink()
    make(path, SIGNER="cfssl")
    again = certificates(path)
    assert {file: again[file] for file in before} == before
    assert all("(new)" not in file for file in again)


def test_a_script_that_was_never_run_is_adopted_and_its_folder_signs_the_same(
    tmp_path: Path,
) -> None:
    path, other = (scripted("heredocs", tmp_path / each) for each in ("tls", "other"))
    run_script(other)
    kept(path, "adopt", "--from-script", str(path / "gen.sh"))
    kept(path, "sync")
    make(path, SIGNER="cfssl")
    expected = {f"{file}": each for file, each in certificates(other).items() if "/ca." not in file}
    assert {file: certificates(path)[file] for file in expected} == expected


def test_a_script_that_goes_home_is_adopted_in_the_folder_that_it_signs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "gen.sh"
    script.write_text(f"mkdir ~/tls\ncd ~/tls\n{MAKE_CA}{SIGN} m.json | cfssljson -bare m\n")
    path = written(tmp_path / "tls", "")
    said = kept(path, "adopt", "--from-script", str(script)).stderr
    assert rows_of_table(said) == {"ca": "ca.pem", "m": "m.pem"}
    refused = kept(path, "adopt", "--from-script", str(script), code=1).stderr
    assert "exists: the folder has its inventory" in refused


def test_an_argument_and_a_variable_that_are_given_are_put_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CA_NAME", "Given CA")
    path = scripted("heredocs", tmp_path / "tls")
    words = ("--from-script", str(path / "gen.sh"), "--argument", "out")
    assert " out/etcd1.pem" in kept(path, "adopt", *words).stderr
    assert json.loads((path / "config/ca-csr.json").read_text())["CN"] == "Given CA"


# What can't be known of a script: its lines, the number of the line that is told, and why.
UNKNOWN = {
    "a command": (
        f"{SIGN} -hostname=$(hostname -i) m.json | cfssljson -bare x",
        3,
        "`hostname -i`",
    ),
    "a variable": (f"{SIGN} m.json | cfssljson -bare $NOWHERE", 3, "`$NOWHERE` is set nowhere"),
    "an argument": (f'{SIGN} m.json | cfssljson -bare "$1"', 3, "`$1`, the script's argument"),
    "a loop": (f"for i in $NOWHERE; do\n{SIGN} m.json | cfssljson -bare $i; done", 4, "NOWHERE"),
    "files": (f"for i in *.json; do {SIGN} $i | cfssljson -bare $i; done", 3, "`*.json` matches"),
    "a condition": (f"if curl -f x | grep y; then\n{SIGN} m.json | cfssljson -bare x\nfi", 4, ""),
    "a request of another tool": (
        f"jq .x m.json > x.json\n{SIGN} x.json | cfssljson -bare x",
        4,
        "what `jq` prints is not known",
    ),
    "a request edited in place": (
        f"sed -i s/a.*/b/ m.json\n{SIGN} m.json | cfssljson -bare x",
        4,
        "`sed` changes it",
    ),
    "an intermediate": (
        "cfssl sign -ca ca.pem -ca-key ca-key.pem x.csr | cfssljson -bare x",
        3,
        "",
    ),
    "no cfssljson": (f"{SIGN} m.json > x.out", 3, "nothing gives to cfssljson"),
    "a container": (f"docker run cfssl/{SIGN} m.json | cfssljson -bare x", 3, "`docker`"),
    "text as commands": (f'eval "{SIGN} m.json | cfssljson -bare x"', 3, "commands of text"),
    "a file of what is printed": (f"{SIGN} <(cat m.json) | cfssljson -bare x", 3, "`<(…)`"),
    "an end": (f"exit 0\n{SIGN} m.json | cfssljson -bare x", 4, "the script ends in line 3"),
    "a folder": (f'cd "$NOWHERE"\n{SIGN} m.json | cfssljson -bare x', 4, "in which folder that is"),
    "a profile that is read": (
        f"read -p name: name\n{SIGN} -profile $name m.json | cfssljson -bare x",
        4,
        "it is read when the script runs",
    ),
}


def rows_of_table(said: str) -> dict[str, str]:
    """Return the certificates in the table that adopt prints first, by their names."""
    heading, *lines = said.splitlines()
    assert heading.split() == ["NAME", "KIND", "CN", "PROFILE", "CERTIFICATE", "HOSTS"]
    at = heading.index("CERTIFICATE")
    rows = takewhile(lambda line: line[at - 2 : at] == "  ", lines)
    return {line.split()[0]: line[at:].split()[0] for line in rows}


@pytest.mark.parametrize("case", sorted(UNKNOWN))
def test_a_line_that_can_not_be_known_is_told_with_its_number_and_the_rest_is_adopted(
    case: str, tmp_path: Path
) -> None:
    lines, number, reason = UNKNOWN[case]
    path = written(tmp_path / "tls", f"{MAKE_CA}{SIGN} m.json | cfssljson -bare m\n{lines}\n")
    said = kept(path, "adopt", "--from-script", str(path / "gen.sh"), code=4).stderr
    assert rows_of_table(said) == {"ca": "ca.pem", "m": "m.pem"}
    warned = said.partition("warning: ")[2].partition("note: ")[0]
    (told,) = [line for line in warned.splitlines() if line.startswith("  gen.sh:")]
    assert told.startswith(f"  gen.sh:{number}: `")
    assert reason in told


def test_a_folder_with_a_script_alone_leads_to_the_script(tmp_path: Path) -> None:
    path = scripted("plain", tmp_path / "tls")
    way = "tls-scaffold adopt --from-script gen.sh"
    (path / "renew.sh").write_text("cfssl sign -ca ca.pem m.csr | cfssljson -bare m\n")
    (path / "vpn.sh").write_text("# cfssl is not used: wg genkey >wg.key\n")
    refused = kept(path, "adopt", code=1).stderr
    assert f"`gen.sh` calls cfssl\n  `renew.sh` calls cfssl\n\nhint: `{way}`" in refused
    found = kept(path, "check", code=1)
    assert "error: gen.sh: it calls cfssl, and only a Makefile is looked at" in found.stdout
    assert f"fix: `{way}`" in found.stdout
    run_script(path)
    shutil.copy(path / "gen.sh", path / "gen $(id).sh")
    told = kept(path, "status").stderr
    assert "no Makefile was looked at: there is none" in told
    assert f"`gen.sh` calls cfssl: `{way}`" in told
    assert "`tls-scaffold adopt --from-script 'gen $(id).sh'` reads" in told

    for script in path.glob("*.sh"):
        script.unlink()
    (path / "certs").chmod(0o700)
    assert "nothing found, and no Makefile was looked at" in kept(path, "check").stderr
    shutil.rmtree(path / "config")
    shutil.rmtree(path / "certs")
    shutil.copy(SCRIPTS / "heredocs.sh", path / "gen.sh")
    for command in ("status", "check"):
        assert f"hint: `{way}`" in kept(path, command, code=1).stderr


DOCUMENT = Path(__file__).parents[1] / "docs/adopting-scripts.md"


def test_what_the_recorder_of_the_documentation_has_written_down_is_adopted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tls"
    (path / "recorder").mkdir(parents=True)
    text = DOCUMENT.read_text(encoding="utf-8")
    recorder = text.partition("```sh\n")[2].partition("```")[0]
    recording, adopting = re.findall("^[$] (.*)$", text.partition("```console\n")[2], re.MULTILINE)
    for name in ("cfssl", "cfssljson"):
        (path / "recorder" / name).write_text(recorder, encoding="utf-8")
        (path / "recorder" / name).chmod(0o755)
    shutil.copy(SCRIPTS / "unreadable.sh", path / "gen.sh")
    assert kept(path, "adopt", "--from-script", str(path / "gen.sh"), code=1).stderr.count(
        "gen.sh:"
    )
    (path / "gen.sh").chmod(0o755)
    done = run("sh", "-c", recording, cwd=path)
    assert done.returncode == 0, done.stderr
    before = certificates(path)
    assert {Path(file).stem for file in before} == {"ca", "a", "b", "c"}

    done = run("sh", "-c", adopting, cwd=path)
    assert done.returncode == 0, done.stderr
    assert rows_of_table(done.stderr).keys() == {"ca", "a", "b", "c"}
    kept(path, "sync")
    assert {line.split()[-1] for line in kept(path, "status").stdout.splitlines()[1:]} == {"valid"}
    for file in before:
        if Path(file).stem != "ca":
            (path / file).unlink()
    make(path, SIGNER="cfssl")
    again = certificates(path)
    assert {file: again[file] for file in before} == before


def test_json_tells_what_a_script_signs_and_what_was_not_followed(tmp_path: Path) -> None:
    lines = (f"{SIGN} m.json | cfssljson -bare {name}" for name in ("m", "$X"))
    script = "\n".join((MAKE_CA.strip(), *lines, "ls | scp x y"))
    path = written(tmp_path / "tls", script)
    words = ("--from-script", str(path / "gen.sh"), "--json")
    document = json.loads(kept(path, "adopt", *words, code=4).stdout)
    assert [(each["kind"], each["certificate"]) for each in document["taken"]] == [
        ("ca", "ca.pem"),
        ("member", "m.pem"),
    ]
    assert [each.partition(": ")[0] for each in document["unread"]] == ["gen.sh:3"]
    assert [each.partition(": ")[0] for each in document["left"]] == ["gen.sh:4"]
    assert document["written"] == [
        ".tls-scaffold/adopted.json",
        ".tls-scaffold/rendered.tsv",
        "tls-scaffold.json",
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("while true; do :; done", "gen.sh:1: the script does not come to an end"),
        ("f() { f; f; }\nf\n", "gen.sh:1: the script does not come to an end"),
        ("a=x\n" + "a=$a$a\n" * 99 + "echo $a | cfssl gencert - | cfssljson -bare x", "too long"),
        ("( " * 5000, "nested too deep"),
        ("$(" * 5000, "is missing"),
        ("$(" * 5000 + ")" * 5000, "gen.sh:1: commands are nested too deep"),
        ('"$(' * 500 + ')"' * 500, "gen.sh:1: commands are nested too deep"),
        ('${x:-"' * 500 + '"}' * 500, "gen.sh:1: commands are nested too deep"),
        (f"for i in {'{a,b,c,d,e}' * 12}; do {SIGN} m.json; done", "too many words"),
        (f"x={'$(' * 200}ls{')' * 200}\n{MAKE_CA}", "gen.sh:1: commands are nested too deep"),
        (f"""x={'"$(' * 400}ls{')"' * 400}""", "gen.sh:1: commands are nested too deep"),
        (f"f() {{\n{'if f; then ' * 50}:{'; fi' * 50}\n}}\nf", "gen.sh:2: commands are nested"),
        ("echo 'x", "gen.sh:1: `'` is missing"),
        ("cat <<EOF\n", "gen.sh:1: the here-document has no end `EOF`"),
        ("if true; then", "gen.sh:1: `fi` is missing"),
        (f"for i in {{1..{'9' * 5000}}}; do {SIGN} m.json; done", "too many words"),
        (f"shift {'9' * 5000}; {SIGN} m.json", "gen.sh:1: `shift 999999"),
        ("echo {1..99999999} | cfssl gencert - | cfssljson -bare x", "too many words"),
        ("echo $((9**9**9)) | cfssl gencert - | cfssljson -bare x", "is not followed"),
        ("echo $((1if 2else 3)) | cfssl gencert - | cfssljson -bare x", "is not followed"),
        ("\0\x1b[31m", r"gen.sh:1: `\x00\x1b[31m`: stays in the script"),
        (f"{MAKE_CA}{SIGN} m.json | cfssljson -bare ../x", "/x.pem` is not below the folder"),
        (f"cd /etc\n{MAKE_CA}", "`/etc/ca.pem` is not below the folder"),
        (f"{SIGN} m.json | cfssljson -bare x", "the script makes no CA"),
        (f"{MAKE_CA}echo '[]' | {SIGN} - | cfssljson -bare x", "it is none of cfssl"),
    ],
)
def test_no_script_does_harm_or_ends_in_a_traceback(
    script: str, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "tls", script)
    before = kept_contents(path)
    told = kept(path, "adopt", "--from-script", str(path / "gen.sh"), code=1).stderr
    assert message in told
    assert "SyntaxWarning" not in told
    assert kept_contents(path) == before


def test_nothing_of_a_script_is_run(tmp_path: Path) -> None:
    runs = "touch run1\nx=$(touch run2)\n`touch run3`\neval touch run4\n"
    script = f"{runs}{MAKE_CA}{SIGN} m.json | cfssljson -bare m\n"
    path = written(tmp_path / "tls", script)
    kept(path, "adopt", "--from-script", str(path / "gen.sh"))
    assert not list(path.glob("run*"))
    (path / "Makefile").write_text("all:\n")
    (path / "tls-scaffold.json").unlink()
    assert "has a `Makefile`" in kept(path, "adopt", "--from-script", "x", code=1).stderr

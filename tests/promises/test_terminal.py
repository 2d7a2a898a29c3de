"""What others wrote never steers a terminal.

No control character of a file, a name or an answer comes out.
"""

import hashlib
import json
import os
import pty
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import certs
from conftest import Factory
from pictures import parsed
from support import BIN, SMALL, environment, make, run
from tls_scaffold.cli import cli
from tls_scaffold.spelling import INVISIBLE

STEERING = "\x1b[31m\x1b]0;pwn\x07\x08\x7f\x9b2J\u202egpj\u2028\u200b\ufeff"
"""What terminals act on.

Red, a title, a bell, a step back, C1's clear screen, a text turned around.
"""
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("status", "--prometheus", "-"),
    ("status", "--svg", "-"),
    ("check",),
    ("check", "--json"),
    ("check", "--sarif"),
    ("sync", "--check"),
    ("rbac",),
    ("rbac", "--diff"),
    ("prove",),
    ("bundle",),
    ("add", "--user", f"a{STEERING}"),
    ("add", "--user", f"a{STEERING}={STEERING}", "--grant", f"a={STEERING}"),
    ("remove", f"a{STEERING}"),
    ("sync", "--reset", f"a{STEERING}"),
    ("sign",),
    ("sign", f"a{STEERING}"),
    ("check", "--explain", f"a{STEERING}"),
    ("cfssl", f"gen{STEERING}"),
    ("cfssl", "gencert", f"-ca={STEERING}", f"-ca-key={STEERING}", f"config/{STEERING}.json"),
    ("cfssljson", f"-f={STEERING}", f"b{STEERING}"),
    ("new", f"t{STEERING}", "--members", f"h{STEERING}"),
    ("new", f"t{STEERING}", "--from", f"f{STEERING}"),
    ("new", f"t{STEERING}", "--members", "h", "--dry-run"),
    ("adopt",),
    ("add", "--user", "zoe"),
    ("sync",),
)


def steering(text: str) -> list[str]:
    """Return the characters of a text that can't be seen, other than line ends and tabs."""
    return [each for each in text if unicodedata.category(each) in INVISIBLE and each not in "\n\t"]


def in_the_inventory(folder: Path) -> None:
    data: dict[str, Any] = json.loads((folder / "tls-scaffold.json").read_text())
    data |= {
        "organization": STEERING,
        "key": STEERING,
        "expiry": STEERING,
        STEERING: 1,
        "ignore": {STEERING: STEERING},
    }
    data["users"] += [
        {"name": STEERING, "cn": STEERING, "role": STEERING, "permissions": [{STEERING: STEERING}]}
    ]
    (folder / "tls-scaffold.json").write_text(json.dumps(data))


def in_requests(folder: Path) -> None:
    user = {
        "CN": STEERING,
        STEERING: 1,
        "hosts": [STEERING],
        "names": [{STEERING: STEERING}],
        "key": {"algo": STEERING},
    }
    (folder / "config/req-calico.json").write_text(json.dumps(user))
    (folder / "config/req-csr.json").write_text(f'{{"CN": "{STEERING}')
    config = {
        "signing": {
            "default": {"usages": [STEERING], "expiry": STEERING},
            "profiles": {STEERING: {STEERING: 1}},
        }
    }
    (folder / "config/ca-config.json").write_text(json.dumps(config))


def in_the_makefile(folder: Path) -> None:
    with (folder / "Makefile").open("a") as file:
        file.write(
            f"\nreq: odd\nodd:\n\tcfssl gencert -ca {STEERING} '{STEERING}' "
            f"| cfssljson -bare 'certs/{STEERING}'\n"
        )
        file.write(f"req-x certs/x.pem: config/req-calico.json ; $(sign) {STEERING}\n")


def in_a_broken_makefile(folder: Path) -> None:
    (folder / "Makefile").write_text(f"{STEERING}\n$(error {STEERING})\n")


def in_file_names(folder: Path) -> None:
    for name in (STEERING, "\udcff\udc9b", "\r\n\x1b"):
        (folder / f"config/req-{name}.json").write_text("{}")
        (folder / f"certs/{name}.pem").write_bytes((folder / "certs/calico.pem").read_bytes())
        (folder / f"certs/{name}-key.pem").write_text("no key")
        (folder / f"certs/{name}.crl").write_text("-----BEGIN X509 CRL-----")


def in_a_certificate(folder: Path) -> None:
    certs.ca(folder)
    certs.leaf(folder, "calico", cn=STEERING)
    certs.leaf(folder, "orphan", cn=f"a\r\n{STEERING}")


def in_a_set(folder: Path) -> None:
    (folder / f"certs/.new/new/certs/{STEERING}").mkdir(parents=True)
    (folder / f"certs/.new/new/{STEERING}.pem").write_text(STEERING)
    (folder / "certs/.new/ca-key.pem").write_text(STEERING)
    (folder / "certs/.new/of").write_text(f"{STEERING}\nsecond line")


def in_the_set_of_today_s_ca(folder: Path) -> None:
    in_a_set(folder)
    (folder / "certs/.new/of").write_text(
        hashlib.sha256((folder / "certs/ca-key.pem").read_bytes()).hexdigest()
    )


def in_issued(folder: Path) -> None:
    (folder / f"issued/calico-{STEERING}.pem").write_text(STEERING)
    without_its_ca(folder)


def without_its_ca(folder: Path) -> None:
    certs.ca(folder)
    certs.leaf(folder, "calico", cn=STEERING)
    (folder / "certs/calico.pem").rename(folder / "issued/ca-0123456789.pem")
    for name in ("ca.pem", "ca-key.pem"):
        (folder / f"certs/{name}").unlink()


def in_the_record(folder: Path) -> None:
    request = json.dumps({"CN": STEERING, "key": {}})
    with (folder / ".tls-scaffold/rendered.tsv").open("a") as file:
        file.write(f"../{STEERING}.json\t{request}\nconfig/{STEERING}.json\t{request}\n")
        file.write(f"req-{STEERING}\tcerts/{STEERING}.pem: x.json ; {STEERING}\n")
    (folder / "README.md").write_text(STEERING)
    (folder / "rbac.sh").write_text(f"printf 'error: {STEERING}' >&2; exit 1\n")
    (folder / "rbac.tsv").write_text(f"user\t{STEERING}\n")


def in_the_journal(folder: Path) -> None:
    step = {"path": f"config/{STEERING}", "before": None, "after": STEERING}
    note = {"verb": STEERING, "path": STEERING}
    plan = {
        "shelf": STEERING,
        "steps": [step],
        "moves": [STEERING],
        "notes": [note],
        "ca": STEERING,
    }
    entry = {"command": ["add"], "plan": {**plan, "forgotten": [STEERING]}}
    (folder / ".tls-scaffold/pending.json").write_text(json.dumps(entry))


def in_place_of_an_inventory(folder: Path) -> None:
    in_the_makefile(folder)
    (folder / "tls-scaffold.json").unlink()


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize(
    "spoil",
    [
        in_the_inventory,
        in_requests,
        in_the_makefile,
        in_a_broken_makefile,
        pytest.param(in_file_names, marks=pytest.mark.long),
        in_a_certificate,
        # Of make, which reads them too, there is a test below.
        pytest.param(in_a_set, marks=pytest.mark.long),
        pytest.param(in_the_set_of_today_s_ca, marks=pytest.mark.long),
        in_issued,
        in_the_record,
        pytest.param(in_the_journal, marks=pytest.mark.long),
        pytest.param(in_place_of_an_inventory, marks=pytest.mark.long),
    ],
)
def test_no_command_prints_what_steers_a_terminal(
    signed: Factory, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = signed(*SMALL)
    spoil(folder)
    monkeypatch.setattr("tls_scaffold.disk.folder.locking.WAIT", 0)

    for words in COMMANDS:
        done = CliRunner().invoke(cli, ["-C", str(folder), *words], input="")
        assert isinstance(done.exception, SystemExit | None), (words, done.exc_info)
        said = (done.stdout_bytes + done.stderr_bytes).decode(errors="surrogateescape")
        assert steering(said) == [], (words, said)


@pytest.mark.parametrize(
    "words",
    [
        (f"verb{STEERING}",),
        ("status", f"--option{STEERING}"),
        ("status", STEERING),
        ("-C", f"Makefile{STEERING}", "status"),
        ("new", "t", "--members", "h", "--proxies", STEERING),
        ("sign", "--jobs", STEERING),
        ("status", "--within", STEERING),
        ("new", "t", "--from", "\udcff\udc9b"),
        ("check", "--json", "--sarif", STEERING),
    ],
)
def test_a_wrong_command_line_is_quoted_without_what_steers_a_terminal(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / f"Makefile{STEERING}").write_text("")

    done = subprocess.run(
        [str(BIN / "tls-scaffold"), *words],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )

    said = (done.stdout + done.stderr).decode(errors="surrogateescape")
    assert (done.returncode in (1, 2), steering(said)) == (True, [])


@pytest.mark.parametrize("variable", ["KEY", "MEMBERS", "PROXIES", "EXPIRY", "FROM"])
def test_a_variable_is_quoted_without_what_steers_a_terminal(tmp_path: Path, variable: str) -> None:
    variables = environment(**{"TLS_SCAFFOLD_MEMBERS": "h", f"TLS_SCAFFOLD_{variable}": STEERING})
    words = (str(BIN / "tls-scaffold"), "new", "t")

    done = subprocess.run(
        words, cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8", check=False
    )

    assert (done.returncode in (1, 2), steering(done.stdout + done.stderr)) == (True, [])


def test_programs_get_the_same_words_by_escapes_of_their_own(signed: Factory) -> None:
    folder = signed(*SMALL)
    certs.ca(folder)
    cn = f'a"\\\n\t{STEERING}\U000e0041ü'
    certs.leaf(folder, "calico", cn=cn)

    def status(*words: str) -> str:
        return CliRunner().invoke(cli, ["-C", str(folder), "status", *words]).stdout

    calico = next(
        each for each in json.loads(status("--json"))["components"] if each["name"] == "calico"
    )
    assert calico["cn"] == cn
    metrics = status("--prometheus", "-")
    assert r"a\"\\\n\\t\\x1b[31m" in metrics
    assert {
        line.count('"') - line.count(r"\"") for line in metrics.splitlines() if "calico" in line
    } <= {8, 10}
    assert parsed(status("--svg", "-"))


def test_a_diff_is_exact_in_a_pipe_and_harmless_on_a_terminal(folder: Factory) -> None:
    path = folder(*SMALL)
    with (path / "Makefile").open("a") as file:
        file.write(f"# {STEERING}\r\n")
    words = [str(BIN / "tls-scaffold"), "-C", str(path), "sync", "--reset", "Makefile", "--dry-run"]

    piped = subprocess.run(
        words, env=environment(), capture_output=True, check=True
    ).stdout.decode()
    shown = on_a_terminal(words)

    assert f"-# {STEERING}\r\n" in piped
    assert r"-# \x1b[31m\x1b]0;pwn\x07\x08\x7f\x9b2J\u202egpj\u2028\u200b\ufeff\r" in shown
    assert steering(shown.replace("\r\n", "\n")) == []


def on_a_terminal(words: list[str]) -> str:
    """Run a program on a terminal of its own, and return what it printed there."""
    ours, its = pty.openpty()
    process = subprocess.Popen(words, env=environment(), stdin=its, stdout=its, stderr=its)
    os.close(its)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # Linux: the other end is closed
        pass
    process.wait()
    os.close(ours)
    return text.decode()


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold", "cfssl\x1b[31m"])
@pytest.mark.parametrize("spoil", [in_requests, in_a_set, in_the_set_of_today_s_ca, without_its_ca])
def test_make_prints_no_word_of_a_file_or_a_variable_that_steers_a_terminal(
    signed: Factory, spoil: Callable[[Path], None], signer: str
) -> None:
    path = signed(*SMALL)
    with (path / "COMPONENTS.md").open("a") as file:
        file.write(f"| calico | {STEERING} |\n")
    spoil(path)

    for goal in ("all", "req-calico"):
        done = run("make", goal, cwd=path, SIGNER=signer)

        assert steering(done.stdout + done.stderr) == [], (goal, done.stdout, done.stderr)


def test_make_prints_no_word_of_the_components_that_steers_a_terminal(
    signed: Factory, either_signer: str
) -> None:
    path = signed(*SMALL)
    with (path / "COMPONENTS.md").open("a") as file:
        file.write(f"| calico | {STEERING} |\n")

    assert steering(make(path, "req-calico").stdout) == [], either_signer


@pytest.mark.needs("cookiecutter")
def test_plain_cookiecutter_quotes_answers_without_what_steers_a_terminal(tmp_path: Path) -> None:
    template = Path(__file__).parents[2]
    answers = (f"members={STEERING}", f"users=a{STEERING}=b", "proxies=1")

    done = run(
        *(
            "cookiecutter",
            "--no-input",
            str(template),
            "--directory",
            "cookiecutter-template",
            *answers,
        ),
        cwd=tmp_path,
    )

    said = "".join(
        line for line in done.stderr.splitlines(keepends=True) if "hook" not in line.lower()
    )
    assert (done.returncode, steering(said)) == (1, [])

"""What the shell of a folder and Python both know: one test a thing holds them to one answer.

The lock, healing and a second CA have theirs in test_locking, what is in a file's way in
test_obstacles, the record and what is signed in test_record, the order in which a pair is put in
place in promises/test_crashes.
"""

import json
import os
import re
from pathlib import Path

import pytest

from conftest import Factory
from support import BIN, SMALL, contents, make, run
from tls_scaffold.disk import folder as disk
from tls_scaffold.inventory.reach import SHELF
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.signing.keyencryption import CHANGE
from tls_scaffold.spelling import RENEW_DAYS

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")

LINES = (
    "req-a certs/a.pem: config/a.json ; $(sign) -profile client $<",
    "req-b certs/b.pem: config/b.json ; $(sign) $<",
    "req-c   certs/c.pem  :  config/c.json;$(sign)   -profile peer   $<",
    "req-d sub/dir/d.pem: config/d.json ; $(sign) -label x -profile client $<  ",
    "req-e e.pem: config/e.json | ca ; $(sign) -profile client $<",
    "req-f certs/f.pem: config/f.json other.json ; $(sign) -profile client $<",
    "req-g certs/g.pem:config/g.json ; $(sign) -profile client $<",
    "req-h.example.com certs/h.pem.pem: config/h.json ; $(sign) -profile client $<",
    "req-i\tcerts/i.pem\t:\tconfig/i.json\t;\t$(sign)\t-profile client\t$<\t",
    "req-j certs/j.pem: config/j.json ; $(sign) -profile client $< # the app",
)
# Of these, name and output alone are read alike: they say no request, or have other recipes.
ODD_LINES = (
    "req-i certs/i.pem: config/i.json",
    "req-j   sub/j.pem   :config/j.json;x",
    "req-k certs/k.pem:",
    "req-m certs/m.pem:: x ; y : z",
)
NO_COMPONENTS = (
    "req-e:certs/e.pem",
    "req-f certs/f.pem more.pem: x",
    "req-h",
    "req: req-l certs/l.pem: x",
    " req-a certs/a.pem: config/a.json ; $(sign) $<",
    "\treq-a certs/a.pem: config/a.json ; $(sign) $<",
    "#req-a certs/a.pem: config/a.json ; $(sign) $<",
    "req-a: config/a.json ; $(sign) $<",
    "req-a certs/a.key: config/a.json ; $(sign) $<",
    "req: certs/a.pem",
    "req-a x certs/a.pem: config/a.json ; $(sign) $<",
    "xreq-a certs/a.pem: config/a.json ; $(sign) $<",
    "req-a : certs/a.pem: config/a.json",
)


def of_shell(folder: Path) -> list[tuple[str, ...]]:
    done = run("sh", "sign.sh", "components", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [tuple(re.split(" +", line.rstrip())) for line in done.stdout.splitlines()]


def of_python(text: str) -> list[tuple[str, ...]]:
    return [
        (line.name, line.output, line.request, *(line.flags or ()))
        for line in component_lines(text)
    ]


def test_a_component_s_line_is_read_alike(folder: Factory) -> None:
    path = folder(*SMALL)
    text = "\n".join([*LINES, *NO_COMPONENTS, LINES[0].replace("req-a", "req-last")])
    (path / "Makefile").write_text(text)

    assert of_shell(path) == of_python(text)
    assert len(of_python(text)) == len(LINES) + 1


def test_what_is_odd_is_a_component_to_both_or_to_none(folder: Factory) -> None:
    path = folder(*SMALL)
    text = "\n".join([*ODD_LINES, *NO_COMPONENTS])
    (path / "Makefile").write_text(text)

    assert [line[:2] for line in of_shell(path)] == [line[:2] for line in of_python(text)]
    assert len(of_python(text)) == len(ODD_LINES)


def test_of_every_rendered_folder_the_lines_are_read_alike(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--proxies", "1", "--users", "calico,a.b,c_d")

    assert of_shell(path) == of_python((path / "Makefile").read_text())
    assert [name for name, *_ in of_shell(path)] == [
        "etcd1",
        "etcd2",
        "proxy1",
        "calico",
        "a.b",
        "c_d",
    ]


def test_a_shelf_of_the_archive_has_one_form(signed: Factory) -> None:
    path = signed(*SMALL)
    make(path, "clean")
    [made] = (path / "archive").glob("2*")
    assert SHELF.fullmatch(f"archive/{made.name}")

    ours = disk.make_shelf(path)

    assert SHELF.fullmatch(f"archive/{ours.name}")
    assert ours.stat().st_mode == made.stat().st_mode


def test_a_taken_shelf_is_followed_alike(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/date").write_text("#!/bin/sh\necho 20300101T000000Z\n")
    (tmp_path / "bin/date").chmod(0o755)
    for taken in ("20300101T000000Z", "20300101T000000Zx"):
        (path / "archive" / taken).mkdir(parents=True)

    make(path, "clean", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")

    assert (path / "archive/20300101T000000Zxx/certs/ca.pem").is_file()


def test_both_look_as_many_days_ahead(folder: Factory) -> None:
    assert f"\nRENEW_DAYS ?= {RENEW_DAYS}\n" in (folder() / "tls-scaffold.mk").read_text()


def with_line(path: Path, line: str) -> None:
    with (path / "Makefile").open("a") as file:
        file.write(f"{line}\n")


@pytest.mark.parametrize(
    "output",
    [
        *(f"{place}/x" for place in ("archive", "config", "data", "dist", "issued")),
        *("ca", "sub/ca", "certs/ca", "certs/trust", "certs/x-key", "../x", "sub/../x"),
        *("certs/CA", "certs/x-Key", "Archive/x"),
        *("awaiting/x", "certs/.work.abcdef/x", "certs/.new/x", "certs/.x", ".private/x"),
        *(".tls-scaffold/x", ".git/x", "sub/.hidden/x"),
    ],
)
def test_both_signers_refuse_the_same_places(folder: Factory, output: str) -> None:
    path = folder(*SMALL)
    make(path, "ca")
    with_line(path, f"req-x {output}.pem: config/req-calico.json ; $(sign) -profile client $<")
    before = contents(path)

    for signer in ("cfssl", "tls-scaffold"):
        done = run("make", f"SIGNER={signer}", "req-x", cwd=path)
        assert done.returncode == 2
        assert output in done.stderr
        assert contents(path) == before


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_csr_gives_way_to_a_new_ca_s_and_a_folder_in_its_place_does_not(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    (path / "certs").mkdir(mode=0o700)
    (path / "certs/ca.csr").touch()
    make(path, SIGNER=signer)
    (path / "certs/ca.csr").unlink()
    (path / "certs/ca.csr").mkdir()
    before = contents(path)

    for words in ([], ["regenerate", "YES=1"]):
        done = run("make", f"SIGNER={signer}", *words, cwd=path)
        assert done.returncode == 2
        assert "certs/ca.csr` should be a file" in done.stderr
    assert contents(path) == before


@pytest.mark.parametrize("output", ["awaiting/x", "certs/.new/x", ".private/x", "certs/x-key"])
def test_a_line_with_a_place_of_others_is_told_before_anything_is_signed(
    folder: Factory, output: str
) -> None:
    path = folder(*SMALL)
    make(path, "ca")
    with_line(path, f"req-x {output}.pem: config/req-calico.json ; $(sign) -profile client $<")

    check = run(str(BIN / "tls-scaffold"), "check", cwd=path)
    status = run(str(BIN / "tls-scaffold"), "status", cwd=path)

    assert check.returncode == status.returncode == 1
    assert f"`{output}.pem`: " in check.stdout
    assert "next: tls-scaffold check\n" in status.stderr


@pytest.mark.parametrize(
    "flag",
    [
        *("-config config/ca-config.json2", "--config=x", "-ca a/ca.pem"),
        *("-ca certs/ca.pem", "--ca-key=certs/ca-key.pem", "-config config/ca-config.json"),
    ],
)
@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_line_with_the_folder_s_own_ca_names_no_other(
    folder: Factory, signer: str, flag: str
) -> None:
    path = folder(*SMALL)
    make(path, "ca")
    text = (path / "Makefile").read_text()
    (path / "Makefile").write_text(text.replace("-profile client", f"-profile client {flag}"))
    before = contents(path)

    done = run("make", f"SIGNER={signer}", "req-calico", cwd=path)

    assert done.returncode == 2
    assert "calico" in done.stderr
    assert contents(path) == before
    check = run(str(BIN / "tls-scaffold"), "check", cwd=path)
    assert check.returncode == 1
    assert "has no place in it: `$(sign)` takes the folder's own" in " ".join(check.stdout.split())


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_line_is_signed_from_its_own_request_alone(folder: Factory, signer: str) -> None:
    path = folder(*SMALL)
    make(path, "ca")
    text = (path / "Makefile").read_text()
    other = text.replace("-profile client", "-profile client config/req-csr.json")
    (path / "Makefile").write_text(other)
    before = contents(path)

    done = run("make", f"SIGNER={signer}", "req-calico", cwd=path)

    assert done.returncode == 2
    assert "config/req-csr.json" in done.stderr or "two requests" in done.stderr
    assert contents(path) == before
    check = run(str(BIN / "tls-scaffold"), "check", cwd=path)
    assert check.returncode == 1
    assert "config/req-csr.json config/req-calico.json [not-understood]" in check.stdout


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_the_command_shown_and_who_reloads_are_those_of_the_certificate(
    folder: Factory, signer: str
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "a.b,axb,root")
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    inventory["users"][0]["output"] = "elsewhere/root"
    (path / "tls-scaffold.json").write_text(json.dumps(inventory))
    run(str(BIN / "tls-scaffold"), "sync", cwd=path)

    done = make(path, SIGNER=signer)

    lines = done.stdout.splitlines()
    assert sum(line.endswith("-bare elsewhere/root") for line in lines) == 1
    at_start = "  its client reads it when it starts: restart the client"
    for name in ("elsewhere/root", "certs/axb"):
        at = lines.index(f"signed {name}.pem")
        assert lines[at + 1] == at_start
        assert lines[at + 2 : at + 3] != [at_start]


def test_how_a_password_is_changed_is_told_in_one_sentence() -> None:
    part = Path(__file__).parents[1] / "cookiecutter-template/custody/encrypted.sh"
    script = part.read_text().replace("\\\n", "").replace("\\`", "`")
    assert f'"{CHANGE}"' in script

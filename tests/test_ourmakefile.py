"""Our own Makefile, read without make; and what make has to be asked about."""

import shutil
from pathlib import Path

import pytest

from conftest import Factory
from tls_scaffold.makefiles.askedmake import survey_goal
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.makefile import survey_makefile
from tls_scaffold.makefiles.ourmakefile import signings_if_ours_alone

RULES = (
    Path(__file__).parents[1] / "cookiecutter-template/{{cookiecutter.directory}}/tls-scaffold.mk"
)
A, B = (f"req-{name} certs/{name}.pem: config/{name}.json ; $(sign) $<" for name in "ab")
TEXT = (
    f"# ours\n#CFSSL = x\nSIGNER = cfssl\n\nall: ca req\ninclude tls-scaffold.mk\n{A}\n{B}\nreq:\n"
)


@pytest.mark.needs("make")
@pytest.mark.parametrize("users", ["a", "calico,root"])
def test_make_says_the_same_of_a_folder_of_ours_as_its_text(folder: Factory, users: str) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--proxies", "1", "--users", users)
    assert survey_makefile(path) == survey_goal(path, "req")


def test_a_folder_of_ours_is_read_where_there_is_no_make(
    folder: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("MAKE_PROGRAM", raising=False)
    assert [each.name for each in survey_makefile(path).signings] == ["etcd1", "calico"]


def test_component_lines_are_signings() -> None:
    assert signings_if_ours_alone(TEXT) == tuple(
        Signing(name, f"req-{name}", f"config/{name}.json", f"certs/{name}") for name in "ab"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("include tls-scaffold.mk", "include other.mk"),
        ("include tls-scaffold.mk\n", ""),
        ("all: ca req", "all: ca req more"),
        ("req:\n", "req:\n\techo done\n"),
        ("req:\n", "req: x\n"),
        ("req:\n", "req:\nx:\n\techo x\n"),
        ("# ours\n", "# ours \\\n"),
        ("SIGNER = cfssl", "SIGNER = $(shell date)"),
        ("SIGNER = cfssl", "sign = cfssl"),
        ("SIGNER = cfssl", "ifdef X"),
        ("# ours", "$(info x)"),
        (f"{A}\n", f"{A}\n\techo a\n"),
        (f"{A}\n", f"{A} \\\n\n"),
        (f"{A}\n", f"{A}\r\n"),
        (A, A.replace("$(sign)", "./sign")),
        (A, A.replace("$(sign)", "$(sign) -cn $(CN)")),
        (A, A.replace("$(sign)", "$(sign) -cn 'a b'")),
        (A, A.replace("$(sign)", "$(sign) -initca")),
        (A, A.replace("config/a.json", "$(REQUEST)")),
        (A, A.replace("config/a.json", "")),
        (A, A.replace("certs/a", "certs/%")),
        (A, A.replace("certs/a", "certs/b")),
        (A, A.replace("certs/a", "certs/./b")),
        (A, A.replace("req-a", "req-b")),
    ],
)
def test_make_is_asked_about_any_other_line(old: str, new: str) -> None:
    assert old in TEXT
    assert signings_if_ours_alone(TEXT.replace(old, new, 1)) is None

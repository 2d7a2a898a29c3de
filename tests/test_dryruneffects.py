"""What make runs even in a dry run: found in the texts, called, or kept from writing."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from keeping import foreign, kept
from support import contents, make, run, tls_scaffold, wait_for
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import gnumake, landlock
from tls_scaffold.makefiles.askedmake import survey_goal
from tls_scaffold.makefiles.dryruneffects import dry_run_effects
from tls_scaffold.makefiles.gnumake import RunsAnywayError
from tls_scaffold.makefiles.makefile import survey_makefile
from tls_scaffold.makefiles.makevalues import Values

pytestmark = pytest.mark.needs("make")
needs_landlock = pytest.mark.skipif(
    landlock.abi_version() < landlock.WHOLE, reason="this kernel has no Landlock that is whole"
)
SIGN = "cfssl gencert -initca csr.json | cfssljson -bare ca"
WOULD_RUN = "make would run what signs or changes files although it is only asked"
SUB = f"all:\n\tcd .. && {SIGN}\n"


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what make runs to the other guards, as where the kernel has no Landlock."""
    monkeypatch.setattr(landlock, "abi_version", lambda: 0)


def run_unsealed(folder: Path, command: str) -> "subprocess.Popen[str]":
    """Start a command of ours in a process of its own, as where the kernel has no Landlock."""
    program = (
        "import sys; from tls_scaffold.makefiles import gnumake, landlock; landlock.abi_version = "
        "lambda: 0; "
        "from tls_scaffold.cli import main; main()"
    )
    words = [sys.executable, "-c", program, "-C", str(folder), command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    """Return a folder with this Makefile, a file for its CA, and what the Makefile may name."""
    (folder / "sub").mkdir(parents=True)
    files = {
        "Makefile": text if "req:" in text else f"{text}\nreq:\n\ttrue\n",
        "ca.pem": "the CA",
        "csr.json": '{"CN": "x", "key": {"algo": "ecdsa", "size": 256}}',
        "sub/Makefile": "all:\n\ttrue\n",
        "sub/signs.mk": f"X := $(shell {SIGN})\n",
        "calls.mk": f"all: ; {SIGN}\n",
        "plus.mk": "P = +\n",
        "there.mk": "",
        "sign.sh": f'#!/bin/sh\n[ "$*" = changed ] || {SIGN}\n',
        "helper.sh": f"#!/bin/sh\n{SIGN}\n",
    }
    for path, content in files.items():
        (folder / path).write_text(content, encoding="utf-8")
        (folder / path).chmod(0o755 if path.endswith(".sh") else 0o644)
    return folder


@pytest.fixture
def unchanged(tmp_path: Path) -> Iterator[Path]:
    """Give the place of a folder in which nothing may have changed at the end."""
    folder = tmp_path / "asked"
    yield folder
    assert (folder / "ca.pem").read_text() == "the CA"
    assert not (folder / "ca-key.pem").exists()
    assert not (folder / "made").exists()


SIGNING = [
    f"X := $(shell {SIGN})",
    f"X = ${{shell {SIGN}}}",
    f"   X := $(shell {SIGN})",
    f"$(shell {SIGN})x: ; true",
    f"x: $(shell {SIGN})",
    f"ifeq ($(shell {SIGN}),)\nendif",
    f"x:\n\techo $(shell {SIGN})",
    f"x:\n\t# $(shell {SIGN})",
    f"define x\n$(shell {SIGN})\nendef",
    f"X != {SIGN}",
    "X != cfssl \\\n  gencert -initca csr.json | cfssljson -bare ca",
    f"$(call shell,{SIGN})",
    f"S = shell\nX := $(call $(S),{SIGN})",
    f"$(eval X := $$(shell {SIGN}))",
    f"define x\n$(1): ; $$(shell {SIGN})\nendef\n$(eval $(call x,y))",
    f".SECONDEXPANSION:\nx: $$(shell {SIGN})",
    "X := $(shell /usr/bin/cfssl gencert -initca csr.json | /usr/bin/cfssljson -bare ca)",
    "X := $(shell $(HOME)/go/bin/cfssl gencert -initca csr.json | cat)",
    "C = cf\nD = ssl\nX := $(shell $(C)$(D) gencert -initca csr.json)",
    "A = C\nC = cfssl\nX := $(shell $($(A)) gencert -initca csr.json)",
    f"X := $(shell sh -c '{SIGN}')",
    f"X := $(shell true; for i in a; do {SIGN}; done)",
    "X := $(shell X=1 env cfssljson -f x.json -bare ca)",
    f"req:\n\t+{SIGN}",
    f"req:\n\t@- +@{SIGN}",
    f"req: ; +{SIGN}",
    f"req:: ; +{SIGN}",
    f"req:\n\t+true; \\\n\t{SIGN}",
    f"req:\n\ttrue; $(MAKE) -v; {SIGN}",
    f"req:\n\t$(MAKE) -v && {SIGN}",
    f"P = +\nreq:\n\t$(P)@{SIGN}",
    f"P = @+\nreq:\n\t$P {SIGN}",
    f"Q = +\nP = $(Q)\nreq: ; @${{P}}{SIGN}",
    f"req: P = +\nreq:\n\t$(P){SIGN}",
    f"override export P := +\nreq:\n\t$(P){SIGN}",
    f"define P\n+\nendef\nreq:\n\t$(P){SIGN}",
    f"$(eval P = +)\nreq:\n\t$(P){SIGN}",
    f"ifdef HOME\n  P = +\nelse\n  P =\nendif\nreq:\n\t$(P){SIGN}",
    f"\tP = +\nreq:\n\t$(P){SIGN}",
    f"P = +\nreq:\n\t$(strip $(P)){SIGN}",
    f"req:\n\t$(if x,+){SIGN}",
    f"P = $(subst a,+,a)\nreq:\n\t$(P){SIGN}",
    f"f = $(1)\nreq:\n\t$(call f,+){SIGN}",
    f"req:\n\t$(P){SIGN}\nP = +",
    f"include plus.mk\nreq:\n\t$(P){SIGN}",
    f".RECIPEPREFIX = >\nreq:\n>+{SIGN}",
    f"define x\n+{SIGN}\nendef\nreq:\n\t$(x)",
    "define x\n+cfssl gencert -initca $(1)\nendef\nreq:\n\t$(call x,csr.json)",
    f"define x\nreq:\n\t+{SIGN}\nendef\n$(eval $(x))",
    f".ONESHELL:\nreq:\n\t+true\n\t{SIGN}",
    f".ONESHELL:\nreq:\n\ttrue\n\t$(MAKE) -v\n\t{SIGN}",
    f".SHELLFLAGS = -c '{SIGN}'\nX := $(shell x)",
    "SHELL = cfssl\nX := $(shell x)",
    f"MAKE = {SIGN};\nreq:\n\t$(MAKE)",
    (
        "X := $(shell openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem "
        "-subj /CN=x)"
    ),
    "X := $(shell openssl genrsa 2048)",
    "X := $(shell openssl ecparam -name prime256v1 -genkey)",
    "X := $(shell openssl x509 -req -in x -CA ca.pem)",
    "O = x\nO = openssl\nX := $(shell $(O) genpkey -algorithm rsa)",
    "X := $(shell cfssl selfsign x csr.json)",
    "X := $(shell $(TOOL) gencert -initca csr.json)",
    "X := $(shell tls-scaffold sign)",
    "X := $(shell tls-scaffold cfssl gencert -initca csr.json | tls-scaffold cfssljson -bare ca)",
    "X := $(shell sh sign.sh ca)",
    "X := $(shell ./sign.sh)",
    "X := $(shell sh sign.sh changed ca.pem csr.json)",
    "X := $(shell sh sign.sh changed; sh sign.sh ca)",
    "X := $(shell sh sign.sh changedx)",
    "X := $(shell sh sign.sh heal)",
]
CALLING_MAKES = [
    "X := $(shell make -f calls.mk)",
    "X := $(shell $(MAKE) -f calls.mk)",
]
CHANGING = [
    *(
        f"X := $(shell {command})"
        for command in (
            "rm -f ca.pem",
            "mv ca.pem made",
            "cp csr.json ca.pem",
            "echo x >ca.pem",
            "echo x >> ca.pem",
            "echo x >| ca.pem",
            "echo x > ca.pem 2>&1",
            "cat x 2>made",
            "echo x | tee ca.pem",
            "sed -i s/C/c/ ca.pem",
            "ln -sf x ca.pem",
            "echo ca.pem | xargs rm",
            "echo `rm ca.pem`",
            "(true && /bin/rm ca.pem)",
            "find . -name ca.pem -delete",
            "find . -name ca.pem -exec rm {} +",
            "if true; then truncate -s 0 ca.pem; fi",
            "chmod 644 ca.pem",
            "openssl x509 -in x -out ca.pem",
            "openssl rsa -in x -out made",
            "echo x | tee made /dev/null",
        )
    ),
    "$(file >ca.pem,x)",
    "$(file >>ca.pem,x)",
    "Q = >\n$(file $(Q)ca.pem,x)",
    "$(call file,>ca.pem,x)",
    "req:\n\t$(file > ca.pem,x)",
    "req:\n\t+touch made",
    "load ./x.so",
    '$(guile (system "touch made"))',
]


@needs_landlock
@pytest.mark.parametrize("text", SIGNING)
def test_what_would_sign_is_told_by_its_place_before_make_is_asked(
    unchanged: Path, text: str
) -> None:
    with pytest.raises(RunsAnywayError) as caught:
        survey_goal(written(unchanged, text), "req")
    assert caught.value.summary == WOULD_RUN
    assert str(caught.value.problems[0]).startswith("Makefile:")


@needs_landlock
def test_what_would_sign_is_told_however_far_down_it_stands(unchanged: Path) -> None:
    written(unchanged, f"{'# of ten thousand users' * 80_000}\nX := $(shell {SIGN})")

    with pytest.raises(RunsAnywayError) as caught:
        survey_makefile(unchanged)
    assert [problem.partition(": ")[0] for problem in map(str, caught.value.problems)] == [
        "Makefile:2"
    ]


def test_a_word_beside_a_make_may_be_longer_than_a_file_s_name(unchanged: Path) -> None:
    hosts = ",".join(f"10.0.0.{number}" for number in range(200))
    written(unchanged, f"req:\n\t$(MAKE) -C sub HOSTS={hosts} all")
    (unchanged / "sub/Makefile").write_text(f"all: ; {SIGN}\n")

    assert [signing.output for signing in survey_goal(unchanged, "req").signings] == ["sub/ca"]


@pytest.mark.usefixtures("unsealed")
def test_make_is_asked_where_there_is_no_temporary_directory(
    unchanged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    written(unchanged, f"req:\n\t{SIGN}")
    monkeypatch.setattr("tempfile.gettempdir", none)

    assert [signing.output for signing in survey_goal(unchanged, "req").signings] == ["ca"]


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize("text", CALLING_MAKES)
def test_a_make_that_is_not_asked_finds_no_program_that_signs(unchanged: Path, text: str) -> None:
    with pytest.raises(RunsAnywayError, match="nothing was signed"):
        survey_goal(written(unchanged, text), "req")


@needs_landlock
@pytest.mark.parametrize(
    "text",
    # What make itself writes or loads is its own error.
    [each for each in CHANGING if not re.search(r"\((file|call file|guile)|^load", each)],
)
def test_what_only_changes_files_goes_on_where_it_can_change_none(
    unchanged: Path, text: str
) -> None:
    assert survey_goal(written(unchanged, text), "req").signings == ()


@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize("text", [*SIGNING, *CALLING_MAKES, *CHANGING])
def test_what_make_would_run_is_told_by_its_place_before_make_is_asked(
    unchanged: Path, text: str
) -> None:
    with pytest.raises(RunsAnywayError) as caught:
        survey_goal(written(unchanged, text), "req")
    assert caught.value.summary == WOULD_RUN
    assert str(caught.value.problems[0]).startswith("Makefile:")


@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("include sub/signs.mk", "sub/signs.mk:1"),
        ("D = sub\n-include $(D)/signs.mk", "sub/signs.mk:1"),
        ("sinclude there.mk sub/s*.mk", "sub/signs.mk:1"),
        ("include ../outer.mk", "../outer.mk:3"),
        ("include nested.mk", "sub/signs.mk:1"),
        ("req:\n\t$(MAKE) -C sub", "sub/Makefile:2"),
        ("D = sub\nreq:\n\t${MAKE} --directory=$(D)", "sub/Makefile:2"),
        ("req:\n\tcd sub && $(MAKE) all", "sub/Makefile:2"),
        ("req:\n\tfor i in sub; do $(MAKE) -C $$i; done", "sub/Makefile:2"),
        ("req: sub\nsub: x\n\t$(MAKE) -C $@\nx:", "sub/Makefile:2"),
        ("req:\n\t$(MAKE) -f sub/signs.mk", "sub/signs.mk:1"),
    ],
)
def test_what_is_included_and_what_is_called_in_other_folders_is_told_by_its_own_place(
    unchanged: Path, text: str, place: str
) -> None:
    folder = written(unchanged, text)
    (folder / "sub/Makefile").write_text(f"all:\n\t+cd .. && {SIGN}\n")
    (folder / "../outer.mk").write_text(f"\n\nX := $(shell {SIGN})\n")
    (folder / "nested.mk").write_text("include sub/signs.mk\n")
    with pytest.raises(RunsAnywayError) as caught:
        survey_goal(folder, "req")
    assert [problem.partition(": `")[0] for problem in map(str, caught.value.problems)] == [place]


@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    "text",
    [
        "unexport MAKEFLAGS\nreq:\n\t$(MAKE) -C sub",
        "override MAKEFLAGS =\nreq:\n\t$(MAKE) -C sub",
        "req: export MAKEFLAGS =\nreq:\n\t$(MAKE) -C sub",
        "req:\n\tMAKEFLAGS= $(MAKE) -C sub",
        "req:\n\tenv -i PATH=/usr/bin:/bin $(MAKE) -C sub",
        "req:\n\tenv -u MAKEFLAGS $(MAKE) -C sub",
        "req:\n\tunset MAKEFLAGS; $(MAKE) -C sub",
    ],
)
def test_a_make_that_would_not_know_that_it_is_only_asked_is_not_called(
    unchanged: Path, text: str
) -> None:
    folder = written(unchanged, text)
    (folder / "sub/Makefile").write_text(SUB)
    with pytest.raises(RunsAnywayError):
        survey_goal(folder, "req")


HARMLESS = [
    "command -v cfssl >/dev/null && command -v cfssljson",
    'which cfssl || echo "install cfssl first"',
    "date +%s",
    "ls config 2>/dev/null",
    "git rev-parse HEAD 2>/dev/null",
    "mkdir -p certs",
    "test -d certs || mkdir certs",
    "openssl version",
    "openssl x509 -noout -enddate -in certs/ca.pem",
    "cfssl version | head -1",
    "cat sign.sh",
    "grep -c gencert Makefile",
    "awk '$$1 > 5' csr.json",
    'echo "a -> b" >&2',
    "echo rm",
    "make --version",
    "if [ -f x ]; then echo 1; else echo 2; fi",
    "echo $$PPID; mktemp -d",
    "sed -n 's/a/b/p' csr.json",
    "openssl req -in certs/x.csr -noout -subject 2>/dev/null",
    "openssl ec -in x -noout 2>/dev/null",
    "openssl dgst -sha256 csr.json",
    "openssl rsa -pubin -in x -noout 2>/dev/null",
    "openssl ecparam -list_curves | head -1",
    "echo x | openssl enc -base64 | openssl base64 -d",
    "openssl md5 csr.json",
    "cfssl help; cfssl 2>&1 | head -1; cfssl scan -list; cfssl certinfo -cert ca.pem 2>/dev/null",
    "find . -name 'gencert*'",
    "echo x | tee /dev/stderr",
    "echo $$((5>3))",
    "cfssl version 2>NUL",
    "sh sign.sh changed",
    "sh sign.sh changed || echo failed",
]


@pytest.mark.parametrize("guard", ["sealed", "unsealed"])
@pytest.mark.parametrize(
    "text",
    [
        *(f"X := $(shell {command})\nreq:\n\ttrue" for command in HARMLESS),
        "req:\n\t+[ -n x ] || (echo 'rm it'; exit 1)",
        "req:\n\t@$(MAKE) -C sub >/dev/null 2>&1",
        "req:\n\tfor i in sub; do $(MAKE) -C $$i || exit 1; done",
        "req:\n\t$(MAKE) gencert CFSSL=cfssl\ngencert: ; true",
        "req:\n\trm -f ca.pem; echo a + b > made",
        "C = env X=a+b touch\nreq:\n\t$(C) made",
        "Q = $(if $(V),,@)\nreq:\n\t$(Q)touch made",
        "MAKEFLAGS += -s\nexport MAKEFLAGS\nreq:\n\t$(MAKE) -C sub",
        "SHELL := /bin/bash\n.SHELLFLAGS = -eu -o pipefail -c\nX := $(shell pwd)\nreq: ; true",
        "X := $(file <csr.json)\nreq: ; true",
        "ifdef NOWHERE\ninclude lost.mk\nendif\n-include lost.mk\nreq: ; true",
        "# $(shell rm ca.pem)\nreq: ; true",
        "SHELL := /bin/bash\nX := $(shell [[ a > b ]] && echo 1)\nreq: ; true",
        (
            "OPENSSL ?= openssl\nifeq (a,b)\nOPENSSL := /usr/local/bin/openssl\nendif\n"
            "V := $(shell $(OPENSSL) version)"
        ),
        "C ?= cfssl\nifdef NOWHERE\nC := bin/cfssl\nendif\nV := $(shell $(C) version)",
        (
            "ifeq ($(OS),Windows_NT)\nN := NUL\nelse\nN := /dev/null\nendif\n"
            "V := $(shell cfssl version 2>$(N))"
        ),
        'req:\n\t@echo "$(MAKE) req; then cp a b"',
        "override MAKEFLAGS += --no-print-directory\nreq: ; true",
        "include $(CURDIR)/there.mk\nreq: ; true\n%:\n\t@echo unknown $@",
        "include $(dir $(lastword $(MAKEFILE_LIST)))there.mk\nreq: ; true\n%:\n\t@echo unknown $@",
        "include $(addsuffix .mk,there)\nreq: ; true\n%:\n\t@echo unknown $@",
        "-include $(shell find . -name 'there.mk')\nreq: ; true\nfi%:\n\t@echo unknown $@",
        "-include $(wildcard there.mk)\nreq: ; true\n%:\n\t@echo unknown $@",
        "upload: ; cp a b\nload: ; true\nreq: ; true",
    ],
)
def test_what_harms_nothing_goes_on(
    unchanged: Path, text: str, guard: str, request: pytest.FixtureRequest
) -> None:
    if guard == "unsealed":
        request.getfixturevalue("unsealed")
    assert survey_goal(written(unchanged, text), "req").signings == ()


@needs_landlock
@pytest.mark.parametrize(
    "text",
    [
        "all: req\n\t$(MAKE) ca && touch .done\n",
        "all: req\n\t$(MAKE) ca; rm -f *.old\n",
        "all: req\n\trm -f *.old && $(MAKE) ca\n",
        "all: req\n\t$(MAKE) ca | tee build.log\n",
        "all: req\n\t$(MAKE) ca && date > .done\n",
        "all: req\n\tmkdir -p out/deep && $(MAKE) ca\n",
        "all: req\n\t+mkdir -p out/deep\n\t$(MAKE) ca\n",
        (
            "OUT := $(shell mkdir -p out && cd out && pwd)\nall: req\n"
            "\t@test -n '$(OUT)' && $(MAKE) ca\n"
        ),
        "DIR = install\nall: req\n\tcd $(DIR) && $(MAKE) -f ../Makefile ca\n",
        "V := $(shell $(MAKE) -s -f v.mk v)\nall: req ca\n",
        "ifdef USE\ninclude gen.mk\nendif\ngen.mk:\n\techo A=1 > $@\nall: req ca\n",
    ],
)
def test_a_makefile_that_changes_files_beside_its_makes_is_read_whole(
    unchanged: Path, text: str
) -> None:
    folder = written(
        unchanged, f"{text}\nreq: ; cfssl gencert x.json | cfssljson -bare x\nca: ; {SIGN}\n"
    )
    (folder / "install").mkdir()
    (folder / "v.mk").write_text("v: ; echo 1\n")
    before = contents(folder)
    assert {each.output.rpartition("/")[2] for each in survey_goal(folder, "all").signings} == {
        "x",
        "ca",
    }
    assert contents(folder) == before


@needs_landlock
def test_a_make_that_fails_beside_what_is_written_is_told(unchanged: Path) -> None:
    folder = written(unchanged, "req:\n\t$(MAKE) nowhere && date > .done\n")
    with pytest.raises(ScaffoldError, match="No rule to make target"):
        survey_goal(folder, "req")


@pytest.mark.parametrize("named", [True, False])
def test_temporary_files_are_made_where_the_makefile_says(unchanged: Path, named: bool) -> None:
    folder = written(
        unchanged,
        ("TMPDIR ?= out\n" if named else "") + "req: ; cfssl gencert x | odd -bare $(TMPDIR)/x\n",
    )
    (told,) = survey_goal(folder, "req").unread
    assert ("-bare out/x" in told.line) == named


@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    "rule",
    [
        "there.mk: force\n\t{}\nforce:\n",
        "%.mk: force\n\t{}\nforce:\n",
        "Makefile: force\n\t{}\nforce:\n",
        "Make%: force\n\t{}\nforce:\n",
        "lost.mk: ; {}\n",
    ],
)
def test_neither_the_makefile_nor_what_it_includes_is_made_anew(unchanged: Path, rule: str) -> None:
    sign = "cfssl gencert x.json | cfssljson -bare x"
    text = f"include there.mk\n-include ./lost.mk\nreq:\n\t{sign}\n" + rule.format("touch made")
    assert [each.output for each in survey_makefile(written(unchanged, text)).signings] == ["x"]


@pytest.mark.usefixtures("unsealed")
def test_a_file_that_would_be_made_to_be_included_is_told(unchanged: Path) -> None:
    folder = written(unchanged, "M = lost.mk\ninclude $(M)\nlost.mk: ; touch made $@\n")
    with pytest.raises(RunsAnywayError) as caught:
        survey_makefile(folder)
    assert str(caught.value) == (
        "make would make what the Makefile includes although it is only asked\n"
        "  Makefile:2: `lost.mk`\n\nhint: make it first"
    )


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    "text",
    [
        "X := $(shell sh helper.sh 2>/dev/null || true)",
        "req:\n\t-+./helper.sh",
        "SHELL = ./helper.sh\nX := $(shell x)",
        "SHELL = /bin/bash\nX := $(shell bash helper.sh)",
        "unexport PATH\nX := $(shell sh helper.sh)",
        "X := $(shell eval $$(cat helper.sh | tail -1))",
        "X := $(shell cf''ssl gen''cert -initca csr.json | cfssl''json -bare ca)",
        "include $(addsuffix .mk,there)\nthere.mk: x\n\tsh helper.sh\nx:",
        "f = $(addprefix s,hell)\nX := $(foreach i,$(f),$(call $i,sh helper.sh))",
    ],
)
def test_programs_that_sign_are_not_there_while_make_is_asked_and_a_call_is_told(
    unchanged: Path, text: str
) -> None:
    with pytest.raises(RunsAnywayError) as caught:
        survey_goal(written(unchanged, text), "req")
    assert (
        caught.value.summary == "make runs what signs although it is only asked; nothing was signed"
    )
    assert any(
        problem.startswith("`cfssl") and problem.endswith("and refused")
        for problem in map(str, caught.value.problems)
    )


@pytest.mark.needs("cfssl", "cfssljson")
def test_a_call_is_told_with_the_line_that_it_may_come_from(unchanged: Path) -> None:
    with pytest.raises(RunsAnywayError) as caught:
        survey_makefile(written(unchanged, "Y := $(shell date)\n\nX := $(shell sh helper.sh)\n"))
    assert set(map(str, caught.value.problems)) == {
        "`cfssl gencert -initca csr.json` was called, and refused",
        "`cfssljson -bare ca` was called, and refused",
        "Makefile:3: `X := $(shell sh helper.sh)` runs even then",
    }


@pytest.mark.needs("cfssl", "cfssljson")
def test_what_looks_a_program_up_finds_the_one_that_is_there(unchanged: Path) -> None:
    text = (
        "C := $(shell command -v cfssl)\nreq:\n\t$(C) gencert x.json | env PATH=$(PATH) odd "
        "-bare x\n"
    )
    (told,) = survey_goal(written(unchanged, text), "req").unread
    assert (
        told.line
        == f"{shutil.which('cfssl')} gencert x.json | env PATH={os.environ['PATH']} odd -bare x"
    )


@pytest.mark.usefixtures("unsealed")
def test_without_room_for_temporary_files_make_is_asked_all_the_same(
    unchanged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(unchanged, f"req:\n\t{SIGN}\n")
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent/x")
    assert [each.output for each in survey_goal(folder, "req").signings] == ["ca"]


WAYS = [
    "python3 -c \"open('ca.pem', 'w')\"",
    "python3 -c \"import os; os.truncate('ca.pem', 0)\"",
    "python3 -c \"import os; os.rename('ca.pem', 'made')\"",
    "python3 -c \"import os; os.replace('csr.json', 'ca.pem')\"",
    "python3 -c \"import os; os.link('ca.pem', 'made')\"",
    "python3 -c \"import os; os.symlink('ca.pem', 'made')\"",
    "python3 -c \"import os; os.mkfifo('made')\"",
    "python3 -c \"import os; os.rename('sub', 'made')\"",
    "python3 -c \"import os; os.unlink('ca.pem')\"",
    "(python3 -c \"open('ca.pem', 'w')\" >/dev/null 2>&1 &)",
]


@needs_landlock
@pytest.mark.parametrize("way", WAYS)
def test_what_no_text_tells_can_write_nothing_all_the_same(unchanged: Path, way: str) -> None:
    survey_goal(written(unchanged, f"X := $(shell {way})\n"), "req")


@needs_landlock
@pytest.mark.needs("cfssl", "cfssljson")
def test_a_script_that_signs_by_full_paths_signs_nothing(unchanged: Path) -> None:
    folder = written(unchanged, "X := $(shell sh full.sh)\n")
    (folder / "full.sh").write_text(
        SIGN.replace("cfssl", f"{Path(shutil.which('cfssl') or '').parent}/cfssl")
    )
    survey_goal(folder, "req")


@needs_landlock
def test_only_what_is_started_is_kept_from_writing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    words = [
        "sh",
        "-c",
        f"echo x >{tmp_path}/there/a; echo x >{tmp_path}/b; echo x >/dev/null && echo y",
    ]
    with landlock.start_confined(words, os.environ, [tmp_path / "there"]) as process:
        assert landlock.outputs(process, 60, 1000)[0] == "y\n"
    assert contents(tmp_path) == {"there/a": b"x\n"}
    (tmp_path / "c").write_text("we can still write")
    assert run("touch", str(tmp_path / "d")).returncode == 0


def test_what_can_not_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        landlock.start_confined([str(tmp_path / "none")], os.environ, ())


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            ("status",),
            "X := $(shell cfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca)\n",
        ),
        (
            ("check",),
            (
                "P = +\nreq: x\nx:\n\t$(P)@cfssl gencert -initca config/ca-csr.json | cfssljson "
                "-bare certs/ca\n"
            ),
        ),
        (
            ("sign",),
            ".RECIPEPREFIX = >\nreq: x\nx:\n>+@cfssl gencert -initca config/ca-csr.json | cat\n",
        ),
        (("status",), "X := $(shell sh helper.sh)\n"),
    ],
)
def test_no_command_that_looks_at_a_folder_changes_its_ca(
    signed: Factory, command: tuple[str, ...], text: str
) -> None:
    path = signed("--members", "10.0.0.1")
    (path / "helper.sh").write_text(
        "cfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca\n"
    )
    with (path / "Makefile").open("a") as file:
        file.write(f"\n{text}")
    before = contents(path)

    done = tls_scaffold("-C", str(path), *command)

    assert done.returncode == 1
    said = done.stdout + done.stderr  # what `check` finds is data
    assert "although it is only asked" in said
    assert re.search(r"Makefile:\d+: (make would [^:]*: )?`", said)
    assert contents(path) == before


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize(
    "way", ["X := $(shell {})", "X := $(shell sh helper.sh)", "all: x\nx:\n\t+{}"]
)
def test_adopt_changes_no_ca_of_a_folder_made_by_hand(tmp_path: Path, way: str) -> None:
    path = foreign("own-targets", tmp_path)
    make(path, "all")
    line = "cfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca"
    (path / "helper.sh").write_text(f"{line}\n")
    with (path / "Makefile").open("a") as file:
        file.write("\n" + way.format(line) + "\n")
    before = contents(path)

    assert "although it is only asked" in kept(path, "adopt", code=1).stderr

    assert contents(path) == before


def replaced(path: Path, name: str = "certs/ca.pem", then: str = "") -> str:
    """Give a folder a Makefile that replaces a file in a way that only the kernel stops."""
    (path / "another").write_text("another CA")
    line = f"X := $(shell python3 -c \"import shutil; shutil.copy('another', '{name}'){then}\")"
    with (path / "Makefile").open("a") as file:
        file.write(f"\n{line}\n")
    return line


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize("command", ["status", "check", "sign"])
def test_where_the_kernel_forbids_nothing_a_ca_that_was_replaced_is_put_back(
    signed: Factory, command: str
) -> None:
    path = signed("--members", "10.0.0.1")
    line = replaced(path)
    before = contents(path)

    told = kept(path, command, code=1)

    said = told.stdout + told.stderr
    (shelf,) = (path / "archive").glob("[!.]*")
    assert (shelf / "certs/ca.pem").read_text() == "another CA"
    assert "keys or certificates were changed while make was only asked; they were put back" in said
    assert f"`certs/ca.pem`: what was made is `{shelf.relative_to(path)}/certs/ca.pem`" in said
    assert f"`{line}` runs even then" in said
    for shelf in (path / "archive").glob("[!.]*"):
        shutil.rmtree(shelf)
    assert contents(path) == before


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.usefixtures("unsealed")
def test_a_ca_that_may_have_been_replaced_by_others_at_work_stays_and_the_old_one_is_kept(
    signed: Factory,
) -> None:
    path = signed("--members", "10.0.0.1")
    replaced(path)
    old = (path / "certs/ca.pem").read_bytes()

    with (path / "archive/.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = kept(path, "status", code=1).stderr

    (shelf,) = (path / "archive").glob("[!.]*")
    assert (path / "certs/ca.pem").read_text() == "another CA"
    assert (shelf / "certs/ca.pem").read_bytes() == old
    assert f"`certs/ca.pem`: what was there is `{shelf.relative_to(path)}/certs/ca.pem`" in said


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(
    "name", ["certs/root.pem", "vault/deep/intermediate.KEY", "client.p12", "certs/etcd1-key.pem"]
)
def test_keys_and_certificates_of_any_name_are_put_back_where_a_makefile_also_touches_its_folder(
    signed: Factory, name: str
) -> None:
    path = signed("--members", "10.0.0.1")
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text("once")
    replaced(path, name, "; open('new', 'w')")
    before = contents(path)

    said = kept(path, "status", code=1).stderr

    assert f"`{name}`: what was made is `archive/" in said
    for shelf in (path / "archive").glob("[!.]*"):
        shutil.rmtree(shelf)
    (path / "new").unlink()
    assert contents(path) == before


@pytest.mark.needs("cfssl", "cfssljson")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("command", ["status", "sign"])
def test_a_ca_is_put_back_where_a_signal_ends_what_asks_make(
    signed: Factory, command: str, number: int
) -> None:
    path = signed("--members", "10.0.0.1")
    replaced(path, "certs/ca.pem", "; import time; time.sleep(600)")
    before = contents(path)
    with run_unsealed(path, command) as process:
        wait_for(lambda: (path / "certs/ca.pem").read_text() == "another CA")
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "they were put back" in said
    for shelf in (path / "archive").glob("[!.]*"):
        shutil.rmtree(shelf)
    assert contents(path) == before


@pytest.mark.usefixtures("unsealed")
def test_nothing_that_make_left_in_the_background_goes_on(unchanged: Path) -> None:
    waits = "import os, time; [time.sleep(0.05) for _ in iter(lambda: os.path.exists('go'), True)]"
    way = f"(python3 -c \"{waits}; open('ca.pem', 'w')\" >/dev/null 2>&1 &)"
    survey_goal(written(unchanged, f"X := $(shell {way})\n"), "req")
    (unchanged / "go").touch()
    time.sleep(1.5)


@pytest.mark.parametrize("guard", ["sealed", "unsealed"])
def test_a_make_that_does_not_end_is_told_once_with_what_it_runs(
    unchanged: Path, guard: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if guard == "unsealed":
        request.getfixturevalue("unsealed")
    monkeypatch.setattr(gnumake, "MINUTE", 1)
    started, start = [], landlock.start_confined

    def noting(*words: Any) -> Any:
        started.append(words)
        return start(*words)

    monkeypatch.setattr(landlock, "start_confined", noting)
    folder = written(unchanged, "X := $(shell sleep 300)\nreq: ; true\n")
    begun = time.monotonic()
    with pytest.raises(RunsAnywayError, match="make does not end") as caught:
        survey_makefile(folder)
    assert len(started) == 1
    assert time.monotonic() - begun < 150
    assert tuple(map(str, caught.value.problems)) == (
        "Makefile:1: `X := $(shell sleep 300)` runs even then",
    )


def test_a_make_that_says_too_much_is_ended_and_told(
    unchanged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnumake, "LARGEST_FILE", 1 << 20)
    folder = written(unchanged, "X := $(shell yes >&2)\nreq: ; true\n")
    begun = time.monotonic()
    with pytest.raises(RunsAnywayError, match="make says more than 1 MiB") as caught:
        survey_makefile(folder)
    assert time.monotonic() - begun < gnumake.MINUTE
    assert tuple(map(str, caught.value.problems)) == (
        "Makefile:1: `X := $(shell yes >&2)` runs even then",
    )


WITHIN_SIXTEEN = """
import ctypes, os, struct
from tls_scaffold.makefiles import gnumake, landlock
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
for _ in range(16):
    rules = libc.syscall(444, ctypes.create_string_buffer(struct.pack("=Q", 1 << 12), 8), 8, 0)
    assert libc.syscall(446, rules, 0) == 0
    os.close(rules)
print(landlock.abi_version())
"""


@needs_landlock
def test_a_seal_that_can_not_be_put_on_counts_as_none() -> None:
    assert run(sys.executable, "-c", WITHIN_SIXTEEN).stdout == "0\n"


def test_what_a_killed_run_left_among_the_temporary_files_is_cleared_after_an_hour(
    unchanged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, young = tmp_path / "tls-scaffold-asked-old", tmp_path / "tls-scaffold-asked-young"
    for folder in (old, young):
        (folder / "bin").mkdir(parents=True)
    os.utime(old, (0, 0))
    survey_goal(written(unchanged, ""), "req")
    assert young.exists()
    assert not old.exists()


def test_a_thousand_components_are_looked_through_once(
    unchanged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(
        f"req-{number} certs/{number}.pem: r.json ; $(sign) -profile client $<\n"
        for number in range(1000)
    )
    folder = written(unchanged, f"sign = sh sign.sh $@\nreq:\n{lines}")
    asked: list[str] = []

    def expanded(_: Values, text: str) -> tuple[str, ...]:
        asked.append(text)
        return (text,)

    monkeypatch.setattr(Values, "expanded", expanded)
    assert dry_run_effects(folder).commands == ()
    assert len(asked) < 10


def test_variables_that_name_each_other_without_end_are_no_trap(unchanged: Path) -> None:
    text = "A = $(B)$(B)\nB = $(A)$(A)\n" + "".join(
        f"V{i} = $(V{i + 1})$(V{i + 1})\n" for i in range(40)
    )
    folder = written(unchanged, f"{text}V40 = x\nreq:\n\t$(if ,$(V0)) true\n")
    assert dry_run_effects(folder).commands == ()
    with pytest.raises(ScaffoldError, match="references itself"):
        survey_goal(written(folder / "deeper", f"{text}X := $(A)\n"), "req")

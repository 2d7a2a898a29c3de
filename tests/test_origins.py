"""Commands of a dry run, found again in the text of the Makefile."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_scaffold.errors import Place
from tls_scaffold.makefiles import origins
from tls_scaffold.makefiles.gencert import Unread
from tls_scaffold.makefiles.gnumake import dry_run
from tls_scaffold.makefiles.maketexts import lines_of_text
from tls_scaffold.makefiles.origins import Origins
from tls_scaffold.shell.lines import logical_lines

MAKEFILE = """\
CFSSL = @env X=1 cfssl
OUT = certs/
make_ca = $(CFSSL) gencert -initca $(1)
ca: certs/ca.pem
certs/ca.pem:
	$(CFSSL) gencert -initca config/ca.json | $(JSON) -bare certs/ca

certs/peer-ca.pem: ; @$(CFSSL) gencert -initca config/ca.json | $(JSON) -bare $(OUT)peer-ca
both: certs/ca.pem certs/peer-ca.pem
	mkdir -p certs && \\
	$(CFSSL) gencert \\
	-initca $(patsubst %,config/%.json,$(NAME)) | $(JSON) -bare $(@D)certs/third
macro:
	$(call make_ca,m.json) | cfssljson -bare certs/fourth
loop:
	$(Q) $(Q) for n in [a] *; do cfssl gencert -initca $$n | cfssljson -bare $(Q) certs/$$n; done
"""


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("goal", "part", "numbers"),
    [
        ("ca", "certs/ca", (6,)),
        ("both", "bare certs/ca", (6,)),
        ("both", "peer-ca", (8,)),
        ("both", "third", (12,)),
        ("macro", "fourth", (3,)),
        ("loop", "certs/$n", (16,)),
    ],
)
def test_each_command_is_found_in_the_line_that_it_comes_from(
    tmp_path: Path, goal: str, part: str, numbers: tuple[int, ...]
) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    command = next(
        line
        for line in logical_lines(dry_run(tmp_path, goal).text)
        if "-initca" in line and part in line
    )
    assert Origins(MAKEFILE).lines_of(command, "-initca") == numbers


def test_a_command_of_another_makefile_is_found_nowhere() -> None:
    other = MAKEFILE.replace("make_ca =", "# make_ca =")
    for command in (
        "x.json | cfssljson -bare certs/ca",
        "config/ca.json | cfssljson -bare certs/ca2",
    ):
        assert Origins(other).lines_of(f"cfssl gencert -initca {command}", "-initca") == ()
    assert Origins("").lines_of("x", "x") == ()


def test_a_line_of_ours_that_is_not_understood_is_found_too() -> None:
    text = (
        "req-a certs/a.pem:\n\tX = sign.sh\n\t-@sh sign.sh $@ $$n; true\n"
        "b: ; +sh sign.sh b.pem; x\nc: ; sign.sh\n"
    )
    told = {
        "sh sign.sh certs/a.pem $n; true": 3,
        "sh sign.sh b.pem; x": 4,
        "sign.sh": 5,
        "X = sign.sh": 2,
        "sign.sh y": 0,
    }
    for command, number in told.items():
        assert Origins(text).of_unread(Unread(command)) == Place("Makefile", number), command
    both = Origins("a:\n\tgencert sign.sh\n")
    assert both.of_unread(Unread("gencert sign.sh")) == Place("Makefile", 2)


def test_a_makefile_is_taken_apart_once_however_many_commands_are_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Mock(wraps=lines_of_text)
    monkeypatch.setattr(origins, "lines_of_text", counted)
    text = "".join(f"a:\n\tdocker run cfssl gencert {number}\n" for number in range(50))
    found = Origins(text)
    lines = [found.of_unread(Unread(f"docker run cfssl gencert {number}")) for number in range(50)]
    assert lines == [Place("Makefile", 2 * number + 2) for number in range(50)]
    assert counted.call_count == 1


@given(st.text(alphabet="ab$(){}[]*?;:=\\\n\t @-"), st.text(alphabet="ab$[]*? "))
def test_any_text_is_looked_through(text: str, command: str) -> None:
    assert all(
        1 <= number <= text.count("\n") + 1 for number in Origins(text).lines_of(command, "a")
    )

"""Makefiles written by hand, taken apart and put into ours, as texts alone."""

import pytest

from tls_scaffold.errors import problem_of
from tls_scaffold.makefiles.blocks import Block, split_into_blocks
from tls_scaffold.makefiles.foreign import ForeignMakefile, take_apart, transplant
from tls_scaffold.makefiles.usedtargets import used_target_rule
from tls_scaffold.paths import CA_OUTPUT

pytestmark = pytest.mark.fast

SIGN = "\tcfssl gencert config/x.json | cfssljson -bare certs/x"
OURS = (
    "CFSSL ?= cfssl\ngoals = certs\nall: req\nreq: $(goals)\n\n"
    "req-a certs/a.pem: config/a.json\nclean:\n\trm -r certs\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [Block("blank", ("",))]),
        ("# a\n\n", [Block("comment", ("# a",)), Block("blank", ("",)), Block("blank", ("",))]),
        ("  # a \\\n b", [Block("comment", ("  # a \\", " b"))]),
        ("A = 1", [Block("variable", ("A = 1",), ("A",))]),
        ("A = 1 \\", [Block("variable", ("A = 1 \\",), ("A",))]),
        ("a: Xb", [Block("rule", ("a: Xb",), ("a",), ("Xb",))]),
        ("A.b-c_1:=1", [Block("variable", ("A.b-c_1:=1",), ("A.b-c_1",))]),
        (
            "export override A ?= \\\n  1",
            [Block("variable", ("export override A ?= \\", "  1"), ("A",))],
        ),
        *(
            (f"A {sign} 1", [Block("variable", (f"A {sign} 1",), ("A",))])
            for sign in ("+=", "!=", "::=", ":::=")
        ),
        ("include x.mk", [Block("other", ("include x.mk",))]),
        ("-include x:y", [Block("other", ("-include x:y",))]),
        ("export A", [Block("other", ("export A",))]),
        ("endif", [Block("other", ("endif",))]),
        ("$(info x)", [Block("other", ("$(info x)",))]),
        ("\techo: x", [Block("other", ("\techo: x",))]),
        (
            "ifdef A\nx:\nifeq (a,b)\nB = 1\nendif\nelse\nendif\nC = 1",
            [
                Block("other", ("ifdef A", "x:", "ifeq (a,b)", "B = 1", "endif", "else", "endif")),
                Block("variable", ("C = 1",), ("C",)),
            ],
        ),
        (
            "define a\nb: c\nendef\n",
            [Block("other", ("define a", "b: c", "endef")), Block("blank", ("",))],
        ),
        ("ifneq (a,b)\nx:", [Block("other", ("ifneq (a,b)", "x:"))]),
        *(
            (f"{head}\nb: c\n{end}\n", [Block("other", (head, "b: c", end)), Block("blank", ("",))])
            for head, end in (
                ("override define a", "endef"),
                ("export override define a", "endef"),
                ("  define a", "  endef"),
                ("  ifdef A", "  endif"),
            )
        ),
        ("  A := 1", [Block("variable", ("  A := 1",), ("A",))]),
        ("private A := 1", [Block("variable", ("private A := 1",), ("A",))]),
        ("  include x:y", [Block("other", ("  include x:y",))]),
        ("a b: c d | e # f", [Block("rule", ("a b: c d | e # f",), ("a", "b"), ("c", "d", "e"))]),
        ("a:: b; c: d", [Block("rule", ("a:: b; c: d",), ("a",), ("b",))]),
        ("a: b \\\n  c", [Block("rule", ("a: b \\", "  c"), ("a",), ("b", "c"))]),
        (
            "a:\n\tb\n\n# c\n\td\n\n# e\nf:",
            [
                Block("rule", ("a:", "\tb", "", "# c", "\td"), ("a",)),
                Block("blank", ("",)),
                Block("comment", ("# e",)),
                Block("rule", ("f:",), ("f",)),
            ],
        ),
        (
            "a:\nB = 1\n\tc",
            [
                Block("rule", ("a:",), ("a",)),
                Block("variable", ("B = 1",), ("B",)),
                Block("other", ("\tc",)),
            ],
        ),
    ],
)
def test_a_makefile_is_taken_apart_and_no_line_is_lost(text: str, found: list[Block]) -> None:
    assert split_into_blocks(text) == found
    assert "\n".join(line for block in found for line in block.lines) == text


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("a:\n\tb\n\n\tc \\\n\t  d\n# e\n\tf", ("\tb", "\tc \\\n\t  d", "\tf")),
        ("a: b ; c; d\n\te", ("\tc; d", "\te")),
        ("a: \\\n b; c", ("\tc",)),
        ("a:;\n\t@\n\t-\n\t+ \\\n\n\t# x\n\t@#x", ("\t@#x",)),
    ],
)
def test_a_rule_has_commands_each_with_the_lines_that_it_goes_on_in(
    text: str, recipe: tuple[str, ...]
) -> None:
    (block,) = split_into_blocks(text)
    assert block.recipe == recipe


def test_a_block_reads_variables_however_they_are_written() -> None:
    (block,) = split_into_blocks(
        "a: $(B) ${C-d.e}\n\techo $F $(if $(G),$@) $(shell ls) $(call H,x)"
    )
    assert block.references == {"B", "C-d.e", "F", "if", "G", "shell", "H"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("req:\n" + SIGN, ForeignMakefile(replaced=["req:", SIGN]), id="signing"),
        pytest.param(
            "x y:\n" + SIGN,
            ForeignMakefile(replaced=["x y:", SIGN], targets=["x", "y"]),
            id="signing under names",
        ),
        pytest.param(
            "x: y", ForeignMakefile(replaced=["x: y"], targets=["x"]), id="a name for others"
        ),
        pytest.param(
            "req:\n\tmkdir -p certs && cd certs; A=b chmod 600 x || true\n" + SIGN,
            ForeignMakefile(
                replaced=["req:", "\tmkdir -p certs && cd certs; A=b chmod 600 x || true", SIGN]
            ),
            id="what only helps",
        ),
        *(
            pytest.param(
                f"req:\n{line}",
                ForeignMakefile(replaced=["req:", *line.split("\n")]),
                id=f"help: {line.strip()}",
            )
            for line in (
                "\tfor i in $(A); do \\\n\t mkdir -p $$i && exit 1; done",
                "\tchmod 700 \\\n\t  certs",
                "\tchmod 600 certs/*-key.pem; chmod 755 certs monkey.sh && chmod 644 certs/x.pem",
                "\tchmod -R go-rwx certs; chmod u+r certs/x-key.pem; chmod -R 0700 certs",
                "\t@-(echo a; { true; })",
                "\tif ! [ -f certs/x.pem ]; then mkdir -p certs; elif test -d y; then true; fi",
                f"\tif [ ! -f certs/x.pem ]; then \\\n\t{SIGN}; \\\n\telse echo there; fi",
                "\tX=1 mkdir -p certs",
                "\t: x",
            )
        ),
        pytest.param(
            "req all:\n\t./y",
            ForeignMakefile(replaced=["req all:"], req_commands=["\t./y"]),
            id="more under both",
        ),
        pytest.param(
            "clean:\n\trm -rf certs",
            ForeignMakefile(replaced=["clean:", "\trm -rf certs"]),
            id="a target of ours",
        ),
        pytest.param(
            "certs:\n\tmkdir certs",
            ForeignMakefile(replaced=["certs:", "\tmkdir certs"], targets=["certs"]),
            id="certs",
        ),
        pytest.param(
            "x:\n\tmkdir y",
            ForeignMakefile(kept=[Block("rule", ("x:", "\tmkdir y"), ("x",))]),
            id="what helps with something else",
        ),
        pytest.param(
            "x:\n\t./y",
            ForeignMakefile(kept=[Block("rule", ("x:", "\t./y"), ("x",))]),
            id="a target of the team's own",
        ),
        pytest.param(
            f"req:\n{SIGN}\n\t./publish \\\n\t  x",
            ForeignMakefile(replaced=["req:", SIGN], req_commands=["\t./publish \\\n\t  x"]),
            id="more under req",
        ),
        pytest.param(
            f"req:\n\tfor i in a b; do {SIGN.strip()}; done\n\tfor i in a; do scp $$i b; done",
            ForeignMakefile(
                replaced=["req:", f"\tfor i in a b; do {SIGN.strip()}; done"],
                req_commands=["\tfor i in a; do scp $$i b; done"],
            ),
            id="loops under req",
        ),
        *(
            pytest.param(
                f"req:\n{SIGN}\n\t{line}",
                ForeignMakefile(replaced=["req:", SIGN], req_commands=[f"\t{line}"]),
                id=line,
            )
            for line in (
                "for f in a b; do echo certs/$$f.pem; done | xargs -n1 ./upload",
                "for f in $$(./enroll); do echo $$f; done",
                "for f in `./enroll`; do echo $$f; done",
                "echo x | xargs ./upload",
                "echo x & ./upload",
                "chmod 0640 certs/x-key.pem",
                "chmod 644 certs/*.pem",
                "chmod -R a+rX certs",
                "chmod g+r certs/x-key.pem",
                "chmod --recursive 755 certs",
                "for f in certs/x*; do chmod 644 $$f; done",
            )
        ),
        pytest.param(
            f"req:\n{SIGN} & ./upload",
            ForeignMakefile(
                replaced=["req:"],
                problems=[
                    problem_of(
                        "req",
                        f"`{SIGN.strip()} & ./upload` is neither signing nor a target of its own",
                    )
                ],
            ),
            id="something else beside signing",
        ),
        pytest.param(
            "all:\n\t./y",
            ForeignMakefile(replaced=["all:"], req_commands=["\t./y"]),
            id="more under all",
        ),
        pytest.param(
            "req:\n\techo x > y",
            ForeignMakefile(replaced=["req:"], req_commands=["\techo x > y"]),
            id="a file is written",
        ),
        pytest.param(
            "req:\n\techo x >/dev/null 2>y >&2",
            ForeignMakefile(replaced=["req:", "\techo x >/dev/null 2>y >&2"]),
            id="nothing is written",
        ),
        pytest.param(
            f"x:\n\t./y  \\\n\tz\n{SIGN}",
            ForeignMakefile(
                replaced=["x:", SIGN],
                targets=["x"],
                problems=[problem_of("x", "`./y z` is neither signing nor a target of its own")],
            ),
            id="signing and something else",
        ),
        pytest.param(
            "clean x:\n\t./y\ngoals: ; ./z",
            ForeignMakefile(
                replaced=["clean x:", "goals: ; ./z"],
                targets=["x"],
                problems=[
                    problem_of("clean x", "`./y` is neither signing nor a target of its own"),
                    problem_of("goals", "`./z` is neither signing nor a target of its own"),
                ],
            ),
            id="something else under names of ours",
        ),
        pytest.param(
            f"req:\n\t./y && {SIGN.strip()}",
            ForeignMakefile(
                replaced=["req:"],
                problems=[
                    problem_of(
                        "req", f"`./y && {SIGN.strip()}` is neither signing nor a target of its own"
                    )
                ],
            ),
            id="signing that hangs on something else",
        ),
        pytest.param(
            f"ifdef A\n{SIGN}\nendif",
            ForeignMakefile(
                replaced=["ifdef A", SIGN, "endif"],
                problems=[
                    problem_of(
                        "ifdef A", f"`{SIGN.strip()}` is neither signing nor a target of its own"
                    )
                ],
            ),
            id="signing on a condition",
        ),
        pytest.param(
            "include x.mk",
            ForeignMakefile(kept=[Block("other", ("include x.mk",))]),
            id="an include",
        ),
        pytest.param(
            "A = 1\n# b",
            ForeignMakefile(replaced=["A = 1", "# b"]),
            id="a variable that nothing reads",
        ),
    ],
)
def test_what_only_signs_is_understood_and_the_rest_stays_the_team_s_own(
    text: str, found: ForeignMakefile
) -> None:
    assert take_apart(text, OURS) == found


def test_targets_that_signed_are_known_by_what_make_calls_them_and_so_is_what_others_need() -> None:
    text = f"D = ssl\n$(D)/a.pem $D/b.pem: x.json\n{SIGN}\ndeploy: $(D)/a.pem | $(D)\n\t./y\n"
    found = take_apart(text, OURS)
    assert (found.targets, found.needed) == (["ssl/a.pem", "ssl/b.pem"], {"ssl/a.pem", "ssl"})


@pytest.mark.parametrize(
    "recipe",
    [
        "\tgo get -u github.com/cloudflare/cfssl/cmd/cfssl",
        "\tcurl -o cfssl https://cfssl.example && chmod +x cfssl",
    ],
)
def test_a_target_that_fetches_cfssl_is_ours_and_one_that_fetches_more_waits_to_be_asked(
    recipe: str,
) -> None:
    ours = f"{OURS}cfssl:\n\tgo install cfssl\n"
    more = "cfssljson:\n\tcurl -o cfssljson https://cfssl.example\ntools:\n\tgo install goreman"
    found = take_apart(
        f"all: cfssl cfssljson tools own\ncfssl:\n{recipe}\n{more}\nown:\n\t./y", ours
    )
    assert (found.problems, [block.names for block in found.kept]) == (
        [],
        [("all",), ("cfssljson",), ("tools",), ("own",)],
    )
    assert found.kept[0].lines == ("all: own",)


def test_what_is_moved_to_where_ours_writes_it_is_ours_and_what_is_moved_away_is_refused() -> None:
    ours = f"{OURS}req-m ssl/m.pem: config/m.json\n"
    sign = "\tcfssl gencert config/m.json | cfssljson -bare out/m"
    moves = "\tmkdir -p ssl && mv out/m.pem out/m-key.pem ssl/\n\t@mv -f out/*.csr ssl"
    found = take_apart(f"req:\n{sign}\n{moves}\n", ours)
    assert (found.req_commands, found.problems) == ([], [])

    away = take_apart("req:\n\tmv -f ssl/m.pem ssl/m.crt\n\tmv list.txt old.txt\n", ours)
    assert away.problems == [
        problem_of(
            "req",
            "`mv -f ssl/m.pem ssl/m.crt` moves what is signed: it would be missing, and signed "
            "again at each make; `cp` leaves it there",
        )
    ]


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("sed s/x/m/ t.json > config/m.json", "config/m.json"),
        ("for n in l m; do sed s/x/$$n/ t.json >config/$$n.json; done", "config/m.json"),
        ("cd config && jq . t.json > new && mv new m.json", "config/m.json"),
        ("cp t.json config/$(M).json", "config/m.json"),
        ("jq . t.json | tee config/m.json >/dev/null", "config/m.json"),
        ("sed -i s/x/m/ config/m.json", "config/m.json"),
        ("cat config/m.json > told", ""),
        ("sed s/x/m/ t.json > config/l.json", ""),
        ("cat `./which` > config/l.json", ""),
    ],
)
def test_a_request_that_would_be_written_again_after_it_is_signed_is_refused_with_the_way(
    command: str, writes: str
) -> None:
    ours = f"{OURS}req-m certs/m.pem: config/m.json\n"
    found = take_apart(f"M = m\nreq:\n\t{command}\n", ours)
    way = f"give it a target of its own, `{writes}:`"
    why = f"`{command}` would write the request `{writes}` again after each make has signed it"
    assert found.problems == ([problem_of("req", f"{why}; {way}")] if writes else [])


@pytest.mark.parametrize(
    "command",
    ["cfssl genkey -initca x.json", "cfssl sign -ca ca.pem x.csr", "cfssl selfsign h x.json"],
)
def test_all_commands_of_cfssl_that_sign_are_known(command: str) -> None:
    found = take_apart(f"x:\n\t{command} | cfssljson -bare certs/x\n", OURS)
    assert (found.targets, found.kept, found.problems) == (["x"], [], [])


@pytest.mark.parametrize(
    ("name", "makes", "rule"),
    [
        ("leaves", ("ssl/a.pem", "ssl/b.pem"), ".PHONY: leaves\nleaves: ssl/a.pem ssl/b.pem"),
        ("initca", (), ".PHONY: initca\ninitca: ca"),
        ("certs/ca.pem", (), "certs/ca.pem: | ca ;"),
        ("ssl/a-key.pem", ("ssl/a.pem",), "ssl/a-key.pem: ssl/a.pem ;"),
    ],
)
def test_a_target_that_a_team_is_used_to_makes_what_it_made(
    name: str, makes: tuple[str, ...], rule: str
) -> None:
    assert used_target_rule(name, makes, "ssl/ca") == rule


def test_variables_that_own_parts_read_stay_too_and_those_that_these_read() -> None:
    text = (
        "A = $(B)\nB = 1\nC = 1\nCFSSL = x\n\n# why\n# so\nx: z\n\t./y $(A) $(CFSSL)\n\n# no\nD = 1"
    )
    found = take_apart(text, OURS)
    assert found.kept == [
        Block("variable", ("A = $(B)",), ("A",)),
        Block("variable", ("B = 1",), ("B",)),
        Block("rule", ("# why", "# so", "x: z", "\t./y $(A) $(CFSSL)"), ("x",), ("z",)),
    ]
    assert found.replaced == ["C = 1", "CFSSL = x", "", "# why", "# so", "", "# no", "D = 1"]
    assert found.problems == []


@pytest.mark.parametrize(
    "text",
    [
        "A = mkdir # y\nB = $(A) \\\n  -p",
        "A ?= mkdir\nA ?= echo\nB := ${A}",
        "export B ::= mkdir",
        "B = echo\nB += mkdir",
    ],
)
def test_a_variable_that_only_helps_is_replaced_whatever_its_value(text: str) -> None:
    assert take_apart(f"{text}\nreq:\n\t$(B) certs\n{SIGN}", OURS).req_commands == []


@pytest.mark.parametrize(
    "text",
    ["", "B != echo mkdir", "ifdef D\nB = mkdir\nendif", "a: B = mkdir", "B = mkdir\nB = ./x"],
)
def test_a_variable_that_may_hold_anything_else_stays(text: str) -> None:
    assert take_apart(f"{text}\nreq:\n\t$(B) certs\n{SIGN}", OURS).req_commands == ["\t$(B) certs"]


def test_a_command_in_a_variable_signs_as_one_that_is_written_out() -> None:
    held = SIGN.replace("cfssl gencert", "$(GEN)")
    assert held != SIGN
    found = take_apart(f"GEN = cfssl gencert\nreq:\n{held}", OURS)
    assert found == ForeignMakefile(replaced=["GEN = cfssl gencert", "req:", held])
    found = take_apart(f"GEN = cfssl gencert\nx:\n\t./y\n{held}", OURS)
    assert list(map(str, found.problems)) == ["x: `./y` is neither signing nor a target of its own"]
    found = take_apart(f"GEN = cfssl gencert\nifdef A\n{held}\nendif", OURS)
    assert list(map(str, found.problems)) == [
        f"ifdef A: `{held.strip()}` is neither signing nor a target of its own"
    ]


def test_a_variable_of_ours_that_own_parts_read_is_told_and_one_under_req_stays() -> None:
    found = take_apart("goals = x\nreq-a = y\nx:\n\t./y $(goals) $(req-a)", OURS)
    assert list(map(str, found.problems)) == [
        "`goals` is a variable of ours too",
        "`req-a` is a variable of ours too",
    ]
    found = take_apart("A = x\nreq:\n\t./y $(A)", OURS)
    assert (found.kept, found.req_commands) == (
        [Block("variable", ("A = x",), ("A",))],
        ["\t./y $(A)"],
    )


def test_a_target_of_ours_that_needs_one_of_the_team_s_keeps_that_alone() -> None:
    found = take_apart("all req: req x z w\nx w:\n\t./y\nx: z\nz:", OURS)
    assert found.kept == [
        Block("rule", ("all req: x w",), ("all", "req"), ("x", "w")),
        Block("rule", ("x w:", "\t./y"), ("x", "w")),
    ]
    assert found.targets == ["x", "z"]


def test_of_lines_that_were_understood_earlier_no_other_counts() -> None:
    signs = SIGN.replace(" |", " \\\n\t  |")
    known = take_apart(f"req:\n{signs}", OURS).replaced
    late = signs.replace("/x", "/late")
    found = take_apart(f"req:\n{signs}\n{late}", OURS, known)
    assert (found.replaced, found.req_commands, found.problems) == (
        ["req:", *signs.split("\n")],
        [late],
        [],
    )


def test_ours_takes_over_what_is_the_team_s_own() -> None:
    text = f"req:\n{SIGN}\n\t./publish\n{SIGN}y\n\nx:\n\t./y  \n\nifdef A\ny:\n\n"
    known = ["req:", SIGN, ""]
    targets = {"leaves": ("certs/a.pem", "certs/b.pem"), "one": ("certs/a.pem",)}
    before, after = OURS.split("\n\n")
    assert transplant(text, OURS, "", known, targets, CA_OUTPUT) == (
        f"{before}\n\t./publish\n{SIGN}y\n\n{after}\n"
        ".PHONY: leaves\nleaves: certs/a.pem certs/b.pem\n\n.PHONY: one\none: certs/a.pem\n\n"
        "x:\n\t./y  \n\nifdef A\ny:\n"
    )
    assert transplant(f"req:\n{SIGN}", OURS, "", known, {}, CA_OUTPUT) == OURS
    with_rules = transplant(
        "clean:\n\trm x\n", OURS, "clean:\n", ["clean:", "\trm x"], {}, CA_OUTPUT
    )
    assert with_rules == OURS


@pytest.mark.parametrize(
    "command", ["wg genkey >wg.key", "./selfsign.sh", "echo sign here >note", "ssh-keygen -f key"]
)
def test_commands_of_others_that_make_keys_are_the_team_s_own(command: str) -> None:
    found = take_apart(f"req:\n{SIGN}\n\t{command}\n", OURS)
    assert (found.req_commands, found.problems) == ([f"\t{command}"], [])


@pytest.mark.parametrize(
    "command",
    [
        "$(CFSSL) genkey -initca x.json | cfssljson -bare x",
        "cfssl -loglevel 2 sign x.csr | cfssljson -bare x",
        "/opt/cfssl_1.6.5 selfsign x x.json | cfssljson -bare x",
    ],
)
def test_every_command_of_cfssl_that_makes_keys_or_certificates_is_ours(command: str) -> None:
    found = take_apart(f"req:\n{SIGN}\n\t{command}\n", OURS)
    assert (found.req_commands, found.problems) == ([], [])
    assert f"\t{command}" in found.replaced


@pytest.mark.parametrize("command", ["mv certs/a.pem out/", "mv -t out certs/a.pem"])
def test_a_move_that_would_take_away_what_is_signed_is_told(command: str) -> None:
    (problem,) = take_apart(f"req:\n{SIGN}\n\t{command}\n", OURS).problems
    assert str(problem).startswith(f"req: `{command}` moves what is signed")

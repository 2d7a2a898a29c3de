import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Factory
from keeping import edit, foreign
from support import BIN, make, run
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.askedmake import _script_lines, survey_goal
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.makefiles.gnumake import dry_run
from tls_scaffold.makefiles.makefile import survey_makefile
from tls_scaffold.makefiles.maketargets import targets_of_makefile
from tls_scaffold.makefiles.ourmakefile import (
    asks_for_all_by_req,
    includes_our_rules,
    signings_of_lines,
)
from tls_scaffold.makefiles.recipes import signings_in_shell
from tls_scaffold.shell.lines import without_comment, without_quoted

OURS = str(BIN / "tls-scaffold")
LEAF = "-ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json"
QUOTED = LEAF.replace("certs/ca.pem", "'certs/ca.pem'").replace(
    "config/ca-config.json", '"config/ca-config.json"'
)
PLAIN = Signing(
    "x", "req", "config/x.json", "certs/x"
)  # the CA and the configuration of LEAF are the usual ones
JSON = "| cfssljson -bare certs/x"


def read(folder: Path) -> tuple[Signing, ...]:
    return tuple(each for each in survey_makefile(folder).signings if not each.makes_ca)


@pytest.mark.needs("make")
def test_our_own_lines_are_read_in_their_order_with_their_profiles(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "1", "--users", "calico")
    assert read(path) == (
        Signing("etcd1", "req-etcd1", "config/req-csr.json", "certs/etcd1"),
        Signing("proxy1", "req-proxy1", "config/req-csr.json", "certs/proxy1"),
        Signing("calico", "req-calico", "config/req-calico.json", "certs/calico", "client"),
    )


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("goal", ["req", "all"])
def test_what_is_asked_for_does_not_depend_on_what_is_there(
    signed: Factory, folder: Factory, goal: str
) -> None:
    path, unsigned = signed(name="signed"), folder(name="unsigned")
    assert survey_goal(path, goal).signings == survey_goal(unsigned, goal).signings != ()
    (path / "certs").rename(path / "kept")
    (path / "certs").symlink_to("kept")
    assert survey_goal(path, goal).signings == survey_goal(unsigned, goal).signings


@pytest.mark.needs("make")
def test_pasted_lines_are_read_beside_ours_whatever_an_outer_make_has_set(
    folder: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    outer = {
        "MAKEFLAGS": "n",
        "MAKELEVEL": "1",
        "CFSSL": "x",
        "JSON": "x",
        "SIGNER": "tls-scaffold",
    }
    for name, value in outer.items():
        monkeypatch.setenv(name, value)
    rule = (
        next(
            line for line in (path / "Makefile").read_text().splitlines() if line.startswith("req:")
        )
        + "\n"
    )
    edit(
        path / "Makefile",
        rule,
        f"{rule}\t$(CFSSL) gencert {LEAF} config/x.json | $(JSON) -bare certs/x\n",
    )
    assert read(path)[2:] == (PLAIN,)


@pytest.mark.needs("make")
def test_a_component_is_called_as_its_target_is(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    edit(path / "Makefile", "req-calico certs/calico.pem:", "req-felix ssl/f.x.pem:")
    assert [(signing.name, signing.target, signing.output) for signing in read(path)][1:] == [
        ("felix", "req-felix", "ssl/f.x")
    ]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"cfssl gencert {LEAF} config/x.json {JSON}", {}),
        (f"@cfssl gencert {LEAF} config/x.json {JSON}", {}),
        (f"-cfssl gencert {LEAF} config/x.json {JSON}", {}),
        (
            (
                f"@env PATH=/go/bin:$PATH cfssl gencert {LEAF} config/x.json | env PATH=/go/bin "
                "cfssljson -bare certs/x"
            ),
            {},
        ),
        (
            (
                f"X=1 B=2 /usr/bin/cfssl gencert {LEAF} config/x.json | ./bin/cfssl-json "
                "--bare=true certs/x"
            ),
            {},
        ),
        (
            (
                f"$HOME/go/bin/cfssl gencert {LEAF} config/x.json | $HOME/go/bin/cfssljson -bare "
                "certs/x"
            ),
            {},
        ),
        (f"cfssl gencert {LEAF.replace(' -', ' --')} config/x.json {JSON}", {}),
        (
            (
                f"cfssl gencert {LEAF.replace(' certs', '=certs').replace(' config', '=config')} "
                f"config/x.json {JSON}"
            ),
            {},
        ),
        (f"cfssl gencert {QUOTED} config/x.json {JSON}", {}),
        (f"cfssl gencert \\\n\t  {LEAF} \\\n\t  config/x.json {JSON}", {}),
        (
            (
                f"mkdir -p certs && cfssl gencert {LEAF} config/x.json {JSON}; chmod 600 "
                "certs/x-key.pem"
            ),
            {},
        ),
        (f"cfssl gencert {LEAF} config/x.json 2>/dev/null {JSON} 2>&1", {}),
        (f"cfssl gencert -loglevel 2 {LEAF} config/x.json {JSON}", {}),
        (
            (
                f"cd sub && cfssl gencert {LEAF.replace(' c', ' ../c')} ../config/x.json | "
                "cfssljson -bare ../certs/x"
            ),
            {},
        ),
        (f"cfssl gencert {LEAF} ./config/x.json | cfssljson -bare ./certs/x", {}),
        (
            f"cfssl gencert -profile=kubernetes {LEAF} config/x.json {JSON}",
            {"profile": "kubernetes"},
        ),
        (
            f"cfssl gencert -hostname=a,b -cn cXd {LEAF} config/x.json {JSON}",
            {"hostname": "a,b", "cn": "cXd"},
        ),
        (f"cfssl gencert {LEAF} config/x.json {JSON} # why; not", {}),
        (f"test -d certs || mkdir certs && cfssl gencert {LEAF} config/x.json {JSON}", {}),
        (f"cfssl gencert {LEAF} config/x.json 2>> log {JSON}", {}),
        (f"cd sub && cd .. && cfssl gencert {LEAF} config/x.json {JSON}", {}),
        (f"cfssl gencert {LEAF} config/x.json {JSON} -", {}),
        (f"cfssl gencert {LEAF} config/x.json | cfssljson -stdout -bare certs/x", {}),
        (f"cfssl gencert -X h:1 {LEAF} config/x.json {JSON}", {"unknown": ("-X",)}),
        (f"cfssl gencert -remote h:1 {LEAF} config/x.json {JSON}", {"unknown": ("-remote",)}),
        (f"cfssl gencert config/x.json {JSON}", {"ca": "", "ca_key": "", "config": ""}),
        (
            f"cfssl gencert -initca config/x.json {JSON}",
            {"ca": "", "ca_key": "", "config": "", "makes_ca": True},
        ),
        (
            f"cfssl gencert {LEAF} config/x.json | cfssljson -bare",
            {"name": "cert", "output": "cert"},
        ),
        (
            f"cfssl gencert {LEAF} config/x.json | cfssljson -bare certs/",
            {"name": "", "output": "certs/"},
        ),
    ],
)
def test_gencert_is_read_in_every_spelling_of_the_field(
    line: str, expected: dict[str, object]
) -> None:
    fields = {**PLAIN.__dict__, **expected}
    assert signings_in_shell(line, "req") == ((Signing(**fields),), ())


@pytest.mark.fast
def test_several_commands_on_a_line_are_several_signings() -> None:
    line = (
        f"cfssl gencert -initca ca.json | cfssljson -bare certs/ca && cfssl gencert {LEAF} "
        f"config/x.json {JSON}"
    )
    found, unread = signings_in_shell(f"echo first\n{line}\n", "all")
    assert [(each.name, each.makes_ca, each.target) for each in found] == [
        ("ca", True, "all"),
        ("x", False, "all"),
    ]
    assert unread == ()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("for i in a b; do cfssl gencert $i.json | cfssljson -bare $i; done", ["a", "b"]),
        (
            (
                "set -e; for i in a ; do echo $i && cfssl gencert ${i}.json | cfssljson -bare $i "
                "|| exit 1; done"
            ),
            ["a"],
        ),
        (
            "for i in a b; do n=$i; cfssl gencert $i.json | cfssljson -bare certs/peer-$i; done",
            ["peer-a", "peer-b"],
        ),
        (
            (
                'for i in a b; do cfssl gencert "$i.json" | cfssljson -bare "$i" && awk \'{print '
                "$i}' x; done"
            ),
            ["a", "b"],
        ),
        (
            (
                "for i in a; do true; done; for j in b; do cfssl gencert a.json | cfssljson -bare "
                "$j; done"
            ),
            ["b"],
        ),
        (
            "for i in a b; do echo i; read x; cfssl gencert $i.json | cfssljson -bare $i; done",
            ["a", "b"],
        ),
        ("for i in a; do true; done & cfssl gencert a.json | cfssljson -bare b", ["b"]),
        ("for i in ax; do cfssl gencert ${i%x}.json | cfssljson -bare $i; done", ["ax"]),
        (
            "for i in a b; do cfssl gencert $i.json | cfssljson -bare $i; done | tee log",
            ["a", "b"],
        ),
    ],
)
def test_a_loop_over_words_that_stand_there_signs_for_each(line: str, names: list[str]) -> None:
    found, unread = signings_in_shell(line, "req")
    assert ([each.name for each in found], unread) == (names, ())


@pytest.mark.fast
@pytest.mark.parametrize(
    "line",
    [
        "cfssl gencert",
        "cfssl gencert x.json",
        "cfssl gencert x.json | cfssljson",
        "cfssl gencert 'x.json | cfssljson -bare x",
        "cfssl gencert x.json y.json | cfssljson -bare x",
        "cfssl gencert - | cfssljson -bare x",
        "echo {} | cfssl gencert - | cfssljson -bare x",
        "cfssl gencert x.json > x.out",
        "cfssl gencert x.json | cfssljson -bare x y",
        "for i in $X; do cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i in a *; do cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i in 'a b'; do cfssl gencert $i.json | cfssljson -bare x; done",
        "for i in a b; do cfssl gencert $i.json | cfssljson -bare $i",
        "for i in a b; cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i; do cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i in a b; do cfssl gencert a.json | cfssljson -bare c/$ii; done",
        "for i in a b; do i+=x; cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i in a b; do read -r i; cfssl gencert $i.json | cfssljson -bare $i; done",
        "for i in a b; do cfssl gencert $i.json | cfssljson -bare '$i'; done",
        'for i in a b; do cfssl gencert $i.json | cfssljson -bare "\\$i"; done',
        r"for i in a b; do cfssl gencert $i.json | cfssljson -bare \$i; done",
        "for i in a b; do cfssl gencert -cn `hostname` $i.json | cfssljson -bare $i; done",
        "cd $D && cfssl gencert x.json | cfssljson -bare x",
        "for i in; do cfssl gencert $i.json | cfssljson -bare $i; done",
        "docker run cfssl/cfssl gencert x.json | cfssljson -bare x",
        "cfssl -v gencert x.json | cfssljson -bare x",
        "gencert x.json | cfssljson -bare x",
        "cfssl | cfssljson -bare gencert",
        "| cfssljson -bare gencert",
        "cfssl gencert -ca | cfssljson -bare x",
        "$X gencert x.json | cfssljson -bare $Y",
        "cfssl gencert $X | cfssljson -bare x",
        "cfssl gencert x.json | other -bare x",
        "other gencert x.json | cfssljson -bare x",
    ],
)
def test_what_is_not_understood_is_handed_back(line: str) -> None:
    assert signings_in_shell(line, "req") == ((), (Unread(line, "req"),))


@pytest.mark.fast
@given(
    st.lists(
        st.sampled_from(
            ["cfssl", "gencert", "cfssljson", "-bare", "x", "-ca", "cd", "2", *"|'\"\\&>=;\n"]
        )
    )
)
def test_no_line_ends_in_a_traceback(words: list[str]) -> None:
    found, unread = signings_in_shell(" ".join(words), "req")
    assert all(isinstance(signing, Signing) for signing in found)
    assert all("gencert" in each.line for each in unread)


@pytest.mark.needs("make")
def test_a_folder_made_by_hand_is_read_through_req_or_every_target_that_there_is(
    tmp_path: Path,
) -> None:
    assert [signing.name for signing in read(foreign("2015", tmp_path))] == [
        "etcd1",
        "etcd2",
        "etcd3",
        "proxy1",
    ]
    assert sorted(signing.name for signing in read(foreign("beside", tmp_path))) == [
        "api",
        "etcd1",
        "etcd2",
    ]
    path = foreign("patterns", tmp_path)
    assert sorted((signing.name, signing.request) for signing in read(path)) == [
        ("admin", "admin-csr.json"),
        ("etcd", "etcd-csr.json"),
    ]
    assert set(targets_of_makefile(path).goals) == {
        "certs",
        "clean",
        "certs/ca.pem",
        "certs/etcd.pem",
        "certs/admin.pem",
    }


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_file_targets_that_are_up_to_date_are_read_all_the_same(tmp_path: Path) -> None:
    path = foreign("patterns", tmp_path)
    before = read(path)
    make(path, "certs")
    assert read(path) == before


@pytest.mark.needs("make")
def test_paths_that_a_makefile_writes_out_in_full_are_those_of_the_folder(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "linked"
    home.mkdir()
    path.symlink_to(home, target_is_directory=True)
    sign = "cfssl gencert -ca $(CURDIR)/certs/ca.pem -ca-key $(PWD)/certs/ca-key.pem"
    (home / "Makefile").write_text(
        f"req:\n\t{sign} $(PWD)/x.json | cfssljson -bare $(CURDIR)/certs/x\n", "utf-8"
    )
    assert read(path) == (Signing("x", "req", "x.json", "certs/x", config=""),)


@pytest.mark.needs("make")
def test_a_req_that_fails_is_told_although_other_targets_sign(tmp_path: Path) -> None:
    sign = "cfssl gencert x.json | cfssljson -bare x"
    (tmp_path / "Makefile").write_text(f"req:\n\t$(error no way)\nx:\n\t{sign}\n", "utf-8")
    with pytest.raises(ScaffoldError, match="no way"):
        read(tmp_path)
    (tmp_path / "Makefile").write_text(f"request:\n\t{sign}\n", "utf-8")
    assert [each.name for each in read(tmp_path)] == ["x"]


@pytest.mark.parametrize(
    ("more", "all_of_it"),
    [
        ("", True),
        ("x := $(MAKE)\n", True),
        ("x:\n\tcfssl gencert x\n", False),
        ("# of gencert\n", True),
        ("-include x.mk\n", False),
        ("x:\n\tcd y && $(MAKE)\n", False),
        ("x: ; ${MAKE} -C y\n", False),
    ],
)
def test_every_target_counts_where_others_may_sign(
    folder: Factory, more: str, all_of_it: bool
) -> None:
    text = (folder() / "Makefile").read_text()
    assert asks_for_all_by_req(text + more) is all_of_it
    assert not asks_for_all_by_req(more)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("all:\ninclude tls-scaffold.mk\n", True),
        ("-include tls-scaffold.mk.old\nrenew:\n", False),
        ("", False),
    ],
)
def test_ours_is_known_by_the_rules_that_it_includes(text: str, there: bool) -> None:
    assert includes_our_rules(text) is there


@pytest.mark.needs("make")
def test_a_survey_says_what_each_target_makes_and_what_was_not_understood(tmp_path: Path) -> None:
    path = foreign("own-targets", tmp_path)
    edit(
        path / "Makefile",
        "\nclean:",
        "\nodd:\n\tcfssl gencert x.json\n\tcfssl  gencert y.json\n\nclean:",
    )
    found = survey_makefile(path)
    assert found.unread == (
        Unread("cfssl gencert x.json", "odd"),
        Unread("cfssl gencert y.json", "odd"),
    )
    assert list(map(str, found.unread)) == [
        "odd: `cfssl gencert x.json`",
        "odd: `cfssl gencert y.json`",
    ]
    assert found.makes["req-dex"] == ("certs/dex",)
    assert {signing.output: signing.target for signing in found.signings} == {
        "certs/ca": "ca",
        "certs/etcd1": "req",
        "certs/dex": "req-dex",
        "certs/k8s": "req-k8s",
    }


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "make can't read"),
        ("", "make can't read"),
        ("req:\n  spaces\n", "*** missing separator.  Stop."),
        ("req: $(error no way)\n", "no way"),
    ],
)
def test_a_makefile_that_fails_is_told_in_makes_own_words(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "Makefile").write_text(text, encoding="utf-8")
    with pytest.raises(ScaffoldError) as error:
        read(tmp_path)
    assert message in str(error.value)


@pytest.mark.needs("make")
def test_a_makefile_that_signs_nothing_has_no_signings(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes(b"x = \xff\nreq:\n\techo $(x)\n")
    assert read(tmp_path) == ()


@pytest.mark.fast
def test_without_make_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ScaffoldError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        "`make` is not installed\n\nhint: `apt-get install make`, or Xcode's command line tools"
    )


@pytest.mark.needs("make")
def test_a_make_that_does_not_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Makefile").write_text("x := $(shell sleep 5)\nreq:\n", encoding="utf-8")
    monkeypatch.setattr("tls_scaffold.makefiles.gnumake.MINUTE", 0.2)
    with pytest.raises(ScaffoldError, match="make does not end"):
        read(tmp_path)


@pytest.mark.needs("make")
def test_a_request_that_is_missing_hides_no_signing(folder: Factory) -> None:
    path = folder()
    before = read(path)
    (path / "config/req-calico.json").unlink()
    assert read(path) == before


@pytest.mark.needs("make")
def test_a_pattern_that_makes_nothing_of_files_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(
        "all: a.pem\n%.pem:\n\ttouch $@\nb/%: c/%/%\n\ttouch $@\nx:\n\techo \\", "utf-8"
    )
    assert set(targets_of_makefile(tmp_path).goals) == {"all", "x"}


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ("all: certs/ca.pem certs/app.pem", {"all", "certs/app.pem"}),
        ("all: certs/ca.pem | certs/app.pem", {"all", "certs/app.pem"}),
        ("all: certs/ca.pem certs/lost.pem", {"all"}),
        ("all: certs/ca.pem certs/app.pem\ncerts/app.pem: extra", {"all", "certs/app.pem"}),
        ("all: certs/ca.pem", {"all", "certs/app.pem", "certs/csr.pem"}),
        (".PHONY: certs/app.pem", {"certs/app.pem", "certs/csr.pem"}),
    ],
)
def test_what_targets_need_of_a_pattern_is_what_it_makes_else_what_there_are_files_for(
    needs: str, found: set[str], tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    for name in ("app", "csr"):
        (tmp_path / f"config/req-{name}.json").touch()
    rules = "certs/%.pem: config/req-%.json certs/ca.pem\n\ttouch $@\ncerts/ca.pem:\n\ttouch $@\n"
    (tmp_path / "Makefile").write_text(f"{needs}\n{rules}", "utf-8")
    assert set(targets_of_makefile(tmp_path).goals) == found | {"certs/ca.pem"}


@pytest.mark.fast
@pytest.mark.parametrize(
    ("line", "plain", "outside"),
    [
        ("a b # c", "a b ", "a b # c"),
        ("# x", "", "# x"),
        ("a#b c", "a#b c", "a#b c"),
        ('@echo "# s" && x', '@echo "# s" && x', "@echo  && x"),
        ("echo '# x';# t", "echo '# x';", "echo ;# t"),
        ('x "a \\" # b" y', 'x "a \\" # b" y', "x  y"),
    ],
)
def test_a_comment_begins_where_no_quote_holds_it(line: str, plain: str, outside: str) -> None:
    assert without_comment(line) == plain
    assert without_quoted(line) == outside


@pytest.mark.fast
def test_a_line_that_speaks_of_signing_behind_a_quoted_hash_signs() -> None:
    found, unread = signings_in_shell(
        f'echo "# signing" && cfssl gencert {LEAF} config/x.json {JSON}', "req"
    )
    assert ([each.name for each in found], unread) == (["x"], ())
    assert signings_in_shell("echo gencert", "req") == ((), ())
    (told,) = signings_in_shell("echo 'cfssl gencert x.json' | sh", "req")[1]
    assert told.line == "echo 'cfssl gencert x.json' | sh"
    assert signings_in_shell(f"true # cfssl gencert {LEAF} config/x.json {JSON}", "req") == ((), ())


def test_lines_that_only_mention_our_script_are_no_signings(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    told, verb = (
        "echo re-run sh sign.sh again certs/etcd1.pem by hand",
        "sh sign.sh ca && cp certs/ca.pem public.pem",
    )
    for words in (told, verb, "sh sign.sh need certs.pem", "sh sign.sh renew; cat certs/x.pem"):
        assert _script_lines(words) == ([], []), words
        more = f"{words} | sh sign.sh again certs/x.pem config/x.json; true"
        assert _script_lines(more) == ([Signing("x", "", "config/x.json", "certs/x")], [])
    assert _script_lines("sh sign.sh ca.pem") == ([], ["sh sign.sh ca.pem"])
    assert len(read(path)) == 2
    for script in ("./sign.sh", "sh ./sign.sh", "X=1 sh sign.sh"):
        assert _script_lines(f"{script} changed certs/x.pem -profile client config/x.json # x") == (
            [Signing("x", "", "config/x.json", "certs/x", "client")],
            [],
        )
    assert _script_lines("chroot / sh sign.sh again certs/x.pem config/x.json") == (
        [],
        ["chroot / sh sign.sh again certs/x.pem config/x.json"],
    )
    for pair in ("certs/$n.pem config/x.json", "certs/x.pem config/`y`.json"):
        assert _script_lines(f"true; sh sign.sh again {pair}") == (
            [],
            [f"true; sh sign.sh again {pair}"],
        )
    (plain,), _ = _script_lines("n=x; sh sign.sh again certs/$n.pem config/x.json")
    assert plain.output == "certs/x"


FLAGS: dict[str, dict[str, Any]] = {
    "": {},
    "-profile client": {"profile": "client"},
    "-profile=client --cn root": {"profile": "client", "cn": "root"},
    "-hostname a.example.com,10.0.0.1": {"hostname": "a.example.com,10.0.0.1"},
    "-hostname ''": {"hostname": ""},
    "-remote x": {"unknown": ("-remote",)},
}


@pytest.mark.fast
@pytest.mark.parametrize("words", FLAGS)
def test_a_component_s_line_may_have_any_of_cfssl_s_flags(words: str) -> None:
    request = Signing("x", "", "config/x.json", "certs/x")
    asked = replace(request, **FLAGS[words], flags=tuple(shlex.split(words)))
    (found,), unread = _script_lines(
        f"sh sign.sh again certs/x.pem {words} config/x.json".replace("  ", " ")
    )
    text = f"req-x certs/x.pem: config/x.json ; $(sign) {words} $<".replace("  ", " ")
    (line,) = signings_of_lines(component_lines(text))
    assert (found, found.flags, unread) == (asked, asked.flags, [])
    assert (line, line.flags) == (replace(asked, target="req-x"), asked.flags)


@pytest.mark.fast
@pytest.mark.parametrize(
    "recipe", ["$(sign) -cn $(CN) $<", "$(sign) -cn 'x $<", "$(sign) $<# x", "cp x y", "$(sign)"]
)
def test_a_line_that_only_make_can_tell_is_not_told_without_it(recipe: str) -> None:
    assert signings_of_lines(component_lines(f"req-x certs/x.pem: config/x.json ; {recipe}")) == ()


def own(folder: Path, *lines: str) -> Path:
    """Write a Makefile whose `req` has these lines, behind a name that is no UTF-8."""
    target = "req-felix ssl/f.x.pem: ; \n"
    text = f"{target}req:\n" + "".join(f"\t{line}\n" for line in lines)
    (folder / "Makefile").write_bytes(b"x = \xff\n" + text.encode())
    return folder


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sh sign.sh again ssl/a/b.pem r.json", Signing("b", "req-b", "r.json", "ssl/a/b")),
        (
            "sh sign.sh changed b.pem -profile p.q-1 r.json",
            Signing("b", "req-b", "r.json", "b", "p.q-1"),
        ),
        ("sh sign.sh again ssl/f.x.pem r.json", Signing("felix", "req-felix", "r.json", "ssl/f.x")),
        ("SIGNER=x sh sign.sh again b.pem r.json", Signing("b", "req-b", "r.json", "b")),
        (
            "@A=b sh sign.sh again b.pem -profile p r.json # ours",
            Signing("b", "req-b", "r.json", "b", "p"),
        ),
        (
            "umask 077; sh sign.sh again b.pem r.json && ./publish b.pem",
            Signing("b", "req-b", "r.json", "b"),
        ),
    ],
)
def test_our_own_lines_are_read_after_somebody_has_edited_them(
    tmp_path: Path, line: str, expected: Signing
) -> None:
    found = survey_makefile(own(tmp_path, line))
    assert (found.signings, found.unread) == ((expected,), ())


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    "line",
    [
        "bash sign.sh again b.pem r.json",
        "sh -x sign.sh again b.pem r.json",
        "sh sign.sh again b r.json c.pem",
        "sh sign.sh again b.pem r.json p q",
        "sh sign.sh again b.pem -initca r.json",
        "sh sign.sh again b.pem",
        "sh sign.sh b.pem r.json",
        "sh sign.sh again b.pem r.json $p",
        "for b in a *; do sh sign.sh again b.pem r.json; done",
        "sh sign.sh again 'b.pem r.json",
    ],
)
def test_a_line_of_ours_that_can_not_be_told_any_more_is_handed_back(
    tmp_path: Path, line: str
) -> None:
    written = line.replace("$", "$$")
    found = survey_makefile(own(tmp_path, f"{written}  ", "sh sign.sh again z.pem r.json"))
    assert found.signings == (Signing("z", "req-z", "r.json", "z"),)
    assert found.unread == (Unread(line),)


@pytest.mark.needs("make")
def test_lines_that_only_speak_of_the_script_or_of_certificates_sign_nothing(
    tmp_path: Path,
) -> None:
    lines = (
        "chmod 755 sign.sh; (true)",
        "for each in a.pem; do cat $$each; done",
        "./publish b.pem",
    )
    found = survey_makefile(own(tmp_path, *lines))
    assert (found.signings, found.unread) == ((), ())


@pytest.mark.needs("make")
def test_a_dry_run_is_from_nothing_or_with_what_is_there(tmp_path: Path) -> None:
    text = "SIGNER = x\nall: a b c\na b:\n\ttouch $@\nc:\n\techo $(SIGNER) $(LC_ALL)\n"
    (tmp_path / "Makefile").write_text(text, encoding="utf-8")
    (tmp_path / "b").touch()

    def commands(*there: str) -> list[str]:
        lines = dry_run(tmp_path, "all", there=there).text.splitlines()
        return [line for line in lines if "directory" not in line]

    assert commands() == ["touch a", "touch b", "echo x C"]
    (tmp_path / "tls-scaffold.mk").touch()
    assert commands() == ["touch a", "touch b", "echo cfssl C"]
    assert commands("a") == ["echo cfssl C"]
    (tmp_path / "Makefile").write_text(
        text.replace("a b", "$(CURDIR)/a $(CURDIR)/b"), encoding="utf-8"
    )
    assert commands("a") == ["echo cfssl C"]


@pytest.mark.needs("make")
def test_a_variable_of_the_team_s_own_names_its_ca_whatever_ours_is_called(tmp_path: Path) -> None:
    sign = "cfssl gencert -ca certs/$(SIGNER).pem -ca-key certs/$(SIGNER)-key.pem x.json"
    text = f"SIGNER = mid\nall:\n\t{sign} | cfssljson -bare x\n"
    (tmp_path / "Makefile").write_text(text, encoding="utf-8")
    (found,) = survey_makefile(tmp_path).signings
    assert (found.ca, found.ca_key) == ("certs/mid.pem", "certs/mid-key.pem")


@pytest.mark.needs("make")
def test_what_a_make_in_another_folder_signs_lies_below_that(tmp_path: Path) -> None:
    w, x, y, z = (
        f"cfssl gencert {name}.json \\\n | cfssljson -bare {name}"
        for name in ("w", "x", "y", "certs/z")
    )
    texts = {
        "Makefile": f"req:\n\t$(MAKE) -C 'a b' req\n\t{z}\n",
        "a b/Makefile": f"req:\n\t{x}\n\tcd c && $(MAKE)\n\t{y}\n",
        "a b/c/Makefile": f"all:\n\tcd ../d; {w}\n\techo\n\tsh sign.sh again v.pem v.json\n",
    }
    (tmp_path / "a b/c").mkdir(parents=True)
    for path, text in texts.items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    found = survey_makefile(tmp_path)
    assert [each.output for each in found.signings] == ["a b/x", "a b/d/w", "a b/y", "certs/z"]
    assert [each.request for each in found.signings] == [
        "a b/x.json",
        "a b/d/w.json",
        "a b/y.json",
        "certs/z.json",
    ]
    assert found.unread == (Unread("cd 'a b/c' && sh sign.sh again v.pem v.json"),)
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    assert survey_makefile(tmp_path / "linked") == found


@pytest.mark.needs("make")
def test_makes_of_several_folders_are_asked_one_after_another(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(8)]
    for name in names:
        (tmp_path / name).mkdir()
        line = "cfssl gencert x.json | cfssljson -bare"
        (tmp_path / name / "Makefile").write_text(
            f"all:\n\t{line} a\n\t{line} b\n", encoding="utf-8"
        )
    rules = "".join(f"{name}/x:\n\t$(MAKE) -C {name}\n" for name in names)
    needs = " ".join(f"{name}/x" for name in names)
    (tmp_path / "Makefile").write_text(f"MAKEFLAGS += -j8\nreq: {needs}\n{rules}", encoding="utf-8")
    assert [each.output for each in read(tmp_path)] == [
        f"{name}/{each}" for name in names for each in "ab"
    ]


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    "line",
    [
        "$(MAKE) -C sub | grep -v Entering",
        "+@$(MAKE) -w -C sub | tail -1",
        "@$(MAKE) -C sub >/dev/null",
    ],
)
def test_what_of_another_make_is_not_to_be_seen_misleads_nobody(tmp_path: Path, line: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/Makefile").write_text("all: ; true\n", encoding="utf-8")
    sign = "cfssl gencert x.json | cfssljson -bare x"
    (tmp_path / "Makefile").write_text(f"req:\n\t{line}\n\t{sign}\n", encoding="utf-8")
    assert [each.output for each in read(tmp_path)] == ["x"]


@pytest.mark.fast
@pytest.mark.needs("make")
@pytest.mark.parametrize(
    "recipe",
    [
        "\t$(MAKE) -v && touch signed && $(held) x.json",
        "\t@+touch signed && cfssl gencert x.json",
        "\ttouch signed; \\\n\t${MAKE} -v; cfssl \\\n\tgencert x.json",
        "x: ; +touch signed; sh sign.sh a b",
        "\t+touch signed; $(held) x.json",
    ],
)
def test_no_line_signs_when_make_is_only_asked(tmp_path: Path, recipe: str) -> None:
    (tmp_path / "Makefile").write_text(
        f"held = cfssl gencert\nreq: x\nx:\n{recipe}\n", encoding="utf-8"
    )
    with pytest.raises(ScaffoldError) as caught:
        read(tmp_path)
    told = " ".join(recipe.replace("\\\n", " ").split())
    assert str(caught.value) == (
        "make would run what signs or changes files although it is only asked\n"
        f"  Makefile:4: `{told}`\n\n"
        "hint: write it into commands of rules, without a `+`, `$(MAKE)` or `$(shell …)` in them"
    )
    assert not (tmp_path / "signed").exists()


@pytest.mark.needs("make")
def test_a_make_that_is_called_for_what_signs_is_asked_too(tmp_path: Path) -> None:
    sign = "cfssl gencert x.json | cfssljson -bare x"
    text = f"# $(MAKE) gencert\nreq:\n\t$(MAKE) gencert; true\ngencert:\n\t{sign}\n"
    (tmp_path / "Makefile").write_text(text, encoding="utf-8")
    assert [each.name for each in read(tmp_path)] == ["x"]


@pytest.mark.needs("make")
def test_of_our_own_makefile_a_survey_asks_no_component_by_itself(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a,b")
    makefile = path / "Makefile"
    makefile.write_text(
        makefile.read_text()
        + "docs:\n\t$(MAKE) -C docs\nx:\n\tcfssl gencert x | cfssljson -bare x\n"
    )
    (path / "docs").mkdir()
    (path / "docs/Makefile").write_text("all: ; true\n")
    found = survey_makefile(path)
    assert [each.output for each in found.asked] == [
        f"certs/{name}" for name in ("etcd1", "proxy1", "a", "b")
    ]
    assert [each.output for each in found.signings if each.on_request] == ["x"]
    assert {"req", "docs", "x"} <= found.makes.keys()
    assert not {
        goal for goal in found.makes if goal.startswith("req-") or goal.endswith(".pem")
    } - {"certs/ca.pem"}


@pytest.mark.needs("make")
@pytest.mark.parametrize("chosen", ["mine", "gmake"])
def test_the_make_that_is_named_is_asked_else_gnu_make_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    (tmp_path / "Makefile").write_text("req:\n", encoding="utf-8")
    for name in ("mine", "gmake"):
        (tmp_path / name).write_text(
            f"#!/bin/sh\necho 'cfssl gencert x | cfssljson -bare {name}'\nexec make \"$@\"\n"
        )
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if chosen == "mine":
        monkeypatch.setenv("MAKE_PROGRAM", str(tmp_path / "mine"))
    assert [each.output for each in read(tmp_path)] == [chosen]


@pytest.mark.needs("make")
def test_what_a_macro_holds_is_no_target(tmp_path: Path) -> None:
    text = "define sign\nreq-$(1): ; x\nexample: ; x\nendef\nall: req-a\n$(eval $(call sign,a))\n"
    (tmp_path / "Makefile").write_text(text)
    found = targets_of_makefile(tmp_path)
    assert (set(found.goals), found.default) == ({"all", "req-a", "example"}, "all")


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ("", set()),
        ("clean:\n\tcfssl gencert x.json | cfssljson -bare x\n", {"clean"}),
        ("clean: mine\nmine:\n\tcfssl gencert x.json | cfssljson -bare x\n", {"clean", "mine"}),
        ("clean: x.pem\n%.pem:\n\tcfssl gencert x.json | cfssljson -bare x\n", {"clean"}),
    ],
)
def test_ours_are_targets_for_which_a_team_s_own_can_not_run_anything(
    folder: Factory, more: str, asked: set[str]
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0")
    text = (path / "Makefile").read_text()
    (path / "Makefile").write_text(f"{text}\n{more}")

    found = targets_of_makefile(path)

    of_the_makefile = {"all", "req", "req-etcd1", "certs/etcd1.pem"}
    assert set(found.goals) - found.ours == of_the_makefile | asked
    assert {"renew", "regenerate", "rotate-start"} <= found.ours
    if asked:
        assert "x" in {each.output for each in survey_makefile(path).signings}


@pytest.mark.needs("make")
@pytest.mark.parametrize(
    ("makefile", "hint"),
    [
        ("all: ;\n", "put everything into `Makefile`, or move one of the two away"),
        (None, "rename it to `Makefile`"),
    ],
)
@pytest.mark.parametrize("command", ["sign", "status", "adopt"])
def test_where_make_reads_another_file_no_answer_comes_from_makefile(
    tmp_path: Path, command: str, makefile: str | None, hint: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "GNUmakefile").write_text("all: ;\n")
    if makefile:
        (tmp_path / "Makefile").write_text(makefile)
    done = run(OURS, command, cwd=tmp_path)
    said = "error: make reads `GNUmakefile` instead of `Makefile`"
    assert (done.returncode, done.stderr) == (1, f"{said}\n\nhint: {hint}\n")


@pytest.mark.needs("make")
def test_copies_under_other_names_are_known_beside_what_is_signed(tmp_path: Path) -> None:
    signs = f"\tcfssl gencert {LEAF} config/x.json {JSON}\n"
    copies = "\tmkdir -p out\n\tcp certs/x.pem out/x.crt\n\tcp certs/x.pem certs/x-key.pem out\n"
    (tmp_path / "Makefile").write_text(f"all:\n{signs}{copies}")
    (found,) = read(tmp_path)
    assert (found.output, found.copies) == ("certs/x", ("out/x.crt", "out/x.pem"))

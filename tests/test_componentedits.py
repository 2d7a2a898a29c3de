"""A Makefile whose component lines follow, and nothing else of which is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_scaffold.makefiles.componentedits import COMMENTS, Edited, follow_components
from tls_scaffold.makefiles.componentlines import ComponentLine, component_line, component_lines
from tls_scaffold.paths import CA

pytestmark = pytest.mark.fast

CLIENT = "$(sign) -profile client $<"


def line(name: str, **parts: str) -> ComponentLine:
    parts = {
        "output": f"certs/{name}",
        "request": f"config/req-{name}.json",
        "profile": "client",
        "ca": CA,
        **parts,
    }
    return component_line(name, **parts)


def users(*names: str) -> list[tuple[str, ComponentLine]]:
    return [("user", line(name)) for name in names]


def followed(
    text: str, *names: str, gone: tuple[str, ...] = (), rendered: tuple[str, ...] = ()
) -> Edited:
    """Let a Makefile follow these users; the lines of `rendered` were rendered last."""
    return follow_components(text, users(*names), {name: [line(name)] for name in rendered}, gone)


MAKEFILE = f"""\
all: ca req
include tls-scaffold.mk

# Members
{line("m", profile="")}
# Proxies
# Users
{line("a")}
{line("b")}

# What the team does.
req:
\techo done
"""


def test_a_makefile_that_follows_stays_as_it_is() -> None:
    assert followed(MAKEFILE, "a", "b", rendered=("a", "b")) == Edited(MAKEFILE)


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("user", "\n# What the team"),
        ("proxy", "# Users\n"),
        ("member", "# Proxies\n"),
        ("other", "\n# What"),
    ],
)
def test_a_line_comes_behind_the_last_of_its_kind_or_below_the_comment(
    kind: str, before: str
) -> None:
    wanted = [("member", line("m", profile="")), *users("a", "b"), (kind, line("new"))]
    assert follow_components(MAKEFILE, wanted, {}, ()).text == MAKEFILE.replace(
        before, f"{line('new')}\n{before}"
    )


@pytest.mark.parametrize("text", ["", "x:\n", "x:\n\techo", f"# {line('a')}\n"])
def test_where_there_is_neither_it_comes_at_the_end(text: str) -> None:
    body = text if text.endswith("\n") or not text else f"{text}\n"
    assert followed(text, "a").text.rstrip("\n") == f"{body}{line('a')}"


def test_lines_come_in_the_order_of_the_inventory_and_make_what_new_makes() -> None:
    empty = "".join(f"{comment}\n" for comment in COMMENTS.values())
    wanted = [
        ("member", line("m1")),
        ("member", line("m2")),
        ("proxy", line("p")),
        *users("a", "b"),
    ]
    assert follow_components(empty, wanted, {}, ()).text == (
        f"# Members\n{line('m1')}\n{line('m2')}\n# Proxies\n{line('p')}\n# Users\n{line('a')}\n"
        f"{line('b')}\n"
    )


def test_lines_of_what_is_gone_go_wherever_they_stand() -> None:
    text = f"{line('x')}\n# {line('x')}\n{line('a')}\nreq:\n\techo\n{line('x')}\n"
    assert followed(text, "a", gone=("x",), rendered=("x",)) == Edited(
        f"# {line('x')}\n{line('a')}\nreq:\n\techo\n"
    )


@pytest.mark.parametrize(
    "lines",
    [
        f"{line('x')} # mine",
        str(line("x")).replace("client", "peer"),
        str(line("x")).replace(": ", ":  "),
        f"{line('x')}\n\techo signed",
        f"{line('x')}\n\n# more\n\techo signed",
        str(line("x")).replace(" ; ", " \\\n  config/ca-config.json ; "),
        "req-x certs/x.pem: config/req-x.json\n\t$(sign) $< && \\\necho\n\techo signed",
    ],
)
def test_what_was_edited_goes_with_its_commands_and_is_told(lines: str) -> None:
    found = followed(f"{line('a')}\n{lines}\n\nb:\n", "a", gone=("x",), rendered=("x",))
    assert found == Edited(f"{line('a')}\n\nb:\n", lost=tuple(lines.split("\n")))


def test_a_line_of_the_team_s_own_for_another_component_stays() -> None:
    text = f"{line('a')}\n{line('mine')}\n"
    assert followed(text, "a", gone=("x",)) == Edited(text)


@pytest.mark.parametrize(
    ("there", "after"),
    [
        (
            "req-a old/a.pem: config/req-a.json ; $(sign) $<",
            f"req-a certs/a.pem: config/req-a.json ; {CLIENT}",
        ),
        (
            "req-a certs/a.pem:  old.json x.json ; $(sign) $<",
            f"req-a certs/a.pem:  config/req-a.json x.json ; {CLIENT}",
        ),
        (
            "req-a certs/a.pem: config/req-a.json;$(sign) $<",
            f"req-a certs/a.pem: config/req-a.json;{CLIENT}",
        ),
        ("req-a  old.pem: x ; mine", "req-a  certs/a.pem: config/req-a.json ; mine"),
        (
            "req-a certs/a.pem: x\n\t$(sign) $<",
            "req-a certs/a.pem: config/req-a.json\n\t$(sign) $<",
        ),
        ("req-a certs/a.pem: x \\\n y", "req-a certs/a.pem: config/req-a.json \\\n y"),
    ],
)
def test_certificate_and_request_follow_and_the_recipe_if_it_was_not_edited(
    there: str, after: str
) -> None:
    last = {"a": [line("a", profile="")]}
    assert follow_components(f"{there}\nb:\n", users("a"), last, ()).text == f"{after}\nb:\n"


@pytest.mark.parametrize(
    "recipe", ["$(sign) -profile peer $<", f"{CLIENT} && echo", "$(sign) -hostname x $<", "mine"]
)
def test_a_recipe_of_the_team_s_own_stays_and_is_told(recipe: str) -> None:
    text = str(line("a")).replace(CLIENT, recipe) + "\n"
    assert followed(text, "a", rendered=("a",)) == Edited(text, own=("a",))


def test_a_recipe_is_the_team_s_own_where_nothing_tells_what_was_rendered() -> None:
    text = str(line("a", profile="peer"))
    assert followed(text, "a") == Edited(text, own=("a",))


def test_a_recipe_is_ours_if_one_of_two_merged_branches_has_rendered_it() -> None:
    last = {"a": [line("a", profile="peer"), line("a", profile="other")]}
    texts = [str(line("a", profile=profile)) for profile in ("peer", "other", "mine")]
    assert [follow_components(text, users("a"), last, ()).text for text in texts] == [
        str(line("a"))
    ] * 2 + texts[2:]


def test_a_line_that_two_branches_have_added_stands_once() -> None:
    mine = f"{line('a')}\n\techo"
    assert followed(f"{line('a')}\n{line('a')}\n", "a").text == f"{line('a')}\n"
    assert followed(f"{mine}\n{line('a')}\n", "a").text == f"{mine}\n"
    assert followed(f"{mine}\n{mine}2\n", "a").text == f"{mine}\n{mine}2\n"


EITHER = f"""\
# Users
ifdef PROD
{line("a", profile="peer")}
else
{line("a")}
endif
"""


@pytest.mark.parametrize("rendered", [(), ("a",)])
def test_lines_of_which_make_takes_one_stay_as_they_are(rendered: tuple[str, ...]) -> None:
    assert followed(EITHER, "a", rendered=rendered).text == EITHER


def test_nothing_is_added_where_make_may_pass_over_it() -> None:
    for before in (
        EITHER,
        f"# Users\nifdef A\n  ifeq (1,2)\n{line('a')}\n  endif\nendif\n",
        f"# Users\ndefine x\n{line('a')}\nendef\n",
        f"ifdef A\n# Users\nendif\n{line('a')}\nifdef B\n{line('c')}\nendif\n",
    ):
        names = ("a", "b", "c") if "req-c" in before else ("a", "b")
        assert followed(before, *names).text == f"{before}{line('b')}\n"


def test_a_line_that_stands_once_more_below_a_condition_is_the_component_s() -> None:
    text = f"ifdef A\n{line('a', profile='peer')}\nendif\n{line('a', request='config/old.json')}\n"
    assert followed(text, "a").text == text.replace("config/old.json", "config/req-a.json")
    twice = f"ifdef A\n{line('a')}\nendif\n{line('a')}\n"
    assert followed(twice, "a", rendered=("a",)).text == twice


def test_what_goes_from_a_condition_is_lost() -> None:
    found = followed(EITHER, gone=("a",), rendered=("a",))
    assert found.text == "# Users\nifdef PROD\nelse\nendif\n"
    assert found.lost == (str(line("a", profile="peer")), str(line("a")))


names = st.sampled_from("abcd")
others = st.sampled_from(
    ["", "# Users", "x: y", "\techo", "A = 1", "# req-a certs/a.pem: x ; y", "end \\"]
)


@given(
    st.lists(names.map(lambda name: str(line(name))) | others, max_size=8),
    st.lists(names, unique=True),
)
def test_whatever_a_makefile_holds_each_component_has_a_line_and_what_is_not_a_component_s_stays(
    lines: list[str], wanted: list[str]
) -> None:
    text = "\n".join(lines)
    found = followed(text, *wanted, gone=tuple(set("abcd") - set(wanted)), rendered=tuple("abcd"))
    assert {each.name for each in component_lines(found.text)} == set(wanted)
    again = followed(found.text, *wanted, rendered=tuple("abcd"))
    assert again.text == found.text
    # A comment, or what goes on in the next line, may belong to a component's commands.
    own = ("x: y", "A = 1")
    lists = ([each for each in text if each in own] for text in (lines, found.text.split("\n")))
    assert next(lists) == next(lists) or "end \\" in lines

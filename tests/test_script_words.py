"""Lists and `IFS` in scripts: words fall apart and are joined as bash does it."""

import pytest

from support import run
from tls_scaffold.errors import Place
from tls_scaffold.shell.following import Follower
from tls_scaffold.shell.ledger import Ledger
from tls_scaffold.shell.scope import BLANKS, Scope
from tls_scaffold.shell.state import State

pytestmark = pytest.mark.needs("bash")

VALUES = """
L=(a "b c" d); E=(); M=(a b); N=" a  b "
declare -A T=([k1]=v1 [k2]=v2)
set -- 1 "2 3"
join() { local IFS="$1"; shift; echo "$*"; }
count() { p "$#"; }
"""
BASH = 'p() { for w in "$@"; do printf \'<%s>\' "$w"; done; }\n'
OURS = 'p() { for w in "$@"; do echo "<$w>" >>/f/out; done; }\n: >/f/out\n'
LINES = (
    'for k in "${!T[@]}"; do p "$k=${T[$k]}"; done; p "${!L[@]}" "${!L[*]}"',
    'p "${L[*]}" "$*"; p "${L[@]}"; p "pre${L[@]}post"; p ${L[*]}',
    'IFS=,; p "${L[*]}" "$*"; p ${L[*]} $*; x="${L[*]}"; y=${L[*]}; z="${L[@]}"; p "$x" "$y" "$z"',
    'x=$(IFS=,; echo "${L[*]}"); p "$x" $N',
    'p "$(join , a "b c" d)" "$(join : 1)"',
    'unset IFS; p "${L[*]}" $N; IFS=-; p "${L[*]}"; IFS=" "; p "${L[*]}"',
    "IFS=$'\\n\\t'; p $N; x=$(printf 'a b\\nc'); p $x",
    'IFS=; p $N "${L[*]}"',
    'IFS=,; x="a,b,,c,"; p $x; y=",a"; p x$y $y; z=; p $z "$z"',
    'IFS=", "; x="a, b , c"; p $x; IFS="|"; p $x',
    'p x$N; p $N"x"; IFS=:; x="/a:/b"; p x$x',
    'IFS=, read -r a b <<<"1,2,3"; p "$a" "$b"; IFS=, read -r a <<<"1,2"; p "$a"',
    'IFS=, read -ra A <<<"1,,3"; p "${A[@]}"; read -r a b <<<"  q   r s "; p "$a" "$b"',
    'IFS="|"; read -r a b <<<" q | r "; p "$a" "$b"',
    'while IFS=: read -r n i; do p "$n" "$i"; done <<<"n1:10.0.0.1:x"',
    'p "${L[@]+"${L[@]}"}"; p "${E[@]+"${E[@]}"}" x; p ${M[@]+"${M[@]}"}',
    'count "${L[@]}"; count $*; count "$*"; count "${E[@]}"; count "${E[*]}"',
    'z=; p $z; p "$z"; p "" "$z"; p x$z; p "${E[@]}"; p "${E[@]:-}"; p "${E[*]}"; p "${E[@]}" x',
    'set -- "" a; p $*; p "$*"; p "$@"; p "${@:2}"',
)


def followed(script: str) -> str:
    """Return what a script would leave in the file `out`."""
    ledger = Ledger(lambda _: None, lambda _: False)
    scope = Scope({"IFS": BLANKS}, [], {}, name="/f/x.sh")
    follower = Follower(State(ledger, scope, "/f", Place("/f/x.sh")))
    follower.follow(script)
    assert not follower.state.unread
    return str(ledger.content("/f/out")).replace("\n", "")


@pytest.mark.parametrize("line", LINES)
def test_words_are_what_bash_makes_of_them(line: str) -> None:
    done = run("bash", "-c", f"{BASH}{VALUES}{line}")
    assert followed(f"{OURS}{VALUES}{line}\n") == done.stdout


def test_a_list_that_would_be_divided_again_is_told() -> None:
    assert "is not followed" in followed(f'{OURS}{VALUES}p ${{L[@]+"${{L[@]}}"}}\n')

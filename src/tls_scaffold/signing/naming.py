"""What the names mean that a user gives on the command line of `sign`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.spelling import did_you_mean, listed

CA_WORD = "ca"
MOST_NAMED = 20  # in a hint: a folder may have a thousand


def signings_of_names(signings: Iterable[Signing], names: Sequence[str]) -> tuple[Signing, ...]:
    """Return the signings of these names, each certificate once; all of them if there are no names.

    `ca` is no component: the CA is made with whatever it signs. Raises ScaffoldError for a name
    that means none, or may mean several.
    """
    by_output = {signing.output: signing for signing in signings}
    if not names:
        return tuple(by_output.values())
    by_word = _signings_by_word(by_output.values())
    asked = [name for name in names if name != CA_WORD]
    problems = [problem for name in asked if (problem := _name_problem(name, by_word))]
    if problems:
        raise ScaffoldError(
            "no such component in the Makefile", problems, _name_components(by_output.values())
        )
    chosen = [by_word[name][0] for name in asked]
    return tuple({each.output: each for each in chosen}.values())


def _signings_by_word(signings: Collection[Signing]) -> dict[str, list[Signing]]:
    """Return the signings that each word which a user may type can mean."""
    by_path: dict[str, list[Signing]] = defaultdict(list)
    by_name: dict[str, list[Signing]] = defaultdict(list)
    by_file_name: dict[str, list[Signing]] = defaultdict(list)
    for signing in signings:
        by_path[signing.output].append(signing)
        by_path[signing.certificate_path].append(signing)
        by_name[signing.name].append(signing)
        by_file_name[PurePosixPath(signing.output).name].append(signing)
    # The most exact one wins: adopted folders have a/server.pem and b/server.pem beside a component
    # that is called `server`.
    return {**by_file_name, **by_name, **by_path}


def _name_components(signings: Iterable[Signing]) -> str:
    names = list(dict.fromkeys(each.name for each in signings if not each.makes_ca))
    return f"its components are {listed(names, MOST_NAMED)}" if names else "it has none"


def _name_problem(name: str, by_word: Mapping[str, Sequence[Signing]]) -> str:
    outputs = [f"`{each.output}`" for each in by_word.get(name, ())]
    if not outputs:
        return f"`{name}`{did_you_mean(name, by_word)}"
    return f"`{name}` may be {' or '.join(outputs)}: say which" if len(outputs) > 1 else ""

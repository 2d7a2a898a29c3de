"""The options that several commands share, each of which may come from the environment too."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from tls_scaffold.cli.completion import (
    below_the_folder,
    component_names,
    offering,
    preset_names,
    set_words,
)

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]
JSON = "tls_scaffold.json"  # what a context notes where stdout takes JSON


class CommaList(click.ParamType):  # type: ignore[type-arg]  # older clicks have no ParamType[str]
    """Text in which commas may divide several names; an environment variable is split there too."""

    name = "text"
    envvar_list_splitter: ClassVar[str] = ","

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it without the blanks that people put behind commas."""
        del param, ctx
        return ",".join(word.strip() for word in value.split(","))


class Seconds(click.FloatRange):
    """A number of seconds in a range; click's own takes what is no number, `nan`, in any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; click's error where it is none, or out of the range."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Return click's option, which may also come from `TLS_SCAFFOLD_` and its name in capitals."""
    long_names = [name.removeprefix("--") for name in names if name.startswith("--")]
    variables = [f"TLS_SCAFFOLD_{name.replace('-', '_').upper()}" for name in long_names]
    return click.option(*names, envvar=variables, **settings)


def filled(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """Refuse an option that was given nothing, as `--data-dir "$UNSET"` is.

    One that was left out is empty text.
    """
    if value == "":
        raise click.BadParameter("it is empty")
    return value or ""


def file_option(*names: str, text: str, metavar: str = "FILE") -> Option:
    """Return the option for a file, empty text where it is left out; `text` is its help."""
    return option(*names, callback=filled, type=click.Path(), metavar=metavar, help=text)


def json_option_for(text: str) -> Callable[[Command], Command]:
    """Return `--json` with this help: what is told, and an error too, is JSON on stdout."""
    return option("--json", "as_json", is_flag=True, is_eager=True, callback=_noted, help=text)


def _noted(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:  # noqa: FBT001 - click's form
    """Note for whoever tells an error that stdout takes JSON, be it by the environment."""
    context.meta[JSON] = value
    return value


def with_options(command: Any, options: Iterable[Option]) -> Any:
    """Return a command with these options, which the help has in this order."""
    for add in reversed([*options]):  # of decorators the last is the first in the help
        command = add(command)
    return command


def several_folders(command: Command) -> Command:
    """Let a command take several folders: as arguments, and all that are below a directory."""
    above = option(
        "--all",
        "above",
        type=click.Path(path_type=Path, file_okay=False),
        multiple=True,
        metavar="DIR",
        help="Look at every folder of ours in DIR and below; may be repeated",
    )
    named = click.argument(
        "named",
        nargs=-1,
        metavar="[FOLDER]…",
        type=click.Path(path_type=Path),
        shell_complete=below_the_folder,
    )
    return named(above(command))


json_option = json_option_for("Print what was done as JSON, an error too")
etcd_option = option(
    "--etcd",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Take etcd and etcdctl from DIR "
    "(left out: from the PATH, else from `tls-scaffold[prove]`)",
)
crl_option = option(
    "--crl",
    is_flag=True,
    help="Members look into a list of what was revoked, an empty one at first",
)


def divided(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return names that stand behind a command: commas divide them as behind an option.

    An empty one stays, and is refused: without a name a command would take all.
    """
    return tuple(name for word in value for name in word.split(","))


names_argument = click.argument(
    "names",
    nargs=-1,
    metavar="[NAME]…",
    callback=divided,
    shell_complete=offering(component_names),
)


def components(command: Command) -> Any:
    """Add the options that name components; `inventory.options.Options` has their values."""
    return with_options(command, COMPONENT_OPTIONS)


COMPONENT_OPTIONS = (
    option(
        *("--members", "--member", "members"),
        type=CommaList(),
        multiple=True,
        metavar="A,B",
        help="Members: an address or host name each, or NAME=HOST[+HOST…]; may be repeated",
    ),
    option(
        *("--users", "--user", "users"),
        type=CommaList(),
        multiple=True,
        metavar="U,V",
        shell_complete=offering(preset_names),
        help="Users: a name each, or NAME=CN where the CN differs from the file name; "
        "may be repeated",
    ),
    option(
        "--grant",
        type=CommaList(),
        multiple=True,
        metavar="NAME=PREFIX[:r|w|rw]",
        help="Let user NAME read (or write, or both) all keys of etcd under PREFIX, or, as "
        "FROM..TO, those from FROM to before TO (without TO: all that follow); may be repeated",
    ),
    option(
        "--role",
        type=CommaList(),
        multiple=True,
        metavar="NAME=PRESET",
        shell_complete=offering(preset_names),
        help="Give user NAME the role of a preset (`tls-scaffold roles` lists them); "
        "may be repeated",
    ),
    option(
        "--set",
        type=CommaList(),
        multiple=True,
        metavar="NAME:FIELD=VALUE",
        shell_complete=set_words,
        help="What the certificate of component NAME has for itself: key, expiry, a name of the "
        "subject (O, OU, L, ST, C; empty for none); a user's hosts (A+B) and usages "
        "(server+client); NAME:-FIELD takes that back; may be repeated",
    ),
    option(
        "--proxies",
        type=click.IntRange(0),
        metavar="N",
        help="N proxies, named by number; `new` makes one if nothing is said",
    ),
    option(
        "--proxy",
        type=CommaList(),
        multiple=True,
        metavar="NAME[=HOST+…]",
        help="A proxy with a name and hosts of its own; may be repeated",
    ),
)

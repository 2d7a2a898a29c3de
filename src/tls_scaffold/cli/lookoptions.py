"""The options of a look at running members: which ports, as whom, and how long one may take."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tls_scaffold.cli.completion import component_names, offering
from tls_scaffold.cli.options import CommaList, Command, Seconds, filled, option

if TYPE_CHECKING:
    from tls_scaffold.commands.live import LiveOptions

LONGEST_WAIT = 60
Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def live_options(command: Command) -> Command:
    """Add `--live` and all that goes with it; the command gets them as `live`, None without."""
    return _with_options(command, (_live(), *_places("With --live: l"), _user(), _timeout()))


def live_place_options(command: Command) -> Command:
    """Add the same, but for a user to come as: what is looked at needs none."""
    return _with_options(command, (_live(), *_places("With --live: l"), _timeout()))


def place_options(command: Command) -> Command:
    """Add where and how long a command looks that always does; it gets them as `live`."""
    return _with_options(command, (*_places("L"), _timeout()))


def _live() -> Option:
    return option(
        "--live",
        "is_live",
        is_flag=True,
        help="Look at the running members too: what they serve, and which CAs they have loaded",
    )


def _places(begin: str) -> tuple[Option, ...]:
    return (
        option(
            "--endpoints",
            type=CommaList(),
            multiple=True,
            metavar="A,B",
            help=f"{begin}ook at these ports for clients, HOST:PORT or NAME=HOST:PORT each, in "
            "place of the inventory's; may be repeated",
        ),
        option(
            "--peer-endpoints",
            type=CommaList(),
            multiple=True,
            metavar="A,B",
            help=f"{begin}ook at these ports for peers",
        ),
    )


def _user() -> Option:
    return option(
        "--user",
        "live_user",
        callback=filled,
        metavar="NAME",
        shell_complete=offering(component_names),
        help="With --live: ask etcd's version with the certificate of this user, and whether "
        "authentication is on",
    )


def _timeout() -> Option:
    return option(
        "--timeout",
        type=Seconds(0.1, LONGEST_WAIT),
        default=1.2,
        metavar="SECONDS",
        help="How long a port may take to answer a look (1.2)",
    )


def _with_options(command: Command, options: tuple[Option, ...]) -> Command:
    collected: Any = _collecting(command)
    for add in reversed(options):
        collected = add(collected)
    return collected  # type: ignore[no-any-return]  # it stands for the command


def _collecting(command: Command) -> Command:
    from functools import wraps

    @wraps(command)
    def collected(*words: Any, **values: Any) -> Any:
        names = ("endpoints", "peer_endpoints", "live_user", "timeout")
        given = {name: values.pop(name) for name in names if name in values}
        if not values.pop("is_live", True):
            _check_live(tuple(given))
            return command(*words, live=None, **values)
        return command(*words, live=_options(given), **values)

    return collected  # type: ignore[return-value]  # it stands for the command


def _check_live(names: tuple[str, ...]) -> None:
    """Refuse what goes with `--live`; the environment may say it for all commands."""
    context = click.get_current_context()
    sources = map(context.get_parameter_source, names)
    if ParameterSource.COMMANDLINE in sources:
        said = "`--endpoints`, `--peer-endpoints`, `--user` and `--timeout`"
        raise click.UsageError(f"{said} go with `--live`")


def _options(given: dict[str, Any]) -> "LiveOptions":
    from tls_scaffold.commands.live import LiveOptions

    return LiveOptions(
        _divided(given["endpoints"]),
        _divided(given["peer_endpoints"]),
        given.get("live_user", ""),
        given["timeout"],
    )


def _divided(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of options in which commas divide several."""
    return tuple(word for text in texts for word in text.split(",") if word)

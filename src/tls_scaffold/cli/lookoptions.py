"""The options of a look at running members: which ports, as whom, and how long one may take."""

from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tls_scaffold.cli.completion import component_names, offering
from tls_scaffold.cli.options import (
    CommaList,
    Command,
    Option,
    Seconds,
    filled,
    option,
    with_options,
)

if TYPE_CHECKING:
    from tls_scaffold.commands.live import LiveOptions

LONGEST_WAIT = 60
LIVE = option(
    "--live",
    "is_live",
    is_flag=True,
    help="Look at the running members too: what they serve, and which CAs they have loaded",
)
USER = option(
    "--user",
    "live_user",
    callback=filled,
    metavar="NAME",
    shell_complete=offering(component_names),
    help="With --live: ask etcd's version with the certificate of this user, and whether "
    "authentication is on",
)
TIMEOUT = option(
    "--timeout",
    type=Seconds(0.1, LONGEST_WAIT),
    default=1.2,
    metavar="SECONDS",
    help="How long a port may take to answer a look (1.2)",
)
ONE_FOLDER = "`--live` looks at the members of one folder: `-C DIR` names it"


def live_options(command: Command) -> Any:
    """Add `--live` and all that goes with it; the command gets them as `live`, None without."""
    options = (LIVE, *_places("With --live: l"), USER, TIMEOUT)
    return with_options(_collecting(command), options)


def live_place_options(command: Command) -> Any:
    """Add the same, but for a user to come as: what is looked at needs none."""
    return with_options(_collecting(command), (LIVE, *_places("With --live: l"), TIMEOUT))


def place_options(command: Command) -> Any:
    """Add where and how long a command looks that always does; it gets them as `live`."""
    return with_options(_collecting(command), (*_places("L"), TIMEOUT))


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


def _collecting(command: Command) -> Any:
    @wraps(command)
    def collected(*words: Any, **values: Any) -> Any:
        names = ("endpoints", "peer_endpoints", "live_user", "timeout")
        given = {name: values.pop(name) for name in names if name in values}
        if not values.pop("is_live", True):
            _check_live(tuple(given))
            return command(*words, live=None, **values)
        return command(*words, live=_options(given), **values)

    return collected


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

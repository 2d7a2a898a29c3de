"""The command line: arguments in, lines out, and the one place that catches our errors."""

import errno
import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from tls_scaffold import __version__
from tls_scaffold.cli.options import JSON
from tls_scaffold.cli.terminal import error_of_disk, give_error, talk, tell_error, tell_usage
from tls_scaffold.cli.verbs import Verbs, the_one_folder
from tls_scaffold.errors import ExitCode, ScaffoldError, UsageError


class ScaffoldGroup(Verbs):
    """Turns our errors, and the disk's, into a message on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command; a ScaffoldError becomes `error: …` and its exit code."""
        # A command that can't be parsed has not noted by itself what it was asked for.
        words = [*ctx.args]
        try:
            return super().invoke(ctx)
        except ScaffoldError as error:
            self._end(ctx, error, words)
        except click.UsageError as error:
            if _wants_json(ctx, words):
                give_error(UsageError(error.format_message()))
            raise
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            self._end(ctx, error_of_disk(error), words)

    @staticmethod
    def _end(ctx: click.Context, error: ScaffoldError, words: list[str]) -> NoReturn:
        if _wants_json(ctx, words):
            give_error(error)
        tell_error(error)
        ctx.exit(error.exit_code)


def _wants_json(ctx: click.Context, words: list[str]) -> bool:
    return "--json" in words or bool(ctx.meta.get(JSON))


@click.group(cls=ScaffoldGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tls-scaffold")
@click.option(
    "-C",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    callback=the_one_folder,
    metavar="DIR",
    help="Work on the folder DIR instead of the current one",
)
@click.pass_context
def cli(ctx: click.Context, folder: Path | None) -> None:
    """Make and keep the certificates of an etcd cluster, in the manner of etcd's hack/tls-setup."""
    ctx.obj = folder or Path()
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command line; environment variables begin with TLS_SCAFFOLD_."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale without `…` is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not in click's standalone mode: it would print its errors itself, and with them what was
        # typed, as it is.
        sys.exit(cli.main(prog_name="tls-scaffold", standalone_mode=False))
    except click.ClickException as error:
        tell_usage(error)
        sys.exit(error.exit_code)
    except click.Abort:
        talk("Aborted!")
        sys.exit(ExitCode.REFUSED)
    except OSError as error:
        # Of --help and --version, which click handles before a command is invoked.
        tell_error(error_of_disk(error))
        sys.exit(ExitCode.REFUSED)
    finally:
        # Looking for cycles at the very end would take a tenth of a small make's time.
        gc.freeze()

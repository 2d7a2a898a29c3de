"""`tls-scaffold rotate` on the command line."""

import click

from tls_scaffold.cli.rotatestatus import status


@click.group()
def rotate() -> None:
    """Let another CA follow, without losing a write."""


rotate.add_command(status)

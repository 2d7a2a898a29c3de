"""`tls-scaffold new`."""

import click


@click.command()
def new() -> None:
    """Make a folder for a cluster."""

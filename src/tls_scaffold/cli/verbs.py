"""The commands by name, with what the help says of each; a module is loaded when it is called."""

from importlib import import_module

import click

from tls_scaffold.errors import ExitCode

VERBS = {
    "add": "Add members, proxies or users",
    "adopt": "Take over a folder that was made by hand",
    "bundle": "Make a folder of files for each host or consumer",
    "cfssl": "Stand in for cfssl: `gencert` with its own flags",
    "cfssljson": "Stand in for cfssljson: JSON into three files",
    "check": "Look for mistakes before a live cluster finds them",
    "new": "Make a folder for the certificates of a cluster",
    "prove": "Show on a real etcd what each user may do",
    "rbac": "Print the script that brings etcd's users in line",
    "remove": "Take components out of the folder",
    "roles": "List the presets of permissions",
    "sign": "Sign what is missing or differs from its request",
    "status": "Show the state of every certificate",
    "sync": "Make the folder follow tls-scaffold.json",
}
MODULES = {"cfssljson": "cfssl"}


class Verbs(click.Group):
    """Loads a command's module when it is called: `--help` names them all and loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*VERBS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded now if it was not before; None if there is none."""
        if cmd_name in VERBS and cmd_name not in self.commands:
            module = import_module(f"tls_scaffold.cli.{MODULES.get(cmd_name, cmd_name)}")
            self.add_command(getattr(module, cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how commands end, and the list of commands from what stands here."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:d}", code.meaning) for code in ExitCode])
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

"""The commands by name, with what the help says of each; a module is loaded when it is called."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from tls_scaffold.errors import ExitCode, UsageError
from tls_scaffold.spelling import did_you_mean, escaped

GROUPS = {
    "Make": {
        "new": "Make a folder for the certificates of a cluster",
        "add": "Add members, proxies or users",
        "remove": "Take components out of the folder",
        "adopt": "Take over a folder that was made by hand",
        "sync": "Make the folder follow tls-scaffold.json",
        "sign": "Sign what is missing or differs from its request",
        "requests": "Carry requests to the CA's machine and back",
        "renewed": "Lay out what was renewed, and run a hook for it",
        "renew-ca": "Sign the CA again with the same key",
        "encrypt-ca-key": "Encrypt the CA's key with a password",
    },
    "Keep": {
        "backup": "Put the folder's state into one encrypted file",
        "restore": "Bring a folder's state back from a backup",
        "revoke": "Have members refuse a certificate from now on",
        "rotate": "Replace the CA while the cluster runs",
    },
    "Look": {
        "status": "Show the state of every certificate",
        "check": "Look for mistakes before a live cluster finds them",
        "explain": "Say what causes a line of a log, and what mends it",
        "roles": "List the presets of permissions",
        "schema": "Print the JSON Schema of the inventory",
    },
    "etcd": {
        "bundle": "Make a folder of files for each host or consumer",
        "rbac": "Print the script that brings etcd's users in line",
        "prove": "Show on a real etcd what each user may do",
        "rehearse": "Roll out what comes next on a throw-away cluster",
        "signer-config": "Write what multirootca needs to sign for folders",
    },
    "Stand-ins": {
        "cfssl": "Stand in for cfssl: its commands with its own flags",
        "cfssljson": "Stand in for cfssljson: JSON into three files",
    },
}
"""What the help lists: the groups in their order, and in each its commands with what they do."""

VERBS = {name: text for group in GROUPS.values() for name, text in group.items()}
MODULES = {
    "cfssljson": "cfssl",
    "encrypt-ca-key": "ca",
    "renew-ca": "ca",
    "signer-config": "signerconfig",
}
# What is looked for and is not to be had, and why.
NOT_OFFERED = {
    "unrevoke": "a serial number that was given away stays on the list: `make req-NAME` signs a "
    "new pair, with another one, for whoever is to be let in again",
}
AS_IT_IS = "\b\n"  # click's mark before a text whose lines stay as they are
WITH_FLAGS_OF_THEIR_OWN = ("cfssl", "cfssljson")
# What others call it: cfssl, easy-rsa, kubeadm, git.
ELSEWHERE = {
    **dict.fromkeys(("create", "generate", "init"), "tls-scaffold new"),
    **dict.fromkeys(("import",), "tls-scaffold adopt"),
    **dict.fromkeys(("del", "delete", "rm"), "tls-scaffold remove"),
    **dict.fromkeys(("info", "list", "ls", "show"), "tls-scaffold status"),
    **dict.fromkeys(("lint", "validate", "verify"), "tls-scaffold check"),
    **dict.fromkeys(("apply", "reset", "update"), "tls-scaffold sync"),
    **dict.fromkeys(("export",), "tls-scaffold bundle"),
    **dict.fromkeys(("gencert", "issue"), "tls-scaffold sign"),
    "presets": "tls-scaffold roles",
    "help": "tls-scaffold --help",
    "version": "tls-scaffold --version",
    "make": "make",
    "renew": "make renew",
    "regenerate": "make regenerate",
}


class Verb(click.Command):
    """A command whose help ends with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand in their table, a command a line.

        Click would set them in, as text.
        """
        del ctx
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.removeprefix(AS_IT_IS))


class VerbGroup(Verb, click.Group):
    """A command with commands of its own, and examples too."""

    command_class = Verb


class Verbs(click.Group):
    """Loads a command's module when it is called: `--help` names them all and loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*VERBS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded now if it was not before; None if there is none."""
        if cmd_name in VERBS and cmd_name not in self.commands:
            from tls_scaffold.cli.examples import EXAMPLES

            module = import_module(f"tls_scaffold.cli.{MODULES.get(cmd_name, cmd_name)}")
            command = getattr(module, cmd_name.replace("-", "_"))
            below = getattr(command, "commands", {})
            for each in (command, *below.values()):
                if cmd_name not in WITH_FLAGS_OF_THEIR_OWN:
                    each.params.append(_folder_option())
            command.epilog = _epilog(EXAMPLES[cmd_name])
            for name, each in below.items():
                each.epilog = _epilog(EXAMPLES[f"{cmd_name} {name}"])
            self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; UsageError, with what may be meant, if there is none.

        While completing there is nobody to tell it.
        """
        word = args[0]
        if word.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, word):
            return super().resolve_command(ctx, args)
        if reason := NOT_OFFERED.get(word):
            raise UsageError(f"there is no command `{word}`", hint=reason)
        meant = ELSEWHERE.get(word)
        guess = f"; did you mean `{meant}`?" if meant else did_you_mean(word, VERBS)
        raise UsageError(
            f"there is no command `{escaped(word)}`{guess}", hint="`tls-scaffold --help` lists them"
        )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that go on from what is typed; click would load each for its help."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        names = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        return [CompletionItem(name, help=VERBS.get(name)) for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how commands end, and the commands by their groups, from what stands here."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:d}", code.meaning) for code in ExitCode])
        width = max(map(len, VERBS))  # one column for all groups
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", text) for name, text in verbs.items()])


def _epilog(examples: Iterable[str]) -> str:
    """Return examples as the end of a help: the documentation, made from click, has them too."""
    return f"{AS_IT_IS}Examples:\n" + "".join(f"  {each}\n" for each in examples)


def _folder_option() -> click.Option:
    """Return `-C DIR` as it stands behind a command, where people type it too."""
    return click.Option(
        ["-C", "folder_behind"],
        type=click.Path(path_type=Path, file_okay=False),
        multiple=True,
        metavar="DIR",
        expose_value=False,
        callback=_go_on_to,
        help="Work on the folder DIR instead of the current one",
    )


def the_one_folder(
    ctx: click.Context, _parameter: click.Parameter, value: tuple[Path, ...]
) -> Path | None:
    """Return the folder that `-C` names, None where it is not given.

    Of two nobody can tell which one is meant. Raises click's error then.
    """
    if len(value) > 1 and not ctx.resilient_parsing:
        named = " ".join(f"-C {each}" for each in value)
        several = "`status` and `check` take several as `status A B`, the others one"
        raise click.UsageError(f"`{escaped(named)}`: one folder at a time; {several}")
    return value[-1] if value else None


def _go_on_to(ctx: click.Context, parameter: click.Parameter, value: tuple[Path, ...]) -> None:
    """Go on from where `-C` before the command leads: `-C a sync -C b` works on `a/b`."""
    if folder := the_one_folder(ctx, parameter, value):
        ctx.obj = (ctx.obj or Path()) / folder
        work_on(ctx.obj)


def work_on(folder: Path) -> None:
    """Note that a command works on a folder: whoever tells an error names it."""
    click.get_current_context().find_root().obj = folder

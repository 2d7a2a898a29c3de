"""`tls-scaffold bundle` on the command line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tls_scaffold.cli.completion import one_of
from tls_scaffold.cli.options import filled, json_option, names_argument, option
from tls_scaffold.cli.terminal import give_json, say, talk, warn
from tls_scaffold.cli.verbs import Verb

WITH_SIGNER = ("signer", "hook", "home", "as_json", "folder_behind", "help")
"""The parameters that go with `--signer`."""

if TYPE_CHECKING:
    from tls_scaffold.inventory.membersettings import MemberSettings


@click.command(cls=Verb)
@names_argument
@option("--tar", is_flag=True, help="Make an archive of each folder too: dist/NAME.tar.gz")
@option(
    "--at",
    "home",
    callback=filled,
    metavar="DIR",
    help="Folder that the consumers will have the files in",
)
@option(
    "--data-dir",
    callback=filled,
    metavar="DIR",
    help="Data of members (left out: the inventory's, the unit's)",
)
@option(
    "--initial-cluster-state",
    callback=filled,
    metavar="new|existing",
    shell_complete=one_of("new", "existing"),
    help="What members join (left out: the inventory's, new)",
)
@option(
    "--key-form",
    default="as-signed",
    metavar="as-signed|pkcs8",
    shell_complete=one_of("as-signed", "pkcs8"),
    help="Keys as PKCS #8, as Java and others want them, or as they were signed (default)",
)
@option("--p12", is_flag=True, help="PKCS #12 stores for Java too: NAME.p12 and truststore.p12")
@option(
    "--p12-password-file",
    "password_file",
    callback=filled,
    metavar="FILE",
    help="File that holds the stores' password "
    "(if left out, the variable TLS_SCAFFOLD_P12_PASSWORD does)",
)
@option(
    "--kubernetes",
    is_flag=True,
    help="A Secret of type kubernetes.io/tls and a ConfigMap with the CA too",
)
@option(
    "--kubeadm",
    is_flag=True,
    help="The files of members and kube-apiserver by kubeadm's names too, in pki/",
)
@option(
    "--signer",
    is_flag=True,
    help="In place of these: a systemd timer for the machine that signs, in dist/signer/",
)
# Not from the environment, as it is with RENEW_HOOK.
@click.option(
    "--hook",
    callback=filled,
    metavar="COMMAND",
    help="With --signer: what the timer hands to make as RENEW_HOOK",
)
@json_option
@click.pass_context
def bundle(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    hook: str,
    *,
    signer: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make dist/NAME/ for each host or consumer: certificate and key, the CA, and what it reads.

    Members get etcd's variables and a systemd drop-in, kube-apiserver its flags, Calico its
    environment and a Secret, calicoctl its configuration, every user an environment file for
    etcdctl. All components if no NAME is given. Folders are 0700, files 0600. The same folder gives
    the same bytes, but for PKCS #12 stores, which have a new salt each time.

    With --signer: dist/signer/, whose units run `make renew` once a day, at a time that is made
    from the folder's path (--at: where it is on the machine that signs).
    """
    if signer:
        _bundle_signer(ctx, names, hook, as_json=as_json)
        return
    if hook:
        raise click.UsageError("--hook is for `--signer` alone; `make renew RENEW_HOOK='…'`")
    from tls_scaffold.commands import bundle as command
    from tls_scaffold.commands.bundleoptions import BundleOptions
    from tls_scaffold.errors import UsageError

    options = BundleOptions(**given)
    # From the environment it is there for the runs that need it.
    is_typed = ctx.get_parameter_source("password_file") is ParameterSource.COMMANDLINE
    if is_typed and not options.p12:
        raise UsageError("--p12-password-file: the password is for `--p12` alone")
    made = command.make(ctx.obj, names, options)
    if as_json:
        give_json(command.to_json(ctx.obj, made))
        return
    for each in made.bundles:
        say(str(each.path))
        if each.archive:
            say(str(each.archive))
    for warning in made.warnings:
        warn(warning)
    _tell_changes({each.name: each.settings for each in made.bundles if each.settings})
    talk("bundles hold keys: copy each to its own host only, and commit none")


def _bundle_signer(ctx: click.Context, names: tuple[str, ...], hook: str, *, as_json: bool) -> None:
    from tls_scaffold.commands import signerbundle as command

    wrong = [
        f"`{each.opts[0]}`"
        for each in ctx.command.params
        if isinstance(each, click.Option)
        and each.name not in WITH_SIGNER
        and ctx.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE
    ]
    if names or wrong:
        raise click.UsageError(
            f"--signer makes one bundle of its own, without {', '.join(wrong) or 'NAMEs'}"
        )
    made = command.make(ctx.obj, ctx.params["home"], hook)
    if as_json:
        give_json(command.result(ctx.obj, made).to_json())
        return
    say(str(made.path))
    for place, content in made.secrets.items():
        talk(f"needs {place}, for root alone: {content}")
    talk("next, as root on the machine that signs: " + "\n  ".join(["", *made.commands]))


def _tell_changes(settings: "Mapping[str, MemberSettings]") -> None:
    """Tell what the bundles of members change where a cluster runs already."""
    from tls_scaffold.inventory.membersettings import retention

    for minutes in dict.fromkeys(each.auto_compaction or 0 for each in settings.values()):
        same = [name for name, each in settings.items() if (each.auto_compaction or 0) == minutes]
        effect = "a cluster that runs begins to compact by it"
        if not minutes:
            effect = "clients have to compact"
        talk(f"auto-compaction: {retention(minutes)} ({' '.join(same)}); {effect}")
    if undecided := " ".join(name for name, each in settings.items() if not each.data_dir):
        begins = "where it names none, etcd begins with an empty NAME.etcd in its working directory"
        talk(f"data directory: the unit's own ({undecided}); {begins}: `--data-dir` names one")

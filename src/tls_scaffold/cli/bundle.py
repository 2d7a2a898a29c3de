"""`tls-scaffold bundle` on the command line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tls_scaffold.cli.options import filled, option
from tls_scaffold.cli.terminal import say, talk, warn

if TYPE_CHECKING:
    from tls_scaffold.commands.bundle import Bundle


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
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
    help="What members join (left out: the inventory's, new)",
)
@option(
    "--key-form",
    default="as-signed",
    metavar="as-signed|pkcs8",
    help="Keys as PKCS #8, as Java and others want them, or as they were signed (default)",
)
@option("--p12", is_flag=True, help="PKCS #12 stores for Java too: NAME.p12 and truststore.p12")
@option(
    "--p12-password-file",
    "password_file",
    callback=filled,
    metavar="FILE",
    help="File that holds the stores' password (if left out, the variable TLS_SCAFFOLD_P12_PASSWORD does)",
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
@click.pass_context
def bundle(
    ctx: click.Context, /, names: tuple[str, ...], home: str, *, tar: bool, **words: Any
) -> None:
    """Make dist/NAME/ for each host or consumer: its own certificate and key, the CA, and what it reads.

    Members get etcd's variables and a systemd drop-in, kube-apiserver its flags, Calico its environment
    and a Secret, calicoctl its configuration, every user an environment file for etcdctl. All
    components if no NAME is given. Folders are 0700, files 0600. The same folder gives the same
    bytes, but for PKCS #12 stores, which have a new salt each time.
    """
    from tls_scaffold.commands import bundle as command
    from tls_scaffold.commands.forms import Forms
    from tls_scaffold.errors import UsageError
    from tls_scaffold.inventory.membersettings import MemberSettings

    password_file_given = ctx.get_parameter_source("password_file") is ParameterSource.COMMANDLINE
    if password_file_given and not words["p12"]:
        raise UsageError("--p12-password-file: the password is for `--p12` alone")
    settings = MemberSettings(words.pop("data_dir"), words.pop("initial_cluster_state"))
    asked = Forms(**words)
    made = command.make(ctx.obj, names, home, settings, tar=tar, asked=asked)
    for each in made:
        say(str(each.path))
        if each.archive:
            say(str(each.archive))
    _warn(made)
    _tell_members(made)
    talk("bundles hold keys: copy each to its own host only, and commit none")


def _warn(made: "Sequence[Bundle]") -> None:
    from tls_scaffold.bundles.calico import SECRET

    secrets = [f"`{each.name}`" for each in made if SECRET in each.files]
    if len(secrets) > 1:
        told = f"{' and '.join(secrets)} have one Secret by the name that Calico's manifests know"
        warn(f"{told}: in one Kubernetes cluster the last that is applied counts for all")
    for warning in dict.fromkeys(
        warning for each in made if each.member for warning in each.member.warnings
    ):
        warn(warning)


def _tell_members(made: "Sequence[Bundle]") -> None:
    """Tell what the bundles of members change where a cluster runs already."""
    from tls_scaffold.inventory.membersettings import OFF

    told = {each.name: each.member for each in made if each.member}
    for compaction in dict.fromkeys(each.compaction for each in told.values()):
        names = " ".join(name for name, each in told.items() if each.compaction == compaction)
        whose = (
            "clients have to compact"
            if compaction == OFF
            else "a cluster that runs begins to compact by it"
        )
        talk(f"auto-compaction: {compaction} ({names}); {whose}")
    if undecided := " ".join(name for name, each in told.items() if not each.data_dir):
        begins = "where it names none, etcd begins with an empty NAME.etcd in its working directory"
        talk(f"data directory: the unit's own ({undecided}); {begins}: `--data-dir` names one")

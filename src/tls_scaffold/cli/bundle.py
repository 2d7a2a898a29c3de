"""`tls-scaffold bundle` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import say, talk, warn

STATES = ("new", "existing")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@option("--tar", is_flag=True, help="Make an archive of each folder too: dist/NAME.tar.gz")
@option("--at", "home", default="", metavar="DIR", help="Folder that the consumers will have the files in")
@option(
    "--data-dir", default="", metavar="DIR", help="Data directory of members (left out: the inventory's, the unit's)"
)
@option("--initial-cluster-state", type=click.Choice(STATES), help="Of members (left out: the inventory's, new)")
@click.pass_obj
def bundle(
    folder: Path, /, names: tuple[str, ...], home: str, data_dir: str, initial_cluster_state: str | None, *, tar: bool
) -> None:
    """Make dist/NAME/ for each host or consumer: its own certificate and key, the CA, and what it reads.

    Members get etcd's variables and a systemd drop-in, kube-apiserver its flags, Calico its environment
    and a Secret, calicoctl its configuration, every user an environment file for etcdctl. All
    components if no NAME is given. Folders are 0700, files 0600.
    """
    from tls_scaffold.bundles.calico import SECRET
    from tls_scaffold.commands import bundle as command
    from tls_scaffold.inventory.server import ServerSettings

    made = command.make(folder, names, home, ServerSettings(data_dir, initial_cluster_state or ""), tar=tar)
    for each in made:
        say(str(each.path))
        if each.archive:
            say(str(each.archive))
    secrets = [f"`{each.name}`" for each in made if SECRET in each.files]
    if len(secrets) > 1:
        told = f"{' and '.join(secrets)} have one Secret by the name that Calico's manifests know"
        warn(f"{told}: in one Kubernetes cluster the last that is applied counts for all")
    for warning in dict.fromkeys(warning for each in made for warning in each.warnings):
        warn(warning)
    for compaction in dict.fromkeys(each.compaction for each in made if each.compaction):
        members = " ".join(each.name for each in made if each.compaction == compaction)
        talk(f"auto-compaction: {compaction} ({members}); a cluster that runs already begins to compact by it")
    talk("bundles hold keys: copy each to its own host only")

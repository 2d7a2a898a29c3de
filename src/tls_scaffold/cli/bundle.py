"""`tls-scaffold bundle` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import say, talk, warn


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@option("--tar", is_flag=True, help="Make an archive of each folder too: dist/NAME.tar.gz")
@option("--at", "home", default="", metavar="DIR", help="Folder that the consumers will have the files in")
@click.pass_obj
def bundle(folder: Path, names: tuple[str, ...], home: str, *, tar: bool) -> None:
    """Make dist/NAME/ for each host or consumer: its own certificate and key, the CA, and what it reads.

    Members get etcd.conf.yml and a systemd drop-in, kube-apiserver its flags, Calico its environment
    and a Secret, calicoctl its configuration, every user an environment file for etcdctl. All
    components if no NAME is given. Folders are 0700, files 0600.
    """
    from tls_scaffold.bundles.calico import SECRET
    from tls_scaffold.commands import bundle as command

    made = command.make(folder, names, home, tar=tar)
    for each in made:
        say(str(each.path))
        if each.archive:
            say(str(each.archive))
    secrets = [f"`{each.name}`" for each in made if SECRET in each.files]
    if len(secrets) > 1:
        told = f"{' and '.join(secrets)} have one Secret by the name that Calico's manifests know"
        warn(f"{told}: in one Kubernetes cluster the last that is applied counts for all")
    talk("bundles hold keys: copy each to its own host only")

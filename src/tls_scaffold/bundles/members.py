"""What etcd reads on a member's host: its flags as variables, and what makes systemd read them."""

from tls_scaffold.bundles.memberflags import flags_on_host
from tls_scaffold.bundles.settings import variables
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.spelling import escaped

ENVIRONMENT = "etcd.env"
DROP_IN = "etcd.service.d/tls-scaffold.conf"
UNIT_FOLDER = "/var/lib/etcd"
ENVIRONMENT_HEAD = """\
# What etcd runs with on {0}: each variable is the flag of its name.
# By hand, in this folder: (set -a; . ./{1}; exec etcd)
"""
# A member that begins anew beside its data looks like one that has lost everything.
NO_DATA_DIR = """\
# No ETCD_DATA_DIR: the unit's own counts. Where that names none, etcd begins with an empty
# {0}.etcd in its working directory; `tls-scaffold bundle --data-dir` names one.
"""
SEVERAL_CNS = (
    "# ETCD_PEER_CERT_ALLOWED_CN is a list, which etcd takes from 3.5.15 on. "
    "Before, members with it refuse\n"
    "# each other; without it every certificate of the CA, a user's too, opens the peer port.\n"
)
# With ETCD_CONFIG_FILE etcd passes over every other variable, those of TLS too.
UNIT = """\
# For /etc/systemd/system/etcd.service.d; the rest of the bundle is for
# {folder}, and belongs to the unit's user, who is often called etcd.
# Of the unit's variables it replaces those that etcd.env names. Take their flags out of its
# ExecStart, etcd refuses both, and --config-file, beside which it reads no variable.
[Service]
{working}EnvironmentFile={folder}/{environment}
UnsetEnvironment=ETCD_CONFIG_FILE
"""
CN_HINT = (
    f"give the requests the CNs of `{FILE}`, or it theirs (`members_cn`, `cn`), "
    "then `tls-scaffold sync` and `make`"
)


def member_files(inventory: Inventory, member: Member, home: str) -> dict[str, str]:
    """Return a member's settings, path to text; `home` is the folder of its bundle there."""
    return {
        ENVIRONMENT: _environment(inventory, member, home),
        DROP_IN: UNIT.format(
            folder=home or UNIT_FOLDER,
            working="" if home else f"WorkingDirectory={UNIT_FOLDER}\n",
            environment=ENVIRONMENT,
        ),
    }


def cn_problem(inventory: Inventory, component: Component, cn: str) -> str:
    """Say why members can't work with a certificate of this CN; empty if they can.

    They ask their peers for the inventory's CNs, and a request that was edited by hand may have
    another: members would refuse each other, or let a user in. Proxies may have the members' CN.
    """
    shows_peers = any(component == peer for _, peer in inventory.member_pairs)
    cns = inventory.asked_peer_cns
    if shows_peers and cns and cn not in cns:
        asked = ", ".join(f"`{each}`" for each in cns)
        return (
            f"`{component.certificate_path}` has the CN `{escaped(cn)}`, "
            f"and members ask for {asked}, as `{FILE}` says"
        )
    if component.kind == "user" and not inventory.peer_ca and cn in cns:
        return (
            f"`{component.certificate_path}` has the members' CN `{escaped(cn)}`: "
            "it would open their peer ports"
        )
    return ""


def _environment(inventory: Inventory, member: Member, home: str) -> str:
    text = ENVIRONMENT_HEAD.format(member.name, ENVIRONMENT)
    if not inventory.settings(member).data_dir:
        text += NO_DATA_DIR.format(member.name)
    if len(inventory.asked_peer_cns) > 1:
        text += SEVERAL_CNS
    flags = flags_on_host(inventory, member, home)
    return text + variables(
        {f"ETCD_{name.upper().replace('-', '_')}": value for name, value in flags.items()}
    )

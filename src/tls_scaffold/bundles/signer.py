"""What the machine that signs has beside the folder: a timer of systemd's that renews, each day."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from tls_scaffold.inventory.custody import Custody, KeyPlace

SIGNER = "signer"  # the bundle's name
PREFIX = "tls-scaffold-renew-"
UNIT_NAME = re.compile(rf"{PREFIX}[A-Za-z0-9._-]+\.(?:service|timer)")
SECRETS = "/etc/tls-scaffold"
FIRST_HOUR, HOURS = 1, 4
"""The hours of the night, by the machine's clock, that folders are spread over."""
PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=+@-]+", re.ASCII)
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"  # systemd's own PATH

TIMER = """\
# For /etc/systemd/system, beside {unit}.service. The moment is made from the folder's path: folders
# do not all ask at once, and each does at the same time every day.
[Unit]
Description=Renew each day what expires soon in {shown}

[Timer]
OnCalendar={moment}
Persistent=true

[Install]
WantedBy=timers.target
"""
SERVICE = """\
# For /etc/systemd/system, beside {unit}.timer. Where nothing is due it ends with 0; what fails
# shows in `systemctl status {unit}`. A hook that writes elsewhere needs a further
# ReadWritePaths=, by `systemctl edit {unit}`.
[Unit]
Description=Renew what expires soon in {shown}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={command}
{settings}TimeoutStartSec=1h
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
ProtectSystem=strict
ReadWritePaths={folder}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
"""


@dataclass(frozen=True)
class SigningMachine:
    """The machine that signs: where the folder is there, and what runs in it.

    `hook` is a command of a shell, or empty. `user` owns the folder; empty for root, or where
    nobody knows. `programs` are folders that programs are in beside systemd's own PATH.
    """

    folder: str
    hook: str
    user: str = ""
    programs: tuple[str, ...] = ()
    make: str = "/usr/bin/make"


def unit_name(folder: str) -> str:
    """Return what the units of a folder are called, without `.service`: two never share one."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(folder).name) or "folder"
    return f"{PREFIX}{last}-{_sum(folder).hexdigest()[:6]}"


def moment_of_day(folder: str) -> str:
    """Return when a folder is renewed, as systemd's OnCalendar takes it."""
    second = int.from_bytes(_sum(folder).digest()[-8:], "big") % (HOURS * 3600)
    return f"*-*-* {FIRST_HOUR + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def signer_files(machine: SigningMachine, custody: Custody) -> dict[str, str]:
    """Return the two units, name to text. `custody` tells which secrets a run needs."""
    unit = unit_name(machine.folder)
    target = "csr" if custody.key is KeyPlace.OFFLINE else "renew"
    words = [machine.make, "-C", machine.folder, target]
    words += [f"RENEW_HOOK={machine.hook}"] if machine.hook else []
    shown = machine.folder.replace("%", "%%")
    service = SERVICE.format(
        unit=unit,
        shown=shown,
        command=" ".join(_quoted(word).replace("$", "$$") for word in words),
        settings="".join(f"{line}\n" for line in _settings(unit, machine, custody)),
        folder=_quoted(machine.folder),
    )
    timer = TIMER.format(unit=unit, shown=shown, moment=moment_of_day(machine.folder))
    return {f"{unit}.service": service, f"{unit}.timer": timer}


def secret_places(unit: str, custody: Custody) -> dict[str, str]:
    """Return the files that hold what a run needs: what is in each, by its path."""
    variables = [text.partition(":")[2] for text in _of_environment(custody)]
    if custody.key is KeyPlace.ENCRYPTED:
        return {f"{SECRETS}/{unit}.password": "the password of the CA's key, one line"}
    if variables:
        lines = " and ".join(f"`{name}=…`" for name in variables)
        return {f"{SECRETS}/{unit}.env": f"{lines}, a line each"}
    return {}


def _settings(unit: str, machine: SigningMachine, custody: Custody) -> list[str]:
    lines = [f"User={machine.user.replace('%', '%%')}"] if machine.user else []
    if machine.programs:
        path = ":".join((*machine.programs, PROGRAMS))
        lines.append(f"Environment={_quoted(f'PATH={path}')}")
    for place, content in secret_places(unit, custody).items():
        lines.append(f"# {content}; for root alone (0600)")
        if custody.key is KeyPlace.ENCRYPTED:
            lines.append(f"LoadCredential=ca:{place}")
            lines.append("Environment=CFSSL_CA_PK_PASSWORD_FILE=%d/ca")
        else:
            lines.append(f"EnvironmentFile={place}")
    return lines


def _of_environment(custody: Custody) -> list[str]:
    """Return the references of a remote CA's keys that name variables."""
    if custody.key is not KeyPlace.REMOTE:
        return []
    return [each for each in custody.auth_keys.values() if each.startswith("env:")]


def _quoted(word: str) -> str:
    """Return a word as units have it: quoted, with C's escapes, and `%` for no specifier."""
    if PLAIN_WORD.fullmatch(word):
        return word
    escapes = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "%": "%%"}
    return '"' + "".join(escapes.get(each, each) for each in word) + '"'


def _sum(folder: str) -> "hashlib._Hash":
    return hashlib.sha256(folder.encode(errors="surrogateescape"))

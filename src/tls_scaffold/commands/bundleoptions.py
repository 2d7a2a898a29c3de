"""What `bundle` is asked for, and the password of key stores, which no option may hold."""

import os
from dataclasses import dataclass

from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory.membersettings import state_problem
from tls_scaffold.spelling import path_problem

PASSWORD = "TLS_SCAFFOLD_P12_PASSWORD"  # noqa: S105 - the name of the variable
PASSWORD_OPTION = "--p12-password-file"  # noqa: S105
SHORTEST = 6  # characters: Java's keytool reads a store with less, but makes none
PRINTABLE = range(0x20, 0x7F)  # in ASCII
AS_SIGNED, PKCS8 = "as-signed", "pkcs8"


@dataclass(frozen=True)
class BundleOptions:
    """The options of `bundle`; empty for those that were not given.

    `home` is where the consumers will have the files. `data_dir` and `initial_cluster_state` are
    for members, in place of what the inventory says. `password_file` is empty where the password
    of the stores is in the environment. `crl` is the list that members get in place of the
    folder's; no option gives it.
    """

    home: str = ""
    tar: bool = False
    data_dir: str = ""
    initial_cluster_state: str = ""
    key_form: str = AS_SIGNED
    p12: bool = False
    password_file: str = ""
    kubernetes: bool = False
    kubeadm: bool = False
    crl: bytes = b""


def check_options(options: BundleOptions) -> None:
    """Raise UsageError for the first option that has a value which none can have."""
    for option, value, problem_of in (
        ("--at", options.home, path_problem),
        ("--data-dir", options.data_dir, path_problem),
        ("--initial-cluster-state", options.initial_cluster_state, state_problem),
    ):
        if value and (problem := problem_of(value)):
            raise UsageError(f"{option}: {problem}")
    if options.key_form not in (AS_SIGNED, PKCS8):
        form = options.key_form
        raise UsageError(f"--key-form: `{form}` is neither `{AS_SIGNED}` nor `{PKCS8}`")


def read_password(options: BundleOptions) -> bytes:
    """Return the password of the PKCS #12 stores; empty if none are asked for.

    Raises UsageError if it is not given, ScaffoldError if it can't be read or Java would not take
    it; no message quotes it.
    """
    if not options.p12:
        return b""
    line, _, rest = _password_source(options).partition(b"\n")
    password = line.removesuffix(b"\r")
    problems = []
    if len(password) < SHORTEST:
        problems.append(
            f"it is shorter than {SHORTEST} characters: Java's keytool makes no store with less"
        )
    if not all(byte in PRINTABLE for byte in password):
        problems.append(
            "it has characters beyond letters, digits, blanks and signs of ASCII: "
            "Java opens no such store"
        )
    if rest:
        problems.append("it has more than one line")
    if problems:
        place = options.password_file or PASSWORD
        raise ScaffoldError(f"the password in `{place}` can't be that of a key store", problems)
    return password


def _password_source(options: BundleOptions) -> bytes:
    if options.password_file:
        return read_file(options.password_file)
    content = os.environb.get(PASSWORD.encode(), b"")
    if not content:
        raise UsageError(
            "--p12 needs a password for the stores",
            hint=f"`{PASSWORD_OPTION} FILE` names a file that holds it, "
            f"or put it into the variable {PASSWORD}",
        )
    return content

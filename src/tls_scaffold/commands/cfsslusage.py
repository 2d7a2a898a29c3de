"""The commands of cfssl that there are a stand-in for, and how they are called."""

from dataclasses import dataclass

from tls_scaffold.cfssl.goflags import FlagSet

# All that cfssl 1.6.5 knows. Each of its commands takes each of them, and uses what it needs.
FLAGS = FlagSet(
    texts=(
        *("hostname", "cert", "csr", "ca", "ca-key", "tls-cert", "tls-key", "mutual-tls-ca"),
        *("mutual-tls-cn", "tls-remote-ca", "mutual-tls-client-cert", "mutual-tls-client-key"),
        *("key", "intermediates", "ca-bundle", "int-bundle", "address", "min-tls-version"),
        *("config", "profile", "int-dir", "flavor", "metadata", "domain", "ip", "remote", "label"),
        *("authkey", "responder", "responder-key", "status", "reason", "revoked-at", "family"),
        *("scanner", "csv", "responses", "path", "crl", "password", "usage", "pgp-private"),
        *("pgp-name", "serial", "cn", "aki", "db-config", "disable"),
    ),
    numbers=("port", "num-workers", "max-hosts", "loglevel"),
    durations=("interval", "timeout", "expiry"),
    switches=("initca", "renewca", "list"),
)


@dataclass(frozen=True)
class Command:
    """One command: how it is called, and the flags that it goes by."""

    usages: tuple[str, ...]
    flags: tuple[str, ...] = ()


SIGNING = ("ca", "ca-key", "config", "profile", "hostname", "remote", "label", "tls-remote-ca")
CHOSEN = "[-profile PROFILE] [-hostname HOSTS]"
# By a server that the configuration or `-remote` names; `-ca` is what its answer has to be of.
ELSEWHERE = "[-remote URL] [-label LABEL] [-tls-remote-ca CAS] [-ca CERT]"
COMMANDS = {
    "gencert": Command(
        (
            "-initca [-ca-key KEY] [-cn CN] REQUEST",
            f"-ca CERT -ca-key KEY [-config CONFIG] {CHOSEN} REQUEST",
            f"-config CONFIG {ELSEWHERE} {CHOSEN} REQUEST",
            "-renewca -ca CERT -ca-key KEY",
        ),
        ("initca", "renewca", *SIGNING, "cn", "crl"),
    ),
    "genkey": Command(("[-initca] REQUEST",), ("initca", "config")),
    "sign": Command(
        (
            f"-ca CERT -ca-key KEY [-config CONFIG] {CHOSEN} CSR [NAMES]",
            f"-config CONFIG {ELSEWHERE} {CHOSEN} CSR",
        ),
        (*SIGNING, "csr"),
    ),
    "selfsign": Command(
        ("[-config CONFIG] [-profile PROFILE] HOST REQUEST",), ("config", "profile")
    ),
    "certinfo": Command(("-cert FILE", "-csr FILE"), ("cert", "csr")),
    "gencrl": Command(("SERIALS CERT KEY [SECONDS]",)),
    "print-defaults": Command(("config", "csr")),
    "version": Command(("",)),
}


def usage(name: str = "") -> str:
    """Return how a command is called; all of them if none is named."""
    lines = [
        f"tls-scaffold cfssl {each} {words}".rstrip()
        for each, command in COMMANDS.items()
        if name in ("", each)
        for words in command.usages
    ]
    return "Usage:\n" + "".join(f"  {line}\n" for line in lines)

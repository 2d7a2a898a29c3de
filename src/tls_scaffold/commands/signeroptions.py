"""What is asked of `signer-config`: for whom to sign, and where the server has what."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from tls_scaffold.commands.signerkeys import reference_problem
from tls_scaffold.errors import UsageError
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.multiroot.policies import ORDINARY
from tls_scaffold.multiroot.rootsfile import key_url

LABEL = "{label}"
CERTIFICATE = "ca/{label}.pem"
CA_KEY_PATH = "ca/{label}-key.pem"
AUTH_KEYS = {ORDINARY: "keys/{label}.key", ROOT: "keys/{label}-root.key"}


@dataclass(frozen=True)
class SignerOptions:
    """What a command line says of folders and of the server.

    `named` are folders and inventory files, `above` directories with folders, `label` that of a
    single one which has none yet; the labels of `remove` are to go. What is empty of the rest stays
    as it is, or is as usual: `home` is where the server has its folder, and in the others `{label}`
    stands for the label: certificate and private key of the CA, and references to the keys that
    open it. Of `nets` alone it takes requests.
    """

    named: tuple[Path, ...] = ()
    above: tuple[Path, ...] = ()
    label: str = ""
    remove: tuple[str, ...] = ()
    home: str = ""
    certificate: str = ""
    private: str = ""
    auth_key: str = ""
    root_auth_key: str = ""
    nets: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise UsageError for the first that can't be meant."""
        if self.label and (self.above or len(self.named) > 1):
            raise UsageError("--label: it is that of a single DIR")
        for option, path in (
            ("--at", self.home),
            ("--certificate", self.certificate),
            ("--private", self.private),
        ):
            if path and (problem := path_problem(path)):
                raise UsageError(f"{option}: {problem}")
        for option, reference in (
            ("--auth-key", self.auth_key),
            ("--root-auth-key", self.root_auth_key),
        ):
            if reference and (problem := reference_problem(_filled(reference, "x"))):
                raise UsageError(f"{option}: {problem}")
        for net in self.nets:
            if problem := net_problem(net):
                raise UsageError(f"--nets: {problem}")

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders and files that are named: the current folder where nothing is asked for."""
        return self.named if self.named or self.above or self.remove else (Path(),)

    def root_values(self, label: str, home: str, old: Mapping[str, str]) -> dict[str, str]:
        """Return the fields of a label's section, in which `old` is now."""
        certificate = _filled(self.certificate, label)
        private = _filled(self.private, label)
        usual = key_url(f"{home}/{_filled(CA_KEY_PATH, label)}")
        values = {
            "private": key_url(private) if private else old.get("private", usual),
            "certificate": certificate
            or old.get("certificate", f"{home}/{_filled(CERTIFICATE, label)}"),
            "config": f"{home}/{label}.json",
        }
        return {**values, "nets": ", ".join(self.nets)} if self.nets else values

    def auth_keys(self, label: str, home: str, old: Mapping[str, str]) -> dict[str, str]:
        """Return the reference of each key of a label, of which `old` are there now."""
        given = {ORDINARY: self.auth_key, ROOT: self.root_auth_key}
        return {
            name: _filled(given[name], label)
            or old.get(name, f"file:{home}/{_filled(usual, label)}")
            for name, usual in AUTH_KEYS.items()
        }


def path_problem(path: str) -> str:
    """Say why a path can't stand in a list of roots; empty if it can."""
    if not path.startswith("/"):
        return f"`{path}` is not an absolute path: the server does not start where you are"
    if not path.isprintable() or path != path.strip() or path.rstrip("\"'") != path:
        return f"`{path}` has control characters, or ends in a blank or a quote"
    return ""


def net_problem(text: str) -> str:
    """Say why a text is no network as multirootca reads it; empty if it is one."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return f"`{text}` is not a network such as `10.0.0.0/8`"
    return "" if "/" in text else f"`{text}` has no length: one address is `{text}/32` or `/128`"


def _filled(pattern: str, label: str) -> str:
    return pattern.replace(LABEL, label)

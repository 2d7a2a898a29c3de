"""The forms in which consumers take their settings: lines, YAML, paths of the three files, URLs of the members."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import KEY_ENDING

PLAIN = re.compile(r"[A-Za-z0-9_./:=,@%+\[\]-]+", re.ASCII)
DIST = "dist"
TAR = ".tar.gz"
HOLDS_KEY = "# A private key is in this file: never commit it.\n"


@dataclass(frozen=True)
class Pems:
    """The texts that a component holds: its certificate, its key, and the CA's certificate."""

    certificate: str
    key: str
    ca: str


@dataclass(frozen=True)
class Paths:
    """Where a consumer finds the three files; a folder that is empty leaves them relative to their own.

    `name` is that of the pair without `.pem`, `trust` that of the CA's certificate.
    """

    name: str
    home: str = ""
    trust: str = "ca.pem"

    def __call__(self, file: str) -> str:
        """Return the path of one of the files."""
        return f"{self.home}/{file}" if self.home else file

    @property
    def ca(self) -> str:
        """The CA's certificate."""
        return self(self.trust)

    @property
    def certificate(self) -> str:
        """The component's own certificate."""
        return self(f"{self.name}.pem")

    @property
    def key(self) -> str:
        """The key of that certificate."""
        return self(f"{self.name}{KEY_ENDING}")


def joined(inventory: Inventory) -> str:
    """Return the members' URLs as every consumer takes them."""
    return ",".join(endpoints(inventory))


def lines(*each: str) -> str:
    """Return the text of these lines."""
    return "".join(f"{line}\n" for line in each)


def variables(values: Mapping[str, str]) -> str:
    """Return a line for each variable as a shell and systemd's EnvironmentFile read it, both to the same value."""
    return lines(*(f"{name}={_quoted(value)}" for name, value in values.items()))


def _quoted(value: str) -> str:
    """Leave plain words as they are: docker's --env-file takes quotes for a part of the value."""
    if PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, in its own order; each text on one line, however long."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what PyYAML takes for text and others do not: `1e3`, `y`; several lines stay lines."""

        def represent_text(self, text: str) -> yaml.ScalarNode:
            style = (
                "'" if text in ("y", "n", "Y", "N") or text[:1] in set("+-.0123456789") else None
            )
            if "\n" in text:
                style = "|"
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return str(
        yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    )

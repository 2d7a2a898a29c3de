"""The certificate revocation lists in a folder, in whatever form; each file is read once."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tls_scaffold.checks.readablefiles import readable_content, readable_names
from tls_scaffold.paths import CRL
from tls_scaffold.signing import contentkinds, pemfiles
from tls_scaffold.signing.contentkinds import FileKind, Form
from tls_scaffold.signing.revocationlists import LABEL, RevocationList, read_list

DER, PEM, BASE64 = "DER", "PEM", "base64"
CRL_IN_BASE64 = FileKind(contentkinds.CRL, Form.BASE64)


@dataclass(frozen=True)
class CRLFile:
    """A file that holds a list, or is called like one: its form is empty where it holds none."""

    path: str
    form: str
    raw: bytes = field(repr=False)

    @property
    def is_called_so(self) -> bool:
        """Whether its name says that it is a list."""
        return self.path == CRL or self.path.endswith(".crl")

    @cached_property
    def listed(self) -> RevocationList | None:
        """What it holds as etcd reads it; None where that is no list in DER."""
        return read_list(self.raw) if self.form == DER else None


def crl_files(
    folder: Path, directories: Iterable[str], others: Collection[str]
) -> Iterator[CRLFile]:
    """Yield the lists in the directories; `others` are known to be a certificate or a key."""
    for directory in directories:
        for path in readable_names(folder, directory):
            raw = readable_content(folder, path)
            found = CRLFile(path, _form(raw, is_other=path in others), raw)
            if found.form or found.is_called_so:
                yield found


def _form(raw: bytes, *, is_other: bool) -> str:
    """Return the form of the list in a file; empty where there is none.

    `cfssl gencrl` prints one in base64.
    """
    if read_list(raw):
        return DER
    if is_other:
        return ""
    crls = [block.der for block in pemfiles.blocks(raw) if block.label == LABEL]
    if any(map(read_list, crls)):
        return PEM
    return BASE64 if contentkinds.kind_of_file(raw) == CRL_IN_BASE64 else ""

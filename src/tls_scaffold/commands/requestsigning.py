"""`tls-scaffold requests sign`: a pack on the CA's machine, where no folder need be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.commands.packfiles import check_own_pack
from tls_scaffold.disk import files
from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ISSUED
from tls_scaffold.reading import decoded
from tls_scaffold.signing import broughtca, handsigning, issuer
from tls_scaffold.signing.handsigning import Reviewed
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.packs import Pack, read_pack

SIGNED = "-signed.tar"


@dataclass(frozen=True)
class Wish:
    """What the command line asks for; `config`, `out` and `record` are empty where left out."""

    pack: Path
    ca: Path
    key: Path
    config: str = ""
    out: str = ""
    record: str = ""

    @property
    def target(self) -> Path:
        """Where the answers go: `NAME-signed.tar` beside the pack, if nothing is said."""
        return Path(self.out) if self.out else self.pack.with_name(f"{self.pack.stem}{SIGNED}")


@dataclass(frozen=True)
class Looked:
    """A pack that may be signed, and all that it takes: nothing is signed yet."""

    pack: Pack
    reviewed: tuple[Reviewed, ...]
    ca: CA
    brought: broughtca.BroughtCA
    target: Path
    record: Path

    @property
    def chain(self) -> bytes:
        """The certificates above the one that signs, the root last; none where it is the root."""
        above = self.brought.chain.removeprefix(self.brought.certificate)
        is_root = self.brought.trust == self.brought.certificate
        return b"" if is_root else above + self.brought.trust


def look(folder: Path, wish: Wish, now: datetime) -> Looked:
    """Read a pack, the CA, its key, and what it last signed for the folder that asks.

    The record is `issued/` of `folder` unless another is named. Raises ScaffoldError with
    everything that is not signed, and where the answers' file is something else.
    """
    place = str(wish.pack)
    pack = read_pack(read_file(wish.pack), place)
    if pack.is_signed:
        raise ScaffoldError(
            f"`{place}` is signed already", hint="`tls-scaffold requests import` takes it"
        )
    if not pack.manifest.requests:
        raise ScaffoldError(f"`{place}` asks for nothing")
    key = read_file(wish.key)
    brought = broughtca.take_apart(read_file(wish.ca), key, now, str(wish.ca), str(wish.key))
    ca = issuer.load_ca(brought.certificate, key, str(wish.ca), str(wish.key))
    _check_ca(pack, brought)
    config = _read_config(wish.config)
    record = Path(wish.record) if wish.record else folder / ISSUED
    known = handsigning.last_signed(record, pack.manifest.folder_id, ca.certificate)
    reviewed = handsigning.review(pack, ca.certificate, known, config, now)
    check_own_pack(wish.target, lambda there: there.is_signed and there.manifest == pack.manifest)
    return Looked(pack, reviewed, ca, brought, wish.target, record)


def sign(looked: Looked, now: datetime) -> Path:
    """Sign what was looked at; return where the record has it.

    The record comes first: what leaves this machine is known here, whatever comes between. Raises
    ScaffoldError where the disk refuses.
    """
    signed = handsigning.answered(
        looked.pack, looked.reviewed, looked.ca, looked.brought.certificate, looked.chain
    )
    noted = handsigning.note_signed(looked.record, signed, now)
    with files.telling(looked.target, "written"):
        files.write(looked.target, signed.to_bytes())
    return noted


def _check_ca(pack: Pack, brought: broughtca.BroughtCA) -> None:
    """Refuse a pack that is for another CA: its folder would not take the answers."""
    wanted = pack.manifest.ca_sha256
    if wanted and wanted != brought.sha256:
        raise ScaffoldError(
            "the pack is for another CA: nothing is signed",
            [f"its folder trusts the one of SHA-256 {wanted}", f"this one has {brought.sha256}"],
            "if this CA has a new certificate, the folder needs it first:"
            " `tls-scaffold sync --ca FILE`, then export again",
        )


def _read_config(path: str) -> SigningConfig | None:
    if not path:
        return None
    return readers.signing_config(decoded(read_file(path), f"`{path}`"), path)


def lines_of(reviewed: Sequence[Reviewed]) -> list[str]:
    """Return what a person has to see before it is signed: what is new or changed comes first."""
    order = (handsigning.NEW, handsigning.CHANGED, handsigning.AGAIN)
    lines = []
    for each in sorted(reviewed, key=lambda item: order.index(item.kind)):
        asked = each.asked
        lines.append(f"{each.kind:<8} {asked.name}: {', '.join(asked.subject) or 'no subject'}")
        lines.append(f"         hosts: {', '.join(asked.hosts) or 'none'}")
        usages = ", ".join(each.profile.usages)
        lines.append(f"         profile {asked.shown_profile}: {usages}, for {each.profile.expiry}")
        lines += [f"         - {note}" for note in each.notes]
    return lines

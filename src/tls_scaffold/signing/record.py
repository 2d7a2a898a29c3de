"""The record `issued/`: each certificate that was ever signed here, in a file of its own.

`sign.sh` keeps the same one. A file of it is called `NAME-INPUTS-RESULT.pem`, that of a CA
`ca-RESULT.pem`: ten digits of the sum of each file that a pair is made from, and of its own two. So
it can be told whether a pair is what was made without reading its certificate, and with a shell
alone.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from tls_scaffold.disk.files import PUBLIC, create, flush_path, telling, write_by_way_of
from tls_scaffold.disk.issued import PATHS_OF_CAS, ca_path, digits
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import names, plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_KEYS, CHAINS, ISSUED, SCRIPT, TRUSTS
from tls_scaffold.signing import certificates, custodies, pairs, pemfiles
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.foldercas import recorded_ca_paths
from tls_scaffold.signing.rotation import rotation_of
from tls_scaffold.signing.twincas import by_subject
from tls_scaffold.spelling import MINUTE

NOTHING_CHANGED: Mapping[str, bytes] = MappingProxyType({})


def has_ca_on_record(folder: Path, ca: str) -> bool:
    """Tell whether a folder had a CA once: then no run makes another where it is missing."""
    return bool(recorded_ca_paths(folder, ca))


class Record:
    """The record of a folder as of one moment: each file is read and summed once.

    CA and record are below `target`: that is the folder itself, or where a new set is made for it.
    `changed` are files, by path, that count as if they held something else already.
    """

    def __init__(
        self, folder: Path, target: Path, changed: Mapping[str, bytes] = NOTHING_CHANGED
    ) -> None:
        self._folder, self._target = folder, target
        self._sums = {path: digits(pem) if pem else "" for path, pem in changed.items()}

    @cached_property
    def is_kept(self) -> bool:
        """Whether the folder is of our form: nobody else would keep the record."""
        return (self._folder / SCRIPT).is_file()

    @cached_property
    def _paths(self) -> set[str]:
        return set(names(self._target, ISSUED, ".pem"))

    def inputs(self, signing: Signing) -> str:
        """Return the digits of what a certificate is made from: flags, request, configuration, CA.

        Those of the chain behind it follow where the folder has one. What is missing has none; so
        those of a CA that is made later come on top of the others.
        """
        flags = "".join(f"{word} " for word in signing.flags or ())
        config, ca = signing.config, signing.ca
        chain = CHAINS.get(ca, "")
        return (
            digits(flags.encode())
            + self._digits_of(self._folder, signing.request)
            + self._digits_of(self._folder, config)
            + self._digits_of(self._target, ca)
            + self._digits_of(self._target, chain)
        )

    def path(self, signing: Signing, certificate: bytes, key: bytes) -> str:
        """Return the path that a pair has in the record."""
        name = signing.output.rpartition("/")[2]
        return f"{ISSUED}/{name}-{self.inputs(signing)}-{digits(certificate, key)}.pem"

    def has(self, path: str) -> bool:
        """Tell whether a path was in the record when it was looked at."""
        return path in self._paths

    def check_ca(self, ca: str) -> None:
        """Raise ScaffoldError if the record has a CA of this path: then `certs/` has lost it.

        Another one is made for nobody. Of several the newest is told, with each that has its name.
        """
        recorded = filter(PATHS_OF_CAS[ca].fullmatch, self._paths)
        found = {path: certificates.read_at(self._target / path) for path in recorded}
        if not found:
            return
        path, newest = max(found.items(), key=lambda each: age_of_ca(each[1]))
        groups = by_subject({each: read for each, read in found.items() if read})
        twins = next((group for group in groups if path in group), {})
        lost = f"the CA of this folder is not in `certs`: `{path}` is its certificate"
        told = _describe_ca(newest) if newest else ()
        if len(twins) > 1:
            lost = f"the CA of this folder is not in `certs`: the record has {len(twins)} of a name"
            told = tuple(
                f"{each}: {line}" for each, read in twins.items() for line in _describe_ca(read)
            )
        raise ScaffoldError(
            lost,
            told,
            f"put its {Path(ca).name} and {Path(CA_KEYS[ca]).name} back; "
            f"{custodies.instead_of_lost(self._folder)}",
        )

    def note_cas(self) -> None:
        """Note the CAs that are there; make what others trust of each where there is none yet.

        That is the CA alone, and while it follows another one that one too: one that has signed it,
        and no other that lies there.
        """
        for ca, path in TRUSTS.items():
            pem = _content_or_none(self._target / ca)
            if not pem or pemfiles.seems_key(pem):
                continue
            self.note({ca_path(pem, ca): pem})
            trust = self._target / path
            if os.path.lexists(trust):
                continue
            rotation = rotation_of(self._target)
            old = b""
            if rotation and rotation.ca == ca and rotation.old and rotation.cross:  # what proves it
                old = rotation.old.pem
            if not old and os.path.lexists(self._target / CHAINS[ca]):
                raise ScaffoldError(
                    f"`{path}`, the root that everybody trusts, is missing",
                    hint="put it back; `tls-scaffold sync --ca FILE` brings it again",
                )
            with telling(trust, "written"):
                write_by_way_of(trust.with_name(f".{trust.stem}"), trust, pem + old)

    def note(self, pems: Mapping[str, bytes]) -> None:
        """Note certificates by their paths, on the disk before this ends."""
        with self.noting(pems.items()) as files:
            pairs.flush_files(files)

    @contextmanager
    def noting(self, pems: Iterable[tuple[str, bytes]]) -> Iterator[list[str]]:
        """Write certificates beside their paths, which they take where the block ends well.

        What is there stays. The block gets the files that it is to flush: with others at once, a
        thousand cost no more than one. A file that holds a key too is left out: the record is for
        everybody.
        """
        directory = inside(self._target, f"{ISSUED}/-").parent
        temporary: dict[str, str] = {}
        try:
            for path, pem in pems:
                if self.has(path) or pemfiles.seems_key(pem):
                    continue
                with telling(directory):
                    if not temporary:
                        directory.mkdir(exist_ok=True)
                        directory.chmod(0o755)
                    # sign.sh calls them so too, and `.gitignore` knows them.
                    temporary[path] = name = f"{directory}/.{path.rpartition('/')[2]}"
                    with suppress(FileNotFoundError):  # a run that was killed may have left it
                        os.unlink(name)  # noqa: PTH108 - no Path for each of a thousand
                    create(name, pem, PUBLIC, flush=False)
            yield list(temporary.values())
            with telling(directory):
                for path, name in temporary.items():
                    os.replace(name, f"{self._target}/{path}")  # noqa: PTH105
                if temporary:
                    flush_path(directory)
        except BaseException:
            for name in temporary.values():
                Path(name).unlink(missing_ok=True)
            raise
        self._paths.update(temporary)

    def _digits_of(self, place: Path, path: str) -> str:
        if path not in self._sums:
            content = _content_or_none(f"{place}/{path}") if path else None
            self._sums[path] = "" if content is None else digits(content)
        return self._sums[path]


def _content_or_none(path: str | Path) -> bytes | None:
    try:
        return plain(path, str(path))
    except (OSError, ScaffoldError):
        return None


def age_of_ca(ca: Certificate | None) -> tuple[float, int, str]:
    """Return what is greater for a newer CA.

    Within the minute that dates are rounded to the number in its CN tells.
    """
    return (ca.not_before.timestamp(), len(ca.cn), ca.cn) if ca else (0, 0, "")


def _describe_ca(ca: Certificate) -> tuple[str, ...]:
    return (
        f"subject: {ca.subject_text}",
        f"end: {ca.not_after:{MINUTE}}",
        f"SHA-256 fingerprint: {sha256(ca.der).digest().hex(':').upper()}",
    )

"""A pack: CSRs that wait for a signature, or the answers to them, in one tar that travels by hand.

`manifest.json`, `ca-config.json`, a `NAME.csr` for each request; signed, a `NAME.pem` beside it,
`ca.pem`, and `chain.pem` with what is above that. Who has only cfssl can use it too: the
configuration is one for `cfssl sign`, and `cfssljson -bare NAME` writes the names that are looked
for.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.disk.files import PUBLIC
from tls_scaffold.disk.tarballs import Form, Packed, packed, unpacked
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, MIB
from tls_scaffold.reading import decoded
from tls_scaffold.signing import csrs
from tls_scaffold.signing.certificates import Certificate, read
from tls_scaffold.signing.contentkinds import is_private_key
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.manifests import Asked, Manifest, asked_of, disagreements, read_manifest
from tls_scaffold.signing.pemfiles import labels
from tls_scaffold.spelling import listed

MANIFEST, CONFIG, CA, CHAIN = "manifest.json", "ca-config.json", "ca.pem", "chain.pem"
FORM = Form(
    otherwise="no pack: nothing is taken from it",
    largest=MIB,
    has_folders=False,
    hint="pack plain files without folders: `tar -cf FILE manifest.json *.csr *.pem`",
)
CHANGED = "what was changed on the way is not signed, nor put in place"


@dataclass(frozen=True)
class Pack:
    """A pack that was read: the manifest agrees with every CSR, and no key is in it.

    `config` is the signing configuration, `csrs` and `certificates` are by the names of
    components. `ca` is the certificate of the CA that signed, `chain` what is above it; both are
    empty where nobody has signed yet.
    """

    manifest: Manifest
    config: SigningConfig
    csrs: Mapping[str, CSR]
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    ca: bytes = b""
    chain: bytes = b""

    @cached_property
    def contents(self) -> dict[str, bytes]:
        """The contents of its files by their names."""
        signed = {CA: self.ca, CHAIN: self.chain}
        return {
            MANIFEST: self.manifest.to_text().encode(),
            CONFIG: self.config.to_json().encode(),
            **{f"{name}{CSR_ENDING}": csr.pem for name, csr in self.csrs.items()},
            **{f"{name}{CERTIFICATE_ENDING}": pem for name, pem in self.certificates.items()},
            **{name: pem for name, pem in signed.items() if pem},
        }

    @property
    def is_signed(self) -> bool:
        """Whether somebody has signed something of it."""
        return bool(self.certificates)

    def profile(self, asked: Asked) -> Profile:
        """Return the profile that a request asks for."""
        return self.config.profile_or_default(asked.profile)

    def to_bytes(self) -> bytes:
        """Return the tar; ScaffoldError if a key is among what it would hold."""
        _refuse_keys(self.contents, "the pack")
        time = int(self.manifest.moment.timestamp())
        contents = self.contents.items()
        return packed(Packed(name, content, PUBLIC, time) for name, content in contents)


def sum_of_config(config: SigningConfig) -> str:
    """Return the sum that a manifest has of a signing configuration."""
    return hashlib.sha256(config.to_json().encode()).hexdigest()


def read_pack(data: bytes, place: str) -> Pack:
    """Read a pack; `place` is its path, for messages.

    Raises ScaffoldError with every problem: no such tar, files that are not plain or not a pack's,
    a private key, a manifest or configuration that can't be read, or that says something else than
    the CSRs.
    """
    files = {each.path: each.content for each in unpacked(data, place, FORM)}
    _refuse_keys(files, f"`{place}`")
    missing = [f"`{name}` is missing" for name in (MANIFEST, CONFIG) if name not in files]
    if missing:
        raise ScaffoldError(
            f"`{place}` is no pack of requests", missing, "`tls-scaffold requests export` makes one"
        )
    manifest = read_manifest(decoded(files[MANIFEST], f"`{MANIFEST}`"), MANIFEST)
    if hashlib.sha256(files[CONFIG]).hexdigest() != manifest.config_sha256:
        raise ScaffoldError(f"`{CONFIG}` is not the one that `{MANIFEST}` names", hint=CHANGED)
    config = readers.signing_config(decoded(files[CONFIG], f"`{CONFIG}`"), CONFIG)
    names = [each.name for each in manifest.requests]
    problems = list(_unknown(files, names))
    found: dict[str, CSR] = {}
    for asked in manifest.requests:
        csr = _csr_of(files, asked, config)
        if isinstance(csr, CSR):
            found[asked.name] = csr
        else:
            problems.append(f"{asked.name}: {csr}")
    if problems:
        raise ScaffoldError(f"`{place}` is not a pack as it was made", problems, CHANGED)
    return Pack(
        manifest,
        config,
        found,
        {name: files[f"{name}.pem"] for name in names if f"{name}.pem" in files},
        files.get(CA, b""),
        files.get(CHAIN, b""),
    )


def _csr_of(files: Mapping[str, bytes], asked: Asked, config: SigningConfig) -> CSR | str:
    """Return the CSR of a request, or why it is not what the manifest says of it."""
    place = f"{asked.name}{CSR_ENDING}"
    if place not in files:
        return f"`{place}` is missing"
    if asked.profile and asked.profile not in config.profiles:
        return f"`{CONFIG}` has no profile `{asked.profile}`"
    try:
        csr = csrs.read(files[place], place)
    except ScaffoldError as error:
        return error.without(place)
    there = asked_of(asked.name, csr, config.profile_or_default(asked.profile))
    differing = [*disagreements(asked, there)]
    told = f"the manifest disagrees with `{place}`: {listed(differing, len(differing))}"
    return told if differing else csr


def _unknown(files: Mapping[str, bytes], names: list[str]) -> Iterator[str]:
    known = {MANIFEST, CONFIG, CA, CHAIN}
    known |= {f"{name}{end}" for name in names for end in (CSR_ENDING, CERTIFICATE_ENDING)}
    yield from (f"`{name}` belongs to no request" for name in files if name not in known)


def _refuse_keys(files: Mapping[str, bytes], what: str) -> None:
    keys = [name for name, content in files.items() if any(map(is_private_key, labels(content)))]
    if keys:
        raise ScaffoldError(
            f"{what} holds a private key: keys never travel",
            [f"`{name}` is one" for name in keys],
            "pack again without it; a key that has left its machine is to be taken for lost",
        )


def ca_of(pack: Pack) -> Certificate | None:
    """Return the certificate of the CA that signed a pack; None where it has none.

    Raises ScaffoldError if it is none of a CA's.
    """
    if not pack.ca:
        return None
    ca = read(pack.ca, CA)
    if not ca.may_sign:
        raise ScaffoldError(f"`{CA}` of the pack is not the certificate of a CA")
    return ca

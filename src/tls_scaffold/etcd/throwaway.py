"""Certificates for one proof, gone with its folder, signed by CAs whose keys are on no disk."""

import secrets
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import SECRET, create
from tls_scaffold.etcd.etcdctl import Identity, identity_at
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.presets import comes_by_password
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.signing import certificates, issuer, signer
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.revocationlists import make_crl
from tls_scaffold.signing.revocations import REASONS, Revocation
from tls_scaffold.spelling import Key

KEY = Key("ecdsa", 256)
NOBODY = "tls-scaffold-nobody"
# Longer than a proof takes: rbac.sh enables nothing by a root certificate that is about to end.
CLIENT = Profile(usages=("signing", "key encipherment", "client auth"), expiry="8760h")


def new_ca(cn: str) -> CA:
    """Make a CA that nobody trusts yet."""
    made = signer.new_ca(Request(cn=cn, key=KEY), signer.utc_now())
    return issuer.load_ca(made.certificate, made.key, cn, f"the key of {cn}")


def write_trust(ca: CA, others: bytes, path: Path) -> Path:
    """Write a file with `ca` before `others`, the PEM of CAs that are trusted as well."""
    create(path, ssl.DER_cert_to_PEM_cert(ca.certificate.der).encode() + others)
    return path


def sign_client(cn: str, ca: CA, base: Path) -> Identity:
    """Sign a client certificate; its files are `base`.pem and `base`-key.pem."""
    signed = signer.sign(Request(cn=cn, key=KEY), CLIENT, ca, signer.utc_now())
    identity = identity_at(base)
    create(identity.certificate, signed.certificate)
    create(identity.key, signed.key, SECRET)
    return identity


def link_identity(identity: Identity, base: Path) -> Identity:
    """Link to an identity under another name: what is kept beside its files stays here.

    No key is copied.
    """
    links = identity_at(base)
    links.certificate.symlink_to(identity.certificate)
    links.key.symlink_to(identity.key)
    return links


def list_of(identities: Iterable[Identity]) -> bytes:
    """Return a list that names these certificates: etcd does not look at who signed it."""
    now = signer.utc_now()
    serials = [
        certificates.read(each.certificate.read_bytes(), "").parsed.serial_number
        for each in identities
    ]
    revoked = [Revocation(each, "", "", REASONS[0], now) for each in dict.fromkeys(serials)]
    return make_crl(revoked, new_ca("tls-scaffold prove"), now, now + timedelta(days=1))


@dataclass(frozen=True)
class Clients:
    """Root, a file with the CAs whose clients are trusted, and who is no user of etcd."""

    root: Identity
    trusted: Path
    nobody: Identity | None = None


def clients(
    inventory: Inventory, identities: Mapping[str, Identity], ca: Path, into: Path
) -> Clients:
    """Return who comes beside users and members.

    Root's files are in `into`: beside them `rbac.sh` keeps, and looks for, its way back.
    """
    own = rbac.root_component(inventory)
    if own:
        return Clients(link_identity(identities[own.name], into / "root"), ca)
    # Signed by the folder's CA it would open the live cluster to whoever finds it.
    maker = new_ca("tls-scaffold prove")
    trusted = write_trust(maker, ca.read_bytes(), into / "clients-ca.pem")
    root = sign_client(ROOT, maker, into / "root")
    return Clients(root, trusted, sign_client(NOBODY, maker, into / "nobody"))


def logins(inventory: Inventory) -> dict[str, tuple[str, str]]:
    """Return CN and a password of each user of etcd's HTTP gateway: the real one stays unknown."""
    users = [user for user in inventory.users if comes_by_password(user) and rbac.roles_of(user)]
    return {user.name: (user.cn, secrets.token_hex(24)) for user in users}

"""Certificates for one proof, signed in a temporary folder and gone with it."""

from pathlib import Path

from tls_scaffold import paths
from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import SECRET, create
from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.signing import authority, issuer, signer
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.signer import Signed
from tls_scaffold.words import Key

KEY = Key("ecdsa", 256)
HOUR = Profile(usages=("signing", "key encipherment", "client auth"), expiry="1h")


def ca_of(folder: Path) -> CA:
    """Return the folder's CA; ScaffoldError where a half of it is missing or does not fit."""
    return authority.load(folder, paths.CA, paths.CA_KEY)


def other_ca() -> CA:
    """Make a CA that nobody trusts."""
    made = signer.new_ca(Request(cn="another CA", key=KEY), signer.utc_now())
    return issuer.load_ca(made.certificate, made.key, "another CA", "another CA's key")


def client(cn: str, ca: CA, base: Path) -> Identity:
    """Sign a client certificate that is valid for an hour; its files are `base`.pem and `base`-key.pem."""
    return _write(signer.sign(Request(cn=cn, key=KEY), HOUR, ca, signer.utc_now()), base)


def linked(identity: Identity, base: Path) -> Identity:
    """Link to an identity under another name, so that what is kept beside its files stays here; no key is copied."""
    links = _named(base)
    links.certificate.symlink_to(identity.certificate)
    links.key.symlink_to(identity.key)
    return links


def _named(base: Path) -> Identity:
    return Identity(Path(f"{base}.pem"), Path(f"{base}-key.pem"))


def _write(signed: Signed, base: Path) -> Identity:
    identity = _named(base)
    create(identity.certificate, signed.certificate)
    create(identity.key, signed.key, SECRET)
    return identity

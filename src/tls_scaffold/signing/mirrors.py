"""Certificates that are like others but for their keys, and for addresses on loopback.

Subjects, usages, constraints, lives, serial numbers and who signed whom are the same. What can't be
told from a certificate alone, such as whether its key is at hand, is not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.building import certificate_builder
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import CURVES, PrivateKey, make_key, signature_hash
from tls_scaffold.spelling import Key, canonical_address

SOURCE = ip_address("127.0.0.1")
"""The address that a connection on loopback comes from, whatever it goes to."""
LOOPBACK = ip_network("127.0.0.0/8")
USUAL_KEY = Key("ecdsa", 256)
RSA_BITS = 2048  # longer ones take seconds to make
LONGEST_SERIAL = 159  # bits (RFC 5280, 4.1.2.2)
NO_ADDRESSES: Mapping[str, str] = {}


class Mirror:
    """Makes certificates like others; `addresses` has an address of loopback by each host.

    Each public key has one key of ours in its place, so that a CA which was renewed, or signed by
    another one, still is one CA.
    """

    def __init__(self, addresses: Mapping[str, str] = NO_ADDRESSES) -> None:
        self._addresses = addresses
        self._keys: dict[str, PrivateKey] = {}
        self._strangers: dict[tuple[bytes, bytes], PrivateKey] = {}
        self._cas: dict[bytes, Certificate] = {}
        self._made: dict[bytes, Certificate] = {}

    def know_cas(self, found: Iterable[Certificate]) -> None:
        """Note CAs, by which it is told who signed what."""
        self._cas.update({each.der: each for each in found if each.may_sign})

    @property
    def keys(self) -> tuple[PrivateKey, ...]:
        """Every key that certificates have here."""
        return tuple(self._keys.values())

    def know_key(self, key: PrivateKey) -> None:
        """Note a private key that is no secret: it stays in its place."""
        self._keys[certificates.sum_of_public_key(key.public_key())] = key

    def key_of(self, certificate: Certificate) -> PrivateKey:
        """Return the key in the place of a certificate's."""
        if certificate.key_sum not in self._keys:
            self._keys[certificate.key_sum] = make_key(_like_key(certificate.key))
        return self._keys[certificate.key_sum]

    def like(self, certificate: Certificate) -> Certificate:
        """Return the certificate that is like this one.

        Raises ScaffoldError where one can't be made.
        """
        if certificate.der not in self._made:
            try:
                self._made[certificate.der] = self._sign(certificate)
            except certificates.UNREADABLE as error:
                raise ScaffoldError(
                    f"no certificate can be made like `{certificate.subject_text}`", [str(error)]
                ) from error
        return self._made[certificate.der]

    def _sign(self, certificate: Certificate) -> Certificate:
        old, key = certificate.parsed, self._key_of_signer(certificate)
        serial = old.serial_number
        if not 0 < serial.bit_length() <= LONGEST_SERIAL:
            serial = x509.random_serial_number()
        builder = certificate_builder(
            old.subject,
            old.issuer,
            self.key_of(certificate).public_key(),
            (certificate.not_before, certificate.not_after),
            self._extensions(certificate),
            serial,
        )
        made = builder.sign(key, signature_hash(key))
        return Certificate(made.public_bytes(Encoding.DER))

    def _key_of_signer(self, certificate: Certificate) -> PrivateKey:
        """Return the key that signs: of a signer whom nobody knows one that nobody else has."""
        for ca in (certificate, *self._cas.values()):
            if matching.signed_by(certificate, ca):
                return self.key_of(ca)
        issuer = certificate.parsed.issuer.public_bytes(), certificate.issuer_key_id
        if issuer not in self._strangers:
            self._strangers[issuer] = make_key(USUAL_KEY)
        return self._strangers[issuer]

    def _extensions(self, certificate: Certificate) -> Iterator[tuple[x509.ExtensionType, bool]]:
        found = {each.oid: each for each in certificate.parsed.extensions}
        names = x509.SubjectAlternativeName.oid
        added = tuple(self._added_addresses(certificate))
        if certificate.parsed.version == x509.Version.v1:  # else it would be no CA any more
            yield x509.BasicConstraints(ca=True, path_length=None), True
        if added and names not in found:  # a host in a CN alone is none to Go
            added = ()
        for oid, each in found.items():
            value = each.value
            if oid == names and isinstance(value, x509.SubjectAlternativeName):
                value = x509.SubjectAlternativeName([*self._names_kept(value), *added])
            elif isinstance(value, x509.NameConstraints):
                value = self._constraints(value)
            yield value, each.critical

    def _added_addresses(self, certificate: Certificate) -> Iterator[x509.GeneralName]:
        """Yield the addresses of loopback that a certificate has to hold for the hosts it is for.

        A member's peers look for where it comes from among them.
        """
        addresses = [
            ip_address(address)
            for host, address in self._addresses.items()
            if matching.is_for_host(certificate, host)
        ]
        for each in dict.fromkeys((*addresses, *([SOURCE] if addresses else []))):
            yield x509.IPAddress(each)

    def _names_kept(self, names: x509.SubjectAlternativeName) -> Iterator[x509.GeneralName]:
        """Yield the names but for addresses that have others in their place.

        That of loopback is a member's own where it stands in the inventory alone.
        """
        for name in names:
            address = str(name.value) if isinstance(name, x509.IPAddress) else ""
            if not address or not (self._addresses and self._is_replaced(address)):
                yield name

    def _is_replaced(self, address: str) -> bool:
        hosts = {canonical_address(host) for host in self._addresses}
        return canonical_address(address) in hosts or ip_address(address) in LOOPBACK

    def _constraints(self, value: x509.NameConstraints) -> x509.NameConstraints:
        """Return what a CA may sign for, with the addresses on loopback of the same hosts."""
        if not self._addresses:
            return value
        permitted = self._ranges(value.permitted_subtrees or (), permits=True)
        excluded = self._ranges(value.excluded_subtrees or (), permits=False)
        return x509.NameConstraints(list(permitted) or None, list(excluded) or None)

    def _ranges(
        self, names: Iterable[x509.GeneralName], *, permits: bool
    ) -> Iterator[x509.GeneralName]:
        listed = list(names)
        ranges = [
            each.value
            for each in listed
            if isinstance(each, x509.IPAddress)
            and isinstance(each.value, IPv4Network | IPv6Network)
        ]
        yield from (each for each in listed if not isinstance(each, x509.IPAddress))
        if not ranges:
            return
        for network in ranges:
            is_loopback = isinstance(network, IPv4Network) and network.overlaps(LOOPBACK)
            yield x509.IPAddress(ip_network(SOURCE) if is_loopback else network)
        for host, address in self._addresses.items():
            known = canonical_address(host)
            is_inside = bool(known) and any(ip_address(known) in each for each in ranges)
            # A name is looked at as such; the address beside it has to pass.
            if is_inside or (permits and not known):
                yield x509.IPAddress(ip_network(address))
        if permits:
            yield x509.IPAddress(ip_network(SOURCE))


def _like_key(key: Key) -> Key:
    if key.algo == "rsa":
        return Key("rsa", RSA_BITS)
    return key if key.algo == "ed25519" or key.size in CURVES else USUAL_KEY

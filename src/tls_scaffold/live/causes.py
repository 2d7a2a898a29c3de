"""What `tls-scaffold explain` knows: the one table of causes, of its answers and of its page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NOTHING = ""
REFUSED = "`remote error: tls: bad certificate`"


@dataclass(frozen=True)
class Cause:
    """One thing that may be wrong: what it is, what both ends say of it, and what mends it.

    `member` and `client` are what stands in etcd's log and what a client from 3.5 on is told, for
    people. `{name}` in `mend` is the component that it is about; each item is a command, or a
    sentence where there is none. What begins with `make` or `tls-scaffold` is run on the folder.
    `mend_elsewhere` does where nobody makes another CA in the folder, as that would ask for.
    """

    id: str
    what: str
    member: str
    client: str
    mend: tuple[str, ...]
    mend_elsewhere: tuple[str, ...] = ()


NO_CERTIFICATE = Cause(
    "no-client-certificate",
    "a client came without a certificate (a look of `status --live` or a port scan does, too)",
    "`tls: client didn't provide a certificate`",
    "`remote error: tls: certificate required`",
    ("tls-scaffold bundle {name}", "give the client that certificate and key"),
)
CLIENT_EXPIRED = Cause(
    "client-expired",
    "the client's certificate has ended",
    "`x509: certificate has expired or is not yet valid: current time … is after …`",
    "`remote error: tls: expired certificate`, or `broken pipe`",
    ("make renew", "tls-scaffold bundle {name}", "give the client its new pair"),
)
CLIENT_EARLY = Cause(
    "client-not-yet-valid",
    "the client's certificate is not valid yet: a clock is wrong, the member's or the signer's",
    "`x509: certificate has expired or is not yet valid: current time … is before …`",
    "`remote error: tls: expired certificate`, or `broken pipe`",
    ("set the clocks right; the certificate is valid then",),
)
CLIENT_CA = Cause(
    "client-other-ca",
    "the client's certificate is signed by a CA that the member does not trust",
    "`x509: certificate signed by unknown authority`",
    "`remote error: tls: unknown certificate authority`, or `broken pipe`",
    ("tls-scaffold bundle {name}", "give the client the pair that this folder's CA has signed"),
)
CLIENT_OLD_CA = Cause(
    "client-old-ca",
    "the client's certificate hangs on a CA that this folder had before: the member does not trust "
    "that one any more",
    "`x509: certificate signed by unknown authority`",
    "`remote error: tls: unknown certificate authority`, or `broken pipe`",
    ("tls-scaffold bundle {name}", "give the client its new pair, and its new `ca.pem`"),
)
CLIENT_CHAIN = Cause(
    "client-chain",
    "the client shows its certificate without what stands behind it in the folder (in a rotation "
    "the cross certificate), and the member trusts nothing but the CA above that",
    "`x509: certificate signed by unknown authority`",
    "`remote error: tls: unknown certificate authority`, or `broken pipe`",
    ("tls-scaffold bundle {name}", "give the client all that the certificate's file holds"),
)
CLIENT_USAGE = Cause(
    "client-usage",
    "the client's certificate is not for clients: it has no `client auth`",
    "`x509: certificate specifies an incompatible key usage`",
    REFUSED,
    ("tls-scaffold check", "make req-{name}", "tls-scaffold bundle {name}"),
)
TRUST_AGAIN = (
    "lay out `certs/trust.pem` (`ca.pem` in bundles) where it was refused, and restart what reads "
    "that at its start, as etcd does"
)
CA_USAGE = Cause(
    "ca-usage",
    "the CA's certificate has extended usages, and `client auth` is not among them: "
    "every client is refused",
    "`x509: certificate specifies an incompatible key usage` for every client",
    REFUSED,
    ("tls-scaffold rotate start", "go on as it says: the new CA is for everything"),
    (
        "have the CA signed again where it was, by name and key the same, without extended usages",
        "tls-scaffold sync --ca FILE",
        "lay out `certs/trust.pem`, then restart the members one after another",
    ),
)
CA_EXPIRED = Cause(
    "ca-expired",
    "the CA has ended, or else an older certificate of it that somebody has loaded still: who has "
    "that takes nobody's certificate",
    "`x509: certificate has expired or is not yet valid: current time … is after …`, with the end "
    "of a CA, for every client; where a client has it loaded `remote error: tls: bad certificate`",
    "`remote error: tls: expired certificate`; where the client has it loaded what etcd's log has",
    ("if `certs/ca.pem` has ended too:", "make renew-ca", TRUST_AGAIN),
    (
        "if `certs/ca.pem` has ended too, have it signed again where it was, with the same key:",
        "tls-scaffold sync --ca FILE",
        TRUST_AGAIN,
    ),
)
# Every CA that a folder makes first has one name, so a stranger's may have the trusted one's.
CLIENT_NAMESAKE = Cause(
    "client-namesake",
    "the client's certificate is of another CA, such as another folder's, whose name is that of "
    "the one that the member trusts; this folder's own clients are let in",
    "`x509: … verification failure while trying to verify candidate authority certificate`",
    "`remote error: tls: unknown certificate authority` or `bad certificate`",
    (
        "if that client is none of this cluster's, nothing: it stays out; else",
        "tls-scaffold bundle {name}",
        "give the client the pair that this folder's CA has signed",
    ),
)
ONE_CA = "lay out the trust file and the pairs of one and the same CA, and restart the members"
SAME_SUBJECT = Cause(
    "same-subject",
    "two CAs have one subject and different keys: a member's pair is of the one, and the other is "
    "trusted, or the member trusts another than the folder; this folder's own clients or members "
    "are refused too",
    "`x509: … verification failure while trying to verify candidate authority certificate`",
    "`remote error: tls: unknown certificate authority` or `bad certificate`",
    (
        ONE_CA,
        "only if both CAs have to be trusted at one place, give this folder's another name:",
        "tls-scaffold rotate start",
    ),
    (
        ONE_CA,
        "only if both CAs have to be trusted at one place, bring another, once all trust that:",
        "make clean",
        "tls-scaffold sync --ca FILE",
        "and `make`",
    ),
)
NAMESAKES = (CLIENT_NAMESAKE, SAME_SUBJECT)
REVOKED = Cause(
    "revoked",
    "the certificate is on the list of revoked ones (`--client-crl-file`, `--peer-crl-file`)",
    "the serial, and `revoked`",
    "`context deadline exceeded`",
    (
        "if it is to stay out, nothing: so it was meant; only if it is to come in again:",
        "make req-{name}",
        "tls-scaffold bundle {name}",
        "give the client its new pair",
    ),
)
CRL_UNREADABLE = Cause(
    "crl-unreadable",
    "the member can't read its list of revoked certificates: it refuses everybody, root too",
    "`asn1: …`, `x509: malformed crl`, `x509: unsupported crl version`, or that the CRL's file is "
    "missing",
    "`context deadline exceeded`",
    ("tls-scaffold revoke", "give it `certs/crl.der` by a rename: etcd reads it at each handshake"),
)
SERVER_EXPIRED = Cause(
    "server-expired",
    "the certificate that the member serves has ended",
    f"only {REFUSED}",
    "`x509: certificate has expired or is not yet valid: current time … is after …`",
    ("make renew", "tls-scaffold bundle {name}", "lay it out: etcd reads it at each handshake"),
)
SERVER_EARLY = Cause(
    "server-not-yet-valid",
    "the certificate that the member serves is not valid yet: a clock is wrong",
    f"only {REFUSED}",
    "`x509: certificate has expired or is not yet valid: current time … is before …`",
    ("set the clocks right; the certificate is valid then",),
)
SERVER_HOST = Cause(
    "server-host",
    "the member's certificate does not hold the address that the client uses",
    f"only {REFUSED}",
    "`x509: certificate is valid for …, not …`, `… doesn't contain any IP SANs`",
    (
        "put that address into the member's `hosts` in `tls-scaffold.json`",
        "tls-scaffold sync",
        "make",
        "tls-scaffold bundle {name}",
    ),
)
SERVER_USAGE = Cause(
    "server-usage",
    "the member's certificate is not for servers: it has no `server auth`",
    f"only {REFUSED}",
    "`x509: certificate specifies an incompatible key usage`",
    ("tls-scaffold check", "make req-{name}", "tls-scaffold bundle {name}"),
)
SERVER_CA = Cause(
    "server-other-ca",
    "the member's certificate is signed by another CA than this folder's `certs/trust.pem` has",
    f"only {REFUSED}",
    "`x509: certificate signed by unknown authority`",
    ("tls-scaffold bundle {name}", "lay it out: etcd reads a pair at each handshake"),
)
SERVER_CHAIN = Cause(
    "server-chain",
    "the member serves its certificate without what stands behind it in the folder (in a rotation "
    "the cross certificate): who trusts nothing but the CA above that does not go on",
    f"only {REFUSED}",
    "`x509: certificate signed by unknown authority`",
    ("tls-scaffold bundle {name}", "lay out all that the certificate's file holds"),
)
CLIENT_TRUST = Cause(
    "client-trust",
    "the client trusts another CA than the one that signed the member's certificate",
    f"only {REFUSED}",
    "`x509: certificate signed by unknown authority`",
    ("give the client `certs/trust.pem` as its CA (`--cacert`; `ca.pem` in bundles)",),
)
SERVER_PAIR = Cause(
    "server-pair",
    "the member can't use its own pair: mostly certificate and key were replaced one after the "
    "other, and do not fit",
    "`tls: private key does not match public key`",
    "`remote error: tls: internal error`",
    ("tls-scaffold bundle {name}", "lay out certificate and key of one bundle together"),
)
CLIENT_PAIR = Cause(
    "client-pair",
    "the client's key does not fit its certificate",
    NOTHING,
    "`tls: private key does not match public key`",
    ("tls-scaffold bundle {name}", "give the client certificate and key of one bundle"),
)
PLAIN = Cause(
    "plain-http",
    "something without TLS came to a TLS port: `http://` in a client's endpoints, or a plain "
    "health check",
    "`tls: first record does not look like a TLS handshake`",
    "`error reading server preface: EOF`",
    ("write `https://` into the client's endpoints",),
)
WRONG_PREFIX = Cause(
    "wrong-prefix",
    "the certificate is right, and its user has no permission for these keys, or wants what root "
    "alone may do (users, roles, members, compaction)",
    "`auth: permission denied`, of a write",
    "`etcdserver: permission denied`",
    (
        "tls-scaffold rbac --diff",
        "grant keys in `tls-scaffold.json`, then `tls-scaffold sync` and `make rbac`",
        "for what root alone may do come as root",
    ),
)
NO_USER = Cause(
    "no-user",
    "the certificate's CN is no user of etcd, or it has none",
    "nothing, or `cannot find a user for permission check`, `invalid user name … for permission "
    "checking`",
    "`etcdserver: permission denied`",
    ("tls-scaffold rbac --diff", "make rbac"),
)
GATEWAY = Cause(
    "gateway",
    "a certificate with a CN came by etcd's HTTP gateway, which takes nobody by a certificate",
    "`CommonName of client sending a request against gateway will be ignored`",
    "HTTP 400, with these words",
    ("use gRPC (etcdctl does), or a user with a password and a certificate without a CN",),
)
NO_CLIENT_AUTH = Cause(
    "no-client-cert-auth",
    "the member runs without `--client-cert-auth`: it looks at no CN, and takes any client",
    NOTHING,
    "`etcdserver: user name is empty`",
    ("tls-scaffold bundle {name}", "start the member with the flags of its bundle"),
)
NO_PEM = Cause(
    "no-pem",
    "a file holds no PEM that etcd finds: a byte order mark or blanks before its `-----BEGIN`, "
    "DER, or nothing",
    "`tls: failed to find any PEM data in key input`, at start",
    "`tls: failed to find any PEM data in certificate input`",
    ("tls-scaffold bundle {name}", "copy files as they are, not through an editor or a console"),
)
TRUST_UNREADABLE = Cause(
    "trust-unreadable",
    "the member found no CA in its trust file when it started (a byte order mark or blanks "
    "before `-----BEGIN`): it trusts nobody",
    "`x509: certificate signed by unknown authority` for everybody",
    "`remote error: tls: unknown certificate authority`",
    ("tls-scaffold bundle {name}", "lay out its `ca.pem` as it is, then restart the member"),
)
MEMBER_TRUST = Cause(
    "member-trust",
    "the member has not loaded the CAs of `certs/trust.pem`: it reads that file at its start alone",
    "`x509: certificate signed by unknown authority`",
    "`remote error: tls: unknown certificate authority`",
    ("tls-scaffold bundle {name}", "lay out its `ca.pem`, then restart the member"),
)
ENCRYPTED_KEY = Cause(
    "encrypted-key",
    "the key is encrypted: etcd and its clients take no password for it",
    "`tls: failed to parse private key`, at start",
    "`tls: failed to parse private key`",
    ("openssl pkey -in KEY -out NEW", "or sign it again", "make req-{name}"),
)
DAMAGED_KEY = Cause(
    "damaged-key",
    "the key is cut off or damaged",
    "`tls: failed to parse private key`, at start",
    "`tls: failed to parse private key`",
    ("make req-{name}", "tls-scaffold bundle {name}"),
)

CLOCK = Cause(
    "clock",
    "the clock of whoever says that a certificate has ended, or refuses it for that, is wrong: by "
    "this machine's it lives",
    "`x509: certificate has expired or is not yet valid: current time … is after …`, with an end "
    "that is still to come",
    "the same",
    ("set that machine's clock right",),
)

CAUSES = (
    NO_CERTIFICATE,
    CLIENT_EXPIRED,
    CLIENT_EARLY,
    CLIENT_CA,
    CLIENT_OLD_CA,
    CLIENT_CHAIN,
    CLIENT_USAGE,
    CA_USAGE,
    CA_EXPIRED,
    *NAMESAKES,
    REVOKED,
    CRL_UNREADABLE,
    SERVER_EXPIRED,
    SERVER_EARLY,
    SERVER_HOST,
    SERVER_USAGE,
    SERVER_CA,
    SERVER_CHAIN,
    CLIENT_TRUST,
    SERVER_PAIR,
    CLIENT_PAIR,
    PLAIN,
    WRONG_PREFIX,
    NO_USER,
    GATEWAY,
    NO_CLIENT_AUTH,
    NO_PEM,
    TRUST_UNREADABLE,
    MEMBER_TRUST,
    ENCRYPTED_KEY,
    DAMAGED_KEY,
    CLOCK,
)

# Where nothing that a member trusts leads to a client's certificate.
OTHER_CAS = (CLIENT_CA, CLIENT_OLD_CA, CLIENT_CHAIN)
# Where a port does not let a client in, it is one of these.
OF_CLIENT = (
    NO_CERTIFICATE,
    CLIENT_EXPIRED,
    CLIENT_EARLY,
    *OTHER_CAS,
    CLIENT_USAGE,
    CA_USAGE,
    CA_EXPIRED,
    *NAMESAKES,
    REVOKED,
    CRL_UNREADABLE,
    TRUST_UNREADABLE,
    MEMBER_TRUST,
    CLOCK,
)
# Where a client does not go on with what a port serves.
OF_SERVER = (
    SERVER_EXPIRED,
    SERVER_EARLY,
    SERVER_HOST,
    SERVER_USAGE,
    SERVER_CA,
    SERVER_CHAIN,
)


def table() -> str:
    """Return all that is known as a table in Markdown, as it stands in `docs/explain.md`."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in _cells())


def _cells() -> Iterator[tuple[str, ...]]:
    yield "cause", "what it is", "etcd's log", "a client from 3.5 on", "what mends it"
    yield ("---",) * 5
    for each in CAUSES:
        mend = _in_a_row(each.mend)
        if each.mend_elsewhere:
            mend += f". Where the CA was brought: {_in_a_row(each.mend_elsewhere)}"
        yield f"`{each.id}`", each.what, each.member, each.client, mend


def _in_a_row(steps: Iterable[str]) -> str:
    return "; ".join(
        f"`{each.format(name='NAME')}`" if is_command(each) else each for each in steps
    )


def is_command(step: str) -> bool:
    """Tell a command from a sentence."""
    return step.startswith(("make", "tls-scaffold ", "openssl "))

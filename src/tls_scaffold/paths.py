"""What a folder's own files are called, as in etcd's hack/tls-setup, and how large one may be."""

# What `cfssljson -bare OUTPUT` puts behind an output: a certificate's three files.
CERTIFICATE_ENDING = ".pem"
KEY_ENDING = "-key.pem"
CSR_ENDING = ".csr"
ENDINGS = (CERTIFICATE_ENDING, KEY_ENDING, CSR_ENDING)

CERTS = "certs"
CA_OUTPUT = f"{CERTS}/ca"
CA = f"{CA_OUTPUT}{CERTIFICATE_ENDING}"
CA_KEY = f"{CA_OUTPUT}{KEY_ENDING}"
TRUST = f"{CERTS}/trust.pem"
# What members refuse, in DER (`--client-crl-file`), and what it is made from, which git has.
CRL = f"{CERTS}/crl.der"
REVOKED = "revoked.tsv"
# What stands behind each leaf where the CA is below another one: its issuer first, no root.
CHAIN = f"{CERTS}/chain.pem"
# A CA, or all certificates with a new one: decided on, and on the way to their places.
NEW_SET = f"{CERTS}/.new"
ISSUED = "issued"
# Keys and CSRs that wait for a signature from another machine.
AWAITING = "awaiting"
# In the order in which they go: without the CSR nothing waits. The second is a copy of the request.
REQUEST_ENDING = ".json"
WAITING_ENDINGS = (CSR_ENDING, REQUEST_ENDING, KEY_ENDING)
MAKEFILE = "Makefile"
CA_REQUEST = "config/ca-csr.json"
# Of the CA that signs what members show their peers, where the inventory asks for one; they trust
# `peer-trust.pem` there.
PEER_CA_OUTPUT = f"{CERTS}/peer-ca"
PEER_CA = f"{PEER_CA_OUTPUT}{CERTIFICATE_ENDING}"
PEER_CA_KEY = f"{PEER_CA_OUTPUT}{KEY_ENDING}"
PEER_TRUST = f"{CERTS}/peer-trust.pem"
PEER_CA_REQUEST = "config/peer-ca-csr.json"
CA_KEYS = {CA: CA_KEY, PEER_CA: PEER_CA_KEY}
CA_REQUESTS = {CA: CA_REQUEST, PEER_CA: PEER_CA_REQUEST}
TRUSTS = {CA: TRUST, PEER_CA: PEER_TRUST}
"""The key, the request and what others trust, by the certificate of each CA of ours."""
# While a CA follows another: the one that goes, by the same, with its key; and what stands behind
# each leaf then, the new CA's subject and key signed by the one that goes.
PEER_CHAIN = f"{CERTS}/peer-chain.pem"
OLD_CAS = {CA: f"{CERTS}/old-ca.pem", PEER_CA: f"{CERTS}/old-peer-ca.pem"}
OLD_CA_KEYS = {CA: f"{CERTS}/old-ca-key.pem", PEER_CA: f"{CERTS}/old-peer-ca-key.pem"}
CHAINS = {CA: CHAIN, PEER_CA: PEER_CHAIN}
CONFIG = "config/ca-config.json"
ARCHIVE = "archive"
STATE = ".tls-scaffold"
PENDING = f"{STATE}/pending.json"
ADOPTED = f"{STATE}/adopted.json"
# By which a pack that is carried to another machine and back is known again.
FOLDER_ID = f"{STATE}/id"
RULES = "tls-scaffold.mk"
# The request of one component; that of all members and proxies is `req-csr.json`.
OWN_REQUEST = "config/req-"
SCRIPT = "sign.sh"
# What sign.sh reads for what make is seldom asked for.
RENEWAL = "renewal.sh"
# There only where the CA is not held in the plain way.
CUSTODY = "custody.sh"
# What is replaced whole, whatever was done to it.
SCRIPTS = (RULES, SCRIPT, RENEWAL, CUSTODY, "rbac.sh", "rbac.tsv")  # make and sh read them
GENERATED = (*SCRIPTS, "COMPONENTS.md", "Procfile")
# Of these git keeps the lines of both sides where it merges: `.gitattributes` says so.
MERGED_BY_LINES = ("rbac.tsv", "COMPONENTS.md")
# What is replaced as long as its first line says that tls-scaffold made it.
OURS_IF_SAID = ("README.md", ".gitignore", ".gitattributes")
SAYS_SO = "made by tls-scaffold"


def own_request(name: str) -> str:
    """Return where a component has a request of its own, if nobody says otherwise."""
    return f"{OWN_REQUEST}{name}.json"


def waiting_paths(name: str) -> tuple[str, ...]:
    """Return the paths of all that waits for a component until another machine has signed."""
    return tuple(f"{AWAITING}/{name}{ending}" for ending in WAITING_ENDINGS)


def says_ours(text: str) -> bool:
    """Tell whether the first line of a file says that tls-scaffold made it."""
    return SAYS_SO in text.partition("\n")[0].lower()


MIB = 1024 * 1024
# Bytes of a file, read or written: no giant is loaded, and none is made that no command reads. An
# inventory of 10,000 users with the longest names there are makes files of up to 11 MiB.
LARGEST_FILE = 64 * MIB


class AtOutput:
    """What has a certificate and its key at `output`, a path below the folder without `.pem`."""

    output: str

    @property
    def certificate_path(self) -> str:
        """Where its certificate lies, below the folder."""
        return f"{self.output}{CERTIFICATE_ENDING}"

    @property
    def key_path(self) -> str:
        """Where its key lies, below the folder."""
        return f"{self.output}{KEY_ENDING}"

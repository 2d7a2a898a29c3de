"""What a folder's own files are called, as in etcd's hack/tls-setup, and how large one may be."""

CERTS = "certs"
CA = f"{CERTS}/ca.pem"
TRUST = f"{CERTS}/trust.pem"
CA_KEY = f"{CERTS}/ca-key.pem"
ISSUED = "issued"
CA_REQUEST = "config/ca-csr.json"
CONFIG = "config/ca-config.json"
ARCHIVE = "archive"
STATE = ".tls-scaffold"
RULES = "tls-scaffold.mk"
GENERATED = (RULES, "sign.sh", "rbac.sh", "rbac.tsv", "COMPONENTS.md", "Procfile")
"""What is replaced whole, whatever was done to it."""
OURS_IF_SAID = ("README.md", ".gitignore")
"""What is replaced as long as its first line says that tls-scaffold made it."""
LARGEST = (
    64 * 1024 * 1024
)  # bytes of a file, read or written; 10,000 users with the longest names need 11 MB

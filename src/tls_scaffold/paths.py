"""What a folder's own files are called, as in etcd's hack/tls-setup, and how large one may be."""

CERTS = "certs"
CA = f"{CERTS}/ca.pem"
TRUST = f"{CERTS}/trust.pem"
CA_KEY = f"{CERTS}/ca-key.pem"
TRUST = f"{CERTS}/trust.pem"
ISSUED = "issued"
CA_REQUEST = "config/ca-csr.json"
CONFIG = "config/ca-config.json"
ARCHIVE = "archive"
STATE = ".tls-scaffold"
LARGEST = 64 * 1024 * 1024  # bytes of a file, read or written; 10,000 users with the longest names need 11 MB

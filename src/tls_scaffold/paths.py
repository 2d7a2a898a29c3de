"""What a folder's own files are called, as in etcd's hack/tls-setup."""

CERTS = "certs"
CA = f"{CERTS}/ca.pem"
CA_KEY = f"{CERTS}/ca-key.pem"
CA_REQUEST = "config/ca-csr.json"
CONFIG = "config/ca-config.json"
ARCHIVE = "archive"
STATE = ".tls-scaffold"

"""Makes and keeps etcd `hack/tls-setup` folders."""

__version__ = "0.1.0"

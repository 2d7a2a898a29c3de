"""A real etcd: a throw-away cluster, etcdctl, and the proofs that are tried there."""

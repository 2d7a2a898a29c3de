"""The examples at the end of each command's help; a test parses each as the program would."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "new": (
        "tls-scaffold new --members 10.0.0.1,10.0.0.2,10.0.0.3 --users calico",
        "tls-scaffold new etcd-prod --from cluster.yaml",
    ),
    "add": (
        "tls-scaffold add alice --grant alice=/app/:rw",
        "tls-scaffold add --member etcd4=10.0.0.4+etcd4.example.com",
    ),
    "remove": (
        "tls-scaffold remove alice --dry-run",
        "tls-scaffold remove etcd3 --revoke",
    ),
    "adopt": (
        "tls-scaffold adopt --dry-run",
        "tls-scaffold adopt tls-setup --from-script make-certs.sh",
    ),
    "sync": (
        "tls-scaffold sync --dry-run",
        "tls-scaffold sync --check",
    ),
    "sign": (
        "tls-scaffold sign",
        "tls-scaffold sign --force alice",
    ),
    "requests": (
        "tls-scaffold requests make",
        "tls-scaffold requests export to-sign.tar",
    ),
    "requests make": (
        "tls-scaffold requests make",
        "tls-scaffold requests make --force alice",
    ),
    "requests export": (
        "tls-scaffold requests export to-sign.tar",
        "tls-scaffold requests export to-sign.tar etcd1 etcd2",
    ),
    "requests sign": ("tls-scaffold requests sign to-sign.tar --ca ca.pem --ca-key ca-key.pem",),
    "requests import": (
        "tls-scaffold requests import to-sign-signed.tar",
        "tls-scaffold requests import to-sign-signed.tar alice",
    ),
    "renewed": (
        "tls-scaffold renewed etcd1 etcd2",
        "tls-scaffold renewed --hook ./carry-on.sh",
    ),
    "renew-ca": ("tls-scaffold renew-ca",),
    "encrypt-ca-key": ("tls-scaffold encrypt-ca-key",),
    "backup": (
        "tls-scaffold backup etcd.age --to age.pub",
        "tls-scaffold backup etcd.age --passphrase-file passphrase",
    ),
    "restore": (
        "tls-scaffold restore etcd.age tls-setup --identity age-key.txt",
        "tls-scaffold restore etcd.age --dry-run",
    ),
    "revoke": (
        "tls-scaffold revoke alice --reason keyCompromise",
        "tls-scaffold revoke etcd1 --sign-again",
    ),
    "rotate": (
        "tls-scaffold rotate status",
        "tls-scaffold rotate start",
    ),
    "rotate status": (
        "tls-scaffold rotate status",
        "tls-scaffold rotate status --live",
    ),
    "rotate start": (
        "tls-scaffold rotate start",
        "tls-scaffold rotate start --peer-ca",
    ),
    "rotate trust": (
        "tls-scaffold rotate trust",
        "tls-scaffold rotate trust --endpoints etcd1=10.0.0.1:2379,etcd2=10.0.0.2:2379",
    ),
    "rotate finish": ("tls-scaffold rotate finish",),
    "rotate abort": ("tls-scaffold rotate abort",),
    "status": (
        "tls-scaffold status --within 60d",
        "tls-scaffold status --live --failed",
    ),
    "check": (
        "tls-scaffold check --all clusters",
        "tls-scaffold check --explain empty-host",
    ),
    "explain": (
        "tls-scaffold explain 10.0.0.1:2379",
        "tls-scaffold explain --file etcd.log",
    ),
    "roles": (
        "tls-scaffold roles",
        "tls-scaffold roles --json",
    ),
    "schema": ("tls-scaffold schema > tls-scaffold.schema.json",),
    "bundle": (
        "tls-scaffold bundle --tar",
        "tls-scaffold bundle kube-apiserver --kubernetes",
    ),
    "rbac": (
        "tls-scaffold rbac | less",
        "tls-scaffold rbac --diff",
    ),
    "prove": (
        "tls-scaffold prove",
        "tls-scaffold prove --user calico --etcd /usr/local/bin",
    ),
    "rehearse": (
        "tls-scaffold rehearse",
        "tls-scaffold rehearse add-member etcd4=10.0.0.4",
    ),
    "signer-config": (
        "tls-scaffold signer-config tls-setup --into multirootca --dry-run",
        "tls-scaffold signer-config --all clusters --into multirootca",
    ),
    "cfssl": (
        "tls-scaffold cfssl gencert -initca config/ca-csr.json",
        "tls-scaffold cfssl certinfo -cert certs/ca.pem",
    ),
    "cfssljson": ("tls-scaffold cfssl genkey request.json | tls-scaffold cfssljson -bare alice",),
}

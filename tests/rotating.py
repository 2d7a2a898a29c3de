"""Folders in which one CA takes the place of another, seen with openssl's eyes."""

import stat
from pathlib import Path
from typing import Any

from support import OURS, Done, contents, make, names, run
from test_custody_encrypted import SIGNERS

OUR_WORDS = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice", "--key", "ecdsa-256")
ASKING = ("trust", "finish", "abort")
NOWHERE = "etcd1=127.0.0.1:1"  # where no member is, and nobody has to be waited for


ALONE: dict[str, Any] = {
    "TLS_SCAFFOLD_FORCE": "1",
    "TLS_SCAFFOLD_ENDPOINTS": NOWHERE,
    "TLS_SCAFFOLD_PEER_ENDPOINTS": NOWHERE,
}
"""The same for `make`: what members that do not run are asked by."""


def alone(*words: str) -> tuple[str, ...]:
    """Return the words of `rotate` where no member runs that could be asked."""
    at = ("--endpoints", NOWHERE, "--peer-endpoints", NOWHERE)
    return (*words, "--force", *at) if words[0] in ASKING else words


def rotate(folder: Path, *words: str, code: int = 0, **variables: Any) -> Done:
    """Run `tls-scaffold rotate` in a folder whose members do not run; it must end with `code`."""
    done = run(OURS, "rotate", *alone(*words), cwd=folder, **variables)
    assert done.returncode == code, f"rotate {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done


def refused(folder: Path, *words: str, code: int = 1, **variables: Any) -> str:
    """Return what a refused `rotate` says, which changes nothing in the folder."""
    before = contents(folder)
    done = rotate(folder, *words, code=code, **variables)
    assert contents(folder) == before
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def takes(trusted: bytes, shown: bytes, work: Path) -> bool:
    """Tell whether who trusts some CAs takes a leaf with what stands behind it in its file."""
    trust, leaf = work / "trusted.pem", work / "shown.pem"
    trust.write_bytes(trusted)
    leaf.write_bytes(shown)
    words = ("-x509_strict", "-CAfile", str(trust), "-untrusted", str(leaf), str(leaf))
    done = run("openssl", "verify", *words, SSL_CERT_FILE="/dev/null", SSL_CERT_DIR="/dev/null")
    return done.returncode == 0


def has_nothing_to_sign(folder: Path, **variables: Any) -> None:
    """Check that plain make signs nothing, with cfssl 1.2.0, 1.6.5 and the own signer."""
    before = contents(folder)
    for signer in SIGNERS.values():
        make(folder, **{**variables, **signer})
    assert contents(folder) == before


def is_whole(folder: Path, *, is_ending: bool = False) -> None:
    """Check that each key fits its certificate, for its owner alone, and nothing half is left.

    The old CA's key goes to the archive before its certificate: while a rotation `is_ending` it may
    have gone.
    """
    cas = [each.stem for each in folder.glob("certs/*ca.pem")]
    gone = {
        name
        for name in cas
        if is_ending and name.startswith("old-") and not (folder / f"certs/{name}-key.pem").exists()
    }
    for name in (*(each for each in cas if each not in gone), *names(folder)):
        public = run("openssl", "x509", "-noout", "-pubkey", "-in", f"certs/{name}.pem", cwd=folder)
        key = f"certs/{name}-key.pem"
        own = run("openssl", "pkey", "-pubout", "-passin", "pass:", "-in", key, cwd=folder)
        if "ENCRYPTED" not in (folder / key).read_text():
            assert public.stdout, name
            assert own.stdout == public.stdout, name
    for path in (*folder.glob("certs/*-key.pem"), *folder.glob("archive/*/certs/*-key.pem")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert not list(folder.glob("certs/.*.tmp"))
    assert not (folder / "certs/.new").exists()


def ca_keys(folder: Path) -> set[bytes]:
    """Return what the files of CAs' keys hold, in `certs/` and in the archive."""
    found = (*folder.glob("certs/*ca-key.pem"), *folder.glob("archive/*/certs/*ca-key.pem"))
    return {path.read_bytes() for path in found}

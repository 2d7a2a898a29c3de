"""Running the real programs on a folder, and reading its certificates with openssl's eyes."""

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import warm

# Asked for once here, it is remembered: a test that sets TMPDIR changes it for no other.
tempfile.gettempdir()
PAGES = str(Path(__file__).resolve().parents[1] / "docs")
"""Where `status` says that the pages of the documentation are: in the checkout."""
BIN = Path(sys.executable).parent
OURS = str(BIN / "tls-scaffold")
WARM = warm.Server()
PROGRAMS = os.pathsep.join((os.environ["PATH"], str(BIN)))
MEMBERS = ("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--users", "calico,kube-apiserver")
SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
# Variables that every program gets; the fixture `either_signer` sets SIGNER.
CHOSEN: dict[str, str] = {}
# Made with the folders, and no one's content.
LOCKS = ("archive/.lock", "archive/.gitignore", "certs/.gitignore", ".tls-scaffold/.gitignore")
OUR_VARIABLES = (
    "YES",
    "CFSSL",
    "JSON",
    "SIGNER",
    "RENEW_DAYS",
    "RENEW_HOOK",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "MAKEFILES",
)

Done = subprocess.CompletedProcess[str]


def environment(**variables: str) -> dict[str, str]:
    """Return this process's variables and `variables`.

    Those that steer make, cfssl or us are left out of the former.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OUR_VARIABLES and not name.startswith(("TLS_SCAFFOLD_", "ETCD"))
    }
    return {**kept, "PATH": PROGRAMS, "LC_ALL": "C", "YES": "1", **CHOSEN, **variables}


def run(*words: str, cwd: Path | None = None, umask: int = -1, **variables: str) -> Done:
    all_variables = environment(**variables)
    if words[0] == OURS and WARM.can_run(all_variables):
        return WARM.run(words, cwd, all_variables, umask)
    return subprocess.run(
        words,
        cwd=cwd,
        env=all_variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        umask=umask,
        check=False,
    )


def processes() -> dict[int, str]:
    """Return the command line of each process by its number.

    One that is ending has none any more.
    """
    found = {}
    # Not a pattern of glob's: it looks at each match, and fails at one that ends just then.
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                words = (path / "cmdline").read_bytes()
                found[int(path.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return {number: words for number, words in found.items() if words}


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def group_is_there(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def kill_group(process: "subprocess.Popen[Any]") -> int:
    """Kill a program with all that it has begun; return its exit code when all have ended.

    On a busy machine some of them die later, and hold till then what they work in.
    """
    os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    wait_for(lambda: not group_is_there(process.pid), 60)
    return code


def tls_scaffold(*words: str, cwd: Path | None = None) -> Done:
    return run(OURS, *words, cwd=cwd)


def make(folder: Path, *words: str, code: int = 0, umask: int = -1, **variables: str) -> Done:
    """Run make in a folder; its exit code must be `code`."""
    done = run("make", *words, cwd=folder, umask=umask, **variables)
    assert done.returncode == code, (
        f"make {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    )
    return done


def without_place(text: str) -> str:
    """Return what was printed without the folders that commands in it are to work on."""
    return re.sub(r" -C [^ `]+", "", text)


def without_commands(text: str) -> str:
    """Return what was printed, but for what stands around each certificate.

    That is the command before it, and who has to reload behind it.
    """
    lines = text.splitlines(keepends=True)
    return "".join(
        line for line in lines if "cfssl gencert " not in line and not line.startswith("  ")
    )


def openssl(*words: str) -> str:
    done = run("openssl", *words)
    assert done.returncode == 0, f"openssl {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Certificate:
    """What openssl prints of a certificate."""

    cn: str
    sans: tuple[str, ...]
    usages: tuple[str, ...]
    extended: tuple[str, ...]


def read(certificate: Path) -> Certificate:
    """Read a certificate with `openssl x509`; SANs like `DNS:localhost`, `IP Address:127.0.0.1`."""
    extensions = ("-ext", "subjectAltName,keyUsage,extendedKeyUsage")
    text = openssl(
        "x509",
        "-noout",
        "-subject",
        "-nameopt",
        "sep_multiline,utf8",
        *extensions,
        "-in",
        str(certificate),
    )
    lines = [line.strip() for line in text.splitlines()]

    def after(heading: str) -> tuple[str, ...]:
        found = [place for place, line in enumerate(lines) if line.startswith(heading)]
        return tuple(lines[found[0] + 1].split(", ")) if found else ()

    return Certificate(
        cn=next(line.removeprefix("CN=") for line in lines if line.startswith("CN=")),
        sans=after("X509v3 Subject Alternative Name"),
        usages=after("X509v3 Key Usage"),
        extended=after("X509v3 Extended Key Usage"),
    )


def verify(folder: Path, certificate: str) -> None:
    """Check with openssl that a certificate of a folder is signed by its CA and fits its key."""
    path = folder / certificate
    openssl("verify", "-x509_strict", "-CAfile", str(folder / "certs/ca.pem"), str(path))
    # cfssl labels a key as `Ed25519 PRIVATE KEY`, which Go reads and openssl does not.
    key = path.with_name(f"{path.stem}-key.pem").read_text().replace("Ed25519 ", "")
    words = ("openssl", "pkey", "-pubout")
    public = subprocess.run(words, input=key, capture_output=True, text=True, check=True).stdout
    assert openssl("x509", "-noout", "-pubkey", "-in", str(path)) == public


def names(folder: Path) -> list[str]:
    """Return the components of a folder, as its Makefile writes them out."""
    lines = (folder / "Makefile").read_text(encoding="utf-8").splitlines()
    return [
        line.split()[0].removeprefix("req-")
        for line in lines
        if line.startswith("req-") and ".pem: " in line
    ]


def contents(folder: Path) -> dict[str, bytes | str]:
    """Return every file below a folder with its bytes, links with where they lead.

    The lock and the like are left out.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in found
        if str(path.relative_to(folder)) not in LOCKS
    }


def laid_out(bundle: Path) -> dict[str, bytes]:
    """Return what whoever reads a bundle finds there, by the paths that they look at."""
    link = bundle / "current"
    hidden = {"current", str(link.readlink())} if link.is_symlink() else set()
    tops = [path for path in bundle.iterdir() if path.name not in hidden]
    found = {path: path for path in tops if path.is_file()}
    for top in (path for path in tops if path.is_dir()):
        real = top.resolve()
        found |= {top / path.relative_to(real): path for path in real.rglob("*") if path.is_file()}
    return {str(path.relative_to(bundle)): real.read_bytes() for path, real in found.items()}


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in sorted(folder.iterdir())}


def faults(folder: Path) -> list[str]:
    """Return what is wrong in certs/ after a make.

    This is the quick check of the tests that run it hundreds of times.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def fault(certificate: Path) -> str:
        key = certificate.with_name(f"{certificate.stem}-key.pem")
        try:
            read = x509.load_pem_x509_certificate(certificate.read_bytes())
            read.verify_directly_issued_by(cas[-certificate.stem.startswith("peer-")])
            fits = load_pem_private_key(key.read_bytes(), None).public_key() == read.public_key()
        except Exception as error:  # noqa: BLE001  (whatever is wrong with it is the finding)
            return f"{certificate.name}: {error!r}"
        if not fits:
            return f"{certificate.name}: does not fit its key"
        return (
            ""
            if stat.S_IMODE(key.stat().st_mode) == 0o600
            else f"{key.name}: {oct(key.stat().st_mode)}"
        )

    certs = folder / "certs"
    both = ["ca", *(["peer-ca"] if (folder / "config/peer-ca-csr.json").exists() else [])]
    cas = [x509.load_pem_x509_certificate((certs / f"{each}.pem").read_bytes()) for each in both]
    wanted = {*both, *names(folder)}
    found = {path.stem for path in certs.glob("*.pem") if not path.stem.endswith(("-key", "trust"))}
    odd = sorted(
        path.name for path in certs.iterdir() if path.suffix not in (".pem", ".csr", ".gitignore")
    )
    odd = [name for name in odd if name != ".gitignore"]
    trusts = {certs / f"{each.removesuffix('ca')}trust.pem": certs / f"{each}.pem" for each in both}
    left = [
        trust.name
        for trust, ca in trusts.items()
        if not (trust.exists() and trust.read_bytes() == ca.read_bytes())
    ]
    return [
        *(f"{name}: missing" for name in sorted(wanted - found)),
        *filter(None, (fault(certs / f"{name}.pem") for name in sorted(found))),
        *(f"{name}: left over" for name in odd),
        *(f"{name}: not the CA's certificate" for name in left),
    ]

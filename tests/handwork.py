"""The machine that has a CA's key, and packs that are carried to it and back."""

import hashlib
import io
import json
import re
import ssl
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import BIN, PROGRAMS, Done, run

DOCS = Path(__file__).parents[1] / "docs/ca-by-hand.md"
REQUEST = {
    "CN": "CA of a team",
    "key": {"algo": "ecdsa", "size": 256},
    "names": [{"O": "a team"}],
    "ca": {"expiry": "87600h"},
}
OURS = str(BIN / "tls-scaffold")


@dataclass(frozen=True)
class Machine:
    """A folder with a CA's certificate and key, and nothing of tls-scaffold's."""

    place: Path

    @property
    def ca(self) -> Path:
        return self.place / "ca.pem"

    @property
    def key(self) -> Path:
        return self.place / "ca-key.pem"

    @property
    def pin(self) -> str:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.ca.read_text())).hexdigest()

    def run(self, *words: str, **variables: Any) -> Done:
        return run(*words, cwd=self.place, **variables)

    def sign(self, pack: Path, *words: str, yes: bool = True, **variables: Any) -> Done:
        """Sign a pack with tls-scaffold."""
        given = ("--ca", "ca.pem", "--ca-key", "ca-key.pem", *(("--yes",) if yes else ()))
        return self.run(OURS, "requests", "sign", str(pack), *given, *words, **variables)

    def signed(self, pack: Path, *words: str, **variables: Any) -> Path:
        """Sign a pack with tls-scaffold, and return the answers."""
        done = self.sign(pack, *words, **variables)
        assert done.returncode == 0, done.stderr
        return pack.with_name(f"{pack.stem}-signed.tar")

    def signed_by_cfssl(self, pack: Path, path: str = PROGRAMS) -> Path:
        """Sign a pack with cfssl alone, by the commands of the documentation."""
        (self.place / "requests.tar").write_bytes(pack.read_bytes())
        done = self.run("sh", "-eu", "-c", documented("tar -xf"), PATH=path)
        assert done.returncode == 0, done.stderr
        return (self.place / "requests-signed.tar").rename(pack.with_name("by-cfssl.tar"))


def documented(word: str) -> str:
    """Return the block of shell commands in the documentation that has a word in it."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    found = [each for each in blocks if word in each]
    assert len(found) == 1, (word, len(found))
    return str(found[0])


def machine(place: Path, **changes: Any) -> Machine:
    """Make a CA with cfssl."""
    place.mkdir()
    (place / "ca-csr.json").write_text(json.dumps({**REQUEST, **changes}))
    words = "cfssl gencert -initca ca-csr.json 2>/dev/null | cfssljson -bare ca"
    done = run("sh", "-c", words, cwd=place)
    assert done.returncode == 0, done.stderr
    (place / "ca-csr.json").unlink()
    (place / "ca.csr").unlink()
    return Machine(place)


def ours(folder: Path, *words: str, **variables: Any) -> Done:
    """Run `tls-scaffold requests` on a folder."""
    return run(OURS, "-C", str(folder), "requests", *words, **variables)


def exported(folder: Path, target: Path, *names: str) -> Path:
    done = ours(folder, "export", str(target), *names)
    assert done.returncode == 0, done.stderr
    return target


def imported(folder: Path, pack: Path, *words: str) -> Done:
    done = ours(folder, "import", str(pack), *words)
    assert done.returncode == 0, done.stderr
    return done


def files_of(pack: Path) -> dict[str, bytes]:
    """Return the files in a pack, by their names."""
    with tarfile.open(pack, "r:") as tar:
        found = {each.name: tar.extractfile(each) for each in tar}
        return {name: opened.read() for name, opened in found.items() if opened}


def packed(target: Path, files: dict[str, bytes]) -> Path:
    """Write a pack of these files."""
    with tarfile.open(target, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target


def changed(pack: Path, target: Path, **contents: bytes | None) -> Path:
    """Write a pack with other files in it; the names have `__` for the dot, None takes one out."""
    files = files_of(pack)
    for word, content in contents.items():
        name = word.replace("__", ".")
        if content is None:
            del files[name]
        else:
            files[name] = content
    return packed(target, files)


def remade(pack: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a pack with a manifest that was changed as JSON."""
    files = files_of(pack)
    manifest = json.loads(files["manifest.json"])
    change(manifest)
    files["manifest.json"] = json.dumps(manifest).encode()
    return packed(target, files)

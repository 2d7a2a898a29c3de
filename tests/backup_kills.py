"""Kills `backup` and `restore` before each call that writes, and does the same again.

    python backup_kills.py TOP backup|new|clone|replaced EVERY RECIPIENT

TOP holds a folder `tls-setup`, a backup of it, `etcd.age`, its private key `key.txt`, and for
`clone` what git has of it. Prints, as JSON, a list of what went wrong and how many kills hit.
"""

import json
import shutil
import signal
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kills import run
from support import contents

NOTE = "archive/.backups"


def unfit(folder: Path) -> list[str]:
    """Return the certificates that stand beside another one's key."""
    found = []
    for path in (folder / "certs").glob("*.pem"):
        key = path.with_name(f"{path.stem}-key.pem")
        if key.exists():
            public = load_pem_private_key(key.read_bytes(), None).public_key()
            if public != x509.load_pem_x509_certificate(path.read_bytes()).public_key():
                found.append(f"does not fit its key: {path.name}")
        elif path.stem != "trust" and not path.stem.endswith("-key"):
            found.append(f"has no key: {path.name}")
    return found


def restored(folder: Path, saved: Path, before: set[bytes | str]) -> list[str]:
    """Return what is wrong when a restore that was killed has been run again."""
    found = {name: text for name, text in contents(folder).items() if name != NOTE}
    wanted = {name: text for name, text in contents(saved).items() if name != NOTE}
    wrong = [f"not there: {name}" for name, text in wanted.items() if found.get(name) != text]
    wrong += [] if before <= set(found.values()) else ["something is lost"]
    return [*wrong, *(f"left: {name}" for name in found if ".work." in name)]


def main(top: Path, what: str, every: int, recipient: str) -> None:
    """Kill for each of the calls and print what came of it."""
    saved = top / "saved"
    key = ["--identity", str(top / "key.txt"), "--yes"]
    assert run(top, ["restore", str(top / "etcd.age"), str(saved), *key]) == 0
    wrong: list[str] = []
    hits, step, code = 0, 1, -signal.SIGKILL
    while code == -signal.SIGKILL:
        work = top / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        target = work / "folder"
        if what != "new":
            source = top / ("clone" if what == "clone" else "tls-setup")
            shutil.copytree(source, target, symlinks=True)
        before = {text for name, text in contents(target).items() if name != NOTE}
        if what == "backup":
            shutil.copy(top / "etcd.age", work / "etcd.age")
            words = ["backup", "-C", str(target), str(work / "etcd.age"), "--to", recipient]
        else:
            words = ["restore", str(top / "etcd.age"), str(target), *key]
        code = run(work, words, step=step)
        hits += code == -signal.SIGKILL
        found = unfit(target)
        again = run(work, words)
        found += [f"again, it ends with {again}"] if again else []
        if what == "backup":
            found += [f"left: {path.name}" for path in work.iterdir() if path.suffix == ".tmp"]
            shutil.rmtree(target)
            back = ["restore", str(work / "etcd.age"), str(target), *key]
            found += ["it can't be restored"] if run(work, back) else []
        found += restored(target, saved, before)
        wrong += [f"kill {step}: {each}" for each in found]
        step += every
    json.dump({"wrong": wrong, "hits": hits}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])

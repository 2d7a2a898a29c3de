"""What is run in the tests of the promises, and what must hold then.

It must hold after the command was run, killed or refused, and run again.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from conftest import Factory
from keeping import change, edit
from support import BIN, LOCKS, contents, names, run

WORDS = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico", "--key", "ecdsa-256")
OURS = str(BIN / "tls-scaffold")
FOLDER = "tls-setup"
TIMES = re.compile(r"archive/[0-9TZx]+/")
UNFINISHED = (".work.", "certs/.new/")


@dataclass(frozen=True)
class Scenario:
    """A command in a place that holds a folder, and the one that heals what it leaves when stopped.

    `prepare` makes the folder, or none; `check` says what is wrong in a place after both: it gets
    what there was before, what there was when the command was stopped, and the place.
    """

    name: str
    command: tuple[str, ...]
    again: tuple[str, ...]
    prepare: Callable[[Factory], Path | None]
    check: Callable[["Scenario", Path, "Seen", Path], list[str]]

    def place(self, factory: Factory, path: Path) -> Path:
        """Make the place that every run gets a copy of."""
        folder = self.prepare(factory)
        path.mkdir()
        if folder:
            folder.rename(path / FOLDER)
        return path

    def heal(self, before: Path, seen: "Seen", place: Path) -> list[str]:
        """Run what heals and say what is wrong then; what was done already can't be done again."""
        once = self.check in (same_as_undisturbed, finished_by_new)
        finished = once and kept(place) == kept(undisturbed(self, before))
        done = run(*self.again, cwd=place)
        wrong = self.check(self, before, seen, place)
        if done.returncode and not finished:
            wrong.append(f"run again, it ends with {done.returncode}: {done.stderr}")
        return wrong


@dataclass(frozen=True)
class Seen:
    """What stood in a place when a command was stopped.

    That is its files, and the CA that was whole by then.
    """

    files: dict[str, bytes | str]
    ca: bytes

    @staticmethod
    def of(place: Path) -> "Seen":
        folder = place / FOLDER
        found = [
            path
            for path in (folder / "certs/.new/new/certs/ca.pem", folder / "certs/ca.pem")
            if path.is_file()
        ]
        return Seen(kept(place), found[0].read_bytes() if found else b"")


def kept(place: Path) -> dict[str, bytes | str]:
    """Return every file of a place but locks and working files.

    The archive's times are left out of the names.
    """
    files = {name: content for name, content in contents(place).items() if not name.endswith(LOCKS)}
    return {
        TIMES.sub("archive/", name): files[name]
        for name in files
        if not any(part in name for part in UNFINISHED)
    }


def cas(folder: Path) -> set[bytes]:
    """Return the certificate of every CA of a folder, the archive's included."""
    return {
        path.read_bytes()
        for path in (*folder.glob("certs/ca.pem"), *folder.glob("archive/*/certs/ca.pem"))
    }


def wrong_pairs(folder: Path) -> list[str]:
    """Ask openssl of every component whether its certificate verifies and its key fits.

    Of every CA, ask the latter.
    """
    pairs = [folder / f"certs/{name}.pem" for name in names(folder)]
    archived = [*folder.glob("certs/ca.pem"), *folder.glob("archive/*/certs/ca.pem")]
    return [fault for path in pairs for fault in (fault_of(folder, path), unfit(path)) if fault] + [
        fault for fault in map(unfit, archived) if fault
    ]


def fault_of(folder: Path, certificate: Path) -> str:
    """Say why a certificate does not verify against the folder's CA."""
    done = run(
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        str(folder / "certs/ca.pem"),
        str(certificate),
    )
    return f"{certificate.name}: {done.stderr}" if done.returncode else ""


def unfit(certificate: Path) -> str:
    """Say that a certificate and the key beside it do not fit."""
    key = certificate.with_name(f"{certificate.stem}-key.pem")
    public = run("openssl", "x509", "-noout", "-pubkey", "-in", str(certificate)).stdout
    fits = public and public == run("openssl", "pkey", "-pubout", "-in", str(key)).stdout
    return "" if fits else f"{certificate}: its key does not fit"


def no_leftovers(place: Path) -> list[str]:
    """Name every working file that is left when all is healed."""
    return [f"left: {name}" for name in contents(place) if any(part in name for part in UNFINISHED)]


def undisturbed(scenario: Scenario, before: Path) -> Path:
    """Return a place in which the command ran through."""
    through = before.with_name(f"{before.name}-through")
    if not through.exists():
        copy(before, through)
        done = run(*scenario.command, cwd=through)
        assert done.returncode == 0, done.stderr
    return through


def same_as_undisturbed(scenario: Scenario, before: Path, _seen: Seen, place: Path) -> list[str]:
    """Compare with the place in which the command ran through."""
    through = undisturbed(scenario, before)
    wrong = (
        []
        if kept(place) == kept(through)
        else [f"differs: {sorted(dict(kept(place).items() ^ kept(through).items()))}"]
    )
    lost = [
        name
        for name, content in certificates(before).items()
        if content not in certificates(place).values()
    ]
    return [*wrong, *(f"lost: {name}" for name in lost), *no_leftovers(place)]


def finished_by_new(scenario: Scenario, before: Path, seen: Seen, place: Path) -> list[str]:
    """Compare likewise.

    Only whole files were seen when it was stopped, and no Makefile before all of them.
    """
    through = kept(undisturbed(scenario, before))
    half = not seen.files.items() <= through.items()
    early = f"{FOLDER}/Makefile" in seen.files and seen.files != through
    if (
        seen.files == through
    ):  # `new` does not touch what is whole: the working files are cleared by what comes next
        assert run(OURS, "-C", FOLDER, "sync", cwd=place).returncode == 0
    return [
        *same_as_undisturbed(scenario, before, seen, place),
        *(["half a file was seen"] if half else []),
        *(["a Makefile was seen in half a folder"] if early else []),
    ]


def certificates(place: Path) -> dict[str, bytes | str]:
    """Return what certs/ and the archive hold."""
    return {name: content for name, content in kept(place).items() if "certs/" in name}


def same_ca(_scenario: Scenario, before: Path, seen: Seen, place: Path) -> list[str]:
    """Every pair fits, and the CA is one that is known.

    It is the one there was, or the one that was whole when the command was stopped.
    """
    folder = place / FOLDER
    old = cas(before / FOLDER)
    known = old or ({seen.ca} if seen.ca else set())
    wrong = [f"another CA: {len(cas(folder))}"] if known and cas(folder) != known else []
    return [*wrong, *wrong_pairs(folder), *no_leftovers(place)]


def old_or_new_ca(_scenario: Scenario, before: Path, seen: Seen, place: Path) -> list[str]:
    """Every pair fits, and no CA is lost.

    The old one is there or in the archive with all that it signed, and at most one other.
    """
    folder = place / FOLDER
    old, found = cas(before / FOLDER), cas(folder)
    new = {
        text
        for name, text in seen.files.items()
        if name.endswith("/certs/ca.pem") and isinstance(text, bytes)
    }
    wrong = [] if old <= found else ["the old CA is lost"]
    wrong += [] if len(found) <= 2 else ["a third CA"]
    wrong += (
        [] if found <= old | new | {seen.ca} else ["a CA that was not there when it was stopped"]
    )
    lost = [
        name
        for name, content in certificates(before).items()
        if content not in certificates(place).values()
    ]
    return [*wrong, *(f"lost: {name}" for name in lost), *wrong_pairs(folder), *no_leftovers(place)]


def all_in_the_archive(_scenario: Scenario, before: Path, _seen: Seen, place: Path) -> list[str]:
    """Nothing that was signed is left in its place: all of it and its record is in the archive."""
    left = [name for name in contents(place) if "/archive/" not in name and "/config/" not in name]
    archived = [content for name, content in kept(place).items() if "/archive/" in name]
    had = {name: content for name, content in kept(before).items() if signed_or_recorded(name)}
    return [
        *(f"left: {name}" for name in left if signed_or_recorded(name)),
        *(f"lost: {name}" for name, content in had.items() if content not in archived),
        *no_leftovers(place),
    ]


def signed_or_recorded(name: str) -> bool:
    """Tell whether a path in a place is of a key, of a certificate or of the record."""
    return "/issued/" in name or ("/certs/" in name and not name.endswith(".gitignore"))


def copy(source: Path, target: Path) -> Path:
    """Put a fresh copy of a place at `target`."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target, symlinks=True))


def _nothing(_factory: Factory) -> None:
    return None


def _unsigned(factory: Factory) -> Path:
    return factory(*WORDS)


def _signed(factory: Factory) -> Path:
    return factory(*WORDS, signed=True)


def _edited(factory: Factory) -> Path:
    folder = _signed(factory)
    edit(folder / "Makefile", "#RENEW_DAYS = 30", "RENEW_DAYS = 60")
    edit(
        folder / "config/req-calico.json",
        '"hosts": []',
        '"hosts": [], "crl_url": "http://x.example.com"',
    )
    return folder


def _behind(factory: Factory) -> Path:
    folder = _edited(factory)
    change(folder, users=[{"name": name, "cn": name} for name in ("calico", "zed")], expiry="4380h")
    return folder


def _bundled(factory: Factory) -> Path:
    folder = _signed(factory)
    done = run(OURS, "-C", str(folder), "bundle", "--kubeadm")
    assert done.returncode == 0, done.stderr
    return folder


def _clean(signer: str) -> Scenario:
    made = _make("clean", "clean", signer, _signed, all_in_the_archive)
    return replace(made, again=made.command)


def _make(
    name: str,
    goal: str,
    signer: str,
    prepare: Callable[[Factory], Path],
    check: Callable[..., list[str]],
) -> Scenario:
    words = ("make", "-j2", "-C", FOLDER, f"SIGNER={signer}")
    return Scenario(f"{name}, {signer}", (*words, goal), (*words, "all"), prepare, check)


def _healed_by_ours(verb: str) -> Scenario:
    """A regenerate after which not make, but a command of ours is run first."""
    killed = _make("regenerate", "regenerate", "cfssl", _signed, old_or_new_ca)
    again = f"{OURS} -C {FOLDER} {verb} && {' '.join(killed.again)}"
    return replace(killed, name=f"regenerate, then {verb}", again=("sh", "-c", again))


def _ours(name: str, prepare: Callable[[Factory], Path], *words: str) -> Scenario:
    command = (OURS, "-C", FOLDER, name, *words)
    return Scenario(name, command, command, prepare, same_as_undisturbed)


WISH = f"{FOLDER}/wish.json"


def _wished(factory: Factory) -> Path:
    folder = _edited(factory)
    wish = {"members": ["10.0.0.1", "10.0.0.9"], "proxies": 0, "users": ["zed"], "key": "ecdsa-256"}
    (folder / "wish.json").write_text(json.dumps(wish), encoding="utf-8")
    return folder


def _sync_from() -> Scenario:
    command = (OURS, "-C", FOLDER, "sync", "--from", WISH)
    return Scenario("sync --from", command, command, _wished, same_as_undisturbed)


NEW = (OURS, "new", FOLDER, *WORDS)
SIGNERS = ("cfssl", "tls-scaffold")
SCENARIOS = (
    Scenario("new", NEW, NEW, _nothing, finished_by_new),
    _ours("add", _edited, "--user", "zed", "--member", "10.0.0.9"),
    _ours("sync", _behind),
    _sync_from(),
    _ours("remove", _edited, "calico"),
    _ours("bundle", _bundled, "--tar", "--kubernetes"),
    *(_make("make", "all", signer, _unsigned, same_ca) for signer in SIGNERS),
    *(_make("make req", "req", signer, _signed, same_ca) for signer in SIGNERS),
    *(_make("regenerate", "regenerate", signer, _signed, old_or_new_ca) for signer in SIGNERS),
    *map(_healed_by_ours, ("sign", "sync")),
    *map(_clean, SIGNERS),
)

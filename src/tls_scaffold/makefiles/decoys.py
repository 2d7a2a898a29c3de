"""Programs that refuse to sign: they stand before the real ones while make is only asked."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.temporary import clear_old

PREFIX = "tls-scaffold-asked-"
# What makes keys and certificates, by the word behind the program's name: always, or with one of
# some flags.
MAKING: dict[str, dict[str, tuple[str, ...]]] = {
    "cfssl": {
        **dict.fromkeys(("gencert", "genkey", "gencsr", "selfsign", "sign"), ()),
        **dict.fromkeys(("gencrl", "ocspsign", "serve", "ocspserve"), ()),
    },
    "openssl": {
        **dict.fromkeys(("genrsa", "genpkey", "gendsa", "ca"), ()),
        **dict.fromkeys(("ecparam", "dsaparam"), ("-genkey",)),
        "req": ("-new", "-newkey", "-x509", "-key", "-keyout", "-CA", "-CAkey"),
        "x509": ("-req", "-new", "-signkey", "-key", "-CA", "-CAkey", "-x509toreq"),
        "crl": ("-key", "-gendelta"),
    },
}
# What only reads; whatever else these are called for may sign.
READING = {
    "cfssljson": ("-version", "--version", "-help", "--help", "-h"),
    "tls-scaffold": ("--version", "--help", "-h", "roles"),
}
PROGRAMS = (*MAKING, *READING)
# With what openssl writes files.
WRITING = ("-out", "-keyout", "-outdir", "-CAcreateserial", "-writerand")
# What changes files does nothing where nothing could be changed, so that what is behind it (`&&
# $(MAKE)`) is told.
CHANGING = (
    *("rm", "rmdir", "unlink", "mv", "cp", "ln", "install"),
    *("truncate", "touch", "chmod", "chown", "chgrp"),
)
NOTHING = "#!/bin/sh\nexit 0\n"
TEE = "#!/bin/sh\nexec cat\n"


def makes_something(program: str, words: Sequence[str]) -> bool:
    """Tell whether a program that can sign makes a key or certificate, called with these words."""
    first = words[0] if words else ""
    if program in READING:
        return first not in READING[program]
    flags = MAKING[program].get(first)
    return flags is not None and (not flags or has_flag(words, flags))


def has_flag(words: Sequence[str], flags: Sequence[str]) -> bool:
    """Tell whether one of some flags is among words, with one dash or two."""
    return any(word in flags or word.removeprefix("-") in flags for word in words)


@dataclass(frozen=True)
class Decoys:
    """The folder of the programs that refuse, with the real ones' paths.

    There is none where no folder could be made. `writable` is where what make starts may write,
    temporary files too where `has_temporary` tells so.
    """

    directory: Path | None = None
    real: tuple[tuple[str, str], ...] = ()
    has_temporary: bool = True

    @property
    def writable(self) -> tuple[Path, ...]:
        """A folder for temporary files, and the file of what was called."""
        return (self.directory / "tmp", self.directory / "called") if self.directory else ()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the decoys and the folder for temporary files are found."""
        if not self.directory:
            return {}
        places = (str(self.directory / "bin"), os.environ.get("PATH", os.defpath))
        temporary = {"TMPDIR": str(self.directory / "tmp")} if self.has_temporary else {}
        return {"PATH": os.pathsep.join(filter(None, places)), **temporary}

    def called(self) -> tuple[str, ...]:
        """Return the commands that were refused, whatever became of their exit codes."""
        if not self.directory:
            return ()
        text = (self.directory / "called").read_text(encoding="utf-8", errors="surrogateescape")
        return tuple(dict.fromkeys(text.splitlines()))

    def with_real_ones(self, text: str) -> str:
        """Return an output of make with the real programs' paths in place of the decoys'.

        A Makefile may look one up (`command -v cfssl`), or show the PATH.
        """
        text = text.replace(f"{self.directory}/bin{os.pathsep}", "")
        # The longest first: `cfssl` is in `cfssljson`.
        for name, real in sorted(self.real, key=lambda each: -len(each[0])):
            text = text.replace(f"{self.directory}/bin/{name}", real)
        return text


@contextmanager
def decoys_on_path(*, is_sealed: bool, changes: bool, has_temporary: bool) -> Iterator[Decoys]:
    """Give a folder of decoys for the installed programs, for as long as the block runs.

    Where make `is_sealed`, so that it can write nothing, openssl may be told to write; with
    `changes` programs that change files do nothing. There are no decoys where no temporary folder
    can be made.
    """
    clear_old(PREFIX)
    try:
        temporary = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError:
        yield Decoys()
        return
    with temporary as name:
        try:
            directory = Path(os.path.realpath(name))
            decoys = Decoys(
                directory, _made(directory, is_sealed=is_sealed, changes=changes), has_temporary
            )
        except OSError:
            decoys = Decoys()
        yield decoys


def _made(directory: Path, *, is_sealed: bool, changes: bool) -> tuple[tuple[str, str], ...]:
    """Write the decoys into a folder; return the programs that they stand for, by name and path."""
    for name in ("bin", "tmp"):
        (directory / name).mkdir()
    called = directory / "called"
    called.touch()
    names = (*PROGRAMS, *((*CHANGING, "tee") if changes else ()))
    found = ((name, shutil.which(name)) for name in names)
    # So that `command -v` finds what is there, and nothing else.
    real = tuple((name, path) for name, path in found if path)
    for name, path in real:
        program = directory / "bin" / name
        if name in PROGRAMS:
            script = _script(name, str(Path(path).absolute()), called, () if is_sealed else WRITING)
        else:
            script = TEE if name == "tee" else NOTHING
        program.write_text(script, encoding="utf-8", errors="surrogateescape")
        program.chmod(0o755)
    return real


def _script(name: str, real: str, called: Path, refused: Sequence[str]) -> str:
    """Return a decoy: it lets the real program read, and notes whatever else it was called for.

    Of openssl's flags some may be `refused`, whatever it is called for.
    """
    run = f'exec {shlex.quote(real)} "$@"'
    if name in READING:
        cases = f"{'|'.join(READING[name])}) {run} ;;"
    else:
        making = (
            f"{first}) {_with_flag(flags)} {run} ;;"
            for first, flags in MAKING[name].items()
            if flags
        )
        always = "|".join(first for first, flags in MAKING[name].items() if not flags)
        cases = "\n".join((*making, f"{always}) ;;", f"*) {_with_flag(refused)} {run} ;;"))
    return f"""#!/bin/sh
noted() {{
printf '%s\\n' "{name} $*" >>{shlex.quote(str(called))}
echo "{name}: make is only asked what it would do" >&2
exit 1
}}
words=" $* "
case "$1" in
{cases}
esac
noted "$@"
"""


def _with_flag(flags: Sequence[str]) -> str:
    """Return what notes a call with one of some flags."""
    patterns = "|".join(f'*" {dash}{flag} "*' for flag in flags for dash in ("", "-"))
    return f'case "$words" in {patterns}) noted "$@" ;; esac;' if flags else ""

"""Programs that refuse to sign: they stand in front of the real ones while make is only asked."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PREFIX = "tls-scaffold-asked-"
# What only reads, by the first word behind the program's name; whatever else these are called for may sign.
READING = {
    "cfssl": ("version", "certinfo", "print-defaults"),
    "cfssljson": ("-version", "--version"),
    "openssl": ("version", "x509", "crl", "verify", "asn1parse", "rand"),
    "tls-scaffold": ("--version", "--help", "-h", "roles"),
}
# What makes openssl's reading commands sign or write.
WRITING = ("-out", "-req", "-new", "-signkey", "-key", "-CA", "-CAkey", "-CAcreateserial", "-writerand", "-rand")


def only_reads(program: str, words: Sequence[str]) -> bool:
    """Tell whether a program that can sign only reads, called with these words."""
    flags = {word.replace("--", "-", 1) for word in words}
    return bool(words) and words[0] in READING[program] and not flags & set(WRITING)


@dataclass(frozen=True)
class StandIns:
    """The folder of the programs that stand in, with the real ones' paths; none where no folder could be made.

    `writable` is where what make starts may write.
    """

    directory: Path | None = None
    real: tuple[tuple[str, str], ...] = ()

    @property
    def writable(self) -> tuple[Path, ...]:
        """Return a folder for temporary files, and the file of what was called."""
        return (self.directory / "tmp", self.directory / "called") if self.directory else ()

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which they are found first, and with which temporary files are made there."""
        if not self.directory:
            return {}
        path = os.pathsep.join(filter(None, (str(self.directory / "bin"), os.environ.get("PATH", os.defpath))))
        return {"PATH": path, "TMPDIR": str(self.directory / "tmp")}

    def called(self) -> tuple[str, ...]:
        """Return the commands that were refused, whatever became of their exit codes."""
        if not self.directory:
            return ()
        text = (self.directory / "called").read_text(encoding="utf-8", errors="surrogateescape")
        return tuple(dict.fromkeys(text.splitlines()))

    def with_real_ones(self, text: str) -> str:
        """Return an output in which a program was looked up (`command -v cfssl`) with the path of the real one.

        And in which the PATH stands, with that as it was.
        """
        text = text.replace(f"{self.directory}/bin{os.pathsep}", "")
        for name, real in self.real:
            text = text.replace(f"{self.directory}/bin/{name}", real)
        return text


@contextmanager
def standing_in() -> Iterator[StandIns]:
    """Give a folder of stand-ins for those of the programs that are installed, for as long as the block runs.

    Where nothing can be written, no temporary folder either, there are none.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError:
        yield StandIns()
        return
    with temporary as name:
        try:
            stand_ins = _made(Path(os.path.realpath(name)))
        except OSError:
            stand_ins = StandIns()
        yield stand_ins


def _made(directory: Path) -> StandIns:
    for name in ("bin", "tmp"):
        (directory / name).mkdir()
    called = directory / "called"
    called.touch()
    found = ((name, shutil.which(name)) for name in READING)
    real = tuple((name, path) for name, path in found if path)  # `command -v` finds what is there, and nothing else
    for name, path in real:
        program = directory / "bin" / name
        script = _script(name, str(Path(path).absolute()), called)
        program.write_text(script, encoding="utf-8", errors="surrogateescape")
        program.chmod(0o755)
    return StandIns(directory, real)


def _script(name: str, real: str, called: Path) -> str:
    """Return a stand-in: it lets the real program read, and notes whatever else it was called for."""
    writing = "|".join(f'*" {word} "*|*" -{word} "*' for word in WRITING)
    return f"""#!/bin/sh
case " $* " in
{writing}) ;;
*) case "$1" in {"|".join(READING[name])}) exec {shlex.quote(real)} "$@" ;; esac ;;
esac
printf '%s\\n' "{name} $*" >>{shlex.quote(str(called))}
echo "{name}: make is only asked what it would do" >&2
exit 1
"""

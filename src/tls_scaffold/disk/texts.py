"""The texts of a folder's files, read as far as they are to be trusted."""

from collections.abc import Iterable
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import LARGEST_FILE


def read_text(folder: Path, path: str) -> str | None:
    """Return the text of a file of the folder, None if there is none.

    Raises ScaffoldError if it is no text, or too large.
    """
    return _text(folder / path, LARGEST_FILE, follow=True)


def own_text(folder: Path, path: str, largest: int = LARGEST_FILE) -> str | None:
    """Return the text of a file that is kept, None if there is none.

    What it holds is written again, with the mode of a public file: what a link leads to may be a
    key. Raises ScaffoldError as `read_text` and `inside`, and if it is a link.
    """
    return _text(inside(folder, path), largest, follow=False)


def own_texts(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the text of each file that is there, by path.

    Raises ScaffoldError with every one that `own_text` refuses.
    """
    found, errors = {}, []
    for path in dict.fromkeys(paths):
        try:
            text = own_text(folder, path)
        except ScaffoldError as error:
            errors.append(error)
            continue
        if text is not None:
            found[path] = text
    summaries = dict.fromkeys(error.summary for error in errors)
    if len(summaries) > 1:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        raise ScaffoldError("files of the folder can't be kept", summaries, "; ".join(hints))
    if errors:
        raise errors[0]
    return found


def _text(target: Path, largest: int, *, follow: bool) -> str | None:
    with telling(target, "read"):
        try:
            return plain(target, str(target), largest, follow=follow).decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ScaffoldError(f"`{target}` is not text in UTF-8 (byte {error.start})") from error

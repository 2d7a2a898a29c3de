"""Documents of a folder that many components share: each is read once."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from tls_scaffold.cfssl.profiles import SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import Place, Problem, ScaffoldError

Document = TypeVar("Document", Request, SigningConfig)
_Reader = Callable[[str, str], tuple[Document, tuple[Problem, ...]]]


class DocumentCache(Generic[Document]):
    """Documents of a folder, each read once; what is wrong with one is added to `problems` once."""

    def __init__(
        self, folder: Path, reader: "_Reader[Document]", problems: list[Problem | str]
    ) -> None:
        self._folder, self._problems = folder, problems
        self._reader: _Reader[Document] = reader
        self._documents: dict[str, Document | None] = {}

    def read(self, path: str) -> Document | None:
        """Return the document at a path as far as it can be read; None if it can't at all."""
        if path not in self._documents:
            self._documents[path] = self._read_anew(path)
        return self._documents[path]

    def _read_anew(self, path: str) -> Document | None:
        try:
            text = read_text(self._folder, path)
            if text is None:
                self._problems.append(Problem(Place(path), "there is no such file"))
                return None
            document, problems = self._reader(text, path)
        except ScaffoldError as error:
            self._problems += error.problems or [error.summary]
            return None
        self._problems += problems
        return document

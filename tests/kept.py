"""Whether pairs are those that were."""

from pathlib import Path

from support import contents


def same_pairs(before: dict[str, bytes | str], folder: Path) -> bool:
    """Tell whether every component's certificate and key is as in `before`, a folder's contents."""

    def pairs(files: dict[str, bytes | str]) -> dict[str, bytes | str]:
        found = {name: text for name, text in files.items() if name.startswith("certs/")}
        return {
            name: text
            for name, text in found.items()
            if name not in ("certs/ca.pem", "certs/ca-key.pem", "certs/ca.csr", "certs/trust.pem")
        }

    return pairs(before) == pairs(contents(folder))

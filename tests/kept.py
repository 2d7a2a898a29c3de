"""Whether pairs are those that were."""

import re
from pathlib import Path

from support import contents

OF_CAS = re.compile(r"certs/(peer-)?(ca(-key)?\.pem|ca\.csr|trust\.pem)")


def same_pairs(before: dict[str, bytes | str], folder: Path) -> bool:
    """Tell whether every component's certificate and key is as in `before`, a folder's contents."""

    def pairs(files: dict[str, bytes | str]) -> dict[str, bytes | str]:
        return {
            name: text
            for name, text in files.items()
            if name.startswith("certs/") and not OF_CAS.fullmatch(name)
        }

    return pairs(before) == pairs(contents(folder))

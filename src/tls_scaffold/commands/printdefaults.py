"""`tls-scaffold cfssl version` and `print-defaults`: who signs, and templates to begin with."""

import json
import platform
from typing import Any

from tls_scaffold import __version__
from tls_scaffold.commands.cfsslcalls import Answer, Call
from tls_scaffold.errors import ScaffoldError

SIGNS_AS = "1.6.5"
YEAR = "8760h"
TEMPLATES: dict[str, Any] = {
    "config": {
        "signing": {
            "default": {"expiry": "168h"},
            "profiles": {
                "www": {"expiry": YEAR, "usages": ["signing", "key encipherment", "server auth"]},
                "client": {
                    "expiry": YEAR,
                    "usages": ["signing", "key encipherment", "client auth"],
                },
            },
        }
    },
    "csr": {
        "CN": "example.net",
        "hosts": ["example.net", "www.example.net"],
        "key": {"algo": "ecdsa", "size": 256},
        "names": [{"C": "US", "ST": "CA", "L": "San Francisco"}],
    },
}
"""The same documents as cfssl's, for scripts that edit them."""


def version(_call: Call) -> Answer:
    """Tell as which version of cfssl we sign, and who does."""
    return Answer(version_text())


def version_text() -> str:
    """Return what both stand-ins print as their version."""
    runtime = f"tls-scaffold {__version__}, Python {platform.python_version()}"
    return f"Version: {SIGNS_AS}\nRuntime: {runtime}\n"


def print_defaults(call: Call) -> Answer:
    """Print a template; for any other word than one's name, those that there are."""
    if not call.words:
        raise ScaffoldError(
            "`cfssl print-defaults` needs a word", hint=f"it prints {' and '.join(TEMPLATES)}"
        )
    template = TEMPLATES.get(call.words[0])
    if template is None:
        names = "".join(f"  {name}\n" for name in TEMPLATES)
        return Answer(f"Default configurations are available for:\n{names}")
    return Answer(json.dumps(template, indent=4) + "\n\n")

"""What is installed with the program binds nobody who uses an Apache-2.0 program."""

import re
from importlib.metadata import Distribution, distribution, requires

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.fast

COPYLEFT = re.compile(r"\b[AL]?GPL|GNU (?:Affero |Lesser |Library )?General Public", re.IGNORECASE)


def needed(name: str, found: dict[str, Distribution]) -> None:
    """Find what a distribution needs to run, with its extras, and what that needs."""
    for text in requires(name) or ():
        requirement = Requirement(text)
        key = requirement.name.lower().replace("_", "-")
        extras = ("prove", "backup") if name == "tls-scaffold" else ("",)
        marker = requirement.marker
        is_needed = marker is None or any(marker.evaluate({"extra": each}) for each in extras)
        if key not in found and is_needed:
            found[key] = distribution(requirement.name)
            needed(requirement.name, found)


def licences(package: Distribution) -> list[str]:
    """Return what a distribution says of its licence.

    The whole text of one is told by its first lines.
    """
    names = ("License-Expression", "License", "Classifier")
    said = [(name, text) for name in names for text in package.metadata.get_all(name) or ()]
    words = [
        text[:200] for name, text in said if name != "Classifier" or text.startswith("License")
    ]
    files = (each for each in package.files or () if each.name.upper().startswith("LICEN"))
    return words or [each.read_text()[:200] for each in files]


def test_no_dependency_has_a_licence_that_asks_the_same_of_its_users() -> None:
    found: dict[str, Distribution] = {}
    needed("tls-scaffold", found)
    assert {"click", "cookiecutter", "cryptography", "jinja2", "pyyaml", "python-slugify"} <= set(
        found
    )
    assert {"grpclib", "protobuf", "h2", "multidict", "pyrage"} <= set(found)
    said = {name: licences(package) for name, package in found.items()}
    assert [name for name, words in said.items() if not words] == []
    # `text-unidecode` may be taken under the Artistic License instead.
    chosen = {"text-unidecode": "License :: OSI Approved :: Artistic License"}
    bound = {
        name
        for name, words in said.items()
        if any(map(COPYLEFT.search, words)) and chosen.get(name) not in words
    }
    assert bound == set()

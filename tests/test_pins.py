"""What is pinned in constraints/ fits what pyproject.toml asks for, and says how it is made."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
OF_USERS = [*PROJECT["dependencies"], *EXTRAS["backup"], *EXTRAS["prove"]]
ALL = [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?P<marker>[^\\\n]*)\\$", re.MULTILINE)


def text(kind: str) -> str:
    return (ROOT / f"constraints/{kind}.txt").read_text(encoding="utf-8")


def pins(kind: str) -> dict[str, set[str]]:
    """Return the versions of each package; other Pythons may have another."""
    found: dict[str, set[str]] = {}
    for match in PIN.finditer(text(kind)):
        found.setdefault(match["name"], set()).add(match["version"])
    return found


@pytest.mark.parametrize(
    ("kind", "asked"), [("oldest", OF_USERS), ("newest", OF_USERS), ("development", ALL)]
)
def test_each_dependency_is_pinned_to_what_is_asked_for(kind: str, asked: list[str]) -> None:
    pinned = pins(kind)
    for requirement in map(Requirement, asked):
        versions = pinned[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_oldest_set_is_the_lower_end_of_each_range() -> None:
    pinned = pins("oldest")
    for requirement in map(Requirement, OF_USERS):
        (bound,) = requirement.specifier
        (version,) = pinned[canonicalize_name(requirement.name)]
        length = len(Version(bound.version).release)
        assert Version(version).release[:length] == Version(bound.version).release, requirement


def test_users_get_what_was_developed_with() -> None:
    developed = pins("development")
    for name, versions in pins("newest").items():
        assert versions <= developed[name], name


@pytest.mark.parametrize("kind", ["oldest", "newest", "development", "release"])
def test_each_file_says_how_it_is_made_and_names_no_host(kind: str) -> None:
    said = text(kind)
    assert f"-o constraints/{kind}.txt " in said.splitlines()[1]
    assert len(PIN.findall(said)) == len(re.findall("^[a-z]", said, re.MULTILINE)) > 30
    assert "://" not in said
    assert said.count("--hash=sha256:") > 100

"""Findings as JSON, and in SARIF 2.1.0, the form that code hosts show beside the lines."""

import json
import posixpath
import re
from collections.abc import Iterable
from typing import Any

from tls_scaffold import __version__
from tls_scaffold.checks.rule import Finding, Rule
from tls_scaffold.words import visible

VERSION = 1
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
PLACE = re.compile(
    r"(?P<path>.*?)(?::(?P<line>\d+)(?::(?P<column>\d+))?|: (?P<key>.+))?", re.DOTALL
)


def to_json(findings: Iterable[Finding]) -> str:
    """Return the findings as JSON."""
    fields = ("id", "level", "where", "message", "fix")
    listed = [{field: getattr(finding, field) for field in fields} for finding in findings]
    return json.dumps({"version": VERSION, "findings": listed}, indent=2) + "\n"


def to_sarif(findings: Iterable[Finding], rules: Iterable[Rule], home: str = "") -> str:
    """Return the findings as a SARIF log, which describes all rules; `home` is where its reader has the folder."""
    described = [_rule(rule) for rule in rules]
    places = {rule["id"]: index for index, rule in enumerate(described)}
    driver = {"name": "tls-scaffold", "version": __version__, "rules": described}
    results = [{**_result(finding, home), "ruleIndex": places[finding.id]} for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.__doc__},
        "fullDescription": {"text": f"{rule.__doc__} Otherwise: {rule.pain}"},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(finding: Finding, home: str) -> dict[str, Any]:
    place = PLACE.fullmatch(finding.where)
    parts = place.groupdict() if place else {"path": finding.where}
    region = {
        field: int(parts[group])
        for field, group in (("startLine", "line"), ("startColumn", "column"))
        if parts.get(group)
    }
    uri = _uri(posixpath.join(home, parts["path"] or ""))
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": region or {"startLine": 1},
        },
    }
    if parts.get("key"):
        location["logicalLocations"] = [{"fullyQualifiedName": parts["key"]}]
    text = f"{finding.where}: {finding.message}; {finding.fix}"
    return {
        "ruleId": finding.id,
        "level": finding.level,
        "message": {"text": visible(text)},
        "locations": [location],
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.encode("utf-8", "surrogateescape"))

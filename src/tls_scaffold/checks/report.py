"""Findings as JSON, and in SARIF 2.1.0, the form that code hosts show beside the lines."""

import json
import posixpath
from collections.abc import Iterable
from typing import Any

from tls_scaffold import __version__
from tls_scaffold.checks.rule import Finding, Rule
from tls_scaffold.spelling import escaped

VERSION = 1
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_json(findings: Iterable[Finding]) -> str:
    """Return the findings as JSON."""
    return json.dumps({"version": VERSION, "findings": documents(findings)}, indent=2) + "\n"


def documents(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return the findings as data for JSON."""
    return [
        {
            "id": finding.id,
            "level": finding.level,
            "where": finding.where,
            "message": finding.message,
            "fix": finding.fix,
        }
        for finding in findings
    ]


def to_sarif(by_home: Iterable[tuple[str, Iterable[Finding]]], rules: Iterable[Rule]) -> str:
    """Return findings as a SARIF log, which describes all rules.

    Those of each folder stand behind the path by which its reader has it.
    """
    described = [_rule(rule) for rule in rules]
    places = {rule["id"]: index for index, rule in enumerate(described)}
    driver = {"name": "tls-scaffold", "version": __version__, "rules": described}
    results = [
        {**_result(finding, home), "ruleIndex": places[finding.id]}
        for home, findings in by_home
        for finding in findings
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary} Otherwise: {rule.pain}"},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(finding: Finding, home: str) -> dict[str, Any]:
    place = finding.place
    region = {"startLine": place.line or 1}
    if place.column:
        region["startColumn"] = place.column
    artifact = {"uri": _uri(posixpath.join(home, place.path))}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": artifact, "region": region}
    }
    if place.key:
        location["logicalLocations"] = [{"fullyQualifiedName": place.key}]
    text = f"{place}: {finding.message}; {finding.fix}"
    return {
        "ruleId": finding.id,
        "level": finding.level,
        "message": {"text": escaped(text)},
        "locations": [location],
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.encode("utf-8", "surrogateescape"))

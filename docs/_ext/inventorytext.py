"""The fields of the inventory as a text for the reference, from its JSON Schema."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

TYPES = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
}
# What a schema says of a value itself; without any of these it only says when another part holds.
SAYS_WHAT = {"$ref", "const", "description", "enum", "type"}


def fields_text(schema: Mapping[str, Any]) -> str:
    """Return every field of a schema: those of the whole first, then those of each of its parts."""
    lines = ["## The whole file", "", *_fields(schema)]
    for name, part in schema.get("$defs", {}).items():
        lines += [f"({_target(name)})=", f"## `{name}`", "", prose(part.get("description", "")), ""]
        if _objects(part):
            for one in _objects(part):
                lines += _fields(one)
        else:
            lines += [f"*{_kind(part)}.*", ""]
    return "\n".join(lines)


def field_names(schema: Mapping[str, Any]) -> set[str]:
    """Return the name of every field that a schema has anywhere."""
    found: set[str] = set()
    for key, value in schema.items():
        if key == "properties":
            found |= set(value)
        below = value.values() if key in ("properties", "$defs") else [value]
        for each in below:
            for one in each if isinstance(each, list) else [each]:
                if isinstance(one, Mapping):
                    found |= field_names(one)
    return found


def _objects(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return those forms of a value that have fields."""
    forms = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    return [each for each in forms if "properties" in each]


def _fields(schema: Mapping[str, Any], above: str = "") -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if not set(field) & SAYS_WHAT:
            continue  # of a condition: the field itself is described where its object is
        needed = ", has to be there" if name in required else ""
        text = field.get("description", "")
        yield f"`{above}{name}`"
        yield f": *{_kind(field)}{needed}.* {prose(text)}".rstrip()
        yield ""
        within = field.get("items", {}) if field.get("type") == "array" else field
        for one in _objects(within):
            yield from _fields(one, f"{above}{name}{'[]' if within is not field else ''}.")


def _kind(schema: Mapping[str, Any]) -> str:
    """Say what a value may be, in words."""
    kind = schema.get("type", "")
    others = schema.get("additionalProperties")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        text = f"[{name}](#{_target(name)})"
    elif "const" in schema or "enum" in schema:
        text = " or ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    elif "anyOf" in schema or "oneOf" in schema:
        forms = schema.get("anyOf") or schema["oneOf"]
        text = " or ".join(dict.fromkeys(map(_kind, forms)))
    elif isinstance(kind, list):
        text = " or ".join(_kind({**schema, "type": each}) for each in kind)
    elif kind == "array":
        items = _kind(schema.get("items", {}))
        text = f"list, each of it {items}" if " or " in items else f"list of {items}"
    elif kind == "object" and isinstance(others, Mapping):
        text = f"object of {_kind(others)}"
    else:
        text = TYPES.get(kind, kind or "any value")
    return text


def _target(name: str) -> str:
    return f"inventory-{name.lower().replace('_', '-')}"


def prose(text: str) -> str:
    """Return a text of the program for Markdown: outside of code it has no marks of its own."""
    return re.sub(r"(`[^`]*`)|([*_<>\[\]])", lambda found: found[1] or f"\\{found[2]}", text)

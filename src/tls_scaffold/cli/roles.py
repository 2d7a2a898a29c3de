"""`tls-scaffold roles` on the command line."""

import json
from typing import TYPE_CHECKING, Any

import click

from tls_scaffold.cli.columns import terminal_width, wrapped
from tls_scaffold.cli.options import json_option_for
from tls_scaffold.cli.terminal import Styled, give_json, say
from tls_scaffold.cli.verbs import Verb

if TYPE_CHECKING:
    from tls_scaffold.inventory.presetparts import Preset


@click.command(cls=Verb)
@json_option_for("Print the presets as JSON")
def roles(*, as_json: bool) -> None:
    """List the presets: what each may do in etcd, why, and by which versions of its software.

    A user of a preset's name takes that preset; `--role NAME=PRESET` gives it to another one.
    """
    from tls_scaffold.inventory.presets import PRESETS

    if as_json:
        documents = [_document(preset) for preset in PRESETS]
        give_json(json.dumps(documents, indent=2, ensure_ascii=False) + "\n")
        return
    for number, preset in enumerate(PRESETS):
        say("\n" if number else "", Styled(preset.name), _text(preset, terminal_width()))


def _document(preset: "Preset") -> dict[str, Any]:
    permissions = [{**reason.permission.document(), "why": reason.why} for reason in preset.reasons]
    return {
        "name": preset.name,
        "source": preset.source,
        "version": preset.version,
        "permissions": permissions,
        "root": preset.root,
        "without_root": preset.without_root,
        "settings": [vars(setting) for setting in preset.settings],
        "login": preset.login,
        "asks_status": preset.asks_status,
        "by_name": preset.by_name,
    }


def _text(preset: "Preset", width: int) -> str:
    """Return what a preset may do: a line for each where that fits, else its reason below it."""
    rows = [
        (reason.permission.access, str(reason.permission), reason.why) for reason in preset.reasons
    ]
    if preset.root:
        rows.append(("root", "(the role root)", preset.root))
    rows += [("set", str(setting), setting.why) for setting in preset.settings]
    rows += [("or", "", setting.elsewhere) for setting in preset.settings if setting.elsewhere]
    rows += [("note", "", note) for note in _notes(preset)]
    accesses, paths = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {access:{accesses}}  {path:{paths}}  {why}" for access, path, why in rows]
    if max(map(len, lines)) > width:
        indent = " " * (accesses + 4)
        lines = []
        for access, path, why in rows:
            first = f"  {access:{accesses}}  {path}"
            if len(first) > width:
                first = f"  {access}\n    {path}"
            lines.append(f"{first}\n{wrapped(why, width, indent)}")
    source = f"  ({preset.version}; {preset.source})"
    if len(preset.name + source) > width:
        source = f"\n{wrapped(source.strip(), width, '  ')}"
    return "\n".join((source, *lines))


def _notes(preset: "Preset") -> list[str]:
    notes = list(preset.warnings)
    if preset.login == "nobody":
        notes.append("no etcd user: /metrics and /health answer every certificate of the CA")
    if preset.without_root:
        notes.append(f"the preset `{preset.without_root}` does without the role root")
    if not preset.by_name:
        notes.append(f"given by `--role NAME={preset.name}` alone, not by a user's name")
    return notes

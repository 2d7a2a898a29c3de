"""What a shell offers for values: components, rules, presets, kinds of keys, files.

It is called while a line is being typed, in any folder: where something is wrong, nothing is
offered and nothing printed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ZshComplete,
    add_completion_class,
)

if TYPE_CHECKING:
    from tls_scaffold.inventory.values import Component


@add_completion_class
class Bash(BashComplete):
    """Click's script for bash, in which a folder that is called `*` is offered as it is called."""

    source_template = BashComplete.source_template.replace("+=($value)", '+=("$value")')


@add_completion_class
class Zsh(ZshComplete):
    """Click's script for zsh, of which zsh may keep the text as a function named like its file.

    By click's own condition the second tabulator in a shell would offer nothing: the text is loaded
    no more then, and is run again.
    """

    source_template = ZshComplete.source_template.replace(
        "$zsh_eval_context[-1] == loadautofunc", "$funcstack[1] == _tls-scaffold"
    )


Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def offering(values: Callable[[click.Context], Iterable[str]], signs: str = ",=") -> Complete:
    """Return what click calls for the values that go on from what is typed.

    What stands before one of the signs stays; what is there already is not offered again.
    """

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        cut = max(map(incomplete.rfind, signs)) + 1
        before, begun = incomplete[:cut], incomplete[cut:]
        typed = ctx.params.get(parameter.name or "") or ()
        there = {*typed, *before.rstrip(",").split(",")}
        try:
            found = [each for each in values(ctx) if each.startswith(begun) and each not in there]
        except Exception:  # noqa: BLE001  a line that is being typed is no place for an error
            return []
        return [f"{before}{each}" for each in found]

    return complete


def component_names(ctx: click.Context) -> Iterator[str]:
    """Yield the names of the folder's components."""
    return (each.name for each in _components(ctx))


def user_names(ctx: click.Context) -> Iterator[str]:
    """Yield the names of the folder's users."""
    return (each.name for each in _components(ctx) if each.kind == "user")


def names_to_sign(ctx: click.Context) -> Iterator[str]:
    """Yield what can be signed."""
    yield from ("ca", *component_names(ctx))


def rendered_files(ctx: click.Context) -> Iterator[str]:
    """Yield the files that are rendered, but for the inventory, which they are rendered from."""
    from tls_scaffold.inventory.reach import OF_SOME, RENDERED
    from tls_scaffold.inventory.values import FILE

    requests = (each.request for each in _components(ctx))
    left_out = {FILE, *(each for each in OF_SOME if not (_folder(ctx) / each).exists())}
    yield from dict.fromkeys(each for each in (*RENDERED, *requests) if each not in left_out)


def preset_names(_ctx: click.Context) -> Iterator[str]:
    """Yield the names of the presets, which users may have too."""
    from tls_scaffold.inventory.presets import PRESETS

    return (preset.name for preset in PRESETS)


def set_words(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return what goes on from a word of --set: a component, a field of it, or its value."""
    named, has_value, value = incomplete.rpartition(",")[2].partition("=")
    _, has_name, field = named.partition(":")
    if has_value:
        left = [each for each in _values_to_set(field) if each not in value.split("+")[:-1]]
        return offering(lambda _: left, ",:=+")(ctx, parameter, incomplete)
    values = _fields_to_set if has_name else _names_to_set
    return offering(values, ",:=+")(ctx, parameter, incomplete)


def _names_to_set(ctx: click.Context) -> Iterator[str]:
    from tls_scaffold.errors import ScaffoldError
    from tls_scaffold.inventory.values import PEER

    typed = [word for words in ctx.params.get("users") or () for word in words.split(",")]
    yield from (f"{word.partition('=')[0]}:" for word in typed)
    with suppress(ScaffoldError):  # `new` makes the folder
        # A member's second certificate has what is set for its first.
        names = (each.name for each in _components(ctx) if not each.name.startswith(PEER))
        yield from (f"{name}:" for name in names)


def _fields_to_set(_ctx: click.Context) -> Iterator[str]:
    from tls_scaffold.inventory.setwords import SETTABLE

    yield from (f"{field}=" for field in SETTABLE)
    yield from (f"-{field}" for field in SETTABLE)


def _values_to_set(field: str) -> Iterable[str]:
    usages = ("server", "client") if field == "usages" else ()
    return key_types() if field == "key" else usages


def rule_ids(_ctx: click.Context) -> Iterable[str]:
    """Return the rules of `check`."""
    from tls_scaffold.checks import IDS

    return IDS


def key_types(_ctx: click.Context | None = None) -> Iterable[str]:
    """Return the kinds of keys."""
    from tls_scaffold.spelling import KEYS

    return KEYS


def cfssl_words(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return cfssl's commands for the first word, and files for those behind it."""
    from tls_scaffold.commands.cfsslusage import COMMANDS

    if ctx.params.get(parameter.name or ""):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]


def below_the_folder(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the directories that go on from what is typed, below the folder that `-C` leads to."""
    base = _folder(ctx)
    if base == Path():  # what the shell knows itself, it offers better
        return [CompletionItem(incomplete, type="dir")]
    begun, slash, _ = incomplete.rpartition("/")
    with suppress(OSError):
        found = sorted(each.name for each in (base / f"{begun}{slash}").iterdir() if each.is_dir())
        paths = (f"{begun}{slash}{name}" for name in found)
        return [CompletionItem(path) for path in paths if path.startswith(incomplete)]
    return []


def one_of(*values: str) -> Complete:
    """Return what offers one of these words."""
    return offering(lambda _: values)


def _components(ctx: click.Context) -> "tuple[Component, ...]":
    from tls_scaffold.inventory import intake

    return intake.load(_folder(ctx)).components


def _folder(ctx: click.Context) -> Path:
    """Return the folder that `-C` leads to, before and behind the command.

    While completing the group is not called, which else would hand it on.
    """
    before = ctx.parent.params.get("folder") if ctx.parent else None
    return (before or Path()) / (ctx.obj or Path())

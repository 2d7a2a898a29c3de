"""The table of `adopt`: what it took each certificate for, as far as the terminal has room."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import GAP, listed_within, padded, shortened, text_width
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.adopted import Taken

HEADINGS = ("NAME", "KIND", "CN", "PROFILE", "CERTIFICATE", "HOSTS")
WIDEST = 28  # of each column but the hosts, which take what is left
LEAST = 12


def adoption_table(taken: "Sequence[Taken]", width: int) -> Iterator[str]:
    """Yield the lines of the table; `none` is said of what has no hosts."""
    rows = [HEADINGS[:-1], *(_cells(each) for each in taken)]
    widths = [
        min(WIDEST, max(text_width(row[column]) for row in rows))
        for column in range(len(HEADINGS) - 1)
    ]
    room = max(LEAST, width - sum(widths) - len(GAP) * len(widths))
    hosts = ["HOSTS", *(_hosts(each.hosts, room) for each in taken)]
    for row, listed in zip(rows, hosts, strict=True):
        cells = (
            padded(shortened(text, columns), columns)
            for text, columns in zip(row, widths, strict=True)
        )
        yield GAP.join((*cells, listed))


def _cells(each: "Taken") -> tuple[str, ...]:
    profile = "-" if each.kind == "ca" else each.profile or "default"
    texts = (each.name, each.kind, each.cn or "none", profile, each.certificate)
    return tuple(map(escaped, texts))


def _hosts(hosts: Sequence[str], room: int) -> str:
    """Return what there is room for; an empty host, which cfssl signs too, is seen as such."""
    shown = [escaped(host) or '""' for host in hosts]
    return listed_within(shown, room) if shown else "none"

"""Users and roles of etcd that a folder has asked for, and asks for no more.

etcd keeps them; `rbac.sh --prune` takes them out, and nothing that this folder has not made.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tls_scaffold import spelling
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.terms import ROOT

FIELDS = ("users", "roles")
LONGEST = 256


@dataclass(frozen=True)
class Forgotten:
    """The CNs of users and the names of roles, each in order; root is never among them."""

    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Return them as they stand in the inventory file; nothing where there are none."""
        named = {"users": list(self.users), "roles": list(self.roles)}
        return {name: texts for name, texts in named.items() if texts}


NOTHING = Forgotten()


def forgotten_of(users: Iterable[str], roles: Iterable[str]) -> Forgotten:
    """Return what of these names can be forgotten: none that can be no name, and never root."""
    return Forgotten(
        tuple(sorted({each for each in users if not user_problem(each)})),
        tuple(sorted({each for each in roles if not role_problem(each)})),
    )


def read_forgotten(field: Field) -> Forgotten:
    """Return what a table says; every mistake is noted there."""
    table = field.table(FIELDS)
    return Forgotten(
        table["users"].texts(user_problem),
        table["roles"].texts(role_problem),
    )


def user_problem(text: str) -> str:
    """Say why `text` can be no user that is forgotten; empty if it can."""
    return spelling.cn_problem(text) or _root_problem(text)


def role_problem(text: str) -> str:
    """Say why `text` can be no role that is forgotten; empty if it can."""
    wrong = spelling.text_problem(text, LONGEST) if text else "the name is empty"
    return wrong or _root_problem(text)


def _root_problem(text: str) -> str:
    return f"`{ROOT}` is etcd's own: it is never taken out" if text == ROOT else ""

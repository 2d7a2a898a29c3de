"""What members that run show while one CA follows another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.signing.rotation import Rotation


@dataclass(frozen=True)
class RotatingMember:
    """A port of a member, and what it shows of the two CAs of a rotation.

    `shows_old` tells that what it serves was signed by the old CA, `loads_old` and `loads_new` of
    which it takes others' certificates. Of one that was not reached nothing is known.
    """

    name: str
    address: str
    is_reached: bool
    shows_old: bool = False
    loads_old: bool = False
    loads_new: bool = False

    @property
    def place(self) -> str:
        """It in words."""
        return f"`{self.name}` at {self.address}"


LookAtMembers = Callable[[Path, Rotation], tuple[RotatingMember, ...]]
"""Looks at the members of a folder that is in a rotation; no members where none is looked at."""


def nobody(_folder: Path, _rotation: Rotation) -> tuple[RotatingMember, ...]:
    """Look at no member."""
    return ()

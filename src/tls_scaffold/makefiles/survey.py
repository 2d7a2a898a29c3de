"""What was found of a Makefile: what it signs, and what of it can't be followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.paths import SCRIPT


@dataclass(frozen=True)
class Survey:
    """What a Makefile signs, and the lines that sign in a way that can't be followed.

    First comes what plain `make` signs, by its `default` goal, then what other targets sign on
    request; each certificate once, by the most special target. `makes` has the certificates,
    without `.pem`, of each target that signs, as often as it does.
    """

    signings: tuple[Signing, ...]
    unread: tuple[Unread, ...] = ()
    makes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: str = ""

    @property
    def asked(self) -> tuple[Signing, ...]:
        """What plain `make` signs."""
        return tuple(signing for signing in self.signings if not signing.on_request)

    @property
    def own(self) -> tuple[Signing, ...]:
        """What lines of our form ask for: make runs all others, which call cfssl, by itself."""
        return tuple(signing for signing in self.asked if signing.flags is not None)

    @property
    def strange(self) -> tuple[Unread, ...]:
        """The unread lines that run our `sign.sh`: only our signer could sign what they ask for."""
        return tuple(each for each in self.unread if SCRIPT in each.line)

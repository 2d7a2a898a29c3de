"""What the options of `new` and `sync` say of who holds the CA, before a file is read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tls_scaffold.inventory.custody import AUTH_KEY, Custody, KeyPlace


@dataclass(frozen=True)
class CustodyWords:
    """The options as they were typed; empty for those that were not given.

    `certificate` and `key` are files to bring. `here` asks for the key
    in the folder, in the clear. `peer_ca` is None where nothing is said of it.
    """

    certificate: str = ""
    key: str = ""
    encrypt: bool = False
    remotes: tuple[str, ...] = ()
    label: str = ""
    auth_key: str = ""
    remote_ca: str = ""
    sha256: str = ""
    offline: bool = False
    here: bool = False
    peer_ca: bool | None = None

    @property
    def place(self) -> KeyPlace | None:
        """Where the key is to be; None where nothing is said of it."""
        return next(iter(self._places.values()), None)

    @property
    def _places(self) -> dict[str, KeyPlace]:
        """Each place that is said, by its option."""
        options = (
            ("--encrypt-ca-key", KeyPlace.ENCRYPTED, self.encrypt),
            ("--ca-remote", KeyPlace.REMOTE, self.remotes),
            ("--ca-offline", KeyPlace.OFFLINE, self.offline),
            ("--ca-here", KeyPlace.FOLDER, self.here),
        )
        return {option: place for option, place, is_said in options if is_said}

    @property
    def are_said(self) -> bool:
        """Whether any of them was given."""
        return self != CustodyWords()

    def mistakes(self) -> Iterator[str]:
        """Yield why they can't stand together."""
        said = [f"`{option}`" for option in self._places]
        if len(said) > 1:
            yield f"{' and '.join(said)} exclude each other: the CA's key is in one place"
        if self.key and (self.remotes or self.offline):
            yield f"`--ca-key` brings a key into the folder, and {said[0]} leaves it elsewhere"
        of_remote = {
            "--ca-label": self.label,
            "--ca-auth-key": self.auth_key,
            "--ca-remote-ca": self.remote_ca,
            "--ca-sha256": self.sha256,
        }
        if not self.remotes:
            for name in (name for name, text in of_remote.items() if text):
                yield f"`{name}` goes with `--ca-remote`"

    def fields(self) -> dict[str, object]:
        """Return the fields of a new inventory's `ca` that they say."""
        place = self.place
        found: dict[str, object] = {}
        if self.certificate or self.remotes:
            found["own"] = True  # it is brought by a file, or from afar
        if place and place.value:
            found["key"] = place.value
        texts = {
            "remotes": list(self.remotes),
            "label": self.label,
            "auth_key": self.auth_key,
            "remote_ca": self.remote_ca,
            "sha256": self.sha256,
        }
        return {**found, **{name: value for name, value in texts.items() if value}}

    def changed(self, old: Custody) -> Custody:
        """Return what becomes of a folder's custody; the pin stays until another is read.

        It goes where the folder makes its CA itself: what it renews, or makes anew, is another.
        Other servers of a remote CA are asked as those before were, but for what is said.
        """
        new = replace(old, own=old.own or bool(self.certificate))
        place = self.place
        if place is None:
            return new
        is_here = place in (KeyPlace.FOLDER, KeyPlace.ENCRYPTED)
        # One that is made here is signed again here too, and pinned by nothing.
        pin = self.sha256 or old.sha256 if new.own or not is_here else ""
        if place is not KeyPlace.REMOTE:
            return Custody(own=new.own, key=place, sha256=pin)
        has_https = any(url.startswith("https:") for url in self.remotes)
        return Custody(
            own=new.own,
            key=place,
            remotes=self.remotes,
            label=self.label or old.label,
            auth_key=self.auth_key or old.auth_key or AUTH_KEY,
            remote_ca=self.remote_ca or (old.remote_ca if has_https else ""),
            sha256=pin,
        )


NO_WORDS = CustodyWords()

"""Rules over a CA whose key is elsewhere: its key, the key for its servers, the way to them."""

from collections.abc import Iterator

from tls_scaffold.cfssl.serverurls import is_readable_by_others
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import CA, CA_KEY
from tls_scaffold.signing.authkeys import is_reference
from tls_scaffold.signing.custodies import unfollowed


@Rule(
    pain="make would go by the one, `status` and bundles by the other: nothing is signed",
    fix="`tls-scaffold sync` makes them follow; its options say who holds the CA from now on",
)
def unfollowed_ca(view: View) -> Iterator[Problem]:
    """Every script of the folder goes by what the inventory says of who holds the CAs."""
    if view.inventory and (problem := unfollowed(view.folder)):
        yield Problem(Place(FILE, key="ca"), problem)


@Rule(
    level=WARNING,
    pain="whoever reads this folder is the CA, which was to be elsewhere",
    fix="take it where the CA's key is kept, and out of `archive/` too; nobody here needs it",
)
def ca_key_here(view: View) -> Iterator[Problem]:
    """Where the CA's key is elsewhere, it is not here too, nor in the clear in `archive/`."""
    if view.inventory is None or view.inventory.ca.has_key_here:
        return
    told = "the inventory says that the CA's key is elsewhere"
    for entry in view.authorities:
        if entry.path == CA and entry.key is not None:
            yield Problem(Place(CA_KEY), told)
    for path, of_cas in view.archived_ca_keys:
        if CA in of_cas:
            yield Problem(Place(path), f"{told}, and this is it, in the clear")


@Rule(
    level=WARNING,
    pain=(
        "who is on the way reads each request and can change the answers, which are refused then: "
        "nobody can sign for anybody by that, but keep you from signing"
    ),
    fix="https with `-tls-cert` and `-tls-key` at the server, and `remote_ca` here",
)
def open_remote(view: View) -> Iterator[Problem]:
    """Signing servers that are not on this machine are asked over https."""
    for path, config in view.configs.items():
        profiles = (config.default, *config.profiles.values())
        for profile in profiles:
            for url in profile.remote.servers if profile.remote else ():
                if is_readable_by_others(url):
                    yield Problem(Place(path, key="remotes"), f"`{url}` is asked in the clear")


@Rule(
    pain="whoever reads the repository has certificates signed for any name that the server allows",
    fix="`env:NAME` or `file:PATH` in its place; give folder and server another key: it was seen",
)
def open_auth_key(view: View) -> Iterator[Problem]:
    """No configuration holds a key for signing servers: it says where one is."""
    for path, config in view.configs.items():
        for name, text in config.auth_keys.items():
            if text and not is_reference(text):
                place = Place(path, key=f"auth_keys.{name}.key")
                yield Problem(place, "it is the key itself")


RULES = (unfollowed_ca, ca_key_here, open_remote, open_auth_key)

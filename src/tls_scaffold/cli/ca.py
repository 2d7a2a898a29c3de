"""`tls-scaffold encrypt-ca-key` and `renew-ca`."""

from datetime import datetime, timezone
from pathlib import Path

import click

from tls_scaffold.cli.capassword import asking
from tls_scaffold.cli.keeping import end_of_outcome, tell_change_on_the_way
from tls_scaffold.cli.options import json_option
from tls_scaffold.cli.terminal import give_json, say, say_line, talk, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.spelling import escaped


@click.command(cls=Verb)
@json_option
@click.pass_obj
def encrypt_ca_key(folder: Path, /, *, as_json: bool) -> None:
    """Encrypt the CA's key with a password, which is asked for twice; that of peers' CA too.

    CFSSL_CA_PK_PASSWORD holds it, or CFSSL_CA_PK_PASSWORD_FILE names a file that does, where nobody
    can be asked. The encrypted key is read back before it takes the other's place.
    """
    from tls_scaffold.commands import encryptcakey as command
    from tls_scaffold.signing.capassword import CAPassword

    done = command.encrypt_ca_key(folder, CAPassword(asking()))
    if as_json:
        give_json(command.result(folder, done).to_json())
    else:
        for path in done.keys:
            say(f"encrypted {path}: the one in the clear is gone from this place")
        if not done.keys:
            talk("certs/ca-key.pem is encrypted")
        if done.outcome:
            tell_change_on_the_way(done.outcome)
        for warning in done.warnings:
            warn(escaped(warning))
    if done.outcome:
        end_of_outcome(done.outcome, as_json=as_json)


@click.command(cls=Verb)
@json_option
@click.pass_obj
def renew_ca(folder: Path, /, *, as_json: bool) -> None:
    """Sign the CA's certificate again, with the same name and key and as long a life from now.

    That of peers' own CA too; beside a CA that was brought, that one's alone. What they signed goes
    on being valid and is not signed again. Until the old certificate ends each member and client
    has to get the new one and to be restarted.
    """
    from tls_scaffold.commands import renewca as command
    from tls_scaffold.signing.capassword import CAPassword

    now = datetime.now(timezone.utc)
    doubts = tuple(command.doubts(folder, now))
    for doubt in () if as_json else doubts:
        warn(escaped(doubt))
    renewed = command.renew_ca(folder, CAPassword(asking()), now)
    if as_json:
        give_json(command.to_json(folder, renewed, doubts))
        return
    if left := command.left(renewed):
        talk(left)
    for each in renewed:
        for line in command.sentences(each, now):
            say_line(line)
        for warning in command.warnings(each):
            warn(escaped(warning))

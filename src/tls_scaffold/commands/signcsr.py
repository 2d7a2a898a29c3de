"""`tls-scaffold cfssl sign` and `selfsign`: a CSR of others, and a certificate without a CA."""

from dataclasses import replace

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.cfssl.sans import alternative_names
from tls_scaffold.commands.cfsslcalls import Answer, Call, answer_signed, place_of, refuse
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import csrs, mistakes, signer
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.signer import Signed

SELF_SIGNED = "nobody can tell a self-signed certificate from somebody else's: for tests alone"


def sign(call: Call) -> Answer:
    """Do what `cfssl sign` does: sign a CSR, by the subject in a file if one is named.

    Raises ScaffoldError where cfssl refuses too.
    """
    path, subject_path = _paths(call)
    csr = csrs.read(call.read(path), place_of(path))
    subject = None
    if subject_path:
        subject = readers.subject(call.read_text(subject_path), subject_path)
    config, profile = call.config or SigningConfig(), call.profile()
    hosts = tuple(call.text("hostname").split(",")) if call.text("hostname") else None
    if profile.remote:
        return _sign_elsewhere(call, csr, profile, hosts, has_subject=subject is not None)
    silent = [*map(str, mistakes.silent_in_profile(config, call.text("profile")))]
    if hosts and profile.copy_extensions and csr.names:
        silent.append("`-hostname` is passed over: the profile copies the names of the CSR")
        hosts = None
    now = signer.utc_now()
    ca = call.signing_ca(now)
    own_hosts = tuple(text for _, text in csr.names)
    named = Request(
        cn=(subject and subject.cn) or csr.cn, hosts=own_hosts if hosts is None else hosts
    )
    problems = (
        *csrs.refusals(csr, profile, ca.certificate),
        *mistakes.refusals(named, profile, now),
    )
    refuse(place_of(path), problems)
    silent += [
        *map(str, mistakes.silent_in_request(named)),
        *mistakes.outlives_ca(profile, ca.certificate.not_after, now),
    ]
    signed = signer.sign_csr(csr, profile, ca, now, hosts=hosts, subject=subject)
    return answer_signed(signed, [f"{place_of(path)}: {each}" for each in silent])


def _sign_elsewhere(
    call: Call, csr: CSR, profile: Profile, hosts: tuple[str, ...] | None, *, has_subject: bool
) -> Answer:
    """Have a server sign a CSR, with other names if there are `hosts`."""
    path = place_of(call.words[0] if call.words else call.text("csr"))
    if has_subject:
        raise ScaffoldError(f"`{path}`: a server signs with the subject of the CSR alone here")
    names = csr.names if hosts is None else alternative_names(hosts)
    more = {"hosts": list(hosts)} if hosts else {}
    pem = call.remote_signer().sign_csr(csr, names, profile, signer.utc_now(), csr.cn, **more)
    return answer_signed(Signed(pem, csr.pem))


def _paths(call: Call) -> tuple[str, str]:
    """Return the path of the CSR, and that of the subject's file; empty if there is none."""
    words = [call.text("csr"), *call.words] if call.text("csr") else [*call.words]
    if len(words) not in (1, 2):
        raise ScaffoldError(
            "`cfssl sign` takes a CSR, and at most one file with a subject, after its flags",
            [f"`{word}` is one too many" for word in words[2:]],
            "`-` reads the CSR from standard input",
        )
    return words[0], "".join(words[1:])


def selfsign(call: Call) -> Answer:
    """Do what `cfssl selfsign` does; of the host name that it wants it makes nothing."""
    words = call.words
    hostname = call.text("hostname")
    if not hostname and "initca" not in call.switches:
        hostname, words = "".join(words[:1]), words[1:]
    if len(words) != 1:
        raise ScaffoldError(
            "`cfssl selfsign` takes a host name and a request, after its flags",
            [f"`{word}` is one too many" for word in words[1:]],
            "`-` reads the request from standard input",
        )
    request, place = call.read_request(words[0]), place_of(words[0])
    now = signer.utc_now()
    profile = _profile_alone(call)
    refuse(place, mistakes.refusals(replace(request, ca=None), profile, now))
    silent = [f"{place}: {each}" for each in mistakes.silent_in_request(request)]
    if hostname and hostname not in (request.hosts or ()):
        silent.append(f"{place}: `{hostname}` is not among its `hosts`: cfssl does not sign it")
    signed = signer.self_sign(request, profile, now)
    return answer_signed(signed, [SELF_SIGNED, *silent], is_logged=False)


def _profile_alone(call: Call) -> Profile:
    """Return the profile that is named, which takes nothing over from the default one."""
    config = call.config
    if config is None:
        return replace(SigningConfig.default, expiry=signer.SELF_SIGNED_LIFE)
    return config.profiles.get(call.text("profile"), config.default)

"""`tls-scaffold cfssl gencert` and `genkey`: what is made by a request."""

from dataclasses import replace

from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.commands.cfsslcalls import Answer, Call, answer_signed, place_of, refuse
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import mistakes, signer
from tls_scaffold.signing.keys import PrivateKey, read_private_key


def gencert(call: Call) -> Answer:
    """Do what `cfssl gencert` does; what it is silent about is a warning.

    Raises ScaffoldError where cfssl refuses too.
    """
    if "renewca" in call.switches:
        return _renew_ca(call)
    path = call.one_request()
    request = call.read_request(path)
    if "initca" in call.switches:
        key_path = call.text("ca-key")
        key = read_private_key(call.read_named("ca-key"), key_path) if key_path else None
        return _make_ca(request.overridden(call.text("cn"), None), place_of(path), key)
    request = request.overridden(call.text("cn"), call.text("hostname"))
    return _sign_leaf(call, request, place_of(path))


def genkey(call: Call) -> Answer:
    """Do what `cfssl genkey` does: a key and its CSR, or with `-initca` a CA as `gencert` makes."""
    path = call.one_request()
    request = call.read_request(path)
    if "initca" in call.switches:
        return _make_ca(request, place_of(path), None)
    refuse(place_of(path), [str(each) for each in mistakes.request_refusals(request)])
    silent = mistakes.silent_in_request(request)
    return answer_signed(signer.new_csr(request), [f"{place_of(path)}: {each}" for each in silent])


def _renew_ca(call: Call) -> Answer:
    ca = call.load_ca()
    if not ca.certificate.is_ca:
        raise ScaffoldError(f"`{call.text('ca')}` is not the certificate of a CA")
    return answer_signed(signer.renew_ca(ca, signer.utc_now()))


def _make_ca(request: Request, place: str, key: PrivateKey | None) -> Answer:
    if key:  # cfssl leaves these two out where a CA is made again
        authority = replace(request.ca, backdate="") if request.ca else None
        request = replace(request, ca=authority, crl_url="")
    now = signer.utc_now()
    refuse(place, mistakes.refusals(request, ca_profile(request), now, leaf=False))
    signed = signer.new_ca(request, now, key)
    silent = [f"{place}: {each}" for each in mistakes.silent_in_request(request, leaf=False)]
    return answer_signed(replace(signed, key=b"") if key else signed, silent)


def _sign_leaf(call: Call, request: Request, place: str) -> Answer:
    config, profile = call.config or SigningConfig(), call.profile()
    if call.text("crl"):
        profile = replace(profile, crl_url=call.text("crl"))
    now = signer.utc_now()
    refuse(place, mistakes.refusals(request, profile, now))
    silent = [*map(str, mistakes.silent_in_request(request))]
    if profile.remote:
        signed = call.remote_signer().sign(request, profile, now)
    else:
        silent += map(str, mistakes.silent_in_profile(config, call.text("profile")))
        ca = call.signing_ca(now)
        silent += mistakes.outlives_ca(profile, ca.certificate.not_after, now)
        signed = signer.sign(request, profile, ca, now)
    return answer_signed(signed, [f"{place}: {each}" for each in silent])

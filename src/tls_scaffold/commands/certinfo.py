"""`tls-scaffold cfssl certinfo`: what stands in a certificate or a CSR."""

from tls_scaffold.commands.cfsslcalls import Answer, Call, go_json, place_of
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates, certinfo, csrs
from tls_scaffold.signing.pemfiles import stands_alone


def show(call: Call) -> Answer:
    """Do what `cfssl certinfo` does with a file; it asks neither a server nor a database here."""
    if path := call.text("cert"):
        pem = call.read(path)
        certificate = certificates.read(pem, place_of(path))
        if not stands_alone(pem):
            raise ScaffoldError(f"`{place_of(path)}` holds more than one certificate")
        return Answer(go_json(certinfo.of_certificate(certificate)))
    if path := call.text("csr"):
        return Answer(go_json(certinfo.of_csr(csrs.read(call.read(path), place_of(path)))))
    raise ScaffoldError(
        "`cfssl certinfo` needs a file: `-cert FILE` or `-csr FILE`",
        hint="`-` reads it from standard input",
    )

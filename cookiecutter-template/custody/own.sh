
# The CA was brought: its certificate is never made, and never replaced but by what is brought.
another="the CA's owner has its next certificate: \`tls-scaffold sync --ca FILE\` brings that"

instead="is it lost for good, move \`certs/peer-*\` and \`issued/peer-ca-*.pem\` into a folder of\
 \`archive/\`: \`make\` makes another CA then"

ca_is_whole() {
    if [ "${ca##*/}" = peer-ca ]; then # which is made here
        { [ -f "$ca.pem" ] && [ -f "$ca-key.pem" ]; } ||
            fail "half of the CA of peers is not here" "put \`$ca.pem\` and its key back"
        return
    fi
    [ -f "$ca.pem" ] || make_first_ca
    [ -f "$ca-key.pem" ] || fail "the key of this folder's own CA is not here: nothing is signed" \
        "\`tls-scaffold sync --ca-key FILE\` brings it; \`tls-scaffold sync --ca-offline\` is for\
 a key that stays where it is"
}

make_trust() { # the root is not here where a chain leads to it
    [ "$ca" != certs/ca ] || [ ! -f certs/chain.pem ] ||
        fail "\`certs/trust.pem\`, the root that everybody trusts, is missing" \
            "put it back; \`tls-scaffold sync --ca FILE\` brings it again"
    (umask 022 && cat "$ca.pem" $(ls "certs/old-${ca##*/}.pem" 2>/dev/null) >"$work/trust.pem")
    mv "$work/trust.pem" "$trust"
}

make_first_ca() {
    fail "this folder has a CA of its own, which was brought, and it is not in \`certs\`" \
        "\`tls-scaffold sync --ca FILE --ca-key FILE\` brings it again; none is made here"
}

regenerate() {
    fail "this folder has a CA of its own, which was brought: no other is made here" \
        "its owner renews it, and \`tls-scaffold sync --ca FILE\` brings the new certificate;\
 \`make req\` signs all again"
}

renew_ca() { # of the CA of peers, which is made here
    if [ "$cas" != ca ]; then
        ca=certs/ca && ca_is_whole
        say "certs/ca.pem was brought: it is not signed again here" >&2
        renew_cas peer-ca
        return
    fi
    fail "this folder has a CA of its own, which was brought: it is not signed again here" \
        "its owner signs it again (\`cfssl gencert -renewca -ca CA -ca-key KEY\`), and\
 \`tls-scaffold sync --ca FILE\` brings the new certificate"
}

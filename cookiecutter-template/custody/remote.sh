
# The CA's key is with a signing service.
ca_is_whole() {
    [ -f "$ca.pem" ] || make_first_ca
}

sign_pair() {
    fail "a remote CA can't be asked here yet" "\`tls-scaffold sync --ca-here\`"
}

make_first_ca() {
    fail "the certificate of the remote CA is not in \`certs\`" "\`tls-scaffold sync\` fetches it"
}

regenerate() {
    fail "the key of this folder's CA is elsewhere: no other CA is made here"
}


# The CA's key is on another machine, to which requests are carried by hand.
ca_is_whole() {
    [ -f "$ca.pem" ] || make_first_ca
}

sign_pair() {
    fail "the key of this folder's CA is on another machine: nothing is signed here"
}

make_first_ca() {
    fail "the CA's certificate is not in \`certs\`" "\`tls-scaffold sync --ca FILE\` brings it"
}

regenerate() {
    fail "the key of this folder's CA is elsewhere: no other CA is made here"
}


# The CA's key is here, encrypted: CFSSL_CA_PK_PASSWORD has its password.
make_ca_pair() {
    fail "a CA whose key is encrypted can't be made here yet" "\`tls-scaffold sync --ca-here\`"
}

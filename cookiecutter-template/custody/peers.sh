
# Another CA signs what members show their peers: made with the CA, or beside one that is there.
make_peer_ca() {
    check_not_lost peer-ca
    # Members may have had such certificates of the other CA; whoever else signed one is lost.
    components | while read -r _ base _ flags; do
        choose_ca "$flags"
        [ "$ca" = certs/ca ] || [ ! -f "$base.pem" ] || openssl verify -no_check_time \
            -partial_chain -CAfile certs/ca.pem "$base.pem" >/dev/null 2>&1 ||
            fail "\`$base.pem\` is there, but not the CA that signed it" "put peer-ca.pem and\
 peer-ca-key.pem back; $instead"
    done
    make_set peer-ca
    echo "signed certs/peer-ca.pem"
    [ "$(grep -c BEGIN certs/peer-trust.pem)" = 1 ] ||
        say "warning: certs/peer-trust.pem holds both CAs: members that run are restarted with it\
 before any of them shows what certs/peer-ca.pem signed" >&2
}

new_peer_ca() { # of a new set, beside the CA that is there
    [ -n "$into" ] || fail "\`make ca\` makes it"
    (ca=certs/ca && open_key) || exit 1 # of an encrypted key the password is for both
    new_cas peer-ca
    # What members that run show now, all have to trust for a while.
    [ -z "$(components | awk '{ print $2 ".pem" }' | xargs ls 2>/dev/null)" ] ||
        cat certs/trust.pem >>"${into}certs/peer-trust.pem"
}


# The CA's key is here, encrypted in the older PEM form, the only one that cfssl opens. cfssl and
# openssl have the password from the variable CFSSL_CA_PK_PASSWORD: it stands on no command line,
# and in no file but the one that CFSSL_CA_PK_PASSWORD_FILE may name.
give_password() { # put the password into the variable
    command -v openssl >/dev/null || fail "openssl is not installed: it encrypts and opens keys"
    given=CFSSL_CA_PK_PASSWORD
    if [ -z "${CFSSL_CA_PK_PASSWORD-}" ] && [ -n "${CFSSL_CA_PK_PASSWORD_FILE-}" ]; then
        given="\`$CFSSL_CA_PK_PASSWORD_FILE\`, which CFSSL_CA_PK_PASSWORD_FILE names"
        [ -f "$CFSSL_CA_PK_PASSWORD_FILE" ] && [ -r "$CFSSL_CA_PK_PASSWORD_FILE" ] ||
            fail "$given, is no file that can be read"
        case $(ls -Lld -- "$CFSSL_CA_PK_PASSWORD_FILE") in ???????---*) ;; *)
            fail "$given, is open to everybody" "\`chmod 600 $CFSSL_CA_PK_PASSWORD_FILE\`; if\
 others may have read it, give the key another password" ;; esac
        { # the line may lack its end
            IFS= read -r CFSSL_CA_PK_PASSWORD || :
            ! { IFS= read -r each || [ -n "$each" ]; } || fail "$given, has more than one line"
        } <"$CFSSL_CA_PK_PASSWORD_FILE"
        CFSSL_CA_PK_PASSWORD=${CFSSL_CA_PK_PASSWORD%"$(printf '\r')"}
        [ -n "$CFSSL_CA_PK_PASSWORD" ] || fail "$given, is empty"
        [ "${CFSSL_CA_PK_PASSWORD#"$(printf '\357\273\277')"}" = "$CFSSL_CA_PK_PASSWORD" ] ||
            fail "$given, begins with a byte order mark, which would be part of the password" \
                "save it without; a key that was encrypted with it opens by CFSSL_CA_PK_PASSWORD"
    fi
    [ -n "${CFSSL_CA_PK_PASSWORD-}" ] ||
        fail "the CA's key is encrypted, and no password is given" "CFSSL_CA_PK_PASSWORD holds it,\
 or CFSSL_CA_PK_PASSWORD_FILE names a file that does"
    # openssl cuts off a longer one when it encrypts.
    [ "${#CFSSL_CA_PK_PASSWORD}" -le 1000 ] ||
        fail "the password in $given has more than 1000 bytes"
    export CFSSL_CA_PK_PASSWORD
}

check_custody() { # before another CA is made; that the password is lost may be the reason for that
    [ -n "${CFSSL_CA_PK_PASSWORD-}${CFSSL_CA_PK_PASSWORD_FILE-}" ] || return 0
    give_password
    for each in $cas; do # one that is in the clear is opened by any
        [ ! -e "certs/$each-key.pem" ] ||
            openssl pkey -noout -passin env:CFSSL_CA_PK_PASSWORD -in "certs/$each-key.pem" \
                2>/dev/null || say "warning: the password in $given does not open\
 \`certs/$each-key.pem\`: the next CA's key is encrypted with it" >&2
    done
}

open_key() { # open_key [HINT]: before it is used; one that is in the clear still needs nothing
    grep -qs ENCRYPTED "$ca-key.pem" || return 0
    give_password
    openssl pkey -noout -passin env:CFSSL_CA_PK_PASSWORD -in "$ca-key.pem" 2>/dev/null ||
        fail "\`$ca-key.pem\` is not opened by the password in $given" ${1+"$1"}
}

encrypt_to() { # encrypt_to FILE ec|rsa: a key that comes through a pipe
    [ "$2" = ec ] || # openssl 3 writes what cfssl can't open unless it is told
        set -- "$1" rsa "$(openssl rsa -help 2>&1 | sed -n 's/^ *\(-traditional\).*/\1/p')"
    openssl "$2" ${3-} -aes256 -passout env:CFSSL_CA_PK_PASSWORD -out "$1" 2>/dev/null
}

check_encrypted() { # check_encrypted KEY CERTIFICATE: read it back before it takes any place
    ours=$(openssl pkey -pubout -passin env:CFSSL_CA_PK_PASSWORD -in "$1" 2>/dev/null) &&
        grep -q ENCRYPTED "$1" &&
        [ "$ours" = "$(openssl x509 -noout -pubkey -in "$2" 2>/dev/null)" ]
}

make_ca_pair() { # cfssl's answer holds the key: it goes through pipes, and is in no file
    base=${ca#"$into"} name=${ca##*/}
    find_cfssl
    give_password
    say "$cfssl gencert -initca $1 | openssl -aes256 >$base-key.pem" | sed "s|${into:-^}||g"
    { by_shell "$cfssl" gencert -initca "$1" 2>"$work/log" || echo "$?" >"$work/code"; } |
        awk -F '"' -v base="$work/$name" '{ for (at = 2; at < NF; at += 4) part[$at] = $(at + 2) }
            END { for (each in part) gsub(/\\n/, "\n", part[each])
                printf "%s", part["cert"] >(base ".pem")
                printf "%s", part["csr"] >(base ".csr")
                printf "%s", part["key"] }' |
        { # of what kind it is, its first line says
            read -r each || :
            case $each in *' EC '*) kind=ec ;; *' RSA '*) kind=rsa ;; *) kind=none ;; esac
            [ "$kind" = none ] ||
                { echo "$each" && cat; } | encrypt_to "$work/$name-key.pem" "$kind"
        } || :
    [ ! -e "$work/code" ] || refused "$(cat "$work/code")"
    [ -s "$work/$name-key.pem" ] || fail "the CA's key can't be encrypted: cfssl opens none but of\
 ecdsa and rsa" "\`key\` in \`tls-scaffold.json\` is for the CA too"
    check_encrypted "$work/$name-key.pem" "$work/$name.pem" ||
        fail "the CA's new key can't be read back"
    chmod 644 "$work/$name.pem" "$work/$name.csr"
    rm -f "$work/log"
    flush "$work/$name"*
}

renew_ca_pair() { # cfssl takes no password here: openssl opens the key for it, through a pipe
    open_key
    export CFSSL_CA_PK_PASSWORD="${CFSSL_CA_PK_PASSWORD-}" # openssl wants it for any key
    openssl pkey -passin env:CFSSL_CA_PK_PASSWORD -in "$1-key.pem" |
        run_cfssl "$1" gencert -renewca -ca "$1.pem" -ca-key /dev/stdin
}

encrypt_aside() { # the key of $ca, in $work, where nothing is wrong with it
    give_password
    for kind in ec rsa; do
        encrypt_to "$work/$name-key.pem" "$kind" <"$ca-key.pem" && break
    done || fail "\`$ca-key.pem\` can't be encrypted: cfssl opens ecdsa and rsa alone"
    check_encrypted "$work/$name-key.pem" "$ca.pem" &&
        [ "$(openssl pkey -outform DER -in "$ca-key.pem" | $sha)" = "$(openssl pkey \
            -passin env:CFSSL_CA_PK_PASSWORD -outform DER -in "$work/$name-key.pem" | $sha)" ] ||
        fail "\`$ca-key.pem\` is not the key of \`$ca.pem\`: nothing was replaced"
    flush "$work/$name-key.pem"
}

encrypt_ca_key() { # each encrypted one is read back and compared before it takes the other's place
    # Without that word a change of the inventory was killed half-way.
    { [ "$SIGNER" = cfssl ] && grep -qs '"key": *"encrypted"' tls-scaffold.json; } ||
        { need tls-scaffold && exec tls-scaffold encrypt-ca-key; }
    workshop
    lock
    clear=''
    for name in $cas; do
        ca=certs/$name
        [ "$name" = ca ] || exists "$ca.pem" || exists "$ca-key.pem" || continue # yet to be made
        ca_is_whole
        check_mounts "$ca-key.pem"
        [ ! -h "$ca-key.pem" ] || fail "\`$ca-key.pem\` is not here: it leads elsewhere"
        grep -q ENCRYPTED "$ca-key.pem" || clear="$clear $name"
    done
    tried=$clear${CFSSL_CA_PK_PASSWORD-}${CFSSL_CA_PK_PASSWORD_FILE-}
    for name in ${tried:+$cas}; do # one password is for both, and none is changed without a word
        ca=certs/$name
        case "$clear " in *" $name "*) encrypt_aside ;; *) open_key "to change the password: with\
 the one of now \`tls-scaffold sync --ca-here\`, which leaves the key in the clear, and then with\
 the new one \`make encrypt-ca-key\`" ;; esac
    done
    [ -n "$clear" ] || echo "certs/ca-key.pem is encrypted"
    for name in $clear; do
        mv -f "$work/$name-key.pem" "certs/$name-key.pem"
        flush certs
        echo "encrypted certs/$name-key.pem: the one in the clear is gone from this place"
    done
    grep -L ENCRYPTED archive/*/certs/*ca-key.pem 2>/dev/null | while read -r each; do
        say "warning: \`$each\` is a CA's key in the clear: delete it where nobody needs it" >&2
    done
}

# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: not for editing.
# What make is seldom asked for: renew, renew-ca, regenerate, clean. sign.sh reads it then.
# shellcheck shell=sh disable=SC2034,SC2046,SC2086,SC2154  # sign.sh has the variables
with='' # what goes to the archive beside certs/
case $1:$(ls certs/old-ca-key.pem certs/old-peer-ca-key.pem 2>/dev/null) in
regenerate:?* | renew-ca:?*) fail "one CA is taking the place of another: nothing was changed" \
    "\`make rotate-status\` says what comes next, \`make rotate-abort\` takes it back" ;; esac

renew() { # renew [--make MAKE --hook HOOK]: what ends soon, but not what ends with the CA
    [ "${RENEW_HOOK:+set}$#" != set0 ] || say "warning: RENEW_HOOK is for make's command line" >&2
    check_days
    seconds=$((RENEW_DAYS * 86400))
    command -v openssl >/dev/null || fail "openssl is not installed: it tells what expires"
    for each in $cas; do
        ca=certs/$each last=$(end_of "certs/$each")
        [ "$each" = ca ] || choose_ca -peer-ca
        exists "$ca.pem" || check_not_lost "$each"
        [ -n "$last" ] || fail "\`$ca.pem\` is missing or broken" "put it back, or \`make\`"
        ! ends "$ca" 0 || fail "\`$ca.pem\` has ended: nobody takes what it signs" "$another"
        soon=$seconds # or a year, unless the CA lives for less than two
        life=$(sed -n 's/.*"expiry": *"\([0-9]\{5,8\}\)h".*/\1/p' "config/$each-csr.json" 2>&-) || :
        [ "${life:-0}" -lt 17520 ] || [ "$soon" -gt 31536000 ] || soon=31536000
        ! ends "$ca" "$soon" || say "warning: \`$ca.pem\` ends $last: $another" >&2
    done
    all=$(components | while read -r name base _ flags; do
        choose_ca "$flags"
        if [ ! -f "$base.pem" ]; then say "warning: \`$base.pem\` is missing: \`make\` signs it" >&2
        elif ends "$base" "$seconds" not || [ "$(end_of "$base")" = "$(end_of "$ca")" ]; then echo -
        elif is_revoked "$base"; then echo -
            say "warning: \`$base.pem\` is revoked, and stays: \`make req-$name\` signs anew" >&2
        else due "$name" "$base" $flags; fi
    done)
    [ -n "$all" ] || fail "nothing is signed yet" "\`make\` signs what is missing"
    due=$(echo "$all" | grep req-) || echo "nothing expires within $RENEW_DAYS days"
    names=$(echo "$due" | sed 's/^req-//') code=0 && was=$(sums_of $names)
    [ $# = 0 ] || { need tls-scaffold && tls-scaffold renewed --before "$@" $names; } || exit
    case $SIGNER:$due in *:) ;;
    cfssl:*) open_key # so that one run tells, and not each
        make_again -k $due || code=$? ;;
    *) # all in one process, which asks for a password once
        (own --force $names) && export TLS_SCAFFOLD_SIGNED=1 && make_again $due || code=$? ;; esac
    names=$(sums_of $names | grep -vxF -e "$was" | cut -d ' ' -f 1) || : # what was signed of these
    [ -z "$due$*" ] && [ ! -e certs/.renewed ] || ! command -v tls-scaffold >/dev/null ||
        tls-scaffold renewed "$@" $names || code=$?
    return "$code"
}

# sums_of NAME...: of the certificate of each, behind its name
sums_of() { components | while read -r name base _; do case " $* " in
    *" $name "*) echo "$name $(digits "$base.pem")" ;; esac; done; }
due() { echo "req-$1"; } # due NAME BASE [FLAGS]: what to make of one that is to be renewed
renew_ca() { renew_cas $cas; }
renew_cas() { # renew_cas NAME...: the CAs again; of what they signed nothing is signed again
    command -v openssl >/dev/null || fail "openssl is not installed: it compares certificates"
    workshop
    lock
    exists certs/ca.pem || exists certs/ca-key.pem || { check_not_lost ca &&
        fail "there is no CA" "\`make\` makes the first one"; }
    [ -f certs/ca-key.pem ] || fail "the key of \`certs/ca.pem\` is not here" "look for it in\
 a backup (\`tls-scaffold restore FILE\`); is it lost for good, \`make regenerate YES=1\` makes\
 another one, which all have to trust first"
    mkdir -p "$work/new/certs" "$work/new/issued"
    for made; do again_in_set "$made"; done
    half=archive/.half && mkdir -p "$half/certs"
    for made; do cp -p "certs/$made.pem" "$half/certs"; done
    put_on_shelf
    key_sum >"$work/of" && : >"$work/same-key"
    decide "$work"
    for made; do tell_renewal "certs/$made"; done
}

again_in_set() { # again_in_set NAME: its next certificate, and what is recorded under that
    ca=certs/$1 trust=certs/${1%ca}trust.pem
    ca_is_whole
    check_mounts "$ca.pem" "$trust"
    openssl x509 -noout -subject_hash -issuer_hash -in "$ca.pem" | uniq -d | grep -q . ||
        fail "\`$ca.pem\` is no root: another CA signed it" "it is signed again where that one is;\
 \`tls-scaffold sync --ca FILE\` brings the new certificate"
    check_clock
    ! ends "$ca" 0 || say "warning: \`$ca.pem\` has ended, by this machine's clock: is it wrong,\
 $(date -u), nobody takes the new one yet" >&2
    new=$work/new/$ca.pem files=.pem # cfssl answers with nothing else
    renew_ca_pair "$ca"
    mv "$work/$1.pem" "$new"
    same_to_others "$ca.pem" "$new" || fail "what \`$ca.pem\` signed would not be valid under the\
 one that cfssl makes of it" "\`make renew-ca SIGNER=tls-scaffold\` writes its name as it is"
    ! cmp -s "$ca.pem" "$trust" || cp -p "$new" "$work/new/$trust"
    (umask 022 && cp "$new" "$work/new/issued/$1-$(digits "$new").pem"
    # As made by the new one, so that no run signs them again.
    components | while read -r _ base request flags; do
        choose_ca "$flags" && flags=$(as_sh "$flags")
        [ "$ca" = "certs/$1" ] || continue
        of=$(digits "$base.pem" "$base-key.pem").pem name=${base##*/}
        was=issued/$name-$(inputs ${flags:+"$flags"} "$request")-$of
        [ ! -e "$was" ] || cp "$was" "$work/new/issued/$name-$(ca=${new%.pem} &&
            inputs ${flags:+"$flags"} "$request")-$of"
    done)
}

renew_ca_pair() { # renew_ca_pair BASE: its certificate alone is left in $work
    check_custody
    run_cfssl "$1" gencert -renewca -ca "$1.pem" -ca-key "$1-key.pem"
}

same_to_others() { # same_to_others OLD NEW: what OLD signed is valid under NEW
    how='-noout -pubkey -subject -nameopt dump_der,dump_all'
    [ "$(openssl x509 $how -in "$1")" = "$(openssl x509 $how -in "$2")" ] || return 1
    all=$(components | while read -r _ each _; do [ ! -f "$each.pem" ] || echo "$each.pem"; done)
    [ -z "$all" ] || for each; do
        openssl verify -no_check_time -CAfile "$each" $all 2>/dev/null | grep ': OK$' || :
        echo
    done | awk 'NF == 0 { at++; next } { count[at + 0]++ } END { exit count[0] != count[1] }'
}

tell_renewal() { # tell_renewal BASE: of a CA that was signed again
    ca=$1 trust=${1%ca}trust.pem until=$(end_of "$shelf/$1")
    say "signed $ca.pem again, with the same name and key: it ends $(end_of "$ca") now"
    say "  what it signed goes on being valid; the certificate that was is $shelf/$ca.pem"
    said="until $until each member and client has to get the new $trust and to be
  restarted; which of them has can't be seen from outside"
    ! ends "$shelf/$ca" 0 ||
        said="it ended $until: what runs takes nothing until it has the new $trust
  and has been restarted"
    say "  $said"
    cmp -s "$ca.pem" "$trust" ||
        say "warning: \`$trust\` is not \`$ca.pem\` alone, and stays: put the new one into it" >&2
    components | while read -r name base _ flags; do
        choose_ca "$flags"
        [ "$ca" != "$1" ] || [ "$(end_of "$base")" != "$until" ] ||
            say "warning: \`$base.pem\` ends with the old one: \`make renew\` signs it again" >&2
    done
}

regenerate() {
    [ -d issued ] || exists certs/ca-key.pem || signed | grep -q . || { make_again all; exit; }
    for each in $cas; do [ ! -h "certs/$each-key.pem" ] ||
        fail "\`certs/$each-key.pem\` is not here but behind a link" "bring it here first"; done
    check_custody
    how="\`make rotate-start\` brings one so that nothing fails"
    [ -f certs/ca-key.pem ] || how='to bring it gently the key of the one that is here is needed'
    say "members and clients of a running cluster have to trust a new CA before they meet it:
  $how" >&2
    [ "${YES-}" = 1 ] || { [ -t 0 ] && printf 'make one? [y/N] ' >&2 && read -r answer &&
        [ "${answer#[yY]}" != "$answer" ]; } ||
        fail "nothing was changed" "\`make regenerate YES=1\` does not ask"
    make_set .tls-set
    components | while read -r _ base _; do [ ! -f "$base.pem" ] || say "signed $base.pem"; done
    echo "whoever uses one of them has to be restarted, with the new $(echo certs/*trust.pem)"
    echo "new CA and certificates in certs/, the old ones in $shelf/"
    # The team's own commands. What more stands on a line make runs by itself where cfssl signs.
    make_again all
    commands=$(awk -v own="${SIGNER#cfssl}" '
        /^req-[^ :]*  *[^ :]*\.pem *:/ { name = $1; if (own && !/\$< *$/) print name; next }
        /^\t/ && name { print name; name = "" } /^[^#]/ { name = "" }' Makefile)
    [ -z "$commands" ] || (export TLS_SCAFFOLD_SIGNED=1 && make_again $commands)
}

clean() { # the record goes first: a clean that is killed is done by the next
    case ${tls_goals-} in *' '*) # what else is to be signed was found out before
        fail "clean goes alone: nothing was moved" "run make again for what is to follow" ;; esac
    lock
    with=$(ls -d issued 2>/dev/null) || [ -d certs ] || { echo "no certs/ to move away" && return; }
    put_away
    rm -rf issued 2>/dev/null || rm -rf issued/* # a mount point stays, and is empty
    [ -z "$elsewhere" ] || rm -f $elsewhere
    rm -rf certs/* certs/.[!.g]* # what keeps keys out of git goes last
    rm -rf certs 2>/dev/null || rm -rf certs/.[!.]*
    for each in certs issued; do [ ! -d "$shelf/$each" ] || echo "$each/ is now $shelf/$each/"; done
}

put_away() { # copy certs/, what was signed elsewhere and $with to a new shelf of the archive
    check_mounts certs/
    components | while read -r _ each _; do check_output "$each"; done
    elsewhere=$(components | awk '$2 !~ "^certs/" { print $2 ".pem", $2 "-key.pem", $2 ".csr" }')
    files=$(ls -d certs $with $elsewhere 2>/dev/null) || :
    half=archive/.half # a shelf is whole from its first moment
    mkdir "$half" || fail "\`archive\` can't be written: nothing was moved there"
    [ -z "$files" ] || copy_to_half
    (cd "$half" && rm -rf .tar certs/.gitignore $works)
    put_on_shelf
}
copy_to_half() { # what is copied is deleted next: each step is asked how it ended
    skip="--exclude=${works% *} --exclude=${works#* }" # busybox may know none
    tar $skip -cf /dev/null sign.sh 2>/dev/null || skip=''
    tar $skip -cf "$half/.tar" $files || no_copy
    tar -xpf "$half/.tar" -C "$half" || no_copy
    [ "$(sums_in .)" = "$(sums_in "$half")" ] || no_copy
}
no_copy() { fail "the copy of \`certs\` in \`archive\` is not whole: nothing was moved there"; }
sums_in() { # sums_in FOLDER: of each file of $files there
    (cd "$1" && find $files -type f ! -path "${works% *}/*" ! -path "${works#* }/*" \
        -exec $sha {} + | sort)
}
put_on_shelf() { # what is in $half
    sync
    shelf=archive/$(date -u +%Y%m%dT%H%M%SZ)
    while exists "$shelf"; do shelf=${shelf}x; done
    mv "$half" "$shelf"
    half='' # the next run's is not ours to clear
}

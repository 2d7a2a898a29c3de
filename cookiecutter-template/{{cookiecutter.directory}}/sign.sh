#!/bin/sh
# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: not for editing.
# All is made aside and put in place under a lock, so that a kill, a full disk or a second make leaves
# what was. The record issued/ has each certificate that was ever signed here, in a file of its own,
# NAME-INPUTS-RESULT.pem: ten digits of the sum of each file tell whether a pair is what was made.
#   sign.sh again|changed CERTIFICATE [FLAGS] REQUEST    one pair: always, or where it would differ
#   sign.sh changed | ca | renew | regenerate | clean | need PROGRAM
set -eu
umask 077
export LC_ALL=C
: "${SIGNER:=cfssl}" "${CFSSL:=cfssl}" "${JSON:=cfssljson}" "${RENEW_DAYS:=30}"
into=${TLS_SCAFFOLD_INTO-} # where `regenerate` has its new set made
record=${into}issued ca=${into}certs/ca work=''

say() { # what others wrote into files and names never steers the terminal
    printf '%s\n' "$1" | tr -d '\001-\010\013-\037\177' | sed "s/$(printf '\302')[$(printf '\200-\237')]//g"
}

fail() { # fail WHAT [HINT]
    say "error: $1" >&2
    [ $# -lt 2 ] || { echo && say "hint: $2"; } >&2
    exit 1
}

need() { # need PROGRAM
    command -v "$1" >/dev/null || fail "no signer: \`$1\` is not installed" "\`apt-get install\
 golang-cfssl\`, \`brew install cfssl\`, \`make cfssl\` where there is Go, or tls-scaffold itself"
}

check() { # without these all sums would be the same, all locks free, and keys written elsewhere
    sha=$(command -v sha256sum || echo shasum -a 256)
    echo | $sha >/dev/null || fail "neither sha256sum nor shasum is installed"
    flock=$(command -v flock || command -v perl) || fail "neither flock nor perl is installed"
    for each in certs certs/.ca certs/.new archive issued; do
        [ ! -h "$each" ] || fail "\`$each\` is a link: keys are not written through links" "move it away"
        [ ! -f "$each" ] || fail "\`$each\` is a file: it should be a folder" "move it away"
    done
}

components() { # of each line: name, certificate without .pem, request, flags
    sed -n '/^req-[^ :]*  *[^ :]*\.pem *:/{
        s/^req-\([^ :]*\)  *\([^ :]*\)\.pem *: *\([^ ;]*\)[^;]*;* *\($(sign)\)* */\1 \2 \3 /
        s/$< *$//; p; }' Makefile
}

# --- the record ---

digits() { # ten of the sum of each file, in a row
    $sha "$@" 2>/dev/null | cut -c 1-10 | tr -d '\n'
}

inputs() { # inputs [FLAGS] REQUEST: what a certificate is made from
    flags=
    while [ $# -gt 1 ]; do
        flags="$flags$1 "
        shift
    done
    printf %s "$flags" | digits
    digits "$1" config/ca-config.json "$ca.pem"
}

note() { # note CERTIFICATE NAME: into the record
    [ ! -e "$record/$2.pem" ] || return 0
    mkdir -p "$record" && chmod 755 "$record"
    (umask 022 && cp "$1" "$record/.$2") && flush "$record/.$2" && mv -f "$record/.$2" "$record/$2.pem"
}

note_ca() { note "$ca.pem" "ca-$(digits "$ca.pem")"; }

changed() { # the targets of which the pair is not what is recorded, or can't be told without make
    lines=$(components)
    {
        echo "$lines" | cut -d ' ' -f 4- | sort -u | while IFS= read -r flags; do
            echo "flags $(printf %s "$flags" | digits) $flags"
        done
        echo "$lines" | awk '{ print $2 ".pem\n" $2 "-key.pem\n" $3 }
            END { print "certs/ca.pem\nconfig/ca-config.json" }' | sort -u | xargs $sha 2>/dev/null || :
        [ -d certs/.new ] || find issued -name '*.pem' 2>/dev/null | sed 's|^[^/]*/|recorded |'
        echo "$lines" | sed 's/^/component /'
    } | awk '
        $1 == "flags" { sum = $2; sub(/^flags [^ ]* /, ""); flags[$0] = sum; next }
        $1 == "recorded" { recorded[$2]; next }
        $1 != "component" { sums[$2] = substr($1, 1, 10); next }
        NF > 2 {
            name = $2; base = $3; from = sums[$4] sums["config/ca-config.json"] sums["certs/ca.pem"]
            sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "")
            from = flags[$0] from "-" sums[base ".pem"] sums[base "-key.pem"] ".pem"
            sub(/.*\//, "", base)
            if (!((base "-" from) in recorded)) print "req-" name
        }'
}

# --- the lock, and what is decided under it ---

hold() { # hold DESCRIPTOR [-n]: flock(2), by whichever program there is
    case $flock in
    *perl) perl -e 'open(F, ">&=", $ARGV[0]) && flock(F, $ARGV[1] ? 6 : 2) or exit 1' "$@" ;;
    *) flock ${2-} "$1" ;;
    esac
}

folder() { # folder NAME: make it, for its owner alone and not for git
    mkdir -p "$1" && chmod 700 "$1" || fail "nothing can be written in \`$(pwd)\`"
    [ -s "$1/.gitignore" ] || echo '*' >"$1/.gitignore"
}

lock() { # the kernel lets go of it when its holder is gone, killed or not, in a container or not
    folder archive
    [ ! -h archive/.lock ] || fail "\`archive/.lock\` is a link" "move it away"
    [ ! -e archive/.lock ] || [ -f archive/.lock ] || fail "\`archive/.lock\` should be a plain file"
    exec 9>>archive/.lock
    hold 9 -n || { echo "waiting for another run" >&2 && hold 9; }
    # Without the make that asked for this, the next one may have ended already.
    parent=$PPID
    read -r _ _ _ parent _ 2>/dev/null <"/proc/$$/stat" || kill -0 "$PPID" || parent=gone
    [ "$parent" = "$PPID" ] || fail "the make that asked for this is gone"
    [ ! -d certs/.ca ] || finish_ca
    [ ! -d certs/.new ] || finish_set
}

unlock() { exec 9>&-; }

workshop() { # work = an empty folder in certs/, which is held while this process lives
    folder certs
    for old in certs/.work.*; do # of runs that were killed
        [ ! -d "$old" ] || { ! hold 8 -n || rm -rf "$old"; } 2>/dev/null 8<"$old" || :
    done
    until [ -d "$work" ]; do # another may clear it as long as it is not held
        work=$(mktemp -d certs/.work.XXXXXX)
        { command exec 8<"$work"; } 2>/dev/null && hold 8
    done
}

finish_ca() { # a CA on its way
    [ ! -e certs/.ca/ca.pem ] || check_record certs/.ca/ca.pem
    exists certs/ca.pem || exists certs/ca-key.pem || # a CSR that was left there is no half of a CA
        [ ! -e certs/.ca/ca.csr ] || mv -f certs/.ca/ca.csr certs/
    for each in ca.csr trust.pem ca-key.pem ca.pem; do
        [ ! -e "certs/.ca/$each" ] || exists "certs/$each" || mv "certs/.ca/$each" "certs/$each"
    done
    rmdir certs/.ca || fail "\`certs/.ca\` holds a second CA" "keep one, and move the other away"
    note_ca
    flush . certs issued
}

finish_set() { # what `regenerate` decided; its CA's key, which is beside the rest, goes last
    if [ -e certs/.new/ca-key.pem ]; then
        # A clone or a pull may bring such a folder, but not the sum of a key that it does not have.
        sum=$(key_sum)
        { [ "$sum" ] && [ "$(cat certs/.new/of)" = "$sum" ]; } ||
            fail "\`certs/.new\` was not made for the CA in \`certs\`" "move it away, out of the folder; what is in \`certs\` stays"
        (cd certs/.new/new && find . -type d) | while IFS= read -r each; do
            [ ! -h "$each" ] || fail "\`$each\` is a link: keys are not written through links"
            mkdir -p "$each"
            find "certs/.new/new/$each" -maxdepth 1 -type f -exec sh -c 'mv -f "$@" "$0"' "$each" {} +
        done
        sync
        mv -f certs/.new/ca-key.pem certs/ca-key.pem
    fi
    rm -rf certs/.new
    flush certs
}

key_sum() { # of the CA's key; that of a CA that is there may be kept elsewhere
    if [ -e certs/ca-key.pem ]; then $sha <certs/ca-key.pem | cut -d ' ' -f 1; return; fi
    { [ -e certs/ca.pem ] && [ -e certs/.new/new/certs/ca.pem ]; } || echo none
}

flush() { sync "$@" 2>/dev/null || sync; }

# --- one pair ---

run_cfssl() { # run_cfssl NAME ARGUMENTS…: leave NAME.pem, NAME-key.pem and NAME.csr in $work
    name=$1 cfssl=${CFSSL#@} json=${JSON#@}
    shift
    need "${cfssl%% *}"
    need "${json%% *}"
    say "$cfssl $* | $json -bare ${ca%ca}$name"
    $cfssl "$@" >"$work/json" 2>"$work/log" || refused "$?"
    (umask 022 && $json -f "$work/json" -bare "$work/$name") >>"$work/log" 2>&1 || refused "$?"
    for each in "$work/$name.pem" "$work/$name-key.pem" "$work/$name.csr"; do
        [ -s "$each" ] || refused 0
    done
    rm -f "$work/json" "$work/log"
    flush "$work"/*
}

refused() { # refused EXIT-CODE: end with cfssl's own words, which cfssljson would hide
    dd if=/dev/zero of="$work/room" bs=65536 count=1 2>/dev/null ||
        fail "cfssl did not sign \`$name\`: no space is left for its answer" "make room, then make again"
    said=$(sed '/\[INFO\]/d; s/^error: //; /lacks a "hosts" field/,/10.2.3/d' "$work/log"
        grep -s '"message"' "$work/json" || :)
    hint="its request and the configuration are in \`config/\`, the CA is in \`certs/\`"
    case $said in
    *"match parent's PublicKey"*)
        said="\`$ca-key.pem\` is not the key of \`$ca.pem\`" hint="put the right half back" ;;
    *"ivate key"*) ! grep -q ENCRYPTED "$ca-key.pem" || hint="\`$ca-key.pem\` is encrypted:\
 CFSSL_CA_PK_PASSWORD takes its password (with SIGNER=tls-scaffold also that of PKCS#8)" ;;
    *"only one object"* | *"more than the CA's"*)
        hint="leave one certificate in \`$ca.pem\`; what others trust is \`certs/trust.pem\`" ;;
    esac
    fail "cfssl did not sign \`$name\`: ${said:-exit code $1, without a word}" "$hint"
}

exists() { [ -e "$1" ] || [ -h "$1" ]; }

ca_is_whole() {
    for each in "$ca.pem" "$ca-key.pem"; do
        [ ! -h "$each" ] || [ -e "$each" ] || fail "\`$each\` is a link that leads nowhere" "put back its file"
        [ -f "$each" ] || fail "half of the CA is not here: \`$each\` is missing" "put it back: it is\
 never made anew beside the other half (is it lost? \`make regenerate\` makes another CA)"
    done
}

check_record() { # check_record CERTIFICATE: is it the CA that the record has, if it has any?
    [ ! -e "$record/ca-$(digits "$1").pem" ] || return 0
    for each in "$record"/ca-??????????.pem; do
        [ ! -e "$each" ] || fail "the CA of this folder is not in \`certs\`: \`$each\` is its certificate
$(openssl x509 -noout -subject -enddate -fingerprint -sha256 -in "$each" 2>&1)" \
            "put its ca.pem and ca-key.pem back; \`make regenerate\` makes another CA"
    done
}

make_ca() {
    lock
    unlock
    if exists certs/ca.pem || exists certs/ca-key.pem; then
        ca_is_whole
        note_ca
        [ -e certs/trust.pem ] || { cp certs/ca.pem certs/.trust && mv certs/.trust certs/trust.pem; }
        return
    fi
    check_record certs/ca.pem
    for each in certs/*.pem $(components | sed 's/^[^ ]* \([^ ]*\).*/\1.pem/'); do
        [ ! -e "$each" ] || fail "\`$each\` is there, but not the CA that signed it" \
            "put the CA's certificate and key back; \`make regenerate\` makes another CA"
    done
    workshop
    new_ca
    lock
    [ ! -e certs/ca.pem ] || return 0 # another make was first
    mv "$work" certs/.ca
    finish_ca
    echo "signed certs/ca.pem"
}

new_ca() { # in $work
    run_cfssl ca gencert -initca "${into}config/ca-csr.json"
    (umask 022 && cp "$work/ca.pem" "$work/trust.pem")
    flush "$work/trust.pem"
}

check_output() { # check_output BASE: below the folder, through no link, in no other's place
    case /$1/ in */../* | //*) fail "\`$1.pem\` is not a path below the folder" ;; esac
    case $1 in certs/ca | certs/trust | *-key) fail "\`$1.pem\` can't be a component's certificate" ;; esac
    through=$1
    while [ "$through" != "${through%/*}" ]; do
        through=${through%/*}
        [ ! -h "$through" ] || fail "\`$through\` is a link: keys are not written through links"
    done
    for each in "$1.pem" "$1-key.pem" "$1.csr"; do
        [ -h "$each" ] || [ ! -d "$each" ] || fail "\`$each\` is a folder: it should be a file"
        ! mountpoint -q "$each" 2>/dev/null || fail "\`$each\` is a mount point: it can't be replaced"
    done
}

sign() { # sign again|changed CERTIFICATE [FLAGS] REQUEST
    when=$1 base=${2%.pem}
    shift 2
    check_output "$base"
    ca_is_whole
    from=$(inputs "$@") name=${base##*/}
    if [ "$when" = changed ] && [ -s "$base.pem" ] && [ -s "$base-key.pem" ] &&
        [ -e "$record/$name-$from-$(digits "$base.pem" "$base-key.pem").pem" ]; then return; fi
    workshop
    run_cfssl "$name" gencert -ca "$ca.pem" -ca-key "$ca-key.pem" -config config/ca-config.json "$@"
    [ -n "$into" ] || lock
    [ "$from" = "$(inputs "$@")" ] || fail "\`$base.pem\`: what it is made from has changed" "make again"
    case $base in */*) mkdir -p "$into${base%/*}" ;; esac
    note "$work/$name.pem" "$name-$from-$(digits "$work/$name.pem" "$work/$name-key.pem")"
    rm -f "$into$base.pem" # it goes first and comes last: after a kill it is missing
    for each in -key.pem .csr .pem; do
        [ ! -h "$into$base$each" ] || rm -f "$into$base$each" # over a link, never through it
        mv -f "$work/$name$each" "$into$base$each"
    done
    [ -z "$into" ] || return 0
    flush . "$(dirname "$base.pem")" issued
    say "signed $base.pem"
    sed -n "s/^| $name |.* | \(.*\) |\$/  \1/p" COMPONENTS.md 2>/dev/null || :
}

# --- sets ---

put_away() { # copy what was signed to a new shelf of the archive; $outside is what is not in certs/
    outside=$(components | cut -d ' ' -f 2 | sed 's|^\./||; /^certs\//d' | while IFS= read -r each; do
        (check_output "$each")
        for file in "$each-key.pem" "$each.csr" "$each.pem"; do [ ! -e "$file" ] || echo "$file"; done
    done)
    shelf=archive/$(date -u +%Y%m%dT%H%M%SZ)
    while ! mkdir "$shelf" 2>/dev/null; do shelf=${shelf}x; done
    [ ! -d certs ] || cp -Rp certs "$shelf/certs"
    rm -rf "$shelf"/certs/.work.*
    for each in $outside; do
        mkdir -p "$shelf/$(dirname "$each")" && cp -p "$each" "$shelf/$each"
    done
    sync
}

clean() { # the record goes first: a clean that is killed is done by the next
    lock
    put_away
    [ ! -d issued ] || mv issued "$shelf/issued"
    for each in $outside; do rm -f "$each"; done
    rm -rf certs 2>/dev/null || [ -z "$(find certs -type f)" ] || fail "\`certs\` can't be emptied"
    echo "certs/ is now $shelf/certs/"
}

next_generation() { # a CN of its own: two CAs of one name can't be told apart from outside
    old=$(sed -n 's/.*"ca_generation": *\([0-9]\{1,\}\).*/\1/p' tls-scaffold.json)
    new=$((${old:-1} + 1))
    sed "s/\(\"ca_generation\": *\)[0-9]*/\1$new/" tls-scaffold.json >"$1/tls-scaffold.json"
    sed "/\"CN\"/s/\( $old\)\{0,1\}\"\(,\{0,1\}\)\$/ $new\"\2/" config/ca-csr.json >"$1/config/ca-csr.json"
}

all_inputs() { cat Makefile ./*.mk config/*.json tls-scaffold.json 2>/dev/null | $sha; }

regenerate() { # the new set is made aside; one rename decides
    say "members and clients of a running cluster have to trust a new CA before they meet it" >&2
    [ "${YES-}" = 1 ] || { [ -t 0 ] && printf 'make one? [y/N] ' >&2 && read -r answer && [ "$answer" = y ]; } ||
        fail "nothing was changed" "\`make regenerate YES=1\` does not ask"
    lock
    unlock
    workshop
    set=$work into=$work/new/ reads=$(all_inputs) of=$(key_sum)
    mkdir -p "${into}config" "${into}certs"
    next_generation "$into"
    if [ "$SIGNER" = cfssl ]; then
        ca=${into}certs/ca record=${into}issued work=${into}certs
        new_ca
        note_ca
        work=$set
    fi
    TLS_SCAFFOLD_INTO=$into MAKEFLAGS='' MFLAGS='' "$MAKE_PROGRAM" --no-print-directory set \
        -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" || fail "the new set could not be made"
    for each in $(components | cut -d ' ' -f 2); do
        [ -s "$into$each.pem" ] || fail "\`$each.pem\` is not in the new set: its line lacks \$(sign)"
    done
    lock
    [ "$reads $of" = "$(all_inputs) $(key_sum)" ] || fail "what the set is made from has changed" "make again"
    put_away
    cp -Rp config "$shelf/"
    [ -e certs/ca-key.pem ] || rm -f certs/ca.pem # of which the key is lost: the set follows no CA
    echo "$of" >"$set/of"
    mv "${into}certs/ca-key.pem" "$set/ca-key.pem"
    sync
    mv "$set" certs/.new
    finish_set
    unlock
    echo "new CA and certificates in certs/, the old ones in $shelf/"
    MAKEFLAGS='' MFLAGS='' exec "$MAKE_PROGRAM" --no-print-directory all # the team's own commands
}

renew() { # what ends within RENEW_DAYS
    case $RENEW_DAYS in '' | *[!0-9]* | ??????*) fail "RENEW_DAYS is \`$RENEW_DAYS\`: a number of days" ;; esac
    command -v openssl >/dev/null || fail "openssl is not installed: it tells what expires"
    due=$({ echo ca certs/ca && components; } | while read -r name base _; do
        [ ! -f "$base.pem" ] || openssl x509 -noout -checkend $((RENEW_DAYS * 86400)) \
            -in "$base.pem" >/dev/null 2>&1 || echo "req-$name"
    done)
    case $due in req-ca*) say "warning: the CA expires within $RENEW_DAYS days: \`make regenerate\`" >&2 ;; esac
    due=$(echo "$due" | sed '/^req-ca$/d')
    [ -n "$due" ] || { echo "nothing expires within $RENEW_DAYS days" && return; }
    echo "$due" | MAKEFLAGS='' MFLAGS='' xargs "$MAKE_PROGRAM" --no-print-directory
}

trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
check
case $SIGNER:$1:$# in
*:need:2) need "$2" ;;
*:clean:1 | *:renew:1 | *:regenerate:1 | cfssl:changed:1) "$1" ;;
cfssl:ca:1) [ -n "$into" ] || make_ca ;;
cfssl:again:* | cfssl:changed:*) sign "$@" ;;
tls-scaffold:ca:1) exists certs/ca.pem && ca_is_whole || { need tls-scaffold && exec tls-scaffold sign ca; } ;;
tls-scaffold:again:*) need tls-scaffold && exec tls-scaffold sign --force "$2" ;;
tls-scaffold:changed:*) need tls-scaffold && exec tls-scaffold sign "$2" ;;
*) fail "SIGNER is \`$SIGNER\`: it is either \`cfssl\` or \`tls-scaffold\`" ;;
esac

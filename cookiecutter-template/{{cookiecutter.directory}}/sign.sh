#!/bin/sh
# Signs for the Makefile so that a crash, a second make or a full disk never leaves half of a pair:
# files come into being under certs/.work.PID and are renamed when they are whole.
#   sign.sh CERTIFICATE REQUEST [PROFILE] | ca | sign | sign-again | renew | regenerate | clean | heal | no-signer
set -eu
umask 077
: "${SIGNER:=cfssl}" "${CFSSL:=cfssl}" "${JSON:=cfssljson}" "${RENEW_DAYS:=30}"
case ${TLS_SCAFFOLD_MAKE-} in
'' | *[!0-9]*) group=$$ ;;
*) group=$TLS_SCAFFOLD_MAKE ;; # the make that other components are signed by at the same time
esac
work=certs/.work.$$
aside=archive/.next.$$
token=

say() { # print a line; what others wrote into files and names never steers the terminal
    case $1 in
    *[!\ -~]*) printf '%s\n' "$1" | LC_ALL=C tr -d '\001-\010\013-\037\177' | LC_ALL=C sed "s/$(printf '\302')[$(printf '\200-\237')]//g" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

fail() { # tell what is wrong and how to go on
    say "error: $1" >&2
    [ $# -lt 2 ] || { echo && say "hint: $2"; } >&2
    exit 1
}

no_signer() { # no_signer WHAT-IS-MISSING: the ways to get a signer
    fail "$1" \
        "\`apt-get install golang-cfssl\`, \`brew install cfssl\`, \`make cfssl\` where there is Go, or tls-scaffold itself"
}

tidy() {
    [ -z "$token" ] || rm -f "$token"
    rmdir .lock 2>/dev/null || :
    rm -rf "$work" "$aside"
}

start_of() { # start = when process $1 began, nothing if it has ended, - where /proc does not tell
    start=
    kill -0 "$1" 2>/dev/null || case $(LC_ALL=C && export LC_ALL && kill -0 "$1" 2>&1) in *[Nn]o\ such*) return 0 ;; esac
    start=-
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    # shellcheck disable=SC2086  # split into the fields that proc(5) numbers from 3 on
    set -- ${stat##*) }
    case $1 in
    Z | X) start= ;; # killed, but its parent has not noticed
    *) shift 19; start=$1 ;;
    esac
}

alive() { # is the process $1, which a token says began at $2, still there?
    start_of "$1"
    case $start in
    '') return 1 ;;
    *) [ "$2" = "$start" ] || [ "$start" = - ] || [ "$2" = - ] || [ -z "$2" ] ;;
    esac
}

# A token .lock/GROUP.PID.COMPONENT stands for each process that works on the folder. Whoever has put down
# its own looks at the others: one of another make, or of the same component, means to step back and wait.
lock() { # lock COMPONENT (all: the whole folder)
    start_of $$
    mine=$start tries=0
    while :; do
        mkdir .lock 2>/dev/null || [ -w . ] || fail "nothing can be written in \`$(pwd)\`"
        token=.lock/$group.$$.$1 holder=
        if echo "$mine make" 2>/dev/null >"$token"; then
            find_holder "$1"
            [ -n "$holder" ] || break
            rm -f "$token"
            [ $tries -gt 0 ] || say "waiting for $holder" >&2
        fi
        tries=$((tries + 1))
        [ -n "$holder" ] || [ $tries -lt 20 ] || fail "nothing can be written in \`$(pwd)/.lock\`"
        [ $tries -lt 200 ] || fail "$holder holds this folder" "run make again when it has ended"
        sleep "0.$(($$ % 5 + 2))" 2>/dev/null || sleep 1
    done
    rm -rf "$work" # of a dead process that had our number
    for old in certs/.work.*; do
        case ${old#certs/.work.} in *[!0-9]*) continue ;; esac # not ours
        alive "${old##*.}" - || rm -rf "$old"
    done
}

find_holder() { # holder = the live token that keeps component $1 from going on, in words
    holder=
    for other in .lock/*; do
        id=${other#.lock/}
        if [ "$other" = "$token" ] || [ ! -e "$other" ]; then continue; fi
        pid=${id#*.}
        case ${pid%%.*} in '' | *[!0-9]*) continue ;; esac # no token
        what=${pid#*.}
        pid=${pid%%.*}
        began='' words=''
        read -r began words 2>/dev/null <"$other" || :
        if ! alive "$pid" "$began"; then
            rm -f "$other"
        elif [ "${id%%.*}" != "$group" ] || [ "$what" = "$1" ] || [ "$what" = all ] || [ "$1" = all ]; then
            holder="${words:-another run} (process $pid)"
        fi
    done
}

check_own_folders() { # refuse to write through links that lead elsewhere, or below a file
    for each in certs archive .lock; do
        [ ! -h "$each" ] || fail "\`$each\` is a link: keys are not written through links" "move it away, or put a folder in its place"
        [ ! -f "$each" ] || fail "\`$each\` is a file: it should be a folder" "move it away"
    done
}

find_mounts() { # find_mounts PATHS...: mounted = which is a mount point or holds one; layered = folders may not be renamed here
    mounted='' layered='' own=
    { while read -r word value; do [ "$word" != mnt_id: ] || own=$value; done </proc/self/fdinfo/9; } 9<. 2>/dev/null || return 0
    here=$(pwd -P | sed 's|/$||; s/\\/\\134/g; s/ /\\040/g; s/	/\\011/g') # as proc(5) writes it
    # A mount keeps a file in its place on every path that leads to it: what counts is where it is on its device.
    points=$(OWN=$own HERE=$here awk '
        { parent[$1] = $2; device[$1] = $3; root[$1] = $4; point[$1] = $5; sub("/$", "", root[$1]); sub("/$", "", point[$1]) }
        $1 == ENVIRON["OWN"] && / - [^ ]*overlay/ { print "/" }
        END {
            own = ENVIRON["OWN"]
            here = root[own] substr(ENVIRON["HERE"], length(point[own]) + 1) "/"
            for (each in parent) {
                on = parent[each]
                at = root[on] substr(point[each], length(point[on]) + 1)
                if (device[on] == device[own] && index(at, here) == 1) print substr(at, length(here) + 1)
            }
        }' /proc/self/mountinfo)
    while read -r point; do
        case $point in / | archive) layered=yes ;; esac
        for each in "$@"; do
            case $point/ in "$each"/*) mounted=$each ;; esac
        done
    done <<POINTS
$points
POINTS
}

refuse_mounts() { # refuse_mounts OTHER-WAY PATHS...: these are moved by a rename, or not at all
    otherwise=$1
    shift
    find_mounts "$@"
    [ -z "$mounted" ] || fail "\`$mounted\` is a mount point, or holds one: nothing is moved" "mount the folder above it instead; or $otherwise"
}

move_folder() { # move_folder FROM TO: an overlay renames no folder of its lower layer, and mv would copy it in place
    [ -n "$layered" ] || { mv "$1" "$2"; return; }
    rm -rf "$aside"
    cp -RPp "$1" "$aside"
    sync
    mv "$aside" "$2"
    sync
    rm -rf "$1"
}

is_in() { # is all that folder $1 holds in folder $2 as well?
    ! LC_ALL=C diff -rq "$1" "$2" 2>&1 | grep -qv "^Only in $2[:/]"
}

put() { # put FROM TO: move a file into place, over a link but never through it
    [ ! -h "$2" ] || rm -f "$2"
    mv -f "$1" "$2"
}

run_cfssl() { # run_cfssl NAME ARGUMENTS...: leave NAME.pem, NAME-key.pem and NAME.csr in $work
    name=$1
    shift
    for each in "${CFSSL%% *}" "${JSON%% *}"; do
        command -v "$each" >/dev/null || no_signer "no signer: \`$each\` is not installed"
    done
    mkdir "$work"
    $CFSSL gencert "$@" >"$work/json" 2>"$work/log" || refused "$name" $?
    (umask 022 && $JSON -f "$work/json" -bare "$work/$name") >>"$work/log" 2>&1 || refused "$name" $?
    for each in "$work/$name.pem" "$work/$name-key.pem" "$work/$name.csr"; do
        [ -s "$each" ] || refused "$name" 0
    done
    rm -f "$work/json" "$work/log"
    sync "$work"/* 2>/dev/null || sync
}

refused() { # refused NAME EXIT-CODE: end with cfssl's own words, which cfssljson would hide
    dd if=/dev/zero of="$work/room" bs=65536 count=1 2>/dev/null ||
        fail "cfssl did not sign \`$1\`: no space is left for its answer" "make room, then run make again"
    words=$(sed '/\[INFO\]/d; s/^error: //; /lacks a "hosts" field/,/10.2.3/d' "$work/log"; grep -s '"message"' "$work/json" || :)
    case $words in *"match parent's PublicKey"*)
        fail "\`$1\` is not signed: \`certs/ca-key.pem\` is not the key of \`certs/ca.pem\`" \
            "put the right half back; neither is made anew beside the other" ;;
    *"rivate key is encrypted"*)
        fail "\`$1\` is not signed: \`certs/ca-key.pem\` is encrypted" \
            "give its password in the environment variable CFSSL_CA_PK_PASSWORD" ;;
    *'"Failed to parse private key"'*)
        ! grep -q 'BEGIN ENCRYPTED PRIVATE KEY' certs/ca-key.pem ||
            fail "\`$1\` is not signed: \`certs/ca-key.pem\` is encrypted as PKCS#8, which cfssl can't read" \
                "\`openssl ec -aes256 -in certs/ca-key.pem -out NEW\` (RSA: \`openssl rsa -traditional -aes256 ...\`) writes a form that it can read; SIGNER=tls-scaffold takes this one, with its password in CFSSL_CA_PK_PASSWORD"
        request= ;;
    *'"Failed to decode private key"'* | *'"Failed to decode certificate"'*) request= ;; # not what the request is about
    *"load config file"*) fail "cfssl did not sign \`$1\`: $words" "\`config/ca-config.json\` is the configuration" ;;
    *"should contain only one object"* | *"holds more than the CA's certificate"*)
        fail "\`$1\` is not signed: \`certs/ca.pem\` holds more than the CA's certificate" \
            "leave the certificate that signs in it, and put others that are trusted into a file of their own" ;;
    esac
    [ -n "$request" ] || fail "the CA in \`certs/\` can't sign: ${words:-cfssl ended with exit code $2 and without a word}" \
        "put back the two halves that belong together, or have \`make clean\` move both to archive/"
    fail "cfssl did not sign \`$1\`: ${words:-it ended with exit code $2 and without a word}" "\`$request\` is its request"
}

there() { [ -e "$1" ] || [ -h "$1" ]; }

half() { # half MISSING PRESENT
    [ ! -h "certs/$1" ] || fail "\`certs/$1\` is a link that leads nowhere" "put back what it leads to; a CA is never made anew beside it"
    there "certs/$2" || fail "there is no CA in \`certs/\`" "\`make ca\` makes one"
    fail "\`certs/$1\` is missing (but \`certs/$2\` exists)" "put it back; neither half of a CA is made anew beside the other (is it lost? \`make clean\`, then \`make\`, begins anew)"
}

ca_is_whole() {
    [ -f certs/ca.pem ] || half ca.pem ca-key.pem
    [ -f certs/ca-key.pem ] || half ca-key.pem ca.pem
}

ca_fits() { # have the CA sign something that is thrown away: only then does cfssl look at both halves
    request=
    run_cfssl ca -ca certs/ca.pem -ca-key certs/ca-key.pem - <<'REQUEST'
{"CN": "a try", "hosts": ["localhost"], "key": {"algo": "ecdsa", "size": 256}}
REQUEST
    rm -rf "$work"
}

finish_ca() { # move a CA that is whole from certs/.ca into its place
    [ ! -h certs/.ca ] || fail "\`certs/.ca\` is a link: no CA is taken through it" "move it away"
    for each in ca.csr ca-key.pem ca.pem; do
        [ ! -e "certs/.ca/$each" ] || there "certs/$each" || mv "certs/.ca/$each" "certs/$each"
    done
    rmdir certs/.ca || fail "\`certs/.ca\` holds a second CA" "keep one of the two in \`certs/\` and move the other away"
}

make_ca() {
    if there certs/ca.pem || there certs/ca-key.pem; then ca_is_whole; return; fi
    for each in certs/*.pem; do
        [ ! -e "$each" ] || fail "\`certs/\` holds certificates, but not the CA that signed them" \
            "put ca.pem and ca-key.pem back, or run \`make clean\` to begin anew"
    done
    for each in $(lines | sed 's/.* //'); do
        [ ! -e "$each" ] || fail "\`$each\` is there, but not the CA that signed it" \
            "put the CA's certificate and key back; to begin anew, move what it signed away (\`make clean\`)"
    done
    mkdir -p certs
    chmod 700 certs
    request=config/ca-csr.json
    run_cfssl ca -initca "$request"
    mv "$work" certs/.ca
    finish_ca
    echo "signed certs/ca.pem"
}

sign() { # sign CERTIFICATE REQUEST [PROFILE]
    base=${1%.pem} request=$2
    case $base in
    certs/ca | *-key) fail "\`$1\` is the name of $([ "$base" = certs/ca ] && echo "the CA's certificate" || echo 'a key')" \
        "give the component another name" ;;
    esac
    for each in "$base.pem" "$base-key.pem" "$base.csr"; do
        [ -h "$each" ] || [ ! -d "$each" ] || fail "\`$each\` is a folder: it should be a file"
    done
    find_mounts "$base.pem" "$base-key.pem" "$base.csr"
    [ -z "$mounted" ] || fail "\`$mounted\` is a mount point: it can't be replaced" "mount the folder that it is in instead"
    ca_is_whole
    chmod 700 certs
    through=$base
    while [ "$through" != "${through%/*}" ]; do
        through=${through%/*}
        [ ! -h "$through" ] || fail "\`$through\` is a link: keys are not written through links" "put a folder in its place"
    done
    case $base in */*) mkdir -p "${base%/*}" ;; esac
    run_cfssl "${base##*/}" -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json ${3:+-profile "$3"} "$request"
    # The certificate goes first and comes last: after a kill it is missing, and make signs again.
    rm -f "$base.pem"
    put "$work/${base##*/}-key.pem" "$base-key.pem"
    put "$work/${base##*/}.csr" "$base.csr"
    put "$work/${base##*/}.pem" "$base.pem"
    say "signed $base.pem"
}

stamp() { # into = a new name archive/TIME
    into=archive/$(date -u +%Y%m%dT%H%M%SZ)
    while [ -e "$into" ]; do into=${into}x; done
    mkdir -p archive
    chmod 700 archive
}

written() { # what `make req` would write, as make itself says; `elsewhere:` before what a make of another folder signs with this CA
    home=$(pwd -P)
    MAKEFLAGS='' MFLAGS='' MAKELEVEL='' LC_ALL=C "${MAKE_PROGRAM:-make}" -wnB req SIGNER=cfssl | tr -d "\"'" | awk -v home="$home" '
        / Entering directory / { sub(/.* Entering directory `?/, ""); folder[++depth] = $0; next }
        / Leaving directory / { depth--; next }
        /^[ \t]*#/ { next }
        depth < 1 || folder[depth] == home { print "\t" $0 }
        depth > 0 && folder[depth] != home && ($0 ~ /-ca[ =]+\.\.\// || index($0, home "/certs/")) { print "elsewhere:\t" $0 }
    ' | sed -n '
        s/^\([a-z:]*\)	.*sh sign\.sh \([^ ]*\.pem\) .*/\1\2/p
        s/^\([a-z:]*\)	.* --*bare\(=true\)\{0,1\}  *\([^ ;&|]*\).*/\1\3/p'
}

regenerate() { # the new set is made aside; one rename decides, heal does the rest
    [ -z "$completed" ] || return 0
    refuse_mounts "move the files in certs/ away by hand, to begin anew" certs archive
    [ -d config ] || fail "there is no \`config/\`: its requests say what a new set holds"
    outside=$(written | while read -r path; do
        path=${path#"$PWD/"}
        case ${path#./} in certs/*) ;; *) echo "$path" && break ;; esac
    done)
    [ "$outside" = "${outside#elsewhere:}" ] ||
        fail "\`${outside#elsewhere:}\` is signed by the make of another folder, which knows the old CA alone" \
            "take it out from under \`req:\`, and call it when the new set is there"
    [ -z "$outside" ] || fail "\`$outside\` lies outside \`certs/\`: a new set can't be made aside" \
        "let it go to \`certs/\`: by its \`output\` in tls-scaffold.json, or behind \`-bare\` under \`req:\`"
    if there certs/ca.pem || there certs/ca-key.pem; then ca_is_whole; ca_fits; fi
    echo "making a new set aside: the old one stays until the new one is whole"
    stamp
    mkdir "$aside" "$aside/.new"
    cp -RL config "$aside/config"
    ln -s ../config "$aside/.new/config"
    for each in * .[!.]*; do
        case $each in certs | archive | data | dist | config | .lock | .git | .tls-scaffold) continue ;; esac
        [ ! -e "$each" ] || ln -s "../../../$each" "$aside/.new/$each"
    done
    MAKEFLAGS='' MFLAGS='' MAKELEVEL='' "${MAKE_PROGRAM:-make}" -C "$aside/.new" --no-print-directory \
        -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" all || exit 1
    [ ! -f certs/ca-key.pem ] || cp certs/ca-key.pem "$aside/.old-ca-key.pem"
    sync
    mv "$aside" "$into"
    swap "$into/.new"
    echo "new CA and certificates in certs/, the old ones in $into/"
}

is_ours() { # is_ours OLD-CERTS OLD-KEY: was the new set made beside the CA that is, or was, in certs/? git brings sets, but not its key
    if [ -e certs/ca-key.pem ]; then cmp -s "$2" certs/ca-key.pem
    elif [ -e "$1/ca-key.pem" ]; then cmp -s "$2" "$1/ca-key.pem"
    else [ ! -e "$2" ] && [ ! -e certs/ca.pem ]; fi
}

swap() { # swap archive/TIME/.new: the old certs/ goes to archive/TIME, the new one takes its place
    old=${1%/.new}/certs old_key=${1%/.new}/.old-ca-key.pem
    for each in "${1%/.new}" "$1" "$1/certs"; do
        [ ! -h "$each" ] || fail "\`$each\` is a link: no set of certificates is taken through it" "move it away"
    done
    if [ -d "$1/certs" ]; then
        refuse_mounts "move \`$1\` and \`$old_key\` away, out of the folder: the set in certs/ then stays" certs archive
        if [ -d certs ] && is_in "$1/certs" certs; then rm -rf "$1/certs" # killed when the rest of its copy was to go
        else
            is_ours "$old" "$old_key" || fail "\`$1\` is no set that \`make regenerate\` made for the CA in \`certs\`: it does not take its place" \
                "move \`${1%/.new}\` away, out of the folder; what is in \`certs\` stays"
            if [ -d certs ] && [ -e "$old" ]; then
                is_in certs "$old" || fail "both \`certs\` and \`$old\` stand beside a newer set" "move one of them away"
                rm -rf certs
            fi
            [ ! -d certs ] || move_folder certs "$old"
            move_folder "$1/certs" certs
        fi
        ! grep -qs ENCRYPTED "$old/ca-key.pem" || grep -qs ENCRYPTED certs/ca-key.pem ||
            echo "warning: the old CA's key was encrypted, the new one is not (\`openssl ec -aes256\`, for RSA \`openssl rsa -traditional -aes256\`)" >&2
    fi
    rm -f "$old_key"
    rm -rf "$1"
}

heal() { # finish what a killed run had decided; completed = where the old set of a regenerate went
    completed=
    for each in archive/.next.*; do
        case ${each#archive/.next.} in *[!0-9]*) ;; *) rm -rf "$each" ;; esac
    done
    for new in archive/*/.new; do
        [ -d "$new" ] || continue
        swap "$new"
        completed=${new%/.new}
        say "completed the regenerate that was killed; the old set is in $completed/" >&2
    done
    ! there certs/.ca || finish_ca
}

elsewhere() { # what components have outside certs/, the certificate last: a clean that is killed is done by the next
    lines | sed 's/.* //; s|^\./||; /^certs\//d; /^\.\./d; /^\//d; s/\.pem$//' | sort -u | while read -r each; do
        for file in "$each-key.pem" "$each.csr" "$each.pem"; do
            [ ! -e "$file" ] || echo "$file"
        done
    done
}

clean() {
    outside=$(elsewhere)
    [ -d certs ] || [ -n "$outside" ] || { echo "there is no certs/ to move away"; return; }
    # shellcheck disable=SC2086  # one path a word
    refuse_mounts "move the files in certs/ away by hand" certs $outside
    stamp
    mkdir "$into"
    for each in $outside; do
        mkdir -p "$into/$(dirname "$each")"
        mv "$each" "$into/$each"
        say "$each is now $into/$each"
    done
    if [ -d certs ]; then
        move_folder certs "$into/certs"
        echo "certs/ is now $into/certs/"
    fi
}

lines() { # the components' names and certificates, as the Makefile has them
    sed -n 's/^req-\([^ :]*\)  *\([^ :]*\.pem\) *:.*/\1 \2/p' Makefile
}

ends_soon() { # does certificate $1 expire within RENEW_DAYS, or can't it be read?
    [ -f "$1" ] && ! openssl x509 -noout -checkend $((RENEW_DAYS * 86400)) -in "$1" >/dev/null 2>&1
}

due() { # the components whose certificates expire within RENEW_DAYS
    lines | while read -r name certificate; do
        ! ends_soon "$certificate" || echo "$name"
    done
}

warn_of_others() { # tell what expires, but is not signed again by `renew`
    ! ends_soon certs/ca.pem || echo "warning: \`certs/ca.pem\` expires within $RENEW_DAYS days: \`make regenerate\` makes a new one" >&2
    # What the Makefile names stands twice or thrice here, what only the disk has once.
    { lines | sed 'p' | sed 's/.* //'; printf '%s\n' certs/*.pem | sed '/-key\.pem$/d; /^certs\/ca\.pem$/d'; } | sort | uniq -u |
        while read -r each; do
            ! ends_soon "$each" || say "warning: \`$each\` expires within $RENEW_DAYS days, but has no line of its own in the Makefile" >&2
        done
}

renew() {
    case $RENEW_DAYS in
    '' | *[!0-9]* | 0?* | ??????*) fail "RENEW_DAYS is \`$RENEW_DAYS\`: it takes a number of days, up to 99999" ;;
    esac
    command -v openssl >/dev/null || fail "openssl is not installed: it tells what expires" "\`make req-NAME\` signs one component again"
    names=$(due)
    warn_of_others
    [ -n "$names" ] || { echo "nothing expires within $RENEW_DAYS days"; return; }
    if [ "$SIGNER" = cfssl ]; then
        echo "$names" | sed 's/^/req-/' | MAKEFLAGS='' MFLAGS='' xargs "${MAKE_PROGRAM:-make}"
    else
        own_is_installed
        echo "$names" | xargs tls-scaffold sign --force
    fi
}

own_is_installed() {
    command -v tls-scaffold >/dev/null || no_signer "no signer: neither cfssl and cfssljson nor tls-scaffold are installed"
}

own() { # own ARGUMENTS...: hand the work to tls-scaffold, which takes the lock itself
    own_is_installed
    exec tls-scaffold sign "$@"
}

trap tidy EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
check_own_folders
case $SIGNER:$1 in
*:no-signer) no_signer "$2" ;;
*:renew) renew ;;
*:heal) lock all; heal ;;
*:regenerate | *:clean) lock all; heal; "$1" ;;
cfssl:sign | cfssl:sign-again) fail "SIGNER is empty: it is either \`cfssl\` or \`tls-scaffold\`" ;;
cfssl:ca) lock all; heal; make_ca ;;
cfssl:*) lock "${1##*/}"; sign "$@" ;;
tls-scaffold:ca) if [ -f certs/ca.pem ]; then ca_is_whole; else own ca; fi ;;
tls-scaffold:sign) own --own-lines ;;
tls-scaffold:sign-again) own --own-lines --force ;;
tls-scaffold:*) case ${TLS_SCAFFOLD_TARGET-} in *.pem) own "$1" ;; *) own --force "$1" ;; esac ;;
*) fail "SIGNER is \`$SIGNER\`: it is either \`cfssl\` or \`tls-scaffold\`" ;;
esac

#!/bin/sh
# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: not for editing.
# All is made aside and put in place under a lock, so that a kill, a full disk or a second make
# leaves what was. issued/ records each certificate that was ever signed here, in a file of its own,
# NAME-INPUTS-RESULT.pem: ten digits of the sum of each file tell whether a pair is what was made.
# shellcheck disable=SC2046,SC2086  # paths of a folder of ours are one word each
set -eu
umask 077
export LC_ALL=C
unset CDPATH TAR_OPTIONS QUOTING_STYLE # cd would print, tar leave out, ls put quotes
: "${SIGNER:=cfssl}" "${CFSSL:=cfssl}" "${JSON:=cfssljson}" "${MAKE_PROGRAM:=make}"
into=${TLS_SCAFFOLD_INTO-} # where a new set is made, with paths as in the folder
record=${into}issued ca=${into}certs/ca chain=${into}certs/chain.pem
one='[0-9A-Za-z_]' works=certs/.work.$one$one$one$one$one$one # as mktemp of sh or Python calls them
works="$works $works$one$one" work='' half='' shelf='' custody='' files='.pem -key.pem .csr'
cas=ca # and the one that signs what members show their peers, where the folder has another
[ ! -f config/peer-ca-csr.json ] || cas='ca peer-ca'
renewable="\`make renew-ca\` signs it again, with the same key: what it signed goes on then"
another=$renewable instead="\`make regenerate\` makes another CA"

say() { printf '%s\n' "$1" | tr -c '\11\12\40-\176' '?'; } # nothing that steers the terminal
fail() { # fail WHAT [HINT]
    say "error: $1" >&2
    # With .IGNORE in the Makefile the make of a set would end well.
    case $into in certs/.work.*) [ ! -d "$into" ] || : >"${into}failed" ;; esac
    [ $# -lt 2 ] || { echo && say "hint: $2"; } >&2
    exit 1
}

need() { # need PROGRAM
    ! command -v "$1" >/dev/null || return 0
    hint="cfssl and cfssljson sign (\`apt-get install golang-cfssl\`, \`brew install cfssl\`,\
 \`make cfssl\` by Go), or tls-scaffold"
    case $SIGNER:$1 in cfssl:tls-scaffold) hint="cfssl signs here; this it can't do" ;; esac
    fail "\`$1\` is not installed" "$hint"
}
components() { # of each line: name, certificate without .pem, request, flags
    { cat Makefile && echo; } | tr -s '\11 ' '  ' | sed -n '/^req-[^ :]*  *[^ :]*\.pem *:/{
        s/^req-\([^ :]*\)  *\([^ :]*\)\.pem *: *\([^ ;]*\)[^;]*;* *\($(sign)\)* */\1 \2 \3 /
        s/$< #.*/$</; s/$< *$//; p; }'
}
signed() { ls -d certs/*.pem $(components | awk '{ print $2 ".pem" }') 2>/dev/null || :; }
own() { need tls-scaffold && exec tls-scaffold sign "$@"; }
exists() { [ -e "$1" ] || [ -h "$1" ]; }
flush() { sync "$@" 2>/dev/null || sync; }
all_inputs() { # all_inputs GOAL: of CAs alone their requests
    case $1 in *ca) cat config/*ca-csr.json ;;
    *) cat Makefile ./*.mk config/*.json tls-scaffold.json ;; esac 2>/dev/null | $sha
}
choose_ca() { # choose_ca FLAGS...: that of peers where `-peer-ca` is first
    peer='' && case "$* " in '-peer-ca '*) peer=peer- another=$renewable ;; esac # it is made here
    ca=${into}certs/${peer}ca chain=${into}certs/${peer}chain.pem
}
# Ten of the sum of each file in a row, by builtins: every pair asks for them several times.
digits() { $sha "$@" 2>/dev/null | while read -r sum _; do printf %.10s "$sum"; done; }
inputs() { # inputs [FLAGS] REQUEST: what a certificate is made from
    all=$* && for request; do :; done
    [ -f "$request" ] || [ ! -e "$request" ] || fail "\`$request\` should be a file"
    printf %s "${all%"$request"}" | digits - "$request" config/ca-config.json "$ca.pem" "$chain"
}
note() { # note CERTIFICATE NAME: into the record
    [ ! -e "$record/$2.pem" ] || return 0
    [ -d "$record" ] || { mkdir -p "$record"; chmod 755 "$record"; }
    # With -C the shell makes the file, or fails: it writes through no link.
    (umask 022 && set -C && cat "$1" >"$record/.draft.$2")
    flush "$record/.draft.$2"
    mv -f "$record/.draft.$2" "$record/$2.pem"
}

as_sh() { printf %s "$1" | tr -d \"\'; } # as_sh FLAGS: as they come to a program
changed() { # the targets of which the pair is not what is recorded, or can't be told without make
    clients=$(digits config/ca-config.json certs/ca.pem certs/chain.pem) was=none
    peers=$(digits config/ca-config.json certs/peer-ca.pem certs/peer-chain.pem)
    components | while read -r _ base request _; do
        for each in "$request" "$base.pem" "$base-key.pem"; do
            { [ -f "$each" ] && [ -r "$each" ]; } || each=/dev/null
            echo "$each"; done
    done | xargs $sha | cut -c 1-10 | paste -d ' ' - - - | while read -r request cert key; do
        read -r name base _ flags <&3
        [ "$flags" = "$was" ] || was=$flags sum=$(as_sh "${flags:+$flags }" | digits)
        case "$flags " in '-peer-ca '*) rest=$peers ;; *) rest=$clients ;; esac
        file=issued/${base##*/}-$sum$request$rest-$cert$key.pem
        { [ -e "$file" ] && [ ! -d certs/.new ]; } || echo "${name:+req-$name}"
    done 3<<LINES
$(components)
LINES
}

folder() { # folder NAME [MODE]: make it, for its owner alone and not for git
    { mkdir -p "$1" && chmod "${2:-700}" "$1"; } || fail "\`$1\` can't be made or changed"
    [ -s "$1/.gitignore" ] || echo '*' >"$1/.gitignore"
}

lock() { # the kernel lets go of it when its holder is gone, killed or not, in a container or not
    folder archive
    exec 9>>archive/.lock
    # Some shells keep a descriptor from what they run unless they are told.
    flock -w 1 9 9>&9 2>/dev/null || { echo "waiting for another run" >&2 && flock 9 9>&9; }
    # Without the make that asked for this, the next one may have ended already.
    parent=$PPID
    read -r _ _ _ parent _ 2>/dev/null <"/proc/$$/stat" || kill -0 "$PPID" || parent=gone
    [ "$parent" = "$PPID" ] || fail "the make that asked for this is gone"
    [ ! -e archive/.half ] || rm -rf archive/.half # of a run that was killed
    [ -d certs/.new ] || return 0
    # Of a killed run, and not of a clone; nothing runs that the repository names.
    ! git -c core.fsmonitor=false -c safe.directory='*' ls-files certs/.new 2>/dev/null |
        grep -q . || fail "\`certs/.new\` is tracked by git: no CA is taken from there" \
        "move it away, out of the folder"
    finish
}

workshop() { # work = an empty folder in certs/, which is held while this process lives
    lock
    group=$(sed -n 's/.*"key_group": *"\([^-"\\][^"\\]*\)".*/\1/p' tls-scaffold.json 2>&-) || :
    folder certs "${group:+u=rwx,g-w,o=}"
    rm -f issued/.draft.* issued/.*-??????????.pem # who makes a draft holds the lock
    for each in $works; do # of runs that were killed
        [ ! -d "$each" ] || { ! flock -n 8 || rm -rf "$each"; } 2>/dev/null 8<"$each" || :
    done
    work=$(mktemp -d certs/.work.XXXXXX)
    exec 8<"$work"
    flock 8 8<&8
    exec 9>&-
}

decide() { sync; mv "$1" certs/.new; finish; } # decide SET: by one rename
finish() { # put a set in place that was decided on: the CA's certificate and then its key go last
    key=$(cd certs/.new && ls ca-key.pem peer-ca-key.pem same-key 2>/dev/null | head -n 1)
    if [ -n "$key" ]; then
        # A clone or a pull may bring such a folder, but never the sum of a key that it has not.
        sum=$(key_sum) && [ "$key $sum" != 'same-key none' ] || sum='' # without one none stays
        { [ -n "$sum" ] && [ -f certs/.new/of ] && [ "$(cat certs/.new/of)" = "$sum" ]; } ||
            fail "\`certs/.new\` was not made for the CA in \`certs\`" "move it out of the folder"
        files=$(new_files)
        printf '%s\n' "$files" | grep . | while IFS= read -r each; do
            check_path "$each"
            case /$each in
            */.*) ;;
            *.pem | *.csr | /config/ca-csr.json | /config/peer-ca-csr.json | /tls-scaffold.json)
                [ -h "certs/.new/new/$each" ] || [ ! -f "certs/.new/new/$each" ] || continue ;;
            esac
            fail "\`certs/.new/new/$each\` is in no set of \`make regenerate\`" "move it away"
        done
        printf '%s\n' "$files" | grep . | while IFS= read -r each; do
            case $each in */*) mkdir -p "${each%/*}" ;; esac
            mv -f "certs/.new/new/$each" "$each"
        done
        chmod 755 issued
        flush . certs issued
        chmod 600 "certs/.new/$key"
        [ "$key" = same-key ] || mv -f "certs/.new/$key" "certs/$key"
    fi
    rm -f certs/.new/same-key # before the sum, without which nothing is believed
    rm -rf certs/.new
    flush certs
}
new_files() { # of the set that was decided on, by path below the folder
    (cd certs/.new/new && find . ! -type d ! -name .gitignore) | sed 's|^\./||' |
        awk '$0 == "certs/ca.pem" { ca = $0; next } { print } END { if (ca) print ca }'
}
key_sum() { # of the CA's key; nothing where that of a CA that is there is kept elsewhere
    # Of a first set that is half in place nothing but the key is left when its ca.pem is there.
    if [ -e certs/ca-key.pem ]; then $sha <certs/ca-key.pem | cut -d ' ' -f 1
    elif ! exists certs/ca-key.pem &&
        { ! exists certs/ca.pem || [ -z "$(new_files 2>/dev/null)" ]; }; then echo none; fi
}

share() { # share BASE: its key with the group that the inventory names, unless it is a CA's
    [ -z "$group" ] || { openssl x509 -noout -text -in "$1.pem" | grep -q CA:FALSE &&
        chgrp "$group" certs "$1-key.pem" && chmod 750 certs && chmod 640 "$1-key.pem"
    } 2>/dev/null || say "warning: group \`$group\` can't be let read the key of \`$name\`" >&2
}

find_cfssl() { # what CFSSL and JSON say, without the @ by which make shows no command
    cfssl=${CFSSL#@} json=${JSON#@}
    cfssl=${cfssl#"${cfssl%%[! ]*}"} json=${json#"${json%%[! ]*}"} # nor the blanks behind that
    for each in "${cfssl%% *}" "${json%% *}"; do
        case $each in *[!A-Za-z0-9_./-]*) ;; *) need "$each" ;; esac # a shell has to read it first
    done
}
# by_shell WORDS ARGUMENT...: as in a recipe, with quotes, ~ and variables
by_shell() { words=$1 && shift && eval "$words \"\$@\""; }
run_cfssl() { # run_cfssl BASE ARGUMENTS...: leave the three files of BASE's last part in $work
    base=$1 name=${1##*/} && shift
    find_cfssl
    say "$cfssl $* | $json -bare $base" | sed "s|${into:-^}||g"
    by_shell "$cfssl" "$@" >"$work/json" 2>"$work/log" || refused "$?"
    (umask 022 && by_shell "$json" -f "$work/json" -bare "$work/$name") >>"$work/log" 2>&1 ||
        refused "$?"
    for each in $files; do [ -s "$work/$name$each" ] || refused 0; done
    flush "$work/$name"*
}
refused() { # refused EXIT-CODE: end with cfssl's own words, which cfssljson would hide
    [ -d "$work" ] || fail "\`certs\` was moved away meanwhile" "run make again"
    dd if=/dev/zero of="$work/room" bs=65536 count=1 2>/dev/null ||
        fail "cfssl did not sign \`$name\`: no space is left for its answer" "make room"
    said=$({ cat "$work/log" && grep -s '"message"' "$work/json"; } | sed "/\[INFO\]/d; s/^error: //
        /lacks a .hosts. field/,/10.2.3/d; s|match public key|match parent's PublicKey|
        s|.* match parent's PublicKey.*|\`$ca-key.pem\` is not the key of \`$ca.pem\`|
        s|.*\(should contain only one object\).*|\`$ca.pem\` \1|" | uniq)
    fail "cfssl did not sign \`$name\`: ${said:-exit code $1, without a word}" "its request and the\
 configuration are in \`config/\`, the CA in \`certs/\`; the password of an encrypted key goes into\
 CFSSL_CA_PK_PASSWORD (cfssl reads no PKCS#8 that is encrypted, SIGNER=tls-scaffold does)"
}

check_followed() { # an edit by hand of who holds the CA; while a killed sync is half done it may be
    said=$(tr -d ' \t\r\n' 2>/dev/null <tls-scaffold.json | grep -Eo \
        '"(own|peer_ca)":true|"key":"(encrypted|offline|remote)"' | sort | paste -s -d ' ' -) || :
    [ "$said" = "$custody" ] || exists .tls-scaffold/pending.json ||
        fail "\`tls-scaffold.json\` says \`${said:-nothing}\` of who holds the CA, and the folder's\
 scripts go by \`${custody:-nothing}\`" "\`tls-scaffold sync\` makes them follow"
}
check_custody() { # a key that was encrypted by hand would be followed by one in the clear
    for each in $cas; do
        ! grep -qs ENCRYPTED "certs/$each-key.pem" || fail "\`certs/$each-key.pem\` is encrypted,\
 and the inventory does not say so" "\`make encrypt-ca-key\` says so there"
    done
}
check_newest() { # a clone that was pulled has keys still of a CA that others have replaced
    case $custody in *own* | *offline* | *remote*) return 0 ;; esac # none is made here
    ! exists certs/.new || return 0 # it is half in place, and is finished first
    grep -Eqs '_generation": *([2-9]|1[0-9])' tls-scaffold.json || return 0 # none was followed
    for each in $cas; do
        number=$(generation "$each")
        [ "$number" != 1 ] && [ -z "$into" ] && [ -f "certs/$each.pem" ] || continue
        ! names_of_cas "certs/$each.pem" | grep -q " $number\$" || continue
        later=$(names_of_cas "issued/$each-"??????????.pem | grep " $number\$" | tail -n 1) || :
        [ -z "$later" ] || fail "\`certs/$each.pem\` is a CA of before: by the inventory and the\
 record it is \`$later\` now" "its $each.pem and $each-key.pem come from whoever made it, as by\
 \`tls-scaffold restore FILE\`"
    done
}
open_key() { :; }
encrypt_ca_key() { need tls-scaffold && exec tls-scaffold encrypt-ca-key; } # and has custody.sh

ca_is_whole() {
    hint="put it back; where it is lost for good, \`make regenerate\` makes another CA"
    [ -d issued ] || hint="put it back, or run the \`make clean\` again that was killed"
    for each in "$ca.pem" "$ca-key.pem"; do
        [ -f "$each" ] || fail "half of the CA is not here: \`$each\` is missing" "$hint"
    done
}

# What custody.sh may do in another way; of the last two the three files are left in $work.
wanted() { changed; } # the targets that plain make has to make
csr() { fail "this folder's requests are carried to no other machine" "\`make\` signs them"; }
sign_pair() { # sign_pair [FLAGS] REQUEST
    open_key
    [ "$1" != -peer-ca ] || shift
    run_cfssl "$base" gencert -ca "$ca.pem" -ca-key "$ca-key.pem" -config config/ca-config.json "$@"
}
make_ca_pair() { run_cfssl "${ca#"$into"}" gencert -initca "$1"; } # make_ca_pair REQUEST
make_trust() { (umask 022 && cat "$ca.pem" >"$work/trust.pem") && mv "$work/trust.pem" "$trust"; }

make_ca() { # unless there is one, or was one; where all is done it needs no right to write
    ! exists certs/.new && ! exists archive/.half &&
        [ "$(echo $works)" = "$works" ] && [ -s certs/.gitignore ] &&
        is_noted ca && { [ "$cas" = ca ] || is_noted peer-ca; } && return
    workshop
    lock
    for made in $cas; do
        if exists "certs/$made.pem" || exists "certs/$made-key.pem"; then note_ca "$made"
        elif [ "$made" = ca ]; then make_first_ca
        else make_peer_ca; fi
    done
}

is_noted() { exists "certs/${1%ca}trust.pem" && exists "issued/$1-$(digits "certs/$1.pem").pem"; }
note_ca() { # note_ca NAME: into the record
    ca=certs/$1 trust=certs/${1%ca}trust.pem
    [ -e "$ca.pem" ] || ca_is_whole # its key may be kept elsewhere while nothing is signed
    grep -q '^-----BEGIN CERTIFICATE' "$ca.pem" ||
        fail "\`$ca.pem\` is no certificate in PEM" "put the CA's back"
    ! grep -q 'PRIVATE KEY' "$ca.pem" || return 0 # what follows is for everybody
    note "$ca.pem" "$1-$(digits "$ca.pem")"
    exists "$trust" || make_trust
}

check_not_lost() { # check_not_lost NAME: where the record has a CA another is made for nobody
    known=$(for each in "issued/$1-"??????????.pem; do [ ! -f "$each" ] || {
        echo "$each"
        openssl x509 -noout -subject -enddate -fingerprint -sha256 -in "$each" 2>&1 || :
    }; done)
    [ -z "$known" ] || fail "the CA of this folder is not in \`certs\`: the record has
$known" "put its $1.pem and $1-key.pem back; $instead"
}

make_first_ca() { # there is none in certs/
    check_not_lost ca
    each=$(signed | head -n 1)
    [ -z "$each" ] || fail "\`$each\` is there, but not the CA that signed it" \
        "put ca.pem and ca-key.pem back; \`make regenerate\` makes another CA"
    make_set ca
    for each in $cas; do echo "signed certs/$each.pem"; done
}

check_mounts() { # check_mounts PATH...: one that is mounted alone can't be replaced, nor DIRECTORY/
    each=$(at=$(pwd -P)/ paths=" $* " awk '{ gsub(/\\040/, " ", $5); at = ENVIRON["at"]
        path = index($5, at) == 1 ? substr($5, length(at) + 1) : ""; paths = ENVIRON["paths"] }
        path && (index(paths, " " path " ") || index(paths, " " substr(path, 1,
            index(path, "/")) " ")) { print path; exit }' /proc/self/mountinfo 2>/dev/null) || :
    [ -z "$each" ] || fail "\`$each\` is a mount point: it can't be replaced"
}
check_path() { # check_path PATH: below the folder, through no link, and nothing that sh expands
    case /$1/ in */../* | //* | *[][*?]*) fail "\`$1\` is not a path below the folder" ;; esac
    through=$1
    while [ "$through" != "${through%/*}" ]; do
        through=${through%/*}
        [ ! -h "$through" ] || fail "\`$through\` is a link: no keys are written through it"
    done
}
check_output() { # check_output BASE: where a component's pair may be, in no other's place
    check_path "$1.pem"
    # Where upper and lower case are one, as on macOS, CA.pem is the CA. Peers have a set too.
    case $(printf %s "$1" | tr A-Z a-z | sed 's|^certs/peer-|certs/|') in ca | */ca | *-key | \
        certs/trust | certs/chain | certs/old-ca | certs/old-peer-ca | archive/* | config/* | \
        data/* | dist/* | issued/* | awaiting/* | .[!/]* | */.[!/]*)
        fail "\`$1.pem\` is no component's" ;; esac
    for each in "$1.pem" "$1-key.pem" "$1.csr"; do
        [ -h "$each" ] || [ ! -d "$each" ] || fail "\`$each\` is a folder: it should be a file"
        [ ! -e "$each" ] || [ -r "$each" ] || fail "\`$each\` can't be read" "run it as its owner"
    done
}
check_clock() { # whether $ca has begun; a few minutes lie between any two machines
    case $(openssl verify -partial_chain -attime "$(($(date +%s) + 300))" -CAfile "$ca.pem" \
        "$ca.pem" 2>&1) in *'not yet valid'*)
        fail "\`$ca.pem\` begins later than this machine's clock says: $(date -u)" "set the clock"
    esac
}
profile_of() { printf '%s\n' "$@" | sed -n '/^--*profile$/{n;p;}; s/^--*profile=//p' | tail -n 1; }
check_silences() { # check_silences FLAGS...: what cfssl would sign with, or by, without a word
    asked=$(profile_of "$@")
    config=$(tr -s ' \t\r\n' '    ' 2>/dev/null <config/ca-config.json) || return 0 # cfssl says why
    known='"[Pp][Rr][Oo][Ff][Ii][Ll][Ee][Ss]"'
    case "$*$config" in *\\* | *'  '* | *$known*"\"$asked\":"* | *$known*"\"$asked\" :"*) ;;
    *'"signing"'*) [ -z "$asked" ] || fail "\`$base.pem\` asks for the profile \`$asked\`, which\
 \`config/ca-config.json\` does not have" "its line in the Makefile names it" ;; esac
    check_clock
    ! ends "$ca" 0 || fail "\`$ca.pem\` has ended: nobody takes what it signs" "$another"
}

sign() { # sign again|changed CERTIFICATE [FLAGS] REQUEST: one pair, always or where it would differ
    when=$1 base=${2%.pem}
    [ "$base" != "$2" ] || fail "no line of the form of a component's asks for \`$2\`" "it reads\
 \`req-NAME certs/NAME.pem: config/req-NAME.json ; \$(sign) \$<\`"
    shift 2 && check_output "$base"
    case " $*" in *' '-ca[\ =-]* | *' '--ca[\ =-]* | *' '-config[\ =]* | *' '--config[\ =]* | \
        *.json' '*)
        fail "the line of \`$base.pem\` names a CA, a configuration or two requests" ;; esac
    choose_ca "$@"
    ca_is_whole
    from=$(inputs "$@") name=${base##*/}
    if [ "$when" = changed ] && [ -f "$base.pem" ] && [ -f "$base-key.pem" ] &&
        [ -e "$record/$name-$from-$(digits "$base.pem" "$base-key.pem").pem" ]; then return; fi
    check_mounts "$base.pem" "$base-key.pem" "$base.csr"
    check_silences "$@"
    workshop
    sign_pair "$@"
    [ "$(number_of_end "$work/$name")" -le "$(number_of_end "$ca")" ] ||
        say "warning: \`$ca.pem\` ends $(end_of "$ca"): nobody takes what it signed then" >&2
    ! is_revoked "$base" || say "warning: \`$base.pem\` was revoked: members take the new one" >&2
    [ ! -f "$chain" ] || cat "$chain" >>"$work/$name.pem"
    flush "$work/$name.pem"
    [ -n "$into" ] || lock
    [ "$from" = "$(inputs "$@")" ] || # edited meanwhile
        { rm -rf "$work" && exec sh sign.sh "$when" "$base.pem" "$@"; }
    place=$(dirname "$base") && mkdir -p "$into$place"
    note "$work/$name.pem" "$name-$from-$(digits "$work/$name.pem" "$work/$name-key.pem")"
    share "$work/$name"
    # The certificate goes first and comes last: after a kill it is missing, and make signs again.
    rm -f "$into$base.pem" "$into$base-key.pem" "$into$base.csr"
    for each in -key.pem .csr .pem; do mv -f "$work/$name$each" "$into$base$each"; done
    [ -z "$into" ] || return 0
    flush . "$place" issued
    say "signed $base.pem"
    each=$(grep -sF -e "=$base.pem " -e "=$base.pem\`" COMPONENTS.md | sed 's/.* | \(.*\) |$/  \1/')
    say "${each:-  whoever uses it has to read it anew, or to be restarted}"
}

generation() { # generation ca|peer-ca: its number, 1 where none is said
    for field in "$(echo "$1" | tr - _)" ca; do
        sed -n "s/.*\"${field}_generation\": *\([0-9]\{1,\}\).*/\1/p" tls-scaffold.json
    done 2>/dev/null | { read -r number && echo "$number" || echo 1; }
}
names_of_cas() { # names_of_cas CERTIFICATE...: the CN of each
    for each; do [ ! -f "$each" ] || openssl x509 -noout -subject -in "$each" \
        -nameopt multiline,utf8,-esc_msb 2>/dev/null || :; done | sed -n 's/.*commonName *= //p'
}
every_ca() { names_of_cas issued/*ca-??????????.pem archive/*/issued/*ca-??????????.pem \
    archive/*/certs/ca.pem archive/*/certs/peer-ca.pem; }
is_name_taken() { # whether the folder has had a CA that was called as the first one would be
    ! grep -qs '"record": *false' tls-scaffold.json || return 1 # such folders are thrown away
    sed -nE '/"CN" *: *"/{s/.*"CN" *: *"(([^"\\]|\\.)+)".*/\1/
        s/\\(.)/\1/g;p;}' config/*ca-csr.json | grep -qxF -e "$(every_ca)"
}
next_generation() { # a CN of its own: two CAs of one name can't be told apart from outside
    new=$(for each in $cas; do generation "$each"; done | sort -n | tail -n 1) && new=$((new + 1))
    known=$(every_ca) # one that was given up had a number too
    while printf '%s\n' "$known" | grep -q " $new\$"; do new=$((new + 1)); done
    for file in tls-scaffold.json $(printf 'config/%s-csr.json\n' $cas); do
        check_mounts "$file" # what is decided on has to go there
        for each in config "$file"; do [ ! -h "$each" ] || fail "\`$each\` is a link"; done
        [ -w "$(dirname "$file")" ] || fail "\`$file\` can't be replaced: its folder is read-only"
        case $file in */peer-*) old=$(generation peer-ca) ;; *) old=$(generation ca) ;; esac
        [ "$old" != 1 ] || old='' # the first has no number
        cp -p "$file" "$into$file" # with its mode
        sed -E "s/(ca_generation\": *)[0-9]*/\1$new/
            /\"CN\" *: *\"([^\"\\]|\\\\.)*\",?\$/{${old:+s/ $old(\",?)\$/\1/;}s/\",?\$/ $new&/;}" \
            "$file" >"$into$file"
        ! cmp -s "$file" "$into$file" || fail "\`$file\` does not tell what the next CA is called" \
            "\`tls-scaffold sync\` writes \"ca_generation\"; \"CN\" needs a line of its own"
    done
}

new_cas() { # new_cas NAME...: of a new set
    workshop
    for made; do
        request=config/$made-csr.json ca=${into}certs/$made
        [ ! -e "$into$request" ] || request=$into$request
        make_ca_pair "$request"
        cp -p "$work/$made.pem" "$work/${made%ca}trust.pem"
        mkdir -p "${into}certs"
        mv "$work"/*.pem "$work"/*.csr "${into}certs/"
        note "$ca.pem" "$made-$(digits "$ca.pem")"
    done
}

# make_again GOALS: with the variables that this make was given, not with its flags
make_again() { MAKEFLAGS="-- ${OVERRIDES-}" MFLAGS='' "$MAKE_PROGRAM" --no-print-directory "$@"; }
make_set() { # make_set GOAL: a new CA, and with .tls-set all certificates; one rename decides
    [ -f certs/ca-key.pem ] || { [ "$1" != peer-ca ] && ! exists certs/ca-key.pem; } ||
        fail "\`certs/ca-key.pem\` is not here, or leads elsewhere" "bring it back first"
    workshop
    set=$work into=$work/new/ reads=$(all_inputs "$1") of=$(key_sum)
    mkdir -p "${into}config"
    case $1 in .tls-set) next_generation ;; ca) ! is_name_taken || next_generation ;; esac
    (export TLS_SCAFFOLD_INTO="$into" && case $1 in peer-ca) sh sign.sh "$1" ;;
        *) make_again "$1" -sj "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" ;; esac) ||
        exit 1
    lock
    if [ "$1" != .tls-set ] && exists "certs/$1.pem"; then exit; fi # another make was first
    [ "$reads $of" = "$(all_inputs "$1") $(key_sum)" ] ||
        fail "what it is made from has changed" "run the same again"
    key=${1#.tls-set} && key=${key:-ca}-key.pem
    { [ -e "${into}certs/$key" ] && [ ! -e "${into}failed" ]; } ||
        fail "not all was signed: nothing was replaced"
    if [ "$1" = .tls-set ]; then
        put_away
        cp -RLp config tls-scaffold.json "$shelf/"
        [ -e certs/ca-key.pem ] || rm -f certs/ca.pem # its key is lost: the set follows no CA
    fi
    echo "$of" >"$set/of"
    mv "${into}certs/$key" "$set/$key"
    decide "$set"
    exec 9>&-
}

# ends BASE SECONDS [not]: whether it is known to end, or not to, within that time
ends() { openssl x509 -inform PEM -checkend "$2" -noout -in "$1.pem" 2>/dev/null |
    grep -q "will ${3:+$3 }ex"; }
is_revoked() { [ -f revoked.tsv ] || return 1 # BASE: what is there, else what was, but superseded
    number=$([ ! -f "$1.pem" ] || openssl x509 -noout -serial -in "$1.pem" 2>/dev/null |
        sed 's/.*=0*//; s/$/ /')
    cut -f 1,2,4 revoked.tsv | tr '\11' ' ' | grep -qi "^0*${number:-.* ${1##*/} [^s]}"
}
number_of_end() { # number_of_end BASE: such as 2036134126124242, a later end a larger number
    end_of "$1" | awk '{ gsub(":", ""); month = index("JanFebMarAprMayJunJulAugSepOctNovDec", $1)
        print $4 month + 100 $2 + 100 $3 } END { if (!NR) print 0 }'
}
end_of() { openssl x509 -noout -enddate -in "$1.pem" 2>/dev/null | cut -d = -f 2; }
check_days() { case ${RENEW_DAYS-} in '' | *[!0-9]* | 0?* | ??????*)
    fail "RENEW_DAYS takes a number of days, up to 99999" ;; esac; }

case $0 in */*) cd "${0%/*}" ;; esac
[ "$*" != components ] || { components && exit; } # it looks at the Makefile alone
[ "${1-}" != only ] || # make's shell for a set, where nothing else is run on the line either
    { for each; do :; done && case $each in 'sh sign.sh again '*) eval "exec $each" ;; esac; exit; }
trap '[ -z "$work$half" ] || rm -rf "$work" "$half"' EXIT && trap 'exit 143' HUP INT TERM
sha=$(command -v sha256sum >/dev/null && echo sha256sum || echo shasum -a 256)
command -v ${sha%% *} >/dev/null || fail "neither sha256sum nor shasum is installed"
command -v flock >/dev/null || command -v perl >/dev/null ||
    fail "neither flock nor perl is installed: one of them takes the lock"
command -v flock >/dev/null || flock() { # by the kernel all the same
    perl -e 'open(F, "<&=", $ARGV[-1]) && flock(F, @ARGV > 1 ? 6 : 2) or exit 1' -- "$@"
}
for each in certs archive issued certs/.new certs/.new/new certs/.new/ca-key.pem \
    certs/.new/peer-ca-key.pem archive/.lock archive/.gitignore certs/.gitignore renewal.sh \
    custody.sh; do
    [ ! -h "$each" ] || fail "\`$each\` is a link: no keys are written through it" "move it away"
done
for each in archive/.lock archive/.gitignore certs/.gitignore certs/*ca.pem certs/*ca-key.pem \
    certs/*ca.csr certs/*chain.pem certs/*trust.pem awaiting/*.* COMPONENTS.md revoked.tsv ./*.mk \
    tls-scaffold.json config/*.json; do
    [ -f "$each" ] || [ ! -e "$each" ] || fail "\`$each\` should be a file"
done
case ${1-} in renew | renew-ca | regenerate | clean)
    [ -f renewal.sh ] || fail "\`renewal.sh\` is missing" "\`tls-scaffold sync\` writes it"
    . ./renewal.sh ;;
esac
for each in certs/.new issued; do
    [ -d "$each" ] || ! exists "$each" || fail "\`$each\` is no folder" "move it away"
done
[ ! -f custody.sh ] || . ./custody.sh
case $#:${1-} in 1:clean) ;; 1:*) # each make asks for one of these
    check_followed
    [ "$1" = regenerate ] || check_newest ;;
esac
case $into in '' | certs/.work.??????/new/) ;; *) fail "\`$into\` is no place for a new set" ;; esac
case $SIGNER:${1-}:$#:${TLS_SCAFFOLD_SIGNED-} in
*:need:2:* | *:clean:1:* | *:renew:[15]:* | *:regenerate:1:* | *:csr:1:*) "$@" ;;
*:changed:1:*) wanted ;;
*:encrypt-ca-key:1:*) encrypt_ca_key ;;
cfssl:renew-ca:1:*) renew_ca ;;
tls-scaffold:renew-ca:1:*) need tls-scaffold && exec tls-scaffold renew-ca ;;
cfssl:ca:1:*)
    for each in $cas; do # whether one follows another, by whose signature, is not judged here
        ! exists "certs/old-$each.pem" || exists "certs/${each%ca}trust.pem" || (own ca) || exit
    done
    if [ -n "$into" ]; then new_cas $cas; else make_ca; fi
    # Before the others are begun, side by side: one of them tells what is wrong with the key.
    [ -z "${TLS_SCAFFOLD_SIGNS-}" ] || open_key ;;
cfssl:peer-ca:1:*) new_peer_ca ;;
*:again:*:1) ;; # its own commands are to run alone
cfssl:again:* | cfssl:changed:*) sign "$@" ;;
tls-scaffold:ca:1:*) for each in $cas; do exists "${into}certs/$each.pem" || own ca; done ;;
tls-scaffold:again:*) own --force "$2" ;;
tls-scaffold:changed:*) own "$2" ;;
*) fail "\`$*\` is nothing that sign.sh does for SIGNER=$SIGNER" ;;
esac

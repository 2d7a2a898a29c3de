
# The CA's key is on another machine, to which requests are carried by hand: in awaiting/ lie the
# key, the CSR, and a copy of the request of each component that waits for a signature. The CSR
# comes last and goes first: where it is missing, nothing waits.
another="the CA's next certificate comes from the machine that has its key"
asks="\`make csr\` asks for what is missing, changed or ends soon"
export_it="\`tls-scaffold requests export FILE\` packs it for the CA's machine"

ca_is_whole() { :; } # what asks needs no CA

make_first_ca() { # comes in the middle of every make
    case " ${tls_goals-} " in *' ca '*)
        fail "the key of this folder's CA is on another machine: no CA is made here" \
            "\`tls-scaffold sync --ca FILE\` brings its certificate, or the first pack does that is\
 signed there: $asks" ;; esac
    exit 0
}

regenerate() {
    fail "the key of this folder's CA is on another machine: no other CA is made here" \
        "make the new one there, and have everybody trust it; then \`make clean\` moves what is\
 here to archive/, and \`tls-scaffold sync --ca FILE\` brings its certificate"
}

renew() {
    fail "the key of this folder's CA is on another machine: nothing is signed here" "$asks"
}

renew_ca() {
    fail "the key of this folder's CA is on another machine: its certificate is renewed there" \
        "\`cfssl gencert -renewca -ca ca.pem -ca-key ca-key.pem\` there, then\
 \`tls-scaffold sync --ca FILE\` here"
}

own() {
    [ "$1" != ca ] || make_first_ca
    need tls-scaffold && exec tls-scaffold sign "$@"
}

answered() { # answered NAME BASE: whether the key that waited is in its place, with a certificate
    [ -f "$2.pem" ] && cmp -s "awaiting/$1-key.pem" "$2-key.pem" 2>/dev/null
}

waits() { # waits NAME BASE REQUEST: whether there is a CSR of today's request
    [ -s "awaiting/$1.csr" ] && [ -s "awaiting/$1-key.pem" ] &&
        cmp -s "awaiting/$1.json" "$3" && ! answered "$1" "$2"
}

waiting() { # the names of all that waits
    components | while read -r name base request _; do
        ! waits "$name" "$base" "$request" || echo "$name"
    done
}

unsigned() { # the names of what is missing, changed, or ends within RENEW_DAYS
    changed | sed 's/^req-//'
    command -v openssl >/dev/null || return 0
    last=$(end_of certs/ca)
    components | while read -r name base _; do
        [ ! -f "$base.pem" ] || ends "$base" "$((RENEW_DAYS * 86400))" not ||
            [ "$(end_of "$base")" = "$last" ] || is_revoked "$base" || echo "$name"
    done
}

wanted() { # what plain make has to do
    check_days
    [ -z "$(waiting)" ] || { echo csr && return; }
    [ -z "$(unsigned)" ] || echo csr
}

asking() { # work = an empty folder in awaiting/; the folder is locked until this process ends
    [ ! -h awaiting ] && [ ! -h awaiting/.gitignore ] ||
        fail "\`awaiting\` is a link: no keys are written through it" "move it away"
    lock
    folder awaiting
    for each in awaiting/.work.*; do # of runs that were killed: who works there holds the lock
        [ ! -d "$each" ] || rm -rf "$each"
    done
    work=$(mktemp -d awaiting/.work.XXXXXX)
}

ask() { # ask NAME BASE REQUEST [FLAGS]: a new key and CSR; what waited goes to the archive
    name=$1 base=$2 request=$3
    shift 3
    check_output "$base"
    case " $*" in *' '-hostname[\ =]* | *' '--hostname[\ =]* | *' '-cn[\ =]* | *' '--cn[\ =]*)
        fail "the line of \`$base.pem\` has \`-hostname\` or \`-cn\`: a CSR is made from\
 \`$request\` alone" ;; esac
    check_silences "$@"
    find_cfssl
    ! is_revoked "$base" || say "warning: \`$base.pem\` was revoked: members take the new one" >&2
    say "$cfssl genkey $request | $json -bare awaiting/$name"
    (umask 022 && cp "$request" "$work/$name.json")
    by_shell "$cfssl" genkey "$work/$name.json" </dev/null >"$work/json" 2>"$work/log" ||
        refused "$?"
    (umask 022 && by_shell "$json" -f "$work/json" -bare "$work/$name") >>"$work/log" 2>&1 ||
        refused "$?"
    for each in -key.pem .csr; do [ -s "$work/$name$each" ] || refused 0; done
    flush "$work/$name"*
    if exists "awaiting/$name.csr" || exists "awaiting/$name.json" ||
        exists "awaiting/$name-key.pem"; then
        shelf=archive/$(date -u +%Y%m%dT%H%M%SZ)
        while exists "$shelf"; do shelf=${shelf}x; done
        mkdir -p "$shelf/awaiting"
        for each in .csr .json -key.pem; do
            ! exists "awaiting/$name$each" || mv "awaiting/$name$each" "$shelf/awaiting/"
        done
        say "what waited for \`$name\` is in $shelf/awaiting/: packs that have it are of no use now"
    fi
    for each in -key.pem .json .csr; do mv -f "$work/$name$each" "awaiting/$name$each"; done
    flush awaiting
    say "made awaiting/$name.csr"
}

csr() { # keys and CSRs; what waits already, of today's request, stays: a pack may be on its way
    check_days
    [ "$SIGNER" = cfssl ] || { need tls-scaffold &&
        exec tls-scaffold requests make --renew-days "$RENEW_DAYS"; }
    asking
    command -v openssl >/dev/null ||
        say "warning: openssl is not installed: what ends soon is not asked for" >&2
    names=" $(unsigned | tr '\n' ' ')"
    while read -r name base request flags; do
        [ -n "$name" ] || continue
        # What a killed import has left of what is in its place.
        ! answered "$name" "$base" || rm -f "awaiting/$name.csr" "awaiting/$name.json" \
            "awaiting/$name-key.pem"
        case $names in *" $name "*) ;; *) continue ;; esac
        waits "$name" "$base" "$request" || ask "$name" "$base" "$request" $flags
    done <<LINES
$(components)
LINES
    names=$(waiting | tr '\n' ' ')
    [ -n "$names" ] || { echo "nothing to ask for: all is as asked for" && return; }
    say "waiting for a signature: $names"
    say "next: $export_it" | tr -d '\140'
}

sign() { # sign again|changed CERTIFICATE [FLAGS] REQUEST: of one component a key and CSR
    when=$1 base=${2%.pem}
    [ "$base" != "$2" ] || fail "no line of the form of a component's asks for \`$2\`"
    shift 2
    check_days
    asking
    line=$(components | awk -v base="$base" '$2 == base { print; exit }')
    [ -n "$line" ] || fail "no line of the form of a component's asks for \`$base.pem\`"
    read -r name _ request flags <<LINE
$line
LINE
    if [ "$when" = changed ]; then
        case " $(unsigned | tr '\n' ' ')" in *" $name "*) ;; *) return 0 ;; esac
        ! waits "$name" "$base" "$request" || return 0
    fi
    ask "$name" "$base" "$request" $flags
    say "next: $export_it" | tr -d '\140'
}

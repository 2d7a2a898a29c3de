
# The CA's key is with signing servers of cfssl. Keys and CSRs are made here, certificates come from
# there; openssl compares each with its CSR, its profile and the CA that the inventory pins, before
# it takes its place. The key that the servers know this folder by is only referred to.
another="whoever has the CA's key renews it; then \`tls-scaffold sync --ca FILE\`"
inventory=$(tr -d ' \t\r\n' <tls-scaffold.json 2>/dev/null |
    sed -n 's/.*"ca":{\([^{}]*\)}.*/\1/p') || :

held() { # held FIELD: a text of the inventory's `ca`
    printf '%s\n' "$inventory" | sed -n 's/.*"'"$1"'":"\([^"\\]*\)".*/\1/p'
}

pin_of() { # pin_of CERTIFICATE: the sum that the inventory has of a CA
    openssl x509 -outform DER -in "$1" 2>/dev/null | $sha | cut -d ' ' -f 1
}

need_openssl() {
    command -v openssl >/dev/null || fail "openssl is not installed: it checks what the servers\
 answer" "install it, or sign with tls-scaffold: \`make SIGNER=tls-scaffold\`"
}

ca_is_whole() {
    [ -f certs/ca.pem ] || fail "the CA's certificate is not in \`certs\`" \
        "\`make\` takes it out of the record, \`tls-scaffold sync\` fetches it"
    need_openssl
    [ "$(pin_of certs/ca.pem)" = "$(held sha256)" ] ||
        fail "\`certs/ca.pem\` is not the CA that \`tls-scaffold.json\` pins: nothing is signed" \
            "its SHA-256 has to be \`$(held sha256)\`: put that one back"
}

make_first_ca() { # it is never made here: the record may have it, for a clone above all
    need_openssl
    for each in issued/ca-??????????.pem; do
        if [ -f "$each" ] && [ ! -h "$each" ] && [ "$(pin_of "$each")" = "$(held sha256)" ] &&
            openssl x509 -noout -subject -issuer -in "$each" | # a root: what others trust
            sed 's/^[a-z]*= *//' | uniq -d | grep -q .; then
            # That one alone: what else stands in the file came with the clone, and is not pinned.
            openssl x509 -in "$each" >"$work/ca.pem"
            chmod 644 "$work/ca.pem"
            cp -p "$work/ca.pem" "$work/trust.pem"
            exists certs/trust.pem || mv "$work/trust.pem" certs/
            mv "$work/ca.pem" certs/ca.pem
            say "certs/ca.pem is there again, out of the record"
            exit
        fi
    done
    fail "the CA's certificate is not in \`certs\`, and the record does not have the one that\
 \`tls-scaffold.json\` pins" "\`tls-scaffold sync\` fetches it, \`tls-scaffold sync --ca FILE\`\
 brings it"
}

make_ca_pair() { elsewhere; }
regenerate() { elsewhere; }
renew_ca() { elsewhere; }
elsewhere() {
    fail "the CA's key is not here: $(printf %s "$inventory" |
        sed 's/.*"remotes":\[\([^]]*\)\].*/\1/; s/"//g; s/,/, /g') sign for this folder" \
        "a new certificate of this CA is made where that key is, and \`tls-scaffold sync --ca\
 FILE\` brings it; before another CA comes so, \`make clean\` moves what is here to archive/"
}

flattened() { # of JSON a line for each text: its path, a tab, the text as it is written
    awk '{ text = text $0 " " } END {
        while (match(text, /"([^"\\]|\\.)*"|[][{}:,]|[^][{}:," \t\r]+/)) {
            token = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
            if (token ~ /^[[{]$/) { path[++deep] = at; list[deep] = token == "["; count[deep] = 0
                if (list[deep]) at = path[deep] ".0" }
            else if (token ~ /^[]}]$/) at = path[deep--]
            else if (token == ",") at = list[deep] ? path[deep] "." ++count[deep] : path[deep]
            else if (token != ":") {
                gsub(/^"|"$/, "", token)
                if (!list[deep] && at == path[deep]) at = at "." token
                else print at "\t" token
            }
        }
    }' "$1"
}

setting() { # setting PATH: a text of the configuration
    printf '%s\n' "$settings" | at=$1 awk -F '\t' '$1 == ENVIRON["at"] { print $2; exit }'
}

read_profile() { # what the configuration has of $asked, the profile that a line names
    settings=$(flattened config/ca-config.json)
    profile=.signing.default
    [ -z "$asked" ] || profile=.signing.profiles.$asked
    reference=$(setting ".auth_keys.$(setting "$profile.auth_remote.auth_key").key")
}

sign_pair() { # sign_pair [FLAGS] REQUEST
    read_profile # check_silences has left it
    servers=$(setting ".remotes.$(setting "$profile.auth_remote.remote")")
    [ -n "$servers" ] || fail "\`config/ca-config.json\` names no server for the profile\
 \`${asked:-default}\`" "\`tls-scaffold sync --reset config/ca-config.json\` writes it anew"
    check_key
    said='' seconds=${TLS_SCAFFOLD_REMOTE_SECONDS:-20}
    case $seconds in *[!0-9]* | 0* | ?????*)
        fail "TLS_SCAFFOLD_REMOTE_SECONDS takes a number of seconds, up to 3600" ;; esac
    for server in $(printf %s "$servers" | tr ',' ' '); do
        if ask "$server" "$@"; then
            check_answer "$server"
            return
        fi
        said="$said
  \`$server\`: $reason"
    done
    fail "no server gave a certificate for \`$base.pem\`$said"
}

check_key() { # whether there is one, in hexadecimal; it is shown to nobody
    find_key
    if [ -z "$key" ]; then
        [ "$reference" != "$usual" ] || fail "$place with the key for the signing servers is not\
 set" "$hint"
        target=$(components | awk -v base="$base" '$2 == base { print "req-" $1; exit }')
        case " ${tls_goals-} " in *" $target "* | *" $base.pem "*) fail "$lacks" "$hint" ;; esac
        say "warning: $lacks" >&2
        exit
    fi
    case $((${#key} % 2)):$key in
    1:* | *:*[!0-9A-Fa-f]*)
        fail "$place is no key for the signing servers: it is not hexadecimal, two digits a byte" \
            "it is what the servers have as the \`key\` of this folder's \`auth_key\`" ;;
    esac
    key=''
}

find_key() { # leave the key of $reference in $key, in words where it is, and that it lacks
    case $reference in
    env:[!A-Za-z_]* | env:*[!A-Za-z0-9_]*) fail "\`$reference\` names no variable" ;;
    env:*)
        hint="\`${reference#env:}=... make\`, or export it; it is kept in no file of the folder"
        place="the variable \`${reference#env:}\`" && eval "key=\${${reference#env:}-}" ;;
    file:*)
        place="\`${reference#file:}\`" hint="put it there, for its owner alone (\`chmod 600\`)"
        key=$(tr -d ' \t\r\n' <"${reference#file:}" 2>/dev/null) || key='' ;;
    *) place="the key in \`config/ca-config.json\`" key=$reference ;;
    esac
    usual=$(held auth_key)
    usual=${usual:-env:CFSSL_AUTH}
    lacks="\`$base.pem\` is not signed: $place with the key for its profile \`$asked\` is not set"
}

due() { # due NAME BASE [FLAGS]: not what has a profile whose own key ordinary runs do not have
    target=req-$1 base=$2
    shift 2
    asked=$(profile_of "$@")
    read_profile
    find_key
    if [ -n "$key" ] || [ "$reference" = "$usual" ]; then echo "$target" && return; fi
    say "warning: $lacks" >&2
    echo -
}

ask() { # ask SERVER [FLAGS] REQUEST: leave the three files in $work, or else the reason in $reason
    server=$1 label=$(held label) authorities=$(held remote_ca)
    shift
    find_cfssl
    set -- gencert -remote "$server" ${label:+-label "$label"} \
        ${authorities:+-tls-remote-ca "$authorities"} -config config/ca-config.json "$@"
    say "$cfssl $* | $json -bare $base"
    shift
    set -- gencert -loglevel 3 "$@"
    # A shell between would be ended, and what it has begun would go on waiting.
    case $cfssl in *[!A-Za-z0-9_./\ -]*) set -- sh -c "$cfssl \"\$@\"" sh "$@" ;;
    *) set -- $cfssl "$@" ;; esac
    # No proxy hears of it: only the servers that the folder names.
    code=0
    NO_PROXY='*' no_proxy='*' limited "$@" >"$work/json" 2>"$work/log" || code=$?
    # No time is kept by cfssl itself: it waits for ever.
    [ "$code" != 124 ] || { reason="no answer within $seconds s" && return 1; }
    if [ "$code" = 0 ] && (umask 022 && by_shell "$json" -f "$work/json" -bare "$work/$name") \
        >>"$work/log" 2>&1; then
        for each in .pem -key.pem .csr; do
            [ -s "$work/$name$each" ] || { reason="its answer is not one of cfssl's" && return 1; }
        done
        flush "$work/$name"*
        return 0
    fi
    [ -d "$work" ] || fail "\`certs\` was moved away meanwhile" "run make again"
    reason=$(reasons)
    return 1
}

limited() { # limited COMMAND...: 124 where it takes more than $seconds
    if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else
        perl -e '$pid = fork; unless ($pid) { shift; exec @ARGV or exit 127 }
            $SIG{ALRM} = sub { kill 9, $pid; exit 124 }; alarm shift; waitpid $pid, 0
            exit($? >> 8 || $? != 0)' "$seconds" "$@"
    fi
}

reasons() { # what cfssl tells of a server, and what its few words stand for
    word=$(sed -n 's/.*\\"message\\": *\\"\([^"\\]*\)\\".*/\1/p
        s/.*"code":7500,"message":"\([^"\\]*\)".*/\1/p' "$work/log" | head -n 1)
    case $word in
    '') ;;
    'invalid token') word="$word\`: the auth key is not the one that this profile has there" ;;
    'bad request') word="$word\`: it does not have this label, or its \`name_whitelist\` does not\
 let a name pass: its log tells" ;;
    'invalid profile') word="$word\`: it does not have this profile" ;;
    'not authorised') word="$word\`: this machine's address is not among the \`nets\` of this\
 label" ;;
    'authorisation required') word="$word\`: this profile has no auth key there" ;;
    *) word="$word\`" ;;
    esac
    if [ -n "$word" ]; then
        printf 'it says `%s' "$word"
    elif grep -q 'failed POST' "$work/log"; then
        sed -n 's/"} *$//; s/.*failed POST.*authsign\\*": *//p' "$work/log" | head -n 1
    elif grep -q 'failed to create new standard auth provider' "$work/log"; then
        echo "not asked: cfssl can't read one of \`auth_keys\` in \`config/ca-config.json\`; in a\
 \`file:\` 1.2.0 takes no line end: \`printf %s KEY >FILE\`"
    elif grep -q '^Incorrect Usage\|tls-remote-ca\|Failed to load config' "$work/log"; then
        sed '/^$/d; s/^.*\] //' "$work/log" | head -n 1
    else
        echo "its answer is not one of cfssl's"
    fi
}

check_answer() { # check_answer SERVER: whether the three files in $work are what was asked for
    cert=$work/$name.pem csr=$work/$name.csr
    faults=$(answer_faults 2>/dev/null) || faults='  it is not a certificate'
    [ -z "$faults" ] || fail "\`$1\` answers for \`$base.pem\` with what was not asked for
$faults" "it is not put in place: see what that server is, and who is on the way to it"
    openssl x509 -in "$cert" >"$work/json" && cat "$work/json" >"$cert" # and nothing beside it
    flush "$cert"
}

answer_faults() { # a line for each; what others wrote into the answer is never taken for its form
    openssl x509 -noout -in "$cert" || return
    [ "$(grep -c -e '-----BEGIN' "$cert")" = 1 ] || echo "  more than one certificate stands in it"
    [ "$(openssl x509 -noout -pubkey -in "$cert")" = "$(openssl req -noout -pubkey -in "$csr")" ] ||
        echo "  key: it is for another key than that of the CSR"
    above='' && [ ! -f "$chain" ] || above=-partial_chain
    { [ "$(openssl x509 -noout -issuer_hash -in "$cert")" = \
        "$(openssl x509 -noout -subject_hash -in certs/ca.pem)" ] &&
        SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null openssl verify $above \
            -CAfile certs/ca.pem "$cert" >/dev/null; } ||
        echo "  issuer: the CA that this folder pins did not sign it, or one of the two has ended"
    [ "$(subject_of x509 "$cert")" = "$(subject_of req "$csr")" ] ||
        echo "  subject: it is not that of the request"
    parts_of "$cert" >"$work/parts" && parts_of "$csr" >"$work/asked"
    case $(awk '$1 == "signature" { print $2 }' "$work/parts") in
    *SHA1* | *sha1* | *md5* | *MD5*) echo "  signature: it is signed with a hash that is broken" ;;
    esac
    hosts='X509v3 Subject Alternative Name'
    [ "$(part "$hosts" "$work/parts" | items | sort -u)" = \
        "$(part "$hosts" "$work/asked" | items | sort -u)" ] ||
        echo "  hosts: they are not those of the request"
    [ "$(part 'X509v3 Basic Constraints' "$work/parts")" = 3000 ] ||
        echo "  CA: it is the certificate of a CA, or does not say that it is none"
    [ "$(key_usages | sort -u)" = "$(asked_usages 1 | sort -u)" ] &&
        [ "$(extended_usages | sort -u)" = "$(asked_usages 2 | sort -u)" ] ||
        echo "  usages: they are not those of the profile \`${asked:-default}\`"
    strange=$(awk '$1 == "critical" { print substr($0, 10) }' "$work/parts" | grep -v -x -F \
        -e 'X509v3 Key Usage' -e 'X509v3 Basic Constraints' -e 'X509v3 Extended Key Usage' \
        -e 'X509v3 Subject Alternative Name') || :
    [ -z "$strange" ] || echo "  extensions: it has critical ones that were not asked for"
    check_urls 'X509v3 CRL Distribution Points' crl_url
    check_urls 'Authority Information Access' ocsp_url issuer_urls.0
    # A life is in whole seconds; a day is what somebody needs to look at it.
    wanted=$(seconds_of "$(setting "$profile.expiry")")
    least=86400 && { [ -z "$wanted" ] || [ "$wanted" -ge 86400 ] || least=$wanted; }
    openssl x509 -noout -checkend "$((least - 300))" -in "$cert" >/dev/null ||
        echo "  life: it ends in less than $((least / 3600)) hours"
    lives=$(openssl x509 -noout -startdate -enddate -in "$cert" | life)
    [ -z "$wanted" ] || { [ -n "$lives" ] && [ "$lives" -le "$wanted" ]; } ||
        echo "  life: it is longer than was asked for"
}

check_urls() { # check_urls EXTENSION FIELD...: it is there if the profile names one, and only then
    extension=$1 found=$(part "$1" "$work/parts") named=''
    shift
    for each; do named=$named$(setting "$profile.$each"); done
    [ "${found:+there}" = "${named:+there}" ] ||
        echo "  extensions: \`$extension\` is not as the profile says"
}

subject_of() { # subject_of x509|req FILE: what stands in it, sorted; signs in values are escaped
    openssl "$1" -noout -subject -in "$2" \
        -nameopt sep_multiline,esc_2253,esc_ctrl,esc_msb,utf8,oid |
        sed '1d; s/^ *//' | sort
}

# Of a certificate or a CSR, by the DER: a line `signature NAME`, `critical NAME`, and of each
# extension `extension OFFSET HEX NAME`.
parts_of() {
    openssl asn1parse -in "$1" | awk '
        / prim: OBJECT / {
            name = $0; sub(/^.* prim: OBJECT *:/, "", name)
            if (!first) { first = 1; print "signature " name }
            next
        }
        / prim: BOOLEAN / { if ($0 !~ /:0$/) print "critical " name; next }
        / prim: OCTET STRING / && /\[HEX DUMP\]:/ {
            offset = $0; sub(/:.*/, "", offset); sub(/^ */, "", offset)
            hex = $0; sub(/^.*\[HEX DUMP\]:/, "", hex)
            print "extension " offset " " hex " " name; next
        }
        { name = "" }'
}

part() { # part NAME FILE: the content of an extension in hexadecimal
    name=$1 awk '$1 == "extension" { text = $0; sub(/^[^ ]* [^ ]* [^ ]* /, "", text)
        if (text == ENVIRON["name"]) print $3 }' "$2"
}

# The answer's usages in hexadecimal: of the key the bits, each other one its OID.
key_usages() {
    part 'X509v3 Key Usage' "$work/parts" | awk '{
        if ($0 !~ /^030[23]0[0-7][0-9A-F]*$/) print "strange"
        for (at = 7; at <= length($0); at++) {
            digit = index("0123456789ABCDEF", substr($0, at, 1)) - 1
            for (bit = 0; bit < 4; bit++) {
                worth = substr("8421", bit + 1, 1) + 0
                if (digit >= worth) { digit -= worth; print (at - 7) * 4 + bit }
            }
        }
    }'
}
extended_usages() { part 'X509v3 Extended Key Usage' "$work/parts" | items; }

items() { # what stands in a SEQUENCE of DER, one a line, all in hexadecimal
    awk '
        function byte(at) {
            return (index("0123456789ABCDEF", substr($0, at, 1)) - 1) * 16 \
                + index("0123456789ABCDEF", substr($0, at + 1, 1)) - 1
        }
        function head(at) { return byte(at + 2) < 128 ? 4 : 4 + 2 * (byte(at + 2) - 128) }
        function size(at, end, sum) { # of what follows the head; the others are its own
            if (head(at) == 4) return 2 * byte(at + 2)
            end = at + head(at)
            for (at += 4; at < end; at += 2) sum = sum * 256 + byte(at)
            return 2 * sum
        }
        { for (at = 1 + head(1); at < length($0); at += step) {
            step = head(at) + size(at); print substr($0, at, step) } }'
}

asked_usages() { # asked_usages 1|2: those of the profile, as key_usages or extended_usages has them
    printf '%s\n' "$settings" | at="$profile.usages." want=$1 awk -F '\t' '
        BEGIN {
            key["signing"] = key["digital signature"] = 0; key["content commitment"] = 1
            key["key encipherment"] = 2; key["data encipherment"] = 3; key["key agreement"] = 4
            key["cert sign"] = 5; key["crl sign"] = 6
            key["encipher only"] = 7; key["decipher only"] = 8
            kind = "06082B060105050703"
            other["server auth"] = kind "01"; other["client auth"] = kind "02"
            other["code signing"] = kind "03"
            other["email protection"] = other["s/mime"] = kind "04"
            other["ipsec end system"] = kind "05"; other["ipsec tunnel"] = kind "06"
            other["ipsec user"] = kind "07"; other["timestamping"] = kind "08"
            other["ocsp signing"] = kind "09"; other["any"] = "0604551D2500"
            other["microsoft sgc"] = "060A2B0601040182370A0303"
            other["netscape sgc"] = "06096086480186F8420401"
        }
        index($1, ENVIRON["at"]) == 1 {
            if (ENVIRON["want"] == 1 && $2 in key) print key[$2]
            if (ENVIRON["want"] == 2 && $2 in other) print other[$2]
        }'
}

seconds_of() { # seconds_of DURATION: of Go, in whole hours, minutes and seconds; else nothing
    printf '%s\n' "$1" | awk '/^([0-9]+h)?([0-9]+m)?([0-9]+s)?$/ && !/^$/ {
        while (match($0, /^[0-9]+[hms]/)) {
            unit = substr($0, RLENGTH, 1); sum += $0 * (unit == "h" ? 3600 : unit == "m" ? 60 : 1)
            $0 = substr($0, RLENGTH + 1)
        }
        printf "%d\n", sum
    }'
}

life() { # of the two dates that openssl prints, the seconds between
    awk -F '[= :]+' '{
        month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $2) + 2) / 3
        year = $7 - (month < 3); month = (month + 9) % 12
        days = year * 365 + int(year / 4) - int(year / 100) + int(year / 400) \
            + int((month * 153 + 2) / 5) + $3
        at[NR] = days * 86400 + $4 * 3600 + $5 * 60 + $6
    } END { if (NR == 2) printf "%d\n", at[2] - at[1] }'
}

case ${1-} in ca) [ ! -f certs/ca.pem ] || ca_is_whole ;; esac

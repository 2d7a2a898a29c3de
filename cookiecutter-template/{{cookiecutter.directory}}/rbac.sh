#!/bin/sh
# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: not for editing.
# Brings etcd's users, roles and permissions in line with rbac.tsv beside it: creates what is
# missing, corrects what differs, and leaves alone the users and roles that it does not know.
#   sh rbac.sh           apply; each change is printed, and a second run changes nothing
#   sh rbac.sh --diff    print what would change (+ missing in etcd, - too much there); exit 1 then
#   sh rbac.sh --enable  switch authentication on; it stays on only if the root certificate alone
#       works then at every member that etcd lists (--only-given: but those not given, and silent)
#   sh rbac.sh --set-password USER  give a user of etcd's HTTP gateway another password
#   sh rbac.sh --prune   take out users and roles that the inventory had (--diff: print them)
# ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY are used where they are set. Lines
# USER:PASSWORD stand in TLS_SCAFFOLD_PASSWORDS or the file that TLS_SCAFFOLD_PASSWORD_FILE names.
# shellcheck disable=SC2030,SC2031  # in a subshell, for one command
set -euf
umask 077
export LC_ALL=C
# 3 is the API since etcd 3.4, and 3.6 complains where it is said. etcdctl stops where a variable
# and a flag say the same thing, and a password would win over the certificate.
unset ETCDCTL_API ETCDCTL_USER ETCDCTL_PASSWORD ETCDCTL_WRITE_OUT ETCDCTL_HEX ETCDCTL_DISCOVERY_SRV
passwords=${TLS_SCAFFOLD_PASSWORDS-} && unset TLS_SCAFFOLD_PASSWORDS # no child sees them all
facts=$(dirname -- "$0")/rbac.tsv # it is read as text, and never run
temporary=tls-scaffold-enable-    # what the names of temporary users begin with
way_back='' only_given='' stopped='' tab=$(printf '\t')
add_root="\`tls-scaffold add --user root\` (\`NAME=root\` where another user is called root)"

shown() { # others wrote what etcd holds: it steers no terminal (tls-scaffold sees to that itself)
    [ -z "${TLS_SCAFFOLD_AS_IT_IS-}" ] || { cat && return; }
    tr '\001-\010\013-\037\177' '[?*]' | sed "s/$(printf '\302')[$(printf '\200-\237')]/?/g"
}
say() { printf 'rbac.sh: %s\n' "$1" | shown >&2; }
fail() { # tell what is wrong and how to go on
    printf '%s\n' "error: $1" ${2:+'' "hint: $2"} | shown >&2
    exit 1
}
why() { # etcdctl's own last words
    sed -n 's/^Error: *//p; /flags/s/.*| //p' "$work/error" | tail -n1 | grep . || echo no answer
}
limited() { # limited SECONDS COMMAND: macOS has no timeout(1), Go ends at no alarm
    command -v perl >/dev/null || { timeout "$@" && return || return; }
    perl -e '$SIG{ALRM} = sub { kill 15, $child }; alarm shift; $child = fork || exec @ARGV;
        waitpid $child, 0; exit($? >> 8 || $?)' "$@"
}
# The commands about users would wait for ever for an etcd that is gone.
call() { limited 60 etcdctl "$@" 2>"$work/error"; }
ctl() { # etcdctl, or the end of this run
    call "$@" || fail "etcdctl $1 $2 failed at \`$ETCDCTL_ENDPOINTS\`: $(why)" \
        "ETCDCTL_ENDPOINTS names the members, ETCDCTL_CERT and ETCDCTL_KEY are root's certificate"
}

compare() { # leave in $work: wanted, actual, missing and surplus, all sorted lines
    grep -E '^(role|user|grant|permission)' "$facts" | sort -u >"$work/wanted"
    ctl user list >"$work/users"; ctl role list >"$work/roles"
    { sed "s/^/user$tab/" "$work/users" && sed "s/^/role$tab/" "$work/roles"; } | sort |
        comm -12 "$work/wanted" - >"$work/known"
    while IFS=$tab read -r kind name; do "${kind}_holds" "$name"; done <"$work/known" >"$work/held"
    sort -u "$work/known" "$work/held" >"$work/actual"
    comm -23 "$work/wanted" "$work/actual" >"$work/missing"
    comm -13 "$work/wanted" "$work/actual" >"$work/surplus"
}
user_holds() { # JSON, since the plain list can't tell the roles `a b` from `a` and `b`
    ctl user get -w json -- "$1" >"$work/got"; backslash=$(printf '\001') # for one, at first
    sed -n 's/.*"roles":\["\(.*\)"\]}.*/\1/p' "$work/got" | awk '{ gsub(/","/, "\n") } 1' |
        sed -e "s/\\\\\\\\/$backslash/g" -e 's/\\u003c/</g; s/\\u003e/>/g; s/\\u0026/\&/g' \
            -e 's/\\"/"/g' -e "s/$backslash/\\\\/g" |
        user=$1 awk '{ print "grant\t" $0 "\t" ENVIRON["user"] }'
}
role_holds() { # root's permissions are etcd's own affair
    [ "$1" != root ] || return 0; ctl role get -- "$1" >"$work/got"
    tr -d '\000' <"$work/got" | sed -e "s/^$tab\[\(.*\), .*) (prefix \1)\$/${tab}prefix$tab\1/" \
            -e t -e "s/^$tab\[, <open ended>\$/${tab}all/" \
            -e t -e "s/^$tab\[\(.*\), <open ended>\$/${tab}from$tab\1/" \
            -e t -e "s/^$tab\[\(.*\), \(.*\))\$/${tab}range$tab\1$tab\2/" \
            -e t -e "s/^$tab/${tab}key$tab/" |
        role=$1 awk '
            /^KV / { access = $2 == "Read:" ? "read" : "write" }
            /^\t/ { held[$0] = held[$0] access }
            END { for (range in held) print "permission\t" ENVIRON["role"] "\t" held[range] range }'
}

apply() { # compare tells the failure, after what may be its cause
    { [ ! -e "$state" ] && ! call user list | grep -q "^$temporary"; } || say "another run is \
enabling authentication, or was killed at it: \`sh rbac.sh --enable\` finishes it"
    compare
    if ! cmp -s "$work/wanted" "$work/actual"; then
        sort -r "$work/missing" | carry_out + # users and roles come before what is granted to them
        compare # a permission that was granted took the place of another access to the same keys
        carry_out - <"$work/surplus"; [ ! -s "$work/surplus" ] || compare
    fi
    cmp -s "$work/wanted" "$work/actual" || fail "etcd still differs from the inventory" \
        "\`sh rbac.sh --diff\` shows where; a role of odd permissions can be deleted and made anew"
    sed -n "s/^gateway$tab//p" "$facts" >"$work/todo"
    while IFS= read -r name; do set_password none "$name"; done <"$work/todo"
    say "etcd holds what the inventory asks for"
}
carry_out() { # carry_out SIGN: create (+) or take away (-) what the lines say, and print each
    while IFS=$tab read -r kind first second third fourth end; do
        (change "$1" >/dev/null) || { [ "$1" = - ] || return 1; continue; } # the rest is taken away
        line="$1 $kind$tab$first$tab$second$tab$third$tab$fourth$tab$end$tab$tab"
        printf '%s\n' "${line%%"$tab$tab"*}" | shown
    done
}
change() { # change SIGN: what a line says: kind, first, second, third, fourth and end
    form=--prefix=false
    case $third in all | from) form=--from-key=true ;; prefix) form=--prefix=true ;; esac
    case $1$kind in
    +user) if by_password "$first"; then set_password add "$first"
        else ctl user add --no-password -- "$first"; fi ;;
    +role) ctl role add -- "$first" ;;
    +grant) ctl user grant-role -- "$second" "$first" ;;
    -grant) ctl user revoke-role -- "$second" "$first" ;;
    +permission) ctl role grant-permission "$form" -- "$first" "$second" "$fourth" ${end:+"$end"} ;;
    -permission) ctl role revoke-permission "$form" -- "$first" "$fourth" ${end:+"$end"} ;;
    esac
}
by_password() { [ "$1" != root ] && grep -q -x -F -e "gateway$tab$1" "$facts"; }
set_password() { # set_password add|passwd|none USER: what is given is tried, too, as far as one can
    password=$(printf '%s\n' "$passwords" | user=$2: awk 'index($0, ENVIRON["user"]) == 1 {
        print substr($0, length(ENVIRON["user"]) + 1); exit }')
    [ "$1$password" != none ] || return 0 # etcdctl reads up to a blank, and bcrypt takes 72 bytes
    printf '%s\n' "$password" | grep -q -x '[!-~]\{1,72\}' || fail "no password for \`$2\`, or not \
of 1 to 72 ASCII characters without blanks" "TLS_SCAFFOLD_PASSWORDS has lines USER:PASSWORD"
    [ "$1" = none ] || { printf '%s\n' "$password" | ctl user "$1" --interactive=false -- "$2" &&
        say "\`$2\`: whoever has a certificate without a CN may try passwords"; } >/dev/null || exit
    ! is_on || (export ETCDCTL_USER="$2:$password" && call get -- tls-scaffold-probe >/dev/null) ||
        ! grep -q 'authentication failed' "$work/error" || fail "etcd does not take this password \
of \`$2\`: $(why)" "\`sh rbac.sh --set-password\` sets it; a user that was made without one gets \
none until \`etcdctl user delete\` makes room for it"
}

# The way back is a temporary user of the role root: $state keeps its name and password from before
# it is made until it is gone, for whoever comes after a crash. Runs from elsewhere have their own.
switch_on() {
    exec 9<"$(dirname -- "$state")" # an etcdctl that outlives a killed run holds this lock, too
    flock -n 9 2>/dev/null || perl -e 'open(F, "<&=9") && flock(F, 6) or exit 1' ||
        fail "another run is enabling authentication" "run this again when it has ended"
    if [ -s "$state" ]; then
        way_back=$(sed -n 1p "$state" 2>/dev/null) || :
        # What it names is deleted: it is to be what is written there below.
        printf '%s\n' "$way_back" | grep -q -x "${temporary}[0-9a-f]\{8\}:[0-9a-f]\{48\}" ||
            fail "\`$state\` is not from \`sh rbac.sh --enable\`" "look whose it is; move it aside"
        only_given=${only_given:-$(sed -n 2p "$state")}
        say "finishing what a killed run had begun"
        settle
    fi
    if ! is_on; then
        ask_members || fail "$trouble" "$hint"
        call user get -w json -- root | grep -q '"root"' ||
            fail "etcd has no user root with the role root" "\`sh rbac.sh\` makes it, or $add_root"
        trap : HUP INT TERM # from here on it ends by itself, and soon
        way_back=$temporary$(od -A n -t x1 -N 28 /dev/urandom | tr -d ' \n' | sed 's/./&:/8')
        (rm -f "$state" && set -C && printf '%s\n' "$way_back" "$only_given" >"$state")
        printf '%s\n' "${way_back#*:}" | call user add --interactive=false -- "${way_back%:*}" &&
            call user grant-role -- "${way_back%:*}" root && call auth enable || stopped=$(why)
    fi >/dev/null
    settle
    is_on || fail "authentication is off: ${stopped:-another run switched it off}" "run this again"
    say "authentication is on, and the root certificate works at $asked\
${unseen:+; nobody has looked at${unseen#,}}"
}
is_on() { # is authentication on? A password that can't be right is refused only then
    ! call user list --user "${temporary}nobody:nobody" >/dev/null || return 1
    grep -q 'authentication failed' "$work/error" || fail "etcd does not answer: $(why)" \
        "run this again when it does${way_back:+; \`$state\` keeps the way back}"
}
verifies() { # verifies DAYS: does the certificate, so many days from now?
    openssl verify -partial_chain -purpose sslclient -attime $(($(date +%s) + $1 * 86400)) \
        -CAfile "$ETCDCTL_CACERT" -untrusted "$ETCDCTL_CERT" "$ETCDCTL_CERT" >"$work/error" 2>&1
}
ask_members() { # does the root certificate alone work at every member? $trouble says where not
    asked='' unseen='' refused='' trouble='' answered=' '
    hint="each is to run with --client-cert-auth and --trusted-ca-file; \`make rbac-enable \
ONLY_GIVEN=1\` (--enable --only-given) does without those that can't be asked"
    call member list -w fields >"$work/members" || trouble="etcd lists no members: $(why)"
    listed=$(sed -n 's/^"ClientURL" : "\(.*\)"$/\1/p' "$work/members")
    for url in $(printf %s "$ETCDCTL_ENDPOINTS" | tr , ' ') $listed; do
        case "$url, $asked," in
        *", $url,"*) continue ;;
        http:*) trouble="\`$url\` takes no certificates: it is not https" ;;
        esac
        if (ETCDCTL_ENDPOINTS=$url && call get -w fields -- tls-scaffold-probe >"$work/got"); then
            asked=${asked:+$asked, }$url
            answered="$answered$(sed -n 's/^"MemberID" : //p' "$work/got") "
        elif grep -q -e 'user name' -e 'user not found' -e 'permission denied' "$work/error"; then
            refused=1 trouble="\`$url\` does not take the root certificate: $(why)"; return 1
        # Given, or somebody is there who speaks TLS: only who is out of reach may be left out.
        elif printf %s ",$ETCDCTL_ENDPOINTS," | grep -q -F -e ",$url," ||
            limited 5 openssl s_client -connect "${url#*://}" </dev/null 2>&1 | grep -q ^CONN; then
            trouble="\`$url\` gives no answer to this certificate: $(why)"
        fi
    done
    unseen=$(answered=$answered awk '
        /^"ID" : / { id = $3; who = "," }
        /^"(Name|PeerURL|ClientURL)" : / { who = who " " substr($0, index($0, ":") + 2) }
        /^$/ && id && !index(ENVIRON["answered"], " " id " ") { printf "%s", who }
    ' "$work/members") # members may advertise the same URL: only who answered itself was asked
    [ -z "$unseen" ] || [ -n "$trouble$only_given" ] ||
        trouble="members that etcd lists can't be asked from here:${unseen#,}"
    [ -z "$trouble" ]
}
settle() { # come to a safe end, or keep the way back
    verdict=''
    settled || settled || settled || fail "authentication, or a temporary user, is not as it is \
to be: $(why)" "run this again; \`$state\` keeps the way back"
    rm -f "$state"; way_back=''
    [ -z "$verdict" ] || fail "$verdict; authentication is off again" "$hint"
}
settled() { # is authentication either on and safe, or off, and the way back gone?
    if ! is_on; then
        remove_users "^${way_back%:*}\$" # other runs need theirs
    elif ask_members || { sleep 2 && ask_members; }; then # a member may lag behind
        verdict=''; remove_users "^$temporary" # nobody needs one any more
    elif [ -n "$refused" ] && [ -n "$way_back" ]; then
        verdict=$trouble
        (export ETCDCTL_USER="$way_back" && call auth disable >/dev/null) && settled
    else # nothing is decided while one can't be asked
        fail "$trouble" "$hint${way_back:+. Authentication is on; \`$state\` keeps the way back}"
    fi
}
remove_users() { # remove_users PATTERN; fails where another run removes them just now
    call user list >"$work/got" || return 1
    grep -e "$1" "$work/got" >"$work/todo" || return 0
    while IFS= read -r one; do call user delete -- "$one" >/dev/null || return 1; done <"$work/todo"
}
prune() { # prune [--diff]: what the inventory had, and has no more; a role that others hold stays
    sed -n "/${tab}root\$/d; s/^forgotten$tab//p" "$facts" >"$work/facts"
    facts=$work/facts; compare
    while IFS= read -r name; do user_holds "$name"; done <"$work/users" >"$work/held"
    awk -F '\t' 'NF == 2 { gone[$0]; next } !(("user\t" $3) in gone) { delete gone["role\t" $2] }
        END { for (each in gone) print each }' "$work/known" "$work/held" | sort -r >"$work/surplus"
    while IFS=$tab read -r kind name; do # users go before what they hold
        [ $# -gt 0 ] || ctl "$kind" delete -- "$name" >/dev/null
        printf '%s\n' "- $kind$tab$name" | shown
    done <"$work/surplus"
}

case $#:$* in
0: | 1:--diff | 1:--enable | 1:--prune | '2:--prune --diff' | 2:--set-password\ ?*) ;;
'2:--enable --only-given') only_given=$2 ;;
*) echo 'usage: sh rbac.sh [[--prune] [--diff] | --enable [--only-given] | --set-password USER]' >&2
    exit 2 ;;
esac
[ -f "$facts" ] || fail "\`$facts\` is missing" "\`tls-scaffold sync\` writes it"
word="${tab}[^[:cntrl:]]+"
grant="permission$word$tab(read|write|readwrite)$tab(all|(prefix|key|from)$word|range$word$word)"
line="#.*|(endpoint|certificate|(forgotten$tab)?(role|user)|gateway)$word|grant$word$word|$grant"
wrong=$(tr '\000' '\001' <"$facts" | grep -n -v -x -E -e "$line" | sed 's/:.*//; q')
[ -z "$wrong" ] || fail "\`$facts\`: line $wrong is nothing that tls-scaffold writes there" \
    "\`tls-scaffold sync\` writes it anew"
command -v etcdctl >/dev/null || fail "etcdctl is not installed" \
    "\`apt-get install etcd-client\`, \`brew install etcd\`, or etcd's releases on GitHub"
root=$(sed -n "s/^certificate$tab//p" "$facts"); : "${ETCDCTL_CACERT:=certs/trust.pem}"
: "${ETCDCTL_ENDPOINTS:=$(sed -n "s/^endpoint$tab//p" "$facts" | paste -s -d , -)}"
: "${ETCDCTL_CERT:=${root:+$root.pem}}" "${ETCDCTL_KEY:=${root:+$root-key.pem}}"
# etcdctl takes a blank behind a comma for a part of the URL.
ETCDCTL_ENDPOINTS=$(printf %s "$ETCDCTL_ENDPOINTS" | tr -s ' \t\n,' ',,,,' | sed 's/^,//; s/,$//')
export ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
[ -n "$ETCDCTL_ENDPOINTS" ] || fail "the inventory has no host of a member" \
    "give the members \`hosts\` in tls-scaffold.json, or set ETCDCTL_ENDPOINTS"
[ -n "$ETCDCTL_CERT" ] || fail "the inventory has no user root" \
    "$add_root, or set ETCDCTL_CERT and ETCDCTL_KEY"
for file in "$ETCDCTL_CACERT" "$ETCDCTL_CERT" "$ETCDCTL_KEY"; do
    grep -q -e '^-----BEGIN ' -- "$file" 2>/dev/null ||
        fail "\`$file\` is missing, or no PEM" "\`make\` signs what is missing"
done
case ${1-} in --diff | --enable | --prune) file='' ;; *) file=${TLS_SCAFFOLD_PASSWORD_FILE-} ;; esac
[ -z "$file" ] || passwords=$(tr -d '\r' <"$file") || fail "\`$file\` can't be read"
[ -z "$file" ] || [ -z "$(find -L "$file" -perm -004)" ] || say "everybody may read \`$file\`"
state=$(dirname -- "$ETCDCTL_KEY")/.rbac-enable
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; trap 'exit 130' HUP INT TERM
if [ "${1-}" = --enable ]; then # etcd takes the user from the CN, if chain and usage are right
    command -v openssl >/dev/null || fail "openssl is not installed: it checks the root certificate"
    cn=$(openssl x509 -in "$ETCDCTL_CERT" -noout -subject -nameopt multiline,utf8,-esc_msb 2>&1 |
        sed -n 's/^ *commonName *= //p')
    [ "$cn" = root ] || fail "the CN of \`$ETCDCTL_CERT\` is \`$cn\`, not \`root\`" \
        "ETCDCTL_CERT and ETCDCTL_KEY are to name root's${root:+, \`$root.pem\`}"
    remedy="\`make renew\` signs it again; where its CA ends, that has to be renewed first"
    verifies 1 || fail "\`$ETCDCTL_CERT\` does not verify against \`$ETCDCTL_CACERT\` for another \
day: $(grep -i -m 1 '^error' "$work/error")" "$remedy"
    verifies 30 || say "warning: \`$ETCDCTL_CERT\`, or its CA, ends within 30 days: $remedy"
fi
# To read a key is what etcdctl itself gives up when nobody answers.
call get -- tls-scaffold-probe >"$work/got" || grep -q etcdserver: "$work/error" ||
    fail "etcd does not answer at \`$ETCDCTL_ENDPOINTS\`: $(why)" "ETCDCTL_ENDPOINTS names the \
members; an etcd with certificates of another CA gives no answer either"
# A member that was started alone is a cluster of its own. Who is silent is passed over here.
(export ETCDCTL_COMMAND_TIMEOUT="${ETCDCTL_COMMAND_TIMEOUT:-2s}"
    case $ETCDCTL_ENDPOINTS in *,*) call endpoint status -w fields ;; esac) >"$work/got" || :
[ "$(grep '^"ClusterID"' "$work/got" | sort -u | wc -l)" -lt 2 ] || fail "the endpoints are of \
different clusters: $(sed -n 's/^"ClusterID" : //p; s/^"Endpoint" : //p' "$work/got" |
    paste -s -d ' ,' -)" "ETCDCTL_ENDPOINTS names those of one; a member that was started alone \
joins with an empty data folder, after \`etcdctl member add\`"
case ${1-} in
--diff) compare; { sort -r "$work/missing" | sed 's/^/+ /'; sed 's/^/- /' "$work/surplus"; } | shown
    cmp -s "$work/wanted" "$work/actual" ;;
--enable) switch_on ;;
--prune) prune ${2+"$2"}; [ $# = 1 ] || [ ! -s "$work/surplus" ] ;;
--set-password) by_password "$2" || fail "\`$2\` is no user of etcd's HTTP gateway"
    set_password passwd "$2" ;;
*) apply ;;
esac

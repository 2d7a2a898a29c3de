#!/bin/sh
# Brings etcd's users, roles and permissions in line with the inventory: creates what is missing, corrects
# what differs, and leaves alone the users and roles that it does not know. A second run changes nothing.
#   sh rbac.sh           apply; each change is printed
#   sh rbac.sh --diff    print what would change (+ missing in etcd, - too much there), exit 1 where anything does
#   sh rbac.sh --enable  switch authentication on; it stays on only if the root certificate alone works then at every
#                        member that etcd lists (with --only-given behind it: that can be asked from here)
# ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY are taken from the environment where set.
set -euf
umask 077
LC_ALL=C
ETCDCTL_API=3
export LC_ALL ETCDCTL_API
# etcdctl stops where a variable and a flag say the same thing, and a password would win over the certificate.
unset ETCDCTL_USER ETCDCTL_PASSWORD ETCDCTL_WRITE_OUT ETCDCTL_HEX ETCDCTL_DISCOVERY_SRV

# What there is to be: words with tabs between them, read as text and never run.
inventory() {
    cat <<'END_OF_INVENTORY'
{%- for line in cookiecutter | inventory | rbac %}
{{ line }}
{%- endfor %}
END_OF_INVENTORY
}

{%- set names = (cookiecutter | inventory).components | map(attribute="name") | map("lower") | list %}
add_root='tls-scaffold add --user {{ "NAME=root" if "root" in names else "root" }}' # the CN makes it etcd's user root
temporary_prefix=tls-scaffold-enable-
tab=$(printf '\t')
escaped=$(printf '\001') # stands for a backslash of JSON while its other escapes are read
work=
state=
mine=
only_given=

shown() { # what others wrote into etcd and certificates never steers the terminal; tls-scaffold does that itself
    if [ -n "${TLS_SCAFFOLD_AS_IT_IS-}" ]; then cat; else
        tr '\001-\010\013-\037\177' '[?*]' | sed "s/$(printf '\302')[$(printf '\200-\237')]/?/g"
    fi
}

say() {
    printf 'rbac.sh: %s\n' "$1" | shown >&2
}

fail() { # tell what is wrong and how to go on
    printf 'error: %s\n' "$1" | shown >&2
    [ $# -lt 2 ] || printf '\nhint: %s\n' "$2" | shown >&2
    exit 1
}

why() { # etcdctl's own last words
    said=$(sed -n 's/^Error: *//p; /pkg\/flags/s/.*| //p; /command not found/p' "$work/error" | tail -n 1)
    printf '%s\n' "${said:-no answer}"
}

limit() { # what ends the command behind it after the seconds that it is given
    # shellcheck disable=SC2016  # Perl's variables; macOS has no timeout(1), and Go does not end at an alarm
    by_perl='perl -e $s=shift;$p=fork;$p||exec(@ARGV);$SIG{ALRM}=sub{kill(15,$p)};alarm($s);waitpid($p,0);exit($?>>8||$?)'
    for limited in 'timeout --foreground' timeout "$by_perl" 'env -u'; do # the last ends nothing
        ! $limited 60 true 2>/dev/null || return 0
    done
}

call() { # etcdctl; the commands about users would wait for ever for an etcd that is gone
    $limited 60 etcdctl "$@" </dev/null 2>"$work/error"
}

ctl() { # etcdctl, or the end of this run
    call "$@" || fail "etcdctl $1 $2 failed at \`$ETCDCTL_ENDPOINTS\`: $(why)" \
        "ETCDCTL_ENDPOINTS names the members, ETCDCTL_CERT and ETCDCTL_KEY a certificate of the user root"
}

ask() { # read a key: etcdctl itself gives this up when nobody answers
    call get -- tls-scaffold-probe >/dev/null
}

words() { # words KIND: what the inventory says after this word
    inventory | sed -n "s/^$1$tab//p"
}

settings() {
    command -v etcdctl >/dev/null || fail "etcdctl is not installed" \
        "\`apt-get install etcd-client\`, \`brew install etcd\`, or etcd's releases on GitHub"
    root=$(words certificate)
    : "${ETCDCTL_ENDPOINTS:=$(words endpoint | paste -s -d , -)}" "${ETCDCTL_CACERT:=certs/ca.pem}"
    [ -n "$ETCDCTL_ENDPOINTS" ] || fail "the inventory has no host of a member" \
        "give the members \`hosts\` in tls-scaffold.json, or set ETCDCTL_ENDPOINTS"
    : "${ETCDCTL_CERT:=${root:+$root.pem}}" "${ETCDCTL_KEY:=${root:+$root-key.pem}}"
    export ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
    [ -n "$ETCDCTL_CERT" ] || fail "the inventory has no user root" \
        "\`$add_root\`, or set ETCDCTL_CERT and ETCDCTL_KEY"
    for each in "$ETCDCTL_CACERT" "$ETCDCTL_CERT" "$ETCDCTL_KEY"; do
        [ -r "$each" ] || fail "\`$each\` can't be read" "\`make\` signs what is missing"
    done
    for each in "$ETCDCTL_CACERT" "$ETCDCTL_CERT"; do
        grep -q -e '-----BEGIN CERTIFICATE-----' "$each" || fail "\`$each\` holds no certificate in PEM"
    done
    state=$(dirname "$ETCDCTL_KEY")/.rbac-enable
    work=$(mktemp -d)
    limit
}

reach() {
    ask || grep -q etcdserver: "$work/error" || fail "etcd does not answer at \`$ETCDCTL_ENDPOINTS\`: $(why)" \
        "ETCDCTL_ENDPOINTS names the members; an etcd with certificates of another CA gives no answer either"
}

# --- the difference between the inventory and etcd ---

compare() { # leave in $work: wanted, actual, missing and surplus, all sorted lines
    inventory | sed "/^endpoint$tab/d; /^certificate$tab/d" | sort -u >"$work/wanted"
    ctl user list >"$work/users"
    ctl role list >"$work/roles"
    { sed "s/^/user$tab/" "$work/users" && sed "s/^/role$tab/" "$work/roles"; } | sort >"$work/listed"
    comm -12 "$work/wanted" "$work/listed" >"$work/known"
    {
        cat "$work/known"
        while IFS=$tab read -r kind name; do
            if [ "$kind" = user ]; then grants_of "$name"; else permissions_of "$name"; fi
        done <"$work/known"
    } >"$work/unsorted"
    sort -u "$work/unsorted" >"$work/actual"
    comm -23 "$work/wanted" "$work/actual" >"$work/missing"
    comm -13 "$work/wanted" "$work/actual" >"$work/surplus"
}

is_in_line() { # did the comparison find no difference?
    [ ! -s "$work/missing" ] && [ ! -s "$work/surplus" ]
}

grants_of() { # the roles of the user $1; JSON, since the plain list can't tell `a b` from `a` and `b`
    ctl user get -w json -- "$1" >"$work/got"
    sed -n 's/.*"roles":\["\(.*\)"\]}.*/\1/p' "$work/got" | sed 's/","/\
/g' | sed "s/\\\\\\\\/$escaped/g"'
        s/\\u003c/</g; s/\\u003e/>/g; s/\\u0026/\&/g; s/\\"/"/g
        '"s/$escaped/\\\\/g" | while IFS= read -r role; do
        printf 'grant\t%s\t%s\n' "$role" "$1"
    done
}

permissions_of() { # what the role $1 holds; root's are etcd's own affair
    [ "$1" != root ] || return 0
    ctl role get -- "$1" >"$work/got"
    tr -d '\000' <"$work/got" | awk '
        /^KV Read:$/ { access = "read" }
        /^KV Write:$/ { access = "write" }
        access != "" && /^\t/ { held[substr($0, 2)] = held[substr($0, 2)] access }
        END { for (range in held) print held[range] "\t" range }
    ' | sed "
        s/$tab\[\(.*\), .*) (prefix \1)\$/${tab}prefix$tab\1/
        t named
        s/$tab\[, <open ended>\$/${tab}all/
        t named
        s/$tab\[\(.*\), <open ended>\$/${tab}from$tab\1/
        t named
        s/$tab\[\(.*\), \(.*\))\$/${tab}range$tab\1$tab\2/
        t named
        s/$tab/${tab}key$tab/
        :named
        s/^/permission$tab$1$tab/"
}

diff_with_etcd() {
    compare
    { sort -r "$work/missing" | sed 's/^/+ /' && sed 's/^/- /' "$work/surplus"; } | shown
    is_in_line
}

# --- bringing etcd in line ---

apply() {
    compare
    ! grep -q "^$temporary_prefix" "$work/users" ||
        say "another run is enabling authentication, or was killed at it: \`sh rbac.sh --enable\` removes its temporary user"
    if is_in_line; then
        say "etcd holds what the inventory asks for: nothing changed"
        return
    fi
    sort -r "$work/missing" >"$work/todo" # users and roles come before what is granted to them
    while IFS=$tab read -r kind first second third fourth; do
        create >/dev/null
        changed +
    done <"$work/todo"
    cp "$work/surplus" "$work/todo"
    while IFS=$tab read -r kind first second third fourth; do
        if [ "$kind" = permission ] && replaced; then continue; fi
        (remove >/dev/null) || continue # what is left over is told below
        changed -
    done <"$work/todo"
    compare
    is_in_line || fail "etcd still differs from the inventory" \
        "\`sh rbac.sh --diff\` shows where; a role with permissions of an odd form can be deleted and made anew"
    say "etcd now holds what the inventory asks for"
}

changed() { # print the line that was worked off
    printf '%s\n' "$1 $kind$tab$first${second:+$tab$second}${third:+$tab$third}${fourth:+$tab$fourth}" | shown
}

create() { # create what the words of a line say: kind, first, second, third and fourth
    case $kind in
    user) ctl user add --no-password -- "$first" ;;
    role) ctl role add -- "$first" ;;
    grant) ctl user grant-role -- "$second" "$first" ;;
    permission)
        case $third in
        all) ctl role grant-permission --from-key=true -- "$first" "$second" '' ;;
        prefix) ctl role grant-permission --prefix=true -- "$first" "$second" "$fourth" ;;
        key) ctl role grant-permission -- "$first" "$second" "$fourth" ;;
        esac
        ;;
    esac
}

remove() { # the same way back
    case $kind in
    user) ctl user delete -- "$first" ;;
    grant) ctl user revoke-role -- "$second" "$first" ;;
    permission)
        case $third in
        all) ctl role revoke-permission --from-key=true -- "$first" '' ;;
        from) ctl role revoke-permission --from-key=true -- "$first" "$fourth" ;;
        prefix) ctl role revoke-permission --prefix=true -- "$first" "$fourth" ;;
        range) ctl role revoke-permission -- "$first" "${fourth%%"$tab"*}" "${fourth#*"$tab"}" ;;
        key) ctl role revoke-permission -- "$first" "$fourth" ;;
        esac
        ;;
    esac
}

replaced() { # does the inventory give this permission with another access? Granting it took the old one away
    for access in read write readwrite; do
        wanted=$kind$tab$first$tab$access$tab$third${fourth:+$tab$fourth}
        ! grep -q -x -F -e "$wanted" "$work/wanted" || return 0
    done
    return 1
}

# --- switching authentication on ---

is_on() { # is authentication on? A password that can't be right is refused only then
    ! (export ETCDCTL_USER="${temporary_prefix}nobody:nobody" && call user list >/dev/null) || return 1
    grep -q 'authentication failed' "$work/error" || fail "etcd does not answer at \`$ETCDCTL_ENDPOINTS\`: $(why)"
}

works_everywhere() { # works_everywhere TRIES: does the root certificate alone work at every member? $trouble says where not
    left=$1 # a member may lag behind for a moment
    until ask_members; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 1
    done
}

ask_members() { # ask each endpoint that is given and each member that etcd lists: $asked, and $unseen who could not be
    asked=$ETCDCTL_ENDPOINTS
    unseen=
    count=0
    for url in $(printf %s "$ETCDCTL_ENDPOINTS" | tr , ' '); do
        works_at "$url" || return 1
    done
    list_members || { trouble="etcd does not list its members: $(why)" && return 1; }
    while IFS=$tab read -r member urls; do
        count=$((count + 1))
        seen=
        for url in $urls; do
            case ,$ETCDCTL_ENDPOINTS, in *",$url,"*) seen=1 && continue ;; esac
            is_reached "$url" || continue
            works_at "$url" || return 1
            seen=1
            asked=$asked,$url
        done
        [ -n "$seen" ] || unseen=${unseen:+$unseen, }$member
    done <"$work/members"
    [ -n "$unseen" ] && [ -z "$only_given" ] || return 0
    trouble="members that etcd lists can't be asked from here: $unseen"
    hint="\`sh rbac.sh --enable --only-given\` or \`make rbac-enable ONLY_GIVEN=1\` does without: then nobody has looked at them"
    return 1
}

list_members() { # a line for each member in $work/members: its name and what is known of it, and the URLs to ask it at
    call member list -w fields >"$work/got" || return 1
    awk '
        /^"Name" : / { name = substr($0, 10); urls = ""; unasked = "no URL for clients" }
        /^"PeerURL" : / && name == "\"\"" { name = substr($0, 13); unasked = "not started" }
        /^"ClientURL" : / { urls = urls " " substr($0, 16, length($0) - 16) }
        /^"IsLearner" : true/ { urls = ""; unasked = "a learner" }
        /^$/ && name != "" { print name " (" (urls == "" ? unasked : substr(urls, 2)) ")\t" urls; name = "" }
    ' "$work/got" >"$work/members"
    [ -s "$work/members" ]
}

is_reached() { # does anybody answer at the URL $1? etcdctl does not say why it gets no answer
    address=${1#*://}
    $limited 5 openssl s_client -connect "${address%%/*}" </dev/null 2>/dev/null | grep -q -a '^CONNECTED'
}

works_at() { # does the root certificate alone work at the URL $1? Over http nobody can show one
    hint="does every member run with --client-cert-auth and --trusted-ca-file?"
    case $1 in http:*) trouble="\`$1\` takes no certificates: it is not https" && return 1 ;; esac
    (ETCDCTL_ENDPOINTS=$1 && ask && call user list >/dev/null) ||
        { trouble="\`$1\` does not take the root certificate, or does not answer: $(why)" && return 1; }
}

say_on() { # say_on MORE: that authentication is on, and who was asked
    where="every member: $count"
    [ -z "$unseen" ] || where="$(printf %s "$asked" | sed 's/,/, /g'); nobody has looked at $unseen"
    say "authentication is on, and the root certificate works at $where${1-}"
}

check_certificate() { # etcd takes the user from the CN, if the chain and the usage are right
    command -v openssl >/dev/null || fail "openssl is not installed: it checks the root certificate"
    for each in "$ETCDCTL_CACERT" "$ETCDCTL_CERT"; do
        openssl x509 -in "$each" -noout 2>/dev/null || fail "\`$each\` holds no certificate that openssl can read"
    done
    cn=$(openssl x509 -in "$ETCDCTL_CERT" -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n 's/^ *commonName *= //p')
    way=${root:+"\`make\` signs root's, \`$root.pem\`; ETCDCTL_CERT and ETCDCTL_KEY are to name it"}
    [ "$cn" = root ] || fail "the CN of \`$ETCDCTL_CERT\` is \`$cn\`, not \`root\`" "${way:-"\`$add_root\`"}"
    verifies || fail "\`$ETCDCTL_CERT\` does not verify against \`$ETCDCTL_CACERT\`: $(sed -n 's/^error .*: //p; s/^error [0-9]* at [^:]*: *//p' "$work/error" | tail -n 1)"
    ! ends_within 1 || fail "$ending ends within a day: nobody could do anything about users then" "$remedy"
    ! ends_within 30 || say "warning: $ending ends within 30 days: $remedy"
}

verifies() { # verifies [-attime SECONDS]
    openssl verify -partial_chain -purpose sslclient "$@" -CAfile "$ETCDCTL_CACERT" "$ETCDCTL_CERT" >"$work/error" 2>&1
}

ends_within() { # ends_within DAYS: does the root certificate, or its CA? Then $ending says which
    ! verifies -attime $(($(date +%s) + $1 * 86400)) || return 1
    ending="the CA of \`$ETCDCTL_CERT\`" remedy="\`make regenerate\` makes a new one, and signs everything with it"
    ! grep -q 'at 0 depth' "$work/error" || { ending="\`$ETCDCTL_CERT\`" && remedy="\`make renew\` signs it again"; }
}

check_root() {
    works_everywhere 1 || fail "$trouble" "$hint"
    ctl user list >"$work/got"
    first="run \`sh rbac.sh\` first"
    words user | grep -q -x root || first="\`$add_root\`, then \`sh rbac.sh\`"
    grep -q -x root "$work/got" || fail "etcd has no user root" "$first"
    grants_of root >"$work/held"
    grep -q -x "grant${tab}root${tab}root" "$work/held" || fail "the user root does not hold the role root" "$first"
}

switch_on() {
    check_root
    if is_on; then
        works_everywhere 1 || fail "$trouble" "$hint"
        # nobody needs a way back any more
        remove_users "$temporary_prefix" || fail "a temporary user can't be removed: $(why)" "run this again"
        say_on "; nothing changed"
        return
    fi
    keep_way_back
    stopped=
    enable_safely || stopped=$(why)
    settle
    is_on || fail "authentication is off: ${stopped:-another run has switched it off again}" \
        "run this again when no other run is at it"
    say_on
}

keep_way_back() {
    temporary=$temporary_prefix$(random 4)
    password=$(random 24)
    if (set -C && printf '%s\n' "$temporary:$password" $$ "$(began $$)" "$only_given" >"$state") 2>/dev/null; then
        mine=1
        return
    fi
    recover # another run of this folder was a little faster
    fail "\`$state\` can't be made: it keeps the way back until authentication is on"
}

enable_safely() { # with a temporary user of the role root as the way back
    printf '%s\n' "$password" | $limited 60 etcdctl user add --interactive=false -- "$temporary" >/dev/null 2>"$work/error" &&
        call user grant-role -- "$temporary" root >/dev/null &&
        call auth enable >/dev/null
}

random() { # random BYTES, in hexadecimal
    od -A n -t x1 -N "$1" /dev/urandom | tr -d ' \n'
}

began() { # when process $1 began
    stat=
    read -r stat 2>/dev/null <"/proc/$1/stat" || :
    # shellcheck disable=SC2086  # split into the fields that proc(5) numbers from 3 on
    set -- "$1" ${stat##*) }
    if [ $# -gt 20 ]; then echo "${21}"; else ps -o lstart= -p "$1" 2>/dev/null || :; fi
}

# The file $state keeps the temporary user's name and password, and whether --only-given held, from before it is made
# until it is gone. Whoever finds it after a crash comes to the same end: authentication stays on only where the root
# certificate alone works.
# Other runs, from other folders, may be at the same cluster: only then is their way back taken away.
settle() {
    trap : HUP INT TERM
    mine=
    verdict=
    tries=1
    until settled; do
        [ $tries -lt 3 ] || fail "$unsettled: $(why)" "run this again; \`$state\` keeps the way back"
        tries=$((tries + 1))
    done
    rm -f "$state"
    trap_signals
    [ -z "$verdict" ] || fail "$verdict; authentication is off again" "$hint"
}

settled() { # is authentication either on and safe, or off, and the way back gone?
    if is_on; then
        unsettled="a temporary user can't be removed"
        if works_everywhere 3; then
            verdict=
            remove_users "$temporary_prefix"
            return
        fi
        verdict=$trouble
        unsettled="authentication can't be switched off again"
        (ETCDCTL_USER=$(sed -n 1p "$state") && export ETCDCTL_USER && call auth disable >/dev/null) || return 1
    fi
    unsettled="the temporary user can't be removed"
    remove_users "$(sed -n '1s/:.*//p' "$state")\$"
}

remove_users() { # remove_users PATTERN: until etcd has none that begin so; another run may be removing them too
    rounds=3
    while [ $rounds -gt 0 ]; do
        call user list >"$work/got" || return 1
        grep "^$1" "$work/got" >"$work/todo" || return 0
        while IFS= read -r name; do
            call user delete -- "$name" >/dev/null || :
        done <"$work/todo"
        rounds=$((rounds - 1))
    done
    return 1
}

recover() { # finish what a killed run had begun
    [ -e "$state" ] || return 0
    [ -s "$state" ] || sleep 1 # it is being written
    pid=$(sed -n 2p "$state")
    # One of our own number is dead: containers give the same few numbers again.
    if [ "${pid:-$$}" != $$ ] && kill -0 "$pid" 2>/dev/null && [ "$(began "$pid")" = "$(sed -n 3p "$state")" ]; then
        fail "process $pid is enabling authentication" "run this again when it has ended"
    fi
    [ "$(sed -n 4p "$state")" != --only-given ] || only_given=--only-given
    say "finishing what a killed run had begun"
    settle
}

finish() {
    code=$?
    trap - EXIT HUP INT TERM
    [ -z "$mine" ] || (settle) || code=1
    [ -z "$work" ] || rm -rf "$work"
    exit "$code"
}

trap_signals() {
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

case $#:$* in
0: | 1:--diff | 1:--enable) ;;
'2:--enable --only-given') only_given=$2 ;;
*)
    printf 'usage: sh rbac.sh [--diff | --enable [--only-given]]\n' >&2
    exit 2
    ;;
esac
trap finish EXIT
trap_signals
settings
case ${1-} in
--diff)
    reach
    diff_with_etcd
    ;;
--enable)
    check_certificate
    reach
    recover
    switch_on
    ;;
*)
    reach
    recover
    apply
    ;;
esac

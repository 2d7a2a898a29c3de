#!/bin/sh
# Brings etcd's users, roles and permissions in line with the inventory: creates what is missing, corrects
# what differs, and leaves alone the users and roles that it does not know. A second run changes nothing.
#   sh rbac.sh           apply; each change is printed
#   sh rbac.sh --diff    print what would change (+ missing in etcd, - too much there), exit 1 where anything does
#   sh rbac.sh --enable  switch authentication on; it stays on only if the root certificate alone works then at every
#                        member that etcd lists (--only-given behind it leaves out those that can't be reached from here)
# ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY are taken from the environment where set.
set -euf
umask 077
LC_ALL=C
export LC_ALL
# 3 is the API since etcd 3.4, and 3.6 complains where it is said.
unset ETCDCTL_API
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
way_back=
mine=
only_given=
again="run this again when it answers, or without it: its URL not in ETCDCTL_ENDPOINTS, and --only-given"

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
    call get -w fields -- tls-scaffold-probe >"$work/got"
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
    # compare tells the failure, after what may be its cause
    { [ ! -e "$state" ] && ! call user list | grep -q "^$temporary_prefix"; } ||
        say "another run is enabling authentication, or was killed at it: \`sh rbac.sh --enable\` finishes it"
    compare
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
    grep -q 'authentication failed' "$work/error" || fail "etcd does not answer at \`$ETCDCTL_ENDPOINTS\`: $(why)" \
        "run \`sh rbac.sh --enable\` again when it answers${way_back:+; \`$state\` keeps the way back}"
}

works_everywhere() { # works_everywhere TRIES: does the root certificate alone work at every member? $trouble says where not
    left=$1 # a member may lag behind for a moment
    until ask_members; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 1
    done
}

ask_members() { # ask each endpoint that is given and each URL that etcd lists: $asked, and $unseen who did not answer
    asked='' trouble='' refused=''
    : >"$work/answered"
    for url in $(printf %s "$ETCDCTL_ENDPOINTS" | tr , ' '); do
        works_at "$url" || [ -z "$refused" ] || return 1
    done
    list_members || { trouble="${trouble:-"etcd does not list its members: $(why)"}" hint=$again && return 1; }
    urls=$(cut -f 3 "$work/members")
    for url in $urls; do
        case ,$ETCDCTL_ENDPOINTS, in *",$url,"*) continue ;; esac
        ! is_reached "$url" || works_at "$url" || [ -z "$refused" ] || return 1
    done
    [ -z "$trouble" ] || return 1
    # members may advertise the same URL: only who answered itself was asked
    unseen=$(awk -F "$tab" 'FILENAME == ARGV[1] { seen[$1]; next }
        !($1 in seen) { printf "%s%s", sep, $2; sep = ", " }' "$work/answered" "$work/members")
    [ -n "$unseen" ] && [ -z "$only_given" ] || return 0
    trouble="members that etcd lists can't be asked from here: $unseen"
    hint="\`sh rbac.sh --enable --only-given\` or \`make rbac-enable ONLY_GIVEN=1\` does without: then nobody has looked at them"
    return 1
}

list_members() { # a line for each member in $work/members: its ID, its name and what is known of it, the URLs to ask it at
    call member list -w fields >"$work/got" || return 1
    awk '
        /^"ID" : / { id = $3 }
        /^"Name" : / { name = substr($0, 10); urls = ""; unasked = "no URL for clients" }
        /^"PeerURL" : / && name == "\"\"" { name = substr($0, 13); unasked = "not started" }
        /^"ClientURL" : / { urls = urls " " substr($0, 16, length($0) - 16) }
        /^"IsLearner" : true/ { urls = ""; unasked = "a learner" }
        /^$/ && name != "" { print id "\t" name " (" (urls == "" ? unasked : substr(urls, 2)) ")\t" urls; name = "" }
    ' "$work/got" >"$work/members"
    [ -s "$work/members" ]
}

is_reached() { # does anybody answer at the URL $1? etcdctl does not say why it gets no answer
    address=${1#*://}
    $limited 5 openssl s_client -connect "${address%%/*}" </dev/null 2>/dev/null | grep -q -a '^CONNECTED'
}

works_at() { # does the root certificate alone work at the URL $1? $trouble and $hint say why not, $refused that it says so
    case $1 in http:*) trouble="\`$1\` takes no certificates: it is not https" hint="every URL for clients is to be https" && return 1 ;; esac
    (ETCDCTL_ENDPOINTS=$1 && ask && call user list >/dev/null) && asked=${asked:+$asked, }$1 &&
        sed -n 's/^"MemberID" : //p' "$work/got" >>"$work/answered" && return
    hint=$again
    case $(why) in
    *'for learner'*) trouble="\`$1\` is a learner, which nobody can ask" hint="leave it out of ETCDCTL_ENDPOINTS, and say --only-given" ;;
    *'user name'* | *'permission denied'* | *'authentication failed'*)
        refused=1 trouble="\`$1\` does not take the root certificate: $(why)"
        hint="does every member run with --client-cert-auth and --trusted-ca-file?" ;;
    *) trouble="\`$1\` gives no answer to this certificate (maybe its CA is another): $(why)" ;;
    esac
    return 1
}

say_on() { # say_on MORE: that authentication is on, and who was asked
    where="every member: $(($(wc -l <"$work/members")))"
    [ -z "$unseen" ] || where="$asked; nobody has looked at $unseen"
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
        remove_users "^$temporary_prefix" || fail "a temporary user can't be removed: $(why)" "run this again"
        say_on "; nothing changed"
        return
    fi
    way_back=$temporary_prefix$(random 4):$(random 24)
    mine=1 stopped=''
    enable_safely || stopped=$(why)
    # not kept: another run of this folder was a little faster
    is_kept || { mine='' && recover && fail "\`$state\` can't be made: it keeps the way back until authentication is on"; }
    settle
    is_on || fail "authentication is off: ${stopped:-another run has switched it off again}" \
        "run this again when no other run is at it"
    say_on
}

is_kept() { # does $state keep this run's way back?
    [ "$(sed -n 1p "$state" 2>/dev/null)" = "$way_back" ]
}

# With a temporary user of the role root as the way back. This is a process of its own, which $state names from the
# first step on and which becomes etcdctl: where only the script is killed, etcdctl may still enable authentication.
enable_safely() (
    sh -c 'echo $PPID' >"$work/child" && read -r child <"$work/child"
    (set -C && printf '%s\n' "$way_back" $$ "$(began $$)" "$only_given" "$child" "$(began "$child")" >"$state") 2>/dev/null &&
        printf '%s\n' "${way_back#*:}" |
        $limited 60 etcdctl user add --interactive=false -- "${way_back%:*}" >/dev/null 2>"$work/error" &&
        call user grant-role -- "${way_back%:*}" root >/dev/null &&
        kill -0 $$ && exec etcdctl auth enable </dev/null >/dev/null 2>"$work/error" # which gives up by itself
)

random() { # random BYTES, in hexadecimal
    od -A n -t x1 -N "$1" /dev/urandom | tr -d ' \n'
}

began() { # when process $1 began; nothing for one that is dead but not yet taken away: some containers never do
    stat=
    read -r stat 2>/dev/null <"/proc/$1/stat" || :
    # shellcheck disable=SC2086  # split into the fields that proc(5) numbers from 3 on
    set -- "$1" ${stat##*) }
    if [ $# -gt 20 ]; then [ "$2" = Z ] || echo "${21}"; else ps -o lstart= -p "$1" 2>/dev/null || :; fi
}

# The file $state keeps the temporary user's name and password, and whether --only-given held, from before it is made
# until it is gone. Whoever finds it after a crash comes to the same end: authentication stays on only where the root
# certificate alone works, goes off where a member refuses it, and nothing is decided while one can't be asked.
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
    ! is_kept || rm -f "$state"
    trap_signals
    [ -z "$verdict" ] || fail "$verdict; authentication is off again" "$hint"
}

settled() { # is authentication either on and safe, or off, and the way back gone?
    if is_on; then
        unsettled="a temporary user can't be removed"
        if works_everywhere 3; then
            verdict=
            remove_users "^$temporary_prefix"
            return
        fi
        [ -n "$refused" ] || fail "authentication is on, but not proven: $trouble" "$hint; \`$state\` keeps the way back"
        verdict=$trouble
        unsettled="authentication can't be switched off again"
        (ETCDCTL_USER=$way_back && export ETCDCTL_USER && call auth disable >/dev/null) || return 1
    fi
    unsettled="the temporary user can't be removed"
    remove_users -x -F "${way_back%:*}"
}

remove_users() { # remove_users WORDS: until etcd has none that grep finds so; another run may be removing them too
    rounds=3
    while [ $rounds -gt 0 ]; do
        call user list >"$work/got" || return 1
        grep "$@" "$work/got" >"$work/todo" || return 0
        while IFS= read -r name; do
            call user delete -- "$name" >/dev/null || :
        done <"$work/todo"
        rounds=$((rounds - 1))
    done
    return 1
}

recover() { # finish what a killed run had begun
    [ -e "$state" ] || return 0
    [ -s "$state" ] || sleep 1 # it is being written; what stays empty names nobody
    [ ! -f "$state" ] || way_back=$(sed -n 1p "$state") || :
    # What the file names is deleted: it is to be what enable_safely wrote.
    { [ -f "$state" ] && [ ! -s "$state" ]; } || printf '%s\n' "$way_back" | grep -q -x "${temporary_prefix}[0-9a-f]\{8\}:[0-9a-f]\{48\}" ||
        fail "\`$state\` is not what \`sh rbac.sh --enable\` writes there" "look where it came from, and move it aside"
    for line in 2 5; do
        pid=$(sed -n ${line}p "$state")
        # One of our own number is dead: containers give the same few numbers again.
        if [ "${pid:-$$}" != $$ ] && kill -0 "$pid" 2>/dev/null && [ "$(began "$pid")" = "$(sed -n $((line + 1))p "$state")" ]; then
            fail "process $pid is enabling authentication" "run this again when it has ended"
        fi
    done
    [ "$(sed -n 4p "$state")" != --only-given ] || only_given=--only-given
    say "finishing what a killed run had begun"
    settle
    way_back=
}

finish() {
    code=$?
    trap - EXIT HUP INT TERM
    [ -z "$mine" ] || ! is_kept || (settle) || code=1
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
    apply
    ;;
esac

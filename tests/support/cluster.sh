#!/usr/bin/env bash
# cluster.sh: starts, disturbs and stops real clusters (or one stand-alone server) on loopback, for tests, examples and benchmarks.
# It knows redis-server and valkey-server and nothing about umbel. It touches only processes that it started itself, found by the
# process id it recorded and the folder that process works in.
set -uo pipefail

usage() {
    cat <<'TEXT'
usage: cluster.sh COMMAND --dir DIR [options]

  start --dir DIR [options]      start a cluster, wait until every node says ok, print one line per node
      --server NAME              redis-server (default) or valkey-server, or the path of one: newer_servers.sh makes some
      --primaries N              primaries (default 3)
      --replicas N               replicas of each primary (default 1)
      --standalone               one server with cluster mode off
      --group                    one primary and --replicas replicas with cluster mode off
      --sentinels N              of a group: sentinels that watch it as "mymaster", behind the servers (with 2 replicas n4, n5 …)
      --sentinel-password WORD   requirepass of the sentinels
      --password WORD            requirepass and masterauth on all nodes
      --tls FOLDER               TLS only (port 0, tls-port), among the nodes as well, with FOLDER's ca.crt, server.crt and server.key,
                                 asked here with client.crt and client.key; others need no certificate, unless a --conf says "tls-auth-clients yes"
      --conf LINE                one more configuration line for all nodes, may be repeated; {name}, {port} and {dir} are filled in
      --node-timeout MS          cluster-node-timeout (default 2000)
      --timeout SECONDS          give up after that long (default 30)
      --watch PID                stop the cluster by itself when that process is gone
      --network                  every node in a network namespace of its own at 10.77.0.N, on a bridge in the namespace that this is run in,
                                 which is 10.77.0.100 (needs root and iproute2; run it under `unshare --net`)
  stop --dir DIR                 kill the servers and remove DIR
  wait --dir DIR [--timeout S]   wait until every living node says ok and every replica's link is up
  status --dir DIR               one line per node: name, address, pid, state, present role, slots
  cli --dir DIR NAME ARGS…       run redis-cli (or valkey-cli) against one node
  node --dir DIR kill9 NAME      kill a node at once
  node --dir DIR freeze NAME     stop a node without closing its connections (SIGSTOP)
  node --dir DIR thaw NAME       let a frozen node go on
  node --dir DIR restart NAME [--new-port] [--server NAME]
                                 kill a node if it lives, start it again with the same id, on another port if asked, as another server if asked
  node --dir DIR cut NAME        take a node off the network: nothing reaches it, nothing leaves it, nobody is told
  node --dir DIR mute NAME       let nothing that a node sends reach whoever is at 10.77.0.100; it hears, and the other nodes hear it
  node --dir DIR rejoin NAME     undo both (these three need --network)

NAME is n1, n2, … (primaries first: with 3 primaries n4 replicates n1, n5 n2, n6 n3) or all.
DIR/nodes has one line per node: name port pid role id. Role is the one at the start; `status` asks for the present one.
TEXT
}

fail() {
    printf 'cluster.sh: %s\n' "$*" >&2
    exit 1
}

# --- the folder -------------------------------------------------------------------------------------------------------------------
# DIR/umbel-cluster marks a folder as ours and holds the settings; DIR/<name>/ holds one node: node.conf, port, pid, id, role, log.

readonly marker=umbel-cluster

save_settings() {
    printf 'server=%q\ncli=%q\npassword=%q\nstandalone=%q\nnode_timeout=%q\nnetwork=%q\ntls=%q\nsentinel_password=%q\n' \
        "$server" "$cli" "$password" "$standalone" "$node_timeout" "$network" "$tls" "$sentinel_password" > "$dir/$marker"
}

load_settings() {
    [[ -n $dir ]] || fail "--dir is missing"
    [[ -f $dir/$marker ]] || fail "$dir holds no cluster"
    dir=$(cd "$dir" && pwd -P)
    # shellcheck disable=SC1090
    source "$dir/$marker"
    secure=()
    [[ -z $tls ]] || secure=(--tls --insecure --cert "$tls/client.crt" --key "$tls/client.key")
    export REDISCLI_AUTH=$password
    [[ -n $password ]] || unset REDISCLI_AUTH
}

# All node names, n1 n2 …, in order; those that NAME means when it is given.
names() {
    local wanted=${1:-all} index
    if [[ $wanted != all ]]; then
        [[ -d $dir/$wanted && -f $dir/$wanted/node.conf ]] || fail "no node named $wanted"
        printf '%s\n' "$wanted"
        return
    fi
    for ((index = 1; ; ++index)); do
        [[ -d $dir/n$index ]] || return 0
        printf 'n%s\n' "$index"
    done
}

port_of() { printf '%s' "$(< "$dir/$1/port")"; }
host_of() { if [[ $network == yes ]]; then printf '10.77.0.%s' "${1#n}"; else printf '127.0.0.1'; fi; }

write_nodes() {
    local name
    for name in $(names); do
        printf '%s %s %s %s %s\n' "$name" "$(port_of "$name")" "$(< "$dir/$name/pid")" "$(< "$dir/$name/role")" "$(< "$dir/$name/id")"
    done > "$dir/.nodes.new"
    mv "$dir/.nodes.new" "$dir/nodes"
}

# --- processes --------------------------------------------------------------------------------------------------------------------

# The state letter of a process, empty when it is gone.
process_state() {
    local stat
    { stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 0
    stat=${stat##*) }
    printf '%s' "${stat%% *}"
}

# True when the recorded process is still the very server we started: it works in that node's folder.
is_ours() {
    local pid
    { pid=$(< "$dir/$1/pid"); } 2> /dev/null || return 1
    [[ -n $pid && $(readlink "/proc/$pid/cwd" 2> /dev/null) == "$dir/$1" ]]
}

# True when it is ours and not frozen.
is_running() {
    is_ours "$1" && [[ $(process_state "$(< "$dir/$1/pid")") != T ]]
}

signal_node() {
    is_ours "$2" && kill "-$1" "$(< "$dir/$2/pid")" 2> /dev/null
}

kill_node() {
    local pid
    is_ours "$1" || return 0
    pid=$(< "$dir/$1/pid")
    kill -KILL "$pid" 2> /dev/null
    while is_ours "$1"; do sleep 0.01; done
}

# Ports stay below the range that the kernel hands out for outgoing connections; the bus port is the port plus 10000.
readonly port_first=10500 port_last=21900

port_is_free() {
    local hex
    printf -v hex ':%04X ' "$1"
    ! grep -q "^ *[0-9]*: [0-9A-F]*$hex" /proc/net/tcp /proc/net/tcp6 2> /dev/null
}

# Sets `port` to one that nobody uses now; `taken` keeps those already handed out in this run.
declare -A taken=()
pick_port() {
    local try
    for ((try = 0; try < 500; ++try)); do
        port=$((port_first + (RANDOM * 32768 + RANDOM) % (port_last - port_first)))
        [[ -z ${taken[$port]:-} ]] || continue
        port_is_free "$port" && port_is_free $((port + 10000)) || continue
        taken[$port]=1
        return
    done
    fail "no free port between $port_first and $port_last"
}

is_sentinel() { [[ -f $dir/$1/sentinel ]]; }

# A sentinel keeps in its file what it learns: it is written once.
write_sentinel_conf() {
    local name=$1
    {
        printf 'bind 127.0.0.1\nprotected-mode no\ndir "%s"\nlogfile "%s"\ndaemonize no\n' "$dir/$name" "$dir/$name/log"
        if [[ -n $tls ]]; then
            printf 'port 0\ntls-port %s\ntls-replication yes\ntls-auth-clients optional\n' "$port"
            printf 'tls-ca-cert-file "%s"\ntls-cert-file "%s"\ntls-key-file "%s"\n' "$tls/ca.crt" "$tls/server.crt" "$tls/server.key"
        else
            printf 'port %s\n' "$port"
        fi
        printf 'sentinel monitor mymaster 127.0.0.1 %s %s\n' "$(port_of n1)" $((sentinels / 2 + 1))
        printf 'sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 6000\n'
        printf 'sentinel parallel-syncs mymaster 2\n'
        [[ -z $password ]] || printf 'sentinel auth-pass mymaster "%s"\n' "$password"
        [[ -z $sentinel_password ]] || printf 'requirepass "%s"\nsentinel sentinel-pass "%s"\n' "$sentinel_password" "$sentinel_password"
    } > "$dir/$name/node.conf"
    printf '%s\n' "$port" > "$dir/$name/port"
}

write_conf() {
    local name=$1 line
    if is_sentinel "$name"; then
        [[ -f $dir/$name/node.conf && $(port_of "$name") == "$port" ]] || write_sentinel_conf "$name"
        return
    fi
    {
        if [[ $network == yes ]]; then printf 'bind 0.0.0.0\nprotected-mode no\n'; else printf 'bind 127.0.0.1\n'; fi
        if [[ -n $tls ]]; then
            printf 'port 0\ntls-port %s\ntls-replication yes\ntls-auth-clients optional\n' "$port"
            printf 'tls-ca-cert-file "%s"\ntls-cert-file "%s"\ntls-key-file "%s"\n' "$tls/ca.crt" "$tls/server.crt" "$tls/server.key"
            [[ $standalone == yes ]] || printf 'tls-cluster yes\n'
        else
            printf 'port %s\n' "$port"
        fi
        printf 'dir "%s"\nlogfile "%s"\ndaemonize no\n' "$dir/$name" "$dir/$name/log"
        printf 'save ""\nappendonly no\nenable-debug-command local\n'
        printf 'repl-diskless-sync yes\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n'
        [[ -z $password ]] || printf 'requirepass "%s"\nmasterauth "%s"\n' "$password" "$password"
        if [[ $standalone == no ]]; then
            printf 'cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout %s\n' "$node_timeout"
            printf 'cluster-replica-validity-factor 0\ncluster-port %s\n' $((port + 10000))
        fi
        while IFS= read -r line; do
            line=${line//'{name}'/$name} line=${line//'{port}'/$port} line=${line//'{dir}'/"$dir/$name"}
            [[ -z $line ]] || printf '%s\n' "$line"
        done < "$dir/conf"
    } > "$dir/$name/node.conf"
    printf '%s\n' "$port" > "$dir/$name/port"
}

# Becomes a command that outlives this script and holds none of its open files; only ever called with `&`.
detached() {
    local fd
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        ((fd <= 2 || fd == 255)) || eval "exec $fd>&-" 2> /dev/null
    done
    trap - EXIT INT TERM HUP
    exec setsid "$@" < /dev/null > /dev/null 2>&1
}

launch() {
    local program=$server mode=()
    # Who was started again as another server stays that one.
    [[ ! -f $dir/$1/server ]] || program=$(< "$dir/$1/server")
    if [[ $network == yes ]]; then
        detached unshare --net "$program" "$dir/$1/node.conf" &
    else
        ! is_sentinel "$1" || mode=(--sentinel)
        detached "$program" "$dir/$1/node.conf" ${mode[@]+"${mode[@]}"} &
    fi
    printf '%s\n' "$!" > "$dir/$1/pid"
    disown
    [[ $network == no ]] || plug_in "$1" || fail "cannot give $1 a network of its own"
}

ask() { # ask NAME ARGS…: one command to one node, never longer than two seconds
    local name=$1
    shift
    if is_sentinel "$name"; then local -x REDISCLI_AUTH=$sentinel_password; [[ -n $sentinel_password ]] || unset REDISCLI_AUTH; fi
    timeout 2 "$cli" ${secure[@]+"${secure[@]}"} -h "$(host_of "$name")" -p "$(port_of "$name")" "$@" 2> /dev/null
}

# Waits until a launched node answers; 1 when its process ended first (a port was taken after we looked).
wait_answer() {
    local name=$1 started=$SECONDS pid answer
    pid=$(< "$dir/$name/pid")
    while :; do
        answer=$(ask "$name" ping)
        # Our own server must be the one that answers, not a stranger on the same port.
        if [[ $answer == PONG* || $answer == NOAUTH* ]] && is_ours "$name"; then return 0; fi
        [[ -n $(process_state "$pid") && $(process_state "$pid") != Z ]] || return 1
        ((SECONDS - started < timeout_seconds)) || return 1
        sleep 0.02
    done
}

# Starts a node, on a new port each time the one chosen turned out to be taken.
launch_checked() {
    local name=$1 try
    for ((try = 0; try < 8; ++try)); do
        launch "$name"
        wait_answer "$name" && return
        kill_node "$name"
        grep -q -i -E 'address already in use|failed listening' "$dir/$name/log" 2> /dev/null || break
        pick_port
        write_conf "$name"
    done
    printf -- '--- last lines of the log of %s\n' "$name" >&2
    tail -n 12 "$dir/$name/log" >&2 2> /dev/null || "$server" "$dir/$name/node.conf" --port 0 2>&1 | tail -n 12 >&2
    fail "$server did not start for $name"
}

# --- the cluster ------------------------------------------------------------------------------------------------------------------

# Sends the lines of the standard input to a node as one conversation; every answer must be OK.
tell() {
    local answers
    answers=$(ask "$1") || fail "$1 does not answer"
    if grep -q -v '^OK$' <<< "$answers"; then fail "$1 answered: $(grep -m 1 -v '^OK$' <<< "$answers")"; fi
}

# Gives each primary its share of the slots, then makes all nodes known to each other. Two rounds: a config epoch can be set only
# by a node that has met nobody yet.
join_nodes() {
    local index other
    for ((index = 1; index <= primaries; ++index)); do
        printf 'cluster set-config-epoch %s\ncluster addslotsrange %s %s\n' \
            "$index" $((16384 * (index - 1) / primaries)) $((16384 * index / primaries - 1)) | tell "n$index" || exit 1
    done
    for ((index = 1; index < total; ++index)); do
        for ((other = index + 1; other <= total; ++other)); do
            printf 'cluster meet %s %s\n' "$(host_of "n$other")" "$(port_of "n$other")"
        done | tell "n$index" || exit 1
    done
}

# A node can replicate only a primary it has already heard of, so this asks until it has.
attach_replicas() {
    local index primary
    for ((index = primaries + 1; index <= total; ++index)); do
        primary=n$(((index - 1) % primaries + 1))
        until [[ $(ask "n$index" cluster replicate "$(< "$dir/$primary/id")") == OK ]]; do
            ((SECONDS < deadline)) || fail "n$index could not become a replica of $primary"
            sleep 0.05
        done
    done
}

# Makes the servers of a group follow the first one.
follow_first() {
    local index
    for ((index = 2; index <= total; ++index)); do
        printf 'replicaof %s %s\n' "$(host_of n1)" "$(port_of n1)" | tell "n$index" || exit 1
        until [[ $(ask "n$index" info replication) == *master_link_status:up* ]]; do
            ((SECONDS < deadline)) || fail "n$index does not follow n1"
            sleep 0.05
        done
    done
}

# Starts the sentinels and waits until each knows the others and the replicas.
start_sentinels() {
    local index name text
    for ((index = total + 1; index <= total + sentinels; ++index)); do
        name=n$index
        mkdir "$dir/$name"
        touch "$dir/$name/sentinel"
        pick_port
        write_conf "$name"
        launch_checked "$name"
        echo sentinel > "$dir/$name/role"
        echo - > "$dir/$name/id"
    done
    for ((index = total + 1; index <= total + sentinels; ++index)); do
        until text=$(ask "n$index" info sentinel) && [[ $text == *"slaves=$((total - 1)),sentinels=$sentinels"* ]]; do
            ((SECONDS < deadline)) || fail "n$index does not know the group: $text"
            sleep 0.1
        done
    done
}

# True when one node sees a whole cluster: state ok, nobody in handshake, its own replication link (if any) up and, with `strict`,
# all nodes connected, all replicas known as such and none of them still called loading.
node_is_ready() {
    local name=$1 strict=$2 text
    text=$(printf 'cluster info\ncluster nodes\ninfo replication\ncluster shards\n' | ask "$name") || return 1
    text=${text//$'\r'/}
    [[ $text == *cluster_state:ok* && $text != *handshake* && $text != *master_link_status:down* ]] || return 1
    [[ $text != *master_sync_in_progress:1* ]] || return 1
    [[ $strict == strict ]] || return 0
    [[ $text == *"cluster_known_nodes:$total"* && $text != *disconnected* && $text != *fail[,\ ?]* ]] || return 1
    (($(grep -c -E '^[0-9a-f]{40} .*[ ,]slave[ ,]' <<< "$text") == total - primaries)) || return 1
    ! grep -q -x loading <<< "$text"
}

wait_ready() {
    local name strict=$1
    for name in $(names); do
        if [[ $strict != strict ]] && ! is_running "$name"; then continue; fi
        if is_sentinel "$name"; then continue; fi
        if [[ $standalone == yes ]]; then
            until [[ $(ask "$name" info persistence) == *loading:0* ]]; do
                ((SECONDS < deadline)) || fail "$name is not ready"
                sleep 0.05
            done
            continue
        fi
        until node_is_ready "$name" "$strict"; do
            if ((SECONDS >= deadline)); then
                { ask "$name" cluster info | head -n 5; ask "$name" cluster nodes; } >&2
                fail "$name does not see a whole cluster after $timeout_seconds s"
            fi
            sleep 0.05
        done
    done
}

stop_all() {
    local name
    for name in $(names); do kill_node "$name"; done
    [[ $network == no ]] || ip link delete "$bridge" 2> /dev/null
    [[ -f $dir/$marker ]] && rm -rf -- "$dir"
}

# Ends the cluster when the process that wanted it is gone, however it went: without this a killed test run would leave servers behind.
watch_process() {
    local pid=$1 state born
    load_settings
    cd / || exit 1
    born=$(process_birth "$pid")
    while [[ -f $dir/$marker ]]; do
        state=$(process_state "$pid")
        if [[ -z $state || $state == Z || $(process_birth "$pid") != "$born" ]]; then
            stop_all
            return
        fi
        sleep 0.5
    done
}

process_birth() {
    local stat
    { stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 0
    stat=${stat##*) }
    cut -d ' ' -f 20 <<< "$stat"
}

# --- commands ---------------------------------------------------------------------------------------------------------------------

find_programs() {
    server=$(command -v "$server" 2> /dev/null) || fail "$server is not installed"
    case ${server##*/} in
        valkey*) cli=$(command -v valkey-cli || command -v redis-cli || command -v "${server%/*}/valkey-cli") ;;
        *) cli=$(command -v redis-cli || command -v valkey-cli || command -v "${server%/*}/redis-cli") ;;
    esac || fail "neither redis-cli nor valkey-cli is installed"
}

start() {
    local index name file
    server=${server:-redis-server}
    [[ -n $dir ]] || fail "--dir is missing"
    [[ ! -e $dir/$marker ]] || fail "$dir already holds a cluster"
    if [[ -e $dir && -n $(ls -A "$dir" 2> /dev/null) ]]; then fail "$dir is not empty"; fi
    if [[ $standalone == yes ]]; then primaries=1; [[ $group == yes ]] || replicas=0; fi
    [[ $group == yes ]] || ((sentinels == 0)) || fail "sentinels watch a --group"
    [[ -z $tls ]] || tls=$(cd "$tls" && pwd -P) || fail "there is no folder $tls"
    for file in ca.crt server.crt server.key client.crt client.key; do
        [[ -z $tls || -f $tls/$file ]] || fail "there is no $file in $tls"
    done
    ((primaries >= 1 && replicas >= 0 && primaries * (replicas + 1) <= 64)) || fail "between 1 and 64 nodes, please"
    find_programs
    mkdir -p "$dir" || fail "cannot make $dir"
    dir=$(cd "$dir" && pwd -P)
    save_settings
    load_settings
    trap 'status=$?; ((status == 0)) || stop_all; exit "$status"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '%s\n' ${conf[@]+"${conf[@]}"} > "$dir/conf"
    total=$((primaries * (replicas + 1)))
    [[ $network == no ]] || build_bridge || fail "cannot make a bridge"
    deadline=$((SECONDS + timeout_seconds))
    for ((index = 1; index <= total; ++index)); do
        name=n$index
        mkdir "$dir/$name"
        pick_port
        write_conf "$name"
        launch "$name"
    done
    for name in $(names); do
        wait_answer "$name" || { kill_node "$name"; rm -f "$dir/$name/log"; pick_port; write_conf "$name"; launch_checked "$name"; }
    done
    for ((index = 1; index <= total; ++index)); do
        name=n$index
        if [[ $standalone == yes ]]; then
            if [[ $group == no ]]; then echo standalone; elif ((index == 1)); then echo primary; else echo replica; fi > "$dir/$name/role"
            echo - > "$dir/$name/id"
        else
            if ((index <= primaries)); then echo primary; else echo replica; fi > "$dir/$name/role"
            ask "$name" cluster myid > "$dir/$name/id"
        fi
    done
    if [[ $standalone == no ]]; then
        join_nodes
        attach_replicas
    else
        follow_first
        start_sentinels
    fi
    wait_ready strict
    write_nodes
    if [[ -n $watched ]]; then detached bash "$script" watch --dir "$dir" --watch "$watched" & fi
    while read -r name port _ role _; do printf '%s %s:%s %s\n' "$name" "$(host_of "$name")" "$port" "$role"; done < "$dir/nodes"
}

status() {
    local name state role slots line
    load_settings
    for name in $(names); do
        role=- slots=-
        if ! is_ours "$name"; then
            state=dead
        elif [[ $(process_state "$(< "$dir/$name/pid")") == T ]]; then
            state=frozen
        else
            state=alive
            role=$(ask "$name" role | head -n 1)
            line=$(ask "$name" cluster nodes | grep -m 1 myself)
            slots=$(cut -d ' ' -f 9- <<< "$line")
        fi
        case $role in
            master) role=primary ;;
            slave) role=replica ;;
        esac
        printf '%s %s:%s pid %s %s %s %s\n' "$name" "$(host_of "$name")" "$(port_of "$name")" "$(< "$dir/$name/pid")" "$state" "$role" "${slots:--}"
    done
}

# A node killed soon after a role change may have saved a replica with another shard id than its primary's; Valkey 8.0 calls that a
# corrupted file and will not start. This gives each replica the shard id of its primary.
align_shard_ids() {
    [[ -f $1 ]] || return 0
    awk 'match($0, /shard-id=[0-9a-f]+/) { shard = substr($0, RSTART, RLENGTH) } { line[NR] = $0 }
         $3 ~ /master/ { of[$1] = shard } $3 ~ /slave/ { primary[NR] = $4 }
         END { for (i = 1; i <= NR; ++i) { if (primary[i] in of) sub(/shard-id=[0-9a-f]+/, of[primary[i]], line[i]); print line[i] } }' \
        "$1" > "$1.new" && mv "$1.new" "$1"
}

restart_node() {
    local name=$1 other
    signal_node CONT "$name"
    kill_node "$name"
    [[ -z $given_server ]] || command -v "$given_server" > "$dir/$name/server" || fail "$given_server is not installed"
    if [[ $new_port == yes ]]; then
        pick_port
    else
        port=$(port_of "$name")
    fi
    write_conf "$name"
    rm -f "$dir/$name/log"
    align_shard_ids "$dir/$name/nodes.conf"
    launch_checked "$name"
    [[ $standalone == no ]] || return 0
    # The others may have moved while this node was away: tell it where they are now.
    for other in $(names); do
        if [[ $other != "$name" ]] && is_running "$other"; then ask "$name" cluster meet "$(host_of "$other")" "$(port_of "$other")" > /dev/null; fi
    done
}

node() {
    local verb=${words[0]:-} wanted=${words[1]:-} name list
    given_server=$server
    load_settings
    [[ -n $wanted ]] || fail "node: a verb and a NAME, please"
    list=$(names "$wanted") || exit 1
    for name in $list; do
        case $verb in
            kill9) kill_node "$name" ;;
            freeze) signal_node STOP "$name" || fail "$name is not alive" ;;
            thaw) signal_node CONT "$name" || fail "$name is not alive" ;;
            restart) restart_node "$name" ;;
            cut) ip link set "$bridge-$name" down || fail "$name has no network of its own" ;;
            mute) in_network_of "$name" ip route add blackhole "$caller" || fail "$name has no network of its own" ;;
            rejoin) rejoin_node "$name" || fail "$name has no network of its own" ;;
            *) fail "node: unknown verb '$verb'" ;;
        esac
    done
    write_nodes
}

script=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/${BASH_SOURCE[0]##*/}
# shellcheck source=cluster_network.sh
source "${script%/*}/cluster_network.sh"
command=${1:-}
[[ $# -gt 0 ]] && shift
dir='' server='' cli='' primaries=3 replicas=1 standalone=no password='' node_timeout=2000 timeout_seconds=30 watched=''
network=no tls='' secure=() group=no sentinels=0 sentinel_password=''
new_port=no conf=() words=()
while (($#)); do
    case $1 in
        --dir) dir=${2:-} ; shift ;;
        --server) server=${2:-} ; shift ;;
        --primaries) primaries=${2:-} ; shift ;;
        --replicas) replicas=${2:-} ; shift ;;
        --standalone) standalone=yes ;;
        --group) standalone=yes group=yes ;;
        --sentinels) sentinels=${2:-} ; shift ;;
        --sentinel-password) sentinel_password=${2:-} ; shift ;;
        --password) password=${2:-} ; shift ;;
        --tls) tls=${2:-} ; shift ;;
        --conf) conf+=("${2:-}") ; shift ;;
        --node-timeout) node_timeout=${2:-} ; shift ;;
        --timeout) timeout_seconds=${2:-} ; shift ;;
        --watch) watched=${2:-} ; shift ;;
        --new-port) new_port=yes ;;
        --network) network=yes ;;
        -h | --help) usage ; exit 0 ;;
        --*) [[ $command == cli ]] || fail "unknown option '$1'" ; words+=("$1") ;;
        *)
            words+=("$1")
            # Everything after the node's name belongs to the command line tool.
            if [[ $command == cli ]]; then shift; words+=("$@"); break; fi
            ;;
    esac
    shift || break
done

case $command in
    start) start ;;
    stop)
        [[ -e $dir ]] || exit 0
        load_settings
        stop_all
        ;;
    wait)
        load_settings
        deadline=$((SECONDS + timeout_seconds))
        wait_ready lax
        ;;
    status) status ;;
    watch) watch_process "$watched" ;;
    cli)
        load_settings
        exec "$cli" ${secure[@]+"${secure[@]}"} -h "$(host_of "${words[0]:?a node name}")" -p "$(port_of "${words[0]:?a node name}")" "${words[@]:1}"
        ;;
    node) node ;;
    '' | help | -h | --help) usage ;;
    *) usage >&2 ; fail "unknown command '$command'" ;;
esac

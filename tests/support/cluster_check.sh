#!/usr/bin/env bash
# cluster_check.sh SERVER: shows that cluster.sh does what the other tests rely on: starts, disturbs, restarts, ends with whoever asked for it.
set -euo pipefail

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cluster=$support/cluster.sh
folder=$(mktemp -d)
dir=$folder/cluster
owner=''
trap '[[ -z $owner ]] || kill "$owner" 2> /dev/null; "$cluster" stop --dir "$dir"; rm -rf "$folder"' EXIT

expect() { # expect WHAT COMMAND…: the command succeeds
    local what=$1
    shift
    if "$@" > "$folder/output" 2>&1; then
        printf 'ok: %s\n' "$what"
    else
        printf 'not ok: %s\n' "$what"
        cat "$folder/output"
        exit 1
    fi
}
status_has() {
    "$cluster" status --dir "$dir" > "$folder/status"
    grep -q -E "$1" "$folder/status" || { cat "$folder/status"; return 1; }
}
all_gone() { # all_gone PID…: within five seconds no process works below the folder any more
    local try pid alive
    for ((try = 0; try < 50; ++try)); do
        alive=no
        for pid in "$@"; do [[ $(readlink "/proc/$pid/cwd" 2> /dev/null) != "$dir"/* ]] || alive=yes; done
        [[ $alive == yes ]] || return 0
        sleep 0.1
    done
    return 1
}

sleep 600 > /dev/null 2>&1 &
owner=$!
disown
expect "a cluster starts" "$cluster" start --dir "$dir" --server "$1" --password 'two words' --watch "$owner" --node-timeout 1000
mapfile -t pids < <(cut -d ' ' -f 3 "$dir/nodes")
expect "it has six nodes" test "$(wc -l < "$dir/nodes")" = 6
expect "n1 serves the first third of the slots" status_has '^n1 .* alive primary 0-5460$'
expect "n4 is a replica" status_has '^n4 .* alive replica'
expect "a second start in the same folder is refused" bash -c "! '$cluster' start --dir '$dir'"
expect "commands reach a node" bash -c "'$cluster' cli --dir '$dir' n3 -c set key value | grep -q OK"
expect "a node is frozen" "$cluster" node --dir "$dir" freeze n2
expect "which status tells" status_has '^n2 .* frozen'
expect "and thawed" "$cluster" node --dir "$dir" thaw n2
port=$(sed -n 's/^n1 \([0-9]*\) .*/\1/p' "$dir/nodes")
expect "a node is killed" "$cluster" node --dir "$dir" kill9 n1
expect "which status tells" status_has '^n1 .* dead'
expect "and started again on another port" "$cluster" node --dir "$dir" restart n1 --new-port
expect "the port is another" test "$(sed -n 's/^n1 \([0-9]*\) .*/\1/p' "$dir/nodes")" != "$port"
expect "the cluster is whole again" "$cluster" wait --dir "$dir"
mapfile -t pids < <(cut -d ' ' -f 3 "$dir/nodes")
kill -KILL "$owner"
owner=''
expect "the servers end with the process that asked for them" all_gone "${pids[@]}"
expect "and so does the folder" bash -c "sleep 0.5; test ! -e '$dir'"
expect "one stand-alone server starts" "$cluster" start --dir "$dir" --server "$1" --standalone --conf 'maxmemory 64mb'
expect "with the line given" bash -c "'$cluster' cli --dir '$dir' n1 config get maxmemory | grep -q 67108864"
expect "and stops" "$cluster" stop --dir "$dir"

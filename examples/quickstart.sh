#!/usr/bin/env bash
# quickstart.sh: shows umbel on a real cluster, from nothing. Installs what is missing, builds the example, starts three primaries and three
# replicas on free loopback ports in a temporary folder, and runs the example with one node only as seed: a replica.
#
# The program gets that seed (host:port) as its argument and finds in its environment UMBEL_CLUSTER_DIR, the cluster's folder, and
# UMBEL_CLUSTER_SCRIPT, the script that disturbs it (see tests/support/cluster.sh --help).
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: examples/quickstart.sh [--server redis-server|valkey-server]
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
server=redis-server
while (($#)); do
    case $1 in
        --server) server=${2:-}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift || break
done

# shellcheck source=../tests/support/build.sh
source "$root/tests/support/build.sh"
"$root/tests/support/setup.sh" quickstart

build=$root/.build/quickstart
umbel_configure "$build" "$(umbel_compiler no)" "-O1" \
    -DUMBEL_BUILD_TESTS=OFF -DUMBEL_BUILD_EXAMPLES=ON -DUMBEL_BUILD_BENCHMARKS=OFF
umbel_build "$build" --target quickstart

export UMBEL_CLUSTER_SCRIPT=$root/tests/support/cluster.sh
folder=$(mktemp -d "${TMPDIR:-/tmp}/umbel-quickstart.XXXXXX")
export UMBEL_CLUSTER_DIR=$folder/cluster
trap '"$UMBEL_CLUSTER_SCRIPT" stop --dir "$UMBEL_CLUSTER_DIR"; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

umbel_say "starting a cluster of $server: 3 primaries, 3 replicas"
"$UMBEL_CLUSTER_SCRIPT" start --dir "$UMBEL_CLUSTER_DIR" --server "$server" --watch $$
seed=$(awk '$4 == "replica" { print "127.0.0.1:" $2; exit }' "$UMBEL_CLUSTER_DIR/nodes")
"$build/examples/quickstart" "$seed"

#!/usr/bin/env bash
# benchmarks/run.sh: installs what is missing, builds every benchmark, starts real servers, measures umbel beside its peers and the floors,
# and writes benchmarks/results/: results.md and SVG charts.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: benchmarks/run.sh [--quick] [--only NAME]… [--build-only] [--results DIR]

  --quick        about two minutes: fewer and shorter rounds, GET of 16 bytes only, what has a limit
  --only NAME    one part, may be repeated: paired, sweep, sizes, io_uring, redis-benchmark, outstanding, system_calls, threads, large_value, tls, parser, encode, slot, slot_table, topology, instructions, compile_time
  --build-only   build, do not run
  --results DIR  where the results go (default: benchmarks/results; with --quick or --only a folder below .build)
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
parts=(paired sweep sizes io_uring redis-benchmark outstanding system_calls threads large_value tls parser encode slot slot_table topology instructions compile_time)
only=() run=yes quick=no results=''
while (($#)); do
    case $1 in
        --quick) quick=yes ;;
        --only)
            [[ " ${parts[*]} " == *" ${2:-} "* ]] || { printf 'run.sh: --only takes one of: %s\n' "${parts[*]}" >&2; exit 2; }
            only+=("$2"); shift ;;
        --build-only) run=no ;;
        --results) results=${2:?a folder}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

# shellcheck source=../tests/support/build.sh
source "$root/tests/support/build.sh"
"$root/tests/support/setup.sh" benchmarks

build=$root/.build/benchmarks
umbel_configure "$build" "$(umbel_compiler no)" "-O2 -DNDEBUG -g1" \
    -DUMBEL_BUILD_TESTS=OFF -DUMBEL_BUILD_EXAMPLES=OFF -DUMBEL_BUILD_BENCHMARKS=ON
umbel_build "$build"
[[ $run == yes ]] || exit 0

# Shortened runs never replace the full results.
if [[ -z $results ]]; then
    results=$root/benchmarks/results
    if [[ $quick == yes || ${#only[@]} -gt 0 ]]; then results=$build/results; fi
fi
mkdir -p "$results"
work=$(mktemp -d)
csv=$work/measured.csv
: > "$csv"
programs=$build/benchmarks
started=$SECONDS

wanted() {
    local one
    ((${#only[@]})) || return 0
    for one in "${only[@]}"; do [[ $one == "$1" ]] && return; done
    return 1
}

cleanup() {
    local place
    for place in node cluster tls; do "$root/tests/support/cluster.sh" stop --dir "$work/$place" > /dev/null 2>&1 || true; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- where it runs ----------------------------------------------------------------------------------------------------------------
# With two cores or more, the servers have the last one to themselves and the client the first, so that they do not push each other around.
cores=$(nproc) client=() pinning='nothing is pinned'
if ((cores >= 2)) && command -v taskset > /dev/null; then
    client=(taskset -c 0)
    pinning="client on core 0, servers on core $((cores - 1))"
fi

start_servers() {
    local pid
    umbel_say "starting one server and a cluster of 3 primaries ($pinning)"
    "$root/tests/support/cluster.sh" start --dir "$work/node" --standalone --watch $$ > /dev/null
    "$root/tests/support/cluster.sh" start --dir "$work/cluster" --primaries 3 --replicas 0 --watch $$ > /dev/null
    if ((${#client[@]})); then
        for pid in $(cut -d ' ' -f 3 "$work/node/nodes" "$work/cluster/nodes"); do taskset -a -c -p $((cores - 1)) "$pid" > /dev/null || true; done
    fi
    node_port=$(awk 'NR == 1 { print $2 }' "$work/node/nodes")
    cluster_port=$(awk 'NR == 1 { print $2 }' "$work/cluster/nodes")
    servers=(--node "127.0.0.1:$node_port" --cluster "127.0.0.1:$cluster_port")
}

# One server that listens for TLS and, for what fills it, without; its certificate signs itself.
start_tls_server() {
    local folder=$work/certificates name port
    mkdir "$folder"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=benchmark -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$folder/server.key" -out "$folder/server.crt" 2> "$work/openssl" || { cat "$work/openssl"; return 1; }
    for name in ca.crt client.crt; do cp "$folder/server.crt" "$folder/$name"; done
    cp "$folder/server.key" "$folder/client.key"
    "$root/tests/support/cluster.sh" start --dir "$work/tls" --standalone --tls "$folder" --watch $$ > /dev/null || return 1
    tls_port=$(awk 'NR == 1 { print $2 }' "$work/tls/nodes")
    for ((port = tls_port + 1; port < tls_port + 50; ++port)); do
        [[ $("$root/tests/support/cluster.sh" cli --dir "$work/tls" n1 config set port "$port") != OK ]] || break
    done
    plain_port=$port
    if ((${#client[@]})); then taskset -a -c -p $((cores - 1)) "$(awk 'NR == 1 { print $3 }' "$work/tls/nodes")" > /dev/null || true; fi
}

environment() {
    local asio boost
    boost=$(cat "$root/.build/boost/usr/include/boost/version.hpp" /usr/include/boost/version.hpp 2> /dev/null | sed -n 's/^#define BOOST_LIB_VERSION "\(.*\)"/\1/p' | head -n 1) || true
    asio=$(printf '#include <asio/version.hpp>\nASIO_VERSION\n' | "$(umbel_compiler no)" -E -P -x c++ - 2> /dev/null | tail -n 1)
    printf '%s\n' \
        "Written by \`benchmarks/run.sh$([[ $quick == no ]] || printf ' --quick')\` on $(date -u +%Y-%m-%d)." \
        '' \
        "* Machine: $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $cores cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $(uname -sr)" \
        "* Load when it began: $load; $pinning" \
        "* umbel $(sed -n 's/^#define UMBEL_VERSION "\(.*\)"/\1/p' "$root/include/umbel/config.hpp"), commit $(commit)" \
        "* $("$(umbel_compiler no)" --version | head -n 1), -O2; Asio $((asio / 100000)).$((asio / 100 % 1000)).$((asio % 100)); $(redis-server --version | cut -d ' ' -f 1-3)" \
        "* hiredis: asynchronous interface on an epoll loop of our own (the cheapest it can have), $(dpkg-query -W -f '${Version}' libhiredis-dev 2> /dev/null || echo 'version unknown')" \
        "* Boost.Redis: of Boost ${boost:-that is not installed}, the request kept from command to command" \
        '' \
        'Client CPU is the CPU time of the client'\''s thread, kernel included; it is what a busy server has less of. Floors do no routing, no parsing beyond' \
        'counting bytes, have no deadlines and build no values: the raw floor is a loop over epoll; the Asio floor is a client as one writes it on Asio alone, each command' \
        'a coroutine that awaits its reply with `use_awaitable`. Beside it stands the same without a coroutine a command, the least that anything on Asio costs.' \
        'Latencies with many commands outstanding are queueing in the server: what counts is the difference between clients.' \
        'redis-benchmark sends in lock step (a batch, all its replies, the next batch) and starts up within its CPU time: for orientation only.'
}
commit() {
    local hash
    hash=$(git -C "$root" rev-parse --short HEAD 2> /dev/null) || { echo unknown; return; }
    if ! git -C "$root" diff --quiet HEAD -- include benchmarks 2> /dev/null; then hash+=' with changes'; fi
    printf '%s' "$hash"
}

# --- parts ------------------------------------------------------------------------------------------------------------------------

if [[ $quick == yes ]]; then
    paired=(--rounds 12 --seconds 0.12 --only limited) swept=(--rounds 3 --seconds 0.08 --only 'GET 16 (1|50|1000) (raw|asio|umbel|hiredis|boost)$') few=(--rounds 3 --seconds 0.1) micro_rounds=5 compiled=(--rounds 1 --short)
else
    paired=(--rounds 16 --seconds 0.2) swept=(--rounds 3 --seconds 0.1) few=(--rounds 7 --seconds 0.2) micro_rounds=9 compiled=(--rounds 2)
fi
failed=()

# redis-benchmark with one connection and P commands in a pipeline; its CPU time divided by its commands.
redis_benchmark() { # redis_benchmark PLACE PORT OUTSTANDING COMMANDS CLUSTER_OPTION…
    local place=$1 port=$2 outstanding=$3 count=$4 spent rate TIMEFORMAT='%U %S'
    shift 4
    spent=$({ time "${client[@]}" redis-benchmark -p "$port" -c 1 -P "$outstanding" -n "$count" -t get -d 16 -r 4096 --csv "$@" > "$work/rb" 2> /dev/null; } 2>&1 |
        awk -v n="$count" '{ printf "%.1f", ($1 + $2) / n * 1e9 }') || return 0
    rate=$(tr -d '"' < "$work/rb" | awk -F , '$1 == "GET" { print $2 }')
    [[ -n $rate ]] || return 0
    printf 'redis-benchmark, %s, %s in a pipeline: %s a second, %s ns of CPU each\n' "$place" "$outstanding" "$rate" "$spent"
    printf 'sweep,%s,GET,16,%s,redis-benchmark,%s,%s,0,0,0,-1\n' "$place" "$outstanding" "$rate" "$spent" >> "$csv"
}

load=$(cut -d ' ' -f 1-3 /proc/loadavg)
for name in paired sweep sizes io_uring redis-benchmark outstanding system_calls; do
    if wanted "$name"; then
        start_servers
        break
    fi
done

if wanted paired; then
    umbel_say 'side by side: umbel, floors and hiredis in alternating rounds'
    "${client[@]}" "$programs/cluster/commands" paired "${servers[@]}" "${paired[@]}" --csv "$csv" || { (($? == 3)) && failed+=(paired); } || exit 1
fi
if wanted sweep; then
    umbel_say 'all of them at 1 to 1000 outstanding commands, some at 100,000'
    "${client[@]}" "$programs/cluster/commands" sweep "${servers[@]}" "${swept[@]}" --csv "$csv"
fi
if wanted sizes && [[ $quick == no ]]; then
    umbel_say 'values of 1 byte to 16 MiB'
    "${client[@]}" "$programs/cluster/commands" sizes "${servers[@]}" "${swept[@]}" --csv "$csv"
fi
if wanted io_uring && [[ $quick == no && -x $programs/cluster/commands_uring ]]; then
    umbel_say 'Asio on io_uring beside Asio on epoll'
    for outstanding in 1 50 1000; do
        count=$((outstanding == 1 ? 20000 : 400000))
        for round in 1 2 3 4 5 6 7 8 9; do
            for program in commands commands_uring; do
                "${client[@]}" "$programs/cluster/$program" once --node "127.0.0.1:$node_port" --only umbel --outstanding "$outstanding" --operations "$count" |
                    awk '{ printf "%s ", $2 }'
            done
            echo
        done | awk '{ print $1, $2, $2 / $1 }' | sort -g -k 3,3 | awk -v n="$outstanding" '
            { epoll[NR] = $1; uring[NR] = $2; ratio[NR] = $3 }
            END { printf "io_uring,%s,%s,%s,%.2f,%.2f,%.2f\n", n, epoll[5], uring[5], ratio[1], ratio[5], ratio[9] }' | tee -a "$csv"
    done
fi
if wanted redis-benchmark && command -v redis-benchmark > /dev/null; then
    umbel_say 'redis-benchmark, for orientation'
    for outstanding in 1 10 50 200 1000; do
        [[ $quick == no || $outstanding != @(10|200) ]] || continue
        count=$((outstanding == 1 ? 20000 : 400000))
        [[ $quick == no ]] || count=$((count / 2))
        redis_benchmark node "$node_port" "$outstanding" "$count"
    done
fi
if wanted outstanding; then
    umbel_say '100,000 commands at a time beside 1,000'
    "${client[@]}" "$programs/cluster/outstanding" --node "127.0.0.1:$node_port" "${few[@]}" --csv "$csv"
fi
if wanted system_calls; then
    umbel_say 'system calls, and one command at a time'
    "${client[@]}" "$programs/cluster/system_calls" --node "127.0.0.1:$node_port" "${few[@]}" --csv "$csv"
fi
if wanted threads; then
    umbel_say 'one and two threads behind one client, with a mock responder'
    "$programs/cluster/threads" "${few[@]}" --csv "$csv"
fi
if wanted large_value; then
    umbel_say 'large values'
    "${client[@]}" "$programs/cluster/large_value" "${few[@]}" --csv "$csv"
fi
if wanted tls; then
    umbel_say 'over TLS: umbel, a loop of Asio and OpenSSL, and those of hiredis and Boost.Redis that have TLS here'
    if ! command -v openssl > /dev/null || ! printf '#include <openssl/ssl.h>\n' | "$(umbel_compiler no)" -fsyntax-only -x c++ - 2> /dev/null; then
        umbel_say 'skipped: OpenSSL is not installed'
    elif start_tls_server; then
        "${client[@]}" "$programs/cluster/tls" --node "127.0.0.1:$plain_port" --tls "127.0.0.1:$tls_port" --authority "$work/certificates/ca.crt" \
            "${few[@]}" --csv "$csv" || { (($? == 3)) && failed+=(tls); } || exit 1
    else
        umbel_say 'skipped: the server here speaks no TLS'
    fi
fi
if wanted parser; then
    umbel_say 'parser'
    "$programs/micro/parser_bench" "$micro_rounds" 2> "$work/parser.json"
    sed -n -E 's/.*"corpus":"([^"]*)","contender":"([^"]*)","ns_per_reply":\[([0-9.]+),([0-9.]+),([0-9.]+)\].*/\1|\2|\4|\3|\5/p' "$work/parser.json" |
        tr ',' ';' | sed 's/^/parser|/' | tr '|' ',' >> "$csv"
fi
for name in encode slot slot_table topology; do
    wanted "$name" || continue
    umbel_say "${name//_/ }"
    "$programs/micro/${name}_bench" "$micro_rounds" | tee "$work/$name"
    grep "^${name}_bench," "$work/$name" >> "$csv"
done
if wanted instructions; then
    umbel_say 'instructions of one GET, without sockets'
    "$root/benchmarks/instructions.sh" --program "$programs/micro/instructions" | tee "$work/instructions" || failed+=(instructions)
    sed -n -E 's/^(.*[^ ]) +([0-9.]+)  recorded.*/instructions|\1|\2/p' "$work/instructions" | tr ',' ';' | tr '|' ',' >> "$csv"
fi
if wanted compile_time; then
    umbel_say 'compile time'
    CXX=$(umbel_compiler no) "$root/benchmarks/compile_time/run.sh" "${compiled[@]}" --csv "$csv"
fi

environment | "$programs/report/report" "$csv" "$results" > "$results/results.md"
cp "$csv" "$results/measured.csv"
umbel_say "written in $((SECONDS - started)) s: ${results#"$root"/}/results.md"
if ((${#failed[@]})); then
    umbel_say "limits missed in: ${failed[*]}"
    exit 3
fi

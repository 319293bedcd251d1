#!/usr/bin/env bash
# compile_time/run.sh: what including umbel costs the compiler, beside Asio alone, and what each further typed command adds.
# Compilers run one at a time, in turn; CPU time is compared, so that other work on the machine does not count.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: benchmarks/compile_time/run.sh [--rounds N] [--short] [--csv FILE] [--include DIR] [--flags FLAGS]

  --rounds N    rounds over all sources (default 5)
  --short       only the three whose ratios have a limit
  --csv FILE    append machine-readable lines: compile,<source>,<seconds>
  --include     where umbel stands (default: this repository's include)
  --flags       instead of "-std=c++20 -O2"
  CXX           the compiler (default g++)
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
rounds=5 csv=/dev/null include=$here/../../include flags='-std=c++20 -O2'
own=(asio_include asio_only asio_hello umbel_include umbel_get umbel_one_coroutine umbel_many_commands umbel_client
    umbel_whole_include umbel_hello umbel_src)
peers=(boost_redis_get boost_redis_src hiredis_get redis_plus_plus_get)
while (($#)); do
    case $1 in
        --rounds) rounds=${2:-5}; shift ;;
        --short) own=(asio_only umbel_include umbel_get umbel_client) peers=() ;;
        --csv) csv=${2:-}; shift ;;
        --include) include=${2:-}; shift ;;
        --flags) flags=${2:-}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
compiler=${CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

seconds_for() { # seconds_for SOURCE: user and system time of one compilation
    local TIMEFORMAT='%U %S'
    # shellcheck disable=SC2086
    { time "$compiler" $flags -I"$include" "${boost[@]}" -c "$here/$1.cpp" -o "$work/$1.o" 2> "$work/errors" || { cat "$work/errors" >&3; exit 1; }; } 3>&2 2>&1 |
        awk 'END { printf "%.3f", $1 + $2 }'
}

# Peers that are not installed take no part. Boost has Redis since 1.84; the set-up unpacks it into the build folder.
boost=()
[[ -d $here/../../.build/boost/usr/include ]] && boost=(-isystem "$here/../../.build/boost/usr/include")
sources=("${own[@]}")
for peer in "${peers[@]}"; do
    # shellcheck disable=SC2086
    if "$compiler" $flags "${boost[@]}" -fsyntax-only "$here/$peer.cpp" 2> /dev/null; then
        sources+=("$peer")
    else
        printf '%s is not installed\n' "$peer" >&2
    fi
done

for ((round = 1; round <= rounds; ++round)); do
    for source in "${sources[@]}"; do
        printf '\r  compiling, round %s of %s: %-28s' "$round" "$rounds" "$source" >&2
        spent=$(seconds_for "$source")
        printf '%s %s\n' "$source" "$spent" >> "$work/times"
    done
done
printf '\r%70s\r' '' >&2

sort -k1,1 -k2,2n "$work/times" | awk -v csv="$csv" -v order="${sources[*]}" '
    { times[$1] = times[$1] " " $2; ++count[$1] }
    function median(name,   list) { split(times[name], list, " "); n = count[name]; return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2 }
    function held(what, name, limit,   ratio) {
        if (!count[name]) return
        ratio = median(name) / asio
        printf "%s: %.2f times Asio with one coroutine (limit %s: %s)\n", what, ratio, limit, ratio <= limit ? "passed" : "MISSED"
    }
    END {
        asio = median("asio_only")
        printf "| compiled | seconds of CPU, median | to Asio with one coroutine |\n|---|---|---|\n"
        for (i = 1; i <= split(order, names, " "); ++i) {
            printf "| %s | %.2f | %.2f |\n", names[i], median(names[i]), median(names[i]) / asio
            printf "compile,%s,%.3f\n", names[i], median(names[i]) >> csv
        }
        printf "\n"
        held("a file that includes <umbel/client.hpp>", "umbel_include", 1.3)
        held("a file that sends a command", "umbel_get", 1.5)
        held("a file that constructs a client", "umbel_client", 3)
        if (!count["umbel_many_commands"]) exit
        each = (median("umbel_many_commands") - median("umbel_one_coroutine")) * 100
        printf "each further typed command, of five result types: %.0f ms\n", each
    }'

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
# What ends in _apart is compiled with UMBEL_SEPARATE_COMPILATION: what is no template is in another object file.
sources=(asio_include asio_only umbel_include umbel_get umbel_get_apart umbel_one_coroutine_apart umbel_many_commands_apart umbel_src)
while (($#)); do
    case $1 in
        --rounds) rounds=${2:-5}; shift ;;
        --short) sources=(asio_only umbel_get umbel_get_apart) ;;
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
    local apart=()
    [[ $1 == *_apart || $1 == umbel_src ]] && apart=(-DUMBEL_SEPARATE_COMPILATION)
    # shellcheck disable=SC2086
    { time "$compiler" $flags "${apart[@]}" -I"$include" -c "$here/${1%_apart}.cpp" -o "$work/$1.o" 2> "$work/errors" || { cat "$work/errors" >&3; exit 1; }; } 3>&2 2>&1 |
        awk 'END { printf "%.3f", $1 + $2 }'
}

for ((round = 1; round <= rounds; ++round)); do
    for source in "${sources[@]}"; do
        printf '\r  compiling, round %s of %s: %-28s' "$round" "$rounds" "$source" >&2
        spent=$(seconds_for "$source")
        printf '%s %s\n' "$source" "$spent" >> "$work/times"
    done
done
printf '\r%70s\r' '' >&2

sort -k1,1 -k2,2n "$work/times" | awk -v csv="$csv" -v limit=1.25 '
    { times[$1] = times[$1] " " $2; ++count[$1] }
    function median(name,   list) { split(times[name], list, " "); n = count[name]; return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2 }
    END {
        asio = median("asio_only")
        printf "| compiled | seconds of CPU, median | to Asio with one coroutine |\n|---|---|---|\n"
        order = "asio_include asio_only umbel_include umbel_get umbel_get_apart umbel_one_coroutine_apart umbel_many_commands_apart umbel_src"
        for (i = 1; i <= split(order, names, " "); ++i) {
            if (!count[names[i]]) continue
            printf "| %s | %.2f | %.2f |\n", names[i], median(names[i]), median(names[i]) / asio
            printf "compile,%s,%.3f\n", names[i], median(names[i]) >> csv
        }
        printf "\numbel with one GET: %.2f times Asio with one coroutine, headers alone; ", median("umbel_get") / asio
        apart = median("umbel_get_apart") / asio
        printf "%.2f times with what is no template compiled apart (limit 1.25: %s)\n", apart, apart <= limit ? "passed" : "MISSED"
        if (!count["umbel_many_commands_apart"]) exit
        each = (median("umbel_many_commands_apart") - median("umbel_one_coroutine_apart")) * 100
        printf "each further typed command: %.0f ms (limit 20: %s)\n", each, each <= 20 ? "passed" : "MISSED"
    }'

#!/usr/bin/env bash
# instructions.sh: counts by callgrind how many instructions one GET costs in user space, phase by phase, without sockets; and holds the
# counts against those recorded in instructions.txt. Counts do not depend on the machine's load, only on compiler and C library.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: benchmarks/instructions.sh [--record] [--program FILE]

  --record   writes the counts to benchmarks/instructions.txt instead of checking them
  --program  the built program micro/instructions (default: the one benchmarks/run.sh builds)

Fails when a phase costs over 5 % and over one instruction more than recorded by the same compiler, and when routing costs more than 300.
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
program=$here/../.build/benchmarks/benchmarks/micro/instructions
record=no
while (($#)); do
    case $1 in
        --record) record=yes ;;
        --program) program=${2:-}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
command -v valgrind > /dev/null || { echo "instructions.sh: valgrind is not installed, nothing is counted"; exit 0; }
[[ -x $program ]] || { echo "instructions.sh: $program is missing; benchmarks/run.sh --build-only makes it" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file="$work/out" "$program" > "$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; exit 1; }
counts=$(printf '%s\n' "$work"/out.* | sort -V | while read -r file; do
    awk '/^desc: Trigger: Client Request:/ { sub(/^desc: Trigger: Client Request: /, ""); name = $0 }
         /^totals:/ { printf "%-28s %8.1f\n", name, $2 / 10000 }' "$file"
done)
[[ -n $counts ]] || { echo "instructions.sh: the program was built without valgrind's headers" >&2; exit 1; }
# What a command costs more than one that is only pipelined.
counts+=$'\n'$(printf '%s\n' "$counts" | awk '
    /^slot / || /^route / || /^GET umbel::bytes, callback +[0-9]/ { sum += $NF }
    /^GET umbel::bytes, callback, no deadline/ { sum -= $NF }
    END { printf "%-28s %8.1f", "slot, route and deadline", sum }')
compiler=$(strings -a "$program" 2> /dev/null | grep -m 1 -o -E '(GCC: \(.*\) |clang version )[0-9.]+' || true)
compiler=${compiler:-unknown}

if [[ $record == yes ]]; then
    {
        printf '# Instructions of one GET of 16 bytes in user space; benchmarks/instructions.sh counts them. Compiler: %s\n' "$compiler"
        printf '# "encode" takes a call from the pool, encodes, finds the slot, and gives it back; "resume" leads from the decoded value to the statement\n'
        printf '# behind co_await; "GET" is everything between call and resumption.\n'
        printf '%s\n' "$counts"
    } > "$here/instructions.txt"
    cat "$here/instructions.txt"
    exit 0
fi
[[ -f $here/instructions.txt ]] || { echo "instructions.sh: nothing is recorded yet; --record does it" >&2; exit 1; }
same=yes
grep -q -F "Compiler: $compiler" "$here/instructions.txt" || same=no
printf '%s\n' "$counts" | awk -v same="$same" '
    # Made numbers, lest the limit be compared letter by letter.
    function split_line(line) { count = line; sub(/^.* /, "", count); count += 0; name = line; sub(/ +[0-9.]+$/, "", name) }
    NR == FNR { if ($0 !~ /^#/) { split_line($0); was[name] = count } next }
    { split_line($0); change = name in was ? (count / was[name] - 1) * 100 : 0
      bad = same == "yes" && change > 5 && count - was[name] > 1
      printf "%-28s %8.1f  recorded %8.1f  %+6.1f %%%s\n", name, count, was[name], change, bad ? "  TOO MANY" : ""
      failed = failed || bad
      if (name == "slot, route and deadline") printf "routing adds %.0f instructions to a pipelined command (limit 300: %s)\n", count, count <= 300 ? "passed" : "MISSED"
      failed = failed || (name == "slot, route and deadline" && count > 300) }
    END { if (same == "no") print "recorded with another compiler: shown, not checked"; exit failed ? 1 : 0 }' "$here/instructions.txt" -

#!/usr/bin/env bash
# remembered_check.sh: is a test run again when, and only when, something that it depends on has changed?
set -uo pipefail

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset UMBEL_AGAIN UMBEL_SEEDS COMPILER
mkdir "$scratch/data"
printf 'one\n' > "$scratch/data/input"
# The test: leaves a line each time it is run, and passes unless there is a file `broken`.
printf '#!/bin/sh\necho run >> "%s/runs"\n[ ! -e "%s/broken" ]\n' "$scratch" "$scratch" > "$scratch/program"
chmod +x "$scratch/program"
status=0 runs=0

try() { "$support/remembered.sh" "$scratch/stamp" "$scratch/data" -- "$scratch/program" "$@" > /dev/null; }
expect() { # expect RUNS WHAT: so many more runs than before
    local total
    total=$(wc -l < "$scratch/runs")
    ((total - runs == $1)) || { printf '%s: run %s times, not %s\n' "$2" $((total - runs)) "$1"; status=1; }
    runs=$total
}

try; expect 1 'the first time'
try; expect 0 'with nothing changed'
printf 'two\n' > "$scratch/data/input"; try; expect 1 'with another input'
printf '\n' > "$scratch/data/more"; try; expect 1 'with one more input'
printf '# more\n' >> "$scratch/program"; try; expect 1 'with another program'
try word; expect 1 'with another word'
UMBEL_SEEDS=7 try word; expect 1 'with another setting'
UMBEL_SEEDS=7 try word; expect 0 'with the same setting'
UMBEL_SEEDS=7 UMBEL_AGAIN=1 try word; expect 1 'when asked to'
touch "$scratch/broken"
if UMBEL_AGAIN=1 try word; then printf 'a failure was not told\n'; status=1; fi
expect 1 'before it fails'
if try word; then printf 'a failure was forgotten\n'; status=1; fi
expect 1 'after it failed'
((status == 0)) && printf 'run again when something changed, and only then\n'
exit "$status"

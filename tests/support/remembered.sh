#!/usr/bin/env bash
# remembered.sh: runs a test, or says that it passed before with the same inputs. For tests whose answer depends on nothing else: not on
# time, threads or sockets. Nothing is remembered of a test that failed or was skipped.
set -uo pipefail

usage() {
    cat <<'TEXT'
usage: remembered.sh STAMP INPUT… -- COMMAND…

  STAMP   file that keeps the fingerprint with which the test passed
  INPUT   a file, or a folder with all that stands in it; and the command's own words and program are inputs as well,
          and so are the environment's UMBEL_… variables, COMPILER, CXX and INCLUDES

UMBEL_AGAIN=1 runs the test in any case (tests/run.sh --again).
TEXT
}

stamp=${1:-}
[[ -n $stamp ]] && shift || { usage >&2; exit 2; }
inputs=()
while (($#)) && [[ $1 != -- ]]; do
    inputs+=("$1")
    shift
done
(($# > 1)) || { usage >&2; exit 2; }
shift

fingerprint() {
    {
        printf '%s\n' "$@"
        env | grep -E '^(UMBEL_|COMPILER=|CXX=|INCLUDES=)' | grep -v '^UMBEL_AGAIN=' | LC_ALL=C sort
        # The same name may be a newer compiler tomorrow.
        [[ -z ${COMPILER:-} ]] || "$COMPILER" --version
        for program in "$1" ${inputs[@]+"${inputs[@]}"}; do
            if [[ -d $program ]]; then
                find "$program" -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
            else
                sha256sum "$program"
            fi
        done
    } 2>&1 | sha256sum
}

now=$(fingerprint "$@")
if [[ ${UMBEL_AGAIN:-0} != 1 && -f $stamp && $(< "$stamp") == "$now" ]]; then
    printf 'passed before with the same program and inputs (tests/run.sh --again runs it in any case)\n'
    exit 0
fi
rm -f "$stamp"
"$@" || exit
# An input that changed meanwhile was not tried.
if [[ $(fingerprint "$@") == "$now" ]]; then
    mkdir -p "$(dirname "$stamp")" && printf '%s\n' "$now" > "$stamp"
fi

#!/usr/bin/env bash
# tests/run.sh: installs what is missing, configures, builds and runs the tests. Works from any folder, leaves its files in .build/.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/run.sh [options]

  --sanitize address|thread  build with the address and undefined-behaviour sanitizers, or with the thread sanitizer
  --clang                    build with the newest clang found (16 or newer; installed if there is none)
  --fuzz SECONDS             time for each fuzz target where clang's fuzzer is installed (default 10, 0 to leave out)
  --seeds N                  seeds of the simulation (default 2000, 200 under a sanitizer)
  --long                     also the long tests
  --drills                   the drills on real clusters in their long form: 20,000 commands a second, more rounds, Redis and Valkey
  --again                    also the tests that passed before with the same program and inputs; they are remembered otherwise
  --only REGEX               only the tests whose name matches, for example 'unit/resp' or 'integration/redis'
  --apart                    each test file a translation unit of its own: slower as a whole, faster when one file is worked on
  --compilers                say which compilers are installed, which are new enough and which would be taken; build nothing
  --no-setup                 do not look for missing packages
  --help                     this text
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
sanitize='' clang=no fuzz=10 only='' setup=yes drills=OFF unity=ON compilers=no
while (($#)); do
    case $1 in
        --sanitize) sanitize=${2:-}; shift ;;
        --clang) clang=yes ;;
        --fuzz) fuzz=${2:-}; shift ;;
        --seeds) export UMBEL_SEEDS=${2:-}; shift ;;
        --long) export UMBEL_LONG=1 ;;
        --drills) drills=ON ;;
        --again) export UMBEL_AGAIN=1 ;;
        --only) only=${2:-}; shift ;;
        --apart) unity=OFF ;;
        --compilers) compilers=yes ;;
        --no-setup) setup=no ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; printf 'tests/run.sh: unknown option %s\n' "$1" >&2; exit 2 ;;
    esac
    shift || break
done
[[ $sanitize =~ ^(|address|thread)$ ]] || { printf 'tests/run.sh: --sanitize address or thread, not "%s"\n' "$sanitize" >&2; exit 2; }
[[ $fuzz =~ ^[0-9]+$ ]] || { printf 'tests/run.sh: --fuzz wants seconds, not "%s"\n' "$fuzz" >&2; exit 2; }

# shellcheck source=support/build.sh
source "$root/tests/support/build.sh"

if [[ $compilers == yes ]]; then
    umbel_compilers
    exit
fi

if [[ $setup == yes ]]; then
    options=(tests)
    [[ $clang == no ]] || options+=(--clang)
    "$root/tests/support/setup.sh" "${options[@]}"
    "$root/tests/support/newer_servers.sh"
fi

compiler=$(umbel_compiler "$clang")
build=$root/.build/${compiler##*/}${sanitize:+-$sanitize}
# Some optimisation, because the simulation runs a thousand clusters; line tables only, because full debug information is slow to link.
# g++ hands control from coroutine to coroutine without growing the stack only when it may turn calls into jumps.
umbel_configure "$build" "$compiler" "-O1 -g1 -foptimize-sibling-calls" \
    -DUMBEL_BUILD_TESTS=ON -DUMBEL_BUILD_EXAMPLES=ON -DUMBEL_BUILD_BENCHMARKS=OFF \
    "-DUMBEL_UNITY_BUILD=$unity" "-DUMBEL_SANITIZE=$sanitize" "-DUMBEL_FUZZ_SECONDS=$fuzz" "-DUMBEL_DRILLS=$drills"
umbel_build "$build"

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
umbel_say "running the tests"
cd "$build"
status=0
# Six places a core: tests/CMakeLists.txt says how many each test takes.
ctest --output-on-failure --no-tests=error -j "$((6 * $(umbel_jobs)))" ${only:+-R "$only"} || status=$?
# What the drills have measured decides nothing and is worth a look.
if [[ $drills == ON ]]; then grep -h '^drill: ' Testing/Temporary/LastTest.log || true; fi
exit "$status"

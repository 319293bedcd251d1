#!/usr/bin/env bash
# benchmarks/run.sh: installs what is missing, builds every benchmark and runs them one after the other.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: benchmarks/run.sh [--only REGEX] [--build-only] [-- ARGUMENTS…]

  --only REGEX   only the programs whose path matches, for example 'micro/' or 'parser'
  --build-only   build, do not run
  ARGUMENTS      are handed to each program
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
only='' run=yes
while (($#)); do
    case $1 in
        --only) only=${2:-}; shift ;;
        --build-only) run=no ;;
        -h | --help) usage; exit 0 ;;
        --) shift; break ;;
        *) usage >&2; exit 2 ;;
    esac
    shift || break
done

# shellcheck source=../tests/support/build.sh
source "$root/tests/support/build.sh"
"$root/tests/support/setup.sh" benchmarks

build=$root/.build/benchmarks
umbel_configure "$build" "$(umbel_compiler no)" "-O2 -DNDEBUG -g1" \
    -DUMBEL_BUILD_TESTS=OFF -DUMBEL_BUILD_EXAMPLES=OFF -DUMBEL_BUILD_BENCHMARKS=ON
umbel_build "$build"
[[ $run == yes ]] || exit 0

cd "$build/benchmarks"
while IFS= read -r program; do
    [[ -z $only || $program =~ $only ]] || continue
    umbel_say "running ${program#./}"
    "$program" "$@"
done < <(find . -mindepth 2 -type f -executable -not -path '*/CMakeFiles/*' | sort)

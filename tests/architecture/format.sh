#!/usr/bin/env bash
# format.sh: every source file is laid out as .clang-format says. Versions of clang-format differ in details, so one version decides: 19.
# usage: format.sh ROOT; exits with 77 (skipped) where that version is not installed.
set -euo pipefail

root=$1
tool=$(command -v clang-format-19 || true)
if [[ -z $tool ]] && command -v clang-format > /dev/null && [[ $(clang-format --version) == *' version 19.'* ]]; then
    tool=$(command -v clang-format)
fi
if [[ -z $tool ]]; then
    echo "clang-format 19 is not installed; nothing is checked"
    exit 77
fi
cd "$root"
mapfile -t files < <(find include tests benchmarks \( -name '*.hpp' -o -name '*.cpp' \) -not -path '*/.*' | LC_ALL=C sort)
[[ ${#files[@]} -gt 200 ]] || { echo "format.sh: found ${#files[@]} files only" >&2; exit 1; }
# A file that is out of shape must be found, or the check checks nothing.
if printf 'int  main( ){return 0 ;}\n' | "$tool" --style=file --assume-filename=include/probe.cpp --dry-run -Werror 2> /dev/null; then
    echo "format.sh: clang-format finds nothing wrong with a file that is out of shape" >&2
    exit 1
fi
"$tool" --dry-run -Werror "${files[@]}"

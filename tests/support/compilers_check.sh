#!/usr/bin/env bash
# compilers_check.sh: does the set-up take the compiler that it should, when another one stands first in PATH? The compilers are made up.
set -uo pipefail

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$support/../.." && pwd -P)
cmake=${CMAKE:-$(command -v cmake)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

# A compiler by that name and version. It compiles `all` it is given, or only `toys`: what includes nothing of ours.
make_compiler() { # make_compiler FOLDER NAME VERSION all|toys
    mkdir -p "$scratch/$1"
    cat > "$scratch/$1/$2" <<TEXT
#!/bin/bash
case "\$*" in
    -dumpversion) echo '$3'; exit ;;
    --version) echo 'Debian clang version $3'; exit ;;
esac
for word in "\$@"; do
    [[ '$4' == all || \$word != *.cpp || \$(< "\$word") != *umbel/* ]] || exit 1
done
exit 0
TEXT
    chmod +x "$scratch/$1/$2"
}

expect() { # expect WHAT WANTED GOT
    [[ $3 == "$2" ]] && return
    printf '%s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    status=1
}

# What cmake takes for fuzz targets when PATH is FOLDER alone.
fuzzer() {
    PATH=$scratch/$1 "$cmake" "-DUMBEL_INCLUDES=$root/include" "-DSCRATCH=$scratch" -P "$root/tests/fuzz/find_fuzzer.cmake" 2>&1 |
        sed -n 's/^-- fuzzer: *//p'
}

# What the scripts take. $2: yes for clang, no for what is usual. CXX is $3.
compiler() {
    # shellcheck source=build.sh
    (source "$support/build.sh"; PATH=$scratch/$1 CXX=${3:-} umbel_compiler "$2" 2> /dev/null)
}

make_compiler old clang++ 14.0.6 all
make_compiler toy clang++-19 19.1.7 toys
make_compiler mixed clang++ 14.0.6 all
make_compiler mixed clang++-17 17.0.6 all
make_compiler 'new' clang++ 16.0.6 all

expect 'a clang 14 that links whatever it is given is no fuzzer' '' "$(fuzzer old)"
expect 'a clang that cannot compile our headers is no fuzzer' '' "$(fuzzer toy)"
expect 'a clang 14 does not hide a newer one from the fuzz targets' "$scratch/mixed/clang++-17" "$(fuzzer mixed)"
expect 'a clang 14 is not taken' '' "$(compiler old yes)"
expect 'a clang 14 is not taken as CXX, though g++ 12 is new enough' '' "$(compiler old no clang++)"
expect 'a clang 14 does not hide a newer one' clang++-17 "$(compiler mixed yes)"
# Negative control: those that are refused above are refused for their version, and for nothing else.
expect 'a clang 16 is a fuzzer' "$scratch/new/clang++" "$(fuzzer 'new')"
expect 'a clang 16 is taken' clang++ "$(compiler 'new' yes)"
expect 'a clang 16 is taken as CXX' clang++ "$(compiler 'new' no clang++)"

((status == 0)) && printf 'nine questions, and the right compiler each time\n'
exit "$status"

# build.sh: what tests/run.sh, examples/quickstart.sh and benchmarks/run.sh share: compiler, configure, build. To be sourced.
# It installs nothing: that is setup.sh.

umbel_say() { printf '==> %s\n' "$*"; }

# True for a g++ from 12 on and a clang from 16 on; a plain name may be older than we need, so the program is asked.
umbel_fits() { # umbel_fits COMPILER
    local version oldest=12
    version=$("$1" -dumpversion 2> /dev/null) || return 1
    [[ $("$1" --version 2> /dev/null) != *clang* ]] || oldest=16
    ((${version%%.*} >= oldest))
}

umbel_clangs=(clang++-22 clang++-21 clang++-20 clang++-19 clang++-18 clang++-17 clang++-16 clang++)
umbel_gccs=(g++ g++-12 g++-13 g++-14 g++-15)

# The first compiler by preference that fits: CXX where it is set, unless clang is asked for.
umbel_compiler() { # umbel_compiler CLANG(yes|no)
    local name names=("${umbel_gccs[@]}") wanted='g++ 12'
    if [[ $1 == yes ]]; then
        names=("${umbel_clangs[@]}") wanted='clang++ 16'
    elif [[ -n ${CXX:-} ]]; then
        names=("$CXX") wanted="as CXX, g++ 12 or clang++ 16"
    fi
    for name in "${names[@]}"; do
        command -v "$name" > /dev/null && umbel_fits "$name" || continue
        printf '%s' "$name"
        return
    done
    printf 'no compiler found: %s or newer is needed\n' "$wanted" >&2
    return 1
}

# One line for each compiler that is installed: whether it is new enough, and which ones would be taken.
umbel_compilers() {
    local name verdict
    for name in ${CXX:+"$CXX"} "${umbel_gccs[@]}" "${umbel_clangs[@]}"; do
        command -v "$name" > /dev/null || continue
        verdict='too old (g++ 12 or clang 16 is needed)'
        if umbel_fits "$name"; then verdict='new enough'; fi
        printf '%-12s %-10s %s\n' "$name" "$("$name" -dumpversion 2> /dev/null)" "$verdict"
    done
    printf 'taken: %s; with --clang: %s\n' "$(umbel_compiler no 2> /dev/null || printf none)" "$(umbel_compiler yes 2> /dev/null || printf none)"
}

# One job per core, fewer where memory is short: a translation unit with Asio needs about a gigabyte.
umbel_jobs() {
    local cores kilobytes jobs
    if [[ -n ${CMAKE_BUILD_PARALLEL_LEVEL:-} ]]; then printf '%s' "$CMAKE_BUILD_PARALLEL_LEVEL"; return; fi
    cores=$(nproc)
    kilobytes=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
    jobs=$((${kilobytes:-4000000} / 1500000))
    ((jobs >= 1)) || jobs=1
    ((jobs <= cores)) || jobs=$cores
    printf '%s' "$jobs"
}

# Runs a step with its output in a log; shows the log's end when it fails.
umbel_logged() { # umbel_logged LOG COMMAND…
    local log=$1
    shift
    if ! "$@" > "$log" 2>&1; then
        tail -n 40 "$log" >&2
        printf '==> failed: %s (whole log: %s)\n' "$1 $2" "$log" >&2
        return 1
    fi
}

umbel_configure() { # umbel_configure BUILD_DIR COMPILER FLAGS CMAKE_OPTIONS…
    local build=$1 compiler=$2 flags=$3 source generator=()
    shift 3
    source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
    umbel_say "configuring ${build#"$source"/}"
    mkdir -p "$build"
    if [[ ! -f $build/CMakeCache.txt ]] && command -v ninja > /dev/null; then generator=(-G Ninja); fi
    umbel_logged "$build/configure.log" cmake -S "$source" -B "$build" ${generator[@]+"${generator[@]}"} \
        "-DCMAKE_CXX_COMPILER=$compiler" -DCMAKE_BUILD_TYPE= "-DCMAKE_CXX_FLAGS=$flags" "$@"
}

umbel_build() { # umbel_build BUILD_DIR CMAKE_BUILD_OPTIONS…
    local build=$1 started=$SECONDS keep_going=-k
    shift
    [[ ! -f $build/build.ninja ]] || keep_going=-k0
    umbel_say "building (the first time takes some minutes)"
    cmake --build "$build" -j "$(umbel_jobs)" "$@" -- "$keep_going"
    umbel_say "built in $((SECONDS - started)) s"
}

# build.sh: what tests/run.sh, examples/quickstart.sh and benchmarks/run.sh share: compiler, configure, build. To be sourced.
# It installs nothing: that is setup.sh.

umbel_say() { printf '==> %s\n' "$*"; }

# Compilers by preference; a plain name may be older than we need, so its version is asked for.
umbel_compiler() { # umbel_compiler CLANG(yes|no)
    local name version oldest=12 names=(g++ g++-12 g++-13 g++-14 g++-15)
    if [[ $1 == yes ]]; then
        oldest=16
        names=(clang++-22 clang++-21 clang++-20 clang++-19 clang++-18 clang++-17 clang++-16 clang++)
    elif [[ -n ${CXX:-} ]]; then
        names=("$CXX")
    fi
    for name in "${names[@]}"; do
        command -v "$name" > /dev/null || continue
        version=$("$name" -dumpversion 2> /dev/null) || continue
        if ((${version%%.*} >= oldest)); then
            printf '%s' "$name"
            return
        fi
    done
    printf 'no compiler found: %s %s or newer is needed\n' "${names[-1]%%-*}" "$oldest" >&2
    return 1
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

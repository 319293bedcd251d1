#!/usr/bin/env bash
# compile.sh: the architecture tests that only a compiler can answer. One question each; see `usage`.
# COMPILER and INCLUDES (colon-separated folders of dependencies outside the compiler's own path) come from the environment.
set -uo pipefail

usage() {
    cat <<'TEXT'
usage: compile.sh QUESTION

  alone            does each header compile by itself, without a warning?
  core             does the whole core compile without Asio coming in, and is an intruder caught? does it do without sized deallocation?
  bare             does the core compile with -fno-exceptions and -fno-rtti, and work? does the client, over an Asio without exceptions?
  readme           does the README's first program build with one plain compiler command, and greet a server?
  clang            do all headers compile with clang without a warning?
  benchmarks       does each benchmark compile, with the peers that are installed?
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
compiler=${COMPILER:-g++}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skipped=77 # what ctest is told to read as "skipped"

include=$root/include
flags=(-std=c++20 "-I$include")
IFS=: read -r -a folders <<< "${INCLUDES:-}"
for folder in ${folders[@]+"${folders[@]}"}; do
    [[ -z $folder || $folder == /usr/include ]] || flags+=(-isystem "$folder")
done
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wcast-qual -Wnon-virtual-dtor
    -Woverloaded-virtual -Wextra-semi -Werror)

# Header names as they are included: umbel/resp/type.hpp. `core` leaves out what may name Asio; what needs OpenSSL is left out where that is
# not installed.
headers() {
    local header secure
    secure=$(printf '#if __has_include(<openssl/ssl.h>)\nyes\n#endif\n' | "$compiler" -E -P -x c++ - 2> /dev/null)
    (cd "$include" && find . -name '*.hpp' | sed 's|^\./||' | LC_ALL=C sort) | while IFS= read -r header; do
        case $1:$header in
            core:umbel/*/*) [[ $header == umbel/async/* || $header == umbel/net/* || $header == umbel/client/* || $header == umbel/testing/service/* ]] && continue ;;
            core:umbel/config.hpp | core:umbel/error.hpp | core:umbel/encryption.hpp | core:umbel/options.hpp) ;;
            core:*) continue ;;
        esac
        if [[ $header == umbel/tls.hpp || $header == umbel/net/tls_* ]] && [[ -z $secure ]]; then continue; fi
        printf '%s\n' "$header"
    done
}

include_all() { headers "$1" | sed 's|.*|#include <&>|'; }

# Headers that are compiled first, once for all headers that include them, themselves or through others.
prepared=(umbel/error.hpp umbel/resp/view.hpp umbel/command/word_list.hpp umbel/engine/call.hpp umbel/engine/link.hpp
    umbel/engine/control_state.hpp umbel/async/backend.hpp umbel/net/driver_impl.hpp umbel/client/make_operation.hpp umbel/client/scoped_client.hpp)

# Calls a function for each line of its input, as many at once as there are cores.
each() { # each FUNCTION < LINES
    local line status=0 running=0
    while IFS= read -r line; do
        if ((running == jobs)); then
            wait -n || status=1
            ((running -= 1))
        fi
        "$1" "$line" &
        ((running += 1))
    done
    while ((running > 0)); do
        wait -n || status=1
        ((running -= 1))
    done
    return "$status"
}

# What has to be compiled so that each header is seen to stand alone: a line a compiler run, "PREPARED HEADER HEADER…". Each header of a
# line includes, above its own code, the one before it. So what comes before a header in its run is no more than what it includes itself,
# and it could not pass there if it did not pass alone: an own header that it includes, and that needs what came before, does not pass in a
# run of its own. A line begins at the prepared header that brings most of what its first header includes, or at "none".
runs() { # runs PREPARED…
    (cd "$include" && headers all | xargs awk -v names="$*" '
        function visit(top, header,    part, parts, i) { # What is complete when `top` has come to its own code.
            if (seen[top, header]++) return
            ++size[top]
            parts = split(includes[header] (header == top ? "" : late[header]), part, " ")
            for (i = 1; i <= parts; ++i) visit(top, part[i])
        }
        function largest(header, among, many,    best, i) {
            for (i = 1; i <= many; ++i)
                if (among[i] != header && (header, among[i]) in seen && size[among[i]] > size[among[best]]) best = i
            return best + 0
        }
        FNR == 1 { header[++count] = FILENAME; in_code = 0 }
        /^(namespace|template|class|struct|inline|using)/ { in_code = 1 }
        sub(/^ *# *include *</, "") { sub(/>.*/, ""); if (in_code) late[FILENAME] = late[FILENAME] " " $0; else includes[FILENAME] = includes[FILENAME] " " $0 }
        END {
            bases = split(names, base, " ")
            for (b = 1; b <= bases; ++b) prepared[base[b]] = 1
            for (n = 1; n <= count; ++n) visit(header[n], header[n])
            for (n = 2; n <= count; ++n) # Those that include little come first.
                for (m = n; m > 1 && size[header[m]] < size[header[m - 1]]; --m) { kept = header[m]; header[m] = header[m - 1]; header[m - 1] = kept }
            for (n = 1; n <= count; ++n) {
                if (header[n] in prepared) continue # It was compiled alone when it was prepared.
                run = largest(header[n], last, lines)
                b = largest(header[n], base, bases)
                # A run that ends short of what is prepared goes on from there.
                if (run && b && size[base[b]] > size[last[run]]) run = 0
                if (!run) { run = ++lines; line[run] = b ? base[b] : "none" }
                line[run] = line[run] " " header[n]
                last[run] = header[n]
            }
            for (run = lines; run > 0; --run) print line[run]
        }')
}

prepare() { # prepare HEADER
    local before=$scratch/before/$1
    mkdir -p "${before%/*}"
    printf '#include <%s>\n' "$1" > "$before"
    "$compiler" "${flags[@]}" "${warnings[@]}" -x c++-header "$before" -o "$before.gch"
}

passes() { # passes PREPARED HEADER…: is what the compiler says of these headers, one after the other, nothing?
    local before=$scratch/before/$1 start=()
    [[ ! -e $before ]] || start=(-include "$before")
    printf '#include <%s>\n' "${@:2}" | "$compiler" "${flags[@]}" "${warnings[@]}" ${start[@]+"${start[@]}"} -fsyntax-only -x c++ -
}

check_run() { # check_run "PREPARED HEADER…"
    local header names said
    read -r -a names <<< "$1"
    said=$scratch/${names[1]//\//_}.txt
    passes "${names[@]}" > "$said" 2>&1 && return
    for header in "${names[@]:1}"; do
        passes none "$header" > "$said" 2>&1 && continue
        printf '%s does not compile alone:\n' "$header"
        head -n 30 "$said"
    done
    return 1
}

check_headers() { # check_headers PREPARED…: all that stand in $include
    printf '%s\n' "$@" | each prepare || return 1
    runs "$@" > "$scratch/runs"
    each check_run < "$scratch/runs"
}

alone() {
    check_headers "${prepared[@]}" || return 1
    printf '%s headers compile alone, in %s runs of the compiler\n' "$(headers all | wc -l)" "$((${#prepared[@]} + $(wc -l < "$scratch/runs")))"
    # The same question of headers of which two, one of them in a run behind others, need what they do not include.
    include=$scratch/planted flags=("-I$scratch/planted" "${flags[@]}")
    mkdir -p "$include/umbel"
    printf '#pragma once\nstruct alpha {};\n' > "$include/umbel/alpha.hpp"
    printf '#pragma once\n#include <umbel/alpha.hpp>\nstruct beta : alpha {};\n' > "$include/umbel/beta.hpp"
    printf '#pragma once\nstruct gamma_user : alpha {};\n' > "$include/umbel/gamma.hpp"
    printf '#pragma once\n#include <umbel/beta.hpp>\n#include <umbel/gamma.hpp>\nstruct delta : beta {};\n' > "$include/umbel/delta.hpp"
    printf '#pragma once\n#include <umbel/beta.hpp>\nstruct epsilon : zeta {};\n#include <umbel/zeta.hpp>\n' > "$include/umbel/epsilon.hpp"
    printf '#pragma once\n#include <umbel/alpha.hpp>\nstruct zeta : alpha {};\n' > "$include/umbel/zeta.hpp"
    check_headers umbel/alpha.hpp > "$scratch/caught" && { printf 'the planted headers passed\n'; return 1; }
    [[ $(grep -c 'does not compile alone' "$scratch/caught") == 2 ]] && grep -q 'umbel/gamma.hpp does not' "$scratch/caught" &&
        grep -q 'umbel/epsilon.hpp does not' "$scratch/caught" || { cat "$scratch/caught"; return 1; }
}

core() {
    {
        include_all core
        printf '#if defined(ASIO_VERSION) || defined(ASIO_DETAIL_CONFIG_HPP)\n#error Asio came into the core\n#endif\nint main() {}\n'
    } > "$scratch/core.cpp"
    # Nor may it need operators that a compiler offers only when it is asked to.
    "$compiler" "${flags[@]}" "${warnings[@]}" -fno-sized-deallocation -fsyntax-only "$scratch/core.cpp" || return 1
    # The same question with an intruder in it must be answered with no; the preprocessor answers it.
    { printf '#include <asio/error.hpp>\n'; cat "$scratch/core.cpp"; } > "$scratch/intruder.cpp"
    if "$compiler" "${flags[@]}" -E "$scratch/intruder.cpp" -o /dev/null 2> "$scratch/intruder.txt"; then
        printf 'the intruder was not caught\n'
        return 1
    fi
    grep -q 'Asio came into the core' "$scratch/intruder.txt" || { cat "$scratch/intruder.txt"; return 1; }
    printf '%s core headers compile without Asio\n' "$(headers core | wc -l)"
}

# With the flags of those who want neither exceptions nor RTTI. Of the client that is a promise as far as Asio keeps it.
bare() {
    local with=(-fno-exceptions -fno-rtti) server=$root/tests/support/cluster.sh
    include_all core > "$scratch/core.hpp"
    "$compiler" "${flags[@]}" "${warnings[@]}" "${with[@]}" "-I$scratch" "$root/tests/packaging/bare_core.cpp" -o "$scratch/bare_core" || return 1
    "$scratch/bare_core" || return 1
    "$compiler" "${flags[@]}" -Wall -Wextra -Werror "${with[@]}" -DASIO_NO_EXCEPTIONS -DASIO_NO_TYPEID "$root/tests/packaging/bare_client.cpp" \
        -pthread -o "$scratch/bare_client" || return 1
    command -v redis-server > /dev/null || return 0
    "$server" start --dir "$scratch/server" --standalone --watch $$ > /dev/null || return 1
    timeout 40 "$scratch/bare_client" "127.0.0.1:$(< "$scratch/server/n1/port")"
    local status=$?
    "$server" stop --dir "$scratch/server"
    return "$status"
}

# The first block of the README that is marked as a whole file of examples/, built as the README says.
readme() {
    local marker
    marker=$(grep -m 1 -n -x '<!-- example: examples/[A-Za-z0-9_]*\.cpp -->' "$root/README.md" 2> /dev/null) || {
        printf 'README.md has no marked whole example\n'
        return $skipped
    }
    tail -n "+$((${marker%%:*} + 1))" "$root/README.md" | awk '/^```/ { if (inside) exit; inside = 1; next } inside' > "$scratch/hello.cpp"
    cd "$root" || return 1
    cp "$scratch/hello.cpp" "$scratch/build.cpp"
    "$compiler" -std=c++20 -Iinclude "$scratch/build.cpp" -pthread -o "$scratch/hello" || return 1
    greet_a_server "$scratch/hello" || return 1
    printf 'the README builds with: %s -std=c++20 -Iinclude hello.cpp -pthread\n' "${compiler##*/}"
}

# Runs the README's program against a stand-alone server of our own, where one is installed.
greet_a_server() {
    local cluster=$root/tests/support/cluster.sh answer
    command -v redis-server > /dev/null || return 0
    "$cluster" start --dir "$scratch/server" --standalone --watch $$ > /dev/null || return 1
    answer=$(timeout 20 "$1" "127.0.0.1:$(< "$scratch/server/n1/port")")
    "$cluster" stop --dir "$scratch/server"
    [[ $answer == 'ada, hit 1' ]] || { printf 'the README program said: %s\n' "$answer"; return 1; }
}

clang() {
    # shellcheck source=../support/build.sh
    source "$root/tests/support/build.sh"
    compiler=$(umbel_compiler yes 2> /dev/null) || { printf 'no clang 16 or newer here\n'; return $skipped; }
    include_all all > "$scratch/all.cpp"
    "$compiler" "${flags[@]}" "${warnings[@]}" -Wextra-semi-stmt -Wdocumentation -Wimplicit-fallthrough -Wunused-template -fsyntax-only "$scratch/all.cpp" || return 1
    printf '%s compiles all headers without a warning\n' "$compiler"
}

check_benchmark() {
    "$compiler" "${flags[@]}" "-I$root/benchmarks" "-I$root/tests" ${peers[@]+"${peers[@]}"} -Wall -Wextra -Wshadow -Werror \
        -include "$scratch/before/umbel.hpp" -fsyntax-only "$1"
}

# They are built only when somebody measures; so that a change of the library cannot break them unseen.
benchmarks() {
    peers=()
    printf '#include <hiredis/hiredis.h>\n' | "$compiler" -fsyntax-only -x c++ - 2> /dev/null && peers=(-DUMBEL_WITH_HIREDIS)
    prepare umbel.hpp || return 1
    find "$root"/benchmarks/{micro,cluster,report} -name '*.cpp' > "$scratch/benchmarks"
    [[ -s $scratch/benchmarks ]] && each check_benchmark < "$scratch/benchmarks" || return 1
    printf '%s benchmarks compile\n' "$(wc -l < "$scratch/benchmarks")"
}

jobs=$(nproc)
((jobs <= ${JOBS:-$jobs})) || jobs=$JOBS
case ${1:-} in
    alone | core | bare | readme | clang | benchmarks) "$1" ;;
    *) usage >&2; exit 2 ;;
esac

#!/usr/bin/env bash
# parts.sh: what a program of several source files pays for including umbel, and how it gets umbel's code: from a source file with
# <umbel/src.hpp>, from one that includes <umbel.hpp>, across shared objects with hidden visibility; and what the linker says where it
# gets none. COMPILER and INCLUDES (colon-separated folders of dependencies) come from the environment.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: parts.sh QUESTION

  idle        does an object that only includes umbel hold no vtable of it, at most 8 kB of text, and nothing that a second one may not
              hold, too? is one that holds more caught?
  secure      does the client come without a header of OpenSSL? do a file that speaks TLS, one that sends and one with the code link and run?
  cost        does a file that includes umbel, and one that sends a command, take the compiler little more than Asio with one coroutine?
  link        do files that send, construct and hold the code link and run, in every arrangement? does one without the code say so?
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
parts=$root/tests/packaging/parts
compiler=${COMPILER:-g++}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
text_max=8192

flags=(-std=c++20 "-I$root/include")
IFS=: read -r -a folders <<< "${INCLUDES:-}"
for folder in ${folders[@]+"${folders[@]}"}; do
    [[ -z $folder || $folder == /usr/include ]] || flags+=(-isystem "$folder")
done

compile() { # compile OBJECT SOURCE FLAGS…
    local object=$1 source=$2
    shift 2
    "$compiler" "${flags[@]}" "$@" -c "$source" -o "$scratch/$object.o"
}

has_openssl() { printf '#include <openssl/ssl.h>\n' | "$compiler" -fsyntax-only -x c++ - 2> /dev/null; }

# Says what is wrong with an object that should hold nothing of umbel.
judge_idle() { # judge_idle OBJECT
    local vtables text strong
    vtables=$(nm -C "$scratch/$1.o" | grep -c ' [VvWwTtDd] vtable for umbel::' || true)
    strong=$(nm -C "$scratch/$1.o" | grep ' [TDBR] ' || true)
    text=$(size "$scratch/$1.o" | awk 'NR == 2 { print $1 }')
    ((vtables == 0)) || { printf '%s: %s vtables of umbel\n' "$1" "$vtables"; return 1; }
    [[ -z $strong ]] || { printf '%s: two such files do not link: %s\n' "$1" "$strong"; return 1; }
    ((text <= text_max)) || { printf '%s: %s bytes of text, more than %s\n' "$1" "$text" "$text_max"; return 1; }
    printf '%s: no vtable of umbel, %s bytes of text\n' "$1" "$text"
}

idle() {
    compile only_client "$parts/only_client.cpp" -O2 &
    # All headers: also those that <umbel.hpp> leaves out, and those for TLS where OpenSSL is installed.
    local left_out=(! -path ./umbel/src.hpp)
    has_openssl || left_out+=(! -path ./umbel/tls.hpp ! -path './umbel/net/tls_*')
    (cd "$root/include" && find . -name '*.hpp' "${left_out[@]}" | LC_ALL=C sort | sed 's|^\./\(.*\)|#include <\1>|') > "$scratch/all.cpp"
    compile all "$scratch/all.cpp" -O2
    wait $!
    judge_idle only_client
    judge_idle all
    # An object that holds a vtable, one that holds what only one file may hold, and one with too much text, must be caught.
    printf '#include <umbel/client.hpp>\nnamespace umbel { struct held { virtual void key() const; }; void held::key() const {} }\n' > "$scratch/held.cpp"
    compile held "$scratch/held.cpp" -O2
    ! judge_idle held || { printf 'a vtable was not caught\n'; return 1; }
    printf 'int forgotten() { return 0; }\n' > "$scratch/forgotten.cpp"
    compile forgotten "$scratch/forgotten.cpp" -O2
    ! judge_idle forgotten || { printf 'a function that is not inline was not caught\n'; return 1; }
    printf '#include <umbel/client.hpp>\n[[gnu::weak]] extern char const much[9000];\nchar const much[9000] = {1};\n' > "$scratch/much.cpp"
    compile much "$scratch/much.cpp" -O2
    ! judge_idle much || { printf 'too much text was not caught\n'; return 1; }
}

# What a compiler works with is counted, not timed: the memory that g++ takes from its heap is the same each time, and follows its work.
compiler_memory() { # compiler_memory SOURCE: in MB
    "$compiler" "${flags[@]}" -O2 -ftime-report -c "$1" -o "$scratch/counted.o" 2>&1 | awk '
        /^ TOTAL / { total = $NF; unit = substr(total, length(total)); sub(/[kMG]$/, "", total)
                     printf "%.0f", unit == "k" ? total / 1024 : unit == "G" ? total * 1024 : total }'
}
judge_cost() { # judge_cost WHAT SOURCE LIMIT, in hundredths of Asio with one coroutine
    local taken
    taken=$(compiler_memory "$2")
    printf '%s: %s MB, %s.%02d times what Asio with one coroutine takes (limit %s.%02d)\n' "$1" "$taken" \
        $((taken * 100 / asio / 100)) $((taken * 100 / asio % 100)) $(($3 / 100)) $(($3 % 100))
    ((taken * 100 <= asio * $3))
}

cost() {
    local sources=$root/benchmarks/compile_time asio
    asio=$(compiler_memory "$sources/asio_only.cpp")
    [[ -n $asio ]] || { printf '%s does not tell its memory\n' "$compiler"; return 77; }
    judge_cost 'umbel included' "$sources/umbel_include.cpp" 120 || return 1
    judge_cost 'a GET' "$sources/umbel_get.cpp" 135 || return 1
    # What costs more must be caught: here the engine, which stands behind the boundary.
    printf '#include <umbel/client.hpp>\n#include <umbel/engine/engine.hpp>\n' > "$scratch/engine.cpp"
    ! judge_cost 'the engine included, too' "$scratch/engine.cpp" 120 || { printf 'too much was not caught\n'; return 1; }
}

run() { # run WHAT OBJECTS AND FLAGS…
    local what=$1
    shift
    (cd "$scratch" && "$compiler" "$@" -pthread -o program && timeout 90 ./program) || { printf '%s: does not link or run\n' "$what"; return 1; }
    printf '%s: links and runs\n' "$what"
}

link() {
    compile src "$parts/src.cpp" -O0 -fPIC -fvisibility=hidden &
    compile whole "$parts/main.cpp" -O0 -DWHOLE
    wait $!
    compile whole_too "$parts/only_umbel.cpp" -O0
    compile main "$parts/main.cpp" -O0
    compile sends "$parts/sends.cpp" -O0 -fPIC -fvisibility=hidden
    compile sends_open "$parts/sends.cpp" -O0 -fPIC
    run 'one file with <umbel/src.hpp>' main.o sends.o src.o
    run 'a file with <umbel.hpp>' whole.o sends.o whole_too.o
    run 'both' whole.o sends.o src.o
    (cd "$scratch" && ar rc libcompiled.a src.o)
    run 'a library with <umbel/src.hpp>' main.o sends.o libcompiled.a
    run 'a library beside <umbel.hpp>' whole.o sends.o libcompiled.a
    # The object that sends needs nothing of umbel from anybody: its client brings the code along.
    (cd "$scratch" && "$compiler" -shared -Wl,-z,defs sends_open.o -pthread -o libsends.so)
    run 'a shared object that sends' main.o src.o -L. -lsends -Wl,-rpath,"$scratch"
    # Two copies of the code, each hidden in its own object.
    (cd "$scratch" && "$compiler" -shared -Wl,-z,defs sends_open.o src.o -pthread -o libsends.so)
    run 'a shared object with hidden code of its own' main.o src.o -L. -lsends -Wl,-rpath,"$scratch"
    if (cd "$scratch" && "$compiler" main.o sends.o -pthread -o program 2> said.txt); then
        printf 'a program without the code of umbel links\n'
        return 1
    fi
    grep -q 'include_umbel_src_hpp_in_one_source_file' "$scratch/said.txt" || { cat "$scratch/said.txt"; return 1; }
    if grep 'undefined reference' "$scratch/said.txt" | grep -v 'include_umbel_src_hpp_in_one_source_file' | grep umbel; then
        printf 'the linker says more than it should\n'
        return 1
    fi
    printf 'a program without the code is told by the linker to include <umbel/src.hpp>\n'
}

# TLS is chosen in a file that knows <umbel/client.hpp> and <umbel/tls.hpp> only; the code of umbel, elsewhere, knows no OpenSSL.
secure() {
    local light
    for light in umbel.hpp umbel/client.hpp umbel/src.hpp; do
        printf '#include <%s>\n#if defined(OPENSSL_VERSION_NUMBER) || defined(HEADER_SSL_H) || defined(OPENSSL_SSL_H)\n#error OpenSSL came in\n#endif\n' "$light" |
            "$compiler" "${flags[@]}" -E -o /dev/null -x c++ - || return 1
    done
    printf 'the client comes without a header of OpenSSL\n'
    has_openssl || { printf 'skipped: there is no OpenSSL here to link with\n'; return 77; }
    compile src "$parts/src.cpp" -O0
    compile main "$parts/main.cpp" -O0 -DSECURE
    compile sends "$parts/sends.cpp" -O0
    run 'TLS in a file without the code' main.o sends.o src.o -lssl -lcrypto
}

case ${1:-} in
    idle | secure | cost | link) "$1" ;;
    *) usage >&2; exit 2 ;;
esac

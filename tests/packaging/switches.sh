#!/usr/bin/env bash
# switches.sh: umbel with Boost.Asio instead of standalone Asio, and with std::expected instead of tl::expected (see config.hpp).
# COMPILER and INCLUDES (colon-separated folders of dependencies) come from the environment.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: switches.sh QUESTION

  boost      does an HTTP server on Beast answer from a real server, with one Asio and nothing else of Boost in umbel's headers?
  expected   does a program with std::expected, and without tl::expected, do what each kind of result is for, on a real server?
  both       do all headers, those for TLS and the code pass the compiler with both, and with the oldest Boost that is allowed, not an older?
  mixed      does a program not link whose source files differ in a switch, and is the switch named?
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
packaging=$root/tests/packaging
compiler=${COMPILER:-g++}
cluster=$root/tests/support/cluster.sh
skipped=77
scratch=$(mktemp -d)
started=no serving=''
clean_up() {
    [[ -z $serving ]] || kill "$serving" 2> /dev/null || true
    [[ $started == no ]] || "$cluster" stop --dir "$scratch/server" > /dev/null
    rm -rf "$scratch"
}
trap clean_up EXIT

flags=("-I$root/include" -Wall -Wextra -Wpedantic)
IFS=: read -r -a folders <<< "${INCLUDES:-}"
for folder in ${folders[@]+"${folders[@]}"}; do
    [[ -z $folder || $folder == /usr/include ]] || flags+=(-isystem "$folder")
done
# At -O1 and below g++ 12 pairs Asio's operator new of coroutine frames with the wrong operator delete.
[[ $("$compiler" -dumpversion) != 12* ]] || flags+=(-Wno-mismatched-new-delete)
std=(-std=c++23 -DUMBEL_USE_STD_EXPECTED)

skip() {
    printf 'skipped: %s\n' "$1"
    exit $skipped
}

# Sets `boost` to what the compiler needs to find a Boost that is new enough: the machine's own, or one that setup.sh has unpacked.
look_for_boost() {
    local where
    for where in '' "$root/.build/boost/usr/include"; do
        boost=(-DUMBEL_USE_BOOST_ASIO)
        [[ -z $where ]] || boost+=(-isystem "$where")
        printf '#include <boost/beast/version.hpp>\n#include <boost/asio/version.hpp>\n#if BOOST_ASIO_VERSION < 102800\n#error too old\n#endif\n' |
            "$compiler" "${boost[@]}" -fsyntax-only -x c++ - 2> /dev/null && return
    done
    skip 'there is no Boost 1.82 or newer (libboost1.83-dev) here'
}

look_for_expected() {
    printf '#include <expected>\n#if !defined(__cpp_lib_expected)\n#error none\n#endif\n' | "$compiler" -std=c++23 -fsyntax-only -x c++ - 2> /dev/null ||
        skip "$compiler has no std::expected"
}

start_server() { # Sets `address`.
    command -v redis-server > /dev/null || skip 'redis-server is not installed'
    "$cluster" start --dir "$scratch/server" --standalone --watch $$ > /dev/null
    started=yes
    address=127.0.0.1:$(< "$scratch/server/n1/port")
}

expect() { # expect WHAT WANTED SEEN
    [[ $3 == "$2" ]] || { printf '%s: expected "%s", saw "%s"\n' "$1" "$2" "$3"; return 1; }
    printf '%s: %s\n' "$1" "$3"
}

boost() {
    local url status
    look_for_boost
    command -v curl > /dev/null || skip 'curl is not installed'
    start_server
    "$compiler" -std=c++20 "${flags[@]}" "${boost[@]}" -MD -MF "$scratch/read.d" "$root/examples/24_beast.cpp" -pthread -o "$scratch/beast"
    # It has been given no header of standalone Asio.
    ! grep -E '/asio/' "$scratch/read.d" | grep -v /boost/ || { printf 'standalone Asio came in\n'; return 1; }
    redis-cli -p "${address##*:}" set name ada > /dev/null
    "$scratch/beast" "$address" > "$scratch/beast.txt" 2>&1 &
    serving=$!
    for _ in {1..200}; do
        [[ ! -s $scratch/beast.txt ]] || break
        sleep 0.05
    done
    url=$(< "$scratch/beast.txt")
    expect 'GET /name' 'ada' "$(fetch "$url")"
    expect 'GET /nobody' '404' "$(status_of "${url%name}nobody")"
    expect 'GET /name while the key holds a list' '503' "$(redis-cli -p "${address##*:}" lpush list a > /dev/null; status_of "${url%name}list")"
    kill "$serving"
    wait "$serving" && status=0 || status=$?
    serving=''
    expect 'the server ends with' 0 "$status"
    # Of Boost, umbel's own headers know Asio and what it brings along.
    only_asio
}

fetch() { curl --silent --show-error --max-time 20 "$1"; }
status_of() { curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' "$1"; }

# What umbel includes with the switch is what Boost.Asio includes by itself, and umbel.
only_asio() {
    local more
    printf '#include <umbel.hpp>\n' | "$compiler" -std=c++20 "${flags[@]}" "${boost[@]}" -x c++ -M - > "$scratch/umbel.d"
    printf '#include <boost/asio.hpp>\n' | "$compiler" -std=c++20 "${flags[@]}" "${boost[@]}" -x c++ -M - > "$scratch/asio.d"
    boost_headers() { tr -s ' \\' '\n' < "$1" | grep '/boost/' | LC_ALL=C sort -u; }
    more=$(comm -23 <(boost_headers "$scratch/umbel.d") <(boost_headers "$scratch/asio.d"))
    [[ -z $more ]] || { printf 'umbel includes more of Boost than Asio: %s\n' "$more"; return 1; }
    [[ $(boost_headers "$scratch/umbel.d" | wc -l) -gt 50 ]] || { printf 'no header of Boost was counted\n'; return 1; }
    printf 'umbel includes nothing of Boost but what Boost.Asio includes\n'
}

expected() {
    look_for_expected
    start_server
    "$compiler" "${std[@]}" "${flags[@]}" "$packaging/switched.cpp" -pthread -o "$scratch/switched"
    expect 'a program' 'all as it should be, with std::expected' "$(timeout 60 "$scratch/switched" "$address")"
    # Without C++23 the compiler says what is wrong.
    refused 'UMBEL_USE_STD_EXPECTED needs std::expected' -std=c++20 -DUMBEL_USE_STD_EXPECTED
}

refused() { # refused WHY FLAGS…
    local why=$1
    shift
    if printf '#include <umbel/client.hpp>\n' | "$compiler" "${flags[@]}" "$@" -fsyntax-only -x c++ - 2> "$scratch/said.txt"; then
        printf 'not refused: %s\n' "$*"
        return 1
    fi
    grep -q "$why" "$scratch/said.txt" || { head -n 20 "$scratch/said.txt"; return 1; }
    printf 'refused, as it should be: %s\n' "$why"
}

both() {
    look_for_boost
    look_for_expected
    local secure='' folder=$scratch/older
    printf '#include <openssl/ssl.h>\n' | "$compiler" -fsyntax-only -x c++ - 2> /dev/null && secure='umbel/tls.hpp'
    printf '#include <%s>\n' umbel/src.hpp $secure umbel/client/sync_client.hpp umbel/testing/service/stage.hpp > "$scratch/all.cpp"
    sed 's/^#include <umbel\.hpp>/&\n#include "all.cpp"/' "$packaging/switched.cpp" > "$scratch/switched.cpp"
    "$compiler" "${std[@]}" "${flags[@]}" "${boost[@]}" -fsyntax-only "$scratch/switched.cpp"
    printf 'all headers pass with both\n'
    # An older Boost, of which no more than its version is read.
    mkdir -p "$folder/boost/asio"
    printf '#define BOOST_ASIO_VERSION 102601\n' > "$folder/boost/asio/version.hpp"
    refused 'umbel needs Boost 1.82 or newer' -std=c++20 -DUMBEL_USE_BOOST_ASIO "-I$folder"
}

unlinked() { # unlinked WHAT SYMBOL OBJECTS…
    local what=$1 symbol=$2
    shift 2
    if (cd "$scratch" && "$compiler" "$@" -pthread -o program 2> said.txt); then
        printf '%s: links\n' "$what"
        return 1
    fi
    grep -q "$symbol" "$scratch/said.txt" || { head -n 20 "$scratch/said.txt"; return 1; }
    printf '%s: refused by the linker, which says %s\n' "$what" "$symbol"
}

# A file that sends, and one that constructs a client; the file with the code is left out, but for its name.
mixed() {
    look_for_expected
    local parts=$packaging/parts
    "$compiler" -std=c++20 "${flags[@]}" -c "$parts/main.cpp" -o "$scratch/main.o"
    "$compiler" "${std[@]}" "${flags[@]}" -c "$parts/sends.cpp" -o "$scratch/expects.o"
    unlinked 'a file with std::expected' UMBEL_USE_STD_EXPECTED_is_defined_in_all_source_files_or_in_none main.o expects.o
    "$compiler" "${std[@]}" "${flags[@]}" -c "$parts/main.cpp" -o "$scratch/expects_main.o"
    unlinked 'a client with std::expected, without the code' include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_STD_EXPECTED \
        expects_main.o expects.o
    look_for_boost
    "$compiler" -std=c++20 "${flags[@]}" "${boost[@]}" -c "$parts/sends.cpp" -o "$scratch/boosts.o"
    unlinked 'a file with Boost.Asio' UMBEL_USE_BOOST_ASIO_is_defined_in_all_source_files_or_in_none main.o boosts.o
}

case ${1:-} in
    boost | expected | both | mixed) "$1" ;;
    *) usage >&2; exit 2 ;;
esac

#!/usr/bin/env bash
# check.sh: builds and runs tiny projects that use umbel the way its users do, and looks at what they inherit.
# COMPILER comes from the environment; files go to the folder given.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: check.sh WAY FOLDER

  installed      find_package(umbel) in an install tree
  built          find_package(umbel) in a build tree
  subdirectory   add_subdirectory of the source tree
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
compiler=${COMPILER:-g++}
way=${1:-} folder=${2:-}
[[ -n $folder ]] || { usage >&2; exit 2; }
if [[ -z ${CMAKE_GENERATOR:-} ]] && command -v ninja > /dev/null; then export CMAKE_GENERATOR=Ninja; fi
rm -rf "$folder"
mkdir -p "$folder"

configure() { # configure SOURCE BUILD OPTIONS…
    local source=$1 build=$2
    shift 2
    cmake -S "$source" -B "$build" "-DCMAKE_CXX_COMPILER=$compiler" -DCMAKE_BUILD_TYPE= "$@" > "$build.log" 2>&1 || { cat "$build.log"; exit 1; }
}

# umbel itself, as someone who installs it configures it.
configure_umbel() {
    configure "$root" "$folder/umbel" -DUMBEL_BUILD_TESTS=OFF -DUMBEL_BUILD_EXAMPLES=OFF "-DCMAKE_INSTALL_PREFIX=$folder/prefix"
}

# Consumers inherit an include path, the language level and link edges: no warnings, no macros, nothing else.
check_inheritance() {
    local flag
    # The one file that umbel::compiled adds is umbel's own: it may be linked into a shared object.
    for flag in $(sed -n '/umbel_src\.cpp/d; s/.*"command": "\(.*\)".*/\1/p' "$1/compile_commands.json"); do
        case $flag in
            -W* | -D* | -O* | -f*) printf 'a consumer inherits %s\n' "$flag"; exit 1 ;;
        esac
    done
}

build_and_run() {
    cmake --build "$1" > "$1.log" 2>&1 || { cat "$1.log"; exit 1; }
    check_inheritance "$1"
    "$1/uses_core"
    "$1/uses_links"
    printf 'consumer by %s: built and run\n' "$way"
}

has_command() { # has_command BUILD FILE WORD…: is the file compiled with these words?
    local build=$1 file=$2 command word
    shift 2
    command=" $(sed -n "s/.*\"command\": \"\\(.*$file\\)\".*/\\1/p" "$build/compile_commands.json") "
    for word in "$@"; do
        [[ $command == *" $word "* ]] || { printf '%s is compiled without %s: %s\n' "$file" "$word" "$command"; exit 1; }
    done
}

# One installation serves every choice of the consumer's; what is not chosen need not be there. Boost is a folder with its version here:
# packaging/switches compiles with a real one.
check_switches() { # check_switches PREFIX
    local boost=$folder/boost
    configure "$here/by_package" "$folder/expected" "-DCMAKE_PREFIX_PATH=$1" -DUMBEL_USE_STD_EXPECTED=ON -DCMAKE_DISABLE_FIND_PACKAGE_TlExpected=ON
    has_command "$folder/expected" uses_core.cpp -DUMBEL_USE_STD_EXPECTED -std=gnu++23
    has_command "$folder/expected" uses_links.cpp -DUMBEL_USE_STD_EXPECTED -std=gnu++23
    mkdir -p "$boost/boost/asio"
    touch "$boost/boost/asio/awaitable.hpp"
    printf '#define BOOST_VERSION 108200\n' > "$boost/boost/version.hpp"
    configure "$here/by_package" "$folder/boosted" "-DCMAKE_PREFIX_PATH=$1" -DUMBEL_USE_BOOST_ASIO=ON "-DBoostAsio_INCLUDE_DIR=$boost" \
        -DCMAKE_DISABLE_FIND_PACKAGE_Asio=ON
    has_command "$folder/boosted" uses_links.cpp -DUMBEL_USE_BOOST_ASIO "-isystem $boost"
    has_command "$folder/boosted" umbel_src.cpp -DUMBEL_USE_BOOST_ASIO "-isystem $boost"
    printf '#define BOOST_VERSION 108100\n' > "$boost/boost/version.hpp"
    if cmake -S "$here/by_package" -B "$folder/older" "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_PREFIX_PATH=$1" -DUMBEL_USE_BOOST_ASIO=ON \
        "-DBoostAsio_INCLUDE_DIR=$boost" > "$folder/older.log" 2>&1; then
        printf 'a consumer with too old a Boost was configured\n'
        exit 1
    fi
    grep -q '1\.81\.0' "$folder/older.log" || { cat "$folder/older.log"; exit 1; }
    printf 'consumers choose std::expected and Boost.Asio\n'
}

case $way in
    installed)
        configure_umbel
        cmake --install "$folder/umbel" > "$folder/install.log"
        # Nothing may be left that points back to the source tree.
        if grep -r -l -F "$root/include" "$folder/prefix"; then printf 'the install tree names the source tree\n'; exit 1; fi
        mv "$folder/prefix" "$folder/moved" # an install tree can be moved
        configure "$here/by_package" "$folder/consumer" "-DCMAKE_PREFIX_PATH=$folder/moved"
        build_and_run "$folder/consumer"
        diff -r "$root/include" "$folder/moved/include"
        cmake --build "$folder/consumer" --target uses_compiled > "$folder/compiled.log" 2>&1 || { cat "$folder/compiled.log"; exit 1; }
        "$folder/consumer/uses_compiled"
        if printf '#include <openssl/ssl.h>\n' | "$compiler" -fsyntax-only -x c++ - 2> /dev/null; then
            # An installed umbel finds OpenSSL on the machine of its user.
            [[ -x $folder/consumer/uses_tls ]] || { printf 'OpenSSL is installed, and umbel::tls is not there\n'; exit 1; }
            "$folder/consumer/uses_tls"
            printf 'consumer of umbel::tls: built and run\n'
        fi
        configure "$here/by_package" "$folder/plain" "-DCMAKE_PREFIX_PATH=$folder/moved" -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
        if grep -q uses_tls "$folder/plain/compile_commands.json"; then printf 'umbel::tls is there without OpenSSL\n'; exit 1; fi
        if cmake -S "$here/by_package" -B "$folder/missing" "-DCMAKE_CXX_COMPILER=$compiler" -DCMAKE_DISABLE_FIND_PACKAGE_Asio=ON \
            "-DCMAKE_PREFIX_PATH=$folder/moved" > "$folder/missing.log" 2>&1; then
            printf 'a consumer without Asio was configured\n'
            exit 1
        fi
        check_switches "$folder/moved"
        ;;
    built)
        configure_umbel
        configure "$here/by_package" "$folder/consumer" "-Dumbel_DIR=$folder/umbel"
        build_and_run "$folder/consumer"
        ;;
    subdirectory)
        configure "$here/by_subdirectory" "$folder/consumer" "-DUMBEL_SOURCE=$root"
        build_and_run "$folder/consumer"
        ;;
    *) usage >&2; exit 2 ;;
esac

#!/usr/bin/env bash
# setup.sh: installs the packages that are missing on a Debian 12, Debian 13 or Ubuntu 24.04 machine, and only those.
# When everything is there it asks neither apt nor the network. It needs bash, coreutils and apt, and root or sudo when it has to install.
# Debian 12 has too old an Asio and Catch2: they come from the next suite and from backports of the machine's own mirrors, pinned so low
# that nothing else is ever taken from there.
set -uo pipefail

usage() {
    cat <<'TEXT'
usage: setup.sh [quickstart|tests|benchmarks] [--clang]

  quickstart   compiler, cmake, build tool, Asio, tl::expected, redis-server
  tests        those (default), Catch2, and valkey-server, OpenSSL, Boost's headers, iproute2, valgrind and libedit where they are to be had
  benchmarks   those of the quickstart, hiredis, and libevent, liburing, valgrind, OpenSSL and Boost.Redis where they are to be had
  --clang      also a clang of version 16 or newer
TEXT
}

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=build.sh
source "$support/build.sh"
# shellcheck source=apt_suites.sh
source "$support/apt_suites.sh"

say() { umbel_say "set-up: $*"; }
die() {
    printf '==> set-up: %s\n' "$*" >&2
    exit 1
}

goal=tests clang=no
while (($#)); do
    case $1 in
        quickstart | tests | benchmarks) goal=$1 ;;
        --clang) clang=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; die "unknown option $1" ;;
    esac
    shift
done

# --- what is needed ---------------------------------------------------------------------------------------------------------------
# One row each: name | oldest package version | suites besides the machine's own (backports, next) | packages, the first decides.

declare -A row=(
    [compiler]='g++ 12 or newer|4:12||g++'
    [cmake]='cmake|3.22||cmake'
    [builder]='ninja or make|1||ninja-build'
    [expected]='tl::expected|1.0||libexpected-dev'
    [asio]='Asio 1.28 or newer|1:1.28|backports next|libasio-dev'
    [catch2]='Catch2 3|3|backports|catch2 libcatch2-dev'
    [redis]='redis-server|5:7||redis-server redis-tools'
    [valkey]='valkey-server|7.2|backports|valkey-server valkey-tools'
    [iproute]='iproute2|1||iproute2'
    [editline]='libedit|3||libedit-dev'
    [hiredis]='hiredis|0.14||libhiredis-dev'
    [libevent]='libevent|2||libevent-dev'
    [liburing]='liburing|2||liburing-dev'
    [valgrind]='valgrind|1:3||valgrind'
    [openssl]='OpenSSL|1||libssl-dev'
    [beast]='Boost 1.82 or newer|1.82|backports next|libboost1.83-dev'
    [boost]='Boost.Redis|1.84|next|libboost1.88-dev'
    [clang]='clang 16 or newer|1:16||clang-19 libclang-rt-19-dev'
)

required=(compiler cmake builder expected asio redis)
optional=()
case $goal in
    tests) required+=(catch2) optional+=(valkey openssl beast iproute valgrind editline) ;;
    benchmarks) required+=(hiredis) optional+=(libevent liburing valgrind openssl boost) ;;
esac
[[ $clang == no ]] || required+=(clang)

# Where Boost's headers are unpacked when they cannot be installed: benchmarks, examples and tests look there as well.
unpacked_boost=$support/../../.build/boost

field() { cut -d '|' -f "$2" <<< "${row[$1]}"; }

# What the compiler finds is asked of the compiler itself, so that CPATH and /usr/local count; one run for all headers.
declare -A header=()
look_for_headers() {
    local compiler word
    header=()
    compiler=$(umbel_compiler no 2> /dev/null) || return 0
    for word in $("$compiler" -std=c++20 -E -P -x c++ - 2> /dev/null <<'TEXT'
#if __has_include(<tl/expected.hpp>)
found_expected
#endif
#if __has_include(<asio/version.hpp>)
#include <asio/version.hpp>
#if ASIO_VERSION >= 102800
found_asio
#endif
#endif
#if __has_include(<catch2/catch_test_macros.hpp>)
found_catch2
#endif
#if __has_include(<histedit.h>)
found_editline
#endif
#if __has_include(<hiredis/hiredis.h>)
found_hiredis
#endif
#if __has_include(<event2/event.h>)
found_libevent
#endif
#if __has_include(<liburing.h>)
found_liburing
#endif
#if __has_include(<openssl/ssl.h>)
found_openssl
#endif
#if __has_include(<boost/beast/version.hpp>)
#include <boost/version.hpp>
#if BOOST_VERSION >= 108200
found_beast
#endif
#endif
#if __has_include(<boost/redis/src.hpp>)
found_boost
#endif
TEXT
    ); do
        header[${word#found_}]=1
    done
}

is_there() {
    case $1 in
        compiler) umbel_compiler no > /dev/null 2>&1 ;;
        clang) umbel_compiler yes > /dev/null 2>&1 ;;
        cmake) command -v cmake > /dev/null ;;
        builder) command -v ninja > /dev/null || command -v make > /dev/null ;;
        redis) command -v redis-server > /dev/null && command -v redis-cli > /dev/null ;;
        valkey) command -v valkey-server > /dev/null ;;
        iproute) command -v ip > /dev/null ;;
        valgrind) command -v valgrind > /dev/null ;;
        beast) [[ -n ${header[beast]:-} || -f $unpacked_boost/usr/include/boost/beast/version.hpp ]] ;;
        boost) [[ -n ${header[boost]:-} || -f $unpacked_boost/usr/include/boost/redis/src.hpp ]] ;;
        *) [[ -n ${header[$1]:-} ]] ;;
    esac
}

# Sets `missing` and `wished` (optional ones that are missing).
look() {
    local item
    missing=() wished=()
    look_for_headers
    for item in "${required[@]}"; do is_there "$item" || missing+=("$item"); done
    for item in ${optional[@]+"${optional[@]}"}; do is_there "$item" || wished+=("$item"); done
}

titles() {
    local item text=
    for item in "$@"; do text+="${text:+, }$(field "$item" 1)"; done
    printf '%s' "$text"
}

# What this machine could not offer once is not asked for at every run; remove the file to try again.
declined=$support/../../.build/setup-declined
forget_declined() {
    local item kept=()
    for item in ${wished[@]+"${wished[@]}"}; do
        grep -q -x "$item" "$declined" 2> /dev/null || kept+=("$item")
    done
    wished=(${kept[@]+"${kept[@]}"})
}

look
forget_declined
if ((${#missing[@]} + ${#wished[@]} == 0)); then
    say "nothing is missing"
    exit 0
fi
say "missing: $(titles ${missing[@]+"${missing[@]}"} ${wished[@]+"${wished[@]}"})"

# --- the means to install ---------------------------------------------------------------------------------------------------------

# Something only wished for is no reason to stop.
give_up() {
    ((${#missing[@]})) && die "$* - please install: $(titles "${missing[@]}")"
    say "$*; going on without $(titles "${wished[@]}")"
    exit 0
}

command -v apt-get > /dev/null || give_up "this machine has no apt-get"
as_root=()
if ((EUID != 0)); then
    command -v sudo > /dev/null || give_up "neither root nor sudo"
    as_root=(sudo)
    [[ -t 0 ]] || as_root=(sudo -n)
    "${as_root[@]}" true 2> /dev/null || give_up "sudo does not let this user install packages"
fi

log=$(mktemp "${TMPDIR:-/tmp}/umbel-setup.XXXXXX") || die "cannot write to ${TMPDIR:-/tmp}"
guard=/usr/sbin/policy-rc.d guarded=no
clean_up() {
    local status=$?
    [[ $guarded == no ]] || "${as_root[@]}" rm -f "$guard"
    ((status != 0)) || rm -f "$log"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 -o DPkg::Options::=--force-confold "$@" < /dev/null >> "$log" 2>&1
}

# Runs a step and says every 15 seconds where it stands.
patiently() {
    local status beat
    (while sleep 15; do printf '    … %s\n' "$(tail -n 1 "$log" | cut -c 1-110)"; done) &
    beat=$!
    "$@"
    status=$?
    kill "$beat" 2> /dev/null
    wait "$beat" 2> /dev/null
    return "$status"
}

no_network() {
    grep -q -i -E 'failed to fetch|could not resolve|temporary failure|could not connect|unable to connect|connection (failed|timed out)|no route' "$log"
}

# The one line that says what is missing, and why; `details` shows what apt said.
fail_missing() {
    local why="no package source of this machine has it"
    if no_network; then why="the package sources cannot be reached (is there a network?)"; fi
    if [[ $1 == details ]]; then
        tail -n 25 "$log" >&2
        why="apt failed, see above"
    fi
    shift
    die "cannot install $(titles "$@"): $why; log: $log"
}

# --- which version of which package -----------------------------------------------------------------------------------------------

next=${later_suites%% *}
next=${next:-none}

# The version to install of a package, no older than OLDEST: the machine's own choice if it will do, otherwise the nearest allowed one.
version_of() { # version_of PACKAGE OLDEST SUITES
    local candidate version place best=''
    candidate=$(LC_ALL=C apt-cache policy "$1" 2> /dev/null | sed -n 's/^ *Candidate: *//p')
    while IFS='|' read -r _ version place; do
        version=${version// /}
        [[ $place == *Packages* ]] || continue
        [[ $place != *" $next/"* || $3 == *next* ]] || continue
        dpkg --compare-versions "$version" ge "$2" || continue
        if [[ $version == "$candidate" ]]; then
            best=$version
            break
        fi
        if [[ -z $best ]] || dpkg --compare-versions "$version" lt "$best"; then best=$version; fi
    done < <(apt-cache madison "$1" 2> /dev/null)
    printf '%s' "$best"
}

# Sets `plan` to what apt shall install for one row; 1 when there is no fitting version.
plan_for() {
    local packages oldest suites version package number
    read -r -a packages <<< "$(field "$1" 4)"
    oldest=$(field "$1" 2) suites=$(field "$1" 3)
    if [[ $1 == clang ]]; then
        for number in 22 21 20 19 18 17 16; do
            [[ -n $(version_of clang-$number 1:16 '') ]] || continue
            packages=("clang-$number" "libclang-rt-$number-dev")
            break
        done
    fi
    version=$(version_of "${packages[0]}" "$oldest" "$suites")
    [[ -n $version ]] || return 1
    plan=("${packages[0]}=$version")
    for package in "${packages[@]:1}"; do
        # Its companions must have the same version, where that release has them as packages of their own.
        if apt-cache madison "$package" 2> /dev/null | cut -d '|' -f 2 | tr -d ' ' | grep -q -x -F "$version"; then
            plan+=("$package=$version")
        fi
    done
}

# --- one more suite of the machine's own mirrors ----------------------------------------------------------------------------------

added_suites=''
add_suite() { # add_suite SUITE; 1 when this machine's sources do not lend themselves to it
    local entry text extension=list priority=60
    [[ $added_suites != *" $1 "* ]] || return 0
    added_suites+=" $1 "
    entry=$(own_entry)
    [[ -n $entry && -f $entry ]] || return 1
    text=$(rewritten_entry "$entry" "$1")
    [[ -n $text ]] || return 1
    [[ $entry != *.sources ]] || extension=sources
    say "adding the suite $1 of this machine's own mirror, pinned so low that nothing else comes from it"
    # What both have is taken from backports, which is built for this release.
    [[ $1 != "$next" ]] || priority=50
    # The pin first: there is no moment at which the new suite could be taken for an upgrade.
    printf 'Explanation: made by umbel, tests/support/setup.sh\nPackage: *\nPin: release n=%s\nPin-Priority: %s\n' "$1" "$priority" |
        "${as_root[@]}" tee "/etc/apt/preferences.d/umbel-$1.pref" > /dev/null || return 1
    printf '%s\n' "$text" | "${as_root[@]}" tee "/etc/apt/sources.list.d/umbel-$1.$extension" > /dev/null || return 1
    patiently apt update -o "Dir::Etc::sourcelist=sources.list.d/umbel-$1.$extension" -o Dir::Etc::sourceparts=- \
        -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any && return
    # What could not be read is not left behind.
    "${as_root[@]}" rm -f "/etc/apt/sources.list.d/umbel-$1.$extension" "/etc/apt/preferences.d/umbel-$1.pref"
    return 1
}

# Like plan_for, with the suites that this row allows added one after the other until one has it.
plan_anywhere() {
    local suite
    plan_for "$1" && return
    [[ $own_suite == bookworm || $own_suite == trixie ]] || return 1
    for suite in $(field "$1" 3); do
        case $suite in
            backports) add_suite "$own_suite-backports" || continue ;;
            next) add_suite "$next" || continue ;;
        esac
        plan_for "$1" && return
    done
    return 1
}

# --- install ----------------------------------------------------------------------------------------------------------------------

# A server that comes with a package shall not be started by it, now or at the next boot; one that was there before is not touched.
guard_services() {
    [[ ! -e $guard ]] || return 0
    guarded=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" > /dev/null && "${as_root[@]}" chmod 755 "$guard"
}

disable_service() {
    "${as_root[@]}" update-rc.d "$1" disable >> "$log" 2>&1 && say "$1 is installed, but not started at boot"
}

install_items() { # install_items ITEM…: all in one go
    local item all=() services=()
    for item in "$@"; do
        plan_anywhere "$item" || return 2
        all+=("${plan[@]}")
        if [[ $item == redis || $item == valkey ]] && ! command -v "$item-server" > /dev/null; then services+=("$item-server"); fi
    done
    say "installing ${all[*]}"
    patiently apt install --no-install-recommends "${all[@]}" || return 1
    for item in ${services[@]+"${services[@]}"}; do disable_service "$item"; done
}

# Debian 12 cannot install the next suite's Boost, which wants a newer C++ library; its headers are all we need.
unpack_boost() {
    local version folder
    plan_anywhere boost || return 1
    version=${plan[0]}
    folder=$(mktemp -d) || return 1
    say "unpacking the headers of $version"
    (cd "$folder" && apt-get -q download "$version" >> "$log" 2>&1 && dpkg-deb -x ./*.deb unpacked) &&
        mkdir -p "$unpacked_boost" && cp -R "$folder/unpacked/." "$unpacked_boost/"
    rm -rf "$folder"
    is_there boost
}

say "reading the package lists"
patiently apt update || true
guard_services

if ((${#missing[@]})); then
    lacking=()
    for item in "${missing[@]}"; do plan_anywhere "$item" || lacking+=("$item"); done
    # Without a network the lists are old, and what they know is no help either.
    if ((${#lacking[@]})) && no_network; then lacking=("${missing[@]}"); fi
    ((${#lacking[@]} == 0)) || fail_missing short "${lacking[@]}"
    if ! install_items "${missing[@]}"; then
        if no_network; then fail_missing short "${missing[@]}"; else fail_missing details "${missing[@]}"; fi
    fi
fi
for item in ${wished[@]+"${wished[@]}"}; do
    install_items "$item" && continue
    [[ $item != boost ]] || ! unpack_boost || continue
    say "$(field "$item" 1) is not to be had here; going on without it"
    no_network || { mkdir -p "${declined%/*}" && printf '%s\n' "$item" >> "$declined"; }
done

look
((${#missing[@]} == 0)) || fail_missing short "${missing[@]}"
say "done"

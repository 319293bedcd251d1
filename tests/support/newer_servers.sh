#!/usr/bin/env bash
# newer_servers.sh: makes servers of newer lines than the machine's own run on it: .build/servers/redis-8/redis-server,
# .build/servers/valkey-8.1/valkey-server and .build/servers/valkey-9/valkey-server, with the command line tools beside them. Safe to run
# again; what is there is not made anew.
#
# Debian's newer suites have these lines, built for a newer C library than the machine has. Their packages are fetched from the machine's own
# mirror with package lists of their own, unpacked below .build with the C library they were built for, and started by that library's loader.
# Nothing is installed, and apt's own lists and settings stay as they are. What cannot be had is named; then its tests are skipped.
set -uo pipefail

usage() {
    cat <<'TEXT'
usage: newer_servers.sh [LINE…]

LINE is redis-8, valkey-8.1 or valkey-9; all when none is given. Ends with 0 also when a line cannot be had.
TEXT
}

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=build.sh
source "$support/build.sh"
# shellcheck source=apt_suites.sh
source "$support/apt_suites.sh"

servers=$(cd "$support/../.." && pwd -P)/.build/servers
say() { umbel_say "newer servers: $*"; }

# One row each: family | its oldest and the first later version.
declare -A row=(
    [redis-8]='redis|5:8|5:9'
    [valkey-8.1]='valkey|8.1|8.2'
    [valkey-9]='valkey|9|10'
)
# The libraries that server and tools need; which of them a line really needs, its loader is asked afterwards.
libraries=(libc6 libgcc-s1 libstdc++6 libatomic1 libjemalloc2 liblzf1 libssl3t64 libsystemd0 libcap2 libzstd1 zlib1g)

lines=()
for word in "$@"; do
    case $word in
        -h | --help) usage; exit 0 ;;
        *)
            [[ -n ${row[$word]:-} ]] || { usage >&2; printf 'newer_servers.sh: unknown line %s\n' "$word" >&2; exit 2; }
            lines+=("$word")
            ;;
    esac
done
((${#lines[@]})) || lines=(redis-8 valkey-8.1 valkey-9)

field() { cut -d '|' -f "$2" <<< "${row[$1]}"; }

# True when the line's server starts.
works() {
    local server
    server=$servers/$1/$(field "$1" 1)-server
    [[ -x $server ]] && "$server" --version > /dev/null 2>&1
}

# True when the machine's own server is of this line already: the tests run against that under its plain name.
is_own() {
    local own version
    own=$(command -v "$(field "$1" 1)-server") || return 1
    version=$("$own" --version 2> /dev/null | sed -n 's/.*v=\([0-9][0-9.]*\).*/\1/p')
    [[ $version == "${1#*-}" || $version == "${1#*-}".* ]]
}

# What this machine's mirror did not have is not asked for at every run; remove the file to try again.
declined=$servers/declined
wanted=()
for line in "${lines[@]}"; do
    if works "$line"; then continue; fi
    if is_own "$line"; then
        say "$line is what this machine has installed"
    elif grep -q -x -s -F "$line" "$declined"; then
        say "$line was not to be had here; its tests are skipped (remove ${declined#"$PWD"/} to try again)"
    else
        wanted+=("$line")
    fi
done
((${#wanted[@]})) || exit 0

# --- package lists of their own ---------------------------------------------------------------------------------------------------

log=$(mktemp "${TMPDIR:-/tmp}/umbel-servers.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT

give_up() {
    say "$*; the tests of ${wanted[*]} are skipped"
    exit 0
}
for tool in apt-get apt-cache dpkg-deb; do command -v "$tool" > /dev/null || give_up "this machine has no $tool"; done
[[ -n $later_suites ]] || give_up "this is no Debian with newer suites"
entry=$(own_entry)
[[ -n $entry && -f $entry ]] || give_up "the entry of Debian's own mirror is not found"

# Two runs at once must not unpack into one folder.
mkdir -p "$servers" || give_up "cannot write to $servers"
if command -v flock > /dev/null; then exec 9> "$servers/lock" && flock 9; fi

# Runs apt-get or apt-cache with the lists of one suite only: they know neither the machine's sources nor what it has installed.
with_suite() { # with_suite SUITE PROGRAM ARGS…
    local folder=$servers/apt/$1 program=$2 sources
    sources=$(echo "$folder"/suite.*)
    shift 2
    LC_ALL=C "$program" -q -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" \
        -o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null -o APT::Default-Release= -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@" 2>> "$log" < /dev/null
}

declare -A listed=()
read_suite() { # read_suite SUITE: fetches its package list; 1 when this machine's mirror does not have it
    local folder=$servers/apt/$1 text extension=list
    [[ -z ${listed[$1]:-} ]] || return "${listed[$1]}"
    listed[$1]=1
    text=$(rewritten_entry "$entry" "$1")
    [[ -n $text ]] || return 1
    [[ $entry != *.sources ]] || extension=sources
    mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" || return 1
    : > "$folder/status"
    printf '%s\n' "$text" > "$folder/suite.$extension"
    say "reading the package list of $1"
    with_suite "$1" apt-get update -o APT::Update::Error-Mode=any >> "$log" || return 1
    listed[$1]=0
}

# The suite's version of a line's server; empty when it has another line.
version_in() { # version_in SUITE LINE
    local version
    version=$(with_suite "$1" apt-cache policy "$(field "$2" 1)-server" | sed -n 's/^ *Candidate: *//p')
    dpkg --compare-versions "${version:-0}" ge "$(field "$2" 2)" && dpkg --compare-versions "$version" lt "$(field "$2" 3)" &&
        printf '%s' "$version"
}

# --- unpack -----------------------------------------------------------------------------------------------------------------------

# Writes a program that starts the unpacked one by the loader of its own C library.
write_starter() { # write_starter FOLDER PROGRAM
    local loader paths
    loader=$(find "$1/root" -name 'ld-linux*.so.*' -print -quit)
    paths=$(find "$1/root" -name '*.so.*' -printf '%h\n' | sort -u | sed "s|^$1|\$here|" | paste -s -d :)
    [[ -n $loader && -e $1/root/usr/bin/$2 ]] || return 1
    cat > "$1/$2" <<TEXT
#!/bin/sh
# Made by tests/support/newer_servers.sh.
here=\${0%/*}
exec "\$here/${loader#"$1/"}" --library-path "$paths" "\$here/root/usr/bin/$2" "\$@"
TEXT
    chmod 755 "$1/$2"
}

unpack() { # unpack LINE SUITE
    local family made=$servers/$1.new package program names=()
    family=$(field "$1" 1)
    rm -rf -- "$made"
    mkdir -p "$made/debs" || return 1
    for package in "$family-server" "$family-tools" "${libraries[@]}"; do
        # A suite may have dropped a library or renamed it.
        [[ -z $(with_suite "$2" apt-cache policy "$package") ]] || names+=("$package")
    done
    (cd "$made/debs" && with_suite "$2" apt-get download "${names[@]}" >> "$log") || return 1
    for package in "$made"/debs/*.deb; do dpkg-deb -x "$package" "$made/root" >> "$log" 2>&1 || return 1; done
    # Only programs and libraries are kept.
    rm -rf -- "$made/debs" "$made/root/usr/share" "$made/root/etc" "$made/root/var"
    for program in "$family-server" "$family-cli"; do
        write_starter "$made" "$program" && "$made/$program" --version >> "$log" 2>&1 || return 1
    done
    rm -rf -- "${servers:?}/$1"
    mv "$made" "$servers/$1"
}

no_network() {
    grep -q -i -E 'failed to fetch|could not resolve|temporary failure|could not connect|unable to connect|connection (failed|timed out)|no route' "$log"
}

fetch() { # fetch LINE: from the first suite that has it; the next release is asked last, it has most lines least likely
    local suite version
    for suite in ${later_suites#* } ${later_suites%% *}; do
        read_suite "$suite" || continue
        version=$(version_in "$suite" "$1") || continue
        say "unpacking $(field "$1" 1)-server $version of $suite into ${servers#"$PWD"/}/$1"
        unpack "$1" "$suite" && return
        rm -rf -- "$servers/$1.new"
    done
    return 1
}

for line in "${wanted[@]}"; do
    works "$line" && continue  # made meanwhile by another run
    fetch "$line" && continue
    say "$line is not to be had here; its tests are skipped"
    tail -n 3 "$log" | cut -c 1-160 | sed 's/^/    /'
    no_network || printf '%s\n' "$line" >> "$declined"
done
rm -rf -- "$servers/apt"

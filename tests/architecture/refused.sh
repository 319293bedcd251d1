#!/usr/bin/env bash
# refused.sh: holds what the compiler says of refused.cpp against the words that stand there; see that file.
# COMPILER and INCLUDES (colon-separated folders of dependencies outside the compiler's own path) come from the environment.
set -uo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
source_file=$root/tests/architecture/refused.cpp
compiler=${COMPILER:-g++}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
said=$scratch/said.txt
lines_max=40 # What a reader is asked to read for one mistake.
failed=0

complain() {
    printf '%s\n' "$*"
    failed=1
}

flags=(-std=c++20 "-I$root/include" -fsyntax-only)
IFS=: read -r -a folders <<< "${INCLUDES:-}"
for folder in ${folders[@]+"${folders[@]}"}; do
    [[ -z $folder || $folder == /usr/include ]] || flags+=(-isystem "$folder")
done
is_clang=no
[[ $("$compiler" --version) != *clang* ]] || is_clang=yes
if [[ $is_clang == yes ]]; then flags+=(-ferror-limit=0); else flags+=(-fmax-errors=0); fi

# All that is said of one line: from its first error to the next error of another line.
said_of() {
    awk -v at="refused.cpp:$1:" '/: error:/ { inside = index($0, at) > 0 } inside' "$said"
}

check_line() { # check_line NUMBER WORDS
    local number=$1 words word text
    text=$(said_of "$number")
    [[ -n $text ]] || { complain "refused.cpp:$number compiles"; return; }
    (($(wc -l <<< "$text") <= lines_max)) || complain "refused.cpp:$number: $(wc -l <<< "$text") lines are said of it"
    IFS='|' read -r -a words <<< "$2"
    for word in "${words[@]}"; do
        [[ $text == *"$word"* ]] || complain "refused.cpp:$number: nothing is said of '$word':" "$text"
    done
}

if "$compiler" "${flags[@]}" "$source_file" > "$said" 2>&1; then complain 'refused.cpp compiles'; fi
expected=0
while IFS=: read -r number text; do
    # What a concept or a note prints differs between compilers; the words for clang leave out how g++ spells an expression.
    words=${text##*// refused: }
    [[ $is_clang == no ]] || words=${words//from_reply<T>::from(view)/from_reply}
    check_line "$number" "$words"
    expected=$((expected + 1))
done < <(grep -n '// refused: ' "$source_file" | grep -v '^[0-9]*:// ')
while IFS=: read -r number; do
    sed -n "${number}p" "$source_file" | grep -q '// refused: ' || complain "refused.cpp:$number is refused:" "$(said_of "$number")"
done < <(sed -n 's/.*refused\.cpp:\([0-9]*\):[0-9]*: error:.*/\1/p' "$said" | sort -un)
grep -q '\.hpp:[0-9:]* error:' "$said" && complain "an error is told of a header:" "$(grep '\.hpp:[0-9:]* error:' "$said")"

# What g++ 12 prints for braces inside the operand of co_await stands in the README as it prints it.
if [[ $is_clang == no && $("$compiler" -dumpversion) == 12* ]]; then
    printf '%s\n' '#include <umbel/client.hpp>' '#include <asio/awaitable.hpp>' \
        'asio::awaitable<void> f(umbel::client& db) { (void)co_await db.mget(std::vector<std::string>{"a", "b"}); }' > "$scratch/braces.cpp"
    if "$compiler" "${flags[@]}" "$scratch/braces.cpp" > "$said" 2>&1; then complain 'a braced list in the operand of co_await compiles'; fi
    message=$(sed -n 's/.*braces\.cpp:[0-9:]* \(error: .*\)/\1/p' "$said" | head -n 1)
    grep -qF "\`$message\`" "$root/README.md" || complain "README.md does not show '$message'"
fi

((failed == 0)) && printf '%s mistakes are refused by %s with the words that help\n' "$expected" "${compiler##*/}"
exit "$failed"

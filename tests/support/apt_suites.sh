# apt_suites.sh: what setup.sh and newer_servers.sh share: which suites of Debian are newer than the machine's own, and how the machine's
# own package source reads for another suite. To be sourced. It knows no mirror by name, and it installs and fetches nothing.

own_suite=$(. /etc/os-release 2> /dev/null && printf '%s' "${VERSION_CODENAME:-}")
# The next release first; empty where this is no Debian that we know.
case $own_suite in
    bookworm) later_suites='trixie forky sid' ;;
    trixie) later_suites='forky sid' ;;
    *) later_suites='' ;;
esac

# Prints the file in which the machine's distribution itself is entered; a mirror of anything else is none of our business.
own_entry() {
    apt-get indextargets 'Identifier: Packages' 'Component: main' "Codename: $own_suite" 'Origin: Debian' 2> /dev/null |
        sed -n 's/^Sourcesentry: \(.*\):[0-9]*$/\1/p' | head -n 1
}

# The entry of the machine's own suite, rewritten for another suite; mirrors, keys and all other options stay.
rewritten_entry() { # rewritten_entry FILE SUITE
    case $1 in
        *.sources)
            awk -v own="$own_suite" -v suite="$2" 'BEGIN { RS = ""; FS = "\n" } {
                enabled = 1; ours = 0; skipping = 0; text = ""
                for (i = 1; i <= NF; ++i) {
                    if ($i ~ /^#/) continue
                    if ($i ~ /^[ \t]/ && skipping) continue
                    skipping = 0
                    if ($i ~ /^[Ee]nabled: *no/) enabled = 0
                    if (tolower($i) ~ /^suites:/) {
                        count = split($i, words, /[ \t]+/)
                        for (j = 2; j <= count; ++j) if (words[j] == own || words[j] ~ /^(old)?stable$/) ours = 1
                        $i = "Suites: " suite; skipping = 1
                    }
                    if (tolower($i) ~ /^components:/) { $i = "Components: main"; skipping = 1 }
                    if (tolower($i) ~ /^types:/) $i = "Types: deb"
                    text = text $i "\n"
                }
                if (enabled && ours && !done) { printf "%s", text; done = 1 }
            }' "$1"
            ;;
        *)
            sed -n -E "s/^[[:space:]]*deb([[:space:]]+\[[^]]*\])?[[:space:]]+([^[:space:]]+)[[:space:]]+($own_suite|(old)?stable)[[:space:]]+(.*[[:space:]])?main([[:space:]].*)?$/deb\1 \2 $2 main/p" "$1" |
                head -n 1
            ;;
    esac
}

// element_scan_state.hpp: where a scan of one key's elements stands, and what of it goes into a text. It
// sends nothing.
#pragma once

#include <umbel/client/element_scan_commands.hpp>
#include <umbel/client/scan_names.hpp>
#include <umbel/client/scan_turn.hpp>
#include <umbel/config.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel {

/// Options of scans of one key's elements. Rule: SCAN command, "The COUNT option", "The MATCH option".
struct element_scan_options {
    std::optional<std::string_view> match{};  ///< A glob pattern of whole fields or members.
    std::optional<std::uint64_t>
        count{};                ///< How many elements the server looks at for a page; 1000 without.
    std::string_view resume{};  ///< What element_scan::cursor() gave; empty: from the beginning.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(element_scan_options));

namespace calling {

/// True of what a server gives as a cursor. Rule: SCAN command: an unsigned number of 64 bits.
inline bool is_cursor(std::string_view text) noexcept {
    std::uint64_t number = 0;
    char const* const end = text.data() + text.size();
    auto const [read, problem] = std::from_chars(text.data(), end, number);
    return problem == std::errc{} && read == end && text.size() <= 20;
}

/// How far a scan has come. A cursor stands in the order of one process's hash tables; in that order it stays
/// valid whatever becomes of the key meanwhile, also where it is moved away and comes back.
struct element_progress {
    std::string cursor = "0";
    std::string process;    ///< Who gave the cursor, by process_of(); empty: nobody yet.
    unsigned restarts = 0;  ///< Beginnings after the first: another process has answered.
    bool done = false;

    /// Takes a page: where another process than the one that gave the cursor answers, it proves nothing, and
    /// the scan begins anew. True: the page counts. Errors: none.
    bool page(std::string told_by, std::string next) noexcept {
        if (cursor != "0" && process != told_by) {
            cursor.assign(1, '0');
            process.clear();
            ++restarts;
            return false;
        }
        process = std::move(told_by);
        cursor = std::move(next);
        done = cursor == "0";
        return true;
    }
};

/// `umbel-elements 1;<fingerprint>;<cursor>;<process>`, or `…;done`.
inline std::string write_element_progress(element_progress const& from, std::uint64_t filters) {
    char front[48];
    std::snprintf(front, sizeof front, "umbel-elements 1;%016llx;", static_cast<unsigned long long>(filters));
    if (from.done) return std::string{front} + "done";
    return std::string{front}.append(from.cursor).append(";").append(from.process);
}

/// Reads what write_element_progress() wrote. Errors: bad_argument where it is malformed, or of another key
/// or pattern.
inline result<element_progress> read_element_progress(std::string_view text, std::uint64_t filters) {
    auto const wrong = [](std::string_view why) {
        return fail(errc::bad_argument, delivery::not_sent, std::string{"scan, resume: "}.append(why));
    };
    std::string_view constexpr front = "umbel-elements 1;";
    std::size_t constexpr digits = 16;
    if (!text.starts_with(front) || text.size() <= front.size() + digits ||
        text[front.size() + digits] != ';')
        return wrong("the text is no cursor of a scan of elements");
    text.remove_prefix(front.size());
    std::uint64_t told = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + digits, told, 16);
    if (code != std::errc{} || end != text.data() + digits)
        return wrong("the text is no cursor of a scan of elements");
    if (told != filters) return wrong("the text is of a scan of another key, or with another MATCH");
    text.remove_prefix(digits + 1);
    element_progress read;
    if (text == "done") {
        read.done = true;
        return read;
    }
    std::size_t const separator = text.find(';');
    if (separator == text.npos || !is_cursor(text.substr(0, separator)))
        return wrong("the text has a malformed cursor");
    read.cursor.assign(text.substr(0, separator));
    read.process.assign(text.substr(separator + 1));
    return read;
}

/// What an element_scan and the operations of its pages share.
struct element_scan_state : scan_turns {
    site where;  ///< Without hedging, and for primaries.
    scanned what{};
    std::string key;
    std::optional<std::string> match;
    std::uint64_t count = 1000;
    std::uint64_t filters = 0;
    element_progress progress;

    element_scan_state(site const& from, scanned of, std::string_view name,
                       element_scan_options const& options)
        : where{from}, what{of}, key{name} {
        where.options.hedge = {};
        // Another replica each time would be another process each time.
        where.options.reads = read_from::primary;
        where.check();
        if (options.match) match = *options.match;
        count = options.count.value_or(count);
        char const kind = static_cast<char>('0' + static_cast<int>(of));
        filters = fingerprint(std::string_view{&kind, 1}, where.prefix.text(), key, match ? "+" : "-",
                              match.value_or(std::string{}));
        if (where.wrong) wrong = where.wrong;
        if (!wrong && count == 0)
            wrong.emplace(errc::bad_argument, delivery::not_sent, "scan: a count of zero");
        if (wrong || options.resume.empty()) return;
        if (auto read = read_element_progress(options.resume, filters))
            progress = std::move(*read);
        else
            wrong.emplace(std::move(read.error()));
    }
};

}  // namespace calling
}  // namespace umbel

// scan_text.hpp: a scan's progress as text, for scans that go on in another process. It decides nothing.
#pragma once

#include <umbel/client/scan_progress.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// `umbel-scan 1;<fingerprint>;<proven slots>;<passes…>`, a pass as `node|process|id|cursor|slots`, the one
/// that is under way with "+" in front. A scan that has ended: `…;done`.
inline std::string write_progress(scan_progress const& from, std::uint64_t filters) {
    char front[48];
    std::snprintf(front, sizeof front, "umbel-scan 1;%016llx;", static_cast<unsigned long long>(filters));
    std::string text = front + text_of(from.proven);
    if (from.done) return text + ";done";
    auto const write = [&text](scan_pass const& pass, char const* mark) {
        text.append(";").append(mark).append(pass.node).append("|").append(pass.process).append("|");
        text.append(pass.id).append("|").append(pass.cursor).append("|").append(text_of(pass.kept));
    };
    for (scan_pass const& ended : from.finished) write(ended, "");
    if (from.pass) write(*from.pass, "+");
    return text;
}

/// Reads what write_progress() wrote. Errors: bad_argument where it is malformed, or of other filters.
inline result<scan_progress> read_progress(std::string_view text, std::uint64_t filters) {
    auto const wrong = [](char const* why) {
        return fail(errc::bad_argument, delivery::not_sent, std::string{"scan, resume: "} + why);
    };
    auto const take = [](std::string_view& from, char separator) {
        std::size_t const end = std::min(from.find(separator), from.size());
        std::string_view const part = from.substr(0, end);
        from.remove_prefix(std::min(end + 1, from.size()));
        return part;
    };
    if (take(text, ';') != "umbel-scan 1") return wrong("the text is no cursor of a scan");
    std::uint64_t told = 0;
    std::string_view const digits = take(text, ';');
    auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), told, 16);
    if (code != std::errc{} || end != digits.data() + digits.size())
        return wrong("the text is no cursor of a scan");
    if (told != filters) return wrong("the text is of a scan with another MATCH or TYPE");
    scan_progress read;
    auto const proven = read_slots(take(text, ';'));
    if (!proven) return wrong("the text has malformed slots");
    read.proven = *proven;
    while (!text.empty()) {
        std::string_view part = take(text, ';');
        if (part == "done") {
            read.done = true;
            break;
        }
        bool const under_way = part.starts_with('+');
        if (under_way) part.remove_prefix(1);
        scan_pass pass{.node = std::string{take(part, '|')}};
        pass.process = take(part, '|');
        pass.id = take(part, '|');
        pass.cursor = take(part, '|');
        auto const kept = read_slots(part);
        bool const good_cursor =
            !pass.cursor.empty() && pass.cursor.find_first_not_of("0123456789") == std::string::npos;
        if (!kept || pass.node.empty() || !good_cursor || (under_way && read.pass))
            return wrong("the text has a malformed pass");
        pass.kept = *kept;
        read.visited.push_back(pass.node);
        if (under_way)
            read.pass = std::move(pass);
        else
            read.finished.push_back(std::move(pass));
    }
    return read;
}

}  // namespace umbel::calling

// scan_names.hpp: how a scan tells filters and processes apart: a text is gone on with by a scan with the
// same filters, and a cursor is valid in the process that gave it. It sends nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace umbel::calling {

/// A number for these texts and their order.
template <class... Texts>
std::uint64_t fingerprint(Texts const&... texts) noexcept {
    std::uint64_t mixed = 0xcbf29ce484222325u;
    auto const mix = [&mixed](std::string_view text) {
        for (char const letter : text) mixed = (mixed ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
        mixed = (mixed ^ 0x100u) * 0x100000001b3u;
    };
    (mix(texts), ...);
    return mixed;
}

/// One value of an INFO text. Rule: INFO command: "name:value" lines.
inline std::string_view info_value(std::string_view info, std::string_view name) noexcept {
    while (!info.empty()) {
        std::size_t const end = info.find('\n');
        std::string_view line = info.substr(0, end);
        info.remove_prefix(end == info.npos ? info.size() : end + 1);
        if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
        line.remove_prefix(name.size() + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }
    return {};
}

/// Names the process that has told this INFO text, and its replication history: for whom a cursor is valid.
/// Hash tables are seeded when a process starts, so another one has another order. Empty where the text does
/// not say. Rule: INFO command, run_id and master_replid; redis-server server.c, main():
/// dictSetHashFunctionSeed().
inline std::string process_of(std::string_view info) {
    std::string_view const run = info_value(info, "run_id");
    if (run.empty()) return {};
    return std::string{run}.append("/").append(info_value(info, "master_replid"));
}

}  // namespace umbel::calling

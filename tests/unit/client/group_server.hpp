// group_server.hpp: a scripted server with a stream and a group, and a client with its consumers, for the
// tests of these.
#pragma once

#include "at_home.hpp"

#include <umbel/client/consumer.hpp>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace group_server {

using namespace std::chrono_literals;
using at_home::code_of;
using scripted::answer;
using scripted::bulk;
using scripted::words;
using texts = std::vector<std::string>;

inline std::string entry(std::string const& id, std::string const& value) {
    return "*2\r\n" + bulk(id) + "*2\r\n" + bulk("f") + bulk(value);
}
inline std::string deleted(std::string const& id) { return "*2\r\n" + bulk(id) + "*-1\r\n"; }
inline std::string list(texts const& items) {
    std::string text = "*" + std::to_string(items.size()) + "\r\n";
    for (std::string const& item : items) text += item;
    return text;
}
/// What XREADGROUP answers.
inline std::string read(texts const& entries) { return "*1\r\n*2\r\n" + bulk("s") + list(entries); }
/// What XAUTOCLAIM answers.
inline std::string claim(std::string const& cursor, texts const& entries, texts const& gone = {}) {
    texts ids;
    for (std::string const& id : gone) ids.push_back(bulk(id));
    return "*3\r\n" + bulk(cursor) + list(entries) + list(ids);
}
inline std::string const nothing = "*-1\r\n";
inline std::string const no_group = "-NOGROUP No such key 's' or consumer group 'g'\r\n";

/// A server whose stream is what the test says: one answer after the other for each kind of command.
struct server {
    std::deque<answer> pending, claims, fresh, acks, makes;
    bool waits = true;  ///< For fresh entries, where there are none.

    std::optional<answer> operator()(words const& said) {
        auto const next = [](std::deque<answer>& from, answer otherwise) {
            if (from.empty()) return otherwise;
            answer given = std::move(from.front());
            from.pop_front();
            return given;
        };
        if (said[0] == "XREADGROUP")
            return said.back() == ">" ? next(fresh, waits ? answer::hold(nothing) : answer{nothing})
                                      : next(pending, read({}));
        if (said[0] == "XAUTOCLAIM") return next(claims, claim("0-0", {}));
        if (said[0] == "XACK") return next(acks, ":" + std::to_string(said.size() - 3) + "\r\n");
        if (said[0] == "XGROUP") return next(makes, "+OK\r\n");
        return std::nullopt;
    }
};

struct small_group {
    server says;
    umbel::options (*chosen)(std::string const&) = &at_home::plain;
    at_home::backend here{[this](words const& said) -> std::optional<answer> { return says(said); }, chosen};

    template <class Fields = umbel::stream_fields>
    umbel::consumer<Fields> consumer(std::uint64_t count = 10, std::uint64_t most = 100,
                                     umbel::block_time wait = umbel::wait_forever) {
        return {*here.db,
                {.stream = "s",
                 .group = "g",
                 .name = "me",
                 .count = count,
                 .unacknowledged_max = most,
                 .claim_idle = 60s,
                 .wait = wait,
                 .room_wait = 20ms}};
    }
    template <class Consumer>
    auto next(Consumer const& worker) {
        return here.wait(worker.next());
    }
    /// What was asked of the stream, one command a line.
    texts asked() const {
        texts lines;
        for (words const& said : here.server.seen()) {
            if (said[0][0] != 'X') continue;
            std::string line;
            for (std::string const& word : said) line += (line.empty() ? "" : " ") + word;
            lines.push_back(line);
        }
        return lines;
    }
    std::size_t count(std::string const& line) const {
        std::size_t found = 0;
        for (std::string const& said : asked()) found += said == line ? 1 : 0;
        return found;
    }
};

template <class Fields>
texts ids(umbel::result<umbel::consumer_page<Fields>> const& told) {
    if (!told) return {code_of(told)};
    texts all;
    for (auto const& each : *told) all.push_back(each.id);
    return all;
}
template <class Page>
std::string source(Page const& told) {
    constexpr char const* names[]{"fresh", "pending", "claimed"};
    return told ? names[static_cast<int>(told->source)] : code_of(told);
}

inline std::string const list_read = "XREADGROUP GROUP g me COUNT 10 STREAMS s 0";
inline std::string const fresh_read = "XREADGROUP GROUP g me COUNT 10 BLOCK 5000 STREAMS s >";

}  // namespace group_server

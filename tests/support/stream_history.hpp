// stream_history.hpp: what producers have added to a stream, what the consumers of its group were given, and
// whether both can be true of what the stream and the group are in the end. Pure: it knows no client, no
// server and no clock.
//
// Each entry carries a token, which names it whatever becomes of its id. Delivery is at least once: an entry
// that is there in the end was given to somebody, and nothing was acknowledged that was not.
#pragma once

#include <umbel/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

/// What entries can be guilty of.
enum class stream_guilt : std::uint8_t {
    vanished,   ///< Its XADD was acknowledged, no failover may have lost it, and it is not there.
    unseen,     ///< It is there, nobody was given it, and somebody may be yet: it was not in time.
    swallowed,  ///< It is there, nobody was given it, and it is acknowledged: nobody ever will be.
    doubled,    ///< It is there twice, though it was sent once.
    invented,   ///< It was given or is there, and its XADD was said not to have been executed.
    hung,       ///< Its XADD was never settled.
};
inline constexpr std::array all_stream_guilt{stream_guilt::vanished,  stream_guilt::unseen,
                                             stream_guilt::swallowed, stream_guilt::doubled,
                                             stream_guilt::invented,  stream_guilt::hung};

constexpr char const* name_of(stream_guilt what) noexcept {
    constexpr char const* names[]{"vanished", "unseen", "swallowed", "doubled", "invented", "hung"};
    return names[static_cast<std::size_t>(what)];
}

/// What a check has found.
struct stream_sentence {
    std::array<std::uint64_t, all_stream_guilt.size()> counts{};
    std::vector<std::string> texts;  ///< The first of them, in words.
    std::uint64_t acknowledged = 0;  ///< XADDs.
    std::uint64_t unknown = 0;
    std::uint64_t forgiven = 0;  ///< Acknowledged and lost where a failover may have lost it.
    std::uint64_t given = 0;
    std::uint64_t again = 0;  ///< Given, and not for the first time.

    std::uint64_t operator[](stream_guilt what) const noexcept {
        return counts[static_cast<std::size_t>(what)];
    }
    bool clean() const noexcept {
        return std::all_of(counts.begin(), counts.end(), [](std::uint64_t count) { return count == 0; });
    }
    void find(stream_guilt what, std::string text) {
        ++counts[static_cast<std::size_t>(what)];
        if (texts.size() < 20) texts.push_back(std::string{name_of(what)} + ": " + std::move(text));
    }
    std::string to_string() const {
        std::string text = std::to_string(acknowledged) + " added, " + std::to_string(unknown) +
                           " unknown, " + std::to_string(forgiven) + " lost by failover, " +
                           std::to_string(given) + " given, " + std::to_string(again) + " of them again";
        for (stream_guilt const what : all_stream_guilt)
            text.append(", ").append(std::to_string((*this)[what])).append(" ").append(name_of(what));
        for (std::string const& words : texts) text.append("\n    ").append(words);
        return text;
    }
};

/// The history of one stream and one group. Threading: one thread at a time.
class stream_history {
public:
    using instant = std::int64_t;  ///< Nanoseconds of a steady clock.
    using token = std::size_t;

    /// An XADD is about to be sent.
    token begin() {
        entries_.push_back({});
        return entries_.size() - 1;
    }
    void acknowledge(token which, instant now) {
        entries_.at(which).told = outcome::acknowledged;
        entries_[which].ended = now;
    }
    void fail(token which, umbel::delivery delivered) {
        bool const never = delivered == delivery::not_sent || delivered == delivery::not_executed;
        entries_.at(which).told = never ? outcome::refused : outcome::unknown;
    }
    /// A consumer was given an entry with that token.
    void give(token which) {
        if (which < entries_.size())
            ++entries_[which].given;
        else
            ++strays_;
    }
    /// What was acknowledged in that time may be lost with a failover: replication is asynchronous.
    void may_lose(instant from, instant until) { windows_.push_back({from, until}); }
    /// The stream has such an entry in the end; `settled`: the group has delivered it, and it pends for
    /// nobody.
    void ends_with(token which, bool settled) {
        if (which >= entries_.size()) return static_cast<void>(++strays_);
        ++entries_[which].there;
        entries_[which].settled = settled;
    }

    stream_sentence check() const {
        stream_sentence found;
        for (std::uint64_t stray = 0; stray < strays_; ++stray)
            found.find(stream_guilt::invented, "a token that nobody has added");
        for (token which = 0; which < entries_.size(); ++which) check(which, found);
        return found;
    }

private:
    enum class outcome : std::uint8_t { nothing, acknowledged, unknown, refused };
    struct entry {
        outcome told = outcome::nothing;
        instant ended = 0;
        std::uint64_t given = 0;
        std::uint64_t there = 0;
        bool settled = false;
    };

    void check(token which, stream_sentence& found) const {
        entry const& each = entries_[which];
        std::string const name = "token " + std::to_string(which);
        found.given += each.given;
        found.again += each.given > 1 ? each.given - 1 : 0;
        switch (each.told) {
            case outcome::nothing: found.find(stream_guilt::hung, name); break;
            case outcome::unknown: ++found.unknown; break;
            case outcome::refused:
                if (each.given != 0 || each.there != 0) found.find(stream_guilt::invented, name);
                break;
            case outcome::acknowledged:
                ++found.acknowledged;
                if (each.there != 0) break;
                may_be_lost(each.ended) ? static_cast<void>(++found.forgiven)
                                        : found.find(stream_guilt::vanished, name);
                break;
        }
        if (each.there > 1) found.find(stream_guilt::doubled, name);
        if (each.there != 0 && each.given == 0)
            found.find(each.settled ? stream_guilt::swallowed : stream_guilt::unseen, name);
    }
    bool may_be_lost(instant ended) const {
        return std::any_of(windows_.begin(), windows_.end(), [ended](auto const& window) {
            return ended >= window.first && ended <= window.second;
        });
    }

    std::vector<entry> entries_;
    std::vector<std::pair<instant, instant>> windows_;
    std::uint64_t strays_ = 0;
};

}  // namespace umbel::test

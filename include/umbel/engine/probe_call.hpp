// probe_call.hpp: the PING of one connection, with a token whose echo shows that replies come in the order of
// the commands. It decides nothing.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace umbel::engine {

/// A PING whose message is another one each time. A connection that has lost count of replies would give
/// commands those of others; where another reply than the echo comes, it must be closed. Rule: PING command:
/// the message comes back as a bulk string.
struct probe_call : call {
    /// Makes it ready to be queued. Precondition: it stands in no queue.
    void prepare() noexcept {
        static constexpr call_kind nobody{.decode = [](call&, resp::view const&) noexcept {},
                                          .fail = [](call&, error&&) noexcept {},
                                          .complete = [](call& settled) { settled.at = stage::fresh; },
                                          .drop = [](call&) noexcept {},
                                          .takes_errors = true};
        std::memcpy(text_, head.data(), head.size());
        char* at_digit = text_ + head.size() + digits;
        std::memcpy(at_digit, "\r\n", 2);
        ++count_;
        for (std::uint32_t left = count_; at_digit != text_ + head.size(); left /= 10)
            *--at_digit = static_cast<char>('0' + left % 10);
        kind = &nobody;
        bytes = text_;
        size = sizeof text_;
        issued_by = issuer::engine;
        flags = cluster::command_flags::none;
        accepted = not_begun;
    }
    /// It has been queued: its reply is looked at.
    void await_echo() noexcept {
        if (at == stage::piped) replies_due |= waited_for;
    }
    /// The message.
    std::string_view token() const noexcept { return {text_ + sizeof text_ - 2 - token_size, token_size}; }
    /// False for a reply that only another command has. A server, or a proxy in front of it, may refuse the
    /// PING, or answer PONG whatever the message.
    bool may_be_answered_by(resp::view const& reply) const noexcept {
        if (reply.is_error()) return true;
        return reply.is_text() && (reply.text() == token() || reply.text() == "PONG");
    }

private:
    static constexpr std::string_view head = "*2\r\n$4\r\nPING\r\n$14\r\numbel-";
    static constexpr std::size_t digits = 8;
    static constexpr std::size_t token_size = 14;

    char text_[head.size() + digits + 2] = {};
    std::uint32_t count_ = 0;
};

}  // namespace umbel::engine

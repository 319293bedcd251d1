// get_into.hpp: a value that is read into memory of the caller's. It knows no connection.
#pragma once

#include <umbel/client/make_operation.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/strings.hpp>
#include <umbel/resp/decode.hpp>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace umbel {

/// How many bytes get_into() has written; nullopt when the key does not exist.
class received_bytes : public std::optional<std::size_t> {
public:
    using std::optional<std::size_t>::optional;

    /// Writes a reply into the memory that the call was given: all of it or nothing.
    template <class View>
    static result<later<View, received_bytes>> of_reply(async::pooled_call& call,
                                                        View const& reply) noexcept {
        if (reply.is_null()) return received_bytes{};
        if (!reply.is_text() || reply.is_error()) return unexpected("a string", reply);
        std::string_view const text = reply.text();
        if (text.size() > call.given_bytes) return too_small(text.size(), call.given_bytes);
        if (!text.empty()) std::memcpy(call.given_memory, text.data(), text.size());
        return received_bytes{text.size()};
    }

private:
    UMBEL_NEVER_INLINE static tl::unexpected<error> too_small(std::size_t needed,
                                                              std::size_t given) noexcept {
        char text[120];
        std::snprintf(text, sizeof text, "the value has %zu bytes, the memory for it has %zu", needed, given);
        return fail(errc::bad_argument, delivery::executed, text);
    }
};

/// Reads into the caller's memory, for whatever has a site.
template <class Self>
class into_memory_commands {
public:
    /// GET into memory: the size of the value, whose bytes stand at the front of `memory`; nullopt when the
    /// key does not exist, and nothing is written then. Nothing is allocated for the value.
    /// Errors: those of every command, listed at umbel::client; bad_argument (executed) when the value is
    /// larger than `memory`: the message says how large it is, and nothing was written.
    /// Lifetime: `memory` must live until the operation has completed, or was dropped without being begun. It
    /// is written before the completion and never after it, also when that comes by cancellation or deadline:
    /// a reply that comes late is skipped. While the operation runs the memory may be written, by the thread
    /// of the connection. Never hedged, since the reply of the second node would come late.
    /// Cancellation: as of every command; the memory may have been written.
    template <class Received = received_bytes>
    auto get_into(std::string_view name, std::span<std::byte> memory) const {
        auto const& self = command::self_of(*this);
        return calling::give(self, [&]() -> operation<Received> {
            calling::site from{self.site()};
            from.options.hedge = {};
            from.check();
            operation<Received> made{
                from.code->make_keyed(from, command::specs::get, name, calling::kind_of<Received>)};
            if (async::pooled_call* const call = made.unbegun()) {
                call->given_memory = memory.data();
                call->given_bytes = memory.size();
            }
            return made;
        });
    }
    template <class Received = received_bytes>
    auto get_into(std::string_view name, std::span<char> memory) const {
        return get_into<Received>(name, std::as_writable_bytes(memory));
    }
};

}  // namespace umbel

// client_calls.hpp: from an encoded invocation to a call ready for an operation: where command and engine meet.
// It knows no executor and sends nothing.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/keys_of.hpp>
#include <umbel/net/operation.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace umbel {

/// What one call may ask for beyond the client's options.
struct call_options {
    umbel::read_from reads = umbel::read_from::primary;
    std::chrono::nanoseconds deadline{};
};

namespace calling {

/// What an operation is made from: a call with its home, or the reason why there is none.
struct site {
    net::anchor* owner = nullptr;
    std::uint32_t generation = 0;
    call_options options;
    std::optional<error> wrong;  ///< The client's options were bad: every command says so.
};

inline void prepare(net::pooled_call& one, site const& where, cluster::command_flags flags) noexcept {
    one.owner = where.owner;
    one.generation = where.generation;
    one.flags = flags;
    one.reads = where.options.reads;
    one.timeout = where.options.deadline;
}

/// Notes why the call can only be served where keys need not share a slot; the router decides when the deployment is known.
inline void spread(net::pooled_call& one, std::string message) {
    one.slot = engine::call::several_slots;
    if (engine::journal* const way = one.journey()) way->message = std::move(message);
}

/// Encodes into the call; false when the command is longer than 4 GiB. Errors: throws std::bad_alloc; the call is whole then.
inline bool encode(net::pooled_call& one, command::verb const& name, std::span<command::argument const> words) {
    command::measured const need = command::measure(name, words);
    if (need.bytes > 0xffffffffu) return false;
    char* const at = one.reserve(need.bytes);
    if (need.lent != 0) [[unlikely]] one.borrowed = new engine::borrowed_piece[need.lent]{};
    command::encoded const made = command::encode(at, name, words, [&](std::size_t offset, std::string_view bytes) {
        auto* const pieces = const_cast<engine::borrowed_piece*>(one.borrowed);
        std::uint32_t const count = pieces->count;
        pieces[count] = {static_cast<std::uint32_t>(offset), pieces[0].count, bytes.data(), bytes.size()};
        pieces->count = count + 1;
    });
    one.bytes = at;
    one.size = static_cast<std::uint32_t>(made.end - at);
    one.slot = made.slot;
    if (made.slot == engine::call::several_slots) [[unlikely]] spread(one, command::cross_slot_message(made.first_key, made.other_key));
    return true;
}

/// A command by its words: keys, flags and refusals come from the command table.
/// Errors (as a value): bad_argument, needs_lease.
inline result<void> encode_words(net::pooled_call& one, std::span<std::string_view const> words,
                                 std::span<bool const> marked_keys) {
    if (!words.empty() && words.front().empty()) return fail(errc::bad_argument, delivery::not_sent, "the command has no name");
    result<command::route> where = command::route_of(words, command::unknown_command::first_argument_is_key);
    bool const marked = !marked_keys.empty();
    bool const several = !where && where.error().code() == errc::cross_slot;
    if (!where && !several && !marked) return tl::unexpected<error>{where.error()};
    command::command_traits const* const traits = command::find_command(words);
    if (traits && command::needs_lease(*traits, words))
        return fail(errc::needs_lease, delivery::not_sent,
                    std::string{traits->name} + " changes the connection, blocks, or alters the number of replies: it may not share one");
    using cluster::command_flags;
    one.flags = command_flags::none;
    if (traits) {
        if (traits->read_only()) one.flags = one.flags | command_flags::read_only;
        if (command::is_idempotent(*traits, words)) one.flags = one.flags | command_flags::idempotent;
        if (traits->scripted()) one.flags = one.flags | command_flags::scripted;
    }
    std::size_t total = resp::header_size(words.size()) + 16;
    for (std::string_view const word : words) total += resp::bulk_size(word.size());
    if (total > 0xffffffffu) return fail(errc::bad_argument, delivery::not_sent, "the command is longer than 4 GiB");
    char* const at = one.reserve(total);
    char* to = resp::put_array_header(at, words.size());
    for (std::string_view const word : words) to = resp::put_bulk(to, word);
    one.bytes = at;
    one.size = static_cast<std::uint32_t>(to - at);
    one.slot = engine::call::any_slot;
    if (marked) {
        std::string_view first;
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (!marked_keys[i]) continue;
            std::int32_t const slot = cluster::slot_of(words[i]).value();
            if (one.slot == engine::call::any_slot) {
                one.slot = slot;
                first = words[i];
            } else if (one.slot != slot) {
                spread(one, command::cross_slot_message(first, words[i]));
                break;
            }
        }
    } else if (several) {
        spread(one, std::string{where.error().message()});
    } else if (where->slot) {
        one.slot = where->slot->value();
    }
    return {};
}

/// Stores an error as the result of a call that will not be sent.
template <class Value>
operation<Value> refused(net::pooled_call& one, error why) noexcept {
    net::result_slot<Value>::settle(one, std::move(why));
    return operation<Value>{one};
}

/// A call from the pool, with the memory for a Value.
template <class Value>
net::pooled_call& obtain() {
    net::pooled_call* const one = net::pool::take();
    try {
        net::result_slot<Value>::prepare(*one);
    } catch (...) {
        net::pool::give_back(one);
        throw;
    }
    return *one;
}

/// An operation for one invocation.
template <class Value>
operation<Value> make(site const& where, command::invocation<Value> const& what) {
    net::pooled_call& one = obtain<Value>();
    prepare(one, where, what.flags);
    if (where.wrong) [[unlikely]] return refused<Value>(one, *where.wrong);
    try {
        if (!encode(one, what.name, what.words))
            return refused<Value>(one, error{errc::bad_argument, delivery::not_sent, "the command is longer than 4 GiB"});
    } catch (...) {
        return refused<Value>(one, error{errc::no_memory, delivery::not_sent});
    }
    return operation<Value>{one};
}

/// An operation for a command given word by word.
template <class Value>
operation<Value> make(site const& where, std::span<std::string_view const> words, std::span<bool const> marked_keys) {
    net::pooled_call& one = obtain<Value>();
    prepare(one, where, cluster::command_flags::none);
    if (where.wrong) [[unlikely]] return refused<Value>(one, *where.wrong);
    try {
        if (auto good = encode_words(one, words, marked_keys); !good) return refused<Value>(one, std::move(good.error()));
    } catch (...) {
        return refused<Value>(one, error{errc::no_memory, delivery::not_sent});
    }
    return operation<Value>{one};
}

/// An operation that is answered on the control strand by `answer`, which sees to its completion. Its Value is not decoded from a server's reply.
template <class Value>
operation<Value> make_local(site const& where, void (*answer)(net::driver&, net::pooled_call&), bool ends_client = false) {
    net::pooled_call& one = obtain<Value>();
    prepare(one, where, cluster::command_flags::none);
    if (where.wrong) return refused<Value>(one, *where.wrong);
    one.on_control = answer;
    one.ends_client = ends_client;
    one.detour = net::detour::control;
    return operation<Value>{one};
}

/// An operation whose value `tell(driver&)` makes on the control strand.
template <class Value, class Tell>
operation<Value> make_told(site const& where, Tell) {
    static_assert(std::is_empty_v<Tell>);
    return make_local<Value>(where, [](net::driver& home, net::pooled_call& one) {
        try {
            net::result_slot<Value>::put(one, [&] { return result<Value>{Tell{}(home)}; });
        } catch (...) {
            net::result_slot<Value>::reject(one, error{errc::no_memory, delivery::not_sent});
        }
        home.complete_later(one);
    });
}

}  // namespace calling
}  // namespace umbel

// make_operation.hpp: from an encoded invocation to a call ready for an operation: where command and engine
// meet. It knows no executor and sends nothing.
#pragma once

#include <umbel/async/hedge.hpp>
#include <umbel/async/operation.hpp>
#include <umbel/command/encode.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel {

/// What one call may ask for beyond the client's options.
struct call_options {
    umbel::read_from reads = umbel::read_from::primary;
    std::chrono::nanoseconds deadline = no_deadline;
    std::chrono::nanoseconds hedge{};  ///< Zero: reads are not hedged.
};
// It stands in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(std::is_trivially_destructible_v<call_options>);

namespace calling {

struct site;

/// How commands become bytes, as a table of functions: whoever makes a client fills in the table, as
/// async::boundary.
struct encoding {
    /// Encodes into the call; false when an argument is longer than `argument_bytes_max`, or the command
    /// longer than 4 GiB; where.code->too_long() says which. Errors: throws std::bad_alloc; the call is whole
    /// then.
    bool (*encode)(async::pooled_call& call, command::command_spec const& name,
                   std::span<command::argument const> words, std::uint64_t argument_bytes_max);
    /// The error of what encode() has refused.
    error (*too_long)(std::span<command::argument const> words, std::uint64_t argument_bytes_max) noexcept;
    /// A call for a command whose only argument is a key: from this thread's pool, prepared, encoded and with
    /// its slot. Null, with nothing done, where anything is out of the ordinary: an empty pool, a long key,
    /// bad options, a read to be hedged.
    async::pooled_call* (*take_keyed)(site const& site, command::command_spec const& name,
                                      std::string_view key) noexcept;
    /// A command by its words: keys, flags and refusals come from the command table. Errors (as a value):
    /// bad_argument, needs_lease.
    result<void> (*encode_words)(async::pooled_call& call, std::span<std::string_view const> words,
                                 std::span<bool const> marked_keys, std::uint64_t argument_bytes_max);
};

/// What an operation is made from: the client's handle and the options of the call, or the reason why every
/// command fails.
struct site {
    async::client_handle* owner = nullptr;
    std::uint32_t generation = 0;
    call_options options;
    std::optional<error> wrong;  ///< The options were bad, or the deadline has passed: every command says so.
    bool unusable = false;       ///< It was the client's own options, which nothing can mend.
    std::uint64_t argument_bytes_max = umbel::options{}.argument_bytes_max;
    encoding const* code = nullptr;

    /// Checks the options of a call anew, and notes what is wrong with them: a later with() may mend an
    /// earlier one.
    void check() noexcept {
        bool const passed = options.deadline <= std::chrono::nanoseconds{0};
        bool const hedged_in_the_past = options.hedge < std::chrono::nanoseconds{0};
        if (unusable) return;
        if (!passed && !hedged_in_the_past) [[likely]]
            return wrong.reset();
        if (hedged_in_the_past) {
            wrong.emplace(errc::bad_argument, delivery::not_sent,
                          "umbel::hedge_after: the delay must be positive");
        } else {
            wrong.emplace(errc::deadline_exceeded, delivery::not_sent,
                          "the deadline given to with() is not positive, so it had passed already; "
                          "umbel::no_deadline asks for none");
        }
    }
};

inline void prepare(async::pooled_call& call, site const& site, cluster::command_flags flags) noexcept {
    call.owner = site.owner;
    call.generation = site.generation;
    call.flags = flags;
    call.reads = site.options.reads;
    call.timeout = site.options.deadline;
}

/// What a server's reply becomes: a value, or a value with its trail.
template <class Value>
concept replied = decodable<Value> || async::is_traced<Value>;

/// Stores an error as the result of a call that will not be sent.
template <class Value>
operation<Value> refused(async::pooled_call& call, error why) noexcept {
    async::result_slot<Value>::fail_unbegun(call, std::move(why));
    return operation<Value>{call};
}

template <class Value>
operation<Value> refused(async::pooled_call& call, command::refusal why) noexcept {
    return refused<Value>(call, error{why.code, delivery::not_sent, std::string_view{why.message}});
}

/// A call from the pool, with the memory for a Value.
template <class Value>
async::pooled_call& obtain(site const& site) {
    async::pooled_call* const call = async::pool::take(*site.owner);
    try {
        async::result_slot<Value>::prepare(*call);
    } catch (...) {
        async::pool::recycle(call);
        throw;
    }
    return *call;
}

/// An operation for one invocation.
template <replied Value>
operation<Value> make(site const& site, command::invocation<Value> const& invocation) {
    async::pooled_call& call = obtain<Value>(site);
    prepare(call, site, invocation.flags);
    if (site.wrong) [[unlikely]]
        return refused<Value>(call, *site.wrong);
    if (invocation.refusal) [[unlikely]]
        return refused<Value>(call, invocation.refusal);
    try {
        if (!site.code->encode(call, invocation.name, invocation.words, site.argument_bytes_max))
            return refused<Value>(call, site.code->too_long(invocation.words, site.argument_bytes_max));
    } catch (...) {
        return refused<Value>(call, error{errc::no_memory, delivery::not_sent});
    }
    return operation<Value>{call};
}

/// An operation for a command given word by word.
template <replied Value>
operation<Value> make(site const& site, std::span<std::string_view const> words,
                      std::span<bool const> marked_keys) {
    async::pooled_call& call = obtain<Value>(site);
    prepare(call, site, cluster::command_flags::none);
    if (site.wrong) [[unlikely]]
        return refused<Value>(call, *site.wrong);
    try {
        if (auto good = site.code->encode_words(call, words, marked_keys, site.argument_bytes_max); !good)
            return refused<Value>(call, std::move(good.error()));
    } catch (...) {
        return refused<Value>(call, error{errc::no_memory, delivery::not_sent});
    }
    return operation<Value>{call};
}

/// A read that is asked of a second node when the first takes long; anything else as it is. `fill` encodes
/// the command into a call and tells what is wrong with it.
template <class Value, class Fill>
operation<Value> make_hedged(site const& site, operation<Value> plain, Fill&& fill) {
    async::pooled_call* const first = plain.unbegun();
    if (!first || !has(first->flags, cluster::command_flags::read_only)) return plain;
    // If the deadline comes before the delay, no second node is asked.
    bool const too_late = first->timeout > engine::duration{0} && first->timeout <= site.options.hedge;
    if (too_late && site.options.reads != umbel::read_from::primary) return plain;
    async::pooled_call& whole = obtain<Value>(site);
    prepare(whole, site, first->flags);
    if (site.options.reads == umbel::read_from::primary)
        return refused<Value>(whole, error{errc::bad_argument, delivery::not_sent,
                                           "a hedged read needs a read_from that a second node may serve"});
    try {
        async::pooled_call& second = obtain<Value>(site);
        async::unlaunched<Value> guard{second};
        fill(second);
        if (second.timeout > engine::duration{0}) second.timeout -= site.options.hedge;
        whole.group = site.owner->code->make_hedge(whole, *first, second, site.options.hedge,
                                                   async::hedged<Value>::kind);
        guard.release();
        plain.release();
        whole.launch = async::launch_kind::group;
    } catch (...) {
        return refused<Value>(whole, error{errc::no_memory, delivery::not_sent});
    }
    return operation<Value>{whole};
}

/// As make(), with what the call options say of hedging.
template <replied Value>
operation<Value> submit(site const& site, command::invocation<Value> const& invocation) {
    operation<Value> plain = make<Value>(site, invocation);
    if (site.options.hedge <= std::chrono::nanoseconds{0}) return plain;
    return make_hedged<Value>(site, std::move(plain), [&](async::pooled_call& second) {
        prepare(second, site, invocation.flags);
        site.code->encode(second, invocation.name, invocation.words, site.argument_bytes_max);
    });
}
/// submit() of a command whose only argument is a key, where take_keyed() has no call for it.
template <replied Value>
UMBEL_NEVER_INLINE operation<Value> submit_in_general(site const& site, command::command_spec const& name,
                                                      std::string_view key) {
    command::argument const word{umbel::key{key}};
    return submit<Value>(site, command::invocation<Value>{name, {&word, 1}, name.flags()});
}
template <replied Value>
UMBEL_ALWAYS_INLINE operation<Value> submit(site const& site,
                                            command::key_invocation<Value> const& invocation) {
    if constexpr (!async::result_slot<Value>::boxed) {
        if (async::pooled_call* const call = site.code->take_keyed(site, invocation.name, invocation.key))
            [[likely]]
            return operation<Value>{*call};
    }
    return submit_in_general<Value>(site, invocation.name, invocation.key);
}
template <replied Value>
operation<Value> submit(site const& site, std::span<std::string_view const> words,
                        std::span<bool const> marked_keys) {
    operation<Value> plain = make<Value>(site, words, marked_keys);
    if (site.options.hedge <= std::chrono::nanoseconds{0}) return plain;
    return make_hedged<Value>(site, std::move(plain), [&](async::pooled_call& second) {
        prepare(second, site, cluster::command_flags::none);
        static_cast<void>(site.code->encode_words(second, words, marked_keys,
                                                  site.argument_bytes_max));  // It was well the first time.
    });
}

/// An operation that is answered by the control plane through `answer`, which sees to its completion. Its
/// Value is not decoded from a server's reply.
template <class Value>
operation<Value> make_local(site const& site, void (*answer)(async::backend&, async::pooled_call&),
                            bool ends_client = false) {
    async::pooled_call& call = obtain<Value>(site);
    prepare(call, site, cluster::command_flags::none);
    if (site.wrong) return refused<Value>(call, *site.wrong);
    call.on_control = answer;
    call.ends_client = ends_client;
    call.launch = async::launch_kind::control;
    return operation<Value>{call};
}

/// An operation whose value `tell(backend&)` makes in a turn of the control plane.
template <class Value, class Tell>
operation<Value> make_told(site const& site, Tell) {
    static_assert(std::is_empty_v<Tell>);
    return make_local<Value>(site, [](async::backend& backend, async::pooled_call& call) {
        try {
            async::result_slot<Value>::put(call, [&] { return result<Value>{Tell{}(backend)}; });
        } catch (...) {
            async::result_slot<Value>::fail(call, error{errc::no_memory, delivery::not_sent});
        }
        backend.complete_later(call);
    });
}

}  // namespace calling
}  // namespace umbel

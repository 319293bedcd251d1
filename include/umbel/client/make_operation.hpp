// make_operation.hpp: from an encoded invocation to a call ready for an operation: where command and engine
// meet. It knows no executor and sends nothing.
#pragma once

#include <umbel/async/audience.hpp>
#include <umbel/async/hedge.hpp>
#include <umbel/async/operation.hpp>
#include <umbel/command/block_time.hpp>
#include <umbel/command/encode.hpp>
#include <umbel/command/key_prefix.hpp>
#include <umbel/command/script.hpp>
#include <umbel/config.hpp>

#include <chrono>
#include <memory>
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
    bool deadline_given = false;       ///< By with(): it holds for commands that block, too.
    /// The lease that the commands go to. Then `hedge` is not zero, so that nothing goes the fast way.
    async::held_lease* lease = nullptr;

    /// A deadline for this call alone. One that says what the client's does is a nanosecond longer, so that
    /// the engine tells it from that: more time is given only to commands whose callers have chosen none.
    void give_deadline(std::chrono::nanoseconds given) noexcept {
        bool const same = !deadline_given && given == deadline && given < std::chrono::nanoseconds::max();
        deadline = same ? given + std::chrono::nanoseconds{1} : given;
        deadline_given = true;
    }
};
// It stands in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(call_options));

namespace calling {

struct site;
struct scan_code;
class encoded_command;

/// What making an operation must know of the type of its value, so that one function makes all of them.
struct value_kind {
    /// A call from this thread's pool, with room for the result. Errors: throws std::bad_alloc.
    async::pooled_call& (*obtain)(async::client_handle& owner);
    async::hedge_kind result;  ///< How the result is stored, moved and dropped.
};

/// How commands become bytes, as a table of functions: whoever makes a client fills in the table, as
/// async::boundary.
struct encoding {
    /// Encodes into the call; false when an argument is longer than the site's argument_bytes_max, or the
    /// command longer than 4 GiB; too_long() says which. Errors: throws std::bad_alloc; the call is whole
    /// then.
    bool (*encode)(async::pooled_call& call, site const& site, command::command_spec const& name,
                   std::span<command::argument const> words);
    /// The error of what encode() has refused.
    error (*too_long)(std::span<command::argument const> words, site const& site) noexcept;
    /// A call for a command whose only argument is a key: from this thread's pool, prepared, encoded and with
    /// its slot. Null, with nothing done, where anything is out of the ordinary: an empty pool, a long key,
    /// bad options, a read to be hedged.
    async::pooled_call* (*take_keyed)(site const& site, command::command_spec const& name,
                                      std::string_view key) noexcept;
    /// A call for one command, ready to be begun, or with an error as its result: what is wrong with options
    /// or arguments, or no_memory. With hedge_after it stands for two reads. Errors: throws std::bad_alloc
    /// when there is no memory for the call itself.
    async::pooled_call& (*make)(site const& site, command::command_spec const& name,
                                std::span<command::argument const> words, cluster::command_flags flags,
                                command::refusal refusal, value_kind const& value);
    /// make() of a command whose only argument is a key.
    async::pooled_call& (*make_keyed)(site const& site, command::command_spec const& name,
                                      std::string_view key, value_kind const& value);
    /// make() of a command given word by word: keys, flags and refusals come from the command table.
    async::pooled_call& (*make_words)(site const& site, std::span<std::string_view const> words,
                                      std::span<bool const> marked_keys, value_kind const& value);
    /// make() of a command that blocks.
    async::pooled_call& (*make_blocking)(site const& site, command::command_spec const& name,
                                         std::span<command::argument const> words,
                                         cluster::command_flags flags, command::block_time time,
                                         command::refusal refusal, value_kind const& value);
    /// A call for a lease to hold, of the node that serves the key.
    async::pooled_call& (*make_lease)(site const& site, std::string_view key, value_kind const& value);
    /// Behind check() of bare_command.hpp.
    result<void> (*check_bare)(encoded_command& command, site const& site);
    /// Has a batch begin when those of its commands are known that were given by their words. Returns the
    /// batch itself where nothing is to be learned, or there is no memory for that.
    std::unique_ptr<async::call_group> (*learn_first)(async::pooled_call& whole, site const& site,
                                                      async::batch_part const* first,
                                                      std::unique_ptr<async::call_group> batch) noexcept;
    /// Splits a command of a batch whose keys lie in several slots, where its command tips allow that: see
    /// async::unusual_command::split(). Errors: bad_argument; throws std::bad_alloc.
    result<bool> (*split_part)(async::batch_list& list, async::batch_part& part, async::pooled_call& call,
                               site const& site);
    /// make() of a command that names a script or a function: where the node lacks it, the command goes there
    /// once more with what was missing.
    async::pooled_call& (*make_loaded)(site const& site, command::command_spec const& name,
                                       std::span<command::argument const> words, command::refusal refusal,
                                       command::loadable named, value_kind const& value);
    /// Has a call that is encoded go to a node once more with what that lacks. Errors: throws std::bad_alloc;
    /// the call is as before then.
    void (*arm)(async::pooled_call& call, command::loadable named);
    /// make() of a transaction; where a server is asked first what its commands are, they are moved from.
    /// `watches`: EXEC's null is a value.
    async::pooled_call& (*make_transaction)(site const& site, std::span<encoded_command* const> commands,
                                            bool watches, value_kind const& value);
    /// make() and make_words() for a whole cluster: a command without keys goes to the nodes that its command
    /// tips name, and their replies are joined as these say.
    async::pooled_call& (*make_for_all)(site const& site, command::command_spec const& name,
                                        std::span<command::argument const> words,
                                        cluster::command_flags flags, command::refusal refusal,
                                        value_kind const& value);
    async::pooled_call& (*make_words_for_all)(site const& site, std::span<std::string_view const> words,
                                              std::span<bool const> marked_keys, value_kind const& value);
    /// Has a call, ready to be begun, go to several nodes instead. `join` makes its result from theirs.
    void (*spread)(async::pooled_call& call, async::audience whom, value_kind const& whole,
                   value_kind const& part,
                   void (*join)(async::pooled_call&, std::span<async::fan_out_part const>,
                                void const*)) noexcept;
    /// Has a call, ready to be begun, go to this node.
    void (*aim)(async::pooled_call& call, engine::destination const& where, value_kind const& value) noexcept;
    /// Behind key_scan.hpp.
    scan_code const* scan;
    /// The same table for sites with a prefix.
    encoding const* prefixed;
};

/// What an operation is made from: the client's handle and the options of the call, or the reason why every
/// command fails.
struct site {
    async::client_handle* owner = nullptr;
    std::uint32_t generation = 0;
    call_options options;
    std::optional<error> wrong;  ///< The options were bad, or the deadline has passed: every command says so.
    bool unusable = false;       ///< It was the client's own options, which nothing can mend.
    bool learns = false;         ///< It may ask a server for commands that the table does not have.
    std::uint32_t waiting_max = umbel::options{}.waiting_max;  ///< So many may wait for what is learned.
    std::uint64_t argument_bytes_max = umbel::options{}.argument_bytes_max;
    std::chrono::nanoseconds lease_slack{};
    encoding const* code = nullptr;
    command::key_prefix prefix{};  ///< In front of each key; where there is one, `code` is the table for it.

    /// Lengthens the prefix. One that is too long makes every command fail.
    void add_prefix(std::string_view more) noexcept {
        if (unusable || more.empty()) return;
        if (prefix.append(more)) {
            if (code->prefixed) code = code->prefixed;
            return;
        }
        refuse(errc::bad_argument, "a prefix of keys is longer than 63 bytes");
        unusable = true;
    }
    /// Checks the options of a call anew, and notes what is wrong with them: a later with() may mend an
    /// earlier one.
    void check() noexcept {
        bool const passed = options.deadline <= std::chrono::nanoseconds{0};
        bool const hedged_in_the_past = options.hedge < std::chrono::nanoseconds{0};
        if (unusable) return;
        if (!passed && !hedged_in_the_past) [[likely]]
            return wrong.reset();
        if (hedged_in_the_past) {
            refuse(errc::bad_argument, "umbel::hedge_after: the delay must be positive");
        } else {
            refuse(errc::deadline_exceeded,
                   "the deadline given to with() is not positive, so it had passed already; "
                   "umbel::no_deadline asks for none");
        }
    }

private:
    void refuse(errc reason, std::string_view why) noexcept {
        wrong.emplace(reason, delivery::not_sent, why);
    }
};

inline void prepare(async::pooled_call& call, site const& site, cluster::command_flags flags) noexcept {
    call.owner = site.owner;
    call.generation = site.generation;
    call.flags = flags;
    call.reads = site.options.reads;
    call.timeout = site.options.deadline;
}

/// What a server's reply becomes: a value, or a value with its trail, or what its call tells, or both.
template <class Value>
concept replied = decodable<Value> || async::is_traced<Value> || async::made_of_call<Value> ||
                  async::made_of_reply_and_call<Value>;

/// Stores an error as the result of a call that will not be sent.
template <class Value>
operation<Value> refused(async::pooled_call& call, error why) noexcept {
    async::result_slot<Value>::fail_unbegun(call, std::move(why));
    return operation<Value>{call};
}

/// A call from the pool, with the memory for a Value.
template <class Value>
async::pooled_call& obtain_from(async::client_handle& owner) {
    async::pooled_call* const call = async::pool::take(owner);
    if constexpr (async::result_slot<Value>::boxed) {
        UMBEL_TRY { async::result_slot<Value>::prepare(*call); }
        UMBEL_CATCH(...) {
            async::pool::recycle(call);
            UMBEL_RETHROW;
        }
    }
    return *call;
}
/// The same for every value that stands inside the call.
inline async::pooled_call& obtain_plain(async::client_handle& owner) { return *async::pool::take(owner); }

template <class Value>
async::pooled_call& obtain(site const& site) {
    return obtain_from<Value>(*site.owner);
}

template <class Value>
inline constexpr value_kind kind_of{
    .obtain = async::result_slot<Value>::boxed ? &obtain_from<Value> : &obtain_plain,
    .result = async::hedged<Value>::kind};

/// An operation for one command, with what the call options say of hedging.
template <replied Value>
operation<Value> submit(site const& site, command::invocation<Value> const& invocation) {
    return operation<Value>{site.code->make(site, invocation.name, invocation.words, invocation.flags,
                                            invocation.refusal, kind_of<Value>)};
}
template <replied Value>
UMBEL_ALWAYS_INLINE operation<Value> submit(site const& site,
                                            command::key_invocation<Value> const& invocation) {
    if constexpr (!async::result_slot<Value>::boxed) {
        if (async::pooled_call* const call = site.code->take_keyed(site, invocation.name, invocation.key))
            [[likely]]
            return operation<Value>{*call};
    }
    return operation<Value>{site.code->make_keyed(site, invocation.name, invocation.key, kind_of<Value>)};
}
/// An operation for a command that blocks.
template <replied Value>
operation<Value> submit(site const& site, command::blocking_invocation<Value> const& wanted) {
    return operation<Value>{site.code->make_blocking(site, wanted.name, wanted.words, wanted.flags,
                                                     wanted.time, wanted.refusal, kind_of<Value>)};
}
/// An operation for a command given word by word, on one node.
template <replied Value>
operation<Value> submit(site const& site, std::span<std::string_view const> words,
                        std::span<bool const> marked_keys) {
    return operation<Value>{site.code->make_words(site, words, marked_keys, kind_of<Value>)};
}
/// The same on as many nodes as the command's tips name.
template <replied Value>
operation<Value> submit_for_all(site const& site, command::invocation<Value> const& invocation) {
    return operation<Value>{site.code->make_for_all(site, invocation.name, invocation.words, invocation.flags,
                                                    invocation.refusal, kind_of<Value>)};
}
template <replied Value>
operation<Value> submit_for_all(site const& site, std::span<std::string_view const> words,
                                std::span<bool const> marked_keys) {
    return operation<Value>{site.code->make_words_for_all(site, words, marked_keys, kind_of<Value>)};
}

/// What a `Self` gives for the operation that `make()` makes: the operation, or its result where it waits for
/// its commands.
template <class Self, class Make>
auto give(Self const& self, Make&& make) {
    if constexpr (requires { self.wait(make); }) {
        return self.wait(make);
    } else {
        return make();
    }
}

/// An operation that gives a lease of the node which serves the key.
template <async::made_of_call Lease>
operation<Lease> make_lease(site const& site, std::string_view key) {
    return operation<Lease>{site.code->make_lease(site, key, kind_of<Lease>)};
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
        UMBEL_TRY {
            async::result_slot<Value>::put(call, [&] { return result<Value>{Tell{}(backend)}; });
        } UMBEL_CATCH(...) {
            async::result_slot<Value>::fail(call, error{errc::no_memory, delivery::not_sent});
        }
        backend.complete_later(call);
    });
}

}  // namespace calling
}  // namespace umbel

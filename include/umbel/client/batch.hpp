// batch.hpp: several commands in one operation, each with its own result: what users fill, and what they are
// answered with. It knows the types of the results; how a batch is sent is async/batch_run.hpp.
#pragma once

#include <umbel/async/batch_run.hpp>
#include <umbel/client/bare_command.hpp>
#include <umbel/command/family.hpp>

#include <cstddef>
#include <cstring>
#include <functional>
#include <new>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace umbel::calling {

/// A command of a batch that is more than a few bytes.
class unusual_bare final : public async::unusual_command {
public:
    explicit unusual_bare(encoded_command&& command) noexcept : command_{std::move(command)} {}
    cluster::slot_target slot(async::batch_origin const& origin) noexcept override {
        auto const& from = *static_cast<site const*>(origin.site);
        return from.code->check_bare(command_, from) ? command_.slot() : cluster::slot_target::any();
    }
    result<void> fill(async::pooled_call& call, async::batch_origin const& origin) override {
        auto const& from = *static_cast<site const*>(origin.site);
        result<void> good = from.code->check_bare(command_, from);
        if (!good) return good;
        command_.move_into(call);
        if (command_.named()) from.code->arm(call, command_.named());
        call.prefix_bytes = static_cast<std::uint8_t>(from.prefix.size());
        return good;
    }
    std::string_view words() const noexcept override {
        return command_.by_words() && !command_.refusal() ? command_.bytes() : std::string_view{};
    }
    result<bool> split(async::batch_list& list, async::batch_part& part, async::pooled_call& call,
                       async::batch_origin const& origin) override {
        auto const& from = *static_cast<site const*>(origin.site);
        return from.code->split_part(list, part, call, from);
    }

private:
    encoded_command command_;
};

/// Where the result of a command is to stand: in the list, or in the caller's memory.
struct place_of_result {
    std::size_t bytes = 0;
    std::size_t alignment = 1;
    void* given = nullptr;
};

/// Appends a command. Where the place is the list's own, the caller constructs the result in it.
/// Errors: throws std::bad_alloc; the list is as before then.
UMBEL_NEVER_INLINE inline async::batch_part& make_part(async::batch_list& list, encoded_command&& command,
                                                       async::part_kind const& kind, place_of_result place) {
    bool const plain = command.is_plain();
    std::string_view const bytes = plain ? command.bytes() : std::string_view{};
    constexpr std::size_t step = 16;  // Copied by steps of a known size, up to what the command has inside.
    std::size_t const room = (bytes.size() + step - 1) / step * step;
    static_assert(encoded_command::inside_bytes % step == 0);
    auto* const at =
        static_cast<char*>(list.allocate(sizeof(async::batch_part) + room, alignof(async::batch_part)));
    void* const stored = place.given ? place.given : list.allocate(place.bytes, place.alignment);
    void* const apart = plain ? nullptr : list.allocate(sizeof(unusual_bare), alignof(unusual_bare));
    auto& part = *::new (static_cast<void*>(at)) async::batch_part{};
    part.kind = &kind;
    part.place = stored;
    part.owns_place = !place.given;
    if (plain) {
        for (std::size_t done = 0; done < room; done += step)
            std::memcpy(at + sizeof part + done, bytes.data() + done, step);
        part.bytes = at + sizeof part;
        part.size = static_cast<std::uint32_t>(bytes.size());
        part.slot = command.slot();
        part.flags = command.flags();
        part.longest = static_cast<std::uint8_t>(command.longest());
    } else {
        part.slot = command.slot();
        part.size = command.words();
        if (command.by_words()) list.note_words();
        part.unusual = ::new (apart) unusual_bare{std::move(command)};
    }
    list.append(part);
    return part;
}

/// Appends a command whose result stands in the list.
template <class Value>
void* append(async::batch_list& list, bare_command<Value>&& command) {
    using stored = result<Value>;
    void* const place = make_part(list, std::move(command), async::part_result<Value>::kind,
                                  {.bytes = sizeof(stored), .alignment = alignof(stored)})
                            .place;
    return ::new (place) stored{tl::unexpect, error{errc::cancelled, delivery::not_sent}};
}

/// Ends every command of a list that is not sent.
inline void fail_parts(async::batch_list& list, error const& why) noexcept {
    for (async::batch_part* part = list.first(); part; part = part->next)
        part->kind->store_error(part->place, error{why});
}

/// Has every command of a list get its prefix when it is sent. Errors: throws std::bad_alloc.
UMBEL_NEVER_INLINE inline void await_prefix(async::batch_list& list) {
    for (async::batch_part* part = list.first(); part; part = part->next) {
        if (part->unusual) continue;
        void* const apart = list.allocate(sizeof(unusual_bare), alignof(unusual_bare));
        part->unusual = ::new (apart)
            unusual_bare{encoded_command{{part->bytes, part->size}, part->slot, part->flags, part->longest}};
        part->size = 0;
    }
}

/// What a batch keeps of its site, and of what joins its results, in the memory of its list.
template <class Join>
struct batch_state {
    calling::site site;
    Join join;

    static void destroy(void* state) noexcept { static_cast<batch_state*>(state)->~batch_state(); }
};
struct joins_nothing {};

/// Has a call stand for a batch. False without memory; the list is the caller's then.
template <class Join>
bool stand_for(async::pooled_call& whole, site const& site, async::batch_list&& list,
               async::batch_manner&& manner, Join&& join,
               void (*finish)(void*, async::batch_list&, async::pooled_call&) noexcept) noexcept {
    using state = batch_state<std::remove_cvref_t<Join>>;
    struct guard {
        state* kept = nullptr;
        ~guard() {
            if (kept) kept->~state();
        }
    } unless_made;
    UMBEL_TRY {
        if (!site.prefix.empty()) [[unlikely]]
            await_prefix(list);
        async::batch_part const* const given_by_words = list.has_words() ? list.first() : nullptr;
        unless_made.kept =
            ::new (list.allocate(sizeof(state), alignof(state))) state{site, std::forward<Join>(join)};
        whole.group = site.owner->code->make_batch(
            whole, std::move(list),
            {.owner = site.owner,
             .generation = site.generation,
             .reads = site.options.reads,
             .timeout = site.options.deadline,
             .argument_bytes_max = site.argument_bytes_max,
             .site = &unless_made.kept->site},
            std::move(manner), {.finish = finish, .state = unless_made.kept, .destroy = &state::destroy});
        unless_made.kept = nullptr;
        if (given_by_words) [[unlikely]]
            whole.group = site.code->learn_first(whole, site, given_by_words, std::move(whole.group));
        whole.launch = async::launch_kind::group;
        return true;
    }
    UMBEL_CATCH(...) {
        return false;
    }
}

}  // namespace umbel::calling

namespace umbel {

/// Names the result of a command in a batch. Lifetime: as long as the batch, or its answers.
template <class Value>
class batched {
public:
    batched(void* place, void const* batch) noexcept : place_{place}, batch_{batch} {}

private:
    friend class answers;
    void* place_;
    void const* batch_;
};

/// Commands of any slots and any types, filled in one after another, and sent together by client::batch().
///
///     umbel::batch b;
///     auto a = b.add(umbel::cmd.get("a"));
///     auto n = b.add(umbel::cmd.incr("n"));
///     umbel::answers told = co_await db.batch(std::move(b));
///     if (told[a]) …
///
/// Errors: add() throws std::bad_alloc; the batch is as before then. Threading: one thread at a time.
class batch {
public:
    batch() noexcept = default;
    batch(batch&&) noexcept = default;
    batch& operator=(batch&&) noexcept = default;

    /// Adds a command. Its result is found in the answers by what this returns.
    template <decodable Value>
    batched<Value> add(bare_command<Value>&& command) {
        void* const place = calling::append(list_, std::move(command));
        return {place, list_.identity()};
    }
    /// Adds a command whose result goes into the caller's memory. Lifetime: `into` must stay where it is
    /// until the operation has completed, and is not to be touched before.
    template <decodable Value>
    void add(bare_command<Value>&& command, result<Value>& into) {
        calling::make_part(list_, std::move(command), async::part_result<Value>::kind, {.given = &into});
    }

    std::size_t size() const noexcept { return list_.size(); }
    bool empty() const noexcept { return size() == 0; }

    /// At most so many commands are under way at a time; others follow as replies come. So a batch may be as
    /// large as memory has room for its commands and results. Precondition: most > 0.
    batch& window(std::size_t most) noexcept {
        UMBEL_ASSERT(most > 0);
        manner_.window = most;
        return *this;
    }
    /// Sends a command when all earlier ones of its slot have been answered. Without this, commands of one
    /// slot are sent together, in order, and one that the server refuses for now (TRYAGAIN while its slot
    /// moves, CLUSTERDOWN) may run after those that were sent together with it. Cost: as many round trips as
    /// the busiest slot has commands.
    batch& in_strict_order() noexcept {
        manner_.strict = true;
        return *this;
    }
    /// Calls `told(settled, all)` now and then while the batch is under way. Threading: on the client's
    /// threads, one call at a time, never after the completion. Precondition: it does not block.
    batch& on_progress(std::function<void(std::size_t settled, std::size_t all)> told) {
        manner_.progress = std::move(told);
        return *this;
    }

private:
    template <class>
    friend class batch_commands;

    async::batch_list list_;
    async::batch_manner manner_;
};

/// The results of a batch, each found by what batch::add() has returned.
/// Lifetime: owns the results.
class answers {
public:
    explicit answers(async::batch_list&& list) noexcept : list_{std::move(list)} {}
    answers(answers&&) noexcept = default;
    answers& operator=(answers&&) noexcept = default;

    /// The result of one command. Precondition: `named` comes from this batch.
    template <class Value>
    result<Value>& operator[](batched<Value> named) noexcept {
        UMBEL_ASSERT(named.batch_ == list_.identity());
        return async::part_result<Value>::at(named.place_);
    }

    std::size_t size() const noexcept { return list_.size(); }
    /// How many commands have failed. Cost: linear.
    std::size_t failed() const noexcept {
        std::size_t count = 0;
        for (async::batch_part const* part = list_.first(); part; part = part->next)
            if (part->kind->error_in(part->place)) ++count;
        return count;
    }
    /// The error of the first command that has failed; null if none has. Cost: linear. Precondition: results
    /// in the caller's memory are still there, for this and for failed().
    error const* first_error() const noexcept {
        for (async::batch_part const* part = list_.first(); part; part = part->next)
            if (error const* const found = part->kind->error_in(part->place)) return found;
        return nullptr;
    }

private:
    async::batch_list list_;
};

/// Stands for what a batch of these commands completes with: std::tuple<result<Values>...>.
template <class... Values>
struct answer_tuple;

}  // namespace umbel

template <class... Values>
struct umbel::async::outcome<umbel::answer_tuple<Values...>> {
    using type = std::tuple<result<Values>...>;
    using slot = result_slot<answer_tuple<Values...>>;

    static void fail(pooled_call& call, error&& why) noexcept {
        if (call.group) return call.owner->code->fail_batch(call, why);
        slot::put(call, [&] { return failed(why); });
    }
    static type failed(error const& why) noexcept { return type{result<Values>{tl::unexpect, why}...}; }
    /// Moves the results out of their places, in order.
    static void finish(void*, batch_list& list, pooled_call& whole) noexcept {
        batch_part* part = list.first();
        slot::put(whole, [&part] { return type{take<Values>(part)...}; });
    }
    template <class Value>
    static result<Value>&& take(batch_part*& part) noexcept {
        return std::move(part_result<Value>::at(std::exchange(part, part->next)->place));
    }
};

template <>
struct umbel::async::outcome<umbel::answers> {
    using type = answers;
    using slot = result_slot<answers>;

    static void fail(pooled_call& call, error&& why) noexcept {
        UMBEL_ASSERT(call.group != nullptr);
        call.owner->code->fail_batch(call, why);
    }
    static type failed(error const&) noexcept { return type{batch_list{}}; }
    static void finish(void*, batch_list& list, pooled_call& whole) noexcept {
        slot::put(whole, [&list] { return answers{std::move(list)}; });
    }
};

namespace umbel {

/// Batches, for whatever has a site.
///
/// Each command is sent, redirected, retried, timed out and answered as if it stood alone: with an error and
/// a delivery of its own, those listed at umbel::client. Commands of one node share their writes. A redirect
/// sends again only the command that was redirected. The commands are not atomic together: others' commands
/// may run between them; for atomicity see transactions. Reads are not hedged.
/// **Order**: commands of one slot begin in their order, on one connection (reads that may go to replicas on
/// another). When the server refuses a command for now and it is
/// sent again, those of its slot that are refused, too, or have not been sent wait until it has been
/// answered. Where a node is handed over to another connection meanwhile (options::maintenance_notices),
/// those that were sent before go by the old one, and only in_strict_order() keeps the order between the
/// two.
/// **Split commands**: one given by its words whose keys lie in several slots (MGET, DEL …; see execute())
/// becomes one command a slot in its place, each under these rules, and has one result; progress counts all
/// of them. The parts are not atomic together.
/// **Commands of modules**: a batch with one that the client has not learned yet (see execute()) begins when
/// a server has said what it is, or cannot; several names are asked for one after another, for five seconds
/// and half of the deadline at most together. All of its commands wait meanwhile, and those that are called
/// after the batch may run before it.
/// **Deadline**: that of each command, counted from its own beginning, less what the batch has waited to
/// learn. **Cancellation**: of all together;
/// each ends with cancelled and its own delivery, and those that were answered keep their results.
/// **Cost**: no allocation in steady state beside what the values own; with a cancellation slot one for each
/// command that may be under way.
template <class Self>
class batch_commands {
public:
    /// Sends some commands together: `auto [a, n] = co_await db.batch(umbel::cmd.get("a"),
    /// umbel::cmd.incr("n"))`. Completes with a tuple of one result each. Errors: none of its own.
    template <decodable... Values>
        requires(sizeof...(Values) >= 1)
    auto batch(bare_command<Values>&&... commands) const {
        using value = answer_tuple<Values...>;
        return calling::give(command::self_of(*this), [&]() -> operation<value> {
            calling::site const& site = command::self_of(*this).site();
            async::pooled_call& whole = calling::obtain<value>(site);
            calling::prepare(whole, site, cluster::command_flags::none);
            async::batch_list list;
            bool good = async::try_alloc([&] { (calling::append(list, std::move(commands)), ...); });
            good = good && calling::stand_for(whole, site, std::move(list), {}, calling::joins_nothing{},
                                              &async::outcome<value>::finish);
            if (!good) return calling::refused<value>(whole, error{errc::no_memory, delivery::not_sent});
            if (site.wrong) return calling::refused<value>(whole, error{*site.wrong});
            return operation<value>{whole};
        });
    }

    /// Sends a batch that was filled before. Completes with its answers. Errors: none of its own.
    auto batch(umbel::batch&& filled) const {
        return calling::give(command::self_of(*this), [&] {
            return send(command::self_of(*this).site(), std::exchange(filled, later<Self, umbel::batch>{}));
        });
    }

private:
    static operation<answers> send(calling::site const& site, umbel::batch sent) {
        async::pooled_call& whole = calling::obtain<answers>(site);
        calling::prepare(whole, site, cluster::command_flags::none);
        if (!calling::stand_for(whole, site, std::move(sent.list_), std::move(sent.manner_),
                                calling::joins_nothing{}, &async::outcome<answers>::finish)) {
            calling::fail_parts(sent.list_, error{errc::no_memory, delivery::not_sent});
            async::outcome<answers>::finish(nullptr, sent.list_, whole);
            whole.launch = async::launch_kind::ready;
            return operation<answers>{whole};
        }
        if (site.wrong) return calling::refused<answers>(whole, error{*site.wrong});
        return operation<answers>{whole};
    }
};

}  // namespace umbel

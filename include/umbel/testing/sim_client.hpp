// sim_client.hpp: a client on virtual time for tests: commands by words, answers by callback.
// It is the real engine over simulated connections; only the sockets and the clock are not real.
#pragma once

#include <umbel/command/keys_of.hpp>
#include <umbel/command/sha1.hpp>
#include <umbel/engine/remedy.hpp>
#include <umbel/resp/encode.hpp>
#include <umbel/resp/reply.hpp>
#include <umbel/testing/sim_driver.hpp>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::testing {

/// What one simulated call may ask for.
struct sim_call_options {
    std::optional<umbel::read_from> reads{};
    std::optional<duration> deadline{};
    bool idempotent = false;  ///< Declared so by the caller.
    cluster::endpoint const* node = nullptr;
    unsigned context = 0;  ///< Of the client's contexts, modulo their number.
    bool blocks = false;   ///< The command may wait on the server: it goes by a lease.
};

/// Names a call of one client.
using call_number = std::uint64_t;

/// A client against a simulated network.
///
///     timeline time{seed};
///     model_cluster cluster{time, {.primaries = 3, .replicas_each = 1}};
///     sim_client db{time, cluster.net(), {.seeds = {"10.0.0.1:6379"}}, seed};
///     db.call({"SET", "user:1", "ada"}, [&](umbel::result<umbel::reply> answer) { … });
///     time.run_for(100ms);
///
/// Lifetime: borrows timeline and network; must outlive the timeline's last step. Threading: one thread.
class sim_client {
public:
    using callback = std::function<void(result<reply>)>;

    /// With several `contexts` it has as many connections of each kind to a node as there are contexts whose
    /// calls have asked it.
    sim_client(timeline& time, network& net, options const& options, std::uint64_t seed,
               cluster::policy const& policy = {}, unsigned contexts = 1)
        : time_{time}, driver_{time, net, good_settings(options, policy, seed), contexts} {}

    sim_client(sim_client const&) = delete;
    sim_client& operator=(sim_client const&) = delete;

    /// Calls a command. `done` runs exactly once, later, never inside call().
    /// Errors (by callback): all of the library; bad_argument, cross_slot and needs_lease for the words
    /// themselves.
    call_number call(std::initializer_list<std::string_view> words, callback done,
                     sim_call_options const& wanted = {}) {
        return call(std::span{words.begin(), words.size()}, std::move(done), wanted);
    }
    call_number call(std::span<std::string_view const> words, callback done,
                     sim_call_options const& wanted = {}) {
        return begin_call(std::move(done), wanted, [&](sim_call& call) { return add(call, words); });
    }
    /// Calls commands as one transaction, MULTI … EXEC; the reply is EXEC's. Errors: as of call().
    call_number transaction(std::span<std::vector<std::string> const> commands, callback done,
                            sim_call_options const& wanted = {}) {
        return begin_call(std::move(done), wanted, [&](sim_call& call) -> result<void> {
            std::string_view const multi = "MULTI", exec = "EXEC";
            put(call, {&multi, 1});
            for (auto const& command : commands) {
                std::vector<std::string_view> const words(command.begin(), command.end());
                auto const before = call.flags;
                auto const slot = call.slot;
                if (auto good = add(call, words); !good) return good;
                if (&command == &commands.front()) continue;
                call.flags = joined(before, call.flags);
                if (slot.is_one() && !(slot == call.slot))
                    return fail(errc::cross_slot, delivery::not_sent, "the keys lie in different slots");
            }
            put(call, {&exec, 1});
            call.form.transaction = 1;
            call.make_retry_state()->transaction.hold(static_cast<std::uint32_t>(commands.size()));
            return {};
        });
    }
    /// Runs a script with one key by its SHA1, and by its text where the node lacks it. Errors: as of call().
    call_number run(std::string_view text, std::string_view key, callback done,
                    sim_call_options const& wanted = {}) {
        return begin_call(std::move(done), wanted, [&](sim_call& call) -> result<void> {
            command::sha1 const sha1{text};
            std::string_view const by_text[]{"EVAL", text, "1", key};
            std::string_view const by_sha1[]{"EVALSHA", sha1.digits(), "1", key};
            put(call, by_text);
            call.by_text = std::exchange(call.encoded, std::string(engine::remedy_bytes, '\0'));
            if (auto good = add(call, by_sha1); !good) return good;
            engine::put_remedy(call.encoded.data(), {&sim_call::say_text, nullptr});
            call.has_remedy = true;
            return {};
        });
    }
    /// Asks for a call to be given up; it completes with errc::cancelled unless it was quicker. Harmless when
    /// it is done.
    void cancel(call_number number) {
        auto const at = pending_.find(number);
        if (at != pending_.end() && at->second->at != engine::call::stage::done)
            driver_.forward_cancel(at->second->shared_token->wish());
    }
    /// Every pending call completes with errc::cancelled.
    void end() { driver_.end(); }

    std::size_t pending() const noexcept { return pending_.size(); }
    sim_driver& runtime() noexcept { return driver_; }
    sim_driver const& runtime() const noexcept { return driver_; }
    engine::engine& control() noexcept { return driver_.control(); }
    engine::engine_counters const& counters() const noexcept { return driver_.control().counters(); }

    /// The address to which the slot table sends writes of `slot`; nothing where it knows no owner.
    std::optional<cluster::endpoint> owner_of(cluster::slot slot) const {
        std::uint16_t const node = driver_.control().routes().table().primary_of(slot);
        if (node == cluster::no_node) return std::nullopt;
        return driver_.control().nodes()[node].address;
    }
    /// The largest number of redirects that any call has needed.
    std::uint16_t redirects_seen() const noexcept { return redirects_seen_; }

private:
    /// Precondition: the options are good.
    static engine::settings good_settings(options const& options, cluster::policy const& policy,
                                          std::uint64_t seed) {
        result<engine::settings> result = engine::settings_of(options, policy, seed, false);
        UMBEL_ASSERT(result.has_value());
        return std::move(*result);
    }

    /// A token that the call and each cancellation on its way share.
    struct counted_token : engine::cancel_token {
        unsigned references = 1;
        counted_token() noexcept { give_back = &counted_token::unreference; }
        engine::cancel_share wish() {
            wanted.store(true);
            ++references;
            return engine::cancel_share{*this};
        }
        static void unreference(engine::cancel_token& token) noexcept {
            auto& self = static_cast<counted_token&>(token);
            if (--self.references == 0) delete &self;
        }
    };

    struct sim_call : engine::call {
        sim_call(sim_client& of, call_number its_number, callback its_done)
            : owner{of}, number{its_number}, done{std::move(its_done)}, shared_token{new counted_token} {
            static constexpr engine::call_kind by_list{
                .decode = &keep_reply, .fail = &keep_error, .complete = &tell_caller, .drop = &forget};
            static constexpr engine::call_kind at_once{.decode = &keep_reply,
                                                       .fail = &keep_error,
                                                       .complete = &tell_caller,
                                                       .drop = &forget,
                                                       .answer = &answer_at_once};
            // Both, as in a client: foreign executors and cancellable operations have theirs on the list.
            kind = number % 4 == 0 ? &by_list : &at_once;
            shared_token->target = this;
            token = shared_token;
        }
        sim_call(sim_call const&) = delete;
        sim_call& operator=(sim_call const&) = delete;
        ~sim_call() { counted_token::unreference(*shared_token); }

        static void keep_reply(engine::call& base, resp::view const& answer) noexcept {
            static_cast<sim_call&>(base).answer.emplace(reply{answer});
        }
        static void keep_error(engine::call& base, error&& why) noexcept {
            static_cast<sim_call&>(base).answer.emplace(tl::unexpected<error>{std::move(why)});
        }
        static void tell_caller(engine::call& base) {
            auto& call = static_cast<sim_call&>(base);
            sim_client& client = call.owner;
            client.redirects_seen_ = std::max(client.redirects_seen_, call.redirects);
            auto const at = client.pending_.find(call.number);
            UMBEL_ASSERT(at != client.pending_.end() && call.answer.has_value());
            std::unique_ptr<sim_call> const whole = std::move(at->second);
            client.pending_.erase(at);
            whole->done(std::move(*whole->answer));
        }
        static bool answer_at_once(engine::call& base, resp::view const& reply) {
            keep_reply(base, reply);
            tell_caller(base);
            return true;
        }
        /// The remedy of a script.
        static bool say_text(engine::call& base, void const*, engine::call*&) noexcept {
            auto& call = static_cast<sim_call&>(base);
            call.has_remedy = false;
            call.encoded = std::move(call.by_text);
            call.show_bytes();
            return true;
        }
        void show_bytes() noexcept {
            std::size_t const front = has_remedy ? engine::remedy_bytes : 0;
            bytes = encoded.data() + front;
            size = static_cast<std::uint32_t>(encoded.size() - front);
        }
        static void forget(engine::call& base) noexcept {
            auto& call = static_cast<sim_call&>(base);
            call.owner.pending_.erase(call.number);
        }

        sim_client& owner;
        call_number number;
        callback done;
        std::string encoded;
        std::string by_text;  ///< Of a script.
        std::optional<result<reply>> answer;
        counted_token* shared_token;
    };

    template <class Encode>
    call_number begin_call(callback done, sim_call_options const& wanted, Encode&& encode) {
        call_number const number = ++last_number_;
        auto made = std::make_unique<sim_call>(*this, number, std::move(done));
        sim_call& call = *made;
        call.leased = wanted.blocks;
        call.form.blocks = wanted.blocks;
        pending_.emplace(number, std::move(made));
        if (result<void> good = encode(call); !good) {
            call.answer.emplace(tl::unexpected<error>{std::move(good.error())});
            time_.soon([&call] { sim_call::tell_caller(call); });
            return number;
        }
        if (wanted.idempotent) call.flags = call.flags | cluster::command_flags::idempotent;
        call.show_bytes();
        call.reads = wanted.reads.value_or(driver_.chosen().read_from);
        call.timeout = wanted.deadline.value_or(driver_.chosen().deadline);
        call.link.context = static_cast<std::uint8_t>(wanted.context % driver_.chosen().engine.contexts);
        call.leased ? driver_.begin_leased(call) : driver_.begin(call);
        return number;
    }
    /// Appends a command to a call, whose flags and slot are the command's afterwards.
    static result<void> add(sim_call& call, std::span<std::string_view const> words) {
        using cluster::command_flags;
        auto const where = command::route_of(words, command::unknown_command::first_argument_is_key);
        if (!where) return tl::unexpected<error>{where.error()};
        command::command_traits const* const traits = command::find_command(words);
        if (!call.form.blocks && traits && command::needs_lease(*traits, words))
            return fail(errc::needs_lease, delivery::not_sent, "the command may not share a connection");
        call.flags = command_flags::none;
        if (traits && traits->read_only()) call.flags = call.flags | command_flags::read_only;
        if (traits && command::is_idempotent(*traits, words))
            call.flags = call.flags | command_flags::idempotent;
        if (traits && traits->scripted()) call.flags = call.flags | command_flags::scripted;
        call.slot = where->slot ? cluster::slot_target{*where->slot} : cluster::slot_target::any();
        put(call, words);
        return {};
    }
    static void put(sim_call& call, std::span<std::string_view const> words) {
        std::size_t const before = call.encoded.size();
        std::size_t most = before + resp::header_size(words.size()) + 16;
        for (std::string_view const word : words) most += resp::bulk_size(word.size());
        call.encoded.resize(most);
        char* to = resp::put_array_header(call.encoded.data() + before, words.size());
        for (std::string_view const word : words) to = resp::put_bulk(to, word);
        call.encoded.resize(static_cast<std::size_t>(to - call.encoded.data()));
    }
    /// The flags of two commands together: what both allow, and what either warns of. Together they may not
    /// be repeated, unless they only read.
    static cluster::command_flags joined(cluster::command_flags left, cluster::command_flags right) noexcept {
        using enum cluster::command_flags;
        cluster::command_flags const both = has(left, read_only) && has(right, read_only) ? read_only : none;
        return has(left, scripted) || has(right, scripted) ? both | scripted : both;
    }

    timeline& time_;
    std::map<call_number, std::unique_ptr<sim_call>> pending_;
    sim_driver driver_;
    call_number last_number_ = 0;
    std::uint16_t redirects_seen_ = 0;
};

}  // namespace umbel::testing

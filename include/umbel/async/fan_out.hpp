// fan_out.hpp: one command for several nodes that the control plane names when the command is sent. Its parts
// share the bytes of the whole. It counts them and does not know what they mean.
#pragma once

#include <umbel/async/audience.hpp>
#include <umbel/async/client_handle.hpp>
#include <umbel/async/hedge.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/led_shards.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::async {

/// One node, and its part of the command. Lifetime: the whole's.
struct fan_out_part {
    std::string node;             ///< "host:port".
    pooled_call* call = nullptr;  ///< With its result, once it has settled.
};

/// What a fan-out must know of the type of its parts and of what they make together.
struct fan_out_kind {
    /// A call with room for the result of a part. Errors: throws std::bad_alloc.
    pooled_call& (*obtain)(client_handle& owner);
    hedge_kind const& part;  ///< How a result is stored and dropped.
    /// Stores the result of the whole. Errors: throws std::bad_alloc.
    void (*join)(pooled_call& whole, std::span<fan_out_part const> parts, void const* context);
    void const* context = nullptr;
};

/// A command on its way to several nodes. It waits for a topology if none is known, takes the list of nodes
/// at that moment, and completes when each part has.
///
/// A command for all primaries looks at the list again when all parts have settled: the slots that a node has
/// taken over meanwhile would be left out. That node gets a part of its own, in a few rounds at most. A
/// command that no node can have executed needs no second look.
/// Threading: parts settle on any thread; the thread that settles the last part completes the whole. Lists
/// are made and looked at by the owner of the control plane.
class fan_out final : public call_group {
public:
    /// How often nodes that begin to lead slots are given parts of their own.
    static constexpr unsigned rounds_max = 4;

    /// Precondition: the whole is encoded; its bytes last until it has its result.
    fan_out(pooled_call& whole, audience whom, fan_out_kind const& kind) noexcept
        : whole_{whole},
          whom_{whom},
          kind_{kind},
          part_kind_{.decode = &fan_out::decode_part,
                     .fail = &fan_out::fail_part,
                     .complete = &fan_out::complete_part,
                     .drop = &fan_out::drop_part} {}
    fan_out(fan_out const&) = delete;
    fan_out& operator=(fan_out const&) = delete;
    ~fan_out() override {
        for (fan_out_part const& part : parts_) {
            if (part.call->token) release_token(*part.call);
            kind_.part.recycle(*part.call);
        }
    }

    bool lists_parts_later() const noexcept override { return true; }
    /// First the whole itself waits for a topology, as client::ready() does, with its own deadline.
    void start(backend& backend) override {
        static constexpr engine::call_kind waiting{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail = [](engine::call& call,
                       error&& why) noexcept { of_whole(call).outer_->fail(call, std::move(why)); },
            .complete = [](engine::call& call) { of_whole(call).topology_known(); },
            .drop = &fan_out::drop_whole};
        if (whole_.token) static_cast<shared_token*>(whole_.token)->parts_listed.store(false);
        outer_ = std::exchange(whole_.kind, &waiting);
        whole_.on_control = [](async::backend& where, pooled_call& call) { where.await_topology(call); };
        backend.answer(whole_);
    }

private:
    static fan_out& of_whole(engine::call& whole) noexcept {
        return static_cast<fan_out&>(*static_cast<pooled_call&>(whole).group);
    }
    static fan_out& of_part(engine::call& part) noexcept {
        return **std::launder(reinterpret_cast<fan_out**>(static_cast<pooled_call&>(part).handler_space));
    }
    static void drop_whole(engine::call& whole) noexcept {
        whole.kind = of_whole(whole).outer_;
        whole.kind->drop(whole);
    }

    void topology_known() {
        whole_.kind = outer_;
        backend* const where = backend_of(whole_);
        if (!where && !whole_.has_result)
            outer_->fail(whole_, error{errc::cancelled, delivery::not_sent, "the client is gone"});
        if (whole_.has_result) return outer_->complete(whole_);
        whole_.on_control = [](async::backend& there, pooled_call& call) { of_whole(call).spread(there); };
        where->answer(whole_);
    }

    // ---- In a turn of the control plane, which knows the nodes ------------------------------------

    void spread(backend& where) {
        UMBEL_TRY {
            make_parts(where);
            share_token(where);
        }
        UMBEL_CATCH(...) {
            return fail_whole(where, errc::no_memory, "no memory for the parts of the command");
        }
        if (whole_.cancel_wanted()) return fail_whole(where, errc::cancelled, "cancelled");
        if (parts_.empty()) return fail_whole(where, errc::slot_uncovered, "no node serves any slot");
        begin_parts(where, 0);
    }
    /// All parts have settled: does the list of primaries still hold?
    void review(backend& where) {
        whole_.kind = outer_;
        std::size_t const settled = parts_.size();
        UMBEL_TRY {
            std::vector<engine::led_shard> const now = where.leaders();
            for (engine::led_shard const& newcomer : now)
                if (engine::needs_command(newcomer, first_shard(), now)) add_shard(newcomer);
            share_token_later(where, settled);
        }
        UMBEL_CATCH(...) {
            return fail_whole(where, errc::no_memory, "no memory for the parts of the command");
        }
        if (parts_.size() == settled) {
            join();
            return where.complete_later(whole_);
        }
        if (whole_.cancel_wanted()) return fail_whole(where, errc::cancelled, "cancelled");
        if (++rounds_ > rounds_max)
            return fail_whole(where, errc::moved, "slots went from node to node while the command was sent");
        begin_parts(where, settled);
    }
    void begin_parts(backend& where, std::size_t first) {
        // Counts one more than there are parts, so that the group survives until the loop has ended.
        pending_.store(parts_.size() - first + 1, std::memory_order_relaxed);
        std::size_t const count = parts_.size();
        for (std::size_t at = first; at < count; ++at) where.start(*parts_[at].call);
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (dropped_.load(std::memory_order_relaxed)) return outer_->drop(whole_);
        if (wants_review()) return ask_for_review(where);
        join();
        where.complete_later(whole_);
    }
    void fail_whole(backend& where, errc why, std::string_view message) {
        outer_->fail(whole_, error{why, delivered(), message});
        where.complete_later(whole_);
    }

    void make_parts(backend& where) {
        if (whom_ == audience::primaries) {
            for (engine::led_shard const& shard : where.leaders()) add_shard(shard);
            return;
        }
        for (cluster::node_info const& node : where.topology().nodes)
            if (node.health != cluster::node_health::failed) {
                std::string name = node.address.to_string();
                add(name, {.node = name});
            }
    }
    void add_shard(engine::led_shard const& shard) {
        engine::led_shard& kept = shards_.emplace_back(shard);
        kept.next = &shards_.front();
        if (shards_.size() > 1) std::prev(shards_.end(), 2)->next = &kept;
        add(kept.name, {.shard = &kept});
    }
    engine::led_shard const* first_shard() const noexcept {
        return shards_.empty() ? nullptr : &shards_.front();
    }
    void add(std::string name, engine::destination&& where) {
        parts_.reserve(parts_.size() + 1);
        pooled_call& part = kind_.obtain(*whole_.owner);
        parts_.push_back({std::move(name), &part});
        part.generation = whole_.generation;
        part.flags = whole_.flags;
        part.prefix_bytes = whole_.prefix_bytes;
        part.reads = read_from::primary;
        part.timeout = {};
        part.link.context = whole_.link.context;
        part.accepted = whole_.accepted;
        part.deadline = whole_.deadline;
        part.bytes = whole_.bytes;
        part.size = whole_.size;
        ::new (static_cast<void*>(part.handler_space)) fan_out* {this};
        part.kind = &part_kind_;
        if (whole_.borrowed) {
            auto* const pieces = new engine::borrowed_piece[whole_.borrowed->count];
            std::copy_n(whole_.borrowed, whole_.borrowed->count, pieces);
            part.borrowed = pieces;
        }
        part.slot = cluster::slot_target::named_node();
        part.retry = std::make_unique<engine::retry_state>();
        part.retry->meant_for = std::move(where);
    }
    static shared_token& make_token(backend& where, pooled_call& part) {
        auto* const token = new shared_token;
        token->backend = where.weak_from_this();
        token->target = &part;
        part.token = token;
        return *token;
    }
    /// Lets a cancellation of the whole reach the parts: it sets its wish and looks for the list afterwards,
    /// and here the list is made and the wish looked for afterwards.
    void share_token(backend& where) {
        auto* const whole = static_cast<shared_token*>(whole_.token);
        if (!whole) return;
        whole->parts.reserve(parts_.size());
        for (fan_out_part const& part : parts_) whole->parts.push_back(&make_token(where, *part.call));
        whole->parts_listed.store(true);
    }
    /// The same for parts that come when a cancellation may be reading the list: they make a chain.
    void share_token_later(backend& where, std::size_t first) {
        if (!whole_.token) return;
        if (!last_token_) last_token_ = static_cast<shared_token*>(whole_.token);
        for (std::size_t at = first; at < parts_.size(); ++at) {
            shared_token& token = make_token(where, *parts_[at].call);
            last_token_->later.store(&token);
            last_token_ = &token;
        }
    }

    // ---- On the thread that settles a part ----------------------------------------------------------

    static void decode_part(engine::call& part, resp::view const& reply) noexcept {
        of_part(part).some_ran_.store(true, std::memory_order_relaxed);
        of_part(part).kind_.part.part.decode(part, reply);
    }
    static void fail_part(engine::call& part, error&& why) noexcept {
        if (why.may_have_executed()) of_part(part).some_ran_.store(true, std::memory_order_relaxed);
        of_part(part).kind_.part.part.fail(part, std::move(why));
    }
    static void complete_part(engine::call& part) {
        fan_out& self = of_part(part);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (self.dropped_.load(std::memory_order_relaxed)) return self.outer_->drop(self.whole_);
        if (self.wants_review()) {
            if (backend* const where = backend_of(self.whole_)) return self.ask_for_review(*where);
            self.fail_unreviewed(errc::cancelled, "the client is gone");
        } else {
            self.join();
        }
        self.outer_->complete(self.whole_);
    }
    static void drop_part(engine::call& part) noexcept {
        fan_out& self = of_part(part);
        self.dropped_.store(true, std::memory_order_relaxed);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) self.outer_->drop(self.whole_);
    }
    bool wants_review() const noexcept {
        return whom_ == audience::primaries && some_ran_.load(std::memory_order_relaxed);
    }
    void ask_for_review(backend& where) {
        static constexpr engine::call_kind reviewed{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail = [](engine::call& call,
                       error&& why) noexcept { of_whole(call).fail_unreviewed(why.code(), why.message()); },
            .complete =
                [](engine::call& call) {
                    call.kind = of_whole(call).outer_;
                    call.kind->complete(call);
                },
            .drop = &fan_out::drop_whole};
        whole_.kind = &reviewed;
        whole_.on_control = [](async::backend& there, pooled_call& call) { of_whole(call).review(there); };
        where.answer(whole_);
    }
    /// The client ends: nobody can say whether the command has reached all who lead slots.
    void fail_unreviewed(errc why, std::string_view message) noexcept {
        outer_->fail(whole_, error{why, delivered(), message});
    }
    delivery delivered() const noexcept {
        return some_ran_.load(std::memory_order_relaxed) ? delivery::unknown : delivery::not_sent;
    }
    void join() noexcept {
        UMBEL_TRY { kind_.join(whole_, parts_, kind_.context); }
        UMBEL_CATCH(...) {
            if (!whole_.has_result) outer_->fail(whole_, error{errc::no_memory, delivery::unknown});
        }
    }

    pooled_call& whole_;
    audience const whom_;
    fan_out_kind const kind_;
    engine::call_kind const part_kind_;
    engine::call_kind const* outer_ = nullptr;  ///< What the operation makes of the whole.
    std::vector<fan_out_part> parts_;
    std::list<engine::led_shard> shards_;  ///< Of the parts; calls keep their addresses.
    shared_token* last_token_ = nullptr;   ///< Where the chain of later tokens ends.
    unsigned rounds_ = 0;
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> dropped_{false};
    std::atomic<bool> some_ran_{false};  ///< Some node may have executed the command.
};

}  // namespace umbel::async

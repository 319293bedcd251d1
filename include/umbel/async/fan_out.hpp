// fan_out.hpp: one command for several nodes that the control plane names when the command is sent. Its parts
// share the bytes of the whole. It counts them and does not know what they mean.
#pragma once

#include <umbel/async/audience.hpp>
#include <umbel/async/client_handle.hpp>
#include <umbel/async/hedge.hpp>
#include <umbel/async/try_alloc.hpp>

#include <algorithm>
#include <atomic>
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
/// from it at that moment, and completes when each part has.
/// Threading: parts settle on any thread; the thread that settles the last part completes the whole.
class fan_out final : public call_group {
public:
    /// Precondition: the whole is encoded; its bytes last until it has its result.
    fan_out(pooled_call& whole, audience whom, fan_out_kind const& kind) noexcept
        : whole_{whole},
          whom_{whom},
          kind_{kind},
          part_kind_{.decode = kind.part.part.decode,
                     .fail = kind.part.part.fail,
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

    /// First the whole itself waits for a topology, as client::ready() does, with its own deadline.
    void start(backend& backend) override {
        static constexpr engine::call_kind waiting{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail = [](engine::call& call,
                       error&& why) noexcept { of_whole(call).outer_->fail(call, std::move(why)); },
            .complete = [](engine::call& call) { of_whole(call).topology_known(); },
            .drop =
                [](engine::call& call) noexcept {
                    call.kind = of_whole(call).outer_;
                    call.kind->drop(call);
                }};
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

    void topology_known() {
        whole_.kind = outer_;
        backend* const where = backend_of(whole_);
        if (!where && !whole_.has_result)
            outer_->fail(whole_, error{errc::cancelled, delivery::not_sent, "the client is gone"});
        if (whole_.has_result) return outer_->complete(whole_);
        whole_.on_control = [](async::backend& there, pooled_call& call) { of_whole(call).spread(there); };
        where->answer(whole_);
    }

    /// In a turn of the control plane, which knows the nodes.
    void spread(backend& where) {
        UMBEL_TRY {
            make_parts(where.topology());
            share_token(where);
        }
        UMBEL_CATCH(...) {
            return fail_unspread(where, errc::no_memory, "no memory for the parts of the command");
        }
        if (whole_.cancel_wanted()) return fail_unspread(where, errc::cancelled, "cancelled");
        if (parts_.empty()) return fail_unspread(where, errc::slot_uncovered, "no node serves any slot");
        // Counts one more than there are parts, so that the group survives until the loop has ended.
        pending_.store(parts_.size() + 1, std::memory_order_relaxed);
        for (fan_out_part const& part : parts_) where.start(*part.call);
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (dropped_.load(std::memory_order_relaxed)) return outer_->drop(whole_);
        join();
        where.complete_later(whole_);
    }
    void fail_unspread(backend& where, errc why, std::string_view message) {
        outer_->fail(whole_, error{why, delivery::not_sent, message});
        where.complete_later(whole_);
    }

    void make_parts(cluster::topology const& topology) {
        if (whom_ == audience::nodes) {
            for (cluster::node_info const& node : topology.nodes)
                if (cluster::is_routable(node.health)) add({node.address.to_string()});
            return;
        }
        for (cluster::shard const& shard : topology.shards) {
            if (shard.ranges.empty()) continue;
            bool const led = shard.primary != cluster::topology::none;
            add({led ? topology.nodes[shard.primary].address.to_string() : std::string{},
                 shard.ranges.front().first.value()});
        }
    }
    void add(engine::destination&& where) {
        parts_.reserve(parts_.size() + 1);
        std::string name = where.node;
        pooled_call& part = kind_.obtain(*whole_.owner);
        parts_.push_back({std::move(name), &part});
        part.generation = whole_.generation;
        part.flags = whole_.flags;
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
    /// Lets a cancellation of the whole reach the parts: it sets its wish and looks for the list afterwards,
    /// and here the list is made and the wish looked for afterwards.
    void share_token(backend& where) {
        auto* const whole = static_cast<shared_token*>(whole_.token);
        if (!whole) return;
        whole->parts.reserve(parts_.size());
        for (fan_out_part const& part : parts_) {
            auto* const token = new shared_token;
            token->backend = where.weak_from_this();
            token->target = part.call;
            part.call->token = token;
            whole->parts.push_back(token);
        }
        whole->parts_listed.store(true);
    }

    static void complete_part(engine::call& part) {
        fan_out& self = of_part(part);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (self.dropped_.load(std::memory_order_relaxed)) return self.outer_->drop(self.whole_);
        self.join();
        self.outer_->complete(self.whole_);
    }
    static void drop_part(engine::call& part) noexcept {
        fan_out& self = of_part(part);
        self.dropped_.store(true, std::memory_order_relaxed);
        if (self.pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) self.outer_->drop(self.whole_);
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
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> dropped_{false};
};

}  // namespace umbel::async

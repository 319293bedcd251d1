// call_move.hpp: how a call that has failed goes on by another client, with its handler and its bytes.
// Whether it may, a call_mover decides; what the delivery of its first attempts proves is kept.
#pragma once

#include <umbel/async/operation.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/remedy.hpp>

#include <memory>
#include <string>
#include <utility>

namespace umbel::async {

/// What is known of a call on its way to another client. Lifetime: the call's.
class call_move final : public call_group {
public:
    /// How often it has moved before.
    static unsigned moves_of(pooled_call const& call) noexcept {
        return call.group ? static_cast<call_move const&>(*call.group).moves_ : 0;
    }
    /// True for a call that stands for itself, encoded as it was at first: one command of the user's, or the
    /// wait for a topology. No part of a batch, no command of several slots or for a node by its name, none
    /// that needs a connection of its own or has given elements of its reply.
    static bool is_possible(pooled_call const& call) noexcept {
        if (!call.kind || !call.kind->answer || call.issued_by != engine::issuer::user) return false;
        if (call.leased || call.bound || call.form.blocks || call.form.elements || call.form.tied)
            return false;
        if (call.launch == launch_kind::control) return call.only_waits;
        bool const alone = call.launch == launch_kind::direct || call.launch == launch_kind::remedied;
        return alone && !call.slot.is_named_node() && !call.slot.is_several();
    }
    /// Has a call go on by `target` instead of completing with `why`. False where there is no memory for it:
    /// it is as it was then. Precondition: is_possible(), its time is not over, and its owner is about to
    /// complete it.
    static bool begin(pooled_call& call, error const& why, std::shared_ptr<backend> target,
                      engine::instant now) noexcept {
        engine::retry_state* const retry = call.make_retry_state();
        if (!retry) return false;
        bool const noted = try_alloc([&] {
            if (!call.group) call.group = std::make_unique<call_move>();
            engine::instant const since = call.has_begun() ? call.accepted : now;
            retry->hops.push_back({std::string{why.node()}, why.code(), now - since});
        });
        if (!noted) return false;
        if (call.token && !renew_token(call, *target)) return false;
        retry->delivery = call.known(why.delivery());
        auto& move = static_cast<call_move&>(*call.group);
        move.target_ = std::move(target);
        bool const timed = call.has_begun() && call.deadline != engine::never;
        move.left_ = timed ? call.deadline - now : call.has_begun() ? engine::duration{0} : call.timeout;
        ++move.moves_;
        static constexpr engine::call_kind moving{
            .decode = [](engine::call&, resp::view const&) noexcept { UMBEL_ASSERT(false); },
            .fail = &call_move::fail,
            .complete = &call_move::go_on,
            .drop = &call_move::drop};
        move.outer_ = std::exchange(call.kind, &moving);
        return true;
    }

    void start(backend&) override {}

private:
    static call_move& of(engine::call& call) noexcept {
        return static_cast<call_move&>(*static_cast<pooled_call&>(call).group);
    }
    /// The cancellation of a call finds it by a token of the client that has it.
    static bool renew_token(pooled_call& call, backend& target) noexcept {
        auto& before = *static_cast<shared_token*>(call.token);
        call.owned_by(engine::cancel_token::nobody);
        shared_token* const token = give_token(call, target);
        if (!token) return false;
        before.later.store(token);
        if (before.wanted.load()) token->wanted.store(true);
        before.release();
        return true;
    }

    static void fail(engine::call& base, error&& why) noexcept {
        base.kind = of(base).outer_;
        base.kind->fail(base, std::move(why));
    }
    static void drop(engine::call& base) noexcept {
        base.kind = of(base).outer_;
        base.kind->drop(base);
    }
    /// In place of its completion: it begins again, with the time that it has left.
    static void go_on(engine::call& base) {
        auto& call = static_cast<pooled_call&>(base);
        call_move& self = of(call);
        std::shared_ptr<backend> const target = std::move(self.target_);
        call.kind = self.outer_;
        if (call.cancel_wanted()) {
            call.kind->fail(call, error{errc::cancelled, call.known(delivery::not_sent), "cancelled"});
            return call.kind->complete(call);
        }
        renew(call);
        call.timeout = self.left_;
        if (!call.only_waits) return target->start(call);
        call.only_waits = false;
        target->answer(call);
    }
    /// As it was before it began, but for its context, its retry state and its token.
    static void renew(pooled_call& call) noexcept {
        call.next = nullptr;
        call.at = engine::call::stage::fresh;
        call.form.asking = 0;
        call.replies_due = 1;
        call.connections_closed = 0;
        call.question = false;
        call.ending = errc{};
        call.deadline = call.due = engine::never;
        call.accepted = engine::call::not_begun;
        call.link = {.context = call.link.context};
        call.table_version = 0;
        call.redirects = call.retries = 0;
        call.retry->from = {};
        call.retry->fault = errc{};
        call.retry->attempt_delivery = delivery::not_sent;
        if (call.has_remedy) engine::note_tried(call, {});
    }

    engine::call_kind const* outer_ = nullptr;  ///< What the operation makes of the call.
    std::shared_ptr<backend> target_;
    engine::duration left_{};
    unsigned moves_ = 0;
};

}  // namespace umbel::async

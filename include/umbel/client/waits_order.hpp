// waits_order.hpp: how a client is told that commands which wait to be sent are to end. It chooses none.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/async/call_pool.hpp>

#include <memory>
#include <string>
#include <utility>

namespace umbel::calling {

/// A message to the control plane of a client. Lifetime: its own.
class waits_order final : public async::pooled_call {
public:
    /// Has every command end that waits there now, with this as its reason. Errors: throws std::bad_alloc.
    static void send(async::backend& to, std::string why) {
        auto message = std::make_unique<waits_order>(std::move(why));
        static constexpr engine::call_kind kind{
            .decode = [](engine::call&, resp::view const&) noexcept {},
            .fail = [](engine::call&, error&&) noexcept {},
            .complete = [](engine::call& call) { delete &of(call); },
            .drop = [](engine::call& call) noexcept { delete &of(call); }};
        message->kind = &kind;
        message->on_control = [](async::backend& there, async::pooled_call& call) {
            std::unique_ptr<waits_order> const mine{&of(call)};
            there.give_up_waits(std::move(mine->why_));
        };
        to.answer(*message.release());
    }

    explicit waits_order(std::string why) noexcept : why_{std::move(why)} {}

private:
    static waits_order& of(engine::call& call) noexcept { return static_cast<waits_order&>(call); }

    std::string why_;
};

}  // namespace umbel::calling

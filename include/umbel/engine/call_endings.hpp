// call_endings.hpp: how calls end in the control plane: their results are stored, and they wait to be
// completed. It moves no call and knows no connection.
#pragma once

#include <umbel/engine/control_state.hpp>
#include <umbel/engine/refresh_answers.hpp>

#include <string>
#include <string_view>

namespace umbel::engine {

/// The calls that have ended in the control plane. Precondition of all: the call stands nowhere.
class call_endings {
public:
    explicit call_endings(control_state const& shared) noexcept : shared_{shared} {}

    /// What is known of the delivery of a call that is not on a connection.
    static delivery delivery_of(call const& call) noexcept {
        return call.retry ? call.retry->delivery : delivery::not_sent;
    }
    /// Fails a call. `node` is where the reason comes from; by default the node where the call was last.
    void fail(call& call, errc why, delivery delivered, std::string_view message,
              std::string_view node = {}) noexcept {
        call.at = call::stage::done;
        if (node.empty() && call.link) node = shared_.nodes[call.link.node].name;
        call.kind->fail(call, make_error(call, why, delivered, message, node));
        finished_.push(call);
    }
    /// Fails a call that has lost its place, without asking for memory again.
    void fail_no_memory(call& call) noexcept {
        call.at = call::stage::done;
        call.kind->fail(call, error{errc::no_memory, delivery_of(call)});
        finished_.push(call);
    }
    /// Completes a call that had nothing to send: what it waited for is there.
    void complete_without_reply(call& call) noexcept {
        static constexpr resp::node ok = resp::node::text(resp::type::simple_string, 0, 2);
        call.at = call::stage::done;
        call.kind->decode(call, resp::view{&ok, "OK"});
        finished_.push(call);
    }
    /// The deadline of a waiting call has passed: its error says what it waited for.
    void expire(call& call, refresh_complaints const& complaints) {
        if (shared_.routes.known() == known_as::nothing) {
            std::string why = complaints.replied ? "no node told a topology" : "no node answered";
            if (!complaints.text.empty()) why += "; " + complaints.text;
            return fail(call, complaints.replied.value_or(errc::no_reachable_node), delivery_of(call), why);
        }
        bool const met_fault = call.retry && !call.retry->message.empty();
        fail(call, errc::deadline_exceeded, delivery_of(call),
             met_fault ? "the deadline passed; the latest fault was: " + call.retry->message
                       : "the deadline passed");
    }
    /// Takes a call whose result is stored.
    void take(call& call) noexcept {
        call.at = call::stage::done;
        finished_.push(call);
    }

    call_list& finished() noexcept { return finished_; }

private:
    control_state const& shared_;
    call_list finished_;
};

}  // namespace umbel::engine

// connection_end.hpp: how a connection loses its byte stream, closes when it has drained, and ends. Included by connection.hpp.
#pragma once

#include <umbel/net/connection.hpp>

namespace umbel::net {

inline void connection::shut() {
    if (closed_) return;
    closed_ = true;
    hang_up();
    timer_->cancel();
    engine::call_list late = inbox_.take();
    while (engine::call* const one = late.pop()) link_.pipe().accept(*one, read_clock());
    link_.pipe().dismiss(errc::cancelled);
    schedule();
}

inline void connection::abandon() noexcept {
    closed_ = abandoned_ = true;
    hang_up();
    engine::call_list all = inbox_.take();
    link_.pipe().surrender(all);
    leaving_.surrender(all);
    all.splice(std::move(link_.pipe().finished()));
    all.splice(std::move(link_.pipe().diverted()));
    while (engine::call* const one = all.pop()) one->kind->drop(*one);
    timer_.reset();
    strand_ = {};
}

/// A call has come before the connection was opened, or after its end. Who comes too late is told here: where the control strand lives perhaps nothing
/// runs any more.
UMBEL_NEVER_INLINE inline void connection::decline(engine::call& one) noexcept {
    if (!closed_ || abandoned_) return owner_.stranded(one);
    one.at = engine::call::stage::done;
    one.kind->reject(one, engine::told(one, errc::cancelled, one.known(delivery::not_sent), "the client is closed"));
    link_.pipe().finished().push(one);
    schedule();
}

inline void connection::hang_up() noexcept {
    if (transport_) transport_->close();
    transport_.reset();
    ++epoch_;
    write_blocked_ = false;
    reading_ = false;
    unread_ = false;
}

inline void connection::lose(errc why, std::string message) {
    end_link(why, std::move(message));
    deliver();
}

inline void connection::end_link(errc why, std::string message) {
    hang_up();
    if (message.empty()) message = text_of("memory has run out");
    link_.lost(why, text_of(message), turn_time());
    if (!closed_) owner_.lost(*this, why, std::move(message));
}

inline void connection::finish_draining() {
    if (!link_.pipe().idle() || closed_) return;
    draining_ = false;
    hang_up();
    link_.pipe().lose(errc::connection_lost, {}, now_);
    link_.forget();
    owner_.closed(*this);
}

}  // namespace umbel::net

// authenticator.hpp: brings credentials to connections: to those that wait for them, and to those that serve
// when others take their place; and closes those that a server does not let in any more. It asks nobody by
// itself and judges no command.
#pragma once

#include <umbel/engine/auth_call.hpp>
#include <umbel/engine/node_supervisor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// Joins the credential keeper to the links. Connections that commands share say AUTH again between two
/// commands; leases do not, for their holder may be in the middle of anything: they are closed instead of
/// being lent again, see lease_pool.
class authenticator {
public:
    authenticator(control_state& shared, node_supervisor& links, query_port port) noexcept
        : shared_{shared}, links_{links}, port_{port} {}

    /// Credentials have come, or are wanted anew.
    void on(credentials_told& told, instant now) {
        if (shared_.closed) return;
        if (told.question == 0 && !told.given) {
            shared_.identity.renew(now);
            return renew_links();
        }
        std::optional<credential_keeper::effect> const effect =
            shared_.identity.take(std::move(told), now, shared_.random);
        if (!effect) return;
        if (effect->give) shared_.routes.note_credentials();
        if (!effect->why.empty()) shared_.observe([&] { return credentials_failed{effect->why}; });
        if (effect->ends_wait)
            for (credential_keeper::opening const& waiting : shared_.identity.take_waiting())
                links_.identify(waiting, effect->give, effect->why);
        renew_links();
    }
    /// A link serves. While it was opened others may have taken the place of what it has said.
    void on(link_opened const& opened) {
        if (!is_leased(opened.link.mode)) renew(opened.link);
    }
    /// An AUTH has been answered, or its connection has ended.
    void settled(auth_call& said) {
        said.end();
        link_id const id = said.link;
        node& peer = shared_.nodes[id.node];
        link_status& link = peer.link(id.mode, id.context);
        if (shared_.closed || link.generation != said.generation || !is_up(link)) return;
        if (said.how == auth_call::outcome::none) return;
        bool const accepted = said.how == auth_call::outcome::accepted;
        shared_.observe([&] {
            return node_reauthenticated{peer.name, accepted, std::move(said.message), kind_of(id.mode)};
        });
        if (!accepted) {
            shared_.identity.distrust(said.version);
            return links_.replace(id);
        }
        link.identity = said.version;
        renew(id);
    }
    /// Looks for NOAUTH among calls that are to be sent again: their connections are made anew, but none of
    /// them more often than attempts to connect are made. What a script says in the server's place is none.
    void look_at(call_list const& returned, instant now) {
        for (call const* call = returned.front(); call; call = call->next)
            if (call->retry && call->retry->from && call->retry->fault == errc::no_auth &&
                call->retry->attempt_delivery == delivery::not_executed)
                shut_out(call->retry->from, now);
    }
    /// A server does not let this connection in any more.
    void shut_out(link_id id, instant now) {
        link_status& link = shared_.nodes[id.node].link(id.mode, id.context);
        if (!shared_.identity.any() || !is_up(link)) return;
        if (is_leased(id.mode)) return void(link.identity = 0);
        if (now - link.replaced_at < shared_.options.reconnect_delay_max) return;
        shared_.identity.distrust(link.identity);
        links_.replace(id);
        link.replaced_at = now;
    }

    void advance(instant now) {
        if (!shared_.identity.is_due(now)) return;
        shared_.actions.reserve(shared_.actions.size() + 1);
        shared_.actions.emplace_back(ask_credentials{shared_.identity.ask(now)});
    }
    instant next_due() const noexcept { return shared_.identity.next_due(); }

    /// Calls to be sent now, each to its own `link`.
    call_list& questions() noexcept { return questions_; }

private:
    void renew_links() {
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number)
            for (unsigned context = 0; context < shared_.nodes[number].contexts(); ++context)
                for (link_mode const mode : {link_mode::primary, link_mode::replica})
                    renew({number, mode, static_cast<std::uint8_t>(context)});
    }
    /// Says AUTH on a link whose credentials were replaced.
    void renew(link_id id) {
        link_status const& link = shared_.nodes[id.node].link(id.mode, id.context);
        credential_keeper const& identity = shared_.identity;
        if (!is_up(link) || link.identity >= identity.required() || !identity.current()) return;
        auth_call* free = nullptr;
        for (auto const& call : calls_) {
            if (call->under_way && call->link == id) return;  // settled() looks again.
            if (!call->under_way) free = call.get();
        }
        if (!free) {
            calls_.push_back(std::make_unique<auth_call>());
            free = calls_.back().get();
        }
        free->prepare(id, link.generation, identity.current(), identity.version(), port_);
        questions_.push(*free);
    }

    control_state& shared_;
    node_supervisor& links_;
    query_port port_;
    std::vector<std::unique_ptr<auth_call>> calls_;  ///< As many as were ever under way together.
    call_list questions_;
};

}  // namespace umbel::engine

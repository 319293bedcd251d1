// auth_call.hpp: AUTH on a connection that serves, as a call of the engine's own. It decides nothing.
#pragma once

#include <umbel/credentials.hpp>
#include <umbel/engine/auth_refusal.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/query_port.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// Credentials said anew on one connection, and on no later one. It stands between two commands in the order
/// of replies, as the PING of a probe does. The password is written from where it stands, and copied
/// nowhere. Threading: prepared and read by the engine's owner; the answer is filled in by the connection's,
/// with the call's hand-over between. Rule: AUTH command.
struct auth_call : call {
    enum class outcome : std::uint8_t {
        none,  ///< The connection has ended before.
        accepted,
        refused,
    };

    /// True from prepare() until it has settled.
    bool under_way = false;
    outcome how = outcome::none;
    std::string message;        ///< Where it has refused, what may be shown of its line.
    std::uint32_t version = 0;  ///< Of the credentials; see credential_keeper.
    std::uint32_t generation = 0;

    /// Prepares it for a connection that is up. Errors: throws std::bad_alloc.
    void prepare(link_id which, std::uint32_t its_generation, std::shared_ptr<credentials const> says,
                 std::uint32_t its_version, query_port to) {
        said_ = std::move(says);
        bool const named = !said_->username.empty();
        std::string_view const password = said_->password.view();
        text_ = {};
        add(named ? "*3\r\n$4\r\nAUTH\r\n" : "*2\r\n$4\r\nAUTH\r\n");
        if (named) add_length(said_->username.size()), add(said_->username.view()), add("\r\n");
        add_length(password.size());
        password_ = {static_cast<std::uint32_t>(text_.size()), 1, password.data(), password.size()};
        add("\r\n");
        port_ = to;
        version = its_version;
        generation = its_generation;
        how = outcome::none;
        message.clear();
        kind = &kind_of_all;
        bytes = text_.data();
        size = static_cast<std::uint32_t>(text_.size());
        borrowed = &password_;
        issued_by = issuer::engine;
        form.tied = 1;
        bound = true;
        accepted = not_begun;
        at = stage::fresh;
        link = which;
        under_way = true;
    }
    /// It has settled: forgets the credentials.
    void end() noexcept {
        under_way = false;
        said_.reset();
        text_ = {};
    }
    /// The call itself where it is one of these; null for any other.
    static auth_call* from(call& settled) noexcept {
        return settled.kind == &kind_of_all ? static_cast<auth_call*>(&settled) : nullptr;
    }

private:
    void add(std::string_view more) { text_.insert(text_.end(), more.begin(), more.end()); }
    void add_length(std::size_t length) { add("$" + std::to_string(length) + "\r\n"); }

    static void decode(call& base, resp::view const& reply) noexcept {
        auto& self = static_cast<auth_call&>(base);
        self.how = reply.is_error() ? outcome::refused : outcome::accepted;
        if (!reply.is_error()) return;
        static_cast<void>(try_alloc([&] { self.message = auth_refusal(reply.text()); }));
    }
    static void complete(call& base) {
        query_port const to = static_cast<auth_call&>(base).port_;
        to.settled(to.to, base);
    }
    static constexpr call_kind kind_of_all{.decode = &auth_call::decode,
                                           .fail = [](call&, error&&) noexcept {},
                                           .complete = &auth_call::complete,
                                           .drop = [](call&) noexcept {},
                                           .takes_errors = true};

    std::shared_ptr<credentials const> said_;
    wiped_bytes text_;
    borrowed_piece password_;
    query_port port_{};
};

}  // namespace umbel::engine

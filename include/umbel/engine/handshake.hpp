// handshake.hpp: what a new connection says before the first command, and what it makes of the answers.
// It knows no socket: bytes to send come out, replies go in.
#pragma once

#include <umbel/cluster/redirect.hpp>
#include <umbel/credentials.hpp>
#include <umbel/engine/auth_refusal.hpp>
#include <umbel/engine/link_state.hpp>
#include <umbel/engine/setup_commands.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>
#include <umbel/resp/decode_scalars.hpp>
#include <umbel/resp/encode.hpp>
#include <umbel/resp/view.hpp>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::engine {

/// What a connection has to say. Owns its texts.
struct handshake_plan {
    umbel::protocol protocol = umbel::protocol::automatic;
    umbel::handshake extent = umbel::handshake::full;
    std::shared_ptr<credentials const> identity{};  ///< Null: none is said.
    bool awaits_identity = false;                   ///< It comes later: nothing is said before.
    std::string client_name;
    std::uint32_t database = 0;
    std::shared_ptr<std::vector<setup_words> const> setup{};  ///< The user's own commands; null: none.
    bool read_only = false;      ///< READONLY is due: the connection will serve replica reads.
    bool ask_identity = false;   ///< CLUSTER MYID, so that another server at a known address is noticed.
    bool ask_client = false;     ///< CLIENT ID, for CLIENT UNBLOCK: the connection will serve as a lease.
    bool be_redirected = false;  ///< CLIENT CAPA redirect: the server may be one of a replication group.
    bool in_group = false;       ///< It is: it may refuse READONLY, which is for clusters.
    bool of_primary = false;     ///< The connection will serve as the primary's: no replica is to take it.
    bool ask_notices = false;    ///< CLIENT MAINT_NOTIFICATIONS, where RESP3 is spoken.
    bool same_name = false;      ///< A notice is to name no other address: certificates are for this one.
    bool subscribes = false;     ///< To the news of a sentinel, in RESP2; it will serve nobody.
};

/// The greeting of one connection: one write, and a second one only where the server does not know HELLO.
/// Rule: HELLO command, "HELLO [protover [AUTH username password] [SETNAME clientname]]"; READONLY; CLUSTER
/// MYID; CLIENT CAPA of Valkey, "redirect", after which READONLY lets a replica without cluster mode answer
/// reads; of managed servers CLIENT MAINT_NOTIFICATIONS, "ON [moving-endpoint-type type]".
class handshake {
public:
    enum class step : std::uint8_t { waiting, send, done, failed };

    /// Begins anew. Nothing to say (step::done) is possible with handshake::minimal.
    step begin(handshake_plan const& plan) {
        plan_ = plan;
        awaited_.clear();
        at_ = setup_at_ = 0;
        outgoing_ = {};
        failure_ = error{errc::protocol_error, delivery::not_sent};
        node_id_.clear();
        zone_.clear();
        is_replica_ = false;
        mode_ = server_mode::unknown;
        client_id_ = 0;
        fall_back_ = false;
        greets_ = plan_.protocol == protocol::resp3 ||
                  (plan_.protocol == protocol::automatic && plan_.extent == umbel::handshake::full);
        if (greets_) {
            say_hello();
        } else {
            say_credentials();
        }
        say_rest();
        if (greets_ && plan_.ask_notices) say_notices();
        return awaited_.empty() ? done() : step::send;
    }

    /// The bytes of the write that begin() or reply() asked for; they live until the next begin() or reply().
    std::string_view outgoing() const noexcept { return {outgoing_.data(), outgoing_.size()}; }
    /// They have been written: wipes them.
    void wrote_all() noexcept { outgoing_ = {}; }
    /// The connection has ended: forgets who it is, and what was not written.
    void forget() noexcept {
        plan_.identity.reset();
        outgoing_ = {};
    }
    /// True while a server that was greeted by HELLO has not said a word.
    bool awaits_hello() const noexcept {
        return at_ == 0 && !awaited_.empty() && awaited_.front() == asked::hello;
    }

    /// True while a server has answered everything but whether it will announce maintenance.
    bool awaits_notices() const noexcept {
        return at_ + 1 == awaited_.size() && awaited_.back() == asked::notices;
    }

    /// Takes the next reply.
    step reply(resp::view const& answer) {
        if (at_ == awaited_.size())
            return fail(errc::protocol_error, "a reply came that the handshake did not ask for");
        asked const question = awaited_[at_++];
        setup_words const* const own = question == asked::setup ? &(*plan_.setup)[setup_at_++] : nullptr;
        if (answer.is_error()) {
            if (question == asked::hello && may_fall_back(answer.text()))
                fall_back_ = true;
            else if (!fall_back_ && !(own ? own->optional : may_refuse(question)))
                return refused(question, answer.text(), own);
        } else if (question == asked::hello) {
            read_hello(answer);
        } else if (question == asked::identity) {
            node_id_.assign(answer.text());
        } else if (question == asked::client) {
            client_id_ = from_reply<std::int64_t>::from(answer).value_or(0);
        } else if (question == asked::role && answer.children_count() != 0) {
            is_replica_ = says_replica(answer.child(0).text());
        }
        if (is_replica_ && plan_.of_primary) {
            plan_.identity.reset();
            return fail(errc::read_only, "the node is a replica by now");
        }
        if (at_ != awaited_.size()) return step::waiting;
        if (!fall_back_) return done();
        fall_back_ = greets_ = false;
        awaited_.clear();
        at_ = setup_at_ = 0;
        outgoing_ = {};
        say_credentials();
        say_rest();
        return awaited_.empty() ? done() : step::send;
    }

    /// Why the handshake failed; its delivery is not_sent: no command has left.
    error const& failure() const noexcept { return failure_; }
    /// The node's id in its cluster; empty when not asked for or not told.
    std::string const& node_id() const noexcept { return node_id_; }
    /// The node's availability zone where the server tells it.
    std::string const& zone() const noexcept { return zone_; }
    /// How the server was started, where HELLO tells it.
    server_mode mode() const noexcept { return mode_; }
    /// What the server calls this connection; 0 when not asked for or not told.
    std::int64_t client_id() const noexcept { return client_id_; }

private:
    enum class asked : std::uint8_t {
        hello,
        auth,
        name,
        library,
        select,
        setup,
        read_only,
        identity,
        client,
        capability,
        role,
        notices,
        subscription
    };

    bool may_refuse(asked question) const noexcept {
        return question == asked::name || question == asked::library || question == asked::identity ||
               question == asked::client || question == asked::capability || question == asked::role ||
               question == asked::notices || question == asked::subscription ||
               (question == asked::read_only && plan_.in_group);
    }
    static bool says_replica(std::string_view role) noexcept { return role == "replica" || role == "slave"; }

    void put(std::string_view text) { outgoing_.insert(outgoing_.end(), text.begin(), text.end()); }
    void put_header(char kind, std::size_t count) {
        outgoing_.push_back(kind);
        put(std::to_string(count));
        put("\r\n");
    }
    template <class Words>
    void say_each(asked question, Words const& words) {
        put_header('*', words.size());
        for (std::string_view const word : words) {
            put_header('$', word.size());
            put(word);
            put("\r\n");
        }
        awaited_.push_back(question);
    }
    void say(asked question, std::initializer_list<std::string_view> words) { say_each(question, words); }

    bool named() const noexcept { return !plan_.client_name.empty(); }
    std::string_view user() const noexcept {
        return plan_.identity->username.empty() ? std::string_view{"default"}
                                                : plan_.identity->username.view();
    }
    std::string_view password() const noexcept { return plan_.identity->password.view(); }

    void say_hello() {
        if (plan_.identity && named()) {
            say(asked::hello, {"HELLO", "3", "AUTH", user(), password(), "SETNAME", plan_.client_name});
        } else if (plan_.identity) {
            say(asked::hello, {"HELLO", "3", "AUTH", user(), password()});
        } else if (named()) {
            say(asked::hello, {"HELLO", "3", "SETNAME", plan_.client_name});
        } else {
            say(asked::hello, {"HELLO", "3"});
        }
    }

    void say_credentials() {
        if (plan_.identity && !plan_.identity->username.empty()) {
            say(asked::auth, {"AUTH", user(), password()});
        } else if (plan_.identity) {
            say(asked::auth, {"AUTH", password()});
        }
        if (named() && plan_.extent == umbel::handshake::full)
            say(asked::name, {"CLIENT", "SETNAME", plan_.client_name});
    }

    void say_rest() {
        if (plan_.extent == umbel::handshake::full) {
            say(asked::library, {"CLIENT", "SETINFO", "LIB-NAME", "umbel"});
            say(asked::library, {"CLIENT", "SETINFO", "LIB-VER", UMBEL_VERSION});
        }
        if (plan_.database != 0) say(asked::select, {"SELECT", std::to_string(plan_.database)});
        if (plan_.setup)
            for (setup_words const& own : *plan_.setup) say_each(asked::setup, own.words);
        bool const full = plan_.extent == umbel::handshake::full;
        if (plan_.be_redirected && full) say(asked::capability, {"CLIENT", "CAPA", "redirect"});
        if (plan_.read_only && (full || !plan_.in_group)) say(asked::read_only, {"READONLY"});
        if (plan_.ask_identity && full) say(asked::identity, {"CLUSTER", "MYID"});
        if (plan_.ask_client && full) say(asked::client, {"CLIENT", "ID"});
        // HELLO tells it unasked.
        if (plan_.of_primary && full && !greets_) say(asked::role, {"ROLE"});
        if (plan_.subscribes) say(asked::subscription, {"SUBSCRIBE", "+switch-master"});
    }

    /// As the last thing, so that a server which closes the connection for it can be told from others.
    void say_notices() {
        if (plan_.same_name)
            say(asked::notices, {"CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "none"});
        else
            say(asked::notices, {"CLIENT", "MAINT_NOTIFICATIONS", "ON"});
    }

    /// A server that does not know HELLO, or not version 3, is spoken to in RESP2; one that closes the
    /// connection, because it has too many or none from here, is not.
    bool may_fall_back(std::string_view line) const noexcept {
        cluster::parsed_error const read = cluster::parse_error(line);
        if (plan_.protocol == protocol::resp3 || read.says == cluster::hint::max_clients ||
            read.says == cluster::hint::protected_mode)
            return false;
        return read.code == errc::no_protocol || read.code == errc::server_error;
    }

    void read_hello(resp::view const& answer) {
        if (!answer.is_aggregate()) return;
        bool is_key = true;
        std::string_view key;
        for (resp::view const part : answer.children()) {
            if (is_key)
                key = part.text();
            else if (key == "availability_zone")
                zone_.assign(part.text());
            else if (key == "mode")
                mode_ = part.text() == "cluster" ? server_mode::cluster : server_mode::other;
            else if (key == "role")
                is_replica_ = says_replica(part.text());
            is_key = !is_key;
        }
    }

    /// Nobody needs the credentials any more.
    step done() noexcept {
        plan_.identity.reset();
        return step::done;
    }
    /// What to know where SELECT is refused. Rule: valkey.conf, cluster-databases; before Valkey 9 a cluster
    /// refuses every database but 0.
    std::string about_database() const {
        std::string text{" (options.database is "};
        text.append(std::to_string(plan_.database));
        if (mode_ != server_mode::other)
            text.append("; a cluster has database 0 only before Valkey 9, and from then on as many as its ")
                .append("cluster-databases says");
        return text.append(")");
    }
    /// A server has refused something, perhaps a command of the user's own. Some repeat what they were sent.
    /// That a node serves no slot, or not yet, is no answer to a question without a key: it sends no command
    /// elsewhere.
    step refused(asked question, std::string_view line, setup_words const* own) {
        errc code = cluster::parse_error(line).code;
        bool const passes = code == errc::loading || code == errc::master_down;
        if (!passes && origin_of(code) == origin::cluster) code = errc::server_error;
        std::string said{line};
        if (plan_.identity)
            said = question == asked::hello || question == asked::auth
                       ? auth_refusal(line)
                       : without(line, plan_.identity->password);
        if (own) said = "options.setup_commands: " + own->text + ": " + said;
        if (question == asked::select) said.append(about_database());
        plan_.identity.reset();
        return fail(code, said);
    }
    step fail(errc code, std::string_view why) {
        failure_ = error{code, delivery::not_sent, why};
        return step::failed;
    }

    handshake_plan plan_;
    wiped_bytes outgoing_;
    std::vector<asked> awaited_;
    std::size_t at_ = 0;
    std::size_t setup_at_ = 0;  ///< Of the user's own commands the next one to be answered.
    bool greets_ = false;       ///< By HELLO.
    bool fall_back_ = false;
    bool is_replica_ = false;  ///< By its own word.
    error failure_{errc::protocol_error, delivery::not_sent};
    std::string node_id_;
    std::string zone_;
    server_mode mode_ = server_mode::unknown;
    std::int64_t client_id_ = 0;
};

}  // namespace umbel::engine

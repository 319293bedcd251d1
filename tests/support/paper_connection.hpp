// paper_connection.hpp: a net::connection over a transport made of two strings, with calls that note what
// becomes of them.
#pragma once

#include <umbel/net/connection.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace paper {

using umbel::errc;
using umbel::engine::call;
using umbel::engine::call_list;
using umbel::net::connection;

/// A transport that does what the test says.
struct paper_transport final : umbel::net::transport {
    paper_transport(umbel::net::transport_owner& who, std::uint32_t number) : transport{number}, owner{who} {}

    void connect(umbel::cluster::endpoint const& where) override { target = where.to_string(); }
    void read(std::span<char> into) override {
        REQUIRE(room.empty());
        room = into;
    }
    void wait_writable() override { ++waits; }
    std::size_t write_some(std::span<umbel::engine::write_piece const> pieces,
                           asio::error_code& problem) override {
        std::size_t count = 0;
        for (auto const& piece : pieces) {
            std::size_t const part = std::min(piece.size, accepts - count);
            written.append(piece.data, part);
            count += part;
        }
        accepts -= count;
        if (count == 0) problem = asio::error::would_block;
        return count;
    }
    std::string words_of(asio::error_code problem) const noexcept override {
        return refuses.empty() ? transport::words_of(problem) : refuses;
    }
    bool refused_by_tls() const noexcept override { return !refuses.empty(); }
    void close() noexcept override { closed = true; }
    void abort() noexcept override { closed = aborted = true; }

    /// Bytes arrive.
    void arrive(std::string_view bytes) {
        while (!bytes.empty()) {
            REQUIRE(!room.empty());
            std::size_t const part = std::min(room.size(), bytes.size());
            std::copy_n(bytes.data(), part, room.data());
            bytes.remove_prefix(part);
            room = {};
            owner.on_read(*this, {}, part);
        }
    }
    void take_more(std::size_t bytes) {
        accepts += bytes;
        owner.on_writable(*this, {});
    }

    umbel::net::transport_owner& owner;
    std::string target;
    std::string refuses;  ///< What the other end makes of TLS; empty: nothing.
    std::span<char> room;
    std::string written;
    std::size_t accepts = std::size_t{1} << 30;
    int waits = 0;
    bool closed = false;
    bool aborted = false;
};

/// What the driver would hear.
struct listener final : umbel::net::connection_owner {
    void report(umbel::engine::event&& happened) override {
        if (std::holds_alternative<umbel::engine::link_opened>(happened)) heard.push_back("opened");
        if (std::holds_alternative<umbel::engine::link_closed>(happened)) heard.push_back("closed");
        if (auto const* const lost = std::get_if<umbel::engine::link_lost>(&happened)) {
            heard.push_back("lost " + std::string{umbel::name_of(lost->why)});
            words = lost->message;
        }
        auto* const returned = std::get_if<umbel::engine::calls_returned>(&happened);
        while (call* const call = returned ? returned->calls.pop() : nullptr) {
            heard.push_back("diverted " + std::string{umbel::name_of(call->retry->fault)});
            call->retry.reset();
        }
    }
    void park(call&) noexcept override { heard.push_back("parked"); }
    std::shared_ptr<void> keep_alive() override { return std::make_shared<int>(1); }
    std::shared_ptr<umbel::net::transport> make_transport(asio::any_io_executor const&,
                                                          umbel::net::transport_owner& owner,
                                                          std::uint32_t epoch,
                                                          umbel::engine::open_link const&) override {
        papers.push_back(std::make_shared<paper_transport>(owner, epoch));
        return papers.back();
    }
    std::vector<std::string> heard;
    std::string words;  ///< Of the latest loss.
    std::vector<std::shared_ptr<paper_transport>> papers;
};

/// A call that notes what becomes of it.
struct noted_call : call {
    explicit noted_call(std::string_view command,
                        umbel::cluster::command_flags meaning = umbel::cluster::command_flags::none) {
        kind = &by_list;
        bytes = command.data();
        size = static_cast<std::uint32_t>(command.size());
        flags = meaning;
    }
    static noted_call& self(call& call) { return static_cast<noted_call&>(call); }
    /// From now on it completes where its reply is read.
    void answer_at_once() { kind = &at_once; }

    std::string told;
    int completions = 0;
    std::function<void()> then;

private:
    static void decode(call& call, umbel::resp::view const& reply) noexcept {
        self(call).told = reply.integer() ? std::to_string(*reply.integer()) : std::string{reply.text()};
    }
    static void fail(call& call, umbel::error&& why) noexcept {
        self(call).told =
            std::string{umbel::name_of(why.code())} + " " + std::string{umbel::name_of(why.delivery())};
    }
    static void complete(call& call) {
        ++self(call).completions;
        if (self(call).then) self(call).then();
    }
    static void drop(call& call) noexcept { self(call).told = "dropped"; }
    static bool answer(call& call, umbel::resp::view const& reply) {
        decode(call, reply);
        complete(call);
        return true;
    }
    static constexpr umbel::engine::call_kind by_list{
        .decode = &decode, .fail = &fail, .complete = &complete, .drop = &drop};
    static constexpr umbel::engine::call_kind at_once{
        .decode = &decode, .fail = &fail, .complete = &complete, .drop = &drop, .answer = &answer};
};

constexpr std::string_view get = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
constexpr std::string_view incr = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";

/// One connection, opened on demand.
struct bench {
    asio::io_context io{1};
    std::deque<noted_call> calls;
    listener owner;
    connection link;

    explicit bench(umbel::engine::pipeline_options pipeline = {},
                   umbel::engine::link_mode mode = umbel::engine::link_mode::primary)
        : link{owner,
               {3, mode},
               io.get_executor(),
               false,
               pipeline,
               {.connect_timeout = std::chrono::hours{1}},
               std::make_shared<umbel::resp::pin_budget>(1 << 20)} {}
    /// What Asio still holds of the connection goes before it: here nobody keeps it for longer.
    ~bench() {
        link.abandon();
        turn();
    }

    /// A call that lives as long as the connection.
    noted_call& call(std::string_view command,
                     umbel::cluster::command_flags flags = umbel::cluster::command_flags::none) {
        return calls.emplace_back(command, flags);
    }
    /// With RESP3 the connection greets first; with RESP2 it has nothing to say.
    paper_transport& open(umbel::protocol spoken = umbel::protocol::resp2) {
        umbel::engine::handshake_plan plan;
        plan.protocol = spoken;
        plan.extent = umbel::handshake::minimal;
        link.order(umbel::engine::open_link{link.id(), ++generation,
                                            umbel::cluster::endpoint{"10.0.0.7", 7000}, plan});
        return *owner.papers.back();
    }
    paper_transport& connect() {
        paper_transport& made = open();
        made.owner.on_connected(made, {}, true);
        return made;
    }
    void turn() {
        io.restart();
        io.poll();
    }
    std::uint32_t generation = 0;
};

}  // namespace paper

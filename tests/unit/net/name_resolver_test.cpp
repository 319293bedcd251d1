// Tests of net/name_resolver.hpp, and of the transport over it: names whose resolution is scripted.
#include <umbel/net/name_resolver.hpp>
#include <umbel/net/transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace umbel::net;
using asio::ip::make_address;

namespace {

/// A resolver that answers when it is told to, or never.
struct scripted_resolver final : name_resolver {
    struct script {
        std::vector<std::string> asked;
        handler pending;
        unsigned given_up = 0;
    };
    explicit scripted_resolver(std::shared_ptr<script> following) : script_{std::move(following)} {}
    void resolve(std::string const& host, handler done) override {
        script_->asked.push_back(host);
        script_->pending = std::move(done);
    }
    void give_up() noexcept override { ++script_->given_up; }
    std::shared_ptr<script> script_;
};

struct told_answer {
    unsigned times = 0;
    asio::error_code problem;
    address_list addresses;
};

/// One look-up, its resolver's script and what it has told.
struct scene {
    asio::io_context io{1};
    std::shared_ptr<address_book> book = std::make_shared<address_book>();
    std::shared_ptr<scripted_resolver::script> script = std::make_shared<scripted_resolver::script>();
    std::shared_ptr<name_lookup> lookup = make();
    told_answer told;

    std::shared_ptr<name_lookup> make() {
        return std::make_shared<name_lookup>(io.get_executor(), std::make_unique<scripted_resolver>(script),
                                             book);
    }
    void start(std::chrono::milliseconds patience = 1h) {
        lookup->start("db.example", patience, [this](asio::error_code problem, address_list found) {
            ++told.times;
            told.problem = problem;
            told.addresses = std::move(found);
        });
    }
    void answer(asio::error_code problem, address_list found = {}) {
        name_resolver::handler const done = std::exchange(script->pending, nullptr);
        done(problem, std::move(found));
    }
    ~scene() { script->pending = nullptr; }
};

address_list const old_home{make_address("10.0.0.1")};
address_list const new_home{make_address("10.0.0.2"), make_address("10.0.0.3")};

}  // namespace

TEST_CASE("a name is asked for each time, and its addresses are remembered", "[resolver]") {
    scene here;
    here.start();
    CHECK(here.script->asked == std::vector<std::string>{"db.example"});
    CHECK(here.told.times == 0);
    here.answer({}, new_home);
    CHECK(here.told.times == 1);
    CHECK(here.told.addresses == new_home);
    CHECK(here.book->find("db.example") == new_home);
    CHECK(here.book->find("other.example").empty());
}

TEST_CASE("a slow system lets the addresses of before serve, and its answer is kept", "[resolver]") {
    scene here;
    here.book->keep("db.example", old_home);
    here.start(1ms);
    here.io.run();
    CHECK(here.told.times == 1);
    CHECK_FALSE(here.told.problem);
    CHECK(here.told.addresses == old_home);
    here.answer({}, new_home);
    CHECK(here.told.times == 1);
    CHECK(here.book->find("db.example") == new_home);
}

TEST_CASE("a name that was never resolved waits for the system", "[resolver]") {
    scene here;
    here.start(1ms);
    here.io.run();
    CHECK(here.told.times == 0);
    here.answer(asio::error::host_not_found);
    CHECK(here.told.times == 1);
    CHECK(here.told.problem == asio::error::host_not_found);
}

TEST_CASE("a system that cannot tell at present lets the addresses of before serve", "[resolver]") {
    scene here;
    here.book->keep("db.example", old_home);
    here.start();
    here.answer(asio::error::host_not_found_try_again);
    here.lookup->stop_waiting();
    here.io.run();
    CHECK(here.told.times == 1);
    CHECK(here.told.addresses == old_home);
}

TEST_CASE("a name that is no more is not served from memory", "[resolver]") {
    scene here;
    here.book->keep("db.example", old_home);
    here.start();
    here.answer(asio::error::host_not_found);
    here.lookup->stop_waiting();
    here.io.run();
    CHECK(here.told.times == 1);
    CHECK(here.told.problem == asio::error::host_not_found);
}

TEST_CASE("after give_up nothing is told, what waited is freed, and a late answer is kept", "[resolver]") {
    scene here;
    here.book->keep("db.example", old_home);
    auto const held = std::make_shared<int>(0);
    here.lookup->start("db.example", 1ms,
                       [held, &here](asio::error_code, address_list) { ++here.told.times; });
    CHECK(held.use_count() == 2);
    here.lookup->give_up();
    CHECK(held.use_count() == 1);
    CHECK(here.script->given_up == 1);
    here.io.run();
    here.answer({}, new_home);
    CHECK(here.told.times == 0);
    CHECK(here.book->find("db.example") == new_home);
}

TEST_CASE("the families of addresses take turns", "[resolver]") {
    address_list const found{make_address("::1"), make_address("::2"), make_address("::3"),
                             make_address("10.0.0.1")};
    CHECK(in_turns(found) == address_list{make_address("::1"), make_address("10.0.0.1"), make_address("::2"),
                                          make_address("::3")});
    CHECK(in_turns({}).empty());
    CHECK(in_turns(new_home) == new_home);
}

TEST_CASE("the system resolves a name, and no name", "[resolver]") {
    asio::io_context io{1};
    system_resolver resolver{io.get_executor()};
    told_answer told;
    auto const hear = [&told](asio::error_code problem, address_list found) {
        ++told.times;
        told.problem = problem;
        told.addresses = std::move(found);
    };
    resolver.resolve("localhost", hear);
    CHECK(told.times == 0);
    io.run();
    CHECK(told.times == 1);
    REQUIRE_FALSE(told.addresses.empty());
    CHECK(told.addresses[0].is_loopback());
    resolver.resolve(std::string(300, 'x'), hear);  // Longer than any name may be: nobody is asked.
    io.restart();
    io.run();
    CHECK(told.times == 2);
    CHECK(told.problem);
}

// ---- A transport over such a resolver ---------------------------------------------------------------

namespace {

struct ear final : transport_owner {
    void on_connected(transport&, asio::error_code problem, bool resolved) override {
        heard.push_back(problem ? resolved ? "refused" : "unresolved" : "connected");
    }
    void on_read(transport&, asio::error_code, std::size_t) override {}
    void on_writable(transport&, asio::error_code) override {}
    void on_notice_lost(transport&, bool) noexcept override {}
    void on_step(transport& from) override { from.proceed(); }
    std::shared_ptr<void> keep_alive() override { return life; }
    std::vector<std::string> heard;
    std::shared_ptr<int> life = std::make_shared<int>(0);
};

struct connecting : scene {
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::make_address_v4("127.0.0.1"), 0}};
    ear owner;
    std::shared_ptr<stream_transport> wire =
        std::make_shared<stream_transport>(io.get_executor(), owner, 1, silence_limits{}, 20s, lookup);
    umbel::cluster::endpoint const node{"db.example", acceptor.local_endpoint().port()};

    /// Runs until something was heard.
    std::string next() {
        while (owner.heard.empty() && io.run_one_for(60s) != 0) {
        }
        return owner.heard.empty() ? "nothing" : owner.heard.front();
    }
    ~connecting() { wire->close(); }
};

}  // namespace

TEST_CASE("a transport tries every address that a name has", "[resolver]") {
    connecting here;
    here.wire->connect(here.node);
    // Nobody listens at this port of the other loopback addresses.
    here.answer({}, {make_address("127.0.0.3"), make_address("127.0.0.2"), make_address("127.0.0.1")});
    CHECK(here.next() == "connected");
}

TEST_CASE("a transport whose name hangs connects to the address that it had before", "[resolver]") {
    connecting here;
    here.book->keep("db.example", {make_address("127.0.0.1")});
    here.wire = std::make_shared<stream_transport>(here.io.get_executor(), here.owner, 2, silence_limits{},
                                                   20ms * stream_transport::lookup_share, here.lookup);
    here.wire->connect(here.node);
    CHECK(here.next() == "connected");
    here.answer({}, {make_address("127.0.0.2")});
    CHECK(here.owner.heard.size() == 1);
}

TEST_CASE("a transport whose name hangs can be closed: nothing is told, and nothing is kept", "[resolver]") {
    connecting here;
    here.wire->connect(here.node);
    CHECK(here.owner.life.use_count() == 2);
    here.wire->close();
    CHECK(here.owner.life.use_count() == 1);
    here.io.run();
    here.answer({}, {make_address("127.0.0.1")});
    here.io.restart();
    here.io.run();
    CHECK(here.owner.heard.empty());
}

TEST_CASE("a name without an address is told apart", "[resolver]") {
    connecting here;
    here.wire->connect(here.node);
    here.answer(asio::error::host_not_found);
    CHECK(here.owner.heard == std::vector<std::string>{"unresolved"});
}

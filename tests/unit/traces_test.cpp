// Passwords leave no trace: not in memory that was given back, nor in any text that a client tells.
#include <umbel/client.hpp>

#include "unit/client/at_home.hpp"

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

/// The password, in memory that nobody gives back; it is made at run time, lest it stand in a register or a
/// literal that a test copies.
char marked[48] = {};
thread_local bool watching = false;
std::atomic<unsigned> traces{0};

std::string_view password() {
    for (unsigned at = 0; at < sizeof marked; ++at)
        marked[at] = static_cast<char>("traceless"[at % 9] + (at * 7) % 3);
    return {marked, sizeof marked};
}
/// A part of it: what was cut off is a trace, too.
bool has_trace(std::string_view text) {
    constexpr std::size_t part = 12;  // Less than what std::string keeps in itself.
    for (std::size_t at = 0; at + part <= sizeof marked; at += 6)
        if (text.find(std::string_view{marked + at, part}) != std::string_view::npos) return true;
    return false;
}
void give_back(void* memory) noexcept {
    if (memory && watching && has_trace({static_cast<char const*>(memory), ::malloc_usable_size(memory)}))
        ++traces;
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    // Zeroed: what this memory held before is no trace of those who get it now.
    if (void* const memory = std::calloc(1, size)) return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }

namespace {

using at_home::code_of;
using scripted::words;
using umbel::credential_completion;
using umbel::credentials;
using umbel::errc;
using namespace std::chrono_literals;

/// Writes down every text that it is told.
struct eavesdropper : umbel::observer {
    std::string all;
    unsigned renewed = 0;
    void connected(umbel::engine::node_connected const& told) override { all += told.node; }
    void connect_failed(umbel::engine::node_connect_failed const& told) override {
        all += told.node + told.message;
    }
    void disconnected(umbel::engine::node_disconnected const& told) override {
        all += told.node + told.message;
    }
    void reauthenticated(umbel::engine::node_reauthenticated const& told) override {
        ++renewed;
        all += told.node + told.message;
    }
    void credentials_failed(umbel::engine::credentials_failed const& told) override { all += told.message; }
    void refreshed(umbel::engine::refresh_ended const& told) override { all += told.node + told.message; }
    void slow(umbel::engine::call_slow const& told) override { all += told.node + told.command; }
};

/// A server on a thread of its own, and what this thread does with it.
struct scene {
    std::function<std::optional<scripted::answer>(words const&)> says;
    scripted::server server{[this](words const& said) { return says(said); }};
    asio::io_context io{1};
    std::shared_ptr<eavesdropper> told = std::make_shared<eavesdropper>();

    static std::optional<scripted::answer> friendly(words const& said) {
        if (said[0] == "AUTH" || said[0] == "CLIENT") return scripted::ok;
        if (said[0] == "HELLO") return "%1\r\n+server\r\n+redis\r\n";
        return std::nullopt;
    }
    explicit scene(std::function<std::optional<scripted::answer>(words const&)> script = friendly)
        : says{std::move(script)} {}

    umbel::client client(umbel::options const& chosen) {
        return umbel::client{io.get_executor(), chosen, {}, told};
    }
    template <class Value>
    auto wait(umbel::operation<Value> what) {
        return at_home::wait(io, std::move(what));
    }
    /// Keeps all that an error says.
    template <class Value>
    void note(umbel::result<Value> const& outcome) {
        if (!outcome) told->all += outcome.error().to_string() + std::string{outcome.error().message()};
    }
};

/// Looks at what this thread gives back while it lives.
struct watch {
    watch() {
        traces = 0;
        watching = true;
    }
    watch(watch const&) = delete;
    watch& operator=(watch const&) = delete;
    ~watch() { watching = false; }
};

}  // namespace

TEST_CASE("the watch on memory sees a password that was left there", "[traces]") {
    password();
    watch const on;
    auto careless = std::make_unique<std::string>(password());
    careless.reset();
    CHECK(traces == 1);
    auto careful = std::make_unique<umbel::secret>(password());
    careful.reset();
    CHECK(traces == 1);
}

TEST_CASE("no memory that a client gives back has the password", "[traces]") {
    scene here;
    std::string_view const word = password();
    umbel::options chosen;
    chosen.deployment = umbel::deployment::standalone;
    bool rotates = true;
    SECTION("of options") { chosen.password = std::string{word}; }
    SECTION("of a short URL and a long one") {
        chosen.seeds = {"redis://app:" + std::string{word} + "@" + here.server.address()};
    }
    SECTION("of a provider") {
        chosen.credential_provider = [](credential_completion const& done) {
            done(credentials{"app", password(), 1h});
        };
    }
    SECTION("of a provider, in RESP2, with a server that does not take it") {
        rotates = false;
        here.says = [](words const& said) -> std::optional<scripted::answer> {
            if (said[0] == "AUTH") return "-WRONGPASS invalid username-password pair\r\n";
            return scene::friendly(said);
        };
        chosen.protocol = umbel::protocol::resp2;
        chosen.credential_provider = [](credential_completion const& done) {
            done(credentials{"", password()});
        };
    }
    if (chosen.seeds.empty()) chosen.seeds = {here.server.address()};
    {
        watch const on;
        umbel::client db = here.client(chosen);
        for (int i = 0; i < 10; ++i) here.note(here.wait(db.get("k")));
        if (rotates) {
            db.reauthenticate();
            db.reauthenticate(credentials{"ada", password()});
            while (here.told->renewed == 0) here.note(here.wait(db.get("k")));
            here.server.cut();
            for (int i = 0; i < 10; ++i) here.note(here.wait(db.get("k")));
        }
        here.note(here.wait(db.close()));
        at_home::settle(here.io);
    }
    CHECK(traces == 0);
    CHECK_FALSE(has_trace(here.told->all));
    watching = true;  // What is left of the client goes with its context.
    here.io.restart();
    here.io.poll();
    watching = false;
    CHECK(traces == 0);
}

TEST_CASE("no memory that the reader of a URL gives back has the password", "[traces]") {
    for (std::string_view const word : {password(), password().substr(0, 14)}) {
        for (std::string const& url :
             {"redis://h?password=" + std::string{word} + "&deadline=2s&db=1&client_name=x",
              "redis://ada:" + std::string{word} + "@h/1", "redis://ada:" + std::string{word} + "%zz@h",
              "redis://h?db=1&pass=" + std::string{word} + "%zz", "host?password=" + std::string{word}}) {
            asio::io_context io{1};
            umbel::options chosen;
            chosen.seeds = {"10.0.0.7:1", url, "10.0.0.8:1"};
            watch const on;
            {
                auto const made = umbel::options_from_url(url);
                umbel::client const db{io.get_executor(), chosen};
                static_cast<void>(made);
            }
            INFO(url.size());
            CHECK(traces == 0);
        }
    }
}

TEST_CASE("no text that a client tells has the password, whatever fails", "[traces]") {
    std::string const word{password()};
    auto const echo = [](words const& said) {
        std::string line = "-ERR cannot do";
        for (std::string const& part : said) line += " '" + part + "'";
        return line + "\r\n";
    };
    struct {
        char const* name;
        std::function<std::optional<scripted::answer>(words const&)> says;
    } const scripts[] = {
        {"echoes everything", [&](words const& said) { return scripted::answer{echo(said)}; }},
        {"echoes HELLO",
         [&](words const& said) -> std::optional<scripted::answer> {
             if (said[0] == "HELLO") return echo(said);
             return scene::friendly(said);
         }},
        {"repeats the beginning",
         [&](words const& said) -> std::optional<scripted::answer> {
             if (said[0] == "HELLO" || said[0] == "AUTH")
                 return "-ERR cannot do '" + said.back().substr(0, 40) + "'\r\n";
             return scene::friendly(said);
         }},
        {"closes", [](words const&) { return scripted::answer::cut(); }},
        {"answers no RESP",
         [](words const& said) { return scripted::answer{"HTTP " + said.back() + "\r\n"}; }},
        {"wrong password",
         [&](words const& said) -> std::optional<scripted::answer> {
             if (said[0] == "HELLO" || said[0] == "AUTH") return "-WRONGPASS " + said.back() + "\r\n";
             return scene::friendly(said);
         }},
        {"refuses later",
         [&](words const& said) -> std::optional<scripted::answer> {
             if (said[0] == "AUTH") return "-WRONGPASS " + said.back() + "\r\n";
             return scene::friendly(said);
         }},
    };
    for (auto const& script : scripts) {
        CAPTURE(script.name);
        scene here{script.says};
        umbel::options chosen;
        chosen.seeds = {here.server.address()};
        chosen.password = word;
        chosen.deployment = umbel::deployment::standalone;
        chosen.deadline = 300ms;
        umbel::client db = here.client(chosen);
        for (int i = 0; i < 3; ++i) here.note(here.wait(db.get("k")));
        db.reauthenticate();
        for (int i = 0; i < 10; ++i) here.note(here.wait(db.get("k")));
        if (auto const nodes = here.wait(db.nodes()))
            for (auto const& node : *nodes) here.told->all += node.address + node.id;
        CHECK_FALSE(has_trace(here.told->all));
    }
}

TEST_CASE("no error about an address repeats the password in it", "[traces]") {
    std::string const word{password()};
    for (std::string const& seed :
         {"redis://app:" + word + "@", "redis://app:" + word + "@host:port", "redsi://app:" + word + "@host",
          "redis://app:" + word + "@host:1/x", "redis://app:" + word + "%zz@host",
          "redis://" + word + "@[::1", "app:" + word + "@host:99999", "redis://:" + word + "@host?x=y",
          "host:6379?password=" + word, "host?password=" + word, "redis:host?password=" + word,
          "jdbc:redis://app:" + word + "@host", "jdbc:redis://host?password=" + word,
          "/run/redis.sock?password=" + word, "unix:/run/redis.sock?password=" + word,
          "unix:/run:app:" + word + "@/redis.sock"}) {
        scene here;
        umbel::options chosen;
        chosen.seeds = {seed};
        chosen.deadline = 200ms;
        umbel::client db = here.client(chosen);
        auto const told = here.wait(db.get("k"));
        REQUIRE_FALSE(told);
        here.note(told);
        CAPTURE(code_of(told));
        CHECK_FALSE(has_trace(here.told->all));
    }
}

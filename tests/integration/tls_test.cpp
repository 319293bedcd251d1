// TLS on real servers: a cluster that speaks nothing else, and each way in which a connection is refused. The
// certificates are made on the spot.
#include "support/lone_client.hpp"
#include "support/session.hpp"

#include <support/certificates.hpp>
#include <support/descriptor_limit.hpp>

#include <umbel/tls.hpp>

#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <thread>

using namespace umbel;
using namespace umbel::test;

namespace {

/// A folder of certificates for one server or cluster, gone when the program ends.
class folder {
public:
    folder() {
        std::string made = (std::filesystem::temp_directory_path() / "umbel-tls.XXXXXX").string();
        if (!::mkdtemp(made.data())) throw std::runtime_error{"tls: no temporary folder"};
        path_ = made;
    }
    folder(folder const&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path const& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

certificates::authority& trusted() {
    static certificates::authority made;
    return made;
}
tls_options trusting() { return {.ca_pem = trusted().certificate()}; }

/// A server that shows this certificate.
struct shown {
    folder files;
    real_cluster server;

    explicit shown(certificates::identity const& own, std::vector<std::string> conf = {})
        : server{shape(files, own, std::move(conf))} {}
    static cluster_shape shape(folder const& files, certificates::identity const& own,
                               std::vector<std::string> conf) {
        certificates::write_server(files.path(), trusted(), own);
        return {.standalone = true, .conf = std::move(conf), .tls = files.path().string()};
    }
    std::string address() const { return server.address("n1"); }
    /// Commands that the server has run, as it counts them.
    std::string commands() const { return server.cli("n1", {"INFO", "commandstats"}); }
};

options speaking(std::string const& seed, tls_options chosen = trusting()) {
    options made{.seeds = {seed}};
    made.tls = tls(std::move(chosen));
    made.deadline = 50s;
    return made;
}

/// The error of a command that must fail.
error failure(options const& chosen) {
    session s{chosen};
    auto const told = s(s.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error().delivery() == delivery::not_sent);
    return told.error();
}
bool says(error const& told, std::string_view part) {
    return told.message().find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a cluster that speaks TLS only is served whole, through redirects, with large values", "[tls]") {
    folder files;
    certificates::write_server(files.path(), trusted(), trusted().issue());
    real_cluster servers{{.primaries = 3, .replicas = 1, .tls = files.path().string()}};
    session s{speaking("rediss://" + servers.address("n5"))};
    REQUIRE(s(s.db().ready()));
    auto const known = s.topology();
    CHECK(known.covered_slots() == cluster::slot_count);
    CHECK(known.nodes.size() == 6);
    auto const keys = keys_everywhere(":tls", 32);
    write_all(s, keys);
    read_all(s, s.db(), keys);
    read_all(s, s.db().with(read_from::prefer_replica), keys);

    {
        session several{speaking(servers.address("n1")), {}, nullptr, 3};
        write_all(several, keys);
        read_all(several, several.db().with(read_from::any), keys);
    }

    std::string const large(std::size_t{9} << 20, 'v');
    CHECK(s(s.db().set("large", borrow(large))) == set_outcome::written);
    auto const back = s(s.db().get("large"));
    REQUIRE(back);
    CHECK(*back == large);

    constexpr std::uint16_t slot = 77;
    std::string const key = real_cluster::key_in(slot) + ":absent";
    auto const& from = servers.at("n1");
    auto const& to = servers.at("n2");
    servers.cli("n2", {"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", from.id});
    servers.cli("n1", {"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", to.id});
    auto const before = s.counted();
    CHECK(s(s.db().set(key, "x")) == set_outcome::written);
    CHECK(s.counted().asked == before.asked + 1);
    for (char const* const end : {"n2", "n1"})
        servers.cli(end, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", to.id});
    CHECK(s(s.db().get(key)) == "x");
    CHECK(s.counted().moved >= before.moved + 1);
    CHECK(s.counted().disconnects == 0);
}

TEST_CASE("a node whose certificate does not verify gets nothing, and commands are told why", "[tls]") {
    certificates::authority stranger{"a stranger"};
    struct {
        certificates::identity own;
        char const* told;
    } const all[] = {
        {stranger.issue(), "unable to get local issuer certificate"},
        {trusted().issue({.from = -7200s, .until = -3600s}), "certificate has expired"},
        {trusted().issue({.from = 36000s, .until = 72000s}), "certificate is not yet valid"},
        {trusted().issue({.names = "DNS:other.example"}),
         "the certificate is of other.example, not of 127.0.0.1"},
    };
    for (auto const& wrong : all) {
        CAPTURE(wrong.told);
        shown here{wrong.own};
        error const told = failure(speaking(here.address()));
        CHECK(told == errc::tls_failed);
        CHECK(told.node() == here.address());
        CHECK(says(told, "certificate verify failed"));
        CHECK(says(told, wrong.told));
        CHECK(here.commands().find("cmdstat_hello") == std::string::npos);
        tls_options careless;
        careless.verify = tls_verification::insecure_none;
        session s{speaking(here.address(), careless)};
        CHECK(s(s.db().set("k", "v")) == set_outcome::written);
    }
}

TEST_CASE("a refused certificate is tried again at the pace of reconnects, and served when it is mended",
          "[tls]") {
    shown here{trusted().issue({.names = "DNS:other.example"})};
    options chosen = speaking(here.address());
    chosen.reconnect_delay = chosen.reconnect_delay_max = 200ms;
    chosen.refresh_retry_delay = chosen.refresh_retry_delay_max = 200ms;
    session s{chosen};
    for (int again = 0; again < 20; ++again) CHECK(s(s.db().get("k")).error() == errc::tls_failed);
    CHECK(s.counted().connects == 0);
    certificates::write_server(here.files.path(), trusted(), trusted().issue());
    here.server.restart("n1");
    CHECK(eventually([&] { return s(s.db().set("k", "v")).has_value(); }));
}

TEST_CASE("a server without TLS, and TLS where none is spoken, are told apart", "[tls]") {
    real_cluster plain{{.standalone = true}};
    options chosen = speaking(plain.address("n1"));
    chosen.connect_timeout = 400ms;
    chosen.deadline = 4000ms;
    error const no_tls = failure(chosen);
    CAPTURE(no_tls.to_string());
    // The server waits for the end of what it takes for a line, unless there happens to be one in it.
    CHECK((no_tls == errc::no_reachable_node || no_tls == errc::tls_failed));
    CHECK((says(no_tls, "perhaps the node speaks no TLS") || says(no_tls, "the server does not speak TLS")));
    CHECK((says(no_tls, plain.address("n1")) || no_tls.node() == plain.address("n1")));

    shown secure{trusted().issue()};
    options without{.seeds = {secure.address()}};
    without.deadline = 4000ms;
    error const no_answer = failure(without);
    CAPTURE(no_answer.to_string());
    CHECK(no_answer == errc::no_reachable_node);
    CHECK(says(no_answer, secure.address()));
    CHECK(says(no_answer, "it may expect TLS"));
}

TEST_CASE("a name without an address is told as such, with TLS as without it", "[tls]") {
    options chosen = speaking("no-such-host.invalid:6379");
    chosen.deadline = 500ms;
    auto const told = failure(chosen);
    CHECK(told == errc::no_reachable_node);
    CHECK(says(told, "no-such-host.invalid:6379: resolve_failed"));
}

TEST_CASE("half a record, and then silence, ends with the connect timeout and says so", "[tls]") {
    int const ear = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    REQUIRE(::bind(ear, reinterpret_cast<sockaddr*>(&where), size) == 0);
    REQUIRE(::listen(ear, 16) == 0);
    ::getsockname(ear, reinterpret_cast<sockaddr*>(&where), &size);
    std::thread speaker{[ear] {
        std::vector<int> open;
        for (int next = 0; (next = ::accept(ear, nullptr, nullptr)) >= 0;) {
            static_cast<void>(::send(next, "\x16\x03\x03\x00", 4, MSG_NOSIGNAL));
            open.push_back(next);
        }
        for (int const each : open) ::close(each);
    }};
    std::string const address = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
    options chosen = speaking(address);
    chosen.connect_timeout = 300ms;
    chosen.deadline = 4000ms;
    error const told = failure(chosen);
    ::shutdown(ear, SHUT_RDWR);
    speaker.join();
    ::close(ear);
    CHECK(told == errc::no_reachable_node);
    CHECK(says(told, address));
    CHECK(says(told, "no connection within the connect timeout: the TLS handshake is not answered"));
}

TEST_CASE("a server that requires client certificates says so, and takes a good one", "[tls]") {
    shown here{trusted().issue(), {"tls-auth-clients yes"}};
    error const told = failure(speaking(here.address()));
    CHECK(told == errc::tls_failed);
    CHECK(told.node() == here.address());
    CHECK(says(told, "the server requires a client certificate"));
    certificates::identity const own = trusted().issue({.subject = "client", .names = ""});
    tls_options known = trusting();
    known.certificate_file = certificates::write(here.files.path() / "client.crt", own.certificate);
    known.key_file = certificates::write(here.files.path() / "client.key", own.key);
    session s{speaking(here.address(), known)};
    CHECK(s(s.db().set("k", "v")) == set_outcome::written);
}

TEST_CASE("connections are opened with sessions of earlier ones, and with what reload() has read", "[tls]") {
    shown here{trusted().issue()};
    std::string const file = certificates::write(here.files.path() / "trusted.crt", trusted().certificate());
    auto const security = tls({.ca_file = file});
    options chosen{.seeds = {here.address()}};
    chosen.tls = security;
    chosen.deadline = 50s;
    session s{chosen};
    CHECK(s(s.db().set("k", "v")) == set_outcome::written);
    CHECK(security->resumed() == 0);
    here.server.cli("n1", {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    CHECK(eventually([&] { return s(s.db().get("k")) == "v" && security->resumed() != 0; }));

    // The server has a certificate of another authority now.
    certificates::authority other{"another authority"};
    certificates::write_server(here.files.path(), other, other.issue());
    here.server.restart("n1");
    CHECK(eventually([&] { return s(s.db().get("k")).error() == errc::tls_failed; }));
    certificates::write(file, "no certificate at all");
    auto const refused = security->reload();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == errc::bad_argument);
    CHECK(says(refused.error(), "tls_options.ca_file"));
    certificates::write(file, other.certificate());
    REQUIRE(security->reload().has_value());
    CHECK(eventually([&] { return s(s.db().set("k", "v")).has_value(); }));
}

TEST_CASE("TLS for which no file descriptor is left fails by name, and is agreed upon afterwards", "[tls]") {
    shown here{trusted().issue()};
    std::string const ca = (here.files.path() / "ca.crt").string();
    auto const security = tls({.ca_file = ca});
    options chosen{.seeds = {here.address()}, .deadline = 600ms};
    chosen.tls = security;
    lone_client s{chosen};
    descriptor_limit limit;
    auto const told = s(s.db.get("k"));
    REQUIRE_FALSE(told);
    CHECK(says(told.error(), "EMFILE"));
    s.run_for(1s);
    CHECK(s.disconnects() < 20);
    limit.lift();
    CHECK(s(s.db.with(5s).set("k", "v")) == set_outcome::written);
    // Later: the file cannot be read again, and what was read before stays.
    descriptor_limit again;
    auto const reloaded = security->reload();
    REQUIRE_FALSE(reloaded.has_value());
    CHECK(says(reloaded.error(), "Too many open files"));
    CHECK(s(s.db.get("k")) == "v");
}

TEST_CASE("sentinels that speak TLS only lead to servers that do, through a failover", "[tls]") {
    folder files;
    certificates::write_server(files.path(), trusted(), trusted().issue());
    real_cluster servers{{.replicas = 2,
                          .group = true,
                          .sentinels = 3,
                          .sentinel_password = "of-sentinels",
                          .tls = files.path().string()}};
    std::string const url = "rediss-sentinel://" + servers.address("n4") + "," + servers.address("n5") + "," +
                            servers.address("n6") + "?sentinel_password=of-sentinels#mymaster";
    session s{speaking(url)};
    REQUIRE(s(s.db().incr("n")) == 1);
    CHECK(s.topology().nodes.size() == 3);
    std::string const before = servers.cli(
        "n4", {"--no-auth-warning", "-a", "of-sentinels", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"});
    servers.cli("n4", {"--no-auth-warning", "-a", "of-sentinels", "SENTINEL", "FAILOVER", "mymaster"});
    REQUIRE(eventually([&] {
        return servers.cli("n4", {"--no-auth-warning", "-a", "of-sentinels", "SENTINEL",
                                  "GET-MASTER-ADDR-BY-NAME", "mymaster"}) != before;
    }));
    long long last = 1;
    for (int time = 0; time < 200; ++time) {
        auto const told = s(s.db().incr("n"));
        if (!told) continue;
        CHECK(*told <= last + 2);
        last = *told;
    }
    CHECK(last > 100);
    // Sentinels with a certificate of a stranger are not spoken to.
    certificates::authority stranger;
    options wary = speaking(url, {.ca_pem = stranger.certificate()});
    CHECK(failure(wary) == errc::tls_failed);
    // In plain they are not understood.
    options plain{.seeds = {servers.address("n4")}};
    plain.sentinel_primary = "mymaster";
    plain.deadline = 500ms;
    session mute{plain};
    CHECK_FALSE(mute(mute.db().get("k")).has_value());
}

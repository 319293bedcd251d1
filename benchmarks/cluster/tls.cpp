// tls.cpp: umbel over TLS beside a bare loop of Asio and OpenSSL, hiredis, Boost.Redis and its own plain
// connections, on one server that listens for both. All of them run in one process, on one thread, in
// alternating rounds; what is compared is the CPU time of that thread, and encrypting costs all of them the
// same.
#if __has_include(<openssl/ssl.h>)
#include <support/allocations.hpp>
#include <support/asio_tls_floor.hpp>
#include <support/rounds.hpp>
#include <support/umbel_contender.hpp>
#include <umbel/tls.hpp>
#if defined(UMBEL_WITH_HIREDIS_TLS)
#include <support/hiredis_contender.hpp>

#include <hiredis/hiredis_ssl.h>
#endif
#if defined(UMBEL_WITH_BOOST_REDIS)
#include <support/boost_contender.hpp>
#endif

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace bench;

/// The contenders, made when they are first wanted.
class field {
public:
    explicit field(settings const& chosen)
        : load_{address::parse(chosen.node), 16},
          secure_{address::parse(chosen.tls)},
          authority_{chosen.authority} {}

    /// Null where it takes no part.
    contender* at(std::string const& name) {
        auto const [place, fresh] = all_.try_emplace(name);
        if (fresh) place->second = make(name);
        return place->second.get();
    }

private:
    std::unique_ptr<contender> make(std::string const& name) const {
        if (name == "umbel-plain")
            return std::make_unique<umbel_contender<std::string>>("umbel, plain", load_);
        umbel::options options{.seeds = {secure_.text()}};
        options.tls = umbel::tls({.ca_file = authority_});
        if (name == "umbel-tls")
            return std::make_unique<umbel_contender<std::string>>("umbel", load_, options);
        if (name == "umbel-tls-bytes")
            return std::make_unique<umbel_contender<umbel::bytes>>("umbel, umbel::bytes", load_, options);
        if (name == "asio-tls" || name == "asio-tls-bare")
            return std::make_unique<asio_tls_floor>(
                load_, secure_, authority_,
                name == "asio-tls" ? asio_command::coroutine : asio_command::operation);
#if defined(UMBEL_WITH_HIREDIS_TLS)
        if (name == "hiredis-tls") {
            redisInitOpenSSL();
            redisSSLContextError problem = REDIS_SSL_CTX_NONE;
            // Lives as long as the process, as its only connection does.
            redisSSLContext* const context =
                redisCreateSSLContext(authority_.c_str(), nullptr, nullptr, nullptr, nullptr, &problem);
            if (!context) die("hiredis", redisSSLContextGetError(problem));
            return std::make_unique<hiredis_epoll>(
                "hiredis", load_, false, secure_, [context](redisContext& connection) {
                    if (redisInitiateSSLWithContext(&connection, context) != REDIS_OK)
                        die("hiredis", connection.errstr);
                });
        }
#endif
#if defined(UMBEL_WITH_BOOST_REDIS)
        if (name == "boost-tls") return std::make_unique<boost_contender>(load_, secure_, authority_);
#endif
        std::printf("%s takes no part: it is not installed here\n", name.c_str());
        return nullptr;
    }

    traffic load_;
    address secure_;
    std::string authority_;
    std::map<std::string, std::unique_ptr<contender>> all_;
};

struct comparison {
    char const* ours;
    char const* other;
    unsigned outstanding;
    double limit;  ///< 0: only shown.
};
constexpr comparison comparisons[] = {
    {"umbel-tls", "asio-tls", 1000, 1.15}, {"umbel-tls", "asio-tls", 50, 0},
    {"umbel-tls", "asio-tls", 1, 0},       {"umbel-tls", "asio-tls-bare", 1000, 0},
    {"umbel-tls", "asio-tls-bare", 50, 0}, {"umbel-tls", "hiredis-tls", 1000, 1.0},
    {"umbel-tls", "hiredis-tls", 50, 0},   {"umbel-tls", "boost-tls", 1000, 1.0},
    {"umbel-tls", "boost-tls", 50, 0},     {"umbel-tls", "umbel-plain", 1000, 0},
    {"umbel-tls", "umbel-plain", 50, 0},   {"umbel-tls", "umbel-plain", 1, 0},
};

int compare_all(settings const& chosen) {
    field here{chosen};
    unsigned missed = 0;
    std::printf(
        "| outstanding | ours | other | ours ns | other ns | ratio, median | quartiles | limit |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (comparison const& pair : comparisons) {
        std::string const label =
            std::string{pair.ours} + " " + pair.other + " " + std::to_string(pair.outstanding);
        if (!chosen.wanted(label)) continue;
        contender* const ours = here.at(pair.ours);
        contender* const other = here.at(pair.other);
        if (!ours || !other) continue;
        duel const seen = compare(*ours, *other, pair.outstanding, chosen);
        bool const good = pair.limit == 0 || seen.ratio.upper < pair.limit;
        missed += good ? 0 : 1;
        std::printf("| %u | %s | %s | %.0f | %.0f | %.3f | %.3f–%.3f | %s |\n", pair.outstanding,
                    ours->name().c_str(), other->name().c_str(), seen.ours.median, seen.other.median,
                    seen.ratio.median, seen.ratio.lower, seen.ratio.upper,
                    pair.limit == 0 ? ""
                    : good          ? "passed"
                                    : "missed");
        std::fflush(stdout);
        chosen.row("paired,tls,%s,%s,%u,%.1f,%.1f,%.4f,%.4f,%.4f,%.2f\n", pair.ours, pair.other,
                   pair.outstanding, seen.ours.median, seen.other.median, seen.ratio.lower, seen.ratio.median,
                   seen.ratio.upper, pair.limit);
    }
    job const what{.outstanding = 1000, .warm = 10'000, .operations = 200'000};
    measured seen;
    for (int again = 0; again < 2; ++again)
        here.at("umbel-tls-bytes")->run(what, seen);  // The first warms it up.
    std::printf("umbel over TLS, umbel::bytes: %.4f allocations for each GET, 1000 outstanding\n",
                seen.allocations);
    return missed != 0 ? 3 : 0;
}

}  // namespace

int main(int count, char** words) {
    allocation_counter = &allocations_here;
    settings chosen;
    if (!chosen.read(count - 1, words + 1) || chosen.node.empty() || chosen.tls.empty() ||
        chosen.authority.empty()) {
        std::fputs(
            "usage: tls --node HOST:PORT --tls HOST:PORT --authority FILE [--rounds N] [--seconds S] "
            "[--only REGEX] [--csv FILE]\n"
            "  one server that listens on two ports; FILE: the certificate that signed its own\n",
            stderr);
        return 2;
    }
    return compare_all(chosen);
}
#else
#include <cstdio>

int main() { std::puts("OpenSSL is not installed: nothing is measured"); }
#endif

// url_fuzz: the reader of URLs, and the options out of them, on any bytes.
#include <umbel/cluster/url.hpp>
#include <umbel/engine/url_options.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace umbel;

void expect(bool condition) {
    if (!condition) std::abort();
}

/// What is read is written without its credentials, and reads as the same addresses.
void check_bare(cluster::seed_url const& seed) {
    expect(!seed.addresses.empty() && seed.primary_name.empty() != seed.sentinel);
    std::string const bare = cluster::bare_seed(seed);
    if (!cluster::is_url(bare)) {
        auto const address = cluster::endpoint::parse(bare, 6379);
        expect(address && *address == seed.addresses.front());
        return;
    }
    auto const again = cluster::read_url(bare);
    expect(again.has_value() && again->addresses == seed.addresses && again->tls == seed.tls &&
           again->sentinel == seed.sentinel && again->primary_name == seed.primary_name);
    expect(again->username.empty() && again->password.empty() && !again->database &&
           again->parameters.empty());
}

void check_options(std::string_view text) {
    auto const made = engine::options_from_url(text);
    if (!made) return expect(made.error().code() == errc::bad_argument);
    auto const again = engine::with_urls(*made);
    expect(again.has_value() && again->seeds.size() == 1 && again->seeds[0] == made->seeds[0] &&
           again->password == made->password && again->database == made->database);
}

/// A password that is broken anyhow is not repeated.
void check_secret(std::string_view text) {
    static constexpr std::string_view secret = "sEcReT77";
    std::string broken{"redis://u:"};
    broken.append(text).append(secret).append(text).append("@h");
    auto const made = engine::options_from_url(broken);
    if (!made) expect(made.error().message().find(secret) == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    // A copy of exactly this size, so that one byte too many is seen.
    auto const copy = std::make_unique<char[]>(size);
    if (size != 0) std::memcpy(copy.get(), data, size);
    std::string_view const text{copy.get(), size};
    auto const seed = cluster::read_url(text);
    if (seed)
        check_bare(*seed);
    else
        expect(seed.error().code() == errc::bad_argument);
    check_options(text);
    check_secret(text);
    return 0;
}

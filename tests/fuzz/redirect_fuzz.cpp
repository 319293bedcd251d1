// redirect_fuzz: the reader of error lines, and of addresses, on any bytes.
#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/redirect.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace {

using namespace umbel;
using namespace umbel::cluster;

void expect(bool condition) {
    if (!condition) std::abort();
}

void check_error(std::string_view line, parsed_error const& seen) {
    expect(seen.delivered != delivery::executed && seen.delivered != delivery::not_sent);
    expect(seen.slot >= -1 && seen.slot < slot_count);
    bool const redirect = seen.code == errc::moved || seen.code == errc::ask;
    if (redirect)
        expect(seen.slot >= 0 && seen.port != 0 &&
               (seen.host.empty() || seen.host == "?" || detail::is_host(seen.host)));
    if (!redirect && !seen.inner) expect(seen.slot == -1 && seen.host.empty() && seen.port == 0);
    if (!seen.host.empty())
        expect(seen.host.data() >= line.data() &&
               seen.host.data() + seen.host.size() <= line.data() + line.size());
    expect(seen.inner.has_value() <= (seen.code == errc::exec_aborted));
}

void check_endpoint(std::string_view text) {
    auto const read = endpoint::parse(text, 6379);
    if (!read) {
        expect(read.error().code() == errc::bad_argument);
        return;
    }
    auto const again = endpoint::parse(read->to_string(), 1);
    expect(again.has_value() && *again == *read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    // A copy of exactly this size, so that one byte too many is seen.
    auto const copy = std::make_unique<char[]>(size);
    if (size != 0) std::memcpy(copy.get(), data, size);
    std::string_view const line{copy.get(), size};
    parsed_error const plain = parse_error(line);
    parsed_error const scripted = parse_error(line, command_flags::scripted);
    check_error(line, plain);
    check_error(line, scripted);
    expect(plain.code == scripted.code);
    // A script can only make it less certain.
    expect(plain.delivered == scripted.delivered || scripted.delivered == delivery::unknown);
    check_endpoint(line);
    return 0;
}

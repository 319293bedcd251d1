// uses_client: the smallest program with the whole client; nobody listens at its seed, so it fails and says
// so.
#include <umbel.hpp>

#include <chrono>

int main() {
    asio::io_context io{1};
    umbel::client db{io.get_executor(), {.seeds = {"127.0.0.1:1"}}};
    bool failed = false;
    std::move(db.get("key"))([&](auto const& result) {
        failed = !result.has_value();
        io.stop();
    });
    io.run_for(std::chrono::seconds{60});
    return failed ? 0 : 1;
}

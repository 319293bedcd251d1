// main.cpp: constructs a client and lets another source file use it; nobody listens at its seed, so each
// command fails and says so. WHOLE has it include all of umbel.
#if defined(WHOLE)
#include <umbel.hpp>
#endif
#include "sends.hpp"

#include <asio/io_context.hpp>

#include <chrono>

int main() {
    asio::io_context io{1};
    umbel::client db{io.get_executor(),
                     {.seeds = {"127.0.0.1:1"}, .deadline = std::chrono::milliseconds{300}}};
    int failed = 0;
    auto const count = [&](bool bad) {
        failed += bad;
        if (failed == 2) io.stop();
    };
    ask(db, count);
    ask_by_words(db, 5, count);
    io.run_for(std::chrono::seconds{60});
    return failed == 2 ? 0 : 1;
}

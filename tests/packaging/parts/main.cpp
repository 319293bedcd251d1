// main.cpp: constructs a client and lets another source file use it; nobody listens at its seed, so each
// command fails and says so. Once there are calls in the pool, making more commands allocates none, in
// whatever object they are made. WHOLE has it include all of umbel, SECURE has it
// speak TLS.
#if defined(WHOLE)
#include <umbel.hpp>
#endif
#if defined(SECURE)
#include <umbel/tls.hpp>
#endif
#include "sends.hpp"

#include <asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
long calls_allocated = 0;
}  // namespace

// Calls are aligned to cache lines, and little else is; libraries that are linked to this program use it,
// too.
void* operator new(std::size_t size, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    ++calls_allocated;
    auto const step = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(step, (size + step - 1) / step * step);
}

int main() {
    asio::io_context io{1};
    umbel::options chosen{.seeds = {"127.0.0.1:1"}, .deadline = std::chrono::milliseconds{300}};
#if defined(SECURE)
    chosen.tls = umbel::tls();
#endif
    umbel::client db{io.get_executor(), chosen};
    make_and_drop(db, 10);
    long const before = calls_allocated;
    make_and_drop(db, 1000);
    if (before == 0 || calls_allocated != before) {
        std::printf("%ld calls were allocated, then %ld more\n", before, calls_allocated - before);
        return 1;
    }
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

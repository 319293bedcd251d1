// umbel-cli: a command line for Redis and Valkey Cluster, on the run-time API of umbel: execute(), trails,
// the table of commands. What it does says `umbel-cli --help`; one header a task.
#include "ask.hpp"
#include "bigkeys.hpp"
#include "latency.hpp"
#include "palette.hpp"
#include "repl.hpp"
#include "session.hpp"
#include "settings.hpp"
#include "stat.hpp"

#include <umbel/client.hpp>

#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

asio::awaitable<umbel::result<umbel::ok>> connected(umbel::client& db) { co_return co_await db.ready(); }

/// Nothing is asked of a client that reaches no server: it says so at once. True when there is one.
bool await_server(cli::session& at, cli::palette const& colours) {
    auto const ready = at.run(connected(at.client()));
    if (ready) return true;
    std::string const line = cli::error_line(ready.error());
    std::fprintf(stderr, "%sCould not connect: %s%s\n", std::string{colours.error}.c_str(), line.c_str(),
                 std::string{colours.reset}.c_str());
    return false;
}

bool run_commands(cli::session& at, cli::settings const& chosen, cli::screen const& look) {
    cli::console console{at, look};
    if (!chosen.words.empty()) return console.send(chosen.words);
    if (::isatty(STDIN_FILENO) == 0) return cli::run_lines(console);
    cli::repl{at, look, cli::seed_of(chosen)}.run();
    return true;
}

int run(cli::settings const& chosen) {
    bool const raw = chosen.raw.value_or(::isatty(STDOUT_FILENO) == 0);
    cli::screen const look{raw, cli::palette_for(STDOUT_FILENO),
                           cli::palette_for(raw ? STDERR_FILENO : STDOUT_FILENO)};
    cli::session at{cli::client_options(chosen)};
    if (!await_server(at, cli::palette_for(STDERR_FILENO))) return 1;
    switch (chosen.task) {
        case cli::task::latency: return at.run(cli::watch_latency(at.client(), chosen, look.out));
        case cli::task::stat: return at.run(cli::watch_stat(at.client(), chosen, look.out));
        case cli::task::bigkeys: return at.run(cli::find_bigkeys(at.client(), chosen, look.out));
        case cli::task::commands:
        case cli::task::help:
        case cli::task::version: break;
    }
    return run_commands(at, chosen, look) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
    std::setlocale(LC_CTYPE, "");
    auto const chosen = cli::read_settings({argv + 1, argv + argc});
    if (!chosen) {
        std::fprintf(stderr, "umbel-cli: %s; umbel-cli --help tells more\n", chosen.error().c_str());
        return 2;
    }
    if (chosen->task == cli::task::help) return std::fputs(cli::usage().c_str(), stdout) < 0;
    if (chosen->task == cli::task::version) return std::puts("umbel-cli " UMBEL_VERSION) < 0;
    return run(*chosen);
} catch (std::exception const& wrong) {
    std::fprintf(stderr, "umbel-cli: %s\n", wrong.what());
    return 1;
}

// settings.hpp: the options of the command line. It knows what umbel::options are called, and no terminal.
#pragma once

#include <umbel/options.hpp>

#include <tl/expected.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace cli {

enum class task : std::uint8_t { commands, latency, stat, bigkeys, help, version };

struct settings {
    std::string host = "127.0.0.1";
    std::string port = "6379";
    std::string seed;  ///< A socket or a URL; stands in place of host and port.
    std::string user;
    std::string password;
    std::uint32_t database = 0;
    umbel::protocol protocol = umbel::protocol::automatic;
    std::optional<bool> raw;  ///< Nothing: raw where the output is no terminal.
    std::optional<std::chrono::milliseconds> interval;
    std::chrono::milliseconds timeout{30'000};  ///< Zero: none.
    cli::task task = task::commands;
    std::vector<std::string> words;  ///< The command; none: lines are read.
};

namespace detail {

/// Reads a whole number, or none.
template <class Number>
bool read_number(std::string_view text, Number& into, Number most) noexcept {
    auto const read = std::from_chars(text.data(), text.data() + text.size(), into);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size() && into <= most;
}
/// Reads seconds, of which there may be parts.
inline bool read_seconds(std::string_view text, std::chrono::milliseconds& into) noexcept {
    std::string const copy{text};
    char* end = nullptr;
    double const seconds = std::strtod(copy.c_str(), &end);
    bool const good = !copy.empty() && *end == '\0';
    if (!good || !(seconds >= 0) || seconds > 1e6) return false;
    into = std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
    return true;
}

/// One option: its names, the name of its value (empty: it has none), and what it does. False: a bad value.
struct option {
    std::string_view name, other_name, value;
    std::string_view help;
    bool (*apply)(settings&, std::string_view);
};

template <auto Member>
bool set_text(settings& to, std::string_view text) {
    to.*Member = text;
    return true;
}
template <task Chosen>
bool set_task(settings& to, std::string_view) {
    to.task = Chosen;
    return true;
}
template <umbel::protocol Chosen>
bool set_protocol(settings& to, std::string_view) {
    to.protocol = Chosen;
    return true;
}
template <bool Raw>
bool set_raw(settings& to, std::string_view) {
    to.raw = Raw;
    return true;
}
inline bool set_port(settings& to, std::string_view text) {
    std::uint32_t number = 0;
    to.port = text;
    return read_number(text, number, std::uint32_t{65535}) && number != 0;
}
inline bool set_socket(settings& to, std::string_view text) {
    to.seed = std::string{"unix:"}.append(text);
    return !text.empty();
}
inline bool set_database(settings& to, std::string_view text) {
    return read_number(text, to.database, std::uint32_t{1} << 30);
}
inline bool set_interval(settings& to, std::string_view text) {
    return read_seconds(text, to.interval.emplace()) && to.interval->count() != 0;
}
inline bool set_timeout(settings& to, std::string_view text) { return read_seconds(text, to.timeout); }

inline constexpr option options[] = {
    {"-h", "--host", "HOST", "any node of a cluster, or a server (127.0.0.1)", &set_text<&settings::host>},
    {"-p", "--port", "PORT", "its port (6379)", &set_port},
    {"-s", "--socket", "PATH", "a socket in place of host and port", &set_socket},
    {"-u", "--uri", "URI", "redis://[user:password@]host[:port][/database]", &set_text<&settings::seed>},
    {"", "--user", "NAME", "who to be; the password is asked of UMBELCLI_AUTH", &set_text<&settings::user>},
    {"-a", "--pass", "TEXT", "the password, for all who can see the list of processes",
     &set_text<&settings::password>},
    {"-n", "--database", "NUMBER", "of a stand-alone server", &set_database},
    {"-2", "", "", "speak RESP2", &set_protocol<umbel::protocol::resp2>},
    {"-3", "", "", "speak RESP3, or fail", &set_protocol<umbel::protocol::resp3>},
    {"", "--raw", "", "replies as bytes, as into a pipe", &set_raw<true>},
    {"", "--no-raw", "", "replies laid out, as on a terminal", &set_raw<false>},
    {"-i", "--interval", "SECONDS", "between two rows (1); of --bigkeys the rest after 100 pages (0)",
     &set_interval},
    {"", "--timeout", "SECONDS", "that a command may take (30); 0: as long as it takes", &set_timeout},
    {"", "--latency", "", "how long each node takes to answer PING", &set_task<task::latency>},
    {"", "--stat", "", "a row of figures of the whole cluster, again and again", &set_task<task::stat>},
    {"", "--bigkeys", "", "the biggest keys of the whole cluster", &set_task<task::bigkeys>},
    {"", "--help", "", "this text", &set_task<task::help>},
    {"", "--version", "", "the version of umbel", &set_task<task::version>},
};

inline option const* find_option(std::string_view name) noexcept {
    for (option const& each : options)
        if (!name.empty() && (name == each.name || name == each.other_name)) return &each;
    return nullptr;
}

}  // namespace detail

inline std::string usage() {
    std::string out =
        "usage: umbel-cli [options] [command [argument …]]\n\n"
        "Sends a command to a Redis or Valkey Cluster, or to a stand-alone server; without one, reads\n"
        "commands line by line.\n\n";
    for (detail::option const& each : detail::options) {
        std::string names{each.name};
        if (!each.name.empty() && !each.other_name.empty()) names.append(", ");
        names.append(each.other_name);
        if (!each.value.empty()) names.append(" ").append(each.value);
        names.resize(std::max<std::size_t>(names.size(), 24), ' ');
        out.append("  ").append(names).append(" ").append(each.help).append("\n");
    }
    return out.append(
        "\nThe password is read from the environment variable UMBELCLI_AUTH where -a is not given, and\n"
        "colours are left out where NO_COLOR is set. Exit status: 0; 1 where a command failed; 2 for a\n"
        "mistake in this line.\n");
}

/// Reads the command line; options end where the command begins. Errors: a sentence.
inline tl::expected<settings, std::string> read_settings(std::vector<std::string_view> const& arguments) {
    settings read;
    if (char const* const password = std::getenv("UMBELCLI_AUTH")) read.password = password;
    std::size_t at = 0;
    for (; at < arguments.size() && arguments[at].starts_with('-') && arguments[at] != "-"; ++at) {
        std::string const name{arguments[at]};
        detail::option const* const found = detail::find_option(name);
        if (!found) return tl::unexpected{"there is no option " + name};
        std::string_view value;
        if (!found->value.empty()) {
            if (++at == arguments.size()) return tl::unexpected{name + " needs a value"};
            value = arguments[at];
        }
        if (!found->apply(read, value)) return tl::unexpected{name + " cannot be " + std::string{value}};
    }
    read.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
    return read;
}

/// Where the client begins.
inline std::string seed_of(settings const& from) {
    if (!from.seed.empty()) return from.seed;
    bool const bare_ipv6 = from.host.find(':') != std::string::npos && !from.host.starts_with('[');
    return (bare_ipv6 ? '[' + from.host + ']' : from.host) + ':' + from.port;
}

inline umbel::options client_options(settings const& from) {
    umbel::options made;
    made.seeds = {seed_of(from)};
    made.username = from.user;
    made.password = from.password;
    made.database = from.database;
    made.protocol = from.protocol;
    made.client_name = "umbel-cli";
    if (from.timeout.count() == 0)
        made.deadline = umbel::no_deadline;
    else
        made.deadline = from.timeout;
    return made;
}

}  // namespace cli

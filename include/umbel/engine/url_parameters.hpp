// url_parameters.hpp: the table of a URL's parameters: which option each of them sets. Every option that a
// text can express has a row.
#pragma once

#include <umbel/engine/url_values.hpp>
#include <umbel/options.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace umbel::engine {

/// A parameter of a URL: "?deadline=2s". It is called as its option is.
struct url_option {
    std::string_view name;
    bool (*read)(std::string_view text, options& into);  ///< False: no such value.
    bool (*same)(options const& left, options const& right);
    std::string (*form)();  ///< What is written as its value.
};

namespace url_values {

/// The row of an option.
template <auto Member>
constexpr url_option row(std::string_view name) noexcept {
    return {name, [](std::string_view text, options& into) { return read(text, into.*Member); },
            [](options const& left, options const& right) { return same(left.*Member, right.*Member); },
            [] { return form_of(options{}.*Member); }};
}
/// The row of an option that counts bytes.
template <auto Member>
constexpr url_option bytes_row(std::string_view name) noexcept {
    url_option made = row<Member>(name);
    made.read = [](std::string_view text, options& into) { return read_bytes(text, into.*Member); };
    made.form = [] { return form_of_bytes(); };
    return made;
}
/// The row of options::deadline, which alone may be none.
constexpr url_option deadline_row() noexcept {
    url_option made = row<&options::deadline>("deadline");
    made.read = [](std::string_view text, options& into) { return read_deadline(text, into.deadline); };
    made.form = [] { return form_of_deadline(); };
    return made;
}

}  // namespace url_values

/// All parameters. Credentials and the database may stand in the URL itself, too.
inline constexpr std::array url_options{
    url_values::row<&options::address_map>("address_map"),
    url_values::row<&options::username>("username"),
    url_values::row<&options::password>("password"),
    url_values::row<&options::sentinel_primary>("sentinel_primary"),
    url_values::row<&options::sentinel_username>("sentinel_username"),
    url_values::row<&options::sentinel_password>("sentinel_password"),
    url_values::row<&options::sentinel_plain>("sentinel_plain"),
    url_values::row<&options::client_name>("client_name"),
    url_values::row<&options::database>("database"),
    url_values::row<&options::protocol>("protocol"),
    url_values::row<&options::handshake>("handshake"),
    url_values::row<&options::topology_source>("topology_source"),
    url_values::row<&options::deployment>("deployment"),
    url_values::row<&options::read_from>("read_from"),
    url_values::row<&options::availability_zone>("availability_zone"),
    url_values::row<&options::zones>("zones"),
    url_values::row<&options::retry_unknown>("retry_unknown"),
    url_values::row<&options::learn_commands>("learn_commands"),
    url_values::row<&options::one_thread_per_context>("one_thread_per_context"),
    url_values::deadline_row(),
    url_values::row<&options::connect_timeout>("connect_timeout"),
    url_values::row<&options::connects_max>("connects_max"),
    url_values::row<&options::slow_start>("slow_start"),
    url_values::row<&options::reconnect_delay>("reconnect_delay"),
    url_values::row<&options::reconnect_delay_max>("reconnect_delay_max"),
    url_values::row<&options::breaker_failures>("breaker_failures"),
    url_values::row<&options::retry_delay>("retry_delay"),
    url_values::row<&options::retry_delay_max>("retry_delay_max"),
    url_values::row<&options::retry_budget_percent>("retry_budget_percent"),
    url_values::row<&options::retry_budget_floor>("retry_budget_floor"),
    url_values::row<&options::hedge_percent_max>("hedge_percent_max"),
    url_values::row<&options::refresh_timeout>("refresh_timeout"),
    url_values::row<&options::refresh_retry_delay>("refresh_retry_delay"),
    url_values::row<&options::refresh_retry_delay_max>("refresh_retry_delay_max"),
    url_values::row<&options::refresh_interval_min>("refresh_interval_min"),
    url_values::row<&options::refresh_interval>("refresh_interval"),
    url_values::row<&options::probe_after>("probe_after"),
    url_values::row<&options::probe_timeout>("probe_timeout"),
    url_values::row<&options::large_reply_timeout>("large_reply_timeout"),
    url_values::row<&options::doubt_after>("doubt_after"),
    url_values::row<&options::maintenance_notices>("maintenance_notices"),
    url_values::row<&options::maintenance_timeout>("maintenance_timeout"),
    url_values::row<&options::maintenance_window_max>("maintenance_window_max"),
    url_values::row<&options::redirects_max>("redirects_max"),
    url_values::row<&options::in_flight_max>("in_flight_max"),
    url_values::bytes_row<&options::queued_bytes_max>("queued_bytes_max"),
    url_values::row<&options::waiting_max>("waiting_max"),
    url_values::row<&options::leases_max>("leases_max"),
    url_values::row<&options::leases_waiting_max>("leases_waiting_max"),
    url_values::row<&options::lease_idle>("lease_idle"),
    url_values::row<&options::lease_slack>("lease_slack"),
    url_values::row<&options::unblock_timeout>("unblock_timeout"),
    url_values::row<&options::keepalive_after>("keepalive_after"),
    url_values::row<&options::keepalive_interval>("keepalive_interval"),
    url_values::row<&options::keepalive_probes>("keepalive_probes"),
    url_values::row<&options::keepalive_shared>("keepalive_shared"),
    url_values::row<&options::user_timeout>("user_timeout"),
    url_values::row<&options::nodes_max>("nodes_max"),
    url_values::row<&options::latency_histograms>("latency_histograms"),
    url_values::row<&options::slow_after>("slow_after"),
    url_values::bytes_row<&options::argument_bytes_max>("argument_bytes_max"),
    url_values::bytes_row<&options::reply_bytes_max>("reply_bytes_max"),
    url_values::row<&options::reply_depth_max>("reply_depth_max"),
    url_values::bytes_row<&options::pinned_bytes_max>("pinned_bytes_max"),
};

/// Returned for a name that no parameter has.
inline constexpr std::size_t no_url_option = url_options.size();

/// The place of a parameter in the table. Other clients' names are known, too: db, user and pass (redis-py,
/// redis-rs), timeout and clientName (lettuce).
constexpr std::size_t find_url_option(std::string_view name) noexcept {
    struct alias {
        std::string_view name;
        std::string_view option;
    };
    constexpr std::array<alias, 5> aliases{{{"db", "database"},
                                            {"user", "username"},
                                            {"pass", "password"},
                                            {"timeout", "deadline"},
                                            {"clientName", "client_name"}}};
    for (alias const& other : aliases)
        if (other.name == name) name = other.option;
    std::size_t at = 0;
    while (at < url_options.size() && url_options[at].name != name) ++at;
    return at;
}

}  // namespace umbel::engine

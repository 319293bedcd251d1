// options_from_url.hpp: a URL read as options, named only: see open_site.hpp.
#pragma once

#include <umbel/client/open_site.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>

#include <string_view>

namespace umbel {

/// Reads a URL as options, which may be changed before a client is made of them:
///
///     redis://[user[:password]@]host[:port][,host[:port]]…[/database][?name=value[&name=value]…]
///     unix://[user[:password]@]/path[?name=value[&name=value]…]
///     redis-sentinel://[user[:password]@]host[:port][,host[:port]]…[/database][?…]#primary
///
/// (The same URLs may stand among options::seeds, so `umbel::client db{executor, {.seeds = {url}}}` needs no
/// call.) The hosts of redis-sentinel are sentinels, and the name is the one by which they know the primary;
/// user and password are for the servers, as in lettuce, and sentinel_username and sentinel_password for the
/// sentinels. The scheme is redis or valkey; rediss, valkeys or rediss-sentinel for TLS; unix, redis+unix,
/// valkey+unix or redis-socket. What separates parts of a URL is written by its code elsewhere: @ as %40, /
/// as %2F, ? as %3F, # as %23, & as %26, % as %25. A parameter has the name of its option: every option that
/// a text can express is one, but setup_commands: whoever writes a URL must not choose what a program sends.
/// Durations are written 1500 (milliseconds), 150ms, 2s, 5m, 1h or 1d, and the deadline may be none; bytes
/// 65536, 64kb or 64mb, as in redis.conf; enumerations by their names; switches true or false, yes or no, on
/// or off, 1 or 0; lists as address_map=announced=reached,announced=reached and zones=node=zone. Other
/// clients' names are known, too: db, user, pass, timeout (the deadline), clientName, and 2 or 3 for the
/// protocol. A password alone stands behind a colon, redis://:password@host: without it clients differ (a
/// password for redis-cli and lettuce, a username for redis-py, redis-rs and go-redis), and a client refuses
/// the URL.
///
/// What a URL says takes the place of what the options say; credentials do so as a pair. URLs that stand side
/// by side may repeat each other; a URL that says a thing twice, or otherwise than one before it, is refused.
/// Errors: bad_argument: a URL that cannot be read, an unknown parameter, a value that is none; the message
/// names the place in the URL and the parameter, and repeats no value, so no password. Whether the options
/// themselves are good the client says. TLS is asked for by options::seeds of the result, and options::tls
/// must answer it. Threading: any.
template <class = include_umbel_src_hpp_in_one_source_file>
UMBEL_NEVER_INLINE result<options> options_from_url(std::string_view text);

}  // namespace umbel

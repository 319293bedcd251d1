// lease_cure.hpp: what to do in place of a command that needs a connection of its own, for the message of
// errc::needs_lease. It knows names and options of this library; which commands these are says
// command_table.hpp.
#pragma once

#include <umbel/command/command_table.hpp>
#include <umbel/config.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace umbel::command {

struct lease_cure {
    std::string_view name;  ///< As in the command table, in lower case.
    std::string_view instead;
};

/// Sorted by what they have in common.
inline constexpr std::array lease_cures{
    lease_cure{"auth", "set options::username and options::password"},
    lease_cure{"hello", "set options::protocol, username and password"},
    lease_cure{"select", "set options::database"},
    lease_cure{"client|setname", "set options::client_name"},
    lease_cure{"client|setinfo", "umbel says it by itself"},
    lease_cure{"readonly", "use options::read_from or with(umbel::read_from::replica)"},
    lease_cure{"readwrite", "use options::read_from or with(umbel::read_from::primary)"},
    lease_cure{"asking", "umbel follows ASK by itself"},
    lease_cure{"quit", "use client::close()"},
    lease_cure{"reset", "use a client with other options"},
    lease_cure{"client|reply", "drop the result of the operation, with asio::detached"},
    lease_cure{"xread", "use client::xread_block()"},
    lease_cure{"xreadgroup", "use client::xreadgroup_block()"},
    lease_cure{"blpop", "use client::blpop()"},
    lease_cure{"brpop", "use client::brpop()"},
    lease_cure{"blmove", "use client::blmove()"},
    lease_cure{"blmovem", "use client::blmovem()"},
    lease_cure{"blmpop", "use client::blmpop()"},
    lease_cure{"brpoplpush", "use client::blmove()"},
    lease_cure{"bzmpop", "use client::bzmpop()"},
    lease_cure{"bzpopmax", "use client::bzpopmax()"},
    lease_cure{"bzpopmin", "use client::bzpopmin()"},
    lease_cure{"wait", "it tells of the connection that has written: use lease::wait()"},
    lease_cure{"waitaof", "it tells of the connection that has written: use lease::waitaof()"},
    lease_cure{"himport|prepare", "use a lease: lease::himport_prepare()"},
    lease_cure{"himport|set", "use a lease: lease::himport_set()"},
    lease_cure{"multi", "send a script by EVAL, which is atomic, too"},
    lease_cure{"exec", "send a script by EVAL, which is atomic, too"},
    lease_cure{"discard", "send a script by EVAL, which is atomic, too"},
    lease_cure{"watch", "compare and set in a script by EVAL"},
    lease_cure{"unwatch", "compare and set in a script by EVAL"},
};

/// What a command that needs a lease leaves of the connection, where its caller holds one.
enum class lease_use : std::uint8_t {
    blocks,   ///< Nobody knows for how long where it is given by its words: its typed function does.
    changes,  ///< The connection is another one afterwards: it is closed when it is given back.
    refused,  ///< It alters the number of replies, or takes the connection's credentials: not even there.
};

constexpr lease_use lease_use_of(std::string_view name) noexcept {
    constexpr std::string_view blocks[]{"blmove",     "blmovem", "blmpop",    "blpop",    "brpop",
                                        "brpoplpush", "bzmpop",  "bzpopmax",  "bzpopmin", "wait",
                                        "waitaof",    "xread",   "xreadgroup"};
    constexpr std::string_view refused[]{"client|reply", "hello", "monitor",    "psubscribe", "psync",
                                         "punsubscribe", "quit",  "reset",      "ssubscribe", "subscribe",
                                         "sunsubscribe", "sync",  "unsubscribe"};
    for (std::string_view const other : blocks)
        if (name == other) return lease_use::blocks;
    for (std::string_view const other : refused)
        if (name == other) return lease_use::refused;
    return lease_use::changes;
}

/// What to do instead of a command that needs a connection of its own.
constexpr std::string_view lease_cure_of(std::string_view name) noexcept {
    for (lease_cure const& cure : lease_cures)
        if (cure.name == name) return cure.instead;
    return lease_use_of(name) == lease_use::refused ? "use a connection of another client for it"
                                                    : "use a lease: client::lease(key)";
}

/// The message of errc::needs_lease. `traits`: the row of the command, or null where there is none.
/// Precondition: it needs one.
inline std::string needs_lease_message(command_traits const* traits, argv_view argv) {
    UMBEL_ASSERT(traits ? needs_lease(*traits, argv) : needs_lease(argv));
    std::string text{traits ? traits->name : argv[0]};
    text.append(
        " changes the connection, blocks, or alters the number of replies: it may not share one with other "
        "commands; ");
    return text.append(lease_cure_of(text.substr(0, text.find(' '))));
}
inline std::string needs_lease_message(argv_view argv) {
    return needs_lease_message(find_command(argv), argv);
}

}  // namespace umbel::command

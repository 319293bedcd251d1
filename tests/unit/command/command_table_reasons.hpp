// command_table_reasons.hpp: every entry of the command table that the servers' own flags do not give, each with its reason.
// It knows no test; command_table_test.cpp holds the table against it in both directions.
#pragma once

#include <map>
#include <set>
#include <string_view>

using reasons = std::map<std::string_view, std::string_view>;

/// Rows that neither file has: newer minor versions, whose COMMAND table was not at hand.
inline std::set<std::string_view> const beyond_the_files = {
    "client|import-source", "commandlog", "commandlog|get", "commandlog|help", "commandlog|len", "commandlog|reset",  // Valkey 8.1
    "hexpire", "hexpireat", "hexpiretime", "hpersist", "hpexpire", "hpexpireat", "hpexpiretime", "hpttl", "httl",     // Redis 7.4
};

inline reasons const shared_against_flags = {
    {"publish", "answers once and changes nothing of the connection"},
    {"spublish", "answers once and changes nothing of the connection"},
    {"pubsub|channels", "only looks"},
    {"pubsub|numpat", "only looks"},
    {"pubsub|numsub", "only looks"},
    {"pubsub|shardchannels", "only looks"},
    {"pubsub|shardnumsub", "only looks"},
    {"save", "holds up the whole server, whichever connection it came on"},
};

inline reasons const leased_by_hand = {
    {"asking", "holds for the next command on the connection"},
    {"client|caching", "holds for the next command on the connection"},
    {"client|capa", "tells the server what this connection can do"},
    {"client|import-source", "changes how this connection's reads treat expired keys"},
    {"client|no-evict", "changes whether this connection may be evicted"},
    {"client|no-touch", "changes whether this connection's reads count as use"},
    {"client|reply", "changes the number of replies"},
    {"client|setinfo", "changes what the server knows of the connection"},
    {"client|setname", "changes the connection's name"},
    {"client|tracking", "makes the server push invalidations"},
    {"discard", "ends a transaction, which belongs to the connection"},
    {"exec", "ends a transaction, which belongs to the connection"},
    {"monitor", "has replies without end"},
    {"readonly", "changes what a replica serves on this connection"},
    {"readwrite", "changes what a replica serves on this connection"},
    {"replconf", "turns the connection into a replica's"},
    {"script|debug", "puts the connection in debugging mode"},
    {"select", "changes the connection's database"},
    {"unwatch", "forgets what the connection watches"},
};

inline reasons const repeatable_writes = {
    {"hmset", "writes the same fields and answers OK"},
    {"lset", "writes the same element and answers OK, or fails the same way"},
    {"mset", "writes the same values and answers OK"},
    {"pfmerge", "merges what is merged already and answers OK"},
    {"psetex", "writes the same value; the expiry counts from the second run"},
    {"setex", "writes the same value; the expiry counts from the second run"},
    {"setrange", "writes the same bytes and answers the same length"},
    {"xgroup|setid", "sets the same id and answers OK"},
    {"xsetid", "sets the same id and answers OK"},
};

/// Neither reads nor writes by their flags: they only look at the server, or (SCRIPT LOAD) leave the same behind.
inline std::set<std::string_view> const only_look = {
    "acl|cat", "acl|dryrun", "acl|getuser", "acl|help", "acl|list", "acl|users", "acl|whoami", "client|getname", "client|getredir",
    "client|help", "client|id", "client|info", "client|list", "client|trackinginfo", "cluster|count-failure-reports",
    "cluster|countkeysinslot", "cluster|getkeysinslot", "cluster|help", "cluster|info", "cluster|keyslot", "cluster|links",
    "cluster|myid", "cluster|myshardid", "cluster|nodes", "cluster|replicas", "cluster|shards", "cluster|slaves",
    "cluster|slot-stats", "cluster|slots", "command", "command|count", "command|docs", "command|getkeys",
    "command|getkeysandflags", "command|help", "command|info", "command|list", "commandlog|get", "commandlog|help",
    "commandlog|len", "config|get", "config|help", "echo", "function|dump", "function|help", "function|list", "function|stats",
    "info", "lastsave", "latency|doctor", "latency|graph", "latency|help", "latency|histogram", "latency|history", "latency|latest",
    "memory|doctor", "memory|help", "memory|malloc-stats", "memory|stats", "module|help", "module|list", "object|help", "ping",
    "pubsub|channels", "pubsub|help", "pubsub|numpat", "pubsub|numsub", "pubsub|shardchannels", "pubsub|shardnumsub", "role",
    "script|exists", "script|help", "script|load", "script|show", "slowlog|get", "slowlog|help", "slowlog|len", "time",
    "xgroup|help", "xinfo|help",
};

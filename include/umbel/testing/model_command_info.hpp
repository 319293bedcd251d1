// model_command_info.hpp: what a model node tells of its commands: COMMAND INFO, worded as redis-server 7
// does in RESP2 and RESP3. It runs none.
#pragma once

#include <umbel/testing/model_store.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace umbel::testing {

/// Where the keys of a command stand, as its only key specification.
inline std::string key_specs_of(model_command const& which, bool resp3) {
    if (which.first_key == 0) return wire::array(0);
    int const last = which.last_key < 0 ? which.last_key : which.last_key - which.first_key;
    return wire::array(1) + wire::map(3, resp3) + wire::bulk("flags") + wire::array(1) +
           wire::simple(which.write ? "RW" : "RO") + wire::bulk("begin_search") + wire::map(2, resp3) +
           wire::bulk("type") + wire::bulk("index") + wire::bulk("spec") + wire::map(1, resp3) +
           wire::bulk("index") + wire::integer(which.first_key) + wire::bulk("find_keys") +
           wire::map(2, resp3) + wire::bulk("type") + wire::bulk("range") + wire::bulk("spec") +
           wire::map(3, resp3) + wire::bulk("lastkey") + wire::integer(last) + wire::bulk("keystep") +
           wire::integer(which.step) + wire::bulk("limit") + wire::integer(0);
}

/// The reply to COMMAND INFO of these names. Of commands whose keys stand behind a number or a word it tells
/// what the row says, as for all others. Rule: Redis documentation, "COMMAND", "COMMAND INFO".
inline std::string command_info_reply(model_words const& words, bool resp3) {
    if (words.size() < 3 || !same_word(words[1], "info"))
        return wire::error("ERR the model tells COMMAND INFO of names, and nothing else");
    std::string text = wire::array(words.size() - 2);
    for (std::size_t at = 2; at < words.size(); ++at) {
        model_command const* const which = find_model_command(words[at]);
        if (!which) {
            text += resp3 ? "_\r\n" : "*-1\r\n";
            continue;
        }
        text += wire::array(10) + wire::bulk(which->name) + wire::integer(which->arity) +
                wire::array(which->write || which->read ? 1u : 0u);
        if (which->write || which->read) text += wire::simple(which->write ? "write" : "readonly");
        text += wire::integer(which->first_key) + wire::integer(which->last_key) +
                wire::integer(which->step) + wire::array(0);
        bool const split = which->name == "model.exists";
        text += split ? wire::array(2) + wire::bulk("request_policy:multi_shard") +
                            wire::bulk("response_policy:agg_sum")
                      : wire::array(0);
        text += key_specs_of(*which, resp3) + wire::array(0);
    }
    return text;
}

}  // namespace umbel::testing

// model_store.hpp: keys and values of a model node, and the commands that work on them, as redis-server 7
// answers them. It knows no slots, no connections and no other node.
#pragma once

#include <umbel/cluster/slot.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::testing {

struct model_stream;

/// A value: a string, a list, a set or a stream.
struct model_value {
    bool is_list = false;
    std::string text;
    std::vector<std::string> items;  ///< Of a list, or the members of a set.
    std::uint64_t history = 0;       ///< The number of the write that left it so (ledger.hpp).
    bool is_set = false;
    std::shared_ptr<model_stream const> stream{};  ///< Of a stream; shared with copies (model_streams.hpp).

    bool is_text() const noexcept { return !is_list && !is_set && !stream; }
};

using model_store = std::map<std::string, model_value, std::less<>>;

/// The write that has left the key so (ledger.hpp); 0: there is no such key.
inline std::uint64_t history_of(model_store const& store, std::string_view key) {
    auto const at = store.find(key);
    return at == store.end() ? 0 : at->second.history;
}

/// What a model node knows of a command.
struct model_command {
    std::string_view name;
    int arity;  ///< As redis-server counts: negative means "at least".
    bool write;
    bool read;
    int first_key, last_key, step;  ///< As COMMAND INFO tells them; 0: no keys.
    bool stale = false;             ///< Served while loading or without a primary.
};

inline constexpr std::array model_commands{
    model_command{"get", 2, false, true, 1, 1, 1}, model_command{"set", -3, true, false, 1, 1, 1},
    model_command{"incr", 2, true, false, 1, 1, 1}, model_command{"incrby", 3, true, false, 1, 1, 1},
    model_command{"decr", 2, true, false, 1, 1, 1}, model_command{"append", 3, true, false, 1, 1, 1},
    model_command{"strlen", 2, false, true, 1, 1, 1}, model_command{"del", -2, true, false, 1, -1, 1},
    model_command{"exists", -2, false, true, 1, -1, 1}, model_command{"mget", -2, false, true, 1, -1, 1},
    model_command{"mset", -3, true, false, 1, -1, 2}, model_command{"rpush", -3, true, false, 1, 1, 1},
    model_command{"blpop", -3, true, false, 1, -2, 1}, model_command{"lpop", -2, true, false, 1, 1, 1},
    model_command{"xadd", -5, true, false, 1, 1, 1}, model_command{"xdel", -3, true, false, 1, 1, 1},
    model_command{"xlen", 2, false, true, 1, 1, 1}, model_command{"xrange", -4, false, true, 1, 1, 1},
    model_command{"xgroup", -4, true, false, 2, 2, 1},
    model_command{"xreadgroup", -7, true, false, 4, 0, 1},  // Behind the word STREAMS.
    model_command{"xack", -4, true, false, 1, 1, 1}, model_command{"xautoclaim", -6, true, false, 1, 1, 1},
    model_command{"watch", -2, false, false, 1, -1, 1},
    model_command{"unwatch", 1, false, false, 0, 0, 0, true},
    model_command{"lrange", 4, false, true, 1, 1, 1}, model_command{"llen", 2, false, true, 1, 1, 1},
    model_command{"type", 2, false, true, 1, 1, 1}, model_command{"expire", -3, true, false, 1, 1, 1},
    model_command{"ttl", 2, false, true, 1, 1, 1}, model_command{"ping", -1, false, false, 0, 0, 0, true},
    model_command{"echo", 2, false, false, 0, 0, 0, true}, model_command{"decrby", 3, true, false, 1, 1, 1},
    model_command{"incrbyfloat", 3, true, false, 1, 1, 1}, model_command{"getdel", 2, true, false, 1, 1, 1},
    model_command{"unlink", -2, true, false, 1, -1, 1}, model_command{"touch", -2, false, true, 1, -1, 1},
    model_command{"pexpire", -3, true, false, 1, 1, 1}, model_command{"pexpireat", -3, true, false, 1, 1, 1},
    model_command{"persist", 2, true, false, 1, 1, 1}, model_command{"pttl", 2, false, true, 1, 1, 1},
    model_command{"scan", -2, false, true, 0, 0, 0}, model_command{"sadd", -3, true, false, 1, 1, 1},
    model_command{"sscan", -3, false, true, 1, 1, 1}, model_command{"info", -1, false, false, 0, 0, 0, true},
    model_command{"cluster", -2, false, false, 0, 0, 0, true},
    model_command{"eval", -3, true, false, 3, 0, 1}, model_command{"evalsha", -3, true, false, 3, 0, 1},
    // Of a module that no client's table has: the first argument is no key, but a word that means nothing.
    model_command{"model.push", 4, true, false, 2, 2, 1},
    model_command{"model.length", 3, false, true, 2, 2, 1},
    model_command{"model.exists", -2, false, true, 1, -1, 1},  // Split: see model_command_info.hpp.
};

constexpr bool same_word(std::string_view left, std::string_view right) noexcept {
    constexpr auto lower = [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    };
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (lower(left[i]) != lower(right[i])) return false;
    return true;
}

inline model_command const* find_model_command(std::string_view name) noexcept {
    for (model_command const& command : model_commands)
        if (same_word(command.name, name)) return &command;
    return nullptr;
}

/// The words of one command as they came.
using model_words = std::vector<std::string>;

/// Indices of the keys of a command.
inline std::vector<std::size_t> keys_in(model_command const& which, model_words const& words) {
    std::vector<std::size_t> found;
    if (which.first_key == 0) return found;
    int const size = static_cast<int>(words.size());
    int first = which.first_key;
    int last = which.last_key < 0 ? size + which.last_key : which.last_key;
    if (which.name.starts_with("eval")) last = std::min(size - 1, 2 + std::atoi(words[2].c_str()));
    if (which.name == "xreadgroup") {
        while (first < size && !same_word(words[static_cast<std::size_t>(first)], "streams")) ++first;
        last = first + (size - first - 1) / 2;
        ++first;
    }
    for (int at = first; at <= last; at += which.step) found.push_back(static_cast<std::size_t>(at));
    return found;
}

/// Replies in the wire's form.
namespace wire {
inline std::string simple(std::string_view text) { return "+" + std::string{text} + "\r\n"; }
inline std::string error(std::string_view line) { return "-" + std::string{line} + "\r\n"; }
inline std::string integer(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
inline std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}
inline std::string array(std::size_t count) { return "*" + std::to_string(count) + "\r\n"; }
inline std::string map(std::size_t pairs, bool resp3) {
    return resp3 ? "%" + std::to_string(pairs) + "\r\n" : array(pairs * 2);
}
inline std::string null(bool resp3) { return resp3 ? "_\r\n" : "$-1\r\n"; }
}  // namespace wire

inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
/// What TYPE answers; null where there is no such key.
inline std::string_view type_name(model_value const* held) noexcept {
    return !held           ? "none"
           : held->is_list ? "list"
           : held->is_set  ? "set"
           : held->stream  ? "stream"
                           : "string";
}

/// What a command did.
struct model_outcome {
    std::string reply;
    std::vector<std::string> changed;  ///< Keys it wrote or deleted.
};

/// Runs commands on a store.
class model_executor {
public:
    model_executor(model_store& store, bool resp3) : store_{store}, resp3_{resp3} {}

    /// Precondition: the command is known and its arity is right.
    model_outcome run(model_command const& which, model_words const& words) {
        made_ = {};
        std::string_view const name = which.name;
        if (name == "ping")
            made_.reply = words.size() > 1 ? wire::bulk(words[1]) : wire::simple("PONG");
        else if (name == "echo")
            made_.reply = wire::bulk(words[1]);
        else if (name == "mset")
            mset(words);
        else if (name == "mget")
            mget(words);
        else if (name == "del" || name == "unlink")
            count(words, true);
        else if (name == "exists" || name == "touch" || name == "model.exists")
            count(words, false);
        else if (name == "watch" || name == "unwatch")
            made_.reply = wire::simple("OK");
        else if (name == "blpop" || name == "lpop")
            pop(name == "blpop", words);
        else if (name == "rpush" || name == "lrange" || name == "llen")
            list(name, words);
        else if (name == "model.push")
            list("rpush", {words[0], words[2], words[3]});
        else if (name == "model.length")
            list("llen", {words[0], words[2]});
        else if (name == "type" || name.ends_with("ttl") || name == "persist" ||
                 name.find("expire") != name.npos)
            about(name, words);
        else if (name == "set")
            set(words);
        else if (name == "sadd")
            add_members(words);
        else
            string(name, words);
        return std::move(made_);
    }

private:
    model_value* find(std::string_view key) {
        auto const at = store_.find(key);
        return at == store_.end() ? nullptr : &at->second;
    }
    model_value& make(std::string const& key) {
        made_.changed.push_back(key);
        return store_[key];
    }
    void assign(std::string const& key, std::string const& text) {
        model_value& value = make(key);
        value = {false, text, {}, value.history};
    }

    void string(std::string_view name, model_words const& words) {
        model_value* const held = find(words[1]);
        if (held && !held->is_text()) return void(made_.reply = wire::error(wrong_type));
        if (name.starts_with("get")) made_.reply = held ? wire::bulk(held->text) : wire::null(resp3_);
        if (name == "getdel" && held) {
            made_.changed.push_back(words[1]);
            store_.erase(words[1]);
        }
        if (name == "strlen")
            made_.reply = wire::integer(held ? static_cast<std::int64_t>(held->text.size()) : 0);
        if (name == "append") {
            std::string& text = make(words[1]).text;
            text.append(words[2]);
            made_.reply = wire::integer(static_cast<std::int64_t>(text.size()));
        }
        if (name == "incr") add(words[1], 1);
        if (name == "decr") add(words[1], -1);
        if (name == "incrby") add(words[1], std::atoll(words[2].c_str()));
        if (name == "decrby") add(words[1], -std::atoll(words[2].c_str()));
        if (name == "incrbyfloat") add_fraction(words[1], std::atof(words[2].c_str()));
    }
    /// SET with NX, XX and GET; an expiry is read and, as all expiry, not modelled.
    void set(model_words const& words) {
        bool if_absent = false, if_present = false, tells = false;
        for (std::size_t i = 3; i < words.size(); ++i) {
            auto const is = [&](std::string_view word) { return same_word(words[i], word); };
            if (is("NX"))
                if_absent = true;
            else if (is("XX"))
                if_present = true;
            else if (is("GET"))
                tells = true;
            else if ((is("EX") || is("PX") || is("EXAT") || is("PXAT")) && i + 1 < words.size())
                ++i;
            else if (!is("KEEPTTL"))
                return void(made_.reply = wire::error("ERR syntax error"));
        }
        model_value const* const held = find(words[1]);
        if (tells && held && !held->is_text()) return void(made_.reply = wire::error(wrong_type));
        bool const writes = !(if_absent && held) && !(if_present && !held);
        std::string const text = tells && held      ? wire::bulk(held->text)
                                 : tells || !writes ? wire::null(resp3_)
                                                    : wire::simple("OK");
        if (writes) assign(words[1], words[2]);
        made_.reply = text;
    }
    void add_fraction(std::string const& key, double by) {
        model_value const* const held = find(key);
        char text[32];
        auto const end =
            std::to_chars(std::begin(text), std::end(text), (held ? std::atof(held->text.c_str()) : 0.0) + by)
                .ptr;
        make(key).text.assign(text, end);
        made_.reply = wire::bulk({text, static_cast<std::size_t>(end - text)});
    }
    void add(std::string const& key, std::int64_t by) {
        model_value* const held = find(key);
        std::int64_t value = 0;
        if (held) {
            auto const [end, code] =
                std::from_chars(held->text.data(), held->text.data() + held->text.size(), value);
            if (code != std::errc{} || end != held->text.data() + held->text.size())
                return void(made_.reply = wire::error("ERR value is not an integer or out of range"));
        }
        make(key).text = std::to_string(value + by);
        made_.reply = wire::integer(value + by);
    }
    void add_members(model_words const& words) {
        model_value const* const held = find(words[1]);
        if (held && !held->is_set) return void(made_.reply = wire::error(wrong_type));
        model_value& value = make(words[1]);
        value.is_set = true;
        std::size_t const before = value.items.size();
        for (std::size_t at = 2; at < words.size(); ++at)
            if (std::find(value.items.begin(), value.items.end(), words[at]) == value.items.end())
                value.items.push_back(words[at]);
        made_.reply = wire::integer(static_cast<std::int64_t>(value.items.size() - before));
    }
    void list(std::string_view name, model_words const& words) {
        model_value* const held = find(words[1]);
        if (held && !held->is_list) return void(made_.reply = wire::error(wrong_type));
        if (name == "rpush") {
            model_value& value = make(words[1]);
            value.is_list = true;
            value.items.insert(value.items.end(), words.begin() + 2, words.end());
            made_.reply = wire::integer(static_cast<std::int64_t>(value.items.size()));
        } else if (name == "llen") {
            made_.reply = wire::integer(held ? static_cast<std::int64_t>(held->items.size()) : 0);
        } else {
            made_.reply = wire::array(held ? held->items.size() : 0);  // The whole list, whatever the range.
            if (held)
                for (std::string const& item : held->items) made_.reply += wire::bulk(item);
        }
    }
    /// BLPOP answers from the first of its lists that has something; an empty reply says that it must wait.
    void pop(bool blocks, model_words const& words) {
        std::size_t const keys_end = blocks ? words.size() - 1 : 2;
        for (std::size_t at = 1; at < keys_end; ++at) {
            model_value* const held = find(words[at]);
            if (held && !held->is_list) return void(made_.reply = wire::error(wrong_type));
            if (!held) continue;
            std::string const item = held->items.front();
            made_.changed.push_back(words[at]);
            held->items.erase(held->items.begin());
            if (held->items.empty()) store_.erase(words[at]);
            made_.reply =
                blocks ? wire::array(2) + wire::bulk(words[at]) + wire::bulk(item) : wire::bulk(item);
            return;
        }
        if (!blocks) made_.reply = wire::null(resp3_);
    }
    void mset(model_words const& words) {
        if (words.size() % 2 == 0)
            return void(made_.reply = wire::error("ERR wrong number of arguments for 'mset' command"));
        for (std::size_t i = 1; i + 1 < words.size(); i += 2) assign(words[i], words[i + 1]);
        made_.reply = wire::simple("OK");
    }
    void mget(model_words const& words) {
        made_.reply = wire::array(words.size() - 1);
        for (std::size_t i = 1; i < words.size(); ++i) {
            model_value const* const held = find(words[i]);
            made_.reply += held && held->is_text() ? wire::bulk(held->text) : wire::null(resp3_);
        }
    }
    void count(model_words const& words, bool remove) {
        std::int64_t found = 0;
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (!find(words[i])) continue;
            ++found;
            if (!remove) continue;
            store_.erase(words[i]);
            made_.changed.push_back(words[i]);
        }
        made_.reply = wire::integer(found);
    }
    /// Expiry is not modelled: EXPIRE and its like say whether the key is there, and nothing expires.
    void about(std::string_view name, model_words const& words) {
        model_value const* const held = find(words[1]);
        if (name == "type") made_.reply = wire::simple(type_name(held));
        if (name.find("expire") != name.npos) made_.reply = wire::integer(held ? 1 : 0);
        if (name == "persist") made_.reply = wire::integer(0);
        if (name.ends_with("ttl")) made_.reply = wire::integer(held ? -1 : -2);
    }

    model_store& store_;
    bool resp3_;
    model_outcome made_;
};

}  // namespace umbel::testing

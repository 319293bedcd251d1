// model_streams.hpp: streams of a model node and the groups that read them, and the commands that work on
// them, as redis-server 7 answers them. It knows no slots, no connections and no other node.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_store.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::testing {

/// The id of an entry of a stream.
struct model_stream_id {
    std::uint64_t milliseconds = 0;
    std::uint64_t number = 0;

    friend auto operator<=>(model_stream_id const&, model_stream_id const&) = default;
    std::string text() const { return std::to_string(milliseconds) + "-" + std::to_string(number); }
    /// "5-1", or "5" with `number` behind it; "-" and "+" are the first id and the last.
    static model_stream_id read(std::string_view text, std::uint64_t number = 0) {
        constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
        if (text == "-") return {};
        if (text == "+") return {most, most};
        model_stream_id made{0, number};
        char const* const end = text.data() + text.size();
        auto const [dash, code] = std::from_chars(text.data(), end, made.milliseconds);
        if (code == std::errc{} && dash != end) std::from_chars(dash + 1, end, made.number);
        return made;
    }
};

/// An entry that was delivered, and is not acknowledged.
struct model_pending {
    std::string consumer;
    engine::instant since{0};  ///< When it was delivered last.
};

/// A group of consumers. Rule: Redis Streams, "Consumer groups".
struct model_group {
    model_stream_id delivered{};  ///< The last entry that any consumer was given.
    std::map<model_stream_id, model_pending> pending{};
};

/// A stream. Copies share the fields of entries, which never change.
struct model_stream {
    std::map<model_stream_id, std::shared_ptr<model_words const>> entries{};
    std::map<std::string, model_group, std::less<>> groups{};
    model_stream_id last{};

    model_group const* find_group(std::string_view name) const {
        auto const at = groups.find(name);
        return at == groups.end() ? nullptr : &at->second;
    }
};

/// The words of XREADGROUP, apart. Precondition: keys_in() finds its keys.
struct model_group_read {
    std::string const& group;
    std::string const& consumer;
    std::size_t count = std::numeric_limits<std::size_t>::max();
    std::optional<engine::duration> block{};  ///< Zero: for ever.
    std::vector<std::size_t> keys{};

    explicit model_group_read(model_words const& words)
        : group{words[2]}, consumer{words[3]}, keys{keys_in(*find_model_command("xreadgroup"), words)} {
        std::size_t const end = keys.empty() ? words.size() : keys.front();
        for (std::size_t at = 4; at + 1 < end; ++at) {
            auto const number = std::strtoull(words[at + 1].c_str(), nullptr, 10);
            if (same_word(words[at], "count")) count = number;
            if (same_word(words[at], "block")) block = std::chrono::milliseconds{number};
        }
    }
    std::string const& id(model_words const& words, std::size_t key) const {
        return words[key + keys.size()];
    }
    /// True where the server has something to say: entries, or that there is no such stream or group.
    bool has_come(model_store const& store, model_words const& words) const {
        return std::any_of(keys.begin(), keys.end(), [&](std::size_t key) {
            auto const held = store.find(words[key]);
            if (held == store.end() || !held->second.stream || id(words, key) != ">") return true;
            model_group const* const known = held->second.stream->find_group(group);
            if (!known) return true;
            auto const& entries = held->second.stream->entries;
            return entries.upper_bound(known->delivered) != entries.end();
        });
    }
};

/// Runs the commands of streams on a store.
class stream_executor {
public:
    stream_executor(model_store& store, bool resp3, engine::instant now)
        : store_{store}, resp3_{resp3}, now_{now} {}

    /// An empty reply says that the client must wait. Precondition: the command is one of streams, and its
    /// arity is right.
    model_outcome run(model_command const& which, model_words const& words) {
        made_ = {};
        for (std::size_t const key : keys_in(which, words)) {
            auto const held = store_.find(words[key]);
            if (held != store_.end() && !held->second.stream) return {wire::error(wrong_type), {}};
        }
        std::string_view const name = which.name;
        if (name == "xadd") add(words);
        if (name == "xdel") remove(words);
        if (name == "xlen") made_.reply = wire::integer(ssize(words[1]));
        if (name == "xrange") range(words);
        if (name == "xgroup") make_group(words);
        if (name == "xreadgroup") read(words);
        if (name == "xack") acknowledge(words);
        if (name == "xautoclaim") claim(words);
        return std::move(made_);
    }

private:
    static constexpr std::string_view no_group = "NOGROUP No such key '";

    model_stream const* find(std::string_view key) const {
        auto const at = store_.find(key);
        return at == store_.end() ? nullptr : at->second.stream.get();
    }
    /// The stream, which is shared with copies of the store, as one of its own that may change.
    model_stream& change(std::string const& key) {
        made_.changed.push_back(key);
        model_value& value = store_[key];
        auto own =
            value.stream ? std::make_shared<model_stream>(*value.stream) : std::make_shared<model_stream>();
        model_stream& changed = *own;
        value.stream = std::move(own);
        return changed;
    }
    std::int64_t ssize(std::string_view key) const {
        model_stream const* const held = find(key);
        return held ? static_cast<std::int64_t>(held->entries.size()) : 0;
    }
    std::string nothing() const { return resp3_ ? "_\r\n" : "*-1\r\n"; }
    std::string entry(model_stream const& from, model_stream_id id) const {
        std::string text = wire::array(2) + wire::bulk(id.text());
        auto const at = from.entries.find(id);
        if (at == from.entries.end()) return text + nothing();
        text += wire::array(at->second->size());
        for (std::string const& word : *at->second) text += wire::bulk(word);
        return text;
    }

    void add(model_words const& words) {
        std::size_t const at = same_word(words[2], "nomkstream") ? 3 : 2;
        if (at == 3 && !find(words[1])) return void(made_.reply = wire::null(resp3_));
        if (words.size() < at + 3 || (words.size() - at) % 2 == 0)
            return void(made_.reply = wire::error("ERR wrong number of arguments for 'xadd' command"));
        model_stream_id const last = find(words[1]) ? find(words[1])->last : model_stream_id{};
        auto const clock =
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now_).count());
        model_stream_id id = words[at] != "*" ? model_stream_id::read(words[at])
                             : clock > last.milliseconds
                                 ? model_stream_id{clock, 0}
                                 : model_stream_id{last.milliseconds, last.number + 1};
        if (id <= last)
            return void(made_.reply = wire::error("ERR The ID specified in XADD is equal or smaller than the "
                                                  "target stream top item"));
        model_stream& held = change(words[1]);
        auto const first = words.begin() + static_cast<std::ptrdiff_t>(at) + 1;
        held.entries.emplace(id, std::make_shared<model_words const>(first, words.end()));
        held.last = id;
        made_.reply = wire::bulk(id.text());
    }
    void remove(model_words const& words) {
        std::int64_t count = 0;
        model_stream const* const held = find(words[1]);
        for (std::size_t at = 2; held && at < words.size(); ++at)
            count += held->entries.contains(model_stream_id::read(words[at])) ? 1 : 0;
        made_.reply = wire::integer(count);
        if (count == 0) return;
        model_stream& changed = change(words[1]);
        for (std::size_t at = 2; at < words.size(); ++at)
            changed.entries.erase(model_stream_id::read(words[at]));
    }
    void range(model_words const& words) {
        model_stream const* const held = find(words[1]);
        model_stream_id const last = model_stream_id::read(words[3], ~std::uint64_t{0});
        std::string texts;
        std::size_t count = 0;
        std::size_t const most = words.size() == 6 ? std::strtoull(words[5].c_str(), nullptr, 10)
                                                   : std::numeric_limits<std::size_t>::max();
        if (held)
            for (auto at = held->entries.lower_bound(model_stream_id::read(words[2]));
                 at != held->entries.end() && at->first <= last && count < most; ++at, ++count)
                texts += entry(*held, at->first);
        made_.reply = wire::array(count) + texts;
    }

    // ---- Groups ---------------------------------------------------------------------------------

    /// XGROUP CREATE.
    void make_group(model_words const& words) {
        bool const makes = words.size() == 6 && same_word(words[5], "mkstream");
        if (!same_word(words[1], "create") || words.size() < 5 || (words.size() > 5 && !makes))
            return void(made_.reply = wire::error("ERR the model makes groups, and knows no other XGROUP"));
        model_stream const* const held = find(words[2]);
        if (!held && !makes)
            return void(made_.reply = wire::error(
                            "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                            "may want to use the MKSTREAM option to create an empty stream automatically."));
        if (held && held->find_group(words[3]))
            return void(made_.reply = wire::error("BUSYGROUP Consumer Group name already exists"));
        model_stream& changed = change(words[2]);
        changed.groups[words[3]].delivered = words[4] == "$" ? changed.last : model_stream_id::read(words[4]);
        made_.reply = wire::simple("OK");
    }
    void read(model_words const& words) {
        model_group_read const asked{words};
        for (std::size_t const key : asked.keys)
            if (!find(words[key]) || !find(words[key])->find_group(asked.group))
                return void(made_.reply =
                                wire::error(std::string{no_group} + words[key] + "' or consumer group '" +
                                            asked.group + "' in XREADGROUP with GROUP option"));
        std::string texts;
        std::size_t streams = 0;
        for (std::size_t const key : asked.keys) {
            std::string const& id = asked.id(words, key);
            std::string const told = id == ">" ? deliver(words[key], asked) : list(words[key], asked, id);
            if (told.empty()) continue;
            ++streams;
            texts += (resp3_ ? std::string{} : wire::array(2)) + wire::bulk(words[key]) + told;
        }
        if (streams == 0 && asked.block) return;
        made_.reply =
            streams == 0 ? nothing() : (resp3_ ? wire::map(streams, true) : wire::array(streams)) + texts;
    }
    /// What no consumer was given yet; nothing where there is none.
    std::string deliver(std::string const& key, model_group_read const& asked) {
        model_stream const& before = *find(key);
        auto at = before.entries.upper_bound(before.find_group(asked.group)->delivered);
        if (at == before.entries.end()) return {};
        model_stream& held = change(key);
        model_group& group = held.groups.find(asked.group)->second;
        std::string texts;
        std::size_t count = 0;
        for (at = held.entries.upper_bound(group.delivered); at != held.entries.end() && count < asked.count;
             ++at, ++count) {
            group.pending[at->first] = {asked.consumer, now_};
            group.delivered = at->first;
            texts += entry(held, at->first);
        }
        return wire::array(count) + texts;
    }
    /// What pends for the consumer behind an id. It counts as delivered anew.
    std::string list(std::string const& key, model_group_read const& asked, std::string const& after) {
        auto const& pending = find(key)->find_group(asked.group)->pending;
        std::vector<model_stream_id> ids;
        for (auto at = pending.upper_bound(model_stream_id::read(after));
             at != pending.end() && ids.size() < asked.count; ++at)
            if (at->second.consumer == asked.consumer) ids.push_back(at->first);
        std::string texts = wire::array(ids.size());
        if (ids.empty()) return texts;
        model_stream& held = change(key);
        for (model_stream_id const id : ids) {
            held.groups.find(asked.group)->second.pending[id].since = now_;
            texts += entry(held, id);
        }
        return texts;
    }
    void acknowledge(model_words const& words) {
        model_stream const* const held = find(words[1]);
        model_group const* const known = held ? held->find_group(words[2]) : nullptr;
        std::int64_t count = 0;
        for (std::size_t at = 3; known && at < words.size(); ++at)
            count += known->pending.contains(model_stream_id::read(words[at])) ? 1 : 0;
        made_.reply = wire::integer(count);
        if (count == 0) return;
        model_group& group = change(words[1]).groups.find(words[2])->second;
        for (std::size_t at = 3; at < words.size(); ++at)
            group.pending.erase(model_stream_id::read(words[at]));
    }
    /// XAUTOCLAIM key group consumer min-idle start [COUNT n].
    void claim(model_words const& words) {
        model_stream const* const before = find(words[1]);
        if (!before || !before->find_group(words[2]))
            return void(made_.reply = wire::error(std::string{no_group} + words[1] + "' or consumer group '" +
                                                  words[2] + "'"));
        std::size_t const count = words.size() == 8 ? std::strtoull(words[7].c_str(), nullptr, 10) : 100;
        engine::duration const idle = std::chrono::milliseconds{std::atoll(words[4].c_str())};
        model_stream& held = change(words[1]);
        auto& pending = held.groups.find(words[2])->second.pending;
        std::string texts, deleted;
        std::size_t claimed = 0, gone = 0;
        auto at = pending.lower_bound(model_stream_id::read(words[5]));
        for (std::size_t tries = count * 10; at != pending.end() && tries != 0 && claimed + gone < count;
             --tries) {
            if (!held.entries.contains(at->first)) {
                deleted += wire::bulk(at->first.text());
                at = pending.erase(at);
                ++gone;
                continue;
            }
            if (now_ - at->second.since >= idle) {
                at->second = {words[3], now_};
                texts += entry(held, at->first);
                ++claimed;
            }
            ++at;
        }
        if (claimed + gone == 0) made_.changed.clear();
        std::string const cursor = at == pending.end() ? std::string{"0-0"} : at->first.text();
        made_.reply =
            wire::array(3) + wire::bulk(cursor) + wire::array(claimed) + texts + wire::array(gone) + deleted;
    }

    model_store& store_;
    bool resp3_;
    engine::instant now_;
    model_outcome made_;
};

}  // namespace umbel::testing

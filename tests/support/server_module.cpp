// server_module.cpp: a module of Redis and Valkey with commands like those of the modules that people use: a
// key that does not come first, keys in two places, many keys in any slots, no key at all. It is loaded into
// real servers, for tests of how a client learns such commands. It knows nothing of umbel.
//
// The servers' header is not needed: what is used of it is declared here.
// Rule: Redis documentation, "Modules API reference".
#include <cstddef>
#include <cstdint>

namespace {

struct context;
struct string;
struct command;
struct call_reply;
using handler = int (*)(context*, string**, int);

struct key_specification {
    char const* notes;
    std::uint64_t flags;
    int begin_search;  ///< 2: at an index; 3: behind a keyword.
    union begin {
        struct {
            int at;
        } index;
        struct {
            char const* keyword;
            int from;
        } word;
    } begin;
    int find_keys;  ///< 2: a range; 3: counted.
    struct {
        int first;   ///< The last key; or where their number stands.
        int second;  ///< The step; or where they begin.
        int third;   ///< The limit; or the step.
    } find;
};
struct info_version {
    int version;
    std::size_t history_bytes;
    std::size_t key_specification_bytes;
    std::size_t argument_bytes;
};
struct command_info {
    info_version const* version;
    char const* summary;
    char const* complexity;
    char const* since;
    void* history;
    char const* tips;
    int arity;
    key_specification* keys;
    void* arguments;
};
constexpr info_version version{1, 2 * sizeof(char const*), sizeof(key_specification), 72};
constexpr std::uint64_t reads = 1 | 1 << 4;
constexpr std::uint64_t writes = 2 | 1 << 5;

int (*create_command)(context*, char const*, handler, char const*, int, int, int);
command* (*get_command)(context*, char const*);
int (*set_command_info)(command*, command_info const*);
int (*set_attributes)(context*, char const*, int, int);
call_reply* (*call)(context*, char const*, char const*, ...);
int (*reply_with)(context*, call_reply*);
void (*free_reply)(call_reply*);
int (*replicate)(context*);
int (*wrong_arity)(context*);

int answer(context* where, call_reply* reply, bool written) {
    if (!reply) return wrong_arity(where);
    reply_with(where, reply);
    free_reply(reply);
    return written ? replicate(where) : 0;
}

// TOY.PUT value key
int put(context* where, string** words, int count) {
    if (count != 3) return wrong_arity(where);
    return answer(where, call(where, "SET", "ss", words[2], words[1]), true);
}
// TOY.READ label key
int read(context* where, string** words, int count) {
    if (count != 3) return wrong_arity(where);
    return answer(where, call(where, "GET", "s", words[2]), false);
}
// TOY.MREAD key [key …] label
int read_many(context* where, string** words, int count) {
    if (count < 3) return wrong_arity(where);
    return answer(where, call(where, "MGET", "v", words + 1, static_cast<std::size_t>(count - 2)), false);
}
// TOY.DROP key [key …]
int drop(context* where, string** words, int count) {
    if (count < 2) return wrong_arity(where);
    return answer(where, call(where, "DEL", "v", words + 1, static_cast<std::size_t>(count - 1)), true);
}
// TOY.MERGE destination FROM number source [source …]
int merge(context* where, string** words, int count) {
    if (count < 5) return wrong_arity(where);
    call_reply* const reply =
        call(where, "PFMERGE", "sv", words[1], words + 4, static_cast<std::size_t>(count - 4));
    return answer(where, reply, true);
}
// TOY.SIZE
int size(context* where, string**, int count) {
    if (count != 1) return wrong_arity(where);
    return answer(where, call(where, "DBSIZE", ""), false);
}

key_specification at(int first, int last, std::uint64_t flags) {
    return {nullptr, flags, 2, {.index = {first}}, 2, {last, 1, 0}};
}

bool add(context* where, char const* name, handler run, char const* flags, key_specification* keys,
         char const* tips) {
    if (create_command(where, name, run, flags, 0, 0, 0) != 0) return false;
    command_info const info{&version, nullptr, nullptr, nullptr, nullptr, tips, -1, keys, nullptr};
    return set_command_info(get_command(where, name), &info) == 0;
}

}  // namespace

extern "C" int RedisModule_OnLoad(void* given, void**, int) {
    using get_function = int (*)(char const*, void*);
    auto const get = reinterpret_cast<get_function>(*static_cast<void**>(given));
    auto* const where = static_cast<context*>(given);
    get("RedisModule_CreateCommand", &create_command);
    get("RedisModule_GetCommand", &get_command);
    get("RedisModule_SetCommandInfo", &set_command_info);
    get("RedisModule_SetModuleAttribs", &set_attributes);
    get("RedisModule_Call", &call);
    get("RedisModule_ReplyWithCallReply", &reply_with);
    get("RedisModule_FreeCallReply", &free_reply);
    get("RedisModule_ReplicateVerbatim", &replicate);
    get("RedisModule_WrongArity", &wrong_arity);
    if (!set_command_info) return 1;  // Before Redis 7.
    set_attributes(where, "toy", 1, 1);
    key_specification second_written[]{at(2, 0, writes), {}};
    key_specification second_read[]{at(2, 0, reads), {}};
    key_specification all_but_last[]{at(1, -2, reads), {}};
    key_specification all[]{at(1, -1, writes), {}};
    key_specification merged[]{
        at(1, 0, writes), {nullptr, reads, 3, {.word = {"FROM", 2}}, 3, {0, 1, 1}}, {}};
    bool const good =
        add(where, "toy.put", &put, "write deny-oom", second_written, nullptr) &&
        add(where, "toy.read", &read, "readonly fast", second_read, nullptr) &&
        add(where, "toy.mread", &read_many, "readonly", all_but_last, "request_policy:multi_shard") &&
        add(where, "toy.drop", &drop, "write", all, "request_policy:multi_shard response_policy:agg_sum") &&
        add(where, "toy.merge", &merge, "write deny-oom", merged, nullptr) &&
        add(where, "toy.size", &size, "readonly", nullptr,
            "request_policy:all_shards response_policy:agg_sum");
    return good ? 0 : 1;
}

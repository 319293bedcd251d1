// encode_prefixed.hpp: how commands are encoded for a client whose keys have a prefix: what stands behind
// calling::encoding::prefixed. It sends nothing.
#pragma once

#include <umbel/client/encode_call.hpp>
#include <umbel/client/encode_transaction.hpp>
#include <umbel/client/encoded_words.hpp>

#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

/// Notes in a call that the keys of its reply have a prefix, too.
inline void mark_prefixed(async::pooled_call& call, site const& site) noexcept {
    static_assert(command::key_prefix::bytes_max <= 0xff);
    call.flags = call.flags | cluster::command_flags::prefixed;
    call.prefix_bytes = static_cast<std::uint8_t>(site.prefix.size());
}

/// What a command needs whose keys get a prefix.
inline command::measured measure_prefixed(std::span<command::argument const> words,
                                          command::key_prefix const& prefix) noexcept {
    command::measured need = command::measure(words);
    for (command::argument const& argument : words) {
        if (!argument.is_key()) continue;
        need.bytes += prefix.size();
        need.longest = std::max(need.longest, prefix.size() + argument.size());
    }
    return need;
}

/// Encodes behind so many bytes that are left as they are.
inline bool encode_prefixed_behind(async::pooled_call& call, site const& site,
                                   command::command_spec const& name,
                                   std::span<command::argument const> words, std::size_t behind) {
    mark_prefixed(call, site);
    return encode_measured(call, name, words, site.argument_bytes_max, measure_prefixed(words, site.prefix),
                           behind, site.prefix);
}
/// Behind encoding::encode.
inline bool encode_prefixed(async::pooled_call& call, site const& site, command::command_spec const& name,
                            std::span<command::argument const> words) {
    return encode_prefixed_behind(call, site, name, words, 0);
}
/// Behind encoding::too_long.
inline error too_long_prefixed(std::span<command::argument const> words, site const& site) noexcept {
    std::size_t const longest = measure_prefixed(words, site.prefix).longest;
    if (longest > site.argument_bytes_max) return longer_than_allowed(longest, site.argument_bytes_max);
    return error{errc::bad_argument, delivery::not_sent, "the command is longer than 4 GiB"};
}

/// Behind encoding::take_keyed.
inline async::pooled_call* take_keyed_prefixed(site const& site, command::command_spec const& name,
                                               std::string_view key) noexcept {
    char whole[command::short_key_max];
    std::string_view const prefix = site.prefix.text();
    if (prefix.size() + key.size() > sizeof whole) return nullptr;
    std::memcpy(whole, prefix.data(), prefix.size());
    resp::copy_text(whole + prefix.size(), key.data(), key.size());
    async::pooled_call* const call = take_keyed(site, name, {whole, prefix.size() + key.size()});
    if (call) mark_prefixed(*call, site);
    return call;
}

/// Behind encoding::make.
inline async::pooled_call& make_prefixed(site const& site, command::command_spec const& name,
                                         std::span<command::argument const> words,
                                         cluster::command_flags flags, command::refusal refusal,
                                         value_kind const& value) {
    return make_with(site, value, [&](async::pooled_call& call) -> result<void> {
        prepare(call, site, flags);
        if (refusal) return fail(refusal.code, delivery::not_sent, std::string_view{refusal.message});
        if (!encode_prefixed(call, site, name, words))
            return tl::unexpected<error>{too_long_prefixed(words, site)};
        return {};
    });
}
/// Behind encoding::make_keyed.
inline async::pooled_call& make_keyed_prefixed(site const& site, command::command_spec const& name,
                                               std::string_view key, value_kind const& value) {
    command::argument const word{umbel::key{key}};
    return make_prefixed(site, name, {&word, 1}, name.flags(), {}, value);
}

/// The keys of a command that get the prefix. Errors: those of keys_of(); bad_argument where there may be
/// more keys than are known, because these would go without it.
inline result<command::key_positions> keys_to_prefix(command::command_traits const* traits,
                                                     std::span<std::string_view const> words) {
    if (traits && traits->has(command::command_flag::untold_keys))
        return fail(errc::bad_argument, delivery::not_sent,
                    std::string{traits->name} +
                        " may have keys that no server tells of, and they would get no prefix: mark all of "
                        "its keys by umbel::key, outside of batches and transactions");
    return command::keys_of(traits, words, command::unknown_command::first_argument_is_key);
}
/// The words of a command as arguments, with its keys marked: as the caller has marked them, else as its row
/// says. Shard channels and cursors are no keys. Errors: those of keys_to_prefix(); throws std::bad_alloc.
inline result<std::vector<command::argument>> mark_keys(command::command_traits const* traits,
                                                        std::span<std::string_view const> words,
                                                        std::span<bool const> marked_keys) {
    std::vector<command::argument> all(words.begin(), words.end());
    if (!marked_keys.empty()) {
        for (std::size_t at = 0; at < words.size(); ++at)
            if (marked_keys[at]) all[at] = command::argument{umbel::key{words[at]}};
        return all;
    }
    auto const keys = keys_to_prefix(traits, words);
    if (!keys) return tl::unexpected<error>{keys.error()};
    for (std::size_t nth = 0; !keys->channels && nth < keys->size(); ++nth)
        all[(*keys)[nth]] = command::argument{umbel::key{words[(*keys)[nth]]}};
    return all;
}

/// What is said of a command that goes where its caller has chosen, so that nobody asks what it is: an
/// argument that is guessed to be a key would make it another key.
inline std::string unlearned_with_prefix(std::string_view name, std::string_view cure) {
    return (command::detail::quoted(name) +
            " is not learned yet, and which of its arguments get the prefix is not known: ")
        .append(cure);
}
/// True for a command with arguments, none of them marked, whose keys might have been learned, but which goes
/// where its caller has chosen.
inline bool goes_unlearned(site const& site, command::command_traits const* traits,
                           std::span<std::string_view const> words, bool chosen) noexcept {
    return chosen && !traits && site.learns && words.size() > 1;
}
/// Encodes a command given word by word. Errors (as a value): bad_argument, needs_lease.
inline result<void> encode_words_prefixed(async::pooled_call& call, site const& site,
                                          command::command_traits const* traits,
                                          std::span<std::string_view const> words,
                                          std::span<bool const> marked_keys, unlearned how) {
    result<routed_words> found = route_words(site, traits, words, !marked_keys.empty(), how);
    if (!found) return tl::unexpected<error>{std::move(found.error())};
    bool const chosen = how == unlearned::guessed || site.options.lease;
    if (marked_keys.empty() && goes_unlearned(site, traits, words, chosen))
        return fail(
            errc::bad_argument, delivery::not_sent,
            unlearned_with_prefix(words[0], "mark its keys by umbel::key, or call it on the client first"));
    auto const all = mark_keys(traits, words, marked_keys);
    if (!all) return tl::unexpected<error>{all.error()};
    command::measured const need = measure_prefixed(*all, site.prefix);
    if (need.longest > site.argument_bytes_max || need.bytes > 0xffffffffu)
        return tl::unexpected<error>{too_long_prefixed(*all, site)};
    char* const at = call.reserve(need.bytes);
    char* const to = resp::put_array_header(at, words.size());
    command::encoded const made =
        command::encode_arguments(at, to, *all, [](std::size_t, std::string_view) {}, site.prefix);
    call.bytes = at;
    call.size = static_cast<std::uint32_t>(made.end - at);
    call.flags = found->flags;
    mark_prefixed(call, site);
    // What has a slot without a key is a channel or a cursor, which keeps it.
    call.slot = made.slot.is_any() ? found->slot : made.slot;
    if (made.slot.is_several())
        mark_several_slots(call, command::cross_slot_message(made.first_key, made.other_key));
    if (found->slot.is_several() && found->several.empty()) call.slot = found->slot;  // It is unlearned.
    return {};
}
inline async::pooled_call& make_words_prefixed_as(site const& site, command::command_traits const* traits,
                                                  std::span<std::string_view const> words,
                                                  std::span<bool const> marked_keys, value_kind const& value,
                                                  unlearned how) {
    return make_with(site, value, [&](async::pooled_call& call) {
        prepare(call, site, cluster::command_flags::none);
        return encode_words_prefixed(call, site, traits, words, marked_keys, how);
    });
}
/// Behind encoding::make_words.
inline async::pooled_call& make_words_prefixed(site const& site, std::span<std::string_view const> words,
                                               std::span<bool const> marked_keys, value_kind const& value) {
    return make_words_prefixed_as(site, row_of(site, words), words, marked_keys, value, unlearned::guessed);
}

/// Behind encoding::check_bare: as check_bare(), and the keys get the prefix. Errors: bad_argument where the
/// caller has marked keys in a command that the table does not have: where they stand is forgotten; or has
/// marked none, and the command goes to a lease before it is learned; and those of keys_to_prefix().
inline result<void> check_bare_prefixed(encoded_command& command, site const& site) {
    bool const marked = command.marks_keys();
    command::command_traits const* traits = nullptr;
    bool const by_words = command.by_words();
    if (result<void> good = check_bare_as(command, site, traits); !good) return good;
    if (command.has_prefix() || (command.slot().is_several() && command.several_code() != errc::cross_slot))
        return {};
    UMBEL_TRY {
        std::vector<command::argument> words = encoded_words{command.bytes(), command.borrowed()}.read();
        std::vector<std::string_view> texts;
        for (command::argument const& word : words) texts.push_back(word.text());
        if (!by_words) traits = row_of(site, texts);
        if (by_words && !marked && goes_unlearned(site, traits, texts, !!site.options.lease))
            return fail(errc::bad_argument, delivery::not_sent,
                        unlearned_with_prefix(texts[0], "call it on the client first"));
        auto const keys = keys_to_prefix(traits, texts);
        if (!keys) return tl::unexpected<error>{keys.error()};
        if (keys->unknown && marked)
            return fail(errc::bad_argument, delivery::not_sent,
                        "keys marked in a command that the table does not have get no prefix");
        for (std::size_t nth = 0; !keys->channels && nth < keys->size(); ++nth)
            words[(*keys)[nth]] = command::argument{umbel::key{texts[(*keys)[nth]]}};
        encoded_command with_prefix{words, site.prefix, command.flags()};
        if (with_prefix.slot().is_any()) with_prefix.found(command.slot(), with_prefix.flags());
        with_prefix.names(command.named());
        if (command.is_for_one_node()) with_prefix.send_to_one_node();
        command = std::move(with_prefix);
    }
    UMBEL_CATCH(std::bad_alloc const&) {
        return fail(errc::no_memory, delivery::not_sent);
    }
    return check_bare(command, site);
}

/// Behind encoding::make_transaction.
inline async::pooled_call& make_transaction_prefixed(site const& site,
                                                     std::span<encoded_command* const> commands, bool watches,
                                                     value_kind const& value) {
    async::pooled_call& call = make_transaction(site, commands, watches, value);
    mark_prefixed(call, site);
    return call;
}

}  // namespace umbel::calling

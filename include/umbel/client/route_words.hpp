// route_words.hpp: what is known of a command given word by word: its row, its flags and its slot, or why it
// must not be sent. It encodes nothing.
#pragma once

#include <umbel/async/held_lease.hpp>
#include <umbel/client/audience_of.hpp>
#include <umbel/client/learned_commands.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/command/keys_of.hpp>
#include <umbel/command/lease_cure.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// The row of a command given by its words: the table's, or one that the client has learned; else null.
inline command::command_traits const* row_of(site const& site,
                                             std::span<std::string_view const> words) noexcept {
    command::command_traits const* const traits = command::find_command(words);
    if (!traits) [[unlikely]]
        return learned_row(site.owner, site.generation, words);
    return traits;
}

/// The row of an encoded command.
inline command::command_traits const* row_of_encoded(site const& site, std::string_view bytes) noexcept {
    auto const words = first_words(bytes.substr(bytes.find('\n') + 1));
    return row_of(site, std::span{words}.first(words[1].empty() ? 1 : 2));
}

/// What the command table knows of a command given word by word.
struct routed_words {
    cluster::command_flags flags{};
    cluster::slot_target slot;
    std::string several{};  ///< What to say where the keys lie in several slots.
};

/// True when the command may not go where it is meant to go: `lease` is the one that its caller holds, or
/// null.
inline bool lacks_lease(command::command_traits const* traits, std::span<std::string_view const> words,
                        async::held_lease* lease) noexcept {
    if (!(traits ? command::needs_lease(*traits, words) : command::needs_lease(words))) return false;
    command::lease_use const use = traits ? command::lease_use_of(traits->name) : command::lease_use::changes;
    if (!lease || use != command::lease_use::changes) return true;
    lease->changed.store(true, std::memory_order_relaxed);
    return false;
}

/// What becomes of a command that nothing is known of.
enum class unlearned : std::uint8_t {
    guessed,   ///< Its first argument is taken for its only key.
    reported,  ///< It has several slots, without a word of what they are.
};

/// Finds flags and slot of a command. `traits`: by row_of(), looked up once for all that encoding it takes:
/// another thread may learn it meanwhile. `marked`: the caller has marked the keys, so the slot is not looked
/// for. Errors (as a value): bad_argument, needs_lease.
inline result<routed_words> route_words(site const& site, command::command_traits const* traits,
                                        std::span<std::string_view const> words, bool marked,
                                        unlearned how = unlearned::guessed) {
    if (!words.empty() && words.front().empty())
        return fail(errc::bad_argument, delivery::not_sent, "the command has no name");
    result<command::route> routed =
        command::route_of(traits, words, command::unknown_command::first_argument_is_key);
    bool const several = !routed && routed.error().code() == errc::cross_slot;
    if (!routed && !several && !marked) return tl::unexpected<error>{routed.error()};
    if (lacks_lease(traits, words, site.options.lease)) [[unlikely]]
        return fail(errc::needs_lease, delivery::not_sent, command::needs_lease_message(traits, words));
    using cluster::command_flags;
    routed_words found;
    if (!traits) {
        found.flags = command_flags::foreign;
        if (how == unlearned::reported && site.learns) {
            found.slot = cluster::slot_target::several();
            return found;
        }
    } else {
        // What a module's error says of its execution only the module knows.
        if (traits->has(command::command_flag::learned)) found.flags = command_flags::foreign;
        if (traits->read_only()) found.flags = found.flags | command_flags::read_only;
        if (command::is_idempotent(*traits, words)) found.flags = found.flags | command_flags::idempotent;
        if (traits->scripted()) found.flags = found.flags | command_flags::scripted;
    }
    if (marked) return found;
    if (several) {
        found.slot = cluster::slot_target::several();
        found.several.assign(routed.error().message());
    } else if (routed->slot) {
        found.slot = *routed->slot;
    }
    return found;
}

}  // namespace umbel::calling

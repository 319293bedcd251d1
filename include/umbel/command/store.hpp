// store.hpp: when a command that stores a result may run twice. It knows no command.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/command/word_list.hpp>

namespace umbel::command {

/// The flags of a command that stores into its first argument what it reads from others: running it twice
/// does no harm unless the destination is one of the sources. An option that is spelled like the destination
/// counts as a source, as in is_idempotent().
inline cluster::command_flags store_flags(word_list const& list) noexcept {
    auto const destination = list.words().front().text();
    for (argument const& source : list.words().subspan(1))
        if (source.text() == destination) return cluster::command_flags::none;
    return cluster::command_flags::idempotent;
}

}  // namespace umbel::command

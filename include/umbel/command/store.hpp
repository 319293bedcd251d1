// store.hpp: when a command that stores a result may run twice. It knows no command.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>

#include <cstddef>

namespace umbel::command {

/// The flags of a command that stores into its argument `at`, the first one unless told, what it reads from
/// those behind: running it twice does no harm unless the destination is one of the sources. An option that
/// is spelled like the destination counts as a source, as in is_idempotent(). Precondition: at < list.size().
inline cluster::command_flags store_flags(word_list const& list, std::size_t at = 0) noexcept {
    UMBEL_ASSERT(at < list.size());
    auto const destination = list.words()[at].text();
    for (argument const& source : list.words().subspan(at + 1))
        if (source.text() == destination) return cluster::command_flags::none;
    return cluster::command_flags::idempotent;
}

}  // namespace umbel::command

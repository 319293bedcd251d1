// family.hpp: what every family of typed commands needs of whoever submits them. A family is a class template
// over `Self`, who derives from it: it has one declaration a command, and nothing else. It knows no
// connection.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/word_list.hpp>

namespace umbel::command {

/// Who submits the commands of a family.
template <template <class> class Family, class Self>
Self const& self_of(Family<Self> const& family) noexcept {
    return static_cast<Self const&>(family);
}

/// Submits one command of a family whose reply is read as `Reply`: the body of nearly every typed command.
template <class Reply, template <class> class Family, class Self, class... Arguments>
auto run(Family<Self> const& family, command_spec const& name, Arguments const&... values) {
    return submit_to<Reply>(static_cast<Self const&>(family), name, values...);
}
/// The same for a command whose arguments are listed; `flags` where they depend on the arguments.
template <class Reply, template <class> class Family, class Self>
auto run(Family<Self> const& family, command_spec const& name, word_list const& words,
         cluster::command_flags flags) {
    return self_of(family).submit(invocation<Reply>{name, words.words(), flags, words.refusal()});
}
template <class Reply, template <class> class Family, class Self>
auto run(Family<Self> const& family, command_spec const& name, word_list const& words) {
    return run<Reply>(family, name, words, name.flags());
}

/// Submits a command that concerns servers rather than keys.
template <class Reply, template <class> class Family, class Self>
auto run_on_servers(Family<Self> const& family, command_spec const& name, word_list const& words,
                    cluster::command_flags flags) {
    server_invocation<Reply> const made{{name, words.words(), flags, words.refusal()}};
    if constexpr (requires { self_of(family).submit(made); }) {
        return self_of(family).submit(made);
    } else {
        return self_of(family).submit(static_cast<invocation<Reply> const&>(made));
    }
}
template <class Reply, template <class> class Family, class Self, word... Words>
auto run_on_servers(Family<Self> const& family, command_spec const& name, Words const&... words) {
    return run_on_servers<Reply>(family, name, word_list{words...}, name.flags());
}

/// The flags of a command that writes, where its options decide whether it may run twice.
constexpr cluster::command_flags idempotent_if(bool harmless) noexcept {
    return harmless ? cluster::command_flags::idempotent : cluster::command_flags::none;
}

}  // namespace umbel::command

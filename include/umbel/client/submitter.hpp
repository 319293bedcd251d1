// submitter.hpp: how a typed command of any family becomes an operation of a client. It joins a command's
// reply type to an untyped call; which commands there are it does not know.
#pragma once

#include <umbel/client/make_operation.hpp>

#include <span>
#include <string_view>
#include <type_traits>

namespace umbel::calling {

/// Submits the commands of `Self`, which derives from this and has a site(). `Result<Value>` is what an
/// operation gives for a command whose reply is read as `Value`.
template <class Self, template <class> class Result = std::type_identity_t>
class submitter {
public:
    template <decodable Value>
    operation<Result<Value>> submit(command::invocation<Value> const& command) const {
        return calling::submit<Result<Value>>(
            site(),
            command::invocation<Result<Value>>{command.name, command.words, command.flags, command.refusal});
    }
    template <decodable Value>
    operation<Result<Value>> submit(command::key_invocation<Value> const& command) const {
        return calling::submit<Result<Value>>(
            site(), command::key_invocation<Result<Value>>{command.name, command.key});
    }
    template <decodable Value>
    operation<Result<Value>> submit(std::span<std::string_view const> words,
                                    std::span<bool const> marked_keys) const {
        return calling::submit<Result<Value>>(site(), words, marked_keys);
    }

private:
    calling::site const& site() const noexcept { return static_cast<Self const&>(*this).site(); }
};

}  // namespace umbel::calling

// recorder.hpp: submits commands to nowhere, and shows which bytes, flags and type of reply each would have.
#pragma once

#include <umbel/command/encode.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel::test {

/// A command as it would be sent. Its words are shown with a blank between.
template <class Reply>
struct recorded {
    using reply_type = Reply;
    std::string words;
    cluster::command_flags flags;
    cluster::slot_target slot;
};

/// Takes commands of the families `Commands`.
template <template <class> class... Commands>
class recorder : public Commands<recorder<Commands...>>... {
public:
    template <class Reply>
    recorded<Reply> submit(command::invocation<Reply> const& call) const {
        std::string bytes(command::measure(call.words).bytes, '\0');
        auto const outcome =
            command::encode(bytes.data(), call.name, call.words, [](std::size_t, std::string_view) {});
        return {words_of({bytes.data(), static_cast<std::size_t>(outcome.end - bytes.data())}), call.flags,
                outcome.slot};
    }
    template <class Reply>
    recorded<Reply> submit(command::key_invocation<Reply> const& call) const {
        std::array<char, command::short_command_max> bytes{};
        char const* const end = command::put_key_command(bytes.data(), call.name, call.key);
        return {words_of({bytes.data(), static_cast<std::size_t>(end - bytes.data())}), call.name.flags(),
                cluster::slot_of(call.key)};
    }

private:
    /// Every second line is a word: in front of it stands its length.
    static std::string words_of(std::string_view bytes) {
        std::string words;
        std::size_t line = 0;
        while (!bytes.empty()) {
            std::size_t const end = bytes.find("\r\n");
            if (line != 0 && line % 2 == 0)
                words.append(words.empty() ? "" : " ").append(bytes.substr(0, end));
            bytes.remove_prefix(end + 2);
            ++line;
        }
        return words;
    }
};

/// True when the command's reply is decoded as a `Reply`.
template <class Reply, class Recorded>
constexpr bool replies(Recorded const&) noexcept {
    return std::is_same_v<typename Recorded::reply_type, Reply>;
}

}  // namespace umbel::test

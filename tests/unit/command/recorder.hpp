// recorder.hpp: submits commands to nowhere, and shows which bytes, flags and type of reply each would have.
#pragma once

#include <umbel/command/block_time.hpp>
#include <umbel/command/command_table.hpp>
#include <umbel/command/encode.hpp>
#include <umbel/command/keys_of.hpp>

#include "decoded.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::test {

/// A command as it would be sent. Its words are shown with a blank between.
template <class Reply>
struct recorded {
    using reply_type = Reply;
    std::string words;
    cluster::command_flags flags;
    cluster::slot_target slot;
    std::string refusal{};            ///< Why it is not sent; empty: it is.
    std::vector<std::string> argv{};  ///< The words, each by itself.
};

/// Takes commands of the families `Commands`.
template <template <class> class... Commands>
class recorder : public Commands<recorder<Commands...>>... {
public:
    template <class Reply>
    recorded<Reply> submit(command::invocation<Reply> const& call) const {
        std::string bytes(command::measure(call.words).bytes, '\0');
        std::string sent;
        std::size_t copied = 0;
        auto const outcome = command::encode(bytes.data(), call.name, call.words,
                                             [&](std::size_t offset, std::string_view lent) {
                                                 sent.append(bytes, copied, offset - copied).append(lent);
                                                 copied = offset;
                                             });
        sent.append(bytes.data() + copied, outcome.end);
        auto argv = words_of(sent);
        return {joined(argv), call.flags, outcome.slot, call.refusal ? call.refusal.message : "",
                std::move(argv)};
    }
    template <class Reply>
    recorded<Reply> submit(command::key_invocation<Reply> const& call) const {
        std::array<char, command::short_command_max> bytes{};
        char const* const end = command::put_key_command(bytes.data(), call.name, call.key);
        auto argv = words_of({bytes.data(), static_cast<std::size_t>(end - bytes.data())});
        return {joined(argv), call.name.flags(), cluster::slot_of(call.key), "", std::move(argv)};
    }

    template <class Reply>
    recorded<Reply> submit(command::blocking_invocation<Reply> const& call) const {
        return submit(command::invocation<Reply>{call.name, call.words, call.flags, call.refusal});
    }

private:
    static std::vector<std::string> words_of(std::string_view bytes) {
        std::vector<std::string> words;
        bytes.remove_prefix(bytes.find("\r\n") + 2);
        while (!bytes.empty()) {
            std::size_t const size = std::stoul(std::string{bytes.substr(1, bytes.find("\r\n") - 1)});
            bytes.remove_prefix(bytes.find("\r\n") + 2);
            words.emplace_back(bytes.substr(0, size));
            bytes.remove_prefix(size + 2);
        }
        return words;
    }
    static std::string joined(std::vector<std::string> const& words) {
        std::string line;
        for (auto const& word : words) line.append(line.empty() ? "" : " ").append(word);
        return line;
    }
};

/// True when the command's reply is decoded as a `Reply`.
template <class Reply, class Recorded>
constexpr bool replies(Recorded const&) noexcept {
    return std::is_same_v<typename Recorded::reply_type, Reply>;
}

/// The same of a type of recorded command, for static checks: not every library has std::string in those.
template <class Reply, class Recorded>
constexpr bool replies() noexcept {
    return std::is_same_v<typename Recorded::reply_type, Reply>;
}

/// What the command table, asked for the same words, says otherwise of flags, slot, arity or lease than the
/// typed command does; empty where they agree.
template <class Reply>
std::string against_table(recorded<Reply> const& sent, bool blocks = false, bool once = false) {
    std::vector<std::string_view> const words(sent.argv.begin(), sent.argv.end());
    command::command_traits const* const traits = command::find_command(words);
    if (!traits) return "the table does not know " + sent.words;
    using enum cluster::command_flags;
    if (!traits->takes(words.size())) return sent.words + ": another number of arguments";
    if ((traits->read_only() && !once) != has(sent.flags, read_only)) return sent.words + ": read_only";
    if (traits->scripted() != has(sent.flags, scripted)) return sent.words + ": scripted";
    // A read needs no leave to run twice; what writes has it exactly where the table gives it.
    if (!traits->read_only() && command::is_idempotent(*traits, words) != has(sent.flags, idempotent))
        return sent.words + ": idempotent";
    if (command::needs_lease(*traits, words) != blocks) return sent.words + ": its lease";
    auto const routed = command::route_of(words);
    if (!routed) return sent.words + ": " + routed.error().to_string();
    cluster::slot_target expected = cluster::slot_target::any();
    if (routed->slot) expected.add(*routed->slot);
    if (expected != sent.slot) return sent.words + ": its keys";
    return "";
}

/// What is wrong with a command beside the words that were expected, the command table included; empty where
/// nothing is. Throws std::logic_error where one of the odd replies is decoded to anything but a value or
/// the error that it should be.
template <class Reply>
std::string mismatch(recorded<Reply> const& sent, std::string_view words) {
    [[maybe_unused]] static std::size_t const values = survives_odd_replies<Reply>();
    if (!sent.refusal.empty()) return "refused: " + sent.refusal;
    if (sent.words != words) return "sent: " + sent.words;
    return against_table(sent);
}

/// The same of a command that blocks; `once`: it must not be sent again, though it only reads.
template <class Reply>
std::string blocking_mismatch(recorded<Reply> const& sent, std::string_view words, bool once = false) {
    [[maybe_unused]] static std::size_t const values = survives_odd_replies<Reply>();
    if (!sent.refusal.empty()) return "refused: " + sent.refusal;
    if (sent.words != words) return "sent: " + sent.words;
    return against_table(sent, true, once);
}

}  // namespace umbel::test

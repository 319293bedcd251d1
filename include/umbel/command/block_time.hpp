// block_time.hpp: for how long a command that blocks waits on the server. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/options.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>

namespace umbel::command {

/// For how long the server lets a command wait: a duration, or umbel::wait_forever.
/// Errors: the command fails with bad_argument for a duration that is zero or less: to a server zero means
/// for ever, and that must be said by name. Units/shape: rounded up to whole milliseconds.
class block_time {
public:
    template <class Rep, class Period>
    constexpr block_time(std::chrono::duration<Rep, Period> span) noexcept : span_{saturated(span)} {}
    constexpr block_time(wait_forever_t) noexcept : forever_{true} {}

    constexpr bool forever() const noexcept { return forever_; }
    constexpr bool good() const noexcept { return forever_ || span_ > std::chrono::nanoseconds{0}; }
    /// Zero where it is for ever.
    constexpr std::chrono::nanoseconds span() const noexcept { return span_; }
    /// As a server wants it of XREAD and WAIT: 0 for ever.
    constexpr std::int64_t milliseconds() const noexcept {
        if (!good()) return 0;
        return span_.count() / 1'000'000 + (span_.count() % 1'000'000 != 0 ? 1 : 0);
    }
    /// As a server wants it of BLPOP and its kind: seconds, with a fraction where there is one.
    std::string seconds() const {
        std::int64_t const all = milliseconds();
        std::string text = std::to_string(all / 1000);
        if (all % 1000 == 0) return text;
        std::string const fraction = std::to_string(1000 + all % 1000);
        return text.append(".").append(fraction, 1, 3);
    }

private:
    std::chrono::nanoseconds span_{};
    bool forever_ = false;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(block_time));

/// A command that blocks, as the typed functions hand it on.
/// Lifetime: borrows; whoever takes it encodes it before the end of the full expression.
template <class Reply>
struct blocking_invocation {
    using reply_type = Reply;
    command_spec const& name;
    std::span<argument const> words;
    cluster::command_flags flags;
    block_time time;
    command::refusal refusal{};
};

/// Submits a command of a family that blocks.
template <class Reply, template <class> class Family, class Self>
auto run_blocking(Family<Self> const& family, command_spec const& name, word_list& words, block_time time,
                  cluster::command_flags flags) {
    words.refuse_if(!time.good(), "a wait must be positive; umbel::wait_forever asks for one without an end");
    return static_cast<Self const&>(family).submit(
        blocking_invocation<Reply>{name, words.words(), flags, time, words.refusal()});
}
template <class Reply, template <class> class Family, class Self>
auto run_blocking(Family<Self> const& family, command_spec const& name, word_list& words, block_time time) {
    return run_blocking<Reply>(family, name, words, time, name.flags());
}

}  // namespace umbel::command

namespace umbel {
using command::block_time;
}  // namespace umbel

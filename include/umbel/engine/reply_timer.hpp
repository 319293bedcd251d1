// reply_timer.hpp: how long the replies on one connection take: histograms, and notices of slow ones. It
// reads no clock and completes nothing.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/latency.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::engine {

/// The first word of an encoded command: its name. Empty when there is none.
inline std::string_view first_word_of(std::string_view bytes) noexcept {
    std::size_t const length_at = bytes.find('$');
    std::size_t const line_end =
        bytes.find('\n', length_at == std::string_view::npos ? bytes.size() : length_at);
    if (line_end == std::string_view::npos) return {};
    std::string_view const rest = bytes.substr(line_end + 1);
    return rest.substr(0, rest.find('\r'));
}

/// Records how long calls took.
class reply_timer {
public:
    /// At most so many notices of slow replies are kept until they are taken; further ones are lost.
    static constexpr std::size_t slow_max = 64;

    /// `slow_after`: from when on a reply is slow; zero: no reply is.
    reply_timer(bool histograms, duration slow_after)
        : histograms_{histograms ? std::make_unique<latency_record>() : nullptr},
          slow_after_{slow_after},
          on_{histograms || slow_after > duration{0}} {}

    /// True when record() has anything to do.
    bool on() const noexcept { return on_; }

    /// `call` has been answered by `node`.
    UMBEL_NEVER_INLINE void record(call const& call, std::string const& node, instant now) noexcept {
        if (call.is_internal()) return;
        duration const took = now - call.accepted;
        if (histograms_) {
            bool const reads = has(call.flags, cluster::command_flags::read_only);
            (reads ? histograms_->reads : histograms_->writes).note(took);
        }
        if (slow_after_ <= duration{0} || took < slow_after_ || slow_.size() >= slow_max) return;
        static_cast<void>(try_alloc([&] {
            slow_.push_back(
                {node, std::string{first_word_of({call.bytes, call.size})}, call.slot.number(), took});
        }));
    }

    /// Null unless histograms are kept. Threading: the histograms are read from any thread.
    latency_record const* histograms() const noexcept { return histograms_.get(); }
    /// Replies that were slow since this was last emptied.
    std::vector<call_slow>& slow() noexcept { return slow_; }

private:
    std::unique_ptr<latency_record> histograms_;
    duration slow_after_;
    bool const on_;
    std::vector<call_slow> slow_;
};

}  // namespace umbel::engine

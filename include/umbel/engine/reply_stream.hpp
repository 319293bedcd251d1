// reply_stream.hpp: the bytes that one connection receives, and what among them no call awaits: late replies,
// push frames, and what breaks the protocol. It knows no call.
#pragma once

#include <umbel/engine/counters.hpp>
#include <umbel/engine/maintenance_watch.hpp>
#include <umbel/resp/reader.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// How far the settling of what has arrived has come.
enum class settle_progress : std::uint8_t {
    drained,  ///< Nothing complete is left to read.
    more,     ///< The bound was reached; call again.
    broken,   ///< The peer broke the protocol; fault() says how. The connection must be closed.
};

/// A resp::reader with the fault that ends its connection.
class reply_stream {
public:
    using progress = settle_progress;

    reply_stream(std::shared_ptr<resp::pin_budget> budget, resp::limits const& limits,
                 maintenance_options const& maintenance = {})
        : reader_{std::move(budget), resp::reader_options{.limits = limits}}, maintenance_{maintenance} {}

    resp::reader& reader() noexcept { return reader_; }
    resp::reader const& reader() const noexcept { return reader_; }
    bool in_large_reply() const noexcept { return reader_.in_large(); }
    bool in_push() const noexcept { return reader_.in_push(); }
    maintenance_watch& maintenance() noexcept { return maintenance_; }
    maintenance_watch const& maintenance() const noexcept { return maintenance_; }

    /// A push frame has come.
    UMBEL_NEVER_INLINE void take_push(resp::view const& push, pipeline_counters& counters) noexcept {
        ++counters.pushes;
        maintenance_.take(push, counters);
    }

    /// Skips a reply. `more`: it is out of the way where `skipped` is set, else something before it is.
    UMBEL_NEVER_INLINE progress skip(bool& skipped, pipeline_counters& counters) {
        resp::view push;
        switch (reader_.skip(push)) {
            case resp::reader::status::ready: skipped = true; return progress::more;
            case resp::reader::status::push: take_push(push, counters); return progress::more;
            case resp::reader::status::need_more: return progress::drained;
            case resp::reader::status::fault: break;
        }
        return reader_broken();
    }
    /// Reads on where no call awaits a reply: only push frames may arrive.
    UMBEL_NEVER_INLINE progress skip_pushes(pipeline_counters& counters) {
        while (!reader_.at_boundary()) {
            resp::view unasked;
            switch (reader_.next(unasked)) {
                case resp::reader::status::ready: break;
                case resp::reader::status::push:
                case resp::reader::status::need_more: return progress::drained;
                case resp::reader::status::fault: return reader_broken();
            }
            if (unasked.kind() != resp::type::push)
                return broken(unasked.is_error() ? std::string{unasked.text()}
                                                 : "a reply came that no command asked for");
            take_push(unasked, counters);
        }
        return progress::drained;
    }

    /// The peer broke the protocol, or memory ran out for what the stream needs.
    progress broken(std::string why) {
        fault_ = std::move(why);
        return progress::broken;
    }
    /// The replies are not in the order of the commands any more. Returns false.
    bool lost_count() {
        fault_ = "a PING was answered by another command's reply";
        return false;
    }
    progress reader_broken() { return broken(std::string{reader_.fault().message()}); }
    /// Empty while the stream is well.
    std::string_view fault() const noexcept { return fault_; }

    /// The connection is gone.
    void reset() {
        reader_.reset();
        fault_.clear();
        maintenance_.reset();
    }

private:
    resp::reader reader_;
    std::string fault_;
    maintenance_watch maintenance_;
};

}  // namespace umbel::engine
